"""The simulator: several hosts, one shared repository, one port each."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any

from libcloud_ovm3.simulator import seeds, state
from libcloud_ovm3.simulator.agent import functions, ownership
from libcloud_ovm3.simulator.clock import SimulatedTime
from libcloud_ovm3.simulator.dom0 import hostmodule
from libcloud_ovm3.simulator.dom0 import jobs as dom0jobs
from libcloud_ovm3.simulator.dom0.trees import Trees
from libcloud_ovm3.simulator.errors import SimulatorError
from libcloud_ovm3.simulator.host import SimulatedHost, censored_value
from libcloud_ovm3.simulator.personalities import answers_of
from libcloud_ovm3.simulator.root import Root, Wish, take
from libcloud_ovm3.simulator.server import bundle
from libcloud_ovm3.simulator.server.calls import Call, Refused
from libcloud_ovm3.simulator.server.faults import Rule, Rules
from libcloud_ovm3.simulator.server.ports import Ports, parse_place
from libcloud_ovm3.simulator.xend import listing, machines


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
    :param clock: a time that moves only while somebody waits, for tests; ``speed`` does not count
    :param port: one TCP port for all hosts, 0 = a free one
    :param addresses: ``host:port`` of each host; default 127.0.0.2, 127.0.0.3, ... on ``port``
    :param user: the agent's user
    :param password: its password, None = random
    :param secure: False = plain HTTP (``ssl=disable`` in the agent's agent.ini)
    :param tls: None = as this Python speaks it; ``"1.0"`` = only TLS 1.0; ``"el5"``, ``"el6"`` = as
        a host of that age (certificates.py); counts for the certificates of a *new* root too
    :param answers: question -> answer, instead of the personality's (personalities.py)
    :param pool: whether the hosts form a pool
    :param owner: uuid of the manager that owns hosts and repository; None = some foreign one,
        ``""`` = nobody
    :param secondary_mount: mount ``<export>/VirtualMachines`` under /nfsmnt on each host of a new
        root, as CloudStack does
    :param template_bytes: size of each template
    :param layout: what a new root gets besides templates and VMs: ``plain`` nothing; ``manager`` or
        ``cloudstack`` what these leave in a repository (layouts.py)
    :param repositories: how many repositories a new root gets; all hosts mount all of them
    :param from_bundle: a file of recorded answers (docs/bundle.md): one host for each of its hosts
        answers with them and changes nothing; ``hosts``, ``templates`` and ``vms`` do not count
    :param host_module: whether the hosts have our host module (docs/host-module.md), or the indexes
        of those that have it
    :param older_module: whether a new dom0 tree has another integration's module in its agent
    :param tuned: further numbers of :class:`Settings`, simulated seconds unless the name says
        otherwise: memory_mb, build_seconds, device_seconds, shutdown_seconds, reboot_gap,
        boot_seconds, minimum_restart_seconds, copy_bytes_per_second, ...
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
        host_module: bool | Sequence[int] = False,
        older_module: bool = False,
        **tuned: float,
    ) -> None:
        self._bundle = None if from_bundle is None else bundle.load(from_bundle)
        if self._bundle is not None:
            hosts, templates, vms = len(self._bundle), 0, 0
        if addresses is not None and len(addresses) != hosts:
            raise SimulatorError(f"{hosts} hosts, but {len(addresses)} addresses")
        if not 0 <= port < 65536:
            raise SimulatorError(f"port must be from 0 to 65535, not {port}")
        if ":" in user:
            raise SimulatorError("a user of HTTP's Basic authentication cannot have a colon")
        self._wish = Wish(
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
        self._wish.check()
        self._given_root = root
        places = None if addresses is None else [parse_place(text) for text in addresses]
        if isinstance(host_module, bool):
            host_module = range(hosts) if host_module else ()
        if not set(host_module) <= set(range(hosts)):
            raise SimulatorError(f"host_module: indexes of {hosts} hosts, not {host_module!r}")
        self._with_module = host_module
        self._trees = partial(Trees, secure, older_module)
        self._ports = partial(Ports, self, port, places, secure, tls)
        self.user = user
        self.clock = clock
        self.hosts: list[SimulatedHost] = []
        self.calls: list[Call] = []
        self.refused: list[Refused] = []
        self.connections = 0
        self._rules = Rules()
        self._guard = threading.Lock()
        self._pending: list[Callable[[], None]] = []
        self._open: Ports | None = None
        self._lock_file: IO[str] | None = None
        self._temporary: str | None = None
        self._state: Root | None = None

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
        if self._given_root is None:
            self._temporary = tempfile.mkdtemp(prefix="ovm3-simulator-")
        self.root = Path(self._given_root or self._temporary or "").resolve()
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self._lock_file = state.claim(self.root)
            self._state = take(self.root, self._wish)
            self.hosts = self._state.hosts
            self.password: str = self._state.values["password"]
            self.repository_id: str = self._state.values["repository"]
            self.repository_path = self._state.settings.export(self._state.settings.fs_location)
            for host in self.hosts:
                host.rule_for = partial(self._rules.strike, host=host.index, inside=True)
                host.user, host.first_password = self.user, self.password
            self._dom0s = self._trees()
            self._dom0s.prepare(self.hosts, self._with_module)
            self._open = self._ports()
            self._state.values["port"] = self._open.open_all(self.hosts, self._state.values["port"])
            self._state.save()
            for host, recorded in zip(self.hosts, self._bundle or [], strict=False):
                if recorded.silent:
                    host.kill()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Close everything; late effects that have not landed never will."""
        with self._guard:
            if self._state is not None:
                self._state.clock.stop()
            self._pending.clear()
        try:
            if self._open is not None:
                self._open.end()
            for host in self.hosts if self._state is not None else ():
                with host.lock:
                    host.save()
        finally:
            self._state = None
            if self._lock_file is not None:
                self._lock_file.close()
                self._lock_file = None
            if self._temporary is not None:
                for host in self.hosts:
                    dom0jobs.end(host)
                shutil.rmtree(self._temporary, ignore_errors=True)
                self._temporary = None

    # -- what the servers ask ---------------------------------------------------------------

    def connected(self) -> None:
        """Count an accepted TCP connection."""
        with self._guard:
            self.connections += 1

    def passwords_work(self, host: SimulatedHost) -> bool:
        """Whether user and password are accepted at all (open question 1)."""
        owned = ownership.owner(host) is not None
        return not owned or self._wish.answers["passwords on an owned host"] == "yes"

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
        if self._bundle is not None:
            return self._bundle[host.index].answer(name, arguments)
        # An agent that asks itself, or is asked back, would wait for itself for ever.
        alone = host.answer("parallel calls") == "one at a time" and name != "dispatch"
        with contextlib.ExitStack() as stack:
            if alone:
                with host.clock.idle():
                    stack.enter_context(host.one_at_a_time)
            return functions.perform(host, name, arguments)

    def later(self, effect: Callable[[], None], seconds: float | None) -> None:
        """Keep an effect for later."""
        with self._guard:
            self._pending.append(effect)
        if seconds is not None:
            self.hosts[0].clock.later(partial(self._land_one, effect), seconds)

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

    def misbehave(
        self,
        kind: str,
        function: str,
        *,
        host: int | None = None,
        nth: int = 1,
        times: int | None = 1,
        seconds: float | None = None,
        text: str | None = None,
        hook: Callable[[str], None] | None = None,
        value: Any = None,
    ) -> Rule:
        """Make the ``nth`` call of a function go wrong; see :class:`Rule` for the settings.

        :returns: the rule, whose ``hits`` counts the calls that it struck
        :raises SimulatorError: no such kind, or a setting is missing
        """
        rule = Rule(kind, function, host, nth, times, seconds, text, hook, value)
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
        self.hosts[0].clock.sleep(seconds)

    def domains(self, host_index: int) -> list[dict[str, Any]]:
        """The guests on a host's list: name, uuid, domid (int), state (six letters), status."""
        host = self.hosts[host_index]
        with host.lock:
            machines.advance(host)
            return listing.overview(host)

    def guest(self, host_index: int, vm_uuid: str, what: str) -> None:
        """Let a guest ``poweroff``, ``reboot`` or ``crash`` by itself.

        :raises SimulatorError: no such guest runs there, or no such word
        """
        machines.guest(self.hosts[host_index], vm_uuid, what)

    def restart_xend(self, host_index: int) -> None:
        """Restart a host's xend: guests run on, what was under way ends, values change."""
        machines.restart_xend(self.hosts[host_index])

    def dom0(self, host_index: int) -> Path:
        """The directory that plays a host's ``/``, with its agent's package; made if need be."""
        return self._dom0s.of(self.hosts[host_index])

    def restart_agent(self, host_index: int) -> None:
        """Restart a host's agent, which reads its disk anew, and wait until it has."""
        self.hosts[host_index].restart_agent()

    def put_host_module(self, host_index: int) -> None:
        """Put our host module into a host's agent and restart that.

        :raises SimulatorError: its table of modules is not as it was made
        """
        self.dom0(host_index)
        hostmodule.put(self.hosts[host_index])
        self.restart_agent(host_index)

    def remove_host_module(self, host_index: int) -> None:
        """Take our host module out of a host's agent and restart that."""
        self.dom0(host_index)
        hostmodule.remove(self.hosts[host_index])
        self.restart_agent(host_index)

    def add_vm(
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

    def add_repository(
        self,
        alias: str = "",
        repository_id: str | None = None,
        hosts: Sequence[int] | None = None,
    ) -> str:
        """Make one more repository, on an NFS export of its own.

        :param alias: its display name
        :param repository_id: 32 hexadecimal digits, None = made as the Manager makes them
        :param hosts: indexes of the hosts that know and mount it, None = all
        :returns: its id; :meth:`path_of` tells where it lies
        """
        among = [host for host in self.hosts if hosts is None or host.index in hosts]
        return seeds.add_repository(self.hosts[0], among, alias, repository_id)

    def path_of(self, repository_id: str) -> Path:
        """The directory of a repository of this simulator.

        :raises SimulatorError: no host knows it
        """
        for host in self.hosts:
            if record := host.repository_db.get(repository_id):
                return host.settings.export(record["Fs_location"])
        raise SimulatorError(f"no host knows a repository {repository_id!r}")

    def describe(self) -> dict[str, Any]:
        """What the ready file holds."""
        return {
            "hosts": [host.describe() for host in self.hosts],
            "ports": [host.port for host in self.hosts],
            "fingerprints": [host.fingerprint for host in self.hosts],
            "user": self.user,
            "password": self.password,
            "version": self._wish.version,
            "root": str(self.root),
            "repository": self.repository_id,
        }
