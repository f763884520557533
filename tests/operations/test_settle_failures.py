"""ex_settle_node, and a start that puts a host into a claim or takes one out: each call that
changes something, times all that can happen to it. Whatever comes of it, the claim names the host
that has the VM, and each word of a person is written once at most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from libcloud_ovm3.errors import Ovm3Error
from libcloud_ovm3.estate.guards import DOUBT, FREE, ON
from libcloud_ovm3.simulator import Simulator
from tests.operations.failures import (
    WRITES,
    Step,
    check_sent_once,
    land,
    misbehave,
    steps_of,
    table_of,
)
from tests.operations.once import once_a_run
from tests.operations.settling import OFF, claim_of, claimed, id_of, live_on, operator
from tests.support import PERSONALITIES, calls_of, give_up_at_once, quietly, simulate

WORDS = ("libcloud_take_out_host", "libcloud_put_in_host", "libcloud_accept_vm_cfg")


@contextmanager
def first(personality: str) -> Iterator[Simulator]:
    """A running VM without a claim, in a repository without claims."""
    with simulate(hosts=2, vms=0, personality=personality, host_module=True) as sim:
        sim.add_vm("subject", running_on=OFF)
        yield sim


@contextmanager
def dead(personality: str) -> Iterator[Simulator]:
    with claimed(personality, running_on=OFF) as sim:
        sim.hosts[OFF].shut_down()
        yield sim


@contextmanager
def edited(personality: str) -> Iterator[Simulator]:
    """Somebody has changed the vm.cfg without a claim."""
    with claimed(personality, hosts=2) as sim:
        [file] = sim.repository_path.glob("VirtualMachines/*/vm.cfg")
        file.write_bytes(file.read_bytes() + b"OVM_description = 'by hand'\n")
        yield sim


@contextmanager
def lacking(personality: str) -> Iterator[Simulator]:
    with claimed(personality, lacking=[OFF], hosts=2) as sim:
        yield sim


def settle(sim: Simulator) -> None:
    operator(sim).ex_settle_node(id_of(sim))


def take_out(sim: Simulator) -> None:
    operator(sim).ex_settle_node(id_of(sim), sim.hosts[OFF].address)


def accept(sim: Simulator) -> None:
    operator(sim).ex_settle_node(id_of(sim), ex_accept=True)


def start_beside(sim: Simulator) -> None:
    operator(sim).start_node(id_of(sim), ex_hosts_off=[sim.hosts[OFF].address])


def start_there(sim: Simulator) -> None:
    operator(sim).start_node(id_of(sim), sim.hosts[OFF].address, ex_unguarded=True)


# The operation, where it begins, and the kind of claim that it comes to.
OPERATIONS: dict[Callable[[Simulator], None], tuple[Any, str]] = {
    settle: (first, ON),
    take_out: (dead, FREE),
    accept: (edited, FREE),
    start_beside: (dead, ON),
    start_there: (lacking, DOUBT),
}


@once_a_run
def steps(operation: Callable[[Simulator], None]) -> list[Step]:
    begin, kind = OPERATIONS[operation]
    with pytest.MonkeyPatch.context() as patch:
        give_up_at_once(patch)  # no fixture does it yet while tests are collected
        with begin("plain") as sim:
            quietly(operation, sim)
            found = [one for one in steps_of(calls_of(sim)) if one.function in WRITES]
            assert claim_of(sim)["kind"] == kind
            return found


TABLE = [
    pytest.param(operation, *case.values, id=f"{operation.__name__}-{case.id}")
    for operation in OPERATIONS
    for case in table_of(steps(operation))
]


@pytest.mark.parametrize("personality", PERSONALITIES)
@pytest.mark.parametrize(("operation", "step", "failure"), TABLE)
def test_settle(
    operation: Callable[[Simulator], None], step: Step, failure: str, personality: str
) -> None:
    begin, kind = OPERATIONS[operation]
    with begin(personality) as sim:
        id_of(sim)
        sim.calls.clear()
        rule = misbehave(sim, failure, step)
        error: Ovm3Error | None = None
        try:
            quietly(operation, sim)
        except Ovm3Error as caught:
            error = caught
        assert rule.hits, "the call that was to fail never came"
        check_sent_once(sim)
        sent = calls_of(sim, *WRITES)
        land(sim)
        assert len([one for one in sent if one in WORDS]) <= 1
        check(live_on(sim), claim_of(sim), error, kind)


def check(live: list[int], claim: Any, error: Ovm3Error | None, kind: str) -> None:
    """Where it is live is in its claim, whatever has failed; without an error all of it is done."""
    assert len(live) <= 1
    if claim is None or claim["kind"] == "none":
        assert error is not None
        return
    named = {one["host"] for one in claim["hosts"]}
    assert {f"ovm-{index + 1}" for index in live} <= named
    if error is None:
        assert claim["kind"] in (kind, DOUBT)  # a host whose look has failed stays in it
    else:
        assert error.nodes
