"""The bridge of a traffic label at the start of a node: every call for it, with every kind of
failure.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from libcloud_ovm3.errors import AgentFault, OperationIncomplete, PreconditionFailed
from libcloud_ovm3.operations import network_doors
from libcloud_ovm3.simulator import network
from tests.operations.dying import killed_in
from tests.operations.failures import (
    KILLS,
    WRITES,
    Step,
    attempt,
    claimed,
    land,
    misbehave,
    sent_of,
    steps_of,
    table_of,
)
from tests.operations.once import once_a_run
from tests.support import PERSONALITIES, calls_of, quietly, simulate
from tests.system.disk_clients import plain_driver

OWN = ("discover_network", "ovs_br_config", "start_vm")  # the other calls: test_power_failures.py
VERSIONS = ("3.2.1", "3.3.3")
KINDS = list(itertools.product(PERSONALITIES, VERSIONS, (False, True)))
IDS = [f"{one}-{version}-{'module' if has else 'agent'}" for one, version, has in KINDS]


class Pool:
    """A simulator with a stopped node that has a card on ``breth1``, which no host has."""

    def __init__(self, personality: str, version: str, host_module: bool) -> None:
        options: dict[str, Any] = {"personality": personality, "version": version}
        options |= {"host_module": host_module, "secure": False}
        self.sim = simulate(2, vms=0, templates=0, **options)

    def __enter__(self) -> Pool:
        self.sim.__enter__()
        vif = "mac=00:21:f6:00:00:01,bridge=breth1"
        self.node = self.sim.add_vm("subject", config={"vif": [vif]})
        return self

    def __exit__(self, *error: Any) -> None:
        self.sim.__exit__(*error)

    @property
    def driver(self) -> Any:
        return plain_driver(self.sim, ex_traffic_labels={"guest": "eth1"})

    def start(self) -> None:
        quietly(self.driver.start_node, self.node, self.sim.hosts[0].address)

    @property
    def device(self) -> str | None:
        """What the label's bridge is on; None: it is not there."""
        found = network.state(self.sim.hosts[0])["bridges"].get("breth1")
        return found and str(found["netdev"])

    def clear(self) -> None:
        """The node does not run, and the bridge is gone, whatever has happened."""
        land(self.sim)
        quietly(self.driver.stop_node, self.node, ex_force=True, ex_timeout=60)
        if self.device is not None:
            agent = self.driver._estate.agent(self.driver._estate.given[0])
            agent.network.ovs_br_config("stop", "breth1", "eth1")


@once_a_run
def steps() -> list[Step]:
    with Pool("plain", "3.3.3", False) as pool:
        pool.sim.calls.clear()
        pool.start()
        return [step for step in steps_of(calls_of(pool.sim)) if step.function in OWN]


STEPS = steps()


def test_the_table_has_all_writes() -> None:
    assert {one.function for one in STEPS} & WRITES == {"ovs_br_config", "start_vm"}


@pytest.fixture(scope="module", params=KINDS, ids=IDS)
def pool(request: pytest.FixtureRequest) -> Iterator[Pool]:
    with Pool(*request.param) as made:
        yield made


@pytest.mark.parametrize(("step", "failure"), table_of(STEPS))
def test_start(pool: Pool, step: Step, failure: str) -> None:
    pool.clear()
    pool.sim.calls.clear()
    arriving, more = claimed(step, failure) if pool.sim.hosts[0].code else (step, {})
    rule = misbehave(pool.sim, failure, arriving, **more)
    error = attempt(pool.start)
    sent = sent_of(pool.sim)
    assert rule.hits or (step.function == "discover_network" and pool.sim.hosts[0].code)
    assert len(sent) == len(set(sent)), f"sent twice: {sent}"
    land(pool.sim)
    runs = bool(pool.sim.domains(0))
    if error is None:
        assert runs, "said to be done, and is not"
    elif isinstance(error, AgentFault | PreconditionFailed):
        assert not runs, "said to be refused, and is done"
    else:
        assert isinstance(error, OperationIncomplete) or not sent, repr(error)
        if sent == ["ovs_br_config"]:
            assert "bridge breth1" in str(getattr(error, "left", ""))
    if not runs:
        pool.start()  # nothing that is left prevents it
    assert pool.device == "eth1"
    pool.driver.stop_node(pool.node, ex_force=True)
    quietly(pool.driver.ex_release_networks)
    assert pool.device == "eth1", "it is the label's, not the node's"


@pytest.mark.parametrize("when", KILLS)
@pytest.mark.parametrize("personality", PERSONALITIES)
def test_a_client_that_is_killed(personality: str, when: str) -> None:
    with Pool(personality, "3.3.3", True) as pool:
        with killed_in(network_doors, "send", when):
            pool.start()
        pool.start()
        assert pool.device == "eth1"
        assert pool.sim.domains(0)
