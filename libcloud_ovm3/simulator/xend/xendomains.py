"""The service xendomains: what it does with guests when the host goes down in order, and comes up.

Source: xend.md 9. Upstream's settings differ between 4.1.3 and 4.3 (xend.md 0). Whether Oracle has
the service on is not known, so it is off here unless ``xendomains`` is set. That a file is removed
when its guest is back is a conclusion.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from libcloud_ovm3.simulator import vmcfg
from libcloud_ovm3.simulator.errors import AgentFault
from libcloud_ovm3.simulator.files import real_path
from libcloud_ovm3.simulator.host import SimulatedHost
from libcloud_ovm3.simulator.xend import clients, life, log, machines, saving
from libcloud_ovm3.simulator.xend.listing import listed
from libcloud_ovm3.simulator.xend.progress import advance
from libcloud_ovm3.simulator.xend.transfer import write_state

SAVED, AUTO = "/var/lib/xen/save", "/etc/xen/auto"
SECONDS = 5.0  # from the host's boot until the service begins


def stop(host: SimulatedHost) -> None:
    """Save guests: all that run (4.1.3), or those in AUTO (4.3). No others survive."""
    with host.lock:
        advance(host)
        wanted = None if host.settings.old else {config.get("name") for _, config in _auto(host)}
        for domain in listed(host):
            is_wanted = wanted is None or domain.name in wanted
            if domain.phase != "running" or domain.paused or domain.real or not is_wanted:
                continue
            path = f"{SAVED}/{domain.name}"
            real_path(host, SAVED).mkdir(parents=True, exist_ok=True)
            log.write(host, "shutdown", domain, reason="suspend")
            if error := write_state(host, path, domain, domain.name):
                log.write(host, "save failed", domain, error=error)
                continue
            life.end(host, domain, host.now())


def start(host: SimulatedHost) -> None:
    """Restore what was saved, one after the other, then start what is in AUTO and does not run."""
    booted = host.boot_time
    host.wait_until(booted + SECONDS)
    with clients.process(host, clients.new_session(), ["xendomains"]):
        for file in _files(host, SAVED):
            restore = partial(saving.restore, host, f"{SAVED}/{file.name}", False)
            if host.boot_time == booted and _done(host, file.name, restore):
                file.unlink(missing_ok=True)
        for path, config in _auto(host):
            if host.boot_time == booted:
                _done(host, path, partial(machines.start, host, path, config))


def _done(host: SimulatedHost, what: str, act: Callable[[], None]) -> bool:
    try:
        act()
    except AgentFault as fault:
        host.log("ERROR", "xendomains", f"{what}: {fault.text}", "syslog")
        return False
    return True


def _files(host: SimulatedHost, folder: str) -> list[Path]:
    """The files that the script's ``*`` finds."""
    found = real_path(host, folder)
    return sorted(found.glob("[!.]*")) if found.is_dir() else []


def _auto(host: SimulatedHost) -> list[tuple[str, dict[str, Any]]]:
    """Path and configuration of each file in AUTO, mostly a link to a vm.cfg. Others are left out.

    The links are of the host, so they are followed here.
    """
    found = []
    for file in _files(host, AUTO):
        path = os.readlink(file) if file.is_symlink() else f"{AUTO}/{file.name}"
        try:
            found.append((f"{AUTO}/{file.name}", vmcfg.read(real_path(host, path))))
        except (OSError, AgentFault) as error:
            host.log("ERROR", "xendomains", f"{file.name}: {error}", "syslog")
    return found
