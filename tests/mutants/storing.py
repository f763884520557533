"""Behaviours of the functions for files and chunks."""

from __future__ import annotations

import base64
import os
from typing import Any

from tests.mutants.ground import (
    REPOSITORY,
    SHARE,
    Ground,
    answers,
    binary,
    fails,
    mode_of,
    open_umask,
)

BLOCK = 4096
FILE = REPOSITORY + "/VirtualDisks/file"


def chunk(data: bytes) -> Any:
    """A stretch as docs/host-module.md says it."""
    blocks = [data[at : at + BLOCK] for at in range(0, len(data), BLOCK)]
    bits = "".join("1" if any(block) else "0" for block in blocks)
    bitmap = bytes(int(bits[at : at + 8].ljust(8, "0"), 2) for at in range(0, len(bits), 8))
    return binary(
        len(data).to_bytes(4, "big") + bitmap + b"".join(block for block in blocks if any(block))
    )


def made(ground: Ground, size_bytes: int = 0) -> Any:
    """The file, made by the module."""
    (ground.repository / "VirtualDisks").mkdir()
    answers(ground.write, "create_file", FILE, size_bytes)
    return ground.root / FILE[1:]


def read_whole(ground: Ground, path: str, size_bytes: int) -> bytes:
    """What libcloud_read_file answers, its chunk read by docs/host-module.md alone."""
    answer = answers(ground.call, "read_file", path, 0, size_bytes)
    data = answer["chunk"].data
    length = int.from_bytes(data[:4], "big")
    count = -(-length // BLOCK)
    bitmap, rest = data[4 : 4 + (count + 7) // 8], data[4 + (count + 7) // 8 :]
    whole = b""
    for number in range(count):
        size = min(BLOCK, length - len(whole))
        if bitmap[number // 8] >> (7 - number % 8) & 1:
            whole, rest = whole + rest[:size], rest[size:]
        else:
            whole += bytes(size)
    assert rest == b""
    return whole


def what_is_written_is_read(ground: Ground) -> None:
    file = made(ground)
    data = b"a" * BLOCK + bytes(BLOCK) + b"b" * 100
    for _ in range(2):  # a repeated request does no harm
        answers(ground.write, "write_file", FILE, 0, chunk(data))
        assert file.read_bytes() == data
    assert read_whole(ground, FILE, len(data)) == data


def not_for_everybody(ground: Ground) -> None:
    with open_umask():
        file = made(ground, 10)
    assert mode_of(file) == 0o600


def success_is_nil_and_a_second_time_is_refused(ground: Ground) -> None:
    file = made(ground)
    file.write_bytes(b"ours")
    ground.write_refused("Exists", "create_file", FILE, 0, by=2)
    assert file.read_bytes() == b"ours"
    other = REPOSITORY + "/VirtualDisks/other"
    assert answers(ground.write, "create_file", other, 5) is None
    assert answers(ground.write, "truncate_file", other, 7) is None
    assert answers(ground.write, "delete_file", other) is None
    ground.write_refused("NotFound", "delete_file", other)


def zeros_take_no_room(ground: Ground) -> None:
    file = made(ground)
    answers(ground.write, "write_file", FILE, 0, chunk(bytes(1 << 20)))
    status = file.stat()
    assert (status.st_size, status.st_blocks * 512 < 1 << 18) == (1 << 20, True)
    sent = answers(ground.call, "read_file", FILE, 0, 1 << 20)["chunk"].data
    assert len(sent) < 100


def payload_is_base64(ground: Ground) -> None:
    made(ground, 10)
    ground.write_refused("InvalidArgument", "write_file", FILE, 0, chunk(bytes(5)).data.decode())


def chunks_have_a_limit(ground: Ground) -> None:
    made(ground)
    too_long = chunk(bytes((4 << 20) + BLOCK))
    ground.write_refused("InvalidArgument", "write_file", FILE, 0, too_long)
    ground.refused("InvalidArgument", "read_file", FILE, 0, (4 << 20) + 1)


def chunks_fit(ground: Ground) -> None:
    file = made(ground)
    good = chunk(b"a" * BLOCK + bytes(BLOCK)).data
    for bad in (b"", good[:3], good[:-1], good + b"x", good[:4] + b"\xa0" + good[5:]):
        ground.write_refused("InvalidArgument", "write_file", FILE, 0, binary(bad))
    assert file.read_bytes() == b""


def links_stay_closed(ground: Ground) -> None:
    """Nothing outside is read, written, made or removed through a link, at any place of a path."""
    made(ground, 10)
    (ground.repository / "out").symlink_to(ground.outside)
    (ground.repository / "link").symlink_to(ground.secret)
    (ground.repository / "dangling").symlink_to(ground.outside / "new")
    out, link, dangling = (REPOSITORY + name for name in ("/out/secret", "/link", "/dangling"))
    for path in (out, link):
        ground.refused("NotAllowed", "read_file", path, 0, 10)
        ground.write_refused("NotAllowed", "write_file", path, 0, chunk(b"x"))
        ground.write_refused("NotAllowed", "truncate_file", path, 0)
        ground.write_refused("NotAllowed", "delete_file", path)
    ground.refused("NotAllowed", "list_files", REPOSITORY + "/out", "", 10)
    for path in (REPOSITORY + "/out/new", dangling):
        try:
            ground.write("create_file", path, 5)
        except Exception:
            continue
        raise AssertionError(f"made: {path}")
    ground.write_refused("NotAllowed", "rename_file", FILE, REPOSITORY + "/out/moved")
    ground.write_refused("NotAllowed", "rename_file", out, REPOSITORY + "/moved")
    assert os.listdir(ground.outside) == ["secret"]
    assert ground.secret.read_text() == "canary"


def nothing_below_what_is_not_mounted(ground: Ground) -> None:
    file = made(ground, 10)
    ground.mount(SHARE)
    ground.write_refused("NotMounted", "create_file", REPOSITORY + "/new", 5)
    ground.write_refused("NotMounted", "write_file", FILE, 0, chunk(b"x"))
    ground.write_refused("NotMounted", "delete_file", FILE)
    assert file.read_bytes() == bytes(10)
    assert os.listdir(ground.repository) == ["VirtualDisks"]


def never_renamed_onto_something(ground: Ground) -> None:
    file = made(ground, 10)
    other = file.with_name("other")
    other.write_bytes(b"other")
    ground.write_refused("Exists", "rename_file", FILE, REPOSITORY + "/VirtualDisks/other")
    assert (file.read_bytes(), other.read_bytes()) == (bytes(10), b"other")


def the_hosts_log_knows(ground: Ground) -> None:
    made(ground)
    answers(ground.write, "write_file", FILE, 0, chunk(b"secret content"))
    assert len(ground.said) >= 2
    for line in ground.said:
        assert "tester" in line
        assert f"{1:032x}" in line
        assert "VirtualDisks/file" in line
        assert "secret" not in line
        assert base64.b64encode(b"secret content").decode()[:8] not in line


def our_own_folder_has_doors_of_its_own(ground: Ground) -> None:
    folder = ground.repository / ".libcloud-ovm3/documents/tags"
    folder.mkdir(parents=True)
    (folder / "1").write_text("x")
    path = REPOSITORY + "/.libcloud-ovm3/documents/tags/1"
    ground.write_refused("NotAllowed", "write_file", path, 0, chunk(b"y"))
    ground.write_refused("NotAllowed", "delete_file", path)
    assert (folder / "1").read_text() == "x"


def what_touches_a_mount_has_a_limit(ground: Ground) -> None:
    """A dead NFS server holds whoever touches it: only within a limit."""
    from libcloud_ovm3_host import errors

    made(ground, 10)

    def within(seconds: float, function: Any, *arguments: Any) -> Any:
        assert seconds <= 55, "clients wait for a minute"
        raise errors.Timeout("no answer")

    def open_mount(mount_point: str) -> int:
        raise AssertionError("touched without a limit")

    ground.dom0.within, ground.dom0.open_mount = within, open_mount
    for function, arguments in (
        ("list_files", [REPOSITORY, "", 10]),
        ("stat_file", [FILE]),
        ("read_file", [FILE, 0, 10]),
        ("list_documents", [REPOSITORY, "", 10]),
        ("read_document", [REPOSITORY, "tags"]),
        ("repository", [REPOSITORY.rpartition("/")[2], ""]),
    ):
        ground.refused("Timeout", function, *arguments)
    for function, arguments in (
        ("create_file", [FILE + "2", 10]),
        ("write_file", [FILE, 0, chunk(b"x")]),
        ("truncate_file", [FILE, 1]),
        ("rename_file", [FILE, FILE + "2"]),
        ("delete_file", [FILE]),
        ("set_aside", [FILE]),
        ("put_back", [FILE]),
        ("delete_aside", [FILE]),
        ("write_document", [REPOSITORY, "tags", 1, binary("x")]),
    ):
        ground.write_refused("Timeout", function, *arguments)
    assert [entry for entry in answers(ground.call, "free_space") if "error" not in entry] == []
    ground.dom0.place = ground.dom0.open_mount
    assert "error" in answers(ground.call, "identify", [FILE])[0]


def nothing_stays_open(ground: Ground) -> None:
    """Not even where something goes wrong: the agent runs for months."""
    made(ground, 10)
    ground.dom0.within = lambda seconds, function, *arguments: function(*arguments)
    before = len(os.listdir("/proc/self/fd"))
    ground.call("list_files", REPOSITORY, "", 10)
    ground.call("stat_file", FILE)
    ground.call("read_file", FILE, 0, 10)
    ground.write("write_file", FILE, 0, chunk(b"x"))
    ground.write_refused("Exists", "create_file", FILE, 10)
    ground.write_refused("NotFound", "rename_file", FILE + "2", FILE + "3")
    ground.write("rename_file", FILE, FILE + "2")
    ground.write("create_file", FILE, 10)
    ground.write_refused("Exists", "rename_file", FILE, FILE + "2")
    ground.write("delete_file", FILE)
    ground.write_refused("NotFound", "delete_file", FILE)
    ground.write_refused("NotFound", "set_aside", FILE)
    for _ in range(2):
        ground.write("set_aside", FILE + "2")
    ground.write("create_file", FILE + "2", 10)
    ground.write_refused("Exists", "put_back", FILE + "2")
    ground.write_refused("NotFound", "delete_aside", FILE)
    ground.write("delete_aside", FILE + "2")
    ground.call("identify", [FILE, FILE + "2"])
    assert len(os.listdir("/proc/self/fd")) == before


def what_cannot_be_removed_is_said(ground: Ground) -> None:
    from libcloud_ovm3_host import dirfd, safe_paths

    folder = ground.repository / "folder"
    folder.mkdir()
    directory = safe_paths.open_directory(ground.dom0, REPOSITORY)
    fails("NotAllowed", dirfd.remove, directory, "folder")
    dirfd.remove(directory, "none")


def a_file_never_becomes_smaller_by_growing(ground: Ground) -> None:
    file = made(ground, 9000)
    ground.write_refused("Conflict", "grow_file", FILE, 4096, 8192)
    assert file.stat().st_size == 9000
