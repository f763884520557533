"""``make bench-peers``: list_nodes against a driver that a user could choose instead.

The peer is libcloud's libvirt driver on libvirt's own test hypervisor (``test:///FILE``), which
runs inside the process: no network and no hypervisor are waited for. Needs the ``libvirt`` Python
package, which ``make bench-peers`` installs.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from libcloud.compute.drivers.libvirt_driver import LibvirtNodeDriver

from bench import figures, listing
from bench.measuring import median, ratio, take_turns
from bench.server import serving

_DOMAIN = """\
  <domain type="test">
    <name>vm-{number}</name>
    <uuid>{uuid}</uuid>
    <memory unit="MiB">512</memory>
    <vcpu>1</vcpu>
    <os><type arch="x86_64">hvm</type><boot dev="hd"/></os>
    <on_poweroff>destroy</on_poweroff>
    <on_reboot>restart</on_reboot>
    <on_crash>restart</on_crash>
    <devices>
      <disk type="file" device="disk">
        <source file="/var/lib/libvirt/images/vm-{number}.img"/><target dev="vda" bus="virtio"/>
      </disk>
      <interface type="network">
        <mac address="02:00:50:9a:{high:02x}:{low:02x}"/><source network="default"/>
      </interface>
      <graphics type="vnc" port="-1" autoport="yes"/>
    </devices>
  </domain>
"""


class WithoutAddresses(LibvirtNodeDriver):
    """libcloud's libvirt driver without its search for IP addresses, which this driver never does.

    Not what a user gets: the stock driver runs ``arp -an`` once per node.
    """

    def _get_ip_addresses_for_domain(self, domain: object) -> list[str]:
        return []


def hypervisor_xml(vms: int) -> str:
    """The file that describes libvirt's test hypervisor with this many domains."""
    domains = "".join(
        _DOMAIN.format(
            number=number,
            uuid=uuid.uuid5(uuid.NAMESPACE_OID, f"VM {number}"),
            high=number // 256 % 256,
            low=number % 256,
        )
        for number in range(vms)
    )
    return f"<node>\n{domains}</node>\n"


@contextlib.contextmanager
def contenders(vms: int) -> Iterator[dict[str, Callable[[], int]]]:
    """This driver over HTTPS and the libvirt driver, each with this many VMs on one host."""
    with (
        tempfile.TemporaryDirectory() as folder,
        tempfile.TemporaryDirectory() as certificates,
        serving(1, vms, 0.0, Path(certificates)) as pool,
    ):
        file = Path(folder) / "node.xml"
        file.write_text(hypervisor_xml(vms), encoding="utf-8")
        stock = LibvirtNodeDriver(f"test://{file}")
        bare = WithoutAddresses(f"test://{file}")
        yield {
            "ours": listing.ours(pool),
            "libvirt": lambda: len(stock.list_nodes()),
            "bare": lambda: len(bare.list_nodes()),
        }


def listing_per_node(
    vms: int, rounds: int, runs: dict[str, Callable[[], int]]
) -> list[figures.Figure]:
    """Time per node of list_nodes: this driver / libcloud's libvirt driver."""
    seconds = take_turns(
        {name: figures.checked(vms, run) for name, run in runs.items()},
        rounds,
    )

    def per_node(peer: str) -> str:
        ours, other = (median(seconds, name) / vms * 1e6 for name in ("ours", peer))
        return f"{ours:.0f} / {other:.0f} µs per node"

    what = f"list_nodes, {vms} VMs on one host: ours over HTTPS / libcloud's libvirt driver"
    return [
        figures.Figure(what, per_node("libvirt"), ratio(seconds, "ours", "libvirt"), "x", 0.4),
        figures.Figure(
            f"{what} with its address search taken out",
            per_node("bare"),
            ratio(seconds, "ours", "bare"),
            "x",
        ),
    ]


def main() -> int:
    """Measure and print the table.

    :return: the exit status: 0 if all targets are met, else 1.
    """
    start = time.monotonic()
    machine = figures.machine()
    with contenders(vms=1000) as runs:
        measured = listing_per_node(1000, rounds=5, runs=runs)
    return figures.report(measured, machine, time.monotonic() - start)


if __name__ == "__main__":
    sys.exit(main())
