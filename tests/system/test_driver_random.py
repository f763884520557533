"""Claims through the driver, in random ways: as :mod:`.test_claims_random`, but clients do not know
of claims. Two of them, each by another host, alone or both at once.

Always: the VM runs once at most, and wherever it runs, or may come to life, its claim names that
host. When all faults have ended, and the hosts have looked, the claim is settled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from libcloud_ovm3 import OVM3NodeDriver
from libcloud_ovm3.simulator import Simulator
from tests.operations.attaching import add_disk
from tests.support import at_once, driver_for, quietly
from tests.system.test_claims_random import TOGETHER, Run
from tests.system.test_claims_random import sim as sim  # noqa: PLC0414 (the fixture)

REQUESTS = ("start", "stop", "configure", "settle")
VERBS = ("start",) * 4 + ("stop", "ask", "reboot", "attach", "detach", "list")


class Clients(Run):
    """The same steps, with two drivers instead of requests to host modules."""

    # Agents answer nothing then, which a driver waits for in real time.
    together = tuple(one for one in TOGETHER if "xend accepts nothing" not in one)

    def __init__(self, sim: Simulator, seed: int) -> None:
        super().__init__(sim, seed)
        self.volume = add_disk(sim)
        options = {"ex_second_look": 0, "ex_timeouts": {"read": 1200, "write": 1200}}
        self.drivers = [driver_for(sim, host=host.address, **options) for host in sim.hosts]

    def do(self, what: str, host: int) -> object:
        if what in REQUESTS:
            verb, act = self.act(host, host)
            return f"{verb}: {quietly(act)}"
        if what in ("again", "stale"):
            acts = [self.act(number, self.numbers.choice([0, 1])) for number in (0, 1)]
            calls = [(driver, act) for driver, (_, act) in zip(self.drivers, acts, strict=True)]
            results = [f"{one}"[:150] for one in at_once(self.sim, *calls)]
            return f"{[verb for verb, _ in acts]}: {results}"
        return super().do(what, host)

    def act(self, client: int, host: int) -> tuple[str, Callable[[], Any]]:
        """What a client does; and where, if that is its choice."""
        driver: OVM3NodeDriver = self.drivers[client]
        node, address = self.client.place[1], self.sim.hosts[host].address
        verb = self.numbers.choice(VERBS)
        acts: dict[str, Callable[[], Any]] = {
            "start": lambda: driver.start_node(node, ex_location=address),
            "stop": lambda: driver.stop_node(node, ex_force=True),
            "ask": lambda: driver.stop_node(node, ex_timeout=20),
            "reboot": lambda: driver.reboot_node(node),
            "attach": lambda: driver.attach_volume(node, self.volume),
            "detach": lambda: driver.detach_volume(self.volume, ex_node=node),
            "list": lambda: [one.extra["claim"]["kind"] for one in driver.list_nodes()],
        }
        return f"{verb} by {client} on {host}", acts[verb]

    def check(self) -> None:
        super().check()
        claim, alive = self.client.claim(), self.alive()
        named = [self.client.uuids.index(host) for host, _ in claim.hosts]
        if [host for host, _ in alive if host not in named]:
            raise self.trouble(f"{claim.kind} {named}, and {alive}")


@pytest.mark.tables
@pytest.mark.parametrize("sim", range(4), indirect=True)
def test_twenty_steps(sim: Simulator, request: pytest.FixtureRequest) -> None:
    walk(sim, request.node.callspec.params["sim"], 20)


@pytest.mark.soak
@pytest.mark.parametrize("sim", range(100, 200), indirect=True)
def test_sixty_steps(sim: Simulator, request: pytest.FixtureRequest) -> None:
    walk(sim, request.node.callspec.params["sim"], 60)


def walk(sim: Simulator, seed: int, steps: int) -> None:
    run = Clients(sim, seed)
    for _ in range(steps):
        run.step()
    run.end()
