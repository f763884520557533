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
    ("kind", "error", "is_done"),
    [
        ("fault", AgentFault, False),
        ("fault_after", AgentFault, True),
        ("drop_before", OutcomeUnknown, False),
        ("drop_after", OutcomeUnknown, True),
        ("truncate", OutcomeUnknown, True),
        ("delayed", OutcomeUnknown, False),
        ("hang", TimedOut, True),
        ("hang_before", TimedOut, False),
    ],
)
def test_a_change(
    estate: SimulatedEstate, kind: str, error: type[Exception], is_done: bool
) -> None:
    def is_disabled() -> bool:
        return not estate.driver().connection.call("get_ntp")[2]

    assert not is_disabled()
    estate.simulator.calls.clear()
    estate.fail("disable_ntp", kind)
    before = estate.simulator.now()
    with pytest.raises(error) as caught:
        estate.driver().connection.call("disable_ntp")
    assert type(caught.value) is error
    waited = estate.simulator.now() - before
    assert (waited > 10) is (error is TimedOut), "the driver's limit, in simulated time"
    assert estate.calls == ["disable_ntp"], "a change is never sent twice"
    assert is_disabled() is is_done
    estate.wait(3600)
    assert is_disabled() is is_done, "without seconds= a delayed call waits for flush_delayed()"
    estate.simulator.flush_delayed()
    assert is_disabled() is (is_done or kind == "delayed")


def test_a_delayed_change(estate: SimulatedEstate) -> None:
    estate.fail("disable_ntp", "delayed", seconds=5)
    call = estate.driver().connection.call
    with pytest.raises(OutcomeUnknown):
        call("disable_ntp")
    assert call("get_ntp")[2]
    estate.wait(6)
    assert not call("get_ntp")[2]


def test_a_read_is_repeated_once(estate: SimulatedEstate) -> None:
    call = estate.driver().connection.call
    estate.fail("echo", "drop_before")
    assert call("echo", "put") == "put"
    estate.fail("echo", "drop_before", times=2)
    with pytest.raises(OutcomeUnknown):
        call("echo", "put")
    assert estate.calls == ["echo"] * 4
