"""The simulator: several hosts, one shared repository, one port each."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from . import certificates, functions, listing, machines, seeds, state
from .clock import Clock
from .errors import SimulatorError
from .host import Settings, SimulatedHost, censored_value
from .misbehaviour import Rule, Rules
from .personalities import answers_of
from .server import AgentServer

VERSIONS = ("3.2", "3.3", "3.4")


@dataclass(frozen=True)
class Call:
    """An authenticated request that arrived.

    :param arguments: as sent, passwords in URLs censored
    :param when: simulated epoch seconds of the host's clock
    """

    host_index: int
    address: str
    function: str
    arguments: tuple[Any, ...]
    when: float


@dataclass(frozen=True)
class Refused:
    """A request with wrong credentials (``authorization`` True) or with none."""

    host_index: int
    address: str
    authorization: bool


class Simulator:
    """Simulated Oracle VM Server 3 hosts on loopback; a context manager.

    :param hosts: how many
    :param version: of the agent: 3.2.x, 3.3.x or 3.4.x
    :param root: directory of all state; None = a temporary one that :meth:`stop` removes. A root
        that was used before goes on where it was, killed or not
    :param templates: how many raw templates a new root gets
    :param vms: how many running VMs a new root gets, spread over the hosts
    :param personality: ``plain`` or ``awkward`` (personalities.py)
    :param speed: simulated seconds in a real second; divides every simulated duration
    :param port: one TCP port for all hosts, 0 = a free one
    :param addresses: ``host:port`` of each host; default 127.0.0.2, 127.0.0.3, ... on ``port``
    :param user: the agent's user
    :param password: its password, None = random
    :param secure: False = plain HTTP (``ssl=disable`` in the agent's agent.ini)
    :param tls_version: ``"1.0"`` = a server that speaks only TLS 1.0, as old agents do
    :param answers: question -> answer, instead of the personality's (personalities.py)
    :param pool: whether the hosts form a pool
    :param owner: uuid of the manager that owns hosts and repository; None = some foreign one,
        ``""`` = nobody
    :param secondary_mount: mount ``<export>/VirtualMachines`` under /nfsmnt on each host of a new
        root, as CloudStack does
    :param template_bytes: size of each template
    :param durations: further fields of :class:`Settings`, in simulated seconds or their own unit:
        memory_mb, build_seconds, device_seconds, shutdown_seconds, reboot_gap, boot_seconds,
        minimum_restart_seconds, copy_bytes_per_second, ...
    :raises SimulatorError: bad argument, or one that contradicts the root
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
        port: int = 0,
        addresses: Sequence[str] | None = None,
        user: str = "oracle",
        password: str | None = None,
        secure: bool = True,
        tls_version: str | None = None,
        answers: Mapping[str, str] | None = None,
        pool: bool = True,
        owner: str | None = None,
        secondary_mount: bool = False,
        template_bytes: int = 64 << 20,
        **durations: Any,
    ) -> None:
        if addresses is not None and len(addresses) != hosts:
            raise SimulatorError(f"{hosts} hosts, but {len(addresses)} addresses")
        if not 1 <= hosts <= 250:
            raise SimulatorError(f"from 1 to 250 hosts, not {hosts}")
        if not version.startswith(VERSIONS) or version.count(".") < 2:
            raise SimulatorError(f"version {version!r}: 3.2.x, 3.3.x or 3.4.x is known")
        if speed <= 0:
            raise SimulatorError(f"speed must be above 0, not {speed}")
        if tls_version not in (None, "1.0"):
            raise SimulatorError(f"tls_version {tls_version!r}: None or '1.0'")
        self._answers = answers_of(personality, answers)
        unknown = durations.keys() - Settings.__dataclass_fields__.keys() | (
            durations.keys()
            & {"version", "root", "answers", "repository_id", "fs_location", "owner", "pool_id"}
        )
        if unknown:
            raise SimulatorError(f"unknown argument: {', '.join(sorted(unknown))}")
        self.user = user
        self._count, self._version, self._speed = hosts, version, speed
        self._given_root, self._given_password = root, password
        self._port, self._addresses = port, addresses
        self._secure, self._tls_version = secure, tls_version
        self._pool, self._owner = pool, owner
        self._seed = seeds.Seed(templates, vms, secondary_mount, template_bytes)
        self._durations = durations
        self.hosts: list[SimulatedHost] = []
        self.calls: list[Call] = []
        self.refused: list[Refused] = []
        self.connections = 0
        self._rules = Rules()
        self._guard = threading.Lock()
        self._pending: list[Callable[[], None]] = []
        self._servers: dict[int, AgentServer] = {}
        self._lock_file: IO[str] | None = None
        self._running = False

    # -- life -------------------------------------------------------------------------------

    def __enter__(self) -> Simulator:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Make or take over the root and open the ports.

        :raises SimulatorError: the root contradicts the arguments, or a port is taken
        """
        temporary = self._given_root is None
        root = Path(tempfile.mkdtemp(prefix="ovm3-simulator-") if temporary else self._given_root)  # type: ignore[arg-type]
        root.mkdir(parents=True, exist_ok=True)
        self.root = root.resolve()
        self._temporary = temporary
        try:
            self._lock_file = state.claim(self.root)
            self._take_root()
            self._open_ports()
        except BaseException:
            self.stop()
            raise
        self._running = True

    def stop(self) -> None:
        """Close everything; late effects that have not landed never will."""
        if hasattr(self, "clock"):
            self.clock.stopped.set()
        with self._guard:
            self._pending.clear()
        for server in self._servers.values():
            server.close_all()
        self._servers.clear()
        if self._running:
            for host in self.hosts:
                with host.lock:
                    host.save()
        self._running = False
        if self._lock_file is not None:
            self._lock_file.close()
            self._lock_file = None
        if self._temporary:
            shutil.rmtree(self.root, ignore_errors=True)

    def _take_root(self) -> None:
        saved = state.load(self.root / "simulator.json")
        if saved is not None:
            for name, given in (("version", self._version), ("hosts", self._count)):
                if saved[name] != given:
                    text = f"{self.root} was made with {name}={saved[name]}, not {given}"
                    raise SimulatorError(text)
        new = saved is None
        values = saved or {
            "version": self._version,
            "hosts": self._count,
            "repository": seeds.manager_id("03"),
            "fs_location": "nfs-store-1:/export/ovm-repository",
            "owner": seeds.manager_id("01") if self._owner is None else self._owner,
            "pool": seeds.manager_id("02") if self._pool else "",
            "port": 0,
            "password": secrets.token_urlsafe(12),
        }
        if self._given_password is not None:
            values["password"] = self._given_password
        self.password: str = values["password"]
        self.repository_id: str = values["repository"]
        records = [
            state.load(self.root / f"hosts/{index}/host.json") for index in range(self._count)
        ]
        written = max((record["written"] for record in records if record), default=0.0)
        self.clock = Clock(self._speed, values.get("clock"), written)
        values["clock"] = self.clock.anchor()
        self._settings = Settings(
            version=self._version,
            root=self.root,
            answers=self._answers,
            repository_id=self.repository_id,
            fs_location=values["fs_location"],
            owner=values["owner"] or None,
            pool_id=values["pool"] or None,
            **self._durations,
        )
        self.repository_path = self._settings.export(values["fs_location"])
        self.hosts = [
            SimulatedHost(index, self._settings, self.clock, seeds.new_host(index, self.clock))
            for index in range(self._count)
        ]
        if new:
            seeds.sow(self.hosts, self._seed)
        for host in self.hosts:
            if not (host.folder / "certificate.pem").exists():
                self._certify(host)
            self._read_certificate(host)
            with host.lock:
                host.save()
        self._values = values
        state.save(self.root / "simulator.json", values)  # last: it says that the root is complete

    def _certify(self, host: SimulatedHost) -> None:
        certificates.make_certificate(host.folder, host.hostname, self._tls_version == "1.0")

    def _read_certificate(self, host: SimulatedHost) -> None:
        host.fingerprint = certificates.fingerprint(host.folder)
        host.certificate_pem = (host.folder / "certificate.pem").read_text()

    def _places(self, port: int) -> list[tuple[str, int]]:
        if self._addresses is None:
            return [(f"127.0.0.{index + 2}", port) for index in range(self._count)]
        places = []
        for text in self._addresses:
            address, colon, number = text.rpartition(":")
            if not colon or not number.isdigit():
                raise SimulatorError(f"address {text!r}: write HOST:PORT")
            places.append((address.strip("[]"), int(number)))
        return places

    def _open_ports(self) -> None:
        # A free port must be free on every address: try some, the one of the last life first.
        wanted = self._port or self._values["port"]
        for attempt in range(20):
            port = wanted if attempt == 0 and wanted else _free_port()
            try:
                for host, place in zip(self.hosts, self._places(self._port or port), strict=True):
                    host.address, host.port = place
                    self._listen(host)
            except OSError as error:
                for server in self._servers.values():
                    server.close_all()
                self._servers.clear()
                if self._port or self._addresses:
                    where = f"{host.address}:{host.port}"
                    raise SimulatorError(f"cannot listen on {where}: {error.strerror}") from None
                continue
            self._values["port"] = self.hosts[0].port if self._addresses is None else 0
            state.save(self.root / "simulator.json", self._values)
            return
        raise SimulatorError("found no port that is free on all addresses")

    def _listen(self, host: SimulatedHost) -> None:
        context = None
        if self._secure:
            context = certificates.server_context(host.folder, self._tls_version)
        server = AgentServer((host.address, host.port), host, self, context)
        host.port = server.server_address[1]
        self._servers[host.index] = server
        host.close_port = lambda: self._close_port(host)
        host.open_port = lambda: self._open_port(host)
        host.renew_certificate = lambda: self._renew_certificate(host)
        name = f"simulated {host.hostname}"
        threading.Thread(target=server.serve_forever, args=(0.02,), name=name, daemon=True).start()

    def _close_port(self, host: SimulatedHost) -> None:
        with self._guard:
            server = self._servers.pop(host.index, None)
        if server is not None:
            server.close_all()

    def _open_port(self, host: SimulatedHost) -> None:
        with self._guard:
            if host.index not in self._servers and not self.clock.stopped.is_set():
                self._listen(host)

    def _renew_certificate(self, host: SimulatedHost) -> None:
        self._certify(host)
        self._read_certificate(host)
        if self._secure and host.index in self._servers:
            context = certificates.server_context(host.folder, self._tls_version)
            self._servers[host.index].context = context

    # -- what the servers ask ---------------------------------------------------------------

    def connected(self) -> None:
        """Count an accepted TCP connection."""
        with self._guard:
            self.connections += 1

    def passwords_count(self) -> bool:
        """Whether user and password are accepted at all (open question 1)."""
        owned = self._settings.owner is not None
        return not owned or self._answers["passwords on an owned host"] == "yes"

    def note_refused(self, host: SimulatedHost, credentials: bool) -> None:
        """Remember a request that was answered 403."""
        self.refused.append(Refused(host.index, host.address, credentials))

    def note_call(self, host: SimulatedHost, name: str, arguments: list[Any]) -> Rule | None:
        """Remember a call; the rule that strikes it, if any."""
        kept = tuple(censored_value(argument) for argument in arguments)
        self.calls.append(Call(host.index, host.address, name, kept, host.now()))
        return self._rules.strike(name, host.index)

    def perform(self, host: SimulatedHost, name: str, arguments: list[Any]) -> Any:
        """Let a call take effect; one at a time per agent when the personality says so."""
        alone = host.answer("parallel calls") == "one at a time"
        with host.one_at_a_time if alone else contextlib.nullcontext():
            return functions.perform(host, self.hosts, name, arguments)

    def later(self, effect: Callable[[], None], seconds: float | None) -> None:
        """Keep an effect for later."""
        with self._guard:
            self._pending.append(effect)
        if seconds is not None:
            timer = threading.Timer(seconds, self._land_one, [effect])
            timer.daemon = True
            timer.start()

    def _land_one(self, effect: Callable[[], None]) -> None:
        with self._guard:
            if effect not in self._pending:
                return
            self._pending.remove(effect)
        effect()

    # -- what a test asks -------------------------------------------------------------------

    def land(self) -> None:
        """Let every late effect take place now, in the order in which the calls came."""
        with self._guard:
            effects, self._pending = self._pending, []
        for effect in effects:
            effect()

    def misbehave(self, kind: str, function: str, **settings: Any) -> Rule:
        """Make the ``nth`` call of a function go wrong; see :class:`Rule` for the settings.

        :returns: the rule, whose ``hits`` counts the calls that it struck
        :raises SimulatorError: no such kind, or a setting is missing
        """
        rule = Rule(kind, function, **settings)
        self._rules.add(rule)
        return rule

    def add_rule(self, rule: Rule) -> None:
        """The same with a finished rule."""
        self._rules.add(rule)

    def clear_misbehaviour(self) -> None:
        """Forget all rules."""
        self._rules.clear()

    def now(self, host_index: int = 0) -> float:
        """Simulated epoch seconds on a host's clock."""
        return self.hosts[host_index].now()

    def wait(self, seconds: float) -> None:
        """Sleep that many simulated seconds."""
        time.sleep(seconds / self._speed)

    def domains(self, host_index: int) -> list[dict[str, Any]]:
        """The guests on a host's list: name, uuid, domid (int), state (six letters), status."""
        host = self.hosts[host_index]
        with host.lock:
            machines.advance(host)
            return [
                {
                    "name": domain.name,
                    "uuid": domain.uuid,
                    "domid": domain.domid,
                    "state": listing.letters(domain, host.now()),
                    "status": listing.status(domain),
                }
                for domain in listing.listed(host)
            ]

    def guest(self, host_index: int, vm_uuid: str, what: str) -> None:
        """Let a guest ``poweroff``, ``reboot`` or ``crash`` by itself."""
        machines.guest(self.hosts[host_index], vm_uuid, what)

    def add_vm(  # noqa: PLR0917 - read like a form
        self,
        name: str,
        uuid: str | None = None,
        directory: str | None = None,
        running_on: int | None = None,
        config: Mapping[str, Any] | None = None,
        age: float = 3600,
        disk: bool = True,
    ) -> str:
        """Write a definition and its sparse disk as Oracle VM Manager leaves them.

        :param name: display name (OVM_simple_name); ``name`` is the directory, as with the Manager
        :param directory: default: the uuid without dashes
        :param running_on: index of the host that runs it, None = stopped
        :param config: further options of vm.cfg; None as a value leaves the option out
        :param age: simulated seconds that it has been running
        :returns: the directory's name
        """
        host = None if running_on is None else self.hosts[running_on]
        return seeds.add_vm(self.hosts[0], host, name, uuid, directory, config or {}, age, disk)

    def describe(self) -> dict[str, Any]:
        """What the ready file holds."""
        return {
            "hosts": [
                {
                    "address": host.address,
                    "port": host.port,
                    "fingerprint": host.fingerprint,
                    "uuid": host.uuid,
                    "hostname": host.hostname,
                }
                for host in self.hosts
            ],
            "ports": [host.port for host in self.hosts],
            "fingerprints": [host.fingerprint for host in self.hosts],
            "user": self.user,
            "password": self.password,
            "version": self._version,
            "root": str(self.root),
            "repository": self.repository_id,
        }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.2", 0))
        return int(probe.getsockname()[1])
