"""Changes of repositories: every call, times everything that can happen.

Afterwards each host has the change or nothing of it, or the error names it; what is on the exports
is as it was; nothing was sent twice; and the same call completes what was left.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

import pytest

from libcloud_ovm3.errors import OperationIncomplete, Ovm3Error, PreconditionFailed
from libcloud_ovm3.simulator import Simulator
from tests.operations.failures import (
    FAILURES,
    KILLS,
    READ_FAILURES,
    WRITES,
    Step,
    attempt,
    land,
    misbehave,
    steps_of,
)
from tests.operations.killed import kill_client_at
from tests.operations.once import once_a_run
from tests.operations.sharing import (
    OPERATIONS,
    act,
    contents,
    make_sim,
    put_back,
    saved,
    shown,
    unmount_second,
)
from tests.support import EACH_DIALECT, calls_of, driver_for

# The reads, after a write, that something is decided by.
DECISIVE = ("discover_repository_db", "discover_mounted_file_systems", "libcloud_read_file")
MAKING = ("create", "attach", "adopt")
SHORT = ("fault", "fault_after", "delayed")  # of the others: refused, in vain refused, unknown
READS_TOO = ("create", "adopt", "erase")  # the others have the same reads
ENDS = ("detach", "delete", "erase")  # the same call again finds no repository


class Row(NamedTuple):
    operation: str
    host_module: bool
    step: Step

    def __str__(self) -> str:
        return f"{self.operation}-{'by module' if self.host_module else 'by agent'}-{self.step}"


@once_a_run
def rows() -> tuple[list[Row], dict[str, Any]]:
    """The steps that may leave something, and what each operation makes of the hosts."""
    found, done = [], {}
    for host_module in (False, True):
        with make_sim("plain", "3.3.3", host_module) as sim:
            before = saved(sim)
            for name in OPERATIONS:
                if name not in MAKING and host_module is not (name == "erase"):
                    continue  # they differ in what is read before anything is sent
                begin(sim, before, name)
                act(driver_for(sim), name)
                assert calls_of(sim, *WRITES)
                found += [
                    Row(name, host_module, step)
                    for step in steps_of(calls_of(sim))
                    if step.function in WRITES
                    or (step.function in DECISIVE and step.after and name in READS_TOO)
                ]
                done[name] = ends_of(sim)
    return found, done


def begin(sim: Simulator, before: list[Any], operation: str) -> None:
    """All as at first, and a host's mounts lost where they are to be refreshed."""
    put_back(sim, before)
    if operation == "refresh":
        unmount_second(sim)
    sim.calls.clear()


def ends_of(sim: Simulator) -> list[Any]:
    """What the hosts have, without the ids and owners that are each simulator's own."""
    return [
        {"mounts": sorted(one.device for at, one in host.mounts.items() if at[:5] == "/OVS/"
                          and "ovm-repository" not in one.device),
         "names": sorted(one["Alias"] for one in host.repository_db.values())}
        for host in sim.hosts
    ]  # fmt: skip


def failures_of(row: Row) -> tuple[str, ...]:
    if row.step.function not in WRITES:
        return READ_FAILURES
    return FAILURES if row.operation in MAKING else SHORT


ROWS, DONE = rows()
TABLE = [
    pytest.param(row, failure, id=f"{row}-{failure}")
    for row in ROWS
    for failure in failures_of(row)
]


class Sims(ExitStack):
    """Simulators that rows share, each as it was at first whenever a row gets it."""

    def __init__(self) -> None:
        super().__init__()
        self._made: dict[tuple[str, str, bool], tuple[Simulator, list[Any]]] = {}

    def fresh(self, how: tuple[str, str], row: Row) -> Simulator:
        key = (*how, row.host_module)
        if key not in self._made:
            sim = self.enter_context(make_sim(*key))
            self._made[key] = (sim, saved(sim))
        sim, before = self._made[key]
        begin(sim, before, row.operation)
        return sim


@pytest.fixture(scope="module")
def sims() -> Iterator[Sims]:
    with Sims() as found:
        yield found


@pytest.mark.parametrize("how", EACH_DIALECT)
@pytest.mark.parametrize(("row", "failure"), TABLE)
def test_repository(sims: Sims, row: Row, failure: str, how: tuple[str, str]) -> None:
    sim = sims.fresh(how, row)
    before, files = shown(sim), contents(sim)
    rule = misbehave(sim, failure, row.step)
    error = attempt(lambda: act(driver_for(sim), row.operation))
    land(sim)
    assert rule.hits, "the call that was to fail never came"
    check(sim, row.operation, before, files, error)


@pytest.mark.tables  # a process each
@pytest.mark.parametrize("how", EACH_DIALECT)
@pytest.mark.parametrize("when", KILLS)
@pytest.mark.parametrize(
    "row",
    [row for row in ROWS if row.operation in ("create", "adopt") and row.step.function in WRITES],
    ids=str,
)
def test_repository_killed(sims: Sims, row: Row, when: str, how: tuple[str, str]) -> None:
    sim = sims.fresh(how, row)
    files = contents(sim)
    kill_client_at(sim, row.step, when, act, row.operation)
    check_sent_once_per_host(sim)
    complete(sim, row.operation, files)


def check_sent_once_per_host(sim: Simulator) -> None:
    for index in range(len(sim.hosts)):
        sent = [(c.function, str(c.arguments)) for c in sim.calls if c.host_index == index]
        sent = [one for one in sent if one[0] in WRITES]
        assert len(sent) == len(set(sent)), f"sent twice: {sent}"


def check(
    sim: Simulator, operation: str, before: list[Any], files: Any, error: Ovm3Error | None
) -> None:
    check_sent_once_per_host(sim)
    now = shown(sim)
    if error is None:
        assert ends_of(sim) == DONE[operation], "said to be done, and is not"
    elif isinstance(error, OperationIncomplete):
        changed = [host.hostname for host, *two in zip(sim.hosts, now, before, strict=True)
                   if two[0] != two[1]]  # fmt: skip
        assert error.left
        for hostname in changed:
            assert hostname in str(error), f"{hostname} is not named"
    else:
        assert now == before, f"{error!r} says that nothing is changed"
    complete(sim, operation, files)


def complete(sim: Simulator, operation: str, files: Any) -> None:
    """The same call again makes the rest of it, and then nothing; no export lost anything."""
    for _ in range(2):
        sim.calls.clear()
        error = attempt(lambda: act(driver_for(sim), operation))
        if error is not None:
            assert isinstance(error, PreconditionFailed), repr(error)
            assert operation in ENDS
    assert not calls_of(sim, *WRITES)
    assert ends_of(sim) == DONE[operation]
    now = contents(sim)
    for location, there in files.items():
        if operation == "erase" and location.endswith("a" * 16):
            continue
        assert {path: now[location].get(path) for path in there} == there, f"{location} is changed"
