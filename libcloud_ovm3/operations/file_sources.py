"""What is sent to a host: a local file, or bytes that an iterator brings, in blocks of one size."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from libcloud_ovm3.agent.object_types import BLOCK_BYTES, any_data
from libcloud_ovm3.agent.option_values import quoted
from libcloud_ovm3.errors import InvalidArgument, PreconditionFailed

UNHASHED_BYTES = 1 << 30  # of holes: to compute the MD5 of more zeros takes longer than to send


def local_path(argument: str, value: Any) -> str:
    """The path of a local file, as text.

    :raises InvalidArgument: It is none.
    """
    try:
        path = os.fsdecode(value)
    except TypeError:
        path = "\0"
    if not path or "\0" in path:
        raise InvalidArgument(f"{argument} {quoted(value)}: expected a path")
    return path


@dataclass(frozen=True)
class Block:
    """A block of a file.

    :ivar offset: Where it begins: a multiple of ``BLOCK_BYTES``.
    :ivar length: ``BLOCK_BYTES``, less at the end.
    :ivar data: None: nothing but zeros.
    """

    offset: int
    length: int
    data: bytes | None


class FileSource:
    """A regular file of this machine. Holes in it are not even read.

    :ivar size_bytes: How much is sent: its size when it was opened, and zeros that pad it.
    :ivar is_hashed: Whether the MD5 of all of it is computed.
    """

    def __init__(self, path: str | os.PathLike[str], multiple: int = 1) -> None:
        """Open it.

        :param multiple: The size is padded to a multiple of so many bytes.
        :raises InvalidArgument: It cannot be read, or is no regular file.
        """
        self.label = path = local_path("file_path", path)
        try:
            self._file = open(path, "rb", buffering=0, opener=_open)  # noqa: SIM115 (see close)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            raise InvalidArgument(f"{self.label}: cannot be read: {why}") from error
        self._before = os.fstat(self._file.fileno())
        if not stat.S_ISREG(self._before.st_mode):
            self.close()
            raise InvalidArgument(
                f"{self.label}: expected a regular file; upload_object_via_stream takes others"
            )
        self._own_bytes = self._before.st_size
        self.size_bytes = -(-self._own_bytes // multiple) * multiple
        self.is_hashed = self.size_bytes - self._before.st_blocks * 512 <= UNHASHED_BYTES

    def close(self) -> None:
        """Close it."""
        self._file.close()

    def blocks(self) -> Iterator[Block]:
        """Its blocks, from the first to the last.

        :raises PreconditionFailed: It is being changed.
        """
        handle, data_at = self._file.fileno(), 0
        for offset in range(0, self.size_bytes, BLOCK_BYTES):
            length = min(BLOCK_BYTES, self.size_bytes - offset)
            data_at = max(data_at, _next_data(handle, offset)) if data_at <= offset else data_at
            if data_at >= offset + length:
                yield Block(offset, length, None)
                continue
            own = min(length, self._own_bytes - offset)
            data = _read(handle, offset, own)
            if len(data) < own:
                raise self._changed()
            data += bytes(length - own)
            yield Block(offset, length, data if any_data(data) else None)

    def require_unchanged(self) -> None:
        """Whether what was read is one state of the file.

        :raises PreconditionFailed: It was changed meanwhile.
        """
        now = os.fstat(self._file.fileno())
        states = [(one.st_size, one.st_mtime_ns) for one in (self._before, now)]
        if states[0] != states[1]:
            raise self._changed()

    def _changed(self) -> PreconditionFailed:
        size = os.fstat(self._file.fileno()).st_size
        return PreconditionFailed(
            f"{self.label}: it was changed while it was read (it had {self._own_bytes} bytes, and "
            f"has {size}), so nothing of it was kept; send it when nobody writes to it"
        )


def _open(path: str, flags: int) -> int:
    """Without waiting for somebody to write, if it is a pipe."""
    return os.open(path, flags | os.O_NONBLOCK)


def _next_data(handle: int, offset: int) -> int:
    """Where the next data of a file begins; where holes are not known, at once."""
    try:
        return os.lseek(handle, offset, os.SEEK_DATA)
    except OSError as error:
        return 1 << 63 if error.errno == errno.ENXIO else offset


def _read(handle: int, offset: int, length: int) -> bytes:
    parts = []
    while length:
        data = os.pread(handle, length, offset)
        if not data:
            break
        parts.append(data)
        offset, length = offset + len(data), length - len(data)
    return b"".join(parts)


class StreamSource:
    """Bytes in pieces of any size, from an iterator or an open binary file.

    :ivar size_bytes: -1: not known before the end.
    """

    label, size_bytes, is_hashed = "the stream", -1, True

    def __init__(self, stream: Any) -> None:
        """Take what libcloud's drivers take.

        :raises InvalidArgument: It is neither.
        """
        if isinstance(stream, bytes | bytearray | memoryview):
            stream = [stream]
        if not isinstance(stream, Iterable) and not hasattr(stream, "read"):
            raise InvalidArgument(
                f"iterator {type(stream).__name__}: expected an iterator of bytes, or a file that "
                f"is open for reading bytes"
            )
        self._stream = stream

    def close(self) -> None:
        """It belongs to the caller."""

    def blocks(self) -> Iterator[Block]:
        """What comes, in blocks; whatever the stream raises is raised.

        :raises InvalidArgument: It brings something else than bytes.
        """
        offset, buffer = 0, bytearray()
        for piece in self._pieces():
            if not isinstance(piece, bytes | bytearray | memoryview):
                raise InvalidArgument(
                    f"iterator: expected pieces of bytes, and it brought {type(piece).__name__}"
                )
            view = memoryview(piece).cast("B")
            while view:
                room = BLOCK_BYTES - len(buffer)
                buffer += view[:room]
                view = view[room:]
                if len(buffer) == BLOCK_BYTES:
                    yield _block(offset, buffer)
                    offset, buffer = offset + BLOCK_BYTES, bytearray()
        if buffer:
            yield _block(offset, buffer)

    def _pieces(self) -> Iterator[Any]:
        read = getattr(self._stream, "read", None)
        if read is None:
            yield from self._stream
            return
        while (piece := read(BLOCK_BYTES)) is None or len(piece):
            yield piece

    def require_unchanged(self) -> None:
        """Nobody can tell."""


def _block(offset: int, buffer: bytearray) -> Block:
    return Block(offset, len(buffer), bytes(buffer) if any_data(buffer) else None)


Source = FileSource | StreamSource
