"""The Discover_* documents: strings that hold XML (agent-behaviour.md 2, 8; answer-shapes.md)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, tostring

from . import machines
from .host import SimulatedHost
from .starting import bridges, free_memory_mb
from .storage import real_path, repository_record

CAPABILITIES = {
    "ISCSI": "True",
    "BOND_MODE_LINK_AGGREGATION": "True",
    "POWER_ON_WOL": "True",
    "ALL_VM_CPU_OVERSUBSCRIBE": "True",
    "HVM_MAX_VNICS": "8",
    "FIBRE_CHANNEL": "True",
    "MAX_CONCURRENT_MIGRATION_OUT": "1",
    "LOCAL_STORAGE_ELEMENT": "True",
    "CLUSTERS": "True",
    "CONCURRENT_MIGRATION": "False",
    "VM_MEMORY_ALIGNMENT": "1048576",
    "MIGRATION_SETUP": "False",
    "PER_VM_CPU_OVERSUBSCRIBE": "True",
    "BOND_MODE_ACTIVE_BACKUP": "True",
    "NFS": "True",
    "VM_VNC_CONSOLE": "True",
    "MTU_CONFIGURATION": "True",
    "HIGH_AVAILABILITY": "True",
    "MAX_CONCURRENT_MIGRATION_IN": "1",
    "VM_SERIAL_CONSOLE": "True",
    "BOND_MODE_ADAPTIVE_LOAD_BALANCING": "True",
    "VM_SUSPEND": "True",
    "YUM_PACKAGE_MANAGEMENT": "True",
}
NFS_OPTIONS = "rw,relatime,vers=3,rsize=524288,wsize=524288,namlen=255,hard,proto=tcp,timeo=600"


def _add(parent: Element, path: str, text: object = "", **attributes: str) -> Element:
    """Append an element; ``a/b/c`` makes what is missing of the way there."""
    *way, name = path.split("/")
    for step in way:
        found = parent.find(step)
        parent = found if found is not None else SubElement(parent, step)
    element = SubElement(parent, name, attributes)
    element.text = str(text)
    return element


def _text(root: Element) -> str:
    return '<?xml version="1.0" ?>' + tostring(root, encoding="unicode")


def discover_server(host: SimulatedHost, members: list[SimulatedHost]) -> str:
    """What the host is, who owns it, which pool it is in (8.1)."""
    settings, version = host.settings, host.settings.version
    root = Element("Discover_Server_Result")
    server = _add(root, "Server")
    pooled = settings.pool_id is not None
    old = settings.old
    state = "Pooled" if pooled else "Owned" if settings.owner else "Unowned"
    agent_version = f"{version}-{'183' if old else '1350'}"
    for path, text in (
        ("Unique_Id", host.uuid),
        ("Boot_Time", int(host.boot_time)),
        ("Date_Time/Time_Zone", "Europe/Amsterdam"),
        ("Date_Time/UTC", "True"),
        ("NTP/Local_Time_Source", "True"),
        ("NTP/Is_NTP_Running", "True"),
        ("Agent_Version", agent_version),
        ("RPM_Version", agent_version),
        ("OVM_Version", f"{version}-{'517' if old else '1085'}"),
        ("CPU_Type", "x86_64"),
        ("OS_Type", "Linux"),
        ("OS_Name", "Oracle VM Server"),
        ("OS_Major_Version", "5" if old else "6"),
        ("OS_Minor_Version", "7" if old else "6"),
        ("Hypervisor_Type", "xen"),
        ("Hypervisor_Name", "Xen"),
        ("Host_Kernel_Release", "2.6.39-300.22.2.el5uek" if old else "3.8.13-68.3.2.el6uek"),
        ("Host_Kernel_Version", "#1 SMP Fri Jan 4 12:40:29 PST 2013"),
        ("VMM/Version/Major", "4"),
        ("VMM/Version/Minor", "1" if old else "3"),
        ("VMM/Version/Extra", ".3OVM" if old else ".0OVM"),
        ("VMM/Compile_Information/Compiler", "gcc version 4.1.2 20080704 (Red Hat 4.1.2-48)"),
        ("VMM/Compile_Information/By", "mockbuild"),
        ("VMM/Compile_Information/Domain", "us.oracle.com"),
        ("VMM/Compile_Information/Date", "Wed Dec  5 09:11:29 PST 2012"),
        ("VMM/Capabilities", "xen-3.0-x86_64 xen-3.0-x86_32p hvm-3.0-x86_32 hvm-3.0-x86_64"),
        ("Pool_Unique_Id", settings.pool_id or "none"),
        ("Manager_Unique_Id", settings.owner or "none"),
        ("Hostname", host.hostname),
        ("Registered_IP", host.address),
        ("Node_Number", host.index),
        ("Server_Roles", "xen,utility"),
        ("Is_Current_Master", "true" if pooled and host is members[0] else "false"),
        ("Master_Virtual_Ip", "127.0.0.254" if pooled else "none"),
        ("Manager_Core_API_Version", f"{version}.516"),
        ("Membership_State", state),
        ("Cluster_State", "Offline"),
        ("Statistic/Interval", "20"),
        ("Exports", ""),
    ):
        _add(server, path, text)
    for name, value in CAPABILITIES.items():
        _add(server, f"Capabilities/{name}", value)
    return _text(root)


def discover_server_pool(host: SimulatedHost, members: list[SimulatedHost]) -> str:
    """Id, alias and members of the pool; an empty root when not pooled (10)."""
    root = Element("Discover_Server_Pool_Result")
    if host.settings.pool_id is not None:
        pool = _add(root, "Server_Pool")
        _add(pool, "Unique_Id", host.settings.pool_id)
        _add(pool, "Pool_Alias", "Pool 0")
        _add(pool, "Master_Virtual_Ip", "127.0.0.254")
        for member in members:
            _add(_add(pool, "Member_List/Member"), "Registered_IP", member.address)
    return _text(root)


def discover_hardware(host: SimulatedHost) -> str:
    """CPUs and memory; FreePages follows the running domains (8.3)."""
    with host.lock:
        machines.advance(host)
        free_mb = free_memory_mb(host)
    root = Element("Discover_Hardware_Result")
    node = _add(root, "NodeInformation")
    for path, text in (
        ("ThreadsPerCore", 1),
        ("CoresPerSocket", 1),
        ("SocketsPerNode", 2),
        ("Nodes", 1),
        ("CPUKHz", 3392400),
        ("TotalPages", host.settings.memory_mb * 256),
        ("FreePages", max(free_mb, 0) * 256),
        ("HW_Caps/Item_0", "0x0f8bf3ff"),
        ("HW_Caps/Item_1", "0x28100800"),
    ):
        _add(node, f"VMM/PhysicalInfo/{path}", text)
    for number in ("0", "1"):
        cpu = _add(node, "CPUInfo/Proc_Info/CPU", ID=number)
        for name, text in (
            ("vendor_id", "GenuineIntel"),
            ("cpu_family", "6"),
            ("model", "2"),
            ("model_name", "Intel Core i7 9xx (Nehalem Class Core i7)"),
            ("stepping", "3"),
            ("cache_size", "4096 KB"),
            ("flags", "fpu de tsc msr pae mce cx8 apic mca cmov clflush mmx fxsr sse sse2 vmx"),
        ):
            _add(cpu, name, text)
    adapter = _add(node, "IO/SCSI/SCSI_Host", Num="0")
    _add(adapter, "Proc_Name", "ahci")
    _add(adapter, "State", "running")
    initiator = f"iqn.1988-12.com.oracle:{host.uuid.replace(':', '')[:12]}"
    _add(node, "IO/SCSI/ISCSI_Node/Initiatorname", initiator)
    _add(node, "IO/IDE")
    _add(node, "DMTF/SMBIOS", Version="2.4")
    system = _add(node, "DMTF/System", Type="1", Item="1", Handle="0x0100")
    for name, text in (("UUID", host.uuid), ("Manufacturer", "Bochs"), ("ProductName", "Bochs")):
        _add(system, name, text)
    return _text(root)


def discover_network(host: SimulatedHost) -> str:
    """One bond with one port, the management bridge on it, and the local bridge control0 (13)."""
    root = Element("Discover_Network_Result")
    active = _add(root, "Network/Active")
    mac = f"52:54:00:24:47:{host.index + 0x10:02x}"
    management = bridges(host)[0]
    label = (
        "ethernet:c0a80100{192.168.1.0}:MANAGEMENT,CLUSTER_HEARTBEAT,LIVE_MIGRATE,VIRTUAL_MACHINE"
    )
    for name, metadata in (("eth0", ""), ("bond0", label)):
        device = _add(active, "Network/Device", Name=name)
        flags = "(0x1043) IFF_UP IFF_BROADCAST IFF_RUNNING IFF_MULTICAST"
        for path, text in (
            ("MAC", mac),
            ("Flags", flags),
            ("MII/Autonegotiate/State", "Complete"),
            ("MII/Autonegotiate/Speed", "100baseT-FD"),
            ("MII/Link", "ok"),
            ("WOL/WakeOnLan", "disabled"),
            ("SysFS/carrier", "1"),
            ("SysFS/speed", "1000"),
            ("SysFS/operstate", "up"),
            ("SysFS/mtu", "1500"),
            ("BootProto", "none"),
            ("MetaData", metadata),
        ):
            _add(device, path, text)
    bond = _add(active, "Bonding/Device", Name="bond0")
    _add(bond, "Bonding_Mode", "active-backup")
    _add(bond, "Currently_Active_Slave", "eth0")
    _add(bond, "MII_Status", "up")
    slave = _add(bond, "Slave_Interface", Name="eth0")
    _add(slave, "MII_Status", "up")
    _add(slave, "Permanent_HW_addr", mac)
    family = _add(bond, "Family", Type="AF_INET")
    _add(family, "MAC", mac.upper())
    _add(family, "mtu", "1500")
    _add(bond, "BootProto", "none")
    bridge = _add(active, "Bridges/Device", Name=management)
    family = _add(bridge, "Family", Type="AF_INET")
    _address(family, mac, host.address, "255.255.255.0", "127.0.0.255")
    _add(bridge, "Interfaces/PhyInterface", "bond0")
    _add(bridge, "BootProto", "static")
    control = _add(active, "Bridges/Device", Name="control0")
    family = _add(control, "Family", Type="AF_INET")
    if host.control0_address:
        _address(family, "00:00:00:00:00:00", "169.254.0.1", "255.255.0.0", "169.254.255.255")
    else:
        _add(family, "MAC", "00:00:00:00:00:00")
    _add(control, "Interfaces")
    _add(active, "Infiniband")
    return _text(root)


def _address(family: Element, mac: str, address: str, netmask: str, broadcast: str) -> None:
    _add(family, "MAC", mac)
    _add(family, "Address", address)
    _add(family, "Netmask", netmask)
    _add(family, "Broadcast", broadcast)


def discover_repository_db(host: SimulatedHost) -> str:
    """Every repository the host knows, Mounted or Unmounted (5)."""
    root = Element("Discover_Repository_Db_Result")
    listing = _add(root, "RepositoryDbList")
    with host.lock:
        for repo_id, record in sorted(host.repository_db.items()):
            element = _add(listing, "Repository", Uuid=repo_id)
            for key, value in record.items():
                _add(element, key, value)
            mounted = record["Mount_point"] in host.mounts
            _add(element, "Status", "Mounted" if mounted else "Unmounted")
    return _text(root)


def discover_repositories(host: SimulatedHost, repo_id: str) -> str:
    """What lies in one repository right now; unknown or not mounted: an empty list (5)."""
    root = Element("Discover_Repositories_Result")
    listing = _add(root, "RepositoryList")
    with host.lock:
        point = f"/OVS/Repositories/{repo_id}"
        usable = repo_id not in ("", ".", "..") and "/" not in repo_id and point in host.mounts
        folder = real_path(host, point) if usable else None
        record = repository_record(folder) if folder else None
    if folder is None or record is None:
        return _text(root)
    repository = _add(listing, "Repository", Name=repo_id)
    _add(repository, "Version", record.get("OVS_REPO_VERSION", "3.0"))
    _add(repository, "Manager_UUID", record.get("OVS_REPO_MGR_UUID", "none"))
    _add(repository, "Repository_UUID", record.get("OVS_REPO_UUID", repo_id))
    _add(repository, "Repository_Alias", record.get("OVS_REPO_ALIAS", ""))
    for section, name in (
        ("Assemblies", "Assembly"),
        ("Templates", "Template"),
        ("VirtualMachines", "VirtualMachine"),
    ):
        parent = _add(repository, section)
        for entry in _entries(folder / section):
            if entry.is_dir():
                element = _add(parent, name, Name=entry.name)
                for file in _entries(entry):
                    _add(element, "File", file.name)
            elif section == "Templates":  # CloudStack's flat files: 4
                _add(_add(parent, name, Name=entry.stem), "File", entry.name)
    for section, name in (("VirtualDisks", "Disk"), ("ISOs", "ISO")):
        parent = _add(repository, section)
        for entry in _entries(folder / section):
            if not entry.is_dir():
                _add(parent, name, entry.name)
    return _text(root)


def _entries(folder: Path) -> Iterable[Path]:
    """The folder's entries by name, without hidden ones and names that XML cannot hold."""
    if not folder.is_dir():
        return []
    return sorted(
        path
        for path in folder.iterdir()
        if not path.name.startswith(".") and path.name.isprintable()
    )


def discover_mounted_file_systems(host: SimulatedHost, kind: str) -> str:
    """The mounts of one type, or ``all`` (8.4)."""
    root = Element("Discover_Mounted_File_Systems_Result")
    with host.lock:
        mounts = sorted((at, mount.device) for at, mount in host.mounts.items())
    if kind in ("nfs", "all"):
        system = _add(root, "Filesystem", Type="nfs")
        for at, device in mounts:
            element = _add(system, "Mount", Dir=at)
            _add(element, "Device", device)
            _add(element, "Mount_Options", f"{NFS_OPTIONS},addr={device.partition(':')[0]}")
    if kind in ("ext3", "all"):
        element = _add(_add(root, "Filesystem", Type="ext3"), "Mount", Dir="/")
        _add(element, "Device", "/dev/sda2")
        _add(element, "Mount_Options", "rw,relatime,errors=continue")
    return _text(root)
