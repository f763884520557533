"""agent.documents: what is not understood is kept and said, and names and ids stay as they are."""

from __future__ import annotations

from collections.abc import Callable
from xml.sax.saxutils import escape, quoteattr

import pytest

from libcloud_ovm3.agent import documents
from libcloud_ovm3.agent.documents import Folder, RepositoryRecord, ServerPool
from libcloud_ovm3.errors import MalformedResponse

HEX = "0004fb0000030000aeaca859e4a8f8c0"
WHOLE = {
    "Templates": '<Template Name="t"><File>vm.cfg</File></Template>',
    "VirtualMachines": '<VirtualMachine Name="v"><File>vm.cfg</File></VirtualMachine>',
    "VirtualDisks": "<Disk>a.img</Disk>",
    "ISOs": "<ISO>b.iso</ISO>",
}


def listing(sections: dict[str, str], uuid: str = HEX, name: str = "x") -> str:
    inside = "".join(f"<{tag}>{text}</{tag}>" for tag, text in sections.items())
    return (
        f"<Discover_Repositories_Result><RepositoryList><Repository Name={quoteattr(name)}>"
        f"<Repository_UUID>{escape(uuid)}</Repository_UUID>{inside}"
        "</Repository></RepositoryList></Discover_Repositories_Result>"
    )


def records(inside: str) -> tuple[RepositoryRecord, ...]:
    listed = f"<RepositoryDbList>{inside}</RepositoryDbList>"
    return documents.repository_db(
        f"<Discover_Repository_Db_Result>{listed}</Discover_Repository_Db_Result>"
    )


@pytest.mark.parametrize(
    "read_id",
    ["repo1", "ODAREPO_1", HEX.upper(), HEX[:-1], f"{HEX}0", f" {HEX}", "none", "", "é", "0"],
)
def test_every_record_is_kept_with_its_id_as_read(read_id: str) -> None:
    (record,) = records(
        f"<Repository Uuid={quoteattr(read_id)}><Status>Mounted</Status></Repository>"
    )
    assert (record.id, record.is_mounted) == (read_id, True)
    assert record.key == (HEX if read_id.strip().lower() == HEX else read_id)


def test_a_record_of_an_unknown_shape_has_no_id() -> None:
    found = records(f'<Repository/><Repo Uuid="{HEX}"/><repository Uuid="{HEX}"/>')
    assert [record.id for record in found] == ["", "", ""]


def test_spellings_of_one_id_have_one_key() -> None:
    spellings = [HEX, HEX.upper(), "0004FB00-0003-0000-aeac-a859e4a8f8c0"]
    assert {RepositoryRecord(spelling).key for spelling in spellings} == {HEX}
    for wanted in spellings:
        for written in spellings:
            found = documents.repository_content(listing(WHOLE, written), wanted)
            assert found is not None
            assert (found.uuid, found.key, found.not_understood) == (written, HEX, ())


def test_an_id_that_is_no_uuid_is_found_as_it_is() -> None:
    found = documents.repository_content(listing(WHOLE, "repo1"), "repo1")
    assert found is not None
    assert (found.id, found.key) == ("repo1", "repo1")
    assert documents.repository_content(listing(WHOLE, "repo1"), "Repo1") is None
    named = documents.repository_content(listing(WHOLE, "none", "repo1"), "repo1")
    assert named is not None
    assert (named.uuid, named.id) == (None, "repo1")


def test_one_repository_listed_twice_is_not_understood() -> None:
    one = listing(WHOLE)
    start, end = one.index("<Repository "), one.index("</RepositoryList>")
    with pytest.raises(MalformedResponse, match="listed 2 times"):
        documents.repository_content(one[:end] + one[start:end] + one[end:], HEX)


@pytest.mark.parametrize(
    "name",
    ["a.img ", " a.img", "  ", "\ta", "a\t", "a  b", "A.IMG", "ä", "a&b<c>", "..", "a\nb", "a\n"],
)
def test_names_are_as_they_are(name: str) -> None:
    text = escape(name)
    folder = f"<VirtualMachine Name='v'><File>{text}</File></VirtualMachine>"
    inside = WHOLE | {"VirtualDisks": f"<Disk>{text}</Disk>", "ISOs": f"<ISO>{text}</ISO>"}
    (found,) = documents.repositories(listing(inside | {"VirtualMachines": folder}))
    assert (found.virtual_disks, found.isos) == ((name,), (name,))
    assert found.virtual_machines == (Folder("v", (name,)),)
    assert found.not_understood == ()


@pytest.mark.parametrize("name", ["v ", " v", " ", ".", "V", "a  b"])
def test_names_of_folders_are_as_they_are(name: str) -> None:
    inside = WHOLE | {"VirtualMachines": f"<VirtualMachine Name={quoteattr(name)}/>"}
    (found,) = documents.repositories(listing(inside))
    assert found.virtual_machines == (Folder(name),)


def test_names_set_on_lines_of_their_own() -> None:
    """As Python 2's toprettyxml writes them; the blank before the line's end is the name's."""
    (found,) = documents.repositories(listing(WHOLE | {"ISOs": "<ISO>\n\t\ta.iso \n\t</ISO>"}))
    assert found.isos == ("a.iso ",)


@pytest.mark.parametrize(
    ("section", "text", "said"),
    [
        ("VirtualMachines", None, "no VirtualMachines"),
        ("Templates", None, "no Templates"),
        (
            "VirtualMachines",
            "<VirtualMachine/>",
            "VirtualMachines: <VirtualMachine> without a name",
        ),
        ("VirtualMachines", "<VirtualMachine Name=''/>", "<VirtualMachine> without a name"),
        ("VirtualMachines", "<VM Name='v'/>", "VirtualMachines: <VM>"),
        ("VirtualMachines", "<virtualmachine Name='v'/>", "<virtualmachine>"),
        ("VirtualMachines", "none", "VirtualMachines: 'none'"),
        ("VirtualMachines", "<VirtualMachine Name='v'><Dir>a</Dir></VirtualMachine>", "'v': <Dir>"),
        ("VirtualMachines", "<VirtualMachine Name='v'><File/></VirtualMachine>", "'v': <File>"),
        ("Templates", "<Template><File>vm.cfg</File></Template>", "<Template> without a name"),
        ("VirtualDisks", "<Disk/>", "VirtualDisks: <Disk>"),
        ("VirtualDisks", "<Disk>a<b/>c</Disk>", "VirtualDisks: <Disk> 'a'"),
        ("VirtualDisks", "<Folder Name='a'/>", "VirtualDisks: <Folder>"),
        ("ISOs", "<ISO>\n</ISO>", "ISOs: <ISO>"),
    ],
)
def test_what_a_listing_has_besides_is_said(section: str, text: str | None, said: str) -> None:
    inside = {tag: inner for tag, inner in WHOLE.items() if tag != section}
    if text is not None:
        inside[section] = text
    (found,) = documents.repositories(listing(inside))
    (remark,) = found.not_understood
    assert said in remark
    (whole,) = documents.repositories(listing(WHOLE))
    if section != "VirtualMachines":
        assert found.virtual_machines == whole.virtual_machines
    if section != "Templates":
        assert found.templates == whole.templates


def test_whole_listings_leave_nothing_to_say() -> None:
    (found,) = documents.repositories(listing(WHOLE))
    assert found.not_understood == ()
    (empty,) = documents.repositories(listing(dict.fromkeys(WHOLE, "")))
    assert empty.not_understood == ()


def test_an_entry_of_the_list_that_is_no_repository() -> None:
    text = listing(WHOLE).replace("</RepositoryList>", "<Repo Name='y'/></RepositoryList>")
    first, second = documents.repositories(text)
    assert first.not_understood == ()
    assert second.not_understood == ("<Repo> without a name",)


@pytest.mark.parametrize(
    ("list_name", "read"),
    [("RepositoryDbList", documents.repository_db), ("RepositoryList", documents.repositories)],
)
def test_a_list_that_is_a_text(list_name: str, read: object) -> None:
    root = {"RepositoryDbList": "Db_Result"}.get(list_name, "")
    root = f"Discover_Repository_{root}" if root else "Discover_Repositories_Result"
    with pytest.raises(MalformedResponse, match=list_name):
        read(f"<{root}><{list_name}>error</{list_name}></{root}>")  # type: ignore[operator]


@pytest.mark.parametrize(
    ("members", "addresses"),
    [
        ("<Member_List/>", ()),
        ("", ("",)),
        ("<Member_List><Member/></Member_List>", ("",)),
        ("<Member_List><Host>1.2.3.4</Host></Member_List>", ("",)),
        (
            "<Member_List><Member><Registered_IP>1.2.3.4</Registered_IP></Member>"
            "<Member><Registered_IP/></Member><Member><IP>1.2.3.5</IP></Member></Member_List>",
            ("1.2.3.4", "", ""),
        ),
    ],
)
def test_members_of_a_pool_without_an_address(members: str, addresses: tuple[str, ...]) -> None:
    pool = f"<Server_Pool><Unique_Id>p</Unique_Id>{members}</Server_Pool>"
    text = f"<Discover_Server_Pool_Result>{pool}</Discover_Server_Pool_Result>"
    assert documents.server_pool(text) == ServerPool("p", members=addresses)


@pytest.mark.parametrize(
    ("root", "path", "read"),
    [
        ("Discover_Server_Result", "Server", documents.server),
        ("Discover_Hardware_Result", "NodeInformation", documents.hardware),
        ("Discover_Server_Pool_Result", "Server_Pool", documents.server_pool),
        ("Discover_Pool_Filesystem_Result", "Pool_Filesystem", documents.pool_filesystem),
        ("Discover_Network_Result", "Network/Active", documents.network),
        ("Discover_Storage_Plugins_Result", "storage_plugin_info_list", documents.storage_plugins),
    ],
)
def test_two_where_there_is_one(root: str, path: str, read: Callable[[str], object]) -> None:
    """Which of them holds, nobody knows: the first is not taken in silence."""
    above, _, name = path.rpartition("/")
    start, end = (f"<{above}>", f"</{above}>") if above else ("", "")
    assert read(f"<{root}>{start}<{name}/>{end}</{root}>") is not None
    with pytest.raises(MalformedResponse, match=f"{root}: several {path}"):
        read(f"<{root}>{start}<{name}/><{name}/>{end}</{root}>")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("none", None),
        ("None", None),
        ("", None),
        ("f12842ebf5ed3fe78da1eb0e17f5ede8", "f12842eb-f5ed-3fe7-8da1-eb0e17f5ede8"),
        ("F12842EB-F5ED-3FE7-8DA1-EB0E17F5EDE8", "f12842eb-f5ed-3fe7-8da1-eb0e17f5ede8"),
        ("pool 1", "pool 1"),  # in some pool all the same
        ("f12842eb", "f12842eb"),
    ],
)
def test_an_id_that_is_no_uuid_is_not_none(written: str, read: str | None) -> None:
    inside = f"<Server><Pool_Unique_Id>{written}</Pool_Unique_Id></Server>"
    server = documents.server(f"<Discover_Server_Result>{inside}</Discover_Server_Result>")
    assert server.pool_uuid == read
