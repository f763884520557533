"""Requests that are answered in this process: no port is opened, and there is no TLS."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.parser import BytesHeaderParser
from typing import Any

from libcloud_ovm3.simulator import hostdisk, network
from libcloud_ovm3.simulator.dom0 import agentcode, jobs
from libcloud_ovm3.simulator.host import SimulatedHost
from libcloud_ovm3.simulator.server import certificates
from libcloud_ovm3.simulator.server.backend import Backend
from libcloud_ovm3.simulator.server.http import Handler

PORT = 8899  # the agents' own: nothing listens there, so it is always free


@dataclass(frozen=True)
class Response:
    """An HTTP response of a simulated host."""

    status: int
    reason: str
    headers: dict[str, str]
    body: bytes


class InProcess:
    """What :class:`.Ports` is for simulators that listen: which hosts can be reached.

    :param backend: Performs the calls.
    :param port: The port in all addresses, 0 for the agents' own.
    :param endpoints: Address and port of each host; None for 127.0.0.2, 127.0.0.3, ... on ``port``.
    """

    def __init__(
        self, backend: Backend, port: int, endpoints: Sequence[tuple[str, int]] | None, *_: object
    ) -> None:
        self._backend = backend
        self._port = port or PORT
        self._endpoints = endpoints
        self._hosts: Sequence[SimulatedHost] = ()
        self._own_ports: dict[int, int] = {}
        self._listening: set[int] = set()
        self._silent: set[int] = set()

    def open_all(self, hosts: Sequence[SimulatedHost], last: int) -> int:
        """Let all hosts be reached, but those that were shut down in an earlier run."""
        self._hosts = hosts
        for host in hosts:
            host.address, host.port = (
                (f"127.0.0.{host.index + 2}", self._port)
                if self._endpoints is None
                else self._endpoints[host.index]
            )
            self._own_ports[host.index] = host.port
            self._connect(host)
            self._open(host)
            if host.records.get("off"):
                host.kill()
                host.fall_silent()
        return last

    def end(self) -> None:
        """Let no host be reached any more."""
        self._listening.clear()

    def _connect(self, host: SimulatedHost) -> None:
        host.close_port = lambda: self._listening.discard(host.index)
        host.fall_silent = lambda: self._silent.add(host.index)
        host.end_jobs = lambda: jobs.end(host)
        host.listens = lambda: host.index in self._listening
        host.open_port = lambda: self._open(host)
        host.open_address = host.close_address = lambda address: None
        host.renew_certificate = lambda: self._renew_certificate(host)

    def _open(self, host: SimulatedHost) -> None:
        self._silent.discard(host.index)
        if agentcode.start(host):
            self._listening.add(host.index)
            _, port = hostdisk.agent_settings(host) or (True, hostdisk.PORT)
            host.port = self._own_ports[host.index] if port == hostdisk.PORT else port

    def _renew_certificate(self, host: SimulatedHost) -> None:
        certificates.certify(host, None)
        certificates.read_certificate(host)

    def host_at(self, address: str, port: int) -> SimulatedHost | None:
        """The host with this address, as its own or as its virtual one; names have no case."""
        for host in self._hosts:
            addresses = (host.address, *host.records.get("virtual_ips", ()))
            if address.lower() in map(str.lower, addresses) and port == host.port:
                return host
        return None

    def respond(
        self, host: SimulatedHost, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> Response:
        """Answer a request as the host's server does.

        :raises ConnectionRefusedError: Nothing listens there.
        :raises TimeoutError: The host is off, so that nothing answers.
        :raises ConnectionResetError: The connection was closed without a response.
        :raises Hanging: No response comes.
        """
        if host.index in self._silent:
            raise TimeoutError("timed out")
        if host.index not in self._listening or not network.reachable(host):
            raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {headers[name]}" for name in headers)]
        head = "\r\n".join([*lines, "Connection: close", "", ""])
        request = _OneRequest(_Server(host, self._backend), head.encode("latin-1") + body)
        if not network.reachable(host):  # the call has taken the host's address away
            request.break_connection()
        return request.response()


class Hanging(TimeoutError):
    """The request was received, and its response never comes."""


@dataclass(frozen=True)
class _Server:
    """What the handler of requests needs of its server."""

    host: SimulatedHost
    backend: Backend


class _OneRequest(Handler):
    """The same handler, of one request that is in memory."""

    server: Any

    def __init__(self, server: _Server, request: bytes) -> None:
        self._request = request
        self._is_closed = self._is_hanging = False
        super().__init__(None, ("127.0.0.1", 0), server)  # type: ignore[arg-type]

    def setup(self) -> None:
        self.rfile = io.BufferedReader(io.BytesIO(self._request))
        self.wfile = io.BytesIO()

    def finish(self) -> None:
        """Nothing: what was written stays."""

    def break_connection(self) -> None:
        self._is_closed = True

    def _wait_for_disconnect(self) -> None:
        self._is_hanging = True

    def response(self) -> Response:
        if self._is_hanging:
            raise Hanging("timed out")
        if self._is_closed:
            raise ConnectionResetError(errno.ECONNRESET, "Connection closed without a response")
        head, _, body = self.wfile.getvalue().partition(b"\r\n\r\n")  # type: ignore[attr-defined]
        status_line, _, lines = head.partition(b"\r\n")
        _, status, reason = status_line.decode("latin-1").split(" ", 2)
        headers = BytesHeaderParser().parsebytes(lines)
        return Response(int(status), reason, dict(headers.items()), body)
