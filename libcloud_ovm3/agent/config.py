"""A vm.cfg as a frozen dataclass, from the struct of ``get_vm_config`` or from the file. Pure.

This is its only form in memory. Nothing is lost: options that are not understood stay in ``values``
and are sent back unchanged.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from libcloud_ovm3.agent import vmcfg
from libcloud_ovm3.agent.disk import DiskEntry, format_disk, parse_disk
from libcloud_ovm3.agent.identifiers import dashed
from libcloud_ovm3.agent.texts import names_in
from libcloud_ovm3.agent.vif import Vfb, Vif

__all__ = ["DiskEntry", "VMConfig", "VncOptions", "format_disk", "parse_disk"]

_WHOLE_NUMBER = re.compile(r"\s*[0-9]{1,18}\s*", re.ASCII)
_FLAGS = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True)
class VncOptions:
    """The VNC options of a definition. The actual port is only in the live data (6.6).

    :ivar listen: The address to listen on; None means 127.0.0.1.
    :ivar display: The port is 5900 + this number, unless any free port may be used.
    :ivar takes_any_port: ``vncunused``, which is on by default (xend.md 3).
    :ivar keymap: The keyboard layout.
    :ivar password: The password; None if there is none.
    """

    listen: str | None
    display: int | None
    takes_any_port: bool
    keymap: str | None
    password: str | None = field(repr=False)


@dataclass(frozen=True, repr=False)
class VMConfig:
    """A VM's definition, made by a Manager, by CloudStack or by hand.

    ``str()`` and ``repr()`` show only its names and uuid, so no passwords.

    :ivar values: Every option as it was read, including unknown ones.
    """

    values: Mapping[str, Any]

    @classmethod
    def from_text(cls, text: str | bytes) -> VMConfig:
        """Parse the file. Tuples become lists, as in the agent's response: XML-RPC has no tuples.

        :raises InvalidArgument: It has more than assignments of plain values; names the line.
        """
        return cls({key: _as_sent(value) for key, value in vmcfg.parse(text).items()})

    def to_text(self) -> str:
        """The file, one line per option, without comments.

        :raises InvalidArgument: A key is not a valid name, or a value is not a literal.
        """
        return vmcfg.text_of(self.values)

    def changed(self, **options: Any) -> VMConfig:
        """A copy with these options; all others are unchanged and keep their order."""
        return VMConfig({**self.values, **options})

    def to_struct(self) -> dict[str, Any]:
        """The struct for ``create_vm`` and ``configure_vm``, with all options."""
        return copy.deepcopy(dict(self.values))

    def __repr__(self) -> str:
        return f"VMConfig({self.simple_name or self.name!r}, uuid={self.uuid!r})"

    # -- identity

    @property
    def uuid(self) -> str | None:
        """The dashed lower-case uuid; None if there is none: xend generates one at each start
        (xend.md 7)."""
        return dashed(self.get_text("uuid"))

    @property
    def name(self) -> str:
        """The name for xend; "" if there is none."""
        return self.get_text("name")

    @property
    def simple_name(self) -> str:
        """The Manager's display name; "" if there is none."""
        return self.get_text("OVM_simple_name")

    @property
    def description(self) -> str:
        """The Manager's description; "" if there is none."""
        return self.get_text("OVM_description")

    def get_text(self, key: str) -> str:
        """An option as text without surrounding white space; "" if it is missing."""
        value = self.values.get(key)
        return "" if value is None else _text(value).strip()

    # -- resources

    @property
    def memory_mb(self) -> int | None:
        """Memory in MB; None if it is missing or not a number above 0."""
        return self._number("memory") or None

    @property
    def max_memory_mb(self) -> int | None:
        """Maximum memory in MB: ``maxmem``, else its memory (xend.md 7)."""
        return self._number("maxmem") or self.memory_mb

    @property
    def vcpus(self) -> int | None:
        """Virtual CPUs at the start; None if this is missing or not a number above 0."""
        return self._number("vcpus") or None

    @property
    def max_vcpus(self) -> int | None:
        """Maximum virtual CPUs: ``maxvcpus``, where 0 means "not set" (6.1), else ``vcpus``."""
        return self._number("maxvcpus") or self.vcpus

    @property
    def domain_type(self) -> str:
        """``OVM_domain_type``: ``xen_pvm``, ``xen_hvm``, …; "" if there is none."""
        return self.get_text("OVM_domain_type")

    @property
    def is_hvm(self) -> bool:
        """Whether xend builds an HVM guest. ``builder`` decides; where it is missing, the agent
        probably derives it from OVM_domain_type (agent-behaviour 6.1).
        """
        builder = self.get_text("builder").lower()
        return builder == "hvm" if builder else "hvm" in self.domain_type.lower()

    @property
    def is_high_availability(self) -> bool | None:
        """The agent's HA flag; None if it is missing."""
        return _flag(self.values.get("OVM_high_availability"))

    @cached_property
    def disks(self) -> tuple[DiskEntry, ...]:
        """All disks and drives, in the order of the list; what is not a text is left out."""
        return tuple(parse_disk(text) for text in _texts(self.values, "disk"))

    @cached_property
    def file_names(self) -> frozenset[str]:
        """The names, without folders, of all files that any of its options may refer to."""
        return names_in(dict(self.values)).union(*(disk.file_names for disk in self.disks))

    @property
    def system_disk(self) -> DiskEntry | None:
        """The first disk that is not a CD drive; None if there is none."""
        return next((disk for disk in self.disks if not disk.is_cdrom), None)

    @property
    def vifs(self) -> tuple[Vif, ...]:
        """Its network cards, in the guest's order. Made anew each time: kept objects cost a listing
        more, in Python's garbage collector, than making them."""
        return tuple(Vif(text) for text in _texts(self.values, "vif"))

    @property
    def vfbs(self) -> tuple[Vfb, ...]:
        """Its virtual screens."""
        return tuple(Vfb(text) for text in _texts(self.values, "vfb"))

    @property
    def vnc(self) -> VncOptions | None:
        """Its VNC options, of a vfb entry or, on HVM, top-level ones; None if there are none."""
        for vfb in self.vfbs:
            if vfb.is_vnc:
                return _vnc_options(vfb.options)
        return _vnc_options(self.values) if self.is_hvm and _flag(self.values.get("vnc")) else None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is certainly wrong in it, in words and without passwords."""
        odd = [
            f"{key} is not a number above 0"
            for key in ("memory", "vcpus")
            if key in self.values and not self._number(key)
        ]
        for key in ("disk", "vif", "vfb"):
            entries = self.values.get(key, [])
            if not isinstance(entries, list) or not all(isinstance(one, str) for one in entries):
                odd.append(f"{key} is not a list of strings")
        odd += [
            f"{d.text[:200]!r} is not a valid disk entry" for d in self.disks if not d.is_understood
        ]
        devices = [disk.device for disk in self.disks if disk.device]
        twice = dict.fromkeys(name for name in devices if devices.count(name) > 1)
        return (*odd, *(f"two disks are named {device}" for device in twice))

    def _number(self, key: str) -> int | None:
        return whole_number(self.values.get(key))


def _as_sent(value: Any) -> Any:
    """A value as it would be after XML-RPC."""
    if isinstance(value, str):  # as most are
        return value
    if isinstance(value, list | tuple):
        return [_as_sent(item) for item in value]
    if isinstance(value, dict):
        return {key: _as_sent(item) for key, item in value.items()}
    return value


def whole_number(value: object) -> int | None:
    """A number as xend reads it: texts are converted and fractions cut off (xend.md 7).

    :return: None for negative numbers, for booleans, which xend drops, and for anything else.
    """
    if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value < 10**18 else None


def _texts(config: Mapping[str, Any], key: str) -> tuple[str, ...]:
    entries = config.get(key)
    if not isinstance(entries, list):
        return ()
    return tuple(entry for entry in entries if isinstance(entry, str))


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    try:
        return str(value)
    except ValueError:  # a number of more digits than Python prints
        return ""


def _flag(value: object) -> bool | None:
    return _FLAGS.get(_text(value).strip().lower())


def _vnc_options(options: Mapping[str, Any]) -> VncOptions:
    return VncOptions(
        listen=_text(options.get("vnclisten") or "") or None,
        display=whole_number(options.get("vncdisplay")),
        takes_any_port=_flag(options.get("vncunused")) is not False,
        keymap=_text(options.get("keymap") or "") or None,
        password=_text(options.get("vncpasswd") or "") or None,
    )
