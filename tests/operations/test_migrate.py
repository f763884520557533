"""Migrating nodes: what is refused, where the node is then, and each way in which it may end."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from libcloud.compute.types import NodeState

from libcloud_ovm3.errors import (
    AgentFault,
    HostNotFound,
    OperationIncomplete,
    Ovm3Error,
    PreconditionFailed,
    ReadOnly,
    WaitTimeout,
)
from libcloud_ovm3.simulator import Simulator
from tests.earlier_module import put_claims_1
from tests.operations.failures import WRITES, attempt
from tests.operations.test_vlan_bridges import BASE, bridges_on, cards
from tests.support import at_once, calls_of, quietly, simulate
from tests.system.disk_clients import plain_driver

NAME = "web"
MIGRATE = "migrate_vm"
SEND = ("libcloud_change_claimed_vm", MIGRATE)
MODULES = pytest.mark.parametrize("module", [True, False], ids=["module", "alone"])


@contextmanager
def pool(module: bool, hosts: int = 2, **options: Any) -> Iterator[tuple[Simulator, Any, Any]]:
    """A simulator, a driver, and a node that runs on the first host, old enough to be moved."""
    with simulate(hosts, vms=0, host_module=module, secure=False, **options) as sim:
        sim.add_vm(NAME, running_on=0)
        sim.wait(61)
        driver = plain_driver(sim)
        yield sim, driver, quietly(driver.ex_get_node_by_name, NAME)


def places(sim: Simulator) -> list[list[tuple[str, int]]]:
    """Name and status of each domain of each host."""
    return [[(one["name"], one["status"]) for one in sim.domains(i)] for i in range(len(sim.hosts))]


def now(sim: Simulator) -> tuple[NodeState, str | None, str | None]:
    """State, host and kind of the claim."""
    node = quietly(plain_driver(sim).ex_get_node_by_name, NAME)
    claim = node.extra["claim"]
    return node.state, node.extra["host"], claim and claim["kind"]


def sent(sim: Simulator) -> list[str]:
    return calls_of(sim, *SEND)


# --- it arrives ---------------------------------------------------------------------------------


@MODULES
@pytest.mark.parametrize("live", [True, False], ids=["live", "cold"])
def test_a_node_moves_there_and_back(personality: str, module: bool, live: bool) -> None:
    with pool(module, personality=personality) as (sim, driver, node):
        for number, host in enumerate(("ovm-2", "ovm-1")):
            assert quietly(driver.ex_migrate_node, node, host, ex_live=live) is True
            assert now(sim) == (NodeState.RUNNING, host, "on" if module else None)
            assert len(sent(sim)) == number + 1
        sim.calls.clear()
        assert driver.ex_migrate_node(node, "ovm-1") is True
        assert calls_of(sim, *WRITES) == [], "it runs there already"
        assert driver.stop_node(node) is True
        with pytest.raises(PreconditionFailed, match="it is stopped, so it is on no host"):
            driver.ex_migrate_node(node, "ovm-2")
        with pytest.raises(HostNotFound):
            driver.ex_migrate_node(node, "ovm-3")


def test_the_claim_names_both_while_it_moves() -> None:
    """A second one, a stop, a start are refused; nothing is sent for them."""
    slow = {"transfer_mb_per_second": 5, "build_seconds": 5}
    with pool(True, **slow) as (sim, driver, node):
        seen: list[Any] = []

        def look(moment: str) -> None:
            if moment != "after" or seen:
                return
            other = plain_driver(sim)
            claim = quietly(other.ex_get_node_by_name, NAME).extra["claim"]
            seen.append((claim["kind"], len(claim["hosts"]), claim["function"]))
            for act in (
                lambda: other.ex_migrate_node(node, "ovm-2"),
                lambda: other.stop_node(node, ex_force=True),
                lambda: other.start_node(node),
            ):
                with pytest.raises(PreconditionFailed):
                    quietly(act)

        sim.misbehave("hook", "libcloud_read_claim", hook=look)
        quietly(driver.ex_migrate_node, node, "ovm-2")
        assert seen == [("moving", 2, MIGRATE)]
        assert sent(sim) == ["libcloud_change_claimed_vm"]
        assert now(sim) == (NodeState.RUNNING, "ovm-2", "on")


def test_two_clients_move_it_at_once() -> None:
    """To two hosts: one of them is first, and the other one has done nothing."""
    with pool(True, 3) as (sim, driver, node):
        quietly(driver.ex_settle_node, node)
        clients = [(plain_driver(sim), host) for host in ("ovm-2", "ovm-3")]
        ends = at_once(
            sim, *((one, partial(quietly, one.ex_migrate_node, node, to)) for one, to in clients)
        )
        [error] = [one for one in ends if one is not True]
        assert isinstance(error, PreconditionFailed)
        sim.wait(40)
        assert [status for host in places(sim) for _, status in host] == [2]
        assert sorted(host.next_domid for host in sim.hosts[1:]) == [1, 2], "sent once"
        assert now(sim)[2] == "on"


def test_its_vlan_bridge_moves_with_it() -> None:
    with pool(True) as (sim, driver, _):
        vm = sim.add_vm("tagged", config=cards(f"{BASE}.160"))
        quietly(driver.start_node, vm, "ovm-1")
        sim.wait(61)
        assert f"{BASE}.160" in bridges_on(sim, 0)
        quietly(driver.ex_migrate_node, vm, "ovm-2")
        assert [f"{BASE}.160" in bridges_on(sim, host) for host in (0, 1)] == [False, True]
        sim.hosts[1].inject("migration refused")
        with pytest.raises(AgentFault):
            quietly(driver.ex_migrate_node, vm, "ovm-1")
        assert [f"{BASE}.160" in bridges_on(sim, host) for host in (0, 1)] == [False, True]


# --- each bad end of xend.md 4.1 -----------------------------------------------------------------

STAYS, LOST = "it stays on ovm-1", "IS LOST"
ENDS = {
    "migration refused": (0, AgentFault, STAYS, "running"),
    "migration breaks": (0, AgentFault, STAYS, "running"),
    "migration loses": (0, OperationIncomplete, LOST, "stopped"),
    "devices hang": (1, OperationIncomplete, LOST, "stopped"),
}


@MODULES
@pytest.mark.parametrize("fault", ENDS)
def test_each_bad_end_is_told_as_what_it_is(fault: str, module: bool) -> None:
    at, kind, words, state = ENDS[fault]
    with pool(module) as (sim, driver, node):
        sim.hosts[at].inject(fault)
        with pytest.raises(kind, match=words) as failed:
            quietly(driver.ex_migrate_node, node, "ovm-2")
        assert failed.value.node_state in (state, None)
        found = quietly(driver.ex_get_node_by_name, NAME)
        assert str(found.state) == state
        assert places(sim)[1] == [], "nothing is left there"
        assert len(sent(sim)) == 1
        sim.hosts[at].inject(fault, False)
        if state == "stopped":  # it may be started anywhere
            assert driver.start_node(node, "ovm-2") is True
        else:
            assert quietly(driver.ex_migrate_node, node, "ovm-2") is True
        assert now(sim) == (NodeState.RUNNING, "ovm-2", "on" if module else None)


@MODULES
def test_a_part_of_it_that_is_left(module: bool) -> None:
    """Its connection was cut: nobody ends it but the host module, when its source has answered."""
    with pool(module) as (sim, driver, node):
        sim.hosts[0].inject("migration cut")
        with pytest.raises(AgentFault, match=STAYS) as failed:
            quietly(driver.ex_migrate_node, node, "ovm-2")
        left = places(sim)[1]
        assert len(left) == (0 if module else 1)
        assert ("never unpause it" in str(failed.value)) is not module
        assert ("`xm destroy" in str(failed.value)) is not module
        assert [status for _, status in places(sim)[0]] == [2]
        assert calls_of(sim, "unpause_vm") == []
        if not module:
            with pytest.raises(PreconditionFailed):
                quietly(driver.ex_migrate_node, node, "ovm-2")
        else:
            assert now(sim) == (NodeState.RUNNING, "ovm-1", "on")


@MODULES
def test_it_goes_on_after_the_limit(module: bool) -> None:
    with pool(module, transfer_mb_per_second=2) as (sim, driver, node):
        with pytest.raises(
            (WaitTimeout, OperationIncomplete), match=r"still being sent|does not run yet"
        ):
            quietly(driver.ex_migrate_node, node, "ovm-2", ex_timeout=30)
        with pytest.raises(PreconditionFailed):
            quietly(driver.ex_migrate_node, node, "ovm-2")
        sim.wait(300)
        if module:
            quietly(driver.ex_settle_node, node)
        assert now(sim) == (NodeState.RUNNING, "ovm-2", "on" if module else None)
        assert len(sent(sim)) == 1


def test_a_source_that_is_killed_and_a_target_that_reboots() -> None:
    """The copy of a source that is gone is not whole: it goes, and the node is started anew."""
    with pool(True, transfer_mb_per_second=2) as (sim, driver, node):
        with pytest.raises(Ovm3Error):
            quietly(driver.ex_migrate_node, node, "ovm-2", ex_timeout=30)
        sim.hosts[0].reboot()
        sim.wait(200)
        found = quietly(driver.ex_settle_node, node)
        assert found["claim"]["kind"] == "free"
        assert places(sim) == [[], []]
        assert driver.start_node(node, "ovm-2") is True


@MODULES
def test_a_target_that_does_not_answer_any_more(module: bool) -> None:
    """It is not waited for until the limit, and nothing is said of what it runs."""
    with pool(module) as (sim, driver, node):
        request = SEND[0] if module else SEND[1]

        def kill(moment: str) -> None:
            if moment == "after":
                sim.hosts[1].kill()

        sim.misbehave("hook", request, hook=kill)
        begun = sim.now()
        with pytest.raises(OperationIncomplete, match=r"what ovm-2 .* runs is unknown"):
            quietly(driver.ex_migrate_node, node, "ovm-2")
        assert sim.now() - begun < 300
        sim.hosts[1].revive()
        if module:
            quietly(driver.ex_settle_node, node)
        assert now(sim) == (NodeState.RUNNING, "ovm-2", "on" if module else None)


# --- what is refused -----------------------------------------------------------------------------


@MODULES
def test_all_reasons_are_told_at_once(module: bool) -> None:
    with pool(module, 3) as (sim, driver, node):
        target = sim.hosts[1]
        del target.mounts[f"/OVS/Repositories/{sim.repository_id}"]
        target.records["server"]["pool"]["uuid"] = "0" * 32
        sim.calls.clear()
        with pytest.raises(PreconditionFailed) as refused:
            quietly(driver.ex_migrate_node, node, "ovm-2")
        for word in ("pool", "has not mounted repository"):
            assert word in str(refused.value)
        assert calls_of(sim, *WRITES) == []
        with pytest.raises(ReadOnly):
            quietly(plain_driver(sim, ex_read_only=True).ex_migrate_all, "ovm-1", ex_to=["ovm-3"])
        assert calls_of(sim, *WRITES) == []


def test_an_older_module_is_named() -> None:
    with pool(True) as (sim, driver, node):
        quietly(driver.ex_settle_node, node)
        put_claims_1(sim, 1)
        sim.calls.clear()
        with pytest.raises(PreconditionFailed, match="knows no migrations: `ovm3 host install"):
            quietly(plain_driver(sim).ex_migrate_node, node, "ovm-2")
        assert calls_of(sim, *WRITES) == []


# --- all of a host -------------------------------------------------------------------------------


@MODULES
def test_a_host_is_emptied(module: bool, caplog: pytest.LogCaptureFixture) -> None:
    with pool(module, 3) as (sim, driver, _):
        sim.add_vm("db", running_on=0)
        sim.add_vm("elsewhere", running_on=1)
        sim.wait(61)
        caplog.set_level(logging.INFO, "libcloud_ovm3.progress")
        moved = quietly(driver.ex_migrate_all, "ovm-1")
        assert [node.name for node in moved] == ["db", NAME]
        assert {node.extra["host"] for node in moved} <= {"ovm-2", "ovm-3"}
        assert places(sim)[0] == []
        texts = [record.getMessage() for record in caplog.records]
        assert [text for text in texts if text.startswith("emptying") and "2 of 2" in text]
        assert quietly(driver.ex_migrate_all, "ovm-1") == []
        [back] = quietly(driver.ex_migrate_all, moved[0].extra["host_id"], ex_to="ovm-1")[:1]
        assert back.extra["host"] == "ovm-1"


def test_nothing_is_moved_unless_all_have_a_place() -> None:
    with pool(True) as (sim, driver, _):
        sim.add_vm("paused", running_on=0)
        sim.wait(61)
        sim.hosts[0].domains[-1].paused = True
        with pytest.raises(PreconditionFailed, match="1 of its 2 VMs can go nowhere: VM 'paused'"):
            quietly(driver.ex_migrate_all, "ovm-1")
        assert len(places(sim)[0]) == 2


def test_others_are_at_it_while_a_host_is_emptied() -> None:
    """One is stopped, one destroyed before its turn; and one is started there."""
    with pool(True) as (sim, driver, _):
        for name in ("db", "gone", "ldap"):
            sim.add_vm(name, running_on=0)
        late = sim.add_vm("late")
        sim.wait(61)
        other = plain_driver(sim)
        todo = [True]

        def meanwhile() -> None:
            if todo.pop():
                todo.append(False)
                for name in ("gone", "ldap"):
                    node = quietly(other.ex_get_node_by_name, name)
                    quietly(other.stop_node, node, ex_force=True)
                    if name == "gone":
                        quietly(other.destroy_node, node)
                quietly(other.start_node, quietly(other.ex_get_node_by_name, "late"), "ovm-1")
            else:
                todo.append(False)

        arm: dict[str, Callable[[], None]] = {"before": lambda: None, "after": meanwhile}
        sim.misbehave("hook", "libcloud_expect_vm", hook=lambda moment: arm[moment]())
        error = attempt(lambda: quietly(driver.ex_migrate_all, "ovm-1"))
        assert isinstance(error, OperationIncomplete), error
        assert "moved: 'db', 'web'; others were started there meanwhile; left: 'late'" in str(error)
        assert [name for name, _ in places(sim)[0]] == [late]


def test_the_first_failure_ends_it() -> None:
    with pool(True) as (sim, driver, _):
        for name in ("db", "ldap"):
            sim.add_vm(name, running_on=0)
        sim.wait(61)
        arm: dict[str, Callable[[], None]] = {
            "before": lambda: None,
            "after": lambda: sim.hosts[0].inject("migration refused"),
        }
        sim.misbehave("hook", "libcloud_change_claimed_vm", hook=lambda moment: arm[moment]())
        error = attempt(lambda: quietly(driver.ex_migrate_all, "ovm-1"))
        assert isinstance(error, OperationIncomplete)
        assert "moved: 'db'; then VM 'ldap'" in str(error)
        assert "left: 'ldap', 'web'" in str(error)
        assert len(error.left) == 2
        assert [name for name, _ in places(sim)[1]] != []
        assert len(places(sim)[0]) == 2
        assert len(sent(sim)) == 2
