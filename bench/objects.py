"""Objects: uploads, downloads and listings by the storage driver, and their peers."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench.copying import disk
from bench.object_server import Store, storing
from libcloud_ovm3 import OVM3StorageDriver
from libcloud_ovm3.agent import chunks
from libcloud_ovm3.agent.connection import AgentConnection
from libcloud_ovm3.agent.tls import HostTrust
from libcloud_ovm3.estate.parallel_calls import IN_FLIGHT

_ROOT = Path(__file__).parents[1]
_USER = "oracle"
_BLOCK = chunks.CHUNK_BYTES


def driver_of(store: Store) -> OVM3StorageDriver:
    """A storage driver for the host."""
    return OVM3StorageDriver(
        _USER,
        store.password,
        host=store.address,
        port=store.port,
        ex_fingerprint={store.address: store.pin},
    )


@contextlib.contextmanager
def transfers(size: int, folder: Path) -> Iterator[dict[str, Callable[[], None]]]:
    """An incompressible object up and down by this driver; the same bytes in the same calls, as
    many at a time, to and from functions that use no disk; and the file by ``scp``.

    :param size: its size in bytes: whole blocks.
    :param folder: where there is room for the file, twice.
    """
    source, target = folder / "source", folder / "target"
    disk(source, size, size)
    with storing() as store, contextlib.ExitStack() as stack:
        driver = driver_of(store)
        box = driver.create_container("bench")
        trust = HostTrust(pins=(store.pin,))
        connection = AgentConnection(
            _USER, store.password, host=store.address, port=store.port, trust=trust
        )

        def up() -> None:
            driver.upload_object(str(source), box, "object")

        def down() -> None:
            driver.download_object(driver.get_object("bench", "object"), str(target), True)

        def take(offset: int) -> None:
            with source.open("rb", buffering=0) as file:
                file.seek(offset)
                chunk = chunks.encode(file.read(_BLOCK))
            connection.call("bench_take", "bench", offset, chunk, kind="write")

        def give(offset: int) -> None:
            found = connection.call("bench_give", _BLOCK, kind="read")
            assert len(found["chunk"]) > _BLOCK

        def floor(call: Callable[[int], None]) -> Callable[[], None]:
            def all_blocks() -> None:
                with ThreadPoolExecutor(IN_FLIGHT) as pool:
                    list(pool.map(call, range(0, size, _BLOCK)))

            return all_blocks

        contenders = {"up": up, "up floor": floor(take), "down": down, "down floor": floor(give)}
        if shutil.which("sshd") and shutil.which("scp"):
            copy = stack.enter_context(scp(folder))
            contenders["scp"] = lambda: copy(source, folder / "copied")
        yield contenders


@contextlib.contextmanager
def scp(folder: Path) -> Iterator[Callable[[Path, Path], None]]:
    """Copying through an ``sshd`` of this user on loopback, which is one process for the while."""
    for name in ("host", "user"):
        key = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(key, check=True)  # noqa: S603 (our own)
    settings = {
        "StrictModes": "no",
        "UsePAM": "no",
        "HostKey": folder / "host",
        "PidFile": "none",
        "AuthorizedKeysFile": folder / "user.pub",
        "Subsystem": "sftp internal-sftp",
    }
    (folder / "sshd_config").write_text("".join(f"{k} {v}\n" for k, v in settings.items()))
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    server = f"{shutil.which('sshd')} -i -f {folder}/sshd_config"
    options = ["-q", "-i", str(folder / "user"), "-o", f"ProxyCommand={server}"]
    for option in ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "BatchMode=yes"):
        options += ["-o", option]

    def copy(source: Path, target: Path) -> None:
        command = ["scp", *options, str(source), f"loopback:{target}"]
        subprocess.run(command, check=True)  # noqa: S603 (our own)
        assert target.stat().st_size == source.stat().st_size

    yield copy


@contextlib.contextmanager
def sparse(size: int, data: int, folder: Path) -> Iterator[dict[str, Callable[[], None]]]:
    """A sparse file up and down, and a file of just its data."""
    paths = {"sparse": folder / "sparse", "dense": folder / "dense"}
    disk(paths["sparse"], size, data)
    disk(paths["dense"], data, data)
    with storing() as store:
        driver = driver_of(store)
        box = driver.create_container("bench")

        def up(name: str) -> Callable[[], None]:
            return lambda: driver.upload_object(str(paths[name]), box, name) and None

        def down(name: str) -> Callable[[], None]:
            def run() -> None:
                target = folder / "target"
                driver.download_object(driver.get_object("bench", name), str(target), True)
                assert target.stat().st_size == paths[name].stat().st_size
                assert target.stat().st_blocks * 512 < data + (16 << 20), "it has no holes"

            return run

        yield {f"{way.__name__} {name}": way(name) for way in (up, down) for name in paths}


# ------------------------------------------------------------------ memory


def growth(action: str, store: Store, *arguments: str) -> dict[str, float]:
    """What a new process reports that does one of the actions of :func:`main`.

    :return: ``grown_mib``: what its resident set has grown by at most, and what else it reports.
    """
    given = json.dumps(vars(store))
    command = [sys.executable, "-m", "bench.objects", given, action, *arguments]
    done = subprocess.run(  # noqa: S603 (our own)
        command, cwd=_ROOT, check=True, stdout=subprocess.PIPE, text=True
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    """Do something with one object, or list all, and print how much memory it took."""
    given, action, *arguments = sys.argv[1:]
    driver = driver_of(Store(**json.loads(given)))
    box = driver.get_container("bench")
    driver.upload_object_via_stream(iter([b"first"]), box, "first")
    b"".join(driver.download_object_as_stream(driver.get_object("bench", "first")))
    before = _resident("VmRSS")
    found: dict[str, Any] = {}
    if action == "up":
        driver.upload_object(arguments[0], box, "large")
    elif action == "down":
        driver.download_object(driver.get_object("bench", "large"), arguments[0], True)
    else:
        found = _listed(driver, box)
    found["grown_mib"] = (_resident("VmHWM") - before) / 1024
    sys.stdout.write(json.dumps(found))


def _listed(driver: OVM3StorageDriver, box: Any) -> dict[str, Any]:
    start = time.perf_counter()
    seconds, count = 0.0, 0
    for _ in driver.iterate_container_objects(box):
        seconds = seconds or time.perf_counter() - start
        count += 1
    return {"first": seconds, "all": time.perf_counter() - start, "objects": count}


def _resident(key: str) -> int:
    """In KiB."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(key))


def add_objects(store: Store, count: int) -> None:
    """Add objects with their records beside one that the driver has made: uploads would take much
    longer than what is measured. They are like those (tests/bench looks)."""
    driver = driver_of(store)
    box = driver.get_container("bench")
    driver.upload_object_via_stream(iter([b"x" * 10]), box, "like", {"meta_data": {"a": "b"}})
    [data] = Path(store.folder).rglob("data/like")
    [record] = Path(store.folder).rglob("about/*/like.*")
    like = dict(line.split("=", 1) for line in record.read_text().splitlines())
    about = record.parents[1]
    for number in range(count):
        name = f"object-{number:06d}"
        file = data.with_name(name)
        file.write_bytes(b"x" * 10)
        status = file.stat()
        identity = f"{status.st_ino}-{status.st_size}-{status.st_mtime:.6f}"
        bucket = about / hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()[:2]
        bucket.mkdir(exist_ok=True)
        own = {**like, "name": name, "identity": identity, "modified": str(int(status.st_mtime))}
        lines = "".join(f"{key}={value}\n" for key, value in own.items())
        (bucket / f"{name}.{uuid.uuid4().hex}").write_text(lines)
    driver.delete_object(driver.get_object("bench", "like"))


if __name__ == "__main__":
    main()
