"""Two clients write one document through two hosts, with answers lost, late and wrong.

The document is a list; each client reads it, adds an entry of its own and writes the next version,
as docs/host-module.md says. In the end every entry is there, once.
"""

from __future__ import annotations

import itertools
import multiprocessing
import threading
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from libcloud_ovm3.agent.connection import AgentConnection
from libcloud_ovm3.agent.hostmodule import HostModule
from libcloud_ovm3.agent.tls import HostTrust
from libcloud_ovm3.errors import AgentFault, OutcomeUnknown
from libcloud_ovm3.simulator import Rule, Simulator
from tests.support import simulate

NAME = "counter"
LOST = "libcloud_ovm3_host.errors.Conflict"
WRITE = "libcloud_write_document"
# What goes wrong with every seventh write, in turn.
TROUBLES = ("drop_after", "delayed", "fault_after", "drop_before")


class Writer:
    """One client, with a connection of its own to one host."""

    def __init__(self, name: str, address: str, port: int, pin: str, user: str, key: str) -> None:
        connection = AgentConnection(
            user, key, host=address, port=port, trust=HostTrust(pins=(pin,))
        )
        self.name = name
        self.module = HostModule(connection)

    def add(self, mount: str, entry: str) -> None:
        """Add an entry. It never looks whether the entry is there already: it must not need to."""
        while True:
            seen = self.module.read_document(mount, NAME)
            content = seen.content + f"{entry}\n".encode()
            if self.write(mount, seen.next_version, content):
                return

    def write(self, mount: str, version: int, content: bytes) -> bool:
        """Write one version; False if another client was first. In doubt: the same once more."""
        operation = uuid.uuid4().hex
        while True:
            try:
                self.module.write_document(self.name, operation, mount, NAME, version, content)
                return True
            except OutcomeUnknown:
                continue
            except AgentFault as fault:
                if fault.kind == LOST:
                    return False
                if "trouble" not in str(fault):
                    raise


def trouble(sim: Simulator, calls: int) -> list[Rule]:
    rules = []
    for nth, kind in zip(range(3, calls, 7), itertools.cycle(TROUBLES), strict=False):
        seconds = 0.01 if kind == "delayed" else None
        rules.append(sim.misbehave(kind, WRITE, nth=nth, seconds=seconds, text="a.b.C:trouble"))
    return rules


def arguments_of(sim: Simulator, index: int) -> tuple[Any, ...]:
    host = sim.hosts[index]
    return host.address, host.port, host.fingerprint, sim.user, sim.password


def mount_of(sim: Simulator) -> str:
    return f"/OVS/Repositories/{sim.repository_id}"


def entries(sim: Simulator) -> Counter[str]:
    writer = Writer("reader", *arguments_of(sim, 0))
    return Counter(writer.module.read_document(mount_of(sim), NAME).content.decode().split())


def two_clients(count: int) -> None:
    with simulate(hosts=2, vms=0, host_module=True) as sim:
        rules = trouble(sim, 3 * count)
        names = [("a", 0), ("b", 1)]
        begin = threading.Barrier(2)

        def write_all(name: str, index: int) -> None:
            writer = Writer(name, *arguments_of(sim, index))
            begin.wait()
            for number in range(count):
                writer.add(mount_of(sim), f"{name}-{number}")

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(write_all, *zip(*names, strict=True)))
        sim.flush_delayed()
        expected = {f"{name}-{number}" for name, _ in names for number in range(count)}
        assert entries(sim) == Counter(expected)
        struck = Counter(rule.kind for rule in rules if rule.hits)
        assert sorted(struck) == sorted(TROUBLES)


def test_two_clients_write_one_document() -> None:
    two_clients(100)


@pytest.mark.long
def test_two_clients_write_one_document_a_thousand_times() -> None:
    two_clients(1000)


def write_until_killed(name: str, done: Path, mount: str, *host: Any) -> None:
    """A client in a process of its own, which notes each entry that is surely there."""
    writer = Writer(name, *host)
    with done.open("a") as notes:
        for number in itertools.count():
            writer.add(mount, f"{name}-{number}")
            notes.write(f"{name}-{number}\n")
            notes.flush()


def test_a_client_that_is_killed_leaves_no_half_entry(tmp_path: Path) -> None:
    with simulate(hosts=2, vms=0, host_module=True) as sim:
        mount, context = mount_of(sim), multiprocessing.get_context("spawn")
        survivor = Writer("b", *arguments_of(sim, 1))
        written = itertools.count()
        in_all = []
        for round_ in range(2):
            notes = tmp_path / f"{round_}"
            notes.touch()
            doomed = context.Process(
                target=write_until_killed, args=(f"a{round_}", notes, mount, *arguments_of(sim, 0))
            )
            doomed.start()
            while len(notes.read_text().splitlines()) < 10:
                assert doomed.is_alive()
                survivor.add(mount, f"b-{next(written)}")
            doomed.kill()
            doomed.join()
            for _ in range(5):
                survivor.add(mount, f"b-{next(written)}")
            in_all += notes.read_text().splitlines()
        found = entries(sim)
        assert max(found.values()) == 1
        in_all += [f"b-{number}" for number in range(next(written))]
        missing = set(in_all) - set(found)
        assert missing == set()
        # the last one of each that was killed may have arrived, or not
        assert len(set(found) - set(in_all)) <= 2
