"""Importing disks in the formats that qemu-img makes, with the real program."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from libcloud.compute.types import NodeState

from libcloud_ovm3.errors import InvalidArgument, PreconditionFailed
from libcloud_ovm3.operations import image_formats
from libcloud_ovm3.operations.convert_image import raw_image
from libcloud_ovm3.operations.image_formats import ImageFormat
from libcloud_ovm3.simulator import Simulator
from tests.support import driver_for, simulate

pytestmark = pytest.mark.sshd  # run by `make test-host`, which installs qemu-utils

MIB = 1 << 20
SIZE = 40 * MIB
FORMATS = {
    "qcow2": ["-O", "qcow2"],
    "compressed.qcow2": ["-O", "qcow2", "-c"],
    "dynamic.vhd": ["-O", "vpc"],
    "fixed.vhd": ["-O", "vpc", "-o", "subformat=fixed"],
    "exact.vhd": ["-O", "vpc", "-o", "subformat=fixed,force_size"],
    "vmdk": ["-O", "vmdk"],
    "stream.vmdk": ["-O", "vmdk", "-o", "subformat=streamOptimized"],
    "vhdx": ["-O", "vhdx"],
    "vdi": ["-O", "vdi"],
}


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where temporary files go; none is left."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A raw disk: data at its beginning and its end, and a hole."""
    path = tmp_path_factory.mktemp("disks") / "disk.raw"
    with path.open("wb") as file:
        file.write(b"\xeb" + os.urandom(3 * MIB))
        file.seek(SIZE - 12 * 1024)
        file.write(os.urandom(12 * 1024))
    return path


def qemu_img(*arguments: str | Path) -> None:
    subprocess.run(["qemu-img", *arguments], check=True, stdout=subprocess.DEVNULL)


@pytest.fixture(params=FORMATS)
def image(request: pytest.FixtureRequest, disk: Path, tmp_path: Path) -> Path:
    """The same disk in one of the formats. Its name says nothing, and begins like a protocol."""
    path = tmp_path / f"nbd:{request.param.replace('.', ',')}.img"
    qemu_img("convert", "-f", "raw", *FORMATS[request.param], disk, f"file:{path}")
    return path


def test_every_format_becomes_the_same_disk(image: Path, disk: Path) -> None:
    """A VHD may be larger, as its size is rounded up to cylinders; never smaller."""
    with raw_image(str(image)) as found:
        content = Path(found.path).read_bytes()
        assert content[:SIZE] == disk.read_bytes()
        assert content.rstrip(b"\0") == disk.read_bytes().rstrip(b"\0")
        assert len(content) == found.size_bytes < SIZE + MIB
        assert Path(found.path).stat().st_blocks * 512 < 8 * MIB, "holes are kept"


def test_what_is_cut_off_is_refused(image: Path, disk: Path, tmp_path: Path) -> None:
    """qemu-img convert reads zeros there, and its check overlooks less than a cluster."""
    cut = tmp_path / "cut"
    if "fixed" in image.name or "exact" in image.name:
        return  # it is a raw disk without its end: nothing in it says so
    for cut_bytes in (2 * MIB, 70_000, 65_535, 9000, 700):
        shutil.copyfile(image, cut)
        os.truncate(cut, cut.stat().st_size - cut_bytes)
        try:
            with raw_image(str(cut)) as found:
                content = Path(found.path).read_bytes()
        except (InvalidArgument, PreconditionFailed):
            continue
        assert content[:SIZE] == disk.read_bytes(), "what was cut off was needed by nothing"


def test_compressed_data_that_is_cut_off(tmp_path: Path) -> None:
    """Zeros behind it are decompressed to something, without an error."""
    words = [os.urandom(6) for _ in range(300)]
    (tmp_path / "raw").write_bytes(b"".join(random.choices(words, k=32 * 4096))[: 10 << 16])
    path = tmp_path / "x.qcow2"
    qemu_img("convert", "-f", "raw", "-O", "qcow2", "-c", tmp_path / "raw", path)
    size = path.stat().st_size
    for cut_bytes in range(600, 4000, 333):
        os.truncate(path, size - cut_bytes)
        with (
            pytest.raises((InvalidArgument, PreconditionFailed), match="not complete"),
            raw_image(str(path)),
        ):
            pass


@pytest.mark.parametrize("kind", ["qcow2", "vdi", "vhdx"])
def test_a_disk_of_no_bytes(tmp_path: Path, kind: str) -> None:
    qemu_img("create", "-q", "-f", kind, tmp_path / "x", "0")
    with (
        pytest.raises(InvalidArgument, match="of a disk of 0 bytes"),
        raw_image(str(tmp_path / "x")),
    ):
        pass


def test_a_name_that_is_no_utf8(disk: Path, tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff,x.qcow2")
    qemu_img("convert", "-f", "raw", "-O", "qcow2", disk, tmp_path / "x")
    os.rename(tmp_path / "x", path)
    with raw_image(path) as found:
        assert Path(found.path).read_bytes() == disk.read_bytes()


def test_a_vhd_becomes_a_template_that_starts(disk: Path, tmp_path: Path) -> None:
    with simulate(hosts=1, vms=0, templates=0, host_module=True) as sim:
        driver = driver_for(sim)
        for kind, pack in (("dynamic.vhd", None), ("fixed.vhd", "xz")):
            path = tmp_path / "disk"
            qemu_img("convert", "-f", "raw", *FORMATS[kind], disk, path)
            if pack:
                subprocess.run([pack, "--fast", path], check=True)
                path = path.with_suffix(".xz")
            template = driver.ex_import_image(str(path), kind)
            content = (sim.repository_path / template.extra["path"]).read_bytes()
            assert content.rstrip(b"\0") == disk.read_bytes().rstrip(b"\0")
            assert len(content) % 4096 == 0
            assert len(content) >= SIZE
            assert template.extra["kind"] == "raw"
            node = driver.create_node(f"of {kind}", "tiny", template)
            assert node.state == NodeState.RUNNING
            assert_runs_with(sim, content)


def assert_runs_with(sim: Simulator, content: bytes) -> None:
    disks = [path.read_bytes() for path in (sim.repository_path / "VirtualDisks").iterdir()]
    assert content in disks


def test_qemu_img_itself_opens_no_other_file(
    disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if our look at the header overlooks that the image names one: it is not missed."""
    shutil.copyfile(disk, tmp_path / "base")
    qemu_img("create", "-q", "-f", "qcow2", "-b", tmp_path / "base", "-F", "raw", tmp_path / "x")
    (tmp_path / "base").unlink()
    monkeypatch.setattr(image_formats, "_qcow2", lambda *_: ImageFormat("qcow2", "qcow2"))
    with (
        pytest.raises(InvalidArgument, match="refers to another file"),
        raw_image(str(tmp_path / "x")),
    ):
        pass


def test_other_files_are_never_opened(disk: Path, tmp_path: Path) -> None:
    """Real images that name one: as backing file, external data, parent or extent."""
    secret = tmp_path / "secret"
    shutil.copyfile(disk, secret)
    base = tmp_path / "base.vmdk"
    qemu_img("convert", "-f", "raw", "-O", "vmdk", disk, base)
    qemu_img("create", "-q", "-f", "qcow2", "-b", secret, "-F", "raw", tmp_path / "1")
    data = f"data_file={secret},data_file_raw=on"
    qemu_img("create", "-q", "-f", "qcow2", "-o", data, tmp_path / "2", str(SIZE))
    qemu_img("create", "-q", "-f", "vmdk", "-b", base, "-F", "vmdk", tmp_path / "3")
    flat = ["-o", "subformat=monolithicFlat"]
    qemu_img("convert", "-f", "raw", "-O", "vmdk", *flat, disk, tmp_path / "4")
    secret.unlink()
    base.unlink()
    for number in "1234":
        with (
            pytest.raises(InvalidArgument, match="other files"),
            raw_image(str(tmp_path / number)),
        ):
            pass
