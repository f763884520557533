"""Restarting xend, which the restart-time patch needs to take effect. Never by itself.

xend's threads die with it, so a guest that is between two lives, saved or migrated at that moment
is lost (xend.md 9, 10.10). Whether one is cannot be seen in one list: a guest that reboots is off
it for a time without a bound (xend.md 1.6). So the list is read twice, and xend's log as well.
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
from libcloud_ovm3.installer.host_files import Agent

# The older one first: a guest's shutdown may stand there since the log was begun anew.
LOGS = ("/var/log/xen/xend.log.1", "/var/log/xen/xend.log")
CHANGES = (
    "restarting xend changes what it knows of running guests: weight and cap print as 256 and 0 "
    "and become that at a guest's next reboot, which also gets the memory that the guest uses now; "
    "device models then take up to 10 s to stop; orders to start, stop or save that were under way "
    "are forgotten"
)
_LOG_BYTES = 1 << 20
_APART = 5.0  # seconds between the two lists
_YOUNG = 60.0  # seconds; a younger guest may still be starting

_SHUTDOWN = re.compile(r"Domain has shutdown: name=(\S+) id=(\d+) reason=(\w+)")
_ADDED = re.compile(r"Adding Domain: (\d+)")
_FAILED = re.compile(r"Failed to restart domain (\d+)")
_TOO_FAST = "restarting too fast"

Guest = Mapping[str, Any]


def restart(
    host: Host,
    agent: Agent,
    *,
    limit: float,
    tell: Callable[[str], None],
    clock: Clock,
) -> None:
    """Restart xend if no guest is between two states, and wait until it has all guests again.

    :param limit: seconds for xend to come back.
    :param tell: gets what it will change, before it does.
    :raises Refused: a guest starts, reboots, is saved or migrates, or may do so.
    :raises OperationIncomplete: xend does not come back, or without a guest.
    """
    tell(f"{host.name}: {CHANGES}")
    before = _guests(agent)
    clock.sleep(_APART)
    after = _guests(agent)
    log = b"".join(host.read(name, _LOG_BYTES) or b"" for name in LOGS).decode("utf-8", "replace")
    problems = why_not(before, after, log, host.seconds(), host.restarting_at_poweroff())
    if problems:
        raise UnexpectedFileContent(
            f"{host.name}: xend was not restarted, since that might lose a guest:\n  "
            + "\n  ".join(map(shown, problems))
        )
    host.service("xend", limit)
    _wait_for(host, agent, {_of(guest, "uuid") for guest in after}, limit, clock)


def why_not(
    before: Sequence[Guest],
    after: Sequence[Guest],
    log: str,
    host_seconds: float,
    restarting: Collection[str] = (),
) -> list[str]:
    """What speaks against restarting xend now. Pure.

    :param before: the agent's ``list_vms``; ``after``: the same some seconds later.
    :param log: the end of xend.log.
    :param host_seconds: the host's own clock, seconds since 1970.
    :param restarting: names of guests that come back when they power off.
    """
    problems = [problem for guest in after if (problem := _unsettled(guest, host_seconds))]
    if _lives(before) != _lives(after):
        problems.append("guests came or went within a few seconds")
    problems += [
        f"{name} (domain {domid}) has stopped to reboot, and xend's log does not say how that ended"
        for name, domid in pending_restarts(log, after, restarting)
    ]
    return problems


def _unsettled(guest: Guest, host_seconds: float) -> str:
    """Why a guest is between two states, or ``""`` (xend.md 1.2, 1.4)."""
    name, xend_state, status = (_of(guest, key) for key in ("name", "state", "status"))
    if _of(guest, "domid") == "0":
        return ""
    if name.startswith("migrating-"):
        return f"{name}: it is saved or migrates"
    if "s" in xend_state or "c" in xend_state or status not in ("1", "2"):
        return f"{name}: it has stopped or crashed and is still there ({xend_state}, {status})"
    if status == "1":
        return f"{name}: it is paused, or being built, or received ({xend_state}, {status})"
    try:
        age = host_seconds - float(_of(guest, "start_time"))
    except ValueError:
        return f"{name}: how old it is cannot be seen"
    return "" if age >= _YOUNG else f"{name}: started {age:.0f} s ago"


def pending_restarts(
    log: str, guests: Sequence[Guest], restarting: Collection[str] = ()
) -> list[tuple[str, str]]:
    """``(name, domid)`` of guests that stopped to reboot and whose end the log does not show.

    "Adding Domain" names only the new domid; it counts for a guest if that domid is known to be
    its own: from the list, or from a later line about its shutdown. When in doubt it is pending.
    """
    owners = {_of(guest, "domid"): _of(guest, "name") for guest in guests}
    owners.update({domid: name for name, domid, _ in _SHUTDOWN.findall(log)})
    pending: dict[str, str] = {}  # name -> domid
    for line in log.splitlines():
        if found := _SHUTDOWN.search(line):
            pending.pop(found[1], None)  # it has lived again since
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


def _guests(agent: Agent) -> list[Guest]:
    found = agent.call("list_vms")
    return [guest for guest in found if isinstance(guest, Mapping)] if found else []


def _lives(guests: Iterable[Guest]) -> set[tuple[str, str]]:
    return {(_of(guest, "uuid"), _of(guest, "domid")) for guest in guests}


def _of(guest: Guest, key: str) -> str:
    return str(guest.get(key, "")).strip()


def _wait_for(
    host: Host,
    agent: Agent,
    wanted: set[str],
    limit: float,
    clock: Clock,
) -> None:
    """Until xend lists all guests that it had."""
    end = clock.now() + limit
    while True:
        try:
            missing = wanted - {_of(guest, "uuid") for guest in _guests(agent)}
            problem = f"without {', '.join(sorted(missing))}" if missing else ""
        except (AgentFault, HostUnreachable, OutcomeUnknown) as error:
            problem = str(error)
        if not problem:
            return
        if clock.now() >= end:
            raise OperationIncomplete(
                f"{host.name}: xend was restarted and did not come back: {problem}"
            )
        clock.sleep(1)
