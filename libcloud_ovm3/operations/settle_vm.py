"""Settling the claim of a VM: all hosts in it look what they have of it. What none of them can
tell, a person says: that a host has nothing of it, or that its vm.cfg is right (docs/claims.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from libcloud_ovm3.agent.vm_claims import RepositoryClaims, VMClaim, document_of
from libcloud_ovm3.errors import Ovm3Error, PreconditionFailed
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.guards import Guard, hosts_of
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.vms import VM, EstateSnapshot, read_estate
from libcloud_ovm3.operations import word_door
from libcloud_ovm3.operations.claim_looks import look
from libcloud_ovm3.operations.gone_host import find_gone, registered_hosts, require_gone
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.progress import waiting


@dataclass(frozen=True)
class SettledVM:
    """The claim of a VM after its hosts have looked.

    :ivar label: How messages name the VM.
    :ivar hosts: The hosts that have its repository mounted.
    :ivar addresses: Where hosts with claims were last, by their server uuids.
    :ivar said: What each host in the claim has said, by its label; "" if it could tell.
    :ivar word: What was written by the word of a person; "": nothing.
    """

    label: str
    claim: VMClaim
    hosts: tuple[HostView, ...]
    addresses: Mapping[str, str]
    said: Mapping[str, str]
    word: str = ""


def settle(
    estate: Estate, vm_id: str, gone_from: str | None = None, accept: bool = False
) -> SettledVM:
    """Have all hosts in a VM's claim look, and write what only a person can tell.

    A VM that has no claim gets its first one, with all hosts that have its repository mounted.

    :param vm_id: of the VM; or the id of a claim (repository/directory) whose definition is gone.
    :param gone_from: a host that is to be taken out, by its server uuid, address or name. It is
        asked itself if it has claims. One without them must not list the VM, and one that does not
        answer must not answer anything.
    :param accept: whether its vm.cfg is right as it is, although it was changed without a claim.
    :raises NodeNotFound: there is no such VM.
    :raises HostNotFound: ``gone_from`` is no host of the claim.
    :raises PreconditionFailed: it can have no claim, its claim cannot be read, or the word of the
        person is refused; says what was seen.
    :raises OperationIncomplete: whether the word is written is unknown.
    """
    operation = Operation(estate)
    snapshot = read_estate(estate)
    left = _left(snapshot, vm_id)
    if left is None:
        vm = snapshot.vm(vm_id)
        (definition, guard), label = _guarded(snapshot, vm), vm.label
    else:
        (definition, guard), label = left, f"of claim {vm_id}, which is not defined"
    with waiting(f"VM {definition.name!r}: its hosts look what they have of it", vm=vm_id):
        claim, said = look(operation, definition)
    words = []
    if gone_from is not None:
        claim, word = _take_out(operation, snapshot, definition, guard, claim, gone_from)
        words.append(word)
    if accept:
        claim, word = _accept(operation, definition, guard, claim)
        words.append(word)
    return SettledVM(label, claim, guard.hosts, guard.addresses, said, "; ".join(words))


def _left(snapshot: EstateSnapshot, claim_id: str) -> tuple[Definition, Guard] | None:
    """The claim of this id, if no VM is defined there any more, as another tool has deleted or
    moved it: it holds disks until its hosts have looked. None: there is none."""
    for repository in snapshot.repositories:
        key, _, directory = claim_id.partition("/")
        if repository.id == key and isinstance(repository.claims, RepositoryClaims):
            defined = [one for vm in snapshot.vms.values() for one in vm.definitions]
            claim = repository.claims.claims.get(document_of(directory))
            is_defined = (key, directory) in [(one.repository_id, one.directory) for one in defined]
            if isinstance(claim, VMClaim) and not is_defined:
                addresses = repository.claims.hosts
                guard = Guard(claim.folder, repository.mounted_on, claim, addresses=addresses)
                return Definition(key, directory, None, guard=guard), guard
    return None


def _guarded(snapshot: EstateSnapshot, vm: VM) -> tuple[Definition, Guard]:
    """The definition of a VM with its guard. In a repository without claims a person begins them
    so, if all hosts that have it mounted can.

    :raises PreconditionFailed: they cannot.
    """
    definition = vm.definition
    if definition.guard is not None:
        return definition, definition.guard
    repository = snapshot.repository(definition.repository_id)
    hosts = repository.mounted_on if repository else ()
    without = [one.label for one in hosts if one.module_claims is None]
    if definition.own_uuid is None:
        why = "its vm.cfg has no uuid, or cannot be read, so no host can tell which VM it is"
    elif snapshot.unseen or snapshot.hosts_off:
        silent = "; ".join(snapshot.unseen) or snapshot.hosts_off[0].unread
        why = f"its first claim names all hosts, and not all answer: {silent}"
    elif without or not hosts:
        why = (
            f"its repository has none yet, and not all hosts that have it mounted have a host "
            f"module with claims: {', '.join(without) or 'no host has'}; `ovm3 host install`"
        )
    else:
        guard = Guard("", hosts)
        return replace(definition, guard=guard), guard
    raise PreconditionFailed(f"VM {vm.label} has no claim: {why}", nodes=[vm.summary])


# ------------------------------------------------------------------ the word of a person


def _take_out(
    operation: Operation,
    snapshot: EstateSnapshot,
    definition: Definition,
    guard: Guard,
    claim: VMClaim,
    name: str,
) -> tuple[VMClaim, str]:
    """The claim without the host that a person has named, and what was seen of it.

    :raises HostNotFound: the claim does not name it.
    :raises PreconditionFailed: it has something of the VM, or that cannot be checked.
    """
    able = [one for one in guard.hosts if one.module_claims is not None]
    known = registered_hosts(able[0], definition)
    gone = find_gone(name, [one for one, _ in claim.hosts], known, snapshot)
    if gone.view in able:  # its own looks decide
        asked, seen = gone.view, "asked itself"
    else:
        asked, seen = able[0], require_gone(operation.estate, snapshot, gone, definition)
    words = word_door.words("ex_gone_from", name, seen)
    found = word_door.take_out(operation, asked, definition, claim, gone.id, words)
    return found, f"host {gone.label} was taken out of the claim: {seen}"


def _accept(
    operation: Operation, definition: Definition, guard: Guard, claim: VMClaim
) -> tuple[VMClaim, str]:
    """Record that vm.cfg is right as it is, if all hosts with claims see the same.

    :raises PreconditionFailed: they do not, or it cannot be read.
    """
    able = [one for one in guard.hosts if one.module_claims is not None]
    seen: dict[str, str] = {}
    for host in able:
        assert host.module_claims is not None
        try:
            found = host.module_claims.read_vm(definition.repository_id, definition.directory)
        except Ovm3Error as error:
            raise _not_accepted(definition, str(error)) from error
        if found.error:
            raise _not_accepted(definition, f"{host.label}: {found.error}")
        seen[host.label] = found.digest
    digest = next(iter(seen.values()))
    if set(seen.values()) != {digest}:
        listed = ", ".join(f"{label} {one}" for label, one in seen.items())
        raise _not_accepted(definition, f"hosts see different contents: {listed}; try again")
    if claim.digest == digest:
        return claim, f"vm.cfg is what the claim has recorded (MD5 {digest})"
    here = [one for one in hosts_of(claim, able).values() if one is not None]  # where it runs
    after = word_door.accept(operation, (here or able)[0], definition, claim, digest)
    return after, f"vm.cfg was accepted as it is (MD5 {digest})"


def _not_accepted(definition: Definition, why: str) -> PreconditionFailed:
    return PreconditionFailed(
        f"VM {definition.name!r} ({definition.uuid}): its vm.cfg was not accepted: {why}",
        nodes=[definition.summary],
    )
