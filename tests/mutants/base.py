"""Behaviours of what all services of the host module stand on: limits, paths, the door."""

from __future__ import annotations

import errno
import os
import sys
import time
import types
from pathlib import Path
from typing import Any

from tests.mutants.ground import REPOSITORY, Ground, answers, binary, fails

FULL_PIPE = 200_000  # bytes, more than a pipe holds


def no_shell(place: Path) -> None:
    from libcloud_ovm3_host import limits

    touched = place / "touched"
    status, output, _ = limits.run(["echo", f"$(touch {touched}); touch {touched}"], 10)
    assert (status, output) == (0, f"$(touch {touched}); touch {touched}\n".encode())
    assert not touched.exists()


def much_output() -> None:
    from libcloud_ovm3_host import limits

    command = f"head -c {FULL_PIPE} /dev/zero; head -c {FULL_PIPE} /dev/zero >&2"
    status, output, errors = answers(limits.run, ["sh", "-c", command], 3)
    assert (status, len(output), len(errors)) == (0, FULL_PIPE, FULL_PIPE)


def a_command_ends_in_time() -> None:
    from libcloud_ovm3_host import limits

    begun = time.monotonic()
    fails("Timeout", limits.run, ["sleep", "3"], 0.2)
    # without output, and silent from then on
    fails("Timeout", limits.run, ["sh", "-c", "exec >&- 2>&-; sleep 3"], 0.2)
    assert time.monotonic() - begun < 2


def the_status_is_told() -> None:
    from libcloud_ovm3_host import limits

    assert limits.run(["sh", "-c", "exit 7"], 10)[0] == 7
    fails("Failed", limits.run, ["/no/such/command"], 10)


def a_call_ends_in_time() -> None:
    from libcloud_ovm3_host import limits

    begun = time.monotonic()
    fails("Timeout", limits.within, 0.2, time.sleep, 3)
    assert time.monotonic() - begun < 2


def a_call_that_cannot_be_killed_is_not_waited_for() -> None:
    from libcloud_ovm3_host import limits

    limits._kill = lambda pid: None  # as for a process that waits for a dead NFS server
    begun = time.monotonic()
    fails("Timeout", limits.within, 0.2, time.sleep, 3)
    assert time.monotonic() - begun < 2


def a_call_leaves_no_descriptor() -> None:
    from libcloud_ovm3_host import limits

    before = len(os.listdir("/proc/self/fd"))
    assert [limits.within(10, abs, -number) for number in range(5)] == [0, 1, 2, 3, 4]
    assert len(os.listdir("/proc/self/fd")) == before


def names_are_whole() -> None:
    from libcloud_ovm3_host import arguments

    for check, good in (
        (arguments.client, "salt@host-1"),
        (arguments.operation, "0" * 32),
        (arguments.document, "tags.7"),
        (arguments.device, "bond0.100"),
        (arguments.repository, "aB" * 16),
    ):
        assert check(good) == good
        for bad in (good + "\n", good + ";x", "x " + good, "../" + good, "", good + "x" * 200, 7):
            fails("InvalidArgument", check, bad)


def only_payload_that_no_log_has() -> None:
    from libcloud_ovm3_host import arguments

    assert arguments.payload("content", binary("secret"), 10) == b"secret"
    fails("InvalidArgument", arguments.payload, "content", "secret", 10)
    fails("InvalidArgument", arguments.payload, "content", b"secret", 10)


def payload_has_a_limit() -> None:
    from libcloud_ovm3_host import arguments

    fails("InvalidArgument", arguments.payload, "content", binary("x" * 11), 10)


def paths_are_confined(ground: Ground) -> None:
    from libcloud_ovm3_host import safe_paths

    assert safe_paths.split(REPOSITORY + "/a/b") == (REPOSITORY.encode(), [b"a", b"b"])
    for path in (
        "/etc/secret",
        "/OVS/Repositories",
        "/OVS/Repositories/x/y",
        "etc/secret",
        "x" + REPOSITORY,
        REPOSITORY + "x/a",
        REPOSITORY + "/../../../etc/secret",
        REPOSITORY + "/a/./b",
        REPOSITORY + "/a//b",
        REPOSITORY + "/a\0b",
        REPOSITORY + "/a\n/../b",
        "",
    ):
        fails("NotAllowed", safe_paths.split, path)
        fails("NotAllowed", safe_paths.split, binary(path))


def no_link_is_followed(ground: Ground) -> None:
    from libcloud_ovm3_host import safe_paths

    (ground.repository / "out").symlink_to(ground.outside)
    (ground.repository / "file").symlink_to(ground.secret)
    (ground.repository / "real").mkdir()
    (ground.repository / "real/out").symlink_to(ground.outside)
    for path in ("/out/secret", "/file", "/real/out/secret"):
        fails("NotAllowed", safe_paths.open_file, ground.dom0, REPOSITORY + path, os.O_RDONLY)
    fails("NotAllowed", safe_paths.open_directory, ground.dom0, REPOSITORY + "/out")


def a_file_that_becomes_a_link_is_not_followed(ground: Ground) -> None:
    """Between the look and the opening."""
    from libcloud_ovm3_host import safe_paths

    file = ground.repository / "file"
    file.write_text("ours")
    look = safe_paths.status_in

    def look_and_swap(directory: int, name: bytes) -> Any:
        status = look(directory, name)
        file.unlink()
        file.symlink_to(ground.secret)
        return status

    safe_paths.status_in = look_and_swap
    fails("NotAllowed", safe_paths.open_file, ground.dom0, REPOSITORY + "/file", os.O_RDONLY)


def only_files_are_deleted(ground: Ground) -> None:
    """Opening a device may already do something."""
    from libcloud_ovm3_host import safe_paths

    os.mkfifo(ground.repository / "fifo")
    (ground.repository / "link").symlink_to(ground.secret)
    directory = safe_paths.open_directory(ground.dom0, REPOSITORY)
    for name in ("fifo", "link"):
        fails("NotAllowed", safe_paths.status_in, directory, name)


def a_mount_that_goes_meanwhile_is_none(ground: Ground) -> None:
    from libcloud_ovm3_host import safe_paths

    before = len(os.listdir("/proc/self/fd"))
    opened = ground.dom0.open_mount

    def open_and_lose(mount_point: str) -> int:
        ground.mount()
        return int(opened(mount_point))

    ground.dom0.open_mount = open_and_lose
    fails("NotMounted", safe_paths.open_root, ground.dom0, REPOSITORY.encode())
    assert len(os.listdir("/proc/self/fd")) == before


def a_directory_is_held_open(ground: Ground) -> None:
    """What is renamed and linked meanwhile: the name is looked up in the directory that was met."""
    from libcloud_ovm3_host import safe_paths

    folder = ground.repository / "folder"
    folder.mkdir()
    (folder / "secret").write_text("ours")
    directory, name = safe_paths.open_parent(ground.dom0, REPOSITORY + "/folder/secret")
    folder.rename(ground.repository / "elsewhere")
    folder.symlink_to(ground.outside)
    handle = safe_paths.open_in(directory, name, os.O_RDONLY)
    assert os.read(handle, 10) == b"ours"


def only_where_something_is_mounted(ground: Ground) -> None:
    from libcloud_ovm3_host import safe_paths

    (ground.repository / "file").write_text("x")
    ground.mount()
    fails("NotMounted", safe_paths.open_file, ground.dom0, REPOSITORY + "/file", os.O_RDONLY)
    # another mount of a name that begins like it
    ground.mount(REPOSITORY + "0")
    fails("NotMounted", safe_paths.open_file, ground.dom0, REPOSITORY + "/file", os.O_RDONLY)


def paths_leave_no_descriptor(ground: Ground) -> None:
    from libcloud_ovm3_host import safe_paths

    (ground.repository / "a/b").mkdir(parents=True)
    (ground.repository / "a/b/file").write_text("x")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        os.close(safe_paths.open_file(ground.dom0, REPOSITORY + "/a/b/file", os.O_RDONLY))
        fails("NotFound", safe_paths.open_file, ground.dom0, REPOSITORY + "/a/x/y", os.O_RDONLY)
        fails("NotAllowed", safe_paths.open_file, ground.dom0, REPOSITORY + "/a/b", os.O_RDONLY)
    assert len(os.listdir("/proc/self/fd")) == before


def what_the_system_says_is_told(ground: Ground) -> None:
    from libcloud_ovm3_host import safe_paths

    fails("NotFound", safe_paths.open_file, ground.dom0, REPOSITORY + "/none", os.O_RDONLY)
    for number, kind in ((errno.EEXIST, "Exists"), (errno.ELOOP, "NotAllowed"), (5, "Failed")):
        assert type(safe_paths.failure(OSError(number, "x"), b"name")).__name__ == kind
    fails("Failed", ground.dom0.read, "/proc/none")


def the_door_stays(ground: Ground) -> None:
    """A broken installation of ours: the agent lists its services all the same, and says why."""
    door = load_door(ground)
    assert "libcloud_version" in door.get_services()
    sys.modules["libcloud_ovm3_host.services"] = None  # type: ignore[assignment]
    vars(sys.modules["libcloud_ovm3_host"]).pop("services")
    services = answers(door.get_services)
    assert list(services) == ["libcloud_version"]
    try:
        services["libcloud_version"]()
    except ImportError:
        return
    raise AssertionError("no cause is named")


def load_door(ground: Ground) -> Any:
    """The class of agent/api/libcloud_ovm3.py, in an agent that has nothing but the base class."""
    import libcloud_ovm3_host

    for name in ("agent", "agent.api", "agent.api.base"):
        sys.modules[name] = types.ModuleType(name)
    sys.modules["agent.api.base"].Agent = object  # type: ignore[attr-defined]
    source = (Path(libcloud_ovm3_host.__path__[0]) / "libcloud_ovm3.py").read_text()
    scope: dict[str, Any] = {}
    exec(compile(source, "libcloud_ovm3.py", "exec"), scope)
    scope["LibcloudOvm3"].dom0 = ground.dom0
    return scope["LibcloudOvm3"]()


def every_name_is_ours(ground: Ground) -> None:
    """Nothing of the module can be called but what the table lists, all under our prefix."""
    services = load_door(ground).get_services()
    assert services
    assert [name for name in services if not name.startswith("libcloud_")] == []
