"""What state a VM is in: one pure, total function of what the hosts show and the repositories hold.

Sources: xend.md 1.1 (the six letters), 1.2 (``status``), 1.4 (what each phase shows). Letters are
those of xend's last refresh, ``status`` is of now, so they can disagree; ``status`` then has the
last word.
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
    """What a VM does, as far as it is known."""

    RUNNING = "running"
    PAUSED = "paused"
    PENDING = "pending"  # its definition is unfinished, or xend is building it
    REBOOTING = "rebooting"
    MIGRATING = "migrating"  # or being saved: xend shows the same
    STOPPING = "stopping"  # has shut down, but still holds memory and disks
    STOPPED = "stopped"  # proven: every host answered and none has it
    SUSPENDED = "suspended"  # saved, known to xend
    ERROR = "error"  # crashed, left over, or in two places: a person has to look
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class DomainFacts:
    """One live domain as one host lists it. None: the listing does not say."""

    xend_state: str | None
    status: str | None
    name: str | None
    on_poweroff: str | None = None
    on_reboot: str | None = None


@dataclass(frozen=True)
class DefinitionFacts:
    """What is known of a VM's definition.

    :ivar definitions: in how many places a vm.cfg of it lies.
    :ivar readable: whether what it says could be read.
    :ivar creating: whether its description says that it is being created.
    :ivar name: the name it gives to xend, "" if not known.
    :ivar all_answered: whether every host that may run it has answered.
    """

    definitions: int = 1
    readable: bool = True
    creating: bool = False
    name: str = ""
    all_answered: bool = True


def vm_state(facts: Sequence[DomainFacts], known: DefinitionFacts) -> State:
    """The state of one VM (one uuid) from all its live domains and its definition."""
    if len(facts) > 1:
        return _of_several(facts, known)
    if facts:
        state = domain_state(facts[0], known)
    elif known.creating:
        state = State.PENDING
    elif known.all_answered and known.readable and known.definitions:
        state = State.STOPPED
    else:
        state = State.UNKNOWN
    return State.ERROR if known.definitions > 1 else state


def _of_several(facts: Sequence[DomainFacts], known: DefinitionFacts) -> State:
    # A migration shows the same uuid twice: the source renamed, the target under its own name
    # (xend.md 1.4). Anything else that is live twice is two machines on one set of disks.
    leaving = [facts for facts in facts if _is_leaving(facts, known)]
    if len(facts) == 2 and len(leaving) == 1 and known.definitions <= 1:
        return State.MIGRATING
    return State.ERROR


def _is_leaving(facts: DomainFacts, known: DefinitionFacts) -> bool:
    name = facts.name or ""
    return name.startswith("migrating-") and name != known.name


def domain_state(seen: DomainFacts, known: DefinitionFacts) -> State:
    """The state that one live domain shows."""
    xend_state = (
        seen.xend_state if seen.xend_state and _LETTERS.fullmatch(seen.xend_state) else None
    )
    if _is_leaving(seen, known):
        return State.MIGRATING
    if seen.name != known.name and _LEFT_OVER.fullmatch(seen.name or ""):
        return State.ERROR
    if seen.xend_state is not None and xend_state is None:
        return State.UNKNOWN
    if (
        xend_state is None
    ):  # no letters at all: not live, a domain that xend manages or has just lost
        return State.SUSPENDED if seen.status == "3" else State.UNKNOWN
    return _of_letters(xend_state, seen, known)


def _of_letters(xend_state: str, seen: DomainFacts, known: DefinitionFacts) -> State:
    if seen.status == "5" or "c" in xend_state:
        return State.ERROR
    if seen.status == "0" or "s" in xend_state or "d" in xend_state:
        return _after_shutdown(seen)
    if seen.status == "1":
        if xend_state == "------":
            return State.PENDING  # xend is building it
        if "p" in xend_state:
            return State.PENDING if known.creating else State.PAUSED
        return State.STOPPING  # running a moment ago, paused now: a destroy under way (xend.md 1.2)
    return State.RUNNING if seen.status == "2" else State.UNKNOWN


def _after_shutdown(seen: DomainFacts) -> State:
    # The reason is not shown; only where both orderly ways of ending lead to a restart is it one.
    if {seen.on_poweroff, seen.on_reboot} <= RESTARTS:
        return State.REBOOTING
    return State.STOPPING
