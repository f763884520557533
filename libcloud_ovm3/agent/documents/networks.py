"""A host's network: the document of discover_network (agent-behaviour 13)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from libcloud_ovm3.agent.documents import elements, xmlmapping


@dataclass(frozen=True)
class Link:
    """What a NIC says of its link. Which of these are there depends on the driver."""

    autonegotiate_state: str | None = xmlmapping.maybe("Autonegotiate/State")
    autonegotiate_speed: str | None = xmlmapping.maybe("Autonegotiate/Speed")
    link: str | None = xmlmapping.maybe("Link")
    product: Mapping[str, str] = xmlmapping.mapping("Product")
    status: str | None = xmlmapping.maybe("Status")
    capabilities: str | None = xmlmapping.maybe("Capabilities")
    advertising: str | None = xmlmapping.maybe("Advertising")
    link_partner: str | None = xmlmapping.maybe("LinkPartner")


@dataclass(frozen=True)
class Family:
    """An address family of a device."""

    type: str = xmlmapping.attribute("Type")  # "AF_INET"
    mac: str | None = xmlmapping.maybe("MAC")
    address: str | None = xmlmapping.maybe("Address")
    netmask: str | None = xmlmapping.maybe("Netmask")
    broadcast: str | None = xmlmapping.maybe("Broadcast")
    mtu: int | None = xmlmapping.number("mtu")


@dataclass(frozen=True)
class Device:
    """A NIC, bond or VLAN device.

    :ivar mii, ethtool: a device has one or the other, or none.
    :ivar sysfs: the files of /sys/class/net/<name>; ``sysfs_device``: of the PCI device.
    :ivar metadata: what the Manager uses it for, ``ethernet:c0a80100{192.168.1.0}:MANAGEMENT``.
    """

    name: str = xmlmapping.attribute("Name")
    mac: str | None = xmlmapping.maybe("MAC")
    flags: str | None = xmlmapping.maybe("Flags")
    mii: Link | None = xmlmapping.one("MII", Link)
    ethtool: Link | None = xmlmapping.one("ETHTOOL", Link)
    wake_on_lan: str | None = xmlmapping.maybe("WOL/WakeOnLan")
    sysfs: Mapping[str, str] = xmlmapping.mapping("SysFS")
    sysfs_device: Mapping[str, str] = xmlmapping.mapping("SysFS/SysFSDev")
    boot_proto: str | None = xmlmapping.maybe("BootProto")
    metadata: str | None = xmlmapping.maybe("MetaData")


@dataclass(frozen=True)
class Slave:
    """A NIC in a bond."""

    name: str = xmlmapping.attribute("Name")
    mii_status: str | None = xmlmapping.maybe("MII_Status")
    speed: str | None = xmlmapping.maybe("Speed")
    duplex: str | None = xmlmapping.maybe("Duplex")
    link_failure_count: int | None = xmlmapping.number("Link_Failure_Count")
    permanent_mac: str | None = xmlmapping.maybe("Permanent_HW_addr")


@dataclass(frozen=True)
class Bond:
    """A bond. Delays and the polling interval are milliseconds."""

    name: str = xmlmapping.attribute("Name")
    mode: str | None = xmlmapping.maybe("Bonding_Mode")
    primary_slave: str | None = xmlmapping.maybe("Primary_Slave")
    active_slave: str | None = xmlmapping.maybe("Currently_Active_Slave")
    mii_status: str | None = xmlmapping.maybe("MII_Status")
    mii_polling_interval: int | None = xmlmapping.number("MII_Polling_Interval")
    up_delay: int | None = xmlmapping.number("Up_Delay")
    down_delay: int | None = xmlmapping.number("Down_Delay")
    slaves: tuple[Slave, ...] = xmlmapping.many("Slave_Interface", Slave)
    families: tuple[Family, ...] = xmlmapping.many("Family", Family)
    boot_proto: str | None = xmlmapping.maybe("BootProto")
    metadata: str | None = xmlmapping.maybe("MetaData")


@dataclass(frozen=True)
class Bridge:
    """A bridge.

    :ivar interfaces: its ports: a NIC, bond or VLAN, and the guests' vifs. None: a local bridge.
    """

    name: str = xmlmapping.attribute("Name")
    families: tuple[Family, ...] = xmlmapping.many("Family", Family)
    interfaces: tuple[str, ...] = xmlmapping.each("Interfaces/PhyInterface")
    boot_proto: str | None = xmlmapping.maybe("BootProto")
    metadata: str | None = xmlmapping.maybe("MetaData")


@dataclass(frozen=True)
class Network:
    """discover_network. A bond may stand among the devices, among the bonds, or in both.

    Dropped: the saved configuration beside ``Active``, which no source shows.

    :ivar infiniband: kept whole: no source shows what stands there.
    """

    devices: tuple[Device, ...] = xmlmapping.many("Network/Device", Device)
    bonds: tuple[Bond, ...] = xmlmapping.many("Bonding/Device", Bond)
    bridges: tuple[Bridge, ...] = xmlmapping.many("Bridges/Device", Bridge)
    infiniband: tuple[xmlmapping.Part, ...] = xmlmapping.parts("Infiniband")


def network(text: str) -> Network:
    """discover_network's answer.

    :raises MalformedResponse: it is no such document.
    """
    root = elements.root_of(text, "Discover_Network_Result")
    return xmlmapping.read(Network, elements.found_in(root, "Network/Active"))
