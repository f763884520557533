"""Operations on VMs that have claims: every request that changes something, and every function that
the host module calls for it, times everything that can happen to it.

After each: there never are two domains; the claim names each host where the VM is; what the error
says is true; done again, it comes to its end, with a settled claim, and the VM can be stopped and
started on the other host. What lands later than that changes nothing.
"""

from __future__ import annotations

from typing import Any

import pytest
from libcloud.compute.types import NodeState

from libcloud_ovm3.errors import OperationIncomplete, OutcomeUnknown, Ovm3Error, WaitTimeout
from libcloud_ovm3.simulator import Simulator
from libcloud_ovm3.simulator.errors import Killed as ProcessKilled
from tests.operations.claiming import (
    CHANGE,
    CLAIM,
    OPERATIONS,
    SETTLE,
    Operation,
    check_claim,
    client_killed,
    have_all_look,
    live_on,
    make_sim,
    plain_driver,
)
from tests.operations.failures import FAILURES, attempt, check_sent_once
from tests.support import PERSONALITIES, fingerprints_of, give_up_at_once, quietly

LATER = "later"  # the effect comes after everything that follows
UNREAD = "unread"  # the line drops after the effect, and what became of it cannot be read
KILLED = ("killed unsent", "killed sent", "killed later")
CLAIMS = (CLAIM, SETTLE, CHANGE)  # the other requests have failure tables of their own
DOUBTS = (OperationIncomplete, OutcomeUnknown, WaitTimeout)
_TEXT = "<type 'exceptions.Exception'>:refused by the test"


def table() -> list[Any]:
    rows = [
        (operation, function, operation.writes[: number + 1].count(function), failure)
        for operation in OPERATIONS.values()
        for number, function in enumerate(operation.writes)
        if function in CLAIMS
        for failure in (*FAILURES, LATER, UNREAD, *KILLED)
    ]
    return [
        pytest.param(*row, one, id="-".join(str(word) for word in (*row, one)))
        for number, row in enumerate(rows)
        for one in (PERSONALITIES[number % 2],)
    ]


def misbehave(sim: Simulator, function: str, nth: int, failure: str) -> None:
    kind = {LATER: "delayed", UNREAD: "drop_after", "killed later": "delayed"}.get(failure, failure)
    text = _TEXT if kind in ("fault", "fault_after") else None
    sim.misbehave(kind, function, nth=nth, text=text)
    if failure == UNREAD:
        sim.misbehave("fault", "libcloud_read_claim", text=_TEXT)


@pytest.mark.parametrize(("operation", "function", "nth", "failure", "personality"), table())
def test_with_claims(
    operation: Operation,
    function: str,
    nth: int,
    failure: str,
    personality: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    give_up_at_once(monkeypatch)
    with make_sim(operation, personality) as sim:
        before, driver = Seen(sim, operation), plain_driver(sim)
        error: Ovm3Error | None = None
        if failure in KILLED:
            if failure == "killed later":
                misbehave(sim, function, nth, failure)
            with client_killed(function, nth, is_sent=failure != "killed unsent"):
                quietly(operation.act, driver, sim)
        else:
            misbehave(sim, function, nth, failure)
            error = attempt(lambda: quietly(operation.act, driver, sim))
            assert sum(rule.hits for rule in sim._backend.rules._rules), "it never came"
            before.check_told(error)
        sim.clear_misbehaviour()
        check_claim(sim)
        if failure not in (LATER, "killed later"):
            sim.flush_delayed()
            sim.wait(40)
            check_claim(sim)
            if failure not in KILLED:
                before.check_told(error)
        go_on(sim, operation)
        before.check_kept()
        seen = state_of(sim), live_on(sim), check_claim(sim)
        sim.flush_delayed()
        sim.wait(40)
        assert (state_of(sim), live_on(sim), check_claim(sim)) == seen, "it came too late"
        check_sent_once(sim)


def state_of(sim: Simulator) -> NodeState | None:
    nodes = quietly(plain_driver(sim).list_nodes)
    assert len(nodes) <= 1
    return nodes[0].state if nodes else None


class Seen:
    """What there was before the operation."""

    def __init__(self, sim: Simulator, operation: Operation) -> None:
        self.sim, self.operation = sim, operation
        self.disks = self._disks()

    def _disks(self) -> dict[str, str]:
        found = fingerprints_of(self.sim.repository_path)
        return {
            path: one for path, one in found.items() if not path.startswith((".lib", "VirtualM"))
        }

    def check_kept(self) -> None:
        now = self._disks()
        assert {path: now.get(path) for path in self.disks} == self.disks

    def check_told(self, error: Ovm3Error | None) -> None:
        """What the error says is true."""
        state, done = state_of(self.sim), True
        if state is not None:
            done = self.operation.done(self.sim)
        if error is None:
            assert (state, done) == (self.operation.after, True), "said to be done, and is not"
        elif not isinstance(error, DOUBTS) and "may still" not in str(error):
            stays = [self.operation.before]
            if self.operation.name == "destroy":  # the definition stays, and all disks
                stays.append(NodeState.STOPPED)
            assert state in stays, f"said not to be done, and is {state}: {error}"


def go_on(sim: Simulator, operation: Operation) -> None:
    """Do it again, as somebody does who has read the error; then stop the VM, and start it on the
    first host."""
    driver = plain_driver(sim)
    if operation.after is None:
        for node in quietly(driver.list_nodes):
            quietly(driver.destroy_node, node)
        have_all_look(sim)  # its host may have crashed
        assert (live_on(sim), kind_of(sim)) == ([], "gone")
        return
    nodes = quietly(driver.list_nodes)
    if operation.before is None and [one.state for one in nodes] == [NodeState.PENDING]:
        quietly(driver.destroy_node, nodes[0])
        nodes = []
    if not nodes or not is_done(sim, operation):
        error = attempt(lambda: quietly(operation.act, driver, sim))
        assert error is None or any(text in str(error) for text in WAYS_OUT), error
        if error is not None:
            follow(sim, operation, str(error))
    [node] = quietly(driver.list_nodes)
    if operation.after is NodeState.RUNNING and node.state is NodeState.PAUSED:
        quietly(driver.stop_node, node, ex_force=True)  # its start was cut off
    if operation.after is NodeState.RUNNING and not live_on(sim):
        quietly(driver.start_node, node)  # it was created, or its host has crashed
    assert is_done(sim, operation)
    was_live = live_on(sim)
    quietly(driver.stop_node, node, ex_force=True)
    assert live_on(sim) == []
    assert not was_live or kind_of(sim) == "free"
    quietly(driver.start_node, node, ex_location=sim.hosts[0].address)
    assert (live_on(sim), kind_of(sim)) == ([0], "on")


# What an error says of what was left, and what has to be done then.
WAYS_OUT = (
    "ex_resume_node",
    "it is paused",  # for ever: its start was cut off
    "its live domain has it as",  # and vm.cfg does not, or the other way round
    "has a network card with the MAC address",  # likewise
    "is not attached to any VM",  # it is not, any more
    "it is stopped",  # its host has crashed
    "has it as xvdb (mode w, in vm.cfg)",  # likewise
)


def follow(sim: Simulator, operation: Operation, text: str) -> None:
    driver = plain_driver(sim)
    [node] = quietly(driver.list_nodes)
    if "ex_resume_node" in text:
        driver.ex_resume_node(node)
    elif live_on(sim):
        quietly(driver.stop_node, node, ex_force=True)
    if not is_done(sim, operation):
        if operation.after is NodeState.RUNNING and not live_on(sim):
            quietly(driver.start_node, node)
        if not is_done(sim, operation):
            quietly(operation.act, driver, sim)


def is_done(sim: Simulator, operation: Operation) -> bool:
    return state_of(sim) == operation.after and operation.done(sim)


def kind_of(sim: Simulator) -> str:
    claim = check_claim(sim)
    assert claim is not None
    return claim.kind


# ------------------------------------------------------------------ what the module calls

# What happens to the agent's function, which is called in a process of its own: it is refused, or
# reports a failure although it has done it; that process is killed before, or after; it takes
# longer than anybody waits; the host crashes before, or after.
INSIDE = ("fault", "fault_after", "killed before", "killed after", "an hour", "crash before")
INSIDE += ("crash after",)
# The same of what xm and xend do, at a start, a stop or a change of a running VM.
XEND = {
    "agent dies": ("agent dies",),
    "agent dies, xend is busy": ("agent dies", "xend is busy"),
    "agent and xm die": ("agent and xm die",),
    "agent dies, xm is late": ("agent dies", "xm is late"),
    "agent dies writing": ("agent dies writing",),
}


def inside_table() -> list[Any]:
    rows = [
        (operation, function, what)
        for operation in OPERATIONS.values()
        for function in operation.inside
        for what in INSIDE
    ]
    for operation in OPERATIONS.values():
        if operation.name in ("start", "stop", "force", "create", "attach", "card"):
            whats = [one for one in XEND if one != "agent dies writing"]
            rows += [(operation, operation.inside[-1], what) for what in whats]
        if operation.inside == ("configure_vm",):
            rows.append((operation, "configure_vm", "agent dies writing"))
    return [
        pytest.param(*row, one, id="-".join(str(word) for word in (*row, one)))
        for number, row in enumerate(rows)
        for one in (PERSONALITIES[number % 2],)
    ]


@pytest.mark.parametrize(("operation", "function", "what", "personality"), inside_table())
def test_what_the_module_calls(
    operation: Operation,
    function: str,
    what: str,
    personality: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    give_up_at_once(monkeypatch)
    with make_sim(operation, personality) as sim:
        before, driver = Seen(sim, operation), plain_driver(sim)
        arrange(sim, function, what)
        error = attempt(lambda: quietly(operation.act, driver, sim))
        if what.startswith("crash"):
            for host in sim.hosts:
                host.revive()
        else:
            before.check_told(error)
        check_claim(sim)
        if error is not None and operation.before is not None:  # nobody waits until it is over
            attempt(lambda: quietly(operation.act, plain_driver(sim), sim))
            check_claim(sim)
        sim.clear_misbehaviour()
        for fault in XEND.get(what, ()):
            for host in sim.hosts:
                host.inject(fault, False)
        sim.wait(3700 if what == "an hour" else 100)
        check_claim(sim)
        go_on(sim, operation)
        before.check_kept()


def arrange(sim: Simulator, function: str, what: str) -> None:
    """Let this happen to the next call of one of the agent's functions."""
    kind, _, moment = what.partition(" ")
    if what in XEND:
        for host in sim.hosts:
            for fault in XEND[what]:
                host.inject(fault)
    elif what == "an hour":
        sim.misbehave("latency", function, seconds=3600)
    elif kind in ("killed", "crash"):
        sim.misbehave("hook", function, hook=lambda now: now == moment and end(sim, kind))
    else:
        sim.misbehave(kind, function, text=_TEXT)


def end(sim: Simulator, kind: str) -> None:
    """What calls it ends, or the whole host."""
    if kind == "crash":
        [host] = [one for one in sim.hosts if hasattr(one.here, "session")]
        host.shut_down()
    raise ProcessKilled
