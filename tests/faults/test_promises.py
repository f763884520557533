"""Promises of the guarantees that no other test holds."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from libcloud.compute.types import NodeState

from libcloud_ovm3.agent.address import Address
from libcloud_ovm3.agent.documents import Server
from libcloud_ovm3.errors import AgentFault, OperationIncomplete, PreconditionFailed
from libcloud_ovm3.estate.hosts import HostView, _domains, _is_same_host
from libcloud_ovm3.estate.members import ModuleAnswers
from libcloud_ovm3.estate.states import State
from libcloud_ovm3.estate.vms import VM, read_estate
from libcloud_ovm3.operations.mount_export import mounted_export
from libcloud_ovm3.operations.own_name import gives_way
from libcloud_ovm3.operations.preconditions import only_live_domain
from libcloud_ovm3.simulator import Simulator
from tests.cli.running import address, invoke, options, pins
from tests.faults.support import (
    DATA,
    DOMAIN_0,
    FOREIGN_ID,
    ID,
    OTHER_ID,
    assert_kept,
    assert_no_certain_orphan,
    assert_refused,
    attempt,
    connect,
    lab,
    let_list,
    make_vm,
    other_vm,
    put,
    record,
    sent,
    start_by_hand,
    states,
)
from tests.support import CHANGE, calls_of, functions_of

NO_EFFECT = ("fault", "drop_before")
EFFECT = ("fault_after", "drop_after")


def aside_of(sim: Simulator) -> list[Path]:
    """What lies in our folder of files that were set aside."""
    folder = sim.repository_path / ".libcloud-ovm3" / "aside"
    return [path for path in folder.rglob("*") if path.is_file()]


# ------------------------------------------------------------------ a deletion that breaks off


def test_what_a_dead_client_has_set_aside_is_named_and_put_back(personality: str) -> None:
    """A client that dies in between loses nothing: the next look names it and can put it back."""
    with lab(personality, True) as sim:
        vm = make_vm(sim)
        sim.misbehave("fault", "libcloud_delete_aside")
        came = attempt(connect(sim).destroy_node, ID)
        assert isinstance(came.error, OperationIncomplete)
        assert came.error.left == (vm.path,)
        [aside] = aside_of(sim)
        assert aside.read_bytes() == DATA
        driver = connect(sim, by=1)
        seen = attempt(driver.list_nodes)
        assert vm.path in seen.said
        [orphan] = attempt(driver.ex_list_orphans).value
        assert (orphan["path"], orphan["is_certain"]) == (vm.path, False)
        assert orphan["set_aside"] in seen.said
        assert_refused(sim, driver.ex_put_back, vm.path, "0" * 32)
        assert_refused(sim, driver.ex_put_back, vm.path + "x", orphan["set_aside"])
        assert driver.ex_put_back(vm.path, orphan["set_aside"]) is True
        assert vm.has_disk
        assert aside_of(sim) == []
        assert attempt(driver.list_nodes).warnings == []


def test_what_was_set_aside_is_never_put_onto_something(personality: str) -> None:
    with lab(personality, True) as sim:
        vm = make_vm(sim)
        sim.misbehave("fault", "libcloud_delete_aside")
        attempt(connect(sim).destroy_node, ID)
        vm.file.write_bytes(b"another client's")
        driver = connect(sim)
        [operation] = {o["set_aside"] for o in attempt(driver.ex_list_orphans).value} - {None}
        came = attempt(driver.ex_put_back, vm.path, operation)
        assert isinstance(came.error, AgentFault)
        assert vm.file.read_bytes() == b"another client's"
        assert [path.read_bytes() for path in aside_of(sim)] == [DATA]


@pytest.mark.parametrize("failure", [*NO_EFFECT, *EFFECT])
@pytest.mark.parametrize("function", ["libcloud_set_aside", "libcloud_delete_aside"])
def test_a_deletion_by_the_module_fails(personality: str, function: str, failure: str) -> None:
    """A fault after the effect, for the module's writes too: what is said is what is."""
    with lab(personality, True) as sim:
        vm = make_vm(sim)
        rule = sim.misbehave(failure, function)
        came = attempt(connect(sim).destroy_node, ID)
        assert rule.hits == 1
        assert calls_of(sim).count(function) == 1, "sent twice"
        if failure in EFFECT:
            assert (came.value, came.error) == (True, None)
            assert not vm.file.exists()
            assert aside_of(sim) == []
        else:
            assert isinstance(came.error, OperationIncomplete)
            assert came.error.left == (vm.path,)
            [left] = aside_of(sim) or [vm.file]
            assert left.read_bytes() == DATA


@pytest.mark.parametrize("failure", [*NO_EFFECT, *EFFECT])
def test_putting_back_fails(personality: str, failure: str) -> None:
    """Somebody names the disk right after it was set aside, and the way back fails."""
    with lab(personality, True) as sim:
        vm = make_vm(sim)

        def come(moment: str) -> None:
            if moment == "after":
                other_vm(sim, disk=[f"file:{vm.path},xvda,w"])

        sim.misbehave("hook", "libcloud_set_aside", hook=come)
        rule = sim.misbehave(failure, "libcloud_put_back")
        came = attempt(connect(sim).destroy_node, ID)
        assert rule.hits == 1
        assert calls_of(sim).count("libcloud_put_back") == 1, "sent twice"
        assert isinstance(came.error, OperationIncomplete)
        assert came.error.left == (vm.path,)
        assert "libcloud_delete_aside" not in sent(sim)
        if failure in EFFECT:
            assert vm.has_disk
        else:
            assert [path.read_bytes() for path in aside_of(sim)] == [DATA]
            [orphan] = [o for o in attempt(connect(sim).ex_list_orphans).value if o["set_aside"]]
            assert connect(sim).ex_put_back(vm.path, orphan["set_aside"]) is True
            assert vm.has_disk


def test_a_look_that_fails_puts_it_back(personality: str) -> None:
    """Set aside, and then nobody can be asked: it goes back, and is not deleted unseen."""
    with lab(personality, True) as sim:
        vm = make_vm(sim)

        def blind(moment: str) -> None:
            if moment == "after":
                for function in ("libcloud_read_agent", "discover_server_pool"):
                    rules.append(sim.misbehave("fault", function, times=None))

        rules = [sim.misbehave("hook", "libcloud_set_aside", hook=blind)]
        came = attempt(connect(sim).destroy_node, ID)
        assert [bool(rule.hits) for rule in rules] == [True] * 3
        assert isinstance(came.error, OperationIncomplete)
        assert vm.has_disk
        assert aside_of(sim) == []
        assert "libcloud_delete_aside" not in sent(sim)


@pytest.mark.parametrize("failure", NO_EFFECT)
def test_of_two_disks_the_second_is_not_set_aside(personality: str, failure: str) -> None:
    """That the first one is aside under the same operation does not say that both are."""
    with lab(personality, True) as sim:
        vm = make_vm(sim)
        second = vm.file.with_name(f"{vm.directory}_2.img")
        second.write_bytes(DATA)
        path = vm.path.replace(vm.file.name, second.name)
        make_vm(sim, disk=[f"file:{vm.path},xvda,w", f"file:{path},xvdb,w"])
        sim.misbehave(failure, "libcloud_set_aside", nth=2)
        came = attempt(connect(sim).destroy_node, ID)
        assert isinstance(came.error, OperationIncomplete)
        assert came.error.left == (path,)
        assert (vm.file.exists(), second.read_bytes()) == (False, DATA)


@pytest.mark.parametrize("name", ["x", "0" * 32])
def test_what_lies_aside_and_is_not_understood_is_said(personality: str, name: str) -> None:
    """It may be anything: then no orphan is certain, and no disk is deleted."""
    with lab(personality, True) as sim:
        folder = sim.repository_path / ".libcloud-ovm3" / "aside" / name
        (folder / "strange").mkdir(parents=True)
        (folder / "strange" / "disk.img").write_bytes(DATA)
        vm = make_vm(sim)
        (sim.repository_path / "VirtualDisks" / "lonely.img").write_bytes(DATA)
        driver = connect(sim)
        assert sim.repository_id in attempt(driver.list_nodes).said
        assert_no_certain_orphan(driver)
        assert_kept(sim, vm, driver)


# ------------------------------------------------------------------ what may be deleted


@pytest.mark.parametrize("name", [".hidden.img", "a?b.img", "a\ufffdb.img"])
def test_an_orphan_whose_name_is_odd_is_not_certain(sim: Simulator, driver: Any, name: str) -> None:
    """It may not be its name: of what the listing replaces or hides nobody knows who names it."""
    folder = sim.repository_path / "VirtualDisks"
    (folder / name).write_bytes(DATA)
    (folder / "lonely.img").write_bytes(DATA)
    certain = {o["path"].rpartition("/")[2]: o["is_certain"] for o in driver.ex_list_orphans()}
    assert certain.pop("lonely.img") is True
    assert True not in certain.values()
    assert name in certain or name.startswith(".")


def test_a_live_domain_whose_devices_cannot_be_read_is_said(sim: Simulator, driver: Any) -> None:
    """Nothing is dropped in silence: list_nodes warns of it, and doctor and inventory name it."""
    stranger = record("stranger", FOREIGN_ID, device={"vbd": [{"dev": "xvda:disk"}]})
    let_list(sim, 0, [DOMAIN_0, stranger])
    assert FOREIGN_ID in attempt(driver.list_nodes).said
    for command in (["doctor", address(sim), *pins(sim)], ["inventory", *options(sim)]):
        _, shown = invoke(*command, password=sim.password)
        assert FOREIGN_ID in shown
        assert "xvda:disk" in shown, command[0]


def test_a_hidden_file_in_the_directory_that_another_vm_names(sim: Simulator, driver: Any) -> None:
    """The listing may hide it; that it is named is enough."""
    vm = make_vm(sim)
    hidden = vm.definition / ".precious.img"
    hidden.write_bytes(DATA)
    place = f"/OVS/Repositories/{sim.repository_id}/VirtualMachines/{vm.directory}"
    other_vm(sim, disk=[f"file:{place}/{hidden.name},xvda,w"])
    assert_refused(sim, driver.destroy_node, ID)
    assert hidden.read_bytes() == DATA
    assert vm.is_whole


@pytest.mark.parametrize("failure", [*NO_EFFECT, *EFFECT])
def test_a_definition_of_which_nobody_knows_whether_it_is_deleted(
    sim: Simulator, driver: Any, failure: str, module: bool
) -> None:
    """Neither the call nor the look after it is answered: the disk stays, and all is named."""
    vm = make_vm(sim)

    def blind(moment: str) -> None:
        if moment == "after":
            rules.append(sim.misbehave("fault", "discover_repositories", times=None))
            sim.misbehave("fault", "libcloud_read_claim", times=None)

    last = "libcloud_list_files" if module else "discover_mounted_file_systems"
    deletion = CHANGE if module and failure.startswith("drop") else "delete_vm"  # the line drops
    rules = [sim.misbehave("hook", last, hook=blind), sim.misbehave(failure, deletion)]
    came = attempt(driver.destroy_node, ID)
    assert [bool(rule.hits) for rule in rules] == [True] * 3
    assert isinstance(came.error, OperationIncomplete)
    assert came.error.left == (ID, vm.path)
    assert vm.has_disk
    assert functions_of(sim).count("delete_vm") == 1


def test_a_mount_whose_export_begins_like_the_repository_s(
    sim: Simulator, driver: Any, module: bool
) -> None:
    """It is another file system; its ids delete or measure something else."""
    make_vm(sim)
    estate = driver._estate
    seen = read_estate(estate)
    [repository] = seen.repositories
    location = repository.record.fs_location.rstrip("/")
    server, _, path = location.partition(":")
    other = "0a0a0a0a-0b0b-0c0c-0d0d-0e0e0e0e0e0e"
    answer = (
        '<?xml version="1.0"?><Discover_Mounted_File_Systems_Result><Filesystem Type="nfs">'
        f'<Mount Dir="/nfsmnt/{other}"><Device>{server}:{path}2</Device>'
        "<Mount_Options>rw</Mount_Options></Mount>"
        f'<Mount Dir="/mnt/{other}"><Device>{location}</Device>'
        "<Mount_Options>rw</Mount_Options></Mount>"
        "</Filesystem></Discover_Mounted_File_Systems_Result>"
    )
    sim.misbehave("answer", "discover_mounted_file_systems", times=None, value=answer)
    found = mounted_export(repository.mounted_on[0], repository)
    assert found.id != other
    assert "storage_plugin_mount" in calls_of(sim)


@pytest.mark.parametrize("form", ["phy:{},xvdb,w", "file:{},xvdb:cdrom,r", "phy:{},xvdb:cdrom,r"])
def test_what_carries_the_uuid_and_is_no_disk_file_of_its_own(
    sim: Simulator, driver: Any, form: str
) -> None:
    """A device and the medium of a drive are never deleted, whatever they are called."""
    vm = make_vm(sim)
    other = vm.file.with_name(f"{vm.directory}_2.img")
    other.write_bytes(DATA)
    path = vm.path.replace(vm.file.name, other.name)
    make_vm(sim, disk=[f"file:{vm.path},xvda,w", form.format(path)])
    came = attempt(driver.destroy_node, ID)
    assert came.error is None
    assert (vm.file.exists(), other.read_bytes()) == (False, DATA)
    assert other.name in came.said


@pytest.mark.parametrize("image", ["fda", "kernel"])
def test_a_live_domain_s_image_holds_a_disk(sim: Simulator, driver: Any, image: str) -> None:
    vm = make_vm(sim)
    devices = {"vbd": [{"dev": "xvda:disk", "uname": "file:/OVS/else.img"}]}
    seen = record("x", FOREIGN_ID, device=devices, image={"hvm": {image: vm.path}})
    let_list(sim, 1, [DOMAIN_0, seen])
    assert_kept(sim, vm, driver)


def test_a_second_name_of_the_file_that_nobody_names_keeps_it(personality: str) -> None:
    """A hard link somewhere: who uses the other name is not to be seen."""
    with lab(personality, True) as sim:
        vm = make_vm(sim)
        backup = sim.repository_path / "backup.img"
        os.link(vm.file, backup)
        came = attempt(connect(sim).destroy_node, ID)
        assert vm.has_disk
        assert vm.file.name in came.said


@pytest.mark.parametrize("failure", ["fault", "fault_after"])
def test_a_directory_that_the_module_cannot_list_stays(personality: str, failure: str) -> None:
    """With the module a directory is looked at before delete_vm: or nothing is deleted."""
    with lab(personality, True) as sim:
        vm = make_vm(sim)
        sim.misbehave(failure, "libcloud_list_files", times=None)
        assert_refused(sim, connect(sim).destroy_node, ID)
        assert vm.is_whole


# ------------------------------------------------------------------ what lives


@pytest.mark.parametrize("name", ["directory", "migrating"])
def test_a_guest_with_domain_0_s_uuid_belongs_to_nobody_for_certain(
    sim: Simulator, driver: Any, name: str
) -> None:
    vm = make_vm(sim)
    called = vm.directory if name == "directory" else f"migrating-{vm.directory}"
    let_list(sim, 1, [DOMAIN_0, record(called, DOMAIN_0["uuid"], domid="9")])
    assert states(attempt(driver.list_nodes).value)[ID] == NodeState.UNKNOWN
    for action in (driver.start_node, driver.stop_node, driver.destroy_node):
        assert_refused(sim, action, ID)
    assert vm.is_whole


def test_while_a_domain_of_it_holds_anything_it_is_not_destroyed(personality: str) -> None:
    """Though no list shows it, and it is no disk of its own that is held."""
    with lab(personality, True) as sim:
        vm = make_vm(sim)
        holder = {"kind": "vbd", "domid": 8, "uuid": ID, "device": "xvda", "mode": "r", "state": 4}
        answer = [{**holder, "path": "/OVS/else.iso"}]
        sim.misbehave("answer", "libcloud_file_holders", host=1, times=None, value=answer)
        assert "8" in assert_refused(sim, connect(sim).destroy_node, ID)
        assert vm.is_whole


def test_what_xend_leaves_out_and_nobody_can_name_may_be_any() -> None:
    """xenstore has a domain without a uuid: then the whole list is no answer."""
    xen = SimpleNamespace(list_vms=lambda: [DOMAIN_0])
    agent: Any = SimpleNamespace(xen=xen, connection=SimpleNamespace(address="x:1"))
    assert _domains(agent, ModuleAnswers(unlisted=(ID,))) == ((), None)
    _, problem = _domains(agent, ModuleAnswers(unlisted=(ID, "domain 8")))
    assert "domain 8" in str(problem)
    assert ID not in str(problem)


# ------------------------------------------------------------------ after a failure, look


def test_a_definition_that_is_half_there_after_a_fault_is_not_undone(
    personality: str, module: bool
) -> None:
    """create_vm takes effect, faults, and is perhaps still writing: in doubt nothing is undone."""
    with lab(personality, module, templates=1, template_bytes=1 << 20) as sim:
        driver = connect(sim)
        size, image = driver.list_sizes()[0], driver.list_images()[0]
        sim.misbehave("fault_after", "create_vm")
        sim.misbehave("answer", "get_vm_config", value={"name": "x"})
        sim.calls.clear()
        came = attempt(driver.create_node, "half", size, image)
        assert isinstance(came.error, OperationIncomplete)
        assert sent(sim) == ["create_vm"]
        [node] = attempt(connect(sim).list_nodes).value
        assert node.id in came.error.left
        assert attempt(connect(sim).destroy_node, node).value is True


def test_only_an_unfinished_one_that_does_not_livegives_way() -> None:
    """xend shows a VM that it is building as pending, too: that one is finished, and was first."""

    def other(vm_id: str, state: State, places: tuple[Any, ...] = ()) -> VM:
        return VM(vm_id, state, places, ())

    assert gives_way(other(OTHER_ID, State.PENDING), ID)
    assert not gives_way(other(OTHER_ID, State.PENDING, (object(),)), ID)
    assert not gives_way(other(OTHER_ID, State.STOPPED), ID)
    assert not gives_way(other(ID, State.PENDING), OTHER_ID)


@pytest.mark.parametrize("gone", [True, False], ids=["gone", "finished"])
def test_what_changes_between_listing_and_reading(personality: str, gone: bool) -> None:
    """What somebody has deleted is not there, and what somebody has finished is: no false alarm."""
    with lab(personality, False) as sim:
        vm = make_vm(sim)
        file = vm.definition / "vm.cfg"
        text = file.read_text()
        if not gone:
            file.rename(vm.definition / "vm.cfg.new")

        def change(moment: str) -> None:
            if moment == ("before" if gone else "after"):
                if gone:
                    shutil.rmtree(vm.definition)
                else:
                    (vm.definition / "vm.cfg.new").unlink(missing_ok=True)
                    file.write_text(text)

        rule = "get_vm_config" if gone else "discover_repositories"
        sim.misbehave("hook", rule, hook=change)
        came = attempt(connect(sim).list_nodes)
        found = {node.id: node.state for node in came.value}
        assert found == ({} if gone else {ID: NodeState.STOPPED})
        assert came.warnings == []


# ------------------------------------------------------------------ the right machine


def test_what_xend_leaves_out_and_xenstore_has_is_unknown(personality: str) -> None:
    """That one alone: the others are stopped, as they were."""
    with lab(personality, True) as sim:
        vm = make_vm(sim)
        make_vm(sim, "other", OTHER_ID)
        start_by_hand(sim, vm, 1)
        let_list(sim, 1, [DOMAIN_0])
        driver = connect(sim)
        came = attempt(driver.list_nodes)
        assert states(came.value) == {ID: NodeState.UNKNOWN, OTHER_ID: NodeState.STOPPED}
        assert ID in came.said
        assert_refused(sim, driver.stop_node, ID)
        assert_refused(sim, driver.destroy_node, ID)


def test_one_id_and_one_certificate_and_two_starts_are_two_hosts() -> None:
    """Hosts made of one image may share all but the moment at which they were started."""
    facts = SimpleNamespace(certificate=b"one")
    agent: Any = SimpleNamespace(connection=SimpleNamespace(tls_facts=lambda: facts))

    def view(last: int, boot_time: float | None) -> HostView:
        server = Server(uuid="0" * 32, hostname="x", registered_ip="10.0.0.1", boot_time=boot_time)
        return HostView(Address(f"127.0.0.{last}", 8899), agent, server, (), ())

    assert _is_same_host(view(2, 1000), view(3, 1002))
    assert _is_same_host(view(2, 1000), view(3, None))
    assert not _is_same_host(view(2, 1000), view(3, 1060))
    other: Any = SimpleNamespace(
        connection=SimpleNamespace(tls_facts=lambda: SimpleNamespace(certificate=b"two"))
    )
    assert not _is_same_host(view(2, 1000), replace(view(3, 1000), agent=other))


def test_two_definitions_of_what_runs_are_no_certain_place(sim: Simulator, driver: Any) -> None:
    """Which of them the agent would go by is not known, so the door itself is shut."""
    vm = make_vm(sim)
    driver.start_node(ID)
    put(sim, "c" * 32, (vm.definition / "vm.cfg").read_text())
    found = read_estate(driver._estate).vm(ID)
    assert (len(found.live), len(found.definitions)) == (1, 2)
    with pytest.raises(
        PreconditionFailed, match=f"{vm.directory}.*{'c' * 32}|{'c' * 32}.*{vm.directory}"
    ):
        only_live_domain(found)
