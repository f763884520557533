"""Changing the devices of a VM, its disks or its network cards: in its vm.cfg and, while it runs,
in its domain, by one call.

``configure_vm`` compares the list that it is sent with what the VM has, and attaches, detaches or
reconfigures what differs (agent-behaviour 6.2, 7.2). So a list that differs in more than what is
meant is not sent. Success is not arrival, and a fault is not proof: both are read afterwards, and
kept alike: what a running domain refused is taken out of the file again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from libcloud_ovm3.agent.config import VMConfig
from libcloud_ovm3.errors import (
    AgentFault,
    OperationIncomplete,
    OutcomeUnknown,
    Ovm3Error,
    PreconditionFailed,
)
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.domains import BlockDevice, Domain
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.repositories import with_module
from libcloud_ovm3.estate.settings import CAP, WEIGHT
from libcloud_ovm3.estate.states import State
from libcloud_ovm3.estate.vms import VM, EstateSnapshot, LiveDomain
from libcloud_ovm3.operations import doors
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.own_disks import repository_of
from libcloud_ovm3.operations.preconditions import only_live_domain, require_certain, why_unknown
from libcloud_ovm3.operations.presence import POLL, READS, Presence, read_presence
from libcloud_ovm3.operations.vmcfg_changes import missing_in

LIMIT = 300.0  # seconds for the response: a device takes up to 100, xend's lock more (xend.md 2)
# Seconds after a failure until what is listed counts: xend lists a device that it could not connect
# for a moment (xend.md 5).
SETTLE = 10.0

DISKS, CARDS = "disks", "network cards"
_LISTS = ("disk", "vif")  # the options that have them
# What an option that was not there is put back to, as none can be removed; of lists: an empty one.
_ABSENT = {"cpu_weight": WEIGHT, "cpu_cap": CAP}

Change = Callable[[VMConfig], VMConfig]
Shows = Callable[[Domain], bool | None]  # whether a live domain has a change; None: unknown


@dataclass(frozen=True)
class Target:
    """The VM whose devices are changed, as it was read.

    :ivar what: which devices, for messages.
    :ivar host: where the call is sent: where the VM runs, or one that has its repository mounted.
    :ivar live: None: it is stopped.
    :ivar options: which options of vm.cfg are put back if the domain did not get the change.
    """

    operation: Operation
    snapshot: EstateSnapshot
    vm: VM
    definition: Definition
    host: HostView
    live: LiveDomain | None
    what: str = DISKS
    options: tuple[str, ...] = _LISTS

    def with_config(self, config: VMConfig) -> Target:
        """The same with a vm.cfg that was changed meanwhile."""
        return replace(self, definition=replace(self.definition, config=config))

    def after(self, outcome: Outcome) -> Target:
        """The same as it is after a change that is done."""
        definition = replace(self.definition, config=outcome.config)
        domain = outcome.domain if self.live else None
        live = replace(self.live, domain=domain) if self.live and domain else self.live
        vm = replace(self.vm, definitions=(definition,), live=(live,) if live else ())
        return replace(self, vm=vm, definition=definition, live=live)

    @property
    def devices(self) -> tuple[BlockDevice, ...]:
        """The block devices of its live domain."""
        return self.live.domain.block_devices if self.live else ()


@dataclass(frozen=True)
class Outcome:
    """What was read after a change.

    :ivar config: the vm.cfg as it is now; None: unknown.
    :ivar is_defined: whether it has the change; None: unknown.
    :ivar is_live: whether the domain has it, in a VM that is stopped whether vm.cfg has; None:
        unknown.
    :ivar failed: the failure of the call; None: it reported success.
    :ivar error: what :func:`.doors.change_definition` raised.
    :ivar state: what was read, for messages.
    :ivar domain: the live domain as it was read last; None: it is not live, or unknown.
    :ivar is_changed_again: whether another client has changed the same list of vm.cfg since.
    """

    config: VMConfig | None
    is_defined: bool | None
    is_live: bool | None
    failed: AgentFault | OutcomeUnknown | None
    error: AgentFault | OperationIncomplete | None
    state: str
    domain: Domain | None = None
    is_changed_again: bool = False

    @property
    def is_done(self) -> bool:
        """Whether both have the change."""
        return bool(self.is_defined and self.is_live)

    @property
    def is_undone(self) -> bool:
        """Whether neither has it, and nothing is under way."""
        return self.is_defined is False and self.is_live is False and self.is_over

    @property
    def is_only_defined(self) -> bool:
        """Whether vm.cfg has it, the domain certainly not, and nothing is under way: then vm.cfg is
        changed back (:func:`require_done`).
        """
        return bool(self.is_defined) and self.is_live is False and self.is_over

    @property
    def is_over(self) -> bool:
        """Whether the call has certainly ended."""
        return not isinstance(self.failed, OutcomeUnknown)


def target_of(
    operation: Operation, snapshot: EstateSnapshot, vm_id: str, what: str = DISKS
) -> Target:
    """The VM with this id, if its devices can be changed now: it runs, is paused, or is stopped.

    :param what: which devices, for messages.
    :raises NodeNotFound: there is no such VM.
    :raises PreconditionFailed: it is in another state, or that is not certain.
    """
    vm = snapshot.vm(vm_id)
    live = only_live_domain(vm) if vm.live else None
    if live is None:
        require_certain(vm, snapshot)
    if vm.state not in (State.RUNNING, State.PAUSED, State.STOPPED):
        why = why_unknown(vm, snapshot) if vm.state is State.UNKNOWN else vm.where()
        raise PreconditionFailed(
            f"the {what} of VM {vm.label} cannot be changed while it is {vm.state.value}: {why}",
            nodes=[vm.summary],
        )
    definition = vm.definition
    why_not = definition.error or definition.unread
    if why_not:
        raise PreconditionFailed(f"VM {vm.label}: {why_not}", nodes=[vm.summary])
    if live is not None:
        return Target(operation, snapshot, vm, definition, live.host, live, what)
    repository = repository_of(snapshot, definition)
    host = with_module(repository) or repository.mounted_on[0]
    return Target(operation, snapshot, vm, definition, host, None, what)


# ------------------------------------------------------------------ the change


def refusal(target: Target, why: str) -> PreconditionFailed:
    """The error for a change of which nothing was sent."""
    return PreconditionFailed(
        f"VM {target.vm.label}: its {target.what} were not changed: {why}",
        nodes=[target.vm.summary],
    )


def change_devices(target: Target, change: Change, shows: Shows, notices: list[str]) -> Outcome:
    """Change a list of devices, after one more look at where the VM is; then read what came of it.

    :param shows: whether a live domain has the change; also asked of a VM that was stopped, if it
        was started meanwhile.
    :param notices: gets notices for the user.
    :raises PreconditionFailed: the VM is not where it was, its vm.cfg has changed, or somebody
        writes to a disk that the new list has. Nothing was sent.
    """
    config = target.definition.config
    assert config is not None, "target_of has checked it"
    _require_there(target, change(config))
    failures: list[AgentFault | OutcomeUnknown] = []
    now: VMConfig | None = None
    error: AgentFault | OperationIncomplete | None = None
    try:
        now = _send(target, change, notices, failures)
    except AgentFault as fault:
        error, now = fault, config
    except OperationIncomplete as unknown:
        error = unknown
    is_defined = None if now is None else error is None
    failed = failures[0] if failures else None
    is_changed_again = bool(is_defined and now and missing_in(change(config), now))
    outcome = _read_back(target, now, is_defined, failed, error, shows, notices)
    return replace(outcome, is_changed_again=is_changed_again)


def _send(
    target: Target,
    change: Change,
    notices: list[str],
    failures: list[AgentFault | OutcomeUnknown] | None = None,
) -> VMConfig:
    return doors.change_definition(
        target.operation,
        target.host,
        target.snapshot.hosts,
        target.definition,
        change,
        defined_ids=target.snapshot.defined_ids,
        limit=LIMIT,
        notices=notices,
        failures=failures,
        hosts_off=target.snapshot.hosts_off,
    )


def _require_there(target: Target, wanted: VMConfig) -> None:
    """One list of each host, right before the call: the VM is where it was, and nobody else writes
    to one of its disks, old or new, if they are to change.

    Of a stopped one a single look is enough here: a guest that is absent while it reboots comes
    back with the disks that it had, which are attached to it in vm.cfg meanwhile.
    """
    snapshot, definition = target.snapshot, replace(target.definition, config=wanted)
    presence = read_presence(snapshot.hosts, definition, snapshot.defined_ids)
    if target.live is None:
        is_there = presence.is_absent
    else:
        domids = [(one.host.label, one.domain.domid) for one in presence.live]
        was = (target.host.label, target.live.domain.domid)
        is_there = domids == [was] and not presence.unanswered and not presence.doubtful
    if not is_there:
        raise refusal(target, f"right before, {presence.described()}")
    are_changed = wanted.disks != target.definition.disks
    if presence.writers and are_changed:
        users = "; ".join(f"{p} by {w.domain.label} on {w.host.label}" for w, p in presence.writers)
        raise refusal(target, f"open for writing is {users}")


def _read_back(
    target: Target,
    now: VMConfig | None,
    is_defined: bool | None,
    failed: AgentFault | OutcomeUnknown | None,
    error: AgentFault | OperationIncomplete | None,
    shows: Shows,
    notices: list[str],
) -> Outcome:
    """Read the domain until it shows the change, some times at most. A VM that was stopped may have
    been started right before, with the disks of the old vm.cfg: all hosts are asked for it.
    """
    clock, was_stopped = target.operation.estate.clock, target.live is None
    hosts = target.snapshot.hosts if was_stopped else [target.host]
    if failed is not None and not was_stopped:
        clock.sleep(SETTLE)
    for number in range(READS):
        if number:
            clock.sleep(POLL)
        presence = read_presence(hosts, target.definition, target.snapshot.defined_ids)
        if was_stopped and not presence.live:
            if not presence.is_absent:
                why = presence.described()
                what = f"whether VM {target.vm.label} was started meanwhile is unknown"
                notices.append(f"{what}: {why}")
            state = str(error or f"{target.definition.place} is changed")
            return Outcome(now, is_defined, is_defined, failed, error, state)
        if failed is not None and was_stopped and not number:
            clock.sleep(SETTLE)
            presence = read_presence(hosts, target.definition, target.snapshot.defined_ids)
        domain = _domain_in(presence)
        is_live = shows(domain) if domain else None
        if is_live:
            break
    words = {None: "is not known", True: "has the change", False: "is as it was"}
    started = "the VM was started meanwhile; " if was_stopped else ""
    state = f"{started}vm.cfg {words[is_defined]}, the live domain {words[is_live]}: "
    state += presence.described()
    return Outcome(now, is_defined, is_live, failed, error, state, _domain_in(presence))


def _domain_in(presence: Presence) -> Domain | None:
    return presence.live[0].domain if len(presence.live) == 1 else None


# ------------------------------------------------------------------ what did not arrive


def put_back(target: Target, now: VMConfig) -> str:
    """Make the vm.cfg of a running VM again what it was, as its domain does not have the change.

    :param now: as it is now.
    :return: why that failed; "": it did not.
    """
    assert target.definition.config is not None, "target_of has checked it"
    values = target.definition.config.values
    before = {key: values.get(key, _ABSENT.get(key, [])) for key in target.options}
    before = {key: value for key, value in before.items() if key in now.values}
    try:
        _send(target.with_config(now), lambda config: config.changed(**before), [])
    except Ovm3Error as error:
        return str(error)
    return ""


def require_done(
    target: Target, outcome: Outcome, what: str, left: tuple[str, ...], or_else: str = ""
) -> None:
    """Raise unless vm.cfg and domain have a change. What only the vm.cfg of a running VM has is
    taken out again if the call has certainly ended; that of a VM which was started meanwhile is
    left alone, as another client is at work with it.

    :param what: was to be done, for messages: "attaching volume 'x' as xvdb".
    :param left: what to name if it may have happened.
    :param or_else: what else than a stop and a start brings the change into a VM that was started
        meanwhile.
    :raises AgentFault: the agent refused, and neither has the change.
    :raises OperationIncomplete: whether it happens is unknown, or only one of them has it.
    """
    if outcome.is_done:
        return
    state = outcome.state
    look_at = "the volume and the node" if target.what == DISKS else "the node"
    advice = f"The request is not repeated; look at {look_at} before you do anything else"
    if target.live is None and outcome.is_only_defined:
        advice = f"Stop it and start it again{or_else}, so that it has the change too"
    elif outcome.config is not None and outcome.is_only_defined:
        if outcome.is_changed_again:
            failed_too = "another client has changed vm.cfg since, so it was not changed back"
        else:
            failed_too = put_back(target, outcome.config)
        state = f"{state}; {failed_too or 'vm.cfg was changed back'}"
        if not failed_too and isinstance(outcome.failed, AgentFault):
            raise outcome.failed.with_state(f"{what}: {state}", target.vm.summary)
    elif outcome.is_undone and isinstance(outcome.failed, AgentFault):
        raise outcome.failed.with_state(f"{what}: {state}", target.vm.summary)
    sent = f"failed ({outcome.failed})" if outcome.failed else "was reported to have succeeded"
    text = f"{what} {sent}; {state}. {advice}"
    raise incomplete(target, text, *left) from outcome.error or outcome.failed


def incomplete(target: Target, text: str, *left: str) -> OperationIncomplete:
    """The error for a change that was sent and did not come to its end.

    :param left: what else than the VM it may have changed.
    """
    return target.operation.incomplete(
        f"VM {target.vm.label}: {text}",
        left=(target.vm.id, *left),
        nodes=[target.vm.summary],
        host=str(target.host.address),
        function="configure_vm",
    )
