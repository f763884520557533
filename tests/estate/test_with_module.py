"""With the host module: fewer calls, the same truth, and on without it wherever it is not."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from libcloud.compute.types import NodeState

from libcloud_ovm3.agent.hostmodule import API, HostModule
from libcloud_ovm3.clock import Clock
from libcloud_ovm3.diagnostics.inventory import as_json, take_inventory
from libcloud_ovm3.errors import (
    AgentFault,
    Ovm3Warning,
    PreconditionFailed,
)
from libcloud_ovm3.estate.definitions import Definition, read_templates
from libcloud_ovm3.estate.hosts import BOOT_TIME, HARDWARE
from libcloud_ovm3.estate.members import MODULE_MISSING_SECONDS
from libcloud_ovm3.estate.vms import EstateSnapshot, read_estate
from libcloud_ovm3.simulator import Simulator
from tests.earlier_module import API_3, put_api_2, put_earlier_module
from tests.estate.test_vm_cfg_cases import CASES, DIRECTORIES, put_case
from tests.operations import test_never_guess as rules
from tests.support import calls_of, clock_of, driver_for, fingerprints_of, quietly, simulate

OWN = ("discover_server", "list_vms", "discover_repository_db")


@pytest.fixture
def personality() -> str:
    return "awkward"  # the less friendly answer to each open question


@pytest.fixture
def sim(personality: str) -> Iterator[Simulator]:
    """A pool of three hosts with the module, and two running VMs."""
    with simulate(hosts=3, personality=personality, host_module=True) as simulator:
        yield simulator


@pytest.fixture
def driver(sim: Simulator) -> Any:
    return driver_for(sim)


def calls_during(sim: Simulator, action: Any, *args: Any) -> Counter[str]:
    sim.calls.clear()
    action(*args)
    return Counter(calls_of(sim))


# ------------------------------------------------------------------ how many calls


def test_one_call_a_host_and_one_a_repository(driver: Any, sim: Simulator) -> None:
    second = sim.add_repository("second")
    for number in range(5):
        folder = sim.path_of(second if number % 2 else sim.repository_id) / "VirtualMachines"
        rules.write_cfg(folder / (str(number) * 32), name=f"stopped-{number}", memory=256)
    expected = {"libcloud_read_agent": 3, "libcloud_repository": 2}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert calls_during(sim, driver.list_nodes) == expected
        mtus = {"libcloud_bridges": 3}
        assert calls_during(sim, take_inventory, driver._estate) == {**expected, **mtus}
        assert calls_during(sim, driver.list_locations) == {"libcloud_read_agent": 3}
    assert {node.name for node in driver.list_nodes()} > {f"stopped-{n}" for n in range(5)}


def test_a_half_installed_pool() -> None:
    with simulate(hosts=3, host_module=[1]) as sim:
        driver = driver_for(sim)
        first = calls_during(sim, driver.list_nodes)
        assert first.pop("libcloud_read_agent") == 3
        expected = {**dict.fromkeys(OWN, 2), "discover_server_pool": 2, "libcloud_repository": 1}
        assert first.pop("libcloud_version") == 2, "an older module would answer it"
        assert first == expected
        again = calls_during(sim, driver.list_nodes)
        assert again.pop("libcloud_read_agent") == 1, "the others are known to lack it"
        assert again == expected
        assert {c.host_index for c in sim.calls if c.function.startswith("libcloud_")} == {1}
        sim.hosts[1].unmount_repository()
        counted = calls_during(sim, quietly, driver.list_nodes)
        assert counted["get_vm_config"] == 2, "no host that has it mounted has the module"


# ------------------------------------------------------------------ the same truth


def seen_both_ways(sim: Simulator) -> list[EstateSnapshot]:
    """The estate read with the host module, and read from the agents alone."""
    estate = driver_for(sim)._estate
    return [read_estate(estate), read_estate(replace(estate, use_module=False))]


def attempt(seen: EstateSnapshot) -> list[tuple[Any, ...]]:
    return [
        (vm.id, vm.name, vm.state, vm.definitions, [p.domain.name for p in vm.live])
        for vm in seen.vms.values()
    ]


def taken_mtus(inventory: dict[str, Any]) -> set[int | None]:
    """Take the MTUs of bridges, which only the module tells, out of an inventory."""
    return {host.pop("mtu") for network in inventory["networks"] for host in network["hosts"]}


@pytest.mark.parametrize("layout", ["plain", "manager", "cloudstack"])
@pytest.mark.parametrize("version", ["3.2.1", "3.3.3"])
def test_the_same_definitions_by_both_ways(layout: str, version: str) -> None:
    with simulate(hosts=2, layout=layout, version=version, host_module=True) as sim:
        for name in DIRECTORIES:
            put_case(sim, name)
        rules.write_cfg(sim.repository_path / "Templates" / ("7" * 32), name="template", memory=256)
        odd = "a = (1, ['x', (2,)])\nb = {'k': (1,)}\nname = 'D\\xc3\\xa9p\\xc3\\xb4t'\nc = None\n"
        (rules.machines(sim) / "odd").mkdir()
        (rules.machines(sim) / "odd" / "vm.cfg").write_text(odd)
        by_module, by_agent = seen_both_ways(sim)
        assert attempt(by_module) == attempt(by_agent)
        assert len(by_module.definitions) >= len(DIRECTORIES) + 1
        templates = [read_templates(seen.repositories) for seen in (by_module, by_agent)]
        assert templates[0] == templates[1] != []
        assert [r.content for r in by_module.repositories] == [
            r.content for r in by_agent.repositories
        ]
        estate = driver_for(sim)._estate
        inventories = [
            as_json(take_inventory(replace(estate, use_module=m))) for m in (True, False)
        ]
        assert [taken_mtus(one) for one in inventories] == [{1500}, {None}]
        noted = [[(vm.pop("metadata"), vm.pop("tags")) for vm in one["vms"]] for one in inventories]
        claims = [[vm.pop("claim") for vm in one["vms"]] for one in inventories]
        assert claims[1] == [None] * len(noted[0]), "only the module tells"
        defined_once = [len(vm.definitions) == 1 for vm in by_module.vms.values()]
        assert noted[0] == [({}, ()) if one else (None, None) for one in defined_once]
        assert noted[1] == [(None, None)] * len(noted[0])
        assert inventories[0] == inventories[1]


def test_what_is_more_than_values_is_for_the_agent_to_say(driver: Any, sim: Simulator) -> None:
    """V14 and the like: whatever the agent makes of a file that we do not read."""
    for directory, text in (("1" * 32, "name = (\n"), ("2" * 32, "import os\nname = 'x'\n")):
        (rules.machines(sim) / directory).mkdir()
        (rules.machines(sim) / directory / "vm.cfg").write_text(text)
    counted = calls_during(sim, quietly, driver.list_nodes)
    assert counted["get_vm_config"] == 2 * len(sim.hosts)  # one may read what another cannot
    by_module, by_agent = seen_both_ways(sim)
    # they were read through different hosts, whose address the text begins with
    problems = [
        [re.sub(r"^[\d.:]+ ", "", str(d.error)).partition(": ")[2] for d in seen.definitions]
        for seen in (by_module, by_agent)
    ]
    assert problems[0] == problems[1]
    states = {node.id: node.state for node in quietly(driver.list_nodes)}
    assert Counter(states.values()) == {NodeState.RUNNING: 2, NodeState.UNKNOWN: 2}
    link = rules.machines(sim) / ("3" * 32) / "vm.cfg"
    link.parent.mkdir()
    link.symlink_to(next(rules.machines(sim).glob("*/vm.cfg")))
    by_module, by_agent = seen_both_ways(sim)
    assert [d.config for d in by_module.definitions] == [d.config for d in by_agent.definitions]


# ------------------------------------------------------------------ where it is not


def test_gone_in_the_middle(driver: Any, sim: Simulator) -> None:
    """An upgrade of the agent throws it out: between two calls of one listing, or between two."""
    before = [(node.id, node.state) for node in driver.list_nodes()]
    gone = "exceptions.Exception:no such thing"
    sim.misbehave("fault", "libcloud_repository", times=None, text=gone)
    counted = calls_during(sim, driver.list_nodes)
    assert (counted["discover_repositories"], counted["get_vm_config"]) == (1, 2)
    sim.clear_misbehaviour()
    for host in range(3):
        sim.remove_host_module(host)
    assert [(node.id, node.state) for node in driver.list_nodes()] == before
    assert "libcloud_read_agent" not in calls_during(sim, driver.list_nodes)


def test_an_installation_is_noticed_after_a_while(sim: Simulator) -> None:
    now = [0.0]
    clock = Clock(lambda: now[0], clock_of(sim).sleep)
    sim.remove_host_module(0)
    driver = driver_for(sim, ex_clock=clock, ex_hosts=[sim.hosts[0].address])
    quietly(driver.list_nodes)
    sim.put_host_module(0)
    for passed, asked in (
        (0.0, 0),
        (MODULE_MISSING_SECONDS - 1, 0),
        (MODULE_MISSING_SECONDS + 1, 1),
    ):
        now[0] = passed
        counted = calls_during(sim, quietly, driver.list_nodes)
        assert (counted["libcloud_read_agent"], counted["discover_server"]) == (asked, 1 - asked)


@pytest.mark.parametrize("failure", ["answer", "fault"])
def test_a_module_that_fails_costs_nothing(driver: Any, sim: Simulator, failure: str) -> None:
    """What it cannot say is asked of the agent itself, and the module is asked again next time."""
    before = [(node.id, node.state) for node in driver.list_nodes()]
    ours = "libcloud_ovm3_host.errors.Timeout:look: more than 55 s"
    for function in ("libcloud_read_agent", "libcloud_repository"):
        sim.misbehave(failure, function, times=None, text=ours, value={"api": "x"})
    assert [(node.id, node.state) for node in driver.list_nodes()] == before
    sim.clear_misbehaviour()
    assert "discover_server" not in calls_during(sim, driver.list_nodes)


def test_a_module_that_hangs_does_not_make_its_host_silent(sim: Simulator) -> None:
    driver = driver_for(sim)
    sim.misbehave("hang", "libcloud_read_agent", host=1, times=None)
    with pytest.warns(Ovm3Warning, match=r"host module does not respond"):
        nodes = {node.name: node.state for node in driver.list_nodes()}
    assert nodes == {"seed-1": NodeState.RUNNING, "seed-2": NodeState.RUNNING}


# ------------------------------------------------------------------ versions


def version_file(sim: Simulator, host: int) -> Path:
    [file] = sim.dom0(host).rglob("libcloud_ovm3_host/version.py")
    return file


def set_api(sim: Simulator, host: int, api: int) -> None:
    file = version_file(sim, host)
    text, changed = re.subn(r"(?m)^API = \d+", f"API = {api}", file.read_text())
    assert changed == 1
    file.write_text(text)
    sim.restart_agent(host)


@pytest.mark.parametrize("api", [API - 1, API, API + 1])
def test_one_version_older_or_newer_works(driver: Any, sim: Simulator, api: int) -> None:
    for host in range(3):
        set_api(sim, host, api)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        counted = calls_during(sim, driver.list_nodes)
    assert counted == {"libcloud_read_agent": 3, "libcloud_repository": 1}


def test_a_module_of_api_2_is_used_and_asked_for_nothing_of_api_3(sim: Simulator) -> None:
    for host in range(3):
        put_api_2(sim, host)
    driver = driver_for(sim)
    sim.calls.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        node = rules.make(driver)
        driver.stop_node(node)
        driver.start_node(node)
        driver.destroy_node(node)
    asked = {call.function for call in sim.calls}
    assert {"libcloud_read_agent", "libcloud_file_holders"} <= asked
    assert not asked & {UNKNOWN, *(f"libcloud_{name}" for name in API_3)}


@pytest.mark.parametrize(("api", "advice"), [(API + 2, "upgrade"), (0, "ovm3 host install")])
def test_any_other_is_as_none_and_says_so(
    driver: Any, sim: Simulator, api: int, advice: str
) -> None:
    set_api(sim, 1, api)
    address = f"{sim.hosts[1].address}:{sim.hosts[1].port}"
    for _ in range(2):
        with pytest.warns(Ovm3Warning, match=f"{address}: its host module.*{advice}"):
            states = [node.state for node in driver.list_nodes()]
        assert states == [NodeState.RUNNING] * 2
    with pytest.warns(Ovm3Warning, match=advice):
        node = rules.make(driver)
    assert driver.ex_get_node(node.id).state == NodeState.RUNNING


@pytest.mark.parametrize("api", [1, 2])
def test_a_module_from_before_api_1_is_as_none_and_the_notice_says_so(
    driver: Any, sim: Simulator, api: int
) -> None:
    node = rules.make(driver)
    put_earlier_module(sim, 1, api)
    address = f"{sim.hosts[1].address}:{sim.hosts[1].port}"
    notice = rf"{address}: its host module \(older than API 1\) .*`ovm3 host install {address}`"
    driver = driver_for(sim)
    for _ in range(2):
        with pytest.warns(Ovm3Warning, match=notice):
            states = {node.state for node in driver.list_nodes()}
        assert states == {NodeState.RUNNING}
    sim.calls.clear()
    quietly(driver.destroy_node, node)
    asked = {c.function for c in sim.calls if c.host_index == 1 and "libcloud_" in c.function}
    assert asked - {UNKNOWN} == {"libcloud_file_holders"}, "which it does not have"


@pytest.mark.parametrize(
    ("is_lost", "notice"),
    [(False, "its host module is incomplete"), (True, "whether it has a host module is unknown")],
)
def test_a_module_that_cannot_be_told_from_none_is_reported(
    driver: Any, sim: Simulator, is_lost: bool, notice: str
) -> None:
    [services] = sim.dom0(1).rglob("libcloud_ovm3_host/services.py")
    services.write_text(services.read_text() + "\ndel SERVICES['read_agent']\n")
    sim.restart_agent(1)
    if is_lost:
        sim.misbehave("drop_before", "libcloud_version", host=1, times=None)
    for _ in range(2):  # it is remembered, and still reported
        with pytest.warns(Ovm3Warning, match=notice):
            assert [node.name for node in driver.list_nodes()] == ["seed-1", "seed-2"]


def test_an_older_one_lacks_a_function_and_a_newer_one_says_more(
    driver: Any, sim: Simulator
) -> None:
    [services] = sim.dom0(0).rglob("libcloud_ovm3_host/services.py")
    services.write_text(services.read_text() + "\ndel SERVICES['repository']\n")
    sim.restart_agent(0)
    sim.hosts[1].unmount_repository()
    sim.hosts[2].unmount_repository()
    counted = calls_during(sim, quietly, driver.list_nodes)
    assert (counted["libcloud_read_agent"], counted["get_vm_config"]) == (3, 2)
    look = driver.connection.call(
        "libcloud_read_agent", [*OWN, "discover_server_pool"], kind="read"
    )
    look["new"] = look["answers"]["new"] = {"x": 1}
    look["answers"]["list_vms"]["new"] = 1
    sim.misbehave("answer", "libcloud_read_agent", host=0, value=look)
    counted = calls_during(sim, quietly, driver.list_nodes)
    assert not counted.keys() & set(OWN)


# ------------------------------------------------------------------ rules that hold all the same


RULES = [
    rules.test_two_definitions_without_uuid_and_one_name,
    rules.test_a_copy_without_uuid_is_not_the_machine_with_one,
    rules.test_defined_twice_is_an_error_for_every_method,
    rules.test_stopping_beside_a_silent_host_says_so,
    rules.test_a_file_in_the_folder_that_another_machine_uses,
    rules.test_a_disk_that_a_template_names_or_may_name,
    rules.test_a_disk_that_a_live_domain_holds,
    rules.test_without_uuid_a_migrating_machine_is_not_stopped,
    rules.test_two_hosts_that_say_they_are_one,
    rules.test_a_node_with_disks_in_two_repositories,
    rules.test_a_repository_that_nobody_can_read_keeps_all_disks,
    rules.test_orphans_are_uncertain_beside_a_silent_host,
    rules.test_started_by_another_client_while_it_is_destroyed,
    rules.test_two_clients_destroy_one_node,
    rules.test_a_name_that_may_be_taken_is_refused,
    rules.test_a_copy_that_is_not_whole_is_no_node,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__.removeprefix("test_"))
def test_nothing_is_guessed(rule: Any, driver: Any, sim: Simulator) -> None:
    rule(driver, sim)
    assert "libcloud_read_agent" in {call.function for call in sim.calls}


def test_read_only_looks_and_writes_nothing(sim: Simulator) -> None:
    driver = driver_for(sim, ex_read_only=True)
    before = fingerprints_of(sim.repository_path)
    assert calls_during(sim, driver.list_nodes) == {
        "libcloud_read_agent": 3,
        "libcloud_repository": 1,
    }
    with pytest.raises(PreconditionFailed, match="ex_read_only"):
        HostModule(driver.connection).delete_file("me", "0" * 32, "/OVS/Repositories/x/y")
    assert fingerprints_of(sim.repository_path) == before


# ------------------------------------------------------------------ what it adds


def test_a_list_that_faults_is_had_one_by_one(driver: Any, sim: Simulator) -> None:
    """One guest makes xend's whole list fault: the host is not silent any more."""
    stopped = driver.ex_get_node(sim.add_vm("stopped"))
    sim.hosts[1].inject("list faults")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        states = {node.name: node.state for node in driver.list_nodes()}
    assert (states["seed-2"], states["stopped"]) == (NodeState.RUNNING, NodeState.STOPPED)
    assert driver.start_node(stopped, driver.list_locations()[0]) is True
    assert driver.stop_node(stopped, ex_force=True) is True


def test_one_guest_that_nobody_sees_is_a_silent_host(driver: Any, sim: Simulator) -> None:
    stopped = driver.ex_get_node(sim.add_vm("stopped"))
    sim.hosts[1].inject("list faults")
    sim.hosts[1].inject("lookup faults")
    with pytest.warns(Ovm3Warning, match="list_vms"):
        nodes = {node.name: node.state for node in driver.list_nodes()}
    assert nodes["seed-2"] == nodes["stopped"] == NodeState.UNKNOWN
    for action in (driver.start_node, driver.stop_node, driver.destroy_node):
        with pytest.raises(PreconditionFailed, match="list_vms"):
            action(stopped)


def test_a_disk_that_is_still_held_is_not_deleted() -> None:
    """The domain is gone from the list, its backend is not (xend.md 10.5)."""
    with simulate(hosts=2, host_module=True, backend_seconds=1e6) as sim:
        driver = driver_for(sim)
        node = rules.make(driver)
        disk = rules.disk_file(sim, node)
        # Its claim is not free before that: the definition stays, too.
        with pytest.raises(PreconditionFailed, match=r"in doubt.*its disks are still open"):
            driver.destroy_node(node)
        assert disk.exists()
        assert calls_of(sim, "storage_plugin_destroy") == []
        orphans = [one["path"].rpartition("/")[2] for one in driver.ex_list_orphans()]
        assert orphans == []


def test_a_disk_is_waited_for() -> None:
    with simulate(hosts=2, host_module=True) as sim:
        driver = driver_for(sim, ex_second_look=1)
        node = rules.make(driver)
        path = f"/x/{rules.disk_file(sim, node).name}"
        held = [{"kind": "loop", "device": "/dev/loop1", "path": path}]
        sim.misbehave("answer", "libcloud_file_holders", times=3, value=held)
        assert driver.destroy_node(node) is True
        assert not rules.disk_file(sim, node).exists()
        asked = calls_of(sim, "libcloud_file_holders", "libcloud_delete_aside")
        assert asked.count("libcloud_file_holders") > 2
        assert asked[-1] == "libcloud_delete_aside"


def test_who_holds_what_is_not_known(driver: Any, sim: Simulator) -> None:
    node = rules.make(driver)
    ours = "libcloud_ovm3_host.errors.Failed:xenstore-ls: no"
    sim.misbehave("fault", "libcloud_file_holders", host=2, times=None, text=ours)
    with pytest.raises(PreconditionFailed, match=r"cannot tell: .*xenstore-ls"):
        driver.destroy_node(node)
    assert rules.disk_file(sim, node).exists()
    assert quietly(driver.ex_get_node, node.id).extra["directory"]


@pytest.mark.parametrize("failure", ["drop_before", "drop_after", "gone"])
def test_a_module_that_goes_while_a_disk_is_waited_for(failure: str) -> None:
    with simulate(hosts=2, host_module=True, backend_seconds=1e6) as sim:
        driver = driver_for(sim, ex_second_look=1)
        node = rules.make(driver)
        disk = rules.disk_file(sim, node)
        how: dict[str, Any] = {"nth": 2, "times": None}
        if failure == "gone":
            failure, how["text"] = "fault", 'method "libcloud_file_holders" is not supported'
        for host in (0, 1):
            sim.misbehave(failure, "libcloud_file_holders", host=host, **how)
        # The claim asks the host first, and its look goes on.
        with pytest.raises(PreconditionFailed, match=r"in doubt.*its disks are still open"):
            driver.destroy_node(node)
        assert disk.exists()


UNKNOWN = "libcloud_no_such_function"  # an agent that is sick as a whole says the same of it


@pytest.mark.parametrize("more", [[], [UNKNOWN]])
@pytest.mark.parametrize("text", ["exceptions.MemoryError:", "exceptions.IOError:[Errno 24] x"])
def test_a_fault_of_the_agent_itself_does_not_say_that_nobody_holds_a_disk(
    driver: Any, sim: Simulator, text: str, more: list[str]
) -> None:
    node = rules.make(driver)
    for function in ["libcloud_file_holders", *more]:
        sim.misbehave("fault", function, host=2, times=None, text=text)
    with pytest.raises(PreconditionFailed, match="cannot tell: "):
        driver.destroy_node(node)
    assert rules.disk_file(sim, node).exists()
    assert quietly(driver.ex_get_node, node.id).extra["directory"]


def refuses(driver: Any, node: Any) -> None:
    """Of a VM with a claim nothing is changed by hosts that do not say whether they know claims."""
    with pytest.raises(PreconditionFailed, match=r"claims, and ovm-. .* has no host module"):
        driver.destroy_node(node)


@pytest.mark.parametrize("functions", [["libcloud_read_agent"], ["libcloud_read_agent", UNKNOWN]])
@pytest.mark.parametrize("text", ["exceptions.MemoryError:", "exceptions.IOError:[Errno 24] x"])
def test_a_look_that_fails_hides_no_module(
    driver: Any, sim: Simulator, text: str, functions: list[str]
) -> None:
    node = rules.make(driver)
    for function in functions:
        sim.misbehave("fault", function, times=None, text=text)
    refuses(driver, node)
    assert driver.ex_get_node(node.id)


def test_a_look_of_another_shape_hides_no_module(driver: Any, sim: Simulator) -> None:
    node = rules.make(driver)
    sim.misbehave("answer", "libcloud_read_agent", times=None, value={"api": "x"})
    refuses(driver, node)


def test_bad_bytes_are_replaced_and_the_rest_is_kept(driver: Any, sim: Simulator) -> None:
    """C15: logs and faults."""
    module = HostModule(driver.connection)
    c15 = (CASES / "C15.stdout.bin").read_bytes()
    with pytest.raises(AgentFault) as caught:
        module.stat_file(f"/OVS/Repositories/{sim.repository_id}/".encode() + c15.strip())
    assert caught.value.kind == "libcloud_ovm3_host.errors.NotFound"
    assert "Installing caf\ufffd \ufffd\ufffd package ... été ok" in caught.value.text
    [log] = sim.dom0(0).rglob("ovs-agent.log")
    log.write_bytes(log.read_bytes() + c15)
    assert "caf\ufffd \ufffd\ufffd package ... été ok" in module.log_tail("agent", 1000)


def test_definitions_are_plain(driver: Any) -> None:
    """No bytes, no tuples: as XML-RPC would have brought them."""
    for definition in read_estate(driver._estate).definitions:
        assert isinstance(definition, Definition)
        assert definition.config is not None
        assert type(definition.config.values["disk"]) is list


# ------------------------------------------------------------------ without it, on request


def test_a_module_that_cannot_tell_stands_in_the_way_unless_it_is_not_asked() -> None:
    with simulate(hosts=2, vms=0, host_module=True) as sim:
        disk = f"/OVS/Repositories/{sim.repository_id}/VirtualDisks/data.img"
        (sim.repository_path / "VirtualDisks" / "data.img").write_bytes(b"x" * 512)
        directory = sim.add_vm("web", config={"disk": [f"file:{disk},xvda,w"]})
        sim.misbehave("fault", "libcloud_file_holders", host=1, times=None)
        with pytest.raises(PreconditionFailed, match=r"unknown.*ex_host_module=False"):
            driver_for(sim).start_node(directory)
        sim.calls.clear()
        assert driver_for(sim, ex_host_module="false").start_node(directory) is True
        assert not [name for name in calls_of(sim) if name.startswith("libcloud_")]


# ------------------------------------------------------------------ what the module brought


def test_a_view_reads_what_the_module_brought_else_asks_the_agent_once(sim: Simulator) -> None:
    """An empty answer that the module brought is an answer; only what it did not bring is asked."""
    view = read_estate(driver_for(sim)._estate, HARDWARE).hosts[0]
    sim.calls.clear()
    assert view.read(HARDWARE) == view.answers[HARDWARE]
    assert replace(view, answers={"list_vms": []}).read("list_vms") == []
    assert calls_of(sim) == []
    assert view.read(BOOT_TIME)["local_time"] > 0
    assert calls_of(sim) == [BOOT_TIME]
