"""Importing local files that need no conversion, and what is refused. What qemu-img converts:
tests/filesystems/test_qemu_img.py."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from libcloud_ovm3.errors import (
    AmbiguousName,
    InvalidArgument,
    OperationIncomplete,
    Ovm3Warning,
    PreconditionFailed,
)
from libcloud_ovm3.operations import convert_image
from libcloud_ovm3.simulator import Simulator
from tests.operations.failures import files_of
from tests.operations.serving import serving
from tests.operations.test_image_formats import mbr
from tests.support import calls_of, driver_for, simulate

MIB = 1 << 20
UPLOAD = "libcloud_write_upload"


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with simulate(hosts=2, vms=0, templates=0, host_module=True) as simulator:
        for path in (simulator.repository_path / "ISOs").iterdir():
            path.unlink()
        yield simulator


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where temporary files go; none is left."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


def put(path: Path, size_bytes: int) -> bytes:
    """A sparse file with data at its beginning and its end."""
    with path.open("wb") as file:
        file.write(b"\xeb" + os.urandom(5000))
        file.seek(size_bytes - 3000)
        file.write(os.urandom(3000))
    return path.read_bytes()


def content_of(sim: Simulator, image: Any) -> bytes:
    return (sim.repository_path / image.extra["path"]).read_bytes()


def test_a_raw_file_is_sent_as_it_is_and_padded(sim: Simulator, tmp_path: Path) -> None:
    content, seen = put(tmp_path / "x.img", 33 * MIB + 100), []
    driver = driver_for(sim)
    image = driver.ex_import_image(
        str(tmp_path / "x.img"), "Döner", ex_progress=lambda *now: seen.append(now)
    )
    size = 33 * MIB + 4096
    assert content_of(sim, image) == content.ljust(size, b"\0")
    assert seen[-1] == (size, size)
    assert len(calls_of(sim, UPLOAD)) == 2, "zeros are not sent"
    assert (image.name, image.extra["kind"], image.extra["state"]) == ("Döner", "raw", "available")
    assert (sim.repository_path / image.extra["path"]).stat().st_blocks * 512 < MIB
    assert driver.create_node("new", "tiny", image).state == "running"


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_compressed_file_is_decompressed(sim: Simulator, tmp_path: Path, pack: Any) -> None:
    content = put(tmp_path / "x", 3 * MIB)
    (tmp_path / "no-ending").write_bytes(pack(content))
    image = driver_for(sim).ex_import_image(str(tmp_path / "no-ending"), "x")
    assert content_of(sim, image) == content
    whole = (tmp_path / "no-ending").read_bytes()
    (tmp_path / "half").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InvalidArgument, match="cannot be decompressed"):
        driver_for(sim).ex_import_image(str(tmp_path / "half"), "x")
    assert len(driver_for(sim).list_images()) == 1


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_file_of_several_streams(tmp_path: Path, pack: Any) -> None:
    """As parallel programs make them. One that is damaged is not taken for the end."""
    content, path = put(tmp_path / "x", MIB), tmp_path / "packed"
    first, second = pack(content[:5000]), pack(content[5000:])
    for between in (b"", bytes(8)):
        path.write_bytes(first + between + second + bytes(4))
        with convert_image.raw_image(str(path)) as found:
            assert Path(found.path).read_bytes() == content
    for at in (0, 1, 20, len(second) // 2):
        damaged = second[:at] + bytes([second[at] ^ 0x55]) + second[at + 1 :]
        path.write_bytes(first + damaged)
        with (
            pytest.raises(InvalidArgument, match="cannot be decompressed"),
            convert_image.raw_image(str(path)),
        ):
            pass
    for end in (1, 4, 12, len(second) - 1):
        path.write_bytes(first + second[:end])
        with (
            pytest.raises(InvalidArgument, match="not complete"),
            convert_image.raw_image(str(path)),
        ):
            pass


def test_a_disk_that_is_shorter_than_its_partitions_is_told(sim: Simulator, tmp_path: Path) -> None:
    path = tmp_path / "x.img"
    path.write_bytes(mbr((0x83, 2048, 4096)) + bytes(MIB))
    with pytest.warns(Ovm3Warning, match=r"x.img \(raw\) has .* at least 3145728: it may be cut"):
        image = driver_for(sim).ex_import_image(str(path), "x")
    with serving() as server:
        server.files["/y"] = path.read_bytes()
        with pytest.warns(Ovm3Warning, match="Templates/y.* it may be cut off"):
            driver_for(sim).ex_import_image(f"{server.url}/y", "y")
    assert image.extra["state"] == "available"


def test_an_iso_is_seen_by_its_content(sim: Simulator, tmp_path: Path) -> None:
    content = bytes(0x8001) + b"CD001" + os.urandom(1000)
    (tmp_path / "cd.img").write_bytes(content)
    driver = driver_for(sim)
    iso = driver.ex_import_image(str(tmp_path / "cd.img"), "cd")
    assert (iso.extra["kind"], content_of(sim, iso)) == ("iso", content)
    disk = driver.ex_import_image(str(tmp_path / "cd.img"), "cd", ex_kind="raw")
    assert disk.extra["kind"] == "raw"


def test_what_is_refused(sim: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of it is left on the host."""
    driver, before = driver_for(sim), files_of(sim)
    (tmp_path / "x.qcow2").write_bytes(b"QFI\xfb" + bytes([0, 0, 0, 3]) + bytes(4096))
    (tmp_path / "x.ova").write_bytes(bytes(257) + b"ustar" + bytes(300))
    (tmp_path / "twice").write_bytes(gzip.compress(gzip.compress(bytes(9999))))
    put(tmp_path / "x.img", MIB)
    path = str(tmp_path / "x.img")
    for source, options, match in (
        (str(tmp_path / "none"), {}, "a file that exists: No such file or directory$"),
        (str(tmp_path), {}, "not a regular file"),
        (str(tmp_path / "x.ova"), {}, "tar archive"),
        ("/proc/cpuinfo", {}, "is empty"),
        (str(tmp_path / "twice"), {}, "compressed once more"),
        (path, {"ex_size_bytes": 5}, "ex_size_bytes 5: is for URLs"),
        (path, {"ex_resume": 5}, "ex_resume 5: expected"),
        ("http://h/x", {"ex_resume": True}, "ex_finish_import"),
    ):
        with pytest.raises(InvalidArgument, match=match):
            driver.ex_import_image(source, "x", **options)
    with pytest.raises(PreconditionFailed, match="no unfinished upload"):
        driver.ex_import_image(path, "x", ex_resume="0" * 32)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(PreconditionFailed, match=r"qemu-img is not installed here \(package"):
        driver.ex_import_image(str(tmp_path / "x.qcow2"), "x")
    assert files_of(sim) == before
    assert not calls_of(sim, UPLOAD)


def test_a_full_temporary_folder_is_said_before(
    sim: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x.gz").write_bytes(gzip.compress(os.urandom(9999)))

    class Full:
        free = 100

    monkeypatch.setattr(convert_image.shutil, "disk_usage", lambda _: Full)
    with pytest.raises(PreconditionFailed, match=r"100 bytes.* are free. Another folder.*TMPDIR"):
        driver_for(sim).ex_import_image(str(tmp_path / "x.gz"), "x")


def test_without_the_module_it_is_said_before_anything_is_read(tmp_path: Path) -> None:
    with (
        simulate(hosts=1, vms=0) as sim,
        pytest.raises(PreconditionFailed, match="needs the host module"),
    ):
        driver_for(sim).ex_import_image(str(tmp_path / "none"), "x")


def test_an_interrupted_import_is_resumed(sim: Simulator, tmp_path: Path) -> None:
    """Only what is not there yet is sent again, to the same file."""
    path = tmp_path / "x.img"
    path.write_bytes(b"\xeb" + os.urandom(12 * MIB - 1))
    driver, before = driver_for(sim), files_of(sim)
    sim.misbehave("drop_before", UPLOAD, nth=3, times=9)
    with pytest.raises(OperationIncomplete, match="ex_resume") as caught:
        driver.ex_import_image(str(path), "x")
    assert files_of(sim) == before
    assert driver.list_images() == []
    sim.clear_misbehaviour()
    sim.calls.clear()
    image = driver.ex_import_image(str(path), "x", ex_resume=True)
    assert content_of(sim, image) == path.read_bytes()
    assert len(calls_of(sim, UPLOAD)) == 1
    assert caught.value.left
    again = driver.ex_import_image(str(path), "x", ex_resume=True)
    assert again.id != image.id, "nothing was left to resume"


def test_several_uploads_are_not_guessed_between(sim: Simulator, tmp_path: Path) -> None:
    path = tmp_path / "x.img"
    path.write_bytes(b"\xeb" * MIB)
    driver, left = driver_for(sim), []
    for _ in range(2):
        sim.misbehave("drop_before", UPLOAD, times=9)
        with pytest.raises(OperationIncomplete) as caught:
            driver.ex_import_image(str(path), "x")
        left += caught.value.left
        sim.clear_misbehaviour()
    with pytest.raises(AmbiguousName, match=left[0]):
        driver.ex_import_image(str(path), "x", ex_resume=True)
    assert driver.ex_import_image(str(path), "x", ex_resume=left[1]).name == "x"


def test_a_file_that_changes_meanwhile_is_not_imported(sim: Simulator, tmp_path: Path) -> None:
    path = tmp_path / "x.img"
    path.write_bytes(b"\xeb" * MIB)

    def grow(when: str) -> None:
        with path.open("ab") as file:
            file.write(b"more")

    sim.misbehave("hook", UPLOAD, hook=grow)
    with pytest.raises(PreconditionFailed, match="changed while it was read"):
        driver_for(sim).ex_import_image(str(path), "x")
    assert driver_for(sim).list_images() == []
