"""Addresses of objects for programs that read by HTTP: a server in this process, on loopback only.

It starts with the first address, on a port that the system chooses, and ends with the process.
Each address has an end and a signature, so nobody can make one or change the object in it. It is no
content delivery network: only this machine reaches it, and everything goes through this process.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import math
import os
import re
import secrets
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote, unquote

from libcloud_ovm3.errors import LOG, InvalidArgument, Ovm3Error, PreconditionFailed
from libcloud_ovm3.storage_errors import ContainerNotFound, ObjectNotFound

ADDRESS = "127.0.0.1"
_IDLE_SECONDS = 60  # that a client may be silent
_BYTES = "application/octet-stream"


@dataclass(frozen=True)
class Served:
    """An object as it is served.

    :ivar size_bytes: Of all of it.
    :ivar etag: Stands for its content: another one has another.
    :ivar read: Its bytes from one offset to before another one.
    """

    size_bytes: int
    content_type: str
    content_encoding: str
    etag: str
    read: Callable[[int, int], Iterator[bytes]]


# Given the names of a container and an object.
Open = Callable[[str, str], Served]


class CDN:
    """The addresses of one driver."""

    def __init__(self, open_object: Open, now: Callable[[], float]) -> None:
        """Nothing is started yet.

        :param now: the clock by which addresses end.
        """
        self.open_object = open_object
        self.now = now
        self.token = secrets.token_hex(8)

    def url(self, container: str, name: str | None, seconds: float) -> str:
        """The address of an object, or of a container: then a slash and the quoted name of an
        object complete it.

        :param seconds: for which it is valid.
        """
        server = _server()
        end = str(math.ceil(self.now() + seconds))
        server.remember(self, int(end))
        scope = [quote(one, safe="") for one in (container, name) if one is not None]
        signed = _signature(server.secret, self.token, end, *scope)
        where = "/".join([self.token, end, signed, *scope])
        return f"http://{ADDRESS}:{server.server_address[1]}/{where}"


def _signature(secret: bytes, *parts: str) -> str:
    return hmac.new(secret, "/".join(parts).encode("ascii"), hashlib.sha256).hexdigest()


class _Server(ThreadingHTTPServer):
    """One for all drivers of a process."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__((ADDRESS, 0), _Handler)
        self.secret = secrets.token_bytes(32)
        self.drivers: dict[str, tuple[CDN, int]] = {}

    def remember(self, cdn: CDN, end: int) -> None:
        """Keep a driver as long as an address of it is valid, and no longer."""
        with _lock:
            of_it = max(end, self.drivers.get(cdn.token, (cdn, 0))[1])
            valid = {key: one for key, one in self.drivers.items() if one[0].now() <= one[1]}
            self.drivers = {**valid, cdn.token: (cdn, of_it)}

    def handle_error(self, *_: object) -> None:
        """A client that has gone away is its own affair."""
        LOG.debug("the loopback server: a request ended early", exc_info=True)


_servers: dict[int, _Server] = {}  # by process: a fork has no thread of the one before it
_lock = threading.Lock()


def _after_fork() -> None:
    """Leave the port to the process that answers on it: with that it is to be gone."""
    global _lock  # noqa: PLW0603 (a thread that is not here may have had it)
    _lock = threading.Lock()
    for server in _servers.values():
        server.socket.close()
    _servers.clear()


os.register_at_fork(after_in_child=_after_fork)


def _server() -> _Server:
    """The server of this process, which is started if it has none."""
    process = os.getpid()
    with _lock:
        if process not in _servers:
            server = _servers[process] = _Server()
            name = "libcloud-ovm3-cdn"
            threading.Thread(target=server.serve_forever, name=name, daemon=True).start()
        return _servers[process]


class _Refused(Exception):
    """A request that is not answered with an object."""

    def __init__(self, why: str, status: HTTPStatus = HTTPStatus.NOT_FOUND) -> None:
        super().__init__(why)
        self.status = status


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "libcloud-ovm3"
    sys_version = ""
    timeout = _IDLE_SECONDS
    server: _Server

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        try:
            served = self._open()
            asked = self.headers.get("Range")
            if self.headers.get("If-Range", f'"{served.etag}"') != f'"{served.etag}"':
                asked = None  # a part of another content than what the client has
            wanted = _range_of(asked, served.size_bytes)
        except _Refused as refused:
            self._refuse(refused.status, str(refused))
            return
        start, end = wanted or (0, served.size_bytes)
        pieces = served.read(start, end) if with_body and end > start else iter(())
        try:
            first = next(pieces, b"")  # what cannot be read is known before the status is sent
        except Ovm3Error as error:
            self._refuse(HTTPStatus.BAD_GATEWAY, str(error))
            return
        self.send_response(HTTPStatus.OK if wanted is None else HTTPStatus.PARTIAL_CONTENT)
        content_type = served.content_type if _is_header(served.content_type) else _BYTES
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(end - start))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Cache-Control", "private")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("ETag", f'"{served.etag}"')
        if _is_header(served.content_encoding):
            self.send_header("Content-Encoding", served.content_encoding)
        if wanted is not None:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{served.size_bytes}")
        self.end_headers()
        self._send(first, pieces)

    def _send(self, first: bytes, pieces: Iterator[bytes]) -> None:
        """The body. What fails in it can only be shown by closing the connection."""
        try:
            self.wfile.write(first)
            for piece in pieces:
                self.wfile.write(piece)
        except Ovm3Error as error:
            LOG.warning("the loopback server: %s", error)
            self.close_connection = True

    def _open(self) -> Served:
        """The object that the path names, if the signature covers it and has not ended."""
        parts = self.path.removeprefix("/").partition("?")[0].split("/")
        if len(parts) < 5:
            raise _Refused("not an address that was given out", HTTPStatus.NOT_FOUND)
        token, end, signed, container, name = *parts[:4], "/".join(parts[4:])
        scopes = [(container, name), (container,)]
        with contextlib.suppress(UnicodeError):
            if any(
                secrets.compare_digest(
                    signed.encode(), _signature(self.server.secret, token, end, *scope).encode()
                )
                for scope in scopes
            ):
                return self._open_for(token, end, unquote(container), unquote(name))
        raise _Refused("not an address that was given out", HTTPStatus.FORBIDDEN)

    def _open_for(self, token: str, end: str, container: str, name: str) -> Served:
        cdn, _ = self.server.drivers.get(token, (None, 0))
        if cdn is None or cdn.now() > int(end):
            raise _Refused("the address is not valid any more", HTTPStatus.GONE)
        try:
            return cdn.open_object(container, name)
        except (ObjectNotFound, ContainerNotFound) as error:
            raise _Refused(str(error), HTTPStatus.NOT_FOUND) from error
        except (InvalidArgument, PreconditionFailed) as error:
            raise _Refused(str(error), HTTPStatus.CONFLICT) from error
        except Ovm3Error as error:
            raise _Refused(str(error), HTTPStatus.BAD_GATEWAY) from error

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        body = f"{why}\n".encode("utf-8", "replace")
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing on the terminal: addresses are secrets while they are valid."""


def _is_header(text: str) -> bool:
    """Whether it can be sent as a header: what was recorded may have line ends in it."""
    return bool(text) and text.isascii() and text.isprintable()


def _range_of(header: str | None, size: int) -> tuple[int, int] | None:
    """The range that a request asks for; None: all, also where several are asked for, or none."""
    found = re.fullmatch(r"bytes=([0-9]{0,18})-([0-9]{0,18})", (header or "").strip())
    if found is None or found[1] == found[2] == "":
        return None
    if not found[1]:
        start, end = max(0, size - int(found[2])), size
    else:
        start, end = int(found[1]), min(size, int(found[2]) + 1) if found[2] else size
        if found[2] and int(found[2]) < start:
            return None
    if start >= end:
        raise _Refused(f"the object has {size} bytes", HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
    return start, end
