"""``ovm3 network control0``, ``repair-control0`` and ``release``."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from libcloud_ovm3.simulator import Simulator
from tests.cli.running import on
from tests.support import driver_for, quietly, simulate

BRIDGE = "10e69b4de3.160"
NOTHING = "nothing was removed\n"


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with simulate(hosts=2, vms=0, host_module=True) as simulator:
        yield simulator


def test_control0(sim: Simulator) -> None:
    sim.hosts[1].reboot()
    found = on(sim, "network", "control0", "ovm-2")
    shown = found.stdout
    assert (found.exit_code, "state  wrong\n" in shown) == (1, True)
    assert "wrong  control0 has no address" in shown
    done = json.loads(on(sim, "network", "repair-control0", "ovm-2", "-o", "json").stdout)
    assert (done["is_right"], done["wrong"]) == (True, [])
    assert "no address" in done["repaired"][0]
    assert done["host"] == "ovm-2", "as in all records"
    found = on(sim, "network", "control0", "ovm-2")
    shown = found.stdout.splitlines()
    assert [found.exit_code, *(line.split()[0] for line in shown)] == [0, "host", "state"]
    sim.hosts[1].reboot()
    again = on(sim, "network", "repair-control0", "ovm-2")
    assert "was wrong  control0 has no address" in again.stdout


def test_a_host_that_there_is_not(sim: Simulator) -> None:
    done = on(sim, "network", "control0", "ovm-9")
    assert done.exit_code != 0
    assert "ovm-9" in done.stderr


def test_release_without_the_host_module() -> None:
    with simulate(hosts=1, vms=0) as plain:
        done = on(plain, "network", "release")
    assert (done.exit_code, done.stdout) == (0, NOTHING)
    assert "that needs the host module of API 3 (`ovm3 host install`)" in done.stderr
    assert "`ovm3 network delete` removes" in done.stderr


def test_release(sim: Simulator) -> None:
    vif = [f"mac=00:21:f6:00:00:01,bridge={BRIDGE}"]
    vm = sim.add_vm("one", config={"vif": vif})
    quietly(driver_for(sim).start_node, vm, sim.hosts[0].address)
    [domain] = sim.domains(0)
    sim.guest(0, domain["uuid"], "poweroff")
    sim.wait(1000)
    assert on(sim, "network", "release", "--on", "ovm-2").stdout == NOTHING
    assert on(sim, "network", "release").stdout.startswith(f"removed bridge {BRIDGE} on ovm-1")
    assert on(sim, "network", "release").stdout == NOTHING
