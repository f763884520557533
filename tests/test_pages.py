"""Pages that messages and helps name: whoever has only a wheel has them too."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from libcloud_ovm3 import pages

PACKAGE = Path(pages.__file__).parent
DOCS = PACKAGE.parent / "docs"
# The files of simulated hosts name sources of facts; no user reads them.
FILES = sorted(set(PACKAGE.rglob("*.py")) - set(PACKAGE.glob("simulator/dom0/*.py")))


def docstrings(tree: ast.AST, functions: bool) -> Iterator[ast.Constant]:
    """The docstrings, those of functions only if asked for."""
    kinds = (ast.Module, ast.ClassDef, *((ast.FunctionDef,) if functions else ()))
    for node in ast.walk(tree):
        first = node.body[0] if isinstance(node, kinds) and node.body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            yield first.value


def shown_texts(file: Path) -> list[str]:
    """The strings of a module that a user may see: all but docstrings, which the functions of
    ``cli/`` have as help texts.
    """
    tree = ast.parse(file.read_text(encoding="utf-8"))
    hidden = set(docstrings(tree, functions=file.parent.name != "cli"))
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in hidden
    ]


@pytest.mark.parametrize("file", FILES, ids=lambda one: str(one.relative_to(PACKAGE)))
def test_what_a_user_reads_names_pages_that_a_wheel_has(file: Path) -> None:
    texts = shown_texts(file) if file.name != "pages.py" else []
    assert [text for text in texts if "docs/" in text] == [], "pages.page() has the path"
    named = {name for text in texts for name in re.findall(r"[\w-]+\.md\b", text)}
    assert named <= {one.name for one in DOCS.glob("*.md")}


def test_some_texts_name_pages() -> None:
    named = [text for file in FILES for text in shown_texts(file) if "a-host-is-dead.md" in text]
    assert len(named) >= 5


def test_where_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert pages.page("tls.md") == str(DOCS / "tls.md")
    installed = tmp_path / "libcloud_ovm3" / "_docs"
    monkeypatch.setattr(pages, "_HERE", installed.parent)
    assert pages.page("tls.md") == "the page tls.md of the documentation"
    installed.mkdir(parents=True)
    (installed / "a-host-is-dead.md").touch()
    assert pages.page("tls.md") == str(installed / "tls.md")
