"""More inputs of the same kinds: what hosts may respond besides what is understood."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from libcloud.compute.types import NodeState

from libcloud_ovm3.errors import NodeNotFound
from libcloud_ovm3.simulator import Simulator
from tests.faults.support import (
    DOMAIN_0,
    FOREIGN_ID,
    ID,
    OTHER_ID,
    Made,
    assert_kept,
    assert_no_certain_orphan,
    assert_refused,
    attempt,
    connect,
    lab,
    let_list,
    live,
    location,
    make_vm,
    other_vm,
    record,
    sent,
    start_by_hand,
    states,
    undashed,
)

ZEROS = str(uuid.UUID(int=0))

# ------------------------------------------------------------------ list_vms


def odd_records(vm: Made) -> dict[str, dict[str, Any]]:
    """Live records that are, or may be, the VM's."""
    good = record(vm.directory, ID)
    return {
        "a number as uuid": {**good, "uuid": 5},
        "a list as uuid": {**good, "uuid": [ID]},
        "a struct as uuid": {**good, "uuid": {"uuid": ID}},
        "undashed": {**good, "uuid": undashed(ID)},
        "upper case": {**good, "uuid": ID.upper()},
        "blanks": {**good, "uuid": f" {ID}\n"},
        "no name": {**good, "name": None},
        "a number as name": {**good, "name": 7},
        "no state": {k: v for k, v in good.items() if k not in ("state", "status")},
        "a list as state": {**good, "state": ["-b----"], "status": ["2"]},
        "an unknown status": {**good, "status": "9"},
        "no domid": {**good, "domid": ""},
        "domid 0": {**good, "domid": "0"},
        "a negative domid": {**good, "domid": "-1", "status": "2"},
        "zeros as uuid": {**good, "uuid": ZEROS},
        "more than a record": {**good, "device": {"vbd": [[["deep"]]]}, "x": {"y": [None]}},
    }


@pytest.mark.parametrize("form", odd_records(Made(ID, "", None, "", None)))  # type: ignore[arg-type]
def test_what_may_be_live_is_not_stopped(sim: Simulator, driver: Any, form: str) -> None:
    vm = make_vm(sim)
    let_list(sim, 1, [DOMAIN_0, odd_records(vm)[form]])
    came = attempt(driver.list_nodes)
    if came.error is None:
        assert states(came.value)[ID] != NodeState.STOPPED, came
    attempt(driver.start_node, ID, ex_location=location(sim, 0))
    attempt(driver.destroy_node, ID)
    assert "start_vm" not in sent(sim)
    assert vm.is_whole


def test_two_records_of_one_domain(sim: Simulator, driver: Any) -> None:
    """On one list, or on two: a person has to look."""
    vm = make_vm(sim)
    for hosts in ([1, 1], [0, 1]):
        sim.clear_misbehaviour()
        for host in set(hosts):
            let_list(sim, host, [DOMAIN_0, *[record(vm.directory, ID)] * hosts.count(host)])
        assert states(attempt(driver.list_nodes).value)[ID] in (
            NodeState.ERROR,
            NodeState.UNKNOWN,
        )
        attempt(driver.start_node, ID)
        attempt(driver.destroy_node, ID)
        assert sent(sim) == []
        assert vm.is_whole


@pytest.mark.parametrize(
    "guest",
    [
        record("Domain-0", FOREIGN_ID, domid="3"),
        record("Domain-0", None, domid="3"),
        record("guest", FOREIGN_ID, domid="0"),
    ],
    ids=["its name", "its name, no uuid", "its number"],
)
def test_a_guest_that_looks_like_domain_0(
    sim: Simulator, driver: Any, guest: dict[str, Any]
) -> None:
    """Domain-0 has the uuid of zeros; a list with such a guest alone is none."""
    vm = make_vm(sim)
    start_by_hand(sim, vm, 1)
    let_list(sim, 1, [guest])
    state = states(attempt(driver.list_nodes).value)[ID]
    assert state in (NodeState.UNKNOWN, NodeState.RUNNING)
    attempt(driver.start_node, ID, ex_location=location(sim, 0))
    assert live(sim) == [ID]


UNAMES: dict[str, Any] = {
    "a number": 5,
    "a list": ["file:PATH"],
    "a struct": {"file": "PATH"},
    "no scheme": "PATH",
    "two slashes": "file:/PATH",
    "another mount": "file:/nfsmnt/x/NAME",
    "a blank before it": "file: PATH",
    "file: twice": "file:file:PATH",
    "an unknown scheme": "drbd:PATH",
    "tapdisk": "tap:tapdisk:aio:PATH",
    "only its name": "NAME",
}


@pytest.mark.parametrize("form", UNAMES)
def test_a_live_domain_s_disk_in_whatever_form(sim: Simulator, driver: Any, form: str) -> None:
    vm = make_vm(sim)

    def filled(value: Any) -> Any:
        if isinstance(value, list):
            return [filled(one) for one in value]
        if isinstance(value, dict):
            return {key: filled(one) for key, one in value.items()}
        if isinstance(value, str):
            return value.replace("PATH", vm.path).replace("NAME", vm.file.name)
        return value

    vbd = {"uname": filled(UNAMES[form]), "dev": "xvda:disk", "mode": "w"}
    let_list(sim, 1, [DOMAIN_0, record("byhand", FOREIGN_ID, device={"vbd": [vbd]})])
    assert_kept(sim, vm, driver)


# ------------------------------------------------------------------ the database of repositories


def with_record(text: str, change: Callable[[str], str]) -> str:
    """The same with the second repository's record changed."""
    records = re.findall("<Repository .*?</Repository>", text)
    [record] = [one for one in records if SECOND in one]
    return text.replace(record, change(record))


SECOND = "0004fb00000300005ec05ec05ec05ec0"
RECORDS: dict[str, Callable[[str], str]] = {
    "no id": lambda r: r.replace(f'Uuid="{SECOND}"', ""),
    "an empty id": lambda r: r.replace(f'Uuid="{SECOND}"', 'Uuid=""'),
    "a name as id": lambda r: r.replace(f'Uuid="{SECOND}"', 'Uuid="backup"'),
    "a cut id": lambda r: r.replace(f'Uuid="{SECOND}"', f'Uuid="{SECOND[:-1]}"'),
    "a path as id": lambda r: r.replace(f'Uuid="{SECOND}"', f'Uuid="../{SECOND}"'),
    "no status": lambda r: r.replace("<Status>Mounted</Status>", ""),
    "an unknown status": lambda r: r.replace("Mounted<", "Stale<"),
    "not mounted": lambda r: r.replace("Mounted<", "Unmounted<"),
    "another element": lambda r: r.replace("<Repository ", "<Repo ").replace(
        "</Repository", "</Repo"
    ),
    "no fields": lambda r: f'<Repository Uuid="{SECOND}"/>',
}


@pytest.mark.parametrize("form", RECORDS)
def test_a_record_of_a_repository_that_is_not_understood(sim: Simulator, form: str) -> None:
    """What lies there is not known: said, and no disk goes that it may name."""
    vm = make_vm(sim)
    sim.add_repository("second", SECOND)
    other_vm(sim, SECOND, disk=[f"file:{vm.path},xvda,w"])
    for host in (0, 1):
        text = connect(sim, host).connection.call("discover_repository_db")
        assert with_record(text, RECORDS[form]) != text
        text = with_record(text, RECORDS[form])
        sim.misbehave("answer", "discover_repository_db", host=host, times=None, value=text)
    driver = connect(sim)
    came = attempt(driver.list_nodes)
    assert came.error is not None or OTHER_ID in states(came.value) or came.warnings != []
    assert_kept(sim, vm, driver)


SAME: dict[str, Callable[[str], str]] = {
    "dashes": lambda u: str(uuid.UUID(u)),
    "upper case": str.upper,
    "braces": lambda u: f"{{{uuid.UUID(u)}}}",
}


@pytest.mark.parametrize("form", SAME)
def test_an_id_in_another_spelling_on_one_of_the_hosts(sim: Simulator, form: str) -> None:
    """One repository: its VMs are listed once, nothing in it is called an orphan for certain."""
    vm = make_vm(sim)
    text = connect(sim, 1).connection.call("discover_repository_db")
    other = text.replace(f'Uuid="{sim.repository_id}"', f'Uuid="{SAME[form](sim.repository_id)}"')
    assert other != text
    sim.misbehave("answer", "discover_repository_db", host=1, times=None, value=other)
    driver = connect(sim)
    assert [node.id for node in attempt(driver.list_nodes).value] == [ID]
    assert_no_certain_orphan(driver)
    assert vm.is_whole


def test_two_repositories_at_one_export(sim: Simulator, driver: Any) -> None:
    """Two ids, one share: what lies in one lies in the other."""
    vm = make_vm(sim)
    sim.add_repository("second", SECOND)
    location_of = sim.hosts[0].repository_db[sim.repository_id]["Fs_location"]
    for host in (0, 1):
        text = connect(sim, host).connection.call("discover_repository_db")
        text = re.sub(r"nfs-store-1:/export/" + SECOND, location_of, text)
        sim.misbehave("answer", "discover_repository_db", host=host, times=None, value=text)
    came = attempt(driver.list_nodes)
    assert any(SECOND in w and sim.repository_id in w for w in came.warnings), came
    attempt(driver.destroy_node, ID)
    assert vm.is_whole


# ------------------------------------------------------------------ listings


def no_section(text: str) -> str:
    return re.sub("<VirtualMachines>.*</VirtualMachines>", "", text)


def no_name(text: str) -> str:
    return text.replace(f'<VirtualMachine Name="{"b" * 32}">', "<VirtualMachine>")


def empty_name(text: str) -> str:
    return text.replace(f'Name="{"b" * 32}"', 'Name=""')


def of_another(text: str) -> str:
    return re.sub('(Name="|<Repository_UUID>)0004fb0000030000[0-9a-f]{16}', rf"\g<1>{SECOND}", text)


def an_empty_list(text: str) -> str:
    return re.sub("<RepositoryList>.*</RepositoryList>", "<RepositoryList/>", text)


def not_listed(text: str) -> str:
    return re.sub(f'<VirtualMachine Name="{"b" * 32}">.*?</VirtualMachine>', "", text)


LISTINGS = [no_section, no_name, empty_name, of_another, an_empty_list]


@pytest.mark.parametrize("change", LISTINGS, ids=lambda change: change.__name__)
def test_a_listing_that_is_not_understood(
    sim: Simulator, driver: Any, change: Callable[[str], str]
) -> None:
    vm = make_vm(sim)
    other_vm(sim, disk=[f"file:{vm.path},xvda,w"])
    text = driver.connection.call("discover_repositories", sim.repository_id)
    assert change(text) != text
    sim.misbehave("answer", "discover_repositories", times=None, value=change(text))
    came = attempt(driver.list_nodes)
    assert came.error is not None or came.warnings != []
    came = attempt(driver.destroy_node, ID)
    assert vm.has_disk, came
    assert not isinstance(came.error, NodeNotFound), came
    assert_no_certain_orphan(driver)


def test_a_listing_that_lacks_what_the_module_sends(personality: str) -> None:
    with lab(personality, True) as sim:
        vm = make_vm(sim)
        other_vm(sim, disk=[f"file:{vm.path},xvda,w"])
        driver = connect(sim)
        text = driver.connection.call("discover_repositories", sim.repository_id)
        sim.misbehave("answer", "discover_repositories", times=None, value=not_listed(text))
        came = attempt(driver.list_nodes)
        assert OTHER_ID in states(came.value) or came.warnings != []
        assert_kept(sim, vm, driver)


@pytest.mark.parametrize("value", ["a text", [], [["name", "x"]], None, {}, 7], ids=str)
def test_a_vm_cfg_of_another_shape(personality: str, value: Any) -> None:
    """What the agent says of another VM's file is no struct, or says nothing."""
    with lab(personality, False) as sim:
        vm = make_vm(sim)
        folder = other_vm(sim, disk=[f"file:{vm.path},xvda,w"])
        driver = connect(sim)
        # the VMs are read side by side: which call is whose is told by its argument
        good = driver.connection.call("get_vm_config", sim.repository_id, vm.directory)
        sim.misbehave("answer", "get_vm_config", times=None, value=value)
        came = attempt(driver.list_nodes)
        assert {node.state for node in came.value} == {NodeState.UNKNOWN}
        assert any(folder.name in warning for warning in came.warnings)
        attempt(driver.destroy_node, ID)
        attempt(driver.start_node, ID)
        assert sent(sim) == []
        assert vm.is_whole
        assert good["uuid"] == ID


ANSWERS = [None, "", [], {}, {"listing": None}, {"vm_cfgs": "x"}, [["a"]]]


@pytest.mark.parametrize("function", ["libcloud_read_agent", "libcloud_repository"])
@pytest.mark.parametrize("value", ANSWERS, ids=str)
def test_an_answer_of_the_module_of_another_shape(
    personality: str, function: str, value: Any
) -> None:
    """The agent is asked instead: the same truth."""
    with lab(personality, True) as sim:
        vm, other = make_vm(sim), make_vm(sim, "other", OTHER_ID)
        start_by_hand(sim, other, 1)
        sim.misbehave("answer", function, times=None, value=value)
        came = attempt(connect(sim).list_nodes)
        expected = {ID: NodeState.STOPPED, OTHER_ID: NodeState.RUNNING}
        assert states(came.value) == expected, came
        assert vm.is_whole


HOLDERS: list[Any] = [None, "", {}, [None], ["loop"], [{}], [{"kind": "loop"}], [{"path": 5}]]
HOLDERS += [[{"kind": "loop", "device": "/dev/loop0", "path": ""}]]


@pytest.mark.parametrize("value", HOLDERS, ids=str)
def test_holders_that_are_not_understood(personality: str, value: Any) -> None:
    with lab(personality, True) as sim:
        vm = make_vm(sim)
        rule = sim.misbehave("answer", "libcloud_file_holders", host=1, times=None, value=value)
        came = attempt(connect(sim).destroy_node, ID)
        assert rule.hits
        assert vm.has_disk, came
        assert came.error is not None or vm.file.name in came.said


def test_holders_that_are_not_understood_keep_from_starting(personality: str) -> None:
    """Whether it runs is not known where nobody could tell who holds its disks."""
    with lab(personality, True) as sim:
        make_vm(sim)
        rule = sim.misbehave("answer", "libcloud_file_holders", host=1, times=None, value="")
        said = assert_refused(sim, connect(sim).start_node, ID, ex_location=location(sim, 0))
        assert "what holds its disks" in said
        assert rule.hits
        assert live(sim) == []
