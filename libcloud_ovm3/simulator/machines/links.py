"""The network of real guests: TAP devices on bridges of this machine, and its neighbour table.

A simulated bridge stands for the bridge of this machine that has its name, on all hosts.
"""

from __future__ import annotations

import itertools
import json
import os
import socket
import subprocess

from libcloud_ovm3.simulator.domain import Domain
from libcloud_ovm3.simulator.host import SimulatedHost
from libcloud_ovm3.simulator.network import bridge_of

_NUMBERS = itertools.count(1)
_SECONDS = 30
_NOT_COMPLETE = {"INCOMPLETE", "FAILED", "NONE"}


def new_tap() -> str:
    """A name for a TAP device that nothing else on this machine has; QEMU makes and removes it."""
    return f"t{os.getpid():x}.{next(_NUMBERS)}"


def bridges(host: SimulatedHost, domain: Domain) -> list[str]:
    """The bridge of each network card of a domain."""
    return [bridge_of(host, domain, place) for place in range(len(domain.macs))]


def known_devices() -> set[str]:
    """The names of this machine's network devices."""
    return {name for _, name in socket.if_nameindex()}


def connect(tap: str, bridge: str) -> None:
    """Add a TAP device to a bridge.

    :raises OSError: ``ip`` fails.
    """
    _ip("link", "set", tap, "master", bridge, "up")


def neighbours(host: SimulatedHost) -> list[tuple[str, str, str, bool]]:
    """What this machine has seen of the guests: address, MAC, bridge, whether it is complete."""
    wanted = {
        (mac.lower(), bridge)
        for domain in host.domains
        if domain.real and domain.listed
        for mac, bridge in zip(domain.macs, bridges(host, domain), strict=True)
    }
    found = []
    for entry in json.loads(_ip("-4", "-j", "neigh", "show") if wanted else "[]"):
        mac, device = str(entry.get("lladdr", "")).lower(), str(entry.get("dev"))
        if (mac, device) in wanted:
            complete = not _NOT_COMPLETE & set(entry.get("state", ()))
            found.append((str(entry["dst"]), mac, device, complete))
    return found


def _ip(*words: str) -> str:
    done = subprocess.run(  # noqa: S603 (no shell; our own words)
        ["ip", *words],  # noqa: S607
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    if done.returncode:
        raise OSError(f"ip {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout
