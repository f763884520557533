"""Changes beside a host that is powered off: every call of start_node and every write of the
others, times all that can happen to it; and the host that comes back while the others are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from libcloud.compute.types import NodeState

from libcloud_ovm3 import OVM3NodeDriver
from libcloud_ovm3.agent import liveness
from libcloud_ovm3.agent.identifiers import dashed
from libcloud_ovm3.errors import OperationIncomplete, Ovm3Error, PreconditionFailed
from libcloud_ovm3.operations import doors
from libcloud_ovm3.simulator import Simulator
from tests.operations.dying import killed_in
from tests.operations.failures import (
    FAILURES,
    KILLS,
    NEW_NAME,
    WRITES,
    Step,
    check_what_is_left,
    misbehave,
    steps_of,
    table_of,
)
from tests.operations.once import once_a_run
from tests.support import (
    PERSONALITIES,
    calls_of,
    driver_for,
    fingerprints_of,
    give_up_at_once,
    quietly,
    simulate,
)

NAME = "subject"
OFF = 1  # which host is off; the VM ran there

with_and_without_module = pytest.mark.parametrize(
    "host_module", [False, True], ids=["alone", "with the module"]
)


@contextmanager
def make_sim(personality: str, host_module: bool = False) -> Iterator[Simulator]:
    options: dict[str, Any] = {"personality": personality, "host_module": host_module}
    with simulate(hosts=3, vms=0, template_bytes=1 << 20, **options) as sim:
        sim.add_vm(NAME, running_on=OFF)
        sim.hosts[OFF].shut_down()
        if host_module:  # it would really wait
            sim.misbehave("answer", "libcloud_check_port", times=None, value="silent")
        sim.calls.clear()
        yield sim


def operator(sim: Simulator) -> OVM3NodeDriver:
    """A driver. Simulated hosts have no SSH, so it checks the agent's port twice."""
    return driver_for(sim, ex_ssh_port=sim.hosts[0].port)


def start(sim: Simulator, driver: OVM3NodeDriver, node_id: str) -> None:
    quietly(driver.start_node, node_id, ex_hosts_off=[sim.hosts[OFF].address])


def id_of(sim: Simulator) -> str:
    return str(quietly(operator(sim).ex_get_node_by_name, NAME).id)


@once_a_run
def steps(host_module: bool) -> list[Step]:
    with pytest.MonkeyPatch.context() as patch:
        give_up_at_once(patch)  # no fixture does it yet while tests are collected: 50 s
        with make_sim("plain", host_module) as sim:
            node_id = id_of(sim)
            sim.calls.clear()
            start(sim, operator(sim), node_id)
            assert calls_of(sim, *WRITES) == ["start_vm"]
            return steps_of(calls_of(sim))


TABLE = [
    pytest.param(*case.values, False, id=f"{case.id}-alone") for case in table_of(steps(False))
] + [
    pytest.param(Step(None, "start_vm"), failure, True, id=f"start_vm-{failure}-with the module")
    for failure in FAILURES
]


@pytest.mark.parametrize("personality", PERSONALITIES)
@pytest.mark.parametrize(("step", "failure", "host_module"), TABLE)
def test_start(step: Step, failure: str, host_module: bool, personality: str) -> None:
    with make_sim(personality, host_module) as sim:
        node_id, driver = id_of(sim), operator(sim)
        sim.calls.clear()
        rule = misbehave(sim, failure, step)
        error: Ovm3Error | None = None
        try:
            start(sim, driver, node_id)
        except Ovm3Error as caught:
            error = caught
        assert rule.hits, "the call that was to fail never came"
        check(sim, node_id, error)


def check(sim: Simulator, node_id: str, error: Ovm3Error | None) -> None:
    """It was sent once at most, is live once at most, and runs if that is what was said."""
    sent = calls_of(sim, *WRITES)
    sim.clear_misbehaviour()
    sim.flush_delayed()
    sim.wait(40)
    live = [domain for index in (0, 2) for domain in sim.domains(index)]
    assert sent in ([], ["start_vm"]), "sent twice"
    assert len([one for one in live if one["uuid"] == node_id]) == len(live) <= 1
    assert live or error is not None, "said to be done, and is not"
    if isinstance(error, OperationIncomplete):
        assert f"ex_hosts_off: {sim.hosts[OFF].address}" in str(error)


@pytest.mark.parametrize("personality", PERSONALITIES)
@with_and_without_module
@pytest.mark.parametrize("when", KILLS)
def test_the_client_dies_and_another_one_starts_it(
    when: str, host_module: bool, personality: str
) -> None:
    with make_sim(personality, host_module) as sim:
        node_id = id_of(sim)
        with killed_in(doors, "start_vm", when):
            start(sim, operator(sim), node_id)
        start(sim, operator(sim), node_id)
        check(sim, node_id, None)


# ------------------------------------------------------------------ the other operations

OTHER = "other"  # runs on a host that answers


def create(driver: OVM3NodeDriver, off: list[str]) -> None:
    image = quietly(driver.list_images)[0]
    quietly(driver.create_node, NEW_NAME, driver.list_sizes()[0], image, ex_hosts_off=off)


def stop(driver: OVM3NodeDriver, off: list[str]) -> None:
    node = quietly(driver.ex_get_node_by_name, OTHER)
    quietly(driver.stop_node, node, ex_timeout=60, ex_hosts_off=off)


def destroy(driver: OVM3NodeDriver, off: list[str]) -> None:
    node = quietly(driver.ex_get_node_by_name, OTHER)
    quietly(driver.destroy_node, node, ex_hosts_off=off)


Change = Callable[[OVM3NodeDriver, list[str]], None]
CHANGES: dict[Change, tuple[str, ...]] = {
    create: ("storage_plugin_mount", "create_vm", "copy_file", "configure_vm", "start_vm"),
    stop: ("stop_vm",),
    destroy: ("stop_vm", "delete_vm"),
}
on_each_write = pytest.mark.parametrize(
    ("change", "write"),
    [
        pytest.param(change, write, id=f"{change.__name__}-{write}")
        for change, writes in CHANGES.items()
        for write in writes
    ],
)


@pytest.mark.parametrize("change", CHANGES)
def test_the_table_has_all_writes(change: Change) -> None:
    with make_sim("plain") as sim:
        sim.add_vm(OTHER, running_on=0)
        change(operator(sim), [sim.hosts[OFF].address])
        assert tuple(calls_of(sim, *WRITES)) == CHANGES[change]


@pytest.mark.parametrize("personality", PERSONALITIES)
@with_and_without_module
@pytest.mark.parametrize("failure", FAILURES)
@on_each_write
def test_other_changes(
    change: Change, write: str, failure: str, host_module: bool, personality: str
) -> None:
    with make_sim(personality, host_module) as sim:
        sim.add_vm(OTHER, running_on=0)
        before = fingerprints_of(sim.repository_path)
        rule = misbehave(sim, failure, Step(None, write))
        error: Ovm3Error | None = None
        try:
            change(operator(sim), [sim.hosts[OFF].address])
        except Ovm3Error as caught:
            error = caught
        assert rule.hits, "the call that was to fail never came"
        check_change(sim, change, before, error, is_done=error is None)


@pytest.mark.parametrize("personality", PERSONALITIES)
@with_and_without_module
@pytest.mark.parametrize("when", KILLS)
@on_each_write
def test_the_client_dies_in_another_change(
    change: Change,
    write: str,
    when: str,
    host_module: bool,
    personality: str,
) -> None:
    door = {"storage_plugin_mount": "mount_export"}.get(write, write)
    with make_sim(personality, host_module) as sim:
        sim.add_vm(OTHER, running_on=0)
        before = fingerprints_of(sim.repository_path)
        with killed_in(doors, door, when):
            change(operator(sim), [sim.hosts[OFF].address])
        check_change(sim, change, before, None, is_done=False)


def check_change(
    sim: Simulator,
    change: Change,
    before: dict[str, str],
    error: Ovm3Error | None,
    is_done: bool,
) -> None:
    """Nothing was sent twice, runs twice or lost its disk. When the host is back, whoever comes
    next finds what is left and can remove it.
    """
    sent = calls_of(sim, *WRITES)
    assert len(sent) == len(set(sent)), f"sent twice: {sent}"
    sim.clear_misbehaviour()
    sim.flush_delayed()
    sim.wait(40)
    live = [domain["uuid"] for index in (0, 2) for domain in sim.domains(index)]
    assert len(live) == len(set(live)), "two domains of one VM"
    if isinstance(error, OperationIncomplete):
        assert f"ex_hosts_off: {sim.hosts[OFF].address}" in str(error)
    now = fingerprints_of(sim.repository_path)
    disks = {path: one for path, one in before.items() if path.startswith("VirtualDisks/")}
    assert disks == {path: now.get(path) for path in disks}
    sim.hosts[OFF].revive()
    driver = driver_for(sim)
    states = {node.name: node.state for node in driver.list_nodes()}
    if is_done:
        wanted = {create: (NEW_NAME, NodeState.RUNNING), stop: (OTHER, NodeState.STOPPED)}
        name, state = wanted.get(change, (OTHER, None))
        assert states.get(name) == state, "said to be done, and is not"
    if change is create:
        check_what_is_left(sim, before, error)
    elif OTHER in states:
        assert quietly(driver.destroy_node, driver.ex_get_node_by_name(OTHER))


# ------------------------------------------------------------------ it comes back

SSH = 22  # no simulated host has it: what this port does is up to the test


def comes_back(sim: Simulator, ssh: list[int]) -> None:
    sim.hosts[OFF].revive()


def boots(sim: Simulator, ssh: list[int]) -> None:
    """Its kernel answers; its agent is not running yet."""
    sim.hosts[OFF].revive()
    sim.hosts[OFF].kill()


def has_ssh(sim: Simulator, ssh: list[int]) -> None:
    """Its agent does not answer: it hangs, or a firewall is in between."""
    ssh.append(SSH)


MOMENTS = {"the first reading": 1, "the second reading": 2, "the last check": 3}


@pytest.mark.parametrize("personality", PERSONALITIES)
@pytest.mark.parametrize("nth", MOMENTS.values(), ids=MOMENTS)
@pytest.mark.parametrize("happens", [comes_back, boots, has_ssh])
def test_it_comes_back_before_the_start(
    happens: Callable[[Simulator, list[int]], None],
    nth: int,
    personality: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While a definition is read: for the first and the second time, and right before the start."""
    ssh: list[int] = []
    connect = liveness.connect

    def connect_unless_ssh(ip: str, port: int, limit: float) -> None:
        if port != SSH:
            connect(ip, port, limit)
        elif not ssh:
            raise TimeoutError

    monkeypatch.setattr(liveness, "connect", connect_unless_ssh)
    with make_sim(personality) as sim:
        node_id, driver = id_of(sim), driver_for(sim)
        hook = {"before": lambda: None, "after": lambda: happens(sim, ssh)}
        rule = sim.misbehave("hook", "get_vm_config", nth=nth, hook=lambda when: hook[when]())
        with pytest.raises(PreconditionFailed, match=r"ex_hosts_off.*Nothing (more )?was sent"):
            start(sim, driver, node_id)
        assert rule.hits
        assert calls_of(sim, *WRITES) == []


def test_it_comes_back_while_a_node_is_created() -> None:
    """The disk is copied for minutes: the node is complete then, and is not started."""
    with make_sim("plain") as sim:
        driver, off = operator(sim), [sim.hosts[OFF].address]
        image = quietly(driver.list_images)[0]
        hook = {"before": lambda: None, "after": lambda: boots(sim, [])}
        sim.misbehave("hook", "copy_file", hook=lambda when: hook[when]())
        with pytest.raises(OperationIncomplete, match=r"complete, but not started.*its kernel"):
            quietly(driver.create_node, "new", driver.list_sizes()[0], image, ex_hosts_off=off)
        assert calls_of(sim, "start_vm") == []


def test_it_comes_back_while_a_node_is_destroyed() -> None:
    """Nothing of it is deleted."""
    with make_sim("plain") as sim:
        driver, off = operator(sim), [sim.hosts[OFF].address]
        node_id = id_of(sim)
        hook = {"before": lambda: None, "after": lambda: boots(sim, [])}
        rule = sim.misbehave("hook", "get_vm_config", nth=2, hook=lambda when: hook[when]())
        with pytest.raises(PreconditionFailed, match="its kernel is running"):
            quietly(driver.destroy_node, node_id, ex_hosts_off=off)
        assert rule.hits
        assert calls_of(sim, *WRITES) == []


def test_it_comes_back_after_a_node_was_powered_off() -> None:
    """That is not denied."""
    with make_sim("plain") as sim:
        driver, off = operator(sim), [sim.hosts[OFF].address]
        node_id = dashed(sim.add_vm("other", running_on=0))
        hook = {"before": lambda: None, "after": lambda: comes_back(sim, [])}
        sim.misbehave("hook", "stop_vm", hook=lambda when: hook[when]())
        with pytest.raises(PreconditionFailed, match=r"it accepts .*\. Nothing more was sent"):
            quietly(driver.destroy_node, node_id, ex_hosts_off=off)
        assert calls_of(sim, *WRITES, "stop_vm", "delete_vm") == ["stop_vm"]
