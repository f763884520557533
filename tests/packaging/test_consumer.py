"""A user: the wheel with all its dependencies in a new environment, and a program under mypy."""

from __future__ import annotations

import sys
import venv
from pathlib import Path

import pytest

from tests.support import simulate

from .installing import BY_NAME, DIST, ROOT, run

pytestmark = pytest.mark.dist

PROGRAM = """
from libcloud.compute.base import Node

from libcloud_ovm3 import OVM3NodeDriver, register
from libcloud_ovm3.errors import NodeNotFound

register()


def start(name: str) -> list[str]:
    driver = OVM3NodeDriver("oracle", "password", host="ovm-1.example.com", ex_read_only=False)
    try:
        node: Node = driver.ex_get_node_by_name(name)
    except NodeNotFound:
        return []
    reveal_type(driver.start_node(node))
    return [one.name for one in driver.list_nodes()]
"""
WRONG = """
from libcloud_ovm3 import OVM3NodeDriver

driver = OVM3NodeDriver("oracle", "password", host="h", ex_no_such_argument=1)
driver.ex_get_node(5, colour="red")
driver.list_nodes().append("a text")
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with the wheel, its extra for the command line, and nothing but what these need."""
    [wheel] = DIST.glob("*.whl")
    folder = tmp_path_factory.mktemp("clean") / "venv"
    venv.create(folder, with_pip=True, symlinks=True)
    python = folder / "bin" / "python"
    pip = (python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    run(*pip, f"{wheel}[cli]")
    return python


def test_a_clean_environment(python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first hour: an estate by the command, then the script of the page."""
    assert str(python.parents[1]) in run(python, "-c", BY_NAME)[0]
    assert run(python, "-m", "pip", "check")[0].startswith("No broken requirements")
    page = (ROOT / "docs" / "registration.md").read_text(encoding="utf-8")
    script = page.partition("```py\n")[2].partition("```")[0]
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with simulate(hosts=1) as sim:
        sim.add_vm("db-7")
        [host] = sim.hosts
        monkeypatch.setenv("OVM3_PASSWORD", sim.password)
        add = ("estate", "add", "lab", f"{host.address}:{host.port}", "--fingerprint")
        run(python.with_name("ovm3"), *add, host.fingerprint)
        monkeypatch.delenv("OVM3_PASSWORD")
        written, errors = run(python, "-c", script)
        assert "db-7 stopped" in written
        assert errors == ""
    assert "Usage" in run(python.with_name("ovm3"), "--help")[0]


def test_a_program_is_checked_by_mypy(python: Path, tmp_path: Path) -> None:
    def mypy(text: str) -> tuple[str, ...]:
        (tmp_path / "program.py").write_text(text)
        command = (sys.executable, "-m", "mypy", "--strict", "--python-executable", python)
        program = f"from mypy import api; print(api.run({[str(one) for one in command[3:]]!r} + "
        program += f"['--cache-dir', {str(tmp_path / 'cache')!r}, 'program.py'])[0])"
        return tuple(run(sys.executable, "-c", program, cwd=tmp_path)[0].splitlines())

    fine = mypy(PROGRAM)
    assert any('Revealed type is "bool"' in line for line in fine), fine
    assert not [line for line in fine if " error: " in line], fine
    wrong = mypy(WRONG)
    for word in ("ex_no_such_argument", "colour", "arg-type"):
        assert any(word in line for line in wrong), wrong
