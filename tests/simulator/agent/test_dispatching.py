"""Agents call each other: over HTTPS, with the password of the URL, and faults come through."""

from __future__ import annotations

import pytest

from libcloud_ovm3.simulator import Simulator
from libcloud_ovm3.simulator.agent import functions
from tests.simulator.plainclient import client, fault_of
from tests.support import simulate

BOTH = True  # personalities


def _url(sim: Simulator, host: int, password: str | None = None, scheme: str = "https") -> str:
    target = sim.hosts[host]
    given = sim.password if password is None else password
    return f"{scheme}://{sim.user}:{given}@{target.address}:{target.port}/api/3"


@pytest.mark.parametrize("personality", ["plain", "awkward"])
def test_the_other_agents_answer_comes_back(personality: str) -> None:
    with simulate(hosts=2, vms=0, personality=personality) as sim:
        agent = client(sim)
        assert agent.dispatch(_url(sim, 1), "echo", "hello") == "hello"
        there = client(sim, 1).discover_server()
        assert agent.dispatch(_url(sim, 1), "discover_server") == there
        members = ["127.0.0.7", "127.0.0.8"]
        assert agent.dispatch(_url(sim, 1), "set_pool_member_ip_list", members) is None
        assert "127.0.0.8" in client(sim, 1).discover_server_pool()
        assert "127.0.0.8" not in agent.discover_server_pool()
        # by the other one back to the first, which is busy with the call
        back = agent.dispatch(_url(sim, 1), "dispatch", _url(sim, 0), "get_api_version")
        assert back == [3]
        assert [call.function for call in sim.calls if call.host_index == 1].count("dispatch") == 1


@pytest.mark.parametrize("version", ["3.2.1", "3.3.3"])
def test_a_fault_of_the_other_agent_is_unchanged(version: str) -> None:
    with simulate(hosts=2, vms=0, version=version) as sim:
        agent, name = client(sim), "discover_repositories"
        sim.misbehave("fault", name, host=1, text="agent.lib.filelock.LockError:x:y", times=None)
        direct = fault_of(getattr(client(sim, 1), name), sim.repository_id)
        assert fault_of(agent.dispatch, _url(sim, 1), name, sim.repository_id) == direct


def test_when_the_other_agent_refuses_or_does_not_answer(pool: Simulator) -> None:
    agent, wrong = client(pool), "not the password"
    text = fault_of(agent.dispatch, _url(pool, 1, wrong), "echo", "x")
    assert "403" in text
    assert wrong not in text
    assert len(pool.refused) == 1
    sim_calls = len(pool.calls)
    pool.misbehave("drop_after", "disable_ntp", host=1)
    assert "socket.error" in fault_of(agent.dispatch, _url(pool, 1), "disable_ntp")
    assert [call.function for call in pool.calls[sim_calls:]] == ["dispatch", "disable_ntp"]
    assert client(pool, 1).get_ntp()[2] is False
    url = _url(pool, 1)
    pool.hosts[1].kill()
    text = fault_of(agent.dispatch, url, "echo", "x")
    assert "socket.error" in text
    assert pool.password not in text
    log = (pool.hosts[0].folder / "ovs-agent.log").read_text()
    assert f"dispatch function echo to server https://{pool.user}:******@" in log
    assert pool.password not in log


def test_only_loopback_is_called(pool: Simulator) -> None:
    agent = client(pool)
    for url in ("https://u:p@192.0.2.1:8899/", "https://u:p@example.com/", "file:///etc/passwd"):
        text = fault_of(agent.dispatch, url, "echo", "x")
        assert "not on loopback" in text
        assert ":p@" not in text


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1")
def test_plain_http_and_old_tls() -> None:
    with simulate(hosts=2, vms=0, secure=False) as sim:
        agent = client(sim, scheme="http")
        assert agent.dispatch(_url(sim, 1, scheme="http"), "echo", "x") == "x"
    with simulate(hosts=2, vms=0, tls="1.0") as sim:
        rule = sim.misbehave("hook", "echo", host=1, hook=lambda when: None)
        functions.FUNCTIONS["dispatch"][0](sim.hosts[0], _url(sim, 1), "echo", "x")
        assert rule.hits == 1
