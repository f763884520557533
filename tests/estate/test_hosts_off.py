"""Hosts that the user says are powered off: which they are, and what shows that they are not."""

from __future__ import annotations

import hashlib
import logging
import socket
import threading
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from libcloud.compute.types import NodeState

from libcloud_ovm3 import OVM3NodeDriver
from libcloud_ovm3.agent import liveness
from libcloud_ovm3.errors import (
    HostNotFound,
    InvalidArgument,
    NodeNotFound,
    Ovm3Warning,
    PreconditionFailed,
    SearchIncomplete,
)
from libcloud_ovm3.estate import hosts_off
from libcloud_ovm3.simulator import Simulator
from tests.support import (
    attempts_at,
    calls_of,
    driver_for,
    pins_of,
    quietly,
    resolve_to,
    simulate,
)

NAME = "subject"


@pytest.fixture
def sim(personality: str) -> Iterator[Simulator]:
    """Three hosts; the second one, which ran the VM, is powered off."""
    with simulate(hosts=3, vms=0, personality=personality) as simulator:
        yield fell(simulator)


@pytest.fixture
def plain() -> Iterator[Simulator]:
    with simulate(hosts=3, vms=0) as simulator:
        yield fell(simulator)


def fell(sim: Simulator) -> Simulator:
    sim.add_vm(NAME, running_on=1)
    sim.hosts[1].shut_down()
    return sim


def operator(sim: Simulator, **options: Any) -> OVM3NodeDriver:
    """A driver. Simulated hosts have no SSH, so it checks the agent's port twice."""
    return driver_for(sim, **{"ex_ssh_port": sim.hosts[0].port, **options})


def states(driver: OVM3NodeDriver, *off: str) -> list[NodeState]:
    return [node.state for node in quietly(driver.list_nodes, ex_hosts_off=off)]


def start(driver: OVM3NodeDriver, *off: str) -> Any:
    node = quietly(driver.ex_get_node_by_name, NAME)
    return quietly(driver.start_node, node, ex_hosts_off=off)


# ------------------------------------------------------------------ believed


def test_it_counts_as_running_nothing_in_that_call_only(sim: Simulator) -> None:
    driver, off = operator(sim), sim.hosts[1].address
    assert states(driver) == [NodeState.UNKNOWN]
    assert states(driver, off) == [NodeState.STOPPED]
    with pytest.raises(PreconditionFailed, match="may be running on a host that could not be read"):
        start(driver)
    assert start(driver, off)
    assert calls_of(sim, "start_vm") == ["start_vm"]
    assert sum(len(sim.domains(index)) for index in (0, 2)) == 1


def test_every_method_that_such_a_host_blocks_takes_it(plain: Simulator) -> None:
    driver, off = operator(plain), [str(plain.hosts[1].address)]
    image, size = quietly(driver.list_images)[0], driver.list_sizes()[0]
    with pytest.raises(PreconditionFailed, match="is unknown"):
        quietly(driver.create_node, "new", size, image)
    node = quietly(driver.create_node, "new", size, image, ex_hosts_off=off)
    assert node.extra["hosts_off"] == [f"{off[0]}:{plain.hosts[1].port}"]
    [old] = [one for one in quietly(driver.list_nodes) if one.name == NAME]
    for read, name in ((driver.ex_get_node, old.id), (driver.ex_get_node_by_name, NAME)):
        assert quietly(read, name).state == NodeState.UNKNOWN
        assert quietly(read, name, ex_hosts_off=off).state == NodeState.STOPPED
        assert quietly(read, name, ex_hosts_off=off).extra["hosts_off"]
    for method in (driver.stop_node, driver.destroy_node):
        with pytest.raises(PreconditionFailed, match=r"Only if you have seen .*a-host-is-dead\.md"):
            quietly(method, old)
    assert quietly(driver.stop_node, old, ex_hosts_off=off)
    assert quietly(driver.destroy_node, old, ex_hosts_off=off)
    assert [one.name for one in quietly(driver.list_nodes)] == ["new"]


def test_methods_that_find_a_node_take_it(plain: Simulator) -> None:
    driver, off = operator(plain), plain.hosts[1].address
    node = quietly(driver.ex_get_node_by_name, NAME)
    for find, what in (
        (driver.ex_get_node, node.id),
        (driver.ex_get_node_details, node),
        (driver.ex_get_node_by_name, NAME),
    ):
        found = quietly(find, what, ex_hosts_off=off)
        assert (found.id, found.state) == (node.id, NodeState.STOPPED)
        assert found.extra["hosts_off"] == [f"{off}:{plain.hosts[1].port}"]
        assert quietly(find, what).state == NodeState.UNKNOWN
        with pytest.raises(HostNotFound, match="is reachable"):
            quietly(find, what, ex_hosts_off=plain.hosts[0].address)


def test_it_is_called_once_and_then_only_checked(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each attempt takes 10 s. The checks stay: at each of two readings, two before the start."""
    driver, off = operator(sim), sim.hosts[1].address
    node_id = id_of(sim)
    attempts = attempts_at(sim.hosts[1], monkeypatch)
    assert quietly(driver.start_node, node_id, ex_hosts_off=off)
    assert attempts == ["call", "check", "check", "check", "check"]
    assert driver._estate.clock.now() > 0
    del attempts[:]
    for _ in range(2):
        quietly(driver.list_nodes)
    assert attempts == ["call"] * 2, "a program that does not say that it is off asks each time"


def test_it_is_called_again_after_a_while(
    plain: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver, off = operator(plain, ex_second_look=60), plain.hosts[1].address
    node_id = id_of(plain)
    attempts = attempts_at(plain.hosts[1], monkeypatch)
    assert quietly(driver.start_node, node_id, ex_hosts_off=off)
    assert attempts == ["call", "check", "call", "check", "check", "check"]


def test_another_host_is_not_forgotten(plain: Simulator) -> None:
    """That it did not answer counts as just that, never as off."""
    driver, off = operator(plain), plain.hosts[1].address
    plain.hosts[2].shut_down()
    for _ in range(2):
        assert states(driver, off) == [NodeState.UNKNOWN]
    plain.hosts[2].revive()
    plain.wait(60)
    assert states(driver, off) == [NodeState.STOPPED]


def id_of(sim: Simulator) -> str:
    return str(quietly(operator(sim).ex_get_node_by_name, NAME).id)


def test_several_are_checked_at_once(plain: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them would take 10 s."""
    plain.hosts[2].shut_down()
    off = [plain.hosts[1].address, plain.hosts[2].address]
    both = threading.Barrier(2, timeout=60)

    def sign_of_life(*_: object) -> None:
        both.wait()

    monkeypatch.setattr(liveness, "sign_of_life", sign_of_life)
    assert states(operator(plain), *off) == [NodeState.STOPPED]


def test_destroy_keeps_the_disks(plain: Simulator) -> None:
    """A vm.cfg in a repository that only that host had mounted may name one."""
    driver, off = operator(plain), plain.hosts[1].address
    image, size = quietly(driver.list_images)[0], driver.list_sizes()[0]
    node = quietly(driver.create_node, "new", size, image, ex_hosts_off=off)
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        driver.destroy_node(node, ex_hosts_off=off)
    kept = [str(one.message) for one in given if "was kept" in str(one.message)]
    assert [text for text in kept if "repositories that no other host has mounted" in text] == kept
    assert len(kept) == 1
    assert not calls_of(plain, "storage_plugin_destroy")


def test_it_is_said_each_time(plain: Simulator, caplog: pytest.LogCaptureFixture) -> None:
    driver, off = operator(plain), plain.hosts[1].address
    text = f"{off} is assumed to be powered off because you said so"
    for _ in range(2):
        caplog.clear()
        with caplog.at_level(logging.WARNING, "libcloud_ovm3"), pytest.warns(Ovm3Warning) as given:
            [node] = driver.list_nodes(ex_hosts_off=off)
        assert [text in str(one.message) for one in given] == [True]
        assert Path(given[0].filename).name == Path(__file__).name
        assert text in caplog.text
        assert node.extra["hosts_off"] == [f"{off}:{plain.hosts[1].port}"]
    assert "hosts_off" not in quietly(driver.list_nodes)[0].extra


def test_another_host_that_does_not_answer_blocks_as_before(plain: Simulator) -> None:
    driver = operator(plain)
    plain.hosts[2].shut_down()
    both = [plain.hosts[1].address, plain.hosts[2].address]
    with pytest.raises(PreconditionFailed, match=both[1]):
        start(driver, both[0])
    assert start(driver, *both)


def test_the_entry_host_and_the_master_are_dead(plain: Simulator) -> None:
    plain.hosts[1].revive()
    plain.hosts[0].shut_down()  # the pool's master
    hosts = [f"{host.address}:{host.port}" for host in plain.hosts]
    driver = operator(plain, host=None, ex_hosts=hosts)
    assert start(driver, hosts[0])
    by_another = operator(plain, host=plain.hosts[2].address)
    assert states(by_another, hosts[0]) == [NodeState.RUNNING]


def test_a_member_that_was_left_out(plain: Simulator) -> None:
    """It does not answer, whether the user has named it or not."""
    hosts = [f"{plain.hosts[index].address}:{plain.hosts[index].port}" for index in (0, 2)]
    driver = operator(plain, host=None, ex_hosts=hosts)
    with pytest.raises(PreconditionFailed, match="not among the given hosts") as refused:
        start(driver)
    assert "ex_hosts_off" not in str(refused.value), "a casual hint: it was never contacted"
    assert start(driver, plain.hosts[1].address)


def test_a_location(plain: Simulator) -> None:
    driver = operator(plain)
    [dead] = [one for one in driver.list_locations() if one.extra["status"] == "unreachable"]
    for off in ([dead], dead):
        [node] = quietly(driver.list_nodes, ex_hosts_off=off)
        assert node.state == NodeState.STOPPED


def test_a_host_without_pin(plain: Simulator) -> None:
    pins = {key: pin for key, pin in pins_of(plain).items() if key != plain.hosts[1].address}
    driver = operator(plain, ex_fingerprint=pins)
    assert states(driver, plain.hosts[1].address) == [NodeState.STOPPED]


def test_a_definition_that_cannot_be_read_blocks_as_before(plain: Simulator) -> None:
    driver, off = operator(plain), plain.hosts[1].address
    node = quietly(driver.ex_get_node_by_name, NAME)
    [file] = (plain.path_of(plain.repository_id) / "VirtualMachines").glob("*/vm.cfg")
    file.write_text("name = 'subj")
    with pytest.raises(PreconditionFailed, match=r"cannot be started: it is unknown: .*vm\.cfg"):
        quietly(driver.start_node, node, ex_hosts_off=off)
    assert not calls_of(plain, "start_vm")


def test_a_repository_that_only_it_had_mounted(plain: Simulator) -> None:
    for index in (0, 2):
        plain.hosts[index].unmount_repository()
    driver, off = operator(plain), plain.hosts[1].address
    assert states(driver, off) == []
    with pytest.raises(SearchIncomplete, match="is not mounted on any host"):
        quietly(driver.start_node, "0004fb00-0006-0000-0000-00000000beef", ex_hosts_off=off)
    plain.hosts[0].mount_repository()
    with pytest.raises(SearchIncomplete, match="repositories that no other host has mounted"):
        quietly(driver.start_node, "0004fb00-0006-0000-0000-00000000beef", ex_hosts_off=off)
    plain.hosts[1].revive()
    with pytest.raises(NodeNotFound):
        driver.start_node("0004fb00-0006-0000-0000-00000000beef")


# ------------------------------------------------------------------ which host


@pytest.mark.parametrize("name", ["{0}:{1}", "{0}", " {0} ", "dead.example", "DEAD.example:{1}"])
def test_its_names(name: str, plain: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    host = plain.hosts[1]
    resolve_to(monkeypatch, {"dead.example": [host.address], "DEAD.example": [host.address]})
    driver = operator(plain)
    [node] = quietly(driver.list_nodes, ex_hosts_off=[name.format(host.address, host.port)])
    assert node.state == NodeState.STOPPED
    assert f"{host.address}:{host.port}" in node.extra["hosts_off"][0]


def test_a_host_that_was_given_by_name(plain: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pool has it by its address; it is one host all the same."""
    resolve_to(monkeypatch, {"dead.example": [plain.hosts[1].address]})
    hosts = [
        f"{plain.hosts[0].address}:{plain.hosts[0].port}",
        f"dead.example:{plain.hosts[0].port}",
    ]
    first, dead, _ = pins_of(plain).values()
    pins = {plain.hosts[0].address: first, "dead.example": dead}
    driver = operator(plain, host=None, ex_hosts=hosts, ex_fingerprint=pins)
    plain.hosts[2].kill()
    with pytest.raises(PreconditionFailed, match=plain.hosts[2].address) as refused:
        start(driver, plain.hosts[1].address)
    assert plain.hosts[1].address not in str(refused.value)


@pytest.mark.parametrize("which", ["127.0.0.99", "ovm-9", "{1}:1", "{0}", "ovm-1", "{uuid}"])
def test_a_name_that_is_no_unreachable_host_s(
    which: str, plain: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A typo; or a host that is reachable. The message lists all hosts."""
    resolve_to(monkeypatch, {"ovm-1": [], "ovm-9": []})
    first, dead, _ = plain.hosts
    name = which.format(first.address, dead.address, uuid=first.uuid.replace(":", ""))
    with pytest.raises(HostNotFound, match="no unreachable host") as refused:
        start(operator(plain), name)
    for text in (f"ovm-1 ({first.address}:{first.port}), which is reachable", dead.address):
        assert text in str(refused.value)
    assert not calls_of(plain, "start_vm")


def test_a_name_of_several_hosts(plain: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    plain.hosts[2].shut_down()
    several = [plain.hosts[1].address, plain.hosts[2].address]
    resolve_to(monkeypatch, {"cluster.example": several})
    with pytest.raises(PreconditionFailed, match="may be any of these"):
        start(operator(plain), "cluster.example")


@pytest.mark.parametrize("name", ["", "https://127.0.0.3:8899/", "a b", 5])
def test_what_cannot_be_a_host(name: Any, plain: Simulator) -> None:
    plain.calls.clear()
    with pytest.raises(InvalidArgument, match="ex_hosts_off: host"):
        operator(plain).list_nodes(ex_hosts_off=[name])
    with pytest.raises(InvalidArgument, match="ex_hosts_off: host"):
        operator(plain).list_nodes(ex_hosts_off=name or [""])
    assert plain.calls == []


# ------------------------------------------------------------------ signs of life


def test_an_agent_that_answers_but_not_us(plain: Simulator) -> None:
    """Another certificate, or another password: it cannot be read, and it is running."""
    plain.hosts[1].revive()
    wrong = {**pins_of(plain), plain.hosts[1].address: "0" * 64}
    with pytest.raises(PreconditionFailed, match="accepts connections to TCP port"):
        start(operator(plain, ex_fingerprint=wrong), plain.hosts[1].address)
    plain.hosts[1].set_password("another")
    with pytest.raises(PreconditionFailed, match="accepts connections to TCP port"):
        start(operator(plain), plain.hosts[1].address)
    assert not calls_of(plain, "start_vm")


def test_an_agent_that_was_stopped_on_a_host_that_runs(plain: Simulator) -> None:
    """Its kernel refuses the connection; its VMs run on."""
    plain.hosts[1].revive()
    plain.hosts[1].kill()
    with pytest.raises(PreconditionFailed, match="its kernel is running"):
        start(operator(plain), plain.hosts[1].address)
    with pytest.raises(PreconditionFailed, match="could not be read") as refused:
        start(operator(plain))
    assert "ex_hosts_off" not in str(refused.value), "it would be refused"
    assert not calls_of(plain, "start_vm")


def test_a_host_that_answers_only_ssh(plain: Simulator) -> None:
    with socket.create_server((plain.hosts[1].address, 0)) as ssh:
        port = ssh.getsockname()[1]
        with pytest.raises(PreconditionFailed, match=f"accepts connections to TCP port {port}"):
            start(operator(plain, ex_ssh_port=port), plain.hosts[1].address)
    with pytest.raises(PreconditionFailed, match=f"refuses connections to TCP port {port}"):
        start(operator(plain, ex_ssh_port=str(port)), plain.hosts[1].address)
    assert not calls_of(plain, "start_vm")


def test_what_cannot_be_checked_is_not_believed(
    plain: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect(*_: object) -> None:
        raise OSError(101, "Network is unreachable")

    driver, off = operator(plain), plain.hosts[1].address
    node = quietly(driver.ex_get_node_by_name, NAME)
    monkeypatch.setattr(liveness, "connect", connect)
    with pytest.raises(PreconditionFailed, match=r"is unknown: .*Network is unreachable"):
        quietly(driver.start_node, node, ex_hosts_off=off)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")  # the connections of before stay open
    with pytest.raises(PreconditionFailed, match="through a proxy"):
        quietly(driver.start_node, node, ex_hosts_off=off)
    assert not calls_of(plain, "start_vm")


def test_a_lost_packet_is_no_silence(plain: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """However little time the user has for connections."""
    limits: list[float] = []

    def sign_of_life(ip: str, port: int, limit: float) -> None:
        limits.append(limit)

    monkeypatch.setattr(liveness, "sign_of_life", sign_of_life)
    for seconds in (0.5, 30):
        driver = operator(plain, ex_timeouts={"connect": seconds})
        assert states(driver, plain.hosts[1].address) == [NodeState.STOPPED]
    assert limits == [5.0, 30]


@pytest.fixture
def modules(personality: str) -> Iterator[Simulator]:
    """The same with the host module, and without the seconds that its checks would really take."""
    options = {"personality": personality, "host_module": True}
    with simulate(hosts=3, vms=0, **options) as simulator:
        simulator.misbehave("answer", "libcloud_check_port", times=None, value="silent")
        yield fell(simulator)


def test_other_hosts_are_asked_too(modules: Simulator) -> None:
    driver, off = operator(modules), modules.hosts[1].address
    assert states(driver, off) == [NodeState.STOPPED]
    asked = [call for call in modules.calls if call.function == "libcloud_check_port"]
    assert [list(one.arguments) for one in asked] == [[off, modules.hosts[1].port, 10]] * 2
    modules.clear_misbehaviour()
    modules.misbehave("answer", "libcloud_check_port", host=2, value="open")
    modules.misbehave("answer", "libcloud_check_port", host=0, value="silent")
    with pytest.raises(PreconditionFailed, match="accepts connections of ovm-3"):
        start(driver, off)
    modules.misbehave("answer", "libcloud_check_port", host=2, value="refused")
    modules.misbehave("answer", "libcloud_check_port", host=0, value="silent")
    with pytest.raises(PreconditionFailed, match=r"refuses connections of ovm-3 .*is running"):
        start(driver, off)
    modules.misbehave("fault", "libcloud_check_port", times=2)
    with pytest.raises(PreconditionFailed, match=r"cannot tell: .*ex_host_module=False"):
        start(driver, off)
    assert not calls_of(modules, "start_vm")
    asked = calls_of(modules, "libcloud_check_port")
    assert start(operator(modules, ex_host_module=False), off)
    assert calls_of(modules, "libcloud_check_port") == asked


def test_the_calls_that_the_docs_name(modules: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """docs/calls.md: by each host with the module, to two ports of the host that is off."""

    def connect(*_: object) -> None:
        raise TimeoutError

    monkeypatch.setattr(liveness, "connect", connect)
    driver, off = driver_for(modules), modules.hosts[1].address
    node = quietly(driver.ex_get_node_by_name, NAME)
    for method, given, readings, starts in (
        (driver.list_nodes, (), 1, 0),
        (driver.start_node, (node,), 2, 2),
    ):
        modules.calls.clear()
        assert quietly(method, *given, ex_hosts_off=off)
        assert len(calls_of(modules, "libcloud_check_port")) == 2 * 2 * (readings + starts)
        assert len(calls_of(modules, "libcloud_list_files")) == readings


def test_the_module_itself_finds_a_host_that_is_off(
    modules: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a stand-in, and with the real network."""
    monkeypatch.setattr(hosts_off, "LEAST_LIMIT", 1.0)
    modules.clear_misbehaviour()
    off = modules.hosts[1]
    driver = operator(modules, ex_timeouts={"connect": 1})
    assert states(driver, off.address) == [NodeState.STOPPED]
    with socket.create_server((off.address, 0)) as ssh:
        driver = operator(modules, ex_ssh_port=ssh.getsockname()[1], ex_timeouts={"connect": 1})
        with pytest.raises(PreconditionFailed, match="accepts connections"):
            start(driver, off.address)


def heartbeat(sim: Simulator, index: int) -> Path:
    """The file in which CloudStack's script on a host writes the time (agent-behaviour 15.4)."""
    digest = hashlib.md5(sim.hosts[index].address.encode(), usedforsecurity=False).digest()
    return sim.path_of(sim.repository_id) / f".hb-{uuid.UUID(bytes=digest, version=3)}"


def test_a_heartbeat_that_changes(modules: Simulator) -> None:
    driver, off = operator(modules), modules.hosts[1].address
    for index in range(3):
        heartbeat(modules, index).write_text("1700000000.0")
    assert states(driver, off) == [NodeState.STOPPED]
    assert driver._estate.clock.now() > 0

    def beat(index: int) -> Any:
        def write(moment: str) -> None:
            if moment == "after":
                heartbeat(modules, index).write_text(f"170000{len(modules.calls)}.0")

        return write

    modules.misbehave("hook", "libcloud_read_file", hook=beat(0))
    assert states(driver, off) == [NodeState.STOPPED], "the heartbeat of a host that answers"
    modules.misbehave("hook", "libcloud_read_file", hook=beat(1))
    with pytest.raises(PreconditionFailed, match=r"\.hb-.* changes and is not that of a host"):
        start(driver, off)
    modules.misbehave("fault", "libcloud_read_file")
    with pytest.raises(PreconditionFailed, match="heartbeat files of hosts cannot be read"):
        start(driver, off)
    assert not calls_of(modules, "start_vm")
