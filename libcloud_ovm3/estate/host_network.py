"""The network of one host: NICs, bonds, VLAN devices, bridges, from discover_network. Pure.

Sources: agent-behaviour 13. The document does not say what hangs on what: the device below a bridge
is the port that is no guest's, the one below a VLAN device follows from the kernel's link numbers,
or from its name.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from libcloud_ovm3.agent import documents
from libcloud_ovm3.agent.host_networks import Route
from libcloud_ovm3.errors import Ovm3Error
from libcloud_ovm3.estate.bonds import mode_number, slave_name
from libcloud_ovm3.estate.host_addresses import Addresses
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.interface_names import is_guest_port, split_vlan
from libcloud_ovm3.estate.vms import EstateSnapshot

NIC, BOND, VLAN = "nic", "bond", "vlan"

_VLAN_NUMBER_NAME = re.compile("vlan0*([1-9][0-9]{0,3})")
_BOND_NAME = re.compile("bond[0-9]+")
_FLAGS = re.compile(r"\((0x[0-9a-fA-F]+)\)")
_UP, _MASTER = 0x1, 0x400  # IFF_UP, IFF_MASTER of linux/if.h


@dataclass(frozen=True)
class HostDevice:
    """A NIC, bond or VLAN device of a host.

    :ivar kind: ``nic``, ``bond`` or ``vlan``.
    :ivar mac: in lower case; None: unknown.
    :ivar mtu: in bytes; None: unknown.
    :ivar parent: of a VLAN device the name of the device below it, whether that is there or not;
        None of all others, and where it is unknown.
    :ivar vlan: of a VLAN device its number; None: unknown.
    :ivar bond: of which bond it is a slave; None: of none.
    :ivar mode: of a bond, 0 to 6; None: unknown.
    :ivar slaves: of a bond.
    :ivar active_slave: of a bond; None: none is, or unknown.
    :ivar primary_slave: of a bond the slave that is active whenever it is up; None: none, or
        unknown.
    :ivar addresses: ``10.0.0.5/24``; where the host module does not tell them, of a bond only:
        others may have some.
    :ivar metadata: how the Manager uses it, as it wrote it; None: it says nothing.
    :ivar roles: the words of ``metadata``: ``MANAGEMENT``, ``CLUSTER_HEARTBEAT`` ...
    :ivar has_unknown_roles: whether ``metadata`` says something that is not understood: it may be
        any role.
    :ivar is_up: None: unknown.
    """

    name: str
    kind: str
    mac: str | None = None
    mtu: int | None = None
    parent: str | None = None
    vlan: int | None = None
    bond: str | None = None
    mode: int | None = None
    slaves: tuple[str, ...] = ()
    active_slave: str | None = None
    primary_slave: str | None = None
    addresses: tuple[str, ...] = ()
    metadata: str | None = None
    roles: tuple[str, ...] = ()
    has_unknown_roles: bool = False
    is_up: bool | None = None


@dataclass(frozen=True)
class HostBridge:
    """A bridge of a host.

    :ivar parent: the NIC, bond or VLAN device that is its port; None: it is local, or that is
        unknown (``doubt``).
    :ivar vlan: the number of the VLAN device that is its port; None: it has none, or unknown.
    :ivar is_local: whether certainly nothing but guests is on it.
    :ivar mtu: in bytes; None: unknown: no source shows it in the document.
    :ivar addresses: the host's own on it: ``10.0.0.5/24``.
    :ivar roles: of its metadata, and of that of all devices below.
    :ivar has_unknown_roles: whether one of these says something that is not understood.
    :ivar ports: all of them.
    :ivar guest_ports: those of guests.
    :ivar guests: the ids of the VMs that are live on this host with a card on it.
    :ivar doubt: why its parent is unknown; None: it is known.
    """

    name: str
    parent: str | None = None
    vlan: int | None = None
    is_local: bool = False
    mac: str | None = None
    mtu: int | None = None
    addresses: tuple[str, ...] = ()
    metadata: str | None = None
    roles: tuple[str, ...] = ()
    has_unknown_roles: bool = False
    ports: tuple[str, ...] = ()
    guest_ports: tuple[str, ...] = ()
    guests: tuple[str, ...] = ()
    doubt: str | None = None


@dataclass(frozen=True)
class HostNetwork:
    """The network of one host.

    :ivar error: why it could not be read: then it is unknown, not empty.
    :ivar told: the addresses of all its devices, as the host module tells; None: it does not.
    :ivar routes: the same of its IPv4 routes.
    """

    host: HostView
    devices: tuple[HostDevice, ...] = ()
    bridges: tuple[HostBridge, ...] = ()
    error: Ovm3Error | None = None
    told: Addresses | None = None
    routes: tuple[Route, ...] | None = None

    def device(self, name: str | None) -> HostDevice | None:
        """The NIC, bond or VLAN device with this name."""
        return next((one for one in self.devices if one.name == name), None)

    def bridge(self, name: str | None) -> HostBridge | None:
        """The bridge with this name."""
        return next((one for one in self.bridges if one.name == name), None)

    def bridge_on(self, device: str) -> HostBridge | None:
        """The bridge that has this device among its ports."""
        return next((one for one in self.bridges if device in one.ports), None)

    def names(self) -> tuple[str, ...]:
        """The names of all devices and bridges."""
        names = [one.name for one in self.devices] + [one.name for one in self.bridges]
        return tuple(dict.fromkeys(names))

    def addresses_of(self, name: str) -> tuple[str, ...]:
        """The addresses of a device or bridge that are known: ``10.0.0.5/24``."""
        shown = [one.addresses for one in (self.device(name), self.bridge(name)) if one]
        told = (self.told or {}).get(name, ())
        return tuple(dict.fromkeys(text for texts in (*shown, told) for text in texts))

    def below(self, name: str) -> tuple[HostDevice, ...]:
        """The device of a bridge, or this device, and all that it stands on, down to the NICs."""
        bridge = self.bridge(name)
        found: dict[str, HostDevice] = {}
        new = [bridge.parent if bridge else name]
        while new:
            device = self.device(new.pop())
            if device is not None and device.name not in found:
                found[device.name] = device
                new += [device.parent, *device.slaves]
        return tuple(found.values())

    def own_addresses(self) -> frozenset[str]:
        """The address with which the host is registered, the address or name it is reached by."""
        return frozenset({self.host.server.registered_ip, self.host.address.host} - {""})

    def own_lines(self) -> tuple[str, ...]:
        """All interfaces that are seen to have the address with which the host is registered, or
        the one that it is reached by: these may be two.
        """
        return self.lines_of(self.own_addresses())

    def lines_of(self, own: frozenset[str]) -> tuple[str, ...]:
        """All interfaces that are seen to have one of these addresses."""
        return tuple(
            name
            for name in self.names()
            if own & {address.partition("/")[0] for address in self.addresses_of(name)}
        )

    def may_have(self, name: str, own: str) -> bool:
        """Whether an interface has, or may have, this address of the host, or the one of this name.

        Where nothing shows it (a name, or behind a translation of addresses), any other address may
        be it, and any that is not shown.
        """
        seen = self.lines_of(frozenset({own}))
        return name in seen if seen else bool(self.addresses_of(name)) or self.hides_addresses(name)

    def may_be_own_line(self, name: str) -> bool:
        """Whether the host is, or may be, reached by an address of this interface."""
        return any(self.may_have(name, own) for own in self.own_addresses())

    def unseen_own_addresses(self) -> tuple[str, ...]:
        """Those of :meth:`own_addresses` that no interface is seen to have."""
        return tuple(
            own for own in sorted(self.own_addresses()) if not self.lines_of(frozenset({own}))
        )

    def hides_addresses(self, name: str) -> bool:
        """Whether this may have addresses that are not known. The document does not show those of
        a NIC, a VLAN device, or a bond that it has no Bonding entry of. One that is in a bond or on
        a bridge has none.
        """
        device = self.device(name)
        if (
            self.told is not None
            or device is None
            or device.bond is not None
            or self.bridge_on(name) is not None
        ):
            return False
        return device.kind != BOND or not (
            device.addresses or device.slaves or device.mode is not None
        )


def host_network(
    host: HostView,
    document: documents.Network,
    snapshot: EstateSnapshot,
    told: Addresses | None = None,
    routes: tuple[Route, ...] | None = None,
) -> HostNetwork:
    """One host's network, from its document and from what is live on it. Pure.

    :param told, routes: what its module told at the same time (:class:`HostNetwork`).
    """
    devices = [
        replace(
            one, addresses=tuple(dict.fromkeys((*one.addresses, *(told or {}).get(one.name, ()))))
        )
        for one in _devices(document)
    ]
    by_name = {one.name: one for one in devices}
    guests = _guests(host, snapshot)
    # The emulated card beside a port with a name of its own: tap-NAME, or NAME-emu by 4.3.
    named = {port for _, _, name in guests if name for port in (name, f"tap-{name}", f"{name}-emu")}
    bridges = []
    for one in document.bridges:
        ports = tuple(dict.fromkeys(one.interfaces))
        theirs = tuple(name for name in ports if is_guest_port(name) or name in named)
        parent, doubt = _parent(ports, theirs, by_name)
        below = by_name.get(parent or "")
        bridge = HostBridge(
            name=one.name,
            parent=parent,
            vlan=below.vlan if below else None,
            is_local=not set(ports) - set(theirs),
            mac=_mac(*(family.mac for family in one.families)),
            mtu=_first(*(family.mtu for family in one.families)),
            addresses=_addresses(one.families),
            metadata=one.metadata or None,
            ports=ports,
            guest_ports=theirs,
            guests=tuple(dict.fromkeys(vm for vm, name, _ in guests if name == one.name)),
            doubt=doubt,
        )
        bridges.append(bridge)
    network = HostNetwork(host, tuple(devices), tuple(bridges), told=told, routes=routes)
    return replace(network, bridges=tuple(_with_roles(network, one) for one in bridges))


def roles_of(metadata: str | None) -> tuple[str, ...]:
    """The roles in the Manager's metadata: ``ethernet:c0a80100{192.168.1.0}:MANAGEMENT,STORAGE``.

    The name in braces is a person's and may have colons and commas in it. A text of another form
    has no roles that are known.
    """
    form = re.fullmatch(r"\s*[^:{]*:[^{]*\{.*\}:([A-Z_,\s]*)", metadata or "", re.DOTALL)
    return tuple(word.strip() for word in form.group(1).split(",") if word.strip()) if form else ()


def _with_roles(network: HostNetwork, bridge: HostBridge) -> HostBridge:
    texts = [bridge.metadata, *(one.metadata for one in network.below(bridge.name))]
    roles = tuple(dict.fromkeys(role for text in texts for role in roles_of(text)))
    return replace(bridge, roles=roles, has_unknown_roles=any(map(_has_unknown_roles, texts)))


def _has_unknown_roles(metadata: str | None) -> bool:
    return bool((metadata or "").strip()) and not roles_of(metadata)


def _parent(
    ports: Sequence[str], guest_ports: Sequence[str], devices: Mapping[str, HostDevice]
) -> tuple[str | None, str | None]:
    """The port that is the way out, and why it is unknown."""
    others = [port for port in ports if port not in guest_ports]
    known = [port for port in others if port in devices]
    found = known if known else others
    if len(found) <= 1:
        return (found[0] if found else None), None
    return None, f"any of its ports {', '.join(found)} may be the one that leads out"


def _devices(document: documents.Network) -> list[HostDevice]:
    """NICs, bonds and VLAN devices; a bond may be in either list, or in both."""
    bonds = {one.name: one for one in document.bonds}
    slaves = {slave.name: one.name for one in document.bonds for slave in one.slaves}
    listed = {one.name: one for one in document.devices}
    numbers = {_number(one.sysfs.get("ifindex")): one.name for one in document.devices}
    names = {*listed, *bonds}
    found = []
    for name, one in listed.items():
        if name in bonds:
            continue
        parent, vlan = _vlan_of(one, names, numbers)
        flags = _number_of_flags(one.flags)
        is_bond = bool(flags and flags & _MASTER) or bool(_BOND_NAME.fullmatch(name))
        found.append(
            HostDevice(
                name=name,
                kind=VLAN if parent else BOND if is_bond else NIC,
                mac=_mac(one.mac),
                mtu=_number(one.sysfs.get("mtu")),
                parent=parent,
                vlan=vlan,
                bond=slaves.get(name),
                metadata=one.metadata or None,
                roles=roles_of(one.metadata),
                has_unknown_roles=_has_unknown_roles(one.metadata),
                is_up=None if flags is None else bool(flags & _UP),
            )
        )
    for name, bond in bonds.items():
        other = listed.get(name)
        metadata = bond.metadata or (other.metadata if other else None) or None
        flags = _number_of_flags(other.flags) if other else None
        found.append(
            HostDevice(
                name=name,
                kind=BOND,
                mac=_mac(*(family.mac for family in bond.families), other.mac if other else None),
                mtu=_first(
                    *(family.mtu for family in bond.families),
                    _number(other.sysfs.get("mtu")) if other else None,
                ),
                mode=mode_number(bond.mode),
                slaves=tuple(slave.name for slave in bond.slaves),
                active_slave=slave_name(bond.active_slave),
                primary_slave=slave_name(bond.primary_slave),
                addresses=_addresses(bond.families),
                metadata=metadata,
                roles=roles_of(metadata),
                has_unknown_roles=_has_unknown_roles(metadata),
                is_up=None if flags is None else bool(flags & _UP),
            )
        )
    order = (*listed, *(name for name in bonds if name not in listed))
    return sorted(found, key=lambda one: order.index(one.name))


def _vlan_of(
    device: documents.Device, names: Iterable[str], numbers: Mapping[int | None, str]
) -> tuple[str | None, int | None]:
    """The device below a VLAN device, and its number; (None, None) of all other devices.

    The kernel gives a VLAN device the ``iflink`` of the one below; else only its name tells, also
    of one whose device is gone.
    """
    index, link = _number(device.sysfs.get("ifindex")), _number(device.sysfs.get("iflink"))
    linked = numbers.get(link) if link is not None and link != index else None
    form = split_vlan(device.name)
    if form and (linked == form[0] or (linked is None and 0 < form[1] < 4095)):
        return form
    if linked is None:
        return None, None
    numbered = _VLAN_NUMBER_NAME.fullmatch(device.name)
    return linked, int(numbered[1]) if numbered else form[1] if form else None


def _guests(host: HostView, snapshot: EstateSnapshot) -> list[tuple[str, str, str | None]]:
    """Of each card of each VM that is live here: the VM's id, the bridge, the name of its port."""
    found = []
    for vm in snapshot.vms.values():
        for one in vm.live:
            if one.host.label == host.label:
                found += [(vm.id, card.bridge or "", card.port_name) for card in one.domain.cards]
    return found


def _addresses(families: Iterable[documents.Family]) -> tuple[str, ...]:
    return tuple(
        _with_prefix(one.address, one.netmask) for one in families if one.address is not None
    )


def _with_prefix(address: str, netmask: str | None) -> str:
    """``10.0.0.5/24``; the address alone where the netmask is missing or is none."""
    try:
        return ipaddress.ip_interface(f"{address}/{netmask}").with_prefixlen
    except ValueError:
        return address


def _mac(*texts: str | None) -> str | None:
    return next((text.strip().lower() for text in texts if text and text.strip()), None)


def _first(*numbers: int | None) -> int | None:
    return next((one for one in numbers if one is not None), None)


def _number(text: str | None) -> int | None:
    return int(text) if text and text.strip().isdecimal() else None


def _number_of_flags(text: str | None) -> int | None:
    form = _FLAGS.search(text or "")
    return int(form[1], 16) if form else None
