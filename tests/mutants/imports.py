"""Behaviours of imports: what becomes an image is whole, and nothing else."""

from __future__ import annotations

import bz2
import gzip
import os
from pathlib import Path

from libcloud_ovm3.errors import Ovm3Error
from libcloud_ovm3.operations.convert_image import raw_image
from libcloud_ovm3.operations.image_formats import HEAD_BYTES, TAIL_BYTES, image_format
from libcloud_ovm3.operations.qcow2_tables import has_all_compressed
from tests.mutants.disks import PATIENCE, pool, refused
from tests.operations.failures import files_of
from tests.operations.serving import put_pending_iso, serving
from tests.operations.test_image_formats import (
    OWN,
    compressed_qcow2,
    iso,
    qcow2,
    vdi,
    vhd,
    vmdk,
)
from tests.support import quietly

__all__ = ["PATIENCE"]

DISK = b"\xeb" + os.urandom(4096 + 99)
ISO = bytes(0x8001) + b"CD001" + os.urandom(2048)


def not_taken(data: bytes) -> None:
    refused(image_format, data[:HEAD_BYTES], data[-TAIL_BYTES:], len(data), "x")


def images_that_are_cut_off_are_refused() -> None:
    not_taken(vhd(3, at_begin=True)[:-512])
    not_taken(vhd(2)[2048:])
    not_taken(vdi(blocks=1))
    not_taken(iso(18))


def images_that_name_other_files_are_refused() -> None:
    not_taken(qcow2(backing=112))
    not_taken(qcow2(features=4))
    not_taken(vmdk(OWN.replace("ffffffff", "12345678")))
    not_taken(vmdk(OWN.ljust(5120) + 'parentFileNameHint="/etc/passwd"', sectors=10))
    not_taken(vmdk(OWN.replace("SPARSE", "FLAT")))


def a_stream_that_is_damaged_is_not_the_end() -> None:
    second = bz2.compress(bytes(9999))
    Path("x").write_bytes(bz2.compress(DISK) + b"BZh8" + second[4:])  # another one: it is whole
    with raw_image("x") as found:
        assert found.size_bytes == len(DISK) + 9999
    Path("x").write_bytes(bz2.compress(DISK) + b"X" + second[1:])
    try:
        with raw_image("x"):
            raise AssertionError("not refused")
    except Ovm3Error:
        pass


def compressed_data_is_all_there() -> None:
    whole = compressed_qcow2(os.urandom(3000), False)
    for size, is_whole in ((len(whole), True), (len(whole) - 600, False)):
        Path("x").write_bytes(whole[:size])
        assert has_all_compressed("x") == is_whole


def what_is_imported_is_padded_and_whole() -> None:
    Path("x").write_bytes(DISK)
    with pool(True) as (sim, driver), serving() as served:
        served.files["/x"] = DISK
        for source in ("x", f"{served.url}/x"):
            image = driver.ex_import_image(source, "x")
            content = (sim.repository_path / image.extra["path"]).read_bytes()
            assert content == DISK.ljust(8192, b"\0")


def nothing_is_an_image_before_it_is_complete() -> None:
    with pool(True) as (sim, driver), serving() as served:
        served.files["/x.iso"] = ISO
        states = []

        def look(done: int, total: int) -> None:
            states.extend(one.extra["state"] for one in driver.list_images() if one.name == "x")

        image = driver.ex_import_image(f"{served.url}/x.iso", "x", ex_progress=look)
        assert set(states) == {"pending"}
        assert (sim.repository_path / image.extra["path"]).read_bytes() == ISO


def half_an_import_is_not_finished() -> None:
    with pool(True) as (sim, driver):
        pending = put_pending_iso(sim)
        path = sim.repository_path / pending.partition("/")[2]
        path.write_bytes(b"1234")
        refused(driver.ex_finish_import, pending)
        path.write_bytes(b"123456789")
        assert driver.ex_finish_import(pending).extra["state"] == "available"


def what_is_packed_is_no_template() -> None:
    with pool(True) as (_, driver), serving() as served:
        served.files["/x"] = gzip.compress(DISK)
        refused(driver.ex_import_image, f"{served.url}/x", "x")
        assert not [one for one in driver.list_images() if one.extra["state"] == "available"
                    and one.extra["kind"] == "raw"]  # fmt: skip


def a_refused_import_leaves_nothing() -> None:
    with pool(True) as (sim, driver), serving() as served:
        served.files["/x"] = DISK
        before = files_of(sim)
        sim.misbehave("fault", "import_virtual_disk")
        refused(driver.ex_import_image, f"{served.url}/x", "x")
        assert files_of(sim) == before


def files_of_the_host_are_not_fetched() -> None:
    with pool(True) as (sim, driver):
        refused(
            quietly, driver.ex_import_image, "file://localhost/etc/passwd", "x", ex_size_bytes=9
        )
        assert not [one for one in sim.calls if one.function.startswith("import_")]
