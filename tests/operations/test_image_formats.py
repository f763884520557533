"""What a file is, by its content alone. Pure."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
import tempfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libcloud_ovm3.errors import InvalidArgument
from libcloud_ovm3.operations.image_formats import (
    BZIP2,
    GZIP,
    HEAD_BYTES,
    RAW,
    TAIL_BYTES,
    XZ,
    ImageFormat,
    compression,
    image_format,
)
from libcloud_ovm3.operations.partition_tables import cut_off, needed_bytes
from libcloud_ovm3.operations.qcow2_tables import has_all_compressed


def what(data: bytes) -> ImageFormat:
    return image_format(data[:HEAD_BYTES], data[-TAIL_BYTES:], len(data), "x")


def qcow2(backing: int = 0, crypt: int = 0, features: int = 0, version: int = 3) -> bytes:
    head = b"QFI\xfb" + struct.pack(">IQIIQI", version, backing, 0, 16, 1 << 20, crypt)
    return head.ljust(72, b"\0") + struct.pack(">Q", features) + bytes(1024)


def vmdk(descriptor: str, capacity: int = 2048, offset: int = 1, sectors: int = 20) -> bytes:
    head = b"KDMV" + struct.pack("<IIQQQQ", 1, 3, capacity, 128, offset, sectors)
    return head.ljust(512, b"\0") + descriptor.encode().ljust(20 * 512, b"\0") + bytes(512)


def vhd(kind: int, at_begin: bool = False, size: int = 4096, begins: int = 0) -> bytes:
    """
    :param size: of the disk, as its footer says.
    :param begins: the type that the copy of the footer at its beginning says, if it is another one.
    """
    begin = b"conectix".ljust(48, b"\0") + struct.pack(">QI", size, 0)
    head, footer = (
        (begin + struct.pack(">I", one)).ljust(512, b"\0") for one in (begins or kind, kind)
    )
    return head * at_begin + bytes(4096) + footer


def iso(blocks: int) -> bytes:
    data = bytearray(0x8800)
    data[0x8000:0x8006] = b"\1CD001"
    struct.pack_into("<I", data, 0x8050, blocks)
    struct.pack_into("<H", data, 0x8080, 2048)
    return bytes(data)


def vdi(kind: int = 1, blocks: int = 0) -> bytes:
    data = bytearray(4096)
    struct.pack_into("<I", data, 0x40, 0xBEDA107F)
    struct.pack_into("<I", data, 0x4C, kind)
    struct.pack_into("<I", data, 0x158, 4096)
    struct.pack_into("<I", data, 0x178, 1 << 20)
    struct.pack_into("<I", data, 0x184, blocks)
    return bytes(data)


OWN = 'CID=1\nparentCID=ffffffff\nRW 2048 SPARSE "x.vmdk"\n'


@pytest.mark.parametrize(
    ("data", "driver"),
    [
        (b"\0" * 4096, RAW),
        (b"\xeb\x63\x90" + bytes(507) + b"\x55\xaa", RAW),
        (b"x", RAW),
        (qcow2(), "qcow2"),
        (qcow2(version=2, features=4), "qcow2"),  # version 2 has no such field
        (vmdk(OWN), "vmdk"),
        (vhd(2), "vpc"),
        (vhd(3, at_begin=True), "vpc"),
        (b"vhdxfile" + bytes(4096), "vhdx"),
        (vdi(), "vdi"),
    ],
)
def test_formats(data: bytes, driver: str) -> None:
    assert what(data).driver == driver
    assert not what(data).is_iso


@pytest.mark.parametrize("data", [bytes(0x8001) + b"CD001" + bytes(2048), iso(17), iso(5)])
def test_an_iso_is_raw_too(data: bytes) -> None:
    found = what(data)
    assert (found.driver, found.is_iso) == (RAW, True)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "is empty"),
        (qcow2(backing=112), "has a backing file"),
        (qcow2(features=4), "external data file"),
        (qcow2(crypt=2), "encrypted"),
        (qcow2(version=1), "version 1"),
        (qcow2()[:20], "not complete"),
        (vmdk(OWN.replace("ffffffff", "12345678")), "has a parent"),
        (vmdk(OWN + 'parentFileNameHint="/etc/passwd"'), "has a parent"),
        (vmdk(OWN + 'RW 2048 SPARSE "y.vmdk"'), "2 extents"),
        (vmdk(OWN.replace("SPARSE", "FLAT")), "or others than its own"),
        (vmdk(OWN, capacity=0), "one of several files"),
        (vmdk(OWN, offset=0), "one of several files"),
        (vmdk(OWN, offset=1 << 30), "not in its first"),
        # Where qemu-img looks for a parent, whatever the header says.
        (vmdk(OWN.ljust(5120) + 'parentFileNameHint="/etc/passwd"', sectors=10), "has a parent"),
        (vmdk("parentFileNameHint".ljust(5120) + OWN, offset=11, sectors=9), "unusual place"),
        (b"# Disk DescriptorFile\nversion=1\n", "descriptor of a VMDK"),
        (vhd(4, at_begin=True), "differencing"),
        (vhd(7), "unknown type 7"),
        (vhd(3, at_begin=True)[:-512], "without its footer"),
        (vhd(3, at_begin=True, begins=4), "not that of its beginning"),
        (vhd(2)[2048:], "fixed.* of a disk of 4096 bytes, and has 2560"),  # the second part of it
        (vhd(2, size=512), "of a disk of 512 bytes, and has 4608"),  # a guest has written that
        (iso(18), "an ISO of 36864 bytes, and has 34816: it is not complete"),
        (vdi(kind=4), "a VDI with a parent"),
        (vdi(blocks=1), "ends too early"),
        (b"PK\x03\x04" + bytes(99), "a ZIP archive"),
        (bytes(257) + b"ustar" + bytes(300), "tar archive"),
        (b"\x28\xb5\x2f\xfd" + bytes(99), "zstd"),
        (b"COWD" + bytes(99), "a VMDK of ESX"),
        (b"WithouFreSpacExt" + bytes(99), "Parallels"),
        (b"\x5d\0\0\x80\0" + b"\xff" * 99, "compressed with lzma"),
        (bytes(4096) + b"koly".ljust(512), "DMG"),
        (b"\n<!DOCTYPE html><html>404", "a web page"),
    ],
)
def test_what_is_no_whole_disk(data: bytes, why: str) -> None:
    with pytest.raises(InvalidArgument, match=why):
        what(data)


@given(st.binary(max_size=2000))
def test_every_content_has_an_answer(data: bytes) -> None:
    for begin in (b"", b"QFI\xfb", b"KDMV", b"conectix"):
        try:
            found = what(begin + data)
        except InvalidArgument:
            continue
        assert found.driver != RAW or not begin


def mbr(*parts: tuple[int, int, int], status: int = 0) -> bytes:
    """
    :param parts: type, first sector, number of sectors
    """
    entries = b"".join(struct.pack("<B3xB3xII", status, *part) for part in parts)
    return bytes(446) + entries.ljust(64, b"\0") + b"\x55\xaa"


def gpt(last: int) -> bytes:
    header = b"EFI PART".ljust(32, b"\0") + struct.pack("<Q", last)
    return mbr((0xEE, 1, 0xFFFFFFFF)) + header.ljust(512, b"\0")


@pytest.mark.parametrize(
    ("head", "needed"),
    [
        (mbr((0x83, 2048, 4096), (0x82, 6144, 100)), 6244 * 512),
        (mbr((0x83, 2048, 4096), status=0x80), 6144 * 512),
        (gpt(8191), 4 << 20),
        (gpt(8191)[:600], 0),
        (mbr((0xEE, 1, 0xFFFFFFFF)), 0),  # sectors of 4096 bytes, perhaps
        (mbr((0x83, 2048, 4096), status=0x33), 0),  # code: of a file system without partitions
        (mbr(), 0),
        (bytes(512), 0),
        (b"", 0),
    ],
)
def test_what_a_partition_table_needs(head: bytes, needed: int) -> None:
    assert needed_bytes(head) == needed
    assert cut_off(head, needed, "x") == []
    assert len(cut_off(head, max(0, needed - 1), "x")) == bool(needed)


def compressed_qcow2(content: bytes, are_long: bool) -> bytes:
    """Of one cluster of 64 KiB: header, first table, second table, compressed data."""
    packer = zlib.compressobj(wbits=-12)
    data = packer.compress(content) + packer.flush()
    head = b"QFI\xfb" + struct.pack(">IQIIQIIQ", 3, 0, 0, 16, 1 << 16, 0, 1, 1 << 16)
    head = head.ljust(72, b"\0") + struct.pack(">Q", are_long << 4)
    entry = (1 << 62) | ((len(data) - 1) // 512 << 54) | (3 << 16)
    tables = [struct.pack(">Q", one).ljust(1 << 16, b"\0") for one in (2 << 16, entry)]
    return head.ljust(1 << 16, b"\0") + b"".join(tables) + data


@given(st.binary(min_size=1, max_size=3000), st.booleans(), st.data())
def test_compressed_clusters_that_are_cut_off(
    content: bytes, are_long: bool, cut: st.DataObject
) -> None:
    """By any byte: of the data, or of the tables."""
    whole = compressed_qcow2(content, are_long)
    with tempfile.NamedTemporaryFile() as file:
        for size in (len(whole), len(whole) + 99, cut.draw(st.integers(300, len(whole) - 1))):
            Path(file.name).write_bytes(whole[:size].ljust(size, b"\0"))
            assert has_all_compressed(file.name) == (size >= len(whole))


@given(st.binary(max_size=100))
def test_compression_is_seen(data: bytes) -> None:
    packers = {GZIP: gzip.compress, BZIP2: bz2.compress, XZ: lzma.compress}
    assert [compression(pack(data)) for pack in packers.values()] == list(packers)
    assert compression(b"\0" + data) is None
