"""Two clients at once, and agents that do not keep what they are sent: what create and start see.

Claims are still to come. Until then: all clients prefer the same host for one VM, all lists are
asked once more right before a start, and a name is looked for once more when it is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from libcloud.compute.base import Node
from libcloud.compute.types import NodeState

from libcloud_ovm3.errors import NameTaken, OperationIncomplete, Ovm3Error, PreconditionFailed
from libcloud_ovm3.operations import destroy_vm
from libcloud_ovm3.simulator import Simulator
from tests.operations.failures import files_of
from tests.support import CHANGE, at_once, calls_of, driver_for, fingerprints_of, quietly, simulate

SMALLEST, LARGEST = "0" * 31 + "1", "f" * 32
UNFINISHED = "creating " + "a" * 32  # as its description says


@pytest.fixture(params=[("awkward", False), ("plain", True)], ids=["alone", "with the module"])
def sim(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    personality, host_module = request.param
    options: dict[str, Any] = {"personality": personality, "host_module": host_module}
    with simulate(hosts=2, vms=0, template_bytes=1 << 20, memory_mb=16384, **options) as simulator:
        yield simulator


def make(driver: Any, name: str = "web", **more: Any) -> Node:
    node: Node = quietly(
        driver.create_node, name, driver.list_sizes()[0], driver.list_images()[0], **more
    )
    return node


def two_drivers(sim: Simulator) -> list[Any]:
    """One by each host: what they see comes in another order."""
    return [driver_for(sim, host=host.address) for host in sim.hosts]


def write_cfg(sim: Simulator, directory: str, **config: Any) -> Path:
    folder = sim.repository_path / "VirtualMachines" / directory
    folder.mkdir(exist_ok=True)
    file = folder / "vm.cfg"
    file.write_text("".join(f"{k} = {v!r}\n" for k, v in config.items()))
    return file


def write_rival(sim: Simulator, directory: str, description: str) -> Path:
    return write_cfg(
        sim,
        directory,
        uuid=directory,
        name=directory,
        OVM_simple_name="web",
        OVM_description=description,
        memory=256,
        disk=[],
    )


def after_create_vm(sim: Simulator, action: Callable[[], Any]) -> None:
    sim.misbehave("hook", "create_vm", hook=lambda moment: moment == "after" and action())


def last_read_before_a_start(sim: Simulator) -> dict[str, Any]:
    """The last one before the door: of the second look, or of the memory that is free."""
    if calls_of(sim, "libcloud_repository"):
        return {"function": "libcloud_repository", "nth": 2}
    return {"function": "discover_hardware"}


# ------------------------------------------------------------------ start


def test_two_that_start_one_node(sim: Simulator) -> None:
    sim.add_vm("subject")
    one, two = two_drivers(sim)
    node = one.ex_get_node_by_name("subject")
    for _ in range(3):
        results = at_once(
            sim,
            (one, partial(one.start_node, node)),
            (two, partial(two.start_node, node.id)),
        )
        assert True in results
        assert all(r is True or isinstance(r, PreconditionFailed) for r in results), results
        live = [host for host in (0, 1) if sim.domains(host)]
        assert len(live) == 1
        assert len(sim.domains(live[0])) == 1
        assert one.stop_node(node, ex_force=True) is True


def test_all_clients_prefer_the_same_host(sim: Simulator) -> None:
    """Whatever host they ask first; not all nodes the same one; a host that is named wins."""
    directories = [sim.add_vm(f"vm-{number}") for number in range(8)]
    hosts = set()
    for directory in directories:
        found = []
        for driver in two_drivers(sim):
            driver.start_node(directory)
            found.append(driver.ex_get_node(directory).extra["host_id"])
            driver.stop_node(directory, ex_force=True)
        assert found[0] == found[1]
        hosts.add(found[0])
    assert len(hosts) == 2
    for location in one_driver(sim).list_locations():
        one_driver(sim).start_node(directories[0], location)
        assert one_driver(sim).ex_get_node(directories[0]).extra["host_id"] == location.id
        one_driver(sim).stop_node(directories[0], ex_force=True)


def one_driver(sim: Simulator) -> Any:
    return driver_for(sim)


def test_a_new_node_is_started_again_where_it_was_made(sim: Simulator) -> None:
    driver = driver_for(sim)
    for number in range(4):
        node = make(driver, f"n{number}")
        driver.stop_node(node, ex_force=True)
        driver.start_node(node)
        assert driver.ex_get_node(node.id).extra["host_id"] == node.extra["host_id"]
        driver.stop_node(node, ex_force=True)


@pytest.mark.parametrize("where", [0, 1])
def test_started_by_another_after_both_looks(sim: Simulator, where: int) -> None:
    """The last look, in the door, sees it, on whichever host."""
    sim.add_vm("subject")
    driver = driver_for(sim)
    node = driver.ex_get_node_by_name("subject")
    by_hand = driver_for(sim, host=sim.hosts[where].address).connection

    def start(moment: str) -> None:
        if moment == "after":
            sim.clear_misbehaviour()
            by_hand.call("start_vm", sim.repository_id, node.extra["directory"])

    there = driver.list_locations()[1 - where]
    sim.misbehave("hook", **last_read_before_a_start(sim), hook=start)
    sim.calls.clear()
    host = f"on ovm-{where + 1} "  # seen in its list, or by who holds the disks
    seen = f"it is running {host}|{host}.*belongs to this VM"
    with pytest.raises(PreconditionFailed, match=seen):
        driver.start_node(node, there)
    assert calls_of(sim, "start_vm") == ["start_vm"], "by hand, and not by the driver"


def test_started_by_another_while_its_last_domain_is_waited_for(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which may take a minute: its definition would be deleted under a running VM."""
    sim.add_vm("subject")
    driver = driver_for(sim)
    node = driver.ex_get_node_by_name("subject")
    wait = destroy_vm.wait_ended

    def wait_long(*arguments: Any) -> None:
        wait(*arguments)
        driver_for(sim).start_node(node)

    monkeypatch.setattr(destroy_vm, "wait_ended", wait_long)
    with pytest.raises(PreconditionFailed, match="was not deleted: right before, it is running"):
        driver.destroy_node(node)
    assert calls_of(sim, "start_vm", "delete_vm") == ["start_vm"]
    assert driver.ex_get_node(node.id).state == NodeState.RUNNING


def test_a_host_that_falls_silent_after_both_looks(sim: Simulator) -> None:
    sim.add_vm("subject")
    driver = driver_for(sim)
    node = driver.ex_get_node_by_name("subject")
    first = driver.list_locations()[0]
    sim.misbehave(
        "hook",
        **last_read_before_a_start(sim),
        hook=lambda moment: moment == "after" and sim.hosts[1].kill(),
    )
    sim.calls.clear()
    with pytest.raises(PreconditionFailed, match=r"ovm-2.* is unknown"):
        driver.start_node(node, first)
    assert calls_of(sim, "start_vm") == []


# ------------------------------------------------------------------ names


def test_two_that_make_one_name(sim: Simulator) -> None:
    before = fingerprints_of(sim.repository_path)
    for number in range(3):
        name = f"web-{number}"
        drivers = two_drivers(sim)
        size, image = drivers[0].list_sizes()[0], drivers[0].list_images()[0]
        results = at_once(sim, *[(d, partial(d.create_node, name, size, image)) for d in drivers])
        nodes = [result for result in results if isinstance(result, Node)]
        assert len(nodes) == 1, results
        assert any(isinstance(result, NameTaken) for result in results)
        driver = driver_for(sim)
        assert driver.ex_get_node_by_name(name).id == nodes[0].id
        driver.destroy_node(nodes[0])
        assert fingerprints_of(sim.repository_path) == before


@pytest.mark.parametrize(
    ("directory", "description"),
    [(SMALLEST, UNFINISHED), (SMALLEST, ""), (LARGEST, "")],
    ids=["unfinished and first", "complete", "complete though its id is larger"],
)
def test_a_name_that_another_makes_meanwhile(
    sim: Simulator, directory: str, description: str
) -> None:
    driver = driver_for(sim)
    files = []
    after_create_vm(sim, lambda: files.append(write_rival(sim, directory, description)))
    before = fingerprints_of(sim.repository_path)
    with pytest.raises(NameTaken, match=rf"{directory[:8]}.*is not created"):
        make(driver)
    [rival] = files
    left = fingerprints_of(sim.repository_path).keys() - before.keys()
    assert left == {str(rival.relative_to(sim.repository_path))}
    assert calls_of(sim, "copy_file") == []


def test_one_that_gives_way_is_waited_for(sim: Simulator) -> None:
    driver = driver_for(sim)
    files = []
    after_create_vm(sim, lambda: files.append(write_rival(sim, LARGEST, UNFINISHED)))

    def go(moment: str) -> None:  # at the third listing: the plan, then two looks
        if moment == "before":
            files[0].unlink()
            files[0].parent.rmdir()

    listing = (calls_of(driver_seen(sim), "libcloud_repository") or ["discover_repositories"])[0]
    sim.misbehave("hook", listing, nth=4, hook=go)
    sim.calls.clear()
    assert make(driver).state == NodeState.RUNNING
    assert len(calls_of(sim, listing)) > 3


def driver_seen(sim: Simulator) -> Simulator:
    """After one look, which shows whether the module is asked."""
    driver_for(sim).list_nodes()
    return sim


@pytest.mark.parametrize("becomes", [UNFINISHED, ""], ids=["stays", "is finished"])
def test_one_that_does_not_give_way_has_been_first(sim: Simulator, becomes: str) -> None:
    driver = driver_for(sim)
    after_create_vm(sim, lambda: write_rival(sim, LARGEST, UNFINISHED))
    listing = (calls_of(driver_seen(sim), "libcloud_repository") or ["discover_repositories"])[0]

    def change(moment: str) -> None:
        if moment == "before":
            write_rival(sim, LARGEST, becomes)

    sim.misbehave("hook", listing, nth=4, hook=change)
    said = "pending" if becomes == UNFINISHED else "stopped"
    with pytest.raises(NameTaken, match=rf"f{{8}}-f{{4}}.* \({said}\)"):
        make(driver)
    assert [node.id.replace("-", "") for node in driver.list_nodes()] == [LARGEST]


def test_the_same_name_on_purpose(sim: Simulator) -> None:
    after_create_vm(sim, lambda: write_rival(sim, SMALLEST, ""))
    assert make(driver_for(sim), ex_allow_same_name=True).state == NodeState.RUNNING


def test_a_name_that_cannot_be_looked_for_again(sim: Simulator) -> None:
    """Something unreadable comes up meanwhile: it may have the name, so ours is given up."""
    driver = driver_for(sim)
    broken = sim.repository_path / "VirtualMachines" / ("9" * 32)

    def spoil() -> None:
        broken.mkdir()
        (broken / "vm.cfg").write_text("name = (\n")

    after_create_vm(sim, spoil)
    with pytest.raises(PreconditionFailed, match=r"taken in the meantime is unknown.*9999"):
        make(driver)
    assert [path.parent for path in broken.parent.glob("*/vm.cfg")] == [broken]
    assert calls_of(sim, "copy_file") == []


def test_a_look_that_fails_once_is_made_again(sim: Simulator) -> None:
    driver = driver_for(sim)
    text = "exceptions.OSError:[Errno 116] Stale NFS file handle"
    after_create_vm(
        sim, lambda: sim.misbehave("fault", "discover_repositories", times=2, text=text)
    )
    assert make(driver).state == NodeState.RUNNING


# ------------------------------------------------------------------ what the agent keeps

ODD = ("it's", 'say "x"', "back\\slash", "x' + str(1) + '", "ünïcödé €", "a/b", "'''", "\\", "#no")


def test_odd_names_are_kept(sim: Simulator) -> None:
    driver = driver_for(sim)
    for name in ODD:
        node = make(driver, name)
        assert driver.ex_get_node(node.id).name == node.name == name
        driver.destroy_node(node)


def mangled(sim: Simulator, function: str, old: str, new: str) -> None:
    """An agent that writes something else than it was sent."""

    def mangle(moment: str) -> None:
        if moment == "after":
            [file] = (sim.repository_path / "VirtualMachines").glob("*/vm.cfg")
            text = file.read_text()
            assert old in text
            file.write_text(text.replace(old, new))

    sim.misbehave("hook", function, hook=mangle)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("it is web", "it is", "the name 'it is' instead of 'it is web'"),
        ("uuid = '", "uuid = 'x", "the uuid None"),
        ("OVM_description = 'creating", "OVM_description = '", "the description"),
        ("memory = 512", "memory = 51", "the memory 51 instead of 512"),
        ("vcpus = 1", "vcpus = 3", "vcpus 3"),
        ("\nname = '", "\nname = 'x", "xend's name 'x"),
        ("disk = []", "disk = ['file:/x.img,xvda,w']", "the disks"),
    ],
)
def test_a_definition_that_does_not_say_what_was_meant(
    sim: Simulator, old: str, new: str, said: str
) -> None:
    before = files_of(sim)
    mangled(sim, "create_vm", old, new)
    with pytest.raises((PreconditionFailed, OperationIncomplete), match=said) as caught:
        make(driver_for(sim), "it is web")
    # Through a claim it is deleted only while the host can tell which VM it is.
    is_left = said == "the uuid None" and bool(calls_of(sim, CHANGE))
    assert isinstance(caught.value, OperationIncomplete) is is_left
    if isinstance(caught.value, OperationIncomplete):
        node_id = caught.value.left[0]
        assert f"node {node_id} (destroy_node removes it)" in str(caught.value)
        sim.clear_misbehaviour()
        quietly(driver_for(sim).destroy_node, node_id)
        assert driver_for(sim).list_nodes() == []
    assert files_of(sim) == before
    assert calls_of(sim, "copy_file", "configure_vm", "start_vm") == []


def test_a_definition_that_cannot_be_read_back(sim: Simulator) -> None:
    before = fingerprints_of(sim.repository_path)
    mangled(sim, "create_vm", "OVM_simple_name = '", "OVM_simple_name = ''")
    with pytest.raises(Ovm3Error, match=r"vm\.cfg|read back|syntax"):
        make(driver_for(sim))
    assert fingerprints_of(sim.repository_path) == before


def test_a_definition_that_is_spoilt_at_the_end(sim: Simulator) -> None:
    mangled(sim, "configure_vm", "= 'web'", "= 'we'")
    with pytest.raises(OperationIncomplete, match="the name 'we' instead of 'web'") as caught:
        make(driver_for(sim))
    [node] = driver_for(sim).list_nodes()
    assert node.id in caught.value.left
    assert calls_of(sim, "start_vm") == []
