"""ex_clone_node: what a clone has, what it does not get, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from libcloud.compute.types import NodeState

from libcloud_ovm3.errors import InvalidArgument, NameTaken, Ovm3Warning, PreconditionFailed
from libcloud_ovm3.simulator import Simulator
from tests.operations.failures import WRITES, files_of
from tests.operations.templates import HVM, MAC, disks_of, make_disk, vm_cfg_of
from tests.support import PERSONALITIES, calls_of, driver_for, fingerprints_of, quietly, simulate

CASES = Path(__file__).parents[1] / "agent" / "cases"


@pytest.fixture(
    params=[f"{one}-{how}" for one in PERSONALITIES for how in ("agent", "module")],
)
def sim(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    personality, how = request.param.split("-")
    with simulate(2, vms=0, personality=personality, host_module=how == "module") as simulator:
        yield simulator


def add_source(sim: Simulator, running_on: int | None = None) -> str:
    """A VM with two disks in two repositories, a drive, and settings of its own."""
    system = make_disk(sim, "c-system.img")
    data = make_disk(sim, "c-data.raw", sim.add_repository("second"))
    iso = f"/OVS/Repositories/{sim.repository_id}/ISOs/oracle-linux-6-boot.iso"
    disks = [f"file:{system},hda,w", f"file:{iso},hdc:cdrom,r", f"file:{data},hdb,r"]
    more = {"maxmem": 2048, "maxvcpus": 4, "OVM_high_availability": True}
    return sim.add_vm("db", running_on=running_on, config={"disk": disks, **HVM, **more})


def refused(sim: Simulator, error: type[Exception], why: str, node: Any, **options: Any) -> None:
    """It is refused for this reason, and nothing is left, or sent."""
    before, begin = fingerprints_of(sim.repository_path), len(sim.calls)
    with pytest.raises(error, match=why):
        quietly(driver_for(sim).ex_clone_node, node, "copy", **options)
    assert not {*calls_of(sim)[begin:]} & WRITES
    assert fingerprints_of(sim.repository_path) == before


@pytest.mark.parametrize("running_on", [None, 1], ids=["off", "paused meanwhile"])
def test_what_a_clone_is(sim: Simulator, running_on: int | None) -> None:
    """All disks, settings and media; uuid, name and MAC are its own; it goes without a trace, and
    the source stays as it is, and runs again."""
    add_source(sim, running_on)
    driver, before = driver_for(sim), files_of(sim)
    source = driver.ex_get_node_by_name("db")
    with pytest.warns(Ovm3Warning) as warned:
        node = driver.ex_clone_node(source, "copy", ex_pause=True, ex_description="a copy")
    said = " ".join(str(one.message) for one in warned)
    assert "does not get the HA flag" in said
    assert ("whose power was cut" in said) is (running_on is not None)
    assert (node.name, node.state) == ("copy", NodeState.STOPPED)
    assert disks_of(sim, node) == disks_of(sim, source)
    names = [Path(path).name for path in node.extra["disks"]]
    assert names == [f"{node.extra['directory']}.img", f"{node.extra['directory']}-2.raw"]
    own, theirs = vm_cfg_of(sim, node), vm_cfg_of(sim, source)
    for identity in (source.id, source.id.replace("-", ""), source.extra["nics"][0]["mac"]):
        assert identity in theirs
        assert identity not in own
    assert [one["bridge"] for one in node.extra["nics"]] == [
        one["bridge"] for one in source.extra["nics"]
    ]
    for line in ("oracle-linux-6-boot.iso,hdc:cdrom,r", ",hdb,r'", "keymap = 'pt-br'"):
        assert line in own
    limits = ("memory_mb", "max_memory_mb", "vcpus", "max_vcpus", "is_hvm")
    assert [node.extra[key] for key in limits] == [512, 2048, 1, 4, True]
    assert (node.extra["description"], node.extra["high_availability"]) == ("a copy", False)
    assert driver.ex_get_node_by_name("db").state == source.state
    assert driver.start_node(node) is True
    quietly(driver.destroy_node, node)
    assert [one for one in quietly(driver.ex_list_orphans) if not one["is_certain"]] == []
    assert files_of(sim) == before


def test_to_another_repository_and_started(sim: Simulator) -> None:
    """And what its console has in common with that of the source is said."""
    sim.add_vm("db", config={"vfb": ["type=vnc,vncunused=0,vncdisplay=7,vncpasswd=secret"]})
    second = sim.add_repository("second")
    driver = driver_for(sim)
    host = driver.list_locations()[1]
    with pytest.warns(Ovm3Warning) as warned:
        node = driver.ex_clone_node(
            driver.ex_get_node_by_name("db"), "copy", ex_repository="second", ex_start=True,
            ex_location=host,
        )  # fmt: skip
    said = " ".join(str(one.message) for one in warned)
    assert "has the VNC password of VM" in said
    assert ", 5907, and takes no other" in said
    assert "secret" not in said
    assert (node.state, node.extra["repository_id"]) == (NodeState.RUNNING, second)
    assert [one["host_id"] for one in node.extra["live"]] == [host.id]
    assert all(second in path for path in node.extra["disks"])


def test_what_is_refused(sim: Simulator) -> None:
    """Case M05 has physical disks; and what is not at rest, or not of one VM alone."""
    text = (CASES / "M05.vm.cfg").read_text()
    disks = re.findall(r"'(phy:[^']+)'", text)
    assert disks
    own = f"file:{make_disk(sim, 'r-own.img')}"
    cases = {
        "phy": ({"disk": [f"{own},xvda,w", *disks]}, InvalidArgument, "a disk that is physical"),
        "shared": ({"disk": [f"{own},xvda,w!"]}, InvalidArgument, "a disk that is shared"),
        "mac": ({"vif_other_config": [[MAC, {}]], "vif": [f"mac={MAC}"]}, InvalidArgument, "a MAC"),
        "pending": ({"OVM_description": f"creating {'a' * 32}"}, PreconditionFailed, "created"),
        "no memory": ({"memory": None}, PreconditionFailed, "does not say its memory"),
    }
    for name, (config, error, why) in cases.items():
        sim.add_vm(name, config=config)
        refused(sim, error, why, driver_for(sim).ex_get_node_by_name(name))
    sim.add_vm("run", running_on=0)
    sim.add_vm("off")
    driver = driver_for(sim)
    run, off = (driver.ex_get_node_by_name(name) for name in ("run", "off"))
    refused(sim, PreconditionFailed, "stop it, or have it paused", run)
    sim.add_vm("copy")
    refused(sim, NameTaken, "already exists", off)
    refused(sim, InvalidArgument, "is marked", off, ex_description=f"creating {'a' * 32}")


def test_a_source_that_changes_meanwhile(sim: Simulator) -> None:
    """What was copied is torn: nothing of it is left."""
    sim.add_vm("off")
    driver = driver_for(sim)
    node = driver.ex_get_node_by_name("off")
    file = sim.repository_path / "VirtualDisks" / Path(node.extra["disks"][0]).name
    before = files_of(sim)

    def write(moment: str) -> None:
        if moment == "before":
            with file.open("ab") as opened:
                opened.write(b"x" * 4096)

    for copy in ("libcloud_start_job", "copy_file"):
        sim.misbehave("hook", copy, hook=write)
    with pytest.raises(PreconditionFailed, match="changed while it was copied"):
        quietly(driver.ex_clone_node, node, "copy")
    after = files_of(sim)
    name = f"VirtualDisks/{file.name}"
    assert {**after, name: before[name]} == before
    assert [one.name for one in driver.list_nodes()] == ["off"]
