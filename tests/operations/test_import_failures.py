"""Imports from URLs: every agent call, times everything that can happen to it.

Afterwards nothing was fetched or sent twice; an image that is offered is complete; what else is
left is named by the error, is never offered, and is finished or removed by one call.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from libcloud_ovm3.errors import ImageNotFound, OperationIncomplete, Ovm3Error, PreconditionFailed
from libcloud_ovm3.simulator import Simulator
from tests.operations.failures import (
    FAILURES,
    WRITES,
    Step,
    attempt,
    check_sent_once,
    files_of,
    land,
    misbehave,
    steps_of,
)
from tests.operations.killed import kill_client_at
from tests.operations.once import once_a_run
from tests.operations.serving import SIZE_BYTES, Server, act, serving
from tests.support import PERSONALITIES, driver_for, quietly, simulate

CONTENT = os.urandom(SIZE_BYTES)
WHILE = ("import_ISO", "import_virtual_disk", "libcloud_grow_file")
FILES = {"disk": "/disk.img", "iso": "/boot.iso"}


class Row(NamedTuple):
    kind: str
    host_module: bool
    step: Step

    def __str__(self) -> str:
        return f"{self.kind}-{'by module' if self.host_module else 'by agent'}-{self.step}"


@contextlib.contextmanager
def make_sim(host_module: bool, personality: str = "plain") -> Iterator[Simulator]:
    options: dict[str, Any] = {"personality": personality, "host_module": host_module}
    with simulate(hosts=2, vms=0, templates=0, **options) as sim:
        for path in (sim.repository_path / "ISOs").iterdir():
            path.unlink()
        yield sim


@contextlib.contextmanager
def web() -> Iterator[Server]:
    with serving() as server:
        server.files = dict.fromkeys(FILES.values(), CONTENT)
        yield server


@once_a_run
def rows() -> list[Row]:
    """The writes, and what is read while the host fetches and right after it, with a new driver."""
    found = []
    with web() as server:
        for host_module in (False, True):
            for kind, path in FILES.items():
                with make_sim(host_module) as sim:
                    quietly(act, driver_for(sim), server.url + path)
                    steps = steps_of([call.function for call in sim.calls])
                    found += [
                        Row(kind, host_module, step)
                        for step in steps
                        if step.function in WRITES or step.after in WHILE
                    ]
    return found


ROWS = rows()
# Each with one of the personalities, in turn: what they differ in is not asked here.
TABLE = [
    pytest.param(row, failure, PERSONALITIES[(number + shift) % 2], id=f"{row}-{failure}")
    for number, row in enumerate(ROWS)
    for shift, failure in enumerate(FAILURES if row.step.function in WRITES else ("fault",))
]


def test_the_table_has_all_writes() -> None:
    found: dict[tuple[str, bool], list[str]] = {}
    for row in ROWS:
        if row.step.function in WRITES and row.step.function != "storage_plugin_mount":
            name = row.step.function.removeprefix("libcloud_")
            found.setdefault((row.kind, row.host_module), []).append(name)
    by_agent = "storage_plugin_create", "storage_plugin_destroy"
    noted = ["create_file", "write_file"]
    assert found == {
        ("disk", False): [by_agent[0], "import_virtual_disk", by_agent[1]],
        ("iso", False): [by_agent[0], "import_ISO", by_agent[1]],
        ("disk", True): [*noted, "import_virtual_disk", "grow_file", "rename_file", "delete_file"],
        ("iso", True): [*noted, "import_ISO", "delete_file"],
    }


@pytest.mark.parametrize(("row", "failure", "personality"), TABLE)
def test_import(row: Row, failure: str, personality: str) -> None:
    with web() as server, make_sim(row.host_module, personality) as sim:
        before = files_of(sim)
        rule = misbehave(sim, failure, row.step)
        error = attempt(lambda: quietly(act, driver_for(sim), server.url + FILES[row.kind]))
        assert rule.hits, "the call that was to fail never came"
        if failure != "delayed":
            check_offered(sim)
        land(sim)
        check(sim, server, before, error)


# The clock of a client that is killed is not the host's, which goes on with an ISO.
KILLED = [row for row in ROWS if row.step.function in WRITES and row.step.after != "import_ISO"]


@pytest.mark.parametrize("row", KILLED, ids=str)
def test_import_killed(row: Row) -> None:
    with web() as server, make_sim(row.host_module, "awkward") as sim:
        before = files_of(sim)
        kill_client_at(sim, row.step, "after", act, server.url + FILES[row.kind])
        sim.wait(40)
        check(sim, server, before, None, was_killed=True)


def check(
    sim: Simulator,
    server: Server,
    before: dict[str, str],
    error: Ovm3Error | None,
    was_killed: bool = False,
) -> None:
    check_sent_once(sim)
    assert len(server.requests) <= 1, "fetched twice"
    driver = driver_for(sim)
    new = sorted(path for path in files_of(sim).keys() - before.keys())
    left = [path for path in new if not path.endswith(".removed")]
    check_offered(sim)
    if error is None and not was_killed:
        assert len(new) == 1, "done, but more is left than the image"
    elif isinstance(error, OperationIncomplete):
        assert all(any(one.endswith(path) for one in error.left) for path in left)
    elif not was_killed:
        # What a host fetches after it has refused to is not known as complete for ever.
        assert not left or len(new) > len(left), "it is left, and nobody says so"
    resolve(driver, sim, left)
    assert not any(path.endswith(".creating") for path in files_of(sim))
    check_offered(sim)
    assert before.items() <= files_of(sim).items()


def check_offered(sim: Simulator) -> None:
    """Whatever is offered as complete is complete."""
    driver = driver_for(sim)
    offered = [
        one.extra["path"] for one in driver.list_images() if one.extra["state"] == "available"
    ]
    offered += [
        one.extra["path"].partition(f"{sim.repository_id}/")[2]
        for one in quietly(driver.list_volumes)
        if one.state == "available"
    ]
    for path in offered:
        content = (sim.repository_path / path).read_bytes()
        assert content.rstrip(b"\0") == CONTENT.rstrip(b"\0"), "half an image is offered"


def resolve(driver: Any, sim: Simulator, left: list[str]) -> None:
    """Finish what is pending, or remove it."""
    for mark in [path for path in left if path.endswith(".creating")]:
        ident = f"{sim.repository_id}/{mark.removesuffix('.creating')}"
        try:
            quietly(driver.ex_finish_import, ident, ex_size_bytes=len(CONTENT))
        except (PreconditionFailed, ImageNotFound, OperationIncomplete):
            remove = driver.delete_image if mark.startswith("ISOs/") else driver.destroy_volume
            assert quietly(remove, ident) is True
