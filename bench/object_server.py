"""A simulated host with a repository, in a process of its own, for what is measured of objects.

``python -m bench.object_server`` prints how it is reached as one line of JSON, and exits when its
standard input is closed. Its agent has two more functions, which use the same XML-RPC and no disk:
``bench_take`` takes what it is given, ``bench_give`` returns a chunk of that many bytes.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from libcloud_ovm3.simulator import Simulator

_ROOT = Path(__file__).parents[1]
_MODULE = """
import os
from libcloud_ovm3_host import chunks
from libcloud_ovm3_host.rpc import Binary

kept = {}

def take(*arguments):
    return None

def give(length):
    if length not in kept:
        kept[length] = chunks.encode(os.urandom(length))
    return {'chunk': Binary(kept[length])}

class Bench:
    def get_services(self, version=None):
        return {'bench_take': take, 'bench_give': give}
"""


@dataclasses.dataclass(frozen=True)
class Store:
    """How the host is reached, and where its repository is on this machine."""

    address: str
    port: int
    pin: str
    password: str
    folder: str


@contextlib.contextmanager
def storing() -> Iterator[Store]:
    """Such a host, while the block runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.object_server"],
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield Store(**json.loads(process.stdout.readline()))
        finally:
            process.stdin.close()


def main() -> None:
    """Serve until standard input is closed."""
    with Simulator(1, templates=0, vms=0, host_module=True) as sim:
        packages = next(sim.dom0(0).rglob("agent/target/api.py")).parents[2]
        (packages / "agent/api/bench.py").write_text(_MODULE)
        table = packages / "agent/target/api.py"
        lines = table.read_text().replace(
            "MODULES = [", "from agent.api import bench\nMODULES = [\n    bench.Bench,", 1
        )
        table.write_text(lines)
        sim.restart_agent(0)
        host = sim.hosts[0]
        folder = str(sim.repository_path)
        store = Store(host.address, host.port, host.fingerprint, sim.password, folder)
        sys.stdout.write(f"{json.dumps(dataclasses.asdict(store))}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
