"""The request to migrate a VM. A part of :mod:`.doors`.

Through a claim the target's host module is asked first, and its word goes into the claim before
anything begins (docs/claims-protocol.md, rule 4). Without claims only the domain is looked at once
more: the agent compares nothing.
"""

from __future__ import annotations

from collections.abc import Collection

from libcloud_ovm3.agent.vm_claims import Expectation
from libcloud_ovm3.errors import Ovm3Error, PreconditionFailed, ReadOnly
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.operations.claim_looks import latest, not_changed
from libcloud_ovm3.operations.claims_door import allowing, change
from libcloud_ovm3.operations.operation import Operation, new_id
from libcloud_ovm3.operations.power_door import RUNS
from libcloud_ovm3.operations.preconditions import verified_domain

MIGRATE = "migrate_vm"
SSL = False  # xend listens for it on another port (8003), and not by default (xend.md 4.1)


def migrate_vm(
    operation: Operation,
    source: HostView,
    target: HostView,
    definition: Definition,
    defined_ids: Collection[str],
    domid: int | None,
    live: bool,
    limit: float,
) -> None:
    """Migrate a VM that runs. Success means only that its source has ended its domain.

    :param domid: of the domain that all checks were made for.
    :param limit: seconds until the outcome counts as unknown.
    :raises PreconditionFailed: it has left its source, is another domain or paused by now, or its
        name there is not this VM's alone; or the target sees something of it. Nothing was sent.
    """
    domain = verified_domain(source, definition, defined_ids)
    if domain is None or domain.domid != domid or domain.status != RUNS:
        what = "has just left" if domain is None else "is no longer the same running domain on"
        raise not_changed(definition, f"it {what} {source.label}")
    guard = latest(operation, definition)
    if guard is None:
        address = target.server.registered_ip
        if not address:
            raise not_changed(definition, f"{target.label} does not report its registered address")
        source.agent.xen.migrate_vm(
            definition.repository_id, definition.directory, address, live, SSL, limit=limit
        )
        return
    allowing(operation, source, definition, guard, MIGRATE)  # a VM without a claim gets one
    word = _word_of(operation, target, definition)
    parameters = [word.address, live, SSL, word.host, word.boot]
    change(operation, source, definition, MIGRATE, parameters, limit)


def _word_of(operation: Operation, target: HostView, definition: Definition) -> Expectation:
    """What the target says: nothing of the VM is there, nor may come up there."""
    module = target.module_moves
    if module is None:
        raise not_changed(definition, f"{target.label} has no host module that knows migrations")
    place = (definition.repository_id, definition.directory)
    try:
        word = module.expect_vm(operation.client, new_id(), *place)
    except (ReadOnly, PreconditionFailed):
        raise
    except Ovm3Error as error:  # it only looks: nothing was begun
        raise not_changed(definition, f"{target.label} cannot tell: {error}") from error
    why = word.why or ("" if word.address else "it does not report its registered address")
    if why:
        raise not_changed(definition, f"{target.label}: {why}")
    return word
