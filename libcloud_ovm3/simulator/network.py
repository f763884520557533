"""The network state of one host: NICs, bonds, VLANs, bridges and addresses (agent-behaviour.md 13).

It is kept in ``host.records["network"]``. ``agent/ovs.py`` changes it; xend, the discover documents
and the dom0 view read it.
"""

from __future__ import annotations

from typing import Any

from libcloud_ovm3.simulator.host import SimulatedHost
from libcloud_ovm3.simulator.vmcfg import strings

CONTROL = ("control0", "169.254.0.1", "255.255.0.0")
LABEL = "ethernet:c0a80100{192.168.1.0}:MANAGEMENT,CLUSTER_HEARTBEAT,LIVE_MIGRATE,VIRTUAL_MACHINE"


def state(host: SimulatedHost) -> dict[str, Any]:
    """The host's network, created at the first call. Called with the lock held.

    A new host has the NICs eth0, in a bond under the management bridge, and eth1, unused, and the
    bridge control0.
    """
    if "network" not in host.records:
        number = f"{host.index + 0x10:02x}"
        control, ip, netmask = CONTROL
        host.records["network"] = {
            "nics": {"eth0": f"52:54:00:24:47:{number}", "eth1": f"52:54:00:24:48:{number}"},
            "bonds": {"bond0": {"ports": ["eth0"], "mode": 1}},
            "vlans": {},
            "bridges": {
                management(host): {"netdev": "bond0", "since": 0.0},
                control: {"netdev": "", "since": 0.0},
            },
            "addresses": {control: {"ip": ip, "netmask": netmask, "boot": host.boot_time}},
            "boot_protocols": {management(host): "static"},
            "metadata": {"bond0": LABEL},
            "mtu": {},
        }
    found: dict[str, Any] = host.records["network"]
    return found


def management(host: SimulatedHost) -> str:
    """The bridge that carries the host's own address, named as the Manager names it (6.5)."""
    return "c0a80100" if host.settings.old else "10e69b4de3"


def bridges(host: SimulatedHost) -> list[str]:
    """The bridges that can be used now, the management bridge first."""
    with host.lock:
        found = state(host)["bridges"]
        return [name for name, bridge in found.items() if bridge["since"] <= host.now()]


def address(host: SimulatedHost, device: str) -> tuple[str, str] | None:
    """IP address and netmask of a device. A local bridge loses its address at a reboot."""
    if device == management(host):
        return host.address, "255.255.255.0"
    found = state(host)["addresses"].get(device)
    if found is None or found["boot"] not in (None, host.boot_time):
        return None
    return found["ip"], found["netmask"]


def has_arp(host: SimulatedHost, device: str) -> bool:
    """Whether a device has ARP on. A local bridge has it off after each boot until it is set."""
    found = state(host)
    local = device in found["bridges"] and not found["bridges"][device]["netdev"]
    return not local or found.get("arp", {}).get(device) == host.boot_time


def vifs(host: SimulatedHost, bridge: str) -> list[str]:
    """The guests' interfaces on a bridge, e.g. ``vif3.0``."""
    found = []
    for domain in host.domains:
        if not domain.listed or domain.phase in ("building", "arriving"):
            continue
        for place, text in enumerate(strings(domain.config, "vif")):
            if f"bridge={bridge}" in text.replace(" ", "").split(","):
                number = domain.vif_ids[place] if place < len(domain.vif_ids) else place
                found.append(f"vif{domain.domid}.{number}")
    return found


def devices(found: dict[str, Any]) -> list[str]:
    """NICs, bonds and VLAN devices, in that order."""
    return [*found["nics"], *found["bonds"], *found["vlans"]]


def mac(found: dict[str, Any], device: str) -> str:
    """The MAC address of a NIC, a bond (that of its first port), a VLAN device or a bridge."""
    if device in found["nics"]:
        return str(found["nics"][device])
    if device in found["bonds"]:
        return mac(found, found["bonds"][device]["ports"][0])
    if device in found["vlans"]:
        return mac(found, found["vlans"][device]["netdev"])
    below = found["bridges"][device]["netdev"]
    return mac(found, below) if below else "00:00:00:00:00:00"


def mtu(found: dict[str, Any], device: str) -> int:
    """The device's MTU in bytes."""
    return int(found["mtu"].get(device, 1500))
