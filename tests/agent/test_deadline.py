"""agent.deadline: one limit for a whole answer, on any socket."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

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
