"""The kind of a call, which decides its time limit and whether it may be sent twice. Pure.

A *read* changes nothing on the host and may be repeated. Every call not known to be read-only
counts as a write and is sent at most once. *Long* calls are writes that copy data or wait for a
guest or a lock: agent-behaviour 1 asks for 15 minutes or more. The catalogue has the kind of each
function.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from libcloud_ovm3.agent import catalogue
from libcloud_ovm3.agent.catalogue import Kind
from libcloud_ovm3.errors import InvalidArgument

__all__ = ["Kind", "TimeLimits", "kind_of"]


def kind_of(function: str, claimed: Kind | None = None) -> Kind:
    """The kind of one of the agent's functions.

    :param claimed: The kind that the caller states. It counts for functions that are not in the
        catalogue (which are writes otherwise) and for time limits, but does not make a read of
        what is a write in the catalogue.
    """
    known = catalogue.functions().get(function)
    if known is None:
        return claimed or "write"
    if claimed is None or (claimed == "read" and known.kind != "read"):
        return known.kind
    return claimed


@dataclass(frozen=True)
class TimeLimits:
    """How long one call may take, in seconds, from the first byte sent to the last byte received.

    A write may have to wait for another VM's start, which holds xend's lock for minutes (xend.md 2,
    10.8), so its limit is high. A *read* of live data does not wait for that lock.
    """

    connect: float = 10.0
    read: float = 60.0
    write: float = 300.0
    long: float = 3600.0

    @classmethod
    def of(cls, timeout: float | str | None, limits: dict[str, Any] | None) -> TimeLimits:
        """Limits from the driver's ``timeout`` (for reads) and ``ex_timeouts`` (by kind, wins).

        :raises InvalidArgument: A kind is unknown, or a limit is not a positive number.
        """
        wanted: dict[str, Any] = {} if timeout is None else {"read": timeout}
        wanted.update(limits or {})
        known = [field.name for field in fields(cls)]
        for name, value in wanted.items():
            if name not in known:
                raise InvalidArgument(f"time limit {name!r}: expected one of {', '.join(known)}")
            wanted[name] = parse_seconds(value, f"time limit {name}")
        return cls(**wanted)

    def of_kind(self, kind: Kind) -> float:
        """The limit of one kind of call, in seconds."""
        return {"read": self.read, "write": self.write, "long": self.long}[kind]


def parse_seconds(value: Any, name: str, *, may_be_zero: bool = False) -> float:
    """A number of seconds as users write it: a number, or a text with one.

    :param name: What it is, for the error.
    :param may_be_zero: Whether 0 is a valid value.
    :raises InvalidArgument: It is not a number, is negative, is 0 where that is not valid, or is
        10,000,000 or more.
    """
    try:
        seconds = -1.0 if isinstance(value, bool) else float(value)  # "yes" is not 1 s
    except (TypeError, ValueError, OverflowError):
        seconds = -1.0
    if not (0 < seconds < 1e7 or (may_be_zero and seconds == 0)):
        raise InvalidArgument(
            f"{name} {value!r}: expected seconds, {'0 or more' if may_be_zero else 'more than 0'}"
        )
    return seconds
