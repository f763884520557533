"""Putting live domains and definitions together. Pure, so without a simulator."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libcloud_ovm3.agent.address import Address
from libcloud_ovm3.agent.config import VMConfig
from libcloud_ovm3.agent.documents import Server
from libcloud_ovm3.errors import AmbiguousName, NodeNotFound, PreconditionFailed, SearchIncomplete
from libcloud_ovm3.estate.creating import creating
from libcloud_ovm3.estate.disks import name_has_uuid
from libcloud_ovm3.estate.domains import DomainList, read_domains
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.states import State
from libcloud_ovm3.estate.vms import Definition, EstateSnapshot, merge_vms

ID = "0004fb00-0006-0000-cfe2-da48f9e2120e"
DIRECTORY = ID.replace("-", "")


def server(number: int) -> Server:
    return Server(uuid=f"{number:032x}", hostname=f"ovm-{number}")


def host(number: int, *records: dict[str, Any]) -> HostView:
    address = Address(f"127.0.0.{number + 2}", 8899)
    return HostView(address, None, server(number), read_domains(list(records)).domains, ())  # type: ignore[arg-type]


def live(name: str = DIRECTORY, vm_id: str = ID, **more: str) -> dict[str, Any]:
    return {"name": name, "uuid": vm_id, "domid": "7", "state": "-b----", "status": "2", **more}


def defined(directory: str = DIRECTORY, repository: str = "r" * 32, **config: Any) -> Definition:
    return Definition(repository, directory, VMConfig(config))


def test_a_running_vm_is_one_node_under_its_display_name() -> None:
    definition = defined(uuid=ID, name=DIRECTORY, OVM_simple_name="db 1")
    vms = merge_vms([host(0), host(1, live())], [definition], all_answered=True)
    assert list(vms) == [ID]
    assert vms[ID].name == "db 1"
    assert vms[ID].state is State.RUNNING
    assert vms[ID].live[0].host.server.hostname == "ovm-1"


def test_names_fall_back_and_are_never_empty() -> None:
    assert defined(uuid=ID, OVM_simple_name="", name="el_template_db").name == "el_template_db"
    assert defined(uuid=ID, OVM_simple_name=" ").name == DIRECTORY
    assert Definition("r", "dir", None, "broken").name == "dir"
    vms = merge_vms([host(0, live("xend name"))], [], all_answered=True)
    assert vms[ID].name == "xend name"


def test_ids() -> None:
    undashed = defined("any", uuid="6D015D4F722144B39A0D9EBD71EC464E")
    assert undashed.uuid == "6d015d4f-7221-44b3-9a0d-9ebd71ec464e"
    assert defined().uuid == ID  # no uuid in it: the directory's
    made_up = defined("my vm")
    assert made_up.uuid == defined("my vm").uuid  # the same at each look
    assert made_up.uuid != defined("my vm", repository="s" * 32).uuid
    assert uuid.UUID(made_up.uuid)


def test_without_a_uuid_xend_makes_one_up_so_the_name_counts() -> None:
    definition = defined("my vm", name="myvm", disk=["file:/x/a.img,xvda,w"])
    other = defined("other", name="other", uuid=ID)
    vbd = {"uname": "file:/x/a.img", "dev": "xvda:disk", "mode": "w"}
    running = live("myvm", "11111111-2222-4333-8444-555555555555") | {"device": {"vbd": [vbd]}}
    vms = merge_vms([host(0, running)], [definition, other], all_answered=True)
    assert vms[definition.uuid].state is State.RUNNING
    assert set(vms) == {definition.uuid, ID}
    assert vms[ID].state is State.STOPPED
    # a definition that has a uuid is never found by name
    stranger = live("other", "11111111-2222-4333-8444-555555555555")
    vms = merge_vms([host(0, stranger)], [other], all_answered=True)
    assert vms[ID].state is State.STOPPED
    assert len(vms) == 2


def test_one_uuid_live_twice_is_an_error_with_both_places() -> None:
    vm = merge_vms([host(0, live()), host(1, live())], [defined(uuid=ID)], True)[ID]
    assert vm.state is State.ERROR
    assert len(vm.live) == 2
    assert "ovm-0" in vm.where()
    assert "ovm-1" in vm.where()


def test_two_definitions_of_one_uuid_are_an_error() -> None:
    definitions = [defined(uuid=ID), defined(uuid=ID, repository="s" * 32)]
    vm = merge_vms([host(0)], definitions, True)[ID]
    assert vm.state is State.ERROR
    with pytest.raises(PreconditionFailed, match="several definitions"):
        _ = vm.definition


def test_silence_makes_absence_unknown() -> None:
    assert merge_vms([host(0)], [defined(uuid=ID)], False)[ID].state is State.UNKNOWN
    assert merge_vms([host(0)], [defined(uuid=ID)], True)[ID].state is State.STOPPED


def test_a_broken_definition_costs_only_its_own_state() -> None:
    broken = Definition("r" * 32, DIRECTORY, None, "fault")
    fine = defined("0" * 31 + "1", uuid=str(uuid.UUID(int=1)), OVM_simple_name="fine")
    vms = merge_vms([host(0)], [broken, fine], True)
    assert vms[ID].state is State.UNKNOWN
    assert vms[fine.uuid].state is State.STOPPED
    assert merge_vms([host(0, live())], [broken], True)[ID].state is State.RUNNING


def test_creating_is_exactly_our_own_mark() -> None:
    mark = "creating " + "0" * 32
    assert defined(uuid=ID, OVM_description=mark).is_creating
    assert creating("0" * 32, {}) == mark
    assert defined(uuid=ID, OVM_description=mark).unfinished_disks == ()
    for disks in (["x y.img"], ["x.img", "x-2.raw"]):
        found = defined(uuid=ID, OVM_description=creating("0" * 32, dict.fromkeys(disks, 7)))
        assert found.is_creating
        assert found.unfinished_disks == tuple(disks)
    for text in ("", "creating a monument", mark + "x", "x " + mark, mark + " ../x.img"):
        assert not defined(uuid=ID, OVM_description=text).is_creating


def test_looking_up() -> None:
    definitions = [
        defined(uuid=ID, OVM_simple_name="twin"),
        defined("0" * 31 + "1", OVM_simple_name="twin"),
        defined("0" * 31 + "2", OVM_simple_name="abcd#43"),
    ]
    seen = EstateSnapshot((), (), (), merge_vms([], definitions, True))
    assert seen.vm(ID.replace("-", "").upper()).id == ID
    assert seen.vm_named("abcd#43").name == "abcd#43"
    with pytest.raises(AmbiguousName, match=ID):
        seen.vm_named("twin")
    with pytest.raises(NodeNotFound, match="gone"):
        seen.vm_named("gone")
    with pytest.raises(NodeNotFound, match="no VM"):
        seen.vm("gone")


def test_what_a_person_calls_a_vm() -> None:
    """By id or name; but not by an id that another one has as its name."""
    other = "0004fb00-0006-0000-cfe2-00000000ffff"
    definitions = [
        defined(uuid=ID, OVM_simple_name="web"),
        defined("0" * 31 + "1", OVM_simple_name=ID),
        defined("0" * 31 + "2", OVM_simple_name=other),
    ]
    seen = EstateSnapshot((), (), (), merge_vms([], definitions, True))
    assert seen.vm_called("web").id == seen.vm_called(DIRECTORY).id == ID
    assert seen.vm_called(other).name == other
    with pytest.raises(AmbiguousName, match=f"'{ID}' is the id of the VM 'web', and the name of"):
        seen.vm_called(ID)
    with pytest.raises(NodeNotFound, match="no VM '0004fb00"):
        seen.vm_called(other.replace("ffff", "fffe"))
    definitions.append(Definition("r", "dir", None, "broken"))
    unread = EstateSnapshot((), (), (), merge_vms([], definitions, True))
    with pytest.raises(SearchIncomplete, match="no VM '0004fb00"):
        unread.vm_called(other)


def test_domain_0_is_no_guest() -> None:
    zero = {"uuid": "00000000-0000-0000-0000-000000000000", "domid": "0", "name": "Domain-0"}
    assert read_domains([zero]) == DomainList(())
    found = read_domains([zero, live("Domain-0")]).domains
    assert found[0].name == "Domain-0"  # whoever calls himself so


JUNK = st.recursive(
    st.none() | st.text() | st.integers() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(
    "name uuid domid state status memory online_vcpus start_time disk OVM_simple_name "
    "OVM_description vcpus".split()
)
RECORDS = JUNK | st.dictionaries(KEYS, JUNK | st.just(ID))


@given(
    st.lists(RECORDS, max_size=6), st.lists(st.dictionaries(KEYS, JUNK | st.just(ID)), max_size=4)
)
def test_one_bad_record_never_spoils_the_others(records: Any, configs: Any) -> None:
    definitions = [
        Definition("r" * 32, f"dir-{i}", VMConfig(config)) for i, config in enumerate(configs)
    ]
    good = defined("good", uuid=str(uuid.UUID(int=9)), OVM_simple_name="good")
    domains = read_domains([*records, live("live", str(uuid.UUID(int=8)))]).domains
    seen = HostView(Address("h", 1), None, server(0), domains, ())  # type: ignore[arg-type]
    vms = merge_vms([seen], [*definitions, good], True)
    assert vms[str(uuid.UUID(int=8))].state is State.RUNNING
    assert vms[good.uuid].name == "good"
    assert all(vm.name and vm.id for vm in vms.values())


@pytest.mark.parametrize("name", [ID + ".raw", DIRECTORY + ".img", f"x-{DIRECTORY.upper()}_1.raw"])
def test_file_names_that_carry_the_uuid(name: str) -> None:
    assert name_has_uuid(name, ID)
    assert not name_has_uuid(name, str(uuid.UUID(int=1)))


def test_two_live_domains_of_the_name_of_one_vm_cfg_that_is_not_read() -> None:
    """One of them would be listed with it, once; of two it is not known which."""
    broken = Definition("r" * 32, "APP", None, "fault")
    first, second = (str(uuid.UUID(int=n)) for n in (21, 22))
    vms = merge_vms([host(0, live("APP", first))], [broken], True)
    assert [(vm.id, vm.state, len(vm.definitions)) for vm in vms.values()] == [
        (first, State.RUNNING, 1)
    ]
    both = [host(0, live("APP", first)), host(1, live("APP", second))]
    vms = merge_vms(both, [broken], True)
    assert set(vms) == {first, second, broken.uuid}
    assert vms[broken.uuid].state is State.UNKNOWN
    assert len(vms[broken.uuid].doubts) == 2


def test_a_medium_or_a_shared_disk_makes_no_foreign_domain_ours() -> None:
    iso, lun, own = "file:/x/os.iso,hdc:cdrom,r", "phy:/dev/mapper/3a,xvdb,w!", "file:/x/o,xvda,w"
    stranger = live("myvm", str(uuid.UUID(int=23)))
    for entries in ([iso], [lun], [iso, lun], [own, iso]):
        definition = defined("my vm", name="myvm", disk=entries)
        vbds = [{"uname": e.split(",")[0], "dev": "x", "mode": "w"} for e in (iso, lun)]
        vms = merge_vms([host(0, stranger | {"device": {"vbd": vbds}})], [definition], True)
        assert vms[definition.uuid].state is State.UNKNOWN
        assert vms[definition.uuid].live == ()
