"""agent.catalogue: all of the agent's functions, and nothing that contradicts itself."""

from __future__ import annotations

import inspect
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from libcloud_ovm3.agent import catalogue, functions
from libcloud_ovm3.agent.catalogue import Function
from libcloud_ovm3.agent.functions import Agent
from libcloud_ovm3.simulator.agent.names import AGENT_FUNCTIONS
from tests.agent.recorder import Recorder

ROOT = Path(__file__).parents[2]
FUNCTIONS = catalogue.functions()


def methods() -> dict[str, str]:
    """The documentation of every public method of Agent's groups, by ``group.method``."""
    return {
        f"{group}.{name}": inspect.getdoc(method) or ""
        for group, object_ in vars(Agent(Recorder())).items()
        if type(object_).__module__ == functions.__name__
        for name, method in inspect.getmembers(object_, inspect.ismethod)
        if not name.startswith("_")
    }


def test_every_function_has_its_method() -> None:
    wanted = {f"{function.group}.{function.name}" for function in FUNCTIONS.values()}
    found = set(methods())
    assert sorted(wanted ^ found) == []
    assert f"{len(wanted & found)} of {len(wanted)}" == "202 of 202"


def test_the_catalogue_has_what_the_simulator_knows() -> None:
    # The simulator's list was made by another hand: neither imports the other.
    assert sorted(AGENT_FUNCTIONS ^ FUNCTIONS.keys()) == []


def test_each_stands_once_under_its_class() -> None:
    by_class = dict.fromkeys(catalogue.GROUPS, 0)
    for name, function in FUNCTIONS.items():
        assert name == function.name
        by_class[function.module] += 1
    assert all(by_class.values())
    assert by_class[""] == 3
    assert {name: by_class[name] for name in by_class if by_class[name] > 40} == {
        "agent.api.hypervisor.xenxm.Xen": 46,
        "agent.api.storageplugin.StoragePlugin": 60,
    }


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_entries_agree_with_themselves(function: Function) -> None:
    types = {"str", "int", "bool", "dict", "list", "any"}
    assert function.kind in ("read", "write", "long")
    assert function.versions in ("3.2", "3.3", "both", "unknown")
    assert function.answer.removesuffix("?") in types
    assert function.answers
    assert function.source
    assert function.arguments_from
    names = [a.name for a in function.arguments] + [a.listed for a in function.arguments]
    names = [name for name in names if name]
    assert len(set(names)) == len(names)
    assert "limit" not in names
    assert {a.type for a in function.arguments + function.other_arguments} <= types
    optional = [a.is_optional for a in function.arguments]
    assert optional == sorted(optional), "what may be left out stands at the end"
    assert not (function.has_more and any(optional))
    if function.kind == "read":
        assert function.about, "a function of which only the name is known is not surely a read"
    if function.probe is not None:
        assert function.kind == "read"
        assert len(function.probe) == len([a for a in function.arguments if not a.is_optional])
    if not function.about:
        assert function.answer == "any"


def test_every_method_says_what_is_known() -> None:
    documentation = methods()
    for function in FUNCTIONS.values():
        text = " ".join(documentation[f"{function.group}.{function.name}"].split())
        about = function.about or "Behaviour unknown"
        assert text.startswith(" ".join(about.split())), function.name
        assert f"{function.kind.capitalize()}; " in text
        assert f"Response: {' '.join(function.answers.split())}" in text
        assert f"Source: {function.source} (" in text
    assert sum(not function.about for function in FUNCTIONS.values()) == 100


def test_the_reference_has_them_all() -> None:
    page = (ROOT / "docs" / "agent.md").read_text(encoding="utf-8")
    for name in FUNCTIONS:
        assert f"`{name}(" in page


def test_what_is_generated_is_not_stale(tmp_path: Path) -> None:
    tool = [sys.executable, str(ROOT / "tools" / "generate_functions.py"), "--check"]
    done = subprocess.run(tool, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("stale", ["libcloud_ovm3/agent/functions.py", "docs/agent.md"])
def test_what_is_stale_is_told(tmp_path: Path, stale: str) -> None:
    for name in ("tools", "docs", "libcloud_ovm3"):
        ignore = shutil.ignore_patterns("__pycache__", "simulator")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignore)
    for name in ("pyproject.toml", "setup.cfg"):
        shutil.copy(ROOT / name, tmp_path)
    page = tmp_path / stale
    page.write_text(page.read_text(encoding="utf-8") + "\n# changed by hand\n", encoding="utf-8")
    tool = [sys.executable, "tools/generate_functions.py", "--check"]
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        tool, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode != 0
    assert Path(stale).name in done.stdout + done.stderr


def test_importing_does_not_read_it() -> None:
    program = (
        "import libcloud_ovm3.compute.driver\n"
        "from libcloud_ovm3.agent import catalogue\n"
        "assert catalogue.functions.cache_info().currsize == 0\n"
        "catalogue.functions()\n"
        "assert catalogue.functions.cache_info().currsize == 1\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=300)


def test_nobody_can_change_it() -> None:
    with pytest.raises(TypeError):
        catalogue.functions()["x"] = catalogue.functions()["echo"]  # type: ignore[index]
