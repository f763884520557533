"""discover_hardware and discover_network (agent-behaviour.md 8.3, 13)."""

from __future__ import annotations

import ipaddress
from typing import Any
from xml.etree.ElementTree import Element

from libcloud_ovm3.simulator import network
from libcloud_ovm3.simulator.agent.xmltext import add, add_all, document
from libcloud_ovm3.simulator.host import SimulatedHost
from libcloud_ovm3.simulator.xend import machines
from libcloud_ovm3.simulator.xend.starting import free_memory_mb

CPU = {
    "vendor_id": "GenuineIntel",
    "cpu_family": 6,
    "model": 2,
    "model_name": "Intel Core i7 9xx (Nehalem Class Core i7)",
    "stepping": 3,
    "cache_size": "4096 KB",
    "flags": "fpu de tsc msr pae mce cx8 apic mca cmov clflush mmx fxsr sse sse2 vmx",
}
HW_CAPS = (
    "0x0f8bf3ff",
    "0x28100800",
    "0x00000000",
    "0x00000040",
    "0xb19a2223",
    "0x00000000",
    "0x00000001",
    "0x00000281",
)
SCSI_HOST = {
    "Active_Mode": "Initiator",
    "Ahci_Host_Cap2": 0,
    "Ahci_Host_Caps": "40141f05",
    "Ahci_Host_Version": 10000,
    "Ahci_Port_Cmd": "1000c017",
    "Can_Queue": 31,
    "Cmd_Per_Lun": 1,
    "Em_Message_Supported": "",
    "Em_Message_Type": 0,
    "Host_Busy": 0,
    "Link_Power_Management_Policy": "max_performance",
    "Proc_Name": "ahci",
    "Prot_Capabilities": 0,
    "Prot_Guard_Type": 0,
    "Sg_Prot_Tablesize": 0,
    "Sg_Tablesize": 168,
    "State": "running",
    "Supported_Mode": "Initiator",
    "Uevent": "",
    "Unique_Id": 1,
    "SysFSDev/Broken_Parity_Status": 0,
    "SysFSDev/Class": "0x010601",
    "SysFSDev/Consistent_Dma_Mask_Bits": 32,
    "SysFSDev/Device": "0x2922",
    "SysFSDev/Dma_Mask_Bits": 32,
    "SysFSDev/Enable": 1,
    "SysFSDev/Irq": 58,
    "SysFSDev/Local_Cpulist": "0-1",
    "SysFSDev/Msi_Bus": "",
    "SysFSDev/Msi_Irqs": 58,
    "SysFSDev/Numa_Node": -1,
    "SysFSDev/Subsystem_Device": "0x1100",
    "SysFSDev/Subsystem_Vendor": "0x1af4",
    "SysFSDev/Uevent": "DRIVER=ahci PCI_CLASS=10601 PCI_ID=8086:2922 PCI_SUBSYS_ID=1AF4:1100",
    "SysFSDev/Vendor": "0x8086",
}
SPEEDS = "100baseT-FD 100baseT-HD 10baseT-FD 10baseT-HD"


def discover_hardware(host: SimulatedHost) -> str:
    """CPUs and memory; FreePages follows the running domains (8.3)."""
    with host.lock:
        machines.advance(host)
        free_mb = free_memory_mb(host)
    root = Element("Discover_Hardware_Result")
    node = add(root, "NodeInformation")
    sizes = {
        "ThreadsPerCore": 1,
        "CoresPerSocket": 1,
        "SocketsPerNode": 2,
        "Nodes": 1,
        "CPUKHz": 3392400,
        "TotalPages": host.settings.memory_mb * 256,
        "FreePages": max(free_mb, 0) * 256,
    } | {f"HW_Caps/Item_{number}": value for number, value in enumerate(HW_CAPS)}
    add_all(add(node, "VMM/PhysicalInfo"), sizes)
    for number in ("0", "1"):
        add_all(add(node, "CPUInfo/Proc_Info/CPU", ID=number), CPU)
    add_all(add(node, "IO/SCSI/SCSI_Host", Num="0"), SCSI_HOST)
    initiator = f"iqn.1988-12.com.oracle:{host.uuid.replace(':', '')[:12]}"
    add(node, "IO/SCSI/ISCSI_Node/Initiatorname", initiator)
    add(node, "IO/IDE")
    add(add(node, "DMTF/SMBIOS", Version="2.4"), "MaxSize", 48)
    table = {"TableLength": 346, "Items": 13, "Buffer": "ABgAAAECAOgDAAgAAAAAAAAAAAQBAP//Qm9jaHMA"}
    add_all(add(node, "DMTF/DMI", Version="2.4"), table)
    bios = {"Vendor": "Bochs", "Version": "Bochs", "ReleaseDate": "01/01/2011"}
    system = {"UUID": host.uuid, "Manufacturer": "Bochs", "ProductName": "Bochs"}
    chassis = {"Height": "0U", "Manufacturer": "Bochs"}
    for kind, (name, values) in enumerate((("BIOS", bios), ("System", system))):
        add_all(add(node, f"DMTF/{name}", Type=str(kind), Item="1", Handle=f"0x0{kind}00"), values)
    add_all(add(node, "DMTF/Chassis", Type="3", Item="1", Handle="0x0300"), chassis)
    return document(root)


def discover_network(host: SimulatedHost) -> str:
    """NICs, bonds, VLANs and bridges as they are now.

    Bonds are in either list or in both (13). What a device of InfiniBand looks like is in no
    source: here like any other NIC.
    """
    root = Element("Discover_Network_Result")
    active = add(root, "Network/Active")
    with host.lock:
        machines.advance(host)
        found = network.state(host)
        for section in ("Network", "Bonding", "Bridges", "Infiniband"):
            add(active, section)
        bonds = host.answer("bonds in discover_network")
        for name in network.devices(found):
            if name not in found["bonds"] or bonds != "under Bonding":
                section = "Infiniband" if name in found["infiniband"] else "Network"
                _device(add(active, f"{section}/Device", Name=name), found, name)
        for name, bond in found["bonds"].items() if bonds != "under Network" else ():
            _bond(add(active, "Bonding/Device", Name=name), host, name, bond)
        for name in network.bridges(host):
            _bridge(add(active, "Bridges/Device", Name=name), host, found, name)
    return document(root)


def _device(device: Element, found: dict[str, Any], name: str) -> None:
    index = network.index(found, name)
    below = found["vlans"].get(name, {}).get("netdev", name)
    values = {
        "MAC": network.mac(found, name),
        "Flags": "(0x1043) IFF_UP IFF_BROADCAST IFF_RUNNING IFF_MULTICAST",
        "MII/Autonegotiate/State": "Complete",
        "MII/Autonegotiate/Speed": "100baseT-FD",
        "MII/Link": "ok",
        "MII/Product/Vendor": "00:00:00",
        "MII/Product/Model": 0,
        "MII/Product/Revision": 0,
        "MII/Status": "autonegotiation complete",
        "MII/Capabilities": SPEEDS,
        "MII/Advertising": SPEEDS,
        "MII/LinkPartner": SPEEDS,
        "WOL/WakeOnLan": "disabled",
        "SysFS/uevent": f"INTERFACE={name}IFINDEX={index}",
        "SysFS/addr_assign_type": 0,
        "SysFS/addr_len": 6,
        "SysFS/dev_id": "0x0",
        "SysFS/ifalias": "",
        "SysFS/iflink": network.index(found, below),
        "SysFS/ifindex": index,
        "SysFS/features": "0x200041a0",
        "SysFS/type": 1,
        "SysFS/link_mode": 0,
        "SysFS/carrier": 1,
        "SysFS/speed": 1000,
        "SysFS/duplex": "full",
        "SysFS/dormant": 0,
        "SysFS/operstate": "up",
        "SysFS/mtu": network.mtu(found, name),
        "SysFS/flags": "0x1103",
        "SysFS/tx_queue_len": 1000,
        "SysFS/netdev_group": 0,
    }
    if name in found["nics"]:
        values |= {
            "SysFS/SysFSDev/vendor": "0x10ec",
            "SysFS/SysFSDev/device": "0x8139",
            "SysFS/SysFSDev/subsystem_vendor": "0x1af4",
            "SysFS/SysFSDev/subsystem_device": "0x1100",
            "SysFS/SysFSDev/class": "0x020000",
        }
    values["BootProto"] = found["boot_protocols"].get(name, "none")
    values["MetaData"] = found["metadata"].get(name, "")
    add_all(device, values)


def _bond(device: Element, host: SimulatedHost, name: str, bond: dict[str, Any]) -> None:
    """An address is shown as that of a bridge; where the agent shows one is in no source."""
    found = network.state(host)
    first = bond["ports"][0]
    values = {
        "Bonding_Mode": network.BOND_MODES[bond["mode"]],
        "Primary_Slave": f"{first} (primary_reselect always)",
        "Currently_Active_Slave": first,
        "MII_Status": "up",
        "MII_Polling_Interval": 250,
        "Up_Delay": 500,
        "Down_Delay": 500,
    }
    add_all(device, values)
    for port in bond["ports"]:
        slave = {
            "MII_Status": "up",
            "Speed": "1000 Mbps",
            "Duplex": "full",
            "Link_Failure_Count": 0,
            "Permanent_HW_addr": network.mac(found, port),
        }
        add_all(add(device, "Slave_Interface", Name=port), slave)
    family = {"MAC": network.mac(found, name).upper()} | _address(host, name)
    add_all(add(device, "Family", Type="AF_INET"), family | {"mtu": network.mtu(found, name)})
    add(device, "BootProto", found["boot_protocols"].get(name, "none"))
    if host.answer("bonds in discover_network") == "under Bonding" and name in found["metadata"]:
        add(device, "MetaData", found["metadata"][name])


def _address(host: SimulatedHost, name: str) -> dict[str, Any]:
    pair = network.address(host, name)
    if pair is None:
        return {}
    broadcast = ipaddress.IPv4Interface("/".join(pair)).network.broadcast_address
    return {"Address": pair[0], "Netmask": pair[1], "Broadcast": str(broadcast)}


def _bridge(device: Element, host: SimulatedHost, found: dict[str, Any], name: str) -> None:
    below = found["bridges"][name]["netdev"]
    values = {"MAC": network.mac(found, name)} | _address(host, name)
    if not below and host.answer("local bridges in discover_network") == "as recorded":
        device.text, values = '"', {"MAC": values["MAC"]}
    add_all(add(device, "Family", Type="AF_INET"), values)
    ports = [*([below] if below else []), *network.vifs(host, name)]
    if host.answer("ports of a bridge") == "guests' first":
        ports.reverse()
    interfaces = add(device, "Interfaces")
    for port in ports:
        add(interfaces, "PhyInterface", port)
    add(device, "BootProto", found["boot_protocols"].get(name, "none"))
