"""discover_storage_plugins and discover_physical_luns (agent-behaviour.md 8.4, 9)."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element

from libcloud_ovm3.simulator import luns
from libcloud_ovm3.simulator.agent.storage import NFS_PLUGIN
from libcloud_ovm3.simulator.agent.xmltext import add, add_all, document
from libcloud_ovm3.simulator.host import SimulatedHost

OCFS2_PLUGIN = "oracle.ocfs2.OCFS2.OCFS2Plugin"
SCSI_PLUGIN = "oracle.generic.SCSIPlugin.GenericPlugin"

_COMMON = {
    "generic_plugin": "True",
    "plugin_version": "0.1.0-38",
    "extended_api_version": "None",
    "required_api_vers": "1,2,7",
    "ss_extra_info_help": "None",
    "vendor_name": "Oracle",
}
_FILE_SYSTEM = {"fs_api_version": "1,2,7", "fs_extra_info_help": "None"} | {
    "file_extra_info_help": "None"
}
PLUGINS: dict[str, dict[str, str]] = {
    OCFS2_PLUGIN: _COMMON
    | _FILE_SYSTEM
    | {
        "generic_plugin": "False",
        "filesys_type": "LocalFS",
        "plugin_desc": "Oracle OCFS2 File system Storage Connect Plugin",
        "cluster_required": "True",
        "plugin_name": "Oracle OCFS2 File system",
        "filesys_name": "ocfs2",
        "plugin_type": "ifs",
    },
    SCSI_PLUGIN: _COMMON
    | {
        "sa_api_version": "1,2,7",
        "storage_types": "SAN,iSCSI",
        "plugin_desc": "Oracle Generic SCSI Plugin",
        "plugin_name": "Oracle Generic SCSI Plugin",
        "se_extra_info_help": "None",
        "plugin_type": "isa",
    },
    NFS_PLUGIN: _COMMON
    | _FILE_SYSTEM
    | {
        "filesys_type": "NetworkFS",
        "plugin_desc": "Oracle Generic Network File System Storage Connect Plugin",
        "cluster_required": "False",
        "plugin_name": "Oracle Generic NFS Plugin",
        "filesys_name": "NFS",
        "plugin_type": "ifs",
    },
}
_ABILITIES = {
    "resize_is_sync": "YES",
    "clone_is_sync": "YES",
    "access_control": "NO",
    "custom_clone_name": "YES",
    "require_storage_name": "NO",
    "backing_device_type": "DEVICE_SINGLE",
    "splitclone_while_open": "NO",
    "custom_snap_name": "YES",
    "snapshot": "ONLINE",
    "splitclone": "UNSUPPORTED",
    "snap_is_sync": "YES",
    "snapclone": "ONLINE",
    "splitclone_is_sync": "NO",
    "clone": "ONLINE",
    "resize": "ONLINE",
    "snapclone_is_sync": "YES",
}
_NOTHING = dict.fromkeys(("snapshot", "snapclone", "clone", "resize"), "UNSUPPORTED")


def discover_storage_plugins(host: SimulatedHost) -> str:
    """Oracle's three plug-ins; only OCFS2 supports snapshots, clones and resizing."""
    root = Element("Discover_Storage_Plugins_Result")
    listing = add(root, "storage_plugin_info_list")
    for name, values in PLUGINS.items():
        plugin = add(listing, "storage_plugin_info", plugin_impl_name=name)
        add_all(plugin, values)
        able = _ABILITIES if name == OCFS2_PLUGIN else _ABILITIES | _NOTHING
        add_all(add(plugin, "abilities"), able)
    return document(root)


def discover_physical_luns(host: SimulatedHost, kind: Any) -> str:
    """The host's own SCSI disk and its LUNs (8.4); there are no iSCSI targets.

    Only the element names ``SCSI/Disk`` are known; the contents of a Disk are the simulator's.
    """
    root = Element("Discover_Physical_Luns_Result")
    scsi = add(root, "SCSI")
    with host.lock:
        found = [(lun.device, lun.wwid, size) for lun, size in luns.seen_by(host)]
    for device, wwid, size in [("/dev/sda", luns.own_wwid(host), luns.OWN_DISK_BYTES), *found]:
        add_all(add(scsi, "Disk"), {"Device": device, "WWID": f"3{wwid}", "Size": size})
    return document(root)
