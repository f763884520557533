"""A host's network: the document of discover_network (agent-behaviour 13)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lxml import etree

from libcloud_ovm3.agent.documents import elements
from libcloud_ovm3.agent.documents import xmlmapping as outline


@dataclass(frozen=True)
class NetworkDevice:
    """A device of discover_network: a NIC, bond, VLAN or bridge."""

    name: str
    section: str  # the element it stands in: "Network", "Bonding", "Bridges", …
    metadata: str


@dataclass(frozen=True)
class Link:
    """What a NIC says of its link. Which of these are there depends on the driver."""

    autonegotiate_state: str | None = outline.maybe("Autonegotiate/State")
    autonegotiate_speed: str | None = outline.maybe("Autonegotiate/Speed")
    link: str | None = outline.maybe("Link")
    product: Mapping[str, str] = outline.mapping("Product")
    status: str | None = outline.maybe("Status")
    capabilities: str | None = outline.maybe("Capabilities")
    advertising: str | None = outline.maybe("Advertising")
    link_partner: str | None = outline.maybe("LinkPartner")


@dataclass(frozen=True)
class Family:
    """An address family of a device."""

    type: str = outline.attribute("Type")  # "AF_INET"
    mac: str | None = outline.maybe("MAC")
    address: str | None = outline.maybe("Address")
    netmask: str | None = outline.maybe("Netmask")
    broadcast: str | None = outline.maybe("Broadcast")
    mtu: int | None = outline.number("mtu")


@dataclass(frozen=True)
class Device:
    """A NIC, bond or VLAN device.

    :ivar mii, ethtool: a device has one or the other, or none.
    :ivar sysfs: the files of /sys/class/net/<name>; ``sysfs_device``: of the PCI device.
    :ivar metadata: what the Manager uses it for, ``ethernet:c0a80100{192.168.1.0}:MANAGEMENT``.
    """

    name: str = outline.attribute("Name")
    mac: str | None = outline.maybe("MAC")
    flags: str | None = outline.maybe("Flags")
    mii: Link | None = outline.one("MII", Link)
    ethtool: Link | None = outline.one("ETHTOOL", Link)
    wake_on_lan: str | None = outline.maybe("WOL/WakeOnLan")
    sysfs: Mapping[str, str] = outline.mapping("SysFS")
    sysfs_device: Mapping[str, str] = outline.mapping("SysFS/SysFSDev")
    boot_proto: str | None = outline.maybe("BootProto")
    metadata: str | None = outline.maybe("MetaData")


@dataclass(frozen=True)
class Slave:
    """A NIC in a bond."""

    name: str = outline.attribute("Name")
    mii_status: str | None = outline.maybe("MII_Status")
    speed: str | None = outline.maybe("Speed")
    duplex: str | None = outline.maybe("Duplex")
    link_failure_count: int | None = outline.number("Link_Failure_Count")
    permanent_mac: str | None = outline.maybe("Permanent_HW_addr")


@dataclass(frozen=True)
class Bond:
    """A bond. Delays and the polling interval are milliseconds."""

    name: str = outline.attribute("Name")
    mode: str | None = outline.maybe("Bonding_Mode")
    primary_slave: str | None = outline.maybe("Primary_Slave")
    active_slave: str | None = outline.maybe("Currently_Active_Slave")
    mii_status: str | None = outline.maybe("MII_Status")
    mii_polling_interval: int | None = outline.number("MII_Polling_Interval")
    up_delay: int | None = outline.number("Up_Delay")
    down_delay: int | None = outline.number("Down_Delay")
    slaves: tuple[Slave, ...] = outline.many("Slave_Interface", Slave)
    families: tuple[Family, ...] = outline.many("Family", Family)
    boot_proto: str | None = outline.maybe("BootProto")
    metadata: str | None = outline.maybe("MetaData")


@dataclass(frozen=True)
class Bridge:
    """A bridge.

    :ivar interfaces: its ports: a NIC, bond or VLAN, and the guests' vifs. None: a local bridge.
    """

    name: str = outline.attribute("Name")
    families: tuple[Family, ...] = outline.many("Family", Family)
    interfaces: tuple[str, ...] = outline.each("Interfaces/PhyInterface")
    boot_proto: str | None = outline.maybe("BootProto")
    metadata: str | None = outline.maybe("MetaData")


@dataclass(frozen=True)
class Network:
    """discover_network. A bond may stand among the devices, among the bonds, or in both.

    Dropped: the saved configuration beside ``Active``, which no source shows.

    :ivar infiniband: kept whole: no source shows what stands there.
    """

    devices: tuple[Device, ...] = outline.many("Network/Device", Device)
    bonds: tuple[Bond, ...] = outline.many("Bonding/Device", Bond)
    bridges: tuple[Bridge, ...] = outline.many("Bridges/Device", Bridge)
    infiniband: tuple[outline.Part, ...] = outline.parts("Infiniband")


def network(text: str) -> Network:
    """discover_network's answer.

    :raises MalformedResponse: it is no such document.
    """
    root = elements.root_of(text, "Discover_Network_Result")
    return outline.read(Network, elements.found_in(root, "Network/Active"))


def network_text(network: Network) -> str:
    """The document that says this.

    :raises InvalidArgument: XML cannot hold what is in it.
    """
    root = etree.Element("Discover_Network_Result")
    outline.write(network, outline.add(root, "Network/Active"))
    return elements.document_of(root)


def network_devices(text: str) -> tuple[NetworkDevice, ...]:
    """The devices of discover_network's answer, in its order. A bond may stand in two sections.

    :raises MalformedResponse: it is no such document.
    """
    root = elements.root_of(text, "Discover_Network_Result")
    return tuple(
        NetworkDevice(
            name=node.get("Name", ""),
            section=str(section.tag),
            metadata=elements.content_at(node, "MetaData"),
        )
        for section in elements.found_in(root, "Network/Active").iterchildren("*")
        for node in section.iterfind("Device")
    )
