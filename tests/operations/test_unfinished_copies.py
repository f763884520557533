"""Errors of copies whose outcome is unknown: what it was, what may be left, what removes that."""

from __future__ import annotations

import contextlib
import posixpath
from collections.abc import Callable
from typing import Any

import pytest

from libcloud_ovm3.errors import ImageNotFound, OperationIncomplete, VolumeNotFound
from libcloud_ovm3.estate.disk_names import CREATING
from libcloud_ovm3.simulator import Simulator
from tests.support import driver_for, eventually, fingerprints_of, quietly, simulate

MIB = 1 << 20


class Pool:
    """A stopped node, a volume with a snapshot, and a disk image."""

    def __init__(self, sim: Simulator) -> None:
        sim.add_vm("off")
        self.sim, self.driver = sim, driver_for(sim)
        self.volume = self.driver.create_volume(None, "data", ex_size_bytes=MIB)
        self.snapshot = self.driver.create_volume_snapshot(self.volume, "before")
        self.image = next(one for one in self.driver.list_images() if one.extra["kind"] == "raw")

    def files(self) -> set[str]:
        """All but records of jobs, and of copies that were deleted."""
        found = fingerprints_of(self.sim.repository_path)
        return {
            path
            for path in found
            if not path.startswith(".libcloud-ovm3/") and not path.endswith(".removed")
        }


Action = Callable[[Pool], Any]
COPIES: dict[str, tuple[Action, str, str]] = {  # the call, what it is about, what removes the rest
    "snapshot": (
        lambda pool: pool.driver.create_volume_snapshot(pool.volume, "new"),
        "snapshot of volume 'data'",
        "destroy_volume_snapshot",
    ),
    "copy": (
        lambda pool: pool.driver.ex_copy_volume(pool.volume, "new"),
        "volume 'data'",
        "destroy_volume",
    ),
    "from snapshot": (
        lambda pool: pool.driver.create_volume(None, "new", snapshot=pool.snapshot),
        "snapshot 'before'",
        "destroy_volume",
    ),
    "revert": (
        lambda pool: pool.driver.ex_revert_volume(pool.volume, pool.snapshot),
        "volume 'data'.* is as it was",
        "destroy_volume",
    ),
    "image of a node": (
        lambda pool: pool.driver.create_image(pool.driver.ex_get_node_by_name("off"), "new"),
        "making ",
        "delete_image",
    ),
    "copied image": (
        lambda pool: pool.driver.copy_image(
            pool.sim.repository_id, pool.image, "new", ex_repository=pool.sim.repository_id
        ),
        "image 'oracle-linux-6'",
        "delete_image",
    ),
}


BY_MODULE = [pytest.param(name, True, id=f"{name}-module") for name in COPIES]
BY_AGENT = [pytest.param(name, False, id=f"{name}-agent") for name in COPIES if name != "revert"]


@pytest.mark.parametrize(("name", "host_module"), [*BY_AGENT, *BY_MODULE])
def test_what_it_was_and_what_removes_it(name: str, host_module: bool) -> None:
    act, what, remover = COPIES[name]
    with simulate(hosts=1, vms=0, templates=1, host_module=host_module) as sim:
        pool = Pool(sim)
        before = pool.files()
        if host_module:  # the job is begun, and nobody can ask for it
            sim.misbehave("drop_after", "libcloud_start_job")
            sim.misbehave("fault", "libcloud_job_status", times=None, text="no")
        else:
            sim.misbehave("drop_after", "copy_file")
        with pytest.raises(OperationIncomplete, match=what) as caught:
            quietly(act, pool)
        sim.clear_misbehaviour()
        jobs = sim.repository_path / ".libcloud-ovm3" / "jobs"  # processes, which go on
        eventually(lambda: all((job / "outcome").exists() for job in jobs.glob("*")))
        text, left = str(caught.value), caught.value.left
        assert f"{remover} removes" in text or f"{remover}('" in text
        files = [path for path in left if path.startswith("/")]
        for path in files:
            assert posixpath.basename(path.removesuffix(CREATING)) in text, f"{path} is not said"
        new = pool.files() - before
        assert new
        assert all(any(path.endswith(one) for path in files) for one in new), "it is not named"
        for path in files:
            remove(pool, remover, path)
        assert pool.files() == before


def remove(pool: Pool, remover: str, path: str) -> None:
    """Remove what an error names, by the method that it names; a folder's files go together."""
    relative = path.split(f"{pool.sim.repository_id}/")[1].removesuffix(CREATING)
    if relative.startswith("Templates/"):
        parts = relative.split("/")
        relative = relative if len(parts) == 2 else "/".join(parts[:2])
    with contextlib.suppress(ImageNotFound, VolumeNotFound):  # it went with one before it
        quietly(getattr(pool.driver, remover), f"{pool.sim.repository_id}/{relative}")
