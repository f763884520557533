"""detach_volume: every agent call, times everything that can happen to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from libcloud_ovm3.errors import OperationIncomplete, Ovm3Error
from libcloud_ovm3.operations import doors
from libcloud_ovm3.simulator import Simulator
from tests.operations.attaching import (
    DATA,
    add_disk,
    disks,
    in_file,
    live_disks,
    path_of,
    rows_of,
    seen,
    set_live_disks,
)
from tests.operations.dying import killed_in
from tests.operations.failures import (
    FAILURES,
    KILLS,
    Step,
    change_with_failure,
    steps_of,
)
from tests.operations.once import once_a_run
from tests.operations.test_attach_failures import others, with_and_without_module, write_of
from tests.support import (
    PERSONALITIES,
    calls_of,
    driver_for,
    fingerprints_of,
    quietly,
    simulate,
)

NAME, HOST = "subject", 1
KINDS = ("running", "stopped", "live only")  # where the volume is attached


@contextmanager
def make_sim(personality: str, kind: str, host_module: bool = False) -> Iterator[Simulator]:
    options: dict[str, Any] = {"personality": personality, "host_module": host_module}
    with simulate(hosts=2, vms=0, templates=0, **options) as sim:
        add_disk(sim)
        entry = f"file:{path_of(sim)},xvdd,w"
        named = disks(sim) if kind == "live only" else disks(sim, entry)
        runner = None if kind == "stopped" else HOST
        sim.add_vm(NAME, running_on=runner, config={"disk": named})
        if kind == "live only":
            set_live_disks(sim, HOST, lambda now: [*now, entry])
        yield sim


def detach(sim: Simulator) -> bool:
    volume_id = f"{sim.repository_id}/VirtualDisks/{DATA}"
    return bool(quietly(driver_for(sim).detach_volume, volume_id))


@once_a_run
def steps(host_module: bool) -> list[Step]:
    with make_sim("plain", "running", host_module) as sim:
        detach(sim)
        return steps_of(calls_of(sim))


ALONE, WITH_MODULE = (rows_of(steps(host_module)) for host_module in (False, True))


@pytest.mark.parametrize(("step", "failure", "personality"), ALONE)
def test_detach(step: Step, failure: str, personality: str) -> None:
    do_with(step, failure, personality, "running", False)


@pytest.mark.parametrize(("step", "failure", "personality"), WITH_MODULE)
def test_detach_with_the_module(step: Step, failure: str, personality: str) -> None:
    do_with(step, failure, personality, "running", True)


@pytest.mark.parametrize("personality", PERSONALITIES)
@pytest.mark.parametrize("kind", KINDS)
@with_and_without_module
@pytest.mark.parametrize("failure", FAILURES)
def test_the_write(failure: str, host_module: bool, kind: str, personality: str) -> None:
    do_with(None, failure, personality, kind, host_module)


@pytest.mark.parametrize("personality", PERSONALITIES)
@with_and_without_module
@pytest.mark.parametrize("failure", FAILURES)
def test_the_second_write_of_what_is_only_live(
    failure: str, host_module: bool, personality: str
) -> None:
    write = write_of(host_module)
    do_with(Step(write, write), failure, personality, "live only", host_module)


def do_with(
    step: Step | None, failure: str, personality: str, kind: str, host_module: bool
) -> None:
    """Detach it while one step fails, and look at everything afterwards.

    :param step: None: the first write.
    """
    with make_sim(personality, kind, host_module) as sim:
        node = driver_for(sim).ex_get_node_by_name(NAME)
        before = fingerprints_of(sim.repository_path)
        at = step or Step(None, write_of(host_module))
        error, sent = change_with_failure(sim, failure, at, lambda: detach(sim))
        check(sim, node, before, error, kind)
    assert len(sent) <= (3 if kind == "live only" else 2)


def check(
    sim: Simulator, node: Any, before: dict[str, str], error: Ovm3Error | None, kind: str
) -> None:
    volume_id = f"{sim.repository_id}/VirtualDisks/{DATA}"
    file = f"VirtualMachines/{node.extra['directory']}/vm.cfg"
    now = fingerprints_of(sim.repository_path)
    assert others(now, file) == others(before, file), "another file was touched"
    assert file in now
    defined, live = in_file(sim, node.extra["directory"]), live_disks(sim, HOST)
    state = seen(sim, volume_id).state
    if error is None:
        assert not defined, "said to be done, and is not"
        assert not live
        assert state == "available"
        return
    if isinstance(error, OperationIncomplete):
        assert {node.id, path_of(sim)} <= set(error.left) or defined
    else:
        assert defined or kind == "live only"
        assert live or kind == "stopped"
    if live or defined:
        is_half = kind != "stopped" and live != defined
        assert state == ("error" if is_half else "inuse"), "it must not look free"
        assert detach(sim)
    assert seen(sim, volume_id) == ("available", [])


@pytest.mark.parametrize("personality", PERSONALITIES)
@pytest.mark.parametrize("kind", KINDS)
@with_and_without_module
@pytest.mark.parametrize("when", KILLS)
def test_the_client_dies(when: str, host_module: bool, kind: str, personality: str) -> None:
    with make_sim(personality, kind, host_module) as sim:
        node = driver_for(sim).ex_get_node_by_name(NAME)
        before = fingerprints_of(sim.repository_path)
        with killed_in(doors, "change_definition", when):
            detach(sim)
        if when == "before" or kind == "live only":
            assert detach(sim)
        check(sim, node, before, None, kind)
