"""Which tests judge which methods: calls by name in a test, before or in something that can fail.

And a plugin of pytest, which takes the methods away: ``-p tests.conformance.judged``, with the
tests to run and their methods in the environment variable ``OVM3_WITHOUT``, as JSON.
"""

from __future__ import annotations

import ast
import json
import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from libcloud_ovm3 import OVM3NodeDriver, OVM3StorageDriver

TESTS = Path(__file__).parents[1]
# Tests of the driver itself, each in this process.
FOLDERS = ("compute", "conformance", "estate", "faults", "operations", "storage", "system")
VARIABLE = "OVM3_WITHOUT"
FAILING = ("pytest.raises(", "pytest.warns(")  # these fail by themselves


def sources() -> dict[str, str]:
    """The test files, each by its path below the project."""
    files = sorted(file for name in FOLDERS for file in TESTS.glob(f"{name}/**/test_*.py"))
    return {file.relative_to(TESTS.parent).as_posix(): file.read_text("utf-8") for file in files}


def tests_by_method(files: dict[str, str], methods: set[str]) -> dict[str, list[str]]:
    """Method -> the tests that judge it, those first that judge the fewest others."""
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for file, text in files.items():
        for node in ast.parse(text).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                judged = judged_in(node) & methods
                for method in judged:
                    found[method].append((len(judged), f"{file}::{node.name}"))
    return {method: [name for _, name in sorted(tests)] for method, tests in found.items()}


def judged_in(test: ast.FunctionDef) -> set[str]:
    """The attributes that are used not after the last line that can fail."""
    last = max(_failing_lines(test), default=0)
    return {
        node.attr
        for node in ast.walk(test)
        if isinstance(node, ast.Attribute) and node.lineno <= last
    }


def _failing_lines(test: ast.FunctionDef) -> Iterator[int]:
    """The last line of each assertion."""
    for node in ast.walk(test):
        if isinstance(node, ast.Assert):
            yield node.end_lineno or 0
        elif isinstance(node, ast.With):
            contexts = [ast.unparse(one.context_expr) for one in node.items]
            if any(one.startswith(FAILING) for one in contexts):
                yield node.end_lineno or 0


# ------------------------------------------------------------------ the plugin


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Once per method and test: of its variants the first."""
    wanted = json.loads(os.environ.get(VARIABLE, "{}"))
    first = {}
    for item in items:
        first.setdefault(item.nodeid.partition("[")[0], item)
    items[:] = [first[name] for name in wanted if name in first]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Without the method while the test itself runs; its fixtures have it."""
    method = json.loads(os.environ[VARIABLE])[item.nodeid.partition("[")[0]]
    with pytest.MonkeyPatch.context() as patch:
        for driver in (OVM3NodeDriver, OVM3StorageDriver):
            if hasattr(driver, method):
                patch.setattr(driver, method, _does_nothing)
        return (yield)  # type: ignore[return-value]


def _does_nothing(*args: Any, **options: Any) -> None:
    """In the place of a method."""
