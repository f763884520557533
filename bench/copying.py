"""Copies of disks by the host module's jobs and by ``cp``, in a repository of a simulated host."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from libcloud_ovm3.agent.connection import AgentConnection
from libcloud_ovm3.agent.hostmodule import HostModule
from libcloud_ovm3.agent.tls import HostTrust
from libcloud_ovm3.simulator import Simulator

_PIECES = 64
_POLL_SECONDS = 0.005


def disk(path: Path, size: int, data: int) -> None:
    """Create a disk with that much data, in pieces of equal size at equal distances."""
    piece = data // _PIECES
    with path.open("xb") as file:
        for number in range(_PIECES):
            file.seek(size // _PIECES * number)
            file.write(os.urandom(piece))
        file.truncate(size)
        os.fsync(file.fileno())


@contextlib.contextmanager
def contenders(size: int, data: int) -> Iterator[dict[str, Callable[[], None]]]:
    """Copies of a sparse disk with some data, and of a file of just that data: each is complete and
    on the disk at the end."""
    with Simulator(1, templates=0, vms=0, host_module=True) as sim:
        folder = sim.repository_path / "VirtualDisks"
        disk(folder / "sparse.img", size, data)
        disk(folder / "dense.img", data, data)
        host = sim.hosts[0]
        trust = HostTrust(pins=(host.fingerprint,))
        module = HostModule(
            AgentConnection("oracle", sim.password, host=host.address, port=host.port, trust=trust)
        )
        mount = f"/OVS/Repositories/{sim.repository_id}"

        def by_job(name: str) -> None:
            job = uuid.uuid4().hex
            paths = (f"{mount}/VirtualDisks/{one}.img" for one in (name, f"copy of {name}"))
            status = module.start_job("bench", job, "sparse_copy", *paths)
            while status["state"] == "running":
                time.sleep(_POLL_SECONDS)
                status = module.job_status(mount, job)
            assert status["state"] == "done", status

        def by_cp(name: str) -> None:
            paths = (folder / f"{name}.img", folder / f"copy of {name}.img")
            subprocess.run(["cp", "--sparse=always", *paths], check=True)  # noqa: S603, S607
            subprocess.run(["sync", paths[1]], check=True)  # noqa: S603, S607

        def copy(run: Callable[[str], None], name: str) -> Callable[[], None]:
            def run_and_check() -> None:
                target = folder / f"copy of {name}.img"
                run(name)
                assert target.stat().st_size == (folder / f"{name}.img").stat().st_size
                assert target.stat().st_blocks * 512 < data + (16 << 20), "it has no holes"
                target.unlink()

            return run_and_check

        yield {
            "sparse": copy(by_job, "sparse"),
            "dense": copy(by_job, "dense"),
            "cp": copy(by_cp, "sparse"),
        }
