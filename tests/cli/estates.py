"""Runs ``ovm3`` with the file of estates; what is saved in it."""

from __future__ import annotations

from pathlib import Path

import yaml
from click.testing import CliRunner

from libcloud_ovm3.cli.commands import ovm3
from libcloud_ovm3.estates_file.changing import add_estate
from libcloud_ovm3.simulator import Simulator
from tests.cli.running import address, short_waits
from tests.support import pins_of


def invoke(*arguments: str, typed: str = "", **environment: str) -> tuple[int, str]:
    """Run it inside this process. Returns exit status and output."""
    with short_waits():
        done = CliRunner().invoke(
            ovm3, arguments, input=typed, env={"COLUMNS": "200", **environment}
        )
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
    return done.exit_code, done.output


def saved(file: Path, name: str = "lab") -> dict[str, object]:
    entry: dict[str, object] = yaml.safe_load(file.read_text())["estates"][name]
    return entry


def save(sim: Simulator) -> None:
    entry = {"hosts": addresses(sim), "pins": pins_of(sim)}
    add_estate("lab", entry, sim.password, is_default=True)


def addresses(sim: Simulator) -> list[str]:
    return [address(sim, index) for index in range(len(sim.hosts))]
