"""What discover_storage_plugins tells of Oracle's three plug-ins, and what is left out."""

from __future__ import annotations

from xml.etree import ElementTree

from libcloud_ovm3.simulator import Simulator
from tests.simulator.plainclient import NFS, client, fault_of

FILE_SYSTEM = "fs_api_version filesys_type filesys_name fs_extra_info_help cluster_required".split()


def test_the_three_plugins(pool: Simulator) -> None:
    root = ElementTree.fromstring(client(pool).discover_storage_plugins())
    found = {plugin.get("plugin_impl_name"): plugin for plugin in root.iter("storage_plugin_info")}
    assert sorted(str(name) for name in found) == [
        "oracle.generic.NFSPlugin.GenericNFSPlugin",
        "oracle.generic.SCSIPlugin.GenericPlugin",
        "oracle.ocfs2.OCFS2.OCFS2Plugin",
    ]
    nfs, ocfs2 = found[NFS], found["oracle.ocfs2.OCFS2.OCFS2Plugin"]
    assert nfs.findtext("filesys_type") == "NetworkFS"
    assert nfs.findtext("filesys_name") == "NFS"
    assert nfs.findtext("cluster_required") == "False"
    for ability in ("resize", "snapshot", "clone"):
        assert nfs.findtext(f"abilities/{ability}") == "UNSUPPORTED"
        assert ocfs2.findtext(f"abilities/{ability}") == "ONLINE"
    scsi = found["oracle.generic.SCSIPlugin.GenericPlugin"]
    assert scsi.findtext("storage_types") == "SAN,iSCSI"
    assert [name for name in FILE_SYSTEM if scsi.find(name) is not None] == []
    assert [name for name in FILE_SYSTEM if nfs.find(name) is None] == []
    assert nfs.find("storage_types") is None


def test_other_plugin_functions_are_not_modelled(pool: Simulator) -> None:
    agent = client(pool)
    for name in ("storage_plugin_resize", "storage_plugin_clone", "storage_plugin_listFileSystems"):
        assert fault_of(getattr(agent, name), NFS).endswith(f"simulator: {name}")
