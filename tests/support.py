"""What several test folders need: a driver for a simulator, and a clock as fast as that."""

from __future__ import annotations

import hashlib
import time
import warnings
from pathlib import Path
from typing import Any

from libcloud_ovm3 import OVM3NodeDriver
from libcloud_ovm3.clock import Clock
from libcloud_ovm3.errors import Ovm3Warning
from libcloud_ovm3.simulator import Simulator

SPEED = 100.0  # simulated seconds in a real one
PERSONALITIES = ("plain", "awkward")


def fast_clock(speed: float = SPEED) -> Clock:
    """A clock for the driver that goes as fast as a simulator of that speed."""
    return Clock(lambda: time.monotonic() * speed, lambda seconds: time.sleep(seconds / speed))


def pins_of(sim: Simulator) -> dict[str, str]:
    return {host.address: host.fingerprint for host in sim.hosts}


def driver_for(sim: Simulator, **options: Any) -> OVM3NodeDriver:
    """A driver for the whole pool of a simulator, by its first host."""
    defaults: dict[str, Any] = {
        "host": sim.hosts[0].address,
        "port": sim.hosts[0].port,
        "ex_fingerprint": pins_of(sim),
        "ex_clock": fast_clock(),
    }
    return OVM3NodeDriver(sim.user, sim.password, **{**defaults, **options})


def quietly(action: Any, *args: Any, **kwargs: Any) -> Any:
    """Call something whose warnings are not this test's subject."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Ovm3Warning)
        return action(*args, **kwargs)


def fingerprints_of(folder: Path) -> dict[str, str]:
    """Every file below a repository with a hash of its content.

    Not the stamp: mounting an export for the storage plug-in leaves it there (flows.md 4).
    """
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".generic_fs_stamp"
    }


def calls_of(sim: Simulator, *functions: str) -> list[str]:
    """The names of the calls that have arrived, or of these functions only, in order."""
    return [c.function for c in sim.calls if not functions or c.function in functions]
