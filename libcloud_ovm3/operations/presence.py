"""Where a VM is live at this moment, read from the hosts anew.

Before a call: is the VM absent everywhere? After a call that failed: has it taken effect all the
same? What could not be read from a host is kept apart from what that host does not have.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from libcloud_ovm3.errors import Ovm3Error
from libcloud_ovm3.estate.attachments import key_of_path
from libcloud_ovm3.estate.definitions import Definition, matches, may_match
from libcloud_ovm3.estate.domains import Domain
from libcloud_ovm3.estate.hosts import HostView, live_domains, map_hosts
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.states import DefinitionFacts, State, domain_state
from libcloud_ovm3.estate.vms import LiveDomain
from libcloud_ovm3.progress import waiting

POLL = 1.0  # seconds between two reads while waiting
READS = 3  # after a write; a list may be stale while another start goes on (xend.md 1.3)


@dataclass(frozen=True)
class Presence:
    """What one reading of several hosts has shown of one VM.

    :ivar live: where it is live.
    :ivar unanswered: the hosts that could not be read, by their labels, and why.
    :ivar doubtful: live domains that may be this VM's, or another's.
    :ivar writers: live domains of others that write to one of its disks, and to which.
    """

    definition: Definition
    live: tuple[LiveDomain, ...]
    unanswered: Mapping[str, Ovm3Error]
    doubtful: tuple[LiveDomain, ...] = ()
    writers: tuple[tuple[LiveDomain, str], ...] = ()

    @property
    def is_absent(self) -> bool:
        """Whether all hosts could be read, and none has it or what may be it."""
        return not self.live and not self.unanswered and not self.doubtful

    @property
    def state(self) -> State | None:
        """The state that it shows, if it is live in one place."""
        return self.state_in(self.live[0]) if len(self.live) == 1 else None

    @property
    def summary(self) -> dict[str, str | None]:
        """The id, the name and this state of the VM, for errors."""
        return {**self.definition.summary, "state": self.state and self.state.value}

    def state_in(self, live: LiveDomain) -> State:
        """The state that it shows in one place."""
        facts = DefinitionFacts(name=self.definition.xend_name)
        return domain_state(live.domain.facts(), facts)

    def described(self) -> str:
        """What was read, for messages: "it is running on ovm-1 (...) as domain 5"."""
        parts = [
            f"it is {self.state_in(p).value} on {p.host.label} as domain {p.domain.domid}"
            for p in self.live
        ]
        parts += [f"it may be {p.domain.label} on {p.host.label}" for p in self.doubtful]
        parts += [f"what {host} runs is unknown: {e}" for host, e in self.unanswered.items()]
        return "; ".join(parts) or "no host reports it"


def before_second_look(estate: Estate, name: str, vm_id: str) -> None:
    """Wait between the two reads that prove that a VM is absent."""
    seconds = estate.second_look
    with waiting(f"VM {name!r}: reading all hosts again in {seconds:g} s", vm=vm_id):
        estate.clock.sleep(seconds)


def read_presence(
    hosts: Sequence[HostView], definition: Definition, defined_ids: Collection[str]
) -> Presence:
    """Ask all these hosts at once whether they run a VM: one read per host.

    :param defined_ids: the uuids of all definitions (see :func:`.matches`).
    """
    live: list[LiveDomain] = []
    doubtful: list[LiveDomain] = []
    writers: list[tuple[LiveDomain, str]] = []
    unanswered: dict[str, Ovm3Error] = {}
    for host, domains in zip(hosts, map_hosts(live_domains, hosts), strict=True):
        if isinstance(domains, Ovm3Error):
            unanswered[host.label] = domains
            continue
        for domain in domains:
            if matches(domain, definition, defined_ids):
                live.append(LiveDomain(host, domain))
            elif may_match(domain, definition, defined_ids):
                doubtful.append(LiveDomain(host, domain))
            else:
                writers += [
                    (LiveDomain(host, domain), path) for path in written(domain, definition)
                ]
    return Presence(definition, tuple(live), unanswered, tuple(doubtful), tuple(writers))


def written(domain: Domain, definition: Definition) -> list[str]:
    """The disks of this definition that another's domain writes to, unless both share it.

    A LUN may have another name there: one with the same WWID is it.
    """
    return [
        path
        for path, mode in zip(domain.disks, domain.modes, strict=True)
        for disk in definition.disks
        if disk.path
        and key_of_path(disk.path) == key_of_path(path)
        and not mode.startswith("r")
        and not (disk.is_shared and mode == "w!")
    ]
