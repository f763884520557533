"""migrate_vm: what the source tests and begins; ``transfer.py`` says how it goes on.

Source: agent-behaviour.md 12, xend.md 4.1. setup_migration_target and cleanup_migration_target are
only listed, and not needed where the capability MIGRATION_SETUP is False: they are not modelled.
"""

from __future__ import annotations

import copy
from typing import Any

from libcloud_ovm3.simulator.agent import ownership
from libcloud_ovm3.simulator.errors import command_fault, plain_fault
from libcloud_ovm3.simulator.host import SimulatedHost
from libcloud_ovm3.simulator.xend import life
from libcloud_ovm3.simulator.xend.domain import Domain, Transfer
from libcloud_ovm3.simulator.xend.listing import status
from libcloud_ovm3.simulator.xend.machines import need, refused
from libcloud_ovm3.simulator.xend.progress import find_memory, wait_for, xend
from libcloud_ovm3.simulator.xend.vmcfg import number


def migrate(
    host: SimulatedHost, name: str, vm_uuid: str, destination: Any, live: Any = False
) -> None:
    """Answers when the source is gone, which is not arrival.

    :raises AgentFault: xend refuses or fails; the source then goes on
    """
    command = ["xm", "migrate", name, str(destination)]
    target = _target(host, destination)
    with xend(host):
        domain = need(host, "migrate", name, vm_uuid)
        vcpus, memory = number(domain.config, "maxvcpus", 1), number(domain.config, "memory", 128)
    shadow_mb = vcpus + memory / 256
    if live and (refusal := find_memory(host, shadow_mb)):
        raise refused("migrate", name, refusal)
    with xend(host):
        domain = need(host, "migrate", name, vm_uuid)
        if status(domain) != 2:
            raise refused("migrate", name, "Domain is not running")
        if target is None or target.down:
            raise command_fault(command, 1, "Error: can't connect: [Errno 111] Connection refused")
        transfer = _begin(host, target, domain)
    wait_for(host, transfer)
    if transfer.error:
        raise command_fault(command, 1, f"Error: {transfer.error}")


def _target(host: SimulatedHost, destination: Any) -> SimulatedHost | None:
    """The simulated host with that address or name, None when nobody listens there."""
    pool = ownership.pool_id(host)
    target = next(
        (peer for peer in host.peers if destination in (peer.address, peer.hostname)), None
    )
    if pool is None or (target is not None and ownership.pool_id(target) != pool):
        # That the agent only migrates inside a pool is shown (12), its words are not.
        raise plain_fault(f"Server {destination} is not in the same server pool")
    if target is host:
        raise plain_fault("not modelled by the simulator: a migration to the same host")
    return target


def _begin(host: SimulatedHost, target: SimulatedHost, domain: Domain) -> Transfer:
    """The source is renamed from the first second; the target builds its own (1.4)."""
    begun = host.now()
    arriving = copy.deepcopy(domain)
    arriving.domid, arriving.phase, arriving.until = life.new_domid(target), "arriving", None
    arriving.request, arriving.request_due, arriving.vnc_port = "", None, None
    arriving.leaving, arriving.waited, arriving.paused = [], False, False
    arriving.restored, arriving.adopted = True, False
    transfer = Transfer(
        seed=domain.seed,
        name=domain.name,
        stage="memory",
        until=begun + host.settings.build_seconds,
        to=target.index,
        far_domid=arriving.domid,
    )
    domain.name = f"migrating-{domain.name}"
    target.domains.append(arriving)
    host.transfers.append(transfer)
    target.save()
    host.save()
    return transfer
