"""Volumes that a new node has from the beginning."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import Any

import pytest
from libcloud.compute.types import NodeState

from libcloud_ovm3.errors import InvalidArgument, Ovm3Warning, PreconditionFailed, VolumeNotFound
from libcloud_ovm3.simulator import Simulator
from tests.operations.attaching import add_disk, disks, in_file, path_of
from tests.operations.failures import NEW_NAME, WRITES
from tests.operations.templates import vm_cfg_of
from tests.support import (
    PERSONALITIES,
    calls_of,
    driver_for,
    fingerprints_of,
    quietly,
    simulate,
)


@pytest.fixture(params=PERSONALITIES)
def sim(request: Any) -> Iterator[Simulator]:
    with simulate(hosts=2, vms=0, personality=request.param) as sim:
        yield sim


def create(sim: Simulator, volumes: Any, **options: Any) -> Any:
    image = f"{sim.repository_id}/Templates/oracle-linux-6.raw"
    return driver_for(sim).create_node(NEW_NAME, "tiny", image, ex_volumes=volumes, **options)


def test_they_are_there_from_the_first_moment(sim: Simulator) -> None:
    """While it is copied, everybody sees that they are taken; and they outlive the node."""
    ids = [add_disk(sim, name) for name in ("a.img", "b.img")]
    third = sim.add_vm("other", config={"disk": disks(sim)})
    before = fingerprints_of(sim.repository_path)
    seen: list[Any] = []

    def attach_elsewhere(moment: str) -> None:
        if moment == "before":
            other = quietly(driver_for(sim).ex_get_node_by_name, NEW_NAME)
            seen.append((other.state, other.extra["disks"]))
            with pytest.raises(PreconditionFailed, match="has it as xvdb"):
                driver_for(sim).attach_volume(third, ids[0])

    sim.misbehave("hook", "copy_file", hook=attach_elsewhere)
    node = create(sim, f"{ids[0]},{ids[1]}")
    sim.clear_misbehaviour()
    paths = [path_of(sim, name) for name in ("a.img", "b.img")]
    assert seen == [(NodeState.PENDING, paths)]
    assert node.state == NodeState.RUNNING
    text = vm_cfg_of(sim, node)
    assert f",xvda,w', 'file:{paths[0]},xvdb,w', 'file:{paths[1]},xvdc,w']" in text
    driver = driver_for(sim)
    with pytest.warns(Ovm3Warning, match=r"/[ab]\.img was kept"):
        driver.destroy_node(node)
    assert fingerprints_of(sim.repository_path) == before


def test_volumes_that_cannot_be_had(sim: Simulator) -> None:
    """Nothing is created."""
    volume = add_disk(sim)
    sim.add_vm("has-it", config={"disk": disks(sim, f"file:{path_of(sim)},xvdb,w")})
    free = add_disk(sim, "free.img")
    before = fingerprints_of(sim.repository_path)
    for wrong, message, error in (
        ([volume], "was not attached: VM 'has-it'.* has it as xvdb", PreconditionFailed),
        ([free, free], "one volume is named twice", InvalidArgument),
        ([f"{free}x"], "free.imgx", VolumeNotFound),
    ):
        with pytest.raises(error, match=message):
            create(sim, wrong)
    assert not {*calls_of(sim)} & (WRITES - {"storage_plugin_mount"})
    assert fingerprints_of(sim.repository_path) == before


def test_another_client_gets_it_at_the_same_moment(sim: Simulator) -> None:
    """The new node gives way, with all that it has; the other one keeps the volume."""
    volume = add_disk(sim)
    other = sim.add_vm("other", config={"disk": disks(sim)})
    before = fingerprints_of(sim.repository_path)

    def attach(moment: str) -> None:
        if moment == "before":
            file = sim.repository_path / "VirtualMachines" / other / "vm.cfg"
            config = file.read_text()
            entry = f"'file:{path_of(sim)},xvdb,w'"
            assert "disk = [" in config
            file.write_text(config.replace(",xvda,w']", f",xvda,w', {entry}]"))

    sim.misbehave("hook", "create_vm", hook=attach)
    with pytest.raises(PreconditionFailed, match="cannot be had: meanwhile VM 'other'"):
        create(sim, [volume])
    sim.clear_misbehaviour()
    [node] = driver_for(sim).list_nodes()
    assert (node.name, len(in_file(sim, other))) == ("other", 1)
    now = fingerprints_of(sim.repository_path)
    changed = {path for path in {*now, *before} if now.get(path) != before.get(path)}
    assert {posixpath.basename(path) for path in changed} == {"vm.cfg"}
