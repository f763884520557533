"""A small threaded HTTP(S) server that answers exactly what a test tells it, byte for byte."""

from __future__ import annotations

import contextlib
import itertools
import re
import socket
import ssl
import threading
import xmlrpc.client
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from .certificates import Certificate

CLOSE = "close"  # a step of a script: close the line at once


class Request(NamedTuple):
    """What the server has seen of one request."""

    line: str
    headers: dict[str, str]  # names in lower case
    body: bytes
    connection: int  # the how-manieth line it came on, from 0

    @property
    def call(self) -> tuple[str | None, tuple[Any, ...]]:
        """The function and its arguments, as the standard library reads them."""
        arguments, function = xmlrpc.client.loads(self.body, use_builtin_types=True)
        return function, arguments


# What a script may say: bytes to send, seconds to wait, CLOSE.
Step = bytes | float | str
Script = Callable[[Request], Iterable[Step] | bytes]


def http(
    body: bytes | str = b"",
    status: str = "200 OK",
    *headers: str,
    length: int | None = None,
    content_type: str = "text/xml",
) -> bytes:
    """An HTTP answer. ``length`` is what Content-Length claims."""
    content = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {content_type}", *headers]
    lines.append(f"Content-Length: {len(content) if length is None else length}")
    return "\r\n".join([*lines, "", ""]).encode() + content


def value(answer: Any) -> bytes:
    """An XML-RPC answer, written by the standard library."""
    text = xmlrpc.client.dumps((answer,), methodresponse=True, allow_none=True)
    return http(text.encode("utf-8"))


def fault(text: str, code: int = 1) -> bytes:
    """An XML-RPC fault."""
    return http(xmlrpc.client.dumps(xmlrpc.client.Fault(code, text)).encode("utf-8"))


def echo(request: Request) -> bytes:
    """The default script: answers its first argument."""
    _, arguments = request.call
    return value(arguments[0] if arguments else None)


def enveloped(inside: str) -> bytes:
    """A methodResponse around what stands inside <value>."""
    return (
        "<?xml version='1.0'?>\n<methodResponse><params><param><value>"
        f"{inside}</value></param></params></methodResponse>"
    ).encode()


class Server:
    """Listens on loopback until it is closed; every line has a thread of its own.

    :ivar requests: all that came, in order.
    :ivar connections: how many lines were accepted.
    :ivar handshakes_failed: how many of them got no further than TLS.
    """

    def __init__(
        self,
        script: Script = echo,
        certificate: Certificate | None = None,
        *,
        host: str = "127.0.0.1",
        prepare: Callable[[ssl.SSLContext], None] = lambda context: None,
        is_orderly: bool = False,
    ) -> None:
        self.script = script
        self.is_orderly = is_orderly  # ends a line of TLS with close_notify
        self.requests: list[Request] = []
        self.handshakes_failed = 0
        self.drop_connections = 0  # so many lines are closed before a byte is read
        self.close_after_answer = False  # the answer says keep-alive, and the line is closed
        self.certificate = certificate
        self._prepare = prepare
        self._numbers = itertools.count()
        self.connections = 0
        self._context = self._make_context() if certificate else None
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family, backlog=128)
        self.host = host
        self.port = self._listener.getsockname()[1]
        self.stopping = threading.Event()
        self.lines: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def present(self, certificate: Certificate) -> None:
        """From now on, new lines are shown another certificate."""
        self.certificate = certificate
        self._context = self._make_context()

    def calls(self) -> list[str | None]:
        """The functions called, in order."""
        return [request.call[0] for request in self.requests]

    def close_lines(self) -> None:
        """Close every line that is open now."""
        with self._lock:
            lines = list(self.lines)
        for line in lines:
            _shut(line)

    def close(self) -> None:
        self.stopping.set()
        _shut(self._listener)
        self._thread.join(5)
        self.close_lines()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    def _make_context(self) -> ssl.SSLContext:
        assert self.certificate is not None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._prepare(context)  # first: it may allow a key that is small
        context.load_cert_chain(self.certificate.pem, self.certificate.key)
        return context

    def _accept(self) -> None:
        while True:
            try:
                line, _ = self._listener.accept()
            except OSError:
                return
            number = next(self._numbers)
            self.connections = number + 1
            threading.Thread(target=self._serve, args=(line, number), daemon=True).start()

    def _serve(self, line: socket.socket, number: int) -> None:
        if number < self.drop_connections:
            _shut(line)
            return
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._context is not None:
            try:
                line = self._context.wrap_socket(line, server_side=True)
            except OSError:
                self.handshakes_failed += 1
                _shut(line)
                return
        with self._lock:
            self.lines.add(line)
        # Whatever ends the line, the client's going away included, ends it for us as well.
        with contextlib.suppress(OSError, ssl.SSLError):
            for request in read_requests(line, number):
                self.requests.append(request)
                if not self._play(line, self.script(request)) or self.close_after_answer:
                    if self.is_orderly and isinstance(line, ssl.SSLSocket):
                        line.settimeout(2)
                        line.unwrap()
                    break
        _shut(line)
        with self._lock:
            self.lines.discard(line)

    def _play(self, line: socket.socket, steps: Iterable[Step] | bytes) -> bool:
        for step in [steps] if isinstance(steps, bytes) else steps:
            if isinstance(step, bytes):
                line.sendall(step)
            elif step == CLOSE or self.stopping.wait(float(step)):
                return False
        return True


def read_requests(line: socket.socket, number: int) -> Iterator[Request]:
    """The requests on one line until it ends."""
    stream = line.makefile("rb")
    while b" HTTP/1." in (first := stream.readline()):
        headers = {}
        while (row := stream.readline().strip()) != b"":
            name, _, text = row.decode("latin-1").partition(":")
            headers[name.strip().lower()] = text.strip()
        length = int(headers.get("content-length", "0"))
        body = stream.read(length)
        if len(body) < length:
            return
        yield Request(first.decode("latin-1").strip(), headers, body, number)


class Proxy:
    """A CONNECT proxy on loopback. ``refusal``: what it says instead of connecting."""

    def __init__(self, refusal: bytes = b"") -> None:
        self.refusal = refusal
        self.asked: list[Request] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *args: object) -> None:
        _shut(self._listener)
        self._thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                line, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(line,), daemon=True).start()

    def _serve(self, line: socket.socket) -> None:
        with contextlib.suppress(OSError, StopIteration):
            request = next(read_requests(line, 0))
            self.asked.append(request)
            wanted = re.fullmatch(r"CONNECT (.+):([0-9]+) HTTP/1\.[01]", request.line)
            if self.refusal or wanted is None:
                line.sendall(self.refusal or b"HTTP/1.1 400 Bad Request\r\n\r\n")
                _shut(line)
                return
            far = socket.create_connection((wanted[1].strip("[]"), int(wanted[2])), 5)
            line.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=_relay, args=(far, line), daemon=True)
            back.start()
            _relay(line, far)
            back.join(5)
            line.close()
            far.close()


def _relay(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def _shut(line: socket.socket) -> None:
    """Shut and close: a mere close does not wake a thread that waits in it."""
    with contextlib.suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
    with contextlib.suppress(OSError):
        line.close()
