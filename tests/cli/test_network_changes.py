"""``ovm3 network create``, ``update``, ``delete`` and ``set-bond-mode``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from libcloud_ovm3.simulator import Simulator
from tests.cli.running import on
from tests.operations.failures import WRITES
from tests.support import calls_of, simulate


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with simulate(hosts=2, vms=1, version="3.3.3") as simulator:
        yield simulator


WHERE = "dmz is on ovm-1 (eth1.120), ovm-2 (eth1.120)\n"


def test_a_network_from_its_making_to_its_removal(sim: Simulator) -> None:
    label = ("--traffic-label", "guest=eth1")
    made = on(sim, "network", "create", "dmz", "--label", "guest", "--vlan", "120", *label)
    assert (made.exit_code, made.stdout) == (
        0, f"dmz: ovm-1, ovm-2: made\n{WHERE}",
    )  # fmt: skip
    sim.calls.clear()
    again = on(sim, "network", "create", "dmz", "--parent", "eth1", "--vlan", "120")
    nothing = f"dmz: nothing had to be changed\n{WHERE}"
    assert (again.exit_code, again.stdout, calls_of(sim, *WRITES)) == (0, nothing, [])
    changed = on(
        sim,
        "network",
        "update",
        "dmz",
        "--address",
        "10.9.0.1/24",
        "--on",
        "ovm-2",
        "--mtu",
        "1500",
    )
    assert (changed.exit_code, changed.stdout) == (
        0, f"dmz: ovm-2: address 10.9.0.1/24 (was none)\n{WHERE}",
    )  # fmt: skip
    assert "10.9.0.1/24" in on(sim, "network", "show", "dmz").stdout
    both = on(sim, "network", "update", "dmz", "--address",
              "ovm-1=10.9.0.2/24,ovm-2=10.9.0.1/24")  # fmt: skip
    assert (both.exit_code, both.stdout) == (
        0, f"dmz: ovm-1: address 10.9.0.2/24 (was none)\n{WHERE}",
    )  # fmt: skip
    assert "10.9.0.2/24" in on(sim, "network", "show", "dmz").stdout
    named = on(sim, "network", "show", "guest:120", *label)
    assert (named.exit_code, named.stdout) == (1, "")
    assert "ovm-1 (" in named.stderr
    assert "VLAN 120 of eth1 is in bridge dmz: use dmz as the network; networks:" in named.stderr
    gone = on(sim, "network", "delete", "dmz", "--force", "storage")
    assert (gone.exit_code, gone.stdout) == (0, "dmz was removed\n")
    none = on(sim, "network", "delete", "dmz")
    assert (none.exit_code, "no host has a network 'dmz'; networks:" in none.stderr) == (1, True)


def test_a_consent_is_named_as_an_option(sim: Simulator) -> None:
    sim.calls.clear()
    refused = on(sim, "network", "set-bond-mode", "bond0", "4")
    assert (refused.exit_code, refused.stdout, calls_of(sim, *WRITES)) == (1, "", [])
    assert (
        "consent with --force management --force heartbeat --force migration --force storage"
        in refused.stderr
    )
    assert "ex_" not in refused.stderr
    needed = ("management", "heartbeat", "migration", "storage")
    forced = on(
        sim, "network", "set-bond-mode", "bond0", "4",
        *(word for role in needed for word in ("--force", role)),
    )  # fmt: skip
    assert (forced.exit_code, forced.stdout) == (0, "bond0: ovm-1, ovm-2: mode 4 (was 1)\n")
    listed = on(sim, "network", "list", "--devices", "--on", "ovm-1", "-o", "name").stdout
    [first] = [name for name in listed.split() if name.endswith("/bond0")]
    again = on(sim, "network", "set-bond-mode", first, "4")
    assert (again.exit_code, again.stdout) == (0, "bond0: nothing had to be changed\n")
    twice = on(sim, "network", "set-bond-mode", first, "4", "--on", "ovm-2")
    assert (twice.exit_code, "names a host already" in twice.stderr) == (2, True)
    assert "may cut the line to the host" in forced.stderr, "without the module nobody undoes it"


@pytest.mark.parametrize(
    ("words", "status", "reason"),
    [
        (("create", "n"), 2, "expected either --label or --parent"),
        (("create", "n", "--label", "guest"), 2, "name it with --traffic-label"),
        (("create", "n", "--parent", "eth1", "--vlan", "1"), 2, "takes 1 for untagged"),
        (("create", "control0", "--parent", "eth1"), 2, "`ovm3 network repair-control0` makes it"),
        (("create", "n", "--parent", "eth7"), 1, "`ovm3 network list --devices` lists the"),
        (("create", "n", "--parent", "eth0"), 1, "eth0 is a slave of bond bond0"),
        (("create", "n", "--parent", "eth1", "--on", "ovm-9"), 1, "no host 'ovm-9'"),
        (("create", "n", "--parent", "eth1", "--force", "guest"), 2, "'guest' is not one of"),
        (("update", "control0"), 2, "expected --mtu or --address"),
        (("update", "control0", "--mtu", "9000"), 1, "a bridge without a device"),
        (("update", "control0", "--address", "10.0.0.1/24"), 2, "name it (--on)"),
        (("set-bond-mode", "bond0", "7"), 2, "expected 1 (active-backup)"),
    ],
)
def test_what_is_refused(sim: Simulator, words: tuple[str, ...], status: int, reason: str) -> None:
    sim.calls.clear()
    done = on(sim, "network", *words)
    assert (done.exit_code, done.stdout) == (status, "")
    assert reason in done.stderr
    assert not calls_of(sim, *WRITES)
