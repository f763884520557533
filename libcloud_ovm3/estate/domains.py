"""The live domains of a host, out of what list_vms answers (agent-behaviour 7.1, 19). Pure.

A list is an answer only if Domain-0 is on it and every record can be read: xend may be coming up,
and leaves out a domain that it cannot print (xend.md 1.3). What is odd is kept and said.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from libcloud_ovm3.agent.config import parse_disk
from libcloud_ovm3.agent.identifiers import dashed
from libcloud_ovm3.agent.texts import names_in
from libcloud_ovm3.errors import MalformedResponse
from libcloud_ovm3.estate.states import DomainFacts

_DOMAIN_0 = "00000000-0000-0000-0000-000000000000"
_BLOCK_SECTIONS = ("vbd", "tap", "tap2")  # tap: schemes stand under tap2 (xend.md 6)


@dataclass(frozen=True)
class Domain:
    """One live domain as its host lists it. None: the listing does not say.

    :ivar start_time: by the host's clock, in seconds since 1970.
    :ivar memory_mb: its current target, not what vm.cfg says.
    :ivar disks: the paths of the files and devices that it holds.
    :ivar modes: of each of ``disks``, how it is held: ``r``, ``w``, ``w!``; "" is not said.
    :ivar disks_error: why it is not known what else it holds; None: that is all.
    :ivar parts: what its record says of devices and boot files, as it was read.
    """

    uuid: str | None
    name: str | None
    domid: int | None
    xend_state: str | None
    status: str | None
    memory_mb: int | None
    vcpus: int | None
    start_time: float | None
    on_poweroff: str | None
    on_reboot: str | None
    disks: tuple[str, ...] = ()
    modes: tuple[str, ...] = ()
    disks_error: str | None = None
    parts: Any = field(default=None, repr=False, compare=False)

    @cached_property
    def files(self) -> frozenset[str]:
        """The names of all files that its record may mean, those of ``disks`` included."""
        return names_in([self.parts, self.disks])

    @property
    def label(self) -> str:
        """How messages name it."""
        return f"live domain {self.uuid or self.name or self.domid or '(nameless)'}"

    def facts(self) -> DomainFacts:
        """What decides its state."""
        return DomainFacts(
            self.xend_state, self.status, self.name, self.on_poweroff, self.on_reboot
        )


@dataclass(frozen=True)
class DomainList:
    """What a list of domains says.

    :ivar domains: the guests on it that can be read, Domain-0 not among them.
    :ivar problems: why there may be more than these; none: it is the whole truth.
    """

    domains: tuple[Domain, ...]
    errors: tuple[str, ...] = ()


def read_domains(answer: object) -> DomainList:
    """All guests in a list_vms answer, and what is wrong with it."""
    if not isinstance(answer, list):
        return DomainList((), (f"list_vms answered {type(answer).__name__}, no list",))
    records = [record for record in answer if isinstance(record, dict)]
    problems = []
    if len(records) < len(answer):
        problems.append("list_vms has a record that is no struct")
    guests = [record for record in records if not _is_domain_0(record)]
    if len(guests) == len(records):
        problems.append("list_vms lacks Domain-0, so it is no answer: xend may be coming up")
    domains = tuple(_read(record) for record in guests)
    problems += [
        f"list_vms has a domain without name and uuid (domid {domain.domid})"
        for domain in domains
        if not domain.name and not domain.uuid
    ]
    return DomainList(domains, tuple(problems))


def whole_list(answer: object, where: str) -> tuple[Domain, ...]:
    """The guests of a list_vms answer that can be trusted to be all.

    :param where: the host, for the error.
    :raises MalformedResponse: it may lack some.
    """
    found = read_domains(answer)
    if found.errors:
        raise MalformedResponse(f"{where}: {'; '.join(found.errors)}", function="list_vms")
    return found.domains


def _is_domain_0(record: dict[str, Any]) -> bool:
    """By number and uuid of zeros; older ones give it no uuid."""
    uuid = dashed(record.get("uuid"))
    return _int(record.get("domid")) == 0 and uuid in (_DOMAIN_0, None)


def _read(record: dict[str, Any]) -> Domain:
    uuid = dashed(record.get("uuid"))
    held, problem = _disks(record)
    disks = tuple(path for path, _ in held)
    return Domain(
        uuid=None if uuid == _DOMAIN_0 else uuid,
        name=_text(record.get("name")),
        domid=_int(record.get("domid")),
        xend_state=_text(record.get("state")),
        status=_text(record.get("status")),
        memory_mb=_int(record.get("memory")),
        vcpus=_int(record.get("online_vcpus")),
        start_time=_float(record.get("start_time")),
        on_poweroff=_text(record.get("on_poweroff")),
        on_reboot=_text(record.get("on_reboot")),
        disks=disks,
        modes=tuple(mode for _, mode in held),
        disks_error=problem,
        parts=[record.get("device"), record.get("image")],
    )


def _disks(record: dict[str, Any]) -> tuple[list[tuple[str, str]], str | None]:
    """Path and mode of its block devices of every kind and form; why these may not be all."""
    sections = record.get("device")
    if not isinstance(sections, dict) or not sections:
        return [], "its record has no devices"
    held: list[tuple[str, str]] = []
    problems = []
    for section, listed in sections.items():
        if section not in _BLOCK_SECTIONS and not str(section).startswith(("vbd", "tap")):
            continue
        for device in listed if isinstance(listed, list) else [listed]:
            path, problem = _path(device)
            held += [(path, str(device.get("mode") or ""))] if path else []
            problems += [f"{section}: {problem}"] if problem else []
    return held, "; ".join(problems) or None


def _path(device: object) -> tuple[str | None, str | None]:
    """What one block device holds, or why that is not known."""
    if not isinstance(device, dict):
        return None, f"a device that is no struct, {str(device)[:80]!r}"
    uname = device.get("uname")
    if isinstance(uname, str) and uname.strip():
        path = parse_disk(f"{uname},xvda,w").path
        return path, None if path else f"{uname[:80]!r} is no path"
    if "cdrom" in str(device.get("dev", "")).lower():
        return None, None  # an empty drive
    return None, f"device {device.get('dev')!r} without uname"


def _text(value: object) -> str | None:
    return None if value is None else str(value).strip()


def _int(value: object) -> int | None:
    number = _float(value)
    return None if number is None else int(number)


def _float(value: object) -> float | None:
    try:
        number = float(str(value))
    except ValueError:
        return None
    return number if abs(number) < 1e15 else None
