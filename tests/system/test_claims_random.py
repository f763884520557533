"""Claims on simulated hosts, in random ways: what the model of claims assumes, over real sockets.

Each step is a request, something that a guest or a host does, or a fault of a host that begins or
ends. No other tool touches the VM. Then, always: it runs once at most; it does not run, nor can it
come to life, while its claim is free. And when all faults have ended: a way to a settled claim.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from libcloud_ovm3.errors import Ovm3Error
from libcloud_ovm3.simulator import Simulator, SimulatorError
from tests.support import simulate
from tests.system.claim_client import Client

KILLS = ("agent dies", "agent and xm die")
DELAYS = ("xend is busy", "xm is late", "xend accepts nothing")
FAULTS = (*KILLS, *DELAYS, "xm dies", "qemu dies", "devices hang", "destroy fails")
TOGETHER = [
    *[(kill, delay) for kill in KILLS for delay in DELAYS],
    *[(fault,) for fault in FAULTS],
    ("agent and xm die", "devices hang"),
]
STEPS = (
    *("start",) * 6,
    *("stop",) * 3,
    *("configure", "again", "stale"),
    *("settle",) * 6,
    *("fault",) * 3,
    *("heal",) * 2,
    *("wait",) * 3,
    *("guest",) * 3,
    *("restart xend", "reboot", "crash"),
)


class Trouble(AssertionError):
    """An invariant does not hold; says what was done."""


class Run:
    """Random steps with one VM."""

    together = TOGETHER

    def __init__(self, sim: Simulator, seed: int) -> None:
        self.sim, self.numbers = sim, random.Random(seed)
        self.client = Client(sim)
        self.there = 0
        self.requests: list[tuple[Any, ...]] = []
        self.log: list[str] = []

    def step(self) -> None:
        what = self.numbers.choice(STEPS)
        if self.numbers.random() < 0.1:
            self.there = 1 - self.there
        # mostly one host, so that things meet there
        host = self.there if self.numbers.random() < 0.8 else 1 - self.there
        self.log.append(f"{what} {host}")
        try:
            self.log[-1] += f": {self.do(what, host)}"
        except (Ovm3Error, SimulatorError) as error:
            self.log[-1] += f": {type(error).__name__} {str(error)[:150]}"
        self.check()

    def do(self, what: str, host: int) -> object:
        sim, client = self.sim, self.client
        target = sim.hosts[host]
        match what:
            case "start" | "stop" | "configure":
                parameters = {
                    "start": [],
                    "stop": [self.numbers.random() < 0.7],
                    "configure": [{"memory": self.numbers.choice([256, 300])}],
                }[what]
                claim = client.claim()
                digest = client.digest() if what == "configure" else ""
                request = (uuid.uuid4().hex, claim.folder, claim.version, digest)
                self.requests.append((host, *request, f"{what}_vm", parameters))
                return client.request(*self.requests[-1])
            case "again" if self.requests:
                return client.request(*self.numbers.choice(self.requests[-3:]))
            case "stale" if self.requests:
                _, _, *rest = self.numbers.choice(self.requests)
                return client.request(host, uuid.uuid4().hex, *rest)
            case "settle":
                return client.settle(host)
            case "fault":
                self.heal(host)
                faults = self.numbers.choice(self.together)
                for fault in faults:
                    target.inject(fault)
                return " + ".join(faults)
            case "heal":
                self.heal(host)
            case "wait":
                sim.wait(self.numbers.choice([0.3, 2, 10, 70]))
            case "guest":
                action = self.numbers.choice(["reboot", "poweroff", "crash"])
                sim.guest(host, client.machine.uuid, action)
                return action
            case "restart xend":
                sim.restart_xend(host)
            case "reboot" | "crash":
                target.reboot(in_order=what == "reboot")
        return ""

    def heal(self, host: int) -> None:
        for fault in FAULTS:
            self.sim.hosts[host].inject(fault, False)

    def alive(self) -> list[tuple[int, str]]:
        """Host and phase of what lives, or comes to life by itself."""
        found = []
        for host in self.sim.hosts:
            self.sim.domains(host.index)
            found += [
                (host.index, one.phase)
                for one in host.domains
                if one.uuid == self.client.machine.uuid and one.phase not in ("zombie", "gone")
            ]
            found += [(host.index, "saved") for _ in self.saved(host.index)]
            for process in host.processes.copy().values():
                if process.words[:2] == ["xm", "create"]:
                    found.append((host.index, "xm create"))
        return found

    def saved(self, host: int) -> list[str]:
        folder = self.sim.dom0(host) / "var/lib/xen/save"
        return [file.name for file in folder.glob("*")]

    def check(self) -> None:
        alive = self.alive()
        domains = [one for one in alive if one[1] not in ("saved", "xm create")]
        if len(domains) > 1:
            raise self.trouble(f"it runs twice: {alive}")
        claim = self.client.stored()
        if claim == "free" and alive:
            raise self.trouble(f"free, and {alive}")

    def end(self) -> None:
        """Nothing goes wrong any more."""
        for host in (0, 1):
            self.heal(host)
        for _ in range(6):
            self.sim.wait(120)
            for host in (0, 1):
                self.client.settle(host)
                self.check()
        claim, alive = self.client.claim(), self.alive()
        hosts = [self.client.uuids.index(host) for host, _ in claim.hosts]
        if [one[1] for one in alive] == ["saved"] and hosts == [alive[0][0]]:
            return  # it could not be restored: only a person can tell what becomes of it
        if claim.kind not in ("free", "on") or hosts != [host for host, _ in alive]:
            raise self.trouble(f"not settled: {claim.kind} {hosts} {claim.why}, alive: {alive}")

    def trouble(self, text: str) -> Trouble:
        history = "\n  ".join(self.log)
        logs = [(host.folder / "xend.log").read_text() for host in self.sim.hosts]
        return Trouble("\n".join([text, f"  {history}", f"  now: {self.client.claim()}", *logs]))


@pytest.fixture
def sim(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    version, seconds = ("3.2.1", 60) if request.param % 2 else ("3.3.3", 5)
    options: dict[str, Any] = {"version": version, "reboot_gap": seconds, "xendomains": True}
    options |= {"minimum_restart_seconds": 5, "host_module": True}
    with simulate(hosts=2, vms=0, **options) as simulator:
        yield simulator


@pytest.mark.tables
@pytest.mark.parametrize("sim", range(8), indirect=True)
def test_thirty_steps(sim: Simulator, request: pytest.FixtureRequest) -> None:
    walk(sim, request.node.callspec.params["sim"], 30)


@pytest.mark.soak
@pytest.mark.parametrize("sim", range(100, 300), indirect=True)
def test_a_hundred_steps(sim: Simulator, request: pytest.FixtureRequest) -> None:
    walk(sim, request.node.callspec.params["sim"], 100)


def walk(sim: Simulator, seed: int, steps: int) -> None:
    run = Run(sim, seed)
    for _ in range(steps):
        run.step()
    run.end()
