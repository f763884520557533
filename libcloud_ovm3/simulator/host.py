"""One simulated host: its identity and its state. Its functions are in the rooms."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from libcloud_ovm3.simulator import state
from libcloud_ovm3.simulator.clock import Clock
from libcloud_ovm3.simulator.domain import FAULTS, Domain, Transfer
from libcloud_ovm3.simulator.errors import SimulatorError
from libcloud_ovm3.simulator.values import censored

AFTER_RESPONSE_SECONDS = 0.1
NO_UUID = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True)
class Settings:
    """Settings that all hosts of one simulator share. Durations are simulated seconds."""

    version: str
    root: Path
    answers: dict[str, str]
    repository_id: str
    fs_location: str
    owner: str | None
    pool_id: str | None
    memory_mb: int = 4096
    dom0_memory_mb: int = 722
    build_seconds: float = 1.0
    device_seconds: float = 1.0
    memory_wait_seconds: float = 23.0
    shutdown_seconds: float = 5.0
    off_seconds: float = 0.5
    destroy_seconds: float = 0.5
    reboot_gap: float = 1.0
    minimum_restart_seconds: float = 60.0
    boot_seconds: float = 5.0
    copy_bytes_per_second: float = 200e6
    transfer_mb_per_second: float = 100.0
    backend_seconds: float = 1.0
    half_domain_seconds: float = 10.0
    device_timeout_seconds: float = 100.0
    core_dump_seconds: float = 10.0
    agent_restart_seconds: float = 1.5
    bridge_seconds: float = 1.5
    xend_log_bytes: int = 1 << 20
    shares_blocks: bool = False
    xendomains: bool = False

    @property
    def old(self) -> bool:
        """Whether this is the 3.2 agent (Python 2.4, Xen 4.1.3)."""
        return self.version.startswith("3.2")

    @property
    def release(self) -> tuple[int, ...]:
        """The first three numbers of the version."""
        return tuple(int(part) for part in re.findall(r"\d+", self.version)[:3])

    def export(self, location: str) -> Path:
        """The directory that stands for the NFS export ``host:/path``."""
        server, _, path = location.partition(":")
        return self.root / "exports" / server / path.strip("/")


@dataclass
class Mount:
    """A mounted share; ``fs_uuid`` and ``ss_uuid`` are set if the storage plug-in mounted it."""

    device: str
    fs_uuid: str = ""
    ss_uuid: str = ""


@dataclass(frozen=True)
class Process:
    """A process of dom0: its session, its command line, and when it began (seconds of uptime)."""

    session: str
    words: list[str]
    began: float


class Machines(Protocol):
    """What runs the guests of hosts for real (machines/). Called with the lock held."""

    def refusal(self, host: SimulatedHost, domain: Domain) -> str: ...
    def ended(self, host: SimulatedHost) -> list[tuple[Domain, str]]: ...
    def follow(self, host: SimulatedHost) -> None: ...
    def neighbours(self, host: SimulatedHost) -> list[tuple[str, str, str, bool]]: ...


class SimulatedHost:
    """One host of the simulator.

    :ivar address: The IP address that it listens on.
    :ivar port: Its TCP port.
    :ivar uuid: Its Unique_Id, sixteen bytes in hexadecimal with colons.
    :ivar hostname: Its name, also in its certificate.
    :ivar fingerprint: SHA-256 of its DER certificate, 64 lower-case hexadecimal digits.
    :ivar certificate_pem: Its certificate.
    :ivar ignores_requests: Uuids of guests that ignore requests to shut down, reboot or suspend,
        to give back memory or vcpus, and to release a disk.
    :ivar faults: The faults of its xend and network that are in force; see :meth:`inject`.
    :ivar transfers: Migrations and saves of which it is the source.
    :ivar busy_until: Until then xend's global lock is held, besides by domains that wait.
    :ivar peers: All hosts of the simulator. They share one lock, which is never held while waiting.
    :ivar stale: Mount points whose files fault with "Stale NFS file handle".
    :ivar frames: The bridges and the frames that were put on them: see :mod:`.dhcp`.
    :ivar processes: The processes of dom0 that ask something of xend, and the host module's
        changes, by pid.
    :ivar connections: Those to xend's sockets, with what the kernel shows as their inode: 0 for one
        that xend has not accepted.
    :ivar xend_starts: How often its xend was started. What xend was asked before ends with it.
    :ivar here: What the calling thread stands for: see xend/clients.py.
    :ivar clock_offset: How many seconds its clock is ahead of the simulator's.
    """

    address: str
    port: int
    fingerprint: str
    certificate_pem: str
    #: The agent's user, and its password until it is changed.
    user: str
    first_password: str
    #: The modules that its agent loaded from its disk (agentcode.py); None without a tree.
    code: Any = None
    #: What runs its guests for real; None: they are only records.
    machines: Machines | None = None
    #: Set by the simulator: how a module in the agent calls a function of the agent (the injected
    #: faults apply), and the operations on the network side.
    call_inside: Callable[[str, Callable[[], Any]], Any]
    close_port: Callable[[], None]
    fall_silent: Callable[[], None]
    open_port: Callable[[], None]
    end_jobs: Callable[[], None]
    listens: Callable[[], bool]
    renew_certificate: Callable[[], None]
    open_address: Callable[[str], None]
    close_address: Callable[[str], None]
    #: What xendomains does when the host goes down in order, and when it is up; None without it.
    stop_guests: Callable[[], None] | None = None
    start_guests: Callable[[], None] | None = None

    def __init__(self, index: int, settings: Settings, clock: Clock, new: dict[str, Any]) -> None:
        self.index = index
        self.settings = settings
        self.clock = clock
        self.folder = settings.root / "hosts" / str(index)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.lock = threading.RLock()  # replaced by one that all hosts share: see peers
        self.peers: list[SimulatedHost] = [self]
        self.one_at_a_time = threading.Lock()
        self._log_lock = threading.Lock()
        self._deferred = threading.local()
        self.stale: set[str] = set()
        self.processes: dict[str, Process] = {}
        self.connections: dict[int, int] = {}
        self.xend_starts = 0
        self.here = threading.local()
        self.frames: list[tuple[str, bytes]] = []
        self._pid = 2000 + 1000 * index
        saved = state.load(self.folder / "host.json") or new
        self.uuid: str = saved["uuid"]
        self.hostname: str = saved["hostname"]
        self.boot_time: float = saved["boot_time"]
        #: State that the rooms keep of this host, each under its own key; JSON values.
        self.records: dict[str, Any] = saved.get("records", {})
        self.down = False
        self.clock_offset: float = saved.get("clock_offset", 0.0)
        self.next_domid: int = saved.get("next_domid", 1)
        self.ignores_requests: set[str] = set(saved.get("ignores_requests", ()))
        self.faults: set[str] = set(saved.get("faults", ()))
        self.busy_until: float = saved.get("busy_until", 0.0)
        domains = [Domain(**values) for values in saved.get("domains", ())]
        self.domains = [domain for domain in domains if not domain.real]  # it ended with its QEMU
        self.transfers = [Transfer(**values) for values in saved.get("transfers", ())]
        self.mounts = {at: Mount(**values) for at, values in saved.get("mounts", {}).items()}
        self.repository_db: dict[str, dict[str, str]] = saved.get("repository_db", {})

    def save(self) -> None:
        """Save the state for a later run. Called with the lock held, after each change."""
        values = {
            "written": self.clock.now(),
            "uuid": self.uuid,
            "hostname": self.hostname,
            "boot_time": self.boot_time,
            "records": self.records,
            "clock_offset": self.clock_offset,
            "next_domid": self.next_domid,
            "ignores_requests": sorted(self.ignores_requests),
            "faults": sorted(self.faults),
            "busy_until": self.busy_until,
            "domains": [vars(domain) for domain in self.domains],
            "transfers": [vars(transfer) for transfer in self.transfers],
            "mounts": {at: vars(mount) for at, mount in self.mounts.items()},
            "repository_db": self.repository_db,
        }
        state.save(self.folder / "host.json", values)

    def now(self) -> float:
        """The host's own clock: simulated epoch seconds."""
        return self.clock.now() + self.clock_offset

    def wait_until(self, moment: float) -> None:
        """Block until the host's clock shows that time.

        :raises Stopped: The simulator was stopped meanwhile.
        """
        self.clock.wait_until(moment - self.clock_offset)

    def after_response(self, action: Callable[[], None]) -> None:
        """Run the action shortly after the response to the call that this thread serves."""
        self._deferred.action = action

    def response_sent(self) -> None:
        """Run the action of :meth:`after_response`: the response was sent, or never will be."""
        action = getattr(self._deferred, "action", None)
        if action is not None:
            self._deferred.action = None
            self.clock.later(action, AFTER_RESPONSE_SECONDS)

    def log(
        self,
        level: str,
        where: str,
        text: str,
        file: str = "ovs-agent.log",
        at: float | None = None,
    ) -> None:
        """Log a line in the agent's form (agent-behaviour.md 1), passwords in URLs censored.

        :param at: When it happened, by the host's clock; None for now.
        """
        moment = self.now() if at is None else at
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(moment))
        with self._log_lock:
            self._pid += 1
            line = f"[{stamp} {self._pid}] {level} ({where}) {censored(text)}\n"
            with open(f"{self.folder}/{file}", "ab", buffering=0) as log:
                log.write(line.encode("utf-8", "replace"))

    def answer(self, question: str) -> str:
        """The personality's answer to an open question (personalities.py)."""
        return self.settings.answers[question]

    def inject(self, fault: str, active: bool = True) -> None:
        """Switch a fault of this host's xend or network on or off.

        :param fault: A key of ``FAULTS``.
        :param active: True to switch it on, False to switch it off.
        :raises SimulatorError: The fault is unknown.
        """
        if fault not in FAULTS:
            raise SimulatorError(f"unknown fault {fault!r}; known: {', '.join(FAULTS)}")
        with self.lock:
            (self.faults.add if active else self.faults.discard)(fault)
            self.save()

    def kill(self) -> None:
        """Make the agent unreachable: close its port and connections. Its domains continue."""
        self.down = True
        self.close_port()

    def revive(self) -> None:
        """Undo :meth:`kill` or :meth:`shut_down`."""
        self.down = False
        if self.records.pop("off", False):
            with self.lock:
                self.boot_time = self.now()
                self.save()
            if self.start_guests:
                self.start_guests()
        self.open_port()

    def restart_agent(self) -> None:
        """Restart the agent, which takes ``agent_restart_seconds`` and reads the disk again.

        :raises Stopped: The simulator was stopped meanwhile.
        """
        if not self.down:
            self.close_port()
            self.wait_until(self.now() + self.settings.agent_restart_seconds)
        if not self.down:
            self.open_port()

    @property
    def password(self) -> str:
        """The agent's password: the simulator's, until ``update_agent_password``."""
        changed: str = self.records.get("password", self.first_password)
        return changed

    def set_password(self, password: str) -> None:
        """Change the agent's password on this host only, as update_agent_password does."""
        with self.lock:
            self.records["password"] = password
            self.save()

    def pose_as(self, other: SimulatedHost, registered_ip: bool = False) -> None:
        """Report the server uuid of another host, as mainboards with a placeholder uuid do.

        :param other: The host whose uuid is reported.
        :param registered_ip: Whether to report the other's registered address too.
        """
        with self.lock:
            self.uuid = other.uuid
            if registered_ip:
                self.records["registered_ip"] = other.address
            self.save()

    @property
    def minimum_restart_seconds(self) -> float:
        """The MINIMUM_RESTART_TIME that xend was last started with."""
        found: float = self.records.get("restart_time", self.settings.minimum_restart_seconds)
        return found

    def describe(self) -> dict[str, Any]:
        """Its entry in the ready file."""
        keys = ("address", "port", "fingerprint", "uuid", "hostname")
        return {key: getattr(self, key) for key in keys}

    def replace_certificate(self) -> None:
        """Serve a new self-signed certificate from the next connection on."""
        self.renew_certificate()

    def mount_repository(self) -> None:
        """Mount the shared repository again, no longer stale."""
        with self.lock:
            self.stale.discard(self.repository_point)
            self.mounts[self.repository_point] = Mount(self.settings.fs_location)
            self.save()

    def unmount_repository(self) -> None:
        """Unmount the shared repository, even while it is in use."""
        with self.lock:
            self.mounts.pop(self.repository_point, None)
            self.save()

    def stale_repository(self) -> None:
        """Make the repository's mount stale, until :meth:`mount_repository`."""
        self.stale.add(self.repository_point)

    @property
    def repository_point(self) -> str:
        """The mount point of the shared repository."""
        return f"/OVS/Repositories/{self.settings.repository_id}"

    def reboot(self, in_order: bool = True) -> None:
        """Reboot the host, which takes ``boot_seconds``.

        A reboot loses every domain, the mounts under /nfsmnt, and control0's address
        (agent-behaviour.md 13).

        :param in_order: False for a crash: xendomains, if it is on, saves no guest before.
        """
        if in_order and self.stop_guests:
            self.stop_guests()
        self._lose_power()
        self.wait_until(self.boot_time)
        if self.start_guests:
            self.start_guests()
        self.revive()

    def shut_down(self) -> None:
        """Power the host off until :meth:`revive`; it loses what a reboot loses.

        It does not respond at all then, whereas the kernel of one that was killed refuses
        connections.
        """
        if self.stop_guests:
            self.stop_guests()
        self.records["off"] = True
        self._lose_power()
        self.fall_silent()

    def _lose_power(self) -> None:
        self.kill()
        self.end_jobs()
        with self.lock:
            for domain in self.domains:
                domain.phase = "gone"
            self.domains.clear()
            self.transfers.clear()
            self.processes.clear()
            self.connections.clear()
            self.xend_starts += 1
            self.busy_until = 0.0
            self.ignores_requests.clear()
            self.mounts = {
                at: mount for at, mount in self.mounts.items() if not at.startswith("/nfsmnt/")
            }
            self.stale.clear()
            self.next_domid = 1
            self.boot_time = self.now() + self.settings.boot_seconds
            self.save()
