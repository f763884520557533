"""The packages of the simulator: each imports only itself and what is below it, without cycles."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

import libcloud_ovm3.simulator

FOLDER = Path(libcloud_ovm3.simulator.__file__).parent
NAME = "libcloud_ovm3.simulator"
#: From the bottom to the top. The modules of "shared" and "top" stand in the folder itself.
PACKAGES = ("shared", "xend", "machines", "agent", "dom0", "server", "top")
TOP = {"__init__", "__main__", "simulator", "controls", "root", "seeds", "layouts"}
#: What a module may import besides the simulator and the standard library.
OTHERS = {"cryptography": "server/certificates.py"}


def module_of(file: Path) -> str:
    return ".".join(file.relative_to(FOLDER).with_suffix("").parts).removesuffix(".__init__")


def package_of(module: str) -> str:
    package = module.partition(".")[0]
    if package in PACKAGES:
        return package
    return "top" if package in TOP else "shared"


def imports_of(text: str) -> set[str]:
    """The modules of the simulator that a module imports, relative to the simulator."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            if name == NAME or name.startswith(f"{NAME}."):
                found.add(_existing(name.removeprefix(NAME).removeprefix(".")))
    return found


def _existing(name: str) -> str:
    """The module that a dotted name means; the last part may be a name inside it."""
    path = FOLDER.joinpath(*name.split("."))
    if path.is_dir() or path.with_suffix(".py").is_file():
        return name or "__init__"
    return name.rpartition(".")[0] or "__init__"


def wrong_arrows(module: str, text: str) -> list[str]:
    rank = PACKAGES.index(package_of(module))
    return [other for other in imports_of(text) if PACKAGES.index(package_of(other)) > rank]


FILES = {module_of(file): file for file in sorted(FOLDER.rglob("*.py"))}


@pytest.mark.parametrize("module", FILES)
def test_imports_point_downwards(module: str) -> None:
    assert wrong_arrows(module, FILES[module].read_text()) == []


def test_imports_have_no_cycles() -> None:
    imports = {module: imports_of(file.read_text()) for module, file in FILES.items()}
    done: set[str] = set()

    def visit(module: str, path: list[str]) -> None:
        assert module not in path, f"cycle: {' -> '.join([*path, module])}"
        if module not in done:
            for other in imports[module]:
                visit(other, [*path, module])
            done.add(module)

    for module in imports:
        visit(module, [])


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("host", f"from {NAME}.server.faults import Rule"),
        ("xend.life", f"from {NAME}.agent import storage"),
        ("xend.progress", f"from {NAME}.machines import machines"),
        ("agent.ovs", f"import {NAME}.dom0.tree"),
        ("dom0.tree", f"from {NAME}.server import ports"),
        ("server.ports", f"from {NAME}.root import open_root"),
        ("server.http", f"from {NAME} import simulator"),
    ],
)
def test_the_rule_finds_a_wrong_import(module: str, text: str) -> None:
    assert wrong_arrows(module, text)


def test_the_simulator_is_independent() -> None:
    for file in FILES.values():
        for node in ast.walk(ast.parse(file.read_text())):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                top = name.partition(".")[0]
                if top in OTHERS:
                    assert file == FOLDER / OTHERS[top]
                elif top not in sys.stdlib_module_names:
                    assert name == NAME or name.startswith(f"{NAME}."), f"{file}: {name}"
