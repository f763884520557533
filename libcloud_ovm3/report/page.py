"""What stands on the page, row by row, and the page made of it. Pure.

All texts may come from hosts. Jinja escapes markup in them, and :func:`_printable` writes what
cannot be printed (newlines, marks that change the writing direction) as escape sequences.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from libcloud_ovm3.diagnostics.finding import Finding
from libcloud_ovm3.diagnostics.inventory import (
    DefinitionInfo,
    HostEntry,
    Inventory,
    RepositoryEntry,
    VMEntry,
)
from libcloud_ovm3.errors import shown
from libcloud_ovm3.estate.claim_data import claim_text
from libcloud_ovm3.estate.space import Space
from libcloud_ovm3.report.figures import (
    Bar,
    HostMemory,
    host_memory,
    memory_text,
    percent_text,
    space_bar,
)

if TYPE_CHECKING:
    from jinja2 import Template

UNKNOWN = "unknown"
LEVELS = ("error", "warning", "note", "ok")
# Which of the page's symbols stands before a state; each has a form of its own, for print.
_CHANGING = ("pending", "rebooting", "migrating", "stopping", "paused", "suspended")
_STATES = {"running": "running", "stopped": "stopped", "error": "error", "unknown": "unknown"}
_SYMBOLS = {**_STATES, **dict.fromkeys(_CHANGING, "changing")}


@dataclass(frozen=True)
class Report:
    """Everything that the page shows.

    :ivar estate: the name of the estate; None: it has none.
    :ivar asked: the addresses that were given, ``address:port``.
    :ivar made_at: when it was read, UTC.
    :ivar version: the version of this package.
    :ivar spaces: the space of each repository, by its id; a ``reason`` is shown in the place of
        an ``error``.
    :ivar errors: what could not be read, besides the inventory's own errors.
    """

    estate: str | None
    asked: tuple[str, ...]
    made_at: datetime
    version: str
    inventory: Inventory
    findings: tuple[Finding, ...]
    spaces: Mapping[str, Space]
    errors: tuple[str, ...] = ()

    @property
    def unread(self) -> tuple[str, ...]:
        """Everything that could not be read, each once."""
        return tuple(dict.fromkeys([*self.errors, *self.inventory.errors]))


@dataclass(frozen=True)
class HostRow:
    """A host, its pool's name, and its memory."""

    entry: HostEntry
    pool: str
    memory: HostMemory


@dataclass(frozen=True)
class RepositoryRow:
    """A repository, and its space.

    :ivar space: None: not known, for this ``reason``.
    :ivar contents: how many files of each kind are in it.
    """

    entry: RepositoryEntry
    space: Bar | None
    reason: str
    contents: str


@dataclass(frozen=True)
class VMRow:
    """A VM.

    :ivar symbol: of its state.
    :ivar place: the hosts that run it, ``none`` or ``unknown``.
    :ivar cpus: how many it has, and its ``memory``.
    :ivar defined_in: its definitions, with the names of their repositories.
    :ivar claim: what its claim says; "": nothing guards it.
    """

    entry: VMEntry
    symbol: str
    place: str
    cpus: str
    memory: str
    defined_in: tuple[DefinitionInfo, ...]
    claim: str


@dataclass(frozen=True)
class Tile:
    """One figure of the summary, and what it consists of."""

    heading: str
    figure: str
    detail: str


def render(report: Report) -> str:
    """Return the page: HTML without scripts, and without references to anything outside it."""
    inventory = report.inventory
    return _template().render(
        report=report,
        title=report.estate or ", ".join(report.asked),
        tiles=_tiles(report),
        findings={level: [f for f in report.findings if f.level == level] for level in LEVELS},
        hosts=_host_rows(inventory),
        repositories=_repository_rows(report),
        vms=_vm_rows(inventory),
        unknown=UNKNOWN,
    )


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 (loads slowly)

    environment = Environment(
        loader=PackageLoader("libcloud_ovm3.report", "."),
        autoescape=True,
        finalize=_printable,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html")


def _printable(value: Any) -> Any:
    """Return a value of the page as it is shown, before markup in it is escaped."""
    if value is None:
        return UNKNOWN
    return shown(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


# ------------------------------------------------------------------ rows


def _host_rows(inventory: Inventory) -> list[HostRow]:
    pools = {pool.id: pool.alias or pool.id for pool in inventory.pools}
    memory: dict[str, list[int | None]] = {}
    for vm in inventory.vms:
        for live in vm.live:
            memory.setdefault(live.address, []).append(vm.memory_mb)
    return [
        HostRow(
            host,
            pools.get(host.pool or "", host.pool or ""),
            host_memory(
                host.memory_mb,
                host.free_memory_mb,
                None if host.vms is None else memory.get(host.address, []),
            ),
        )
        for host in inventory.hosts
    ]


def _repository_rows(report: Report) -> list[RepositoryRow]:
    by_name = sorted(report.inventory.repositories, key=lambda one: (one.alias, one.id))
    return [_repository_row(one, report.spaces) for one in by_name]


def _repository_row(one: RepositoryEntry, spaces: Mapping[str, Space]) -> RepositoryRow:
    space = spaces.get(one.id, Space(reason="it was not read"))
    reason = space.reason or str(space.error)
    bar = space_bar(space.size_bytes, space.free_bytes)
    return RepositoryRow(one, bar, reason, _contents(one))


def _contents(one: RepositoryEntry) -> str:
    numbers = {"VM": one.vms, "disk": one.disks, "template": one.templates, "ISO": one.isos}
    known = [_count(number, word) for word, number in numbers.items() if number is not None]
    return ", ".join(known) or UNKNOWN


def _vm_rows(inventory: Inventory) -> list[VMRow]:
    aliases = {one.id: one.alias or one.id for one in inventory.repositories}
    all_listed = all(host.vms is not None for host in inventory.hosts)
    return [
        VMRow(
            vm,
            _SYMBOLS.get(vm.state, "unknown"),
            _place(vm, all_listed),
            "CPUs unknown" if vm.vcpus is None else _count(vm.vcpus, "CPU"),
            "memory unknown" if vm.memory_mb is None else memory_text(vm.memory_mb),
            tuple(
                replace(one, repository=aliases.get(one.repository, one.repository))
                for one in vm.definitions
            ),
            f"claim: {claim_text(vm.claim)}" if vm.claim else "",
        )
        for vm in inventory.vms
    ]


def _place(vm: VMEntry, all_listed: bool) -> str:
    if vm.live:
        return ", ".join(live.host for live in vm.live)
    is_known = vm.state == "stopped" or (all_listed and vm.state != "unknown")
    return "none" if is_known else UNKNOWN


# ------------------------------------------------------------------ summary


def _tiles(report: Report) -> list[Tile]:
    inventory = report.inventory
    levels = Counter(finding.level for finding in report.findings)
    bad = [_count(levels[level], level) for level in ("error", "warning") if levels[level]]
    unread = [f"{_count(len(report.unread), 'thing')} could not be read"] if report.unread else []
    return [
        Tile(
            "Hosts",
            str(len(inventory.hosts)),
            _counts("read" if host.status == "ok" else host.status for host in inventory.hosts),
        ),
        _memory_tile(inventory.hosts),
        _repository_tile(report),
        Tile("VMs", str(len(inventory.vms)), _counts(vm.state for vm in inventory.vms)),
        Tile("Doctor", " ".join(bad[:1]) or "no problems", ", ".join([*bad[1:], *unread])),
    ]


def _memory_tile(hosts: Iterable[HostEntry]) -> Tile:
    """Return the sum for the hosts whose figures are known, and how many others there are."""
    memory = [(one.memory_mb, one.free_memory_mb) for one in hosts]
    known = [
        (total, total - free)
        for total, free in memory
        if total and free is not None and 0 <= free <= total
    ]
    left_out = len(memory) - len(known)
    more = f"; {_count(left_out, 'host')} unknown" if left_out else ""
    if not known:
        return Tile("Memory in use", UNKNOWN, more[2:])
    total, used = (sum(figures) for figures in zip(*known, strict=True))
    detail = f"{memory_text(used)} of {memory_text(total)}{more}"
    return Tile("Memory in use", percent_text(used, total), detail)


def _repository_tile(report: Report) -> Tile:
    """Return the fullest one: sums would count a file system twice that two of them are on."""
    rows = _repository_rows(report)
    bars = [(row.space.percent, row) for row in rows if row.space]
    unknown = len(rows) - len(bars)
    details = [f"space of {unknown} unknown"] if unknown else []
    if bars:
        percent, row = max(bars, key=lambda one: one[0])
        name = row.entry.alias or row.entry.id
        details.insert(0, f"fullest: {name}, {percent_text(percent, 100)}")
    return Tile("Repositories", str(len(rows)), "; ".join(details))


def _counts(words: Iterable[str]) -> str:
    return ", ".join(f"{count} {word}" for word, count in Counter(words).most_common())


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
