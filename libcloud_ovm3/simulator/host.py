"""One simulated host: what it is and remembers. What it *does* stands in the other files."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from libcloud_ovm3.simulator import state
from libcloud_ovm3.simulator.clock import Clock
from libcloud_ovm3.simulator.errors import SimulatorError
from libcloud_ovm3.simulator.server.faults import Rule
from libcloud_ovm3.simulator.server.wire import Payload
from libcloud_ovm3.simulator.xend.domain import MISHAPS, Domain, Transfer

AFTER_THE_ANSWER = 0.1  # seconds
NO_UUID = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True)
class Settings:
    """What all hosts of one simulator share. Durations are simulated seconds."""

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

    @property
    def old(self) -> bool:
        """Whether this is the 3.2 agent (Python 2.4, Xen 4.1.3)."""
        return self.version.startswith("3.2")

    @property
    def release(self) -> tuple[int, ...]:
        """The first three numbers of the version."""
        return tuple(int(part) for part in re.findall(r"\d+", self.version)[:3])

    def export(self, location: str) -> Path:
        """The directory that plays the NFS export ``host:/path``."""
        server, _, path = location.partition(":")
        return self.root / "exports" / server / path.strip("/")


@dataclass
class Mount:
    """One mounted share; ``fs_uuid`` and ``ss_uuid`` only when the storage plug-in mounted it."""

    device: str
    fs_uuid: str = ""
    ss_uuid: str = ""


class SimulatedHost:
    """One host of the simulator.

    :ivar address: IP address that it listens on
    :ivar port: TCP port
    :ivar uuid: its Unique_Id, sixteen bytes in hexadecimal with colons
    :ivar hostname: its own name, also in its certificate
    :ivar fingerprint: SHA-256 of its DER certificate, 64 lower-case hexadecimal digits
    :ivar certificate_pem: its certificate
    :ivar deaf: uuids of guests that ignore requests: to shut down, reboot or suspend, to give
        back memory or vcpus, to let go of a disk
    :ivar mishaps: what goes wrong in its xend; see :meth:`let`
    :ivar transfers: migrations and saves that it is the source of
    :ivar busy_until: until then something holds xend's global lock, besides domains that wait
    :ivar peers: all hosts of the simulator; they share one lock, never held while anything waits
    :ivar stale: mount points whose files answer "Stale NFS file handle"
    :ivar clock_offset: by how many seconds its clock is ahead of the simulator's
    """

    address: str
    port: int
    fingerprint: str
    certificate_pem: str
    #: The agent's user, and its password until it is changed.
    user: str
    first_password: str
    #: The modules on its disk since the agent's last start (agentcode.py); None without a tree.
    code: Any = None
    #: Set by the simulator: the misbehaviour that strikes a call of a module's, and what to do
    #: with the network side.
    rule_for: Callable[[str], Rule | None]
    close_port: Callable[[], None]
    open_port: Callable[[], None]
    end_jobs: Callable[[], None]
    listens: Callable[[], bool]
    renew_certificate: Callable[[], None]
    open_address: Callable[[str], None]
    close_address: Callable[[str], None]

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
        self._afterwards = threading.local()
        self.stale: set[str] = set()
        self._pid = 2000 + 1000 * index
        saved = state.load(self.folder / "host.json") or new
        self.uuid: str = saved["uuid"]
        self.hostname: str = saved["hostname"]
        self.boot_time: float = saved["boot_time"]
        #: What the rooms remember of this host, each under its own name; plain JSON values.
        self.records: dict[str, Any] = saved.get("records", {})
        self.down = False
        self.clock_offset: float = saved.get("clock_offset", 0.0)
        self.next_domid: int = saved.get("next_domid", 1)
        self.deaf: set[str] = set(saved.get("deaf", ()))
        self.mishaps: set[str] = set(saved.get("mishaps", ()))
        self.busy_until: float = saved.get("busy_until", 0.0)
        self.domains = [Domain(**values) for values in saved.get("domains", ())]
        self.transfers = [Transfer(**values) for values in saved.get("transfers", ())]
        self.mounts = {at: Mount(**values) for at, values in saved.get("mounts", {}).items()}
        self.repository_db: dict[str, dict[str, str]] = saved.get("repository_db", {})

    def save(self) -> None:
        """Write what a later life needs. Called with the lock held, after each change."""
        values = {
            "written": self.clock.now(),
            "uuid": self.uuid,
            "hostname": self.hostname,
            "boot_time": self.boot_time,
            "records": self.records,
            "clock_offset": self.clock_offset,
            "next_domid": self.next_domid,
            "deaf": sorted(self.deaf),
            "mishaps": sorted(self.mishaps),
            "busy_until": self.busy_until,
            "domains": [asdict(domain) for domain in self.domains],
            "transfers": [asdict(transfer) for transfer in self.transfers],
            "mounts": {at: asdict(mount) for at, mount in self.mounts.items()},
            "repository_db": self.repository_db,
        }
        state.save(self.folder / "host.json", values)

    def now(self) -> float:
        """The host's own clock: simulated epoch seconds."""
        return self.clock.now() + self.clock_offset

    def wait_until(self, moment: float) -> None:
        """Block until the host's clock shows that moment.

        :raises Stopped: the simulator was stopped meanwhile
        """
        self.clock.wait_until(moment - self.clock_offset)

    def after_the_answer(self, action: Callable[[], None]) -> None:
        """Do something a moment after the call that this thread serves has been answered."""
        self._afterwards.action = action

    def act_after_the_answer(self) -> None:
        """The call has been answered, or never will be."""
        action = getattr(self._afterwards, "action", None)
        if action is not None:
            self._afterwards.action = None
            self.clock.later(action, AFTER_THE_ANSWER)

    def log(self, level: str, where: str, text: str, file: str = "ovs-agent.log") -> None:
        """Write a line in the agent's form (agent-behaviour.md 1); passwords in URLs censored."""
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(self.now()))
        with self._log_lock:
            self._pid += 1
            with (self.folder / file).open("a", encoding="utf-8", errors="replace") as log:
                log.write(f"[{stamp} {self._pid}] {level} ({where}) {censored(text)}\n")

    def answer(self, question: str) -> str:
        """The personality's answer to an open question (personalities.py)."""
        return self.settings.answers[question]

    def let(self, mishap: str, happen: bool = True) -> None:
        """Let something go wrong in this host's xend from now on, or no more.

        :param mishap: a key of ``MISHAPS``
        :raises SimulatorError: no such mishap
        """
        if mishap not in MISHAPS:
            raise SimulatorError(f"unknown mishap {mishap!r}; there are: {', '.join(MISHAPS)}")
        with self.lock:
            (self.mishaps.add if happen else self.mishaps.discard)(mishap)
            self.save()

    def kill(self) -> None:
        """A dead host: its port is closed, connections are cut; its domains stay as they are."""
        self.down = True
        self.close_port()

    def revive(self) -> None:
        """Undo :meth:`kill` or :meth:`shut_down`."""
        self.down = False
        if self.records.pop("off", False):
            with self.lock:
                self.boot_time = self.now()
                self.save()
        self.open_port()

    def restart_agent(self) -> None:
        """The agent is away for ``agent_restart_seconds``; it reads its disk when it comes back.

        :raises Stopped: the simulator was stopped meanwhile
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
        """Another agent password on this host alone, as update_agent_password leaves it."""
        with self.lock:
            self.records["password"] = password
            self.save()

    def pose_as(self, other: SimulatedHost, registered_ip: bool = False) -> None:
        """Have the server uuid of another host, as boards with one placeholder uuid make it.

        :param registered_ip: say the other's registered address as well
        """
        with self.lock:
            self.uuid = other.uuid
            if registered_ip:
                self.records["registered_ip"] = other.address
            self.save()

    @property
    def minimum_restart_seconds(self) -> float:
        """xend's MINIMUM_RESTART_TIME as it was when xend was last started."""
        found: float = self.records.get("restart_time", self.settings.minimum_restart_seconds)
        return found

    def describe(self) -> dict[str, Any]:
        """What the ready file says of it."""
        keys = ("address", "port", "fingerprint", "uuid", "hostname")
        return {key: getattr(self, key) for key in keys}

    def replace_certificate(self) -> None:
        """Serve a new self-signed certificate from the next connection on."""
        self.renew_certificate()

    def mount_repository(self) -> None:
        """Mount the shared repository again, freshly."""
        with self.lock:
            self.stale.discard(self.repository_point)
            self.mounts[self.repository_point] = Mount(self.settings.fs_location)
            self.save()

    def unmount_repository(self) -> None:
        """Take the shared repository away, whoever uses it."""
        with self.lock:
            self.mounts.pop(self.repository_point, None)
            self.save()

    def stale_repository(self) -> None:
        """Let the repository's mount go stale, until :meth:`mount_repository`."""
        self.stale.add(self.repository_point)

    @property
    def repository_point(self) -> str:
        """Where the shared repository is mounted."""
        return f"/OVS/Repositories/{self.settings.repository_id}"

    def reboot(self) -> None:
        """Reboot the host: away for ``boot_seconds``, then back without what a reboot loses.

        Lost: every domain, the mounts under /nfsmnt, control0's address (agent-behaviour.md 13).
        """
        self._lose_power()
        self.wait_until(self.boot_time)
        self.revive()

    def shut_down(self) -> None:
        """Switch the host off, with all that a reboot loses, until :meth:`revive`."""
        self.records["off"] = True
        self._lose_power()

    def _lose_power(self) -> None:
        self.kill()
        self.end_jobs()
        with self.lock:
            for domain in self.domains:
                domain.phase = "gone"
            self.domains.clear()
            self.transfers.clear()
            self.busy_until = 0.0
            self.deaf.clear()
            self.mounts = {
                at: mount for at, mount in self.mounts.items() if not at.startswith("/nfsmnt/")
            }
            self.stale.clear()
            self.next_domid = 1
            self.boot_time = self.now() + self.settings.boot_seconds
            self.save()


def censored(text: str) -> str:
    """The text with passwords in URLs as ``******``, as the agent logs them."""
    return re.sub(r"(\w+://[^\s:/@'\"]+):[^\s@'\"]+@", r"\1:******@", text)


def censored_value(value: Any) -> Any:
    """An argument with every string in it censored, and the first 64 KiB of every base64 value."""
    if isinstance(value, Payload):
        return Payload(value.data[: 64 << 10])
    if isinstance(value, str):
        return censored(value)
    if isinstance(value, list):
        return [censored_value(item) for item in value]
    if isinstance(value, dict):
        return {key: censored_value(item) for key, item in value.items()}
    return value
