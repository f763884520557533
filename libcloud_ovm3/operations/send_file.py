"""Sending a file to a host: the one way of all uploads, of objects and of images.

It goes in blocks, several at a time where the agent was seen to take several, into a temporary of
the host module. Zeros are not sent. When all blocks are there, the host tells their sums, and only
if they are right the caller may make an object of it.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from libcloud_ovm3.agent.object_types import BLOCK_BYTES, SUMS, block_sum
from libcloud_ovm3.errors import AgentFault, OutcomeUnknown, Ovm3Error
from libcloud_ovm3.estate.objects import Container, host_of, module_of
from libcloud_ovm3.estate.parallel_calls import calls_at_once
from libcloud_ovm3.operations import object_doors
from libcloud_ovm3.operations.file_sources import Block, Source
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.storage_errors import ObjectHashMismatch

Progress = Callable[[int, int | None], None]  # bytes that are done, and of how many; None: unknown

_FEW_BLOCKS = 4  # for fewer it is not tried how many calls the agent takes at the same time
_ZEROS = bytes(BLOCK_BYTES)


@dataclass(frozen=True)
class Sent:
    """What has been sent.

    :ivar md5: Of all of it; "" if it was not computed.
    """

    size_bytes: int
    md5: str


def send_file(
    operation: Operation,
    container: Container,
    name: str,
    source: Source,
    *,
    is_resumed: bool = False,
    verify: bool = True,
    progress: Progress | None = None,
) -> Sent:
    """Send all blocks of a source into the upload of this operation, which was begun.

    :param name: of the object that it will be, for messages.
    :param is_resumed: whether blocks may be there already: only what differs is sent.
    :param verify: whether the host computes the sums of all blocks.
    :param progress: called after each block.
    :raises PreconditionFailed: the file was changed while it was read.
    :raises AgentFault: the host refused a block.
    :raises OutcomeUnknown: whether a block is there is unknown.
    :raises ObjectHashMismatch: what is there is not what was sent.
    """
    md5 = hashlib.md5(usedforsecurity=False) if source.is_hashed else None
    there = _Known(operation, container) if is_resumed else None
    of = None if source.size_bytes < 0 else source.size_bytes
    size = done = checked = 0
    sums: list[str] = []
    with _Senders(operation, container, source.size_bytes) as senders:

        def settle(most: int) -> None:
            """Wait until no more than so many blocks are under way."""
            nonlocal done, checked
            for length, total in senders.settled(most):
                done += length
                sums.append(total)
                if progress is not None:
                    progress(done, of)
                if verify and len(sums) - checked == SUMS:  # while the next ones are under way
                    senders.verify(name, checked, sums[checked:])
                    checked += SUMS

        for block in source.blocks():
            if md5 is not None:
                md5.update(block.data or memoryview(_ZEROS)[: block.length])
            size += block.length
            senders.send(block, there.sum_of(block) if there else "")
            settle(senders.most)
        settle(0)
        senders.finish()
    source.require_unchanged()
    if verify and len(sums) > checked:
        _verify(operation, container, name, checked, sums[checked:])
    return Sent(size, md5.hexdigest() if md5 else "")


class _Senders:
    """Blocks under way, in their order. What fails is raised when its turn comes, and after the
    end of the block nothing is under way any more.
    """

    def __init__(self, operation: Operation, container: Container, size_bytes: int) -> None:
        self._operation, self._container = operation, container
        self._few = 0 <= size_bytes <= _FEW_BLOCKS * BLOCK_BYTES
        self._under_way: deque[tuple[int, Future[str] | str]] = deque()
        self._beside: Future[None] | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._sent = 0
        self.most = 0

    def __enter__(self) -> _Senders:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def send(self, block: Block, there: str) -> None:
        """Send a block, unless it is there.

        :param there: the sum of what is there; "" if that is nothing but zeros.
        """
        if block.data is None and not there:
            self._under_way.append((block.length, ""))
            return
        self._sent += 1
        if self._sent > _FEW_BLOCKS and not self._few and self._pool is None and not self.most:
            at_once = calls_at_once(host_of(self._container))
            self.most = at_once - 1
            self._pool = ThreadPoolExecutor(at_once) if at_once > 1 else None
            self._few = self._pool is None
        arguments = (self._operation, self._container, block, there)
        result = self._pool.submit(_send, *arguments) if self._pool else _send(*arguments)
        self._under_way.append((block.length, result))

    def verify(self, name: str, first: int, sums: list[str]) -> None:
        """As :func:`_verify`, beside the blocks that follow: what fails is raised by the next one,
        or :meth:`finish`."""
        self.finish()
        arguments = (self._operation, self._container, name, first, sums)
        if self._pool is None:
            _verify(*arguments)
        else:
            self._beside = self._pool.submit(_verify, *arguments)

    def finish(self) -> None:
        """Wait for what was verified last."""
        if self._beside is not None:
            self._beside.result()

    def settled(self, most: int) -> Iterator[tuple[int, str]]:
        """Length and sum of each block that is there, until no more than so many are under way."""
        while len(self._under_way) > most:
            length, result = self._under_way.popleft()
            yield length, result if isinstance(result, str) else result.result()


def _send(operation: Operation, container: Container, block: Block, there: str) -> str:
    """Send a block, unless it is there; its sum."""
    data = block.data if block.data is not None else bytes(block.length)
    total = block_sum(data)
    if total == there:
        return total
    try:
        object_doors.write_upload(operation, container, block.offset, data)
    except (AgentFault, OutcomeUnknown) as failed:
        if not _is_there(operation, container, block, total, failed):
            raise
    return total


def _is_there(
    operation: Operation, container: Container, block: Block, total: str, failed: Ovm3Error
) -> bool:
    """Whether a block has arrived although its call failed.

    :raises OutcomeUnknown: that cannot be read.
    """
    try:
        return _sums(operation, container, block.offset, 1) == (total,)
    except Ovm3Error as error:
        raise OutcomeUnknown(
            f"{failed}; whether the block at {block.offset} is there cannot be read: {error}"
        ) from failed


def _sums(
    operation: Operation, container: Container, offset: int, blocks: int = SUMS
) -> tuple[str, ...]:
    mount, plain = container.repository.path, container.plain
    return module_of(container).upload_sums(mount, plain, operation.id, offset, blocks).sums


class _Known:
    """What the host has of an upload, read as it is needed."""

    def __init__(self, operation: Operation, container: Container) -> None:
        self._read = operation, container
        self._first, self._sums = -1, tuple[str, ...]()

    def sum_of(self, block: Block) -> str:
        """The sum of what is there; "": nothing, or nothing but zeros."""
        number = block.offset // BLOCK_BYTES
        if not 0 <= number - self._first < SUMS or self._first < 0:
            self._first, self._sums = number, _sums(*self._read, block.offset)
        at = number - self._first
        return self._sums[at] if at < len(self._sums) else ""


def _verify(
    operation: Operation, container: Container, name: str, first: int, wanted: list[str]
) -> None:
    """Whether the host has these blocks as they were sent.

    :param first: the number of the first one.
    :param wanted: their sums, ``SUMS`` at most.
    :raises ObjectHashMismatch: it has not.
    """
    found = list(_sums(operation, container, first * BLOCK_BYTES, len(wanted)))
    found += [""] * (len(wanted) - len(found))  # a hole at the end that was not sent
    if found != wanted:
        pairs = enumerate(zip(found, wanted, strict=True))
        wrong = next(at for at, (here, sent) in pairs if here != sent)
        raise ObjectHashMismatch(
            f"object {name!r} of {container.label}: the host has other content at byte "
            f"{(first + wrong) * BLOCK_BYTES} than was sent; nothing was kept of it",
            object_name=name,
        )
