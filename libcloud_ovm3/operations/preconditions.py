"""What has to hold before a VM is changed, and the reads that prove it.

First by one reading of the whole estate. Then, right before the call, by reading once more what the
agent will act on: it finds a VM by a name, which has to be this VM's and nobody else's.
"""

from __future__ import annotations

from collections.abc import Collection

from libcloud_ovm3.agent.identifiers import dashed
from libcloud_ovm3.agent.liveness import is_silence
from libcloud_ovm3.errors import HostUnreachable, Ovm3Error, PreconditionFailed
from libcloud_ovm3.estate.definitions import Definition, matches, may_match, read_definition
from libcloud_ovm3.estate.domains import Domain
from libcloud_ovm3.estate.hosts import HostView, live_domains
from libcloud_ovm3.estate.states import State
from libcloud_ovm3.estate.vms import VM, EstateSnapshot, LiveDomain
from libcloud_ovm3.pages import page


def require_certain(vm: VM, snapshot: EstateSnapshot) -> None:
    """Whether everything could be read that tells where a VM runs.

    :raises PreconditionFailed: a host, or its list of domains, could not be read, or it is unclear
        which VM a domain belongs to.
    """
    if snapshot.unseen or vm.doubts:
        raise PreconditionFailed(
            f"VM {vm.label} was left unchanged: {why_unknown(vm, snapshot)}", nodes=[vm.summary]
        )


def why_unknown(vm: VM, snapshot: EstateSnapshot) -> str:
    """Why it is unknown whether a VM that no host lists is running."""
    if snapshot.unseen:
        unseen = "; ".join(snapshot.unseen)
        return f"it may be running on a host that could not be read: {unseen}{_if_off(snapshot)}"
    if vm.doubts:
        return f"whether it is running is unknown: it {'; it '.join(vm.doubts)}; {vm.where()}"
    errors = [d.error for d in vm.definitions if d.error] or [vm.where(), *snapshot.errors()]
    return f"it is {vm.state.value}: {'; '.join(errors)}"


def _if_off(snapshot: EstateSnapshot) -> str:
    """What can be done about hosts that do not answer at all, for messages; "" if there are none.

    Not about those that answer something: they are running.
    """
    silent = [
        host.address
        for host in snapshot.unreachable
        if isinstance(host.reason, HostUnreachable) and is_silence(host.reason)
    ]
    if not silent:
        return ""
    return (
        f". Only if you have seen that it is powered off: ex_hosts_off={silent!r} makes this call "
        f"believe it; if it is running after all, its VMs run twice and their disks are destroyed. "
        f"Read {page('a-host-is-dead.md')} first"
    )


def only_live_domain(vm: VM) -> LiveDomain:
    """Where a VM runs, if that is exactly one host, it stays there, and its vm.cfg is reliable.

    :raises PreconditionFailed: it is live in several places, migrating, or in doubt.
    """
    reasons = [*vm.doubts, *(d.error for d in vm.definitions if d.error)]
    if reasons:
        raise PreconditionFailed(
            f"VM {vm.label} was left unchanged: {'; '.join(reasons)}", nodes=[vm.summary]
        )
    if len(vm.live) == 1 and len(vm.definitions) <= 1 and vm.state is not State.MIGRATING:
        return vm.live[0]
    raise PreconditionFailed(
        f"VM {vm.label} is {vm.state.value}: {vm.where()}; manual intervention is required",
        nodes=[vm.summary],
    )


# ------------------------------------------------------------------ right before the call


def require_unchanged(host: HostView, definition: Definition) -> None:
    """Read a definition again: the agent goes by vm.cfg as it is at that moment, and everything
    that was decided is for what it said before.

    :raises PreconditionFailed: it names another VM, other disks or cards by now, or cannot be
        read.
    """
    label = f"VM {definition.name!r} ({definition.uuid})"
    try:
        current = read_definition(host, definition.repository_id, definition.directory)
    except Ovm3Error as error:
        raise PreconditionFailed(
            f"{label}: {definition.place} cannot be read: {error}", nodes=[definition.summary]
        ) from error
    if current is None or _identity(current) != _identity(definition):
        what = "can no longer be read" if current is None else "has changed in the meantime"
        raise PreconditionFailed(
            f"{label}: {definition.place} {what}; nothing was sent; check it and try again",
            nodes=[definition.summary],
        )


def _identity(definition: Definition) -> tuple[object, ...]:
    """What a definition says of which VM it is, of its disks and of its network cards."""
    entries = [disk.text for disk in definition.disks]
    cards = [card.text for card in definition.vifs]
    return (definition.xend_name, definition.own_uuid, entries, cards)


def verified_domain(
    host: HostView, definition: Definition, defined_ids: Collection[str]
) -> Domain | None:
    """The live domain that the agent reaches by this definition; None: it has left this host.

    The agent goes by the name that vm.cfg gives at that moment, and perhaps by the names that it
    was sent (which of them is not documented): they all have to be this VM's and nobody else's.

    :param defined_ids: the uuids of all definitions (see :func:`.matches`).
    :raises PreconditionFailed: they are not, or that cannot be read; names both VMs.
    """
    label = f"VM {definition.name!r} ({definition.uuid})"
    try:
        current = read_definition(host, definition.repository_id, definition.directory)
        domains = live_domains(host)
    except Ovm3Error as error:
        raise PreconditionFailed(
            f"{label}: what runs on {host.label} cannot be read: {error}",
            nodes=[definition.summary],
        ) from error
    if current is None:
        raise PreconditionFailed(
            f"{label}: {definition.place} can no longer be read on {host.label}",
            nodes=[definition.summary],
        )
    if (current.xend_name, current.own_uuid) != (definition.xend_name, definition.own_uuid):
        raise PreconditionFailed(
            f"{label}: {definition.place} has changed in the meantime; check it and try again",
            nodes=[definition.summary],
        )
    own = [domain for domain in domains if matches(domain, definition, defined_ids)]
    names = {definition.xend_name, definition.directory, definition.uuid}
    names |= {dashed(name) or name for name in names}
    others = [
        domain
        for domain in domains
        if domain not in own
        and (
            names & {domain.name, domain.uuid, str(domain.domid)}
            or may_match(domain, definition, defined_ids)
        )
    ]
    if others or len(own) > 1 or any(d.name != definition.xend_name for d in own):
        found = ", ".join(
            f"domain {d.domid} is named {d.name!r} and has the uuid {d.uuid}"
            for d in [*own, *others]
        )
        raise PreconditionFailed(
            f"{label}: its vm.cfg gives xend the name {definition.xend_name!r}, and on "
            f"{host.label} that name is not this VM's alone: {found}; the agent might reach the "
            f"wrong one, so nothing was sent; manual intervention is required in "
            f"{definition.place}",
            nodes=[definition.summary],
        )
    return own[0] if own else None
