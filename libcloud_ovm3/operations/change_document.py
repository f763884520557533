"""Changing a document of a repository that other clients may change at the same time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from libcloud_ovm3.errors import AgentFault, OutcomeUnknown, Ovm3Error, PreconditionFailed
from libcloud_ovm3.operations import doors

if TYPE_CHECKING:
    from libcloud_ovm3.agent.hostmodule import HostModule
    from libcloud_ovm3.estate.repositories import Repository
    from libcloud_ovm3.operations.operation import Operation

TRIES = 10  # other clients may write it at the same time


def change_document(
    operation: Operation,
    module: HostModule,
    repository: Repository,
    name: str,
    next_content: Callable[[], tuple[int, bytes] | None],
    what: str,
    left: tuple[str, ...],
) -> list[str]:
    """Write the next version of a document. If another client was first, read it again.

    :param next_content: Reads the document, and returns the version to write and its content; None:
        it says already what it is to say.
    :param what: What is recorded in it, for messages.
    :param left: What an :class:`.OperationIncomplete` names.
    :return: A notice, if it was written although the call failed.
    :raises PreconditionFailed: Other clients have changed it again and again.
    :raises AgentFault: The host refused; it is as it was.
    :raises OperationIncomplete: Whether it was written is unknown.
    """
    for _ in range(TRIES):
        wanted = next_content()
        if wanted is None:
            return []
        version, content = wanted
        try:
            doors.write_document(operation, module, repository, name, version, content)
        except (AgentFault, OutcomeUnknown) as failed:
            if isinstance(failed, AgentFault) and failed.kind.endswith(".Conflict"):
                continue
            return _after(operation, next_content, what, left, failed)
        return []
    raise PreconditionFailed(
        f"{what} was not changed: other clients have changed the document {name!r} of repository "
        f"{repository.id} {TRIES} times meanwhile; try again"
    )


def _after(
    operation: Operation,
    next_content: Callable[[], tuple[int, bytes] | None],
    what: str,
    left: tuple[str, ...],
    failed: AgentFault | OutcomeUnknown,
) -> list[str]:
    """What has become of it after the call failed: a notice, if it was done.

    :raises AgentFault: It was not done.
    :raises OperationIncomplete: That is unknown, or it may still be.
    """
    try:
        is_done = next_content() is None
    except Ovm3Error as error:
        raise operation.incomplete(
            f"{what}: changing it failed ({failed}), and it cannot be read: {error}", left=left
        ) from failed
    if is_done:
        return [f"{what} is changed, although {failed}"]
    if isinstance(failed, AgentFault):
        raise failed.with_state(f"{what} is as it was") from failed
    raise operation.incomplete(
        f"{what}: the request to change it was sent once and got no response; it is as it was, and "
        f"may still be changed",
        left=left,
    ) from failed
