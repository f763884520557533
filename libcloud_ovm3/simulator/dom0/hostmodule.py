"""The host module put into a tree and taken out, for tests of everything but the installer.

Source of its place: docs/host-module.md.
"""

from __future__ import annotations

import importlib.resources
import shutil

from libcloud_ovm3.simulator import hostdisk
from libcloud_ovm3.simulator.errors import SimulatorError
from libcloud_ovm3.simulator.host import SimulatedHost

DOOR = "libcloud_ovm3"
FOLDER = "libcloud_ovm3_host"
MARK = "  # libcloud-ovm3"
_LINES = (f"from agent.api import {DOOR}{MARK}", f"    {DOOR}.LibcloudOvm3,{MARK}")


def put(host: SimulatedHost) -> None:
    """Copy the files and add the two lines, unless they are there."""
    packages = hostdisk.packages(host)
    (packages / FOLDER).mkdir(exist_ok=True)
    for file in importlib.resources.files("libcloud_ovm3._hostside").iterdir():
        if file.name.endswith(".py"):
            folder = "agent/api" if file.name == f"{DOOR}.py" else FOLDER
            (packages / folder / file.name).write_bytes(file.read_bytes())
    lines = _without(host)
    if "MODULES = [" not in lines:
        raise SimulatorError(f"{host.hostname}: the table of modules has no line 'MODULES = ['")
    place = lines.index("MODULES = [")
    lines[place : place + 1] = [_LINES[0], lines[place], _LINES[1]]
    _write(host, lines)


def remove(host: SimulatedHost) -> None:
    """Take the lines and the files away, if they are there."""
    packages = hostdisk.packages(host)
    _write(host, _without(host))
    (packages / "agent/api" / f"{DOOR}.py").unlink(missing_ok=True)
    shutil.rmtree(packages / FOLDER, ignore_errors=True)


def _without(host: SimulatedHost) -> list[str]:
    table = hostdisk.packages(host) / "agent/target/api.py"
    return [line for line in table.read_text().split("\n") if not line.endswith(MARK)]


def _write(host: SimulatedHost, lines: list[str]) -> None:
    (hostdisk.packages(host) / "agent/target/api.py").write_text("\n".join(lines))
