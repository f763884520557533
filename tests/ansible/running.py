"""Runs the real programs of Ansible, on localhost, against simulated hosts over HTTPS."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from libcloud_ovm3.estates_file.changing import add_estate
from libcloud_ovm3.simulator import Simulator
from tests.cli.running import address
from tests.installed import take_its_host_module
from tests.support import pins_of

BIN = Path(sys.executable).parent
take_its_host_module()


class Controller:
    """A folder with an inventory, plays, an estate ``lab`` and the same as ``look``, which may only
    be read, in which Ansible runs."""

    def __init__(self, folder: Path, sim: Simulator) -> None:
        self.folder = folder
        self.environment = {
            "PATH": f"{BIN}:/usr/bin:/bin",
            "HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_LOCAL_TEMP": str(folder / "local"),
            "ANSIBLE_REMOTE_TEMP": str(folder / "remote"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
        }
        # Waits are as short as for Simulator(speed=100).
        entry = {"hosts": [address(sim)], "pins": pins_of(sim), "second_look": 0.05}
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
            add_estate("lab", entry, sim.password, is_default=False)
            add_estate("look", {**entry, "read_only": True}, sim.password, is_default=False)

    def write(self, name: str, content: Any) -> None:
        """Write a file; anything but a text as YAML."""
        text = content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False)
        (self.folder / name).write_text(text, encoding="utf-8")

    def run(self, *command: str, fails: bool = False, **environment: str) -> str:
        """Run a program of Ansible, which must succeed, or must fail; return all it writes."""
        done = subprocess.run(
            [str(BIN / command[0]), *command[1:]],
            cwd=self.folder,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        output = f"{done.stdout}\n{done.stderr}"
        assert (done.returncode != 0) is fails, output
        assert "Traceback" not in output, output
        return output

    def read_inventory(self, *options: str, fails: bool = False, **environment: str) -> str:
        """Run ``ansible-inventory``, which must succeed, or must fail; return all it writes."""
        environment = {"ANSIBLE_INVENTORY_UNPARSED_FAILED": "true", **environment}
        command = ("ansible-inventory", "-i", "ovm3.yml", *options)
        return self.run(*command, fails=fails, **environment)

    def inventory(self, config: Any, *options: str, **environment: str) -> dict[str, Any]:
        """Return what ``ansible-inventory --list`` shows for a configuration."""
        self.write("ovm3.yml", config)
        listing = ("--list", "--yaml", "--output", "listed.yml")
        self.read_inventory(*listing, *options, **environment)
        return dict(yaml.safe_load((self.folder / "listed.yml").read_text())["all"]["children"])

    def play(self, tasks: list[dict[str, Any]], *options: str, **environment: str) -> list[Any]:
        """Run tasks of the module in one play; return the result of each, failed or not."""
        steps: list[dict[str, Any]] = []
        for number, task in enumerate(tasks):
            more = {key: task.pop(key) for key in ("check_mode", "diff") if key in task}
            call = {"libcloud_ovm3.ovm3.vm": task, "register": f"result_{number}", **more}
            steps.append({**call, "ignore_errors": True})
        names = ", ".join(f"result_{number}" for number in range(len(tasks)))
        copy = {
            "dest": str(self.folder / "results.json"),
            "content": f"{{{{ [{names}] | to_json }}}}",
        }
        steps.append({"ansible.builtin.copy": copy, "check_mode": False, "diff": False})
        play = {"hosts": "localhost", "gather_facts": False, "tasks": steps}
        play["module_defaults"] = {"group/libcloud_ovm3.ovm3.ovm3": {"estate": "lab"}}
        self.write("play.yml", [play])
        self.output = self.run("ansible-playbook", "play.yml", *options, **environment)
        return list(json.loads((self.folder / "results.json").read_text()))


def recap(output: str) -> dict[str, int]:
    """Return the counts of a play."""
    [line] = re.findall(r"^localhost +: (.*)", output, re.MULTILINE)
    return {key: int(number) for key, number in re.findall(r"(\w+)=(\d+)", line)}


@contextlib.contextmanager
def controller_on(folder: Path, **options: Any) -> Iterator[tuple[Controller, Simulator]]:
    """A controller for the estate of a new simulator."""
    with Simulator(**{"speed": 100, "vms": 0, "template_bytes": 1 << 20, **options}) as sim:
        yield Controller(folder, sim), sim
