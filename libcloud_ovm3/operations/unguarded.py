"""Starting a VM that has a guard on a host that has no claims, because the user says so
(docs/claims.md): from then on only a person can tell whether it is still there.
"""

from __future__ import annotations

from libcloud_ovm3.agent.identifiers import undashed
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.guards import FREE, lacks_claims
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.operations import word_door
from libcloud_ovm3.operations.claim_looks import described, latest, look, not_changed
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.placement import HOW


def claim_for(operation: Operation, host: HostView, definition: Definition) -> bool:
    """Whether a VM is started without a claim of its host: it has no guard, or the user says so.
    Then the claim names the host before anything begins there.

    :raises PreconditionFailed: the host has no claims, and the user does not say so; or the VM is
        not free. Nothing was sent to that host.
    :raises OperationIncomplete: whether the claim names it is unknown; nothing was started.
    """
    guard = latest(operation, definition)
    if guard is None:
        return True
    if host.module_claims is not None or guard.error:
        return False  # the door sees to it
    able = next((one for one in guard.hosts if one.module_claims is not None), None)
    if able is None or not lacks_claims(host):
        raise not_changed(definition, f"{host.label}: {host.notice or 'its host module failed'}")
    if not operation.estate.unguarded:
        raise not_changed(
            definition, f"its repository has claims, and {host.label} has none; {HOW}"
        )
    claim = guard.claim
    if claim is None or claim.kind != FREE:
        claim, _ = look(operation, definition)
    if claim.kind != FREE:
        raise not_changed(definition, f"{described(claim, guard)}, so it is not free")
    said = word_door.words("ex_unguarded", host.label, "it has no claims")
    host_id = undashed(host.server.uuid or "") or ""
    word_door.put_in(operation, able, definition, claim, host_id, said)
    return True
