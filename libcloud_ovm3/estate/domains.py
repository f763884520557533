"""The live domains of a host, from the response to list_vms (agent-behaviour 7.1, 19). Pure.

A list is complete only if Domain-0 is in it and every record can be read: xend may be starting, and
leaves out a domain that it cannot print (xend.md 1.3). What is unusual is kept and reported.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from libcloud_ovm3.agent.config import parse_disk
from libcloud_ovm3.agent.identifiers import dashed
from libcloud_ovm3.agent.texts import names_in
from libcloud_ovm3.errors import MalformedResponse
from libcloud_ovm3.estate.states import DomainFacts

_DOMAIN_0 = "00000000-0000-0000-0000-000000000000"
_SETTINGS = ("maxmem", "vcpus", "cpu_weight", "cpu_cap", "cpus")
_BLOCK_SECTIONS = ("vbd", "tap", "tap2")  # tap: schemes stand under tap2 (xend.md 6)


@dataclass(frozen=True)
class VncEndpoint:
    """Where a VNC console listens on its host.

    :ivar listen: The address that it is bound to, such as ``127.0.0.1`` or ``0.0.0.0``.
    :ivar port: The TCP port.
    """

    listen: str
    port: int


@dataclass(frozen=True)
class BlockDevice:
    """One block device of a live domain.

    :ivar device: its name in the guest, such as ``xvdb``; "" if it is unknown.
    :ivar path: the file or device of the host behind it; None: an empty drive, or unknown.
    :ivar mode: ``r``, ``w`` or ``w!``; "" if it is unknown.
    :ivar is_cdrom: whether it is a CD drive.
    :ivar uname: what is behind it as a vm.cfg has it, ``file:/OVS/…/x.img``; "" as for ``path``.
    """

    device: str
    path: str | None
    mode: str
    is_cdrom: bool
    uname: str = ""


@dataclass(frozen=True)
class Card:
    """One network card of a live domain.

    :ivar mac: in lower case; None: unknown.
    :ivar bridge: None: unknown, or the script has chosen it.
    :ivar port_name: the name of its port on the host, if the vm.cfg chose one (``vifname``).
    :ivar type: ``netfront`` or ``ioemu``; None: both, or unknown.
    :ivar model: of the emulated card; None: xend's default, or unknown.
    """

    mac: str | None
    bridge: str | None
    port_name: str | None = None
    type: str | None = None
    model: str | None = None


@dataclass(frozen=True)
class Domain:
    """One live domain as its host lists it. None means that the listing does not say.

    :ivar xend_state: The letters of ``xm list``, such as ``r-----``.
    :ivar status: xend's own number of the state, as text (xend.md 1.2).
    :ivar start_time: Seconds since 1970 by the host's clock.
    :ivar memory_mb: Its current memory target, not that in vm.cfg.
    :ivar disks: The paths of the files and devices that it holds open.
    :ivar modes: The mode of each of ``disks``: ``r``, ``w`` or ``w!``; "" if it is unknown.
    :ivar block_devices: All its block devices, empty drives too.
    :ivar disks_error: Why ``disks`` may be incomplete; None if it is complete.
    :ivar vnc: Where its VNC console listens now; None: it has none, or has not reported it yet.
    :ivar parts: The devices and boot files of its record, unchanged.
    :ivar listed: What its record says of memory and CPUs besides, unchanged (:mod:`.settings`).
    :ivar is_adopted: Whether xend was restarted since its start: what it keeps of a domain only in
        its own memory is missing in the record then (xend.md 6).
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
    block_devices: tuple[BlockDevice, ...] = ()
    disks_error: str | None = None
    vnc: VncEndpoint | None = None
    parts: Any = field(default=None, repr=False, compare=False)
    listed: Any = field(default=None, repr=False, compare=False)
    is_adopted: bool = False

    @cached_property
    def files(self) -> frozenset[str]:
        """The names of all files that its record may refer to, including those of ``disks``."""
        return names_in([self.parts, self.disks])

    @cached_property
    def cards(self) -> tuple[Card, ...]:
        """Its network cards, in the order of its record; one that is no struct is one of which
        nothing is known.
        """
        sections = self.parts[0] if self.parts else None
        listed = sections.get("vif") if isinstance(sections, dict) else None
        cards = listed if isinstance(listed, list) else [] if listed is None else [listed]
        return tuple(_card(one if isinstance(one, dict) else {}) for one in cards)

    @property
    def macs(self) -> tuple[str, ...]:
        """The MAC addresses of its network cards, in lower case, sorted."""
        return tuple(sorted(card.mac for card in self.cards if card.mac))

    @property
    def label(self) -> str:
        """How messages name it."""
        return f"live domain {self.uuid or self.name or self.domid or '(no name)'}"

    def facts(self) -> DomainFacts:
        """The facts that determine its state."""
        return DomainFacts(
            self.xend_state, self.status, self.name, self.on_poweroff, self.on_reboot
        )


@dataclass(frozen=True)
class DomainList:
    """The content of a list of domains.

    :ivar domains: The guests that could be read, without Domain-0.
    :ivar errors: Why there may be more guests; empty if the list is complete.
    """

    domains: tuple[Domain, ...]
    errors: tuple[str, ...] = ()


def read_domains(response: object) -> DomainList:
    """All guests in a response to list_vms, and the errors in it."""
    if not isinstance(response, list):
        return DomainList((), (f"list_vms returned {type(response).__name__}, not a list",))
    records = [record for record in response if isinstance(record, dict)]
    errors = []
    if len(records) < len(response):
        errors.append("list_vms returned a record that is not a struct")
    guests = [record for record in records if not _is_domain_0(record)]
    if len(guests) == len(records):
        errors.append(
            "list_vms did not return Domain-0, so its list is incomplete: xend may be starting"
        )
    domains = tuple(_read(record) for record in guests)
    errors += [
        f"list_vms returned a domain without name and uuid (domid {domain.domid})"
        for domain in domains
        if not domain.name and not domain.uuid
    ]
    return DomainList(domains, tuple(errors))


def whole_list(response: object, where: str) -> tuple[Domain, ...]:
    """All guests in a response to list_vms that is complete.

    :param where: The host, for the error.
    :raises MalformedResponse: The list may be incomplete.
    """
    found = read_domains(response)
    if found.errors:
        raise MalformedResponse(f"{where}: {'; '.join(found.errors)}", function="list_vms")
    return found.domains


def _is_domain_0(record: dict[str, Any]) -> bool:
    """It has the number 0 and a uuid of zeros; older agents give it no uuid."""
    uuid = dashed(record.get("uuid"))
    return _int(record.get("domid")) == 0 and uuid in (_DOMAIN_0, None)


def _read(record: dict[str, Any]) -> Domain:
    uuid = dashed(record.get("uuid"))
    devices, disks_error = _block_devices(record)
    held = [(one.path, one.mode) for one in devices if one.path]
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
        block_devices=devices,
        disks_error=disks_error,
        vnc=_vnc(record),
        parts=[record.get("device"), record.get("image")],
        listed={key: record.get(key) for key in _SETTINGS},
        is_adopted="store_mfn" not in record,
    )


def _card(struct: dict[str, Any]) -> Card:
    def text(key: str) -> str | None:
        return (_text(struct.get(key)) or "") or None

    return Card(
        mac=(text("mac") or "").lower() or None,
        bridge=text("bridge"),
        port_name=text("vifname"),
        type=text("type"),
        model=text("model"),
    )


def _block_devices(record: dict[str, Any]) -> tuple[tuple[BlockDevice, ...], str | None]:
    """All its block devices, and why this list may be incomplete."""
    sections = record.get("device")
    if not isinstance(sections, dict) or not sections:
        return (), "its record has no devices"
    found: list[BlockDevice] = []
    errors = []
    for section, listed in sections.items():
        if section not in _BLOCK_SECTIONS and not str(section).startswith(("vbd", "tap")):
            continue
        for device in listed if isinstance(listed, list) else [listed]:
            path, error = _path(device)
            found += [_block_device(device, path)] if isinstance(device, dict) else []
            errors += [f"{section}: {error}"] if error else []
    return tuple(found), "; ".join(errors) or None


def _block_device(device: dict[str, Any], path: str | None) -> BlockDevice:
    name, _, use = str(device.get("dev") or "").partition(":")
    is_cdrom, uname = "cdrom" in use.lower(), str(device.get("uname") or "")
    return BlockDevice(name, path, str(device.get("mode") or ""), is_cdrom, uname)


def _vnc(record: dict[str, Any]) -> VncEndpoint | None:
    """The ``location`` of its first vfb; xend adds it when qemu has reported its port (xend.md 6).

    xend chooses the port anew at each start, so that of vm.cfg may be another one (6.6).
    """
    sections = record.get("device")
    listed = sections.get("vfb") if isinstance(sections, dict) else None
    vfb = listed[0] if isinstance(listed, list) and listed else listed
    location = vfb.get("location") if isinstance(vfb, dict) else None
    listen, colon, port = str(location or "").strip().rpartition(":")
    if not colon or not re.fullmatch("[0-9]{1,5}", port) or not 0 < int(port) < 65536:
        return None
    return VncEndpoint(listen.strip("[]"), int(port))


def _path(device: object) -> tuple[str | None, str | None]:
    """The path that one block device holds open, or why it is unknown."""
    if not isinstance(device, dict):
        return None, f"a device that is not a struct, {str(device)[:80]!r}"
    uname = device.get("uname")
    if isinstance(uname, str) and uname.strip():
        path = parse_disk(f"{uname},xvda,w").path
        return path, None if path else f"{uname[:80]!r} is not a path"
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
