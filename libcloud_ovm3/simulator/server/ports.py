"""The hosts' listening ports: opened together, closed and opened again one by one."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Sequence

from libcloud_ovm3.simulator.dom0 import agentcode
from libcloud_ovm3.simulator.dom0 import disk as dom0disk
from libcloud_ovm3.simulator.dom0 import jobs as dom0jobs
from libcloud_ovm3.simulator.errors import SimulatorError
from libcloud_ovm3.simulator.host import SimulatedHost
from libcloud_ovm3.simulator.root import certify, read_certificate
from libcloud_ovm3.simulator.server import certificates
from libcloud_ovm3.simulator.server.http import AgentServer, Backend


class Ports:
    """One server for each host that answers.

    :param port: one TCP port for all hosts, 0 = a free one
    :param places: address and port of each host, None = 127.0.0.2, 127.0.0.3, ... on ``port``
    :param secure: False = plain HTTP
    :param tls: see :class:`Simulator`
    """

    def __init__(
        self,
        backend: Backend,
        port: int,
        places: Sequence[tuple[str, int]] | None,
        secure: bool,
        tls: str | None,
    ) -> None:
        self._backend = backend
        self._port = port
        self._places = places
        self._secure = secure
        self._tls = tls
        self._guard = threading.Lock()
        self._servers: dict[int, dict[str, AgentServer]] = {}  # by host and address
        self._own_ports: dict[int, int] = {}
        self._ended = False

    def open_all(self, hosts: Sequence[SimulatedHost], last: int) -> int:
        """Listen for all hosts; one that was shut down in an earlier life stays away.

        :param last: the port of the last life, 0 = none
        :returns: the port that all share, 0 when each was given its own
        :raises SimulatorError: a port is taken
        """
        # A free port must be free on every address: try some, the one of the last life first.
        wanted = self._port or last
        for attempt in range(20):
            port = wanted if attempt == 0 and wanted else _free_port()
            places = self._places or [(f"127.0.0.{host.index + 2}", port) for host in hosts]
            try:
                for host, place in zip(hosts, places, strict=True):
                    host.address, host.port = place
                    self._listen(host)
            except OSError as error:
                self._close_all()
                self._own_ports.clear()
                if self._port or self._places:
                    where = f"{host.address}:{host.port}"
                    raise SimulatorError(f"cannot listen on {where}: {error.strerror}") from None
                continue
            for host in hosts:
                if host.records.get("off"):
                    host.kill()
            return port if self._places is None else 0
        raise SimulatorError("found no port that is free on all addresses")

    def end(self) -> None:
        """Close all for good."""
        with self._guard:
            self._ended = True
        self._close_all()

    def _close_all(self) -> None:
        for index in list(self._servers):
            self._close(index)

    def _listen(self, host: SimulatedHost) -> None:
        """Start the agent: what stands in its agent.ini counts, if it has one."""
        host.close_port = lambda: self._close(host.index)
        host.end_jobs = lambda: dom0jobs.end(host)
        host.listens = lambda: host.index in self._servers
        host.open_port = lambda: self._open(host)
        host.open_address = lambda address: self._open_address(host, address)
        host.close_address = lambda address: self._close_address(host.index, address)
        host.renew_certificate = lambda: self._renew_certificate(host)
        if not agentcode.start(host):
            return
        secure, port = dom0disk.agent_settings(host) or (self._secure, dom0disk.PORT)
        own = self._own_ports.setdefault(host.index, host.port)
        host.port = own if port == dom0disk.PORT else port
        context = None
        if secure:
            context = certificates.server_context(host.folder, self._tls)
        for address in (host.address, *host.records.get("virtual_ips", ())):
            self._serve(host, address, context)
        if port == dom0disk.PORT:
            self._own_ports[host.index] = host.port

    def _serve(self, host: SimulatedHost, address: str, context: ssl.SSLContext | None) -> None:
        server = AgentServer((address, host.port), host, self._backend, context)
        host.port = server.server_address[1]
        self._servers.setdefault(host.index, {})[address] = server
        serve = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        serve.name = f"simulated {host.hostname}"
        serve.start()

    def _close(self, index: int) -> None:
        with self._guard:
            servers = self._servers.pop(index, {})
        for server in servers.values():
            server.close_all()

    def _open_address(self, host: SimulatedHost, address: str) -> None:
        with self._guard:
            if host.index in self._servers:
                self._serve(host, address, self._servers[host.index][host.address].context)

    def _close_address(self, index: int, address: str) -> None:
        with self._guard:
            server = self._servers.get(index, {}).pop(address, None)
        if server is not None:
            server.close_all()

    def _open(self, host: SimulatedHost) -> None:
        with self._guard:
            if host.index not in self._servers and not self._ended:
                self._listen(host)

    def _renew_certificate(self, host: SimulatedHost) -> None:
        certify(host, self._tls)
        read_certificate(host)
        with self._guard:
            context = certificates.server_context(host.folder, self._tls)
            for server in self._servers.get(host.index, {}).values():
                server.context = context if server.context is not None else None


def parse_place(text: str) -> tuple[str, int]:
    """``HOST:PORT`` -> both.

    :raises SimulatorError: it is not of that form
    """
    address, colon, number = text.rpartition(":")
    if not colon or not address or not number.isdigit() or int(number) > 65535:
        raise SimulatorError(f"address {text!r}: write HOST:PORT")
    return address.strip("[]"), int(number)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.2", 0))
        return int(probe.getsockname()[1])
