"""Migrating a VM that runs: the request is sent once, then both hosts say where it is.

Everything that speaks against it is told beforehand, at once (:mod:`.fits`). Afterwards neither the
success of the call nor its fault is believed: a guest may be lost although the call succeeded
(xend.md 4.1). Each end is told as what it is.
"""

from __future__ import annotations

from libcloud_ovm3.agent.vm_claims import VMClaim
from libcloud_ovm3.errors import (
    AgentFault,
    OutcomeUnknown,
    Ovm3Error,
    PreconditionFailed,
    WaitTimeout,
)
from libcloud_ovm3.estate.guards import FREE, ON, why_no_claims
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.networks import NetworkList, read_networks
from libcloud_ovm3.estate.states import State
from libcloud_ovm3.estate.vm_bridges import bridges_of
from libcloud_ovm3.estate.vms import VM, EstateSnapshot, read_estate
from libcloud_ovm3.operations import fits, migration_door
from libcloud_ovm3.operations.claim_looks import described, latest, look
from libcloud_ovm3.operations.limits import MIGRATE_LIMIT
from libcloud_ovm3.operations.migration_end import COPY_WAIT, End, Move, Seen, wait_for_end
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.placement import chosen_views
from libcloud_ovm3.operations.preconditions import only_live_domain
from libcloud_ovm3.operations.presence import read_presence
from libcloud_ovm3.operations.release_bridges import (
    bridges_of_vm,
    read_uses,
    release,
    settled,
)
from libcloud_ovm3.operations.vlan_bridges import (
    StartNetworks,
    release_taken,
    require_networks,
)
from libcloud_ovm3.pages import page
from libcloud_ovm3.progress import waiting

PAGE = page("moving-and-changing-vms.md")


def migrate(
    estate: Estate, vm_id: str, host_id: str, *, live: bool = True, limit: float = MIGRATE_LIMIT
) -> list[str]:
    """Migrate a VM to a host; one that runs there is left as it is.

    :param host_id: the host's uuid, address or name.
    :param live: whether the guest goes on while its memory is sent, but for the last moment.
    :param limit: seconds to wait until it runs there.
    :return: notices for the user.
    :raises NodeNotFound: there is no such VM.
    :raises HostNotFound: there is no such host.
    :raises PreconditionFailed: it cannot be migrated there; has all reasons. Nothing was sent.
    :raises AgentFault: the agent refused, and it runs where it was.
    :raises WaitTimeout: the limit is over, and it still goes on.
    :raises OperationIncomplete: it is lost, or where it is is unknown.
    """
    snapshot = read_estate(estate, *fits.READS)
    vm = snapshot.vm(vm_id)
    [target] = chosen_views(snapshot.hosts, snapshot.unreachable, [host_id])
    if vm.state is State.RUNNING and not vm.doubts and vm.live[0].host is target:
        return []
    networks = read_networks(estate, snapshot)
    return move(Operation(estate), snapshot, networks, vm, target, live=live, limit=limit)


def move(
    operation: Operation,
    snapshot: EstateSnapshot,
    networks: NetworkList,
    vm: VM,
    target: HostView,
    *,
    live: bool,
    limit: float,
) -> list[str]:
    """The same, by a reading of the estate with ``fits.READS``."""
    unknown = _require_fit(snapshot, networks, vm, target, live)
    origin = only_live_domain(vm)
    one = Move(operation, vm.definition, origin.host, target, snapshot.defined_ids)
    uses = settled(read_uses([origin.host], vm.id, bridges_of_vm(vm), [origin.host]), [origin.host])
    cards = StartNetworks(operation, target, snapshot, vm.definition, verb="moved")
    how = "" if live else ", its guest stopped meanwhile,"
    text = f"migrating VM {vm.name!r}{how} from {origin.host.label} to {target.label}"
    failed: AgentFault | OutcomeUnknown | None = None
    deadline = operation.estate.clock.now() + limit
    try:
        require_networks(cards, networks.on(target))
        with waiting(text, vm=vm.id, limit=limit):
            try:
                migration_door.migrate_vm(
                    *(operation, origin.host, target, vm.definition, snapshot.defined_ids),
                    *(origin.domain.domid, live, limit),
                )
            except (AgentFault, OutcomeUnknown) as error:
                failed = error
            found, said = _settled_end(one, failed, deadline)
    except PreconditionFailed:
        release_taken(cards)
        raise
    if found.end is End.ARRIVED:
        notices = [f"{one.label} is running on {target.label}, although {failed}"] if failed else []
        return [*cards.notices, *notices, *said, *release(operation, uses)]
    if found.end is End.STAYED:
        release_taken(cards)
    raise _not_there(one, found, failed, snapshot, [*said, *unknown], limit) from failed


# ------------------------------------------------------------------ before


def _require_fit(
    snapshot: EstateSnapshot, networks: NetworkList, vm: VM, target: HostView, live: bool
) -> list[str]:
    """What is not known and might matter, for the error if it is not moved.

    :raises PreconditionFailed: with all reasons that speak against it.
    """
    what = f"VM {vm.label} cannot be migrated to {target.label}"
    if vm.state is State.STOPPED:
        raise PreconditionFailed(
            f"{what}: it is stopped, so it is on no host, and there is nothing to migrate: start "
            f"it there, start_node(ex_location={target.server.uuid!r})",
            nodes=[vm.summary],
        )
    reasons, unknown = reasons_against(snapshot, networks, vm, target, live)
    if reasons:
        raise PreconditionFailed(
            f"{what}: {'; '.join(reasons)}. Nothing was sent", nodes=[vm.summary]
        )
    return [f"not known beforehand: {', '.join(unknown)}"] if unknown else []


def reasons_against(
    snapshot: EstateSnapshot, networks: NetworkList, vm: VM, target: HostView, live: bool
) -> tuple[list[str], list[str]]:
    """All that speaks against a migration, and what is not known and might."""
    how = fits.MIGRATE_LIVE if live else fits.MIGRATE
    fit = fits.examine(snapshot, networks, vm, target, how=how)
    reasons = [*fit.reasons, *_of_claims(vm, target), *_of_live_cards(networks, vm, target)]
    return list(dict.fromkeys(reasons)), list(fit.unknown)


def _of_claims(vm: VM, target: HostView) -> list[str]:
    """Both hosts need a module that knows migrations, where the VM has a guard."""
    if len(vm.definitions) != 1 or vm.definition.guard is None or vm.definition.guard.error:
        return []
    reasons = []
    for host in dict.fromkeys([one.host for one in vm.live] + [target]):
        if host.module_claims is None:
            reasons.append(
                f"its repository has claims, and {host.label} has not: {why_no_claims(host)}"
            )
        elif host.module_moves is None:
            reasons.append(
                f"the host module of {host.label} is older, and knows no migrations: "
                f"`ovm3 host install {host.address}`"
            )
    return reasons


def _of_live_cards(networks: NetworkList, vm: VM, target: HostView) -> list[str]:
    """A bridge that only the domain names is not made there, and a guest without it is lost."""
    if len(vm.live) != 1 or len(vm.definitions) != 1:
        return []
    named = {card.bridge for card in vm.live[0].domain.cards if card.bridge}
    only_live = sorted(named - set(bridges_of(vm.definition.config)))
    if not only_live:
        return []
    network = networks.on(target)
    return [
        f"{target.label} has no bridge {name}, which a network card of the domain is on though "
        f"vm.cfg does not name it"
        for name in only_live
        if network.bridge(name) is None
    ]


# ------------------------------------------------------------------ afterwards


def _settled_end(
    one: Move, failed: AgentFault | OutcomeUnknown | None, deadline: float
) -> tuple[Seen, list[str]]:
    """How it has ended, and what its claim says that is not settled. Through claims the hosts look:
    the target's removes a copy that is left over, as soon as it is certain that it is one.
    """
    clock = one.operation.estate.clock
    guard = latest(one.operation, one.definition)
    found = wait_for_end(one, failed, deadline, 0 if guard else COPY_WAIT)
    if guard is None:
        return found, []
    claim, said = _look(one)
    if found.end in (End.HALF, End.UNCLEAR, End.GOES_ON) and claim is not None:
        found = wait_for_end(one, failed, min(deadline, clock.now() + COPY_WAIT), 0)
    if claim is None or claim.kind not in (ON, FREE):
        return found, said
    return found, []


def _look(one: Move) -> tuple[VMClaim | None, list[str]]:
    guard = latest(one.operation, one.definition)
    assert guard is not None
    try:
        claim, said = look(one.operation, one.definition)
    except Ovm3Error as error:
        return None, [f"{one.label}: its claim could not be settled: {error}"]
    reasons = "".join(f"; {name}: {why}" for name, why in said.items() if why)
    return claim, [f"{one.label}: {described(claim, guard)}{reasons}"]


def _not_there(
    one: Move,
    found: Seen,
    failed: AgentFault | OutcomeUnknown | None,
    snapshot: EstateSnapshot,
    said: list[str],
    limit: float,
) -> Ovm3Error:
    """The error for a VM that has not arrived.

    :param said: what its claim says, and what was not known beforehand.
    """
    more = "".join(f"; {text}" for text in said)
    if found.end in (End.STAYED, End.HALF):
        return _stayed(one, found, failed, more)
    if found.end is End.GOES_ON:
        return _goes_on(one, found, failed, limit)
    presence = found.presence
    if found.end is End.GONE:  # another client may have moved it on
        presence = read_presence(snapshot.hosts, one.definition, snapshot.defined_ids)
        if presence.is_absent:
            return _lost(one, found, failed, more)
    return one.operation.incomplete(
        f"{one.label}: {_sent(one, failed)}; {presence.described()}. It is not repeated; where it "
        f"is has to be seen first ({PAGE}){more}",
        left=(one.definition.uuid,),
        nodes=[presence.summary],
        host=str(one.source.address),
        function=migration_door.MIGRATE,
    )


def _sent(one: Move, failed: AgentFault | OutcomeUnknown | None) -> str:
    how = f" and failed ({failed})" if failed else ""
    where = f"from {one.source.label} to {one.target.label}"
    return f"the request to migrate it {where} was sent once{how}"


def _stayed(
    one: Move, found: Seen, failed: AgentFault | OutcomeUnknown | None, more: str
) -> Ovm3Error:
    """It runs where it was."""
    copy = ""
    if found.copy is not None:
        by_hand = f"if it does not go by itself, destroy it there: `xm destroy {_domid(found)}`"
        if latest(one.operation, one.definition):
            by_hand = "the host destroys it as soon as it is certain: `ovm3 claim settle`"
        copy = (
            f"; on {one.target.label} domain {_domid(found)} is left of it, paused and with a part "
            f"of its memory: never unpause it; {by_hand}"
        )
    if isinstance(failed, AgentFault):
        where = f"it stays on {one.source.label}{copy}{more}"
        return failed.with_state(where, found.presence.summary)
    return one.operation.incomplete(
        f"{one.label}: {_sent(one, failed)}; {found.presence.described()}, and it may still begin. "
        f"The request is not repeated: see first that it stays{copy}{more}",
        left=(one.definition.uuid,),
        nodes=[found.presence.summary],
        host=str(one.source.address),
        function=migration_door.MIGRATE,
    )


def _domid(found: Seen) -> int | None:
    return found.copy.domain.domid if found.copy else None


def _goes_on(
    one: Move, found: Seen, failed: AgentFault | OutcomeUnknown | None, limit: float
) -> Ovm3Error:
    is_sent = any(live.host is one.source for live in found.presence.live)
    what = (
        f"its memory is still being sent from {one.source.label}; xend cannot cancel that"
        if is_sent
        else f"{one.source.label} has ended its domain, and on {one.target.label} it does not run "
        f"yet: xend waits for its devices, up to 100 s for each, and destroys it if one fails. "
        f"Never unpause it"
    )
    return WaitTimeout(
        f"{one.label} was not seen to run on {one.target.label} within {limit:g} s"
        f"{f' ({failed})' if failed else ''}: {what}; {found.presence.described()}. Nothing more "
        f"was done; look at it again later",
        host=str(one.source.address),
        function=migration_door.MIGRATE,
        nodes=[found.presence.summary],
    )


def _lost(
    one: Move, found: Seen, failed: AgentFault | OutcomeUnknown | None, more: str
) -> Ovm3Error:
    """It is on no host. That it is not just rebooting only its claim tells."""
    guard = latest(one.operation, one.definition)
    why = (
        f"its source has ended it, and {one.target.label} has not kept it: a bridge or a disk was "
        f"missing there, or the connection broke in the last second, or the guest "
        f"has powered off meanwhile; /var/log/xen/xend.log there says which. Its disks are as "
        f"after a power cut"
    )
    if guard is None:
        text = f"IS LOST, unless its guest is rebooting there: {why}; start it again: start_node"
    elif guard.claim is not None and guard.claim.kind == FREE:
        text = f"IS LOST: {why}; start it again: start_node"
    else:
        text = f"may be lost, which its hosts cannot tell yet: {why}; start_node asks them again"
    return one.operation.incomplete(
        f"{one.label} {text}. {_sent(one, failed)[0].upper()}{_sent(one, failed)[1:]}, and no host "
        f"reports it{more}",
        left=(one.definition.uuid,),
        nodes=[found.presence.summary],
        host=str(one.target.address),
        function=migration_door.MIGRATE,
    )
