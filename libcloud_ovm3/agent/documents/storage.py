"""Mounts, storage plug-ins and physical disks: discover_mounted_file_systems and others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby

from lxml import etree

from libcloud_ovm3.agent.documents import elements
from libcloud_ovm3.agent.documents import xmlmapping as outline

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

    name: str = outline.attribute("plugin_impl_name")
    fs_api_version: str | None = outline.maybe("fs_api_version")
    sa_api_version: str | None = outline.maybe("sa_api_version")
    is_generic: bool | None = outline.flag("generic_plugin")
    version: str = outline.text("plugin_version")
    filesys_type: str | None = outline.maybe("filesys_type")
    extended_api_version: str = outline.text("extended_api_version")
    description: str = outline.text("plugin_desc")
    is_cluster_required: bool | None = outline.flag("cluster_required")
    label: str = outline.text("plugin_name")
    fs_extra_info_help: str | None = outline.maybe("fs_extra_info_help")
    required_api_versions: str = outline.text("required_api_vers")
    file_extra_info_help: str | None = outline.maybe("file_extra_info_help")
    ss_extra_info_help: str | None = outline.maybe("ss_extra_info_help")
    se_extra_info_help: str | None = outline.maybe("se_extra_info_help")
    filesys_name: str | None = outline.maybe("filesys_name")
    storage_types: str | None = outline.maybe("storage_types")
    vendor: str = outline.text("vendor_name")
    type: str = outline.text("plugin_type")
    abilities: Mapping[str, str] = outline.mapping("abilities")


@dataclass(frozen=True)
class PhysicalLuns:
    """discover_physical_luns: SCSI disks and iSCSI targets, kept whole (agent-behaviour 8.4).

    Sources name the elements ``SCSI/Disk`` and ``iSCSI_Target``, none shows what stands in them;
    the one public client reads them without regard to case, so that is not certain.

    :ivar scsi: what stands in ``SCSI``: a ``Disk`` for each.
    :ivar iscsi_targets: each ``iSCSI_Target``.
    :ivar other: what else stands in the document.
    """

    scsi: tuple[outline.Part, ...] = ()
    iscsi_targets: tuple[outline.Part, ...] = ()
    other: tuple[outline.Part, ...] = ()


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


def mounts_text(mounts: Iterable[Mount]) -> str:
    """The document that says this.

    :raises InvalidArgument: XML cannot hold what is in it.
    """
    root = etree.Element("Discover_Mounted_File_Systems_Result")
    for fs_type, of_this_type in groupby(mounts, key=lambda mount: mount.fs_type):
        system = outline.add(root, "Filesystem", Type=fs_type)
        for mount in of_this_type:
            node = outline.add(system, "Mount", Dir=mount.directory)
            outline.add(node, "Device", mount.device)
            outline.add(node, "Mount_Options", ",".join(mount.options))
    return elements.document_of(root)


def storage_plugins(text: str) -> tuple[StoragePlugin, ...]:
    """discover_storage_plugins' answer.

    :raises MalformedResponse: it is no such document.
    """
    root = elements.root_of(text, "Discover_Storage_Plugins_Result")
    nodes = elements.found_in(root, _PLUGIN_LIST).iterfind("storage_plugin_info")
    return tuple(outline.read(StoragePlugin, node) for node in nodes)


def storage_plugins_text(plugins: Iterable[StoragePlugin]) -> str:
    """The document that says this.

    :raises InvalidArgument: XML cannot hold what is in it.
    """
    root = etree.Element("Discover_Storage_Plugins_Result")
    listing = outline.add(root, _PLUGIN_LIST)
    for plugin in plugins:
        outline.write(plugin, outline.add(listing, "storage_plugin_info"))
    return elements.document_of(root)


def physical_luns(text: str) -> PhysicalLuns:
    """discover_physical_luns' answer.

    :raises MalformedResponse: it is no such document.
    """
    root = elements.root_of(text, "Discover_Physical_Luns_Result")
    lists = [child.tag for child in root if str(child.tag).lower() in _LUN_LISTS]
    elements.known(root, *(lists or _LUN_LISTS))
    scsi: list[outline.Part] = []
    targets: list[outline.Part] = []
    other: list[outline.Part] = []
    for part in map(outline.read_part, root.iterchildren("*")):
        if part.name.lower() == "scsi" and not part.text and not part.attributes:
            scsi.extend(part.parts)
        else:
            (targets if part.name.lower() == "iscsi_target" else other).append(part)
    return PhysicalLuns(tuple(scsi), tuple(targets), tuple(other))


def physical_luns_text(luns: PhysicalLuns) -> str:
    """The document that says this.

    :raises InvalidArgument: XML cannot hold what is in it.
    """
    root = etree.Element("Discover_Physical_Luns_Result")
    for part in (outline.Part("SCSI", parts=luns.scsi), *luns.iscsi_targets, *luns.other):
        outline.write_part(part, root)
    return elements.document_of(root)
