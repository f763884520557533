"""Estates whose repository has claims, and what stands in the claim of a VM."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from libcloud_ovm3 import OVM3NodeDriver
from libcloud_ovm3.simulator import Simulator
from tests.support import driver_for, quietly, simulate

NAME = "subject"
OFF = 1  # the host that is off, or has no claims


@contextmanager
def claimed(
    personality: str = "plain",
    running_on: int | None = None,
    lacking: Sequence[int] = (),
    hosts: int = 3,
) -> Iterator[Simulator]:
    """Hosts that have all looked at a VM once; from then on some lack the host module.

    :param lacking: the indexes of those.
    """
    options: dict[str, Any] = {"personality": personality, "host_module": True}
    with simulate(hosts=hosts, vms=0, template_bytes=1 << 20, **options) as sim:
        sim.add_vm(NAME, running_on=running_on)
        sim.misbehave("answer", "libcloud_check_port", times=None, value="silent")
        quietly(operator(sim).ex_settle_node, id_of(sim))
        for index in lacking:
            sim.remove_host_module(index)
        sim.calls.clear()
        yield sim


def operator(sim: Simulator, **options: Any) -> OVM3NodeDriver:
    """A driver. Simulated hosts have no SSH, so it checks the agent's port twice."""
    return driver_for(sim, ex_ssh_port=sim.hosts[0].port, **options)


def id_of(sim: Simulator) -> str:
    """The uuid of the VM."""
    return str(quietly(operator(sim).ex_get_node_by_name, NAME).id)


def claim_of(sim: Simulator) -> Any:
    """The claim of the VM, as the hosts that answer tell; None: its repository has none."""
    return quietly(operator(sim).ex_get_node_by_name, NAME).extra["claim"]


def hosts_in(claim: dict[str, Any]) -> list[str]:
    """The server uuids of the hosts in a claim."""
    return [one["id"] for one in claim["hosts"]]


def live_on(sim: Simulator) -> list[int]:
    """The hosts on which the VM is live, by their indexes."""
    vm_id = {one["uuid"] for index in range(len(sim.hosts)) for one in sim.domains(index)}
    assert len(vm_id) <= 1
    return [index for index in range(len(sim.hosts)) for _ in sim.domains(index)]
