"""attach_volume: who may have a volume, and what becomes of vm.cfg and of the live domain."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator
from typing import Any

import pytest

from libcloud_ovm3.agent import vmcfg
from libcloud_ovm3.errors import (
    AgentFault,
    InvalidArgument,
    NodeNotFound,
    OperationIncomplete,
    PreconditionFailed,
    VolumeNotFound,
)
from libcloud_ovm3.estate.disk_names import DiskName, file_name, origin_key
from tests.operations.attaching import (
    Lab,
    add_disk,
    disks,
    in_file,
    live_disks,
    path_of,
    seen,
    set_live_disks,
)
from tests.support import at_once, calls_of, driver_for, fingerprints_of, quietly, simulate

WWID = "6006016011223300aa00bb11cc22dd01"
LUN = f"/dev/mapper/3{WWID}"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Two hosts with one running node each, of which one has a LUN; and one stopped node."""
    with simulate(hosts=2, vms=0, templates=0) as sim:
        sim.add_vm("run", running_on=0)
        sim.add_vm("other", running_on=1, config={"disk": disks(sim, f"phy:{LUN},xvdc,w!")})
        sim.add_vm("off")
        yield Lab(sim, driver_for(sim))


@pytest.mark.parametrize("name", ["run", "off"])
def test_it_is_in_vm_cfg_and_live(lab: Lab, name: str) -> None:
    volume_id, node = add_disk(lab.sim, f"to-{name}.img"), lab.node(name)
    before = vmcfg.parse(_vm_cfg(lab, node).read_bytes())
    [volume] = [one for one in quietly(lab.driver.list_volumes) if one.id == volume_id]
    assert quietly(volume.attach, node) is True  # libcloud's own way
    now = vmcfg.parse(_vm_cfg(lab, node).read_bytes())
    entry = f"file:{path_of(lab.sim, f'to-{name}.img')},xvdb,w"
    assert now == {**before, "disk": [*before["disk"], entry]}, "something else has changed"
    assert live_disks(lab.sim, 0, f"to-{name}.img") == ([entry] if name == "run" else [])
    lab.refuse(PreconditionFailed, "has it as xvdb", lab.attach, lab.node("other"), volume_id)
    lab.refuse(PreconditionFailed, "has it as xvdb", lab.attach, node, volume_id, ex_mode="w!")
    assert quietly(volume.detach) is True
    assert vmcfg.parse(_vm_cfg(lab, node).read_bytes()) == before


def _vm_cfg(lab: Lab, node: Any) -> Any:
    directory = node.extra["directory"]
    return lab.sim.repository_path / "VirtualMachines" / directory / "vm.cfg"


def test_the_device(lab: Lab) -> None:
    one, two = add_disk(lab.sim, "device-1.img"), add_disk(lab.sim, "device-2.img")
    node = lab.node("other")
    assert lab.attach(node, one, "/dev/xvdf")
    assert lab.devices(one) == ["other:xvdf"]
    taken = r"xvdf of .* is taken by the disk xvdf \(/.*/device-1\.img\)"
    lab.refuse(PreconditionFailed, taken, lab.attach, node, two, "xvdf")
    lab.refuse(InvalidArgument, "expected xvda to xvdiz", lab.attach, node, two, "sdb")
    assert lab.attach(node, two)
    assert lab.devices(two) == ["other:xvdb"]  # xvdc is the LUN


@pytest.mark.parametrize(
    ("has", "wants", "is_possible"),
    [
        ("w", "w!", False),
        ("w!", "w", False),
        ("w!", "w!", True),
        ("w!", "r", False),
        ("r", "r", True),
        ("r", "w!", False),
        ("w", "r", False),
    ],
)
def test_modes(lab: Lab, has: str, wants: str, is_possible: bool) -> None:
    volume_id = add_disk(lab.sim, f"mode-{has}-{wants}.img")
    assert lab.attach(lab.node("run"), volume_id, ex_mode=has)
    node = lab.node("off")
    if is_possible:
        assert lab.attach(node, volume_id, ex_mode=wants)
        assert len(lab.devices(volume_id)) == 2
        assert lab.detach(volume_id, ex_node=node)
    else:
        why = rf"VM 'run' .* has it as xvd\w \(mode {has}, live and in vm.cfg\)"
        lab.refuse(PreconditionFailed, why, lab.attach, node, volume_id, ex_mode=wants)
    assert lab.detach(volume_id)


def test_wrong_arguments(lab: Lab) -> None:
    volume_id, node = add_disk(lab.sim, "wrong.img"), lab.node("off")
    lab.refuse(InvalidArgument, "xend refuses r!", lab.attach, node, volume_id, ex_mode="r!")
    lab.refuse(InvalidArgument, "expected 'w'", lab.attach, node, volume_id, ex_mode="rw")
    lab.refuse(NodeNotFound, "no VM", lab.attach, "0" * 32, volume_id)
    lab.refuse(VolumeNotFound, "no volume", lab.attach, node, f"{volume_id}x")
    comma = add_disk(lab.sim, "a,xvdz,r.img")
    lab.refuse(InvalidArgument, "a comma", lab.attach, node, comma)


def test_snapshots_and_what_is_not_complete(lab: Lab) -> None:
    node = lab.node("off")
    created = datetime.datetime(2026, 11, 29, tzinfo=datetime.timezone.utc)
    name = file_name(DiskName("s", "1" * 32, origin_key("x"), created))
    snapshot = add_disk(lab.sim, name)
    lab.refuse(InvalidArgument, "is a snapshot", lab.attach, node, snapshot)
    half = file_name(DiskName("half", "1" * 32))
    unfinished = add_disk(lab.sim, half)
    add_disk(lab.sim, f"{half}.creating")
    lab.refuse(PreconditionFailed, "is being created", lab.attach, node, unfinished)


def test_a_lun(lab: Lab) -> None:
    """V16: shared with who shares it, by whatever spelling; its WWID is its id."""
    node = lab.node("off")
    lab.refuse(PreconditionFailed, "be shared with ex_mode='w!'", lab.attach, node, f"phy:{WWID}")
    assert lab.attach(node, f"phy:{WWID}", ex_mode="w!")
    assert lab.devices(f"phy:{WWID}") == ["off:xvdb", "other:xvdc"]
    assert in_file(lab.sim, node.extra["directory"], WWID) == [f"phy:{LUN},xvdb,w!"]
    assert lab.detach(f"phy:{WWID}", ex_node=node)
    assert lab.devices(f"phy:{WWID}") == ["other:xvdc"]


def test_named_by_others(lab: Lab) -> None:
    """By a template, by a CD drive, in another option, and elsewhere under the same file name."""
    node = lab.node("run")
    ids = {name: add_disk(lab.sim, f"{name}.img") for name in ("tpl", "cd", "kernel", "mnt")}
    paths = {name: path_of(lab.sim, f"{name}.img") for name in ids}
    template = lab.sim.repository_path / "Templates" / "tpl"
    template.mkdir()
    (template / "vm.cfg").write_text(f"memory = 1\ndisk = ['file:{paths['tpl']},xvda,w']\n")
    config: dict[str, Any] = {
        "disk": disks(lab.sim, f"file:{paths['cd']},xvdb:cdrom,r", "file:/nfsmnt/x/mnt.img,xvdc,w"),
        "kernel": paths["kernel"],
    }
    lab.sim.add_vm("names-them", config=config)
    for name, volume_id in ids.items():
        why = (
            r"template 'tpl' \(.*/tpl\) names it"
            if name == "tpl"
            else "names a file .*which may be this one"
        )
        lab.refuse(PreconditionFailed, why, lab.attach, node, volume_id, ex_mode="w!")


def test_a_file_of_the_same_name_elsewhere_is_another_file(lab: Lab) -> None:
    elsewhere = lab.sim.repository_path / "VirtualMachines" / "elsewhere.img"
    elsewhere.write_bytes(b"x" * 512)
    config = {
        "disk": disks(lab.sim, f"file:{path_of(lab.sim, elsewhere.name, 'VirtualMachines')},xvdb,w")
    }
    lab.sim.add_vm("has-one-alike", config=config)
    volume_id = add_disk(lab.sim, elsewhere.name)
    assert lab.attach(lab.node("run"), volume_id)
    assert lab.detach(volume_id)


# ------------------------------------------------------------------ estates of their own


def test_where_something_is_unread(personality: str) -> None:
    """A vm.cfg that cannot be read, or a host that does not answer, may have any volume."""
    with simulate(hosts=2, vms=0, templates=0, personality=personality) as sim:
        lab = Lab(sim, driver_for(sim))
        sim.add_vm("run", running_on=0)
        volume_id, node = add_disk(sim), lab.node("run")
        broken = sim.repository_path / "VirtualMachines" / ("0" * 32)
        broken.mkdir()
        (broken / "vm.cfg").write_text("")
        lab.refuse(PreconditionFailed, "that may use it", lab.attach, node, volume_id)
        (broken / "vm.cfg").unlink()
        broken.rmdir()
        sim.hosts[1].kill()
        lab.refuse(PreconditionFailed, "that may use it", lab.attach, node, volume_id)


def test_beside_a_host_that_is_off() -> None:
    """Its node gives its disk to another one: as if it were stopped."""
    with simulate(hosts=2, vms=0, templates=0) as sim:
        lab = Lab(sim, driver_for(sim, ex_ssh_port=sim.hosts[0].port))
        volume_id = add_disk(sim)
        entry = f"file:{path_of(sim)},xvdb,w"
        sim.add_vm("lost", running_on=1, config={"disk": disks(sim, entry)})
        sim.add_vm("run", running_on=0)
        node = lab.node("run")
        sim.hosts[1].shut_down()
        off = [sim.hosts[1].address]
        lab.refuse(PreconditionFailed, "could not be read", lab.detach, volume_id)
        assert lab.detach(volume_id, ex_hosts_off=off)
        assert lab.attach(node, volume_id, ex_hosts_off=off)
        assert live_disks(sim, 0) == [entry]


def test_repositories_that_a_host_lacks() -> None:
    with simulate(hosts=2, vms=0, templates=0) as sim:
        lab = Lab(sim, driver_for(sim))
        second = sim.add_repository("second", hosts=[1])
        (sim.path_of(second) / "VirtualDisks" / "far.img").write_bytes(b"x" * 512)
        volume_id = f"{second}/VirtualDisks/far.img"
        sim.add_vm("run", running_on=0)
        sim.add_vm("off")
        why = (
            "where the VM runs, does not have these repositories mounted: .*; ex_attach_repository "
            "attaches one to it"
        )
        lab.refuse(PreconditionFailed, why, lab.attach, lab.node("run"), volume_id)
        assert lab.attach(lab.node("off"), volume_id)
        assert lab.driver.start_node(lab.node("off"))  # by the one host that has both
        assert sim.domains(1)
        assert lab.driver.stop_node(lab.node("off"), ex_force=True)
        assert lab.detach(volume_id)
        sim.hosts[1].unmount_repository()
        why = "no host has these repositories mounted"
        lab.refuse(PreconditionFailed, why, lab.attach, lab.node("off"), volume_id)


def test_by_other_names_and_holders() -> None:
    """With the host module: a link to the volume, a domain that no list has, a loop device."""
    with simulate(hosts=2, vms=0, templates=0, host_module=True) as sim:
        lab = Lab(sim, driver_for(sim))
        volume_id = add_disk(sim)
        os.symlink("data.img", sim.repository_path / "VirtualDisks" / "link.img")
        sim.add_vm("run", running_on=0)
        entry = f"file:{path_of(sim, 'link.img')},xvdb,w"
        linked = sim.add_vm("linked", config={"disk": disks(sim, entry)})
        node = lab.node("run")
        lab.refuse(PreconditionFailed, "leads to it", lab.attach, node, volume_id, ex_mode="w!")
        quietly(lab.driver.destroy_node, linked)
        for held in (
            {"kind": "vbd", "domid": 9, "uuid": "", "device": "xvda", "mode": "w", "state": 4},
            {"kind": "loop", "device": "/dev/loop7"},
        ):
            value = [{**held, "path": path_of(sim)}]
            sim.misbehave("answer", "libcloud_file_holders", host=1, times=None, value=value)
            lab.refuse(PreconditionFailed, "holds it open as", lab.attach, node, volume_id)
            lab.refuse(PreconditionFailed, "holds it", lab.attach, node, volume_id, ex_mode="w!")
            sim.clear_misbehaviour()
        sim.misbehave("fault", "libcloud_file_holders", host=1, times=None)
        lab.refuse(PreconditionFailed, "is unknown", lab.attach, node, volume_id)
        sim.clear_misbehaviour()
        assert lab.attach(node, volume_id)


def test_states_of_nodes() -> None:
    with simulate(hosts=1, vms=0, templates=0) as sim:
        lab = Lab(sim, driver_for(sim))
        sim.add_vm("run", running_on=0)
        sim.add_vm("unfinished", config={"OVM_description": "creating " + "a" * 32})
        sim.add_vm("preserved", running_on=0, config={"on_poweroff": "preserve"})
        volume_id, node = add_disk(sim), lab.node("run")
        lab.refuse(
            PreconditionFailed, "while it is pending", lab.attach, lab.node("unfinished"), volume_id
        )
        sim.guest(0, lab.node("preserved").id, "poweroff")
        lab.refuse(
            PreconditionFailed, "while it is stopping", lab.attach, lab.node("preserved"), volume_id
        )
        agent = lab.driver._estate.agent(lab.driver._estate.given[0])
        assert agent is not None
        agent.xen.pause_vm(sim.repository_id, node.extra["directory"])
        assert lab.attach(node, volume_id)  # works on paused ones (xend.md 5)
        assert lab.devices(volume_id) == ["run:xvdb"]
        lab.refuse(PreconditionFailed, "a paused guest cannot let go", lab.detach, volume_id)


@pytest.mark.parametrize("what", ["another disk", "a network card"])
def test_a_node_whose_file_and_domain_disagree(what: str) -> None:
    """The agent would change what differs as well."""
    with simulate(hosts=1, vms=0, templates=0) as sim:
        lab = Lab(sim, driver_for(sim))
        directory = sim.add_vm("run", running_on=0)
        volume_id, node = add_disk(sim), lab.node("run")
        if what == "another disk":
            add_disk(sim, "more.img")
            more = f"file:{path_of(sim, 'more.img')},xvdc,w"
            set_live_disks(sim, 0, lambda now: [*now, more])
        else:
            file = sim.repository_path / "VirtualMachines" / directory / "vm.cfg"
            text = file.read_text()
            file.write_text(text.replace("vif = [", "vif = ['mac=00:21:f6:00:00:01,bridge=b',"))
        why = "disagree about xvdc as well" if "disk" in what else "about its network cards"
        lab.refuse(PreconditionFailed, why, lab.attach, node, volume_id)


# ------------------------------------------------------------------ what does not arrive


def test_a_plug_that_fails_is_undone(personality: str) -> None:
    """N41: in vm.cfg too, whichever of the two the agent has left; the slot can be used again."""
    with simulate(hosts=1, vms=0, templates=0, personality=personality) as sim:
        lab = Lab(sim, driver_for(sim))
        directory = sim.add_vm("run", running_on=0)
        volume_id, node = add_disk(sim), lab.node("run")
        before = fingerprints_of(sim.repository_path)
        sim.hosts[0].inject("devices hang")
        with pytest.raises(AgentFault, match="could not be connected") as caught:
            lab.attach(node, volume_id)
        assert caught.value.node_id == node.id
        assert (in_file(sim, directory), live_disks(sim, 0)) == ([], [])
        assert seen(sim, volume_id) == ("available", [])
        after = fingerprints_of(sim.repository_path)
        if personality == "plain":
            assert after == before
        sim.hosts[0].inject("devices hang", False)
        assert lab.attach(node, volume_id, "xvdb")
        assert seen(sim, volume_id) == ("inuse", ["live and defined"])


def test_success_that_does_not_arrive(personality: str) -> None:
    """The agent says that all is well; the domain does not have it, or vm.cfg does not."""
    with simulate(hosts=1, vms=0, templates=0, personality=personality) as sim:
        lab = Lab(sim, driver_for(sim))
        directory = sim.add_vm("run", running_on=0)
        volume_id, node = add_disk(sim), lab.node("run")

        def unplug(moment: str) -> None:
            if moment == "after":
                set_live_disks(sim, 0, lambda now: now[:1])

        sim.misbehave("hook", "configure_vm", hook=unplug)
        with pytest.raises(OperationIncomplete, match=r"vm\.cfg was changed back") as caught:
            lab.attach(node, volume_id)
        assert caught.value.left == (node.id, path_of(sim))
        assert (in_file(sim, directory), live_disks(sim, 0)) == ([], [])
        sim.misbehave("answer", "configure_vm", value=None)
        with pytest.raises(OperationIncomplete, match=r"vm\.cfg is"):
            lab.attach(node, volume_id)
        assert seen(sim, volume_id) == ("available", [])


def test_a_node_that_reboots_right_before() -> None:
    with simulate(hosts=1, vms=0, templates=0, reboot_gap=5.0) as sim:
        lab = Lab(sim, driver_for(sim))
        sim.add_vm("run", running_on=0)
        volume_id, node = add_disk(sim), lab.node("run")

        def reboot(moment: str) -> None:
            if moment == "before":
                sim.guest(0, node.id, "reboot")
                sim.wait(4)

        sim.misbehave("hook", "list_vms", nth=2, hook=reboot)
        lab.refuse(PreconditionFailed, "right before, no host", lab.attach, node, volume_id)


def test_two_clients_at_once() -> None:
    """On two nodes: at most one of them has it afterwards, and the other client is told."""
    with simulate(hosts=2, vms=0, templates=0) as sim:
        lab = Lab(sim, driver_for(sim))
        sim.add_vm("a", running_on=0)
        sim.add_vm("b")
        volume_id = add_disk(sim)
        drivers = [driver_for(sim), driver_for(sim)]
        nodes = [lab.node("a"), lab.node("b")]
        came = at_once(
            sim,
            *(
                (driver, lambda d=driver, n=node: d.attach_volume(n, volume_id))
                for driver, node in zip(drivers, nodes, strict=True)
            ),
        )
        has = lab.devices(volume_id)
        assert len(has) == came.count(True) <= 1, came
        assert all(one is True or isinstance(one, PreconditionFailed) for one in came)
        assert calls_of(sim, "configure_vm")


def test_a_rival_that_comes_at_the_same_moment(personality: str) -> None:
    """Whoever sees the other's attachment after its own takes its own back, live and in vm.cfg."""
    with simulate(hosts=2, vms=0, templates=0, personality=personality) as sim:
        lab = Lab(sim, driver_for(sim))
        directory = sim.add_vm("run", running_on=0)
        volume_id, node = add_disk(sim), lab.node("run")

        def attach_too(moment: str) -> None:
            if moment == "before":
                named = disks(sim, f"file:{path_of(sim)},xvdb,w")
                sim.add_vm("rival", running_on=1, config={"disk": named})

        sim.misbehave("hook", "configure_vm", hook=attach_too)
        with pytest.raises(PreconditionFailed, match=r"VM 'rival' .* has it .* detached again"):
            lab.attach(node, volume_id)
        assert (in_file(sim, directory), live_disks(sim, 0)) == ([], [])
        assert lab.devices(volume_id) == ["rival:xvdb"]


@pytest.mark.parametrize("name", ["run", "off"])
def test_a_volume_that_is_deleted_at_the_same_moment(personality: str, name: str) -> None:
    """Success would be a lie: the vm.cfg would name a disk that is gone, and not start."""
    with simulate(hosts=2, vms=0, templates=0, personality=personality) as sim:
        lab = Lab(sim, driver_for(sim))
        directory = sim.add_vm(name, running_on=0 if name == "run" else None)
        volume_id, node = add_disk(sim), lab.node(name)
        file = sim.repository_path / "VirtualDisks" / "data.img"

        def delete(moment: str) -> None:
            if moment == "after":
                file.unlink()

        sim.misbehave("hook", "configure_vm", hook=delete)
        with pytest.raises(PreconditionFailed, match=r"meanwhile its file was deleted .* detached"):
            lab.attach(node, volume_id)
        assert (in_file(sim, directory), live_disks(sim, 0)) == ([], [])


def test_a_vm_cfg_with_a_long_text() -> None:
    """Without the module it goes to and fro as a whole; what the module reads is refused."""
    with simulate(hosts=1, vms=0, templates=0) as sim:
        lab = Lab(sim, driver_for(sim))
        sim.add_vm("off", config={"note": "a" * 300_000})
        node, volume_id = lab.node("off"), add_disk(sim)
        assert lab.attach(node, volume_id)
        now = _vm_cfg(lab, node).read_bytes()
        assert b"a" * 300_000 in now
        assert b"data.img" in now
        sim.put_host_module(0)
        lab = Lab(sim, driver_for(sim))
        lab.refuse(PreconditionFailed, "more than 262144", lab.detach, volume_id)
        assert _vm_cfg(lab, node).read_bytes() == now
