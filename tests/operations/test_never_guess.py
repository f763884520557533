"""What must not be guessed: whose a live domain is, whose a disk is, which host a host is.

Each of these is a way in which an earlier version stopped, started or deleted the wrong thing.
"""

from __future__ import annotations

import uuid
import warnings
from pathlib import Path
from typing import Any

import pytest
from libcloud.compute.types import NodeState

from libcloud_ovm3.errors import NameTaken, OperationIncomplete, Ovm3Warning, PreconditionFailed
from libcloud_ovm3.simulator import Simulator
from tests.support import calls_of, driver_for, fingerprints_of, quietly, simulate

DOMAIN_0 = {"name": "Domain-0", "uuid": str(uuid.UUID(int=0)), "domid": "0", "state": "r-----"}
WRITES = ("start_vm", "stop_vm", "reboot_vm", "delete_vm", "storage_plugin_destroy")
DOMAIN_0 = {
    "name": "Domain-0",
    "uuid": "00000000-0000-0000-0000-000000000000",
    "domid": "0",
    "state": "r-----",
    "status": "2",
}


def make(driver: Any, name: str = "web", **options: Any) -> Any:
    return driver.create_node(name, driver.list_sizes()[0], driver.list_images()[0], **options)


def write_cfg(folder: Path, **config: Any) -> None:
    folder.mkdir(parents=True)
    (folder / "vm.cfg").write_text("".join(f"{k} = {v!r}\n" for k, v in config.items()))


def disk_file(sim: Simulator, node: Any, repository: str | None = None) -> Path:
    base = sim.path_of(repository or sim.repository_id)
    return base / "VirtualDisks" / node.extra["disks"][0].rpartition("/")[2]


def machines(sim: Simulator) -> Path:
    return sim.repository_path / "VirtualMachines"


def start_by_hand(driver: Any, sim: Simulator, directory: str, host: int = 0) -> None:
    where = driver_for(sim, host=sim.hosts[host].address)
    where.connection.call("start_vm", sim.repository_id, directory)


# ------------------------------------------------------------------ whose is a live domain


def test_two_definitions_without_uuid_and_one_name(driver: Any, sim: Simulator) -> None:
    for digit in "12":
        write_cfg(machines(sim) / (digit * 32), name="same", memory=256, builder="hvm")
    start_by_hand(driver, sim, "1" * 32)
    nodes = [driver.ex_get_node(digit * 32) for digit in "12"]
    assert [node.state for node in nodes] == [NodeState.UNKNOWN] * 2
    sim.calls.clear()
    for node in nodes:
        for action in (driver.start_node, driver.stop_node, driver.destroy_node):
            with pytest.raises(PreconditionFailed, match="whether it is running is unknown"):
                action(node)
    assert calls_of(sim, *WRITES) == []


def test_a_copy_without_uuid_is_not_the_machine_with_one(driver: Any, sim: Simulator) -> None:
    running = driver.ex_get_node_by_name("seed-1")
    write_cfg(machines(sim) / ("1" * 32), name=running.extra["xend_name"], memory=256)
    copy = driver.ex_get_node("1" * 32)
    assert copy.state == NodeState.STOPPED
    assert driver.ex_get_node(running.id).state == NodeState.RUNNING
    sim.calls.clear()
    assert driver.stop_node(copy, ex_force=True) is True
    assert calls_of(sim, *WRITES) == []
    assert driver.ex_get_node(running.id).state == NodeState.RUNNING


def test_without_uuid_and_name_xend_names_it_after_the_file(driver: Any, sim: Simulator) -> None:
    (sim.repository_path / "VirtualDisks" / "data.img").write_bytes(b"x" * 512)
    disk = f"/OVS/Repositories/{sim.repository_id}/VirtualDisks/data.img"
    write_cfg(machines(sim) / ("1" * 32), memory=256, builder="hvm", disk=[f"file:{disk},hda,w"])
    start_by_hand(driver, sim, "1" * 32)
    node = driver.ex_get_node("1" * 32)
    assert node.state == NodeState.RUNNING
    assert node.name == "1" * 32
    assert len(driver.list_nodes()) == 3


def test_without_uuid_a_migrating_machine_is_not_stopped(driver: Any, sim: Simulator) -> None:
    disk = f"file:/OVS/Repositories/{sim.repository_id}/VirtualDisks/x.img"
    write_cfg(machines(sim) / ("1" * 32), name="myvm", memory=256, disk=[f"{disk},xvda,w"])
    live = {
        "name": "migrating-myvm",
        "uuid": str(uuid.uuid4()),
        "domid": "9",
        "state": "-b----",
        "status": "2",
        "device": {"vbd": [{"uname": disk, "dev": "xvda:disk", "mode": "w"}]},
    }
    sim.misbehave("answer", "list_vms", host=1, times=None, value=[DOMAIN_0, live])
    node = driver.ex_get_node("1" * 32)
    assert node.state == NodeState.MIGRATING
    with pytest.raises(PreconditionFailed):
        driver.start_node(node)
    live["device"] = {"vbd": []}  # a name alone does not make it ours, nor somebody else's
    sim.clear_misbehaviour()
    sim.misbehave("answer", "list_vms", host=1, times=None, value=[DOMAIN_0, live])
    node = quietly(driver.ex_get_node, "1" * 32)
    assert node.state == NodeState.UNKNOWN
    with pytest.raises(PreconditionFailed):
        driver.start_node(node)


def test_defined_twice_is_an_error_for_every_method(driver: Any, sim: Simulator) -> None:
    directory = sim.add_vm("twice")
    node = driver.ex_get_node_by_name("twice")
    text = (machines(sim) / directory / "vm.cfg").read_text()
    (machines(sim) / "copy-of-it").mkdir()
    (machines(sim) / "copy-of-it" / "vm.cfg").write_text(text)
    assert driver.ex_get_node(node.id).state == NodeState.ERROR
    sim.calls.clear()
    for action in (driver.start_node, driver.destroy_node, driver.reboot_node):
        with pytest.raises(PreconditionFailed):
            action(node)
    assert calls_of(sim, *WRITES) == []


def test_stop_looks_twice_before_it_takes_absent_for_stopped() -> None:
    with simulate(hosts=1, reboot_gap=20, vms=1) as sim:
        driver = driver_for(sim, ex_second_look=60)
        node = driver.ex_get_node_by_name("seed-1")
        driver.reboot_node(node)
        while driver.ex_get_node(node.id).state != NodeState.STOPPED:
            sim.wait(0.2)
        assert driver.stop_node(node, ex_force=True) is True
        assert calls_of(sim, "stop_vm") == ["stop_vm"]
        assert driver.ex_get_node(node.id).state == NodeState.STOPPED


def test_stopping_beside_a_silent_host_says_so(driver: Any, sim: Simulator) -> None:
    node = driver.ex_get_node_by_name("seed-1")
    sim.hosts[2].kill()
    with pytest.warns(Ovm3Warning, match="what runs there is unknown"):
        assert driver.stop_node(node) is True


# ------------------------------------------------------------------ whose is a disk


def test_a_file_in_the_folder_that_another_machine_uses(driver: Any, sim: Simulator) -> None:
    node = make(driver)
    driver.stop_node(node)
    image = machines(sim) / node.extra["directory"] / "System.img"
    image.write_bytes(b"precious")
    folder = f"/OVS/Repositories/{sim.repository_id}/VirtualMachines/{node.extra['directory']}"
    path = f"{folder}/System.img"
    sim.add_vm("user", config={"disk": [f"file:{path},xvda,w"]}, disk=False)
    with pytest.raises(PreconditionFailed, match="own directory"):
        driver.destroy_node(node)
    assert image.read_bytes() == b"precious"


def test_any_file_in_the_folder_is_somebody_s(driver: Any, sim: Simulator) -> None:
    node = make(driver)
    (machines(sim) / node.extra["directory"] / "checkpoint").write_bytes(b"precious")
    sim.calls.clear()
    with pytest.raises(PreconditionFailed, match="checkpoint"):
        driver.destroy_node(node)
    assert calls_of(sim, *WRITES) == [], "not even stopped"


@pytest.mark.parametrize("scheme", ["file:/OVS/Repositories/{0}", "file:///nfsmnt/elsewhere"])
@pytest.mark.parametrize("second", [False, True], ids=["same repository", "another repository"])
def test_a_disk_that_another_vm_cfg_names(
    driver: Any, sim: Simulator, scheme: str, second: bool
) -> None:
    node = make(driver)
    driver.stop_node(node)
    disk = disk_file(sim, node)
    where = sim.path_of(sim.add_repository("second") if second else sim.repository_id)
    path = f"{scheme.format(sim.repository_id)}/VirtualDisks/{disk.name}"
    write_cfg(where / "VirtualMachines" / ("5" * 32), name="user", disk=[f"{path},xvda,w"])
    with pytest.warns(Ovm3Warning, match="names it"):
        driver.destroy_node(node)
    assert disk.exists()


def test_a_disk_that_a_template_names_or_may_name(driver: Any, sim: Simulator) -> None:
    node = make(driver)
    disk = disk_file(sim, node)
    folder = sim.repository_path / "Templates" / ("7" * 32)
    write_cfg(folder, name="template", disk=[f"file:{node.extra['disks'][0]},xvda,w"])
    with pytest.warns(Ovm3Warning, match="Templates/7777"):
        driver.destroy_node(node)
    assert disk.exists()
    assert [o["path"].rpartition("/")[2] for o in quietly(driver.ex_list_orphans)] in (
        [],
        [disk.name],
    )


def test_a_disk_that_a_live_domain_holds(driver: Any, sim: Simulator) -> None:
    """A machine that somebody started without any vm.cfg that we know."""
    node = make(driver)
    driver.stop_node(node)
    disk = disk_file(sim, node)
    live = {
        "name": "stranger",
        "uuid": str(uuid.uuid4()),
        "domid": "9",
        "state": "-b----",
        "status": "2",
        "device": {"vbd": [{"uname": f"file:{node.extra['disks'][0]}", "dev": "xvda:disk"}]},
    }
    sim.misbehave("answer", "list_vms", host=1, times=None, value=[DOMAIN_0, live])
    with pytest.warns(Ovm3Warning, match="live domain"):
        driver.destroy_node(node)
    assert disk.exists()
    # with the host module that list is found to leave out whoever lives there
    assert quietly(driver.ex_list_orphans) == []


def test_backups_are_not_the_node_s_own(driver: Any, sim: Simulator) -> None:
    node = make(driver)
    folder = sim.repository_path / "VirtualDisks"
    backups = [f"backup-2016-of-{node.id}.img", f"{node.extra['directory']}.img.bak"]
    for name in backups:
        (folder / name).write_bytes(b"precious")
    with pytest.warns(Ovm3Warning) as warned:
        driver.destroy_node(node)
    texts = " ".join(str(warning.message) for warning in warned)
    assert all(name in texts and (folder / name).exists() for name in backups)
    assert not (folder / f"{node.extra['directory']}.raw").exists()


def test_a_node_with_disks_in_two_repositories(driver: Any, sim: Simulator) -> None:
    """Its own second disk, in another repository, goes too; a stranger's stays."""
    second = sim.add_repository("second")
    node = make(driver)
    driver.stop_node(node)
    folder = sim.path_of(second) / "VirtualDisks"
    own, other = folder / f"{node.extra['directory']}.img", folder / "data.img"
    own.write_bytes(b"x")
    other.write_bytes(b"precious")
    file = machines(sim) / node.extra["directory"] / "vm.cfg"
    disks = [f"/OVS/Repositories/{second}/VirtualDisks/{path.name},xvdb,w" for path in (own, other)]
    old = f"disk = ['file:{node.extra['disks'][0]},xvda,w'"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, f"{old}, 'file:{disks[0]}', 'file:{disks[1]}'"))
    if driver.ex_get_node(node.id).extra["claim"]:  # it was edited behind the claim
        quietly(driver.ex_settle_node, node, ex_accept=True)
    quietly(driver.destroy_node, node)
    assert not own.exists()
    assert other.exists()
    assert not disk_file_exists(sim, node)


def disk_file_exists(sim: Simulator, node: Any) -> bool:
    return disk_file(sim, node).exists()


def test_a_repository_that_nobody_can_read_keeps_all_disks(driver: Any, sim: Simulator) -> None:
    second = sim.add_repository("second")
    node = make(driver)
    for host in sim.hosts:
        agent = driver_for(sim, host=host.address).connection
        agent.call("unmount_repository_fs", f"/OVS/Repositories/{second}")
    with pytest.warns(Ovm3Warning, match=second):
        driver.destroy_node(node)
    assert disk_file(sim, node).exists()
    assert [o["is_certain"] for o in quietly(driver.ex_list_orphans)] == [False]


def test_orphans_are_uncertain_beside_a_silent_host(driver: Any, sim: Simulator) -> None:
    (sim.repository_path / "VirtualDisks" / "lonely.img").write_bytes(b"x")
    assert [o["is_certain"] for o in driver.ex_list_orphans()] == [True]
    sim.hosts[2].kill()
    assert [o["is_certain"] for o in quietly(driver.ex_list_orphans)] == [False]


# ------------------------------------------------------------------ races with another client


def test_started_by_another_client_while_it_is_destroyed(driver: Any, sim: Simulator) -> None:
    node = make(driver)
    driver.stop_node(node)

    def start(moment: str) -> None:
        if moment == "before":
            sim.clear_misbehaviour()
            start_by_hand(driver, sim, node.extra["directory"], host=2)

    sim.misbehave("hook", "delete_vm", hook=start)
    with pytest.raises((OperationIncomplete, PreconditionFailed, Exception)) as caught:
        driver.destroy_node(node)
    assert disk_file(sim, node).exists(), "the disk of a live machine"
    assert node.id in str(caught.value) or "running" in str(caught.value)


def test_come_back_between_the_looks(driver: Any, sim: Simulator) -> None:
    """A stopped node is started by somebody between destroy's two looks at the estate."""
    node = make(driver)
    driver.stop_node(node)
    rule = sim.misbehave("hook", "discover_server_pool", host=0, nth=2, hook=lambda moment: (
        start_by_hand(driver, sim, node.extra["directory"], host=0) if moment == "before" else None
    ))  # fmt: skip
    sim.calls.clear()
    with pytest.raises(PreconditionFailed, match="was started while"):
        driver.destroy_node(node)
    assert rule.hits
    assert calls_of(sim, "delete_vm", "stop_vm") == []


def test_two_clients_destroy_one_node(driver: Any, sim: Simulator) -> None:
    node = make(driver)
    driver.stop_node(node)
    other = driver_for(sim)

    def first(moment: str) -> None:
        if moment == "before":
            sim.clear_misbehaviour()
            other.connection.call("delete_vm", sim.repository_id, node.extra["directory"])

    sim.misbehave("hook", "delete_vm", hook=first)
    assert driver.destroy_node(node) is True
    assert not disk_file(sim, node).exists()


# ------------------------------------------------------------------ which host, which name


def test_two_hosts_that_say_they_are_one(driver: Any, sim: Simulator) -> None:
    text = driver.connection.call("discover_server")
    for old, new in ((sim.hosts[0].address, sim.hosts[1].address), (">ovm-1<", ">ovm-2<")):
        text = text.replace(old, new)
    sim.misbehave("answer", "discover_server", host=1, times=None, value=text)
    with pytest.warns(Ovm3Warning, match="same server uuid"):
        nodes = {node.name: node.state for node in driver.list_nodes()}
    assert nodes == {"seed-1": NodeState.RUNNING, "seed-2": NodeState.UNKNOWN}


def test_several_hosts_at_one_address() -> None:
    ports = ["127.0.0.1:0", "127.0.0.1:0"]
    with simulate(hosts=2, addresses=_free(ports)) as sim:
        pins = {f"{h.address}:{h.port}": h.fingerprint for h in sim.hosts}
        one = driver_for(sim, ex_fingerprint=pins)
        with pytest.warns(Ovm3Warning, match="not among the given hosts"):
            states = {node.name: node.state for node in one.list_nodes()}
        assert states == {"seed-1": NodeState.RUNNING, "seed-2": NodeState.UNKNOWN}
        both = driver_for(sim, host=None, ex_hosts=list(pins), ex_fingerprint=pins)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert [node.state for node in both.list_nodes()] == [NodeState.RUNNING] * 2
            assert len(both.list_locations()) == 2


def _free(addresses: list[str]) -> list[str]:
    import socket

    found = []
    sockets = []
    for address in addresses:
        host = address.partition(":")[0]
        taken = socket.create_server((host, 0))
        sockets.append(taken)
        found.append(f"{host}:{taken.getsockname()[1]}")
    for taken in sockets:
        taken.close()
    return found


def test_a_name_that_may_be_taken_is_refused(driver: Any, sim: Simulator) -> None:
    write_cfg(machines(sim) / ("9" * 32), name="x")
    (machines(sim) / ("9" * 32) / "vm.cfg").write_text("OVM_simple_name = 'web'\nname = (\n")
    before = fingerprints_of(sim.repository_path)
    with pytest.raises(PreconditionFailed, match="is taken is unknown") as caught:
        make(driver)
    assert not isinstance(caught.value, NameTaken)
    assert fingerprints_of(sim.repository_path) == before
    assert quietly(make, driver, ex_allow_same_name=True).name == "web"


def test_warnings_as_errors_lose_no_node(driver: Any, sim: Simulator) -> None:
    write_cfg(machines(sim) / ("9" * 32), name="x")
    (machines(sim) / ("9" * 32) / "vm.cfg").write_text("name = (\n")
    before = fingerprints_of(sim.repository_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(Ovm3Warning):
            make(driver, ex_allow_same_name=True)
    assert fingerprints_of(sim.repository_path) == before


def test_warnings_point_at_their_cause(driver: Any, sim: Simulator) -> None:
    sim.hosts[2].kill()
    with pytest.warns(Ovm3Warning) as warned:
        driver.list_nodes()
    assert warned[0].filename == __file__


def test_a_copy_that_is_not_whole_is_no_node(driver: Any, sim: Simulator) -> None:
    before = fingerprints_of(sim.repository_path)
    sim.misbehave("answer", "copy_file", value=None)
    with pytest.raises(Exception, match=r"instead of|No such file") as caught:
        make(driver)
    assert not isinstance(caught.value, AssertionError)
    assert calls_of(sim, "configure_vm", "start_vm") == []
    node = [n for n in driver.list_nodes() if n.name == "web"]
    assert node == []
    assert fingerprints_of(sim.repository_path) == before


def test_a_host_without_the_repository_is_not_chosen(sim: Simulator) -> None:
    driver = driver_for(sim)
    sim.hosts[2].unmount_repository()  # the one with the most free memory
    node = make(driver)
    assert node.extra["host"] != "ovm-3"
    driver.stop_node(node)
    with pytest.raises(PreconditionFailed, match="have repository"):
        driver.start_node(node, ex_location=driver.list_locations()[2])


def test_a_host_that_falls_silent_between_the_looks(driver: Any, sim: Simulator) -> None:
    node = make(driver)
    driver.stop_node(node)

    def silence(moment: str) -> None:
        if moment == "before":
            sim.hosts[2].kill()

    sim.misbehave("hook", "discover_server_pool", host=0, nth=2, hook=silence)
    sim.calls.clear()
    with pytest.raises(PreconditionFailed, match=sim.hosts[2].address):
        driver.destroy_node(node)
    assert calls_of(sim, *WRITES) == []
