"""agent.probe: which functions a host has, found out without harm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from libcloud_ovm3.agent import catalogue
from libcloud_ovm3.agent.call_kinds import kind_of
from libcloud_ovm3.agent.connection import AgentConnection
from libcloud_ovm3.agent.functions import Agent
from libcloud_ovm3.agent.probe import Probed, is_unknown_function, lacks, probe
from libcloud_ovm3.agent.tls import HostTrust
from libcloud_ovm3.errors import AgentFault, BadCredentials, HostUnreachable, Ovm3Error, TimedOut
from tests.agent.recorder import Recorder
from tests.support import simulate


class Answering(Recorder):
    """Answers each function by a rule: a value, or an error to raise."""

    def __init__(self, rule: Callable[[str], Any]) -> None:
        super().__init__()
        self.rule = rule

    def call(self, function: str, *arguments: Any, **options: Any) -> Any:
        super().call(function, *arguments, **options)
        answer = self.rule(function)
        if isinstance(answer, Ovm3Error):
            raise answer
        return answer


def fault(text: str, kind: str = "exceptions.Exception") -> AgentFault:
    return AgentFault(f"h: {text}", code=1, kind=kind, text=text)


def by_name(found: tuple[Probed, ...]) -> dict[str, Probed]:
    return {probed.function: probed for probed in found}


def test_only_reads_with_harmless_arguments_are_called() -> None:
    recorder = Answering(lambda name: None)
    found = probe(Agent(recorder), limit=3)
    called = [call[0] for call, _ in recorder.calls]
    assert [probed.function for probed in found] == list(catalogue.functions())
    assert {kind_of(name) for name in called} == {"read"}
    assert len(called) == len(set(called)) >= 20
    assert ("echo", "ovm3") in [call for call, _ in recorder.calls]
    assert all(options == {"limit": 3} for _, options in recorder.calls)
    for probed in found:
        wanted = "present" if probed.function in called else "not probed"
        assert probed.verdict == wanted
        assert bool(probed.why) == (wanted != "present")


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        ([], "present"),
        (fault('method "list_vms" is not supported'), "absent"),
        (fault('method "list_vm" is not supported'), "unclear"),
        (fault("'Services' object has no attribute 'list_vms'"), "unclear"),
        (fault("(111, 'Connection refused')", "socket.error"), "unclear"),
        (fault(""), "unclear"),
        (TimedOut("h: list_vms: no whole answer"), "unclear"),
    ],
)
def test_what_an_answer_tells(answer: Any, verdict: str) -> None:
    agent = Agent(Answering(lambda name: answer if name == "list_vms" else None))
    found = by_name(probe(agent))
    assert found["list_vms"].verdict == verdict
    assert (
        found["list_vms"].function in found["list_vms"].why
        or verdict == "present"
        or (isinstance(answer, AgentFault) and found["list_vms"].why == answer.text)
    )
    assert found["echo"] == Probed("echo", "present")


@pytest.mark.parametrize(
    "error", [HostUnreachable("h: no route"), BadCredentials("h: wrong password")]
)
def test_a_host_that_cannot_be_asked(error: Ovm3Error) -> None:
    recorder = Answering(lambda name: error)
    with pytest.raises(type(error)):
        probe(Agent(recorder))
    assert len(recorder.calls) == 1


def test_both_versions_of_the_stock_text() -> None:
    for kind in ("exceptions.Exception", "<type 'exceptions.Exception'>"):
        assert is_unknown_function(fault('method "x" is not supported', kind), "x")
    assert not is_unknown_function(fault('method "x" is not supported'), "y")


NONE = "libcloud_no_such_function"


@pytest.mark.parametrize(
    ("said", "said_of_none", "is_lacking"),
    [
        ('method "x" is not supported', None, True),
        ("no x here", f"no {NONE} here", True),
        ("no x here", f"no {NONE} there", False),
        ("Too many open files", "Too many open files", False),
        ("", "", False),
        ("no x here", HostUnreachable("h: no route"), False),
        ("no x here", TimedOut("h: no whole answer"), False),
        ("no x here", "it answers", False),
    ],
)
def test_what_an_agent_lacks(said: str, said_of_none: Any, is_lacking: bool) -> None:
    if isinstance(said_of_none, str) and said_of_none != "it answers":
        said_of_none = fault(said_of_none)
    agent = Answering(lambda name: said_of_none)
    assert lacks(agent, "x", fault(said)) is is_lacking


@pytest.mark.parametrize("personality", ["plain", "awkward"])
def test_a_simulated_host(personality: str) -> None:
    with simulate(hosts=1, personality=personality) as sim:
        host = sim.hosts[0]
        connection = AgentConnection(
            "oracle",
            sim.password,
            host=host.address,
            port=host.port,
            trust=HostTrust(pins=(host.fingerprint,)),
            read_only=True,
        )
        found = by_name(probe(Agent(connection)))
        called = {call.function for call in sim.calls}
    assert found["list_vms"].verdict == "present"
    assert found["discover_repositories"].verdict == "present"
    assert found["start_vm"].verdict == "not probed"
    assert {kind_of(name) for name in called} == {"read"}
    assert called == {name for name in found if found[name].verdict != "not probed"}
