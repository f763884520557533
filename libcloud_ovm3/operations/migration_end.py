"""How a migration has ended, by what both hosts list: xend's source ends its domain without any
word of the target, so that neither success nor a fault of the call tells (xend.md 4.1)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum

from libcloud_ovm3.errors import AgentFault, OutcomeUnknown
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.states import State
from libcloud_ovm3.estate.vms import LiveDomain
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.presence import POLL, READS, Presence, read_presence

COPY_WAIT = 20.0  # seconds; after a failure xend ends the target's copy in its own time (4.1)


class End(Enum):
    """What the two hosts show."""

    ARRIVED = "arrived"
    STAYED = "stayed"
    HALF = "stayed, with a copy on the target"
    GONE = "on neither"
    GOES_ON = "goes on"
    UNCLEAR = "unclear"


@dataclass(frozen=True)
class Seen:
    """What was read last.

    :ivar copy: the domain on the target, if the VM is on its source.
    """

    end: End
    presence: Presence
    copy: LiveDomain | None = None


@dataclass(frozen=True)
class Move:
    """A migration that was asked for: of which VM, from where, to where."""

    operation: Operation
    definition: Definition
    source: HostView
    target: HostView
    defined_ids: Collection[str]

    @property
    def label(self) -> str:
        """How messages name the VM."""
        return f"VM {self.definition.name!r} ({self.definition.uuid})"


def seen(move: Move, presence: Presence) -> Seen:
    """What one reading of both hosts shows."""
    here = [one for one in presence.live if one.host is move.source]
    there = [one for one in presence.live if one.host is move.target]
    if presence.unanswered or presence.doubtful or len(here) > 1 or len(there) > 1:
        return Seen(End.UNCLEAR, presence)
    if not here and not there:
        return Seen(End.GONE, presence)
    if not here:
        is_running = presence.state_in(there[0]) is State.RUNNING
        return Seen(End.ARRIVED if is_running else End.GOES_ON, presence)
    state = presence.state_in(here[0])
    if state is State.MIGRATING:
        return Seen(End.GOES_ON, presence)
    if state is not State.RUNNING:
        return Seen(End.UNCLEAR, presence)
    return Seen(End.HALF, presence, there[0]) if there else Seen(End.STAYED, presence)


def wait_for_end(
    move: Move, failed: AgentFault | OutcomeUnknown | None, deadline: float, copy_wait: float
) -> Seen:
    """Read both hosts until they show how it has ended, or the time is over.

    That it is on neither is read twice, some seconds apart: its guest may be rebooting. That it
    has stayed, some times: the lists may be stale, the effect late. What can only be seen from a
    host that does not answer is not waited for until the end.

    :param failed: of the request.
    :param deadline: by the estate's clock.
    :param copy_wait: for so many seconds a copy on the target may go by itself.
    """
    clock = move.operation.estate.clock
    hosts = [move.source, move.target]
    before, times, began = None, 0, clock.now()
    while True:
        found = seen(move, read_presence(hosts, move.definition, move.defined_ids))
        times = times + 1 if found.end is before else 1
        before = found.end
        if found.end is End.ARRIVED or (found.end is End.GONE and times > 1):
            return found
        if found.end is End.STAYED and failed is not None and times >= READS:
            return found
        if found.end is End.HALF and failed is not None and clock.now() - began >= copy_wait:
            return found
        is_over = found.end in (
            End.UNCLEAR,
            End.STAYED,
            End.HALF,
        )  # time alone changes none of these
        if is_over and clock.now() - began >= COPY_WAIT and times >= READS:
            return found
        if clock.now() >= deadline and not (found.end is End.GONE and times == 1):
            return found
        clock.sleep(move.operation.estate.second_look if found.end is End.GONE else POLL)
