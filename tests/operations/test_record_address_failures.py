"""Every call of recording and forgetting addresses, with every kind of failure.

The document says afterwards what it said before or what was to be recorded, and the result says
which; what is recorded of another VM stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from libcloud_ovm3.errors import OperationIncomplete, Ovm3Error, PreconditionFailed
from libcloud_ovm3.estate.vms import read_estate
from libcloud_ovm3.operations import record_address
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.record_address import CardAddresses
from libcloud_ovm3.simulator import Simulator
from tests.operations.failures import check_sent_once, misbehave, steps_of, table_of
from tests.operations.killed import kill_client_at
from tests.support import PERSONALITIES, driver_for, give_up_at_once, quietly, simulate

MACS = {"one": "00:21:f6:00:00:01", "other": "00:21:f6:00:00:02"}
BEFORE, AFTER = ["192.0.2.1"], ["192.0.2.2"]
READ, WRITE = "libcloud_read_document", "libcloud_write_document"
STEPS = steps_of([READ, WRITE, READ])[:2]


def record(driver: Any, name: str, *addresses: str) -> list[str]:
    operation, snapshot = Operation(driver._estate), read_estate(driver._estate)
    vm = snapshot.vm_named(name)
    repository = snapshot.repository(vm.definition.repository_id)
    assert repository is not None
    card = CardAddresses(MACS[name], "xenbr0", addresses)
    return record_address.record_addresses(operation, repository, vm.id, [card])


def record_after(driver: Any) -> list[str]:
    return record(driver, "one", *AFTER)


@pytest.fixture(scope="module", params=PERSONALITIES)
def lab(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    with simulate(1, vms=0, host_module=True, personality=request.param) as sim:
        for name, mac in MACS.items():
            config = {"vif": [f"mac={mac},bridge=xenbr0"]}
            sim.add_vm(name, disk=False, config=config)
        yield sim


@pytest.fixture
def sim(lab: Simulator) -> Simulator:
    lab.clear_misbehaviour()
    record(driver_for(lab), "one", *BEFORE)
    record(driver_for(lab), "other", "192.0.2.9")
    lab.calls.clear()
    return lab


def addresses(sim: Simulator) -> list[str]:
    nodes = {node.name: node.private_ips for node in driver_for(sim).list_nodes()}
    assert nodes["other"] == ["192.0.2.9"], "what is recorded of another VM was lost"
    found: list[str] = nodes["one"]
    return found


def test_the_steps_are_those_of_an_undisturbed_run(sim: Simulator) -> None:
    record_after(driver_for(sim))
    recording = ("libcloud_read_agent", "libcloud_repository")
    assert [c.function for c in sim.calls if c.function not in recording] == [READ, WRITE]
    assert addresses(sim) == AFTER


@pytest.mark.parametrize(("step", "failure"), table_of(STEPS))
def test_recording(
    sim: Simulator, step: Any, failure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_up_at_once(monkeypatch)
    driver = driver_for(sim)
    rule = misbehave(sim, failure, step)
    error: Ovm3Error | None = None
    notices: list[str] = []
    try:
        notices = record_after(driver)
    except Ovm3Error as caught:
        error = caught
    assert rule.hits, "the call that was to fail never came"
    check_sent_once(sim)
    seen = addresses(sim) if failure != "delayed" else []
    sim.clear_misbehaviour()
    sim.flush_delayed()
    sim.wait(40)
    now = addresses(sim)
    if isinstance(error, OperationIncomplete):
        assert driver.ex_get_node_by_name("one").id in error.left
        assert now in (BEFORE, AFTER)
    elif error is None:
        assert now == AFTER
        assert bool(notices) is (step.function == WRITE)
    else:
        assert seen in (BEFORE, [])
        assert now == BEFORE


def test_it_is_not_recorded_without_a_module_that_shows_it(sim: Simulator) -> None:
    with pytest.raises(PreconditionFailed, match="`ovm3 host install`"):
        record_after(driver_for(sim, ex_host_module=False))
    assert addresses(sim) == BEFORE


@pytest.mark.tables  # a process each
@pytest.mark.parametrize("when", ["before", "after"])
def test_recording_killed(sim: Simulator, when: str) -> None:
    kill_client_at(sim, STEPS[1], when, record_after)
    check_sent_once(sim)
    assert addresses(sim) in ([AFTER] if when == "after" else [BEFORE, AFTER])
    quietly(record_after, driver_for(sim))
    assert addresses(sim) == AFTER
