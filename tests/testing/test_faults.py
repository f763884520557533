"""Faults on demand: in one process the driver gets what it gets over a socket."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from libcloud_ovm3.errors import AgentFault, OutcomeUnknown, TimedOut
from libcloud_ovm3.testing import SimulatedEstate
from tests.testing.ways import mounted, through_conn_class


@pytest.fixture(params=["socket", "mount", "conn_class"])
def estate(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SimulatedEstate]:
    if request.param == "socket":
        with SimulatedEstate(hosts=1) as estate:
            yield estate
    elif request.param == "mount":
        yield from mounted(hosts=1)
    else:
        yield from through_conn_class(monkeypatch, hosts=1)


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("fault", AgentFault),
        ("fault_after", AgentFault),
        ("drop_before", OutcomeUnknown),
        ("drop_after", OutcomeUnknown),
        ("truncate", OutcomeUnknown),
        ("delayed", OutcomeUnknown),
        ("hang", TimedOut),
        ("hang_before", TimedOut),
    ],
)
def test_a_change(estate: SimulatedEstate, kind: str, error: type[Exception]) -> None:
    estate.fail("enable_ntp", kind)
    before = estate.simulator.now()
    with pytest.raises(error) as caught:
        estate.driver().connection.call("enable_ntp")
    assert type(caught.value) is error
    waited = estate.simulator.now() - before
    assert (waited > 10) is (error is TimedOut), "the driver's limit, in simulated time"
    assert estate.calls == ["enable_ntp"], "a change is never sent twice"


def test_a_read_is_repeated_once(estate: SimulatedEstate) -> None:
    call = estate.driver().connection.call
    estate.fail("echo", "drop_before")
    assert call("echo", "put") == "put"
    estate.fail("echo", "drop_before", times=2)
    with pytest.raises(OutcomeUnknown):
        call("echo", "put")
    assert estate.calls == ["echo"] * 4
