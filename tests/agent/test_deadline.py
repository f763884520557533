"""agent.deadline: one limit for a whole answer, on any socket."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given as tried
from hypothesis import strategies as st

from libcloud_ovm3.agent.deadline import TimedResponse

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
ENDLESS = b"HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n" + b"x" * 49999


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The client's end and the server's."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_an_answer_and_the_line_after_it(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    ours.settimeout(60)
    for _ in range(2):
        theirs.sendall(ANSWER)
        response = TimedResponse(ours)
        response.begin()
        assert ours.gettimeout() < 60  # what is left of the limit
        assert response.read() == b"hello"
        assert ours.gettimeout() == 60  # the next request does not inherit it
    theirs.sendall(b"still open")
    assert ours.recv(20) == b"still open"


STATUS = st.sampled_from(
    "HTTP/1.1 200 OK|HTTP/1.1 200 |HTTP/1.1 403 Unauthorized 'x'!|HTTP/1.0 200 OK|HTTP/1.1 200|"
    "HTTP/1.1 204 No Content|HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK|ICY 200 OK|"
    "HTTP/1.1 200 \xe9|HTTP/1.1 2000 OK".split("|")
)
FIELDS = st.sampled_from(
    "Content-Length: 5|content-length: 3|Content-Length: -1|Content-Length: +5|Content-Length: 5 |"
    "Content-Length:5|Content-Type: text/xml|Content-Type: a\r\n b|Connection: close|"
    "connection: Keep-Alive|Transfer-Encoding: chunked|Set-Cookie: a=b|X: |X: \xe9|no field|X : 1|"
    "Server: BaseHTTP/0.3 Python/2.4.3|Date: Mon, 30 Nov 2026 10:00:00 GMT".split("|")
)
BODY = b"3\r\nabc\r\n0\r\n\r\n"


@tried(STATUS, st.lists(FIELDS, max_size=4), st.integers(0, 200))
def test_it_is_read_as_by_the_standard_library(status: str, fields: list[str], cut: int) -> None:
    head = "".join(f"{line}\r\n" for line in (status, *fields, "")).encode("latin-1")
    sent = (head + BODY)[: -cut or None] if cut < len(head) else head + BODY
    assert _read(TimedResponse, sent) == _read(http.client.HTTPResponse, sent)


def _read(kind: type[http.client.HTTPResponse], sent: bytes) -> Any:
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            theirs.sendall(sent)
        ours.settimeout(60)
        response = kind(ours)
        try:
            response.begin()
            how = (response.version, response.status, response.reason, response.headers.items())
            rest = (
                response.length,
                response.chunked,
                response.will_close,
                response.msg.as_string(),
            )
            return how, rest, response.read()
        except http.client.HTTPException as error:
            return type(error), str(error)
        finally:
            response.close()


@pytest.mark.parametrize("given", [0, 12, 20, 44])
def test_dribbled_to_death(ends: tuple[socket.socket, socket.socket], given: int) -> None:
    ours, theirs = ends
    ours.settimeout(0.2)
    theirs.sendall(ENDLESS[:given])
    stop = threading.Event()

    def dribble() -> None:
        for byte in ENDLESS[given:]:
            if stop.wait(0.08):
                return
            theirs.sendall(bytes([byte]))

    thread = threading.Thread(target=dribble)
    thread.start()
    start = time.monotonic()
    with pytest.raises(TimeoutError):  # noqa: PT012 (either of the two may be what waits)
        response = TimedResponse(ours)
        response.begin()
        response.read()
    assert time.monotonic() - start > 0.15
    stop.set()
    thread.join()


def test_no_limit_is_none(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    theirs.sendall(ANSWER)
    response = TimedResponse(ours)
    response.begin()
    assert response.read() == b"hello"
    assert ours.gettimeout() is None
