"""Receiving an object: as pieces of bytes, or into a local file. Changes nothing on a host.

All of it is of one content: if the object is replaced or changed meanwhile, that is an error.
Several ranges are read at a time where the agent was seen to take several calls, and what the host
knows to be nothing but zeros is not sent.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from libcloud_ovm3.agent.object_types import BLOCK_BYTES, any_data
from libcloud_ovm3.errors import AgentFault, InvalidArgument, Ovm3Error, PreconditionFailed
from libcloud_ovm3.estate.objects import StoredObject, host_of, module_of, not_found
from libcloud_ovm3.estate.parallel_calls import calls_at_once
from libcloud_ovm3.operations.file_sources import UNHASHED_BYTES
from libcloud_ovm3.operations.local_files import give_name, open_alone, put_away, target_of
from libcloud_ovm3.storage_errors import ObjectHashMismatch

if TYPE_CHECKING:
    from libcloud_ovm3.agent.object_types import ObjectRange
    from libcloud_ovm3.operations.send_file import Progress

DEFAULT_CHUNK = 1 << 20  # bytes of a piece, if nobody asks for another size
_FEW_BLOCKS = 4  # for fewer it is not tried how many calls the agent takes at the same time
_ZEROS = bytes(1 << 20)
_SPARSE_BYTES = 1 << 16  # of zeros become a hole in a local file


@dataclass(frozen=True)
class Piece:
    """A part of an object.

    :ivar data: None: nothing but zeros.
    """

    offset: int
    length: int
    data: bytes | None


def size_of(found: StoredObject) -> int:
    """The size of an object.

    :raises PreconditionFailed: the host module, which tells it, is missing.
    """
    if found.size_bytes is None:
        module_of(found.container, found.label)
        raise PreconditionFailed(f"{found.label}: its size is not known")
    return found.size_bytes


def check_range(found: StoredObject, start: object, end: object) -> tuple[int, int]:
    """A range of an object: from ``start`` to before ``end``; beyond its end there is nothing.

    :raises InvalidArgument: it is none.
    """
    size = size_of(found)
    for name, value in (("start_bytes", start), ("end_bytes", end)):
        is_number = isinstance(value, int) and not isinstance(value, bool) and value >= 0
        if not is_number and not (name == "end_bytes" and value is None):
            raise InvalidArgument(f"{name} {value!r}: expected a whole number from 0")
    first = int(str(start))
    last = max(first, size) if end is None else int(str(end))
    if last < first or (end is not None and last == first):
        raise InvalidArgument(
            f"start_bytes {first} and end_bytes {last}: expected an end (which is not included) "
            f"behind the start"
        )
    return min(first, size), min(last, size)


def read_pieces(found: StoredObject, start: int, end: int) -> Iterator[Piece]:
    """A range of an object in pieces, in order; holes are pieces of their own.

    :raises PreconditionFailed: the object was replaced or changed meanwhile.
    :raises ObjectNotFound: it is gone.
    :raises Ovm3Error: it cannot be read.
    """
    host = host_of(found.container, found.label)
    is_long = end - start > _FEW_BLOCKS * BLOCK_BYTES
    at_once = calls_at_once(host) if is_long else 1
    position = next_data = start
    under_way: deque[tuple[int, Future[ObjectRange]]] = deque()
    pool = ThreadPoolExecutor(at_once) if at_once > 1 else None
    try:
        while position < end:
            next_data = _ask_ahead(found, pool, at_once, under_way, next_data, end)
            if not under_way:  # nothing but a hole up to the end
                yield Piece(position, end - position, None)
                return
            if not under_way[0][1].done():  # a hole may arrive first, and says where it ends
                wait([one for _, one in under_way if not one.done()], return_when=FIRST_COMPLETED)
                continue
            offset, pending = under_way.popleft()
            read = pending.result()
            if offset > position:
                yield Piece(position, offset - position, None)
            wanted = min(BLOCK_BYTES, end - offset)
            if len(read.data) != wanted:
                raise _changed(found)
            position = offset + wanted
            next_data = max(next_data, read.next_offset)
            if pool is not None:  # they are under way while the caller uses this piece
                next_data = _ask_ahead(found, pool, at_once, under_way, next_data, end)
            yield Piece(offset, wanted, read.data if any_data(read.data) else None)
    finally:
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)


def _ask_ahead(
    found: StoredObject,
    pool: ThreadPoolExecutor | None,
    at_once: int,
    under_way: deque[tuple[int, Future[ObjectRange]]],
    next_data: int,
    end: int,
) -> int:
    """Ask for as many ranges as may be under way.

    :return: where the next one begins.
    """
    next_data = _next_data(under_way, next_data)
    while next_data < end and _has_room(under_way, at_once):
        length = min(BLOCK_BYTES, end - next_data)
        under_way.append((next_data, _ask(pool, found, next_data, length)))
        next_data = _next_data(under_way, next_data + length)
    return next_data


def _ask(
    pool: ThreadPoolExecutor | None, found: StoredObject, offset: int, length: int
) -> Future[ObjectRange]:
    if pool is not None:
        return pool.submit(_read, found, offset, length)
    answered: Future[ObjectRange] = Future()
    answered.set_result(_read(found, offset, length))
    return answered


def _next_data(under_way: Iterable[tuple[int, Future[ObjectRange]]], known: int) -> int:
    """Where the next data may begin: at or after what is known, as far as responses tell."""
    return max([known, *(one.result().next_offset for _, one in under_way if _is_read(one))])


def _has_room(under_way: Collection[tuple[int, Future[ObjectRange]]], at_once: int) -> bool:
    """Whether another range may be asked for: zeros that have arrived hold up nothing, but a file
    system that knows no holes may have many of them.
    """
    held = [one for _, one in under_way if not (_is_read(one) and not any_data(one.result().data))]
    return len(held) < at_once and len(under_way) < 2 * at_once


def _is_read(one: Future[ObjectRange]) -> bool:
    return one.done() and one.exception() is None


def _read(found: StoredObject, offset: int, length: int) -> ObjectRange:
    container = found.container
    mount, plain = container.repository.path, container.plain
    try:
        return module_of(container, found.label).read_object(
            mount, plain, found.name, offset, length, found.identity
        )
    except AgentFault as fault:
        if fault.kind.endswith(".Conflict"):
            raise _changed(found) from fault
        if fault.kind.endswith(".NotFound"):
            raise not_found(container, found.name) from fault
        raise


def _changed(found: StoredObject) -> PreconditionFailed:
    return PreconditionFailed(
        f"{found.label}: it was replaced or changed while it was read, so what has arrived is not "
        f"one content; read it again"
    )


# ------------------------------------------------------------------ as a stream


def check_chunk(chunk_size: object) -> int:
    """The size of pieces that a user asks for; None and 0: any.

    :raises InvalidArgument: it is none.
    """
    if chunk_size is None or chunk_size == 0:
        return DEFAULT_CHUNK
    if not isinstance(chunk_size, int) or isinstance(chunk_size, bool) or chunk_size < 0:
        raise InvalidArgument(f"chunk_size {chunk_size!r}: expected a number of bytes")
    return chunk_size


def read_stream(found: StoredObject, start: int, end: int, chunk: int) -> Iterator[bytes]:
    """A range of an object as pieces of ``chunk`` bytes each, but for the last one.

    What else is raised: as by :func:`read_pieces`.

    :raises ObjectHashMismatch: all of it was read, and it is not what was uploaded.
    """
    md5 = _md5_of(found, start, end)
    buffer = bytearray()
    for part in _parts(found, start, end):
        if md5 is not None:
            md5.update(part)
        buffer += part
        while len(buffer) > chunk:  # the last one is kept until its content is known to be right
            yield bytes(memoryview(buffer)[:chunk])
            del buffer[:chunk]
    _require_md5(found, md5)
    if buffer or start == end:  # of nothing too there is a first piece
        yield bytes(buffer)


def _parts(found: StoredObject, start: int, end: int) -> Iterator[bytes | memoryview]:
    """The bytes of a range, zeros included, in pieces that fit into memory."""
    for piece in read_pieces(found, start, end):
        if piece.data is not None:
            yield piece.data
            continue
        for at in range(0, piece.length, len(_ZEROS)):
            yield memoryview(_ZEROS)[: piece.length - at]


def _md5_of(found: StoredObject, start: int, end: int) -> hashlib._Hash | None:
    """What computes its MD5, if that is known, and all of it is read; not of endless zeros."""
    size, used = size_of(found), found.used_bytes
    if found.md5 is None or (start, end) != (0, size):
        return None
    return (
        None
        if used is not None and size - used > UNHASHED_BYTES
        else hashlib.md5(usedforsecurity=False)
    )


def _require_md5(found: StoredObject, md5: hashlib._Hash | None) -> None:
    if md5 is not None and md5.hexdigest() != found.md5:
        raise ObjectHashMismatch(
            f"{found.label}: its content has the MD5 {md5.hexdigest()}, and {found.md5} was "
            f"recorded when it was uploaded; it was changed on the host, or in transit",
            object_name=found.name,
        )


# ------------------------------------------------------------------ into a file


@dataclass(frozen=True)
class FetchOptions:
    """How an object is put into a file.

    :ivar overwrite: Whether the file may be there already.
    :ivar delete_on_failure: False: what has arrived is kept beside it, as ``<file>.<digits>.part``,
        where the digits stand for the content.
    :ivar resume: Go on with what was kept of the same content; then it is kept anew, too.
    """

    overwrite: bool = False
    delete_on_failure: bool = True
    resume: bool = False
    progress: Progress | None = None


def fetch_file(
    found: StoredObject,
    destination: str | os.PathLike[str],
    start: int,
    end: int,
    options: FetchOptions = FetchOptions(),
) -> None:
    """Put a range of an object into a file, sparsely: all of it, or the file is as it was.

    :param destination: a directory (that is there) or the path of the file.
    :raises InvalidArgument: the file cannot be made, or is there.
    :raises ObjectHashMismatch: it is not what was uploaded.

    What else is raised: as by :func:`read_pieces`.
    """
    target = target_of(found, destination, options.overwrite)
    is_kept = options.resume or not options.delete_on_failure
    temporary = _part(found, target, start, end) if is_kept else _unique(target)
    try:
        handle = open_alone(temporary)
    except OSError as error:
        raise Ovm3Error(f"{target}: cannot be made: {error.strerror}") from error
    try:
        with os.fdopen(os.dup(handle), "r+b") as file:
            if not options.resume:
                file.truncate(0)
            _fill(found, file, start, end, options.progress)
        give_name(temporary, target, options.overwrite)
    except BaseException as error:
        is_wrong = options.resume and isinstance(error, ObjectHashMismatch)
        put_away(temporary, delete=not is_kept or is_wrong)
        if isinstance(error, OSError):
            raise Ovm3Error(f"{target}: cannot be made: {error.strerror}") from error
        raise
    finally:
        os.close(handle)


def _unique(target: Path) -> Path:
    return target.with_name(f".{target.name[:100]}.{uuid.uuid4().hex}.part")


def _part(found: StoredObject, target: Path, start: int, end: int) -> Path:
    """Where a part of this very content is kept."""
    content = f"{found.container.repository.id} {found.identity} {start} {end}"
    digits = hashlib.sha256(content.encode()).hexdigest()[:12]
    name = os.fsdecode(os.fsencode(target.name)[:200])  # with the rest no more than may be
    return target.with_name(f"{name}.{digits}.part")


def _fill(
    found: StoredObject, file: BinaryIO, start: int, end: int, progress: Progress | None
) -> None:
    """Put what is missing behind what is there, which was written from its beginning on."""
    md5 = _md5_of(found, start, end)
    there = min(file.seek(0, os.SEEK_END), end - start)
    if md5 is not None:
        _hash_file(md5, file, there)
    for piece in read_pieces(found, start + there, end):
        if piece.data is not None:
            _write(file, piece.offset - start, piece.data)
        if md5 is not None:
            _hash(md5, piece)
        if progress is not None:
            progress(piece.offset + piece.length - start, end - start)
    file.truncate(end - start)
    _require_md5(found, md5)


def _write(file: BinaryIO, offset: int, data: bytes) -> None:
    """What is not zero of it."""
    if _ZEROS[:_SPARSE_BYTES] not in data:
        file.seek(offset)
        file.write(data)
        return
    for at in range(0, len(data), _SPARSE_BYTES):
        part = data[at : at + _SPARSE_BYTES]
        if any_data(part):
            file.seek(offset + at)
            file.write(part)


def _hash(md5: hashlib._Hash, piece: Piece) -> None:
    if piece.data is not None:
        md5.update(piece.data)
        return
    for at in range(0, piece.length, len(_ZEROS)):
        md5.update(memoryview(_ZEROS)[: piece.length - at])


def _hash_file(md5: hashlib._Hash, file: BinaryIO, length: int) -> None:
    file.seek(0)
    while length and (data := file.read(min(length, DEFAULT_CHUNK))):
        md5.update(data)
        length -= len(data)
