"""Which ranges of an object are read, and what is made of them, whatever holes there are."""

from __future__ import annotations

import tempfile
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libcloud_ovm3.agent.object_types import ObjectRange
from libcloud_ovm3.errors import PreconditionFailed
from libcloud_ovm3.estate import parallel_calls
from libcloud_ovm3.estate.objects import Container, StoredObject
from libcloud_ovm3.operations import fetch_file, file_sources
from libcloud_ovm3.operations.file_sources import FileSource

BLOCK = 8


class Host:
    """A host with one object; ``next_offset`` is as late as its content allows, or earlier."""

    address = "host"

    def __init__(self, content: bytes, honest: bool) -> None:
        self.content, self.honest = content, honest
        self.module3 = self.module = self
        self.read: list[int] = []

    def meet(self, *_: Any) -> bool:
        return True

    def read_object(
        self, mount: str, plain: str, name: str, offset: int, length: int, identity: str
    ) -> ObjectRange:
        assert identity == "identity"
        assert 1 <= length <= BLOCK
        self.read.append(offset)
        end = min(offset + length, len(self.content))
        rest = self.content[end:]
        skipped = len(rest) - len(rest.lstrip(b"\0"))
        following = end + (skipped if self.honest else 0)
        return ObjectRange(len(self.content), "identity", self.content[offset:end], following)


def stored(host: Any, size: int) -> StoredObject:
    repository: Any = SimpleNamespace(is_clear=True, mounted_on=(host,), path="/r", id="id")
    return StoredObject(Container("box", repository), "x", size, identity="identity")


pieces = st.lists(st.one_of(st.binary(min_size=1, max_size=20), st.integers(1, 60).map(bytes)))


@given(pieces, st.integers(0, 200), st.integers(1, 200), st.booleans(), st.integers(1, 3))
def test_any_range_is_what_was_there(
    parts: list[bytes], start: int, length: int, honest: bool, at_once: int
) -> None:
    content = b"".join(parts)
    host: Any = Host(content, honest)
    start = min(start, len(content))
    end = min(start + length, len(content))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fetch_file, "BLOCK_BYTES", BLOCK)
        patch.setattr(parallel_calls, "_known", {"host": at_once})
        found = stored(host, len(content))
        read = list(fetch_file.read_pieces(found, start, end))
        with tempfile.TemporaryFile() as file:
            fetch_file._fill(found, file, start, end, None)
            file.seek(0)
            written = file.read()
        for chunk in (1, 5, 1000):
            stream = list(fetch_file.read_stream(found, start, end, chunk))
            assert b"".join(stream) == content[start:end]
            assert all(len(one) == chunk for one in stream[:-1])
    assert b"".join(one.data or bytes(one.length) for one in read) == content[start:end]
    at = start
    for one in read:
        assert (one.offset, one.length > 0) == (at, True)
        at += one.length
    assert written == content[start:end]


def test_what_is_nothing_but_zeros_is_not_read() -> None:
    host: Any = Host(b"x" + bytes(10_000) + b"y", True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fetch_file, "BLOCK_BYTES", BLOCK)
        patch.setattr(parallel_calls, "_known", {"host": 2})
        assert len(list(fetch_file.read_pieces(stored(host, 10_002), 0, 10_002))) < 6
    assert len(host.read) <= 4


def test_data_behind_a_hole_is_asked_for_while_data_is_under_way() -> None:
    """Data is told to be behind a hole by the response of the hole, which comes first."""
    host: Any = Host((b"x" * BLOCK + bytes(10 * BLOCK)) * 4, True)
    both, read = threading.Barrier(2, timeout=30), host.read_object

    def read_object(*arguments: Any) -> ObjectRange:
        answer: ObjectRange = read(*arguments)
        if any(answer.data):
            both.wait()  # data is never under way alone
        return answer

    host.read_object = read_object
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fetch_file, "BLOCK_BYTES", BLOCK)
        patch.setattr(parallel_calls, "_known", {"host": 2})
        size = len(host.content)
        found = list(fetch_file.read_pieces(stored(host, size), 0, size))
    assert b"".join(one.data or bytes(one.length) for one in found) == host.content


def test_an_object_that_has_become_shorter() -> None:
    host: Any = Host(b"12345", True)
    with pytest.raises(PreconditionFailed, match="replaced or changed"):
        list(fetch_file.read_pieces(stored(host, BLOCK), 0, BLOCK))


@given(pieces, st.integers(1, 30))
def test_blocks_of_a_file(
    tmp_path_factory: pytest.TempPathFactory, parts: list[bytes], size: int
) -> None:
    path = tmp_path_factory.mktemp("file") / "file"
    with path.open("wb") as file:
        for part in parts:
            if any(part):
                file.write(part)
            else:
                file.seek(len(part), 1)
        file.truncate()
    content = b"".join(parts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(file_sources, "BLOCK_BYTES", size)
        source = FileSource(path)
        blocks = list(source.blocks())
        source.require_unchanged()
        source.close()
    assert b"".join(one.data or bytes(one.length) for one in blocks) == content
    assert all(one.length == size for one in blocks[:-1])
    assert all(one.data is None or any(one.data) for one in blocks)
