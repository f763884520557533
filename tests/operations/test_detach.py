"""detach_volume: from whom, and its three ends: detached, still attached, unknown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from libcloud_ovm3.errors import (
    AgentFault,
    InvalidArgument,
    OperationIncomplete,
    PreconditionFailed,
    VolumeNotFound,
)
from libcloud_ovm3.simulator import Simulator
from tests.operations.attaching import (
    Lab,
    add_disk,
    disks,
    in_file,
    let_go,
    live_disks,
    path_of,
    seen,
    set_live_disks,
)
from tests.support import CHANGE, calls_of, driver_for, quietly, simulate


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Two hosts with one running node, and two that are stopped."""
    with simulate(hosts=2, vms=0, templates=0) as sim:
        sim.add_vm("run", running_on=0)
        sim.add_vm("off")
        sim.add_vm("off-too")
        yield Lab(sim, driver_for(sim))


def with_data(sim: Simulator, running_on: int | None = 0, name: str = "run") -> str:
    """A node with the volume as its second disk."""
    named = disks(sim, f"file:{path_of(sim)},xvdb,w")
    return sim.add_vm(name, running_on=running_on, config={"disk": named})


def test_of_several_one_has_to_be_named(lab: Lab) -> None:
    volume_id = add_disk(lab.sim, "several.img")
    nodes = {name: lab.node(name) for name in ("run", "off", "off-too")}
    lab.refuse(PreconditionFailed, "not attached to any VM", lab.detach, volume_id)
    for name in ("run", "off"):
        lab.attach(nodes[name], volume_id, ex_mode="w!")
    why = r"attached to several VMs: 'off' \(.*'run' \(.*; name the one .* \(ex_node\)"
    lab.refuse(InvalidArgument, why, lab.detach, volume_id)
    why = r"not attached to VM .* \(ex_node\), but to"
    lab.refuse(InvalidArgument, why, lab.detach, volume_id, ex_node=nodes["off-too"])
    assert lab.detach(volume_id, ex_node=nodes["run"].id.replace("-", "").upper())
    assert lab.devices(volume_id) == ["off:xvdb"]
    assert lab.detach(volume_id)
    lab.refuse(VolumeNotFound, "no volume", lab.detach, f"{volume_id}x")


def test_system_disks(lab: Lab) -> None:
    """V10: of a running node it stays; it is the first that is no CD drive."""
    add_disk(lab.sim, "system.img")
    iso = f"file:{path_of(lab.sim, 'x.iso', 'ISOs')},xvdf:cdrom,r"
    system = f"file:{path_of(lab.sim, 'system.img')},xvda,w"
    lab.sim.add_vm("cd-first", running_on=1, config={"disk": [iso, system]})
    volume_id = f"{lab.sim.repository_id}/VirtualDisks/system.img"
    lab.refuse(PreconditionFailed, "is the system disk of VM 'cd-first'", lab.detach, volume_id)
    lab.driver.stop_node(lab.node("cd-first"), ex_force=True)
    assert lab.detach(volume_id)


def test_a_stopped_node_is_looked_at_twice(lab: Lab) -> None:
    """A guest that is absent while it reboots comes back with the disk: it must not look free."""
    volume_id = add_disk(lab.sim, "twice.img")
    lab.attach(lab.node("off"), volume_id)
    before = len(lab.sim.calls)
    begin = lab.sim.now()
    assert lab.detach(volume_id)
    assert calls_of(lab.sim)[before:].count("discover_server") == 4  # two readings of two hosts
    assert lab.sim.now() - begin >= 5


# ------------------------------------------------------------------ estates of their own


def test_a_guest_that_reboots_is_not_stopped() -> None:
    with simulate(hosts=1, vms=0, templates=0, reboot_gap=3.0) as sim:
        lab = Lab(sim, driver_for(sim))
        volume_id = add_disk(sim)
        directory = with_data(sim)
        node = lab.node("run")
        sim.guest(0, node.id, "reboot")
        while sim.domains(0):
            sim.wait(0.2)
        assert lab.detach(volume_id)
        assert len(sim.domains(0)) == 1
        assert (in_file(sim, directory), live_disks(sim, 0)) == ([], [])


def test_live_only(personality: str) -> None:
    """N38: in the node's own directory, live as xvdd, and in no vm.cfg."""
    with simulate(hosts=1, vms=0, templates=0, personality=personality) as sim:
        lab = Lab(sim, driver_for(sim))
        directory = sim.add_vm("run", directory="oakDom1", running_on=0)
        (sim.repository_path / "VirtualMachines" / directory / "u02.img").write_bytes(b"x" * 512)
        entry = f"file:{path_of(sim, 'oakDom1/u02.img', 'VirtualMachines')},xvdd,w"
        set_live_disks(sim, 0, lambda now: [*now, entry])
        volume_id = f"{sim.repository_id}/VirtualMachines/oakDom1/u02.img"
        assert seen(sim, volume_id) == ("error", ["live"])
        assert lab.detach(volume_id)
        assert not live_disks(sim, 0, "u02.img")
        assert not in_file(sim, directory, "u02.img")
        assert calls_of(sim, "configure_vm") == ["configure_vm"] * 2


def test_live_only_is_not_detached_beside_other_differences() -> None:
    with simulate(hosts=1, vms=0, templates=0) as sim:
        lab = Lab(sim, driver_for(sim))
        sim.add_vm("run", running_on=0)
        ids = [add_disk(sim, f"{name}.img") for name in ("one", "two")]
        more = [
            f"file:{path_of(sim, f'{n}.img')},{d},w" for n, d in (("one", "xvdb"), ("two", "xvdc"))
        ]
        set_live_disks(sim, 0, lambda now: now + more)
        lab.refuse(PreconditionFailed, "disagree about xvdc as well", lab.detach, ids[0])


@pytest.mark.parametrize("host_module", [False, True], ids=["alone", "with the module"])
def test_a_guest_that_lets_go_minutes_later(personality: str, host_module: bool) -> None:
    """N40: it stays in use meanwhile, vm.cfg says so too; the next look shows that it is gone."""
    options: dict[str, Any] = {"personality": personality, "host_module": host_module}
    with simulate(hosts=2, vms=0, templates=0, **options) as sim:
        lab = Lab(sim, driver_for(sim))
        volume_id, directory = add_disk(sim), with_data(sim)
        node = lab.node("run")
        sim.hosts[0].ignores_requests.add(node.id)
        with pytest.raises(OperationIncomplete, match="may still do so: it stays in use") as caught:
            lab.detach(volume_id)
        assert caught.value.left == (node.id, path_of(sim))
        entry = f"file:{path_of(sim)},xvdb,w"
        assert in_file(sim, directory) == live_disks(sim, 0) == [entry]
        assert seen(sim, volume_id) == ("inuse", ["live and defined"])
        let_go(sim, 0)
        assert seen(sim, volume_id) == ("error", ["defined"])
        before = len(calls_of(sim, "configure_vm", CHANGE))
        assert lab.detach(volume_id)
        assert len(calls_of(sim, "configure_vm", CHANGE)) == before + 1
        assert seen(sim, volume_id) == ("available", [])
        assert lab.attach(node, volume_id)


def test_a_guest_that_lets_go_while_we_look(personality: str) -> None:
    """After the agent's fault, before the look: then vm.cfg is cleaned too."""
    with simulate(hosts=1, vms=0, templates=0, personality=personality) as sim:
        lab = Lab(sim, driver_for(sim))
        volume_id, directory = add_disk(sim), with_data(sim)
        sim.hosts[0].ignores_requests.add(lab.node("run").id)

        def release(moment: str) -> None:
            if moment == "before":
                let_go(sim, 0)

        def arm(moment: str) -> None:
            if moment == "before":
                sim.misbehave("hook", "list_vms", hook=release)

        sim.misbehave("hook", "configure_vm", hook=arm)
        assert lab.detach(volume_id)
        assert (in_file(sim, directory), live_disks(sim, 0)) == ([], [])
        assert seen(sim, volume_id) == ("available", [])


@pytest.mark.parametrize("host_module", [False, True], ids=["alone", "with the module"])
def test_a_guest_that_lets_go_and_another_vm_gets_it(host_module: bool) -> None:
    """Right before its vm.cfg is changed back, which would give it the volume again, live too."""
    options: dict[str, Any] = {"personality": "awkward", "host_module": host_module}
    with simulate(hosts=2, vms=0, templates=0, **options) as sim:
        lab, found = Lab(sim, driver_for(sim)), list[Any]()
        volume_id, directory = add_disk(sim), with_data(sim)
        sim.add_vm("other", running_on=1)
        node, other = lab.node("run"), lab.node("other")
        sim.hosts[0].ignores_requests.add(node.id)
        function = CHANGE if host_module else "configure_vm"

        def attach(moment: str) -> None:
            if moment == "before":
                let_go(sim, 0)
                try:
                    found.append(quietly(driver_for(sim).attach_volume, other, volume_id))
                except PreconditionFailed as error:
                    found.append(error)

        def arm(moment: str) -> None:
            if moment == "after":
                sim.misbehave("hook", function, hook=attach)

        sim.misbehave("hook", function, hook=arm)
        if host_module:  # its claim holds the volume: nobody else gets it, and it has it again
            with pytest.raises(
                OperationIncomplete, match=r"vm\.cfg was changed back.*still attached"
            ):
                lab.detach(volume_id)
            [error] = found
            assert f"is held by VM {directory} of repository" in str(error)
            assert in_file(sim, directory) == live_disks(sim, 0) != []
            assert live_disks(sim, 1) == []
            assert seen(sim, volume_id) == ("inuse", ["live and defined"])
            return
        with pytest.raises(PreconditionFailed, match=r"meanwhile VM 'other'.*detached again"):
            lab.detach(volume_id)
        assert found == [True]
        assert (in_file(sim, directory), live_disks(sim, 0)) == ([], [])
        assert seen(sim, volume_id) == ("inuse", ["live and defined"])


def test_a_refusal_that_is_no_timeout(personality: str) -> None:
    """Still attached, and nothing is under way: the agent's own fault."""
    with simulate(hosts=1, vms=0, templates=0, personality=personality) as sim:
        lab = Lab(sim, driver_for(sim))
        volume_id = add_disk(sim)
        with_data(sim)
        text = "exceptions.Exception:Device 51728 not connected"
        sim.misbehave("fault", "configure_vm", text=text)
        why = r"not connected.*vm\.cfg is as it was, the live domain is as it was"
        with pytest.raises(AgentFault, match=why):
            lab.detach(volume_id)
        assert seen(sim, volume_id) == ("inuse", ["live and defined"])


def test_what_the_host_still_holds() -> None:
    """With the module: gone from vm.cfg and from the list is not yet let go."""
    with simulate(hosts=1, vms=0, templates=0, host_module=True) as sim:
        lab = Lab(sim, driver_for(sim))
        volume_id = add_disk(sim)
        with_data(sim)
        node = lab.node("run")
        held = {"kind": "vbd", "domid": 1, "uuid": node.id, "device": "xvdb", "mode": "w"}
        held |= {"state": 4, "path": path_of(sim)}
        sim.misbehave("answer", "libcloud_file_holders", times=None, value=[held])
        with pytest.raises(OperationIncomplete, match=r"still held: domain 1 .*not free until"):
            lab.detach(volume_id)
        sim.clear_misbehaviour()
        assert seen(sim, volume_id) == ("available", [])
