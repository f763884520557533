"""No public method of a driver is without a test, and each test is one."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

from libcloud_ovm3 import OVM3NodeDriver, OVM3StorageDriver
from tests.conformance import judged
from tests.conformance.test_signatures import public

METHODS = public(OVM3NodeDriver) | public(OVM3StorageDriver)
AT_MOST = 6  # of its tests are tried, until one fails without the method


def test_every_public_method_has_a_test() -> None:
    assert METHODS - judged.tests_by_method(judged.sources(), METHODS).keys() == set()


@pytest.mark.parametrize("method", ["list_nodes", "ex_put_back"])
def test_a_method_without_its_tests_is_seen(method: str) -> None:
    """Take it out of all tests: it is the only one that is missing."""
    others = {
        file: re.sub(rf"\.{method}\b", ".other", text) for file, text in judged.sources().items()
    }
    assert METHODS - judged.tests_by_method(others, METHODS).keys() == {method}


def test_a_call_that_nothing_judges_is_no_test() -> None:
    text = """
def test_called():
    assert first
    driver.list_nodes()

def helper():
    assert driver.list_sizes()

def test_asserted():
    node = driver.start_node()
    assert node

def test_refused():
    with pytest.raises(Error):
        driver.stop_node()
    driver.reboot_node()
"""
    found = judged.tests_by_method({"tests/test_a.py": text}, METHODS)
    assert found == {
        "start_node": ["tests/test_a.py::test_asserted"],
        "stop_node": ["tests/test_a.py::test_refused"],
    }


@pytest.mark.long
def test_each_method_has_a_test_that_fails_without_it() -> None:
    """A method that does nothing and returns None is found out by one of its tests."""
    left = judged.tests_by_method(judged.sources(), METHODS)
    for _ in range(AT_MOST):
        tried: dict[str, str] = {}
        for method in sorted(left, key=lambda one: len(left[one])):  # a test is for one of them
            free = [test for test in left[method] if test not in tried]
            tried |= {free[0]: method} if free else {}
        failed = run_without(tried)
        for test, method in tried.items():
            left[method].remove(test)
        left = {method: tests for method, tests in left.items() if method not in failed}
        if not any(left.values()):
            break
    assert left.keys() == set()


def run_without(tried: dict[str, str]) -> set[str]:
    """Run tests, each without its method; the methods whose test failed."""
    files = {test.partition("::")[0] for test in tried}
    plugin = ["-p", "tests.conformance.judged", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *plugin, "-rf", "--tb=no", *sorted(files)],
        env={**os.environ, judged.VARIABLE: json.dumps(tried)},
        cwd=judged.TESTS.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert re.search(r"^\d+ (failed|passed)", done.stdout, re.MULTILINE), done.stdout + done.stderr
    failed = re.findall(r"^FAILED (\S+?::\w+)", done.stdout, re.MULTILINE)
    return {tried[test] for test in failed}
