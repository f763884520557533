"""Where a VM is live at this moment, asked of the hosts anew: what every door looks at.

Before a call that goes by a name: is it the right machine? After a call that failed: has it taken
effect all the same? What a host did not answer is kept apart from what it does not have.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from libcloud_ovm3.agent.identifiers import dashed
from libcloud_ovm3.errors import Ovm3Error, PreconditionFailed
from libcloud_ovm3.estate.definitions import Definition, matches, may_match, read_definition
from libcloud_ovm3.estate.domains import Domain
from libcloud_ovm3.estate.hosts import HostView, live_domains, map_hosts
from libcloud_ovm3.estate.states import DefinitionFacts, State, domain_state
from libcloud_ovm3.estate.vms import LiveDomain

POLL = 1.0  # seconds between looks while waiting
LOOKS = 3  # after a write; a list may be stale while another start goes on (xend.md 1.3)


@dataclass(frozen=True)
class Presence:
    """What one look at several hosts has shown of one VM.

    :ivar unanswered: the hosts that did not answer, by their labels, and why.
    :ivar doubtful: live domains that may be it, or another's.
    :ivar writers: live domains of others that write to one of its disks, and to which.
    """

    definition: Definition
    live: tuple[LiveDomain, ...]
    unanswered: Mapping[str, Ovm3Error]
    doubtful: tuple[LiveDomain, ...] = ()
    writers: tuple[tuple[LiveDomain, str], ...] = ()

    @property
    def is_absent(self) -> bool:
        """Whether all hosts answered, and none has it or what may be it."""
        return not self.live and not self.unanswered and not self.doubtful

    @property
    def state(self) -> State | None:
        """The state that it shows, if it is live in one place."""
        return self.state_in(self.live[0]) if len(self.live) == 1 else None

    def state_in(self, place: LiveDomain) -> State:
        """The state that it shows in one place."""
        known = DefinitionFacts(name=self.definition.xend_name)
        return domain_state(place.domain.facts(), known)

    def described(self) -> str:
        """What was seen, for messages: "it is running on ovm-1 (...) as domain 5"."""
        live = [
            f"it is {self.state_in(p).value} on {p.host.label} as domain {p.domain.domid}"
            for p in self.live
        ]
        silent = [f"what {host} runs is not known: {e}" for host, e in self.unanswered.items()]
        live += [f"it may be {p.domain.label} on {p.host.label}" for p in self.doubtful]
        return "; ".join(live + silent) or "it is not seen on any host"


def read_presence(
    hosts: Sequence[HostView], definition: Definition, defined_ids: Collection[str]
) -> Presence:
    """Ask all these hosts at once whether they run a VM: one read each.

    :param defined_ids: the uuids of all definitions (see :func:`.matches`).
    """
    places: list[LiveDomain] = []
    doubtful: list[LiveDomain] = []
    writers: list[tuple[LiveDomain, str]] = []
    unanswered: dict[str, Ovm3Error] = {}
    for host, domains in zip(hosts, map_hosts(live_domains, hosts), strict=True):
        if isinstance(domains, Ovm3Error):
            unanswered[host.label] = domains
            continue
        for domain in domains:
            if matches(domain, definition, defined_ids):
                places.append(LiveDomain(host, domain))
            elif may_match(domain, definition, defined_ids):
                doubtful.append(LiveDomain(host, domain))
            else:
                writers += [
                    (LiveDomain(host, domain), path) for path in _written(domain, definition)
                ]
    return Presence(definition, tuple(places), unanswered, tuple(doubtful), tuple(writers))


def _written(domain: Domain, definition: Definition) -> list[str]:
    """The disks of this definition that another's domain writes to, unless both share it."""
    return [
        path
        for path, mode in zip(domain.disks, domain.modes, strict=True)
        for disk in definition.disks
        if disk.path == path and not mode.startswith("r") and not (disk.is_shared and mode == "w!")
    ]


def require_unchanged(host: HostView, definition: Definition) -> None:
    """Right before a start or a deletion: the agent goes by vm.cfg as it is at that moment, and all
    looks were for what it said before.

    :raises Refused: it names another VM or other disks by now, or cannot be read.
    """
    label = f"VM {definition.name!r} ({definition.uuid})"
    try:
        file = read_definition(host, definition.repository_id, definition.directory)
    except Ovm3Error as error:
        raise PreconditionFailed(f"{label}: {definition.place} cannot be read: {error}") from error
    if file is None or _named_by(file) != _named_by(definition):
        what = "cannot be read (any more)" if file is None else "has been changed meanwhile"
        raise PreconditionFailed(
            f"{label}: {definition.place} {what}; nothing was sent; look again"
        )


def _named_by(definition: Definition) -> tuple[object, ...]:
    entries = [disk.text for disk in definition.disks]
    return (definition.xend_name, definition.own_uuid, entries)


def verified_domain(
    host: HostView, definition: Definition, defined_ids: Collection[str]
) -> Domain | None:
    """The live domain that the agent reaches by this definition; None: it has left this host.

    The agent goes by the name that vm.cfg gives at that moment, and perhaps by the names that it
    was sent (which of them is not documented): they all have to be this VM's and nobody else's.

    :raises Refused: they are not, or it cannot be seen; names both.
    """
    label = f"VM {definition.name!r} ({definition.uuid})"
    try:
        file = read_definition(host, definition.repository_id, definition.directory)
        domains = live_domains(host)
    except Ovm3Error as error:
        raise PreconditionFailed(
            f"{label}: what runs on {host.label} cannot be seen: {error}"
        ) from error
    if file is None:
        raise PreconditionFailed(
            f"{label}: {definition.place} cannot be read on {host.label} (any more)"
        )
    if (file.xend_name, file.own_uuid) != (definition.xend_name, definition.own_uuid):
        raise PreconditionFailed(
            f"{label}: {definition.place} has been changed meanwhile; look again"
        )
    mine = [domain for domain in domains if matches(domain, definition, defined_ids)]
    called = {definition.xend_name, definition.directory, definition.uuid}
    called |= {dashed(name) or name for name in called}
    others = [
        domain
        for domain in domains
        if domain not in mine
        and (
            called & {domain.name, domain.uuid, str(domain.domid)}
            or may_match(domain, definition, defined_ids)
        )
    ]
    if others or len(mine) > 1 or any(d.name != definition.xend_name for d in mine):
        found = ", ".join(map(_named, [*mine, *others]))
        raise PreconditionFailed(
            f"{label}: its vm.cfg gives xend the name {definition.xend_name!r}, and on "
            f"{host.label} that is not this VM alone: {found}; the agent might reach the other "
            f"one, so nothing was sent; a person has to look at {definition.place}"
        )
    return mine[0] if mine else None


def _named(domain: Domain) -> str:
    return f"domain {domain.domid} is named {domain.name!r} and has the uuid {domain.uuid}"
