"""Install the host module in a tree, or remove it, without the installer.

Where its files go: docs/host-module.md.
"""

from __future__ import annotations

import functools
import importlib.resources
import importlib.util
import marshal
import os
import re
import shutil
from collections.abc import Mapping

from libcloud_ovm3.simulator import hostdisk
from libcloud_ovm3.simulator.errors import SimulatorError
from libcloud_ovm3.simulator.host import SimulatedHost

ENTRY = "libcloud_ovm3"
FOLDER = "libcloud_ovm3_host"
MARK = "  # libcloud-ovm3"
_CHECKED_HASH = (3).to_bytes(4, "little")  # of the header of a compiled file (PEP 552)
_LINES = (f"from agent.api import {ENTRY}{MARK}", f"    {ENTRY}.LibcloudOvm3,{MARK}")


def put(host: SimulatedHost) -> None:
    """Copy the files and add the two lines to the table of modules, unless they are there.

    :raises SimulatorError: The table has no line to add them to.
    """
    packages = hostdisk.packages(host)
    (packages / FOLDER).mkdir(exist_ok=True)
    for name, content in _sources().items():
        folder = "agent/api" if name == f"{ENTRY}.py" else FOLDER
        (packages / folder / name).write_bytes(content)
    compiled = packages / FOLDER / "__pycache__"
    compiled.mkdir(exist_ok=True)
    for name, code in _compiled().items():
        (compiled / name).write_bytes(code)
    lines = _without(host)
    if "MODULES = [" not in lines:
        raise SimulatorError(f"{host.hostname}: agent/target/api.py has no line 'MODULES = ['")
    index = lines.index("MODULES = [")
    lines[index : index + 1] = [_LINES[0], lines[index], _LINES[1]]
    _write(host, lines)
    _patch_vlan_script(host)


def _patch_vlan_script(host: SimulatedHost) -> None:
    """As the installer does (13), unless the answer is that the host is not patched."""
    script = hostdisk.tree(host) / hostdisk.VLAN_SCRIPT
    if host.answer("VLAN bridges on 3.2.1 to 3.3.2") == "patched" and script.is_file():
        text = script.read_text()
        script.write_text(re.sub(r"(?<!\w)setup_bridge_port\b", "setup_physical_bridge_port", text))


def remove(host: SimulatedHost) -> None:
    """Remove the lines and the files, if they are there."""
    packages = hostdisk.packages(host)
    _write(host, _without(host))
    (packages / "agent/api" / f"{ENTRY}.py").unlink(missing_ok=True)
    shutil.rmtree(packages / FOLDER, ignore_errors=True)


@functools.cache
def _sources() -> Mapping[str, bytes]:
    """The files of the host module by name."""
    folder = importlib.resources.files("libcloud_ovm3._hostside")
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.name.endswith(".py")}


@functools.cache
def _compiled() -> Mapping[str, bytes]:
    """What Python keeps of the files after their first import, which is a job's here.

    Each is checked by a hash of its source, so one of a source that was replaced is not used.
    """
    return {
        os.path.basename(importlib.util.cache_from_source(name)): importlib.util.MAGIC_NUMBER
        + _CHECKED_HASH
        + importlib.util.source_hash(content)
        + marshal.dumps(compile(content, name, "exec", dont_inherit=True))
        for name, content in _sources().items()
        if name != f"{ENTRY}.py"
    }


def _without(host: SimulatedHost) -> list[str]:
    table = hostdisk.packages(host) / "agent/target/api.py"
    return [line for line in table.read_text().split("\n") if not line.endswith(MARK)]


def _write(host: SimulatedHost, lines: list[str]) -> None:
    (hostdisk.packages(host) / "agent/target/api.py").write_text("\n".join(lines))
