"""What the names of interfaces say: VLANs, ports of guests, old names of bridges. Pure."""

from __future__ import annotations

import re

LONGEST_NAME = 15  # of an interface, in characters: the kernel's IFNAMSIZ without the last byte

_VLAN = re.compile(r"(.+)\.([0-9]{1,4})")
# The ports of guests, as xend's scripts name them: of netfront cards, of emulated ones.
_GUEST_PORT = re.compile(r"(vif|tap)[0-9]+\.[0-9]+(-emu)?")
_OLD_NAME = re.compile("xenbr([0-9]+)")


def split_vlan(name: str) -> tuple[str, int] | None:
    """``("bond0", 160)`` of ``bond0.160``: the name of a VLAN device, or of the bridge on one, and
    the number in it, whether a VLAN can have that or not; None: the name has another form.
    """
    form = _VLAN.fullmatch(name)
    return (form[1], int(form[2])) if form else None


def label_bridge(device: str) -> str:
    """The bridge that the device of a traffic label gets where it has none."""
    return f"br{device}"


def label_device(bridge: str) -> str:
    """The device whose label a bridge, or one on a VLAN of it, may be of: ``eth1`` of ``breth1``
    and of ``breth1.160``; "": none.
    """
    form = split_vlan(bridge)
    name = form[0] if form else bridge
    return name.removeprefix("br") if name.startswith("br") else ""


def is_guest_port(name: str) -> bool:
    """Whether xend gives this name to the port of a guest: ``vif7.0``, ``tap7.0``, ``vif7.0-emu``,
    if the guest's vm.cfg names no other.
    """
    return _GUEST_PORT.fullmatch(name) is not None


def found_as(bridge: str) -> tuple[str, ...]:
    """The bridges that xend's script takes for the one that a card names, the first one that is
    there: for ``xenbr0`` also ``eth0`` (xend.md 3).
    """
    old = _OLD_NAME.fullmatch(bridge)
    return (bridge, f"eth{old[1]}") if old else (bridge,)
