"""Creating, copying, destroying, growing and renaming volumes: every agent call, times everything
that can happen to it.

Afterwards every file that was there before is there with its content, but for the volume that was
to go; what is new is complete, or says that it is not, or the error names it; nothing that changes
anything was sent twice.
"""

from __future__ import annotations

import posixpath
from typing import Any, NamedTuple

import pytest

from libcloud_ovm3.errors import OperationIncomplete, Ovm3Error
from libcloud_ovm3.simulator import Simulator
from tests.operations.failures import (
    FAILURES,
    KILLS,
    WRITES,
    Step,
    check_sent_once,
    files_of,
    misbehave,
    steps_of,
)
from tests.operations.killed import kill_client_at
from tests.operations.once import once_a_run
from tests.operations.storing import (
    ALONE,
    DATA,
    HALF,
    MARK,
    NEW,
    NEW_FILE,
    OPERATIONS,
    SUBJECT,
    act,
    make_sim,
)
from tests.support import PERSONALITIES, driver_for, quietly

MOUNT = "storage_plugin_mount"
# The reads, after a write, that something is decided by.
DECISIVE = {
    "discover_repositories",
    "list_vms",
    "storage_plugin_getFileInfo",
    *(
        f"libcloud_{name}"
        for name in "read_agent repository stat_file job_status file_holders read_document".split()
    ),
}


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
        with make_sim("plain", host_module) as sim:
            for name in OPERATIONS if host_module else ALONE:
                sim.calls.clear()
                quietly(act, driver_for(sim), name, sim.repository_id)
                steps = steps_of([call.function for call in sim.calls])
                assert any(step.function in WRITES for step in steps), f"{name} changes nothing"
                found += [
                    Row(name, host_module, step)
                    for step in steps
                    if step.function in WRITES
                    or (step.function in DECISIVE and step.after not in (None, MOUNT))
                ]
                if name in SUBJECT and name != "grow":  # it is gone for those that follow
                    for file in SUBJECT[name]:
                        (sim.repository_path / "VirtualDisks" / file).write_bytes(b"again")
    return found


ROWS = rows()
TABLE = [
    pytest.param(row, failure, id=f"{row}-{failure}")
    for row in ROWS
    for failure in (FAILURES if row.step.function in WRITES else ["fault"])
]


def test_the_table_has_all_writes() -> None:
    found: dict[tuple[str, bool], list[str]] = {}
    for row in ROWS:
        if row.step.function in WRITES:
            found.setdefault((row.operation, row.host_module), []).append(row.step.function)
    create, destroy = "storage_plugin_create", "storage_plugin_destroy"
    aside = ["libcloud_set_aside", "libcloud_delete_aside"]
    unmark = "libcloud_delete_file"
    assert found == {
        ("create", False): [MOUNT, create],
        ("from snapshot", False): [create, "copy_file", destroy],
        ("copy", False): [create, "copy_file", destroy],
        ("destroy", False): [destroy],
        ("clear", False): [create, destroy, destroy],
        ("create", True): ["libcloud_create_file"],
        ("from snapshot", True): ["libcloud_start_job"],
        ("grown", True): ["libcloud_create_file", "libcloud_start_job", GROW, unmark],
        ("copy", True): ["libcloud_create_file", "libcloud_start_job", unmark],
        ("destroy", True): aside,
        ("forget", True): [*aside, "libcloud_write_document"],
        ("clear", True): ["libcloud_create_file", *aside, unmark],
        ("grow", True): [GROW],
        ("rename", True): ["libcloud_write_document"],
    }


GROW = "libcloud_grow_file"


@pytest.mark.parametrize("personality", PERSONALITIES)
@pytest.mark.parametrize(("row", "failure"), TABLE)
def test_volume(row: Row, failure: str, personality: str) -> None:
    with make_sim(personality, row.host_module) as sim:
        before = files_of(sim)
        driver = driver_for(sim)
        sim.calls.clear()
        rule = misbehave(sim, failure, row.step)
        error: Ovm3Error | None = None
        try:
            quietly(act, driver, row.operation, sim.repository_id)
        except Ovm3Error as caught:
            error = caught
        assert rule.hits, "the call that was to fail never came"
        check_sent_once(sim)
        sim.clear_misbehaviour()
        sim.flush_delayed()
        check(sim, row.operation, before, error)


@pytest.mark.tables  # a process each
@pytest.mark.parametrize("when", KILLS)
@pytest.mark.parametrize("row", [row for row in ROWS if row.step.function in WRITES], ids=str)
def test_volume_killed(row: Row, when: str) -> None:
    with make_sim("awkward", row.host_module) as sim:
        before = files_of(sim)
        kill_client_at(sim, row.step, when, act, row.operation, sim.repository_id)
        check_sent_once(sim)
        check(sim, row.operation, before, None, was_killed=True)


# ------------------------------------------------------------------ what holds afterwards


def check(
    sim: Simulator,
    operation: str,
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
    orphans = quietly(driver.ex_list_orphans)
    for one in orphans:
        if one["set_aside"]:
            assert is_open
            assert was_killed or one["path"] in named, "set aside, and nobody says so"
            driver.ex_put_back(one["path"], one["set_aside"])
    now = files_of(sim)
    subject = {f"VirtualDisks/{name}" for name in SUBJECT.get(operation, ())}
    untouched = {path: mark for path, mark in before.items() if path not in subject}
    assert {path: now.get(path) for path in untouched} == untouched, "others' files were touched"
    check_subject(sim, operation, before, now, error, is_open)
    volumes = {one.id: one for one in quietly(driver.list_volumes)}
    check_new(driver, sim, operation, set(now) - set(before), volumes, error, is_open, named)
    for path in named:
        assert posixpath.basename(path) in str(error)
    if operation == "rename" and not is_open:
        name = volumes[f"{sim.repository_id}/VirtualDisks/{DATA}"].name
        assert name == (NEW if error is None else "data")


def check_subject(
    sim: Simulator,
    operation: str,
    before: dict[str, str],
    now: dict[str, str],
    error: Ovm3Error | None,
    is_open: bool,
) -> None:
    names = SUBJECT.get(operation, [])
    if operation == "grow":
        with (sim.repository_path / "VirtualDisks" / DATA).open("rb") as file:
            content = file.read(4000)  # not all of it: 2 GiB
        assert content == b"data" * 1000, "content was lost"
        grown = (sim.repository_path / "VirtualDisks" / DATA).stat().st_size
        assert grown in ((4000, 2 << 30) if is_open else [4000 if error else 2 << 30])
        return
    there = [name for name in names if f"VirtualDisks/{name}" in now]
    for name in there:
        assert now[f"VirtualDisks/{name}"] == before[f"VirtualDisks/{name}"]
    if error is None and not is_open:
        assert not there, "said to be deleted, and is there"
    if error is not None and not is_open:
        assert there == names, "said to be kept, and is gone"
    assert HALF not in there or MARK in there, "half a copy looks complete"


def check_new(
    driver: Any,
    sim: Simulator,
    operation: str,
    new: set[str],
    volumes: dict[str, Any],
    error: Ovm3Error | None,
    is_open: bool,
    named: tuple[str, ...],
) -> None:
    if operation == "clear":  # the mark that stays; see test_a_copy_that_lands_after_its_removal
        assert len(new) <= 1
        assert all(path.startswith(f"VirtualDisks/{'b' * 32}.") for path in new)
        assert all(path.endswith(".removed") for path in new)
        return
    if operation not in ("create", "from snapshot", "copy", "grown"):
        assert not new
        return
    disks = {path for path in new if not path.endswith(".creating")}
    assert all(path.startswith(NEW_FILE) for path in new)
    assert len(disks) <= 1
    if not is_open:
        assert len(new) == (0 if error else 1), "something is left, and nobody says so"
    orphans = {one["path"] for one in quietly(driver.ex_list_orphans)}
    for path in new:
        if error is not None:
            assert any(name.endswith(path) for name in named), f"{path}: no error names it"
        if path.endswith(".creating"):
            assert any(name.endswith(path) for name in orphans)
    for path in disks:
        volume = volumes[f"{sim.repository_id}/{path}"]
        size = (sim.repository_path / path).stat().st_size
        wanted = {
            "create": [1 << 30],
            "from snapshot": [3000],
            "copy": [4000],
            "grown": [2 << 30],
        }[operation]
        assert volume.name == NEW
        if f"{path}.creating" in new:
            assert volume.state == "creating"
            quietly(driver.destroy_volume, volume)
            assert not any(left.startswith(NEW_FILE) for left in files_of(sim))
        else:
            assert volume.state == "available"
            assert size in (wanted if is_open else wanted[:1]), "half a volume looks complete"
