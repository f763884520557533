"""What another client does meanwhile, and what was read some minutes ago."""

from __future__ import annotations

import shutil
import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from libcloud.compute.types import NodeState

from libcloud_ovm3.clock import Clock
from libcloud_ovm3.errors import NameTaken, Ovm3Error, PreconditionFailed
from libcloud_ovm3.simulator import Simulator
from tests.faults.support import (
    DOMAIN_0,
    ID,
    OTHER_ID,
    attempt,
    connect,
    lab,
    let_list,
    live,
    location,
    make_vm,
    other_vm,
    record,
    sent,
    start_by_hand,
)
from tests.support import at_once, calls_of, clock_of, functions_of

# ------------------------------------------------------------------ d3: a user that comes meanwhile


@pytest.mark.parametrize("moment", ["delete_vm", "discover_mounted_file_systems"])
def test_d3_a_vm_cfg_that_appears_while_it_is_destroyed(
    sim: Simulator, driver: Any, moment: str
) -> None:
    """Right before the first deletion it is decided anew."""
    vm = make_vm(sim)
    rule = once(sim, moment, lambda: other_vm(sim, disk=[f"file:{vm.path},xvda,w"]))
    came = attempt(driver.destroy_node, ID)
    if rule.hits:
        assert vm.has_disk, came
        assert vm.file.name in came.said
        assert not {"storage_plugin_destroy", "libcloud_delete_aside"} & set(sent(sim))
    assert rule.hits or moment != "delete_vm", "delete_vm is always sent"


@pytest.mark.parametrize("moment", ["delete_vm", "discover_mounted_file_systems"])
def test_d3_a_vm_that_is_started_while_it_is_destroyed(
    sim: Simulator, driver: Any, moment: str
) -> None:
    vm = make_vm(sim)

    def come() -> None:
        other = make_vm(sim, "other", OTHER_ID, disk=[f"file:{vm.path},xvda,w"])
        start_by_hand(sim, other, 1)

    rule = once(sim, moment, come)
    came = attempt(driver.destroy_node, ID)
    if rule.hits:
        assert live(sim) == [OTHER_ID]
        assert vm.has_disk, came
    assert rule.hits or moment != "delete_vm", "delete_vm is always sent"


def test_d3_a_user_at_any_read_before_the_deletion(personality: str, module: bool) -> None:
    """Whichever read the user appears before: it is not deleted under it, unless all was over."""
    with lab(personality, module) as sim:
        make_vm(sim)
        assert attempt(connect(sim).destroy_node, ID).value is True
        calls = [call.function for call in sim.calls]
    last = calls.index("libcloud_delete_aside" if module else "storage_plugin_destroy")
    reads = [n for n in range(last) if calls[n] in LOOKS]
    for number in reads:
        with lab(personality, module) as sim:
            vm = make_vm(sim)
            driver = connect(sim)
            function, nth = calls[number], calls[: number + 1].count(calls[number])
            rule = once(sim, function, lambda s=sim, v=vm: use(s, v), nth=nth)
            came = attempt(driver.destroy_node, ID)
            assert rule.hits == 1
            assert vm.has_disk, (function, nth, calls, came)


LOOKS = ("discover_repositories", "libcloud_repository")


def use(sim: Simulator, vm: Any) -> None:
    other_vm(sim, disk=[f"file:{vm.path},xvda,w"])


def once(sim: Simulator, function: str, action: Any, nth: int = 1, when: str = "before") -> Any:
    """Do something when a call arrives, before (after) it takes effect."""
    return sim.misbehave(
        "hook", function, nth=nth, hook=lambda moment: action() if moment == when else None
    )


def test_d3_a_file_that_comes_into_the_directory_meanwhile(sim: Simulator) -> None:
    """While the second look is waited for."""
    vm = make_vm(sim)
    clock = clock_of(sim)
    file = vm.definition / "data.img"

    def sleep(seconds: float) -> None:
        file.write_bytes(b"x")
        clock.sleep(seconds)

    came = attempt(connect(sim, ex_clock=Clock(clock.now, sleep)).destroy_node, ID)
    assert isinstance(came.error, PreconditionFailed), came
    assert file.exists()
    assert vm.is_whole


# ------------------------------------------------------------------ a: what was seen long ago


@pytest.mark.parametrize("away", [False, True], ids=["module there", "module away at first"])
def test_a_a_module_that_was_away_is_asked_again(personality: str, away: bool) -> None:
    """A remembered lack only saves reads: before a deletion every host is asked anew."""
    with lab(personality, True) as sim:
        vm = make_vm(sim)
        holder = make_vm(sim, "holder", OTHER_ID, disk=[f"file:{vm.path},xvda,w"])
        start_by_hand(sim, holder, 1)
        shutil.rmtree(holder.definition)
        driver = connect(sim)
        if away:
            gone = 'exceptions.Exception:method "libcloud_read_agent" is not supported'
            sim.misbehave("fault", "libcloud_read_agent", host=1, text=gone)
            attempt(driver.list_nodes)
        let_list(sim, 1, [DOMAIN_0])  # off the list, and it holds on
        came = attempt(driver.destroy_node, ID)
        assert vm.has_disk, came
        assert live(sim) == [OTHER_ID]


def test_a_a_start_asks_it_again_too(personality: str) -> None:
    with lab(personality, True) as sim:
        vm = make_vm(sim)
        start_by_hand(sim, vm, 1)
        driver = connect(sim)
        gone = 'exceptions.Exception:method "libcloud_read_agent" is not supported'
        sim.misbehave("fault", "libcloud_read_agent", host=1, text=gone)
        attempt(driver.list_nodes)
        let_list(sim, 1, [DOMAIN_0])
        came = attempt(driver.start_node, ID, ex_location=location(sim, 0))
        assert isinstance(came.error, PreconditionFailed), came
        assert live(sim) == [ID]


# ------------------------------------------------------------------ c: two clients, one name


def new(driver: Any, where: str | None = None, **options: Any) -> Any:
    image = attempt(driver.list_images).value[0]
    return attempt(driver.create_node, "web", driver.list_sizes()[0], image, where, **options)


def named(sim: Simulator) -> list[Path]:
    """The definitions of that name."""
    folders = (sim.repository_path / "VirtualMachines").glob("[!.]*")
    return [f for f in folders if "'web'" in (f / "vm.cfg").read_text()]


def test_c_another_client_makes_the_name_meanwhile(personality: str, module: bool) -> None:
    """It is looked for again after create_vm."""
    with lab(personality, module, templates=1) as sim:
        first, second = connect(sim), connect(sim, 1)
        others: list[Any] = []
        once(sim, "create_vm", lambda: others.append(new(second, location(sim, 1))))
        came = new(first, location(sim, 0))
        assert others[0].value.state == NodeState.RUNNING, others
        assert isinstance(came.error, NameTaken | PreconditionFailed), came
        assert [folder.name for folder in named(sim)] == [others[0].value.id.replace("-", "")]
        assert len(live(sim)) == 1
        assert len(list((sim.repository_path / "VirtualDisks").iterdir())) == 1


def test_c_both_at_the_same_moment(personality: str, module: bool) -> None:
    """Both have sent create_vm before either looks again: one of them undoes itself."""
    with lab(personality, module, templates=1) as sim:
        both = threading.Barrier(2, timeout=300)  # before the effect, and after it
        sim.misbehave("hook", "create_vm", times=2, hook=lambda _: both.wait() and None)
        came = together(sim, lambda driver, index: new(driver, location(sim, index)))
        assert not both.broken
        made = [one for one in came if one.value is not None]
        assert len(made) == 1, came
        assert all(isinstance(one.error, Ovm3Error) for one in came if one not in made)
        assert len(named(sim)) == 1
        assert len(live(sim)) == 1


def test_c_one_looks_before_the_other_has_begun(personality: str, module: bool) -> None:
    """The first has looked again already, and copies, when the create_vm of the second arrives."""
    with lab(personality, module, templates=1) as sim:
        both = threading.Barrier(2, timeout=300)  # both have looked whether the name is free
        copies = threading.Event()

        def create(when: str) -> None:
            if when == "before" and both.wait() == 0:
                assert copies.wait(300)

        def copy() -> None:  # while the second is at it
            copies.set()
            sim.wait(100)

        sim.misbehave("hook", "create_vm", times=2, hook=create)
        once(sim, "copy_file", copy)
        came = together(sim, lambda driver, index: new(driver, location(sim, index)))
        assert len(named(sim)) == 1, came
        assert len(live(sim)) == 1


def test_c_the_same_name_on_purpose(personality: str, module: bool) -> None:
    with lab(personality, module, templates=1) as sim:
        first, second = connect(sim), connect(sim, 1)
        others: list[Any] = []
        once(sim, "create_vm", lambda: others.append(new(second, location(sim, 1))))
        came = new(first, location(sim, 0), ex_allow_same_name=True)
        assert came.value is not None, came
        assert len(live(sim)) == 2


def together(sim: Simulator, action: Any) -> list[Any]:
    """What comes of it, done by two clients at once, each by a host of its own."""
    drivers = [connect(sim, index) for index in (0, 1)]
    return at_once(sim, *[(d, partial(action, d, index)) for index, d in enumerate(drivers)])


# ------------------------------------------------------------------ r4: two clients start one node


def test_r4_two_clients_prefer_the_same_host(personality: str, module: bool) -> None:
    """The one comes in by the first host, the other by the second; it is started once.

    While the start of the one is on its way the other does its whole start.
    """
    with lab(personality, module) as sim:
        make_vm(sim)
        first, second = connect(sim), connect(sim, 1)
        others: list[Any] = []
        once(sim, "start_vm", lambda: others.append(attempt(second.start_node, ID)))
        came = attempt(first.start_node, ID)
        assert live(sim) == [ID], (came, others)
        calls = zip(sim.calls, functions_of(sim), strict=True)
        assert {call.host_index for call, name in calls if name == "start_vm"} in ({0}, {1})
        assert others, "the other one never tried"


def test_r4_at_the_same_moment(personality: str, module: bool) -> None:
    with lab(personality, module) as sim:
        make_vm(sim)
        came = together(sim, lambda driver, _: attempt(driver.start_node, ID))
        assert live(sim) == [ID], came


def test_r4_all_lists_are_asked_right_before_the_start(personality: str, module: bool) -> None:
    """Another client has started it after the second look, on another host."""
    with lab(personality, module) as sim:
        vm = make_vm(sim)
        driver = connect(sim)
        reads = "libcloud_read_agent" if module else "discover_hardware"
        sim.calls.clear()
        once(sim, reads, lambda: start_by_hand(sim, vm, 1), nth=4 if module else 1, when="after")
        came = attempt(driver.start_node, ID, ex_location=location(sim, 0))
        assert live(sim) == [ID], came


def test_r4_a_host_that_is_named_wins(personality: str, module: bool) -> None:
    for host in (0, 1):
        with lab(personality, module) as sim:
            make_vm(sim)
            assert (
                attempt(connect(sim).start_node, ID, ex_location=location(sim, host)).value is True
            )
            assert [domain["uuid"] for domain in sim.domains(host)] == [ID]


def test_r4_one_with_too_little_room_is_not_preferred(personality: str, module: bool) -> None:
    """Of the hosts with room only."""
    for full in (0, 1):
        with lab(personality, module, memory_mb=4096) as sim:
            filler = make_vm(sim, "filler", OTHER_ID, memory=2048)
            start_by_hand(sim, filler, full)
            make_vm(sim, memory=2048)
            assert attempt(connect(sim).start_node, ID).value is True
            assert ID in [domain["uuid"] for domain in sim.domains(1 - full)]


# ------------------------------------------------------------------ x: what has come true meanwhile


def test_x_a_start_that_another_client_has_done(personality: str, module: bool) -> None:
    """The agent refuses the second; the node runs, and that is what counts."""
    with lab(personality, module) as sim:
        vm = make_vm(sim)
        once(sim, "start_vm", lambda: start_by_hand(sim, vm, 0))
        came = attempt(connect(sim).start_node, ID, ex_location=location(sim, 0))
        assert live(sim) == [ID]
        assert came.value is True or "runs" in came.said or "running" in came.said, came


AFTER = "exceptions.Exception:it took effect, and then this"


@pytest.mark.parametrize("function", ["start_vm", "stop_vm", "delete_vm", "storage_plugin_destroy"])
def test_a_fault_after_the_effect(sim: Simulator, driver: Any, function: str, module: bool) -> None:
    """The look decides what is said: never "not started" of what runs."""
    if module and function == "storage_plugin_destroy":
        function = "libcloud_delete_aside"
    vm = make_vm(sim)
    if function == "stop_vm":
        start_by_hand(sim, vm, 1)
    sim.misbehave("fault_after", function, text=AFTER)
    sim.calls.clear()
    action = driver.start_node if function == "start_vm" else driver.destroy_node
    came = attempt(action, ID)
    assert calls_of(sim, function) == [function]
    assert came.error is None, came
    if function == "start_vm":
        assert live(sim) == [ID]
    else:
        assert live(sim) == []
        assert not vm.definition.exists()
        assert not vm.file.exists()


@pytest.mark.parametrize("function", ["create_vm", "copy_file", "configure_vm", "start_vm"])
def test_a_fault_after_the_effect_of_a_creation(
    personality: str, module: bool, function: str
) -> None:
    """It is there whole, or nothing of it is, or the error names what is left."""
    with lab(personality, module, templates=1) as sim:
        driver = connect(sim)
        sim.misbehave("fault_after", function, text=AFTER)
        came = new(driver)
        folders = list((sim.repository_path / "VirtualMachines").glob("[!.]*"))
        disks = list((sim.repository_path / "VirtualDisks").glob("[!.]*"))
        if came.error is None:
            assert live(sim) == [came.value.id]
            return
        assert function != "start_vm", "it runs, and that is what was asked for"
        assert live(sim) == []
        said = came.said.replace("-", "")
        assert [file.name for file in [*folders, *disks] if file.stem not in said] == []


def test_g_a_migrating_one_is_not_started(sim: Simulator, driver: Any) -> None:
    """On its way to another host it is on two lists, or on none."""
    vm = make_vm(sim)
    let_list(sim, 1, [DOMAIN_0, record(f"migrating-{vm.directory}", ID)])
    assert attempt(driver.start_node, ID).error is not None
    assert sent(sim) == []
