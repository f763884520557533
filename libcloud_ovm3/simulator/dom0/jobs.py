"""Jobs of the host module are real processes; a host that loses its power takes them along."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

from libcloud_ovm3.simulator import hostdisk
from libcloud_ovm3.simulator.host import SimulatedHost

SCRIPT = "libcloud_ovm3_host/run_job.py"


def end(host: SimulatedHost) -> None:
    """End every job of a host's, found by the script that it runs: that lies in the tree."""
    if not hostdisk.exists(host):
        return
    script = os.fsencode(hostdisk.packages(host) / SCRIPT)
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            if script in (process / "cmdline").read_bytes().split(b"\0"):
                os.kill(int(process.name), signal.SIGKILL)
