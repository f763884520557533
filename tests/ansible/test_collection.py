"""The collection as a tree: its version, its files, what they import."""

from __future__ import annotations

import ast
import configparser
from pathlib import Path

import pytest
import yaml

from libcloud_ovm3 import __version__
from tests.test_layout import imported_packages

ROOT = Path(__file__).parents[2]
COLLECTION = ROOT / "ansible_collections" / "libcloud_ovm3" / "ovm3"
FILES = sorted(COLLECTION.rglob("*.py"))
# What it may import of this package: not the command line, whose libraries may be missing.
BELOW = {"", "access", "agent", "compute", "diagnostics", "errors", "estates_file", "operations"}
BELOW |= {"progress"}
# The others do without Ansible, so that they can be tested without it.
WITH_ANSIBLE = {"inventory", "modules"}


def test_its_version_is_ours() -> None:
    galaxy = yaml.safe_load((COLLECTION / "galaxy.yml").read_text())
    assert galaxy["version"] == __version__
    assert f"{galaxy['namespace']}.{galaxy['name']}" == "libcloud_ovm3.ovm3"


def test_it_is_in_the_wheel() -> None:
    """Each folder with files, and no __init__.py: other packages have files in there too."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    listed = set(setup["options"]["packages"].split())
    there = {path.parent for path in COLLECTION.rglob("*") if path.suffix in (".py", ".yml", ".md")}
    assert {".".join(path.relative_to(ROOT).parts) for path in there} <= listed
    assert list((ROOT / "ansible_collections").rglob("__init__.py")) == []


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.parent.name + "/" + f.name)
def test_what_it_imports(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert imported_packages(file) <= BELOW
    modules = {
        node.module or ""
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ImportFrom) and not node.level
    }
    uses_ansible = any(name.split(".")[0] == "ansible" for name in modules)
    assert uses_ansible is (file.parent.name in WITH_ANSIBLE)
    assert len(text.splitlines()) <= 420
