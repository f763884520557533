"""Answers in this process: the same as over a socket, and none is ever opened."""

from __future__ import annotations

import socket
import xmlrpc.client
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import requests_mock as mocking
from libcloud.common.types import InvalidCredsError
from libcloud.http import LibcloudConnection
from libcloud.test import MockHttp

from libcloud_ovm3 import OVM3NodeDriver
from libcloud_ovm3.agent.connection import AgentConnection
from libcloud_ovm3.errors import (
    HostUnreachable,
    InvalidArgument,
    MalformedResponse,
)
from libcloud_ovm3.simulator import SimulatorError
from libcloud_ovm3.testing import SimulatedEstate, mount
from libcloud_ovm3.testing.mockhttp import OVM3MockHttp, answer
from tests.support import quietly
from tests.testing.ways import mounted, through_conn_class


@pytest.fixture(autouse=True)
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise AssertionError("a socket was opened")

    for name in ("connect", "bind", "listen"):
        monkeypatch.setattr(socket.socket, name, refuse)


@pytest.fixture(params=["mount", "conn_class"])
def estate(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SimulatedEstate]:
    options: dict[str, Any] = {"personality": "awkward", "host_module": True}
    if request.param == "mount":
        yield from mounted(**options)
    else:
        yield from through_conn_class(monkeypatch, **options)


def test_a_whole_life(estate: SimulatedEstate) -> None:
    driver = estate.driver()
    web = driver.create_node("wéb", driver.list_sizes()[0], driver.list_images()[0])
    [host] = estate.runs_on(web)
    assert driver.ex_get_node_by_name("wéb").extra["address"] == f"127.0.0.{host + 2}:8899"
    driver.stop_node(web)
    assert estate.runs_on(web) == []
    driver.start_node(web)
    driver.destroy_node(web)
    assert len(driver.list_nodes()) == 2
    assert estate.simulator.connections == 0


def test_hosts_that_do_not_answer(estate: SimulatedEstate) -> None:
    estate.hosts[1].kill()
    estate.hosts[2].shut_down()
    places = {one.extra["address"]: one.extra for one in quietly(estate.driver().list_locations)}
    assert places["127.0.0.2:8899"]["status"] == "ok"
    assert "refused" in places["127.0.0.3:8899"]["reason"]
    assert "timed out" in places["127.0.0.4:8899"]["reason"]
    for host in estate.hosts[1:]:
        host.revive()
    assert {one.extra["status"] for one in estate.driver().list_locations()} == {"ok"}
    estate.hosts[0].kill()
    with pytest.raises(HostUnreachable):
        estate.driver().list_nodes()


@pytest.mark.parametrize("way", ["mount", "conn_class"])
def test_names_of_hosts_have_no_case(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    options: dict[str, Any] = {"hosts": 1, "addresses": ["OVM-1.example.com:8899"]}
    estates = mounted(**options) if way == "mount" else through_conn_class(monkeypatch, **options)
    for estate in estates:
        assert len(estate.driver().list_nodes()) == 2


def test_a_wrong_password(estate: SimulatedEstate) -> None:
    with pytest.raises(InvalidCredsError):
        estate.driver(secret="wrong").list_nodes()
    assert estate.simulator.refused


# ------------------------------------------------------------------ requests-mock


def test_any_client_of_requests() -> None:
    for estate in mounted(hosts=1, addresses=["ovm-1.example.com:443"]):
        user = (estate.simulator.user, estate.simulator.password)
        call = xmlrpc.client.dumps(("put",), "echo")
        got = requests.post("https://ovm-1.example.com/RPC2", data=call, auth=user)
        assert xmlrpc.client.loads(got.content)[0] == ("put",)
        assert requests.post("https://ovm-1.example.com/other", auth=user).status_code == 404
        assert requests.post("https://ovm-1.example.com/RPC2", data=call).status_code == 403
        assert requests.get("https://ovm-1.example.com/RPC2").status_code == 501
        with pytest.raises(mocking.NoMockAddress):
            requests.post("https://ovm-2.example.com/RPC2", data=call, auth=user)
        estate.hosts[0].kill()
        with pytest.raises(requests.ConnectionError):
            requests.post("https://ovm-1.example.com/RPC2", data=call, auth=user)


def test_two_estates_share_no_address() -> None:
    """The driver of one would get the responses of the other."""
    with mocking.Mocker() as mocker, mount(mocker, hosts=2, vms=1) as one:
        with pytest.raises(SimulatorError, match=r"127\.0\.0\.2:8899 .*addresses="):
            mount(mocker, hosts=1)
        with mount(mocker, hosts=1, vms=3, addresses=["ovm-9:8899"]) as other:
            assert [len(each.driver().list_nodes()) for each in (one, other)] == [1, 3]
        one.close()
        with mount(mocker, hosts=1, vms=2) as third:
            assert len(third.driver().list_nodes()) == 2


@pytest.mark.parametrize("wrong", [mocking, None, "requests_mock"])
def test_what_nothing_can_be_mounted_on(wrong: object) -> None:
    with pytest.raises(SimulatorError, match=r"expected the fixture requests_mock or a started"):
        mount(wrong, hosts=1)


# ------------------------------------------------------------------ conn_class


class Canned(OVM3MockHttp):
    def _RPC2_discover_server(self, *_: Any) -> Any:
        return answer("not a document")

    def _RPC2_NOT_AN_AGENT(self, *_: Any) -> Any:
        return 200, "<html>", {}, "OK"


def test_answers_of_methods(monkeypatch: pytest.MonkeyPatch) -> None:
    for estate in through_conn_class(monkeypatch, hosts=1):
        monkeypatch.setattr(AgentConnection, "conn_class", Canned)
        with pytest.raises(MalformedResponse):
            estate.driver().list_nodes()
        assert "discover_server" not in estate.calls
        monkeypatch.setattr(Canned, "type", "NOT_AN_AGENT")
        with pytest.raises(MalformedResponse, match="XML"):
            estate.driver().connection.call("echo", "put")


def test_without_an_estate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AgentConnection, "conn_class", Canned)
    driver = OVM3NodeDriver("oracle", "pw", host="ovm-1", ex_fingerprint="ab" * 32)
    with pytest.raises(HostUnreachable, match=r"OVM3MockHttp\.estate"):
        driver.connection.call("echo", "put")


def test_a_class_that_cannot_send(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AgentConnection, "conn_class", MockHttp)
    driver = OVM3NodeDriver("oracle", "pw", host="ovm-1", ex_fingerprint="ab" * 32)
    with pytest.raises(InvalidArgument, match=r"MockHttp: expected a class with a method post"):
        driver.list_nodes()


def test_afterwards_the_real_connection_is_back() -> None:
    assert AgentConnection.conn_class is LibcloudConnection
    assert "conn_class" not in vars(AgentConnection)
