"""agent.documents, both ways: each whole document of answer-shapes.md, and any record."""

from __future__ import annotations

import dataclasses
import pickle
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from libcloud_ovm3.agent import documents
from libcloud_ovm3.agent.documents import (
    Cluster,
    Hardware,
    Mount,
    Network,
    Part,
    PhysicalLuns,
    PoolFilesystem,
    RepositoryContent,
    RepositoryRecord,
    Server,
    ServerPool,
    StoragePlugin,
)
from libcloud_ovm3.agent.identifiers import dashed, undashed
from libcloud_ovm3.errors import InvalidArgument

CASES = Path(__file__).parent / "cases"

# document -> its reader, its writer, the type of what is read
DOCUMENTS: dict[str, tuple[Callable[[str], Any], Callable[[Any], str], Any]] = {
    "server": (documents.server, documents.server_text, Server),
    "hardware": (documents.hardware, documents.hardware_text, Hardware),
    "network": (documents.network, documents.network_text, Network),
    "mounted_file_systems": (documents.mounts, documents.mounts_text, tuple[Mount, ...]),
    "repositories": (
        documents.repositories,
        documents.repositories_text,
        tuple[RepositoryContent, ...],
    ),
    "repository_db": (
        documents.repository_db,
        documents.repository_db_text,
        tuple[RepositoryRecord, ...],
    ),
    "server_pool": (documents.server_pool, documents.server_pool_text, ServerPool),
    "pool_filesystem": (documents.pool_filesystem, documents.pool_filesystem_text, PoolFilesystem),
    "cluster": (documents.cluster, documents.cluster_text, Cluster),
    "storage_plugins": (
        documents.storage_plugins,
        documents.storage_plugins_text,
        tuple[StoragePlugin, ...],
    ),
    "physical_luns": (documents.physical_luns, documents.physical_luns_text, PhysicalLuns),
}
LUNS = """<?xml version="1.0" ?><Discover_Physical_Luns_Result><SCSI><Disk lun="0">
<Vendor>DGC &amp; Co</Vendor><Path><Name>sda</Name></Path></Disk><Disk lun="1"/></SCSI>
<iSCSI_Target><Name>iqn.1</Name></iSCSI_Target><iSCSI_Target/><FC a="1"><X>7</X></FC>
</Discover_Physical_Luns_Result>"""


def sample(name: str) -> str:
    """A whole document: the outline of answer-shapes.md with its values."""
    return LUNS if name == "physical_luns" else (CASES / f"discover_{name}.xml").read_text()


def tree_of(text: str) -> Any:
    """A document as plain data; brothers in no order."""

    def plain(node: Any) -> Any:
        below = sorted((plain(child) for child in node), key=repr)
        return node.tag, (node.text or "").strip(), sorted(node.attrib.items()), below

    return plain(etree.fromstring(text))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_whole_documents_come_back_whole(name: str) -> None:
    read, write, _ = DOCUMENTS[name]
    text = sample(name)
    record = read(text)
    assert write(record).startswith('<?xml version="1.0" ?>')
    assert tree_of(write(record)) == tree_of(text)
    assert read(write(record)) == record
    assert pickle.loads(pickle.dumps(record)) == record


def leaves_of(text: str) -> list[str]:
    return [
        root.getroottree().getpath(node)
        for root in [etree.fromstring(text)]
        for node in root.iter()
        if len(node) == 0
    ]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_any_part_may_be_missing(name: str) -> None:
    read, write, _ = DOCUMENTS[name]
    for path in leaves_of(sample(name)):
        root = etree.fromstring(sample(name))
        (node,) = root.xpath(path)
        if node is root:
            continue
        node.getparent().remove(node)
        record = read(etree.tostring(root, encoding="unicode"))
        assert read(write(record)) == record, path


@pytest.mark.parametrize("name", DOCUMENTS)
def test_extra_parts_change_nothing_else(name: str) -> None:
    read, write, _ = DOCUMENTS[name]
    extra = "<New_in_3.9 x='1'>7<Inner/></New_in_3.9>"
    text = re.sub(r"\n( *</)", rf"\n{extra}\1", sample(name))
    assert text.count(extra) or name == "physical_luns"
    record = read(text)
    if name != "repositories":
        assert read(write(record)) == record
    if name == "repositories":  # anything there may be a VM or a file
        assert len(record[0].not_understood) == 8
        record = tuple(dataclasses.replace(one, not_understood=()) for one in record if one.name)
    if name == "repository_db":
        record = tuple(one for one in record if one.id)
    if name == "server_pool":
        record = dataclasses.replace(record, members=tuple(filter(None, record.members)))
    if name != "physical_luns":  # kept whole: what stands there is not known
        assert record == read(sample(name))


# ------------------------------------------------------------------ any record

WORD = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x2FFF, exclude_categories=["Cs", "Cc", "Z"]),
    min_size=1,
    max_size=8,
).filter(lambda word: word.strip() == word and "," not in word)
NAME = st.from_regex(r"[A-Za-z_][A-Za-z_0-9.-]{0,9}", fullmatch=True)
ID = st.uuids().map(lambda value: value.hex)
LEAF = st.builds(Part, NAME, WORD | st.just(""), st.dictionaries(NAME, WORD, max_size=2))
PART = LEAF | st.builds(Part, NAME, st.just(""), st.just({}), st.lists(LEAF, max_size=2).map(tuple))
SPECIAL = {
    "pool_uuid": st.none() | ID.map(dashed),
    "manager_uuid": st.none() | ID,
}


def records_of(kind: Any, name: str = "", owner: Any = None) -> st.SearchStrategy[Any]:
    """Any value of a record's type, by its annotations."""
    if name in SPECIAL:
        return SPECIAL[name]
    if (owner, name) == (Server, "uuid"):
        return ID
    if name == "iscsi_targets":
        target = st.builds(lambda part: dataclasses.replace(part, name="iSCSI_Target"), PART)
        return st.lists(target, max_size=2).map(tuple)
    if name == "not_understood":  # of a document only, never written
        return st.just(())
    if kind is Part:
        return PART
    if dataclasses.is_dataclass(kind):
        hints = get_type_hints(kind)
        fields = [f.name for f in dataclasses.fields(kind)]
        return st.builds(kind, **{f: records_of(hints[f], f, kind) for f in fields})
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is tuple:
        unique = (lambda item: item) if name == "members" else None
        return st.lists(records_of(arguments[0], "", kind), max_size=2, unique_by=unique).map(tuple)
    if origin is Mapping:
        return st.dictionaries(NAME, WORD, max_size=2)
    if arguments:  # a union with None
        (other,) = [argument for argument in arguments if argument is not type(None)]
        return st.none() | records_of(other, name, owner)
    simple: dict[Any, st.SearchStrategy[Any]] = {
        str: WORD,
        int: st.integers(0, 10**18 - 1),
        bool: st.booleans(),
    }
    return simple[kind]


@pytest.mark.parametrize("name", DOCUMENTS)
@settings(max_examples=10)  # each has some hundred values
@given(data=st.data())
def test_any_record_comes_back(name: str, data: st.DataObject) -> None:
    read, write, kind = DOCUMENTS[name]
    record = data.draw(records_of(kind))
    if isinstance(record, ServerPool | PoolFilesystem | Cluster):
        assert write(None).count("<") == 2
    assert read(write(record)) == record


@pytest.mark.parametrize("bad", ["\x00", "\x1f", "\ud800", "\ufffe"])
def test_what_xml_cannot_hold(bad: str) -> None:
    for record, write in [
        (Server(hostname=bad), documents.server_text),
        (Server(roles=("xen", bad)), documents.server_text),
        (Server(capabilities={"NFS": bad}), documents.server_text),
        (Server(capabilities={bad: "True"}), documents.server_text),
        (Server(capabilities={"not a name": "True"}), documents.server_text),
        ((RepositoryRecord("0" * 32, alias=bad),), documents.repository_db_text),
        ((RepositoryContent(bad),), documents.repositories_text),
        ((RepositoryContent(virtual_disks=(bad,)),), documents.repositories_text),
        ((Mount("nfs", bad, ""),), documents.mounts_text),
        ((Mount(bad, "", ""),), documents.mounts_text),
        (PhysicalLuns((Part("disk", bad),)), documents.physical_luns_text),
        (PhysicalLuns((Part("disk", "", {"a": bad}),)), documents.physical_luns_text),
    ]:
        with pytest.raises(InvalidArgument, match="cannot stand in XML"):
            write(record)  # type: ignore[operator]


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
    assert server.capability("NFS") is True
    assert server.capability("CONCURRENT_MIGRATION") is False
    assert server.capability("HVM_MAX_VNICS") == 8
    assert server.capability("VM_MEMORY_ALIGNMENT") == 1048576
    assert server.capability("NEW") is None
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
    again = documents.server(documents.server_text(server))
    assert (again.is_utc, again.is_master) == (flag, master)


def test_field_case_o04() -> None:
    """``xm info`` of a NUMA host: 2 nodes of one socket of 18 cores of 2 threads are 72 CPUs."""
    said = dict(
        re.findall(r"^(\w+) *: (.*)$", (CASES / "O04.xm-info-uptime.txt").read_text(), re.M)
    )
    mb = 256  # pages
    hardware = documents.hardware(
        documents.hardware_text(
            Hardware(
                threads_per_core=int(said["threads_per_core"]),
                cores_per_socket=int(said["cores_per_socket"]),
                sockets_per_node=1,
                nodes=int(said["nr_nodes"]),
                cpu_khz=int(said["cpu_mhz"]) * 1000,
                total_pages=int(said["total_memory"]) * mb,
                free_pages=int(said["free_memory"]) * mb,
            )
        )
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
    scsi = StoragePlugin("oracle.generic.SCSIPlugin.GenericPlugin", storage_types="SAN,iSCSI")
    text = documents.storage_plugins_text([scsi])
    assert "<fs_" not in text
    assert "<filesys" not in text
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
