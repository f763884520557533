"""The listening ports of all hosts: opened together, then closed and reopened one by one."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Sequence

from libcloud_ovm3.simulator import hostdisk, network
from libcloud_ovm3.simulator.dom0 import agentcode, jobs
from libcloud_ovm3.simulator.errors import SimulatorError
from libcloud_ovm3.simulator.host import SimulatedHost
from libcloud_ovm3.simulator.server import certificates
from libcloud_ovm3.simulator.server.backend import Backend
from libcloud_ovm3.simulator.server.http import AgentServer


class Ports:
    """One server per reachable host and address.

    :param backend: Performs the calls.
    :param port: One TCP port for all hosts, 0 for a free one.
    :param endpoints: Address and port of each host; None for 127.0.0.2, 127.0.0.3, ... on ``port``.
    :param secure: Whether to use TLS; False for plain HTTP.
    :param tls: A key of ``certificates.ERAS``; None for the defaults of this Python.
    """

    def __init__(
        self,
        backend: Backend,
        port: int,
        endpoints: Sequence[tuple[str, int]] | None,
        secure: bool,
        tls: str | None,
    ) -> None:
        self._backend = backend
        self._port = port
        self._endpoints = endpoints
        self._secure = secure
        self._tls = tls
        self._guard = threading.Lock()
        self._servers: dict[int, dict[str, AgentServer]] = {}  # by host and address
        self._contexts: dict[int, ssl.SSLContext | None] = {}  # of the agents that run, by host
        self._own_ports: dict[int, int] = {}
        self._silent: dict[int, list[socket.socket]] = {}  # of hosts that are off, by host
        self._ended = False

    def open_all(self, hosts: Sequence[SimulatedHost], last: int) -> int:
        """Listen for all hosts. A host that was shut down in an earlier run stays down.

        :param last: The port of the last run, 0 for none.
        :returns: The port that all hosts share, 0 if each was given its own.
        :raises SimulatorError: A port is in use.
        """
        # The port must be free on every address: try several, the one of the last run first.
        wanted = self._port or last
        for attempt in range(20):
            port = wanted if attempt == 0 and wanted else _free_port()
            endpoints = self._endpoints or [(f"127.0.0.{host.index + 2}", port) for host in hosts]
            try:
                for host, endpoint in zip(hosts, endpoints, strict=True):
                    host.address, host.port = endpoint
                    self._listen(host)
            except OSError as error:
                self._close_all()
                self._own_ports.clear()
                if self._port or self._endpoints:
                    where = f"{host.address}:{host.port}"
                    raise SimulatorError(
                        f"cannot listen on {where}: {error.strerror}: choose another --port"
                    ) from None
                continue
            for host in hosts:
                if host.records.get("off"):
                    host.kill()
                    host.fall_silent()
            return port if self._endpoints is None else 0
        raise SimulatorError("no port is free on all addresses: choose one")

    def end(self) -> None:
        """Close all ports for good."""
        with self._guard:
            self._ended = True
        self._close_all()

    def _close_all(self) -> None:
        for index in list(self._servers):
            self._close(index)
        for index in list(self._silent):
            self._end_silence(index)

    def _listen(self, host: SimulatedHost) -> None:
        """Start the agent. The settings in its agent.ini apply, if it has one."""
        host.close_port = lambda: self._close(host.index)
        host.fall_silent = lambda: self._fall_silent(host)
        host.end_jobs = lambda: jobs.end(host)
        host.listens = lambda: host.index in self._servers
        host.open_port = lambda: self._open(host)
        host.open_address = lambda address: self._open_address(host, address)
        host.close_address = lambda address: self._close_address(host.index, address)
        host.renew_certificate = lambda: self._renew_certificate(host)
        if not agentcode.start(host):
            return
        secure, port = hostdisk.agent_settings(host) or (self._secure, hostdisk.PORT)
        own = self._own_ports.setdefault(host.index, host.port)
        host.port = own if port == hostdisk.PORT else port
        self._servers[host.index] = {}
        self._contexts[host.index] = (
            certificates.server_context(host.folder, self._tls) if secure else None
        )
        if network.reachable(host):
            for address in (host.address, *host.records.get("virtual_ips", ())):
                self._serve(host, address)
        if port == hostdisk.PORT:
            self._own_ports[host.index] = host.port

    def _serve(self, host: SimulatedHost, address: str) -> None:
        context = self._contexts[host.index]
        server = AgentServer((address, host.port), host, self._backend, context)
        host.port = server.server_address[1]
        self._servers[host.index][address] = server
        serve = threading.Thread(target=server.serve_forever, daemon=True)
        serve.name = f"simulated {host.hostname}"
        serve.start()

    def _close(self, index: int) -> None:
        with self._guard:
            servers = self._servers.pop(index, {})
        for server in servers.values():
            server.close_all()

    def _fall_silent(self, host: SimulatedHost) -> None:
        """Do not respond at all: a closed port of loopback would refuse connections.

        The kernel drops requests for a connection while the queue of the port is full.
        """
        family = socket.AF_INET6 if ":" in host.address else socket.AF_INET
        place = (host.address, host.port)
        with self._guard:
            if self._ended or host.index in self._silent:
                return
            full = socket.create_server(place, family=family, backlog=0)
            self._silent[host.index] = [full, socket.create_connection(place)]

    def _end_silence(self, index: int) -> None:
        for each in self._silent.pop(index, []):
            each.close()

    def _open_address(self, host: SimulatedHost, address: str) -> None:
        with self._guard:
            if address not in self._servers.get(host.index, {address: None}):
                self._serve(host, address)

    def _close_address(self, index: int, address: str) -> None:
        with self._guard:
            server = self._servers.get(index, {}).pop(address, None)
        if server is not None:
            server.close_all()

    def _open(self, host: SimulatedHost) -> None:
        with self._guard:
            if host.index not in self._servers and not self._ended:
                self._end_silence(host.index)
                self._listen(host)

    def _renew_certificate(self, host: SimulatedHost) -> None:
        certificates.certify(host, self._tls)
        certificates.read_certificate(host)
        with self._guard:
            if self._contexts.get(host.index) is not None:
                self._contexts[host.index] = certificates.server_context(host.folder, self._tls)
            for server in self._servers.get(host.index, {}).values():
                server.context = self._contexts[host.index]


def parse_endpoint(text: str) -> tuple[str, int]:
    """Split ``HOST:PORT`` into address and port.

    :raises SimulatorError: The text does not have this form.
    """
    address, colon, number = text.rpartition(":")
    if not colon or not address or not number.isdigit() or int(number) > 65535:
        raise SimulatorError(f"address {text!r}: write HOST:PORT")
    return address.strip("[]"), int(number)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.2", 0))
        return int(probe.getsockname()[1])
