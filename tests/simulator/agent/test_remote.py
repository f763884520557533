"""A host that is told to reboot, or to go off."""

from __future__ import annotations

import socket
from typing import Any

from libcloud_ovm3.simulator import Simulator
from tests.simulator.plainclient import client, fault_of, until
from tests.support import simulate

BOTH = True  # personalities


def _answers(agent: Any) -> bool:
    try:
        return bool(agent.echo("x") == "x")
    except OSError:
        return False


def _is_silent(sim: Simulator) -> bool:
    """Whether a host drops connections instead of refusing them."""
    try:
        socket.create_connection((sim.hosts[0].address, sim.hosts[0].port), timeout=0.2).close()
    except OSError as error:
        return isinstance(error, TimeoutError)
    return False


def test_a_reboot(pool: Simulator) -> None:
    agent, boot = client(pool), client(pool).get_last_boot_time()["last_boot_time"]
    pool.add_vm("guest", running_on=0)
    assert agent.sys_reboot() is None
    until(pool, lambda: not _answers(client(pool)))
    until(pool, lambda: _answers(client(pool)))
    agent = client(pool)
    assert agent.get_last_boot_time()["last_boot_time"] > boot
    assert pool.domains(0) == []


def test_a_host_that_was_shut_down_stays_off_until_somebody_revives_it(tmp_path: Any) -> None:
    with simulate(hosts=2, vms=2, root=tmp_path) as sim:
        assert client(sim).sys_shutdown() is None
        until(sim, lambda: _is_silent(sim))
        assert _answers(client(sim, 1))
    with simulate(hosts=2, vms=2, root=tmp_path) as sim:
        assert _is_silent(sim)
        assert _answers(client(sim, 1))
        assert len(sim.domains(1)) == 1
        sim.hosts[0].revive()
        assert _answers(client(sim))
        assert sim.domains(0) == []
        assert "169.254.0.1" not in client(sim).discover_network()
    with simulate(hosts=2, vms=2, root=tmp_path) as sim:
        assert _answers(client(sim))


def test_power_by_another_host_is_not_modelled(pool: Simulator) -> None:
    agent = client(pool)
    for name in ("remote_power_on", "remote_power_off"):
        call = getattr(agent, name)
        assert f"not modelled by the simulator: {name}" in fault_of(call, "t", "h", "u", "p")
