"""Repositories that are not understood, or exist twice: their content counts as not read."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path
from typing import Any

import pytest
from libcloud.compute.types import NodeState

from libcloud_ovm3.errors import NameTaken, Ovm3Error, PreconditionFailed
from libcloud_ovm3.simulator import Simulator
from libcloud_ovm3.simulator.host import Mount
from tests.faults.support import (
    ID,
    OTHER_ID,
    Made,
    assert_kept,
    assert_no_certain_orphan,
    assert_refused,
    attempt,
    cfg,
    connect,
    lab,
    make_vm,
    other_vm,
    put,
    sent,
    states,
)
from tests.support import CHANGE, fingerprints_of, functions_of

UPPER = "882F2D2FF05B40A3988B6BD3E3DFB616"
NOT_HEX = ["repo1", "0004fb00000300002"]


@pytest.mark.parametrize("repository_id", NOT_HEX)
def test_01_a_repository_whose_id_is_no_hex_number(sim: Simulator, repository_id: str) -> None:
    """ODA names them repo1: who lies there uses disks, and has a name."""
    sim.add_repository("oda", repository_id)
    vm = make_vm(sim)
    disk = [f"file:{vm.path},xvda,w!"]
    other_vm(sim, repository_id, OVM_simple_name="APP-TRN", disk=disk)
    driver = connect(sim)
    came = attempt(driver.list_nodes)
    assert any(repository_id in warning for warning in came.warnings)
    assert attempt(driver.list_nodes, ex_strict=True).error is not None
    assert_kept(sim, vm, driver)


def test_01_no_name_is_free_beside_it(personality: str, module: bool) -> None:
    with lab(personality, module, templates=1) as sim:
        sim.add_repository("oda", "repo1")
        other_vm(sim, "repo1", OVM_simple_name="APP-TRN")
        driver = connect(sim)
        new = ("APP-TRN", driver.list_sizes()[0], attempt(driver.list_images).value[0])
        came = attempt(driver.create_node, *new)
        assert isinstance(came.error, PreconditionFailed | NameTaken), came
        assert sent(sim) == []
        made = attempt(driver.create_node, *new, ex_allow_same_name=True)
        assert made.value.state == NodeState.RUNNING, made


def test_02_no_orphan_is_certain_beside_it(sim: Simulator, driver: Any) -> None:
    sim.add_repository("oda", "repo1")
    disk = sim.repository_path / "VirtualDisks" / "data.img"
    disk.write_bytes(b"data")
    path = f"/OVS/Repositories/{sim.repository_id}/VirtualDisks/data.img"
    other_vm(sim, "repo1", disk=[f"file:{path},xvda,w"])
    came = attempt(driver.ex_list_orphans)
    assert [one["is_certain"] for one in came.value if one["path"] == path] in ([], [False])
    assert any("repo1" in warning for warning in came.warnings)


def upper_vm(sim: Simulator) -> Made:
    sim.add_repository("pool2", UPPER)
    return make_vm(sim, name="vm39", repository=UPPER)


def test_03_an_upper_case_id_travels_as_it_was_read(sim: Simulator, driver: Any) -> None:
    vm = upper_vm(sim)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        [node] = driver.list_nodes()
        assert (node.id, node.name, node.state) == (ID, "vm39", NodeState.STOPPED)
        assert node.extra["repository_id"].lower() == UPPER.lower()
        assert driver.start_node(node) is True
        assert driver.ex_get_node(ID).state == NodeState.RUNNING
        assert driver.stop_node(node, ex_force=True) is True
        assert driver.destroy_node(node) is True
    assert not vm.file.exists()
    assert not vm.definition.exists()
    about = [
        call.arguments[2 if call.function == CHANGE else 0]
        for call, function in zip(sim.calls, functions_of(sim), strict=True)
        if function in ("start_vm", "delete_vm")
    ]
    assert about == [UPPER, UPPER]


def test_03_a_disk_named_by_the_other_case_is_the_same(sim: Simulator, driver: Any) -> None:
    vm = upper_vm(sim)
    path = vm.path.replace(UPPER, UPPER.lower())
    other_vm(sim, disk=[f"file:{path},xvda,w"])
    assert_kept(sim, vm, driver)


# ------------------------------------------------------------------ one id on two exports


def two_exports(sim: Simulator) -> tuple[Made, Path]:
    """The second host has a clone of the share mounted in its place."""
    vm = make_vm(sim, name="original")
    host = sim.hosts[1]
    location = "nfs-clone:/export/clone"
    clone = host.settings.export(location)
    shutil.copytree(sim.repository_path, clone)
    put_in = clone / "VirtualMachines" / vm.directory / "vm.cfg"
    put_in.write_text(put_in.read_text().replace("original", "clone"))
    with host.lock:
        host.mounts[host.repository_point] = Mount(location)
        host.repository_db[sim.repository_id]["Fs_location"] = location
        host.save()
    return vm, clone


@pytest.mark.parametrize("with_module", [False, [1], [0], True], ids=str)
def test_09_one_id_on_two_exports(personality: str, with_module: Any) -> None:
    with lab(personality, with_module) as sim:
        vm, clone = two_exports(sim)
        before = [fingerprints_of(folder) for folder in (sim.repository_path, clone)]
        driver = connect(sim)
        came = attempt(driver.list_nodes)
        assert any(sim.repository_id in warning for warning in came.warnings), came
        assert_refused(sim, driver.destroy_node, vm.id)
        assert_refused(sim, driver.start_node, vm.id)
        assert_no_certain_orphan(driver)
        assert [fingerprints_of(folder) for folder in (sim.repository_path, clone)] == before
        mounts = [
            mount for host in sim.hosts for at, mount in host.mounts.items() if "nfsmnt" in at
        ]
        assert mounts == []


def test_09_nothing_is_made_there(personality: str, module: bool) -> None:
    with lab(personality, module, templates=1) as sim:
        two_exports(sim)
        driver = connect(sim)
        images = attempt(driver.list_images).value or []
        image = images[0] if images else f"{sim.repository_id}/Templates/oracle-linux-6.raw"
        came = attempt(driver.create_node, "new", driver.list_sizes()[0], image)
        assert isinstance(came.error, Ovm3Error), came
        assert sent(sim) == []
        again = attempt(driver.create_node, "new", driver.list_sizes()[0], image, None, None, True)
        assert isinstance(again.error, Ovm3Error), "the name is not what is in doubt"
        assert sent(sim) == []


def test_09_other_repositories_go_on(sim: Simulator, driver: Any) -> None:
    two_exports(sim)
    second = sim.add_repository("second")
    make_vm(sim, name="elsewhere", vm_id=OTHER_ID, repository=second)
    assert states(attempt(driver.list_nodes).value)[OTHER_ID] == NodeState.STOPPED
    assert attempt(driver.start_node, OTHER_ID).value is True


def test_q_hosts_that_disagree_about_the_export(sim: Simulator, driver: Any) -> None:
    """As the databases say it: a replica for disaster recovery."""
    vm = make_vm(sim)
    connection = connect(sim, 1).connection
    text = connection.call("discover_repository_db")
    location = sim.hosts[0].repository_db[sim.repository_id]["Fs_location"]
    other = text.replace(location, "replica:/copy/of/it")
    sim.misbehave("answer", "discover_repository_db", host=1, value=other, times=None)
    came = attempt(driver.list_nodes)
    assert any(sim.repository_id in warning for warning in came.warnings), came
    assert_refused(sim, driver.destroy_node, vm.id)
    assert vm.is_whole
    assert "storage_plugin_mount" not in [call.function for call in sim.calls]


def test_q_an_export_written_otherwise_is_the_same(sim: Simulator, driver: Any) -> None:
    """A slash at its end says nothing of another share."""
    vm = make_vm(sim)
    text = connect(sim, 1).connection.call("discover_repository_db")
    location = sim.hosts[0].repository_db[sim.repository_id]["Fs_location"]
    other = text.replace(f">{location}<", f">{location}/<")
    assert other != text
    sim.misbehave("answer", "discover_repository_db", host=1, value=other, times=None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert driver.destroy_node(vm.id) is True
    assert not vm.file.exists()


def test_a_definition_for_each_of_two_ids(sim: Simulator, driver: Any) -> None:
    """One VM's id in a repository that is read and in one that is not."""
    sim.add_repository("oda", "repo1")
    vm = make_vm(sim)
    put(sim, "copy", cfg(name="copy", uuid=ID, memory=256), "repo1")
    assert_kept(sim, vm, driver)
