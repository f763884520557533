"""A pool as doctors see them: one dead host, one unmounted repository, one broken vm.cfg, one
duplicate uuid; and the Manager that owned it all is gone."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from libcloud_ovm3.agent.address import Address
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.simulator import Simulator
from tests.support import driver_for, simulate

TWIN = "0004fb00-0006-0000-aaaa-00000000bbbb"
BROKEN = "0004fb0000060000ccccccccdddddddd"


@dataclass(frozen=True)
class Sick:
    """The pool, and what is wrong with it."""

    sim: Simulator
    unmounted: str  # id of a repository that every host knows and none has mounted


@contextmanager
def sick_pool(personality: str = "plain") -> Iterator[Sick]:
    """Three hosts at addresses that no simulated pool has by itself; the third one is dead."""
    port = _free_port()
    addresses = [f"127.9.7.{number}:{port}" for number in (11, 12, 13)]
    with simulate(hosts=3, addresses=addresses, personality=personality) as sim:
        sim.add_vm("twin one", uuid=TWIN, directory="twin-one")
        sim.add_vm("twin two", uuid=TWIN, directory="twin-two")
        sim.add_vm("broken-cfg", directory=BROKEN)
        cfg = sim.repository_path / "VirtualMachines" / BROKEN / "vm.cfg"
        cfg.write_text("memory = = 512\n")
        vault = sim.add_repository("vault")
        estate = driver_for(sim)._estate
        for host in sim.hosts:
            agent = estate.agent(Address(host.address, host.port))
            agent.repository.unmount_repository_fs(f"/OVS/Repositories/{vault}")
        sim.hosts[2].kill()
        yield Sick(sim, vault)


def estate_of(sim: Simulator) -> Estate:
    """The estate that a read-only driver for the first host sees."""
    return driver_for(sim, ex_read_only=True)._estate


def _free_port() -> int:
    with socket.socket() as line:
        line.bind(("127.9.7.11", 0))
        return int(line.getsockname()[1])
