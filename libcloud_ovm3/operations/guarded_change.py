"""A change of the line by which a host is managed, which the host takes back by itself.

The host module makes it, and takes it back unless this client confirms it over the line as it is
then: docs/host-module.md, "Guarded changes".
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from libcloud_ovm3.errors import NEVER_SENT, AgentFault, OutcomeUnknown, Ovm3Error
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.operations import network_doors
from libcloud_ovm3.operations.network_doors import NETWORK_SECONDS, NetworkCall
from libcloud_ovm3.operations.operation import Operation, new_id
from libcloud_ovm3.operations.presence import POLL

if TYPE_CHECKING:
    from libcloud_ovm3.agent.host_networks import GuardedChange

CONFIRM_SECONDS = 60  # until a host takes back what is not confirmed
# Seconds until a change can be seen to have begun, at most: the host waits 30 s for its lock, looks
# at its networks, and records the change then.
BEGINS = 45.0
# Making it and taking it back are calls of the agent, and connections have to come back.
ENDS = 2 * NETWORK_SECONDS + CONFIRM_SECONDS + 60.0


def change_guarded(
    operation: Operation,
    host: HostView,
    request: NetworkCall,
    undo: NetworkCall,
    label: str,
    is_done: Callable[[], bool],
) -> AgentFault | OutcomeUnknown | None:
    """Have the host make a change, and confirm it once it can be seen.

    :param host: with a host module of API 3.
    :param undo: what takes it back.
    :param label: what is changed, for messages.
    :param is_done: reads whether the change is there; may raise an Ovm3Error: it is not known.
    :return: the failure of the request, if it had one, and was carried out all the same; or the
        fault of its step, which may take effect yet, as the host has looked right after it only.
    :raises AgentFault: the host refused, or has taken it back: it is as it was.
    :raises OperationIncomplete: whether it is made, or taken back, is unknown.
    """
    assert host.module3 is not None
    own = new_id()  # not the operation's, which may make several
    failed: AgentFault | OutcomeUnknown | None = None
    try:
        network_doors.change_guarded(operation, host.module3, own, request, undo, CONFIRM_SECONDS)
    except (AgentFault, OutcomeUnknown) as error:
        failed = error
    clock = operation.estate.clock
    begin = clock.now()
    is_confirmed = False
    while True:
        seen = _read(host, own)
        is_missing = isinstance(seen, AgentFault) and seen.kind.endswith(".NotFound")
        if is_missing and isinstance(failed, AgentFault):
            raise failed  # it was not begun
        if not isinstance(seen, Ovm3Error):
            if seen.state == "confirmed":
                return failed
            if seen.state == "undone":
                raise _taken_back(host, request, seen, label)
            if seen.state == "failed":
                if isinstance(failed, AgentFault):  # refused: none of its steps was begun
                    raise failed
                return _taken_back(host, request, seen, label)
            if seen.state in ("undo failed", "dead"):
                break
            if seen.state == "waiting" and not is_confirmed and _is_done(is_done):
                is_confirmed = True  # sent once: if it is lost, the host takes the change back
                _confirm(operation, host, own)
                continue
        if clock.now() - begin >= (BEGINS if is_missing else ENDS):
            break
        clock.sleep(POLL)
    raise operation.incomplete(
        f"changing {label} was not completed: {_described(seen)}",
        left=(label,),
        host=str(host.address),
    ) from failed


def _read(host: HostView, own: str) -> GuardedChange | Ovm3Error:
    assert host.module3 is not None
    try:
        return host.module3.network_change(own)
    except Ovm3Error as error:  # the line may be cut for a while
        return error


def _is_done(is_done: Callable[[], bool]) -> bool:
    try:
        return is_done()
    except Ovm3Error:
        return False


def _confirm(operation: Operation, host: HostView, own: str) -> None:
    """Keep it; whether that has arrived is read afterwards."""
    assert host.module3 is not None
    with contextlib.suppress(*NEVER_SENT, AgentFault, OutcomeUnknown):
        network_doors.confirm_guarded(operation, host.module3, own)


def _taken_back(
    host: HostView, request: NetworkCall, seen: GuardedChange, label: str
) -> AgentFault:
    """The error for a change that the host has not made, or has undone."""
    what = "was not made" if seen.state == "failed" else "was taken back by the host"
    return AgentFault(
        f"{host.label}: {request.function}: the change of {label} {what}: {seen.fault}",
        code=1,
        kind="",
        text=seen.fault,
        host=str(host.address),
        function=request.function,
    )


def _described(seen: GuardedChange | Ovm3Error) -> str:
    if isinstance(seen, Ovm3Error):
        return (
            f"what became of it cannot be read: {seen}. The host takes back what it has not been "
            f"told to keep, {CONFIRM_SECONDS} s after it was made"
        )
    if seen.state in ("undo failed", "dead"):
        why = ": ".join(part for part in (seen.doing, seen.fault or seen.state) if part)
        return (
            f"the host could not take it back ({why}); manual intervention is "
            f"required, at the host's console if it cannot be reached"
        )
    return f"it is {seen.state} still; the host takes it back unless it is confirmed"
