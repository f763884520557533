"""Clock, time zone, NTP and the agent's password."""

from __future__ import annotations

import datetime
import xmlrpc.client

import pytest

from tests.simulator.plainclient import client, fault_of
from tests.support import simulate

ZONE = ["America/New_York", False]


def test_timezone_and_ntp_are_what_was_set_also_in_a_later_life(tmp_path) -> None:
    with simulate(hosts=2, vms=0, root=tmp_path) as sim:
        agent = client(sim)
        assert agent.get_timezone() == ["Europe/Amsterdam", True]
        assert agent.get_ntp() == [[], True, True]
        assert agent.set_timezone(*ZONE) is None
        assert agent.set_ntp(["ntp-1", "ntp-2"], False) is None
        assert agent.disable_ntp() is None
        assert "Invalid timezone" in fault_of(agent.set_timezone, "Mars/Olympus", True)
        assert "Invalid timezone" in fault_of(agent.set_timezone, "../../etc/passwd", True)
        assert "TypeError" in fault_of(agent.set_ntp, "ntp-1", False)
    with simulate(hosts=2, vms=0, root=tmp_path) as sim:
        agent = client(sim)
        assert agent.get_timezone() == ZONE
        assert agent.get_ntp() == [["ntp-1", "ntp-2"], False, False]
        assert agent.enable_ntp() is None
        assert agent.get_ntp() == [["ntp-1", "ntp-2"], False, True]
        document = agent.discover_server()
        for text in (
            "<Time_Zone>America/New_York<",
            "<UTC>False<",
            "<Local_Time_Source>False<",
            "<Is_NTP_Running>True<",
        ):
            assert text in document
        assert client(sim, 1).get_timezone() == ["Europe/Amsterdam", True]


def test_the_clock_can_be_set() -> None:
    with simulate(hosts=2, vms=0) as sim:
        agent = client(sim)
        agent.set_timezone("Asia/Tokyo", True)
        assert agent.set_datetime(2031, 2, 3, 4, 5, 6) is None
        assert agent.get_datetime()[:4] == [2031, 2, 3, 4]
        wanted = datetime.datetime(2031, 2, 2, 19, 5, 6, tzinfo=datetime.timezone.utc).timestamp()
        assert 0 <= agent.get_last_boot_time()["local_time"] - wanted < 30
        agent.set_timezone("UTC", True)
        assert agent.get_datetime()[:4] == [2031, 2, 2, 19]
        assert abs(client(sim, 1).get_last_boot_time()["local_time"] - sim.clock.now()) < 1
        assert "ValueError" in fault_of(agent.set_datetime, 2031, 2, 30, 4, 5, 6)


@pytest.mark.parametrize("version", ["3.2.1", "3.3.3"])
def test_the_password_of_one_host_is_changed(version: str, tmp_path) -> None:
    old = version.startswith("3.2")
    with simulate(hosts=2, vms=0, version=version, root=tmp_path) as sim:
        agent, user, new = client(sim), sim.user, "another one"
        right = (user, new) if old else (user, new, sim.password)
        wrong = (*right, "x") if old else right[:2]
        assert "takes exactly" in fault_of(agent.update_agent_password, *wrong)
        assert "No such user" in fault_of(agent.update_agent_password, "root", *right[1:])
        if not old:
            assert "Wrong password" in fault_of(agent.update_agent_password, user, new, "guess")
        assert agent.update_agent_password(*right) is None
        with pytest.raises(xmlrpc.client.ProtocolError, match="403"):
            agent.echo("x")
        assert client(sim, user=f"{user}:another%20one@").echo("x") == "x"
        assert client(sim, 1).echo("x") == "x"
        log = (sim.hosts[0].folder / "ovs-agent.log").read_text()
        assert "update_agent_password" in log
        assert new not in log
        assert sim.password not in log
    with simulate(hosts=2, vms=0, version=version, root=tmp_path) as sim:
        assert sim.hosts[0].password == new
        assert client(sim, user=f"{sim.user}:another%20one@").echo("x") == "x"
        with pytest.raises(xmlrpc.client.ProtocolError, match="403"):
            client(sim).echo("x")
