"""The doctor's check of boot times: values, and a pool that rebooted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libcloud_ovm3.diagnostics.boot_checks import check_boots
from libcloud_ovm3.diagnostics.finding import Finding
from libcloud_ovm3.errors import HostUnreachable
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.hosts import UnreachableHost
from tests.diagnostics.healthy import NOW, defined, host, inventory_data, live, member

ONE = "0004fb00-0006-0000-0000-000000000001"
STOPPED = [defined("a", uuid=ONE)]
DAY = 86400.0


def boots(*uptimes: float | None, runs: bool = False, unreachable: bool = False,
          definitions: list[Definition] = STOPPED) -> list[Finding]:  # fmt: skip
    """The findings about hosts that booted so many seconds ago; one VM, off unless it runs."""
    records = [live("a", ONE)] if runs else []
    views = [host(1, *records), *(host(number + 2) for number in range(len(uptimes) - 1))]
    silent = [UnreachableHost("192.0.2.9:8899", HostUnreachable("dead"))] if unreachable else []
    read = inventory_data(views, definitions, silent)
    members = [member(view, uptime=uptime) for view, uptime in zip(views, uptimes, strict=True)]
    return list(check_boots(members, read.snapshot, NOW))


def test_n26_all_members_booted_together_and_nothing_is_live() -> None:
    [listed, finding] = boots(720.0, 810.0, 765.0)
    assert listed == Finding(
        "ok",
        "boot",
        "last boot: ovm-1 2026-11-24 23:48 UTC, ovm-3 2026-11-24 23:47 UTC, "
        "ovm-2 2026-11-24 23:46 UTC",
    )
    assert (finding.level, finding.about) == ("warning", "boot")
    assert finding.found == (
        "ovm-1, ovm-2 and ovm-3 booted within 90 s of each other, 12 minutes ago; no VM is live "
        "anywhere"
    )
    assert "why the VMs are down" in finding.means
    assert "/var/log/messages" in finding.advice


def test_where_vms_run_it_is_a_note() -> None:
    [_, finding] = boots(720.0, 810.0, runs=True)
    assert finding.level == "note"
    assert finding.found.endswith("12 minutes ago; 1 of 1 VMs are live now")


def test_a_pool_without_vms_has_none_that_are_down() -> None:
    [_, finding] = boots(720.0, 810.0, definitions=[])
    assert (finding.level, finding.found.rpartition("; ")[2]) == ("note", "there are no VMs")


def test_what_an_unreachable_host_runs_is_not_claimed() -> None:
    [_, finding] = boots(720.0, 810.0, unreachable=True)
    assert finding.found.endswith("no VM is live on the hosts that could be read")


@pytest.mark.parametrize(
    ("uptimes", "together"),
    [
        ((), []),
        ((720.0,), []),
        ((0.0, 600.0), ["ovm-1 and ovm-2 booted within 10 minutes of each other, 0 s ago"]),
        ((0.0, 601.0), []),
        ((DAY, DAY + 5), ["ovm-1 and ovm-2 booted within 5 s of each other, 24 hours ago"]),
        ((DAY + 1, DAY + 5), []),
        ((None, None), []),
        ((90.0, None, 60.0), ["ovm-1 and ovm-3 booted within 30 s of each other, 60 s ago"]),
        ((60.0, 7300.0, 7200.0, 30 * DAY),
         ["ovm-2 and ovm-3 booted within 100 s of each other, 2 hours ago"]),
        ((60.0, 120.0, 8000.0, 8100.0),
         ["ovm-1 and ovm-2 booted within 60 s of each other, 60 s ago",
          "ovm-3 and ovm-4 booted within 100 s of each other, 2 hours ago"]),
    ],
)  # fmt: skip
def test_which_boots_belong_together(
    uptimes: tuple[float | None, ...], together: list[str]
) -> None:
    found = boots(*uptimes) if uptimes else list(check_boots([], inventory_data().snapshot, NOW))
    assert [f.found.partition(";")[0] for f in found if f.level != "ok"] == together
    known = [uptime for uptime in uptimes if uptime is not None]
    assert [f.level for f in found[:1]] == (["ok"] if known else [])


def test_a_boot_before_the_calendar() -> None:
    [listed] = boots(1e13)
    assert listed.found == "last boot: ovm-1 long ago"


@given(st.lists(st.floats(0, 3 * DAY), min_size=1, max_size=6))
def test_members_of_a_group_booted_within_ten_minutes(uptimes: list[float]) -> None:
    for finding in boots(*uptimes)[1:]:
        names = finding.found.partition(" booted")[0].replace(" and ", ", ").split(", ")
        group = [uptimes[int(name.removeprefix("ovm-")) - 1] for name in names]
        assert len(group) > 1
        assert max(group) - min(group) <= 600
        assert min(group) <= DAY
