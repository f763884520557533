"""The claim of a VM during an operation: what is known, and having hosts look (docs/claims.md).

A host's look only ever takes that host itself out of a claim, or puts it in, and calls no function
of the agent: it may be repeated.
"""

from __future__ import annotations

from libcloud_ovm3.agent.identifiers import undashed
from libcloud_ovm3.agent.vm_claims import VMClaim
from libcloud_ovm3.errors import (
    AgentFault,
    ChangedMeanwhile,
    Ovm3Error,
    PreconditionFailed,
    ReadOnly,
)
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.guards import DOUBT, ON, Guard, hosts_of, lacks_claims, why_no_claims
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.operations.operation import Operation, new_id
from libcloud_ovm3.operations.vmcfg_changes import was_second

_LOOKS = 3  # of one host: another one may write the claim at the same time


def latest(operation: Operation, definition: Definition) -> Guard | None:
    """The guard of a VM with the newest claim that this operation has seen; None: it has none."""
    guard, seen = definition.guard, operation.claims.get(_place(definition))
    if guard is None or seen is None:
        return guard
    is_older = seen.folder == guard.folder and guard.claim and guard.claim.version >= seen.version
    return guard if is_older else guard.with_claim(seen)


def is_on(operation: Operation, definition: Definition) -> bool:
    """Whether the newest claim that this operation has seen says that one host has the VM."""
    guard = latest(operation, definition)
    return guard is not None and guard.claim is not None and guard.claim.kind == ON


def remember(operation: Operation, definition: Definition, claim: VMClaim) -> None:
    """Keep a claim that was read for what this operation does next."""
    operation.claims[_place(definition)] = claim


def _place(definition: Definition) -> tuple[str, str]:
    return definition.repository_id, definition.directory


def not_changed(
    definition: Definition, why: str, kind: type[PreconditionFailed] = PreconditionFailed
) -> PreconditionFailed:
    """The error for a VM of which nothing was sent, or nothing was done."""
    label = f"VM {definition.name!r} ({definition.uuid})"
    return kind(f"{label}: the request was not carried out: {why}", nodes=[definition.summary])


def look(operation: Operation, definition: Definition) -> tuple[VMClaim, dict[str, str]]:
    """Have all hosts that a claim names look what they have of the VM, and those that list it, as
    another tool has started it there; make the first claim if it has none. What cannot be told
    stays in doubt.

    :param definition: of a VM that has a guard.
    :return: the claim as it is then, and what each host in it has said, by its label.
    :raises PreconditionFailed: the claim cannot be read; or there is none, no host has the VM, and
        one that may have it is not seen.
    """
    guard = latest(operation, definition)
    assert guard is not None
    if guard.error:
        raise not_changed(definition, f"its claim cannot be read: {guard.error}")
    if guard.claim is None and guard.unseen and not _with_it(definition, guard):
        why = "it has no claim yet, and its first one has to name every host that may have it;"
        why += " repeat this when all answer, or say which are off (ex_hosts_off)"
        raise not_changed(definition, f"{why}: {'; '.join(guard.unseen)}")
    said: dict[str, str] = {}
    try:
        claim = _current(operation, definition, guard, said)
        seen = {undashed(one.server.uuid) or "-": one for one in _with_it(definition, guard)}
        named = {**hosts_of(claim, guard.hosts), **_back(claim, guard)}
        named.update(seen)
        # Who has it first, or it would be free for a moment; but a target cannot tell before its
        # source.
        for name in sorted(named, key=lambda one: (one != claim.source, one not in seen)):
            host = named[name]
            if host is None:
                said[guard.label(name)] = (
                    "it did not answer, or does not have the repository mounted"
                )
            elif host.module_claims is None:
                said[host.label] = why_no_claims(host)
                if lacks_claims(host):
                    said[host.label] += f": `ovm3 host install {host.address}`"
            elif host.label not in said:
                claim, said[host.label] = _ask(operation, definition, host, claim)
        left = list(hosts_of(claim, guard.hosts).values())
        last = left[0] if len(left) == 1 else None
        if claim.kind == DOUBT and last and last.module_claims and last.label in said:
            # others have left since it was asked, or another client's change began there
            claim, said[last.label] = _ask(operation, definition, last, claim)
    except ReadOnly:
        raise
    except Ovm3Error as error:
        is_second = isinstance(error, AgentFault) and was_second(error)
        kind = ChangedMeanwhile if is_second else PreconditionFailed
        raise not_changed(definition, f"its claim cannot be read: {error}", kind) from error
    remember(operation, definition, claim)
    return claim, said


def _with_it(definition: Definition, guard: Guard) -> list[HostView]:
    """The hosts with claims that have a domain of the VM: there it is certainly not nowhere."""
    return [
        host
        for host in guard.hosts
        if host.module_claims and any(one.uuid == definition.uuid for one in host.domains)
    ]


def _back(claim: VMClaim, guard: Guard) -> dict[str, HostView | None]:
    """The hosts that a person has taken out and that answer (again): they may have to give way."""
    ids = {undashed(one.server.uuid or "") or "-": one for one in guard.hosts if one.module_claims}
    return {host_id: one for host_id, one in ids.items() if host_id in claim.taken}


def _current(
    operation: Operation, definition: Definition, guard: Guard, said: dict[str, str]
) -> VMClaim:
    """The claim as it is now. The host that makes the first one looks at once."""
    others = [one for one in guard.hosts if one.module_claims is not None]
    host = [*_with_it(definition, guard), *others][0]
    assert host.module_claims is not None
    place = _place(definition)
    if guard.claim is not None and guard.claim.hosts:  # each of them answers with a newer one
        return guard.claim
    if guard.claim is not None:
        return host.module_claims.read_claim(*place)
    names = [one.server.uuid for one in guard.hosts]
    claim = host.module_claims.claim_vm(operation.client, new_id(), *place, names)
    if claim.why or claim.kind != DOUBT:  # else another client has made it: nobody has looked
        said[host.label] = claim.why
    return claim


def _ask(
    operation: Operation, definition: Definition, host: HostView, claim: VMClaim
) -> tuple[VMClaim, str]:
    """The claim after one host has looked, and what it said."""
    assert host.module_claims is not None
    place = _place(definition)
    for number in range(_LOOKS):
        try:
            found = host.module_claims.settle_claim(operation.client, new_id(), *place)
        except AgentFault as fault:
            if number + 1 < _LOOKS and fault.kind.endswith(".Conflict"):
                continue
            return claim, fault.text
        except ReadOnly:
            raise
        except Ovm3Error as error:
            return claim, str(error)
        return found, found.why
    raise AssertionError("the last look returns")


def described(claim: VMClaim, guard: Guard) -> str:
    """A claim in a few words, for messages."""
    names = [guard.label(name) for name, _ in claim.hosts]
    if claim.is_suspended:
        return "it is suspended: the memory of its guest is saved"
    if claim.error:
        return f"two domains of it were seen ({claim.error})"
    if claim.kind in ("free", "gone", ""):
        return {"free": "it is free", "gone": "it is deleted", "": "it has no claim"}[claim.kind]
    if claim.kind == "on":
        return f"it is on {names[0]}"
    if claim.kind == "moving":
        return f"it is moving: on {' or '.join(names)}"
    under_way = f", {claim.function} of {claim.client}" if claim.operation else ""
    return f"it may be on {' or '.join(names)} (in doubt{under_way})"
