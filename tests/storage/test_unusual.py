"""What is seldom or never right: records, times, names, sources and uploads of an odd kind."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from libcloud.storage.base import Container

from libcloud_ovm3 import OVM3StorageDriver
from libcloud_ovm3.agent.object_types import RECORD_BYTES, UploadEntry
from libcloud_ovm3.errors import (
    AgentFault,
    InvalidArgument,
    OperationIncomplete,
    Ovm3Error,
    Ovm3Warning,
    PreconditionFailed,
)
from libcloud_ovm3.operations import object_doors, upload_object
from libcloud_ovm3.simulator import Simulator
from tests.storage.stores import get, put, storage_for
from tests.support import calls_of


def test_what_cannot_be_kept_is_refused_before_anything_is_sent(
    sim: Simulator, driver: OVM3StorageDriver, box: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not when all has arrived; whatever else fails then leaves nothing."""
    fixed = len("md5content_typecontent_encoding") + 32 + len("text/x")
    odd = fixed + len("meta:%2E%C3%A9.") + len("meta:b") + len("é".encode())
    texts = {".é.": "é", "b": "x" * (RECORD_BYTES - odd)}
    extra = {"meta_data": texts, "content_type": "text/x"}
    made = put(driver, box, "full", b"1", extra=extra)
    assert driver.get_object("box", "full").meta_data == made.meta_data == texts
    sim.calls.clear()
    for wrong in (
        {"meta_data": {**texts, "b": texts["b"] + "x"}, "content_type": "text/x"},
        *({"meta_data": {"a": bad}} for bad in ("x\ry", "\0", "\x0b", "\udc80", "\uffff")),
        {"meta_data": {"a\r": "b"}},
        {"content_type": "text/x\r\nX-Other: 1"},
    ):
        with pytest.raises(InvalidArgument, match="meta_data, content_type"):
            put(driver, box, "full", b"2", extra=wrong)
    assert sim.calls == []

    def refuse(*_: Any) -> None:
        raise InvalidArgument("refused")

    monkeypatch.setattr(object_doors, "commit_upload", refuse)
    with pytest.raises(InvalidArgument, match="refused"):
        put(driver, box, "full", b"2")
    assert driver.ex_list_uploads(box) == []
    assert get(driver, "box", "full") == b"1"


@pytest.mark.parametrize("when", [-5.5, 1 << 40])
def test_times_that_no_calendar_has(
    sim: Simulator, driver: OVM3StorageDriver, box: Container, when: float
) -> None:
    made = put(driver, box, "old", b"1")
    [path] = (sim.repository_path / ".libcloud-ovm3").rglob("data/old")
    os.utime(path, (when, when))
    [found] = driver.list_container_objects(box, prefix="old")
    assert found.extra["last_modified"] == (None if when > 0 else "1969-12-31T23:59:55Z")
    assert found.hash is None
    assert driver.ex_hash_object(found).hash == made.hash
    assert get(driver, "box", "old") == b"1"
    driver.delete_object(found)


def test_a_record_that_cannot_be_read(
    sim: Simulator, driver: OVM3StorageDriver, box: Container
) -> None:
    """As one that a later version has made: it is not taken for none, and not replaced."""
    made = put(driver, box, "later", b"1", extra={"meta_data": {"a": "b"}})
    [path] = (sim.repository_path / ".libcloud-ovm3").rglob("about/*/later.*")
    text = path.read_text()
    path.write_text(text.replace("schema=1", "schema=2"))
    strict = storage_for(sim, ex_strict=True)
    for read in ("get_object", "list_container_objects"):
        arguments = ("box", "later") if read == "get_object" else (box, "later")
        with pytest.warns(Ovm3Warning, match=r"recorded of object 'later'.*cannot be read"):
            getattr(driver, read)(*arguments)
        with pytest.raises(Ovm3Error, match=r"recorded of object 'later'.*cannot be read"):
            getattr(strict, read)(*arguments)
    with pytest.raises(PreconditionFailed, match="would be lost"):
        driver.ex_hash_object(made)
    path.write_text(text)
    assert driver.get_object("box", "later").meta_data == {"a": "b"}


def test_prefixes_that_no_name_has(driver: OVM3StorageDriver, box: Container) -> None:
    put(driver, box, "xé", b"1")
    for prefix in ("x" * 1025, "x\0", "y"):
        assert driver.list_container_objects(box, prefix=prefix) == []
    for wrong in (b"x", 7, "\udc80"):
        with pytest.raises(InvalidArgument, match="prefix"):
            driver.list_container_objects(box, prefix=wrong)


def test_what_lies_where_a_download_goes(
    driver: OVM3StorageDriver, box: Container, tmp_path: Path
) -> None:
    """A device or a pipe stays one; a link stays too, and what it leads to is replaced; nobody can
    read the file who could not before."""
    made = put(driver, box, "new", b"new")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidArgument, match="regular file"):
        driver.download_object(made, str(tmp_path / "pipe"), overwrite_existing=True)
    assert (tmp_path / "pipe").is_fifo()
    (tmp_path / "secret").write_bytes(b"old")
    (tmp_path / "secret").chmod(0o600)
    for target, name in (("secret", "link"), ("none", "dangling")):
        (tmp_path / name).symlink_to(target)
        driver.download_object(made, str(tmp_path / name), overwrite_existing=True)
        assert (tmp_path / name).is_symlink()
        assert (tmp_path / target).read_bytes() == b"new"
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600
    assert len(list(tmp_path.iterdir())) == 5
    for path in (os.fsencode(tmp_path / "bytes"), tmp_path / "path"):
        assert driver.download_object(made, path) is True  # type: ignore[arg-type]
        assert driver.upload_object(path, box, "back").hash == made.hash  # type: ignore[arg-type]


def test_arguments_that_are_of_no_use(
    sim: Simulator, driver: OVM3StorageDriver, box: Container, tmp_path: Path
) -> None:
    made = put(driver, box, "x", b"1")
    path: Any = tmp_path / "file"
    path.touch()
    none: Any = None
    for name, wrong in {
        "file_path": lambda: driver.upload_object(none, box, "x"),
        "destination_path": lambda: driver.download_object(made, "a\0"),
        "obj": lambda: driver.delete_object(none),
        "extra": lambda: driver.upload_object(path, box, "x", ["a"]),
        "headers": lambda: driver.upload_object(path, box, "x", None, True, ["a"]),
        "ex_resume": lambda: driver.upload_object(path, box, "x", ex_resume=none),
    }.items():
        with pytest.raises(InvalidArgument, match=name):
            wrong()
    assert get(driver, "box", "x") == b"1"


def test_a_pipe_is_no_file(driver: OVM3StorageDriver, box: Container, tmp_path: Path) -> None:
    """That is said at once, and not when somebody writes to it."""
    os.mkfifo(tmp_path / "pipe")
    for path in ("pipe", ""):
        with pytest.raises(InvalidArgument, match=r"regular file|cannot be read"):
            driver.upload_object(str(tmp_path / path), box, "pipe")


def test_what_is_behind_the_end_of_a_list_of_uploads_is_not_taken_for_gone(
    sim: Simulator, driver: OVM3StorageDriver, box: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    sim.misbehave("drop_before", "libcloud_write_upload")
    with pytest.raises(OperationIncomplete) as interrupted:
        put(driver, box, "one", b"1")
    [ident] = interrupted.value.left
    end = (UploadEntry("0" * 32), UploadEntry("", error="more than 1000 uploads"))
    with monkeypatch.context() as patch:
        patch.setattr(upload_object, "read_uploads", lambda _: end)
        with pytest.raises(Ovm3Error, match="not all unfinished uploads"):
            driver.ex_delete_upload(box, ident)
        sim.misbehave("fault", "libcloud_commit_upload")
        with pytest.raises(OperationIncomplete, match="more than 1000 uploads") as left:
            put(driver, box, "one", b"1")
    ids = {one["id"] for one in driver.ex_list_uploads(box)}
    assert ids == {ident, *left.value.left}
    for one in ids:
        driver.ex_delete_upload(box, one)


def test_an_upload_that_is_begun_by_half(
    sim: Simulator, driver: OVM3StorageDriver, box: Container
) -> None:
    """As where no space is left for its record: it is withdrawn, and the error is the host's."""
    put(driver, box, "kept", b"old")
    temporary = sim.repository_path / ".libcloud-ovm3" / "temporary"
    temporary.rmdir()
    temporary.touch()
    try:
        with pytest.raises(AgentFault, match=r"begin_upload.*temporary.*is as it was"):
            put(driver, box, "kept", b"new")
    finally:
        temporary.unlink()
    assert driver.ex_list_uploads(box) == []
    assert calls_of(sim, "libcloud_commit_upload") == ["libcloud_commit_upload"]
    sim.misbehave("fault", "libcloud_write_upload")
    with pytest.raises(AgentFault, match=r"write_upload.*object 'kept'.*is as it was"):
        put(driver, box, "kept", b"new")
    assert get(driver, "box", "kept") == b"old"
