"""Snapshots of nodes: each call of each operation that changes something, times everything that can
happen to it, and the client killed there.

The node is whole: all its disks are there, with one content. What was refused has left nothing;
what is left is listed and named, and a second call ends it.
"""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from libcloud.compute.types import NodeState

from libcloud_ovm3.errors import OperationIncomplete, Ovm3Error, PreconditionFailed
from libcloud_ovm3.simulator import Simulator
from tests.operations.failures import (
    FAILURES,
    KILLS,
    WRITES,
    Step,
    check_sent_once,
    files_of,
    land,
    misbehave,
    steps_of,
)
from tests.operations.killed import kill_client_at, wait_for_jobs
from tests.operations.node_snapshotting import SOURCE, delete, make, revert
from tests.operations.once import once_a_run
from tests.operations.templates import disks_of
from tests.support import (
    CHANGE,
    PERSONALITIES,
    calls_of,
    driver_for,
    give_up_at_once,
    quietly,
    simulate,
)

Act = Callable[[Any], Any]
ACTS: tuple[Act, ...] = (make, revert, delete)


class Subject:
    """A simulator with what an operation needs, and what was there before it."""

    def __init__(self, sim: Simulator, act: Act) -> None:
        self.sim, self.act, driver = sim, act, driver_for(sim)
        sim.add_vm(SOURCE, running_on=0 if act is make else None)
        self.node = driver.ex_get_node_by_name(SOURCE)
        [self.old] = disks_of(sim, self.node)
        if act is not make:
            node = self.node
            self.snapshot = quietly(driver.ex_create_node_snapshot, node, "taken")
            with (sim.repository_path / self.of_disk).open("r+b") as file:
                file.write(b"written since")
        [self.new] = disks_of(sim, self.node)
        self.before = files_of(sim)
        sim.calls.clear()

    @property
    def of_disk(self) -> str:
        """The path of its disk in the repository."""
        return str(self.node.extra["disks"][0].split("/", 4)[4])


@contextlib.contextmanager
def make_subject(personality: str, act: Act) -> Iterator[Subject]:
    with simulate(1, vms=0, personality=personality, host_module=True) as sim:
        yield Subject(sim, act)


@once_a_run
def steps(act: Act) -> list[Step]:
    """The calls of an undisturbed run that change something."""
    with make_subject("plain", act) as subject:
        act(driver_for(subject.sim))
        return [step for step in steps_of(calls_of(subject.sim)) if step.function in WRITES]


STEPS = {act: steps(act) for act in ACTS}


def personality_of(*row: object) -> str:
    """One of the two for each row."""
    return PERSONALITIES[zlib.crc32(repr(list(map(str, row))).encode()) % 2]


def rows(endings: tuple[str, ...]) -> list[Any]:
    found = [(act, step, one) for act in ACTS for step in STEPS[act] for one in endings]
    return [
        pytest.param(*row, personality_of(row[0].__name__, *row[1:]), id=ids)
        for row in found
        for ids in ["-".join((row[0].__name__, str(row[1]), row[2]))]
    ]


def test_the_table_has_all_steps() -> None:
    assert [step.function for step in STEPS[make]] == [
        "libcloud_write_document",
        "libcloud_create_file",
        CHANGE,
        "libcloud_create_file",
        "libcloud_start_job",
        CHANGE,
        "libcloud_delete_file",
        "libcloud_delete_file",
        "libcloud_write_document",
    ]
    assert [step.function for step in STEPS[revert]] == [
        "libcloud_write_document",
        "libcloud_start_job",
        CHANGE,
        "libcloud_set_aside",
        "libcloud_delete_aside",
        "libcloud_write_document",
    ]
    assert [step.function for step in STEPS[delete]] == [
        "libcloud_set_aside",
        "libcloud_delete_aside",
        "libcloud_write_document",
    ]


@pytest.mark.parametrize(("act", "step", "failure", "personality"), rows(FAILURES))
def test_a_call_fails(
    act: Act, step: Step, failure: str, personality: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_up_at_once(monkeypatch)
    with make_subject(personality, act) as subject:
        sim, driver = subject.sim, driver_for(subject.sim)
        rule = misbehave(sim, failure, step)
        error = None
        try:
            act(driver)
        except Ovm3Error as caught:
            error = caught
        assert rule.hits, "the call that was to fail never came"
        check_sent_once(sim)
        land(sim)
        check(subject, error, was_killed=False)


@pytest.mark.parametrize(("act", "step", "when", "personality"), rows(KILLS))
def test_the_client_is_killed(act: Act, step: Step, when: str, personality: str) -> None:
    with make_subject(personality, act) as subject:
        kill_client_at(subject.sim, step, when, act)
        wait_for_jobs(subject.sim)
        check(subject, None, was_killed=True)


# ------------------------------------------------------------------ what has to hold afterwards


def check(subject: Subject, error: Ovm3Error | None, was_killed: bool) -> None:
    left = error.left if isinstance(error, OperationIncomplete) else ()
    driver = driver_for(subject.sim)
    check_node(driver, subject, left, was_killed)
    check_files(driver, subject, left, was_killed)
    listed = quietly(driver.ex_list_node_snapshots)
    states = [one["state"] for one in listed]
    if error is None and not was_killed:
        assert states == ([] if subject.act is delete else ["available"])
    elif error is not None and not left:
        assert files_of(subject.sim) == subject.before, f"refused, and changed: {error}"
        assert states == ([] if subject.act is make else ["available"])
    end(driver, subject, listed, left)


def check_node(driver: Any, subject: Subject, left: tuple[str, ...], was_killed: bool) -> None:
    """It runs, or can be resumed; its disks are there, with the old or the new content."""
    node = driver.ex_get_node_by_name(SOURCE)
    if subject.act is make:
        if node.state == NodeState.PAUSED:
            assert was_killed or node.id in left, "paused, and nobody says so"
        with contextlib.suppress(PreconditionFailed):  # there is no record of it
            quietly(driver.ex_resume_node, node)
        assert driver.ex_get_node_by_name(SOURCE).state == NodeState.RUNNING
    [content] = disks_of(subject.sim, node)
    assert content in ((subject.old, subject.new) if subject.act is revert else (subject.new,))


def check_files(driver: Any, subject: Subject, left: tuple[str, ...], was_killed: bool) -> None:
    """Each new file is the node's, or one of a snapshot that is listed, or named by the error."""
    now = files_of(subject.sim)
    node = driver.ex_get_node_by_name(SOURCE)
    listed = quietly(driver.ex_list_node_snapshots)
    own = {one.rpartition("/")[2] for one in node.extra["disks"]}
    known = own | {one.rpartition("/")[2] for some in listed for one in some["snapshots"]}
    unsure = bool(listed) and listed[0]["state"] != "available"
    for path in now.keys() - subject.before.keys():
        name = path.rpartition("/")[2].removesuffix(".creating")
        named = any(one.endswith(name) for one in left)
        assert name in known or unsure, f"{name} is left, and nothing says what it is"
        is_told = was_killed or named or name in own or not left
        assert is_told, f"{name} is not named"


def end(driver: Any, subject: Subject, listed: list[dict[str, Any]], left: tuple[str, ...]) -> None:
    """A second call ends it; an old disk that a reversal could not delete is a volume as others."""
    sim = subject.sim
    if subject.act is revert:
        revert(driver, take_over=True)
        node = driver.ex_get_node_by_name(SOURCE)
        assert disks_of(sim, node) == [subject.old]
        assert driver.start_node(node) is True
        old = f"{sim.repository_id}/{subject.of_disk}"
        if subject.of_disk in files_of(sim):
            assert any(path.endswith(subject.of_disk) for path in left)
            quietly(driver.destroy_volume, old)
    elif listed:
        assert quietly(driver.ex_delete_node_snapshot, listed[0]["id"]) is True
    if subject.act is not revert:
        assert quietly(driver.ex_list_node_snapshots) == []
        assert quietly(driver.ex_list_snapshots) == []
    disks = {path for path in files_of(sim) if not path.endswith(".removed")}
    count = len(subject.before) - (subject.act is delete)
    assert len(disks) == count, "something is left"
