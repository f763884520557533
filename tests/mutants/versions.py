"""Behaviours of the functions for documents."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.mutants.ground import REPOSITORY, Ground, answers, binary, mode_of, open_umask

HOUR = 3600


def folder_of(ground: Ground) -> Path:
    return ground.repository / ".libcloud-ovm3/documents/tags"


def write(ground: Ground, version: int, content: str, by: int) -> Any:
    return answers(write_at_once, ground, version, content, by)


def write_at_once(ground: Ground, version: int, content: str, by: int) -> Any:
    return ground.write("write_document", REPOSITORY, "tags", version, binary(content), by=by)


def lost(ground: Ground, version: int, content: str, by: int) -> None:
    ground.write_refused(
        "Conflict", "write_document", REPOSITORY, "tags", version, binary(content), by=by
    )


def read(ground: Ground) -> tuple[int, bytes]:
    answer = answers(ground.call, "read_document", REPOSITORY, "tags")
    return answer["version"], answer["content"].data if answer["version"] else b""


def numbers(ground: Ground) -> list[int]:
    return sorted(int(name) for name in os.listdir(folder_of(ground)) if name.isdigit())


def the_first_one_wins(ground: Ground) -> None:
    assert answers(ground.call, "read_document", REPOSITORY, "tags")["next"] == 1
    assert write(ground, 1, "one", by=1) == 1
    lost(ground, 1, "other", by=2)
    assert read(ground) == (1, b"one")
    assert write(ground, 2, "two", by=3) == 2
    assert read(ground) == (2, b"two")


def a_repeated_request_is_recognised(ground: Ground) -> None:
    write(ground, 1, "one", by=1)
    assert write(ground, 1, "one", by=1) == 1
    write(ground, 2, "two", by=2)
    assert write(ground, 1, "one", by=1) == 1, "another has built on it meanwhile: it stands"
    assert read(ground) == (2, b"two")
    write(ground, 3, "three", by=3)
    assert write(ground, 1, "one", by=1) == 1, "so has a third one on that"
    assert numbers(ground) == [1, 2, 3]


def a_winner_looks_for_higher_versions(ground: Ground) -> None:
    """Its number was free only because what stood there has been pruned."""
    for version in range(1, 5):
        write(ground, version, f"{version}", by=version)
    for version in (1, 2):
        (folder_of(ground) / str(version)).unlink()
    lost(ground, 2, "late", by=9)
    assert read(ground) == (4, b"4")
    assert numbers(ground) == [3, 4]
    lost(ground, 1, "late", by=9)
    assert numbers(ground) == [3, 4], "what is built on it is not there to look at"


def stored(version: int, by: int, before: str, content: bytes) -> bytes:
    """A version as it lies on the disk: docs/host-module.md."""
    said = f"libcloud-ovm3 document {version} tester {by:032x} {before} ".encode()
    return said + hashlib.md5(said + content).hexdigest().encode() + b"\n" + content


def after_its_link(ground: Ground, action: Callable[[], object]) -> None:
    """Do this when the next writer has linked its file, before it looks again."""
    from libcloud_ovm3_host import dirfd

    ground.dom0.within = lambda seconds, function, *arguments: function(*arguments)
    real = dirfd.link

    def link(*names: Any) -> None:
        dirfd.link = real
        real(*names)
        action()

    dirfd.link = link


def a_slow_writer_does_not_win_with_another_slow_one(ground: Ground) -> None:
    """The document is at 6, 1 to 3 are pruned. One writer, who read 1 long ago, links 2; another
    takes it in an old listing for the newest and links 3; then the first looks again."""
    for version in range(1, 7):
        write(ground, version, f"{version}", by=version)
    for version in (1, 2, 3):
        (folder_of(ground) / str(version)).unlink()
    third = stored(3, 8, f"{9:032x}", b"late, too")
    assert stored(6, 6, f"{5:032x}", b"6") == (folder_of(ground) / "6").read_bytes()
    after_its_link(ground, lambda: (folder_of(ground) / "3").write_bytes(third))
    lost(ground, 2, "late", by=9)
    lost(ground, 3, "late, too", by=8)
    assert numbers(ground) == [4, 5, 6]
    assert read(ground) == (6, b"6")


def a_number_is_won_by_the_file_that_is_there(ground: Ground) -> None:
    from libcloud_ovm3_host import dirfd

    write(ground, 1, "one", by=1)
    write(ground, 2, "two", by=2)
    ground.dom0.within = lambda seconds, function, *arguments: function(*arguments)
    dirfd.link = lambda *names: None  # an answer that says what is not so
    lost(ground, 2, "other", by=3)
    assert read(ground) == (2, b"two")


def pruning_cut_off_leaves_no_gap(ground: Ground) -> None:
    from libcloud_ovm3_host import dirfd

    for version in range(1, 21):
        write(ground, version, f"{version}", by=version)
    for version in range(1, 21):
        os.utime(folder_of(ground) / str(version), (time.time() - 2 * HOUR,) * 2)
    ground.dom0.within = lambda seconds, function, *arguments: function(*arguments)
    real = dirfd.remove

    def remove(directory: int, name: str) -> None:
        if str(name).isdigit():
            dirfd.remove = lambda directory, name: None  # it is killed
        real(directory, name)

    dirfd.remove = remove
    write(ground, 21, "21", by=21)
    kept = numbers(ground)
    assert kept == list(range(kept[0], 22))
    assert kept[0] > 1


def half_a_version_is_none(ground: Ground) -> None:
    write(ground, 1, "the first", by=1)
    write(ground, 2, "the second", by=2)
    whole = (folder_of(ground) / "2").read_bytes()
    for cut in (0, 1, len(whole) // 2, len(whole) - 1):
        (folder_of(ground) / "2").write_bytes(whole[:cut])
        assert read(ground) == (1, b"the first"), cut
    flipped = whole[:-1] + bytes([whole[-1] ^ 1])
    (folder_of(ground) / "2").write_bytes(flipped)
    assert read(ground) == (1, b"the first")
    assert write(ground, 3, "the third", by=3) == 3
    assert read(ground) == (3, b"the third")


def made_old(ground: Ground, count: int) -> None:
    for version in range(1, count + 1):
        write(ground, version, f"{version}", by=version)
        old = time.time() - 2 * HOUR
        os.utime(folder_of(ground) / str(version), (old, old))


def the_16_highest_stay(ground: Ground) -> None:
    made_old(ground, 20)
    write(ground, 21, "21", by=21)
    assert numbers(ground)[-16:] == list(range(6, 22))
    assert read(ground) == (21, b"21")


def old_ones_go(ground: Ground) -> None:
    made_old(ground, 20)
    write(ground, 21, "21", by=21)
    assert 1 not in numbers(ground)


def the_last_hour_stays(ground: Ground) -> None:
    for version in range(1, 21):
        write(ground, version, f"{version}", by=version)
    assert numbers(ground) == list(range(1, 21))


def documents_are_base64_and_have_a_limit(ground: Ground) -> None:
    for content in ("a text that a log would have", binary(bytes((1 << 20) + 1))):
        ground.write_refused("InvalidArgument", "write_document", REPOSITORY, "tags", 1, content)
    assert read(ground) == (0, b"")


def documents_are_not_for_everybody(ground: Ground) -> None:
    with open_umask():
        write(ground, 1, "one", by=1)
    assert mode_of(folder_of(ground) / "1") & 0o077 == 0


def documents_stay_inside(ground: Ground) -> None:
    (ground.repository / ".libcloud-ovm3").mkdir()
    (ground.repository / ".libcloud-ovm3/documents").symlink_to(ground.outside)
    for action in ("write", "read"):
        try:
            if action == "write":
                write_at_once(ground, 1, "one", 1)
            else:
                ground.call("read_document", REPOSITORY, "../tags")
        except Exception:
            continue
        raise AssertionError(action)
    assert os.listdir(ground.outside) == ["secret"]


def not_where_nothing_is_mounted(ground: Ground) -> None:
    ground.mount()
    ground.write_refused("NotMounted", "write_document", REPOSITORY, "tags", 1, binary("one"))
    assert os.listdir(ground.repository) == []
