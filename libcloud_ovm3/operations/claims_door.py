"""Changes of a VM that has a guard: one at a time on all hosts, through its claim. A part of
:mod:`.doors`.

The host module makes the claim, calls the agent's function, and looks what there is afterwards
(docs/claims.md). What could be read before is read by :mod:`.doors`: the claim says nothing of VMs
of other tools, nor of networks.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any, Final

from libcloud_ovm3.agent.codec import Fault
from libcloud_ovm3.agent.identifiers import undashed
from libcloud_ovm3.agent.vm_claims import VMClaim
from libcloud_ovm3.errors import (
    AgentFault,
    ChangedMeanwhile,
    OutcomeUnknown,
    Ovm3Error,
    PreconditionFailed,
    TimedOut,
)
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.guards import DOUBT, FREE, GONE, ON, Guard
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.operations.claim_looks import described, latest, look, not_changed, remember
from libcloud_ovm3.operations.operation import Operation, new_id
from libcloud_ovm3.operations.vmcfg_changes import MODULE_POLL, was_refused, was_second
from libcloud_ovm3.pages import page

START: Final = "start_vm"
STOP: Final = "stop_vm"
CREATE: Final = "create_vm"
DELETE: Final = "delete_vm"
CONFIGURE: Final = "configure_vm"
RESTORE: Final = "restore_vm"


def change(
    operation: Operation,
    host: HostView,
    definition: Definition,
    function: str,
    parameters: Sequence[Any],
    limit: float,
    digest: str = "",
) -> None:
    """Call one of the agent's functions on a host through the claim of a VM that has a guard.

    A claim that does not allow it is looked at first, by all hosts that it names. If it is another
    one by then the request is sent once more: the first one has done nothing.

    :param parameters: the function's arguments after the repository and the directory.
    :param limit: seconds until the outcome counts as unknown.
    :param digest: of the vm.cfg as it was read; "": there is none, or, for a start and a stop, any.
    :raises PreconditionFailed: the claim does not allow it, or vm.cfg is another one; nothing was
        done. ChangedMeanwhile: as another client was first.
    :raises AgentFault: the agent's function, or the module, has failed.
    :raises OutcomeUnknown: whether it is done is unknown, or it goes on after the limit.
    """
    module, guard = host.module_claims, latest(operation, definition)
    if module is None or guard is None or guard.error:
        why = f"{host.label} has no host module with them"
        if guard and guard.error:
            why = f"this one cannot be read: {guard.error} ({page('claims.md')})"
        raise not_changed(definition, f"its repository has claims, and {why}")
    place, is_second = (definition.repository_id, definition.directory), False
    while True:
        claim = allowing(operation, host, definition, guard, function)
        own = new_id()  # not the operation's: that may change a VM several times
        answer: VMClaim | OutcomeUnknown
        deadline = operation.estate.clock.now() + limit
        try:
            answer = module.change_claimed_vm(
                *(operation.client, own, *place, claim.folder, claim.version, digest),
                *(function, parameters),
            )
        except AgentFault as fault:
            if not was_refused(fault):
                _look_if_cut_off(operation, definition)
                raise
            if is_second or not was_second(fault):
                kind = ChangedMeanwhile if was_second(fault) else PreconditionFailed
                raise not_changed(definition, f"{host.label}: {fault.text}", kind) from fault
            guard, is_second = guard.with_claim(look(operation, definition)[0]), True
            continue
        except OutcomeUnknown as error:
            answer = error
        _require_done(operation, host, definition, own, answer, deadline)
        return


def _look_if_cut_off(operation: Operation, definition: Definition) -> None:
    """Its process may have died in the middle: then its host puts back a vm.cfg that is not whole,
    and says where the VM is. What that cannot tell, the next operation asks again."""
    with contextlib.suppress(Ovm3Error):
        look(operation, definition)


_NONE = VMClaim("", 0, "", (), *("",) * 13)


def allowing(
    operation: Operation, host: HostView, definition: Definition, guard: Guard, function: str
) -> VMClaim:
    """The claim, if it may allow the function on this host; else all hosts in it look first.

    :raises PreconditionFailed: it does not allow it after that either.
    """
    claim = guard.claim or (_NONE if function == CREATE else None)
    if claim is not None and _may(function, claim, host):
        return claim
    claim, said = look(operation, definition)
    if _may(function, claim, host):
        return claim
    reasons = "".join(f"; {name}: {why}" for name, why in said.items() if why)
    what = f"{described(claim, guard)}, so {function} is not possible on {host.label}"
    raise not_changed(
        definition,
        f"{what}{reasons}{_advice(claim, reasons)}",
        ChangedMeanwhile if claim.state == "running" else PreconditionFailed,
    )


def _advice(claim: VMClaim, reasons: str) -> str:
    """What settles a claim that does not allow something."""
    if claim.state == "running":
        return "; it is under way: try again when it has ended"
    if claim.error:
        return "; destroy one of the two on its host, then ex_settle_node"
    if not reasons:
        return ""
    return (
        f"; mend that and try again, or say what only you can tell: ex_settle_node "
        f"({page('claims.md')})"
    )


def _may(function: str, claim: VMClaim, host: HostView) -> bool:
    """Whether a claim may allow a function on a host: as hostside/claims.py decides, but for what
    only the host knows, its present boot."""
    is_named = undashed(host.server.uuid) in [undashed(name) for name, _ in claim.hosts]
    if claim.error or claim.is_suspended or function == RESTORE:
        return function == RESTORE and claim.is_restorable
    if function == CREATE:
        return claim.kind in ("", FREE, GONE)
    if function in (START, DELETE):
        return claim.kind == FREE
    if function == CONFIGURE:
        return claim.kind == FREE or (claim.kind == ON and is_named)
    if function == STOP:
        return claim.kind in (ON, DOUBT) and is_named
    return claim.kind == ON and is_named


def _require_done(
    operation: Operation,
    host: HostView,
    definition: Definition,
    own: str,
    answer: VMClaim | OutcomeUnknown,
    deadline: float,
) -> None:
    """Wait until the host module has recorded the outcome.

    :param answer: what came of the call that began it. After a lost response the module is asked;
        if it does not know the operation it has not arrived (yet).
    """
    module, clock = host.module_claims, operation.estate.clock
    assert module is not None
    place = (definition.repository_id, definition.directory)
    claim = None if isinstance(answer, OutcomeUnknown) else answer
    while claim is None or (claim.state == "running" and clock.now() < deadline):
        if claim:
            clock.sleep(MODULE_POLL)
        try:
            found = module.read_claim(*place, own)
        except Ovm3Error as error:
            raise OutcomeUnknown(f"{host.label}: change {own} cannot be read: {error}") from error
        if isinstance(answer, OutcomeUnknown) and not claim and not found.version:
            raise answer
        claim = found if found.version or claim is None else claim
    if claim.version:
        remember(operation, definition, claim)
    if claim.outcome == "failed":
        raise host.agent.connection.error_of(Fault(1, claim.fault), claim.function)
    if claim.outcome == "not done":
        raise not_changed(definition, f"{host.label}: {claim.fault}")
    if claim.outcome != "done":
        if claim.state == "running":
            raise TimedOut(f"{host.label}: change {own} still goes on")
        _look_if_cut_off(operation, definition)
        why = "its process died" if claim.state == "dead" else f"its claim is {claim.state}"
        raise OutcomeUnknown(f"{host.label}: change {own} has no outcome: {why}")


def look_once_more(operation: Operation, definition: Definition) -> list[str]:
    """After a VM was stopped: have its host look, if its claim does not say yet that it is free.

    :return: notices for the user: why it stays in doubt.
    """
    guard = latest(operation, definition)
    if guard is None or guard.claim is None or guard.claim.kind in (FREE, GONE):
        return []
    try:
        claim, said = look(operation, definition)
    except Ovm3Error as error:
        return [f"whether VM {definition.name!r} may be started elsewhere is not known: {error}"]
    if claim.kind in (FREE, GONE):
        return []
    reasons = "".join(f"; {name}: {why}" for name, why in said.items() if why)
    return [f"VM {definition.name!r}: {described(claim, guard)}{reasons}"]
