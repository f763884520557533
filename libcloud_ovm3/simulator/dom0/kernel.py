"""The kernel's files of a host that the host module reads: ``hosts/<i>/kernel``.

They are written from the simulator's state when one of them is requested.
"""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

from libcloud_ovm3.simulator import luns, network
from libcloud_ovm3.simulator.dom0 import xendview
from libcloud_ovm3.simulator.host import SimulatedHost

_UP, _NO_ARP, _BASE = 0x1, 0x80, 0x1002  # IFF_BROADCAST and IFF_MULTICAST are always set


class Kernel:
    """The kernel's files of one host.

    :ivar top: The directory that stands for ``/`` for /proc and /sys.
    """

    def __init__(self, host: SimulatedHost) -> None:
        self.top = host.folder / "kernel"
        self._host = host
        self._written: dict[str, str] | None = None
        self._guard = threading.Lock()

    def update(self) -> None:
        """Bring the files up to date."""
        with self._guard:
            wanted = _files(self._host)
            if wanted != self._written:
                _write(self.top, wanted)
                self._written = wanted


def _write(top: Path, wanted: dict[str, str]) -> None:
    for folder in ("proc/net", "sys/block", "sys/class/net"):
        (top / folder).mkdir(parents=True, exist_ok=True)
    for folder in ("sys/block", "sys/class/net"):
        for there in (top / folder).iterdir():
            if not any(path.startswith(f"{folder}/{there.name}/") for path in wanted):
                shutil.rmtree(there)
    for path, text in wanted.items():
        file = top / path
        if not file.is_file() or file.read_text() != text:
            file.parent.mkdir(parents=True, exist_ok=True)
            temporary = file.with_name(f".{file.name}.new")
            temporary.write_text(text)
            temporary.replace(file)


def _files(host: SimulatedHost) -> dict[str, str]:
    files = {"proc/net/arp": _arp(host)}
    for number, path in enumerate(xendview.loop_files(host)):
        files[f"sys/block/loop{number}/loop/backing_file"] = f"{path}\n"
    with host.lock:
        files |= luns.kernel_files(host)
        found = network.state(host)
        usable = network.bridges(host)
        for name in [*network.devices(found), *usable]:
            flags = _BASE | _UP | (0 if network.has_arp(host, name) else _NO_ARP)
            files[f"sys/class/net/{name}/flags"] = f"{flags:#x}\n"
            files[f"sys/class/net/{name}/address"] = f"{network.mac(found, name)}\n"
        for name in usable:
            files[f"sys/class/net/{name}/bridge/bridge_id"] = "8000.000000000000\n"
    return files


def _arp(host: SimulatedHost) -> str:
    """/proc/net/arp: the simulator's other hosts, on the management network; and what the
    host's ``neighbours`` say."""
    lines = ["IP address       HW type     Flags       HW address            Mask     Device"]
    device = network.management(host)
    for peer in host.peers:
        if peer is not host:
            with peer.lock:
                mac = network.mac(network.state(peer), network.management(peer))
            flags = "0x0" if peer.down else "0x2"
            lines.append(f"{peer.address:<16} 0x1         {flags:<11} {mac}     *        {device}")
    for address, mac, where, is_complete in host.neighbours:
        flags = "0x2" if is_complete else "0x0"
        lines.append(f"{address:<16} 0x1         {flags:<11} {mac}     *        {where}")
    return "\n".join([*lines, ""])
