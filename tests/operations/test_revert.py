"""ex_revert_volume: whose content it must not change, and what happens to it meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from libcloud_ovm3.errors import PreconditionFailed
from libcloud_ovm3.simulator import Simulator
from tests.operations.attaching import add_disk, path_of
from tests.operations.templates import make_template
from tests.support import driver_for, fingerprints_of, quietly, simulate

NOW = b"written after the snapshot"


@pytest.fixture
def sim(personality: str) -> Iterator[Simulator]:
    with simulate(2, vms=0, templates=0, personality=personality, host_module=True) as sim:
        yield sim


def volume_with_snapshot(sim: Simulator, driver: Any) -> tuple[str, str]:
    """The ids of a volume and of a snapshot of it, which differ."""
    volume_id = add_disk(sim)
    snapshot = quietly(driver.create_volume_snapshot, volume_id, "before")
    with (sim.repository_path / "VirtualDisks" / "data.img").open("r+b") as file:
        file.write(NOW)
    return volume_id, snapshot.id


def test_the_disk_of_a_template_is_left_unchanged(sim: Simulator) -> None:
    driver = driver_for(sim)
    volume_id, snapshot_id = volume_with_snapshot(sim, driver)
    make_template(sim, disk=[f"file:{path_of(sim)},xvda,w"])
    before = fingerprints_of(sim.repository_path)
    with pytest.raises(PreconditionFailed, match=r"belongs to .*Templates/"):
        quietly(driver.ex_revert_volume, volume_id, snapshot_id)
    assert fingerprints_of(sim.repository_path) == before


def test_what_cannot_be_read_may_have_it(sim: Simulator) -> None:
    """A template whose vm.cfg is not understood may name it: its content would change too."""
    driver = driver_for(sim)
    volume_id, snapshot_id = volume_with_snapshot(sim, driver)
    image = make_template(sim)
    (sim.repository_path / image.partition("/")[2] / "vm.cfg").write_text("disk = [")
    before = fingerprints_of(sim.repository_path)
    with pytest.raises(PreconditionFailed, match=r"was left unchanged: .*vm\.cfg"):
        quietly(driver.ex_revert_volume, volume_id, snapshot_id)
    assert fingerprints_of(sim.repository_path) == before
