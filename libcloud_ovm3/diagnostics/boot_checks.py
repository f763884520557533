"""Doctor check of when the hosts booted: several at the same time explain why VMs are down.

Pure: no I/O. Source: agent-behaviour.md 8.4; a host that reboots loses all its domains.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from libcloud_ovm3.diagnostics.collect import MemberData
from libcloud_ovm3.diagnostics.finding import Finding
from libcloud_ovm3.diagnostics.inventory import name_of
from libcloud_ovm3.estate.vms import EstateSnapshot

TOGETHER = 600.0  # seconds; after a power failure hosts do not boot in the same second
RECENT = 86400.0  # seconds; hosts that booted together long ago explain nothing any more


def check_boots(
    members: Sequence[MemberData], snapshot: EstateSnapshot, now: datetime
) -> Iterator[Finding]:
    """Report when each host booted, and which of them did so recently and together."""
    uptimes = sorted((m.uptime, name_of(m.view)) for m in members if m.uptime is not None)
    if not uptimes:
        return
    listed = ", ".join(f"{name} {_moment(now, uptime)}" for uptime, name in uptimes)
    yield Finding("ok", "boot", f"last boot: {listed}")
    for group in _booted_together(uptimes):
        if len(group) > 1 and group[0][0] <= RECENT:
            yield _report_group(group, snapshot)


def _booted_together(uptimes: Sequence[tuple[float, str]]) -> list[list[tuple[float, str]]]:
    """Group sorted uptimes: no two of a group differ by more than :data:`TOGETHER`."""
    groups: list[list[tuple[float, str]]] = []
    for uptime, name in uptimes:
        if groups and uptime - groups[-1][0][0] <= TOGETHER:
            groups[-1].append((uptime, name))
        else:
            groups.append([(uptime, name)])
    return groups


def _report_group(group: Sequence[tuple[float, str]], snapshot: EstateSnapshot) -> Finding:
    latest, earliest = group[0][0], group[-1][0]
    names = sorted(name for _, name in group)
    found = (
        f"{', '.join(names[:-1])} and {names[-1]} booted within {_span(earliest - latest)} of each "
        f"other, {_span(latest)} ago"
    )
    live = sum(bool(vm.live) for vm in snapshot.vms.values())
    if live or not snapshot.vms:
        running = f"{live} of {len(snapshot.vms)} VMs are live now" if live else "there are no VMs"
        return Finding(
            "note", "boot", f"{found}; {running}", "VMs that ran on them before were powered off"
        )
    anywhere = "on the hosts that could be read" if snapshot.unseen else "anywhere"
    return Finding(
        "warning",
        "boot",
        f"{found}; no VM is live {anywhere}",
        "these boots are probably why the VMs are down: VMs do not survive a reboot of their host. "
        "Usual causes are a power failure, or cluster members that fenced themselves because they "
        "lost the pool's file system or their network",
        "see /var/log/messages of each host for the minutes before its boot; then start the VMs",
    )


def _moment(now: datetime, uptime: float) -> str:
    """The time at which a host booted; "long ago" if the calendar of Python has no such time."""
    try:
        return f"{now - timedelta(seconds=uptime):%Y-%m-%d %H:%M %Z}"
    except OverflowError:
        return "long ago"


def _span(seconds: float) -> str:
    """A length of time, rounded down: ``90 s``, ``12 minutes``, ``3 hours``."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = int(seconds) // 60
    return f"{minutes} minutes" if minutes < 120 else f"{minutes // 60} hours"
