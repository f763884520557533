"""ex_delete_orphan: only what certainly nothing uses, decided anew right before."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from libcloud_ovm3.errors import OperationIncomplete, Ovm3Error, PreconditionFailed
from libcloud_ovm3.simulator import Simulator
from tests.operations.attaching import path_of
from tests.operations.failures import FAILURES, WRITES, check_sent_once, files_of, land
from tests.operations.templates import make_disk
from tests.support import PERSONALITIES, calls_of, driver_for, quietly, simulate


@pytest.fixture(
    scope="module",
    params=[f"{one}-{how}" for one in PERSONALITIES for how in ("agent", "module")],
)
def sim(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    personality, how = request.param.split("-")
    with simulate(2, vms=1, personality=personality, host_module=how == "module") as simulator:
        yield simulator


def refused(sim: Simulator, path: str, why: str) -> None:
    before, begin = files_of(sim), len(sim.calls)
    with pytest.raises(PreconditionFailed, match=why):
        quietly(driver_for(sim).ex_delete_orphan, path)
    assert not {*calls_of(sim)[begin:]} & WRITES - {"storage_plugin_mount"}
    assert files_of(sim) == before


def import_goes_on(sim: Simulator, write: Callable[[], object]) -> None:
    """Another client imports it: it grows after its size was read."""
    for call in ("libcloud_stat_file", "storage_plugin_getFileInfo"):
        sim.misbehave("hook", call, hook=lambda moment: moment == "after" and write())


def test_deleted_once_it_is_certain(sim: Simulator) -> None:
    """What a node has, what may be another name, and what an unread vm.cfg may name stay."""
    driver, before = driver_for(sim), files_of(sim)
    path = make_disk(sim, "nobody.img")
    [node] = driver.list_nodes()
    refused(sim, node.extra["disks"][0], "is no orphan")
    refused(sim, path_of(sim, "gone.img"), "is no orphan")
    make_disk(sim, f"{node.id}-old.img")
    refused(sim, path_of(sim, f"{node.id}-old.img"), "not certain")
    folder = sim.repository_path / "VirtualMachines" / ("b" * 32)
    folder.mkdir()
    (folder / "vm.cfg").write_text("disk = [")
    refused(sim, path, "not certain")
    (folder / "vm.cfg").unlink()
    folder.rmdir()
    (sim.repository_path / "VirtualDisks" / f"{node.id}-old.img").unlink()
    with (sim.repository_path / "VirtualDisks" / "nobody.img").open("ab") as file:
        import_goes_on(sim, lambda: file.truncate(2**20))
        with pytest.raises(PreconditionFailed, match="copies into it"):
            quietly(driver.ex_delete_orphan, path)
    sim.clear_misbehaviour()
    assert driver.ex_delete_orphan(path) is True
    assert files_of(sim) == before
    refused(sim, path, "is no orphan")


def test_a_node_gets_it_meanwhile(sim: Simulator) -> None:
    """Between the two looks; and with the module, also while it is set aside."""
    path = make_disk(sim, "wanted.img")
    driver, added = driver_for(sim), list[str]()

    def take(moment: str) -> None:
        if moment == "before" and not added:
            added.append(sim.add_vm("taker", config={"disk": [f"file:{path},xvda,w"]}))

    for call in ("libcloud_set_aside", "storage_plugin_destroy"):
        sim.misbehave("hook", call, hook=take)
    with pytest.raises(Ovm3Error) as caught:
        quietly(driver.ex_delete_orphan, path)
    has_module = bool(calls_of(sim, "libcloud_set_aside"))
    assert isinstance(caught.value, PreconditionFailed if has_module else OperationIncomplete)
    assert "taker" in str(caught.value) or added[0] in str(caught.value)
    assert (sim.repository_path / "VirtualDisks" / "wanted.img").exists() is has_module
    sim.clear_misbehaviour()
    quietly(driver.destroy_node, driver.ex_get_node_by_name("taker"))
    (sim.repository_path / "VirtualDisks" / "wanted.img").unlink(missing_ok=True)


@pytest.fixture(scope="module", params=PERSONALITIES)
def with_module(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    with simulate(1, vms=1, personality=request.param, host_module=True) as simulator:
        yield simulator


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize(
    "function", ["libcloud_set_aside", "libcloud_delete_aside", "storage_plugin_destroy"]
)
def test_a_call_fails(with_module: Simulator, function: str, failure: str) -> None:
    """It is deleted, or there; or it is named, and listed: also where it is set aside."""
    sim = with_module
    driver = driver_for(sim, ex_host_module=function != "storage_plugin_destroy")
    path = make_disk(sim, "failing.img")
    sim.calls.clear()
    rule = sim.misbehave(failure, function)
    error: Ovm3Error | None = None
    try:
        quietly(driver.ex_delete_orphan, path)
    except Ovm3Error as caught:
        error = caught
    assert rule.hits
    check_sent_once(sim)
    land(sim)
    there = [one for one in quietly(driver_for(sim).ex_list_orphans) if one["path"] == path]
    if isinstance(error, OperationIncomplete):
        assert path in error.left
    elif error is None:
        assert there == []
    else:
        assert [one["set_aside"] for one in there] == [None], "refused, and not there as before"
    for one in there:
        if one["set_aside"]:
            driver_for(sim).ex_put_back(path, one["set_aside"])
        driver_for(sim).ex_delete_orphan(path)
