"""Who uploads, or the host that is uploaded to, is killed at any moment: then there is the old
content or the new one, whole, and whatever else is left is found, and can be gone on with.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from libcloud.storage.types import ObjectDoesNotExistError

from libcloud_ovm3 import OVM3StorageDriver
from libcloud_ovm3.agent.object_types import BLOCK_BYTES
from libcloud_ovm3.errors import Ovm3Error
from libcloud_ovm3.simulator import Simulator
from libcloud_ovm3.simulator.server.faults import Rule
from tests.storage.stores import get, put, storage_for, upload_file
from tests.support import eventually, pins_of, simulate

OLD = b"the old content"
MOMENTS = 50
SEED = 20261129
CALLS = 30  # more than an upload makes


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A file of several blocks, of which most is holes."""
    path = tmp_path / "source"
    chance = random.Random(SEED)
    with path.open("wb") as file:
        for number in range(3):
            file.seek(number * BLOCK_BYTES)
            file.write(chance.randbytes(4096))
    return path


def fill(source: Path) -> None:
    """With content of which every byte tells."""
    source.write_bytes(random.Random(SEED).randbytes(source.stat().st_size))


def prepare(driver: OVM3StorageDriver, name: str, *, is_overwrite: bool) -> None:
    made = put(driver, driver.get_container("box"), name, OLD)
    if not is_overwrite:
        driver.delete_object(made)


def content(driver: OVM3StorageDriver, name: str) -> bytes | None:
    """Read with its recorded MD5, which must be that of the content."""
    try:
        return get(driver, "box", name)
    except ObjectDoesNotExistError:
        return None


def check(
    driver: OVM3StorageDriver, repository: Path, name: str, before: Any, source: Path
) -> bool:
    """What is there; and what is left is listed, and leads to the new content.

    :return: whether anything was left.
    """
    new = source.read_bytes()
    now = content(driver, name)
    assert now in (before, new)
    left = driver.ex_list_uploads("box")
    assert {one["id"] for one in left} == {one.name for one in repository.rglob("uploads/*")}
    assert all(one["object_name"] == name for one in left if not one["error"])
    if any(one["error"] for one in left):  # a commit that was cut off, or a begin
        for one in left:
            driver.ex_delete_upload("box", one)
        assert content(driver, name) == now
    driver.upload_object(str(source), driver.get_container("box"), name, ex_resume=True)
    assert content(driver, name) == new
    assert driver.ex_list_uploads("box") == []
    assert list(repository.rglob("uploads/*")) == []
    return bool(left)


@pytest.mark.tables
@pytest.mark.parametrize("is_overwrite", [False, True], ids=["upload", "overwrite"])
def test_a_host_is_killed_at_each_call(source: Path, is_overwrite: bool) -> None:
    """In turn before that has its effect, which still comes, and after."""
    with simulate(1, vms=0, templates=0, host_module=True) as sim:
        storage_for(sim).create_container("box")
        left = 0
        for number in range(1, CALLS):
            when = "before" if (number + is_overwrite) % 2 else "after"
            prepare(storage_for(sim), "x", is_overwrite=is_overwrite)
            driver = storage_for(sim)

            def die(moment: str, when: str = when) -> None:
                if moment == when:
                    sim.hosts[0].kill()

            rule = Rule("hook", "*", nth=number, hook=die)
            sim.add_rule(rule)
            error = None
            try:
                driver.upload_object(str(source), driver.get_container("box"), "x")
            except Ovm3Error as failed:
                error = failed
            sim.clear_misbehaviour()
            if not rule.hits:
                break
            sim.hosts[0].revive()
            assert error is not None
            driver = storage_for(sim)
            for one in driver.ex_list_uploads("box"):
                assert one["id"] in error.left  # type: ignore[attr-defined]
            before = OLD if is_overwrite else None
            left += check(driver, sim.repository_path, "x", before, source)
        assert number > 6
        assert error is None
        assert left > 3


@pytest.mark.soak
@pytest.mark.parametrize("is_overwrite", [False, True], ids=["upload", "overwrite"])
def test_clients_are_killed_at_random_moments(source: Path, is_overwrite: bool) -> None:
    chance = random.Random(SEED + is_overwrite)
    fill(source)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.storage.stores"])
    with Simulator(1, vms=0, templates=0, host_module=True) as sim:
        driver = storage_for(sim)
        driver.create_container("box")
        host = sim.hosts[0]
        how = (sim.user, sim.password, host.address, host.port, pins_of(sim))
        arguments = (how, str(source), "box", "x")
        start = time.monotonic()
        for _ in range(2):
            client = context.Process(target=upload_file, args=arguments)
            client.start()
            client.join()
        longest = (time.monotonic() - start) / 2
        left = 0
        for _ in range(MOMENTS):
            prepare(driver, "x", is_overwrite=is_overwrite)
            idle = sim.open_connections  # of this process
            client = context.Process(target=upload_file, args=arguments)
            client.start()
            client.join(chance.uniform(0, longest))
            client.kill()
            client.join()
            eventually(lambda: sim.open_connections <= idle)  # noqa: B023 - asked at once
            before = OLD if is_overwrite else None
            left += check(driver, sim.repository_path, "x", before, source)
        assert left, "no client was killed while it uploaded"


@pytest.mark.soak
@pytest.mark.parametrize("is_overwrite", [False, True], ids=["upload", "overwrite"])
def test_hosts_are_killed_at_random_moments(
    source: Path, tmp_path: Path, is_overwrite: bool
) -> None:
    """The process that simulates the host, with the module's functions half done."""
    chance = random.Random(SEED + is_overwrite)
    fill(source)
    longest, left = 0.0, 0
    root = tmp_path / "root"
    with running(root) as (process, driver):
        driver.create_container("box")
        start = time.monotonic()
        driver.upload_object(str(source), driver.get_container("box"), "x")
        longest = time.monotonic() - start
    for _ in range(MOMENTS):
        with running(root) as (process, driver):
            prepare(driver, "x", is_overwrite=is_overwrite)
            box = driver.get_container("box")
            delay = chance.uniform(0, longest)
            killer = subprocess.Popen([sys.executable, "-c", _KILL, str(delay), str(process.pid)])
            with contextlib.suppress(Ovm3Error):
                driver.upload_object(str(source), box, "x")
            killer.wait()
        with running(root) as (process, driver):
            [repository] = [one.parent for one in root.rglob(".libcloud-ovm3")]
            before = OLD if is_overwrite else None
            left += check(driver, repository, "x", before, source)
    assert left, "no host was killed while something was uploaded"


_KILL = "import os, sys, time; time.sleep(float(sys.argv[1])); os.kill(int(sys.argv[2]), 9)"


@contextlib.contextmanager
def running(root: Path) -> Iterator[tuple[subprocess.Popen[bytes], OVM3StorageDriver]]:
    """A simulator in a process of its own, and a driver for it."""
    ready = root.with_name("ready")
    ready.unlink(missing_ok=True)
    command = [sys.executable, "-m", "libcloud_ovm3.simulator", "--root", str(root)]
    command += ["--hosts", "1", "--vms", "0", "--templates", "0", "--host-module"]
    command += ["--ready-file", str(ready)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            while not ready.exists():
                assert process.poll() is None
                time.sleep(0.05)
            facts = json.loads(ready.read_text())
            [host] = facts["hosts"]
            yield (
                process,
                OVM3StorageDriver(
                    facts["user"],
                    facts["password"],
                    host=host["address"],
                    port=host["port"],
                    ex_fingerprint={host["address"]: host["fingerprint"]},
                ),
            )
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGTERM)
