"""agent.documents: the discover_* documents, made after the outlines of answer-shapes.md."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libcloud_ovm3.agent import documents
from libcloud_ovm3.agent.documents import (
    Folder,
    Hardware,
    Mount,
    Network,
    PhysicalLuns,
    RepositoryContent,
    RepositoryRecord,
    Server,
    ServerPool,
)
from libcloud_ovm3.errors import MalformedResponse

REPOSITORY = "f12842ebf5ed3fe78da1eb0e17f5ede8"

# Each reader, the root it wants, and what it makes of an empty one.
READERS: dict[str, tuple[Callable[[str], Any], Any]] = {
    "Discover_Server_Result": (documents.server, Server()),
    "Discover_Hardware_Result": (documents.hardware, Hardware()),
    "Discover_Server_Pool_Result": (documents.server_pool, None),
    "Discover_Repository_Db_Result": (documents.repository_db, ()),
    "Discover_Repositories_Result": (
        lambda text: documents.repository_content(text, REPOSITORY),
        None,
    ),
    "Discover_Mounted_File_Systems_Result": (documents.mounts, ()),
    "Discover_Network_Result": (documents.network, Network()),
    "Discover_Pool_Filesystem_Result": (documents.pool_filesystem, None),
    "Discover_Cluster_Result": (documents.cluster, None),
    "Discover_Storage_Plugins_Result": (documents.storage_plugins, ()),
    "Discover_Physical_Luns_Result": (documents.physical_luns, PhysicalLuns()),
}

SERVER = """<?xml version="1.0" ?>
<Discover_Server_Result><Server>
<Unique_Id>1d:d5:e8:91:d9:d0:ed:bd:81:c2:a6:9a:b3:d1:b7:ea</Unique_Id>
<Boot_Time>1413834408</Boot_Time><Date_Time><UTC>True</UTC></Date_Time>
<Agent_Version>3.2.1-183</Agent_Version><OVM_Version>3.2.1-517</OVM_Version>
<VMM><Version><Major>4</Major><Minor>1</Minor><Extra>.3OVM</Extra></Version></VMM>
<Pool_Unique_Id>f12842eb-f5ed-3fe7-8da1-eb0e17f5ede8</Pool_Unique_Id>
<Manager_Unique_Id>d1a749d4295041fb99854f52ea4dea97</Manager_Unique_Id>
<Hostname>ovm-1</Hostname><Registered_IP>192.168.1.64</Registered_IP>
<Server_Roles>xen,utility</Server_Roles><Is_Current_Master>true</Is_Current_Master>
<Membership_State>Pooled</Membership_State>
</Server></Discover_Server_Result>"""

HARDWARE = """<?xml version="1.0" ?>
<Discover_Hardware_Result><NodeInformation><VMM><PhysicalInfo>
<ThreadsPerCore>2</ThreadsPerCore><CoresPerSocket>18</CoresPerSocket>
<SocketsPerNode>1</SocketsPerNode><Nodes>2</Nodes><CPUKHz>3392400</CPUKHz>
<TotalPages>1048476</TotalPages><FreePages>863459</FreePages>
</PhysicalInfo></VMM><CPUInfo><Proc_Info>
<CPU ID="0"><model_name>Intel Core i7 9xx</model_name></CPU>
<CPU ID="1"><model_name>another</model_name></CPU>
</Proc_Info></CPUInfo></NodeInformation></Discover_Hardware_Result>"""

POOL = """<?xml version="1.0" ?><Discover_Server_Pool_Result><Server_Pool>
<Unique_Id>0004fb0000020000ba9aaf00ae5e2d73</Unique_Id><Pool_Alias>Pool 0 é</Pool_Alias>
<Master_Virtual_Ip>192.168.1.230</Master_Virtual_Ip><Member_List>
<Member><Registered_IP>192.168.1.64</Registered_IP></Member>
<Member><Registered_IP> 192.168.1.65 </Registered_IP></Member>
<Member><Registered_IP>192.168.1.64</Registered_IP></Member>
<Member><Registered_IP/></Member><Member/>
</Member_List></Server_Pool></Discover_Server_Pool_Result>"""

REPOSITORY_DB = """<?xml version="1.0" ?><Discover_Repository_Db_Result><RepositoryDbList>
<Repository Uuid="0004FB0000030000AEACA859E4A8F8C0"><Fs_location>cs-mgmt:/volumes/a</Fs_location>
<Mount_point>/OVS/Repositories/0004fb0000030000aeaca859e4a8f8c0</Mount_point>
<Filesystem_type>nfs</Filesystem_type><Version>3.0</Version><Alias>Dépôt # 1</Alias>
<Manager_uuid>0004fb00000100000af70d20dcce7d65</Manager_uuid><Status>Unmounted</Status>
</Repository>
<Repository Uuid="no id"><Alias>not dropped</Alias></Repository><Repository/>
<Repository Uuid="f12842ebf5ed3fe78da1eb0e17f5ede8"><Manager_uuid>none</Manager_uuid>
<Status>Mounted</Status></Repository>
</RepositoryDbList></Discover_Repository_Db_Result>"""

CONTENT = """<?xml version="1.0" ?><Discover_Repositories_Result><RepositoryList>
<Repository Name="other"><Repository_UUID>none</Repository_UUID></Repository>
<Repository Name="/OVS/Repositories/x"><Version>3.0</Version>
<Repository_UUID>f12842ebf5ed3fe78da1eb0e17f5ede8</Repository_UUID><Assemblies/>
<Templates><Template Name="0004"><File>b.raw</File><File>vm.cfg</File></Template>
<Template Name="empty"/></Templates>
<VirtualMachines><VirtualMachine Name="868a"><File>vm.cfg</File></VirtualMachine></VirtualMachines>
<VirtualDisks><Disk>one.raw</Disk><Disk> two &amp; 2.img </Disk><Disk/></VirtualDisks>
<ISOs><ISO>systemvm.iso</ISO></ISOs></Repository>
</RepositoryList></Discover_Repositories_Result>"""

MOUNTS = """<?xml version="1.0" ?><Discover_Mounted_File_Systems_Result>
<Filesystem Type="nfs"><Mount Dir="/nfsmnt/a"><Device>cs-mgmt:/a</Device>
<Mount_Options>rw,hard</Mount_Options></Mount><Mount Dir="/nfsmnt/b"/></Filesystem>
<Filesystem Type="ocfs2"/></Discover_Mounted_File_Systems_Result>"""

NETWORK = """<?xml version="1.0" ?><Discover_Network_Result><Network><Active>
<Network><Device Name="eth0"><MAC>52:54:00:24:47:70</MAC></Device>
<Device Name="bond0"><MetaData>ethernet:c0a80100{192.168.1.0}:MANAGEMENT</MetaData></Device>
</Network><Bonding><Device Name="bond0"/></Bonding>
<Bridges><Device Name="xenbr0"/></Bridges><Infiniband/></Active></Network>
</Discover_Network_Result>"""


def test_server() -> None:
    seen = documents.server(SERVER)
    assert seen.hypervisor_version == "4.1.3OVM"
    assert seen == Server(
        uuid="1dd5e891d9d0edbd81c2a69ab3d1b7ea",
        boot_time=1413834408,
        is_utc=True,
        hostname="ovm-1",
        registered_ip="192.168.1.64",
        agent_version="3.2.1-183",
        ovm_version="3.2.1-517",
        vmm_major="4",
        vmm_minor="1",
        vmm_extra=".3OVM",
        pool_uuid="f12842eb-f5ed-3fe7-8da1-eb0e17f5ede8",
        manager_uuid="d1a749d4295041fb99854f52ea4dea97",
        membership="Pooled",
        roles=("xen", "utility"),
        is_master=True,
    )


def test_a_server_that_nobody_owns() -> None:
    text = SERVER.replace("d1a749d4295041fb99854f52ea4dea97", "none")
    text = text.replace("f12842eb-f5ed-3fe7-8da1-eb0e17f5ede8", "none").replace(">true<", ">False<")
    seen = documents.server(text)
    assert (seen.manager_uuid, seen.pool_uuid, seen.is_master) == (None, None, False)


def test_hardware() -> None:
    seen = documents.hardware(HARDWARE)
    assert (seen.cpus, seen.cpu_khz, seen.cpu_model) == (72, 3392400, "Intel Core i7 9xx")
    assert (seen.memory_bytes, seen.free_bytes) == (1048476 * 4096, 863459 * 4096)


@pytest.mark.parametrize("bad", ["", "x", "-1", "1.5", "٣", "9" * 5000, "1 000"])
@pytest.mark.parametrize("good", ["<CoresPerSocket>18<", "<Nodes>2<", "<TotalPages>1048476<"])
def test_hardware_with_figures_that_are_none(good: str, bad: str) -> None:
    tag = good[: good.index(">") + 1]
    seen = documents.hardware(HARDWARE.replace(good, f"{tag}{bad}<"))
    if "Cores" in good:
        assert seen.cpus is None
    elif "Nodes" in good:
        assert seen.cpus == 36
    else:
        assert seen.memory_bytes is None
    assert seen.free_bytes == 863459 * 4096


def test_server_pool() -> None:
    assert documents.server_pool(POOL) == ServerPool(
        "0004fb0000020000ba9aaf00ae5e2d73",
        "Pool 0 é",
        "192.168.1.230",
        # two members at one address, two of which none is attempt
        ("192.168.1.64", "192.168.1.65", "192.168.1.64", "", ""),
    )


def test_repository_db() -> None:
    found = documents.repository_db(REPOSITORY_DB)
    assert found == (
        RepositoryRecord(
            id="0004FB0000030000AEACA859E4A8F8C0",  # as it wants to be asked
            fs_location="cs-mgmt:/volumes/a",
            mount_point="/OVS/Repositories/0004fb0000030000aeaca859e4a8f8c0",
            fs_type="nfs",
            version="3.0",
            alias="Dépôt # 1",
            manager_uuid="0004fb00000100000af70d20dcce7d65",
            is_mounted=False,
        ),
        RepositoryRecord("no id", alias="not dropped"),
        RepositoryRecord(""),
        RepositoryRecord(REPOSITORY, is_mounted=True),
    )
    assert [record.key for record in found] == [
        "0004fb0000030000aeaca859e4a8f8c0",
        "no id",
        "",
        REPOSITORY,
    ]


def test_repository_content() -> None:
    assert documents.repository_content(CONTENT, REPOSITORY) == RepositoryContent(
        name="/OVS/Repositories/x",
        version="3.0",
        uuid=REPOSITORY,
        templates=(Folder("0004", ("b.raw", "vm.cfg")), Folder("empty", ())),
        virtual_machines=(Folder("868a", ("vm.cfg",)),),
        virtual_disks=("one.raw", " two & 2.img "),
        isos=("systemvm.iso",),
        not_understood=("VirtualDisks: <Disk> without a name",),
    )
    assert documents.repository_content(CONTENT, "0" * 32) is None
    other = documents.repository_content(CONTENT, "other")
    assert other == RepositoryContent(
        "other", not_understood=("no Templates", "no VirtualMachines")
    )
    assert other is not None
    assert other.id == "other"


def test_mounts() -> None:
    assert documents.mounts(MOUNTS) == (
        Mount("nfs", "/nfsmnt/a", "cs-mgmt:/a", ("rw", "hard")),
        Mount("nfs", "/nfsmnt/b", ""),
    )


def test_devices_of_a_network() -> None:
    network = documents.network(NETWORK)
    assert [(device.name, device.metadata) for device in network.devices] == [
        ("eth0", None),
        ("bond0", "ethernet:c0a80100{192.168.1.0}:MANAGEMENT"),
    ]
    assert [bond.name for bond in network.bonds] == ["bond0"]
    assert [bridge.name for bridge in network.bridges] == ["xenbr0"]


def test_field_case_c04() -> None:
    text = (Path(__file__).parent / "cases" / "C04.document.xml").read_text("utf-8")
    expected = ["ethernet:c0a80100{réseau mutualisé}", "ethernet:c0a80200{てすと}"]
    # What a string declares about its encoding no longer holds once it is a string.
    for declared in ("UTF-8", "ISO-8859-1", "UTF-16", "EUC-JP"):
        devices = documents.network(text.replace('"UTF-8"', f'"{declared}"')).devices
        assert [device.name for device in devices] == ["bond0", "bond1"]
        assert [str(device.metadata).rpartition(":")[0] for device in devices] == expected


@pytest.mark.parametrize("root", READERS)
@pytest.mark.parametrize(
    "form",
    ["<{0}/>", '<?xml version="1.0" ?>\n<{0}></{0}>\n', "<{0}>\n  </{0}>", "<{0}><!-- --></{0}>"],
)
def test_nothing_there(root: str, form: str) -> None:
    read, nothing = READERS[root]
    assert read(form.format(root)) == nothing


BAD = {
    "empty": "",
    "text": "none",
    "html": "<html><body/></html>",
    "another root": "<Discover_Other_Result/>",
    "truncated": "<{0}><Server>",
    "two roots": "<{0}/><{0}/>",
    "control character": "<{0}>\x01</{0}>",
    "nul": "<{0}>\x00</{0}>",
    "lone surrogate": "<{0}>\ud800</{0}>",
    "doctype": "<!DOCTYPE {0}><{0}/>",
    "system doctype": "<!DOCTYPE {0} SYSTEM 'http://127.0.0.1:1/x'><{0}/>",
    "entity": "<!DOCTYPE {0} [<!ENTITY a 'b'>]><{0}>&a;</{0}>",
    "external entity": "<!DOCTYPE {0} [<!ENTITY a SYSTEM 'file:///etc/hostname'>]><{0}>&a;</{0}>",
    "bomb": "<!DOCTYPE {0} [<!ENTITY a 'aaaaaaaaaa'>"
    + "".join(f"<!ENTITY a{n} '{f'&a{n - 1 if n else str()};' * 10}'>" for n in range(12))
    + "]><{0}>&a11;</{0}>",
    "unknown entity": "<{0}>&nbsp;</{0}>",
    "namespace": "<{0} xmlns='urn:x'/>",
    "deep": "<{0}>" + "<a>" * 400 + "</a>" * 400 + "</{0}>",
    "an unknown element": "<{0}><New><X a='1'/></New></{0}>",
    "a text": "<{0}>none</{0}>",
    "a second document": "<{0}><Discover_Other_Result/></{0}>",
    "huge text": "<{0}>" + "a" * 10_000_001 + "</{0}>",
}


@pytest.mark.parametrize("root", READERS)
def test_bad_documents(root: str) -> None:
    read, _ = READERS[root]
    for name, text in BAD.items():
        start = time.thread_time()
        with pytest.raises(MalformedResponse, match=root) as caught:
            read(text.replace("{0}", root))
        assert len(str(caught.value)) < 300, name
        assert time.thread_time() - start < 2, name


@pytest.mark.parametrize("answer", [None, 7, [], {}, b"<Discover_Server_Result/>", True])
@pytest.mark.parametrize("root", READERS)
def test_what_is_not_even_a_string(root: str, answer: Any) -> None:
    with pytest.raises(MalformedResponse):
        READERS[root][0](answer)


SAMPLES = [SERVER, HARDWARE, POOL, REPOSITORY_DB, CONTENT, MOUNTS, NETWORK]
PIECES = [
    "",
    "<",
    ">",
    "&",
    "<a/>",
    "</a>",
    "<?p?>",
    "<!-- x -->",
    "<![CDATA[x]]>",
    "\x00",
    "9" * 50,
]


@given(st.sampled_from(SAMPLES), st.data())
def test_spoilt_documents(sample: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(sample)))
    end = data.draw(st.integers(start, min(len(sample), start + 30)))
    text = sample[:start] + data.draw(st.sampled_from(PIECES) | st.text()) + sample[end:]
    for read, _ in READERS.values():
        try:
            read(text)
        except MalformedResponse:
            continue


@given(st.text(), st.sampled_from(sorted(READERS)))
def test_any_text(text: str, root: str) -> None:
    read, nothing = READERS[root]
    with pytest.raises(MalformedResponse):
        read(text)
    try:
        assert read(f"<{root}>{text}</{root}>") == nothing
        assert not text.strip()
    except MalformedResponse:
        assert text.strip() or not text.isprintable()
