"""What a file is, by its content alone. Pure."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct

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


def what(data: bytes) -> ImageFormat:
    return image_format(data[:HEAD_BYTES], data[-TAIL_BYTES:], len(data), "x")


def qcow2(backing: int = 0, crypt: int = 0, features: int = 0, version: int = 3) -> bytes:
    head = b"QFI\xfb" + struct.pack(">IQIIQI", version, backing, 0, 16, 1 << 20, crypt)
    return head.ljust(72, b"\0") + struct.pack(">Q", features) + bytes(1024)


def vmdk(descriptor: str, capacity: int = 2048, offset: int = 1) -> bytes:
    head = b"KDMV" + struct.pack("<IIQQQQ", 1, 3, capacity, 128, offset, 20)
    return head.ljust(512, b"\0") + descriptor.encode().ljust(20 * 512, b"\0") + bytes(512)


def vhd(kind: int, at_begin: bool = False) -> bytes:
    footer = (b"conectix".ljust(60, b"\0") + struct.pack(">I", kind)).ljust(512, b"\0")
    return footer * at_begin + bytes(4096) + footer


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


def test_an_iso_is_raw_too() -> None:
    found = what(bytes(0x8001) + b"CD001" + bytes(2048))
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
        (b"# Disk DescriptorFile\nversion=1\n", "descriptor of a VMDK"),
        (vhd(4, at_begin=True), "differencing"),
        (vhd(7), "unknown type 7"),
        (vhd(3, at_begin=True)[:-512], "without its footer"),
        (vdi(kind=4), "a VDI with a parent"),
        (vdi(blocks=1), "ends too early"),
        (b"PK\x03\x04" + bytes(99), "a ZIP archive"),
        (bytes(257) + b"ustar" + bytes(300), "tar archive"),
        (b"\x28\xb5\x2f\xfd" + bytes(99), "zstd"),
        (b"COWD" + bytes(99), "a VMDK of ESX"),
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


@given(st.binary(max_size=100))
def test_compression_is_seen(data: bytes) -> None:
    packers = {GZIP: gzip.compress, BZIP2: bz2.compress, XZ: lzma.compress}
    assert [compression(pack(data)) for pack in packers.values()] == list(packers)
    assert compression(b"\0" + data) is None
