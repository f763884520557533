"""Nodes against a simulated pool: what the methods promise, in both personalities."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from libcloud.compute.base import NodeAuthPassword, NodeSize
from libcloud.compute.types import NodeState

from libcloud_ovm3.errors import (
    AgentFault,
    HostNotFound,
    ImageNotFound,
    InvalidArgument,
    NameTaken,
    NodeNotFound,
    OperationIncomplete,
    Ovm3Warning,
    PreconditionFailed,
    WaitTimeout,
)
from libcloud_ovm3.simulator import Simulator
from tests.support import calls_of, driver_for, fingerprints_of, quietly, simulate


def make(driver: Any, name: str = "web", **options: Any) -> Any:
    return driver.create_node(name, driver.list_sizes()[0], driver.list_images()[0], **options)


def test_the_whole_life(driver: Any, sim: Simulator) -> None:
    before = fingerprints_of(sim.repository_path)
    node = make(driver)
    assert node.state == NodeState.RUNNING
    assert uuid.UUID(node.id)
    assert node.extra["directory"] == node.id.replace("-", "")
    assert [n.id for n, _ in driver.wait_until_running([node], wait_period=1)] == [node.id]
    listed = {n.id: n for n in driver.list_nodes()}
    assert listed[node.id].name == "web"
    assert listed[node.id].state == NodeState.RUNNING
    assert listed[node.id].size.id == "tiny"
    assert listed[node.id].public_ips == []

    assert driver.stop_node(node) is True
    assert driver.ex_get_node(node.id).state == NodeState.STOPPED
    assert driver.stop_node(node) is True, "stopped already"
    assert driver.start_node(node) is True
    assert driver.start_node(node) is True, "runs already"
    assert calls_of(sim, "start_vm") == ["start_vm", "start_vm"]
    assert driver.ex_get_node_by_name("web").state == NodeState.RUNNING

    sim.wait(61)
    domid = driver.ex_get_node(node.id).extra["domid"]
    assert driver.reboot_node(node) is True
    sim.wait(30)
    rebooted = driver.ex_get_node(node.id)
    assert rebooted.state == NodeState.RUNNING
    assert rebooted.extra["domid"] != domid

    assert driver.destroy_node(node) is True
    with pytest.raises(NodeNotFound):
        driver.ex_get_node(node.id)
    assert fingerprints_of(sim.repository_path) == before
    assert driver.ex_list_orphans() == []


def test_a_node_is_left_off(driver: Any, sim: Simulator) -> None:
    node = make(driver, ex_start="false")
    assert node.state == NodeState.STOPPED
    [listed] = [one for one in driver.list_nodes() if one.id == node.id]
    assert (listed.state, listed.extra) == (node.state, node.extra)
    assert calls_of(sim, "start_vm") == []
    driver.start_node(node)
    assert driver.ex_get_node(node.id).state == NodeState.RUNNING


def test_node_methods_and_ids_will_do(driver: Any) -> None:
    node = make(driver)
    assert node.stop_node() is True
    assert driver.start_node(node.id) is True
    assert node.destroy() is True


def test_nodes_go_where_memory_is_free_or_where_they_are_told(driver: Any) -> None:
    hosts = driver.list_locations()
    spread = [make(driver, f"n{i}").extra["host_id"] for i in range(3)]
    assert len(set(spread)) >= 2
    told = make(driver, "told", location=hosts[1])
    assert told.extra["host_id"] == hosts[1].id
    driver.stop_node(told)
    driver.start_node(told, ex_location=hosts[2].id)
    assert driver.ex_get_node(told.id).extra["host_id"] == hosts[2].id


def test_a_name_that_is_taken_is_refused_whatever_its_state_and_host(driver: Any) -> None:
    node = make(driver)
    driver.stop_node(node)
    with pytest.raises(NameTaken, match=node.id):
        make(driver)
    other = make(driver, ex_allow_same_name=True)
    assert other.id != node.id


def test_bad_input_is_refused_before_anything_changes(driver: Any, sim: Simulator) -> None:
    sizes, images = driver.list_sizes(), driver.list_images()
    template, iso = images[0], images[-1]
    size = sizes[0]

    def disk(gb: int) -> NodeSize:
        return NodeSize("x", "x", 512, gb, None, 0.0, driver)

    before = fingerprints_of(sim.repository_path)
    sim.calls.clear()
    for error, arguments in [
        (InvalidArgument, ("", size, template)),
        (InvalidArgument, (" padded", size, template)),
        (InvalidArgument, ("line\nfeed", size, template)),
        (InvalidArgument, ("next\x85line", size, template)),
        (InvalidArgument, ("separated\u2028line", size, template)),
        (InvalidArgument, ("half \ud800 a letter", size, template)),
        (InvalidArgument, ("escape\x9b2J", size, template)),
        (InvalidArgument, (None, size, template)),
        (InvalidArgument, ("iso", size, iso)),
        (InvalidArgument, ("zero", NodeSize("x", "x", 0, 0, None, 0.0, driver), template)),
        (ImageNotFound, ("x", size, "nowhere/Templates/x.raw")),
        (HostNotFound, ("x", size, template, "no-such-host")),
        (PreconditionFailed, ("x", NodeSize("x", "x", 10**6, 0, None, 0.0, driver), template)),
    ]:
        with pytest.raises(error):
            driver.create_node(*arguments)
    with pytest.raises(PreconditionFailed, match="a host module that can"):
        driver.create_node("x", size, template, auth=NodeAuthPassword("pw"))
    with pytest.raises(InvalidArgument, match="ssh_interface 'public_ips': no network is public"):
        driver.deploy_node(None, auth=NodeAuthPassword("pw"), name="x", size=size, image=template)
    assert calls_of(sim, "create_vm", "copy_file", "start_vm") == []
    assert fingerprints_of(sim.repository_path) == before
    with pytest.raises(InvalidArgument, match="ISO"):
        driver.create_node("iso", size, iso)
    with pytest.warns(Ovm3Warning, match="needs the host module"):
        driver.create_node("large", disk(1), template)


def test_a_disk_smaller_than_the_template_is_refused() -> None:
    with simulate(hosts=1, template_bytes=3 << 30) as sim:
        driver = driver_for(sim)
        size = NodeSize("x", "x", 512, 2, None, 0.0, driver)
        with pytest.raises(InvalidArgument, match=r"smaller than the template.*3\.0 GB"):
            driver.create_node("x", size, driver.list_images()[0])
        assert calls_of(sim, "create_vm") == []


def test_a_disk_larger_than_the_template_grows_with_the_host_module() -> None:
    # The host without the module creates the node, the other one makes its disk larger.
    with simulate(hosts=2, vms=0, host_module=[1], template_bytes=1 << 20) as sim:
        driver = driver_for(sim)
        size = NodeSize("x", "x", 512, 1.5, None, 0.0, driver)
        template, first = driver.list_images()[0], driver.list_locations()[0]
        node = driver.create_node("large", size, template, first)
        disk = sim.repository_path / node.extra["disks"][0].split("/", 4)[4]
        source = sim.repository_path / template.id.partition("/")[2]
        assert disk.stat().st_size == 3 << 29
        with disk.open("rb") as file:
            assert file.read(1 << 20) == source.read_bytes()
        assert node.state == NodeState.RUNNING
        assert calls_of(sim, "copy_file", "libcloud_grow_file", "configure_vm") == [
            "copy_file",
            "libcloud_grow_file",
            "configure_vm",
        ]
        driver.destroy_node(node)
        assert not disk.exists()


def test_graceful_stop_has_a_limit_and_is_never_forced(driver: Any, sim: Simulator) -> None:
    node = driver.ex_get_node_by_name("seed-1")
    sim.hosts[0].ignores_requests.add(node.id)
    # An agent that waits for the guest itself gives up with a fault of its own.
    with pytest.raises((WaitTimeout, AgentFault), match=r"asked to shut down|did not stop"):
        driver.stop_node(node, ex_timeout=20)
    assert driver.ex_get_node(node.id).state == NodeState.RUNNING
    assert calls_of(sim, "stop_vm") == ["stop_vm"]
    assert driver.stop_node(node, ex_force=True) is True
    assert driver.ex_get_node(node.id).state == NodeState.STOPPED


def test_a_paused_node_is_not_asked(driver: Any, sim: Simulator) -> None:
    node = driver.ex_get_node_by_name("seed-1")
    driver.connection.call("pause_vm", node.extra["repository_id"], node.extra["directory"])
    assert driver.ex_get_node(node.id).state == NodeState.PAUSED
    with pytest.raises(PreconditionFailed, match="paused"):
        driver.stop_node(node)
    with pytest.raises(PreconditionFailed, match="paused"):
        driver.reboot_node(node)
    with pytest.raises(PreconditionFailed, match="paused"):
        driver.start_node(node)
    assert calls_of(sim, "stop_vm", "reboot_vm", "start_vm") == []


def test_one_uuid_live_twice(driver: Any, sim: Simulator) -> None:
    """Two hosts run one VM: nothing is done to it but tell."""
    node = driver.ex_get_node_by_name("seed-1")
    second = driver_for(sim, host=sim.hosts[2].address, ex_hosts=[])
    second.connection.call("start_vm", node.extra["repository_id"], node.extra["directory"])
    seen = driver.ex_get_node(node.id)
    assert seen.state == NodeState.ERROR
    assert [place["host"] for place in seen.extra["live"]] == ["ovm-1", "ovm-3"]
    sim.calls.clear()
    for action in (driver.start_node, driver.stop_node, driver.reboot_node, driver.destroy_node):
        with pytest.raises(PreconditionFailed, match=r"ovm-1.*ovm-3|error"):
            action(node)
    assert calls_of(sim, "start_vm", "stop_vm", "reboot_vm", "delete_vm") == []


def test_a_young_node_is_not_rebooted() -> None:
    """xend would destroy it instead of restarting it."""
    with simulate(hosts=1, vms=0) as sim:
        driver = driver_for(sim)
        node = make(driver)
        with pytest.raises(PreconditionFailed, match="within 60 s"):
            driver.reboot_node(node)
        assert calls_of(sim, "reboot_vm") == []
        driver.connection.call("reboot_vm", sim.repository_id, node.extra["directory"], 3)
        for _ in range(100):
            if driver.ex_get_node(node.id).state == NodeState.STOPPED:
                break
            sim.wait(1)
        sim.wait(10)
        assert driver.ex_get_node(node.id).state == NodeState.STOPPED, "it is gone for good"


def test_start_in_a_reboot_gap_looks_twice() -> None:
    """The guest is off every list, and back before the second look: it is not started."""
    with simulate(hosts=1, reboot_gap=20, vms=1) as sim:
        driver = driver_for(sim, ex_second_look=60)
        node = driver.ex_get_node_by_name("seed-1")
        driver.reboot_node(node)
        while driver.ex_get_node(node.id).state != NodeState.STOPPED:
            sim.wait(0.2)
        sim.calls.clear()
        assert driver.start_node(node) is True
        assert len(calls_of(sim, "discover_server")) == 2, "it was absent at the first look"
        assert calls_of(sim, "start_vm") == []
        assert driver.ex_get_node(node.id).state == NodeState.RUNNING


def test_the_risk_that_is_left_is_shown_as_an_error() -> None:
    """A gap longer than the second look makes two domains of one VM: never shown as fine."""
    with simulate(hosts=1, reboot_gap=200, vms=1) as sim:
        driver = driver_for(sim, ex_second_look=1)
        node = driver.ex_get_node_by_name("seed-1")
        driver.reboot_node(node)
        sim.wait(30)
        assert driver.ex_get_node(node.id).state == NodeState.STOPPED
        driver.start_node(node)
        sim.wait(250)
        assert driver.ex_get_node(node.id).state == NodeState.ERROR


def test_disks_of_others_survive(driver: Any, sim: Simulator) -> None:
    node = make(driver)
    disk = node.extra["disks"][0]
    foreign = f"/OVS/Repositories/{sim.repository_id}/VirtualDisks/data.img"
    (sim.repository_path / "VirtualDisks" / "data.img").write_bytes(b"precious")
    config = driver.connection.call("get_vm_config", sim.repository_id, node.extra["directory"])
    config["disk"].append(f"file:{foreign},xvdb,w")
    driver.stop_node(node)
    driver.connection.call("configure_vm", sim.repository_id, node.extra["directory"], config)
    shared = sim.add_vm("sharer", config={"disk": [f"file://{disk},xvda,r"]}, disk=False)
    with pytest.warns(Ovm3Warning) as warned:
        driver.destroy_node(node)
    texts = " ".join(str(warning.message) for warning in warned)
    assert foreign in texts
    assert f"{disk} was kept: {sim.repository_id}/VirtualMachines/{shared} names it" in texts
    names = {path.name for path in (sim.repository_path / "VirtualDisks").iterdir()}
    assert {"data.img", disk.rpartition("/")[2]} <= names
    orphans = driver.ex_list_orphans()
    assert [orphan["path"] for orphan in orphans] == [foreign]
    assert orphans[0]["is_certain"] is True


def test_a_disk_in_the_vm_s_own_folder_is_never_taken_along(driver: Any, sim: Simulator) -> None:
    directory = sim.add_vm("appliance", disk=False)
    inside = sim.repository_path / "VirtualMachines" / directory / "System.img"
    inside.write_bytes(b"precious")
    node = driver.ex_get_node_by_name("appliance")
    path = f"/OVS/Repositories/{sim.repository_id}/VirtualMachines/{directory}/System.img"
    config = driver.connection.call("get_vm_config", sim.repository_id, directory)
    config["disk"] = [f"file:{path},xvda,w"]
    driver.connection.call("configure_vm", sim.repository_id, directory, config)
    with pytest.raises(PreconditionFailed, match="own directory"):
        driver.destroy_node(node)
    assert inside.read_bytes() == b"precious"


def test_while_a_definition_cannot_be_read_no_disk_is_deleted(driver: Any, sim: Simulator) -> None:
    node = make(driver)
    broken = sim.repository_path / "VirtualMachines" / ("b" * 32)
    broken.mkdir()
    (broken / "vm.cfg").write_text("disk = [\n")
    with pytest.warns(Ovm3Warning, match="may name it"):
        driver.destroy_node(node)
    assert (sim.repository_path / "VirtualDisks" / node.extra["disks"][0].split("/")[-1]).exists()
    orphans = quietly(driver.ex_list_orphans)
    assert [orphan["is_certain"] for orphan in orphans] == [False]


def test_a_refused_step_is_undone_and_says_so(driver: Any, sim: Simulator) -> None:
    before = fingerprints_of(sim.repository_path)
    for function in ("create_vm", "copy_file", "configure_vm"):
        sim.misbehave(
            "fault", function, text="exceptions.OSError:[Errno 28] No space left on device"
        )
        with pytest.raises(AgentFault, match="No space left") as caught:
            make(driver)
        assert caught.value.function == function
        assert caught.value.kind == "exceptions.OSError"
        assert caught.value.text == "[Errno 28] No space left on device"
        assert fingerprints_of(sim.repository_path) == before
    sim.misbehave("fault", "start_vm", text="exceptions.RuntimeError:Command: ['xm'] failed")
    with pytest.raises(OperationIncomplete, match="complete, but not started"):
        make(driver)
    assert driver.ex_get_node_by_name("web").state == NodeState.STOPPED
    seen: list[str] = []

    def destroy(moment: str) -> None:
        if moment == "before":
            other = driver_for(sim)
            seen.append("destroyed")
            quietly(other.destroy_node, other.ex_get_node_by_name("short-lived"))

    sim.misbehave("hook", "start_vm", hook=destroy)
    with pytest.raises(OperationIncomplete, match="was complete, but its definition is gone"):
        make(driver, "short-lived")
    assert seen == ["destroyed"]
    assert "short-lived" not in [node.name for node in driver.list_nodes()]


def test_waiting_has_a_limit(driver: Any) -> None:
    node = make(driver)
    driver.stop_node(node)
    with pytest.raises(WaitTimeout, match=f"Timed out after 20 seconds: {node.id} is stopped"):
        driver.wait_until_running([node], wait_period=1, timeout=20)
    driver.destroy_node(node)
    with pytest.raises(WaitTimeout, match="was not found"):
        driver.wait_until_running([node], wait_period=1, timeout=5)
    with pytest.raises(ValueError, match="ssh_interface"):
        driver.wait_until_running([node], ssh_interface="eth0")


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), -1, "soon", True])
def test_a_wait_without_a_limit_is_refused(driver: Any, sim: Simulator, seconds: Any) -> None:
    """No time is over after NaN seconds, so such a wait would never end."""
    node = driver.list_nodes()[0]
    before = len(sim.calls)
    for call in (
        lambda: driver.stop_node(node, ex_timeout=seconds),
        lambda: driver.reboot_node(node, ex_minimum_age=seconds),
        lambda: driver.wait_until_running([node], timeout=seconds),
        lambda: driver.wait_until_running([node], wait_period=seconds),
    ):
        with pytest.raises(InvalidArgument, match="expected seconds"):
            call()
    assert len(sim.calls) == before


def test_the_disks_that_destroy_would_delete(driver: Any, sim: Simulator) -> None:
    """Of a running node, too; nothing is changed, and what is refused there is refused here."""
    node = make(driver)
    before = fingerprints_of(sim.repository_path)
    [disk] = driver.ex_list_own_disks(node)
    assert disk in driver.ex_get_node(node.id).extra["disks"]
    assert driver.ex_list_own_disks(driver.ex_get_node_by_name("seed-1").id) == [], "not its name"
    assert fingerprints_of(sim.repository_path) == before
    other = {"disk": [f"file:{disk},xvdb,w"]}
    sim.add_vm("other", config=other)
    assert driver.ex_list_own_disks(node) == [], "another VM names it"
    sim.hosts[2].kill()
    with pytest.raises(PreconditionFailed):
        driver.ex_list_own_disks(sim.add_vm("absent"))


def test_destroying_with_a_disk_that_is_not_the_node_s(driver: Any, sim: Simulator) -> None:
    """It would delete nothing, and say nothing."""
    node, other = make(driver), make(driver, "other")
    [disk], [foreign] = driver.ex_list_own_disks(node), driver.ex_list_own_disks(other)
    for wrong in ([foreign], [disk, disk.rpartition("/")[2]], "xvda", [None], 7):
        before = len(sim.calls)
        with pytest.raises(InvalidArgument, match="ex_disks") as caught:
            driver.destroy_node(node, ex_disks=wrong)
        assert disk in str(caught.value) or wrong == 7
        names = {call.function for call in sim.calls[before:]}
        assert not names & {"stop_vm", "delete_vm", "storage_plugin_destroy"}
    assert driver.ex_get_node(node.id).state == NodeState.RUNNING
    with pytest.warns(Ovm3Warning, match="deleting it was not asked for"):
        assert driver.destroy_node(node, ex_disks=[])
    assert [one["path"] for one in driver.ex_list_orphans()] == [disk]
    assert driver.destroy_node(other, ex_disks=foreign)
    assert [one["path"] for one in driver.ex_list_orphans()] == [disk]
