"""Snapshots: every agent call of each operation on them, times everything that can happen to it.

Afterwards no content of a volume is lost or mixed with another's; a snapshot that is not complete
says so; what is left is named, is found, and can be removed; a node that was paused runs, or is
named and can be resumed; nothing was sent twice.
"""

from __future__ import annotations

import contextlib
import inspect
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from libcloud.compute.base import StorageVolume, VolumeSnapshot
from libcloud.compute.types import NodeState

from libcloud_ovm3.diagnostics.vm_checks import check_vms
from libcloud_ovm3.errors import OperationIncomplete, Ovm3Error, PreconditionFailed
from libcloud_ovm3.estate.vms import read_estate
from libcloud_ovm3.operations import doors, power_door
from libcloud_ovm3.simulator import Simulator
from tests.operations.failures import (
    KILLS,
    READ_FAILURES,
    WRITES,
    Step,
    misbehave,
    steps_of,
    table_of,
)
from tests.operations.once import once_a_run
from tests.support import PERSONALITIES, calls_of, driver_for, fingerprints_of, quietly, simulate

STOPPED, RUNS = "stopped", "runs"
ONCE = ("pause_vm", "unpause_vm", "copy_file", "libcloud_start_job", "libcloud_rename_file")


@contextmanager
def make_sim(personality: str, host_module: bool) -> Iterator[Simulator]:
    with simulate(hosts=1, vms=0, personality=personality, host_module=host_module) as sim:
        sim.add_vm(STOPPED)
        sim.add_vm(RUNS, running_on=0)
        yield sim


def volume_of(driver: Any, node_name: str) -> StorageVolume:
    node = driver.ex_get_node_by_name(node_name)
    [volume] = quietly(driver.ex_list_volumes, node)
    return volume


class Subject:
    """A simulator with what an operation needs, and what was there before it."""

    def __init__(self, sim: Simulator, act: Callable[[Any, Subject], None], node_name: str) -> None:
        self.sim, self.act = sim, act
        driver = driver_for(sim)
        self.volume = volume_of(driver, node_name)
        self.snapshot: VolumeSnapshot | None = None
        if act in (destroy, revert):
            self.snapshot = quietly(driver.create_volume_snapshot, self.volume, "before")
            with self.file.open("r+b") as file:
                file.write(b"written after the snapshot")
        self.before = files_of(sim)
        sim.calls.clear()

    @property
    def file(self) -> Any:
        return self.sim.repository_path / "VirtualDisks" / self.volume.extra["path"].split("/")[-1]

    def do(self, driver: Any) -> None:
        quietly(self.act, driver, self)


def files_of(sim: Simulator) -> dict[str, str]:
    """All files but the module's records of jobs."""
    return {
        path: fingerprint
        for path, fingerprint in fingerprints_of(sim.repository_path).items()
        if not path.startswith(".libcloud-ovm3/") or path.startswith(".libcloud-ovm3/aside/")
    }


def take(driver: Any, subject: Subject) -> None:
    driver.create_volume_snapshot(subject.volume, "taken")


def take_paused(driver: Any, subject: Subject) -> None:
    driver.create_volume_snapshot(subject.volume, "taken", ex_pause=True)


def destroy(driver: Any, subject: Subject) -> None:
    driver.destroy_volume_snapshot(subject.snapshot)


def revert(driver: Any, subject: Subject) -> None:
    driver.ex_revert_volume(subject.volume, subject.snapshot)


Act = Callable[[Any, Subject], None]
NODE_OF = {take: STOPPED, take_paused: RUNS, destroy: STOPPED, revert: STOPPED}
VARIANTS = [
    (take, False),
    (take, True),
    (take_paused, False),
    (take_paused, True),
    (destroy, False),
    (destroy, True),
    (revert, True),
]


@once_a_run
def steps(act: Act, host_module: bool) -> list[Step]:
    with make_sim("plain", host_module) as sim:
        subject = Subject(sim, act, NODE_OF[act])
        subject.do(driver_for(sim))
        return steps_of(calls_of(sim))


STEPS = {(act, host_module): steps(act, host_module) for act, host_module in VARIANTS}


def rows_of(found: list[Step]) -> Iterator[Any]:
    """Each write with everything that can happen to it, and each read after the first write with
    one failure: before, nothing has been done, so that a read that fails does no harm.
    """
    yield from table_of([one for one in found if one.function in WRITES])
    for step in found:
        if step.after and step.function not in WRITES:
            failure = READ_FAILURES[zlib.crc32(str(step).encode()) % len(READ_FAILURES)]
            yield pytest.param(step, failure, id=f"{step}-{failure}", marks=pytest.mark.tables)


def personality_of(*row: object) -> str:
    """One of the two for each read: they differ in little that matters there."""
    return PERSONALITIES[zlib.crc32(repr(list(map(str, row))).encode()) % 2]


def personalities_of(act: Act, step: Step, failure: str) -> tuple[str, ...]:
    """Both for a write; `make test` takes one of them (tests/selection.py)."""
    if step.function in WRITES:
        return PERSONALITIES
    return (personality_of(act.__name__, step, failure),)


TABLE = [
    pytest.param(
        act,
        host_module,
        *case.values,
        personality,
        id=f"{act.__name__}-{host_module}-{case.id}-{personality}",
        marks=case.marks,
    )
    for (act, host_module), found in STEPS.items()
    for case in rows_of(found)
    for personality in personalities_of(act, *case.values)
]


def test_the_table_has_all_writes() -> None:
    writes = {
        act_and_module: [step.function for step in found if step.function in WRITES]
        for act_and_module, found in STEPS.items()
    }
    copy = ["storage_plugin_mount", "storage_plugin_create", "copy_file", "storage_plugin_destroy"]
    assert writes[take, False] == copy
    assert writes[take, True] == [
        "libcloud_create_file",
        "libcloud_start_job",
        "libcloud_delete_file",
    ]
    assert writes[take_paused, False] == [
        "storage_plugin_mount",
        "storage_plugin_create",
        "pause_vm",
        "storage_plugin_create",
        "copy_file",
        "unpause_vm",
        "storage_plugin_destroy",
        "storage_plugin_destroy",
    ]
    assert writes[destroy, False] == ["storage_plugin_destroy"]
    assert writes[destroy, True] == ["libcloud_set_aside", "libcloud_delete_aside"]
    assert writes[revert, True] == [
        "libcloud_create_file",
        "libcloud_start_job",
        "libcloud_set_aside",
        "libcloud_rename_file",
        "libcloud_delete_aside",
        "libcloud_delete_file",
    ]


@pytest.mark.parametrize(("act", "host_module", "step", "failure", "personality"), TABLE)
def test_a_call_fails(
    act: Act, host_module: bool, step: Step, failure: str, personality: str
) -> None:
    with make_sim(personality, host_module) as sim:
        subject = Subject(sim, act, NODE_OF[act])
        driver = driver_for(sim)
        rule = misbehave(sim, failure, step)
        error: Ovm3Error | None = None
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            try:
                act(driver, subject)
            except Ovm3Error as caught:
                error = caught
        assert rule.hits, "the call that was to fail never came"
        sent = calls_of(sim, *ONCE)
        sim.clear_misbehaviour()
        sim.flush_delayed()
        check(subject, error, " ".join(str(one.message) for one in warned), was_killed=False)
    assert len(sent) == len(set(sent)), f"sent twice: {sent}"


KILLED = [
    pytest.param(
        act,
        host_module,
        number,
        when,
        personality,
        id=f"{act.__name__}-{host_module}-{number}-{when}-{personality}",
        marks=() if act is take_paused else pytest.mark.tables,
    )
    for (act, host_module), found in STEPS.items()
    for number, _ in enumerate(step for step in found if step.function in WRITES)
    for when in KILLS
    for personality in PERSONALITIES
]


@pytest.mark.parametrize(("act", "host_module", "number", "when", "personality"), KILLED)
def test_the_client_is_killed(
    act: Act,
    host_module: bool,
    number: int,
    when: str,
    personality: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with make_sim(personality, host_module) as sim:
        subject = Subject(sim, act, NODE_OF[act])
        with monkeypatch.context() as patch:
            kill_at(patch, number, when)
            with pytest.raises(KeyboardInterrupt):
                subject.do(driver_for(sim))
        sim.wait(60)  # a job of the host goes on
        check(subject, None, "", was_killed=True)


def kill_at(patch: pytest.MonkeyPatch, number: int, when: str) -> None:
    """From this write on, the client sends nothing that changes anything any more."""
    count = 0

    def mortal(door: Callable[..., Any]) -> Callable[..., Any]:
        def send(*args: Any, **more: Any) -> Any:
            nonlocal count
            count += 1
            if count <= number or (count == number + 1 and when == "after"):
                result = door(*args, **more)
                if count <= number:
                    return result
            raise KeyboardInterrupt

        return send

    own = (doors.__name__, power_door.__name__)
    for name, door in inspect.getmembers(doors, inspect.isfunction):
        if door.__module__ in own:
            patch.setattr(doors, name, mortal(door))


# ------------------------------------------------------------------ what has to hold afterwards


def check(subject: Subject, error: Ovm3Error | None, warned: str, was_killed: bool) -> None:
    left = error.left if isinstance(error, OperationIncomplete) else ()
    driver = driver_for(subject.sim)
    check_node(driver, left, was_killed)
    check_volume(driver, subject, error, left, was_killed)
    check_new_files(driver, subject, left, warned, was_killed)
    check_done(driver, subject, error, was_killed)
    clean_up(driver, subject)


def check_node(driver: Any, left: tuple[str, ...], was_killed: bool) -> None:
    node = driver.ex_get_node_by_name(RUNS)
    if node.state == NodeState.PAUSED:
        assert was_killed or node.id in left, "paused, and nobody says so"
        found = [
            one.found for one in check_vms(read_estate(driver._estate)) if one.about == "paused"
        ]
        assert any(node.id in text and "has been paused for a snapshot" in text for text in found)
        assert driver.ex_resume_node(node) is True
        node = driver.ex_get_node_by_name(RUNS)
    assert node.state == NodeState.RUNNING


def check_volume(
    driver: Any,
    subject: Subject,
    error: Ovm3Error | None,
    left: tuple[str, ...],
    was_killed: bool,
) -> None:
    """The old or the new content is at the path, or the old one is aside and can be put back."""
    path = subject.volume.extra["path"]
    aside = [one for one in quietly(driver.ex_list_orphans) if one["set_aside"]]
    for one in aside:
        assert was_killed or one["path"] in left or one["path"] in str(error)
    if subject.act is revert and not subject.file.exists():
        [one] = [one for one in aside if one["path"] == path]
        driver.ex_put_back(path, one["set_aside"])
    now = files_of(subject.sim)
    name = f"VirtualDisks/{subject.file.name}"
    possible = {subject.before[name]}
    if subject.act is revert:
        assert subject.snapshot is not None
        possible.add(
            subject.before[f"VirtualDisks/{subject.snapshot.extra['path'].split('/')[-1]}"]
        )
    assert now[name] in possible, "its content is neither the old one nor the new one"
    others = subject.before.keys() - {name}
    if subject.act is destroy:
        others = {one for one in others if ".snapshot." not in one}
    assert {one: now[one] for one in others} == {one: subject.before[one] for one in others}


def check_new_files(
    driver: Any, subject: Subject, left: tuple[str, ...], warned: str, was_killed: bool
) -> None:
    """A complete snapshot has the volume's content; all else that is new is named and found."""
    now = files_of(subject.sim)
    orphans = {one["path"].rpartition("/")[2] for one in quietly(driver.ex_list_orphans)}
    named = {one.rpartition("/")[2] for one in left}
    complete = set()
    for one in quietly(driver.list_volume_snapshots, subject.volume):
        name = one.extra["path"].rpartition("/")[2]
        if one.state == "available" and name == "taken":
            assert now[f"VirtualDisks/{name}"] == now[f"VirtualDisks/{subject.file.name}"]
        if one.state == "available":
            complete.add(name)
    for path in now.keys() - subject.before.keys():
        name = path.rpartition("/")[2]
        if name in complete and subject.act in (take, take_paused):
            continue
        assert name in orphans, f"{name} is left, and no orphan"
        assert was_killed or name in named or name in warned, f"{name} is left, and not named"


def check_done(driver: Any, subject: Subject, error: Ovm3Error | None, was_killed: bool) -> None:
    """What was said to be done is done; what was refused has left no trace."""
    snapshots = quietly(driver.list_volume_snapshots, subject.volume)
    now = files_of(subject.sim)
    if was_killed:
        return
    if isinstance(error, OperationIncomplete):
        assert error.left, f"nothing is named: {error}"
        return
    if error is not None:
        assert now == subject.before, f"refused, and something has changed: {error}"
        return
    if subject.act in (take, take_paused):
        assert [(one.name, str(one.state)) for one in snapshots] == [("taken", "available")]
    if subject.act is destroy:
        assert snapshots == []
    if subject.act is revert:
        [snapshot] = snapshots
        at = {one: f"VirtualDisks/{one}" for one in (snapshot.extra["path"].split("/")[-1],)}
        assert now[f"VirtualDisks/{subject.file.name}"] in {now[path] for path in at.values()}


def clean_up(driver: Any, subject: Subject) -> None:
    """What was left can be removed by the driver's own methods, and then nothing is new."""
    for snapshot in quietly(driver.list_volume_snapshots, subject.volume):
        if subject.act in (take, take_paused):
            assert quietly(driver.destroy_volume_snapshot, snapshot) is True
    with contextlib.suppress(PreconditionFailed):  # there is no record of it
        quietly(driver.ex_resume_node, driver.ex_get_node_by_name(RUNS))
    if subject.act in (take, take_paused):
        left = files_of(subject.sim).keys() - subject.before.keys()
        assert all(path.endswith(".removed") for path in left), "only the marks that stay"
        assert subject.before.keys() <= files_of(subject.sim).keys()
