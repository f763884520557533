"""Uploading and downloading: what arrives is what was sent, or an error says why not."""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from libcloud.storage import types
from libcloud.storage.base import Container

from libcloud_ovm3 import OVM3StorageDriver
from libcloud_ovm3.agent.object_types import BLOCK_BYTES
from libcloud_ovm3.errors import (
    AgentFault,
    AmbiguousName,
    InvalidArgument,
    OperationIncomplete,
    Ovm3Error,
    PreconditionFailed,
)
from libcloud_ovm3.estate import parallel_calls
from libcloud_ovm3.estate.objects import module_of
from libcloud_ovm3.operations import file_sources
from libcloud_ovm3.operations.file_sources import FileSource, StreamSource
from libcloud_ovm3.simulator import Simulator
from tests.storage.stores import get, put, storage_for
from tests.support import calls_of


def write_sparse(path: Path, size: int, *data: tuple[int, bytes]) -> str:
    with path.open("wb") as file:
        for offset, content in data:
            file.seek(offset)
            file.write(content)
        file.truncate(size)
    return str(path)


# ------------------------------------------------------------------ contents


NAMES = ["a", "a/", "a/b", "A", "a%2f", "a%2F", "/", "..", "../../x", "é", "e\u0301", "x" * 1024,
         " ", "a&b c+d=e?f#g", "a\nb\x7f", "\u202e\U0001f600", "%", ".hidden", "Templates",
         "templates/x", "~", "CON", "-rf", "a" * 200, "é" * 120, "a&b.txt", "100%.txt",
         "50%25.txt", "two words.db", "new-folder/", "new-folder/tux-128x128.ico", "SI_1.db",
         "AT&T report (final) #2.pdf"]  # fmt: skip


def test_every_name_is_an_object_of_its_own(driver: OVM3StorageDriver, box: Container) -> None:
    for number, name in enumerate(NAMES):
        made = put(driver, box, name, str(number).encode())
        assert (made.name, made.size) == (name, len(str(number)))
    for number, name in enumerate(NAMES):
        assert get(driver, "box", name) == str(number).encode()
    assert [one.name for one in driver.list_container_objects(box)] == sorted(NAMES)
    found = driver.list_container_objects(box, prefix="a/")
    assert [one.name for one in found] == ["a/", "a/b"]
    assert len(driver.list_container_objects(box, prefix="new-folder/")) == 2  # cases/C09
    with pytest.warns(DeprecationWarning, match="ex_prefix"):
        assert len(list(driver.iterate_container_objects(box, ex_prefix="é"))) == 2
    for one in driver.iterate_container_objects(box):
        assert driver.delete_object(one) is True
    assert driver.list_container_objects(box) == []


@pytest.mark.parametrize("name", ["", "a\0b", "x" * 1025, "\udc80", "é" * 513, None, b"a"])
def test_what_no_object_can_be_called(driver: OVM3StorageDriver, box: Container, name: Any) -> None:
    with pytest.raises(InvalidArgument, match="object_name"):
        put(driver, box, name, b"1")
    if isinstance(name, str):
        with pytest.raises((types.ObjectDoesNotExistError, InvalidArgument)):
            driver.get_object("box", name)


def test_what_is_kept_with_an_object(driver: OVM3StorageDriver, box: Container) -> None:
    extra = {"meta_data": {"owner": "é", "empty": ""}, "content_type": "text/x-new"}
    made = put(driver, box, "a.txt", b"1", extra=extra, headers={"content-encoding": "gzip"})
    found = driver.get_object("box", "a.txt")
    for one in (made, found):
        assert one.meta_data == {"owner": "é", "empty": ""}
        assert one.hash == hashlib.md5(b"1").hexdigest()
        assert one.extra["content_type"] == "text/x-new"
        assert one.extra["content_encoding"] == "gzip"
        assert one.extra["last_modified"].endswith("Z")
    again = put(driver, box, "a.txt", b"22")
    assert (again.meta_data, again.extra["content_type"]) == ({}, "text/plain")
    assert "content_encoding" not in again.extra
    for wrong, what in (
        ({"meta_data": {"a": 1}}, "meta_data 'a': 1: expected a text"),
        ({"meta_data": "x"}, "meta_data 'x': expected a mapping"),
        ({"content_type": 7}, "content_type 7: expected a text"),
    ):
        with pytest.raises(InvalidArgument, match=what):
            put(driver, box, "a.txt", b"333", extra=wrong)
    put(driver, box, "a.txt", b"22", extra={"acl": "public-read"})  # as libcloud's drivers do
    with pytest.raises(InvalidArgument, match="X-Other"):
        put(driver, box, "a.txt", b"333", headers={"X-Other": "x"})
    odd: Any = {"ex_progress": 3}
    for refused in (
        lambda: driver.upload_object_via_stream([b"333"], box, "a.txt", **odd),
        lambda: driver.upload_object(__file__, box, "a.txt", **odd),
        lambda: driver.download_object(found, "never", **odd),
    ):
        with pytest.raises(InvalidArgument, match="ex_progress: expected a function"):
            refused()
    assert not driver.ex_list_uploads(box)
    assert get(driver, "box", "a.txt") == b"22"


@given(st.lists(st.binary(max_size=9), max_size=9), st.integers(1, 9))
def test_blocks_of_a_stream(pieces: list[bytes], size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(file_sources, "BLOCK_BYTES", size)
        blocks = list(StreamSource(iter(pieces)).blocks())
    content = b"".join(one.data or bytes(one.length) for one in blocks)
    assert content == b"".join(pieces)
    assert all(one.length == size for one in blocks[:-1])
    assert [one.offset for one in blocks] == list(range(0, len(content), size))
    assert all(one.data is None or any(one.data) for one in blocks)


def endless_at_once() -> Iterator[bytes]:
    yield from ()


@pytest.mark.parametrize(
    "stream",
    [
        io.BytesIO(b"x" * 100_000),
        iter([b"x"] * 100_000),
        [bytearray(b"x" * 100_000)],
        b"x" * 100_000,
        memoryview(b"x" * 100_000),
        iter([b"", b"x" * 99_999, b"", memoryview(b"x"), b""]),
    ],
    ids=["file", "many", "list", "bytes", "view", "empty pieces"],
)
def test_streams(driver: OVM3StorageDriver, box: Container, stream: Any) -> None:
    driver.upload_object_via_stream(stream, box, "stream")
    assert get(driver, "box", "stream") == b"x" * 100_000


@pytest.mark.parametrize("empty", [b"", io.BytesIO(), iter([]), endless_at_once(), iter([b""])])
def test_nothing(driver: OVM3StorageDriver, box: Container, empty: Any, tmp_path: Path) -> None:
    """Zero bytes are an object like any other; its first piece is empty."""
    made = driver.upload_object_via_stream(empty, box, "empty")
    assert (made.size, made.hash) == (0, hashlib.md5(b"").hexdigest())
    assert list(driver.download_object_as_stream(made, made.size)) == [b""]
    target = tmp_path / "file"
    assert driver.download_object(made, str(target)) is True
    assert target.read_bytes() == b""


@pytest.mark.parametrize("wrong", [iter(["text"]), io.StringIO("text"), iter([b"a", 7]), 7, None])
def test_what_is_no_stream(
    driver: OVM3StorageDriver, box: Container, sim: Simulator, wrong: Any
) -> None:
    put(driver, box, "kept", b"old")
    with pytest.raises(InvalidArgument, match="iterator"):
        driver.upload_object_via_stream(wrong, box, "kept")
    assert get(driver, "box", "kept") == b"old"
    assert driver.ex_list_uploads(box) == []


def test_an_iterator_that_fails(driver: OVM3StorageDriver, box: Container) -> None:
    """Its error is raised as it is, and nothing is left."""

    def failing() -> Iterator[bytes]:
        yield os.urandom(BLOCK_BYTES + 1)
        raise ZeroDivisionError

    put(driver, box, "kept", b"old")
    with pytest.raises(ZeroDivisionError):
        driver.upload_object_via_stream(failing(), box, "kept")
    assert get(driver, "box", "kept") == b"old"
    assert driver.ex_list_uploads("box") == []


# ------------------------------------------------------------------ files


def test_a_sparse_file(
    sim: Simulator, driver: OVM3StorageDriver, box: Container, tmp_path: Path
) -> None:
    """Holes are sent in neither direction, and what arrives is as sparse. The MD5 is that of all of
    it, but it is not computed of endless zeros."""
    size = 20 * BLOCK_BYTES + 5
    data = [(3 * BLOCK_BYTES - 1, b"ab"), (13 * BLOCK_BYTES, b"c")]
    path = write_sparse(tmp_path / "sparse", size, *data)
    steps: list[tuple[int, int | None]] = []
    made = driver.upload_object(path, box, "sparse", ex_progress=lambda *now: steps.append(now))
    assert len(calls_of(sim, "libcloud_write_upload")) == 3
    assert steps[-1] == (size, size)
    assert steps == sorted(steps)
    assert made.hash == hashlib.md5(Path(path).read_bytes()).hexdigest()
    assert made.extra["used_bytes"] < 1 << 16
    target = tmp_path / "target"
    driver.download_object(made, str(target))
    assert len(calls_of(sim, "libcloud_read_object")) < 12
    assert target.stat().st_size == size
    assert target.stat().st_blocks * 512 < 1 << 20
    assert driver.download_object_range(made, str(target), data[1][0], None, True) is True
    assert target.stat().st_size == size - data[1][0]
    assert next(driver.download_object_range_as_stream(made, data[0][0], None, 4)) == b"ab\0\0"
    endless = write_sparse(tmp_path / "endless", 2 << 30, (1 << 30, b"x"))
    monster = driver.upload_object(endless, box, "endless", verify_hash=False)
    assert (monster.size, monster.hash) == (2 << 30, None)
    driver.delete_object(monster)


def test_downloads_to_files(driver: OVM3StorageDriver, box: Container, tmp_path: Path) -> None:
    """A directory takes the last part of the name; a file that is there is replaced only if that is
    wanted, and then by the whole object or not at all."""
    made = put(driver, box, "deep/name.bin", b"12345")
    assert driver.download_object(made, f"{tmp_path}/") is True
    target = tmp_path / "name.bin"
    assert target.read_bytes() == b"12345"
    (tmp_path / "other").touch()
    assert target.stat().st_mode == (tmp_path / "other").stat().st_mode
    with pytest.raises(InvalidArgument, match="exists"):
        driver.download_object(made, str(tmp_path))
    with pytest.raises(InvalidArgument, match="no such directory"):
        driver.download_object(made, f"{tmp_path}/none/")
    with pytest.raises(Ovm3Error, match="cannot be made"):
        driver.download_object(made, f"{tmp_path}/none/file")
    slash = put(driver, box, "deep/", b"1")
    with pytest.raises(InvalidArgument, match="expected the path of a file"):
        driver.download_object(slash, str(tmp_path))
    driver.download_object_range(made, str(target), 1, 3, overwrite_existing=True)
    assert target.read_bytes() == b"23"
    driver.delete_object(made)
    with pytest.raises(types.ObjectDoesNotExistError):
        driver.download_object(made, str(target), overwrite_existing=True)
    assert target.read_bytes() == b"23"
    assert {one.name for one in tmp_path.iterdir()} == {"name.bin", "other"}


@pytest.mark.parametrize("chunk", [1, 7, 10, 11, None, 0])
def test_pieces_of_a_download(driver: OVM3StorageDriver, box: Container, chunk: int | None) -> None:
    made = put(driver, box, "ten", b"0123456789")
    pieces = list(driver.download_object_as_stream(made, chunk))
    assert b"".join(pieces) == b"0123456789"
    assert all(len(one) == (chunk or 10) for one in pieces[:-1])
    assert len(pieces) == -(-10 // (chunk or 10))


@pytest.mark.parametrize(
    ("start", "end", "content"),
    [(0, None, b"0123456789"), (3, 5, b"34"), (9, None, b"9"), (2, 1000, b"23456789"),
     (10, None, b""), (50, None, b"")],
)  # fmt: skip
def test_ranges(
    driver: OVM3StorageDriver, box: Container, start: int, end: int | None, content: bytes
) -> None:
    made = put(driver, box, "ten", b"0123456789")
    assert b"".join(driver.download_object_range_as_stream(made, start, end)) == content


@pytest.mark.parametrize(("start", "end"), [(-1, None), (3, 3), (5, 2), ("a", None), (0, True)])
def test_what_is_no_range(driver: OVM3StorageDriver, box: Container, start: Any, end: Any) -> None:
    made = put(driver, box, "ten", b"0123456789")
    with pytest.raises(InvalidArgument, match="_bytes"):
        driver.download_object_range_as_stream(made, start, end)
    with pytest.raises(InvalidArgument, match="chunk_size"):
        driver.download_object_as_stream(made, -1)


def test_a_file_that_is_written_to_while_it_is_sent(
    driver: OVM3StorageDriver, box: Container, tmp_path: Path
) -> None:
    put(driver, box, "log", b"old")
    path = tmp_path / "log"
    for change in (lambda: path.open("ab").write(b"more"), lambda: os.truncate(path, 7)):
        path.write_bytes(os.urandom(2 * BLOCK_BYTES))
        with pytest.raises(PreconditionFailed, match="changed while it was read"):
            driver.upload_object(str(path), box, "log", ex_progress=lambda *_, do=change: do())
        assert get(driver, "box", "log") == b"old"
        assert driver.ex_list_uploads(box) == []


def test_what_is_no_file(driver: OVM3StorageDriver, box: Container, tmp_path: Path) -> None:
    for path in (tmp_path / "missing", tmp_path, Path("/dev/null"), Path("a\0b")):
        with pytest.raises(InvalidArgument):
            driver.upload_object(str(path), box, "x")
    assert driver.list_container_objects(box, prefix="x") == []


# ------------------------------------------------------------------ other content than was sent


def test_an_object_that_is_replaced_while_it_is_read(
    driver: OVM3StorageDriver, box: Container
) -> None:
    """All pieces are of one content, or an error is raised; so is one whose MD5 is wrong."""
    made = put(driver, box, "moving", bytes(range(256)) * (BLOCK_BYTES // 128))
    stream = driver.download_object_as_stream(made, 1000)
    next(stream)
    put(driver, box, "moving", b"other")
    with pytest.raises(PreconditionFailed, match="replaced or changed"):
        b"".join(stream)


def test_content_that_was_changed_behind_its_record(
    sim: Simulator, driver: OVM3StorageDriver, box: Container, tmp_path: Path
) -> None:
    """By somebody on the host: with another time nothing is said of it any more; with the same one
    the MD5 is found wrong."""
    put(driver, box, "silent", b"12345", extra={"meta_data": {"a": "b"}})
    [file] = (sim.repository_path / ".libcloud-ovm3").rglob("data/silent")
    state = file.stat()
    with file.open("r+b") as opened:
        opened.write(b"X")
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))
    found = driver.get_object("box", "silent")
    for read in (
        lambda: list(driver.download_object_as_stream(found)),
        lambda: driver.download_object(found, str(tmp_path / "x")),
    ):
        with pytest.raises(types.ObjectHashMismatchError):
            read()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(types.ObjectHashMismatchError):
        driver.download_object(found, str(tmp_path / "x"), delete_on_failure=False)
    [part] = tmp_path.glob("x.*.part")
    assert part.read_bytes() == b"X2345"
    os.utime(file, (1, 1))
    changed = driver.get_object("box", "silent")
    assert (changed.hash, changed.meta_data) == (None, {})
    hashed = driver.ex_hash_object(changed)
    assert hashed.hash == hashlib.md5(b"X2345").hexdigest()
    assert driver.get_object("box", "silent").hash == hashed.hash


def test_a_block_that_arrives_otherwise(
    sim: Simulator, driver: OVM3StorageDriver, box: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host's sums differ: nothing is committed."""
    put(driver, box, "kept", b"old")

    def scratch(moment: str) -> None:
        if moment == "after":
            [data] = (sim.repository_path / ".libcloud-ovm3").rglob("uploads/*/data")
            data.write_bytes(b"NEW")

    sim.misbehave("hook", "libcloud_write_upload", hook=scratch)
    with pytest.raises(types.ObjectHashMismatchError, match="at byte 0") as failed:
        put(driver, box, "kept", b"new")
    assert failed.value.object_name == "kept"
    assert get(driver, "box", "kept") == b"old"
    assert driver.ex_list_uploads(box) == []


# ------------------------------------------------------------------ going on with an upload


def interrupted(sim: Simulator, driver: OVM3StorageDriver, box: Container, path: str) -> str:
    """The id of an upload that ends at its third block."""
    sim.misbehave("drop_before", "libcloud_write_upload", nth=3)
    with pytest.raises(OperationIncomplete) as failed:
        driver.upload_object(path, box, "large")
    sim.clear_misbehaviour()
    [ident] = failed.value.left
    return ident


def test_resume(sim: Simulator, driver: OVM3StorageDriver, box: Container, tmp_path: Path) -> None:
    """Only what is not there is sent, and what has changed since; zeros over data as well."""
    path = tmp_path / "file"
    content = os.urandom(5 * BLOCK_BYTES)
    path.write_bytes(content)
    ident = interrupted(sim, driver, box, str(path))
    [one] = driver.ex_list_uploads(box)
    assert (one["id"], one["object_name"], one["size_bytes"]) == (ident, "large", len(content))
    assert one["done_bytes"] == 2 * BLOCK_BYTES
    content = bytes(BLOCK_BYTES) + content[BLOCK_BYTES:]
    path.write_bytes(content)
    sim.calls.clear()
    driver.upload_object(str(path), box, "large", ex_resume=True)
    assert len(calls_of(sim, "libcloud_write_upload")) == 4
    assert calls_of(sim, "libcloud_begin_upload") == []
    assert get(driver, "box", "large") == content
    assert driver.ex_list_uploads(box) == []


def test_a_download_goes_on_where_it_ended(
    sim: Simulator, driver: OVM3StorageDriver, box: Container, tmp_path: Path
) -> None:
    """With the same content only; what was kept of it and is wrong is found, and not kept again."""
    content = os.urandom(3 * BLOCK_BYTES)
    made, file = put(driver, box, "large", content), tmp_path / "file"

    def cut() -> Path:
        """What is kept of a download that ends at its third block."""
        sim.misbehave("drop_before", "libcloud_read_object", nth=3, times=2)
        with pytest.raises(Ovm3Error):
            driver.download_object(made, str(file), delete_on_failure=False)
        sim.clear_misbehaviour()
        [part] = tmp_path.iterdir()
        assert part.read_bytes() == content[: 2 * BLOCK_BYTES]
        return part

    cut()
    sim.calls.clear()
    done: list[int] = []
    driver.download_object(
        made, str(file), ex_resume=True, ex_progress=lambda here, _: done.append(here)
    )
    assert file.read_bytes() == content
    assert (len(calls_of(sim, "libcloud_read_object")), done) == (1, [len(content)])
    file.unlink()
    with cut().open("r+b") as part:
        part.write(b"what a failing disk has made of it")
        part.flush()
        fcntl.flock(part, fcntl.LOCK_EX)
        with pytest.raises(PreconditionFailed, match="another download"):
            driver.download_object(made, str(file), ex_resume=True)
    with pytest.raises(types.ObjectHashMismatchError):
        driver.download_object(made, str(file), ex_resume=True)
    assert list(tmp_path.iterdir()) == []
    old = cut()
    made = put(driver, box, "large", content[::-1])
    driver.download_object(made, str(file), ex_resume=True)
    assert file.read_bytes() == content[::-1]
    assert {*tmp_path.iterdir()} == {old, file}, "a part of the old content is not used for it"


@pytest.mark.tables
def test_which_upload_is_resumed(
    sim: Simulator, driver: OVM3StorageDriver, box: Container, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_bytes(os.urandom(3 * BLOCK_BYTES))
    first, second = (interrupted(sim, driver, box, str(path)) for _ in range(2))
    with pytest.raises(AmbiguousName, match=first):
        driver.upload_object(str(path), box, "large", ex_resume=True)
    with pytest.raises(PreconditionFailed, match="no unfinished upload"):
        driver.upload_object(str(path), box, "other", ex_resume=first)
    small = tmp_path / "small"
    small.write_bytes(b"1")
    with pytest.raises(PreconditionFailed, match="another size"):
        driver.upload_object(str(small), box, "large", ex_resume=first)

    def write(_: float) -> None:  # by another client, while this one waits
        [data] = (sim.repository_path / ".libcloud-ovm3").rglob(f"uploads/{first}/data")
        os.utime(data, (1, 1))

    driver._estate.clock.__dict__["sleep"] = write
    with pytest.raises(PreconditionFailed, match="goes on at this moment"):
        driver.upload_object(str(path), box, "large", ex_resume=first)
    other = storage_for(sim)
    assert other.upload_object(str(path), box, "large", ex_resume=first).size == 3 * BLOCK_BYTES
    assert other.ex_delete_upload("box", second) is True
    with pytest.raises(PreconditionFailed, match="no unfinished upload"):
        other.ex_delete_upload(box, second)
    assert other.ex_list_uploads("box") == []


def test_of_several_that_write_to_an_upload_one_goes_on(
    sim: Simulator, driver: OVM3StorageDriver, box: Container, tmp_path: Path
) -> None:
    """Two have seen that nobody writes to it, and their files differ; and the client that has begun
    it, which was taken for dead, wakes up. What is committed is one of the files, whole."""
    paths = [tmp_path / name for name in "ab"]
    for path in paths:
        path.write_bytes(path.name.encode() * 3 * BLOCK_BYTES)
    ident, other = interrupted(sim, driver, box, str(paths[0])), storage_for(sim)
    where = other._find(box)
    place = where.repository.path, where.plain

    def resume(moment: str) -> None:
        if moment == "before":
            other.upload_object(str(paths[1]), box, "large", ex_resume=True)

    def wake(moment: str) -> None:
        if moment == "before":
            with pytest.raises(AgentFault, match="NotFound"):
                module_of(where).write_upload("me", ident, *place, 0, b"a" * BLOCK_BYTES)

    sim.misbehave("hook", "libcloud_adopt_upload", hook=resume)
    sim.misbehave("hook", "libcloud_commit_upload", hook=wake)
    with pytest.raises(PreconditionFailed, match="goes on at this moment"):
        driver.upload_object(str(paths[0]), box, "large", ex_resume=True)
    assert get(driver, "box", "large") == paths[1].read_bytes()
    assert driver.ex_list_uploads(box) == []


# ------------------------------------------------------------------ several calls at a time


@pytest.mark.tables
def test_several_blocks_are_under_way(
    sim: Simulator,
    driver: OVM3StorageDriver,
    box: Container,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """In order or not, what arrives is right; and what fails in between is an error."""
    known = {str(driver._estate.given[0]): 4}
    monkeypatch.setattr(parallel_calls, "_known", known)
    path = tmp_path / "file"
    path.write_bytes(os.urandom(6 * BLOCK_BYTES + 3))
    made = driver.upload_object(str(path), box, "many")
    assert made.hash == hashlib.md5(path.read_bytes()).hexdigest()
    assert get(driver, "box", "many") == path.read_bytes()
    sim.misbehave("fault", "libcloud_read_object", nth=4)
    with pytest.raises(Ovm3Error):
        get(driver, "box", "many")
    sim.clear_misbehaviour()
    sim.misbehave("fault", "libcloud_write_upload", nth=6, times=None)
    with pytest.raises(Ovm3Error):
        driver.upload_object(str(path), box, "many")
    sim.clear_misbehaviour()
    assert driver.ex_list_uploads(box) == []
    assert driver.get_object("box", "many").hash == made.hash


@pytest.mark.tables
def test_whether_the_agent_takes_several_is_tried_once(
    sim: Simulator, driver: OVM3StorageDriver, box: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parallel_calls, "_known", {})
    content = bytes(BLOCK_BYTES - 1) + b"x"
    made = put(driver, box, "probe", content * 5)
    assert b"".join(driver.download_object_as_stream(made)) == content * 5
    assert len(calls_of(sim, "libcloud_meet")) == 2


def test_the_source_of_a_file_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"1")
    source = FileSource(path)
    source.close()
    with pytest.raises(ValueError, match="closed"):
        list(source.blocks())


def test_the_last_one_to_complete_wins(driver: OVM3StorageDriver, box: Container) -> None:
    """Of two that upload one object at the same time; nothing of the other one is left."""

    def first() -> Iterator[bytes]:
        yield b"first, "
        put(driver, box, "contested", b"second", extra={"meta_data": {"by": "second"}})
        assert get(driver, "box", "contested") == b"second"
        yield b"but last"

    driver.upload_object_via_stream(first(), box, "contested", extra={"meta_data": {"by": "first"}})
    assert get(driver, "box", "contested") == b"first, but last"
    assert driver.get_object("box", "contested").meta_data == {"by": "first"}
    assert driver.ex_list_uploads(box) == []
