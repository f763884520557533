"""The XML documents that the discover_* functions answer -> frozen dataclasses. Pure.

Outlines: answer-shapes.md. Missing elements become ``""``, ``None`` or empty tuples, unknown ones
are passed over. "Nothing there" is an empty root element.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lxml import etree

from libcloud_ovm3.agent.identifiers import dashed, undashed
from libcloud_ovm3.errors import MalformedAnswer

_PAGE_BYTES = 4096  # TotalPages and FreePages count these (agent-behaviour 8.3)


@dataclass(frozen=True)
class Server:
    """discover_server: who a host is and whose it is (agent-behaviour 8.1)."""

    uuid: str  # 32 hex digits; "" if the answer has none
    hostname: str
    registered_ip: str
    agent_version: str
    ovm_version: str
    hypervisor_version: str
    pool_uuid: str | None  # dashed
    manager_uuid: str | None  # 32 hex digits
    membership: str  # "Unowned", "Pooled", …
    roles: tuple[str, ...]
    is_master: bool


@dataclass(frozen=True)
class Hardware:
    """discover_hardware: what a host has (agent-behaviour 8.3). None: not said."""

    cpus: int | None
    cpu_khz: int | None
    memory_bytes: int | None
    free_bytes: int | None
    cpu_model: str


@dataclass(frozen=True)
class ServerPool:
    """discover_server_pool: a pool and the addresses of its members."""

    uuid: str
    alias: str
    virtual_ip: str
    members: tuple[str, ...]


@dataclass(frozen=True)
class RepositoryRecord:
    """One record of discover_repository_db: a repository as one host knows it."""

    id: str  # 32 hex digits
    alias: str
    fs_location: str  # host:/path for NFS
    fs_type: str
    mount_point: str
    manager_uuid: str | None
    is_mounted: bool


@dataclass(frozen=True)
class Folder:
    """A named folder in a listing and the files in it."""

    name: str
    files: tuple[str, ...]


@dataclass(frozen=True)
class RepositoryContent:
    """discover_repositories: what lies in one repository."""

    id: str
    templates: tuple[Folder, ...]
    virtual_machines: tuple[Folder, ...]
    virtual_disks: tuple[str, ...]
    isos: tuple[str, ...]


@dataclass(frozen=True)
class Mount:
    """One mount of discover_mounted_file_systems."""

    fs_type: str
    directory: str
    device: str


@dataclass(frozen=True)
class NetworkDevice:
    """A device of discover_network: a NIC, bond, VLAN or bridge."""

    name: str
    section: str  # the element it stands in: "Network", "Bonding", "Bridges", …
    metadata: str


def server(text: str) -> Server:
    """discover_server's answer.

    :raises MalformedAnswer: it is no such document.
    """
    node = _find(_root(text, "Discover_Server_Result"), "Server")
    version = [_text(node, f"VMM/Version/{part}") for part in ("Major", "Minor", "Extra")]
    return Server(
        uuid=undashed(_text(node, "Unique_Id")) or "",
        hostname=_text(node, "Hostname"),
        registered_ip=_text(node, "Registered_IP"),
        agent_version=_text(node, "Agent_Version"),
        ovm_version=_text(node, "OVM_Version"),
        hypervisor_version=f"{version[0]}.{version[1]}{version[2]}" if version[0] else "",
        pool_uuid=dashed(_text(node, "Pool_Unique_Id")),
        manager_uuid=undashed(_text(node, "Manager_Unique_Id")),
        membership=_text(node, "Membership_State"),
        roles=tuple(role for role in _text(node, "Server_Roles").split(",") if role),
        is_master=_text(node, "Is_Current_Master").lower() == "true",
    )


def hardware(text: str) -> Hardware:
    """discover_hardware's answer.

    :raises MalformedAnswer: it is no such document.
    """
    node = _find(_root(text, "Discover_Hardware_Result"), "NodeInformation")
    info = _find(node, "VMM/PhysicalInfo")
    # SocketsPerNode is per NUMA node, so Nodes counts too (agent-behaviour 8.3).
    factors = [
        _number(info, part) for part in ("ThreadsPerCore", "CoresPerSocket", "SocketsPerNode")
    ]
    cpus: int | None = _number(info, "Nodes") or 1
    for factor in factors:
        cpus = cpus * factor if cpus and factor else None
    total, free = _number(info, "TotalPages"), _number(info, "FreePages")
    return Hardware(
        cpus=cpus,
        cpu_khz=_number(info, "CPUKHz"),
        memory_bytes=None if total is None else total * _PAGE_BYTES,
        free_bytes=None if free is None else free * _PAGE_BYTES,
        cpu_model=_text(node, "CPUInfo/Proc_Info/CPU/model_name"),
    )


def server_pool(text: str) -> ServerPool | None:
    """discover_server_pool's answer; None: the host is in no pool.

    :raises MalformedAnswer: it is no such document.
    """
    node = _root(text, "Discover_Server_Pool_Result").find("Server_Pool")
    if node is None:
        return None
    members = (_content(ip) for ip in node.findall("Member_List/Member/Registered_IP"))
    return ServerPool(
        uuid=_text(node, "Unique_Id"),
        alias=_text(node, "Pool_Alias"),
        virtual_ip=_text(node, "Master_Virtual_Ip"),
        members=tuple(dict.fromkeys(member for member in members if member)),
    )


def repository_db(text: str) -> tuple[RepositoryRecord, ...]:
    """discover_repository_db's answer. Records without a usable id are left out.

    :raises MalformedAnswer: it is no such document.
    """
    records = []
    for node in _root(text, "Discover_Repository_Db_Result").iterfind(
        "RepositoryDbList/Repository"
    ):
        repository_id = undashed(node.get("Uuid"))
        if repository_id is None:
            continue
        records.append(
            RepositoryRecord(
                id=repository_id,
                alias=_text(node, "Alias"),
                fs_location=_text(node, "Fs_location"),
                fs_type=_text(node, "Filesystem_type"),
                mount_point=_text(node, "Mount_point"),
                manager_uuid=undashed(_text(node, "Manager_uuid")),
                is_mounted=_text(node, "Status") == "Mounted",
            )
        )
    return tuple(records)


def repository_content(text: str, repository_id: str) -> RepositoryContent | None:
    """One repository out of discover_repositories' answer; None: the host does not know it.

    :raises MalformedAnswer: it is no such document.
    """
    for node in _root(text, "Discover_Repositories_Result").iterfind("RepositoryList/Repository"):
        if repository_id not in (undashed(_text(node, "Repository_UUID")), node.get("Name")):
            continue
        return RepositoryContent(
            id=repository_id,
            templates=_folders(node, "Templates/Template"),
            virtual_machines=_folders(node, "VirtualMachines/VirtualMachine"),
            virtual_disks=_contents(node, "VirtualDisks/Disk"),
            isos=_contents(node, "ISOs/ISO"),
        )
    return None


def mounts(text: str) -> tuple[Mount, ...]:
    """discover_mounted_file_systems' answer.

    :raises MalformedAnswer: it is no such document.
    """
    found = []
    for system in _root(text, "Discover_Mounted_File_Systems_Result").iterfind("Filesystem"):
        for node in system.iterfind("Mount"):
            found.append(Mount(system.get("Type", ""), node.get("Dir", ""), _text(node, "Device")))
    return tuple(found)


def network_devices(text: str) -> tuple[NetworkDevice, ...]:
    """The devices of discover_network's answer, in its order. A bond may stand in two sections.

    :raises MalformedAnswer: it is no such document.
    """
    root = _root(text, "Discover_Network_Result")
    return tuple(
        NetworkDevice(
            name=node.get("Name", ""),
            section=str(section.tag),
            metadata=_text(node, "MetaData"),
        )
        for section in root.iterfind("Network/Active/*")
        for node in section.iterfind("Device")
    )


# ------------------------------------------------------------------ reading


def _root(text: str, expected: str) -> etree._Element:
    # Told the encoding: the text may declare another one, which no longer holds inside a string.
    parser = etree.XMLParser(
        encoding="utf-8", resolve_entities=False, no_network=True, remove_comments=True
    )
    try:
        root = etree.fromstring(text.encode("utf-8"), parser)
    except (etree.XMLSyntaxError, ValueError, AttributeError) as error:
        raise MalformedAnswer(f"{expected}: no XML document: {error}") from None
    if root is None or root.tag != expected or root.getroottree().docinfo.internalDTD is not None:
        raise MalformedAnswer(f"expected a {expected} document, got {str(text)[:60]!r}")
    return root


def _find(node: etree._Element, path: str) -> etree._Element:
    found = node.find(path)
    return found if found is not None else etree.Element("nothing")


def _content(node: etree._Element) -> str:
    return (node.text or "").strip()


def _text(node: etree._Element, path: str) -> str:
    found = node.find(path)
    return "" if found is None else _content(found)


def _number(node: etree._Element, path: str) -> int | None:
    text = _text(node, path)
    return int(text) if re.fullmatch("[0-9]{1,18}", text) else None


def _contents(node: etree._Element, path: str) -> tuple[str, ...]:
    return tuple(_content(found) for found in node.iterfind(path) if _content(found))


def _folders(node: etree._Element, path: str) -> tuple[Folder, ...]:
    return tuple(
        Folder(found.get("Name", ""), _contents(found, "File")) for found in node.iterfind(path)
    )
