"""Behaviours of containers, objects and uploads in a repository."""

from __future__ import annotations

import os
from typing import Any

from tests.mutants.ground import REPOSITORY, Ground, answers, binary, operation

DISK = "VirtualDisks/disk.img"
ABOUT = {"md5": "0d" * 16, "content_type": "", "content_encoding": "", "meta_data": {}}


def begun(ground: Ground, by: int, name: str, data: str, box: str = "") -> tuple[Any, ...]:
    """Upload it; what its commit takes."""
    from libcloud_ovm3_host import chunks

    answers(ground.write_by, by, "begin_upload", REPOSITORY, box, name, -1)
    chunk = binary(chunks.encode(data.encode()))
    answers(ground.write_by, by, "write_upload", REPOSITORY, box, 0, chunk)
    return REPOSITORY, box, name, len(data), ABOUT


def put(ground: Ground, by: int, name: str, data: str, box: str = "", replace: bool = False) -> Any:
    arguments = begun(ground, by, name, data, box)
    return answers(ground.write_by, by, "commit_upload", *arguments, replace)


def stat(ground: Ground, name: str, box: str = "") -> Any:
    return answers(ground.call, "stat_object", REPOSITORY, box, name)


def disk(ground: Ground) -> Any:
    (ground.repository / "VirtualDisks").mkdir(exist_ok=True)
    return ground.repository / DISK


def a_file_of_the_repository_is_not_overwritten(ground: Ground) -> None:
    disk(ground).write_text("of a VM")
    arguments = begun(ground, 1, DISK, "new")
    ground.write_refused("Exists", "commit_upload", *arguments, False)
    assert disk(ground).read_text() == "of a VM"


def what_is_replaced_lies_aside(ground: Ground) -> None:
    disk(ground).write_text("of a VM")
    put(ground, 1, DISK, "new", replace=True)
    assert disk(ground).read_text() == "new"
    answers(ground.write, "restore_aside", f"{REPOSITORY}/{DISK}")
    assert disk(ground).read_text() == "of a VM"


def nothing_is_restored_over_another_file(ground: Ground) -> None:
    disk(ground).write_text("of a VM")
    put(ground, 1, DISK, "new", replace=True)
    disk(ground).unlink()
    disk(ground).write_text("of another VM")
    ground.write_refused("Conflict", "restore_aside", f"{REPOSITORY}/{DISK}")
    assert disk(ground).read_text() == "of another VM"


def a_record_is_of_one_content(ground: Ground) -> None:
    put(ground, 1, "x", "data")
    assert stat(ground, "x")["about"] == ABOUT
    file = ground.repository / ".libcloud-ovm3/containers/repository/data/x"
    file.write_text("others")
    assert stat(ground, "x")["about"] == {}


def the_record_of_another_writer_stays(ground: Ground) -> None:
    from libcloud_ovm3_host import commits

    first, real = begun(ground, 1, "x", "first"), commits._rename
    begun(ground, 2, "x", "second")

    def rename(*arguments: Any) -> None:
        commits._rename = real
        answers(ground.write_by, 2, "commit_upload", REPOSITORY, "", "x", 6, ABOUT, False)
        real(*arguments)

    commits._rename = rename
    ground.in_this_process()
    answers(ground.write_by, 1, "commit_upload", *first, False)
    assert stat(ground, "x")["about"] == ABOUT
    assert stat(ground, "x")["size_bytes"] == 5


def a_full_container_stays(ground: Ground) -> None:
    answers(ground.write, "create_container", REPOSITORY, "box")
    arguments = begun(ground, 1, "x", "data", "box")
    ground.write_refused("NotEmpty", "delete_container", REPOSITORY, "box")
    answers(ground.write, "commit_upload", *arguments, False)
    ground.write_refused("NotEmpty", "delete_container", REPOSITORY, "box")
    assert stat(ground, "x", "box")["size_bytes"] == 4


def names_stay_in_their_folder(ground: Ground) -> None:
    names = ["../../../escaped", "a/b", "a%2Fb", "A", "a", ".hidden", ".."]
    for number, name in enumerate(names):
        put(ground, number + 1, name, name)
    data = ground.repository / ".libcloud-ovm3/containers/repository/data"
    assert len(os.listdir(data)) == len(names)
    page = answers(ground.call, "list_objects", REPOSITORY, "", "", "", 9)
    assert sorted(entry["name"] for entry in page["objects"]) == sorted(names)


def a_download_is_of_one_content(ground: Ground) -> None:
    identity = put(ground, 1, "x", "data")["identity"]
    put(ground, 2, "x", "other")
    ground.refused("Conflict", "read_object", REPOSITORY, "", "x", 0, 9, identity)
    ground.write_refused("Conflict", "delete_object", REPOSITORY, "", "x", identity)


def who_writes_late_is_not_in_the_object(ground: Ground) -> None:
    import fcntl

    arguments = begun(ground, 1, "x", "data")
    uploads = ground.repository / ".libcloud-ovm3/containers/repository/uploads"
    with (uploads / operation(1) / "data").open("r+") as late:
        fcntl.flock(late, fcntl.LOCK_SH)
        ground.write_refused("Conflict", "commit_upload", *arguments, False)
        ground.write_refused("Conflict", "delete_upload", REPOSITORY, "", operation(1))
    answers(ground.write, "commit_upload", *arguments, False)


def who_has_adopted_an_upload_is_the_only_one(ground: Ground) -> None:
    """Also if a call has found it under its old id, which another upload has by now."""
    from libcloud_ovm3_host import chunks, uploads

    begun(ground, 1, "x", "data")
    real = uploads._lock

    def lock(*arguments: Any) -> None:
        uploads._lock = real
        answers(ground.write_by, 2, "adopt_upload", REPOSITORY, "", operation(1))
        begun(ground, 1, "x", "other")
        real(*arguments)

    uploads._lock = lock
    ground.in_this_process()
    late = binary(chunks.encode(b"late"))
    ground.write_refused("Conflict", "write_upload", REPOSITORY, "", 0, late)
    answers(ground.write_by, 2, "commit_upload", REPOSITORY, "", "x", 4, ABOUT, False)
    data = ground.repository / ".libcloud-ovm3/containers/repository/data/x"
    assert data.read_text() == "data"


def nothing_is_written_into_an_object(ground: Ground) -> None:
    from libcloud_ovm3_host import chunks

    begun(ground, 1, DISK, "data")
    uploads = ground.repository / ".libcloud-ovm3/containers/repository/uploads"
    os.link(uploads / operation(1) / "data", disk(ground))  # the commit was cut off after that
    late = binary(chunks.encode(b"late"))
    ground.write_refused("Conflict", "write_upload", REPOSITORY, "", 0, late)
    assert disk(ground).read_text() == "data"


def more_than_was_said_is_no_object(ground: Ground) -> None:
    *others, _, about = begun(ground, 1, "x", "data")
    ground.write_refused("Conflict", "commit_upload", *others, 3, about, False)
    ground.refused("NotFound", "stat_object", REPOSITORY, "", "x")
