"""``ovm3 repository``: which one is full, and what its disks can still take."""

from __future__ import annotations

import json
from typing import Any

import yaml

from libcloud_ovm3.simulator import Simulator
from tests.cli.running import on
from tests.diagnostics.troubled import troubled_pool
from tests.support import calls_of, driver_for, simulate

GIB = 2**30


def records(sim: Simulator) -> dict[str, dict[str, Any]]:
    done = on(sim, "repository", "list", "-o", "json")
    assert done.exit_code == 0, done.stderr
    return {one["name"]: one for one in json.loads(done.stdout)}


def test_space_and_what_sparse_disks_can_take() -> None:
    with simulate(hosts=2, vms=0, host_module=True) as sim:
        other = sim.add_repository("other", hosts=[1])
        driver = driver_for(sim)
        volume = driver.create_volume(3, "data", ex_repository="other")
        driver.create_volume_snapshot(volume, "before")
        folder = sim.repository_path.parent / other / "VirtualDisks"
        (folder / "full.img").write_bytes(b"x" * 8192)
        sim.calls.clear()
        found = records(sim)
        calls = calls_of(sim)
        shown = on(sim, "repository", "show", "other").stdout
        assert on(sim, "repository", "show", other.upper(), "-o", "name").stdout == f"{other}\n"
        as_yaml = on(sim, "repository", "show", "other", "-o", "yaml").stdout
        rows = [line.split("\t") for line in on(sim, "repository", "list").stdout.splitlines()]
    one = found["other"]
    assert yaml.safe_load(as_yaml).keys() == one.keys()
    assert (one["mounted_on"], one["not_mounted_on"]) == (["ovm-2"], [])
    assert (one["disks"], one["snapshots"]) == (2, 1)
    assert one["disk_bytes"] == 3 * GIB + 8192
    assert 3 * GIB - 65536 < one["growth_bytes"] <= 3 * GIB
    assert one["size_bytes"] == one["used_bytes"] + one["free_bytes"]
    assert (one["space_unknown"], one["error"]) == (None, None)
    assert sorted(calls) == sorted(
        ["libcloud_read_agent", "discover_repositories", "libcloud_free_space"] * 2
        + ["libcloud_list_files"]
    ), "sizes are one call for each repository that has disks"
    assert "they can grow by 3.0 GiB" in shown
    assert "notice" not in shown
    assert [row[0] for row in rows] == ["repository", "MyRepo", "other"]
    assert dict(zip(rows[0], rows[2], strict=True))["used"].endswith("%")


def test_disks_that_can_outgrow_their_repository() -> None:
    with simulate(hosts=1, vms=0, host_module=True) as sim:
        entry = {"mount": f"/OVS/Repositories/{sim.repository_id}",
                 "size_bytes": 10 * GIB, "free_bytes": GIB}  # fmt: skip
        driver_for(sim).create_volume(2, "data")
        sim.misbehave("answer", "libcloud_free_space", times=None, value=[entry])
        shown = on(sim, "repository", "show", "MyRepo").stdout
    assert "9.0 GiB of 10.0 GiB in use (90%), 1.0 GiB free" in shown
    assert "notice" in shown
    assert "can grow by more than is free" in shown


def test_what_is_not_known_is_said() -> None:
    """Without the module sizes would be one call per disk; the plug-in may have mounted nothing."""
    with troubled_pool() as troubled:
        done = on(troubled.sim, "repository", "list", "-o", "json")
        shown = on(troubled.sim, "repository", "show", troubled.unmounted)
        missing = on(troubled.sim, "repository", "show", "nobody")
    found = {one["name"]: one for one in json.loads(done.stdout)}
    one, hidden = found["MyRepo"], found["vault"]
    assert (one["disks"], one["size_bytes"], one["growth_bytes"]) == (5, None, None)
    assert "storage plug-in has not mounted it" in one["space_unknown"]
    assert "cannot be reached" in done.stderr
    assert (hidden["disks"], hidden["mounted_on"]) == (None, [])
    assert hidden["not_mounted_on"] == ["ovm-1", "ovm-2"]
    assert "unknown: it is not mounted on any host that could be read" in shown.stdout
    assert (missing.exit_code, missing.stdout) == (1, "")
    assert "repository 'nobody' was not found, but not everything" in missing.stderr
