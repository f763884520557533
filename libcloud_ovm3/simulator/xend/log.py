"""xend.log of a host: what xend writes there, by the host's own clock.

What xend.md names has its number behind it. The other texts are conclusions: nothing that was
recorded shows them. Whoever reads the log must not need more than the table says.
"""

from __future__ import annotations

from typing import Any

from libcloud_ovm3.simulator import hostdisk
from libcloud_ovm3.simulator.domain import Domain
from libcloud_ovm3.simulator.host import SimulatedHost

FILE = "xend.log"
FOLDER = "var/log/xen"
KEPT = 5  # rotated logs: xend.log.1 is the newest [conclusion]
_TRACE = "\nTraceback (most recent call last):\nVmError: {error}"
_INFO = "XendDomainInfo:101"  # the numbers of lines are made up
_CREATED = "['vm', ['name', '{name}'], ['uuid', '{uuid}'], {actions}]"
#: What has happened -> (level, module, text).
TEXTS = {
    # xend has started; whatever it was doing before has ended with it (9) [conclusion]
    "started": ("INFO", "SrvDaemon:332", "Xend Daemon started"),
    "listens": ("DEBUG", "tcp:96", "Listening on :8002"),
    # a domain of before its start, as it finds it in Xen [conclusion]
    "found": ("INFO", _INFO, "Recreating domain {domid}, UUID {uuid}. at /local/domain/{domid}"),
    # what a new domain is made for: xm create; xm restore or a migration; a restart [conclusion]
    "create": ("DEBUG", _INFO, f"XendDomainInfo.create({_CREATED})"),
    "restore": ("DEBUG", _INFO, f"XendDomainInfo.restore({_CREATED})"),
    "again": (
        "DEBUG",
        _INFO,
        "XendDomainInfo.create_from_dict({{'name_label': '{name}', 'uuid': '{uuid}', {after}}})",
    ),
    # it has its number and is listed from now on (1.6); the line after one of the three above
    "added": ("DEBUG", "XendDomain:535", "Adding Domain: {domid}"),
    # its devices are announced; the only line that has number and uuid of a new one [conclusion]
    "stored": (
        "DEBUG",
        _INFO,
        "Storing domain details: {{'vm': '/vm/{uuid}', 'domid': '{domid}', 'name': '{name}'}}",
    ),
    # a guest has ended (1.6): poweroff, reboot, or for a migration and for a save suspend
    "shutdown": ("INFO", _INFO, "Domain has shutdown: name={name} id={domid} reason={reason}."),
    "crashed": ("WARNING", _INFO, "Domain has crashed: name={name} id={domid}."),  # [conclusion]
    # what came of a restart (1.6): too young; failed, with the number of the one that has ended
    "too fast": (
        "ERROR",
        _INFO,
        "VM {name} restarting too fast (Elapsed time: {age:f} seconds). Refusing to restart to "
        "avoid loops.",
    ),
    "not again": ("ERROR", _INFO, "Failed to restart domain {domid}." + _TRACE),
    # a domain is taken away: the end of this number, also before a restart [conclusion]
    "destroy": ("DEBUG", _INFO, "XendDomainInfo.destroy: domid={domid}"),
    "end": ("DEBUG", _INFO, "XendDomainInfo.destroyDomain({domid})"),
    # which fails (4): the domain is still there [conclusion]
    "destroy failed": (
        "ERROR",
        _INFO,
        "XendDomainInfo.destroyDomain: domain destruction failed." + _TRACE,
    ),
    # a new domain was not built: before its end, and behind it [conclusion]
    "not started": ("ERROR", _INFO, "VM start failed" + _TRACE),
    "not built": ("ERROR", _INFO, "Domain construction failed" + _TRACE),
    # the rest is the simulator's
    "not connected": ("ERROR", "DevController:101", "{error}"),
    "save failed": (
        "ERROR",
        "XendCheckpoint:101",
        "Save failed on domain {name} ({domid})." + _TRACE,
    ),
    "no device model": ("WARNING", "image:101", "domain {name}: device model failed"),
    "no core dump": ("ERROR", _INFO, "core dump of {name} failed: {error}"),
}
_ACTIONS = {"poweroff": "destroy", "reboot": "restart", "crash": "restart"}


def write(
    host: SimulatedHost, what: str, domain: Domain, at: float | None = None, **values: Any
) -> None:
    """Write what has happened to a domain.

    :param what: A key of ``TEXTS``.
    :param at: When, by the host's clock; None for now.
    :param values: What the text needs besides the domain.
    """
    started(host)
    given = {event: domain.config.get(f"on_{event}", _ACTIONS[event]) for event in _ACTIONS}
    actions = ", ".join(f"['on_{event}', '{word}']" for event, word in given.items())
    after = ", ".join(f"'actions_after_{event}': '{word}'" for event, word in given.items())
    after = after.replace("after_poweroff", "after_shutdown")
    _write(host, what, at, vars(domain) | {"actions": actions, "after": after} | values)


def ended(host: SimulatedHost, domain: Domain, at: float | None = None) -> None:
    """Write that a domain is taken away."""
    write(host, "destroy", domain, at)
    write(host, "end", domain, at)


def started(host: SimulatedHost, again: bool = False) -> bool:
    """xend starts with its host, and writes so once. Called with the lock held.

    :param again: It is restarted without its host.
    :returns: Whether it has just started.
    """
    if host.records.get("xend_of") == host.boot_time and not again:
        return False
    if host.now() < host.boot_time:
        return False  # the host is not up yet
    host.records["xend_of"] = host.boot_time
    for what in ("started", "listens"):
        _write(host, what, None if again else host.boot_time, {})
    return True


def _write(host: SimulatedHost, what: str, at: float | None, values: dict[str, Any]) -> None:
    level, module, text = TEXTS[what]
    _rotate(host)
    host.log(level, module, text.format(**values), FILE, at)


def _rotate(host: SimulatedHost) -> None:
    """Begin a new file once the old one is large enough."""
    current = host.folder / FILE
    if not current.is_file() or current.stat().st_size < host.settings.xend_log_bytes:
        return
    for number in range(KEPT - 1, 0, -1):
        older = host.folder / f"{FILE}.{number}"
        if older.is_file():
            older.replace(host.folder / f"{FILE}.{number + 1}")
    current.replace(host.folder / f"{FILE}.1")
    if hostdisk.exists(host):
        link(host)


def link(host: SimulatedHost) -> None:
    """Let the host's own disk have the logs that there are."""
    folder = hostdisk.tree(host) / FOLDER
    for file in [host.folder / FILE, *host.folder.glob(f"{FILE}.*")]:
        hostdisk.link(folder / file.name, file)
