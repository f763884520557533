"""The host module's copies on a real file system that shares blocks: XFS on a loop device."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import eventually

pytestmark = pytest.mark.sshd  # run by `make test-host`: only root can mount

HOSTSIDE = Path(__file__).parents[2] / "hostside"
REPOSITORY = "/OVS/Repositories/" + "0a" * 16
SOURCE, TARGET = f"{REPOSITORY}/source", f"{REPOSITORY}/target"
DATA_BYTES, SIZE_BYTES = 32 << 20, 1 << 40


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The package of the host module, by its name on a host."""
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages/libcloud_ovm3_host").symlink_to(HOSTSIDE)
    monkeypatch.syspath_prepend(str(tmp_path / "packages"))
    from libcloud_ovm3_host import dom0, errors, jobs

    yield dom0, errors, jobs
    for name in [name for name in sys.modules if name.startswith("libcloud_ovm3_host")]:
        del sys.modules[name]


def host_of(modules: Any, root: Path) -> Any:
    """A host with one repository, which has a sparse disk."""
    (root / "proc/sys/kernel/random").mkdir(parents=True)
    (root / "proc/sys/kernel/random/boot_id").write_text("a boot\n")
    (root / "proc/mounts").write_text(f"/dev/x {REPOSITORY} xfs rw 0 0\n")
    (root / REPOSITORY[1:]).mkdir(parents=True)
    with (root / SOURCE[1:]).open("xb") as file:
        file.seek(SIZE_BYTES // 2)
        file.write(os.urandom(DATA_BYTES))
        file.truncate(SIZE_BYTES)
        os.fsync(file.fileno())
    host = modules[0].Dom0(str(root))
    host.log = lambda message: None
    return host


@pytest.fixture
def xfs(tmp_path: Path) -> Iterator[Path]:
    image, top = tmp_path / "image", tmp_path / "mounted"
    with image.open("xb") as file:
        file.truncate(400 << 20)
    top.mkdir()
    subprocess.run(["mkfs.xfs", "-q", "-m", "reflink=1", image], check=True)
    subprocess.run(["mount", "-o", "loop", image, top], check=True)
    yield top
    subprocess.run(["umount", top], check=True)


def used(top: Path) -> int:
    os.sync()
    found = os.statvfs(top)
    return (found.f_blocks - found.f_bfree) * found.f_frsize


def data_of(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(SIZE_BYTES // 2)
        return file.read(DATA_BYTES)


def test_a_clone_takes_no_space(modules: Any, xfs: Path) -> None:
    host, jobs = host_of(modules, xfs), modules[2]
    before = used(xfs)
    status = jobs.start_job(host, "me", "1" * 32, "clone", SOURCE, TARGET)
    assert (status["state"], status["error"]) == ("done", "")
    assert used(xfs) - before < DATA_BYTES // 4
    source, target = xfs / SOURCE[1:], xfs / TARGET[1:]
    assert target.stat().st_size == SIZE_BYTES
    assert data_of(target) == data_of(source)
    content = data_of(source)
    with source.open("r+b") as file:  # the copy keeps what the source loses
        file.seek(SIZE_BYTES // 2)
        file.write(bytes(DATA_BYTES))
    assert data_of(target) == content


def test_a_sparse_copy_reads_only_data(modules: Any, xfs: Path) -> None:
    host, jobs = host_of(modules, xfs), modules[2]
    jobs.start_job(host, "me", "1" * 32, "sparse_copy", SOURCE, TARGET)
    eventually(lambda: jobs.job_status(host, REPOSITORY, "1" * 32)["state"] != "running")
    assert jobs.job_status(host, REPOSITORY, "1" * 32)["state"] == "done"
    target = xfs / TARGET[1:]
    assert target.stat().st_size == SIZE_BYTES
    assert target.stat().st_blocks * 512 < 2 * DATA_BYTES
    assert data_of(target) == data_of(xfs / SOURCE[1:])


def test_a_file_system_that_cannot_share_blocks(modules: Any) -> None:
    """tmpfs, which every machine has."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory(dir="/dev/shm") as folder:
        host, errors, jobs = host_of(modules, Path(folder)), modules[1], modules[2]
        with pytest.raises(errors.Failed, match="cannot share blocks"):
            jobs.start_job(host, "me", "1" * 32, "clone", SOURCE, TARGET)
        assert not (Path(folder) / TARGET[1:]).exists()
