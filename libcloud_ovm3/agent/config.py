"""What a vm.cfg says: the struct of ``get_vm_config``, or a file's text, <-> a frozen dataclass.

Pure. Nothing is lost: what is not understood stays in ``values`` and is sent back as it was.
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


@dataclass(frozen=True)
class VncOptions:
    """What a definition wants of VNC. The real port is in the live data only (6.6).

    :ivar listen: None: 127.0.0.1.
    :ivar display: port 5900 + this, unless any free one will do.
    :ivar takes_any_port: ``vncunused``, on unless it is switched off (xend.md 3).
    """

    listen: str | None
    display: int | None
    takes_any_port: bool
    keymap: str | None
    password: str | None = field(repr=False)


@dataclass(frozen=True, repr=False)
class VMConfig:
    """A VM's definition, Manager-made, CloudStack-made or written by hand.

    ``str()`` and ``repr()`` show neither passwords nor anything else of the values.

    :ivar values: every option as it was read, those included that nobody here knows.
    """

    values: Mapping[str, Any]

    @classmethod
    def from_text(cls, text: str | bytes) -> VMConfig:
        """From the file, as the agent would answer it: XML-RPC has no tuples, only lists.

        :raises InvalidArgument: it is more than assignments of values; names the line.
        """
        return cls({key: _as_sent(value) for key, value in vmcfg.parse(text).items()})

    def to_text(self) -> str:
        """The file, one line a key. Comments are not kept.

        :raises InvalidArgument: a key is no name, or a value is no literal.
        """
        return vmcfg.text_of(self.values)

    def changed(self, **options: Any) -> VMConfig:
        """With these options; all others stay as they are, in their order."""
        return VMConfig({**self.values, **options})

    def to_struct(self) -> dict[str, Any]:
        """What ``create_vm`` and ``configure_vm`` are sent: everything that was there."""
        return copy.deepcopy(dict(self.values))

    def __repr__(self) -> str:
        return f"VMConfig({self.simple_name or self.name!r}, uuid={self.uuid!r})"

    # -- who it is

    @property
    def uuid(self) -> str | None:
        """Dashed, in lower case. None: xend makes one up at each start (xend.md 7)."""
        return dashed(self.get_text("uuid"))

    @property
    def name(self) -> str:
        """The name that xend is given; "" if there is none."""
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
        """An option as a text without blanks around it; "" if there is none."""
        value = self.values.get(key)
        return "" if value is None else _text(value).strip()

    # -- what it has

    @property
    def memory_mb(self) -> int | None:
        """MB. None: not said, or no number above 0."""
        return self._number("memory") or None

    @property
    def max_memory_mb(self) -> int | None:
        """MB that it may grow to: ``maxmem``, else its memory (xend.md 7)."""
        return self._number("maxmem") or self.memory_mb

    @property
    def vcpus(self) -> int | None:
        """Virtual CPUs at the start. None: not said, or no number above 0."""
        return self._number("vcpus") or None

    @property
    def max_vcpus(self) -> int | None:
        """Virtual CPUs that it may have: ``maxvcpus``, where 0 is "not set" (6.1), else vcpus."""
        return self._number("maxvcpus") or self.vcpus

    @property
    def domain_type(self) -> str:
        """``OVM_domain_type``: ``xen_pvm``, ``xen_hvm``, …; "" if there is none."""
        return self.get_text("OVM_domain_type")

    @property
    def is_hvm(self) -> bool:
        """Whether xend builds an HVM guest. ``builder`` decides, which the agent is believed to
        derive from OVM_domain_type where it is missing (agent-behaviour 6.1).
        """
        builder = self.get_text("builder").lower()
        return builder == "hvm" if builder else "hvm" in self.domain_type.lower()

    @property
    def is_high_availability(self) -> bool | None:
        """The agent's HA flag. None: not said."""
        return _flag(self.values.get("OVM_high_availability"))

    @cached_property
    def disks(self) -> tuple[DiskEntry, ...]:
        """All disks and drives, in the order of the list; what is not a text is left out."""
        return tuple(parse_disk(text) for text in _texts(self.values, "disk"))

    @cached_property
    def file_names(self) -> frozenset[str]:
        """The names, without folders, of all files that any of its options may mean."""
        return names_in(dict(self.values)).union(*(disk.file_names for disk in self.disks))

    @property
    def system_disk(self) -> DiskEntry | None:
        """The first that is no CD drive."""
        return next((disk for disk in self.disks if not disk.is_cdrom), None)

    @property
    def vifs(self) -> tuple[Vif, ...]:
        """Its network cards, in the guest's order."""
        return tuple(Vif(text) for text in _texts(self.values, "vif"))

    @property
    def vfbs(self) -> tuple[Vfb, ...]:
        """Its virtual screens."""
        return tuple(Vfb(text) for text in _texts(self.values, "vfb"))

    @property
    def vnc(self) -> VncOptions | None:
        """What it wants of VNC: a vfb entry, or on HVM options of its own. None: nothing."""
        for vfb in self.vfbs:
            if vfb.is_vnc:
                return _wish(vfb.options)
        return _wish(self.values) if self.is_hvm and _flag(self.values.get("vnc")) else None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What stands in it and cannot be right, in words; no password among them."""
        odd = [
            f"{key} is no number above 0"
            for key in ("memory", "vcpus")
            if key in self.values and not self._number(key)
        ]
        for key in ("disk", "vif", "vfb"):
            entries = self.values.get(key, [])
            if not isinstance(entries, list) or not all(isinstance(one, str) for one in entries):
                odd.append(f"{key} is no list of texts")
        odd += [f"disk entry {d.text[:200]!r} is none" for d in self.disks if not d.is_understood]
        devices = [disk.device for disk in self.disks if disk.device]
        twice = dict.fromkeys(name for name in devices if devices.count(name) > 1)
        return (*odd, *(f"two disks are {device}" for device in twice))

    def _number(self, key: str) -> int | None:
        return whole_number(self.values.get(key))


def _as_sent(value: Any) -> Any:
    """A value as it looks after XML-RPC."""
    if isinstance(value, list | tuple):
        return [_as_sent(item) for item in value]
    if isinstance(value, dict):
        return {key: _as_sent(item) for key, item in value.items()}
    return value


def whole_number(value: object) -> int | None:
    """A number as xend takes it: texts are converted, fractions cut off (xend.md 7).

    :return: None for negative ones, for booleans, which xend drops, and for all else.
    """
    if isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,18}\s*", value, re.ASCII):
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
    try:
        return str(value)
    except ValueError:  # a number of more digits than Python prints
        return ""


def _flag(value: object) -> bool | None:
    word = _text(value).strip().lower()
    return {"true": True, "1": True, "false": False, "0": False}.get(word)


def _wish(options: Mapping[str, Any]) -> VncOptions:
    return VncOptions(
        listen=_text(options.get("vnclisten") or "") or None,
        display=whole_number(options.get("vncdisplay")),
        takes_any_port=_flag(options.get("vncunused")) is not False,
        keymap=_text(options.get("keymap") or "") or None,
        password=_text(options.get("vncpasswd") or "") or None,
    )
