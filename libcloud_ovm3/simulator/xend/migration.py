"""``xm migrate``: what the source checks and starts; ``transfer.py`` does the rest.

Source: xend.md 4.1.
"""

from __future__ import annotations

import copy
from typing import Any

from libcloud_ovm3.simulator import network
from libcloud_ovm3.simulator.domain import Domain, Transfer
from libcloud_ovm3.simulator.errors import command_fault
from libcloud_ovm3.simulator.host import SimulatedHost
from libcloud_ovm3.simulator.vmcfg import number
from libcloud_ovm3.simulator.xend import life
from libcloud_ovm3.simulator.xend.clients import connection
from libcloud_ovm3.simulator.xend.listing import status
from libcloud_ovm3.simulator.xend.machines import check_not_real, need, refused
from libcloud_ovm3.simulator.xend.progress import find_memory, wait_for, xend


def migrate(
    host: SimulatedHost, name: str, vm_uuid: str, destination: Any, live: Any = False
) -> None:
    """Return when the source is gone, which does not mean that the target runs.

    :raises AgentFault: xend refuses the migration or fails; the source then continues.
    """
    command = ["xm", "migrate", name, str(destination)]
    target = find_host(host, destination)
    with xend(host):
        domain = need(host, "migrate", name, vm_uuid)
        check_not_real(domain, "migration")
        vcpus, memory = number(domain.config, "maxvcpus", 1), number(domain.config, "memory", 128)
    shadow_mb = vcpus + memory / 256
    if live and (refusal := find_memory(host, shadow_mb)):
        raise refused("migrate", name, refusal)
    with connection(host):
        _migrate(host, name, vm_uuid, command, target)


def _migrate(
    host: SimulatedHost,
    name: str,
    vm_uuid: str,
    command: list[str],
    target: SimulatedHost | None,
) -> None:
    with xend(host):
        domain = need(host, "migrate", name, vm_uuid)
        if status(domain) != 2:
            raise refused("migrate", name, "Domain is not running")
        if target is None or not network.responds(target):
            raise command_fault(command, 1, "Error: can't connect: [Errno 111] Connection refused")
        transfer = _begin(host, target, domain)
    wait_for(host, transfer)
    if transfer.error:
        raise command_fault(command, 1, f"Error: {transfer.error}")


def find_host(host: SimulatedHost, destination: Any) -> SimulatedHost | None:
    """The simulated host with that address or name, None if there is none."""
    peers = (peer for peer in host.peers if destination in (peer.address, peer.hostname))
    return next(peers, None)


def _begin(host: SimulatedHost, target: SimulatedHost, domain: Domain) -> Transfer:
    """Rename the source at once, and start building the domain on the target (1.4)."""
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
    life.added(target, arriving, "restore", target.now())
    host.transfers.append(transfer)
    target.save()
    host.save()
    return transfer
