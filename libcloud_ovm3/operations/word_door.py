"""What a person says of a VM, written into its claim: a part of :mod:`.doors`. Each request is sent
once; after a lost response the claim is read.
"""

from __future__ import annotations

import getpass
import re
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from libcloud_ovm3.errors import (
    AgentFault,
    HostUnreachable,
    OutcomeUnknown,
    Ovm3Error,
    PreconditionFailed,
)
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.operations.claim_looks import remember
from libcloud_ovm3.operations.operation import Operation, new_id

if TYPE_CHECKING:
    from libcloud_ovm3.agent.hostmodule import HostModule
    from libcloud_ovm3.agent.vm_claims import VMClaim


def take_out(
    operation: Operation,
    host: HostView,
    definition: Definition,
    claim: VMClaim,
    gone_id: str,
    words: str,
) -> VMClaim:
    """Take a host out of a claim by the word of a person, who is to have seen what is true.

    :param host: that writes it: the one that is taken out, if it can be asked.
    :param gone_id: the server uuid of that one, as the claim has it.
    :param words: who says so, and what was seen.
    :raises PreconditionFailed: the host refuses: it says what it saw, or the claim is another one.
    :raises OperationIncomplete: whether it is written is unknown.
    """

    def send(module: HostModule, own: str) -> VMClaim:
        place = (*_place(definition), claim.folder, claim.version)
        return module.take_out_host(person(), own, *place, gone_id, words)

    return _written(operation, host, definition, f"host {gone_id} was to be taken out", send)


def put_in(
    operation: Operation,
    host: HostView,
    definition: Definition,
    claim: VMClaim,
    host_id: str,
    words: str,
) -> VMClaim:
    """Put a host without the module into a claim, before a VM is started there.

    :param host: that writes it.
    :param host_id: the server uuid of the other one.
    :raises PreconditionFailed: the host refuses.
    :raises OperationIncomplete: whether it is written is unknown.
    """

    def send(module: HostModule, own: str) -> VMClaim:
        place = (*_place(definition), claim.folder, claim.version)
        return module.put_in_host(person(), own, *place, host_id, words)

    return _written(operation, host, definition, f"host {host_id} was to be put in", send)


def accept(
    operation: Operation, host: HostView, definition: Definition, claim: VMClaim, digest: str
) -> VMClaim:
    """Accept a vm.cfg that was changed without a claim, by the word of a person.

    :param digest: of that vm.cfg.
    :raises PreconditionFailed: the host refuses.
    :raises OperationIncomplete: whether it is written is unknown.
    """

    def send(module: HostModule, own: str) -> VMClaim:
        place = (*_place(definition), claim.folder, claim.version)
        return module.accept_vm_cfg(person(), own, *place, digest)

    return _written(operation, host, definition, "its vm.cfg was to be accepted", send)


def discard(
    operation: Operation, host: HostView, definition: Definition, claim: VMClaim, words: str
) -> VMClaim:
    """Discard what was saved of a guest, by the word of a person: it is never restored then.

    :raises PreconditionFailed: the host refuses.
    :raises OperationIncomplete: whether it is written is unknown.
    """

    def send(module: HostModule, own: str) -> VMClaim:
        place = (*_place(definition), claim.folder, claim.version)
        return module.discard_saved(operation.client, own, *place, words)

    return _written(operation, host, definition, "what is saved was to be discarded", send)


_MOST = 500  # characters that the module takes
_MOST_OF_CLIENT = 32


def person() -> str:
    """Whose word it is: the user and the machine of this program, as the module takes a client."""
    try:
        user = getpass.getuser()
    except (ImportError, KeyError, OSError):  # a user without a name, in a container
        user = "unknown"
    text = f"{user}@{socket.gethostname().partition('.')[0]}"
    return re.sub(r"[^A-Za-z0-9@._-]", "_", text).lstrip("@._-")[:_MOST_OF_CLIENT] or "unknown"


def words(option: str, name: str, seen: str) -> str:
    """What is written: how the person has said it, and what was seen. Pure."""
    text = f"{option}={name}: {seen}"
    return "".join(one if " " <= one <= "~" and one not in "|;" else "?" for one in text)[:_MOST]


def _place(definition: Definition) -> tuple[str, str]:
    return definition.repository_id, definition.directory


def _module(host: HostView) -> HostModule:
    assert host.module_claims is not None
    return host.module_claims


def _written(
    operation: Operation,
    host: HostView,
    definition: Definition,
    what: str,
    send: Callable[[HostModule, str], VMClaim],
) -> VMClaim:
    """Send it once, under an id of its own. A lost response: the claim of this id, if there is one,
    is the answer."""
    own = new_id()
    label = f"VM {definition.name!r} ({definition.uuid}): {what}"
    try:
        found = send(_module(host), own)
    except (AgentFault, HostUnreachable) as error:
        why = f"{host.label}: {error.text}" if isinstance(error, AgentFault) else str(error)
        raise PreconditionFailed(
            f"{label}, and its claim is as it was: {why}", nodes=[definition.summary]
        ) from error
    except OutcomeUnknown as error:
        found = _found(operation, host, definition, own, label, error)
    remember(operation, definition, found)
    return found


def _found(
    operation: Operation,
    host: HostView,
    definition: Definition,
    own: str,
    label: str,
    lost: OutcomeUnknown,
) -> VMClaim:
    """The claim after a request whose response was lost, if it says what was said by that."""
    why: Ovm3Error = lost
    try:
        found = _module(host).read_claim(*_place(definition))
        if own in found.taken or own in found.said:
            return found
    except Ovm3Error as error:
        why = error
    raise operation.incomplete(
        f"{label}; the request was sent once to {host.label}, and whether it is written is not "
        f"known ({why}). It may still come; look at the claim before anything else",
        nodes=[definition.summary],
        host=str(host.address),
    ) from lost
