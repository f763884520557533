"""A local file in any format of disk images -> a raw file that can be sent.

A raw file is sent as it is. A compressed one is decompressed, one in another format is converted by
``qemu-img``, into a temporary folder, which is removed at the end. qemu-img is told the format
(:mod:`.image_formats`), and opens no file but this one.
"""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import re
import shutil
import stat
import subprocess
import tempfile
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from libcloud_ovm3.errors import InvalidArgument, PreconditionFailed
from libcloud_ovm3.operations.disk_sizes import bytes_text
from libcloud_ovm3.operations.image_formats import (
    BZIP2,
    GZIP,
    HEAD_BYTES,
    RAW,
    TAIL_BYTES,
    ImageFormat,
    compression,
    image_format,
)
from libcloud_ovm3.operations.qcow2_tables import has_all_compressed
from libcloud_ovm3.progress import copied, waiting

LOOK_LIMIT = 300.0  # seconds for qemu-img to look at an image; check reads all of its tables
CONVERT_LIMIT = 24 * 3600.0  # and to convert it
_BLOCK = 1 << 16  # bytes; holes are made of so many zeros
_ZEROS = bytes(_BLOCK)
_SHOWN = 4 << 20  # bytes of a compressed file, after which it is told how far it is
_PERCENT = re.compile(rb"\((\d+)\.\d+/100%\)")
_BROKEN = (EOFError, lzma.LZMAError, zlib.error, gzip.BadGzipFile, ValueError)
_LEAKED, _NO_CHECK = 3, 63  # exit statuses of qemu-img check: space is lost; there is none for it


@dataclass(frozen=True)
class LocalImage:
    """A raw file to be sent.

    :ivar path: where it is; a temporary file, if it was decompressed or converted.
    :ivar size_bytes: its size.
    :ivar label: what it was made of, for messages: ``/home/me/x.vhd (VHD (dynamic))``.
    :ivar is_iso: whether its content is that of a CD.
    """

    path: str
    size_bytes: int
    label: str
    is_iso: bool


@contextmanager
def raw_image(path: str) -> Iterator[LocalImage]:
    """A local image as a raw file, while the block runs.

    :raises InvalidArgument: there is no such file, or it is not the image of a disk, or not all.
    :raises PreconditionFailed: qemu-img is needed and not there, or cannot read it; or there is not
        enough space for a temporary file; or it changed meanwhile.
    """
    before = _state(path)
    head, tail = _ends(path)
    kind = compression(head)
    if kind is None:
        found = image_format(head, tail, before.st_size, path)
        if found.driver == RAW:
            yield LocalImage(path, before.st_size, f"{path} (raw)", found.is_iso)
            return
    with tempfile.TemporaryDirectory(prefix="ovm3-import-") as folder:
        source = path
        if kind is not None:
            source = f"{folder}/decompressed"
            _decompress(path, kind, source)
            found = _decompressed_format(source, f"{path} (decompressed)")
        found = replace(found, label=f"{found.label}, {kind}") if kind else found
        if found.driver != RAW:
            source = _convert(source, found, folder, path)
        after = _state(path)
        if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
            raise PreconditionFailed(f"{path} changed while it was read; import it again")
        size = os.stat(source).st_size
        if not size:
            raise InvalidArgument(f"{path} ({found.label}) is the image of a disk of 0 bytes")
        yield LocalImage(source, size, f"{path} ({found.label})", found.is_iso)


def _state(path: str) -> os.stat_result:
    try:
        found = os.stat(path)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise InvalidArgument(f"{path!r}: expected a URL or a file that exists: {why}") from None
    if not stat.S_ISREG(found.st_mode):
        raise InvalidArgument(f"{path!r} is not a regular file")
    return found


def _ends(path: str) -> tuple[bytes, bytes]:
    """The first and the last bytes of a file."""
    try:
        with open(path, "rb") as file:
            head = file.read(HEAD_BYTES)
            file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL_BYTES))
            return head, file.read(TAIL_BYTES)
    except OSError as error:
        raise InvalidArgument(f"{path!r} cannot be read: {error}") from None


# ------------------------------------------------------------------ decompressing


def _decompressed_format(path: str, label: str) -> ImageFormat:
    head, tail = _ends(path)
    if compression(head) is not None:
        raise InvalidArgument(f"{label} is compressed once more: decompress it")
    return image_format(head, tail, os.stat(path).st_size, label)


def _decompress(path: str, kind: str, target: str) -> None:
    size = os.stat(path).st_size
    _require_space(target, size, path)  # more is not known before
    with (
        waiting(f"decompressing {path} ({kind})"),
        open(path, "rb") as packed,
        open(target, "wb") as file,
    ):
        shown = 0
        for block in _blocks(packed, kind, path):
            try:
                _write_sparsely(file, block)
            except OSError as error:
                raise _no_space(target, f"{path} needs more", error) from error
            if packed.tell() - shown > _SHOWN:
                shown = packed.tell()
                copied(shown, size)
        file.truncate()


def _blocks(packed: IO[bytes], kind: str, path: str) -> Iterator[bytes]:
    """The content of a compressed file."""
    try:
        if kind == GZIP:
            with gzip.open(packed) as content:
                yield from iter(lambda: content.read(_BLOCK), b"")
        elif kind == BZIP2:
            yield from _streams(packed, bz2.BZ2Decompressor)
        else:
            yield from _streams(packed, lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ))
    except (*_BROKEN, OSError) as error:
        raise InvalidArgument(
            f"{path} cannot be decompressed ({kind}), perhaps it is not complete: {error}"
        ) from None


def _streams(
    packed: IO[bytes], begin: Callable[[], bz2.BZ2Decompressor | lzma.LZMADecompressor]
) -> Iterator[bytes]:
    """The content of all streams of a file, one after the other, with zeros between and behind
    them at most. bz2.open and lzma.open end at a stream that is damaged, without an error.
    """
    rest = b""
    while rest := rest.lstrip(b"\0") or _next_data(packed):
        stream = begin()
        yield stream.decompress(rest, _BLOCK)
        while not stream.eof:
            more = packed.read(_BLOCK) if stream.needs_input else b""
            if stream.needs_input and not more:
                raise EOFError("it ends within a stream")
            yield stream.decompress(more, _BLOCK)
        rest = stream.unused_data


def _next_data(packed: IO[bytes]) -> bytes:
    """The next bytes of a file that are no zeros; none at its end."""
    while block := packed.read(_BLOCK):
        if data := block.lstrip(b"\0"):
            return data
    return b""


def _write_sparsely(file: IO[bytes], block: bytes) -> None:
    if block == _ZEROS[: len(block)]:
        file.seek(len(block), os.SEEK_CUR)
    else:
        file.write(block)


def _require_space(target: str, needed: int, path: str) -> None:
    free = shutil.disk_usage(Path(target).parent).free
    if free < needed:
        raise _no_space(target, f"{path} needs {bytes_text(needed)}, {bytes_text(free)} are free")


def _no_space(target: str, what: str, error: OSError | None = None) -> PreconditionFailed:
    place = Path(target).parent.parent
    return PreconditionFailed(
        f"a temporary file does not fit into {place}: {what}{f' ({error})' if error else ''}. "
        f"Another folder is used if the environment variable TMPDIR names it"
    )


# ------------------------------------------------------------------ qemu-img


def _convert(source: str, found: ImageFormat, folder: str, label: str) -> str:
    """Convert an image to a sparse raw file.

    :param folder: for temporary files.
    :return: the raw file, in this folder.
    """
    image, target = _named(source, found.driver, folder), f"{folder}/converted"
    # What is cut off at the end of an image is read as zeros by convert, without an error. check
    # overlooks up to one cluster of it.
    _run(["check", "-q", image], label, (_LEAKED, _NO_CHECK))
    facts = json.loads(_run(["info", "--output=json", image], label))
    if "backing-filename" in facts or facts.get("format") != found.driver:
        raise InvalidArgument(f"{label} refers to another file, or is no {found.label}: {facts}")
    extents = json.loads(_run(["map", "--output=json", image], label))
    own = [one for one in extents if one["data"] and not one["zero"]]
    _require_whole(source, found, own, label)
    _require_space(target, sum(one["length"] for one in own), label)
    with waiting(f"converting {label} ({found.label})"):
        _run_convert(["convert", "-p", "-O", RAW, image, target], label)
    size = os.stat(target).st_size
    if size != facts["virtual-size"]:
        raise PreconditionFailed(
            f"{label}: qemu-img made {size} bytes of it instead of {facts['virtual-size']}"
        )
    return target


def _named(source: str, driver: str, folder: str) -> str:
    """The image as qemu-img takes it: as a file, in this format, without any other file.

    A link in our folder leads to it: the name of the file may be no UTF-8.
    """
    link = f"{folder}/source"
    os.symlink(os.path.abspath(source), link)
    image: dict[str, object] = {
        "driver": driver,
        "file": {"driver": "file", "filename": link},
        "backing": None,
    }
    if driver == "vpc":  # it has two sizes. The other one, of its geometry, may be smaller
        image["force_size_calc"] = "current_size"
    return f"json:{json.dumps(image)}"


def _require_whole(
    source: str, found: ImageFormat, extents: list[dict[str, int]], label: str
) -> None:
    """Check that an image has all that its tables say.

    :param extents: where its data is, as far as qemu-img tells.
    :raises InvalidArgument: its file ends before.
    """
    size = os.stat(source).st_size
    is_whole = all(one["offset"] + one["length"] <= size for one in extents if "offset" in one)
    if not is_whole or (found.driver == "qcow2" and not has_all_compressed(source)):
        raise InvalidArgument(f"{label} ({found.label}) ends within its data: it is not complete")


def _start(arguments: list[str], label: str) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(  # noqa: S603 (no shell, and the file is an option's value)
            ["qemu-img", *arguments],  # noqa: S607 (wherever it is installed)
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "LC_ALL": "C"},
        )
    except FileNotFoundError:
        raise PreconditionFailed(
            f"{label} has to be converted, and the program qemu-img is not installed here (package "
            f"qemu-utils, on Red Hat's systems qemu-img); raw files, also compressed, do without"
        ) from None


def _run(arguments: list[str], label: str, accepted: tuple[int, ...] = ()) -> bytes:
    """What qemu-img writes.

    :param accepted: exit statuses besides 0 that are no failure.
    """
    with _start(arguments, label) as process:
        try:
            out, err = process.communicate(timeout=LOOK_LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            raise PreconditionFailed(
                f"{label}: qemu-img {arguments[0]} did not end within {LOOK_LIMIT:g} s"
            ) from None
        except BaseException:
            process.kill()
            raise
    if process.returncode not in (0, *accepted):
        raise _failed(arguments, label, err)
    return out


def _run_convert(arguments: list[str], label: str) -> None:
    """Convert, and report how far it is."""
    with _start(arguments, label) as process, tempfile.TemporaryFile() as errors:
        assert process.stdout is not None
        assert process.stderr is not None
        stderr = process.stderr
        reader = threading.Thread(target=lambda: errors.write(stderr.read(1 << 20)), daemon=True)
        limit = threading.Timer(CONVERT_LIMIT, process.kill)
        reader.start()
        limit.start()
        try:
            while text := os.read(process.stdout.fileno(), 4096):
                for percent in _PERCENT.findall(text):
                    copied(int(percent), 100)
            process.wait()
            reader.join()
        except BaseException:  # such as Ctrl-C
            process.kill()
            raise
        finally:
            limit.cancel()
        if process.returncode:
            errors.seek(0)
            raise _failed(arguments, label, errors.read())


def _failed(arguments: list[str], label: str, err: bytes) -> PreconditionFailed:
    lines = err.decode("utf-8", "replace").strip().splitlines()
    with suppress(IndexError):
        lines = [lines[-1].removeprefix("qemu-img: ")]
    return PreconditionFailed(
        f"{label}: qemu-img {arguments[0]} failed, perhaps it is not complete: "
        f"{'; '.join(lines) or 'without a message'}"
    )
