"""The live domains of a host, out of what list_vms answers (agent-behaviour 7.1). Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from libcloud_ovm3.agent.config import parse_disk
from libcloud_ovm3.agent.identifiers import dashed
from libcloud_ovm3.estate.states import Sighting

_DOMAIN_0 = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True)
class Domain:
    """One live domain as its host lists it. None: the listing does not say.

    :ivar start_time: by the host's clock, in seconds since 1970.
    :ivar memory_mb: its current target, not what vm.cfg says.
    :ivar disks: the paths of the files and devices that it holds.
    """

    uuid: str | None
    name: str | None
    domid: int | None
    letters: str | None
    status: str | None
    memory_mb: int | None
    vcpus: int | None
    start_time: float | None
    on_poweroff: str | None
    on_reboot: str | None
    disks: tuple[str, ...] = ()

    def as_sighting(self) -> Sighting:
        """What decides its state."""
        return Sighting(self.letters, self.status, self.name, self.on_poweroff, self.on_reboot)


def read_domains(answer: list[Any]) -> tuple[Domain, ...]:
    """All guests in a list_vms answer; Domain-0, known by its uuid of zeros, is none."""
    domains = (_read(record) for record in answer if isinstance(record, dict))
    return tuple(d for d in domains if d.uuid != _DOMAIN_0 and not (d.domid == 0 and not d.uuid))


def _read(record: dict[str, Any]) -> Domain:
    return Domain(
        uuid=dashed(record.get("uuid")),
        name=_text(record.get("name")),
        domid=_int(record.get("domid")),
        letters=_text(record.get("state")),
        status=_text(record.get("status")),
        memory_mb=_int(record.get("memory")),
        vcpus=_int(record.get("online_vcpus")),
        start_time=_float(record.get("start_time")),
        on_poweroff=_text(record.get("on_poweroff")),
        on_reboot=_text(record.get("on_reboot")),
        disks=tuple(_disks(record)),
    )


def _disks(record: dict[str, Any]) -> Iterator[str]:
    devices = record.get("device")
    listed = devices.get("vbd") if isinstance(devices, dict) else None
    for vbd in listed if isinstance(listed, list) else ():
        uname = vbd.get("uname") if isinstance(vbd, dict) else None
        path = parse_disk(f"{uname},xvda,w").path if isinstance(uname, str) else None
        if path:
            yield path


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
