"""What is sent how often when lines drop and answers are late: never twice, never for ever."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import libcloud.common.base
import pytest

from libcloud_ovm3 import errors
from libcloud_ovm3.agent.call_kinds import TimeLimits

from . import served
from .served import CLOSE, Request, http

TRUNCATED = http("<methodResponse><params>", length=5000)
CHUNK = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n<meth"
# Each drops the line after the request has been read.
DROPS = {
    "without a word": [CLOSE],
    "in the status line": [b"HTTP/1.1 20", CLOSE],
    "in the headers": [b"HTTP/1.1 200 OK\r\nContent-Length: 1", CLOSE],
    "in the body": [TRUNCATED, CLOSE],
    "in a chunk": [CHUNK, CLOSE],
    "with garbage": [b"\x15\x03\x01\x00\x02\x02\x0a\r\n\r\n", CLOSE],
}


@pytest.fixture(params=["off", "1", "0", "module"])
def libclouds_retry(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """libcloud's switch in every position; any text at all turns the variable on."""
    if request.param == "module":
        monkeypatch.setattr(libcloud.common.base, "RETRY_FAILED_HTTP_REQUESTS", True)
    elif request.param != "off":
        monkeypatch.setenv("LIBCLOUD_RETRY_FAILED_HTTP_REQUESTS", request.param)
    return str(request.param)


@pytest.mark.parametrize("drop", DROPS)
@pytest.mark.parametrize("function", ["start_vm", "copy_file", "something_nobody_knows"])
def test_a_write_is_sent_once(
    serve: Any, connect: Any, libclouds_retry: str, function: str, drop: str
) -> None:
    server = serve(lambda request: DROPS[drop])
    agent = connect(server, timeout=300, retry_delay=0.01, backoff=1)
    with pytest.raises(errors.OutcomeUnknown) as caught:
        agent.call(function, "x")
    assert (caught.value.host, caught.value.function) == (str(agent.address), function)
    assert f"{agent.address}: {function}" in str(caught.value)
    time.sleep(0.05)
    assert server.calls() == [function]


@pytest.mark.parametrize("drop", DROPS)
def test_a_read_is_sent_twice_at_most(
    serve: Any, connect: Any, libclouds_retry: str, drop: str
) -> None:
    server = serve(lambda request: DROPS[drop])
    with pytest.raises(errors.OutcomeUnknown):
        connect(server, retry_delay=0.01).call("list_vms")
    assert server.calls() == ["list_vms"] * 2


@pytest.mark.parametrize("drop", DROPS)
def test_a_read_survives_one_drop(serve: Any, connect: Any, drop: str) -> None:
    server = serve()
    server.script = lambda request: (
        DROPS[drop] if len(server.requests) == 1 else served.value("there")
    )
    assert connect(server).call("discover_network") == "there"
    assert len(server.requests) == 2


def test_the_kind_can_be_said(serve: Any, connect: Any) -> None:
    server = serve(lambda request: [CLOSE])
    agent = connect(server)
    with pytest.raises(errors.OutcomeUnknown):
        agent.call("list_vms", kind="write")
    assert len(server.requests) == 1
    with pytest.raises(errors.OutcomeUnknown):
        agent.call("our_own_reader", kind="read")
    assert len(server.requests) == 3


@pytest.mark.parametrize("function", ["list_vms", "start_vm"])
def test_a_kept_line_dropped_under_the_request(serve: Any, connect: Any, function: str) -> None:
    server = serve()
    agent = connect(server)
    agent.call("echo")
    server.script = lambda request: [CLOSE] if request.connection == 0 else served.value("there")
    if function == "list_vms":
        assert agent.call(function) == "there"
        assert server.calls() == ["echo", function, function]
    else:
        with pytest.raises(errors.OutcomeUnknown):
            agent.call(function)
        assert server.calls() == ["echo", function]


def test_dropped_before_the_handshake_is_not_sent(serve: Any, connect: Any) -> None:
    server = serve()
    server.drop_connections = 1000
    for function in ("list_vms", "start_vm"):
        with pytest.raises(errors.HostUnreachable):
            connect(server).call(function)
    assert server.requests == []


def test_malformed_answers_are_not_asked_for_again(serve: Any, connect: Any) -> None:
    server = serve(lambda request: http("<html/>"))
    with pytest.raises(errors.MalformedResponse):
        connect(server).call("list_vms")
    assert len(server.requests) == 1


# ------------------------------------------------------------------ time limits


def silent(request: Request) -> list[Any]:
    return [600.0]


def dribbled_head(request: Request) -> Iterator[bytes | float]:
    for byte in b"HTTP/1.1 200 OK\r\nX-Filler: " + b"x" * 40000:
        yield bytes([byte])
        yield 0.05


def dribbled_headers(request: Request) -> Iterator[bytes | float]:
    yield b"HTTP/1.1 200 OK\r\n"
    for number in range(90):
        yield b"X-%d: x\r\n" % number
        yield 0.3


def dribbled_body(request: Request) -> Iterator[bytes | float]:
    yield b"HTTP/1.1 200 OK\r\nContent-Length: 40000\r\n\r\n"
    for _ in range(40000):
        yield b" "
        yield 0.05


def dribbled_chunks(request: Request) -> Iterator[bytes | float]:
    yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    for _ in range(40000):
        yield b"1\r\n \r\n"
        yield 0.05


def half_a_body(request: Request) -> list[bytes | float]:
    return [TRUNCATED, 600.0]


LATE = [silent, dribbled_head, dribbled_headers, dribbled_body, dribbled_chunks, half_a_body]


@pytest.mark.parametrize("script", LATE)
@pytest.mark.parametrize("secure", [True, False], ids=["tls", "plain"])
def test_late_answers_are_cut_off(
    serve: Any, connect: Any, certificates: Any, script: Any, secure: bool
) -> None:
    server = serve(script, certificate=certificates[0] if secure else None)
    agent = connect(server, limits=TimeLimits(connect=60, read=0.4, write=60, long=60))
    start = time.monotonic()
    with pytest.raises(errors.TimedOut, match=r"0\.4 s") as caught:
        agent.call("list_vms")
    assert time.monotonic() - start > 0.3
    assert (caught.value.host, caught.value.function) == (str(agent.address), "list_vms")
    assert f"{agent.address}: list_vms" in str(caught.value)
    assert len(server.requests) == 1  # a read whose time is up is not begun anew


@pytest.mark.parametrize(
    ("function", "limit"), [("list_vms", "0.1"), ("start_vm", "0.2"), ("copy_file", "0.3")]
)
def test_each_kind_has_its_limit(serve: Any, connect: Any, function: str, limit: str) -> None:
    server = serve(silent)
    agent = connect(server, limits=TimeLimits(connect=60, read=0.1, write=0.2, long=0.3))
    start = time.monotonic()
    with pytest.raises(errors.TimedOut, match=rf"within {limit} s"):
        agent.call(function)
    assert time.monotonic() - start > float(limit) - 0.05
    assert server.calls() == [function]


def test_one_call_may_have_a_limit_of_its_own(serve: Any, connect: Any) -> None:
    agent = connect(serve(silent))
    with pytest.raises(errors.TimedOut, match=r"within 0\.1 s"):
        agent.call("stop_vm", limit=0.1)
    agent = connect(serve(silent), limits=TimeLimits(connect=60, long=0.2))
    with pytest.raises(errors.TimedOut, match=r"within 0\.2 s"):
        agent.call("stop_vm", limit=9)  # it shortens, but does not lengthen


def test_a_slow_answer_within_the_limit_is_read(serve: Any, connect: Any) -> None:
    def slow(request: Request) -> Iterator[bytes | float]:
        whole = served.value("slow")
        for start in range(0, len(whole), 60):
            yield whole[start : start + 60]
            yield 0.05

    server = serve(slow)
    agent = connect(server, limits=TimeLimits(connect=60, read=60))
    assert [agent.call("echo") for _ in range(2)] == ["slow", "slow"]
    assert server.connections == 1


def test_after_a_time_out_the_late_answer_is_nobodys(serve: Any, connect: Any) -> None:
    def late_once(request: Request) -> list[Any]:
        function, arguments = request.call
        return [0.4 if function == "late" else 0.0, served.value(arguments[0])]

    server = serve(late_once)
    agent = connect(server, limits=TimeLimits(connect=60, read=60, write=0.2))
    with pytest.raises(errors.TimedOut):
        agent.call("late", "old")
    assert agent.call("echo", "new") == "new"
    time.sleep(0.3)
    assert agent.call("echo", "newer") == "newer"
