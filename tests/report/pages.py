"""An inventory as values, and the page made of it, parsed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from lxml import html

from libcloud_ovm3.diagnostics.finding import Finding
from libcloud_ovm3.diagnostics.inventory import (
    DefinitionInfo,
    HostEntry,
    Inventory,
    LiveInfo,
    PoolEntry,
    RepositoryEntry,
    VMEntry,
)
from libcloud_ovm3.estate.space import Space
from libcloud_ovm3.report import Report, render

GIB = 1 << 30
POOL = "0004fb00-0002-0000-0000-000000000001"
REPOSITORY = "0004fb0000030000" + "0" * 15 + "1"


def host(number: int = 1, **more: Any) -> HostEntry:
    said: dict[str, Any] = {
        "name": f"ovm-{number}",
        "address": f"192.0.2.{number}:8899",
        "status": "ok",
        "id": f"{number:032x}",
        "agent_version": "3.3.3-1350",
        "ovm_version": "3.3.3-1085",
        "xen_version": "4.3.0OVM",
        "pool": POOL,
        "is_master": number == 1,
        "cpus": 8,
        "memory_mb": 16384,
        "free_memory_mb": 4096,
        "vms": 0,
        "boot_time": "2026-11-01T06:07:08Z",
    }
    return HostEntry(**(said | more))


def unreachable(number: int, error: str = "192.0.2.9:8899 cannot be reached") -> HostEntry:
    address = f"192.0.2.{number}:8899"
    return HostEntry(name=address, address=address, status="unreachable", error=error)


def repository(**more: Any) -> RepositoryEntry:
    said: dict[str, Any] = {
        "id": REPOSITORY,
        "alias": "main",
        "location": "nfs:/export",
        "file_system": "nfs",
        "owner": None,
        "mounted_on": ("ovm-1", "ovm-2"),
        "mounted_on_ids": (f"{1:032x}", f"{2:032x}"),
        "not_mounted_on": (),
        "not_mounted_on_ids": (),
        "vms": 1,
        "disks": 2,
        "templates": 3,
        "isos": 0,
        "overlaps": (),
        "error": None,
    }
    return RepositoryEntry(**(said | more))


def vm(name: str = "web-1", on: Sequence[HostEntry] = (), **more: Any) -> VMEntry:
    live = tuple(LiveInfo(h.name, h.id, h.address, 7, name, None, None) for h in on)
    said: dict[str, Any] = {
        "id": "0004fb00-0006-0000-0000-000000000001",
        "name": name,
        "state": "running" if on else "stopped",
        "live": live,
        "definitions": (DefinitionInfo(REPOSITORY, "0004fb00000600000000", None),),
        "memory_mb": 2048,
        "vcpus": 2,
        "disks": (),
        "nics": (),
        "ha": False,
    }
    return VMEntry(**(said | more))


def page_of(
    hosts: Sequence[HostEntry] = (),
    repositories: Sequence[RepositoryEntry] = (),
    vms: Sequence[VMEntry] = (),
    *,
    unread: Sequence[str] = (),
    findings: Sequence[Finding] = (),
    spaces: Mapping[str, Space] | None = None,
    **more: Any,
) -> str:
    pools = (PoolEntry(POOL, "Pool 0", "192.0.2.99", ()),)
    inventory = Inventory(tuple(hosts), pools, tuple(repositories), tuple(vms), tuple(unread))
    said: dict[str, Any] = {
        "estate": "lab",
        "asked": ("192.0.2.1:8899",),
        "made_at": datetime(2026, 11, 28, 6, 7, 8, tzinfo=timezone.utc),
        "version": "0.1.0",
    }
    return render(
        Report(inventory=inventory, findings=tuple(findings), spaces=spaces or {}, **said | more)
    )


def parsed(page: str) -> Any:
    return html.document_fromstring(page.encode(), parser=html.HTMLParser(encoding="utf-8"))


def words(node: Any) -> str:
    """The text of a part of a page as it is displayed, roughly: blanks are one blank."""
    return " ".join(" ".join(node.itertext()).split())


def rows(page: str, section: str) -> list[dict[str, str]]:
    """The rows of a table, by the headings of its columns."""
    [table] = parsed(page).xpath(f"//table[@aria-labelledby='{section}']")
    headings = [words(one) for one in table.xpath("thead//th")]
    return [
        dict(zip(headings, map(words, row.xpath("*")), strict=True))
        for row in table.xpath("tbody/tr")
    ]


def section(page: str, name: str) -> str:
    [found] = parsed(page).xpath(f"//section[@aria-labelledby='{name}']")
    return words(found)


def tiles(page: str) -> dict[str, str]:
    """The figures at the top, each with its detail."""
    found = parsed(page).xpath("//dl/div")
    return {words(one[0]): " | ".join(map(words, one[1:])) for one in found}
