"""The ovs_* functions: changes of bridges, VLANs, bonds and addresses (agent-behaviour.md 13).

The state is in :mod:`network`. All functions return a descriptive string and fault on an error;
only the beginnings of three of these strings are known, the rest is the simulator's own.
"""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Iterator
from typing import Any

from libcloud_ovm3.simulator import hostdisk, network
from libcloud_ovm3.simulator.errors import command_fault, plain_fault
from libcloud_ovm3.simulator.host import SimulatedHost

SCRIPTS = "/etc/xen/scripts/linuxbridge"
#: The modes that ovs_bond_mode takes.
SETTABLE_MODES = (1, 4, 6)


@contextlib.contextmanager
def _changing(host: SimulatedHost) -> Iterator[dict[str, Any]]:
    """The state, to be changed: with the lock held, and saved in the end.

    :raises AgentFault: The host has Open vSwitch, so the scripts of these functions are not in use.
    """
    with host.lock:
        found = network.state(host)
        if found["switch"] != "linuxbridge":
            raise plain_fault("not modelled by the simulator: ovs_* functions with Open vSwitch")
        before = network.line(host)
        yield found
        network.changed(host, before)
    network.show(host)


# -- checks -------------------------------------------------------------------------------------


def _action(action: str, *known: str) -> None:
    if action not in known:
        raise plain_fault(f"Invalid action: {action}")


def _new_name(host: SimulatedHost, name: str, script: str, text: str, *more: str) -> None:
    if not network.NAME.fullmatch(name):
        raise plain_fault(f"Invalid bridge name: {name}")
    found = network.state(host)
    if name in found["bridges"] or name in network.devices(found):
        command = [f"{SCRIPTS}/{script}", "start", f"bridge={name}", *more]
        raise command_fault(command, 1, f"{text}: Bridge {name} Is Busy")


def _bond_slave(found: dict[str, Any], device: str) -> bool:
    return any(device in bond["ports"] for bond in found["bonds"].values())


def _bridge_of(found: dict[str, Any], device: str) -> str | None:
    for name, bridge in found["bridges"].items():
        if bridge["netdev"] == device:
            return str(name)
    return None


def _free(found: dict[str, Any], device: str, kinds: tuple[str, ...]) -> None:
    """Check that the device is of these kinds, and neither a bridge port nor a bond slave."""
    if not any(device in found[kind] for kind in kinds):
        raise plain_fault(f"Invalid network device: {device}")
    if _bond_slave(found, device):
        raise plain_fault(f"{device} is a slave of a bond")
    if _bridge_of(found, device):
        raise plain_fault(f"{device} is a port of bridge {_bridge_of(found, device)}")


def _take_bridge(host: SimulatedHost, name: str, netdev: str) -> None:
    """Remove a bridge from the state."""
    found = network.state(host)
    if name not in found["bridges"] or found["bridges"][name]["netdev"] != netdev:
        raise plain_fault(f"No bridge {name} on {netdev}" if netdev else f"No local bridge {name}")
    if network.vifs(host, name):
        if host.answer("stop of a bridge with guests on it") == "fault":
            raise plain_fault(f"Bridge {name} is used by {', '.join(network.vifs(host, name))}")
        network.cut_guests(host, name)
    network.remove(found, name)
    hostdisk.write_ifcfg(host, name, "")


# -- bridges and VLANs --------------------------------------------------------------------------


def ovs_local_config(host: SimulatedHost, action: str, br_name: str) -> str:
    """A bridge without NIC. It exists some time after the response; a second start faults."""
    _action(action, "start", "stop")
    with _changing(host) as found:
        if action == "start":
            _new_name(host, br_name, "ovs-local-bridge", "Start local network")
            visible = host.now() + host.settings.bridge_seconds
            found["bridges"][br_name] = {"netdev": "", "since": visible}
            hostdisk.write_ifcfg(host, br_name, hostdisk.ifcfg(br_name, "Bridge", "static"))
        else:
            _take_bridge(host, br_name, "")
    return f"{action} local bridge {br_name}"


def ovs_br_config(host: SimulatedHost, action: str, br_name: str, net_dev: str) -> str:
    """A bridge on a NIC or bond; the device's address moves to it, and back at stop."""
    _action(action, "start", "stop")
    with _changing(host) as found:
        tables = [found["addresses"], found["boot_protocols"]]
        if action == "start":
            _new_name(host, br_name, "ovs-bridge", "Start network", f"netdev={net_dev}")
            _free(found, net_dev, ("nics", "bonds"))
            _add_bridge(host, br_name, net_dev, host.now())
            kept = [table.pop(net_dev, None) for table in tables]
        else:
            kept = [table.get(br_name) for table in tables]
            _take_bridge(host, br_name, net_dev)
        for table, value in zip(tables, kept, strict=True):
            if value is not None:
                table[br_name if action == "start" else net_dev] = value
    return f"{action} bridge={br_name} netdev={net_dev}"


def _add_bridge(host: SimulatedHost, name: str, net_dev: str, since: float) -> None:
    """A bridge on a device, with its MTU as the kernel gives it to both."""
    found = network.state(host)
    found["bridges"][name] = {"netdev": net_dev, "since": since}
    found["mtu"][name] = network.mtu(found, net_dev)


def ovs_vlan_bridge(
    host: SimulatedHost, action: str, br_name: str, net_dev: str, vlan_id: int
) -> str:
    """VLAN device and bridge together; VLAN 1 means untagged: a bridge on the device itself.

    The script of 3.2.1 to 3.3.2 has a bug: with the answer "fault" nothing can be added.
    """
    _action(action, "start", "stop")
    vlan = _vlan(vlan_id, 1)
    more = [f"netdev={net_dev}", f"vlan={vlan}"]
    with _changing(host) as found:
        if net_dev not in found["nics"] and net_dev not in found["bonds"]:
            raise plain_fault(f"Invalid network device: {net_dev}")
        device = net_dev if vlan == 1 else f"{net_dev}.{vlan}"
        if action == "stop":
            _take_bridge(host, br_name, device)
            if vlan != 1:
                network.remove(found, device)
        else:
            _new_name(host, br_name, "ovs-vlan-bridge", "Start vlan network", *more)
            _check_script(host, br_name, more)
            if vlan == 1 or device in found["vlans"]:
                _free(found, device, ("nics", "bonds", "vlans"))
                if network.address(host, device):
                    text = f"ovs_vlan_bridge on {device}, which has an address"
                    raise plain_fault(f"not modelled by the simulator: {text}")
            else:
                _add_vlan(found, device, net_dev, vlan)
            later = host.answer("a new VLAN bridge can be used") == "after some seconds"
            since = host.now() + (host.settings.bridge_seconds if later else 0)
            _add_bridge(host, br_name, device, since)
    word = "Added" if action == "start" and host.settings.release >= (3, 3, 1) else action
    return f"{word} bridge={br_name} netdev={net_dev} vlan {vlan}"


def _check_script(host: SimulatedHost, br_name: str, more: list[str]) -> None:
    affected = (3, 2, 1) <= host.settings.release <= (3, 3, 2)
    if affected and host.answer("VLAN bridges on 3.2.1 to 3.3.2") == "fault":
        if hostdisk.vlan_script_works(host):
            return
        script = f"{SCRIPTS}/ovs-vlan-bridge"
        text = f"{script}: line 75: setup_bridge_port: command not found"
        raise command_fault([script, "start", f"bridge={br_name}", *more], 127, text)


def _vlan(given: Any, least: int) -> int:
    if isinstance(given, bool) or not isinstance(given, int) or not least <= given <= 4095:
        raise plain_fault(f"Invalid VLAN id: {given}")
    return given


def _add_vlan(found: dict[str, Any], device: str, net_dev: str, vlan: int) -> None:
    found["vlans"][device] = {"netdev": net_dev, "vlan": vlan}
    found["mtu"][device] = network.mtu(found, net_dev)  # as the kernel does


def ovs_vlan_config(host: SimulatedHost, action: str, interface: str, vlanid: int) -> str | None:
    """A VLAN device only, on a NIC or bond that is neither a bridge port nor a bond slave."""
    _action(action, "add", "remove")
    vlan = _vlan(vlanid, 2)
    device = f"{interface}.{vlan}"
    with _changing(host) as found:
        if action == "add":
            _free(found, interface, ("nics", "bonds"))
            if device in found["vlans"]:
                raise plain_fault(f"VLAN device {device} exists already")
            _add_vlan(found, device, interface, vlan)
        else:
            if device not in found["vlans"]:
                raise plain_fault(f"No VLAN device {device}")
            if _bridge_of(found, device):
                raise plain_fault(f"{device} is a port of bridge {_bridge_of(found, device)}")
            network.remove(found, device)
    return f"{interface} {vlan}" if host.answer("answer of ovs_vlan_config") == "text" else None


# -- addresses, metadata, MTU, bonds -----------------------------------------------------------


def ovs_ip_config(
    host: SimulatedHost, interface: str, optype: str, ip: str = "", netmask: str = ""
) -> str:
    """Set an address or remove it ("dynamic" removes it too: there is no DHCP server).

    Documented for NICs, VLANs and bonds; CloudStack uses it on bridges.
    """
    _action(optype, "static", "dynamic", "flush")
    with _changing(host) as found:
        is_bridge = interface in network.bridges(host)
        if not is_bridge:
            _free(found, interface, ("nics", "bonds", "vlans"))
        if optype == "static":
            _check_address(ip, netmask)
        before = network.address(host, interface)
        found["addresses"].pop(interface, None)
        found["boot_protocols"].pop(interface, None)
        if optype == "static":
            # all but local bridges keep it in their ifcfg file
            saved = not is_bridge or bool(found["bridges"][interface]["netdev"])
            network.set_address(host, interface, ip, netmask, saved=saved)
            found["boot_protocols"][interface] = "static"
        elif optype == "dynamic":
            found["boot_protocols"][interface] = "dhcp"
        _save_address(host, interface, optype, ip, netmask)
    shown = (ip, netmask) if optype == "static" else before or ()
    return " ".join((interface, optype, *shown))


def _save_address(host: SimulatedHost, interface: str, optype: str, ip: str, netmask: str) -> None:
    kind = "Bridge" if interface in network.bridges(host) else ""
    text = ""  # flush removes the file
    if optype == "static":
        text = hostdisk.ifcfg(interface, kind, "static", f"IPADDR={ip}", f"NETMASK={netmask}")
    elif optype == "dynamic":
        text = hostdisk.ifcfg(interface, kind, "dhcp")
    hostdisk.write_ifcfg(host, interface, text)


def _check_address(ip: Any, netmask: Any) -> None:
    try:
        ipaddress.IPv4Address(ip)
        good = "." in netmask and ipaddress.IPv4Network(f"0.0.0.0/{netmask}") is not None
    except ValueError:
        good = False
    if not good:
        raise plain_fault(f"Invalid address: {ip} {netmask}")


def ovs_if_meta(host: SimulatedHost, interface: str, data: str) -> str:
    """Set the METADATA line of a NIC, bond or VLAN device; '' removes it."""
    with _changing(host) as found:
        if interface not in network.devices(found):
            raise plain_fault(f"Invalid network device: {interface}")
        if data.startswith((" ", "\t")) or "\n" in data:
            raise plain_fault(f"Invalid meta data: {data!r}")
        if data:
            found["metadata"][interface] = data
        else:
            found["metadata"].pop(interface, None)
    return f"{interface} {data}"


def ovs_change_mtu(host: SimulatedHost, interface: str, mtu_bytes: int) -> str:
    """Set the MTU, also of the bridge and of a bond's slaves; a VLAN's is at most its device's."""
    if isinstance(mtu_bytes, bool) or not isinstance(mtu_bytes, int):
        raise plain_fault(f"Invalid MTU: {mtu_bytes}")
    if not 1500 <= mtu_bytes <= 64000:
        raise plain_fault(f"Invalid MTU: {mtu_bytes}")
    with _changing(host) as found:
        bridge = interface if interface in network.bridges(host) else _bridge_of(found, interface)
        device = found["bridges"][bridge]["netdev"] if bridge else interface
        if bridge and not device:
            raise plain_fault(f"Bridge {bridge} has no ports")
        if device not in network.devices(found):
            raise plain_fault(f"Invalid network device: {interface}")
        if device in found["vlans"]:
            below = found["vlans"][device]["netdev"]
            if mtu_bytes > network.mtu(found, below):
                raise plain_fault(
                    f"MTU {mtu_bytes} is above that of {below}: {network.mtu(found, below)}"
                )
        changed = [device, *([bridge] if bridge else [])]
        changed += found["bonds"].get(device, {}).get("ports", [])
        found["mtu"] |= dict.fromkeys(changed, mtu_bytes)
        for name, vlan in found["vlans"].items():  # as the kernel does with VLANs on the device
            if vlan["netdev"] == device and network.mtu(found, name) > mtu_bytes:
                found["mtu"][name] = mtu_bytes
                if above := _bridge_of(found, name):
                    found["mtu"][above] = mtu_bytes
    return f"{interface} {mtu_bytes}"


def ovs_bond_mode(host: SimulatedHost, bond: str, mode: int) -> str:
    """Set a bond's mode: 1, 4 or 6."""
    with _changing(host) as found:
        if bond not in found["bonds"]:
            raise plain_fault(f"Invalid bond: {bond}")
        if mode not in SETTABLE_MODES:
            raise plain_fault(f"Invalid bond mode: {mode}")
        found["bonds"][bond]["mode"] = mode
    return f"{bond} {mode}"
