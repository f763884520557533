"""Importing disks in the formats that qemu-img makes, with the real program."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from libcloud.compute.types import NodeState

from libcloud_ovm3.errors import InvalidArgument, PreconditionFailed
from libcloud_ovm3.operations.convert_image import raw_image
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


def test_what_is_cut_off_is_refused(image: Path, tmp_path: Path) -> None:
    """qemu-img convert reads zeros there."""
    cut = tmp_path / "cut"
    shutil.copyfile(image, cut)
    os.truncate(cut, cut.stat().st_size - 2 * MIB)
    if "fixed" in image.name or "exact" in image.name:
        return  # it is a raw disk without its end: nothing in it says so
    with (
        pytest.raises((InvalidArgument, PreconditionFailed), match="not complete"),
        raw_image(str(cut)),
    ):
        pass


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
