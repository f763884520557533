"""What a file is, by its content: compressed, one of the formats of disk images, an ISO. Pure.

The name of a file says nothing here. Formats are recognised by their magic numbers, so that a file
is never handed to a program that guesses: a raw disk whose guest has written the header of another
format into it would otherwise be read as that format, with the files of this machine that the
header names. For the same reason an image that refers to other files is refused, by its own header,
before any other program opens it.

Sources: the specifications of qcow2 (docs/interop/qcow2.txt of QEMU), VMDK 5.0, VHD 1.0, VHDX 1.00,
and the headers as ``qemu-img create`` writes them.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from libcloud_ovm3.errors import InvalidArgument

HEAD_BYTES = 64 * 1024  # of the beginning of a file: all that is looked at here, but for the end
TAIL_BYTES = 512  # of its end: the footer of a VHD

GZIP, BZIP2, XZ = "gzip", "bzip2", "xz"
RAW = "raw"

_ISO_MAGIC = slice(0x8001, 0x8006)  # of the first volume descriptor (ECMA-119 8.1)
_ISO_TYPE = 0x8000  # of that descriptor
_VHD = b"conectix"
_VHD_TYPES = {2: "VHD (fixed)", 3: "VHD (dynamic)"}
_VHD_SAME = (slice(48, 56), slice(60, 64), slice(68, 84))  # its size, its type, its id
_TAR = slice(257, 262)
_NO_PARENT = b"ffffffff"

# What is no disk, and what to do with it.
_OTHERS = (
    (b"PK\x03\x04", "a ZIP archive", "unpack it"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", "decompress it"),
    (b"\x04\x22\x4d\x18", "compressed with lz4", "decompress it"),
    (b"LZIP", "compressed with lzip", "decompress it"),
    (b"COWD", "a VMDK of ESX (COWD)", "export it as one monolithic or stream-optimized VMDK"),
    (b"\xbe\xba\xfe\xca\x00\x00", "a VMDK of ESXi (SEsparse)",
     "export it as one monolithic or stream-optimized VMDK"),
    (b"QED\x00", "a QED image", "convert it to qcow2"),
    (b"<?xml", "an XML document", "name the file of the disk"),
    (b"\x5d\x00\x00\x80\x00", "compressed with lzma", "decompress it"),
    (b"\x89LZO\x00", "compressed with lzop", "decompress it"),
    (b"\x1f\x9d", "compressed with compress", "decompress it"),
    (b"Rar!\x1a\x07", "a RAR archive", "unpack it"),
    (b"WithoutFreeSpace", "an image of Parallels", "convert it to qcow2"),
    (b"WithouFreSpacExt", "an image of Parallels", "convert it to qcow2"),
    (b"MSWIM\x00\x00\x00", "a WIM archive", "make a disk of it"),
    (b"EVF\t\r\n\xff\x00", "an EnCase image (EWF)", "convert it to a raw disk"),
)  # fmt: skip


@dataclass(frozen=True)
class ImageFormat:
    """The format of a disk image.

    :ivar driver: what qemu-img calls it; ``raw`` needs no conversion.
    :ivar label: what people call it.
    :ivar is_iso: whether it begins as a CD does: an ISO, which is raw too.
    """

    driver: str
    label: str
    is_iso: bool = False


def compression(head: bytes) -> str | None:
    """How a file is compressed; None: it is not, or in a way that is not known here.

    :param head: its first bytes, HEAD_BYTES or all.
    """
    if head.startswith(b"\x1f\x8b\x08"):
        return GZIP
    if re.match(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)", head):  # the second: of an empty file
        return BZIP2
    return XZ if head.startswith(b"\xfd7zXZ\x00") else None


def image_format(head: bytes, tail: bytes, size_bytes: int, label: str) -> ImageFormat:
    """The format of a file that is not compressed.

    :param head: its first bytes, HEAD_BYTES or all.
    :param tail: its last bytes, TAIL_BYTES or all.
    :param size_bytes: of the file.
    :param label: how messages name it.
    :raises InvalidArgument: it is no disk, not all of one, or in a format that is not supported.
    """
    if not head or not size_bytes:  # files of the kernel say 0 and have a content
        raise InvalidArgument(f"{label} is empty")
    _refuse_others(head, tail, label)
    if head.startswith(b"QFI\xfb"):
        return _qcow2(head, label)
    if head.startswith(b"KDMV"):
        return _vmdk(head, label)
    if head.startswith(b"vhdxfile"):
        return ImageFormat("vhdx", "VHDX")
    if head[0x40:0x44] == b"\x7f\x10\xda\xbe":
        return _vdi(head, size_bytes, label)
    if head.startswith(_VHD) or tail.startswith(_VHD):
        return _vhd(head, tail, size_bytes, label)
    is_iso = head[_ISO_MAGIC] == b"CD001"
    if is_iso and head[_ISO_TYPE] == 1:  # the primary descriptor, which has the size
        _require_whole_iso(head, size_bytes, label)
    return ImageFormat(RAW, RAW, is_iso)


def _refuse_others(head: bytes, tail: bytes, label: str) -> None:
    """Refuse what is no disk, or no format that is supported."""
    for begin, what, advice in _OTHERS:
        if head.startswith(begin):
            raise InvalidArgument(f"{label} is {what}, not the image of a disk: {advice}")
    if tail.startswith(b"koly"):
        raise InvalidArgument(f"{label} is a disk image of macOS (DMG): convert it to qcow2")
    if re.match(rb"\s*<(!doctype|html)", head, re.IGNORECASE):
        raise InvalidArgument(
            f"{label} is a web page, not the image of a disk, such as a server sends instead of it"
        )
    if head[_TAR] == b"ustar":
        raise InvalidArgument(
            f"{label} is a tar archive (as an OVA is), not the image of a disk: unpack it, and "
            f"import the disks in it"
        )
    if head.lstrip().startswith(b"# Disk DescriptorFile"):
        raise InvalidArgument(
            f"{label} is the descriptor of a VMDK, whose content is in other files: import its "
            f"-flat.vmdk file, or make one file of it (qemu-img convert -f vmdk -O qcow2)"
        )


def _refuse_other_files(label: str, what: str) -> InvalidArgument:
    return InvalidArgument(
        f"{label} {what}, so it is not all of the disk, and other files are not read: make one "
        f"file of it first (qemu-img convert), from images that you trust"
    )


def _unpack(form: str, head: bytes, offset: int, label: str) -> int:
    try:
        return int(struct.unpack_from(form, head, offset)[0])
    except struct.error:
        raise InvalidArgument(f"{label} ends within its header: it is not complete") from None


def _qcow2(head: bytes, label: str) -> ImageFormat:
    version = _unpack(">I", head, 4, label)
    if version not in (2, 3):
        raise InvalidArgument(f"{label} is a qcow image of version {version}: expected 2 or 3")
    if _unpack(">Q", head, 8, label):
        raise _refuse_other_files(label, "has a backing file")
    if _unpack(">I", head, 32, label):
        raise InvalidArgument(f"{label} is encrypted: decrypt it (qemu-img convert)")
    if version == 3 and _unpack(">Q", head, 72, label) & 4:
        raise _refuse_other_files(label, "has its content in an external data file")
    return ImageFormat("qcow2", "qcow2")


def _vmdk(head: bytes, label: str) -> ImageFormat:
    """A monolithic or stream-optimized VMDK, whose descriptor is in its own file."""
    capacity, offset, sectors = (_unpack("<Q", head, at, label) for at in (12, 28, 36))
    begin, end = offset * 512, (offset + sectors) * 512
    if not offset or not sectors or not capacity:
        raise _refuse_other_files(label, "is one of several files of a VMDK")
    if end > len(head):
        raise InvalidArgument(
            f"{label} is a VMDK whose descriptor is not in its first {HEAD_BYTES} bytes, or that "
            f"is not complete: convert it to qcow2"
        )
    # Other programs look for a parent in the 20 sectors behind the first one, whatever it says.
    text = head[begin:end].rstrip(b"\0")
    if offset != 1 or b"parentfilenamehint" in head[512 : 21 * 512].lower():
        raise _refuse_other_files(label, "has a parent, or its descriptor at an unusual place")
    parents = re.findall(rb"(?im)^\s*parentCID\s*=\s*(\S+)", text)
    if b"parentfilenamehint" in text.lower() or any(one.lower() != _NO_PARENT for one in parents):
        raise _refuse_other_files(label, "has a parent")
    extents = re.findall(rb"(?im)^\s*(?:RW|RDONLY|NOACCESS)\s+\d+\s+(\w+)", text)
    if [one.upper() for one in extents] != [b"SPARSE"]:
        raise _refuse_other_files(label, f"has {len(extents)} extents, or others than its own")
    return ImageFormat("vmdk", "VMDK")


def _vdi(head: bytes, size_bytes: int, label: str) -> ImageFormat:
    kind = _unpack("<I", head, 0x4C, label)
    if kind not in (1, 2):  # dynamic, static; others are differences to another image
        raise _refuse_other_files(label, "is a VDI with a parent")
    data, block, count = (_unpack("<I", head, at, label) for at in (0x158, 0x178, 0x184))
    if size_bytes < data + block * count:  # qemu-img reads zeros beyond the end
        raise InvalidArgument(f"{label} is a VDI that ends too early: it is not complete")
    return ImageFormat("vdi", "VDI")


def _vhd(head: bytes, tail: bytes, size_bytes: int, label: str) -> ImageFormat:
    """A VHD has its footer at its end; one that grows has a copy of it at its beginning, which
    other programs read.
    """
    if not tail.startswith(_VHD):
        raise InvalidArgument(f"{label} is a VHD without its footer: it is not complete")
    kind = _unpack(">I", tail, 60, label)
    if kind == 4:
        raise _refuse_other_files(label, "is a differencing VHD")
    if kind not in _VHD_TYPES or (kind == 3) != head.startswith(_VHD):
        raise InvalidArgument(f"{label} is a VHD of the unknown type {kind}")
    size = _unpack(">Q", tail, 48, label)
    if kind == 2 and size + len(tail) != size_bytes:
        raise InvalidArgument(
            f"{label} is a VHD (fixed) of a disk of {size} bytes, and has {size_bytes}: it is not "
            f"complete, or a raw disk that ends as a VHD does"
        )
    if kind == 3 and any(head[part] != tail[part] for part in _VHD_SAME):
        raise InvalidArgument(f"{label} is a VHD whose footer is not that of its beginning")
    return ImageFormat("vpc", _VHD_TYPES[kind])


def _require_whole_iso(head: bytes, size_bytes: int, label: str) -> None:
    """ECMA-119 8.4.8, 8.4.12: the number of blocks of the volume, and their size."""
    blocks, block = _unpack("<I", head, 0x8050, label), _unpack("<H", head, 0x8080, label)
    if size_bytes < blocks * block:
        raise InvalidArgument(
            f"{label} is an ISO of {blocks * block} bytes, and has {size_bytes}: it is not complete"
        )
