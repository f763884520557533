"""agent.connection over real sockets: one call there and back, and many at once."""

from __future__ import annotations

import gzip
import socket
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import libcloud.common.base
import pytest
import requests
import requests_mock
from libcloud.common.base import ConnectionUserAndKey
from libcloud.common.types import InvalidCredsError, MalformedResponseError
from requests.adapters import HTTPAdapter

from libcloud_ovm3 import errors
from libcloud_ovm3.agent import agenthttp
from libcloud_ovm3.agent.call_kinds import TimeLimits
from libcloud_ovm3.agent.connection import AgentConnection
from libcloud_ovm3.agent.tls import HostTrust
from tests.support import eventually

from . import served
from .conftest import PASSWORD
from .served import CLOSE, Request, http

# ------------------------------------------------------------------ one call


def test_a_call_as_the_agent_sees_it(serve: Any, connect: Any) -> None:
    server = serve()
    assert connect(server).call("echo", "é漢", 2**40, None, [{"a": b"b"}]) == "é漢"
    request = server.requests[0]
    assert request.line == "POST /RPC2 HTTP/1.1"
    assert request.headers["content-type"] == "text/xml"
    assert request.headers["accept-encoding"] == "identity"
    assert request.headers["host"] == f"127.0.0.1:{server.port}"
    assert request.call == ("echo", ("é漢", 2**40, None, [{"a": b"b"}]))


def test_password_and_user_in_utf_8(serve: Any, connect: Any) -> None:
    server = serve()
    connect(server, user_id="ørâcle", key="pä:ß漢").call("echo", "x")
    expected = requests.auth._basic_auth_str("ørâcle".encode(), "pä:ß漢".encode())
    assert server.requests[0].headers["authorization"] == expected


def test_a_password_that_is_no_text() -> None:
    with pytest.raises(errors.InvalidArgument, match="password") as caught:
        AgentConnection("oracle", "secret\udcff", host="h")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "value", ["é漢\U0001f600", None, True, 7, 2**40, 1.5, b"\x00", datetime(2014, 8, 15), [{}], ""]
)
def test_values_that_come_back(serve: Any, connect: Any, value: Any) -> None:
    if value == 2**40:
        script = http(
            "<methodResponse><params><param><value><i8>1099511627776</i8></value></param>"
            "</params></methodResponse>"
        )
    else:
        script = served.value(value)
    answer = connect(serve(lambda request: script)).call("echo")
    assert answer == value
    assert type(answer) is type(value)


@pytest.mark.parametrize("content_type", ["text/xml", "text/xml; charset=iso-8859-1", "text/html"])
def test_the_content_type_does_not_spoil_letters(
    serve: Any, connect: Any, content_type: str
) -> None:
    body = served.value("réseau です").partition(b"\r\n\r\n")[2]
    server = serve(lambda request: http(body, content_type=content_type))
    assert connect(server).call("discover_network") == "réseau です"


def test_a_value_that_cannot_be_sent_is_not_sent(serve: Any, connect: Any) -> None:
    server = serve()
    for value in ("a\x00b", 2**63, object(), {1: 2}, float("nan")):
        with pytest.raises(errors.InvalidArgument, match="create_vm"):
            connect(server).call("create_vm", value)
    assert server.connections == 0


def test_a_fault(serve: Any, connect: Any) -> None:
    server = serve(lambda request: served.fault("exceptions.OSError:[Errno 17] Fichier é"))
    with pytest.raises(errors.AgentFault) as caught:
        connect(server).call("copy_file", "a", "b")
    error = caught.value
    assert (error.code, error.kind, error.text) == (1, "exceptions.OSError", "[Errno 17] Fichier é")
    assert (error.host, error.function) == (f"127.0.0.1:{server.port}", "copy_file")
    assert "[Errno 17] Fichier é" in str(error)
    assert f"127.0.0.1:{server.port}: copy_file" in str(error)


@pytest.mark.parametrize(
    "status", ["403 Unauthorized access attempt from ('1.2.3.4', 5)!", "401 -"]
)
def test_refused_credentials(serve: Any, connect: Any, status: str) -> None:
    server = serve(lambda request: http("<h1>no</h1>", status))
    with pytest.raises(InvalidCredsError, match=status.partition(" ")[0]) as caught:
        connect(server).call("list_vms")
    assert isinstance(caught.value, errors.BadCredentials)
    assert caught.value.function == "list_vms"
    assert len(server.requests) == 1
    assert str(caught.value).startswith(f"127.0.0.1:{server.port}: ")
    assert "ex_passwords={'127.0.0.1': ...}" in str(caught.value)


@pytest.mark.parametrize("status", ["403 Forbidden", "403 ", "403"])
def test_a_403_that_is_no_agents(serve: Any, connect: Any, status: str) -> None:
    """As of a web server or a proxy: it may not be the password."""
    server = serve(lambda request: http("<h1>no</h1>", status))
    with pytest.raises(errors.BadCredentials, match="another service may have responded") as caught:
        connect(server).call("list_vms")
    assert "ex_passwords" not in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        http("<html>It works</html>"),
        http("<html>oops</html>", "500 Internal Server Error"),
        http("", "404 Not Found"),
        http(served.value("good").partition(b"\r\n\r\n")[2], "500 Internal Server Error"),
        http("", "204 No Content"),
        http(""),
        http("<methodResponse><params><param><value>a"),
        http("SSH-2.0-OpenSSH_4.3"),
    ],
    ids=lambda answer: answer[:60].decode(),
)
def test_no_agents_answer(serve: Any, connect: Any, answer: bytes) -> None:
    server = serve(lambda request: answer)
    with pytest.raises(errors.MalformedResponse) as caught:
        connect(server).call("list_vms")
    assert isinstance(caught.value, MalformedResponseError)
    assert isinstance(caught.value, errors.OutcomeUnknown)  # it may have taken effect
    assert caught.value.host == f"127.0.0.1:{server.port}"
    assert len(server.requests) == 1


@pytest.mark.parametrize("target", ["https://127.0.0.1:{}/RPC2", "http://127.0.0.1:{}/", "/other"])
@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
def test_redirects_are_not_followed(serve: Any, connect: Any, status: str, target: str) -> None:
    elsewhere = serve()
    location = f"Location: {target.format(elsewhere.port)}"
    server = serve(lambda request: http("", status, location))
    with pytest.raises(errors.MalformedResponse, match=status[:3]):
        connect(server).call("list_vms")
    assert len(server.requests) == 1
    assert elsewhere.connections == 0


def test_chunked_answers(serve: Any, connect: Any) -> None:
    body = served.value("chunked").partition(b"\r\n\r\n")[2]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:9], body[9:]))
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    server = serve(lambda request: head + chunks + b"0\r\n\r\n")
    agent = connect(server)
    assert [agent.call("echo") for _ in range(3)] == ["chunked"] * 3
    assert server.connections == 1


def test_http_1_0_without_length(serve: Any, connect: Any) -> None:
    body = served.value("old").partition(b"\r\n\r\n")[2]
    server = serve(lambda request: [b"HTTP/1.0 200 OK\r\n\r\n" + body, CLOSE])
    agent = connect(server)
    assert [agent.call(name) for name in ("echo", "start_vm", "list_vms", "stop_vm")] == ["old"] * 4
    assert len(server.requests) == 4, "each sent once, each on a line of its own"


@pytest.mark.parametrize("is_orderly", [False, True])
def test_the_end_of_a_line_is_no_end_of_an_answer(
    serve: Any, connect: Any, certificates: Any, is_orderly: bool
) -> None:
    """HTTP/1.0 without a length: half of it is not taken for all, with or without close_notify."""
    body = served.value(["one", "two"]).partition(b"\r\n\r\n")[2]
    for length in (0, 1, len(body) // 2, len(body) - 20):
        cut = b"HTTP/1.0 200 OK\r\n\r\n" + body[:length]
        server = serve(lambda request, cut=cut: [cut, CLOSE], is_orderly=is_orderly)
        with pytest.raises(errors.OutcomeUnknown):
            connect(server).call("list_vms")
    whole = b"HTTP/1.0 200 OK\r\n\r\n" + body
    server = serve(lambda request: [whole, CLOSE], is_orderly=is_orderly)
    assert connect(server).call("start_vm") == ["one", "two"]
    assert len(server.requests) == 1


def test_a_double_of_requests_is_asked(
    serve: Any, connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Libraries for tests, such as responses, replace this method."""
    send, asked = HTTPAdapter.send, []

    def counted(*args: Any, **options: Any) -> Any:
        asked.append(args[1].url)
        return send(*args, **options)

    connection = connect(serve())
    assert connection.call("echo", 1) == 1
    monkeypatch.setattr(HTTPAdapter, "send", counted)
    assert connection.call("echo", 2) == 2
    assert [url.rpartition("/")[2] for url in asked] == ["RPC2"]


def test_an_answer_without_end_is_cut_off(
    serve: Any, connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agenthttp, "MAX_ANSWER_BYTES", 1_000_000)
    sent = []

    def endless(request: Request) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n\r\n"
        while True:
            sent.append(1)
            yield b" " * 100_000

    with pytest.raises(errors.MalformedResponse, match="1000000 bytes"):
        connect(serve(endless)).call("list_vms")
    bomb = gzip.compress(b" " * 50_000_000)
    server = serve(lambda request: http(bomb, "200 OK", "Content-Encoding: gzip"))
    with pytest.raises(errors.MalformedResponse, match="1000000 bytes"):
        connect(server).call("list_vms")


# ------------------------------------------------------------------ many calls


def test_eight_threads_get_their_own_answers(serve: Any, connect: Any) -> None:
    server = serve()
    agent = connect(server)

    def work(thread: int) -> list[str]:
        return [
            asked
            for asked in (f"{thread}-{number}" for number in range(100))
            if agent.call("echo", asked) != asked
        ]

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            wrong = list(pool.map(work, range(8)))
    finally:
        sys.setswitchinterval(interval)
    assert wrong == [[]] * 8
    assert len(server.requests) == 800
    assert server.connections <= 8


def test_a_fault_reaches_the_thread_that_asked(serve: Any, connect: Any) -> None:
    server = serve(lambda request: served.fault(f"exceptions.Exception:{request.call[1][0]}"))
    agent = connect(server)

    def work(number: int) -> str:
        with pytest.raises(errors.AgentFault) as caught:
            agent.call("echo", str(number))
        return str(caught.value.text)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(200))) == [str(number) for number in range(200)]


def test_lines_are_kept(serve: Any, connect: Any) -> None:
    server = serve(lambda request: served.fault("a:b") if request.call[0] == "f" else b"")
    server.script = lambda request: {
        "fault": served.fault("exceptions.Exception:no"),
        "refuse": http("no", "403 No"),
        "html": http("<html/>"),
    }.get(str(request.call[0]), served.value(1))
    agent = connect(server)
    for function in ["echo", "fault", "echo", "refuse", "echo", "html", "echo"] * 5:
        try:
            assert agent.call(function) == 1
        except errors.Ovm3Error:
            assert function != "echo"
    assert server.connections == 1
    assert len(server.requests) == 35


def test_a_kept_line_that_the_agent_closed(serve: Any, connect: Any) -> None:
    server = serve()
    server.close_after_answer = True
    agent = connect(server)
    for number in range(5):
        assert agent.call("create_vm", number) == number  # a write, and no error
        eventually(lambda: not server.lines)
    assert len(server.requests) == 5
    assert server.connections == 5


def test_connecting_is_lazy_and_done_once(serve: Any, connect: Any) -> None:
    server = serve()
    agent = connect(server)
    assert agent.connection is None
    assert server.connections == 0
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: agent.call("echo", number), range(8)))
        http_layer = agent.connection
        list(pool.map(lambda number: agent.call("echo", number), range(8)))
    assert agent.connection is http_layer


# ------------------------------------------------------------------ where to


@pytest.mark.parametrize(
    ("secure", "host", "port", "url"),
    [
        (True, "h", 443, "https://h:443"),
        (False, "h", 443, "http://h:443"),
        (True, "h", 80, "https://h:80"),
        (False, "h", 80, "http://h:80"),
        (True, "h", None, "https://h:8899"),
        (True, "::1", 443, "https://[::1]:443"),
        (False, "fe80::1%eth0", 8899, "http://[fe80::1%eth0]:8899"),
    ],
)
def test_the_url_is_what_was_asked_for(secure: bool, host: str, port: int | None, url: str) -> None:
    agent = AgentConnection("oracle", "pw", secure=secure, host=host, port=port)
    agent.connect()
    assert agent.connection.host == url
    with requests_mock.Mocker(session=agent.connection.session) as mocker:
        mocker.post(
            f"{url}/RPC2".replace("%", "%25"), content=served.value(5).partition(b"\r\n\r\n")[2]
        )
        assert agent.call("echo") == 5
        assert mocker.last_request.netloc == url.partition("//")[2].replace("%", "%25")
        assert mocker.last_request.headers["Authorization"].startswith("Basic ")


@pytest.mark.parametrize("secure", [True, False])
def test_ipv6(serve: Any, connect: Any, certificates: Any, secure: bool) -> None:
    server = serve(host="::1", certificate=certificates[0] if secure else None)
    assert connect(server).call("echo", "six") == "six"
    assert server.requests[0].headers["host"] == f"[::1]:{server.port}"
    assert connect(server).address.netloc == f"[::1]:{server.port}"


@pytest.mark.parametrize("host", ["a..b", "a" * 70, "bad host", "nothing.invalid"])
def test_hosts_that_cannot_be(host: str) -> None:
    agent = AgentConnection("oracle", PASSWORD, host=host, trust=HostTrust(pins=("0" * 64,)))
    with pytest.raises(errors.HostUnreachable) as caught:
        agent.call("start_vm")
    assert caught.value.host == f"{host}:8899"
    assert caught.value.function == "start_vm"


def test_nobody_listens(connect: Any, serve: Any) -> None:
    server = serve()
    server.close()
    with pytest.raises(errors.HostUnreachable, match="refused") as caught:
        connect(server).call("start_vm")
    assert not isinstance(caught.value, errors.CertificateRejected)


def test_a_listener_that_never_accepts_is_given_up_in_time(connect: Any) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=1) as listener:
        agent = AgentConnection(
            "oracle",
            PASSWORD,
            host="127.0.0.1",
            port=listener.getsockname()[1],
            trust=HostTrust(pins=("0" * 64,)),
            limits=TimeLimits(connect=0.2),
        )
        with pytest.raises(errors.HostUnreachable):  # the handshake belongs to connecting
            agent.call("start_vm")


# ------------------------------------------------------------------ libcloud's ways


def test_it_is_libclouds_connection() -> None:
    agent = AgentConnection("oracle", "pw", host="h")
    assert isinstance(agent, ConnectionUserAndKey)
    assert libcloud.common.base.Connection.conn_class is agent.conn_class
    assert agent.limits.read == TimeLimits().read
    assert AgentConnection("oracle", "pw", host="h", timeout=7).limits.read == 7
    agent.connect()
    assert isinstance(agent.connection, libcloud.common.base.LibcloudConnection)


def test_the_answer_is_not_kept_on_the_connection(serve: Any, connect: Any) -> None:
    agent = connect(serve())
    agent.call("echo", "mine")
    assert agent.connection.response is None


@pytest.mark.parametrize("machine", ["127.0.0.1", "default"])
def test_netrc_does_not_replace_our_password(
    serve: Any, connect: Any, tmp_path: Any, machine: str
) -> None:
    line = "default" if machine == "default" else f"machine {machine}"
    netrc = tmp_path / "home" / ".netrc"
    netrc.write_text(f"{line}\nlogin someone\npassword else\n")
    netrc.chmod(0o600)
    assert requests.utils.get_netrc_auth("https://127.0.0.1:8899") == ("someone", "else")
    server = serve()
    connect(server, key="ours").call("echo", "x")
    assert server.requests[0].headers["authorization"] == "Basic b3JhY2xlOm91cnM="


def test_threads_that_leave_do_not_take_the_line_along(serve: Any, connect: Any) -> None:
    server = serve()
    agent = connect(server)
    for number in range(10):
        thread = threading.Thread(target=agent.call, args=("echo", number))
        thread.start()
        thread.join()
    assert len(server.requests) == 10
    assert server.connections == 1
