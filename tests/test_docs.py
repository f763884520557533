"""Every example in README and docs runs, and what they name exists."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from libcloud_ovm3.simulator import Simulator
from tests.support import pins_of

ROOT = Path(__file__).parents[1]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)\)")
OVM3 = [sys.executable, "-c", "from libcloud_ovm3.cli import main; main()"]
EXAMPLE_HOST = "ovm-1.example.com"


def blocks(kind: str) -> list[object]:
    return [
        pytest.param(text, id=f"{page.name}-{number}")
        for page in PAGES
        for number, (found, text) in enumerate(BLOCK.findall(page.read_text(encoding="utf-8")))
        if found == kind
    ]


@pytest.mark.parametrize("text", blocks("python"))
def test_python_examples(text: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", text],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("text", blocks("console"))
def test_commands(text: str, tmp_path: Path) -> None:
    """make targets exist; ovm3 commands run, one after the other, on a simulated host in the place
    of the example."""
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    with Simulator(hosts=1, speed=100) as sim:
        sim.add_vm("db-1")
        for line in text.splitlines():
            program, *arguments = shlex.split(line)
            if program == "make":
                assert set(arguments) <= targets
            else:
                assert program == "ovm3"
                run_ovm3(line, sim, tmp_path)


def run_ovm3(line: str, sim: Simulator, folder: Path) -> None:
    [(address, pin)] = pins_of(sim).items()
    line = line.replace(f"{EXAMPLE_HOST}=SHA256", f"{address}={pin}")
    line = line.replace(EXAMPLE_HOST, f"{address}:{sim.hosts[0].port}")
    done = subprocess.run(
        [*OVM3, *shlex.split(line)[1:]],
        env={"OVM3_PASSWORD": sim.password},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links(page: Path) -> None:
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_every_dependency_has_its_line() -> None:
    listed = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    options = (ROOT / "setup.cfg").read_text(encoding="utf-8").partition("[options]")[2]
    options = options.partition("[options.entry_points]")[0]
    names = re.findall(r"^    ([a-z][\w-]*)[><=]", options, re.MULTILINE)
    assert len(names) >= 12
    assert [name for name in names if name not in listed] == []
