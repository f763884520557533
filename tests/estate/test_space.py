"""The space of repositories, from the host module or the storage plug-in; else it is unknown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from libcloud_ovm3.errors import Ovm3Error
from libcloud_ovm3.estate.space import Space, read_spaces
from libcloud_ovm3.estate.vms import read_estate
from libcloud_ovm3.simulator import Simulator
from tests.support import PERSONALITIES, calls_of, driver_for, simulate

INFO = "storage_plugin_getFileSystemInfo"
MOUNTS = "discover_mounted_file_systems"
SIZES = {"size": "263166853120", "free_sz": "259377299456"}


def spaces_of(sim: Simulator) -> list[Space]:
    repositories = read_estate(driver_for(sim, ex_read_only=True)._estate).repositories
    sim.calls.clear()
    return read_spaces(repositories)


@pytest.mark.parametrize("personality", PERSONALITIES)
def test_sizes_of_what_the_plug_in_has_mounted(personality: str) -> None:
    with simulate(hosts=2, vms=0, secondary_mount=True, personality=personality) as sim:
        [space] = spaces_of(sim)
    assert space.size_bytes is not None
    assert space.free_bytes is not None
    assert 0 < space.free_bytes < space.size_bytes
    assert (space.reason, space.error) == ("", None)
    assert sorted(calls_of(sim)) == [MOUNTS, MOUNTS, INFO]


def test_what_the_plug_in_has_not_mounted_is_not_asked_for() -> None:
    with simulate(hosts=2, vms=0) as sim:
        [space] = spaces_of(sim)
        assert calls_of(sim) == [MOUNTS, MOUNTS]
    assert (space.size_bytes, space.free_bytes, space.error) == (None, None, None)
    assert "storage plug-in has not mounted it" in space.reason


def test_each_repository_has_its_own() -> None:
    with simulate(hosts=2, vms=0, secondary_mount=True) as sim:
        other = sim.add_repository("other", hosts=[1])
        sim.misbehave("answer", INFO, times=None, value=SIZES)
        repositories = read_estate(driver_for(sim)._estate).repositories
        known = dict(zip((one.key for one in repositories), read_spaces(repositories), strict=True))
    assert known.pop(other).reason
    assert list(known.values()) == [Space(263166853120, 259377299456)]


@pytest.mark.parametrize("empty", [{"size": "", "free_sz": ""}, {"size": "0", "free_sz": "0"}, {}])
def test_another_host_is_asked_where_one_reports_no_size(empty: dict[str, str]) -> None:
    """As after a reboot (agent-behaviour 9.4)."""
    with simulate(hosts=2, vms=0, secondary_mount=True) as sim:
        sim.misbehave("answer", INFO, value=empty)
        sim.misbehave("answer", INFO, nth=2, value=SIZES)
        assert spaces_of(sim) == [Space(263166853120, 259377299456)]
        sim.misbehave("answer", INFO, times=None, value=empty)
        [space] = spaces_of(sim)
        assert space.size_bytes is None
        assert space.reason
        assert calls_of(sim, INFO) == [INFO, INFO]


@pytest.mark.parametrize(
    "sizes",
    [
        {"size": "many", "free_sz": "1"},
        {"size": "10", "free_sz": ""},
        {"size": "10", "free_sz": "11"},
        {"size": "10", "free_sz": "-1"},
        {"size": "²", "free_sz": "1"},
    ],
)
def test_sizes_that_contradict_themselves_are_errors(sizes: dict[str, str]) -> None:
    with simulate(hosts=1, vms=0, secondary_mount=True) as sim:
        sim.misbehave("answer", INFO, times=None, value=sizes)
        [space] = spaces_of(sim)
    assert space.size_bytes is None
    assert "ovm-1" in str(space.error)
    assert repr(sizes["size"]) in str(space.error)


@pytest.mark.parametrize("function", [INFO, MOUNTS])
def test_a_host_that_fails(function: str) -> None:
    with simulate(hosts=2, vms=0, secondary_mount=True) as sim:
        sim.misbehave("fault", function, host=0, times=None, text="exceptions.OSError:no")
        assert spaces_of(sim)[0].size_bytes is not None, "the other one is asked"
        sim.misbehave("fault", function, host=1, times=None, text="exceptions.OSError:no")
        [space] = spaces_of(sim)
    assert space.size_bytes is None
    assert isinstance(space.error, Ovm3Error)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"mounted_on": ()}, "not mounted on any host"),
        ({"is_clear": False}, "not certain which file system"),
        ({"fs_type": "ocfs2"}, "NFS exports only"),
    ],
)
def test_why_it_is_not_known(change: dict[str, Any], reason: str) -> None:
    with simulate(hosts=1, vms=0, secondary_mount=True) as sim:
        [repository] = read_estate(driver_for(sim)._estate).repositories
        if "fs_type" in change:
            changed = replace(repository, record=replace(repository.record, **change))
        else:
            changed = replace(repository, **change)
        sim.calls.clear()
        [space] = read_spaces([changed])
        assert calls_of(sim) == []
    assert reason in space.reason
    assert space.size_bytes is None


# ------------------------------------------------------------------ with the host module

MODULE = "libcloud_free_space"


def test_the_host_module_knows_what_the_plug_in_has_not_mounted() -> None:
    with simulate(hosts=2, vms=0, host_module=True) as sim:
        sim.add_repository("other", hosts=[1])
        found = spaces_of(sim)
        assert sorted(calls_of(sim)) == [MODULE, MODULE]
    for space in found:
        assert space.size_bytes is not None
        assert space.free_bytes is not None
        assert 0 < space.free_bytes < space.size_bytes


def test_hosts_with_and_without_the_module() -> None:
    with simulate(hosts=2, vms=0, host_module=[1], secondary_mount=True) as sim:
        sim.add_repository("other", hosts=[0])
        repositories = read_estate(driver_for(sim)._estate).repositories
        spaces = dict(
            zip((one.key for one in repositories), read_spaces(repositories), strict=True)
        )
    assert spaces.pop(sim.repository_id.lower()).size_bytes is not None
    [other] = spaces.values()
    assert "plug-in has not mounted it" in other.reason


@pytest.mark.parametrize("secondary_mount", [False, True])
def test_where_the_module_fails_the_plug_in_is_asked(secondary_mount: bool) -> None:
    with simulate(hosts=1, vms=0, host_module=True, secondary_mount=secondary_mount) as sim:
        sim.misbehave("fault", MODULE, text="exceptions.OSError:no")
        [space] = spaces_of(sim)
    assert (space.size_bytes is not None) is secondary_mount
    assert (MODULE in str(space.error)) is not secondary_mount


@pytest.mark.parametrize(
    "sizes",
    [
        {"error": "Timeout: 50 s"},
        {"size_bytes": 10, "free_bytes": 11},
        {"size_bytes": 10, "free_bytes": -1},
        {"size_bytes": 0, "free_bytes": 0},
        {"size_bytes": 10},
        {"size_bytes": "10", "free_bytes": "1"},
    ],
)
def test_sizes_of_the_module_that_cannot_be_used(sizes: dict[str, Any]) -> None:
    with simulate(hosts=1, vms=0, host_module=True) as sim:
        mount = f"/OVS/Repositories/{sim.repository_id}"
        sim.misbehave("answer", MODULE, value=[{"mount": mount, **sizes}])
        [space] = spaces_of(sim)
    assert space.size_bytes is None
    assert mount in str(space.error)
    assert str(sizes.get("error", sizes.get("free_bytes"))) in str(space.error)


def test_a_repository_on_ocfs2_with_the_module() -> None:
    with simulate(hosts=1, vms=0, host_module=True) as sim:
        [repository] = read_estate(driver_for(sim)._estate).repositories
        [space] = read_spaces(
            [replace(repository, record=replace(repository.record, fs_type="ocfs2"))]
        )
    assert space.size_bytes is not None
