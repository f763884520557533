"""Changes of an existing definition: a part of :mod:`.doors`, which has it under its name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

from libcloud_ovm3.agent.identifiers import undashed
from libcloud_ovm3.errors import (
    AgentFault,
    ChangedMeanwhile,
    HostUnreachable,
    OutcomeUnknown,
    Ovm3Error,
    PreconditionFailed,
)
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.hosts_off import HostOff, off_at, require_silent
from libcloud_ovm3.operations.claim_looks import latest
from libcloud_ovm3.operations.claims_door import change as change_by_claim
from libcloud_ovm3.operations.gone_host import take_out_off
from libcloud_ovm3.operations.operation import Operation, new_id
from libcloud_ovm3.operations.preconditions import verified_domain
from libcloud_ovm3.operations.same_key import is_of_key
from libcloud_ovm3.operations.vmcfg_changes import (
    confirm,
    read_current,
    refusal,
    require_made,
    require_possible,
    was_refused,
    was_second,
)
from libcloud_ovm3.operations.vmcfg_values import differences

if TYPE_CHECKING:
    from libcloud_ovm3.agent.config import VMConfig
    from libcloud_ovm3.agent.vm_changes import VMChange, VMReading


def change_definition(
    operation: Operation,
    host: HostView,
    hosts: Sequence[HostView],
    definition: Definition,
    change: Callable[[VMConfig], VMConfig],
    *,
    defined_ids: Collection[str],
    limit: float,
    notices: list[str],
    failures: list[AgentFault | OutcomeUnknown] | None = None,
    hosts_off: Sequence[HostOff] = (),
) -> VMConfig:
    """Change the vm.cfg of a VM, and with it the running VM's settings that have a setter: the only
    way in which an existing definition is changed.

    It is read again, has to be what it was read as in every option, and is sent as a whole, once.
    Then it is read back: what was meant has arrived, nothing else has changed. Whether a running
    VM has the change too is the caller's to read.

    With the host module the host itself compares the file right before, and no two hosts change it
    at once. Without it another client's change is lost if it comes between read and call.

    :param host: where the VM runs, or, of one that is stopped, any that has the repository mounted.
    :param hosts: all hosts that answer.
    :param definition: as the change was decided for.
    :param change: makes the new vm.cfg of the current one; pure.
    :param defined_ids: the uuids of all definitions (see :func:`.matches`).
    :param limit: seconds for the response; a device of a running VM takes up to 100 s.
    :param notices: gets notices for the user, such as a fault although the file has the change: of
        a running VM, its devices may lack it then.
    :param failures: gets the failure of the call, if it has one, also where the file has the
        change.
    :param hosts_off: those that the user says are off; what they were changing is taken over.
    :return: the vm.cfg as it is now. Nothing is sent if ``change`` changes nothing.
    :raises PreconditionFailed: it is not what it was, its name on this host is not this VM's alone,
        or not everything in it would stay as it is. Nothing was sent.
    :raises AgentFault: the agent refused; the file is as it was.
    :raises OperationIncomplete: the request was sent, and the file does not show the change (yet).
    """
    verified_domain(host, definition, defined_ids)
    current = read_current(host, definition)
    before, wanted = current.config, change(current.config)
    if not differences(before.values, wanted.values):
        return before
    require_possible(definition, current, wanted)
    if current.change is not None:
        _settle(operation, host, hosts, definition, current.change, hosts_off)
    take_out_off(operation, hosts, definition, hosts_off)
    failed: AgentFault | OutcomeUnknown | None = None
    try:
        if current.digest or definition.guard is not None:
            where = (operation, host, definition)
            struct = wanted.to_struct()
            _change_by_module(*where, current.digest, "configure_vm", [struct], limit)
        else:
            place = (definition.repository_id, definition.directory)
            host.agent.xen.configure_vm(*place, wanted.to_struct(), limit=limit)
    except (AgentFault, OutcomeUnknown) as error:
        failed = error
        if failures is not None:
            failures.append(error)
    is_made = bool(current.digest) and failed is None
    return confirm(operation, host, definition, before, wanted, failed, notices, is_made)


def create_definition(
    operation: Operation,
    host: HostView,
    hosts: Sequence[HostView],
    definition: Definition,
    parameters: dict[str, Any],
    hosts_off: Sequence[HostOff] = (),
) -> None:
    """Create a vm.cfg that others may be creating too, through the host module: it is one step to
    see that there is none, and to call the agent's function, however late that happens.

    :param host: has the host module (API 3).
    :param hosts: all hosts that answer.
    :param definition: says where.
    :param parameters: all options.
    :param hosts_off: those that the user says are off; what they were changing is taken over.
    :raises PreconditionFailed: there is one, or it is being changed; nothing was done.
    :raises AgentFault: the agent's function, or the module, has failed.
    :raises OutcomeUnknown: whether it is done is unknown.
    """
    if definition.guard is None:  # through its claim nothing else goes on
        change = _reading(host, definition).change  # of an earlier VM of this id
        if change is not None:
            _settle(operation, host, hosts, definition, change, hosts_off)
    limit = host.agent.connection.limits.write
    _change_by_module(operation, host, definition, "", "create_vm", [parameters], limit)


def complete_definition(
    operation: Operation, host: HostView, definition: Definition, parameters: dict[str, Any]
) -> None:
    """Complete a vm.cfg that this operation has created, through the host module, only while it is
    the one that was read, however late that happens: others may have destroyed it, and created
    another one of the same id with the same key.

    :param host: has the host module (API 2).
    :param definition: as it was read, with the mark of this operation.
    :param parameters: all options.
    :raises PreconditionFailed: it is another one, or cannot be read; nothing was done.
    :raises AgentFault: the agent's function, or the module, has failed.
    :raises OutcomeUnknown: whether it is done is unknown.
    """
    guard = latest(operation, definition)
    # Its claim says what this operation has created: another one's would have another claim.
    known = guard.claim.digest if guard and guard.claim else ""
    digest = known or read_current(host, definition).digest
    limit = host.agent.connection.limits.write
    _change_by_module(operation, host, definition, digest, "configure_vm", [parameters], limit)


def deletion_digest(
    operation: Operation,
    host: HostView,
    hosts: Sequence[HostView],
    definition: Definition,
    hosts_off: Sequence[HostOff] = (),
) -> str:
    """The digest of a vm.cfg that is to be deleted, if its id may come again, by an idempotency
    key, and the host module can compare it; else "". Read before it is checked what it is.

    :raises PreconditionFailed: it cannot be read, or a change of it has no outcome.
    """
    if definition.guard is not None and definition.digest:
        return definition.digest
    if definition.guard is None and (
        host.module3 is None or not is_of_key(definition.own_uuid or "")
    ):
        return ""
    reading = _reading(host, definition)
    if reading.error is not None:
        raise refusal(definition, f"{host.label}: it cannot be read: {reading.error}")
    if reading.change is not None:
        _settle(operation, host, hosts, definition, reading.change, hosts_off)
    return reading.digest


def _reading(host: HostView, definition: Definition) -> VMReading:
    """What the host module says of a vm.cfg, and of its changes.

    :raises PreconditionFailed: that cannot be read.
    """
    assert host.module2 is not None
    try:
        return host.module2.read_vm(definition.repository_id, definition.directory)
    except Ovm3Error as error:
        raise refusal(definition, f"{host.label}: {error}") from error


def delete_definition(
    operation: Operation, host: HostView, definition: Definition, digest: str
) -> None:
    """Delete a vm.cfg, and its directory, through the host module, only while it is the one that
    was read, however late that happens: a node of the same id may have been created again.

    :param host: has the host module (API 3).
    :param digest: of :func:`deletion_digest`.
    :raises PreconditionFailed: it is another one, or is being changed; nothing was done.
    :raises AgentFault: the agent's function, or the module, has failed.
    :raises OutcomeUnknown: whether it is done is unknown.
    """
    limit = host.agent.connection.limits.write
    _change_by_module(operation, host, definition, digest, "delete_vm", [], limit)


def _change_by_module(
    operation: Operation,
    host: HostView,
    definition: Definition,
    digest: str,
    function: str,
    parameters: list[dict[str, Any]],
    limit: float,
) -> None:
    """Have the host module compare the file and call the agent's function, in one step; through
    the claim of a VM that has a guard.

    :param digest: of the file as it was read; "": there is none.
    :raises PreconditionFailed: the file is another one, or is being changed; nothing was done.
    :raises AgentFault: the agent's function, or the module, has failed.
    :raises OutcomeUnknown: whether it is done is unknown, or it goes on after the limit.
    """
    if definition.guard is not None:
        change_by_claim(operation, host, definition, function, parameters, limit, digest)
        return
    assert host.module2 is not None
    place = (definition.repository_id, definition.directory)
    own = new_id()  # not the operation's: that may change a VM several times
    deadline = operation.estate.clock.now() + limit
    answer: VMChange | OutcomeUnknown
    try:
        answer = host.module2.change_vm(operation.client, own, *place, digest, function, parameters)
    except AgentFault as fault:
        if not was_refused(fault):
            raise
        kind = ChangedMeanwhile if was_second(fault) else PreconditionFailed
        raise refusal(definition, f"{host.label}: {fault.text}", kind) from fault
    except OutcomeUnknown as error:
        answer = error
    require_made(operation, host, definition, own, answer, deadline)


def _settle(
    operation: Operation,
    host: HostView,
    hosts: Sequence[HostView],
    definition: Definition,
    change: VMChange,
    hosts_off: Sequence[HostOff],
) -> None:
    """Where a change that another host made was cut off, have recorded that its outcome is unknown:
    until then nobody can change the definition.

    Its own host tells whether it goes on. Of one that is off, as the user says, it does not.

    :raises PreconditionFailed: that failed, its host runs without the host module by now, or a host
        that should be off answers.
    """
    if change.state != "elsewhere":
        return
    place = (definition.repository_id, definition.directory)
    theirs = next((one for one in hosts if one.server.uuid == undashed(change.host_uuid)), None)
    if theirs is not None and theirs.module2 is None:
        raise refusal(definition, _why_blocked(theirs, definition, change))
    off = None if theirs else off_at(hosts_off, change.address)
    module = theirs.module2 if theirs else host.module2
    if module is None or not (theirs or off):
        return
    try:
        if off:
            require_silent(operation.estate, [off], hosts)
        else:
            now = module.read_vm(*place, change.operation).change
            if now is None or now.state != "dead":
                return
        module.settle_vm(operation.client, operation.id, *place, change.operation, bool(off))
    except (AgentFault, OutcomeUnknown, HostUnreachable) as error:
        raise refusal(definition, f"{change.label} has no outcome: {error}") from error


def _why_blocked(host: HostView, definition: Definition, change: VMChange) -> str:
    """The change of another host has no outcome, and that host can no longer tell."""
    return (
        f"{change.label} has no outcome (document vm-{definition.directory} in "
        f"/OVS/Repositories/{definition.repository_id}/.libcloud-ovm3/documents), and only that "
        f"host can tell whether it goes on; it has no host module of API 2 or later any more. "
        f"`ovm3 host install {host.address}` makes it tell; then try again"
    )
