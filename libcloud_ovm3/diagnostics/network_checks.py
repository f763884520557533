"""Doctor checks of networks: bridges that hosts lack, VLANs without what they are on, MTUs.

Pure: no I/O. Sources: agent-behaviour.md 13; xend.md 3. What only the host module sees:
:mod:`.network_module_checks`.
"""

from __future__ import annotations

from collections.abc import Iterator

from libcloud_ovm3.diagnostics.finding import Finding
from libcloud_ovm3.diagnostics.inventory import name_of
from libcloud_ovm3.errors import by_reason
from libcloud_ovm3.estate.interface_names import label_bridge, split_vlan
from libcloud_ovm3.estate.labels import device_of
from libcloud_ovm3.estate.networks import VLAN, HostBridge, HostNetwork, NetworkList
from libcloud_ovm3.estate.vm_bridges import (
    bridges_of,
    missing_bridges,
    named_otherwise,
    why_elsewhere,
)
from libcloud_ovm3.estate.vms import VM


def check_networks(found: NetworkList) -> Iterator[Finding]:
    """Report which networks there are, and which hosts' could not be read or understood."""
    for host in found.hosts:
        if host.error is not None:
            yield Finding(
                "warning",
                "network",
                f"{name_of(host.host)}: its network could not be read: {host.error}",
                "which bridges it has, and what they are on, is not known",
            )
        for bridge in host.bridges:
            if bridge.doubt:
                yield Finding(
                    "warning",
                    "network",
                    f"{name_of(host.host)}: bridge {bridge.name}: {bridge.doubt}",
                    "what it is connected to is not known, so no VLAN is made beside it",
                )
    read = [name_of(host.host) for host in found.hosts if host.error is None]
    if read:
        where = by_reason(
            (name, f"on {', '.join(name_of(host.host) for host, _ in found.bridge(name))}")
            for name in found.names()
        )
        yield Finding(
            "ok",
            "network",
            f"networks {'; '.join(where)}" if where else f"{', '.join(read)}: no networks",
            advice="`ovm3 network list` shows what carries them"
            if where
            else "`ovm3 network create` makes one, on what `ovm3 network list --devices` shows",
        )


# ------------------------------------------------------------------ what is missing


def check_bridges_of_vms(found: NetworkList) -> Iterator[Finding]:
    """Report bridges that a vm.cfg names and that a host with its repository cannot have.

    A VLAN bridge that the start of a VM makes is none of them.
    """
    users: dict[tuple[str, bool], dict[str, VM]] = {}
    reasons: dict[tuple[str, bool], dict[str, str]] = {}
    for vm in found.estate.vms.values():
        for definition in vm.definitions:
            hosts = _hosts_with(found, definition.repository_id)
            for name in bridges_of(definition.config):
                lacking = {
                    host.host.id: f"{name_of(host.host)}: {why}"
                    for host in hosts
                    if (why := _why_missing(found, host, name))
                }
                if lacking:
                    key = (name, len(lacking) < len(hosts))
                    users.setdefault(key, {})[vm.id] = vm
                    reasons.setdefault(key, {}).update(lacking)
    for (name, can_start), vms in users.items():
        where = "; ".join(reasons[name, can_start].values())
        yield Finding(
            "warning" if can_start else "error",
            "network",
            f"{', '.join(f'VM {vm.label}' for vm in vms.values())}: bridge {name} in vm.cfg is "
            f"missing; {where}",
            "cannot be started there" if can_start else "cannot be started on any host",
            "`ovm3 network create` makes it; or correct the vm.cfg",
        )


def _hosts_with(found: NetworkList, repository_id: str) -> list[HostNetwork]:
    repository = found.estate.repository(repository_id)
    mounted_on = {view.id for view in repository.mounted_on} if repository else set()
    return [host for host in found.hosts if host.host.id in mounted_on]


def _why_missing(found: NetworkList, host: HostNetwork, name: str) -> str | None:
    """Return why a host lacks a bridge and cannot get it; None: it has it, can, or is unknown."""
    if host.error is not None:
        return None
    return next(iter(missing_bridges(host, [name], found.labels)[1]), None)


def check_labels(found: NetworkList) -> Iterator[Finding]:
    """Report traffic labels that are carried by what a host does not have."""
    for label, name in found.labels.items():
        lacking = [
            name_of(host.host)
            for host in found.hosts
            if host.error is None
            and host.bridge(name) is None
            and host.bridge_on(name) is None
            and device_of(name, host)[0] is None
        ]
        if lacking:
            yield Finding(
                "error",
                "label",
                f"the traffic label {label} is on {name}, which is missing on {', '.join(lacking)}",
                "no VM can get a network of this label there",
                "correct the label (ex_traffic_labels, or traffic_labels in the file of estates), "
                "or make the bridge with `ovm3 network create`",
            )
        yield from _check_bridges_of_label(found, label, name)


def _check_bridges_of_label(found: NetworkList, label: str, name: str) -> Iterator[Finding]:
    """Report hosts on which what carries a label has no bridge: those that get it, and others."""
    bare = [
        host
        for host in found.hosts
        if host.bridge(name) is None
        and host.bridge_on(name) is None
        and device_of(name, host)[0] is not None
    ]
    own = label_bridge(name)
    reasons = {name_of(host.host): missing_bridges(host, [own], found.labels)[1] for host in bare}
    can = [host for host, why in reasons.items() if not why]
    what = f"the traffic label {label} is on {name}, which has no bridge"
    if can:
        yield Finding(
            "note",
            "label",
            f"{what} on {', '.join(can)}",
            f"the first VM there with a card on this network gets the bridge {own}, unless {name} "
            f"carries traffic of the host itself",
            "`ovm3 network create` makes it, also of another name",
        )
    for host, why in reasons.items():
        if why:
            yield Finding(
                "warning",
                "label",
                f"{what}; {host}: {why[0]}",
                "no VM can get a network of this label there",
                "correct the label (ex_traffic_labels), or mend what is named",
            )


# ------------------------------------------------------------------ VLANs and MTUs


def check_vlans(found: NetworkList) -> Iterator[Finding]:
    """Report VLAN devices without the device below, and VLAN bridges without their VLAN device."""
    for host in found.hosts:
        for device in host.devices:
            if device.kind == VLAN and host.device(device.parent) is None:
                above = host.bridge_on(device.name)
                yield Finding(
                    "error",
                    "VLAN",
                    f"{name_of(host.host)}: VLAN device {device.name} is on {device.parent}, "
                    f"which does not exist" + (f"; bridge {above.name} is on it" if above else ""),
                    "it is connected to nothing",
                    "bring the device below it back; if it is not needed, remove the VLAN",
                )
        for bridge in host.bridges:
            if _has_lost_its_vlan(found, host, bridge):
                vms = [found.estate.vm(vm_id) for vm_id in bridge.guests]
                on_it = f"; on it: {', '.join(f'VM {vm.label}' for vm in vms)}" if vms else ""
                yield Finding(
                    "error" if vms else "warning",
                    "VLAN",
                    f"{name_of(host.host)}: bridge {bridge.name} has no VLAN device, nor any other "
                    f"port than VMs{on_it}",
                    "VMs on it reach only each other, on this host",
                    "delete the bridge once no VM is on it, and let it be made anew",
                )
            elif not bridge.is_local:
                refused = why_elsewhere(host, bridge.name, found.labels)
                why = refused or named_otherwise(host, bridge.name, found.labels)
                if why:
                    yield Finding(
                        "warning",
                        "VLAN",
                        f"{name_of(host.host)}: {why}",
                        "VMs on it are in another network than its name says"
                        + ("; none is started there" if refused else ""),
                        "if that is not meant, make one of another name (`ovm3 network create`)",
                    )


def _has_lost_its_vlan(found: NetworkList, host: HostNetwork, bridge: HostBridge) -> bool:
    """Return whether a bridge with a VLAN's name is local, and is or would be none elsewhere."""
    form = split_vlan(bridge.name)
    if form is None or not bridge.is_local:
        return False
    base = host.bridge(form[0])
    elsewhere = any(not other.is_local for _, other in found.bridge(bridge.name))
    return elsewhere or bool(base and base.parent)


def check_mtus(found: NetworkList) -> Iterator[Finding]:
    """Report networks whose MTU is not the same on all hosts, or would not be after a start."""
    yield from _check_mtus_of_vlans(found)
    for name in found.names():
        mtus = {
            name_of(host.host): mtu
            for host, bridge in found.bridge(name)
            if (mtu := _mtu(host, bridge)) is not None and not bridge.is_local
        }
        if len(set(mtus.values())) > 1:
            listed = ", ".join(f"{host} {mtu}" for host, mtu in mtus.items())
            yield Finding(
                "warning",
                "MTU",
                f"network {name} has different MTUs: {listed}",
                "large packets between VMs on these hosts are lost, so connections hang",
                "`ovm3 network update` makes them the same",
            )


def _mtu(host: HostNetwork, bridge: HostBridge) -> int | None:
    """What packets pass through it; of a bridge that does not show its own, its device's MTU."""
    device = host.device(bridge.parent)
    return bridge.mtu if bridge.mtu is not None else device.mtu if device else None


def _check_mtus_of_vlans(found: NetworkList) -> Iterator[Finding]:
    """Report bridges over VLANs that a start would make with another MTU: that of the device below,
    which the kernel gives to a new VLAN device.
    """
    for name in found.names():
        there = []
        for host, bridge in found.bridge(name):
            device = host.device(bridge.parent)
            below = host.device(device.parent) if device and device.kind == VLAN else None
            mtu = _mtu(host, bridge)
            if below and None not in (mtu, below.mtu) and mtu != below.mtu:
                there.append(f"{name_of(host.host)} {mtu}, {below.name} {below.mtu}")
        if there and split_vlan(name):
            yield Finding(
                "note",
                "MTU",
                f"network {name} has another MTU than what its VLAN is on: {'; '.join(there)}",
                "where a VM's start makes this bridge, it has the MTU of the device below",
                "`ovm3 network update` sets that of each network, on each host",
            )
