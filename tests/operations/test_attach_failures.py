"""attach_volume: every agent call, times everything that can happen to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from libcloud_ovm3.errors import OperationIncomplete, Ovm3Error, PreconditionFailed
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
from tests.support import (
    CHANGE,
    PERSONALITIES,
    calls_of,
    driver_for,
    fingerprints_of,
    quietly,
    simulate,
)

NAME, HOST = "subject", 1
WRITE = Step(None, "configure_vm")

with_and_without_module = pytest.mark.parametrize(
    "host_module", [False, True], ids=["alone", "with the module"]
)


@contextmanager
def make_sim(
    personality: str, host_module: bool = False, is_running: bool = True
) -> Iterator[Simulator]:
    options: dict[str, Any] = {"personality": personality, "host_module": host_module}
    with simulate(hosts=2, vms=0, templates=0, **options) as sim:
        sim.add_vm(NAME, running_on=HOST if is_running else None)
        add_disk(sim)
        yield sim


def attach(sim: Simulator, node: Any) -> bool:
    volume_id = f"{sim.repository_id}/VirtualDisks/{DATA}"
    return bool(quietly(driver_for(sim).attach_volume, node, volume_id))


@once_a_run
def steps(host_module: bool) -> list[Step]:
    with make_sim("plain", host_module) as sim:
        node = driver_for(sim).ex_get_node_by_name(NAME)
        sim.calls.clear()
        attach(sim, node)
        return steps_of(calls_of(sim))


ALONE, WITH_MODULE = (rows_of(steps(host_module)) for host_module in (False, True))


@pytest.mark.parametrize(("step", "failure", "personality"), ALONE)
def test_attach(step: Step, failure: str, personality: str) -> None:
    do_with(step, failure, personality, False, True)


@pytest.mark.parametrize(("step", "failure", "personality"), WITH_MODULE)
def test_attach_with_the_module(step: Step, failure: str, personality: str) -> None:
    do_with(step, failure, personality, True, True)


@pytest.mark.parametrize("personality", PERSONALITIES)
@with_and_without_module
@pytest.mark.parametrize("failure", FAILURES)
def test_attach_to_a_stopped_node(failure: str, host_module: bool, personality: str) -> None:
    do_with(None, failure, personality, host_module, False)


def do_with(
    step: Step | None, failure: str, personality: str, host_module: bool, is_running: bool
) -> None:
    """Attach it while one step fails, and look at everything afterwards.

    :param step: None: the one write.
    """
    with make_sim(personality, host_module, is_running) as sim:
        node = driver_for(sim).ex_get_node_by_name(NAME)
        before = fingerprints_of(sim.repository_path)
        at = step or Step(None, write_of(host_module))
        error, sent = change_with_failure(sim, failure, at, lambda: attach(sim, node))
        check(sim, node, before, error, is_running)
    assert len(sent) <= 2, "no more than the request, and what takes it back"


def write_of(host_module: bool) -> str:
    """The call that changes a vm.cfg."""
    return CHANGE if host_module else "configure_vm"


def others(files: dict[str, str], vm_cfg: str) -> dict[str, str]:
    """All files but this one and the records of changes, which are documents."""
    records = (".libcloud-ovm3/documents/vm-", ".libcloud-ovm3/documents/addresses/")
    return {
        file: content
        for file, content in files.items()
        if file != vm_cfg and not file.startswith(records)
    }


def check(
    sim: Simulator, node: Any, before: dict[str, str], error: Ovm3Error | None, is_running: bool
) -> None:
    file = f"VirtualMachines/{node.extra['directory']}/vm.cfg"
    now = fingerprints_of(sim.repository_path)
    assert others(now, file) == others(before, file), "another file was touched"
    assert file in now
    defined, live = in_file(sim, node.extra["directory"]), live_disks(sim, HOST)
    volume_id = f"{sim.repository_id}/VirtualDisks/{DATA}"
    assert live in ([], defined) if is_running else not live, "half attached"
    if error is None:
        assert defined == [f"file:{path_of(sim)},xvdb,w"], "said to be done, and is not"
        assert bool(live) is is_running
    elif isinstance(error, OperationIncomplete):
        assert {node.id, path_of(sim)} <= set(error.left) or not defined
    else:
        assert not defined, f"{error!r} says that nothing is attached"
        assert seen(sim, volume_id).state == "available"
        assert attach(sim, node), "the slot can be used again"
        assert in_file(sim, node.extra["directory"]) == [f"file:{path_of(sim)},xvdb,w"]
    if defined:
        assert seen(sim, volume_id).state == "inuse"
        assert quietly(driver_for(sim).detach_volume, volume_id)
        assert seen(sim, volume_id) == ("available", [])


@pytest.mark.parametrize("personality", PERSONALITIES)
@with_and_without_module
@pytest.mark.parametrize("failure", FAILURES)
def test_the_write_that_takes_it_back(failure: str, host_module: bool, personality: str) -> None:
    """Another VM got the volume at the same moment: whoever has it says so, or both are named."""
    write = write_of(host_module)
    with make_sim(personality, host_module) as sim:
        node = driver_for(sim).ex_get_node_by_name(NAME)
        before = fingerprints_of(sim.repository_path)

        def attach_too(moment: str) -> None:
            if moment == "before":
                named = disks(sim, f"file:{path_of(sim)},xvdb,w")
                sim.add_vm("rival", config={"disk": named})

        sim.misbehave("hook", write, hook=attach_too)
        text = "refused by the test" if failure.startswith("fault") else None
        rule = sim.misbehave(failure, write, nth=2, text=text)
        with pytest.raises(Ovm3Error, match="'rival'") as caught:
            attach(sim, node)
        assert rule.hits, "the call that was to fail never came"
        sim.clear_misbehaviour()
        sim.flush_delayed()
        sim.wait(40)
        defined, live = in_file(sim, node.extra["directory"]), live_disks(sim, HOST)
        now = fingerprints_of(sim.repository_path)
        file = f"VirtualMachines/{node.extra['directory']}/vm.cfg"
        assert {**now, **others(before, file)} == now, "another file was touched"
        if isinstance(caught.value, OperationIncomplete):
            assert {node.id, path_of(sim)} <= set(caught.value.left)
            assert "Manual intervention is required" in str(caught.value)
        else:
            assert isinstance(caught.value, PreconditionFailed)
            assert "it was detached again" in str(caught.value)
            assert (defined, live) == ([], [])
        if defined or live:
            volume_id = f"{sim.repository_id}/VirtualDisks/{DATA}"
            assert quietly(driver_for(sim).detach_volume, volume_id, ex_node=node)
        assert (in_file(sim, node.extra["directory"]), live_disks(sim, HOST)) == ([], [])


@pytest.mark.parametrize("personality", PERSONALITIES)
@with_and_without_module
@pytest.mark.parametrize("is_running", [True, False], ids=["running", "stopped"])
@pytest.mark.parametrize("when", KILLS)
def test_the_client_dies(when: str, is_running: bool, host_module: bool, personality: str) -> None:
    with make_sim(personality, host_module, is_running) as sim:
        node = driver_for(sim).ex_get_node_by_name(NAME)
        before = fingerprints_of(sim.repository_path)
        with killed_in(doors, "change_definition", when):
            attach(sim, node)
        if when == "before":
            assert attach(sim, node)
        check(sim, node, before, None, is_running)
