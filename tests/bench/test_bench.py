"""The figures can still be made: tiny inputs, no judgement of times."""

from __future__ import annotations

import re
import xmlrpc.client
from pathlib import Path

import pytest

from bench import figures, listing, object_figures, object_server, objects
from bench.answers import encoded, list_vms
from bench.measuring import median, ratio, take_turns
from bench.server import serving

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"


def test_decoding() -> None:
    stdlib, bare = figures.decoding(vms=3, rounds=1)
    assert stdlib.value > 0
    assert bare.value > 0


def test_all_three_listings_see_every_vm_and_ask_the_same(tmp_path: Path) -> None:
    with serving(2, 3, 0.0, tmp_path) as pool, listing.floor(pool) as floor:
        assert floor() == listing.ours(pool)() == listing.naive(pool) == 6
        functions = [function for _, function in listing.requests_of(pool)]
    assert sorted(functions) == sorted(
        ["discover_server_pool", "discover_server", "list_vms", "discover_repository_db"] * 2
    )


def test_ours_asks_what_the_floor_asks(tmp_path: Path) -> None:
    """Or the ratio would compare two different things."""
    with serving(2, 1, 0.0, tmp_path) as pool:
        calls = listing.calls_of_ours(pool)
        assert sorted(call[:2] for call in calls) == sorted(listing.requests_of(pool))


def test_with_the_module_one_call_a_host_and_one_a_repository(tmp_path: Path) -> None:
    with serving(2, 3, 0.0, tmp_path, stopped=5, host_module=True) as pool:
        assert listing.ours(pool)() == 2 * 3 + 5
        calls = sorted(call.function for call in listing.calls_of_ours(pool))
    assert calls == ["libcloud_read_agent", "libcloud_read_agent", "libcloud_repository"]


@pytest.mark.long
def test_without_it_one_more_for_each_vm() -> None:
    quicker, fewer = figures.listing_with_module(2, vms=1, stopped=3, latency=0.0, rounds=1)
    assert quicker.value > 0
    assert fewer.measured == "15 / 3 calls"


@pytest.mark.long
def test_listings_are_measured() -> None:
    floor, naive = figures.listing_without_latency(hosts=1, vms=1, rounds=1)
    [late] = figures.listing_with_latency(hosts=1, vms=1, latency=0.001, rounds=1)
    assert min(floor.value, naive.value, late.value) > 0


def test_the_floor_with_the_module_asks_and_finds_the_same(tmp_path: Path) -> None:
    with (
        serving(2, 3, 0.0, tmp_path, stopped=5, host_module=True) as pool,
        listing.module_floor(pool) as floor,
    ):
        assert floor() == listing.ours(pool)() == 2 * 3 + 5
    [figure] = figures.listing_with_module_without_latency(hosts=1, vms=1, stopped=1, rounds=1)
    assert figure.target == 2.0


def test_copies_are_complete_and_sparse() -> None:
    data, cp = figures.copying(size=1 << 30, data=1 << 20, rounds=1)
    assert (data.target, data.at_least, cp.target) == (1.5, False, None)
    assert min(data.value, cp.value) > 0


@pytest.mark.long
def test_objects_are_transferred_and_listed() -> None:
    """Also that the objects that are added for a listing are like those of uploads."""
    up, *_, down = object_figures.transferring(size=8 << 20, rounds=1)
    assert (up.target, up.at_least) == (0.7, True)
    sparse = object_figures.sparse_transferring(size=1 << 30, data=1 << 20, rounds=1)
    large, back, listed, first = object_figures.memory(size=8 << 20, count=20)
    assert min(one.value for one in (up, down, *sparse, large, back, listed, first)) > 0
    with object_server.storing() as store:
        driver = objects.driver_of(store)
        box = driver.create_container("bench")
        objects.add_objects(store, 3)
        found = driver.list_container_objects(box)
        assert [one.meta_data for one in found] == [{"a": "b"}] * 3
        assert len({one.hash for one in found}) == 1


@pytest.mark.long
def test_starting() -> None:
    package, driver = figures.starting(rounds=1)
    assert "import libcloud_ovm3" in package.what
    assert (driver.target, driver.at_least) == (40, False)


def test_the_hook() -> None:
    [figure] = figures.hook(rounds=1)
    assert (figure.target, figure.unit, figure.at_least) == (2, " ms", False)
    assert 0 < figure.value < 1000


def test_the_answers_are_what_the_standard_library_reads() -> None:
    [answer], _ = xmlrpc.client.loads(encoded(list_vms(2, host=1)))
    assert len(answer) == 3
    assert len({struct["uuid"] for struct in answer}) == 3


@pytest.mark.parametrize(("value", "at_least", "met"), [(2.0, True, True), (1.9, True, False)])
def test_a_target_is_judged(value: float, at_least: bool, met: bool) -> None:
    figure = figures.Figure("what", "1 / 2 ms", value, "x", 2.0, at_least=at_least)
    assert figure.is_met is met
    assert ("**missed**" in figure.as_row()) is not met
    assert ("| met |" in figure.as_row()) is met


def test_medians_and_ratios() -> None:
    seconds = {"a": [2.0, 9.0, 4.0], "b": [1.0, 3.0, 4.0]}
    assert median(seconds, "a") == 4.0
    assert ratio(seconds, "a", "b") == 2.0
    assert {len(times) for times in take_turns({"x": int, "y": int}, 3).values()} == {3}


def test_the_page_shows_every_figure() -> None:
    """Its table has the rows that the program prints, whatever their values."""
    rows = re.findall(r"^\| (.+?) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    kinds = ["`xmlrpc.client.loads`", "`lxml.etree.fromstring`", "/ floor", "naive", "latency"]
    for kind in [
        *kinds,
        "without the host module",
        "`ast.parse`",
        "agent calls",
        "`sparse_copy`",
        "`cp --sparse=always`",
        "`import libcloud_ovm3`",
        "`libcloud_ovm3.pth`",
    ]:
        assert any(kind in row for row in rows), kind
