"""Live domains: incomplete lists, and records that are not understood."""

from __future__ import annotations

import shutil
from typing import Any

import pytest
from libcloud.compute.types import NodeState

from libcloud_ovm3.errors import NameTaken, PreconditionFailed
from libcloud_ovm3.simulator import Simulator
from tests.faults.support import (
    DOMAIN_0,
    FOREIGN_ID,
    ID,
    OTHER_ID,
    assert_kept,
    assert_refused,
    attempt,
    cfg,
    connect,
    lab,
    let_list,
    live,
    location,
    make_vm,
    put,
    record,
    sent,
    start_by_hand,
    states,
)

NOT_STOPPED = (NodeState.UNKNOWN, NodeState.RUNNING)  # what the module can tell need not be unknown
UNDASHED = ID.replace("-", "")
NO_PROPER_UUID = [None, "", "   ", "{" + ID + "}", "urn:uuid:" + ID, ID[:-1], ID + "0", "None"]


@pytest.mark.parametrize("given", NO_PROPER_UUID)
def test_04_a_live_record_without_a_proper_uuid(sim: Simulator, driver: Any, given: Any) -> None:
    """It has the name that one vm.cfg gives: that VM is not proven to be stopped."""
    vm = make_vm(sim)
    let_list(sim, 1, [DOMAIN_0, record(vm.directory, given)])
    nodes = attempt(driver.list_nodes).value
    assert states(nodes)[ID] in NOT_STOPPED
    assert attempt(driver.start_node, ID).value is not True or sent(sim) == []
    came = attempt(driver.destroy_node, ID)
    assert came.error is not None, came
    assert vm.is_whole
    assert "start_vm" not in sent(sim)


@pytest.mark.parametrize("name", ["migrating-" + UNDASHED, "Domain-" + ID])
def test_04_under_another_name_that_may_be_its(sim: Simulator, driver: Any, name: str) -> None:
    """On its way, or left over, and without a uuid that could tell."""
    vm = make_vm(sim)
    let_list(sim, 1, [DOMAIN_0, record(name, None)])
    assert attempt(driver.destroy_node, ID).error is not None or vm.has_disk
    assert attempt(driver.start_node, ID).error is not None
    assert "start_vm" not in sent(sim)


def test_18_a_record_without_anything(sim: Simulator, driver: Any) -> None:
    """It lives, and can be any VM, with any disk."""
    vm = make_vm(sim)
    blank = {"name": "", "uuid": "", "vcpus": "0", "memory": "0", "state": ""}
    let_list(sim, 0, [blank, DOMAIN_0])
    came = attempt(driver.list_nodes)
    assert came.warnings != []
    assert_kept(sim, vm, driver)
    assert attempt(driver.start_node, ID).error is not None
    assert "start_vm" not in sent(sim)


def test_18_letters_in_another_number(sim: Simulator, driver: Any) -> None:
    """It lives; what it does is not guessed."""
    make_vm(sim, vm_id=FOREIGN_ID, name="g1")
    let_list(sim, 0, [record("g1", FOREIGN_ID, state="r------"), DOMAIN_0])
    assert states(attempt(driver.list_nodes).value)[FOREIGN_ID] in NOT_STOPPED
    assert attempt(driver.start_node, FOREIGN_ID).value is True or sent(sim) == []
    assert "start_vm" not in sent(sim)


# ------------------------------------------------------------------ 05: what may run


def unreadable(sim: Simulator, how: str) -> None:
    """APP-TRN runs on the second host, and its vm.cfg cannot be read any more."""
    for number in range(2):
        sim.add_vm(f"vm{number}", running_on=0)
    sim.add_vm("APP-TRN", uuid=ID, directory="APP-TRN", running_on=1)
    file = sim.repository_path / "VirtualMachines" / "APP-TRN" / "vm.cfg"
    if how == "damaged":
        file.write_bytes(file.read_bytes() + b"x y z\n")
        return
    file.write_bytes(file.read_bytes() + b"import os\n")  # more than values: the agent is asked
    text = "exceptions.IOError:[Errno 5] Input/output error"
    sim.misbehave("fault", "get_vm_config", times=None, text=text)


@pytest.mark.parametrize("how", ["fault", "damaged"])
def test_05_what_may_run_is_not_said_to_be_stopped(sim: Simulator, driver: Any, how: str) -> None:
    unreadable(sim, how)
    came = attempt(driver.list_nodes)
    mine = [node for node in came.value if "APP-TRN" in repr((node.name, node.extra))]
    assert mine != []
    for node in mine:
        assert node.state in NOT_STOPPED
        stopped = attempt(driver.stop_node, node)
        assert ID not in live(sim) or stopped.value is not True, stopped
        assert stopped.error is None or "APP-TRN" in stopped.said
        assert attempt(driver.destroy_node, node).error is not None or ID not in live(sim)
    assert (sim.repository_path / "VirtualMachines" / "APP-TRN" / "vm.cfg").exists()


def test_05_it_is_listed_once(sim: Simulator, driver: Any) -> None:
    unreadable(sim, "damaged")
    nodes = attempt(driver.list_nodes).value
    assert len(nodes) == 3, [(node.name, node.state) for node in nodes]


@pytest.mark.parametrize("how", ["fault", "damaged"])
def test_05_its_name_is_not_free(personality: str, module: bool, how: str) -> None:
    with lab(personality, module, templates=1) as sim:
        unreadable(sim, how)
        driver = connect(sim)
        image = attempt(driver.list_images).value[0]
        came = attempt(driver.create_node, "APP-TRN", driver.list_sizes()[0], image)
        assert isinstance(came.error, PreconditionFailed | NameTaken)
        assert sent(sim) == []


# ------------------------------------------------------------------ 06, g1: no answers


NO_ANSWERS: dict[str, Any] = {
    "nothing": [],
    "without Domain-0": [record("other", OTHER_ID)],
    "no structs": ["garbage", 3],
    "no structs beside Domain-0": [DOMAIN_0, "garbage"],
    "nil beside Domain-0": [DOMAIN_0, None],
    "a struct": {"0": DOMAIN_0},
    "a text": "Domain-0",
    "lists in a list": [[DOMAIN_0]],
    "empty structs": [DOMAIN_0, {}],
}


@pytest.mark.parametrize("answer", NO_ANSWERS.values(), ids=NO_ANSWERS)
@pytest.mark.parametrize("from_both", [False, True], ids=["one host", "both hosts"])
def test_06_no_list_of_domains_no_answer(
    sim: Simulator, driver: Any, answer: Any, from_both: bool
) -> None:
    """A running VM is not started once more, and loses nothing."""
    vm = make_vm(sim)
    start_by_hand(sim, vm, 1)
    sim.calls.clear()
    let_list(sim, None if from_both else 1, answer)
    came = attempt(driver.list_nodes)
    if came.error is None:
        assert states(came.value)[ID] in NOT_STOPPED, came
        assert came.warnings != [] or states(came.value)[ID] == NodeState.RUNNING
    started = attempt(driver.start_node, ID, ex_location=location(sim, 0))
    assert started.error is not None or sent(sim) == []
    attempt(driver.destroy_node, ID)
    assert live(sim) in ([ID], []), "never twice"
    assert vm.is_whole or live(sim) == []
    assert "start_vm" not in sent(sim)


def test_06_without_the_module_it_is_unknown_and_refused(personality: str) -> None:
    with lab(personality, False) as sim:
        vm = make_vm(sim)
        start_by_hand(sim, vm, 1)
        driver = connect(sim)
        let_list(sim, 1, [])
        came = attempt(driver.list_nodes)
        assert states(came.value)[ID] == NodeState.UNKNOWN
        assert any(sim.hosts[1].address in warning for warning in came.warnings)
        for action in (driver.start_node, driver.destroy_node, driver.stop_node):
            assert sim.hosts[1].address in assert_refused(sim, action, ID)
        assert live(sim) == [ID]
        sim.clear_misbehaviour()
        assert states(attempt(driver.list_nodes).value)[ID] == NodeState.RUNNING


@pytest.mark.parametrize("operation", ["start", "destroy"])
def test_l_a_guest_that_xend_leaves_out(personality: str, operation: str) -> None:
    """xend does that (xend.md 1.3), and no agent alone can see it: the module knows who holds."""
    with lab(personality, True) as sim:
        vm = make_vm(sim)
        start_by_hand(sim, vm, 1)
        let_list(sim, 1, [DOMAIN_0])
        driver = connect(sim)
        sim.calls.clear()
        if operation == "start":
            came = attempt(driver.start_node, ID, ex_location=location(sim, 0))
        else:
            came = attempt(driver.destroy_node, ID)
        assert isinstance(came.error, PreconditionFailed), came
        assert live(sim) == [ID]
        assert vm.is_whole
        assert sent(sim) == []


def test_l_another_vm_that_is_left_out_and_holds_the_disk(personality: str) -> None:
    """Held for writing by another VM: no start, no deletion."""
    with lab(personality, True) as sim:
        vm = make_vm(sim)
        holder = make_vm(sim, name="holder", vm_id=OTHER_ID, disk=[f"file:{vm.path},xvda,w"])
        start_by_hand(sim, holder, 1)
        shutil.rmtree(holder.definition)
        let_list(sim, 1, [DOMAIN_0])
        driver = connect(sim)
        sim.calls.clear()
        came = attempt(driver.start_node, ID, ex_location=location(sim, 0))
        assert isinstance(came.error, PreconditionFailed), came
        came = attempt(driver.destroy_node, ID)
        assert came.error is not None or vm.file.name in came.said
        assert vm.has_disk
        assert "start_vm" not in sent(sim)


@pytest.mark.parametrize(("mode", "is_started"), [("w!", True), ("r", True), ("w", False)])
def test_l_what_is_shared_or_only_read_does_not_count(
    personality: str, mode: str, is_started: bool
) -> None:
    """An ISO that others read, a cluster's disk that both call shared."""
    with lab(personality, True) as sim:
        shared = sim.repository_path / "VirtualDisks" / "shared.img"
        shared.write_bytes(b"x" * 4096)
        entry = f"file:/OVS/Repositories/{sim.repository_id}/VirtualDisks/shared.img,xvdb,{mode}"
        first = make_vm(sim, name="first", vm_id=OTHER_ID, disk=[entry])
        start_by_hand(sim, first, 1)
        make_vm(sim, disk=[entry])
        came = attempt(connect(sim).start_node, ID, ex_location=location(sim, 0))
        assert (came.value is True) == is_started, came
        assert (ID in live(sim)) == is_started


# ------------------------------------------------------------------ 08, v: what a live domain holds


def devices(path: str) -> dict[str, dict[str, Any]]:
    vbd = {"uname": f"file:{path}", "dev": "xvda:disk", "mode": "w"}
    tap = {**vbd, "uname": f"tap:aio:{path}"}
    return {
        "vbd": {"device": {"vbd": [vbd]}},
        "tap2": {"device": {"tap2": [tap]}},
        "tap": {"device": {"tap": [tap]}},
        "one struct": {"device": {"vbd": vbd}},
        "pairs": {"device": [["vbd", vbd]]},
        "beside another": {"device": {"vbd": [{**vbd, "uname": "phy:/dev/x"}], "tap2": [tap]}},
        "without uname": {"device": {"vbd": [{"dev": "xvda:disk", "mode": "w"}]}},
        "an empty uname": {"device": {"vbd": [{**vbd, "uname": ""}]}},
        "no devices said": {"device": None},
        "devices as a text": {"device": f"vbd {path}"},
        "an unknown kind": {"device": {"qdisk": [tap]}},
        "a CD": {"device": {"vbd": [{**vbd, "dev": "hdc:cdrom", "mode": "r"}]}},
        "a param of blktap": {"device": {"tap2": [{"params": f"aio:{path}", "dev": "xvda"}]}},
    }


@pytest.mark.parametrize("form", devices(""))
def test_08_every_form_of_device_holds(sim: Simulator, driver: Any, form: str) -> None:
    vm = make_vm(sim)
    guest = record("byhand", FOREIGN_ID, **devices(vm.path)[form])
    let_list(sim, 1, [DOMAIN_0, guest])
    assert_kept(sim, vm, driver)


def test_08_a_guest_without_disks_holds_none(sim: Simulator, driver: Any) -> None:
    """Its devices are said: there are none."""
    vm = make_vm(sim)
    guest = record("byhand", FOREIGN_ID, device={"vif": [{"mac": "00:21:f6:00:00:01"}]})
    let_list(sim, 1, [DOMAIN_0, guest])
    assert attempt(driver.destroy_node, ID).value is True
    assert not vm.file.exists()


# ------------------------------------------------------------------ 13, s: the right machine


def foreign(sim: Simulator) -> Any:
    """A live domain by the name of a vm.cfg without uuid, which has other disks."""
    disk = f"file:/OVS/Repositories/{sim.repository_id}/VirtualDisks/old.img,xvda,w"
    old = put(sim, "old", cfg(name="vm39", memory=256, builder="hvm", disk=[disk]))
    stranger = make_vm(sim, name="foreign", vm_id=FOREIGN_ID, xend_name="vm39")
    start_by_hand(sim, stranger, 1)
    shutil.rmtree(stranger.definition)
    return old


@pytest.mark.parametrize("operation", ["stop_node", "destroy_node", "reboot_node"])
def test_13_a_name_alone_makes_nobody_s_domain_ours(
    sim: Simulator, driver: Any, operation: str
) -> None:
    old = foreign(sim)
    [node] = [n for n in attempt(driver.list_nodes).value if n.extra.get("directory") == old.name]
    assert node.state in (NodeState.UNKNOWN, NodeState.STOPPED)
    sim.calls.clear()
    attempt(getattr(driver, operation), node)
    assert live(sim) == [FOREIGN_ID]
    assert not {"stop_vm", "reboot_vm"} & set(sent(sim))


def test_13_the_foreign_one_is_a_node_of_its_own(sim: Simulator, driver: Any) -> None:
    foreign(sim)
    nodes = attempt(driver.list_nodes).value
    assert states(nodes)[FOREIGN_ID] == NodeState.RUNNING
    assert len(nodes) == 2


@pytest.mark.parametrize("operation", ["stop", "destroy", "reboot"])
def test_s_the_name_in_the_file_is_another_vm_s(
    personality: str, module: bool, operation: str
) -> None:
    """The agent goes by the name in the file: who is hit?"""
    options = {"memory_mb": 8192, "minimum_restart_seconds": 0}
    with lab(personality, module, hosts=1, **options) as sim:
        one, two = make_vm(sim, name="A"), make_vm(sim, name="B", vm_id=OTHER_ID)
        for vm in (one, two):
            start_by_hand(sim, vm, 0)
        file = one.definition / "vm.cfg"
        file.write_text(file.read_text().replace(repr(one.directory), repr(two.directory), 1))
        before = {domain["uuid"]: domain["domid"] for domain in sim.domains(0)}
        driver = connect(sim)
        sim.calls.clear()
        action = {"stop": driver.stop_node, "destroy": driver.destroy_node}.get(operation)
        if action is None:
            came = attempt(driver.reboot_node, ID, ex_minimum_age=0)
        else:
            came = attempt(action, ID)
        sim.wait(5)
        assert isinstance(came.error, PreconditionFailed), came
        assert {domain["uuid"]: domain["domid"] for domain in sim.domains(0)} == before
        assert one.has_disk
        assert two.is_whole
        assert sent(sim) == []
