"""The Discover_* documents: XML in strings (agent-behaviour.md 2, 8; answer-shapes.md)."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

from libcloud_ovm3.simulator.agent import cluster, linux, ownership
from libcloud_ovm3.simulator.agent.repositories import repository_record
from libcloud_ovm3.simulator.agent.xmltext import add, add_all, document
from libcloud_ovm3.simulator.files import real_path
from libcloud_ovm3.simulator.host import SimulatedHost

# Characters that XML cannot contain, or bytes that are not UTF-8.
_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
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


def discover_server(host: SimulatedHost) -> str:
    """The host, its owner and its pool (8.1)."""
    version, old = host.settings.version, host.settings.old
    with host.lock:
        mine, clock = ownership.state(host), linux.state(host)
        online = cluster.state(host)["online"]
    pool, owner = mine["pool"], mine["owner"]
    registered_ip = host.records.get("registered_ip", host.address)
    agent_version = f"{version}-{'183' if old else '1350'}"
    values = {
        "Unique_Id": host.uuid,
        "Boot_Time": int(host.boot_time),
        "Date_Time/Time_Zone": clock["timezone"],
        "Date_Time/UTC": clock["utc"],
        "NTP/Local_Time_Source": clock["local_time_source"],
        "NTP/Is_NTP_Running": clock["ntp_running"],
        "Agent_Version": agent_version,
        "RPM_Version": agent_version,
        "OVM_Version": f"{version}-{'517' if old else '1085'}",
        "CPU_Type": "x86_64",
        "OS_Type": "Linux",
        "OS_Name": "Oracle VM Server",
        "OS_Major_Version": "5" if old else "6",
        "OS_Minor_Version": "7" if old else "6",
        "Hypervisor_Type": "xen",
        "Hypervisor_Name": "Xen",
        "Host_Kernel_Release": "2.6.39-300.22.2.el5uek" if old else "3.8.13-68.3.2.el6uek",
        "Host_Kernel_Version": "#1 SMP Fri Jan 4 12:40:29 PST 2013",
        "VMM/Version/Major": "4",
        "VMM/Version/Minor": "1" if old else "3",
        "VMM/Version/Extra": ".3OVM" if old else ".0OVM",
        "VMM/Compile_Information/Compiler": "gcc version 4.1.2 20080704 (Red Hat 4.1.2-48)",
        "VMM/Compile_Information/By": "mockbuild",
        "VMM/Compile_Information/Domain": "us.oracle.com",
        "VMM/Compile_Information/Date": "Wed Dec  5 09:11:29 PST 2012",
        "VMM/Capabilities": "xen-3.0-x86_64 xen-3.0-x86_32p hvm-3.0-x86_32 hvm-3.0-x86_64",
        "Pool_Unique_Id": pool["uuid"] if pool else "none",
        "Manager_Unique_Id": owner or "none",
        "Hostname": host.hostname,
        "Registered_IP": registered_ip,
        "Node_Number": pool["node_number"] if pool else host.index,
        "Server_Roles": mine["roles"],
        "Is_Current_Master": "true" if pool and pool["master"] else "false",
        "Master_Virtual_Ip": pool["virtual_ip"] if pool else "none",
        "Manager_Core_API_Version": f"{version}.516",
        "Membership_State": "Pooled" if pool else "Owned" if owner else "Unowned",
        "Cluster_State": "Online" if online else "Offline",
        "Statistic/Interval": clock["statistic_interval"],
        "Exports": "",
    } | {f"Capabilities/{name}": value for name, value in CAPABILITIES.items()}
    return _server_document(tuple(values.items()))


@functools.lru_cache(maxsize=32)
def _server_document(values: tuple[tuple[str, object], ...]) -> str:
    """Every reading of a host begins with it, and mostly nothing has changed."""
    root = Element("Discover_Server_Result")
    add_all(add(root, "Server"), dict(values))
    return document(root)


def discover_server_pool(host: SimulatedHost) -> str:
    """Id, alias and members of the pool; an empty root element without a pool (10)."""
    root = Element("Discover_Server_Pool_Result")
    with host.lock:
        found = ownership.state(host)["pool"]
    if found is not None:
        pool = add(root, "Server_Pool")
        add(pool, "Unique_Id", found["uuid"])
        add(pool, "Pool_Alias", found["alias"])
        add(pool, "Master_Virtual_Ip", found["virtual_ip"])
        for member in ownership.members(host):
            add(add(pool, "Member_List/Member"), "Registered_IP", member)
    return document(root)


def discover_repository_db(host: SimulatedHost) -> str:
    """Every repository that the host has registered, Mounted or Unmounted (5)."""
    root = Element("Discover_Repository_Db_Result")
    listing = add(root, "RepositoryDbList")
    with host.lock:
        for repo_id, record in sorted(host.repository_db.items()):
            element = add(listing, "Repository", Uuid=repo_id)
            for key, value in record.items():
                add(element, key, value)
            mounted = record["Mount_point"] in host.mounts
            add(element, "Status", "Mounted" if mounted else "Unmounted")
    return document(root)


def discover_repositories(host: SimulatedHost, repo_id: str) -> str:
    """The contents of one repository; an empty list if it is unknown or not mounted (5)."""
    root = Element("Discover_Repositories_Result")
    listing = add(root, "RepositoryList")
    with host.lock:
        point = f"/OVS/Repositories/{repo_id}"
        usable = repo_id not in ("", ".", "..") and "/" not in repo_id and point in host.mounts
        folder = real_path(host, point) if usable else None
        record = repository_record(folder) if folder else None
    if folder is None or record is None:
        return document(root)
    repository = add(listing, "Repository", Name=repo_id)
    add(repository, "Version", record.get("OVS_REPO_VERSION", "3.0"))
    add(repository, "Manager_UUID", record.get("OVS_REPO_MGR_UUID", "none"))
    add(repository, "Repository_UUID", record.get("OVS_REPO_UUID", repo_id))
    add(repository, "Repository_Alias", record.get("OVS_REPO_ALIAS", ""))
    for section, name in (
        ("Assemblies", "Assembly"),
        ("Templates", "Template"),
        ("VirtualMachines", "VirtualMachine"),
    ):
        parent = add(repository, section)
        for entry, shown in _entries(host, folder / section):
            if entry.is_dir():
                element = add(parent, name, Name=shown)
                for _, file in _entries(host, entry):
                    add(element, "File", file)
            elif section == "Templates":  # CloudStack's flat files: 4
                add(add(parent, name, Name=Path(shown).stem), "File", shown)
    for section, name in (("VirtualDisks", "Disk"), ("ISOs", "ISO")):
        parent = add(repository, section)
        for entry, shown in _entries(host, folder / section):
            if not entry.is_dir():
                add(parent, name, shown)
    return document(root)


def _entries(host: SimulatedHost, folder: Path) -> Iterator[tuple[Path, str]]:
    """The folder's entries including links: path and name, sorted by name.

    Whether an agent lists hidden files, and names that XML or UTF-8 cannot encode, is not known.
    """
    if not folder.is_dir():
        return
    everything = host.answer("hidden files and odd names in listings") == "shown"
    for path in sorted(folder.iterdir()):
        if everything:
            yield path, _NOT_XML.sub("?", path.name)
        elif not path.name.startswith(".") and path.name.isprintable():
            yield path, path.name
