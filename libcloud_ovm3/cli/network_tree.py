"""The networks of a host as a tree: what carries what, down to the VMs. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich.text import Text
from rich.tree import Tree

from libcloud_ovm3.cli.option_names import with_option_names
from libcloud_ovm3.errors import shown
from libcloud_ovm3.estate.network_facts import is_made_at_start, labels_of
from libcloud_ovm3.estate.networks import (
    BOND,
    NIC,
    VLAN,
    HostBridge,
    HostDevice,
    HostNetwork,
    NetworkList,
)

_MODES = (
    "balance-rr", "active-backup", "balance-xor", "broadcast",
    "802.3ad", "balance-tlb", "balance-alb",
)  # fmt: skip
_KINDS = {NIC: "NIC", BOND: "bond", VLAN: "VLAN"}


def host_tree(found: NetworkList, host: HostNetwork) -> Tree:
    """Return what a host has, and which networks it lacks that others have."""
    if host.error is not None:
        return unread_tree(host.host.label, with_option_names(str(host.error)))
    tree = Tree(_text(host.host.label, style="bold"))
    drawn: set[str] = set()
    others = [one for one in host.devices if one.bond is None]  # a bond has its slaves in its line
    for device in (*(one for one in others if not host.device(one.parent)), *others):
        _add_device(tree, found, host, device, drawn)
    for bridge in host.bridges:
        if bridge.name not in drawn and not bridge.is_local:
            _add_bridge(tree, found, host, bridge)
    local = [bridge for bridge in host.bridges if bridge.is_local]
    branch = tree.add(_text("local bridges")) if local else tree
    for bridge in local:
        _add_bridge(branch, found, host, bridge)
    lacking = [name for name in found.names() if host.bridge(name) is None]
    made = [name for name in lacking if is_made_at_start(found, host, name)]
    if made:
        tree.add(_text(f"made when a VM needs them: {', '.join(made)}"))
    for name in (one for one in lacking if one not in made):
        there = ", ".join(one.host.server.hostname or one.host.label
                          for one, _ in found.bridge(name))  # fmt: skip
        tree.add(_text(f"missing: {name} (on {there})", style="yellow"))
    return tree


def unread_tree(host: str, error: str) -> Tree:
    """Return a host whose network is not known."""
    tree = Tree(_text(host, style="bold"))
    tree.add(_text(f"could not be read: {error}", style="red"))
    return tree


def _add_device(
    tree: Tree, found: NetworkList, host: HostNetwork, device: HostDevice, drawn: set[str]
) -> None:
    """Add a device, the bridges on it, and the VLAN devices on it with theirs; each one once."""
    if device.name in drawn:
        return
    drawn.add(device.name)
    branch = tree.add(_line(device.name, _device_words(found, host, device)))
    for bridge in host.bridges:
        if bridge.parent == device.name:
            drawn.add(bridge.name)
            _add_bridge(branch, found, host, bridge)
    for other in host.devices:
        if other.parent == device.name:
            _add_device(branch, found, host, other, drawn)


def _add_bridge(tree: Tree, found: NetworkList, host: HostNetwork, bridge: HostBridge) -> None:
    branch = tree.add(_line(bridge.name, _bridge_words(found, host, bridge)))
    for vm_id in bridge.guests:
        branch.add(_text(f"VM {found.estate.vm(vm_id).name}"))


def _text(text: str, style: str = "") -> Text:
    return Text(shown(text), style)


def _line(name: str, words: Iterator[str]) -> Text:
    return Text.assemble((shown(name), "bold"), shown(f": {', '.join(words)}"))


def _device_words(found: NetworkList, host: HostNetwork, device: HostDevice) -> Iterator[str]:
    yield _KINDS[device.kind] + (f" {device.vlan}" if device.vlan is not None else "")
    if device.parent is not None and host.device(device.parent) is None:
        yield f"its device {device.parent} is missing"
    if device.kind == BOND:
        yield mode_text(device.mode)
        yield f"slaves {' '.join(_slaves(device)) or 'none'}"
    if device.is_up is False:
        yield "down"
    yield from device.addresses
    yield from () if device.mtu is None else [f"MTU {device.mtu}"]
    if host.bridge_on(device.name) is None:  # else that line has them
        yield from _labels(label for label, name in found.labels.items() if name == device.name)
    yield from role_words(device.roles, device.has_unknown_roles)


def _slaves(device: HostDevice) -> Iterator[str]:
    for name in device.slaves:
        yield f"{name} (active)" if name == device.active_slave else name


def _bridge_words(found: NetworkList, host: HostNetwork, bridge: HostBridge) -> Iterator[str]:
    is_on_it = bridge.parent is None or host.device(bridge.parent) is not None
    yield "bridge" if is_on_it else f"bridge on {bridge.parent}"
    yield from host.addresses_of(bridge.name)
    yield from () if bridge.mtu is None else [f"MTU {bridge.mtu}"]
    yield from _labels(labels_of(bridge, host, found.labels))
    yield from () if bridge.doubt is None else [bridge.doubt]
    if bridge.metadata:  # else they are those of the devices below, which have them already
        yield from role_words(bridge.roles, bridge.has_unknown_roles)


def _labels(names: Iterable[str]) -> Iterator[str]:
    labels = list(names)
    if labels:
        yield f"label{'s' if len(labels) > 1 else ''} {' '.join(labels)}"


def mode_text(mode: int | None) -> str:
    """Return the name of the mode of a bond, and its number."""
    return "mode unknown" if mode is None else f"{_MODES[mode]} (mode {mode})"


def role_words(roles: Sequence[str], has_unknown: bool) -> list[str]:
    """Return the roles in the Manager's metadata."""
    return [*roles, *(["unknown roles"] if has_unknown else [])]
