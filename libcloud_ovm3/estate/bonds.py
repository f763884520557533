"""What the agent's words about a bond mean: its mode, its slaves. Pure.

Sources: agent-behaviour 13; the words are those of the kernel's ``/proc/net/bonding``.
"""

from __future__ import annotations

# The kernel's names of modes -> their numbers (agent-behaviour 13 shows the second one).
_MODES = {
    "balance-rr": 0,
    "active-backup": 1,
    "balance-xor": 2,
    "broadcast": 3,
    "802.3ad": 4,
    "balance-tlb": 5,
    "balance-alb": 6,
    "load balancing (round-robin)": 0,
    "fault-tolerance (active-backup)": 1,
    "load balancing (xor)": 2,
    "fault-tolerance (broadcast)": 3,
    "ieee 802.3ad dynamic link aggregation": 4,
    "transmit load balancing": 5,
    "adaptive load balancing": 6,
}
BALANCE_ALB = _MODES["balance-alb"]  # it rewrites MAC addresses: VLANs do not work over it


def mode_number(text: str | None) -> int | None:
    """The number of a mode, 0 to 6; None: unknown."""
    return _MODES.get((text or "").strip().lower())


def slave_name(text: str | None) -> str | None:
    """``eth1`` of ``eth1 (primary_reselect always)``; None: there is none, which the kernel writes
    as ``None``.
    """
    name = next(iter((text or "").split()), "None")
    return None if name == "None" else name
