"""Jobs of the host module: real processes, which end when the host loses power."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

from libcloud_ovm3.simulator import hostdisk
from libcloud_ovm3.simulator.host import SimulatedHost

SCRIPT = "libcloud_ovm3_host/run_job.py"


def end(host: SimulatedHost) -> None:
    """Kill every job of a host, found by its script, which is in the host's tree."""
    if not hostdisk.exists(host):
        return
    script = os.fsencode(hostdisk.packages(host) / SCRIPT)
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            if script in (process / "cmdline").read_bytes().split(b"\0"):
                os.kill(int(process.name), signal.SIGKILL)
