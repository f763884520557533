"""Restarts xend, which the restart-time patch needs to take effect. Only on request.

xend's threads end with it, so a guest that is rebooting, being saved or migrating at that moment is
lost (xend.md 9, 10.10). One list does not show that: a guest that reboots is not listed for a time
without an upper bound (xend.md 1.6). So the list is read twice, and xend's log as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from libcloud_ovm3.clock import Clock
from libcloud_ovm3.errors import (
    AgentFault,
    HostUnreachable,
    OperationIncomplete,
    OutcomeUnknown,
    UnexpectedFileContent,
    shown,
)
from libcloud_ovm3.installer.host import Host
from libcloud_ovm3.installer.host_files import InstalledAgent

# The older one first: it may contain a guest's shutdown, if the log was rotated since.
LOGS = ("/var/log/xen/xend.log.1", "/var/log/xen/xend.log")
CHANGES = (
    "restarting xend resets some of its data on running guests: weight and cap are shown as 256 "
    "and 0, and get these values at a guest's next reboot; its memory is then what it uses now; "
    "device models take up to 10 s to stop; requests to start, stop or save a guest that are in "
    "progress are lost"
)
_LOG_BYTES = 1 << 20
_LIST_INTERVAL = 5.0  # seconds between the two lists
_MINIMUM_AGE = 60.0  # seconds; a younger guest may still be starting

_SHUTDOWN = re.compile(r"Domain has shutdown: name=(\S+) id=(\d+) reason=(\w+)")
_ADDED = re.compile(r"Adding Domain: (\d+)")
_FAILED = re.compile(r"Failed to restart domain (\d+)")
_TOO_FAST = "restarting too fast"

Guest = Mapping[str, Any]


def restart(
    host: Host,
    agent: InstalledAgent,
    *,
    limit: float,
    progress: Callable[[str], None],
    clock: Clock,
) -> None:
    """Restart xend if no guest is changing state, and wait until it lists all guests again.

    :param limit: seconds for xend to come back.
    :param progress: called with the side effects, before the restart.
    :raises UnexpectedFileContent: a guest is, or may be, starting, rebooting, saved or migrating.
    :raises OperationIncomplete: xend did not come back, or does not list a guest.
    """
    progress(f"{host.name}: {CHANGES}")
    before = _guests(agent)
    clock.sleep(_LIST_INTERVAL)
    after = _guests(agent)
    log = b"".join(host.read(name, _LOG_BYTES) or b"" for name in LOGS).decode("utf-8", "replace")
    obstacles = find_obstacles(before, after, log, host.seconds(), host.restarting_at_poweroff())
    if obstacles:
        raise UnexpectedFileContent(
            f"{host.name}: xend was not restarted, because a guest might be lost:\n  "
            + "\n  ".join(map(shown, obstacles))
        )
    host.service("xend", limit)
    _wait_for(host, agent, {_of(guest, "uuid") for guest in after}, limit, clock)


def find_obstacles(
    before: Sequence[Guest],
    after: Sequence[Guest],
    log: str,
    host_seconds: float,
    restarting: Collection[str] = (),
) -> list[str]:
    """Return the reasons not to restart xend now. Pure.

    :param before: the agent's ``list_vms``; ``after``: the same some seconds later.
    :param log: the end of xend.log.
    :param host_seconds: the host's clock, in seconds since 1970.
    :param restarting: names of guests that restart when they power off.
    """
    obstacles = [reason for guest in after if (reason := _transition_of(guest, host_seconds))]
    if _identities(before) != _identities(after):
        obstacles.append("the list of guests changed within a few seconds")
    obstacles += [
        f"{name} (domain {domid}) began to reboot, and xend's log does not show that it finished"
        for name, domid in pending_restarts(log, after, restarting)
    ]
    return obstacles


def _transition_of(guest: Guest, host_seconds: float) -> str:
    """Return why a guest is, or may be, changing state; ``""`` if not (xend.md 1.2, 1.4)."""
    name, xend_state, status = (_of(guest, key) for key in ("name", "state", "status"))
    if _of(guest, "domid") == "0":
        return ""
    if name.startswith("migrating-"):
        return f"{name}: it is being saved or migrated"
    if "s" in xend_state or "c" in xend_state or status not in ("1", "2"):
        ended = "it has stopped or crashed, but its domain still exists"
        return f"{name}: {ended} ({xend_state}, {status})"
    if status == "1":
        return (
            f"{name}: it is paused, being built, or migrating to this host ({xend_state}, {status})"
        )
    try:
        age = host_seconds - float(_of(guest, "start_time"))
    except ValueError:
        return f"{name}: its start time cannot be read"
    return "" if age >= _MINIMUM_AGE else f"{name}: started {age:.0f} s ago"


def pending_restarts(
    log: str, guests: Sequence[Guest], restarting: Collection[str] = ()
) -> list[tuple[str, str]]:
    """Return ``(name, domid)`` of guests that began to reboot and, by the log, did not finish.

    "Adding Domain" contains only the new domid; it counts for a guest if that domid is known to be
    its own: from the list, or from a later line about its shutdown. In doubt it is pending.
    """
    owners = {_of(guest, "domid"): _of(guest, "name") for guest in guests}
    owners.update({domid: name for name, domid, _ in _SHUTDOWN.findall(log)})
    pending: dict[str, str] = {}  # name -> domid
    for line in log.splitlines():
        if found := _SHUTDOWN.search(line):
            pending.pop(found[1], None)  # it has been running again since
            if found[3] in ("reboot", "crash") or (
                found[3] == "poweroff" and found[1] in restarting
            ):
                pending[found[1]] = found[2]
        elif found := _ADDED.search(line):
            pending.pop(owners.get(found[1], ""), None)
        elif found := _FAILED.search(line):
            pending = {name: domid for name, domid in pending.items() if domid != found[1]}
        elif _TOO_FAST in line:
            words = set(re.split(r"[\s,:'\"]+", line))
            pending = {name: domid for name, domid in pending.items() if name not in words}
    return list(pending.items())


def _guests(agent: InstalledAgent) -> list[Guest]:
    found = agent.call("list_vms")
    return [guest for guest in found if isinstance(guest, Mapping)] if found else []


def _identities(guests: Iterable[Guest]) -> set[tuple[str, str]]:
    return {(_of(guest, "uuid"), _of(guest, "domid")) for guest in guests}


def _of(guest: Guest, key: str) -> str:
    return str(guest.get(key, "")).strip()


def _wait_for(
    host: Host,
    agent: InstalledAgent,
    expected: set[str],
    limit: float,
    clock: Clock,
) -> None:
    """Wait until xend lists all guests that it had."""
    end = clock.now() + limit
    while True:
        try:
            missing = expected - {_of(guest, "uuid") for guest in _guests(agent)}
            error_text = f"without {', '.join(sorted(missing))}" if missing else ""
        except (AgentFault, HostUnreachable, OutcomeUnknown) as error:
            error_text = str(error)
        if not error_text:
            return
        if clock.now() >= end:
            raise OperationIncomplete(
                f"{host.name}: xend was restarted and did not come back: {error_text}"
            )
        clock.sleep(1)
