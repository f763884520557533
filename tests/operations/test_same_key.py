"""create_node with ``ex_idempotency_key``: whatever happens to a call, and whoever else makes it,
there is at most one node of a key; a further call returns it, or says what has to be done first.
"""

from __future__ import annotations

import contextlib
import shutil
import uuid
import warnings
from functools import partial
from typing import Any

import pytest
from libcloud.compute.types import NodeState

from libcloud_ovm3.errors import (
    InvalidArgument,
    OperationIncomplete,
    Ovm3Error,
    Ovm3Warning,
    PreconditionFailed,
    SearchIncomplete,
)
from libcloud_ovm3.operations import define_vm
from libcloud_ovm3.operations.same_key import KEY_LIMIT, vm_id_of
from libcloud_ovm3.simulator import Simulator
from tests.guests import seeds_in
from tests.operations.failures import (
    FAILURES,
    KILLS,
    NEW_NAME,
    Step,
    create_keyed,
    files_of,
    misbehave,
)
from tests.operations.killed import kill_client_at
from tests.support import (
    CHANGE,
    PERSONALITIES,
    at_once,
    calls_of,
    driver_for,
    fingerprints_of,
    quietly,
    simulate,
)

STEPS = ("create_vm", "copy_file", "configure_vm", "start_vm")
KEY = "order 4711"  # that of create_keyed


def make_sim(personality: str = "plain", host_module: bool = False) -> Simulator:
    return simulate(
        2, vms=1, personality=personality, template_bytes=1 << 20, host_module=host_module
    )


def create_again(sim: Simulator) -> Any:
    """What a further call with the key returns, after what it says is to be done."""
    driver = driver_for(sim)
    error = None
    try:
        return quietly(create_keyed, driver)
    except OperationIncomplete as caught:
        error = caught
    assert f"destroy_node('{vm_id_of(KEY)}')" in str(error)
    assert error.left[0] == vm_id_of(KEY)
    quietly(driver.destroy_node, error.left[0])
    return quietly(create_keyed, driver)


def check_one(sim: Simulator, node: Any, before: dict[str, str]) -> None:
    """There is one node of the key, complete, with its own disk; nothing else was touched."""
    assert node.id == vm_id_of(KEY)
    nodes = [one for one in driver_for(sim).list_nodes() if one.name == NEW_NAME]
    assert [(one.id, one.state in (NodeState.RUNNING, NodeState.STOPPED)) for one in nodes] == [
        (node.id, True)
    ]
    now = fingerprints_of(sim.repository_path)
    assert {path: now.get(path) for path in before} == before
    [disk] = nodes[0].extra["disks"]
    assert sum(len(sim.domains(host)) for host in (0, 1)) <= 2  # with the one that was there
    quietly(driver_for(sim).destroy_node, node)
    now = files_of(sim)  # without the records of the host module
    left = {path for path in now if path not in before}
    orphans = {one["path"] for one in driver_for(sim).ex_list_orphans()}
    assert all(any(one.endswith(path) for one in orphans) for path in left)
    assert disk not in orphans


@pytest.mark.parametrize("personality", PERSONALITIES)
@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("function", STEPS)
def test_a_second_call_after_a_failure(function: str, failure: str, personality: str) -> None:
    repeat_after(function, failure, personality)


@pytest.mark.parametrize("personality", PERSONALITIES)
@pytest.mark.parametrize("failure", FAILURES)
def test_a_second_call_with_the_module(failure: str, personality: str) -> None:
    """There the module creates the definition, only where there is none."""
    repeat_after(CHANGE, failure, personality, host_module=True)


def repeat_after(function: str, failure: str, personality: str, host_module: bool = False) -> None:
    with make_sim(personality, host_module) as sim:
        before = fingerprints_of(sim.repository_path)
        rule = misbehave(sim, failure, Step(None, function))
        with contextlib.suppress(Ovm3Error):
            quietly(create_keyed, driver_for(sim))
        assert rule.hits
        sim.clear_misbehaviour()
        sim.flush_delayed()
        check_one(sim, create_again(sim), before)


@pytest.mark.parametrize("personality", PERSONALITIES)
@pytest.mark.parametrize("when", KILLS)
@pytest.mark.parametrize("function", STEPS)
def test_a_second_call_after_the_client_was_killed(
    function: str, when: str, personality: str
) -> None:
    with make_sim(personality) as sim:
        before = fingerprints_of(sim.repository_path)
        kill_client_at(sim, Step(None, function), when, create_keyed)
        check_one(sim, create_again(sim), before)


@pytest.mark.parametrize("when", KILLS)
def test_a_second_call_after_a_client_of_the_module_was_killed(when: str) -> None:
    with make_sim("awkward", host_module=True) as sim:
        before = fingerprints_of(sim.repository_path)
        kill_client_at(sim, Step(None, CHANGE), when, create_keyed)
        check_one(sim, create_again(sim), before)


@pytest.mark.parametrize("host_module", [False, True], ids=["alone", "with the module"])
@pytest.mark.parametrize("personality", PERSONALITIES)
def test_two_at_once(personality: str, host_module: bool) -> None:
    """Both return the one node, or one of them says that it could not be made."""
    with make_sim(personality, host_module) as sim:
        before = fingerprints_of(sim.repository_path)
        one, two = (driver_for(sim, host=host.address) for host in sim.hosts)
        results = at_once(sim, (one, partial(create_keyed, one)), (two, partial(create_keyed, two)))
        assert [getattr(node, "id", node) for node in results] == 2 * [vm_id_of(KEY)], results
        check_one(sim, results[0], {p: v for p, v in before.items() if "libcloud" not in p})


@pytest.mark.parametrize("personality", PERSONALITIES)
@pytest.mark.parametrize("function", ["create_vm", "copy_file", "configure_vm"])
def test_another_overwrites_the_definition(function: str, personality: str) -> None:
    """create_vm of an existing id may overwrite: who finds another's mark gives way, and deletes
    only its own disk."""
    with make_sim(personality) as sim:
        before = fingerprints_of(sim.repository_path)
        directory = sim.repository_path / "VirtualMachines" / vm_id_of(KEY).replace("-", "")
        theirs = f"creating {'a' * 32} {directory.name}-{'a' * 32}.raw"

        def overwrite(moment: str) -> None:
            if moment == "after":
                sim.clear_misbehaviour()
                text = (directory / "vm.cfg").read_text()
                own = ("OVM_desc", "disk ")
                lines = [one for one in text.splitlines() if not one.startswith(own)]
                lines += [f"OVM_description = {theirs!r}", "disk = []"]
                (directory / "vm.cfg").write_text("\n".join(lines) + "\n")

        sim.misbehave("hook", function, hook=overwrite)
        with pytest.raises(OperationIncomplete, match="is not complete: 'creating aaaa"):
            quietly(create_keyed, driver_for(sim))
        assert not calls_of(sim, "start_vm", "delete_vm")
        now = set(fingerprints_of(sim.repository_path)) - set(before)
        assert now == {f"VirtualMachines/{directory.name}/vm.cfg"}, "own disks are gone"
        check_one(sim, create_again(sim), before)


def test_a_request_that_is_carried_out_late_overwrites_nothing_with_the_module() -> None:
    """The host module makes a definition only where there is none, in the host's own step."""
    with make_sim("plain", host_module=True) as sim:
        before = fingerprints_of(sim.repository_path)
        sim.misbehave("delayed", CHANGE)
        with pytest.raises(OperationIncomplete):
            quietly(create_keyed, driver_for(sim))
        sim.clear_misbehaviour()
        node = create_keyed(driver_for(sim))
        sim.flush_delayed()
        assert driver_for(sim).ex_get_node(node.id).extra["disks"] == node.extra["disks"]
        assert "create_vm" not in calls_of(sim)
        check_one(sim, node, before)


def diskless(sim: Simulator) -> Any:
    """The image of a template without disks, so that nothing in a vm.cfg says whose it is."""
    folder = sim.repository_path / "Templates" / ("0004fb00001400000" + 15 * "d")
    folder.mkdir()
    (folder / "vm.cfg").write_text(
        f"OVM_simple_name = 'diskless'\nname = {folder.name!r}\nvcpus = 1\nmemory = 512\n"
        "maxvcpus = 1\nbootloader = '/usr/bin/pygrub'\nOVM_domain_type = 'xen_pvm'\n"
        "disk = []\nvif = []\nguest_os_type = 'default'\n"
    )
    driver = driver_for(sim)
    return next(one for one in driver.list_images() if one.name == "diskless")


@pytest.mark.parametrize("host_module", [False, True], ids=["alone", "with the module"])
@pytest.mark.parametrize("lost", [False, True], ids=["refused", "lost"])
def test_a_node_without_disks_is_another_clients(
    lost: bool, host_module: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another client completes the node right before this one's create_vm: this one deletes
    nothing, and returns it, or names it without the advice to destroy it."""
    function = CHANGE if host_module else "create_vm"
    with simulate(2, vms=0, personality="awkward", host_module=host_module) as sim:
        image = diskless(sim)
        first, second = driver_for(sim), driver_for(sim, host=sim.hosts[1].address)

        def make(driver: Any) -> Any:
            options = {"ex_idempotency_key": KEY, "ex_start": False}
            return quietly(driver.create_node, NEW_NAME, "tiny", image, **options)

        def overtake(*arguments: Any) -> bool:
            if arguments != ("after",):
                sim.clear_misbehaviour()
                monkeypatch.undo()
                make(first)
            return True

        if lost:  # the request; before this client looks the other one has made it
            sim.misbehave("drop_before", function)
            monkeypatch.setattr(define_vm, "is_listed", overtake)
            with pytest.raises(OperationIncomplete, match="is not to be destroyed") as caught:
                make(second)
            assert "removes it" not in str(caught.value)
            assert not caught.value.left
        else:
            sim.misbehave("hook", function, hook=overtake)
            assert make(second).state == NodeState.STOPPED
        assert not calls_of(sim, "delete_vm")
        [node] = driver_for(sim).list_nodes()
        assert (node.id, node.state) == (vm_id_of(KEY), NodeState.STOPPED)


@pytest.mark.parametrize("late", [False, True], ids=["stood still", "carried out late"])
def test_the_last_form_overwrites_no_other_with_the_module(late: bool) -> None:
    """The node is destroyed and made again by another client before this one's request to
    complete it: the host sees in its own step that it is another one."""
    with simulate(2, vms=0, template_bytes=1 << 20, host_module=True) as sim:
        first, second = driver_for(sim), driver_for(sim, host=sim.hosts[1].address)
        made = []

        def make_again(moment: str) -> None:
            if moment == "before":
                sim.clear_misbehaviour()
                quietly(second.destroy_node, vm_id_of(KEY))
                made.append(quietly(create_keyed, second))

        if late:
            sim.misbehave("delayed", CHANGE, nth=2)
            with pytest.raises(OperationIncomplete):
                quietly(create_keyed, first)
            make_again("before")
            sim.flush_delayed()
        else:
            sim.misbehave("hook", CHANGE, nth=2, hook=make_again)
            assert quietly(create_keyed, first).id == made[0].id
        assert "configure_vm" not in calls_of(sim)
        node = driver_for(sim).ex_get_node(made[0].id)
        assert (node.extra["disks"], node.state) == (made[0].extra["disks"], NodeState.RUNNING)
        assert not driver_for(sim).ex_list_orphans()


def test_what_an_earlier_node_has_left() -> None:
    """A client without the module destroys a node; the next one of the key, with the same MAC
    address, has neither its static address nor its metadata, and its seed is gone."""
    with simulate(1, vms=0, template_bytes=1 << 20, host_module=True) as sim:
        driver = driver_for(sim)
        card = {"network": driver.ex_list_networks()[0].id, "mac": "00:21:f6:00:00:07"}
        node = create_keyed(
            driver,
            ex_networks=[{**card, "address": "192.0.2.10/24"}],
            ex_metadata={"a": "b"},
            ex_userdata="#!/bin/sh\n",
        )
        assert (node.private_ips, len(seeds_in(sim))) == (["192.0.2.10"], 1)
        quietly(driver_for(sim, ex_host_module=False).destroy_node, node)
        assert seeds_in(sim)
        create_keyed(driver, ex_networks=[card])
        assert not seeds_in(sim)
        again = driver.ex_get_node(node.id)
        assert (again.private_ips, again.extra["metadata"]) == ([], {})


def images_of_two(sim: Simulator) -> list[Any]:
    """The same image in two repositories, that with the smaller id first."""
    mine, other = (
        sim.repository_path,
        next(one for one in sim.repository_path.parent.iterdir() if one != sim.repository_path),
    )
    shutil.copytree(mine / "Templates", other / "Templates", dirs_exist_ok=True)
    images = sorted(driver_for(sim).list_images(), key=lambda one: one.id)
    found = {one.id.partition("/")[0]: one for one in images}
    assert len(found) == 2
    return list(found.values())


@pytest.mark.parametrize("host_module", [False, True], ids=["alone", "with the module"])
@pytest.mark.parametrize("number", [0, 1])
def test_images_of_two_repositories(number: int, host_module: bool) -> None:
    """Each client has another repository's image: the one that comes second gives way; side by
    side there is one node too."""
    with simulate(2, vms=0, repositories=2, template_bytes=1 << 20, host_module=host_module) as sim:
        images = images_of_two(sim)
        first, second = driver_for(sim), driver_for(sim, host=sim.hosts[1].address)

        def make(driver: Any, image: Any) -> Any:
            options = {"ex_idempotency_key": KEY, "ex_allow_same_name": True}
            return quietly(driver.create_node, NEW_NAME, "tiny", image, **options)

        def overtake(moment: str) -> None:
            if moment == "before":
                sim.clear_misbehaviour()
                make(first, images[number])

        function = CHANGE if host_module else "create_vm"
        sim.misbehave("hook", function, hook=overtake)
        node = make(second, images[1 - number])
        assert images[number].id.partition("/")[0] in node.extra["disks"][0]
        assert len(calls_of(sim, "start_vm")) == 1
        quietly(first.destroy_node, node)

        sim.calls.clear()
        made = [
            (one, partial(make, one, im)) for one, im in zip((first, second), images, strict=True)
        ]
        results = at_once(sim, *made)
        assert [getattr(one, "id", one) for one in results] == 2 * [vm_id_of(KEY)], results
        [node] = first.list_nodes()
        assert (node.state, len(calls_of(sim, "start_vm"))) == (NodeState.RUNNING, 1)
        assert not first.ex_list_orphans()


def test_two_definitions_are_no_node_of_a_key() -> None:
    """Of two clients that were killed: neither of their definitions is returned as the node."""
    with simulate(1, vms=0, repositories=2, template_bytes=1 << 20) as sim:
        images, driver = images_of_two(sim), driver_for(sim)
        node = driver.create_node(NEW_NAME, "tiny", images[0], ex_idempotency_key=KEY)
        here, other = (sim.path_of(one.id.partition("/")[0]) for one in images)
        folder = f"VirtualMachines/{node.extra['directory']}"
        shutil.copytree(here / folder, other / folder)
        with pytest.raises(PreconditionFailed, match=r"has several definitions: .*Look at each"):
            quietly(create_keyed, driver)


def test_all_that_a_half_made_node_has_is_named() -> None:
    """With its seed, which goes with it, too."""
    with make_sim("awkward", host_module=True) as sim:
        sim.misbehave("drop_before", CHANGE, nth=2)
        driver = driver_for(sim)
        with pytest.raises(OperationIncomplete):
            quietly(create_keyed, driver, ex_userdata="#!/bin/sh\n")
        sim.clear_misbehaviour()
        with pytest.raises(OperationIncomplete, match="still runs, call again later") as caught:
            create_keyed(driver)
        [seed] = seeds_in(sim)
        vm_id, disk, named = caught.value.left
        assert (vm_id, disk.count("/VirtualDisks/")) == (vm_id_of(KEY), 1)
        assert named.endswith(seed.name)
        assert f"{disk} and its seed {named}; then call again" in str(caught.value)


def test_what_the_key_means() -> None:
    with make_sim() as sim:
        driver = driver_for(sim)
        node = create_keyed(driver)
        assert uuid.UUID(node.id).version == 5
        assert vm_id_of("K") == "50b286a7-cb7e-5b18-9165-094dfe6eaacc", "as earlier versions do"
        assert [name.startswith(node.id.replace("-", "") + "-") for name in _disks(node)] == [True]
        sim.calls.clear()
        with warnings.catch_warnings():
            warnings.simplefilter("error", Ovm3Warning)
            assert create_keyed(driver).id == node.id
        with pytest.warns(Ovm3Warning, match="is: it has 512 MB of memory and 1 CPUs, not 1024"):
            assert create_keyed(driver, ex_memory_mb=1024).id == node.id
        with pytest.raises(InvalidArgument, match="is named 'new-vm', not 'other'; use another"):
            driver.create_node("other", "tiny", driver.list_images()[0], ex_idempotency_key=KEY)
        driver.stop_node(node, ex_force=True)
        with pytest.warns(Ovm3Warning, match=r"is: stopped; start_node\('"):
            assert create_keyed(driver).state == NodeState.STOPPED
        assert not calls_of(sim, "create_vm", "start_vm", "copy_file", "configure_vm")
        for key, why in (
            ("x" * 256, "at most 255"),
            ("", "'': expected a text"),
            (" x", "blanks"),
            (7, "expected a text"),
        ):
            with pytest.raises(InvalidArgument, match=why):
                create_keyed(driver, ex_idempotency_key=key)
        quietly(driver.destroy_node, node)
        assert create_keyed(driver).id == node.id  # the key is free again


def test_a_node_that_may_be_there_is_not_made() -> None:
    """What cannot be read may have it, whether its name is allowed twice or not."""
    with make_sim() as sim:
        driver = driver_for(sim)
        sim.misbehave("fault", "list_vms", host=1, times=9)
        sim.calls.clear()
        with pytest.raises(SearchIncomplete, match=f"already .{vm_id_of(KEY)}. is unknown"):
            quietly(create_keyed, driver, ex_allow_same_name=True)
        assert not calls_of(sim, "create_vm")


def test_one_that_is_being_created_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    """A minute, which is one wait, and of which the message says what to do after it."""
    with make_sim("awkward") as sim:
        sim.misbehave("fault", "copy_file")
        sim.misbehave("fault", "delete_vm")
        driver = driver_for(sim)
        with pytest.raises(OperationIncomplete):
            quietly(create_keyed, driver)
        sim.clear_misbehaviour()
        assert sim.clock is not None
        begun = sim.clock.now()
        caplog.set_level("INFO", "libcloud_ovm3.progress")
        with pytest.raises(OperationIncomplete, match="still runs, call again later"):
            create_keyed(driver)
        assert caplog.text.count("is being created, with the same ex_idempotency_key") == 1
        assert KEY_LIMIT <= sim.clock.now() - begun < KEY_LIMIT + 30


def _disks(node: Any) -> list[str]:
    return [path.rpartition("/")[2] for path in node.extra["disks"]]
