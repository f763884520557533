"""Creating, copying and deleting images, and nodes from templates with several disks: every agent
call, times everything that can happen to it.

Afterwards every file that was there before is there with its content, but for the image that was to
go; what is new is a complete image, or is not offered as one and can be deleted, or the error names
it; nothing that changes anything was sent twice.
"""

from __future__ import annotations

import contextlib
from typing import Any, NamedTuple

import pytest
from libcloud.compute.types import NodeState

from libcloud_ovm3.errors import (
    ImageNotFound,
    OperationIncomplete,
    Ovm3Error,
    PreconditionFailed,
)
from libcloud_ovm3.simulator import Simulator
from tests.operations.failures import (
    FAILURES,
    KILLS,
    READ_FAILURES,
    WRITES,
    Step,
    check_sent_once,
    check_what_is_left,
    files_of,
    misbehave,
    steps_of,
)
from tests.operations.imaging import FILES, NODES, OPERATIONS, act, image_of, make_sim
from tests.operations.killed import kill_client_at
from tests.operations.once import once_a_run
from tests.support import CHANGE, PERSONALITIES, driver_for, quietly


class Row(NamedTuple):
    operation: str
    host_module: bool
    step: Step

    def __str__(self) -> str:
        return f"{self.operation}-{'by module' if self.host_module else 'by agent'}-{self.step}"


@once_a_run
def rows() -> list[Row]:
    """The steps that may leave something, each once; each operation with a new driver."""
    found = []
    for host_module in (False, True):
        for operation in OPERATIONS:
            with make_sim("plain", host_module) as sim:
                quietly(act, driver_for(sim), operation, sim.repository_id, host_module)
                steps = steps_of([call.function for call in sim.calls])
                found += [
                    Row(operation, host_module, step)
                    for step in steps
                    if step.after not in (None, "storage_plugin_mount") or step.function in WRITES
                ]
    return found


ROWS = rows()
TABLE = [
    pytest.param(row, failure, id=f"{row}-{failure}")
    for row in ROWS
    for failure in (FAILURES if row.step.function in WRITES else READ_FAILURES)
]


def test_the_table_has_all_writes() -> None:
    found: dict[tuple[str, bool], list[str]] = {}
    for row in ROWS:
        if row.step.function in WRITES and row.step.function != "storage_plugin_mount":
            name = row.step.function.removeprefix("libcloud_")
            found.setdefault((row.operation, row.host_module), []).append(name)
    mark, gone = "storage_plugin_create", "storage_plugin_destroy"
    folder = [mark, "create_file", "write_file", "start_job"]
    node = ["create_vm", "copy_file", "copy_file", "configure_vm"]
    by_claim = CHANGE.removeprefix("libcloud_")
    assert found == {
        ("create", False): [mark, "copy_file", gone],
        ("paused", False): [mark, "pause_vm", mark, "copy_file", "unpause_vm", gone, gone],
        ("copy", False): [mark, "copy_file", gone],
        ("delete", False): [gone],
        ("clear", False): [mark, gone, gone],
        ("node", False): node,
        ("create", True): [*folder, "start_job", "rename_file"],
        ("paused", True): [
            "create_file",
            by_claim,
            *folder,
            "start_job",
            by_claim,
            "delete_file",
            "rename_file",
        ],
        ("copy", True): [*folder, "start_job", "rename_file"],
        ("delete", True): ["set_aside", "set_aside", "delete_aside", "delete_aside"],
        ("clear", True): ["set_aside", "set_aside", "delete_aside", "delete_aside"],
        ("node", True): [by_claim, *node[1:3], by_claim],
    }


@pytest.mark.parametrize("personality", PERSONALITIES)
@pytest.mark.parametrize(("row", "failure"), TABLE)
def test_image(row: Row, failure: str, personality: str) -> None:
    with make_sim(personality, row.host_module) as sim:
        before = files_of(sim)
        driver = driver_for(sim)
        sim.calls.clear()
        rule = misbehave(sim, failure, row.step)
        error: Ovm3Error | None = None
        try:
            quietly(act, driver, row.operation, sim.repository_id, row.host_module)
        except Ovm3Error as caught:
            error = caught
        assert rule.hits, "the call that was to fail never came"
        check_sent_once(sim)
        sim.clear_misbehaviour()
        sim.flush_delayed()
        check(sim, row, before, error)


@pytest.mark.parametrize("when", KILLS)
@pytest.mark.parametrize("row", [row for row in ROWS if row.step.function in WRITES], ids=str)
def test_image_killed(row: Row, when: str) -> None:
    with make_sim("awkward", row.host_module) as sim:
        before = files_of(sim)
        what = (row.operation, sim.repository_id, row.host_module)
        kill_client_at(sim, row.step, when, act, *what)
        check_sent_once(sim)
        check(sim, row, before, None, was_killed=True)


# ------------------------------------------------------------------ what holds afterwards


def check(
    sim: Simulator,
    row: Row,
    before: dict[str, str],
    error: Ovm3Error | None,
    was_killed: bool = False,
) -> None:
    """Look at everything after an operation.

    :param before: the files that were there.
    """
    driver = driver_for(sim)
    named = error.left if isinstance(error, OperationIncomplete) else ()
    is_open = was_killed or isinstance(error, OperationIncomplete)
    wait_for_jobs(sim)
    if row.operation == "node":
        check_what_is_left(sim, before, error)
        return
    for one in quietly(driver.ex_list_orphans):
        if one["set_aside"]:
            assert is_open
            assert was_killed or one["path"] in named, "set aside, and nobody says so"
            driver.ex_put_back(one["path"], one["set_aside"])
    if row.operation == "paused":
        check_node(driver, error, was_killed)
    now = files_of(sim)
    subject = FILES.get(row.operation, {}).get(row.host_module, [])
    untouched = {path: print_ for path, print_ in before.items() if path not in subject}
    assert {path: now.get(path) for path in untouched} == untouched, "others' files were touched"
    if subject:
        check_subject(driver, sim, row, before, now, error, is_open)
        return
    new = sorted(now.keys() - before.keys())
    if not is_open:
        assert bool(new) == (error is None), "something is left, and nobody says so"
    for path in new if error is not None else []:
        assert any(name.endswith(path) for name in named), f"{path} is not named"
    check_new(driver, sim, row, new)


def check_node(driver: Any, error: Ovm3Error | None, was_killed: bool) -> None:
    """It runs, or is said to be paused and can be resumed."""
    node = driver.ex_get_node(NODES["on"])
    if node.state == NodeState.PAUSED:
        assert was_killed or (isinstance(error, OperationIncomplete) and node.id in error.left)
    with contextlib.suppress(PreconditionFailed):  # there is no record that says so
        driver.ex_resume_node(node)
    assert driver.ex_get_node(node.id).state == NodeState.RUNNING


def check_subject(
    driver: Any,
    sim: Simulator,
    row: Row,
    before: dict[str, str],
    now: dict[str, str],
    error: Ovm3Error | None,
    is_open: bool,
) -> None:
    """All of the image is there, or nothing of it, or it can be deleted again."""
    files = FILES[row.operation][row.host_module]
    there = [path for path in files if path in now]
    assert all(now[path] == before[path] for path in there)
    if error is None and not is_open:
        assert not there, "said to be deleted, and is there"
    if error is not None and not is_open:
        assert there == files, "said to be kept, and is gone"
    image = image_of(sim.repository_id, row.operation, row.host_module)
    if row.operation == "clear" and there:
        assert image not in {one.id for one in driver.list_images()}, "half an image is offered"
    if there == files or row.operation == "clear":
        try:
            assert quietly(driver.delete_image, image) is True
        except ImageNotFound:
            assert not there
        assert not files_of(sim).keys() & set(files)


def check_new(driver: Any, sim: Simulator, row: Row, new: list[str]) -> None:
    """It is one complete image, or none that is offered; what is left of one can be deleted."""
    if not new:
        return
    assert all(path.startswith("Templates/") for path in new)
    is_folder = row.host_module
    relative = new[0].rpartition("/")[0] if is_folder else new[0].removesuffix(".creating")
    image_id = f"{sim.repository_id}/{relative}"
    if image_id in {image.id for image in driver.list_images()}:
        assert len(new) == (3 if is_folder else 1)
        sizes = {(sim.repository_path / path).stat().st_size for path in new if path[-1] == "g"}
        assert min(sizes - {(sim.repository_path / new[-1]).stat().st_size} or sizes) > 100_000
        assert driver.get_image(image_id).name == "new"
    else:
        orphans = {one["path"] for one in quietly(driver.ex_list_orphans)}
        assert all(any(one.endswith(path) for one in orphans) for path in new)
    assert quietly(driver.delete_image, image_id) is True
    assert not any(path in files_of(sim) for path in new), "delete_image left something"


def wait_for_jobs(sim: Simulator) -> None:
    """A job that nobody waits for goes on all the same."""
    sim.wait(30)
