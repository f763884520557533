"""VLAN bridges at the start of a node and at its stop: every call for them, times everything that
can happen to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from libcloud.compute.types import NodeState

from libcloud_ovm3.errors import AgentFault, OperationIncomplete, Ovm3Error, PreconditionFailed
from libcloud_ovm3.operations import network_doors
from libcloud_ovm3.simulator import network
from tests.operations.dying import killed_in
from tests.operations.failures import (
    IS_BUSY,
    KILLS,
    WRITES,
    Step,
    attempt,
    land,
    misbehave,
    sent_of,
    steps_of,
    table_of,
)
from tests.operations.once import once_a_run
from tests.support import CHANGE, EACH_DIALECT, calls_of, quietly, simulate
from tests.system.disk_clients import plain_driver

BASES = {"3.3.3": "10e69b4de3", "3.2.1": "c0a80100"}
# The other calls of these operations: test_power_failures.py.
OWN = ("discover_network", "ovs_vlan_bridge", "libcloud_take_bridge", "libcloud_release_bridge")
OWN += ("libcloud_bridges", "start_vm", "stop_vm", CHANGE)


class Pool:
    """A simulator with a stopped node that has a card on a VLAN."""

    def __init__(self, personality: str, version: str, host_module: bool) -> None:
        options: dict[str, Any] = {"personality": personality, "host_module": host_module}
        options |= {"version": version, "secure": False}  # TLS takes most of the time
        self.sim = simulate(2, vms=0, templates=0, **options)
        self.base, self.has_module = BASES[version], host_module
        self.vlan = f"{self.base}.160"

    def __enter__(self) -> Pool:
        self.sim.__enter__()
        vif = f"mac=00:21:f6:00:00:01,bridge={self.vlan}"
        self.node = self.sim.add_vm("subject", config={"vif": [vif]})
        return self

    def __exit__(self, *error: Any) -> None:
        self.sim.__exit__(*error)

    @property
    def driver(self) -> Any:
        return plain_driver(self.sim)

    def start(self) -> None:
        quietly(self.driver.start_node, self.node, self.sim.hosts[0].address)

    def stop(self) -> None:
        quietly(self.driver.stop_node, self.node, ex_force=True, ex_timeout=60)

    @property
    def has_bridge(self) -> bool:
        return self.vlan in network.bridges(self.sim.hosts[0])

    @property
    def users(self) -> list[str]:
        driver = self.driver
        module = driver._estate.fresh_module(driver._estate.given[0])
        return [user.user for one in module.bridges() for user in one.users if self.has_module]

    def clear(self) -> None:
        """No node runs, no bridge is left, whatever has happened."""
        land(self.sim)
        self.stop()
        self.sim.wait(901)
        quietly(self.driver.ex_release_networks)
        if self.has_bridge and not self.has_module:
            agent = self.driver._estate.agent(self.driver._estate.given[0])
            agent.network.ovs_vlan_bridge("stop", self.vlan, "bond0", 160)


@once_a_run
def steps(operation: str, host_module: bool) -> list[Step]:
    with Pool("plain", "3.3.3", host_module) as pool:
        if operation == "stop":
            pool.start()
        pool.sim.calls.clear()
        getattr(pool, operation)()
        return [step for step in steps_of(calls_of(pool.sim)) if step.function in OWN]


STEPS = {
    (operation, host_module): steps(operation, host_module)
    for operation, host_module in (("start", False), ("start", True), ("stop", True))
}


def test_the_tables_have_all_writes() -> None:
    writes = {key: {one.function for one in found} & WRITES for key, found in STEPS.items()}
    assert writes == {
        ("start", False): {"ovs_vlan_bridge", "start_vm"},
        ("start", True): {"libcloud_take_bridge", CHANGE},
        ("stop", True): {CHANGE, "libcloud_release_bridge"},
    }


@pytest.fixture(scope="module", params=EACH_DIALECT)
def alone(request: pytest.FixtureRequest) -> Iterator[Pool]:
    with Pool(*request.param, False) as pool:
        yield pool


@pytest.fixture(scope="module", params=EACH_DIALECT)
def with_module(request: pytest.FixtureRequest) -> Iterator[Pool]:
    with Pool(*request.param, True) as pool:
        yield pool


@pytest.mark.parametrize(("step", "failure"), table_of(STEPS["start", False]))
def test_start(alone: Pool, step: Step, failure: str) -> None:
    start_with(alone, step, failure)


@pytest.mark.parametrize(("step", "failure"), table_of(STEPS["start", True]))
def test_start_with_the_module(with_module: Pool, step: Step, failure: str) -> None:
    start_with(with_module, step, failure)


def start_with(pool: Pool, step: Step, failure: str) -> None:
    """Start it while one step fails, and look at everything afterwards."""
    pool.clear()
    error, sent = act(pool, pool.start, step, failure)
    runs = bool(pool.sim.domains(0))
    if error is None:
        assert runs, "said to be done, and is not"
    elif isinstance(error, AgentFault | PreconditionFailed):
        assert not runs, "said to be refused, and is done"
    else:
        assert isinstance(error, OperationIncomplete) or not sent, repr(error)
    if runs:
        check_used(pool)
        return
    pool.start()  # nothing that is left prevents it
    check_used(pool)


def test_busy_without_a_bridge(alone: Pool) -> None:
    busy_without_a_bridge(alone, "ovs_vlan_bridge")


def test_busy_without_a_bridge_with_the_module(with_module: Pool) -> None:
    """Which quotes the script."""
    busy_without_a_bridge(with_module, "libcloud_take_bridge")


def busy_without_a_bridge(pool: Pool, function: str) -> None:
    """Who made it has not finished: it is requested once more when that is certain."""
    text = IS_BUSY.format("ovs-vlan-bridge", pool.vlan)
    for refusals in (2, 1):
        pool.clear()
        pool.sim.calls.clear()
        rule = pool.sim.misbehave("fault", "ovs_vlan_bridge", times=refusals, text=text)
        if refusals == 2:
            with pytest.raises(AgentFault, match=r"it is not there.*wait a minute, then repeat"):
                pool.start()
        else:
            pool.start()
        assert rule.hits == refusals
        assert len(calls_of(pool.sim, function)) == 2
        assert len(pool.sim.domains(0)) == 2 - refusals
    check_used(pool)


def check_used(pool: Pool) -> None:
    """The bridge is there as long as the node runs, and goes with it."""
    assert pool.has_bridge, "a used bridge is gone"
    if pool.has_module:
        assert pool.users, "nobody says that it is used"
    pool.stop()
    assert pool.has_bridge is not pool.has_module


@pytest.mark.parametrize(("step", "failure"), table_of(STEPS["stop", True]))
def test_stop(with_module: Pool, step: Step, failure: str) -> None:
    """Whatever becomes of the release, the node is stopped, and the next sweep does the rest."""
    pool = with_module
    pool.clear()
    pool.start()
    error, _ = act(pool, pool.stop, step, failure)
    runs = bool(pool.sim.domains(0))
    assert (error is None) or step.function == CHANGE, repr(error)
    assert runs is False or (error is not None and pool.has_bridge), "a used bridge is gone"
    pool.clear()
    assert not pool.has_bridge, "an unused bridge is left"
    assert not pool.users


def act(
    pool: Pool, action: Callable[[], None], step: Step, failure: str
) -> tuple[Ovm3Error | None, list[str]]:
    pool.sim.calls.clear()
    rule = misbehave(pool.sim, failure, step)
    error = attempt(action)
    assert rule.hits, "the call that was to fail never came"
    sent = sent_of(pool.sim)
    assert len(sent) == len(set(sent)), f"sent twice: {sent}"
    land(pool.sim)
    return error, sent


DOORS = {
    ("start", False): "send",
    ("start", True): "take_bridge",
    ("stop", True): "release_bridge",
}


@pytest.mark.parametrize("how", EACH_DIALECT)
@pytest.mark.parametrize("when", KILLS)
@pytest.mark.parametrize(("operation", "host_module"), DOORS)
def test_a_client_that_is_killed(
    operation: str, host_module: bool, when: str, how: tuple[str, str]
) -> None:
    with Pool(*how, host_module) as pool:
        if operation == "stop":
            pool.start()
        with killed_in(network_doors, DOORS[operation, host_module], when):
            getattr(pool, operation)()
        assert pool.driver.ex_get_node(pool.node).state == NodeState.STOPPED
        pool.clear()
        assert not pool.has_bridge
        pool.start()
        check_used(pool)
