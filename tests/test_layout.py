"""The house keeps its shape: arrows go down only, rooms stay small, importing changes nothing."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "libcloud_ovm3"
FILES = sorted(PACKAGE.rglob("*.py"))

# what each room may import, besides itself and the errors
BELOW = {
    "errors.py": set(),
    "_version.py": set(),
    "__init__.py": {"_version", "compute"},
    "agent": set(),
    "estate": {"agent"},
    "compute": {"agent", "estate"},
    "cli": {"agent", "estate", "compute", "simulator", "_version", ""},
    "simulator": set(),
}


def room_of(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0]


def imported_rooms(file: Path) -> set[str]:
    rooms = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level <= 1, f"{file}: relative imports stay in their room"
            module = node.module or ""
            names = (
                [module]
                if module != "libcloud_ovm3"
                else [f"{module}.{a.name}" for a in node.names]
            )
        else:
            continue
        for name in names:
            if name == "libcloud_ovm3" or name.startswith("libcloud_ovm3."):
                part = name.partition(".")[2].partition(".")[0]
                exists = (PACKAGE / part).is_dir() or (PACKAGE / f"{part}.py").exists()
                rooms.add(part if exists else "")
    return rooms


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_arrows_go_down_only(file: Path) -> None:
    room = room_of(file)
    allowed = BELOW[room] | {room.removesuffix(".py")}
    if room != "simulator":
        allowed |= {"errors"}
    assert imported_rooms(file) <= allowed


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_rooms_stay_small(file: Path) -> None:
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 420


def test_importing_changes_no_global_state() -> None:
    program = """
import logging, ssl, sys, warnings
import libcloud.security, libcloud.http, libcloud.common.base, requests, urllib3
def state():
    s = libcloud.security
    return (s.VERIFY_SSL_CERT, s.CA_CERTS_PATH, list(warnings.filters), logging.root.handlers,
            logging.root.level, ssl._create_default_https_context, sys.getswitchinterval(),
            libcloud.common.base.Connection.conn_class, requests.Session)
before = state()
import libcloud_ovm3, libcloud_ovm3.simulator
assert state() == before
assert 'paramiko' not in sys.modules and 'cryptography' not in sys.modules, 'heavy imports'
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
