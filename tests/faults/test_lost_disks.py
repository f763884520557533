"""Disks that were lost, or kept for no reason."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from libcloud_ovm3.errors import OperationIncomplete, PreconditionFailed
from libcloud_ovm3.simulator import Simulator
from tests.faults.support import (
    DATA,
    DOMAIN_0,
    ID,
    OTHER_ID,
    assert_no_certain_orphan,
    attempt,
    cfg,
    connect,
    lab,
    let_list,
    make_vm,
    other_vm,
    put,
    start_by_hand,
    undashed,
)

ELSEWHERE = "0004fb0000030000" + "e" * 16


def destroyed_without_a_word(driver: Any, vm: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert driver.destroy_node(vm.id) is True
    assert not vm.file.exists()
    assert not vm.definition.exists()


def test_another_repository_on_one_host_only(sim: Simulator, driver: Any) -> None:
    """Each host has a repository on its own disk, as many pools have."""
    vm = make_vm(sim)
    own = sim.add_repository("own", hosts=[1])
    make_vm(sim, "local", OTHER_ID, repository=own)
    own0 = sim.add_repository("own0", hosts=[0])
    make_vm(sim, "local0", "0004fb00-0006-0000-cccc-000000000003", repository=own0)
    destroyed_without_a_word(driver, vm)


def test_destroy_the_local_one(sim: Simulator, driver: Any) -> None:
    make_vm(sim, "shared", OTHER_ID)
    own = sim.add_repository("own", hosts=[1])
    vm = make_vm(sim, "local", repository=own)
    own0 = sim.add_repository("own0", hosts=[0])
    make_vm(sim, "local0", "0004fb00-0006-0000-cccc-000000000003", repository=own0)
    destroyed_without_a_word(driver, vm)


def test_start_the_local_one(sim: Simulator, driver: Any) -> None:
    other = make_vm(sim, "shared", OTHER_ID)
    own = sim.add_repository("own", hosts=[1])
    vm = make_vm(sim, "local", repository=own)
    start_by_hand(sim, other, 0)
    came = attempt(driver.start_node, vm.id)
    assert came.value is True, came


def test_a_medium_in_a_repository_that_is_no_more(sim: Simulator, driver: Any) -> None:
    vm = make_vm(sim)
    iso = f"/OVS/Repositories/{ELSEWHERE}/ISOs/install.iso"
    make_vm(sim, "other", OTHER_ID, disk=[f"file:{iso},hdc:cdrom,r"])
    destroyed_without_a_word(driver, vm)


def test_start_with_a_medium_in_a_repository_that_is_no_more_elsewhere(
    sim: Simulator, driver: Any
) -> None:
    own = sim.add_repository("own", hosts=[1])
    (sim.path_of(own) / "ISOs" / "a.iso").write_bytes(DATA)
    other = make_vm(sim, "shared", OTHER_ID)
    start_by_hand(sim, other, 0)
    path = f"/OVS/Repositories/{sim.repository_id}/VirtualDisks/{undashed(ID)}.img"
    vm = make_vm(
        sim, disk=[f"file:{path},xvda,w", f"file:/OVS/Repositories/{own}/ISOs/a.iso,xvdc:cdrom,r"]
    )
    came = attempt(
        driver.start_node, vm.id, ex_location=f"{sim.hosts[1].address}:{sim.hosts[1].port}"
    )
    assert came.value is True, came


def test_plain_estate(sim: Simulator, driver: Any) -> None:
    iso = sim.repository_path / "ISOs" / "a.iso"
    iso.write_bytes(DATA)
    isop = f"/OVS/Repositories/{sim.repository_id}/ISOs/a.iso"
    path = f"/OVS/Repositories/{sim.repository_id}/VirtualDisks/{undashed(ID)}.img"
    vm = make_vm(
        sim,
        disk=[f"file:{path},xvda,w", f"file:{isop},hdc:cdrom,r", ",hdd:cdrom,r"],
    )
    opath = f"/OVS/Repositories/{sim.repository_id}/VirtualDisks/{undashed(OTHER_ID)}.img"
    other = make_vm(
        sim,
        "other",
        OTHER_ID,
        disk=[f"file:{opath},xvda,w", f"file:{isop},xvdc:cdrom,r", ",xvdd:cdrom,r"],
    )
    put(
        sim,
        "d" * 32,
        cfg(
            name="lun",
            uuid="0004fb00-0006-0000-dddd-000000000002",
            memory=256,
            vcpus=1,
            disk=["phy:/dev/mapper/3600601601122aabbccddeeff00112233,xvda,w"],
        ),
    )
    start_by_hand(sim, other, 1)
    destroyed_without_a_word(driver, vm)


@pytest.mark.parametrize("link", ["relative", "absolute"])
def test_an_orphan_that_a_link_leads_to(personality: str, link: str) -> None:
    """A VM names a link in VirtualDisks, and that leads to the file; the module can tell."""
    with lab(personality, True) as sim:
        _an_orphan_that_a_link_leads_to(sim, connect(sim), link)


def _an_orphan_that_a_link_leads_to(sim: Simulator, driver: Any, link: str) -> None:
    real = sim.repository_path / "VirtualDisks" / "real.img"
    real.write_bytes(DATA)
    alias = real.with_name("alias.img")
    here = f"/OVS/Repositories/{sim.repository_id}/VirtualDisks"
    alias.symlink_to("real.img" if link == "relative" else f"{here}/real.img")
    other_vm(sim, disk=[f"file:{here}/alias.img,xvda,w"])
    assert_no_certain_orphan(driver, "real.img")


def test_an_orphan_that_a_hidden_domain_holds(personality: str) -> None:
    """xend leaves a domain out of its list; its vm.cfg is gone; the module can tell."""
    with lab(personality, True) as sim:
        _an_orphan_that_a_hidden_domain_holds(sim, connect(sim))


def _an_orphan_that_a_hidden_domain_holds(sim: Simulator, driver: Any) -> None:
    vm = make_vm(sim, file_name="data.img")
    start_by_hand(sim, vm, 1)
    sim.clear_misbehaviour()
    (vm.definition / "vm.cfg").unlink()
    vm.definition.rmdir()
    let_list(sim, 1, [DOMAIN_0])
    assert_no_certain_orphan(driver, "data.img")


def test_a_disk_that_is_taken_off_meanwhile(sim: Simulator, driver: Any, module: bool) -> None:
    """Another client takes a disk out of the vm.cfg, to keep it, while destroy_node waits."""
    vm = make_vm(sim)
    data = vm.file.with_name(f"{undashed(ID)}-data.img")
    data.write_bytes(DATA)
    dpath = vm.path.replace(vm.file.name, data.name)
    text = (vm.definition / "vm.cfg").read_text()
    (vm.definition / "vm.cfg").write_text(
        text + f"disk = ['file:{vm.path},xvda,w', 'file:{dpath},xvdb,w']\n"
    )
    sim.misbehave(
        "hook",
        "discover_mounted_file_systems" if not module else "libcloud_list_files",
        hook=lambda m: (vm.definition / "vm.cfg").write_text(text) if m == "before" else None,
    )
    came = attempt(driver.destroy_node, ID)
    assert isinstance(came.error, PreconditionFailed), came
    assert data.exists(), came
    assert vm.definition.exists()


def test_an_entry_that_is_not_understood(sim: Simulator, driver: Any) -> None:
    """A comma in the name: what stands before it is another file."""
    path = f"/OVS/Repositories/{sim.repository_id}/VirtualDisks/{undashed(ID)}"
    vm = make_vm(sim, file_name=undashed(ID), disk=[f"file:{path},old.img,xvda,w"])
    came = attempt(driver.destroy_node, ID)
    assert vm.has_disk, came


def test_put_back_while_it_is_deleted(personality: str) -> None:
    with lab(personality, True) as sim:
        vm = make_vm(sim)
        driver = connect(sim)

        def back(moment: str) -> None:
            if moment == "before":
                [one] = [o for o in connect(sim).ex_list_orphans() if o.get("set_aside")]
                connect(sim).ex_put_back(one["path"], one["set_aside"])

        sim.misbehave("hook", "libcloud_delete_aside", hook=back)
        came = attempt(driver.destroy_node, ID)
        assert vm.has_disk, came
        assert came.value is not True or vm.file.name in came.said, came


def test_one_device_on_two_hosts_is_two(sim: Simulator, driver: Any) -> None:
    """Each host has a repository on a disk of its own, and both call it /dev/sdb1."""
    vms = []
    for index in (0, 1):
        own = sim.add_repository(f"own{index}", hosts=[index])
        vms.append((own, index))
    for own, index in vms:
        text = connect(sim, index).connection.call("discover_repository_db")
        location = sim.hosts[index].repository_db[own]["Fs_location"]
        text = text.replace(location, "/dev/cciss/c0d1p1")
        sim.misbehave("answer", "discover_repository_db", host=index, times=None, value=text)
    vm = make_vm(sim)
    came = attempt(driver.list_nodes)
    assert came.warnings == [], came
    destroyed_without_a_word(driver, vm)


def test_who_holds_cannot_be_told(personality: str) -> None:
    """It runs, xend leaves it out, and nobody can tell who holds its disk: its vm.cfg stays."""
    with lab(personality, True) as sim:
        vm = make_vm(sim)
        start_by_hand(sim, vm, 1)
        let_list(sim, 1, [DOMAIN_0])
        for name in ("libcloud_file_holders", "libcloud_read_agent"):
            sim.misbehave("fault", name, host=1, times=None, text="x.Failed:xenstore is gone")
        came = attempt(connect(sim).destroy_node, ID)
        assert vm.is_whole, came


def test_a_link_in_a_repository_of_another_host(personality: str) -> None:
    """It is looked at where it is mounted."""
    with lab(personality, True) as sim:
        vm = make_vm(sim)
        own = sim.add_repository("own", hosts=[1])
        alias = sim.path_of(own) / "VirtualDisks" / "data.img"
        alias.symlink_to(vm.path)
        path = f"/OVS/Repositories/{own}/VirtualDisks/data.img"
        make_vm(sim, "user", OTHER_ID, own, "user.img", disk=[f"file:{path},xvda,w!"])
        came = attempt(connect(sim).destroy_node, ID)
        assert vm.has_disk, came
        assert "data.img" in came.said


def test_gone_is_said_only_by_a_listing_that_is_understood(personality: str) -> None:
    """The deletion faults, without effect, and the look after it shows something unknown."""
    with lab(personality, False) as sim:
        vm = make_vm(sim)
        text = connect(sim).connection.call("discover_repositories", sim.repository_id)
        odd = text.replace(f"<Disk>{vm.file.name}</Disk>", f"<Volume>{vm.file.name}</Volume>")
        assert odd != text
        sim.misbehave("fault", "storage_plugin_destroy")
        sim.misbehave("answer", "discover_repositories", nth=4, value=odd)
        came = attempt(connect(sim).destroy_node, ID)
        assert isinstance(came.error, OperationIncomplete), came
        assert vm.file.name in came.said
        assert vm.has_disk


@pytest.mark.parametrize("kind", ["fault_after", "drop_after"])
def test_a_mount_that_took_effect_and_then_failed(personality: str, kind: str) -> None:
    with lab(personality, False) as sim:
        vm = make_vm(sim)
        rule = sim.misbehave(kind, "storage_plugin_mount")
        came = attempt(connect(sim).destroy_node, ID)
        assert rule.hits == 1
        assert came.value is True, came
        assert not vm.has_disk


def test_a_template_that_one_host_cannot_read_is_asked_of_another(personality: str) -> None:
    with lab(personality, False) as sim:
        vm = make_vm(sim)
        put(sim, "t" * 32, cfg(name="t", memory=256, vcpus=1, disk=[]), folder="Templates")
        sim.misbehave("fault", "get_template_config", host=0, times=None)
        came = attempt(connect(sim).destroy_node, ID)
        assert came.value is True, came
        assert not vm.has_disk, came


def test_what_cannot_be_read_of_our_folder_is_not_deleted(personality: str) -> None:
    """The deletion of a file that is set aside faults, and what is aside cannot be read."""
    with lab(personality, True) as sim:
        vm = make_vm(sim)
        sim.misbehave("fault", "libcloud_delete_aside", text="libcloud_ovm3_host.errors.Failed:no")
        listing = connect(sim).connection.call("discover_repositories", sim.repository_id)
        blind = {
            "listing": {"answer": listing.replace(f"<Disk>{vm.file.name}</Disk>", "")},
            "vm_cfg": [],
            "aside": [{"error": "[Errno 5] Input/output error"}],
            "after": "",
        }
        sim.misbehave("answer", "libcloud_repository", nth=5, value=blind)
        came = attempt(connect(sim).destroy_node, ID)
        assert isinstance(came.error, OperationIncomplete), came
        assert "Input/output error" in came.said
        [left] = [one for one in attempt(connect(sim).ex_list_orphans).value if one["set_aside"]]
        connect(sim).ex_put_back(left["path"], left["set_aside"])
        assert vm.has_disk
