"""Fixtures for all tests: simulated pools, in both personalities, and drivers for them."""

from __future__ import annotations

import gc
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from libcloud_ovm3 import OVM3NodeDriver
from libcloud_ovm3.simulator import Simulator
from tests.operations.once import RUN
from tests.selection import mark_tables
from tests.support import PERSONALITIES, driver_for, give_up_at_once, simulate

_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


# A machine that does other things as well must not fail a test. Every run tries other examples;
# for many of them at once: --hypothesis-profile thorough.
_PATIENT: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("tests", max_examples=40, **_PATIENT)
settings.register_profile("thorough", max_examples=1000, **_PATIENT)
settings.load_profile("tests")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--reverse", action="store_true", help="run the tests in reverse order")
    parser.addoption("--apart", action="store_true", help="no test shares a fixture with another")


def pytest_configure(config: pytest.Config) -> None:
    """Give the workers of this run a directory that they share."""
    if hasattr(config, "workerinput") or not getattr(config.option, "numprocesses", None):
        return
    shared = tempfile.TemporaryDirectory(prefix="ovm3-tests-")
    os.environ[RUN] = shared.name
    config.add_cleanup(lambda: os.environ.pop(RUN, None))
    config.add_cleanup(shared.cleanup)


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Let each worker begin at another file: what one has compiled, or found out for the tables of
    failures (tests/operations/once.py), the others only read.
    """
    gc.disable()  # hardly anything of a collection is garbage
    config = session.config
    tests, given = config.rootpath / "tests", [config.rootpath / path for path in config.args]
    if hasattr(config, "workerinput") and given == [tests]:
        # Folders, as files that are named here would be taken even if somebody ignores them.
        parts = [part for part in sorted(tests.iterdir()) if _has_tests(part)]
        worker, workers = config.workerinput["workerid"], config.workerinput["workercount"]
        begin = len(parts) * int(worker.removeprefix("gw")) // workers
        config.args = [str(part) for part in parts[begin:] + parts[:begin]]


def _has_tests(path: Path) -> bool:
    return any(path.rglob("test_*.py")) if path.is_dir() else path.match("test_*.py")


def pytest_collection_finish() -> None:
    """What is here now stays to the end: the garbage collector need not look at it ever again."""
    gc.collect()
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):  # in the same order, wherever this one has begun
        items.sort(key=lambda item: item.path.parts)
    mark_tables(items)
    if config.getoption("--reverse"):
        items.reverse()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> object:
    """With --apart, take each test for the last one: fixtures of its module end with it."""
    if nextitem is None or not item.config.getoption("--apart"):
        return None
    return item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of this machine must not see calls to loopback."""
    for name in _PROXIES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def no_estates(monkeypatch: pytest.MonkeyPatch) -> None:
    """The estates of whoever runs the tests are theirs: there is no file, and none can be made."""
    monkeypatch.setenv("XDG_CONFIG_HOME", "/dev/null/config")
    for name in ("OVM3_ESTATE", "OVM3_HOST"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def no_real_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    give_up_at_once(monkeypatch)


@pytest.fixture(params=PERSONALITIES)
def personality(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def sim(personality: str) -> Iterator[Simulator]:
    """A pool of three hosts with two running VMs, in both personalities."""
    with simulate(hosts=3, personality=personality) as simulator:
        yield simulator


@pytest.fixture
def driver(sim: Simulator) -> OVM3NodeDriver:
    return driver_for(sim)
