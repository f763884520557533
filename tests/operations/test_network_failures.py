"""Creating, changing and removing networks: every agent call, times everything that can happen.

Afterwards each host has the change or nothing of it; where hosts are changed although the operation
failed, the error names them; nothing was sent twice; and the same call completes what was left.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

import pytest

from libcloud_ovm3.agent.host_networks import GuardedChange
from libcloud_ovm3.agent.hostmodule import HostModule
from libcloud_ovm3.errors import (
    AgentFault,
    NetworkNotFound,
    OperationIncomplete,
    Ovm3Error,
    Ovm3Warning,
)
from libcloud_ovm3.simulator import Simulator, network
from tests.operations.failures import (
    FAILURES,
    KILLS,
    READ_FAILURES,
    WRITES,
    Step,
    misbehave,
    steps_of,
)
from tests.operations.killed import kill_client_at
from tests.operations.networking import OPERATIONS, act, make_sim, put_back, saved, shown
from tests.operations.once import once_a_run
from tests.support import EACH_DIALECT, calls_of, clock_of, driver_for

CALL = {
    "vlan": "ovs_vlan_bridge",
    "bridge": "ovs_br_config",
    "delete vlan": "ovs_vlan_bridge",
    "delete bridge": "ovs_br_config",
    "mtu": "ovs_change_mtu",
    "address": "ovs_ip_config",
    "bond mode": "ovs_bond_mode",
}
# What the host module guards: it carries the own line, or moves an address of the host.
IS_GUARDED = ("bond mode", "delete bridge")
GUARDED = ["libcloud_guarded_network_change", "libcloud_confirm_network_change"]
REMOVAL = "libcloud_remove_bridge"  # by which a module takes a bridge back
# The reads, after a write, that something is decided by.
DECISIVE = ("discover_network", "libcloud_network_change", "libcloud_bridges")


class Row(NamedTuple):
    operation: str
    host_module: bool
    step: Step

    def __str__(self) -> str:
        return f"{self.operation}-{'by module' if self.host_module else 'by agent'}-{self.step}"


def writes_of(operation: str, host_module: bool) -> list[str]:
    """What an operation sends to each host that changes something."""
    if host_module and operation in IS_GUARDED:
        return GUARDED
    if host_module and operation.startswith("delete"):
        return ["libcloud_remove_bridge"]
    return [CALL[operation]]


@once_a_run
def rows() -> tuple[list[Row], dict[str, list[dict[str, Any]]]]:
    """The steps that may leave something, and what each operation makes of the hosts."""
    found, done = [], {}
    for host_module in (False, True):
        with make_sim("plain", "3.3.3", host_module) as sim:
            before = saved(sim)
            for name in OPERATIONS:
                put_back(sim, before)
                driver = driver_for(sim)
                sim.calls.clear()
                act(driver, name)
                assert calls_of(sim, *WRITES) == writes_of(name, host_module) * 2
                found += [
                    Row(name, host_module, step)
                    for step in steps_of(calls_of(sim))
                    if step.function in WRITES or (step.function in DECISIVE and step.after)
                ]
                done[name] = shown(sim)
    return found, done


ROWS, DONE = rows()
TABLE = [
    pytest.param(row, failure, id=f"{row}-{failure}")
    for row in ROWS
    for failure in (FAILURES if row.step.function in WRITES else READ_FAILURES)
]


class Sims(ExitStack):
    """Simulators that rows share, each as it was at first whenever a row gets it."""

    def __init__(self) -> None:
        super().__init__()
        self._made: dict[tuple[str, str, bool], tuple[Simulator, list[dict[str, Any]]]] = {}

    def fresh(self, how: tuple[str, str], host_module: bool) -> Simulator:
        key = (*how, host_module)
        if key not in self._made:
            sim = self.enter_context(make_sim(*key))
            self._made[key] = (sim, saved(sim))
        sim, before = self._made[key]
        put_back(sim, before)
        return sim


@pytest.fixture(scope="module")
def sims() -> Iterator[Sims]:
    with Sims() as found:
        yield found


@pytest.mark.parametrize("how", EACH_DIALECT)
@pytest.mark.parametrize(("row", "failure"), TABLE)
def test_network(sims: Sims, row: Row, failure: str, how: tuple[str, str]) -> None:
    sim = sims.fresh(how, row.host_module)
    before = shown(sim)
    driver = driver_for(sim)
    sim.calls.clear()
    rule = misbehave(sim, failure, row.step)
    error = attempt(driver, row.operation)
    finish(sim)
    assert rule.hits, "the call that was to fail never came"
    check(sim, row.operation, before, error)


@pytest.mark.parametrize("how", EACH_DIALECT)
@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("host_module", [False, True], ids=["alone", "with the module"])
@pytest.mark.parametrize("operation", ["vlan", "bridge", "mtu", "address", "bond mode"])
def test_taking_back_fails(
    sims: Sims, operation: str, failure: str, how: tuple[str, str], host_module: bool
) -> None:
    """The second host refuses, and the change of the first one is not simply taken back."""
    sim = sims.fresh(how, host_module)
    function = GUARDED[0] if host_module and operation in IS_GUARDED else CALL[operation]
    taking_back = REMOVAL if host_module and operation in ("vlan", "bridge") else function
    before = shown(sim)
    driver = driver_for(sim)
    sim.calls.clear()
    sim.misbehave("fault", function, host=1)

    def arm(moment: str) -> None:
        if moment == "after":
            sim.misbehave(failure, taking_back, host=0)

    sim.misbehave("hook", function, host=0, hook=arm)
    error = attempt(driver, operation)
    assert len(calls_of(sim, *{function, taking_back})) == 3
    finish(sim)
    assert error is not None
    check(sim, operation, before, error)


@pytest.mark.tables  # a process each
@pytest.mark.parametrize("how", EACH_DIALECT)
@pytest.mark.parametrize("when", KILLS)
@pytest.mark.parametrize("row", [row for row in ROWS if row.step.function in WRITES], ids=str)
def test_network_killed(row: Row, when: str, how: tuple[str, str]) -> None:
    # Its changes can be seen at once: the simulator's time does not pass while the client waits.
    at_once = {"a new VLAN bridge can be used": "at once"}
    with make_sim(*how, row.host_module, answers=at_once) as sim:
        kill_client_at(sim, row.step, when, act, row.operation)
        check_sent_once_per_host(sim)
        sim.wait(600)  # what is not confirmed has been taken back, too
        complete(sim, row.operation)


def attempt(driver: Any, operation: str) -> Ovm3Error | None:
    try:
        act(driver, operation)
    except Ovm3Error as error:
        return error
    return None


def finish(sim: Simulator) -> None:
    """What lands late has landed."""
    sim.clear_misbehaviour()
    sim.flush_delayed()
    sim.wait(600)  # what is not confirmed has been taken back, too


def check_sent_once_per_host(sim: Simulator) -> None:
    for index in range(len(sim.hosts)):
        sent = [(c.function, str(c.arguments)) for c in sim.calls if c.host_index == index]
        sent = [one for one in sent if one[0] in WRITES]
        assert len(sent) == len(set(sent)), f"sent twice: {sent}"


def check(
    sim: Simulator, operation: str, before: list[dict[str, Any]], error: Ovm3Error | None
) -> None:
    check_sent_once_per_host(sim)
    now, done = shown(sim), DONE[operation]
    for is_now, was, wanted in zip(now, before, done, strict=True):
        assert is_now in (was, wanted), "half of it is there"
    if error is None:
        assert now == done, "said to be done, and is not"
    elif isinstance(error, OperationIncomplete):
        changed = [host.hostname for host, *two in zip(sim.hosts, now, before, strict=True)
                   if two[0] != two[1]]  # fmt: skip
        for hostname in changed:
            assert any(hostname in one for one in error.left), f"{hostname} is not named"
            assert hostname in str(error)
        assert error.left
    else:
        assert now == before, f"{error!r} says that nothing is changed"
    complete(sim, operation)


def complete(sim: Simulator, operation: str) -> None:
    """The same call again makes the rest of it, and then nothing."""
    for _ in range(2):
        sim.calls.clear()
        error = attempt(driver_for(sim), operation)
        if error is not None:
            assert isinstance(error, NetworkNotFound), repr(error)
            assert operation.startswith("delete")
    assert not calls_of(sim, *WRITES)
    assert shown(sim) == DONE[operation]


def test_a_guarded_change_that_waits_for_the_lock_of_the_host(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The host waits up to 30 s before it records the change: so long it may begin yet."""
    with make_sim("plain", "3.3.3", True) as sim:
        clock = clock_of(sim)
        waits: dict[str, tuple[float, tuple[Any, ...]]] = {}
        real_send, real_read = HostModule.guarded_network_change, HostModule.network_change

        def send(self: HostModule, client: str, operation: str, *given: Any) -> GuardedChange:
            waits[operation] = (clock.now() + 29, (client, operation, *given))
            return GuardedChange("running", "", "waiting for another change", operation, client)

        def read(self: HostModule, operation: str) -> GuardedChange:
            if operation in waits and clock.now() >= waits[operation][0]:
                real_send(self, *waits.pop(operation)[1])
            return real_read(self, operation)

        monkeypatch.setattr(HostModule, "guarded_network_change", send)
        monkeypatch.setattr(HostModule, "network_change", read)
        assert driver_for(sim).ex_set_bond_mode("bond0", 4, ex_force="all")
        assert not waits
        assert {one["bonds"]["bond0"]["mode"] for one in saved(sim)} == {4}


def test_what_a_host_could_not_take_back_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    state = GuardedChange("undo failed", "missing: xenbr0 10.0.0.1/24", "", "", "")
    monkeypatch.setattr(HostModule, "network_change", lambda self, operation: state)
    with make_sim("plain", "3.3.3", True) as sim, pytest.raises(OperationIncomplete) as caught:
        driver_for(sim).ex_set_bond_mode("bond0", 4, ex_force="all")
    assert "could not take it back (missing: xenbr0 10.0.0.1/24); manual" in str(caught.value)


@pytest.mark.parametrize("lands", [True, False])
def test_a_guarded_step_that_faults_may_take_effect_late(
    monkeypatch: pytest.MonkeyPatch, lands: bool
) -> None:
    """The host looks right after it only, so it is looked for as without a guard."""
    state = GuardedChange("failed", "step 1 of 1: no answer from the switch", "", "", "")
    monkeypatch.setattr(HostModule, "guarded_network_change", lambda *_: state)
    monkeypatch.setattr(HostModule, "network_change", lambda *_: state)
    with make_sim("plain", "3.3.3", True) as sim:
        before = shown(sim)

        def land(moment: str) -> None:
            for one in sim.hosts:
                network.state(one)["bonds"]["bond0"]["mode"] = 4

        if lands:
            sim.misbehave("hook", "discover_network", nth=4, hook=land)
            with pytest.warns(Ovm3Warning, match="is as it was to be, although .* was not made"):
                driver_for(sim).ex_set_bond_mode("bond0", 4, ex_force="all")
        else:
            with pytest.raises(AgentFault, match=r"was not made.*as it was"):
                driver_for(sim).ex_set_bond_mode("bond0", 4, ex_force="all")
        assert (shown(sim) == before) is not lands
