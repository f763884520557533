"""Every call that changes containers and objects, with every kind of failure.

Afterwards there is the old content or the new one, whole, and the result says which; whatever else
is left is named by the error and listed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from libcloud.storage.types import ContainerDoesNotExistError, ObjectDoesNotExistError

from libcloud_ovm3 import OVM3StorageDriver
from libcloud_ovm3.errors import OperationIncomplete, Ovm3Error, PreconditionFailed
from libcloud_ovm3.simulator import Simulator
from tests.operations.failures import (
    EFFECT_FIRST,
    FAILURES,
    KILLS,
    READ_FAILURES,
    WRITES,
    Step,
    attempt,
    check_sent_once,
    land,
    misbehave,
)
from tests.operations.killed import kill_client_at
from tests.storage.stores import delete_beside, get, put, put_beside, storage_for
from tests.support import (
    PERSONALITIES,
    calls_of,
    driver_for,
    give_up_at_once,
    pins_of,
    quietly,
    simulate,
)

OLD, NEW = b"old", b"new content"
ISO = "ISOs/file.iso"
READ, STAT = "libcloud_read_agent", "libcloud_stat_object"
BEGIN, WRITE, SUMS, COMMIT = (
    f"libcloud_{one}" for one in ("begin_upload", "write_upload", "upload_sums", "commit_upload")
)
LOOKS = ("libcloud_repository", "libcloud_file_holders")
DELETE_ASIDE, RESTORE = "libcloud_delete_aside", "libcloud_restore_aside"

# Action -> container, object, what is there before and after, and the steps that are tried.
Action = tuple[str, str, bytes | None, bytes | None, list[Step]]
ACTIONS: dict[str, Action] = {
    "upload": ("box", "file", None, NEW, [Step(WRITE, COMMIT)]),
    "overwrite": (
        "box",
        "file",
        OLD,
        NEW,
        [Step(None, READ), Step(None, BEGIN), Step(BEGIN, WRITE), Step(WRITE, SUMS),
         Step(WRITE, COMMIT)],
    ),
    "upload-iso": ("MyRepo", ISO, None, NEW, [Step(None, STAT), Step(WRITE, COMMIT)]),
    "overwrite-iso": (
        "MyRepo",
        ISO,
        OLD,
        NEW,
        [Step(None, STAT), *(Step(None, one) for one in LOOKS), Step(WRITE, COMMIT),
         Step(COMMIT, READ), *(Step(COMMIT, one) for one in LOOKS), Step(COMMIT, DELETE_ASIDE)],
    ),
    "delete": ("box", "file", OLD, None, [Step(None, STAT), Step(None, "libcloud_delete_object")]),
}  # fmt: skip


def table() -> Iterator[Any]:
    """Reads before anything is changed can only fail; of all others everything can happen."""
    for action, (*_, steps) in ACTIONS.items():
        for step in steps:
            kinds = FAILURES if step.function in WRITES else READ_FAILURES
            for failure in kinds if step.after or step.function in WRITES else ("fault",):
                yield pytest.param(action, step, failure, id=f"{action}-{step}-{failure}")


@pytest.fixture(scope="module", params=PERSONALITIES)
def lab(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    with simulate(1, vms=0, host_module=True, personality=request.param) as simulator:
        storage_for(simulator).create_container("box")
        yield simulator


@pytest.fixture
def sim(lab: Simulator) -> Simulator:
    lab.clear_misbehaviour()
    driver = storage_for(lab)
    for one in ("box", "MyRepo"):
        for upload in driver.ex_list_uploads(one):
            driver.ex_delete_upload(one, upload)
    lab.calls.clear()
    return lab


def prepare(sim: Simulator, action: str) -> tuple[OVM3StorageDriver, Callable[[], Any]]:
    """A driver, and the action, which finds what it is to find."""
    container, name, before, after, _ = ACTIONS[action]
    driver = storage_for(sim)
    where = driver.get_container(container)
    obj = put(driver, where, name, before or OLD)
    if before is None:
        driver.delete_object(obj)
    sim.calls.clear()
    if after is None:
        return driver, partial(driver.delete_object, obj)
    return driver, partial(put, driver, where, name, after)


def content(sim: Simulator, action: str) -> bytes | None:
    container, name, *_ = ACTIONS[action]
    try:
        return get(storage_for(sim), container, name)
    except ObjectDoesNotExistError:
        return None


def check_what_is_left(sim: Simulator, error: Ovm3Error | None, container: str) -> None:
    """Every temporary on the disk is listed, and named by the error; so is what is set aside."""
    listed = {one["id"] for one in storage_for(sim).ex_list_uploads(container)}
    state = sim.repository_path / ".libcloud-ovm3"
    assert {one.name for one in state.glob("containers/*/uploads/*")} == listed
    left = set(error.left) if isinstance(error, OperationIncomplete) else set()
    assert listed <= left
    aside = [one["path"] for one in driver_for(sim).ex_list_orphans() if one.get("operation")]
    assert set(aside) <= left


@pytest.mark.parametrize("action", ACTIONS)
def test_the_steps_are_those_of_an_undisturbed_run(sim: Simulator, action: str) -> None:
    _, act = prepare(sim, action)
    act()
    sent = calls_of(sim, *WRITES)
    steps = [one.function for one in ACTIONS[action][-1] if one.function in WRITES]
    assert set(steps) <= set(sent)
    assert content(sim, action) == ACTIONS[action][3]
    check_what_is_left(sim, None, ACTIONS[action][0])


@pytest.mark.parametrize(("action", "step", "failure"), list(table()))
def test_an_object_with_a_failure(
    sim: Simulator, action: str, step: Step, failure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_up_at_once(monkeypatch)
    _, act = prepare(sim, action)
    rule = misbehave(sim, failure, step)
    error = attempt(lambda: quietly(act))
    assert rule.hits, "the call that was to fail never came"
    check_sent_once(sim)
    land(sim)
    container, _, before, after, _ = ACTIONS[action]
    now = content(sim, action)
    check_what_is_left(sim, error, container)
    if step.function in WRITES and failure in EFFECT_FIRST:
        assert error is None, "it is there to be read that it was done"
    if error is None:
        assert now == after
    elif isinstance(error, OperationIncomplete):
        assert now in (before, after)
        assert error.left
    else:
        assert now == before


@pytest.mark.parametrize("failure", FAILURES)
def test_putting_back_with_a_failure(
    personality: str, failure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody has begun to need the file that was replaced: it is back, or set aside and named."""
    give_up_at_once(monkeypatch)
    with simulate(1, vms=0, host_module=True, personality=personality) as sim:
        _, act = prepare(sim, "overwrite-iso")

        def use(moment: str) -> None:
            if moment == "after":
                path = f"/OVS/Repositories/{sim.repository_id}/{ISO}"
                sim.add_vm("late", config={"disk": [f"file:{path},hdc:cdrom,r"]})

        sim.misbehave("hook", COMMIT, hook=use)
        rule = misbehave(sim, failure, Step(None, RESTORE))
        error = attempt(lambda: quietly(act))
        assert rule.hits
        check_sent_once(sim)
        land(sim)
        check_what_is_left(sim, error, "MyRepo")
        if failure in EFFECT_FIRST:
            assert isinstance(error, PreconditionFailed)
        if isinstance(error, PreconditionFailed):
            assert content(sim, "overwrite-iso") == OLD
        else:
            assert isinstance(error, OperationIncomplete)
            assert content(sim, "overwrite-iso") in (OLD, NEW)


CONTAINERS = {
    "create": (lambda driver: driver.create_container("new"), "libcloud_create_container", True),
    "delete": (
        lambda driver: driver.delete_container(driver.get_container("new")),
        "libcloud_delete_container",
        False,
    ),
}


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("action", CONTAINERS)
def test_a_container_with_a_failure(
    sim: Simulator, action: str, failure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_up_at_once(monkeypatch)
    act, function, is_there_after = CONTAINERS[action]
    driver = storage_for(sim)
    names = [one.name for one in driver.list_containers()]
    if "new" in names and is_there_after:
        driver.delete_container(driver.get_container("new"))
    if "new" not in names and not is_there_after:
        driver.create_container("new")
    sim.calls.clear()
    rule = misbehave(sim, failure, Step(None, function))
    error = attempt(lambda: quietly(act, driver))
    assert rule.hits
    check_sent_once(sim)
    land(sim)
    is_there = "new" in [one.name for one in driver.list_containers()]
    if failure in EFFECT_FIRST:
        assert error is None
    if error is None:
        assert is_there is is_there_after
    elif isinstance(error, OperationIncomplete):
        assert error.left == ("new",)
    else:
        assert is_there is not is_there_after
        assert not isinstance(error, ContainerDoesNotExistError)


@pytest.mark.parametrize("failure", FAILURES)
def test_resuming_an_upload_with_a_failure(
    sim: Simulator, failure: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It has one of two ids then, and the error names both."""
    give_up_at_once(monkeypatch)
    driver, path = storage_for(sim), tmp_path / "file"
    box, old = driver.get_container("box"), b"old one"
    put(driver, box, "file", old)
    path.write_bytes(NEW)
    sim.misbehave("drop_before", WRITE)
    with pytest.raises(OperationIncomplete):
        driver.upload_object(str(path), box, "file")
    sim.calls.clear()
    rule = misbehave(sim, failure, Step(None, "libcloud_adopt_upload"))
    error = attempt(lambda: driver.upload_object(str(path), box, "file", ex_resume=True))
    assert rule.hits
    check_sent_once(sim)
    land(sim)
    assert get(driver, "box", "file") == (NEW if error is None else old)
    if failure in EFFECT_FIRST:
        assert error is None
    if error is None or isinstance(error, OperationIncomplete):
        check_what_is_left(sim, error, "box")
    else:
        assert len(driver.ex_list_uploads(box)) == 1, "as it was"


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("function", ["libcloud_delete_upload", "libcloud_describe_object"])
def test_smaller_changes_with_a_failure(
    sim: Simulator, function: str, failure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deleting an unfinished upload, and recording an MD5."""
    give_up_at_once(monkeypatch)
    driver = storage_for(sim)
    box = driver.get_container("box")
    sim.misbehave("drop_before", WRITE)
    with pytest.raises(OperationIncomplete) as interrupted:
        put(driver, box, "file", NEW)
    [ident] = interrupted.value.left
    iso = next(driver.iterate_container_objects(driver.get_container("MyRepo"), "ISOs/oracle"))
    [path] = sim.repository_path.glob(iso.name)
    path.touch()  # what is recorded of it is dropped
    sim.calls.clear()
    act: Any = partial(driver.ex_delete_upload, box, ident)
    if function == "libcloud_describe_object":
        act = partial(driver.ex_hash_object, iso)
    rule = misbehave(sim, failure, Step(None, function))
    error = attempt(lambda: quietly(act))
    assert rule.hits
    check_sent_once(sim)
    land(sim)
    now = {one["id"] for one in driver.ex_list_uploads(box)}
    is_done = (
        ident not in now
        if function == "libcloud_delete_upload"
        else driver.get_object("MyRepo", iso.name).hash is not None
    )
    if failure in EFFECT_FIRST:
        assert error is None
    if error is None:
        assert is_done
    elif isinstance(error, OperationIncomplete):
        assert error.left
    else:
        assert not is_done


KILLED = [
    ("overwrite", Step(None, BEGIN)),
    ("overwrite", Step(BEGIN, WRITE)),
    ("overwrite", Step(WRITE, COMMIT)),
    ("overwrite-iso", Step(WRITE, COMMIT)),
    ("overwrite-iso", Step(COMMIT, DELETE_ASIDE)),
    ("delete", Step(None, "libcloud_delete_object")),
]


@pytest.mark.tables  # a process each
@pytest.mark.parametrize("when", KILLS)
@pytest.mark.parametrize(("action", "step"), KILLED, ids=str)
def test_a_client_that_is_killed(sim: Simulator, action: str, step: Step, when: str) -> None:
    """The old object or the new one; what is left is listed, and can be deleted."""
    prepare(sim, action)
    container, name, before, after, _ = ACTIONS[action]
    arguments: tuple[Any, ...] = (pins_of(sim), container, name)
    if after is None:
        kill_client_at(sim, step, when, delete_beside, *arguments)
    else:
        kill_client_at(sim, step, when, put_beside, *arguments, after)
    check_sent_once(sim)
    assert content(sim, action) in (before, after)
    driver = storage_for(sim)
    listed = driver.ex_list_uploads(container)
    state = sim.repository_path / ".libcloud-ovm3"
    assert {one.name for one in state.glob("containers/*/uploads/*")} == {
        one["id"] for one in listed
    }
    for upload in listed:
        assert driver.ex_delete_upload(container, upload) is True
    orphans = [one for one in driver_for(sim).ex_list_orphans() if one.get("operation")]
    is_set_aside = action == "overwrite-iso" and (step.function, when) != (DELETE_ASIDE, "after")
    assert len(orphans) <= is_set_aside
    if orphans:  # the one that was replaced: the new one is in place
        assert content(sim, action) == after
