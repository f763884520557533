"""The checks of hosts that are off take seconds: what happens meanwhile, and what they may skip."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from libcloud.compute.types import NodeState

from libcloud_ovm3 import OVM3NodeDriver
from libcloud_ovm3.errors import PreconditionFailed
from libcloud_ovm3.operations import doors
from libcloud_ovm3.simulator import Simulator
from tests.estate.test_hosts_off import NAME, fell, heartbeat, operator
from tests.support import calls_of, give_up_at_once, quietly, simulate


@pytest.fixture(params=[False, True], ids=["agent", "module"])
def sim(
    request: pytest.FixtureRequest, personality: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Simulator]:
    """Another VM runs on the first host; the second one, which ran the VM, is powered off."""
    give_up_at_once(monkeypatch)
    options = {"personality": personality, "host_module": request.param}
    with simulate(hosts=3, vms=0, **options) as simulator:
        simulator.misbehave("answer", "libcloud_check_port", times=None, value="silent")
        simulator.add_vm("other", running_on=0)
        yield fell(simulator)


def meanwhile(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], Any]) -> None:
    """Let something happen during the last check, right before the call."""
    check = doors.require_silent

    def check_and_let(*arguments: Any, **options: Any) -> None:
        check(*arguments, **options)
        monkeypatch.setattr(doors, "require_silent", check)
        happens()

    monkeypatch.setattr(doors, "require_silent", check_and_let)


def definitions(sim: Simulator) -> dict[str, Path]:
    files = list((sim.repository_path / "VirtualMachines").glob("*/vm.cfg"))
    return {"other" if "'other'" in file.read_text() else NAME: file for file in files}


def test_its_definition_names_a_disk_in_use_by_then(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def swap() -> None:
        files = definitions(sim)
        [used] = re.findall(r"file:[^,]*", files["other"].read_text())
        text = re.sub(r"file:[^,]*", used, files[NAME].read_text())
        files[NAME].write_text(text)

    meanwhile(monkeypatch, swap)
    driver = operator(sim)
    node = quietly(driver.ex_get_node_by_name, NAME)
    with pytest.raises(PreconditionFailed, match="has changed in the meantime"):
        quietly(driver.start_node, node, ex_hosts_off=sim.hosts[1].address)
    assert calls_of(sim, "start_vm") == []


def test_it_was_started_while_it_is_destroyed(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver, off = operator(sim), sim.hosts[1].address
    node = quietly(driver.ex_get_node_by_name, NAME)
    meanwhile(monkeypatch, lambda: quietly(operator(sim).start_node, node, ex_hosts_off=off))
    with pytest.raises(PreconditionFailed, match="was not deleted: right before, it is running"):
        quietly(driver.destroy_node, node, ex_hosts_off=off)
    assert calls_of(sim, "delete_vm") == []
    assert definitions(sim)[NAME].exists()
    assert quietly(driver.ex_get_node_by_name, NAME).state == NodeState.RUNNING


@pytest.mark.parametrize("method", ["start_node", "destroy_node"])
def test_it_is_back_by_the_last_reading_of_the_others(
    sim: Simulator, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host may take a minute to answer, and the one that was off boots meanwhile."""
    read = doors.read_presence

    def read_slowly(*arguments: Any) -> Any:
        presence = read(*arguments)
        sim.hosts[1].revive()
        return presence

    driver = operator(sim)
    node = quietly(driver.ex_get_node_by_name, NAME)
    monkeypatch.setattr(doors, "read_presence", read_slowly)
    with pytest.raises(PreconditionFailed, match="it accepts connections to TCP port"):
        quietly(getattr(driver, method), node, ex_hosts_off=sim.hosts[1].address)
    assert calls_of(sim, "start_vm", "delete_vm") == []


def start(sim: Simulator, driver: OVM3NodeDriver) -> Any:
    node = quietly(driver.ex_get_node_by_name, NAME)
    return quietly(driver.start_node, node, ex_hosts_off=sim.hosts[1].address)


@pytest.fixture
def modules(personality: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    give_up_at_once(monkeypatch)
    with simulate(hosts=3, vms=0, host_module=True, personality=personality) as simulator:
        simulator.misbehave("answer", "libcloud_check_port", times=None, value="silent")
        yield fell(simulator)


def test_a_module_that_does_not_respond_is_not_skipped(modules: Simulator) -> None:
    modules.misbehave("hang", "libcloud_read_agent", host=2, times=None)
    with pytest.raises(
        PreconditionFailed, match=r"cannot tell: .*its host module does not respond"
    ):
        start(modules, operator(modules))
    assert calls_of(modules, "start_vm") == []
    assert start(modules, operator(modules, ex_host_module=False)) is True


@pytest.fixture
def beating(modules: Simulator) -> Simulator:
    """The heartbeat file of the second host, which is said to be off, changes."""
    file = heartbeat(modules, 1)

    def beat(moment: str) -> None:
        file.write_text(f"{1700000000 + int(modules.clock.now())}.0")

    beat("")
    modules.misbehave("hook", "libcloud_read_file", times=None, hook=beat)
    return modules


def test_heartbeats_are_seen_whatever_the_second_look_is(beating: Simulator) -> None:
    with pytest.raises(PreconditionFailed, match="changes and is not that of a host"):
        start(beating, operator(beating, ex_second_look=0))
    assert calls_of(beating, "start_vm") == []


def test_a_heartbeat_at_the_address_that_another_host_has_registered(beating: Simulator) -> None:
    """Long ago; it is that of the host that is said to be off."""
    beating.hosts[2].records["registered_ip"] = beating.hosts[1].address
    with pytest.raises(PreconditionFailed, match="changes and is not that of a host"):
        start(beating, operator(beating))
    assert calls_of(beating, "start_vm") == []
