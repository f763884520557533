"""``ovm3`` as people run it: a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

from click.testing import CliRunner

from libcloud_ovm3.cli.commands import ovm3
from libcloud_ovm3.simulator import Simulator

OVM3 = [sys.executable, "-c", "from libcloud_ovm3.cli import main; main()"]


def run(
    *arguments: str, password: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **environment, "COLUMNS": "200"}
    if password:
        env["OVM3_PASSWORD"] = password
    return subprocess.run(
        [*OVM3, *arguments],
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def invoke(*arguments: str, password: str = "x") -> tuple[int, str]:
    """The same inside this process, which is faster: exit status, and all that was printed."""
    done = CliRunner().invoke(ovm3, arguments, env={"OVM3_PASSWORD": password, "COLUMNS": "200"})
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
    return done.exit_code, done.output


def pins(sim: Simulator, *which: int) -> list[str]:
    """A --fingerprint for these hosts, or for all."""
    found = []
    for index in which or range(len(sim.hosts)):
        found += ["--fingerprint", f"{sim.hosts[index].address}={sim.hosts[index].fingerprint}"]
    return found


def options(sim: Simulator, *which: int) -> list[str]:
    """The first host, and how to trust these."""
    return ["--host", address(sim), *pins(sim, *which)]


def address(sim: Simulator, index: int = 0) -> str:
    return f"{sim.hosts[index].address}:{sim.hosts[index].port}"
