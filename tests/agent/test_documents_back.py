"""agent.documents: each whole document of answer-shapes.md is read, and nothing of it is lost."""

from __future__ import annotations

import dataclasses
import pickle
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from libcloud_ovm3.agent import documents
from libcloud_ovm3.agent.documents import (
    Part,
    StoragePlugin,
)
from libcloud_ovm3.agent.identifiers import undashed

CASES = Path(__file__).parent / "cases"

READERS: dict[str, Callable[[str], Any]] = {
    "server": documents.server,
    "hardware": documents.hardware,
    "network": documents.network,
    "mounted_file_systems": documents.mounts,
    "repositories": documents.repositories,
    "repository_db": documents.repository_db,
    "server_pool": documents.server_pool,
    "pool_filesystem": documents.pool_filesystem,
    "cluster": documents.cluster,
    "storage_plugins": documents.storage_plugins,
    "physical_luns": documents.physical_luns,
}
LUNS = """<?xml version="1.0" ?><Discover_Physical_Luns_Result><SCSI><Disk lun="0">
<Vendor>DGC &amp; Co</Vendor><Path><Name>sda</Name></Path></Disk><Disk lun="1"/></SCSI>
<iSCSI_Target><Name>iqn.1</Name></iSCSI_Target><iSCSI_Target/><FC a="1"><X>7</X></FC>
</Discover_Physical_Luns_Result>"""


def sample(name: str) -> str:
    """A whole document: the outline of answer-shapes.md with its values."""
    return LUNS if name == "physical_luns" else (CASES / f"discover_{name}.xml").read_text()


def attempt(value: Any) -> set[str]:
    """Every text and number in a record, wherever it is, in one notation."""
    if dataclasses.is_dataclass(value):
        return attempt([getattr(value, field.name) for field in dataclasses.fields(value)])
    if isinstance(value, Mapping):
        return attempt([*value.keys(), *value.values()])
    if isinstance(value, list | tuple):
        return set().union(*map(attempt, value)) if value else set()
    return {plain(str(value))}


def plain(text: str) -> str:
    return undashed(text) or text.strip().lower()


@pytest.mark.parametrize("name", READERS)
def test_nothing_of_a_whole_document_is_lost(name: str) -> None:
    record = READERS[name](sample(name))
    kept = attempt(record)
    root = etree.fromstring(sample(name))
    written = [node.text for node in root.iter() if len(node) == 0]
    written += [value for node in root.iter() for value in node.attrib.values()]
    for text in filter(None, written):
        is_flag = plain(text) in ("none", "mounted", "unmounted")
        parts = [text] if plain(text) in kept else re.split(r"[,\s]+", text.strip())
        assert is_flag or {plain(part) for part in parts} <= kept, text
    assert pickle.loads(pickle.dumps(record)) == record


def leaves_of(text: str) -> list[str]:
    return [
        root.getroottree().getpath(node)
        for root in [etree.fromstring(text)]
        for node in root.iter()
        if len(node) == 0
    ]


@pytest.mark.parametrize("name", READERS)
def test_any_part_may_be_missing(name: str) -> None:
    read = READERS[name]
    whole = attempt(read(sample(name)))
    for path in leaves_of(sample(name)):
        root = etree.fromstring(sample(name))
        (node,) = root.xpath(path)
        if node is root:
            continue
        node.getparent().remove(node)
        record = read(etree.tostring(root, encoding="unicode"))
        assert record is not None, path
        if name != "repositories":  # which says what it lacks
            assert attempt(record) <= whole | {"", "none", "false"}, path


@pytest.mark.parametrize("name", READERS)
def test_extra_parts_change_nothing_else(name: str) -> None:
    read = READERS[name]
    extra = "<New_in_3.9 x='1'>7<Inner/></New_in_3.9>"
    text = re.sub(r"\n( *</)", rf"\n{extra}\1", sample(name))
    assert text.count(extra) or name == "physical_luns"
    record = read(text)
    if name == "repositories":  # anything there may be a VM or a file
        assert len(record[0].not_understood) == 8
        record = tuple(dataclasses.replace(one, not_understood=()) for one in record if one.name)
    if name == "repository_db":
        record = tuple(one for one in record if one.id)
    if name == "server_pool":
        record = dataclasses.replace(record, members=tuple(filter(None, record.members)))
    if name != "physical_luns":  # kept whole: what stands there is not known
        assert record == read(sample(name))


# ------------------------------------------------------------------ what they say


def test_everything_of_a_server() -> None:
    server = documents.server(sample("server"))
    assert (server.boot_time, server.time_zone, server.is_utc) == (
        1413834408,
        "Europe/Amsterdam",
        True,
    )
    assert server.vmm_capabilities == ("xen-3.0-x86_64", "xen-3.0-x86_32p")
    assert server.is_hvm_able is False
    hvm = sample("server").replace("xen-3.0-x86_32p", "hvm-3.0-x86_64")
    assert documents.server(hvm).is_hvm_able is True
    assert server.capabilities["HVM_MAX_VNICS"] == "8"
    assert server.vmm_compile_information["By"] == "mockbuild"
    assert (server.node_number, server.statistic_interval, server.exports) == (1, 20, ())


@pytest.mark.parametrize(
    ("word", "flag", "master"),
    [
        ("True", True, True),
        ("true", True, True),
        ("TRUE", True, True),
        (" true\n", True, True),
        ("False", False, False),
        ("false", False, False),
        ("none", None, False),
        ("None", None, False),
        ("", None, False),
        ("1", None, False),
        ("yes", None, False),
    ],
)
def test_booleans_are_texts(word: str, flag: bool | None, master: bool) -> None:
    text = sample("server").replace("<UTC>True<", f"<UTC>{word}<")
    text = text.replace("<Is_Current_Master>true<", f"<Is_Current_Master>{word}<")
    server = documents.server(text)
    assert (server.is_utc, server.is_master) == (flag, master)


def test_field_case_o04() -> None:
    """``xm info`` of a NUMA host: 2 nodes of one socket of 18 cores of 2 threads are 72 CPUs."""
    said = dict(
        re.findall(r"^(\w+) *: (.*)$", (CASES / "O04.xm-info-uptime.txt").read_text(), re.M)
    )
    mb = 256  # pages
    info = {
        "ThreadsPerCore": int(said["threads_per_core"]),
        "CoresPerSocket": int(said["cores_per_socket"]),
        "SocketsPerNode": 1,
        "Nodes": int(said["nr_nodes"]),
        "CPUKHz": int(said["cpu_mhz"]) * 1000,
        "TotalPages": int(said["total_memory"]) * mb,
        "FreePages": int(said["free_memory"]) * mb,
    }
    inside = "".join(f"<{tag}>{number}</{tag}>" for tag, number in info.items())
    hardware = documents.hardware(
        "<Discover_Hardware_Result><NodeInformation><VMM><PhysicalInfo>"
        f"{inside}</PhysicalInfo></VMM></NodeInformation></Discover_Hardware_Result>"
    )
    assert hardware.cpus == int(said["nr_cpus"]) == 72
    assert hardware.memory_bytes == 262010 * 2**20
    assert hardware.free_bytes == 131462 * 2**20
    xen = f"<Capabilities>{said['xen_caps']}</Capabilities>"
    text = f"<Discover_Server_Result><Server><VMM>{xen}</VMM></Server></Discover_Server_Result>"
    assert documents.server(text).is_hvm_able is True


@pytest.mark.parametrize(
    ("threads", "cores", "sockets", "nodes", "cpus"),
    [
        ("1", "1", "2", "1", 2),
        ("2", "18", "1", "2", 72),
        ("2", "8", "1", "4", 64),
        ("1", "6", "2", "1", 12),
        ("2", "10", "2", "0", 40),
        ("2", "10", "2", "", 40),
        ("2", "10", "", "2", None),
        ("0", "10", "2", "2", None),
        ("-1", "10", "2", "2", None),
        ("2", "ten", "2", "2", None),
        ("9" * 18, "1", "1", "1", 10**18 - 1),
    ],
)
def test_counting_cpus(threads: str, cores: str, sockets: str, nodes: str, cpus: int) -> None:
    info = (
        f"<ThreadsPerCore>{threads}</ThreadsPerCore><CoresPerSocket>{cores}</CoresPerSocket>"
        f"<SocketsPerNode>{sockets}</SocketsPerNode><Nodes>{nodes}</Nodes>"
    )
    for tag in ("VMM", "PhysicalInfo", "/NodeInformation", "/Discover_Hardware_Result"):
        if tag.startswith("/"):
            info = f"<{tag[1:]}>{info}<{tag}>"
    info = info.replace("<ThreadsPerCore>", "<VMM><PhysicalInfo><ThreadsPerCore>", 1)
    info = info.replace("</Nodes>", "</Nodes></PhysicalInfo></VMM>", 1)
    assert documents.hardware(info).cpus == cpus


def test_everything_of_a_network() -> None:
    network = documents.network(sample("network"))
    device = network.devices[0]
    assert device.mii is not None
    assert (device.mii.autonegotiate_speed, device.mii.link) == ("100baseT-FD", "ok")
    assert device.mii.product["Vendor"] == "00:00:00"
    assert (device.sysfs["mtu"], device.sysfs_device["device"]) == ("1500", "0x8139")
    (bond,) = network.bonds
    assert (bond.mode, bond.active_slave) == ("active-backup", "eth1")
    assert (bond.up_delay, bond.slaves[0].permanent_mac) == (500, "52:54:00:26:7f:a0")
    assert bond.families[0].mtu == 1500
    bridge = network.bridges[0]
    assert (bridge.families[0].address, bridge.interfaces) == ("192.168.1.64", ("bond0",))
    assert network.infiniband == ()
    # a bridge with vifs, one without ports, and the stray quote of the sample's control0
    text = sample("network").replace(
        "<PhyInterface>bond0<", "<PhyInterface>vif3.0</PhyInterface><PhyInterface>bond0<", 1
    )
    text = text.replace("<PhyInterface>bond0<", "<PhyInterface><")
    text = text.replace("<Family", '"<Family')
    first, second = documents.network(text).bridges
    assert (first.interfaces, second.interfaces) == (("vif3.0",), ())
    assert first.families == bridge.families


def test_a_device_may_have_ethtool_instead() -> None:
    text = sample("network").replace("<MII>", "<ETHTOOL>").replace("</MII>", "</ETHTOOL>")
    device = documents.network(text).devices[0]
    assert device.mii is None
    assert device.ethtool == documents.network(sample("network")).devices[0].mii


def test_plugins_lack_what_is_not_theirs() -> None:
    plugin = documents.storage_plugins(sample("storage_plugins"))[0]
    assert plugin.name == "oracle.ocfs2.OCFS2.OCFS2Plugin"
    assert (plugin.is_cluster_required, plugin.abilities["clone"]) == (True, "ONLINE")
    assert (plugin.storage_types, plugin.filesys_name) == (None, "ocfs2")
    text = (
        "<Discover_Storage_Plugins_Result><storage_plugin_info_list><storage_plugin_info"
        " plugin_impl_name='oracle.generic.SCSIPlugin.GenericPlugin'><storage_types>SAN,iSCSI"
        "</storage_types></storage_plugin_info></storage_plugin_info_list>"
        "</Discover_Storage_Plugins_Result>"
    )
    scsi = StoragePlugin("oracle.generic.SCSIPlugin.GenericPlugin", storage_types="SAN,iSCSI")
    assert documents.storage_plugins(text) == (scsi,)


def test_pools() -> None:
    filesystem = documents.pool_filesystem(sample("pool_filesystem"))
    assert filesystem is not None
    assert undashed(filesystem.uuid) == undashed(filesystem.nfsbase_uuid)
    assert filesystem.pool_uuid == "f12842eb-f5ed-3fe7-8da1-eb0e17f5ede8"
    cluster = documents.cluster(sample("cluster"))
    assert cluster is not None
    assert cluster.o2cb["O2CB_HEARTBEAT_THRESHOLD"] == "61"
    assert [node.port for node in cluster.nodes] == [7777]
    assert cluster.heartbeats[0].cluster == cluster.clusters[0].name == "ba9aaf00ae5e2d73"


@pytest.mark.parametrize("change", [str, str.lower, str.upper])
def test_luns_are_kept_whole(change: Callable[[str], str]) -> None:
    """Whatever the case of the tags: the one client that reads them does not mind it."""
    root = etree.fromstring(LUNS)
    for node in root.iterdescendants():
        node.tag = change(str(node.tag))
    luns = documents.physical_luns(etree.tostring(root, encoding="unicode"))
    first, second = luns.scsi
    assert first.attributes == {"lun": "0"}
    assert first.parts == (
        Part(change("Vendor"), "DGC & Co"),
        Part(change("Path"), parts=(Part(change("Name"), "sda"),)),
    )
    assert second == Part(change("Disk"), attributes={"lun": "1"})
    assert [target.name.lower() for target in luns.iscsi_targets] == ["iscsi_target"] * 2
    assert luns.other == (Part(change("FC"), "", {"a": "1"}, (Part(change("X"), "7"),)),)
