"""ex_migrate_node: every agent call, times all that can happen to it; and hosts that fail."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from libcloud.compute.types import NodeState

from libcloud_ovm3.errors import Ovm3Error, PreconditionFailed
from libcloud_ovm3.simulator import Simulator
from tests.operations.failures import (
    EFFECT_FIRST,
    FAILURES,
    Step,
    attempt,
    land,
    misbehave,
    steps_of,
)
from tests.operations.failures import table_of as rows_of
from tests.operations.once import once_a_run
from tests.support import PERSONALITIES, calls_of, quietly, simulate
from tests.system.disk_clients import plain_driver

NAME, MIGRATE = "subject", "migrate_vm"
CHANGE = "libcloud_change_claimed_vm"
LIMIT = 60
MODULES = {"module": True, "alone": False}


@contextmanager
def pool(module: bool, personality: str, **more: Any) -> Iterator[tuple[Simulator, Any]]:
    """A node on the first host; with the module, its claim says so."""
    options = {"personality": personality, "host_module": module, "secure": False, **more}
    with simulate(2, vms=0, **options) as sim:
        sim.add_vm(NAME, running_on=0)
        sim.wait(61)
        node = quietly(plain_driver(sim).ex_get_node_by_name, NAME)
        if module:
            quietly(plain_driver(sim).ex_settle_node, node)
        yield sim, node


@once_a_run
def steps(module: bool) -> list[Step]:
    with pool(module, "plain") as (sim, node):
        sim.calls.clear()
        quietly(plain_driver(sim).ex_migrate_node, node, "ovm-2", ex_timeout=LIMIT)
        return steps_of(calls_of(sim))


TABLE = [
    pytest.param(module, *row.values, id=f"{name}-{row.id}")
    for name, module in MODULES.items()
    for row in rows_of(steps(module))
]
INSIDE = [
    pytest.param(True, Step(None, MIGRATE), failure, id=f"module-inside-{failure}")
    for failure in FAILURES
    if failure.startswith("fault")
]


@pytest.mark.parametrize("personality", PERSONALITIES)
@pytest.mark.parametrize(("module", "step", "failure"), [*TABLE, *INSIDE])
def test_migrate(module: bool, step: Step, failure: str, personality: str) -> None:
    with pool(module, personality) as (sim, node):
        driver = plain_driver(sim)
        sim.calls.clear()
        rule = misbehave(sim, failure, step)
        error = attempt(lambda: quietly(driver.ex_migrate_node, node, "ovm-2", ex_timeout=LIMIT))
        assert rule.hits, "the call that was to fail never came"
        was_sent = calls_of(sim, MIGRATE, CHANGE)
        check_end(sim, node, module, error, was_sent)


def check_end(
    sim: Simulator, node: Any, module: bool, error: Ovm3Error | None, was_sent: list[str]
) -> None:
    """It lives once, where it is said to, whatever comes late; nothing was sent twice."""
    assert len(was_sent) <= 1, "sent twice"
    assert calls_of(sim, "unpause_vm") == []
    if isinstance(error, PreconditionFailed):
        assert calls_of(sim, MIGRATE) == []
    before = placed(sim)
    land(sim)
    assert len(placed(sim)) <= 2
    with contextlib.suppress(Ovm3Error):
        if module:
            quietly(plain_driver(sim).ex_settle_node, node)
    after = quietly(plain_driver(sim).ex_get_node, node.id)
    assert [status for _, status in placed(sim)] == [2], "it lives once, and nothing else is left"
    assert after.state == NodeState.RUNNING
    if module:
        assert after.extra["claim"]["kind"] == "on"
    if error is None:
        assert placed(sim) == before == [(1, 2)], "said to be there, and is not"
    elif "it stays on ovm-1" in str(error):
        assert before == [(0, 2)]


def placed(sim: Simulator) -> list[tuple[int, int]]:
    """Host and status of each domain."""
    hosts = range(len(sim.hosts))
    return [(host, domain["status"]) for host in hosts for domain in sim.domains(host)]


# --- each end of xend.md 4.1, and the response of the request ------------------------------------

STAYS, LOST = "it stays on ovm-1", "IS LOST"
ENDS = {"refused": (0, STAYS), "breaks": (0, STAYS), "cut": (0, STAYS), "loses": (0, LOST)}
OF_ENDS = [
    pytest.param(module, end, failure, id=f"{name}-{end}-{failure}")
    for name, module in MODULES.items()
    for end in ENDS
    for failure in EFFECT_FIRST
]


@pytest.mark.parametrize("personality", PERSONALITIES)
@pytest.mark.parametrize(("module", "end", "failure"), OF_ENDS)
def test_bad_end_without_a_response(module: bool, end: str, failure: str, personality: str) -> None:
    """Each is told as what it is, whatever the client has heard of it."""
    at, words = ENDS[end]
    with pool(module, personality) as (sim, node):
        driver = plain_driver(sim)
        sim.hosts[at].inject(f"migration {end}")
        step = Step(None, CHANGE if module and failure == "drop_after" else MIGRATE)
        rule = misbehave(sim, failure, step)
        sim.calls.clear()
        error = attempt(lambda: quietly(driver.ex_migrate_node, node, "ovm-2", ex_timeout=LIMIT))
        assert rule.hits, "the call that was to fail never came"
        assert error is not None
        assert len(calls_of(sim, MIGRATE, CHANGE)) == 1
        living = [(0, 2)] if words == STAYS else []
        left = [] if module or end != "cut" else [(1, 1)]
        assert placed(sim) == [*living, *left]
        is_known = failure != "drop_after" or module or words == LOST
        assert (words if is_known else "it may still begin") in str(error)
        assert ("`xm destroy" in str(error)) is bool(left)


# --- hosts that fail while its memory is sent ----------------------------------------------------


def _reboot(sim: Simulator, *hosts: int, in_order: bool = True) -> None:
    for host in hosts:
        sim.hosts[host].reboot(in_order)


WRECKS: dict[str, Callable[[Simulator], None]] = {
    "source reboots": lambda sim: _reboot(sim, 0),
    "target reboots": lambda sim: _reboot(sim, 1),
    "both crash": lambda sim: _reboot(sim, 0, 1, in_order=False),
    "xend of the source": lambda sim: sim.restart_xend(0),
    "xend of the target": lambda sim: sim.restart_xend(1),
}
DEATHS = (("agent dies",), ("agent and xm die",), ("agent dies", "xm is late"))
OF_HOSTS = [*WRECKS, *map(", ".join, DEATHS)]


@pytest.mark.parametrize("personality", PERSONALITIES)
@pytest.mark.parametrize("what", OF_HOSTS)
def test_hosts_fail_meanwhile(what: str, personality: str) -> None:
    """Through its claim it is found or free in the end, and never runs twice; no copy is left."""
    slow = {"transfer_mb_per_second": 2}
    with pool(True, personality, **slow) as (sim, node):
        driver = plain_driver(sim)
        done: list[str] = []

        def fail(moment: str) -> None:
            if moment == "before" and not done:
                done.append(what)
                WRECKS[what](sim)

        if what in WRECKS:
            sim.misbehave("hook", "libcloud_read_claim", hook=fail)
        else:
            for fault in what.split(", "):
                sim.hosts[0].inject(fault)
        error = attempt(lambda: quietly(driver.ex_migrate_node, node, "ovm-2", ex_timeout=300))
        assert done or what not in WRECKS
        land(sim)
        for host in sim.hosts:
            host.faults.clear()
        sim.wait(600)
        settled = quietly(plain_driver(sim).ex_settle_node, node)["claim"]
        living = [one for one in placed(sim) if one[1] == 2]
        assert placed(sim) == living, "nothing is left"
        assert (len(living), settled["kind"]) in ((1, "on"), (0, "free")), (error, settled)
        if not living:
            assert plain_driver(sim).start_node(node) is True
        assert len(placed(sim)) == 1
