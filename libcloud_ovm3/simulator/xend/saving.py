"""``xm save`` and ``xm restore``: a domain to a file and back (xend.md 4)."""

from __future__ import annotations

import json
from typing import Any

from libcloud_ovm3.simulator.domain import Domain, Transfer
from libcloud_ovm3.simulator.errors import AgentFault, command_fault
from libcloud_ovm3.simulator.files import real_path
from libcloud_ovm3.simulator.host import SimulatedHost
from libcloud_ovm3.simulator.xend import life
from libcloud_ovm3.simulator.xend.clients import connection
from libcloud_ovm3.simulator.xend.listing import status
from libcloud_ovm3.simulator.xend.machines import (
    await_start,
    check_not_real,
    find,
    need,
    refused,
)
from libcloud_ovm3.simulator.xend.progress import wait_for, xend
from libcloud_ovm3.simulator.xend.starting import vifs
from libcloud_ovm3.simulator.xend.transfer import seconds_for


def save(host: SimulatedHost, name: str, vm_uuid: str, path: str, checkpoint: Any) -> None:
    """Return when the file is complete and the domain gone, or resumed with ``checkpoint``."""
    with connection(host):
        _save(host, name, vm_uuid, path, checkpoint)


def _save(host: SimulatedHost, name: str, vm_uuid: str, path: str, checkpoint: Any) -> None:
    command = ["xm", "save", name, path]
    with xend(host):
        domain = need(host, "save", name, vm_uuid)
        check_not_real(domain, "saving")
        if status(domain) != 2:
            raise refused("save", name, "Domain is not running")
        try:
            real_path(host, path).write_text("")  # a partial file remains after an error
        except (OSError, AgentFault) as error:
            text = f"Error: can't write guest state file {path}: {error}"
            raise command_fault(command, 1, text) from None
        transfer = Transfer(
            seed=domain.seed,
            name=domain.name,
            stage="pages",
            until=host.now() + seconds_for(host, domain),
            path=path,
            checkpoint=bool(checkpoint),
        )
        domain.name = f"migrating-{domain.name}"
        host.transfers.append(transfer)
        host.save()
    wait_for(host, transfer)
    if transfer.error:
        raise command_fault(command, 1, f"Error: {transfer.error}")


def restore(host: SimulatedHost, path: str, paused: Any) -> None:
    """Build a domain from a file. The file stays; a later restore meets newer disks."""
    with connection(host):
        _restore(host, path, paused)


def _restore(host: SimulatedHost, path: str, paused: Any) -> None:
    command = ["xm", "restore", path]
    with xend(host):
        try:
            text = real_path(host, path).read_text(errors="replace")
        except (OSError, AgentFault) as error:
            text = f"Error: can't read guest state file {path}: {error}"
            raise command_fault(command, 1, text) from None
        try:
            domain = Domain(**json.loads(text)["xend"])
        except (ValueError, TypeError, KeyError):
            text = f"Error: not a valid guest state file: found {text[:8]!r}"
            raise command_fault(command, 1, text) from None
        other = find(host, domain.name, domain.uuid)
        if other is not None:
            text = f"Error: Domain '{domain.name}' already exists with ID '{other.domid}'"
            raise command_fault(command, 1, text)
        domain.domid, domain.until = life.new_domid(host), host.now() + host.settings.build_seconds
        domain.waited, domain.paused, domain.vnc_port = False, False, None
        domain.vif_ids = list(range(len(vifs(domain.config))))
        domain.next_vif_id = len(domain.vif_ids)
        domain.restored, domain.start_paused = True, bool(paused)
        host.domains.append(domain)
        life.added(host, domain, "restore", host.now())
        host.save()
    await_start(host, domain, command)
