"""Every call of recording and deleting a key pair, with every kind of failure.

The document says afterwards what it said before or what was asked for, and the result says which;
what is recorded of other key pairs stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from libcloud_ovm3.errors import OperationIncomplete, Ovm3Error
from libcloud_ovm3.simulator import Simulator
from tests.operations.failures import (
    EFFECT_FIRST,
    check_sent_once,
    misbehave,
    steps_of,
    table_of,
)
from tests.operations.killed import kill_client_at
from tests.operations.test_ssh_keys import ED25519, RSA
from tests.support import PERSONALITIES, calls_of, driver_for, give_up_at_once, quietly, simulate

OTHER = "other"
READ, WRITE = "libcloud_read_document", "libcloud_write_document"
driver_of = partial(driver_for, ex_keys_repository="MyRepo")


def create(driver: Any) -> Any:
    return driver.create_key_pair("new", ex_type="ed25519")


def import_it(driver: Any) -> Any:
    return driver.import_key_pair_from_string("new", RSA)


def delete(driver: Any) -> Any:
    return driver.delete_key_pair("old")


# Action -> the names before it and after it.
BEFORE = ["old", OTHER]
ACTIONS = {create: ["new", *BEFORE], import_it: ["new", *BEFORE], delete: [OTHER]}
# What is listed, and right before the document is written, again.
STEPS = steps_of(["discover_repositories", READ, WRITE, READ])[:3]


@pytest.fixture(scope="module", params=PERSONALITIES)
def lab(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    with simulate(1, vms=0, host_module=True, personality=request.param) as sim:
        driver_of(sim).import_key_pair_from_string(OTHER, ED25519)
        yield sim


@pytest.fixture
def sim(lab: Simulator) -> Simulator:
    """One key pair to delete, and one that nothing is to happen to."""
    lab.clear_misbehaviour()
    driver = driver_of(lab)
    for one in driver.list_key_pairs():
        if one.name != OTHER:
            driver.delete_key_pair(one)
    driver.import_key_pair_from_string("old", RSA)
    lab.calls.clear()
    return lab


def names(sim: Simulator) -> list[str]:
    found = {one.name: one for one in quietly(driver_of(sim).list_key_pairs)}
    assert found[OTHER].public_key == ED25519, "another key pair was lost"
    return list(found)


@pytest.mark.parametrize("action", ACTIONS)
def test_the_steps_are_those_of_an_undisturbed_run(sim: Simulator, action: Any) -> None:
    action(driver_of(sim))
    calls = [one for one in calls_of(sim) if one != "libcloud_read_agent"]
    assert calls == ["discover_repositories", READ, READ, WRITE]
    assert names(sim) == ACTIONS[action]


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize(("step", "failure"), table_of(STEPS))
def test_a_key_pair_with_a_failure(
    sim: Simulator, action: Any, step: Any, failure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_up_at_once(monkeypatch)
    driver = driver_of(sim)
    rule = misbehave(sim, failure, step)
    error: Ovm3Error | None = None
    result = None
    try:
        result = quietly(action, driver)
    except Ovm3Error as caught:
        error = caught
    assert rule.hits, "the call that was to fail never came"
    check_sent_once(sim)
    sim.clear_misbehaviour()
    sim.flush_delayed()
    sim.wait(40)
    now = names(sim)
    if step.function == WRITE and failure in EFFECT_FIRST:
        assert error is None, "it is there to be read that it was done"
    if isinstance(error, OperationIncomplete):
        assert set(error.left) == set(ACTIONS[action]) ^ set(BEFORE)
        assert now in (BEFORE, ACTIONS[action])
        assert action is not create or "private key is lost" in str(error)
    elif error is None:
        assert now == ACTIONS[action]
        assert action is not create or "PRIVATE KEY" in result.private_key
    else:
        assert now == BEFORE


@pytest.mark.tables  # a process each
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("action", [import_it, delete])
def test_a_client_that_is_killed(sim: Simulator, when: str, action: Any) -> None:
    kill_client_at(sim, STEPS[2], when, in_the_repository, action)
    check_sent_once(sim)
    assert names(sim) in ([ACTIONS[action]] if when == "after" else [BEFORE, ACTIONS[action]])


def in_the_repository(driver: Any, action: Any) -> None:
    """With the driver of another process, which has no ``ex_keys_repository``: where some are."""
    action(driver)
