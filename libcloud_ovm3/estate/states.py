"""The state of a VM: one pure function of what hosts list and repositories contain.

Sources: xend.md 1.1 (the six letters of xend's state), 1.2 (``status``), 1.4 (each phase). The
letters are of xend's last refresh and ``status`` is current, so they may disagree; ``status`` then
decides.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

_LETTERS = re.compile("[r-][b-][p-][s-][c-][d-]")
_LEFT_OVER = re.compile(r"Domain-(Unnamed|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})")
RESTARTS = frozenset({"restart", "rename-restart", "coredump-restart"})


class State(str, Enum):
    """The state of a VM, as far as it is known."""

    RUNNING = "running"
    PAUSED = "paused"
    PENDING = "pending"  # it is being created, or xend is building its domain
    REBOOTING = "rebooting"
    MIGRATING = "migrating"  # or being saved, which xend shows in the same way
    STOPPING = "stopping"  # it has shut down, but still uses memory and disks
    STOPPED = "stopped"  # proven: every host answered, and none runs it
    SUSPENDED = "suspended"  # its memory is saved
    ERROR = "error"  # crashed, left over, or live twice: manual intervention is required
    UNKNOWN = "unknown"


class VolumeState(str, Enum):
    """The state of a volume."""

    AVAILABLE = "available"
    IN_USE = "inuse"
    CREATING = "creating"
    ERROR = "error"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class DomainFacts:
    """One live domain as one host lists it (:class:`.Domain`). None means: not listed."""

    xend_state: str | None
    status: str | None
    name: str | None
    on_poweroff: str | None = None
    on_reboot: str | None = None


@dataclass(frozen=True)
class DefinitionFacts:
    """What is known about a VM's definition.

    :ivar definitions: The number of its vm.cfg files.
    :ivar readable: Whether all of them could be read.
    :ivar creating: Whether its description says that it is being created.
    :ivar name: The name that it has for xend; "" if it is unknown.
    :ivar all_answered: Whether every host that may run it has answered.
    :ivar saved: Whether its claim says that the memory of its guest is saved.
    """

    definitions: int = 1
    readable: bool = True
    creating: bool = False
    name: str = ""
    all_answered: bool = True
    saved: bool = False


def vm_state(facts: Sequence[DomainFacts], known: DefinitionFacts) -> State:
    """The state of one VM (one uuid) from all its live domains and its definition."""
    if len(facts) > 1:
        return _of_several(facts, known)
    if facts:
        state = domain_state(facts[0], known)
    elif known.creating:
        state = State.PENDING
    elif known.all_answered and known.readable and known.definitions:
        state = State.SUSPENDED if known.saved else State.STOPPED
    else:
        state = State.UNKNOWN
    return State.ERROR if known.definitions > 1 else state


def _of_several(facts: Sequence[DomainFacts], known: DefinitionFacts) -> State:
    # During a migration two domains have the uuid: the source is renamed, the target has its own
    # name (xend.md 1.4). Anything else that is live twice is two VMs on one set of disks.
    leaving = [one for one in facts if _is_leaving(one, known)]
    if len(facts) == 2 and len(leaving) == 1 and known.definitions <= 1:
        return State.MIGRATING
    return State.ERROR


def _is_leaving(facts: DomainFacts, known: DefinitionFacts) -> bool:
    name = facts.name or ""
    return name.startswith("migrating-") and name != known.name


def domain_state(facts: DomainFacts, known: DefinitionFacts) -> State:
    """The state of one live domain."""
    if _is_leaving(facts, known):
        return State.MIGRATING
    if facts.name != known.name and _LEFT_OVER.fullmatch(facts.name or ""):
        return State.ERROR
    if facts.xend_state is None:  # not live: xend manages it, or has just lost it
        return State.SUSPENDED if facts.status == "3" else State.UNKNOWN
    if not _LETTERS.fullmatch(facts.xend_state):
        return State.UNKNOWN
    return _of_letters(facts.xend_state, facts, known)


def _of_letters(xend_state: str, facts: DomainFacts, known: DefinitionFacts) -> State:
    if facts.status == "5" or "c" in xend_state:
        return State.ERROR
    if facts.status == "0" or "s" in xend_state or "d" in xend_state:
        return _after_shutdown(facts)
    if facts.status == "1":
        if xend_state == "------":
            return State.PENDING  # xend is building its domain
        if "p" in xend_state:
            return State.PENDING if known.creating else State.PAUSED
        return State.STOPPING  # was running, is paused now: it is being destroyed (xend.md 1.2)
    return State.RUNNING if facts.status == "2" else State.UNKNOWN


def _after_shutdown(facts: DomainFacts) -> State:
    # The reason is not listed: only if both orderly ends lead to a restart, it is certainly one.
    if {facts.on_poweroff, facts.on_reboot} <= RESTARTS:
        return State.REBOOTING
    return State.STOPPING
