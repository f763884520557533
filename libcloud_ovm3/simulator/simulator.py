"""The simulator: several hosts with a shared repository, started and stopped together."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any

from libcloud_ovm3.simulator import seeds, state
from libcloud_ovm3.simulator.clock import SimulatedTime
from libcloud_ovm3.simulator.controls import Controls
from libcloud_ovm3.simulator.dom0 import jobs
from libcloud_ovm3.simulator.dom0.trees import Dom0Trees
from libcloud_ovm3.simulator.errors import SimulatorError
from libcloud_ovm3.simulator.host import SimulatedHost
from libcloud_ovm3.simulator.machines import machines as real
from libcloud_ovm3.simulator.personalities import answers_of
from libcloud_ovm3.simulator.root import Options, Root, open_root
from libcloud_ovm3.simulator.server import bundle
from libcloud_ovm3.simulator.server.backend import Backend
from libcloud_ovm3.simulator.server.calls import Call, RefusedRequest
from libcloud_ovm3.simulator.server.inprocess import InProcess, Response
from libcloud_ovm3.simulator.server.ports import Ports, parse_endpoint
from libcloud_ovm3.simulator.xend import xendomains
from libcloud_ovm3.simulator.xend.clients import go_on


class Simulator(Controls):
    """Simulated Oracle VM Server 3 hosts on loopback; a context manager.

    :param hosts: How many hosts.
    :param version: The agent's version: 3.2.x, 3.3.x or 3.4.x.
    :param root: The directory of all state; None for a temporary one, which :meth:`stop` removes.
        A root that was used before continues where it was, even after a kill.
    :param templates: How many raw templates a new root gets.
    :param vms: How many running VMs a new root gets, spread over the hosts.
    :param personality: ``plain`` or ``awkward`` (personalities.py).
    :param speed: Simulated seconds per real second; divides every simulated duration.
    :param clock: For tests: a time that advances only while something waits; replaces ``speed``.
    :param port: One TCP port for all hosts, 0 for a free one.
    :param addresses: ``host:port`` of each host; by default 127.0.0.2, 127.0.0.3, ... on ``port``.
    :param user: The agent's user.
    :param password: The agent's password, None for a random one.
    :param secure: Whether to use TLS; False for plain HTTP (``ssl=disable`` in agent.ini).
    :param tls: ``"1.0"`` for TLS 1.0 only, ``"el5"`` or ``"el6"`` for the TLS of such a host, None
        for the defaults of this Python (certificates.py). Determines the certificates of a *new*
        root too.
    :param answers: Question -> answer, instead of the personality's own answer.
    :param pool: Whether the hosts form a server pool.
    :param owner: Uuid of the manager that owns hosts and repository; None for a random one, ``""``
        for no owner.
    :param secondary_mount: Whether each host of a new root mounts ``<export>/VirtualMachines``
        under /nfsmnt, as CloudStack does.
    :param template_bytes: The size of each template.
    :param layout: What a new root contains besides: ``plain`` nothing more, ``manager`` and
        ``cloudstack`` what those products leave in a repository (layouts.py), ``bare`` hosts
        without bridges, whose bond carries their address (network.py).
    :param repositories: How many repositories a new root gets; all hosts mount all of them.
    :param from_bundle: A file of recorded responses (docs/bundle.md): there is one host per
        recorded host, which responds from the file and changes nothing. ``hosts``, ``templates``
        and ``vms`` are ignored.
    :param listen: Whether to open ports. False: :meth:`respond` answers requests in this process;
        ``secure`` and ``tls`` do not apply then, and the default port is 8899.
    :param host_module: Whether the hosts have this project's host module (docs/host-module.md), or
        the indexes of the hosts that have it.
    :param older_module: Whether new dom0 trees contain another integration's module.
    :param machines: ``qemu``: each VM with a disk that a host starts runs in a QEMU of its own, as
        docs/simulator.md says (root only; not with ``clock`` or ``from_bundle``). None: VMs are
        records, and nothing runs in them.
    :param tuned: Numbers of :class:`.Settings`, in simulated seconds unless the name says
        otherwise: memory_mb, build_seconds, device_seconds, shutdown_seconds, reboot_gap,
        boot_seconds, minimum_restart_seconds, copy_bytes_per_second, ...; shares_blocks: whether
        the host module can clone files; xendomains: whether hosts have this service on.
    :raises SimulatorError: An argument is not valid or contradicts the root.

    :ivar hosts: The hosts (:class:`.SimulatedHost`), once it is started; and what follows.
    :ivar user: The agents' user.
    :ivar password: The agents' password.
    :ivar root: The directory of all state.
    :ivar repository_id: The id of the shared repository.
    :ivar repository_path: Its directory on this machine.
    """

    def __init__(
        self,
        hosts: int = 3,
        version: str = "3.3.3",
        root: str | Path | None = None,
        templates: int = 2,
        *,
        vms: int = 2,
        personality: str = "plain",
        speed: float = 1.0,
        clock: SimulatedTime | None = None,
        port: int = 0,
        addresses: Sequence[str] | None = None,
        user: str = "oracle",
        password: str | None = None,
        secure: bool = True,
        tls: str | None = None,
        answers: Mapping[str, str] | None = None,
        pool: bool = True,
        owner: str | None = None,
        secondary_mount: bool = False,
        template_bytes: int = 64 << 20,
        layout: str = "plain",
        repositories: int = 1,
        from_bundle: str | Path | None = None,
        listen: bool = True,
        host_module: bool | Sequence[int] = False,
        older_module: bool = False,
        machines: str | None = None,
        **tuned: float,
    ) -> None:
        recorded = None if from_bundle is None else bundle.load(from_bundle)
        if recorded is not None:
            hosts, templates, vms = len(recorded), 0, 0
        if addresses is not None and len(addresses) != hosts:
            raise SimulatorError(f"{hosts} hosts, but {len(addresses)} addresses")
        if not 0 <= port < 65536:
            raise SimulatorError(f"port must be from 0 to 65535, not {port}")
        if ":" in user:
            raise SimulatorError("the user must not contain a colon (HTTP Basic authentication)")
        self._options = Options(
            hosts=hosts,
            version=version,
            speed=speed,
            clock=clock,
            password=password,
            answers=answers_of(personality, answers),
            pool=pool,
            owner=owner,
            tls=tls,
            seed=seeds.Seed(templates, vms, secondary_mount, template_bytes, layout),
            repositories=repositories,
            tuned=tuned,
        )
        self._options.check()
        self._requested_root = root
        endpoints = None if addresses is None else [parse_endpoint(text) for text in addresses]
        if isinstance(host_module, bool):
            host_module = range(hosts) if host_module else ()
        if not set(host_module) <= set(range(hosts)):
            raise SimulatorError(f"host_module: {host_module!r} are not indexes of {hosts} hosts")
        if machines not in (None, real.KIND):
            raise SimulatorError(f'machines must be None or "{real.KIND}", not {machines!r}')
        if machines is not None and (clock is not None or recorded is not None):
            raise SimulatorError("machines need real time and hosts: no clock, no from_bundle")
        self._with_machines = machines is not None
        self._machines: real.Machines | None = None
        self._with_module = host_module
        self._recorded = recorded
        self._backend = Backend(recorded)
        self._make_trees = partial(Dom0Trees, secure, older_module)
        open_ports = Ports if listen else InProcess
        self._make_ports = partial(open_ports, self._backend, port, endpoints, secure, tls)
        self.user = user
        self.clock = clock
        self.hosts: list[SimulatedHost] = []
        self._ports: Ports | InProcess | None = None
        self._lock_file: IO[str] | None = None
        self._temporary: str | None = None
        self._state: Root | None = None

    # -- start and stop -----------------------------------------------------------------------

    def __enter__(self) -> Simulator:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Create or reopen the root and open the ports.

        :raises SimulatorError: The root contradicts the arguments, or a port is in use.
        """
        if self._requested_root is None:
            self._temporary = tempfile.mkdtemp(prefix="ovm3-simulator-")
        self.root = Path(self._requested_root or self._temporary or "").resolve()
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self._lock_file = state.claim(self.root)
            self._state = open_root(self.root, self._options)
            self.hosts = self._state.hosts
            self.password: str = self._state.values["password"]
            self.repository_id: str = self._state.values["repository"]
            self.repository_path = self._state.settings.export(self._state.settings.fs_location)
            for host in self.hosts:
                host.call_inside = partial(self._backend.rules.call_inside, host)
                host.user, host.first_password = self.user, self.password
                if host.settings.xendomains:
                    host.stop_guests = partial(xendomains.stop, host)
                    host.start_guests = partial(go_on, host, partial(xendomains.start, host))
            self._trees = self._make_trees()
            self._trees.prepare(self.hosts, self._with_module)
            self._backend.rules.check(self.hosts)
            self._ports = self._make_ports()
            if self._with_machines:
                self._machines = real.Machines(self.hosts)
                self._machines.start()
            last = self._state.values["port"]
            self._state.values["port"] = self._ports.open_all(self.hosts, last)
            self._state.save()
            for host, recorded in zip(self.hosts, self._recorded or [], strict=False):
                if recorded.unreachable:
                    host.kill()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Close everything. Delayed effects that have not happened yet never will."""
        if self._state is not None:
            self._state.clock.stop()
        self._backend.discard_delayed()
        try:
            if self._ports is not None:
                self._ports.end()
            for host in self.hosts if self._state is not None else ():
                with host.lock:
                    host.save()
        finally:
            if self._machines is not None:
                self._machines.stop()
                self._machines = None
            self._state = None
            if self._lock_file is not None:
                self._lock_file.close()
                self._lock_file = None
            if self._temporary is not None:
                jobs.end(*self.hosts)
                shutil.rmtree(self._temporary, ignore_errors=True)
                self._temporary = None

    # -- requests -----------------------------------------------------------------------------

    @property
    def calls(self) -> list[Call]:
        """Every authenticated call, in the order of arrival."""
        return self._backend.calls

    @property
    def refused(self) -> list[RefusedRequest]:
        """Every request that was answered with status 403."""
        return self._backend.refused

    @property
    def connections(self) -> int:
        """How many TCP connections were accepted."""
        return self._backend.connections

    @property
    def open_connections(self) -> int:
        """How many of them have not ended: also those of clients that are gone, up to the end of
        the call that they have sent."""
        return self._backend.open_connections

    def respond(
        self,
        address: str,
        port: int,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        method: str = "POST",
    ) -> Response | None:
        """Answer an HTTP request in this process (``listen=False``).

        :returns: The response; None if no host has this address.
        :raises SimulatorError: This simulator listens, or is not started.
        :raises OSError: How a client would see that it gets no response:
            :class:`ConnectionRefusedError`, :class:`TimeoutError` (not connected),
            :class:`ConnectionResetError` (after it was sent), :class:`.Hanging` (the same).
        """
        if not isinstance(self._ports, InProcess):
            raise SimulatorError("respond() is for a started Simulator(listen=False)")
        host = self._ports.host_at(address, port)
        if host is None:
            return None
        return self._ports.respond(host, method, path, headers, body)

    def describe(self) -> dict[str, Any]:
        """The contents of the ready file."""
        return {
            "hosts": [host.describe() for host in self.hosts],
            "ports": [host.port for host in self.hosts],
            "fingerprints": [host.fingerprint for host in self.hosts],
            "user": self.user,
            "password": self.password,
            "version": self._options.version,
            "root": str(self.root),
            "repository": self.repository_id,
        }
