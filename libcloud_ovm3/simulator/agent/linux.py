"""The host's clock, NTP, time zone, logs, packages and password (agent-behaviour.md 8.4, 19).

What a client sets is kept in ``host.records["linux"]``; the clock itself is the host's
``clock_offset``.
"""

from __future__ import annotations

import datetime
import zoneinfo
from typing import Any

from libcloud_ovm3.simulator.errors import AgentFault, count_fault, plain_fault
from libcloud_ovm3.simulator.host import SimulatedHost
from libcloud_ovm3.simulator.values import I8


def state(host: SimulatedHost) -> dict[str, Any]:
    """The settings, created at the first call. Called with the lock held."""
    found: dict[str, Any] = host.records.setdefault(
        "linux",
        {
            "timezone": "Europe/Amsterdam",
            "utc": True,
            "ntp_servers": [],
            "local_time_source": True,
            "ntp_running": True,
        },
    )
    found.setdefault("statistic_interval", 20)
    return found


def get_last_boot_time(host: SimulatedHost) -> dict[str, I8]:
    """Two times in epoch seconds; ``local_time`` is the host's clock now."""
    return {"last_boot_time": I8(host.boot_time), "local_time": I8(host.now())}


def get_timezone(host: SimulatedHost) -> list[Any]:
    """The name of the time zone, and whether the hardware clock runs in UTC."""
    with host.lock:
        found = state(host)
        return [found["timezone"], found["utc"]]


def set_timezone(host: SimulatedHost, timezone: str, utc: Any) -> None:
    """Set the time zone and whether the hardware clock runs in UTC."""
    _zone(timezone)
    with host.lock:
        state(host).update(timezone=timezone, utc=bool(utc))
        host.save()


def _zone(name: str) -> zoneinfo.ZoneInfo:
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise plain_fault(f"Invalid timezone: {name}") from None


def get_datetime(host: SimulatedHost) -> list[int]:
    """Year, month, day, hour, minute, second of the host's clock, in its time zone."""
    with host.lock:
        zone = _zone(state(host)["timezone"])
    return list(datetime.datetime.fromtimestamp(host.now(), zone).timetuple()[:6])


def set_datetime(
    host: SimulatedHost, year: int, month: int, day: int, hour: int, minute: int, second: int
) -> None:
    """Set the clock, in the host's time zone."""
    with host.lock:
        zone = _zone(state(host)["timezone"])
        try:
            wanted = datetime.datetime(year, month, day, hour, minute, second, tzinfo=zone)
        except ValueError as error:
            raise AgentFault("exceptions.ValueError", str(error)) from None
        host.clock_offset += wanted.timestamp() - host.now()
        host.save()


def get_ntp(host: SimulatedHost) -> list[Any]:
    """NTP servers, whether the host is a time source, whether NTP runs."""
    with host.lock:
        found = state(host)
        return [list(found["ntp_servers"]), found["local_time_source"], found["ntp_running"]]


def set_ntp(
    host: SimulatedHost, servers: list[str], local_time_source: Any, allow_query: Any = None
) -> None:
    """Set the servers and whether the host is a time source; ``allow_query`` has no effect."""
    if not isinstance(servers, list) or not all(isinstance(name, str) for name in servers):
        raise AgentFault("exceptions.TypeError", "servers must be a list of strings")
    with host.lock:
        state(host).update(ntp_servers=servers, local_time_source=bool(local_time_source))
        host.save()


def enable_ntp(host: SimulatedHost) -> None:
    """Start NTP."""
    _run_ntp(host, True)


def disable_ntp(host: SimulatedHost) -> None:
    """Stop NTP."""
    _run_ntp(host, False)


def _run_ntp(host: SimulatedHost, running: bool) -> None:
    with host.lock:
        state(host)["ntp_running"] = running
        host.save()


#: The logs that clients are known to request, and the files that stand for them.
LOGS = {"ovs-agent": "ovs-agent.log", "xend": "xend.log", "messages": "syslog", "dmesg": ""}


def get_log(host: SimulatedHost, loglist: list[str]) -> dict[str, str]:
    """The texts of these logs by name. The simulated kernel logs nothing."""
    if not isinstance(loglist, list):
        raise AgentFault("exceptions.TypeError", "loglist must be a list of strings")
    found = {}
    for name in loglist:
        if name not in LOGS:
            raise plain_fault(f"not modelled by the simulator: the log {name!r}")
        file = host.folder / LOGS[name]
        found[name] = file.read_text(errors="replace") if LOGS[name] and file.exists() else ""
    return found


def package_list(host: SimulatedHost, scope: str) -> list[Any]:
    """Packages that can be updated: none, as the struct of a package is not known."""
    if scope != "updates":
        raise plain_fault(f"not modelled by the simulator: the list of packages {scope!r}")
    return []


def package_get_repositories(host: SimulatedHost) -> dict[str, Any]:
    """The package repositories: none."""
    return {}


def set_statistics_interval(host: SimulatedHost, interval: Any) -> None:
    """Set how often statistics are sent to the manager, in seconds; see discover_server."""
    if not isinstance(interval, int) or interval < 0:
        raise plain_fault(f"Invalid interval: {interval!r}")
    with host.lock:
        state(host)["statistic_interval"] = interval
        host.save()


def sleep(host: SimulatedHost, secs: Any) -> None:
    """Respond after that many simulated seconds."""
    if not isinstance(secs, (int, float)):
        raise AgentFault("exceptions.TypeError", "a float is required")
    host.wait_until(host.now() + max(secs, 0))


def update_agent_password(host: SimulatedHost, user: str, new: str, *old: str) -> None:
    """3.2: (user, new); later: (user, new, old). Changes the password of this host only."""
    wanted = 0 if host.settings.old else 1
    if len(old) != wanted:
        raise count_fault("update_agent_password", 2 + len(old), 2 + wanted, 2 + wanted)
    with host.lock:
        if user != host.user:
            raise plain_fault(f"No such user: {user}")
        if old and old[0] != host.password:
            raise plain_fault("Wrong password")
        if not isinstance(new, str) or not new:
            raise plain_fault("Invalid password")
        host.set_password(new)
