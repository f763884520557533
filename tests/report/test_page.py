"""The page: everything is on it, what is not known is called that, and names stay text."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libcloud_ovm3.diagnostics.finding import Finding
from libcloud_ovm3.diagnostics.inventory import DefinitionInfo
from libcloud_ovm3.errors import OutcomeUnknown, shown
from libcloud_ovm3.estate.space import Space
from tests.report.pages import (
    GIB,
    REPOSITORY,
    host,
    page_of,
    parsed,
    repository,
    rows,
    section,
    tiles,
    unreachable,
    vm,
    words,
)

EVIL = "</style></title><script>alert('x')</script>&amp;<img src=x onerror=\"alert(1)\">"


# ------------------------------------------------------------------ hosts


def test_a_host() -> None:
    one = host(1, vms=2)
    running = [vm("a", [one]), vm("b", [one], memory_mb=1024)]
    [row] = rows(page_of([one], vms=running), "hosts")
    assert row == {
        "Host": "ovm-1 192.0.2.1:8899",
        "Status": "ok pool Pool 0 , its master",
        "Memory": "12.0 GiB of 16.0 GiB in use (75%) VMs have 3.0 GiB",
        "VMs": "2",
        "System": "OVM 3.3.3-1085 agent 3.3.3-1350 Xen 4.3.0OVM 8 CPUs",
        "Booted (UTC)": "2026-11-01 06:07",
    }


def test_an_unreachable_host_has_neither_zeros_nor_a_bar() -> None:
    page = page_of([unreachable(9)])
    [row] = rows(page, "hosts")
    assert row["Status"] == "unreachable 192.0.2.9:8899 cannot be reached"
    assert {row[key] for key in ("Memory", "VMs", "System", "Booted (UTC)")} == {"unknown"}
    assert bars(page) == []
    assert tiles(page)["Hosts"] == "1 | 1 unreachable"
    assert tiles(page)["Memory in use"] == "unknown | 1 host unknown"


def test_a_host_without_hardware_is_not_counted_in_the_sum() -> None:
    blind = host(2, memory_mb=None, free_memory_mb=None, cpus=None, error="ovm-2: no hardware")
    page = page_of([host(1), blind, host(3, memory_mb=8192, free_memory_mb=8192)])
    row = rows(page, "hosts")[1]
    assert row["Memory"] == "unknown no VMs"
    assert "unknown CPUs" in row["System"]
    assert "no hardware" in row["Status"]
    assert len(bars(page)) == 2
    assert tiles(page)["Memory in use"] == "50% | 12.0 GiB of 24.0 GiB; 1 host unknown"


def test_an_over_committed_host() -> None:
    one = host(1, vms=1, free_memory_mb=0)
    page = page_of([one], vms=[vm("big", [one], memory_mb=24576)])
    assert "over-committed: VMs have 150% of it" in rows(page, "hosts")[0]["Memory"]
    assert bars(page) == [("fill over", "100.00")]


def bars(page: str) -> list[tuple[str, str]]:
    """Class and width of the fill of each bar."""
    found = parsed(page).xpath("//svg[@class='bar']/rect[starts-with(@class, 'fill')]")
    return [(one.get("class"), one.get("width")) for one in found]


# ------------------------------------------------------------------ repositories


def test_a_repository_on_several_hosts_is_one_row() -> None:
    page = page_of(
        [host(1), host(2)], [repository()], spaces={REPOSITORY: Space(1000 * GIB, 250 * GIB)}
    )
    [row] = rows(page, "repositories")
    assert row == {
        "Repository": f"main {REPOSITORY}",
        "Location": "nfs:/export nfs",
        "Space": "750.0 GiB of 1000.0 GiB in use (75%)",
        "Mounted on": "ovm-1, ovm-2",
        "Contents": "1 VM, 2 disks, 3 templates, 0 ISOs",
    }
    assert bars(page)[-1] == ("fill", "75.00")
    assert tiles(page)["Repositories"] == "1 | fullest: main, 75%"


@pytest.mark.parametrize(
    ("space", "text"),
    [
        (Space(reason="it is not mounted"), "unknown it is not mounted"),
        (Space(error=OutcomeUnknown("ovm-1: timed out")), "unknown ovm-1: timed out"),
        (Space(reason="in other words", error=OutcomeUnknown("x")), "unknown in other words"),
        (None, "unknown it was not read"),
    ],
)
def test_a_repository_of_unknown_space(space: Space | None, text: str) -> None:
    unlisted = repository(
        mounted_on=(), not_mounted_on=("ovm-1",), vms=None, disks=None, templates=None, isos=None,
        error="it is stale",
    )  # fmt: skip
    page = page_of([], [unlisted], spaces={} if space is None else {REPOSITORY: space})
    [row] = rows(page, "repositories")
    assert row["Space"] == text
    assert row["Contents"] == "unknown"
    assert row["Mounted on"] == "no host that was read not on ovm-1 it is stale"
    assert bars(page) == []
    assert tiles(page)["Repositories"] == "1 | space of 1 unknown"


def test_the_fullest_of_several_and_their_order() -> None:
    ids = [f"{number:032x}" for number in range(3)]
    several = [repository(id=ids[n], alias=alias) for n, alias in enumerate(("zoo", "", "Ahr"))]
    spaces = {ids[0]: Space(100, 50), ids[1]: Space(1000, 4)}
    page = page_of([], several, spaces=spaces)
    names = [row["Repository"].split()[0] for row in rows(page, "repositories")]
    assert names == [ids[1], "Ahr", "zoo"]
    assert tiles(page)["Repositories"] == f"3 | fullest: {ids[1]}, 99%; space of 1 unknown"
    assert "nearly full: 4 bytes free" in rows(page, "repositories")[0]["Space"]


# ------------------------------------------------------------------ VMs

NO_MORE = {"hosts": [], **dict.fromkeys(["operation", "function", "state", "error", "saved"])}


def test_vms() -> None:
    one, two = host(1, vms=2), host(2, vms=1)
    broken = DefinitionInfo("f" * 32, "twin", "line 1")
    found = [
        vm("web-1", [one], claim={"kind": "free", "source": None, "target": None, **NO_MORE}),
        vm("moving", [one, two], state="migrating"),
        vm("twins", definitions=(*vm().definitions, broken), state="error", memory_mb=None),
        vm("lost", definitions=(), vcpus=None),
    ]
    page = page_of([one, two], [repository()], found)
    cells = [list(row.values())[1:] for row in rows(page, "vms")]
    assert cells == [
        ["running", "ovm-1 claim: free", "2 CPUs, 2.0 GiB", "main 0004fb00000600000000"],
        ["migrating", "ovm-1, ovm-2", "2 CPUs, 2.0 GiB", "main 0004fb00000600000000"],
        ["error", "none", "2 CPUs, memory unknown",
         f"main 0004fb00000600000000 {'f' * 32} twin its vm.cfg cannot be read"],
        ["stopped", "none", "CPUs unknown, 2.0 GiB", "no repository that was read"],
    ]  # fmt: skip
    assert tiles(page)["VMs"] == "4 | 1 running, 1 migrating, 1 error, 1 stopped"


def test_where_a_vm_runs_is_unknown_while_a_host_is() -> None:
    found = [vm("a", state="unknown"), vm("b", state="error"), vm("c", state="stopped")]
    places = [row["Host"] for row in rows(page_of([host(1), unreachable(9)], vms=found), "vms")]
    assert places == ["unknown", "unknown", "none"]
    assert [row["Host"] for row in rows(page_of([host(1)], vms=found), "vms")] == [
        "unknown", "none", "none",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "state",
    "running paused pending rebooting migrating stopping stopped suspended error unknown".split(),
)
def test_each_state_has_a_word_and_a_symbol_that_exists(state: str) -> None:
    page = parsed(page_of(vms=[vm(state=state)]))
    [cell] = page.xpath("//table[@aria-labelledby='vms']//td[@data-label='State']")
    assert words(cell) == state
    [used] = cell.xpath(".//use/@href")
    assert len(page.xpath(f"//symbol[@id='{used[1:]}']")) == 1
    assert ("unknown" in used) == (state == "unknown")


# ------------------------------------------------------------------ what was found


FINDINGS = [
    Finding("ok", "TLS", "it is fine"),
    Finding(
        "error", "member", "it is <gone>", "nothing is `known`", "run `ovm3 doctor`, then look"
    ),
    Finding("note", "HA", "it is set"),
    Finding("warning", "clock", "a lone ` stays"),
]


def test_findings_by_what_needs_attention() -> None:
    page = page_of(findings=FINDINGS)
    assert section(page, "problems") == (
        "What needs attention error member it is <gone> Meaning: nothing is known "
        "What to do: run ovm3 doctor , then look warning clock a lone ` stays"
    )
    assert section(page, "more") == "What else the doctor found note HA it is set ok TLS it is fine"
    symbols = parsed(page).xpath("//span[starts-with(@class, 'level')]//use/@href")
    assert symbols == ["#icon-error", "#icon-warning", "#icon-note", "#icon-ok"]
    assert parsed(page).xpath("//code/text()")[:2] == ["known", "ovm3 doctor"]
    assert tiles(page)["Doctor"] == "1 error | 1 warning"


def test_nothing_is_wrong() -> None:
    page = page_of([host()], findings=[FINDINGS[0]])
    assert section(page, "unread") == "Could not be read Everything could be read."
    assert section(page, "problems").endswith("neither errors nor warnings.")
    assert tiles(page)["Doctor"] == "no problems"


def test_what_could_not_be_read_is_listed_once() -> None:
    page = page_of(unread=["disk gone", "host <dead>"], errors=("no space", "disk gone"))
    assert section(page, "unread") == "Could not be read no space disk gone host <dead>"
    assert tiles(page)["Doctor"] == "no problems | 3 things could not be read"


def test_when_and_of_which_estate() -> None:
    page = page_of()
    assert words(parsed(page).xpath("//header")[0]) == (
        "Estate lab Read on 2026-11-28 at 06:07 UTC through 192.0.2.1:8899"
    )
    assert parsed(page).findtext(".//title") == "Estate lab, 2026-11-28 06:07 UTC"
    unnamed = page_of(estate=None, asked=("192.0.2.1:8899", "192.0.2.2:8899"))
    assert words(parsed(unnamed).xpath("//h1")[0]) == "Estate 192.0.2.1:8899, 192.0.2.2:8899"


# ------------------------------------------------------------------ any names, alone


def full_page(name: str) -> str:
    one = host(1, name=name, ovm_version=name, error=name, vms=1)
    return page_of(
        [one, unreachable(9, name)],
        [repository(alias=name, location=name, mounted_on=(name,), error=name)],
        [vm(name, [one], definitions=(DefinitionInfo(REPOSITORY, name, name),))],
        unread=[name],
        findings=[Finding("error", name, name, name, name)],
        spaces={REPOSITORY: Space(reason=name)},
        estate=name,
    )


TAGS = [one.tag for one in parsed(full_page("x")).iter()]


@given(st.text(min_size=1).filter(lambda name: "`" not in name))
def test_any_name_stays_text(name: str) -> None:
    page = parsed(full_page(name))
    assert [one.tag for one in page.iter()] == TAGS
    [cell] = page.xpath("//table[@aria-labelledby='vms']//th/bdi")
    assert cell.text == shown(name)


def test_evil_names() -> None:
    page = parsed(full_page(EVIL))
    assert page.xpath("//script|//img") == []
    assert page.xpath("//*[@onerror]") == []
    assert page.findtext(".//h1/bdi") == EVIL


@pytest.mark.parametrize("name", ["a\nb\tc", "a\u202eb", "a\x00b", "a\ud800b", "a\x1b[31mb"])
def test_what_cannot_be_printed_is_escaped(name: str) -> None:
    page = full_page(name)
    assert name not in page
    page.encode()
    assert parsed(page).findtext(".//h1/bdi") == shown(name)


def test_the_page_needs_nothing_else() -> None:
    page = full_page("x")
    tree = parsed(page)
    assert tree.xpath("//script|//iframe|//object|//embed|//form|//base") == []
    links = [value for one in ("src", "href", "srcset") for value in tree.xpath(f"//@{one}")]
    assert {link for link in links if not link.startswith("#icon-")} == {"data:,"}
    used = {link[1:] for link in links if link.startswith("#")}
    assert used <= set(tree.xpath("//symbol/@id"))
    style = tree.findtext(".//style")
    assert not re.search(r"url\(|@import|@font-face|http", style)
    [policy] = tree.xpath("//meta[@http-equiv]/@content")
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def test_headings_and_headers() -> None:
    tree = parsed(full_page("x"))
    levels = [int(one.tag[1]) for one in tree.iter("h1", "h2", "h3")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    for one in tree.xpath("//section|//table"):
        assert tree.xpath(f"count(//h2[@id='{one.get('aria-labelledby')}'])") == 1
    headers = tree.xpath("//th")
    assert {one.get("scope") for one in headers if one.getparent().getparent().tag == "thead"} == {
        "col"
    }
    assert len([one for one in headers if one.get("scope") == "row"]) == len(
        tree.xpath("//tbody/tr")
    )
    for cell in tree.xpath("//tbody//td"):  # what narrow screens show in place of the headings
        assert cell.get("data-label") in {words(one) for one in headers}
    assert set(tree.xpath("//svg/@aria-hidden")) == {"true"}


def test_an_estate_without_anything() -> None:
    page = page_of()
    assert (
        section(page, "repositories") == "Repositories No host that was read reports a repository."
    )
    assert section(page, "vms") == "VMs No VM was found."
    assert section(page, "more") == "What else the doctor found Nothing."
