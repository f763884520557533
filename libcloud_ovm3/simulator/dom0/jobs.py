"""Jobs of the host module: real processes, which end when the host loses power."""

from __future__ import annotations

import contextlib
import os
import signal

from libcloud_ovm3.simulator import hostdisk
from libcloud_ovm3.simulator.host import SimulatedHost

SCRIPT = "libcloud_ovm3_host/run_job.py"


def end(*hosts: SimulatedHost) -> None:
    """Kill every job of these hosts, found by its script, which is in the host's tree."""
    trees = [host for host in hosts if hostdisk.exists(host)]
    scripts = {os.fsencode(hostdisk.packages(host) / SCRIPT) for host in trees}
    for process in filter(str.isdigit, os.listdir("/proc") if scripts else ()):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            with open(f"/proc/{process}/cmdline", "rb") as command:
                found = scripts.intersection(command.read().split(b"\0"))
            if found:
                os.kill(int(process), signal.SIGKILL)
