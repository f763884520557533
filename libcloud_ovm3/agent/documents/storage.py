"""Mounts, storage plug-ins and physical disks: discover_mounted_file_systems and others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from libcloud_ovm3.agent.documents import elements, xmlmapping

_LUN_LISTS = ("scsi", "iscsi_target")
_PLUGIN_LIST = "storage_plugin_info_list"


@dataclass(frozen=True)
class Mount:
    """One mount of discover_mounted_file_systems."""

    fs_type: str
    directory: str
    device: str
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class StoragePlugin:
    """A plug-in of discover_storage_plugins (agent-behaviour 9). None: it has no such element.

    :ivar name: its ``plugin_impl_name``, the first argument of each storage_plugin_ function.
    :ivar abilities: ``snapshot``: ONLINE, UNSUPPORTED, …; ``clone_is_sync``: YES or NO; …
    """

    name: str = xmlmapping.attribute("plugin_impl_name")
    fs_api_version: str | None = xmlmapping.maybe("fs_api_version")
    sa_api_version: str | None = xmlmapping.maybe("sa_api_version")
    is_generic: bool | None = xmlmapping.flag("generic_plugin")
    version: str = xmlmapping.text("plugin_version")
    filesys_type: str | None = xmlmapping.maybe("filesys_type")
    extended_api_version: str = xmlmapping.text("extended_api_version")
    description: str = xmlmapping.text("plugin_desc")
    is_cluster_required: bool | None = xmlmapping.flag("cluster_required")
    label: str = xmlmapping.text("plugin_name")
    fs_extra_info_help: str | None = xmlmapping.maybe("fs_extra_info_help")
    required_api_versions: str = xmlmapping.text("required_api_vers")
    file_extra_info_help: str | None = xmlmapping.maybe("file_extra_info_help")
    ss_extra_info_help: str | None = xmlmapping.maybe("ss_extra_info_help")
    se_extra_info_help: str | None = xmlmapping.maybe("se_extra_info_help")
    filesys_name: str | None = xmlmapping.maybe("filesys_name")
    storage_types: str | None = xmlmapping.maybe("storage_types")
    vendor: str = xmlmapping.text("vendor_name")
    type: str = xmlmapping.text("plugin_type")
    abilities: Mapping[str, str] = xmlmapping.mapping("abilities")


@dataclass(frozen=True)
class PhysicalLuns:
    """discover_physical_luns: SCSI disks and iSCSI targets, kept whole (agent-behaviour 8.4).

    Sources name the elements ``SCSI/Disk`` and ``iSCSI_Target``, none shows what stands in them;
    the one public client reads them without regard to case, so that is not certain.

    :ivar scsi: what stands in ``SCSI``: a ``Disk`` for each.
    :ivar iscsi_targets: each ``iSCSI_Target``.
    :ivar other: what else stands in the document.
    """

    scsi: tuple[xmlmapping.Part, ...] = ()
    iscsi_targets: tuple[xmlmapping.Part, ...] = ()
    other: tuple[xmlmapping.Part, ...] = ()


def mounts(text: str) -> tuple[Mount, ...]:
    """discover_mounted_file_systems' answer.

    :raises MalformedResponse: it is no such document.
    """
    root = elements.root_of(text, "Discover_Mounted_File_Systems_Result")
    elements.known(root, "Filesystem")
    return tuple(
        Mount(
            fs_type=system.get("Type", ""),
            directory=node.get("Dir", ""),
            device=elements.content_at(node, "Device"),
            options=tuple(filter(None, elements.content_at(node, "Mount_Options").split(","))),
        )
        for system in root.iterfind("Filesystem")
        for node in system.iterfind("Mount")
    )


def storage_plugins(text: str) -> tuple[StoragePlugin, ...]:
    """discover_storage_plugins' answer.

    :raises MalformedResponse: it is no such document.
    """
    root = elements.root_of(text, "Discover_Storage_Plugins_Result")
    nodes = elements.found_in(root, _PLUGIN_LIST).iterfind("storage_plugin_info")
    return tuple(xmlmapping.read(StoragePlugin, node) for node in nodes)


def physical_luns(text: str) -> PhysicalLuns:
    """discover_physical_luns' answer.

    :raises MalformedResponse: it is no such document.
    """
    root = elements.root_of(text, "Discover_Physical_Luns_Result")
    lists = [child.tag for child in root if str(child.tag).lower() in _LUN_LISTS]
    elements.known(root, *(lists or _LUN_LISTS))
    scsi: list[xmlmapping.Part] = []
    targets: list[xmlmapping.Part] = []
    other: list[xmlmapping.Part] = []
    for part in map(xmlmapping.read_part, root.iterchildren("*")):
        if part.name.lower() == "scsi" and not part.text and not part.attributes:
            scsi.extend(part.parts)
        else:
            (targets if part.name.lower() == "iscsi_target" else other).append(part)
    return PhysicalLuns(tuple(scsi), tuple(targets), tuple(other))
