"""Simulator(listen=False): requests are answered in this process, as a server answers them."""

from __future__ import annotations

import base64
import xmlrpc.client
from pathlib import Path
from typing import Any

import pytest

from libcloud_ovm3.simulator import Response, SimulatedTime, Simulator, SimulatorError


def simulate(**options: Any) -> Simulator:
    return Simulator(2, listen=False, vms=0, clock=SimulatedTime(), **options)


def ask(sim: Simulator, function: str, *arguments: Any, host: int = 0, path: str = "/") -> Response:
    user = base64.b64encode(f"{sim.user}:{sim.password}".encode()).decode()
    headers = {"Authorization": f"Basic {user}"}
    body = xmlrpc.client.dumps(arguments, function).encode()
    headers["Content-Length"] = str(len(body))
    response = sim.respond(sim.hosts[host].address, sim.hosts[host].port, path, headers, body)
    assert response is not None
    return response


def value(response: Response) -> Any:
    return xmlrpc.client.loads(response.body)[0][0]


def test_a_response() -> None:
    with simulate() as sim:
        response = ask(sim, "echo", "put")
        assert (response.status, response.reason) == (200, "OK")
        assert response.headers["Content-Type"] == "text/xml"
        assert int(response.headers["Content-Length"]) == len(response.body)
        assert value(response) == "put"
        assert ask(sim, "echo", "put", path="/nothing").status == 404
        assert [call.function for call in sim.calls] == ["echo"]
        assert sim.respond("127.0.0.9", 8899, "/", {}, b"") is None
        assert sim.respond("127.0.0.2", 443, "/", {}, b"") is None
        refused = sim.respond("127.0.0.2", 8899, "/", {"Content-Length": "0"}, b"")
        assert refused is not None
        assert refused.status == 403
        assert "Unauthorized access attempt" in refused.reason


def test_addresses() -> None:
    with simulate(addresses=["192.0.2.1:8899", "192.0.2.2:9000"]) as sim:
        assert (sim.hosts[1].address, sim.hosts[1].port) == ("192.0.2.2", 9000)
        assert value(ask(sim, "echo", "put", host=1)) == "put"
    with simulate(port=9001) as sim:
        assert [host.port for host in sim.hosts] == [9001, 9001]


def test_a_module_restarts_the_agent() -> None:
    with simulate() as sim:
        sim.put_host_module(0)
        assert "not supported" not in str(value(ask(sim, "libcloud_identify", [])))
        sim.remove_host_module(0)
        with pytest.raises(xmlrpc.client.Fault, match="not supported"):
            value(ask(sim, "libcloud_identify", []))


def test_another_port_in_agent_ini_and_back() -> None:
    with simulate() as sim:
        ini = sim.dom0(0) / "etc/ovs-agent/agent.ini"
        original = ini.read_text()
        for port, text in ((9002, original.replace("8899", "9002")), (8899, original)):
            ini.write_text(text)
            sim.restart_agent(0)
            assert sim.hosts[0].port == port
            assert value(ask(sim, "echo", "put")) == "put"


def test_hosts_that_cannot_be_reached(tmp_path: Path) -> None:
    with simulate(root=tmp_path) as sim:
        sim.hosts[0].kill()
        with pytest.raises(ConnectionRefusedError):
            ask(sim, "echo", "put")
        sim.hosts[0].revive()
        assert value(ask(sim, "echo", "put")) == "put"
        sim.hosts[1].shut_down()
    with simulate(root=tmp_path) as sim:  # still off in the next run
        with pytest.raises(TimeoutError):
            ask(sim, "echo", "put", host=1)
        sim.hosts[1].reboot()
        assert value(ask(sim, "echo", "put", host=1)) == "put"
        pin = sim.hosts[1].fingerprint
        sim.hosts[1].replace_certificate()
        assert sim.hosts[1].fingerprint != pin
    with pytest.raises(ConnectionRefusedError):
        ask(sim, "echo", "put")


def test_respond_is_for_simulators_that_do_not_listen() -> None:
    for sim in (Simulator(1, listen=False), Simulator(1)):
        with pytest.raises(SimulatorError, match="listen=False"):
            sim.respond("127.0.0.2", 8899, "/", {}, b"")
