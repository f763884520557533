"""The network state of one host: NICs, bonds, VLANs, bridges and addresses (agent-behaviour.md 13).

It is kept in ``host.records["network"]``. ``agent/ovs.py`` changes it; xend, the discover documents
and the dom0 view read it. Its keys:

======================  ==========================================================================
nics                    name -> MAC address
bonds                   name -> {"ports": names of NICs, "mode": 0 to 6}
vlans                   name -> {"netdev": the device below, "vlan": its number}
bridges                 name -> {"netdev": its device, "" for a local one, "since": from when on it
                        can be seen and used, by the host's clock}
addresses               device -> {"ip": "" for the host's own address, "netmask": dotted, "boot":
                        the ``boot_time`` of which a reboot ends it, None if it is saved}
boot_protocols          device -> "static" or "dhcp"; absent: none
metadata, mtu           device -> the Manager's text; bytes, absent: 1500
arp                     local bridge -> the ``boot_time`` since which it has ARP on
indexes, last_index     device -> its ifindex; the last one that was given
infiniband              names of those NICs that are InfiniBand's
switch                  "linuxbridge" or "openvswitch"
line                    only after "network change cuts the line": what :func:`line` has to return
                        for the host to be reachable
neighbours              [address, MAC, device, complete, boot_time]: what was set of the neighbour
                        table, until the next boot
routes, deleted,        the routes of dom0 that were set and deleted since the boot "routes_since":
routes_since            see ``dom0/commands.py``
======================  ==========================================================================
"""

from __future__ import annotations

import re
from typing import Any

from libcloud_ovm3.simulator.domain import Domain
from libcloud_ovm3.simulator.host import SimulatedHost
from libcloud_ovm3.simulator.vmcfg import is_hvm, strings

CONTROL = ("control0", "169.254.0.1", "255.255.0.0")
LABEL = "ethernet:c0a80100{192.168.1.0}:MANAGEMENT,CLUSTER_HEARTBEAT,LIVE_MIGRATE,VIRTUAL_MACHINE"
#: The kernel's names of a bond's modes; "active-backup" is shown (13).
BOND_MODES = (
    "balance-rr",
    "active-backup",
    "balance-xor",
    "broadcast",
    "802.3ad",
    "balance-tlb",
    "balance-alb",
)
#: Names of devices: those that the kernel takes and scripts can have in a word.
NAME = re.compile(r"(?!\.\.?$)[A-Za-z0-9_.:-]{1,15}")
CUT = "network change cuts the line"  # of host.faults


def create(host: SimulatedHost, layout: str) -> None:
    """The network of a new host.

    eth0 is in a bond under the management bridge, eth1 is unused, and there is control0. With the
    layout "bare" both NICs are in the bond, which carries the host's address itself.
    """
    number = f"{host.index + 0x10:02x}"
    bare = layout == "bare"
    bridge = "c0a80100" if host.settings.old else "10e69b4de3"  # as the Manager names it (6.5)
    own = "bond0" if bare else bridge
    control, ip, netmask = CONTROL
    found: dict[str, Any] = {
        "nics": {"eth0": f"52:54:00:24:47:{number}", "eth1": f"52:54:00:24:48:{number}"},
        "bonds": {"bond0": {"ports": ["eth0", "eth1"] if bare else ["eth0"], "mode": 1}},
        "vlans": {},
        "bridges": {},
        "addresses": {own: {"ip": "", "netmask": "255.255.255.0", "boot": None}},
        "boot_protocols": {own: "static"},
        "metadata": {},
        "mtu": {},
        "arp": {},
        "indexes": {},
        "last_index": 1,
        "infiniband": [],
        "switch": "linuxbridge",
        "neighbours": [],
        "routes": [],
        "deleted": [],
    }
    if not bare:
        found["bridges"] = {name: {"netdev": "", "since": 0.0} for name in (bridge, control)}
        found["bridges"][bridge]["netdev"] = "bond0"
        found["addresses"][control] = {"ip": ip, "netmask": netmask, "boot": host.boot_time}
        found["metadata"]["bond0"] = LABEL
    host.records["network"] = found


def state(host: SimulatedHost) -> dict[str, Any]:
    """The host's network. Called with the lock held."""
    found: dict[str, Any] = host.records["network"]
    return found


# -- the host's own address ---------------------------------------------------------------------


def management(host: SimulatedHost) -> str:
    """The device that carries the host's own address, "" if none does."""
    addresses = dict(state(host)["addresses"])  # a copy: the lock may not be held
    return next((name for name, each in addresses.items() if each["ip"] == ""), "")


def reachable(host: SimulatedHost) -> bool:
    """Whether the host's own address leads to it; if not, it refuses connections.

    Mostly without the lock: an agent that starts holds that of the ports.
    """
    if not management(host) or "line" not in state(host):
        return bool(management(host))
    with host.lock:
        return state(host).get("line") in (None, line(host))


def responds(host: SimulatedHost) -> bool:
    """Whether other hosts can connect to this one."""
    return not host.down and reachable(host)


def line(host: SimulatedHost) -> list[Any]:
    """All that other machines' connections to this host depend on, from the address down."""
    found = state(host)
    names = [management(host)]
    for name in names:  # it grows meanwhile
        names += [device for device in below(found, name) if device not in names]
    bonds = {name: dict(found["bonds"][name]) for name in names if name in found["bonds"]}
    return [[[name, mtu(found, name)] for name in names if name], bonds]


def changed(host: SimulatedHost, before: list[Any]) -> None:
    """Save a change. Called with the lock held; :func:`show` comes after it, without the lock.

    :param before: What :func:`line` returned before.
    """
    found = state(host)
    if CUT in host.faults and line(host) != before:
        found.setdefault("line", before)
    if found.get("line") == line(host):
        del found["line"]
    host.save()


def show(host: SimulatedHost) -> None:
    """Open or close the host's addresses: its own one is on a device now, or no longer."""
    shown = None
    while shown != (wanted := reachable(host)):  # it may change meanwhile
        # the host's own one last: with it ends the connection of whom it cuts
        for ip in (*host.records.get("virtual_ips", ()), host.address):
            (host.open_address if wanted else host.close_address)(ip)
        shown = wanted


# -- devices ------------------------------------------------------------------------------------


def below(found: dict[str, Any], device: str) -> list[str]:
    """What a bridge, VLAN device or bond stands on directly."""
    if device in found["bonds"]:
        return list(found["bonds"][device]["ports"])
    for table in ("vlans", "bridges"):
        if device in found[table] and found[table][device]["netdev"]:
            return [found[table][device]["netdev"]]
    return []


def bridges(host: SimulatedHost) -> list[str]:
    """The bridges that can be used now, the oldest first."""
    with host.lock:
        found = state(host)["bridges"]
        return [name for name, bridge in found.items() if bridge["since"] <= host.now()]


def devices(found: dict[str, Any]) -> list[str]:
    """NICs, bonds and VLAN devices, in that order."""
    return [*found["nics"], *found["bonds"], *found["vlans"]]


def index(found: dict[str, Any], device: str) -> int:
    """The kernel's number of a device; one that is made anew gets another one."""
    numbers: dict[str, int] = found["indexes"]
    if device not in numbers:
        found["last_index"] += 1
        numbers[device] = found["last_index"]
    return numbers[device]


def remove(found: dict[str, Any], device: str) -> None:
    """Forget a bridge or a VLAN device and all that was set of it."""
    for table in ("bridges", "vlans", "addresses", "boot_protocols", "metadata", "mtu", "arp"):
        found[table].pop(device, None)
    found["indexes"].pop(device, None)
    for table, place in (("routes", 1), ("deleted", 1), ("neighbours", 2)):
        found[table] = [entry for entry in found[table] if entry[place] != device]


def mac(found: dict[str, Any], device: str) -> str:
    """The MAC address of a device, which all but NICs have from the first device below."""
    if device in found["nics"]:
        return str(found["nics"][device])
    under = below(found, device)
    return mac(found, under[0]) if under else "00:00:00:00:00:00"


def mtu(found: dict[str, Any], device: str) -> int:
    """The device's MTU in bytes."""
    return int(found["mtu"].get(device, 1500))


# -- addresses ----------------------------------------------------------------------------------


def address(host: SimulatedHost, device: str) -> tuple[str, str] | None:
    """IP address and netmask of a device. A local bridge loses its address at a reboot."""
    found = state(host)["addresses"].get(device)
    if found is None or found["boot"] not in (None, host.boot_time):
        return None
    return found["ip"] or host.address, found["netmask"]


def set_address(host: SimulatedHost, device: str, ip: str, netmask: str, *, saved: bool) -> None:
    """Give a device an address.

    :param saved: Whether it comes back at a reboot.
    """
    state(host)["addresses"][device] = {
        "ip": "" if ip == host.address else ip,
        "netmask": netmask,
        "boot": None if saved else host.boot_time,
    }


def has_arp(host: SimulatedHost, device: str) -> bool:
    """Whether a device has ARP on. A local bridge has it off after each boot until it is set."""
    found = state(host)
    local = device in found["bridges"] and not found["bridges"][device]["netdev"]
    return not local or found["arp"].get(device) == host.boot_time


# -- guests -------------------------------------------------------------------------------------


def vifs(host: SimulatedHost, bridge: str) -> list[str]:
    """The guests' interfaces on a bridge: ``vif3.0``, and of HVM guests qemu's beside it.

    That both are there with ``type=ioemu`` is the simulator's choice.
    """
    found = []
    for domain, place in cards_on(host, bridge):
        options, number = _options(domain, place), f"{domain.domid}.{domain.vif_ids[place]}"
        name = options.get("vifname", "")
        name = name if NAME.fullmatch(name) else ""
        found.append(name or f"vif{number}")
        if is_hvm(domain.config) and options.get("type") != "netfront":
            tap = f"tap-{name}" if name else f"tap{number}"  # the names of 4.1.3, of 4.3: xend.md 0
            found.append(tap if host.settings.old else f"vif{number}-emu")
    return found


def cards_on(host: SimulatedHost, bridge: str) -> list[tuple[Domain, int]]:
    """The NICs of guests on a bridge: the domain, and the place among its NICs."""
    return [
        (domain, place)
        for domain in host.domains
        if domain.listed and domain.phase not in ("building", "arriving")
        for place, number in enumerate(domain.vif_ids)
        if number not in domain.off_bridge and bridge_of(host, domain, place) == bridge
    ]


def _options(domain: Domain, place: int) -> dict[str, str]:
    words = strings(domain.config, "vif")[place].replace(" ", "").split(",")
    return dict(word.partition("=")[::2] for word in words)


def bridge_of(host: SimulatedHost, domain: Domain, place: int) -> str:
    """The bridge that is given for a NIC; the first one if none is given (xend.md 3)."""
    return _options(domain, place).get("bridge") or next(iter(bridges(host)), "")


def cut_guests(host: SimulatedHost, bridge: str) -> None:
    """Their interfaces are on no bridge from now on, until their VM is started again."""
    for domain, place in cards_on(host, bridge):
        domain.off_bridge.append(domain.vif_ids[place])


def neighbours(host: SimulatedHost) -> list[tuple[str, str, str, bool]]:
    """The neighbour table of dom0: address, MAC, device, and whether the entry is complete.

    It has the simulator's other hosts, what was set (:meth:`.Simulator.add_neighbour`), and the
    guests whose address was set, on bridges on which dom0 has an address and ARP; and what this
    machine has seen of real guests.
    """
    found = [tuple(entry) for *entry, boot in state(host)["neighbours"] if boot == host.boot_time]
    own = management(host)
    for peer in host.peers if own else ():
        if peer is not host:
            theirs = mac(state(peer), management(peer))
            found.append((peer.address, theirs, own, responds(peer)))
    if host.machines is not None:
        found += host.machines.neighbours(host)
    known = host.peers[0].records.get("guest_addresses", {})
    for bridge in bridges(host):
        if address(host, bridge) is None or not has_arp(host, bridge):
            continue
        for domain, place in cards_on(host, bridge):
            theirs = domain.macs[place].lower()
            found += [(ip, theirs, bridge, True) for ip in known.get(theirs, ())]
    return found
