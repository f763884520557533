"""create_node: every agent call of it, times everything that can happen to a call.

Afterwards there are exactly 0 or 1 VM; what is left says of itself what it is, is named in the
error, and destroy_node removes it; nobody else's files are touched; nothing that changes anything
was sent twice (rules 1 and 2 of design.md).
"""

from __future__ import annotations

import pytest

from libcloud_ovm3.errors import Ovm3Error
from libcloud_ovm3.simulator import Simulator
from tests.operations.attaching import add_disk
from tests.operations.failures import (
    EFFECT_FIRST,
    FAILURES,
    KILLS,
    NEW_NAME,
    READ_FAILURES,
    WRITES,
    Step,
    check_what_is_left,
    claimed,
    create_new,
    create_of_iso,
    misbehave,
    sent_of,
    steps_of,
)
from tests.operations.killed import kill_client_at
from tests.operations.once import once_a_run
from tests.support import (
    PERSONALITIES,
    calls_of,
    driver_for,
    fingerprints_of,
    quietly,
    simulate,
)


def make_sim(personality: str, host_module: bool = False) -> Simulator:
    return simulate(
        hosts=2,
        vms=1,
        personality=personality,
        template_bytes=1 << 20,
        host_module=host_module,
    )


@once_a_run
def create_steps() -> list[Step]:
    """The calls of an undisturbed create_node: function, and which of its name it is."""
    with make_sim("plain") as sim:
        driver = driver_for(sim)
        images, sizes = driver.list_images(), driver.list_sizes()
        sim.calls.clear()
        driver.create_node(NEW_NAME, sizes[0], images[0])
        return steps_of(calls_of(sim))


STEPS = create_steps()


def test_the_table_has_all_steps() -> None:
    functions = [step.function for step in STEPS]
    assert [f for f in functions if f in WRITES] == [
        "storage_plugin_mount",
        "create_vm",
        "copy_file",
        "configure_vm",
        "start_vm",
    ]
    assert len(STEPS) >= 16


@pytest.mark.parametrize("personality", PERSONALITIES)
@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("step", STEPS, ids=str)
def test_create_node(step: Step, failure: str, personality: str) -> None:
    create_with(step, failure, personality)


@pytest.mark.parametrize("personality", PERSONALITIES)
@pytest.mark.parametrize("failure", EFFECT_FIRST)
@pytest.mark.parametrize("function", [s.function for s in STEPS if s.function in WRITES])
def test_create_node_with_the_module(function: str, failure: str, personality: str) -> None:
    create_with(Step(None, function), failure, personality, host_module=True)


@pytest.mark.parametrize("personality", PERSONALITIES)
@pytest.mark.parametrize("failure", FAILURES)
def test_create_node_with_a_larger_disk(failure: str, personality: str) -> None:
    create_with(Step(None, "libcloud_grow_file"), failure, personality, True, disk_gb=1)


@pytest.mark.parametrize("failure", ["fault", "hang"])
def test_create_node_whose_larger_disk_cannot_be_read(failure: str) -> None:
    step = Step("libcloud_grow_file", "libcloud_stat_file")
    create_with(step, failure, "awkward", True, disk_gb=1)


# The step that makes the empty disk of a node of an ISO, by the agent and by the host module.
EMPTY = {False: "storage_plugin_create", True: "libcloud_create_file"}
READ_AFTER = {False: "storage_plugin_getFileInfo", True: "libcloud_stat_file"}


@pytest.mark.parametrize("personality", PERSONALITIES)
@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("host_module", [False, True], ids=["alone", "with the module"])
def test_create_node_of_an_iso(host_module: bool, failure: str, personality: str) -> None:
    step = Step(None, EMPTY[host_module])
    create_with(step, failure, personality, host_module, disk_gb=1, is_iso=True)


@pytest.mark.parametrize("failure", READ_FAILURES)
@pytest.mark.parametrize("host_module", [False, True], ids=["alone", "with the module"])
def test_create_node_whose_empty_disk_cannot_be_read(host_module: bool, failure: str) -> None:
    step = Step(EMPTY[host_module], READ_AFTER[host_module])
    create_with(step, failure, "awkward", host_module, disk_gb=1, is_iso=True)


@pytest.mark.parametrize("personality", PERSONALITIES)
@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("function", ["create_vm", "copy_file", "configure_vm"])
def test_create_node_with_a_volume(function: str, failure: str, personality: str) -> None:
    """Until the node is gone it has the volume, whose file nobody touches."""
    create_with(Step(None, function), failure, personality, volume="data.img")


@pytest.mark.parametrize("failure", READ_FAILURES)
@pytest.mark.parametrize("function", ["get_vm_config", "list_vms", "discover_repositories"])
def test_create_node_whose_volume_cannot_be_looked_at(function: str, failure: str) -> None:
    create_with(Step("create_vm", function), failure, "awkward", volume="data.img")


def create_with(
    step: Step,
    failure: str,
    personality: str,
    host_module: bool = False,
    disk_gb: int = 0,
    is_iso: bool = False,
    volume: str = "",
) -> None:
    """Create a node while one step fails, and look at everything afterwards."""
    with make_sim(personality, host_module) as sim:
        driver = driver_for(sim)
        images, sizes = driver.list_images(), driver.list_sizes()
        sizes[0].disk = disk_gb
        image = images[-1 if is_iso else 0]  # ISOs are listed last
        volumes = [add_disk(sim, volume)] if volume else []
        before = fingerprints_of(sim.repository_path)
        sim.calls.clear()
        is_there, more = claimed(step, failure, is_new=True) if host_module else (step, {})
        rule = misbehave(sim, failure, is_there, **more)
        error: Ovm3Error | None = None
        try:
            quietly(driver.create_node, NEW_NAME, sizes[0], image, ex_volumes=volumes)
        except Ovm3Error as caught:
            error = caught
        sent = sent_of(sim)
        assert rule.hits, "the call that was to fail never came"
        sim.clear_misbehaviour()
        sim.flush_delayed()
        check_what_is_left(sim, before, error)
    assert len(sent) == len(set(sent)), f"sent twice: {sent}"


@pytest.mark.parametrize("personality", PERSONALITIES)
@pytest.mark.parametrize("when", KILLS)
@pytest.mark.parametrize("step", STEPS, ids=str)
def test_create_node_killed(step: Step, when: str, personality: str) -> None:
    with make_sim(personality) as sim:
        before = fingerprints_of(sim.repository_path)
        kill_client_at(sim, step, when, create_new, driver_for(sim).list_images()[0].id)
        sent = calls_of(sim, *WRITES)
        check_what_is_left(sim, before, None)
    assert len(sent) == len(set(sent)), f"sent twice: {sent}"


@pytest.mark.parametrize("function", ["create_vm", EMPTY[False], "configure_vm"])
def test_create_node_of_an_iso_with_a_volume_killed(function: str) -> None:
    """What is left goes with the node, and the volume stays."""
    with make_sim("awkward") as sim:
        volume = add_disk(sim)
        iso = driver_for(sim).list_images()[-1].id
        before = fingerprints_of(sim.repository_path)
        kill_client_at(sim, Step(None, function), "after", create_of_iso, iso, volume)
        sent = calls_of(sim, *WRITES)
        check_what_is_left(sim, before, None)
        assert str(driver_for(sim).ex_get_volume(volume).state) == "available"
    assert len(sent) == len(set(sent)), f"sent twice: {sent}"
