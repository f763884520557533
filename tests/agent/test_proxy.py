"""Proxies, given or from the environment: they work, and are trusted with nothing."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from libcloud_ovm3 import errors
from libcloud_ovm3.agent.connection import AgentConnection
from libcloud_ovm3.agent.tls import HostTrust

from .conftest import PASSWORD
from .served import Proxy, Server


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with Proxy() as running:
        yield running


@pytest.fixture(params=["argument", "https_proxy", "HTTPS_PROXY", "all_proxy"])
def through(
    request: pytest.FixtureRequest, proxy: Proxy, connect: Any, monkeypatch: pytest.MonkeyPatch
) -> Any:
    """``through(server, …)``: a connection through the proxy, told of it in each way."""
    url = f"http://user:pr%6Fxy-secret@127.0.0.1:{proxy.port}"

    def connection(server: Server, **kwargs: Any) -> AgentConnection:
        if request.param == "argument":
            return connect(server, proxy_url=url, **kwargs)
        monkeypatch.setenv(request.param, url)
        return connect(server, **kwargs)

    return connection


def test_calls_go_through_the_proxy(serve: Any, through: Any, proxy: Proxy) -> None:
    server = serve()
    agent = through(server)
    assert [agent.call("echo", number) for number in range(5)] == [0, 1, 2, 3, 4]
    (asked,) = proxy.asked
    assert asked.line.startswith(f"CONNECT 127.0.0.1:{server.port} HTTP/1.")
    credentials = base64.b64encode(b"user:proxy-secret").decode()
    assert asked.headers["proxy-authorization"] == f"Basic {credentials}"
    # Each is told its own password only.
    assert "authorization" not in asked.headers
    assert "proxy-authorization" not in server.requests[0].headers


def test_pins_are_checked_behind_a_proxy(
    serve: Any, through: Any, proxy: Proxy, certificates: Any
) -> None:
    server = serve()
    agent = through(server, trust=HostTrust(pins=(certificates[1].fingerprint,)))
    for function in ("list_vms", "start_vm"):
        with pytest.raises(errors.CertificateRejected, match=certificates[0].fingerprint):
            agent.call(function)
    assert len(proxy.asked) == 2
    assert server.requests == []


def test_cas_and_names_are_checked_behind_a_proxy(
    serve: Any, through: Any, certificates: Any
) -> None:
    server = serve()
    ca = certificates[0].pem
    for trust in (
        HostTrust(ca_cert=certificates[1].pem, server_name="ovm-1"),
        HostTrust(ca_cert=ca, server_name="ovm-2"),
        HostTrust(),
    ):
        with pytest.raises(errors.CertificateRejected):
            through(server, trust=trust).call("list_vms")
    assert server.requests == []
    assert through(server, trust=HostTrust(ca_cert=ca, server_name="ovm-1")).call("echo", 1) == 1


def test_no_proxy_is_honoured(
    serve: Any, connect: Any, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.port}")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert connect(serve()).call("echo", 1) == 1
    assert proxy.asked == []


def test_a_proxy_that_refuses(serve: Any, connect: Any) -> None:
    server = serve()
    with Proxy(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n") as proxy:
        url = f"http://user:pr%6Fxy-secret@127.0.0.1:{proxy.port}"
        with pytest.raises(errors.HostUnreachable, match="407") as caught:
            connect(server, proxy_url=url).call("start_vm")
    assert "secret" not in str(caught.value)
    assert server.connections == 0


def test_a_proxy_that_is_not_there(serve: Any, connect: Any, proxy: Proxy) -> None:
    proxy.__exit__()
    url = f"http://user:proxy-secret@127.0.0.1:{proxy.port}"
    with pytest.raises(errors.HostUnreachable, match="refused") as caught:
        connect(serve(), proxy_url=url).call("start_vm")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["socks5://h:1", "http://h", "http://user@h:1", "nonsense"])
def test_impossible_proxies(serve: Any, connect: Any, url: str) -> None:
    with pytest.raises(errors.InvalidArgument) as caught:
        connect(serve(), proxy_url=url, key=PASSWORD).call("start_vm")
    assert PASSWORD not in str(caught.value)
