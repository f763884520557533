"""Holding a running guest still: pausing it, letting it run again, saving its memory. A part of
:mod:`.doors`, which has the other end of a saved guest: it is restored as a VM is started.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from libcloud_ovm3.errors import PreconditionFailed
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.operations.claims_door import change
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.preconditions import verified_domain

if TYPE_CHECKING:
    from libcloud_ovm3.estate.domains import Domain

RUNS, PAUSED = "2", "1"  # xend's own numbers of the state (xend.md 1.2)


def pause_vm(
    operation: Operation,
    host: HostView,
    definition: Definition,
    defined_ids: Collection[str],
    domid: int | None,
) -> None:
    """Pause a guest that runs.

    :param domid: of the domain that all checks were made for.
    :raises PreconditionFailed: it has left this host, is another domain or paused by now, or its
        name on this host is not this VM's alone.
    """
    _require_running(host, definition, defined_ids, domid)
    if definition.guard is None:
        host.agent.xen.pause_vm(definition.repository_id, definition.directory)
    else:
        limit = host.agent.connection.limits.write
        change(operation, host, definition, "pause_vm", [], limit)


def unpause_vm(
    operation: Operation,
    host: HostView,
    definition: Definition,
    defined_ids: Collection[str],
    domid: int | None,
) -> bool:
    """Let a guest run again that this package has paused.

    :param domid: of the domain that was paused: xend would release any other one as well, even one
        that is still being built (xend.md 4).
    :return: False: it is gone, or no longer paused; nothing was sent.
    :raises PreconditionFailed: its name on this host is not this VM's alone.
    """
    domain = verified_domain(host, definition, defined_ids)
    if domain is None or domain.domid != domid or domain.status != PAUSED:
        return False
    if definition.guard is None:
        host.agent.xen.unpause_vm(definition.repository_id, definition.directory)
    else:
        limit = host.agent.connection.limits.write
        change(operation, host, definition, "unpause_vm", [], limit)
    return True


def save_vm(
    operation: Operation,
    host: HostView,
    definition: Definition,
    defined_ids: Collection[str],
    domid: int | None,
    limit: float,
) -> None:
    """Save the memory of a guest that runs into a file of its VM's directory, and end its domain.

    Only through its claim: that says afterwards what was saved, and of which moment.

    :param domid: of the domain that all checks were made for.
    :param limit: seconds until the outcome counts as unknown.
    :raises PreconditionFailed: as :func:`pause_vm`.
    """
    _require_running(host, definition, defined_ids, domid)
    change(operation, host, definition, "save_vm", [False], limit)


def _require_running(
    host: HostView, definition: Definition, defined_ids: Collection[str], domid: int | None
) -> Domain:
    domain = verified_domain(host, definition, defined_ids)
    if domain is None or domain.domid != domid or domain.status != RUNS:
        what = "has just left" if domain is None else "is no longer the same running domain on"
        raise PreconditionFailed(
            f"VM {definition.name!r} ({definition.uuid}) {what} {host.label}; nothing was sent"
        )
    return domain
