"""``ovm3 snapshot``: what it prints, asks and refuses, and its exit status."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from libcloud_ovm3.cli import asking
from libcloud_ovm3.simulator import Simulator
from tests.cli.running import on
from tests.support import driver_for, quietly, simulate


@pytest.fixture(scope="module", params=[False, True], ids=["agent", "module"])
def sim(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    """One running VM (seed-1)."""
    with simulate(hosts=1, vms=1, host_module=request.param) as simulator:
        yield simulator


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "has_terminal", lambda: True)


def made(sim: Simulator, name: str, content: bytes = b"old" * 1024) -> str:
    """The id of a new volume with a content."""
    volume = quietly(driver_for(sim).create_volume, None, name, ex_size_bytes=8192)
    file_of(sim, volume.id).write_bytes(content.ljust(8192, b"\0"))
    return str(volume.id)


def snapped(sim: Simulator, volume: str, *arguments: str) -> str:
    """The id that ``ovm3 snapshot create`` prints, and nothing else."""
    done = on(sim, "snapshot", "create", volume, *arguments)
    assert done.exit_code == 0, done.stderr
    [line] = done.stdout.splitlines()
    return str(line)


def file_of(sim: Simulator, found: str) -> Path:
    return sim.repository_path / found.partition("/")[2]


def listed(sim: Simulator, *arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(
        on(sim, "snapshot", "list", "-o", "json", *arguments).stdout
    )
    return found


def test_create_list_and_destroy(sim: Simulator) -> None:
    volume_id, other = made(sim, "data"), made(sim, "other")
    first, second = snapped(sim, "data"), snapped(sim, volume_id, "before upgrade")
    third = snapped(sim, "other", "of other")
    assert file_of(sim, first).read_bytes() == file_of(sim, volume_id).read_bytes()
    found = {one["id"]: one for one in listed(sim)}
    assert {first, second, third} <= found.keys()
    assert {one["id"] for one in listed(sim, "--volume", "data")} == {first, second}
    assert found[second]["name"] == "before upgrade"
    assert found[first]["name"].startswith("data 20")
    assert (found[third]["volume_id"], found[third]["volume_name"]) == (other, "other")
    assert found[third]["lineage"] == [other]
    assert (found[third]["size_bytes"], found[third]["state"]) == (8192, "available")
    assert found[third]["created_at"].endswith("Z")
    rows = [line.split("\t") for line in on(sim, "snapshot", "list").stdout.splitlines()]
    assert rows[0] == [
        *("snapshot", "state", "volume", "created", "size", "used", "repository", "id")
    ]
    [row] = [row for row in rows if row[-1] == third]
    assert row[:3] == ["of other", "available", "other"]
    assert third in on(sim, "snapshot", "list", "-o", "name").stdout.split()
    shown = on(sim, "volume", "show", "data").stdout
    assert f"before upgrade, {found[second]['created_at']}, available ({second})" in shown
    done = on(sim, "volume", "destroy", "other", "--yes")
    assert done.exit_code == 0, done.stderr
    rows = [line.split("\t") for line in on(sim, "snapshot", "list").stdout.splitlines()]
    [row] = [row for row in rows if row[-1] == third]
    assert row[2] == "-", "its volume is gone"
    assert not file_of(sim, other).exists()
    done = on(sim, "snapshot", "destroy", "of other", "before upgrade", "--yes")
    assert (done.exit_code, done.stdout.count("was destroyed")) == (0, 2)
    assert {first, second, third} & {one["id"] for one in listed(sim)} == {first}
    assert file_of(sim, volume_id).exists()


def test_of_a_running_vm(sim: Simulator) -> None:
    [its] = json.loads(on(sim, "volume", "list", "--vm", "seed-1", "-o", "json").stdout)
    refused = on(sim, "snapshot", "create", its["id"], "live")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "have it paused for the time of the copy (--pause)" in refused.stderr
    [domid] = [one["domid"] for one in sim.domains(0)]
    made_id = snapped(sim, its["id"], "live", "--pause")
    assert file_of(sim, made_id).read_bytes() == file_of(sim, its["id"]).read_bytes()
    [(still, state)] = [(one["domid"], one["state"]) for one in sim.domains(0)]
    assert still == domid
    assert state in ("r-----", "-b----", "------"), "it runs on; which of these changes with time"


def test_a_volume_for_a_snapshot_and_the_reverse(sim: Simulator) -> None:
    """The message says what it is, not that there is no such thing."""
    volume_id = made(sim, "base")
    snapshot_id = snapped(sim, "base", "monday")
    for name in ("monday", snapshot_id):
        done = on(sim, "volume", "destroy", name, "--yes")
        assert (done.exit_code, f"'{name}' is a snapshot, not a volume" in done.stderr) == (1, True)
    for name in ("base", volume_id):
        done = on(sim, "snapshot", "destroy", name, "--yes")
        assert (done.exit_code, f"'{name}' is a volume, not a snapshot" in done.stderr) == (1, True)
    assert file_of(sim, volume_id).exists()
    assert file_of(sim, snapshot_id).exists()


def test_a_volume_made_of_a_snapshot(sim: Simulator) -> None:
    volume_id = made(sim, "origin")
    snapped(sim, "origin", "for-a-copy")
    done = on(sim, "volume", "create", "copied", "--snapshot", "for-a-copy")
    assert done.exit_code == 0, done.stderr
    copy = done.stdout.strip()
    assert file_of(sim, copy).read_bytes() == file_of(sim, volume_id).read_bytes()
    smaller = on(sim, "volume", "create", "x", "--snapshot", "for-a-copy", "--size", "4K")
    assert (smaller.exit_code, "is smaller than snapshot" in smaller.stderr) == (2, True)


@pytest.mark.usefixtures("terminal")
def test_revert(sim: Simulator) -> None:
    """Of two volumes with snapshots of one name, that of the volume is meant."""
    volume_id, other = made(sim, "left"), made(sim, "right", b"other")
    ids = [snapped(sim, "left", "nightly"), snapped(sim, "right", "nightly")]
    several = on(sim, "snapshot", "destroy", "nightly", "--yes")
    assert (several.exit_code, several.stdout) == (1, "")
    assert all(one in several.stderr for one in ids)
    file_of(sim, volume_id).write_bytes(b"new" * 2730)
    arguments = ("snapshot", "revert", "left", "nightly")
    no = on(sim, *arguments, stdin="n\n")
    assert (no.exit_code, no.stdout) == (1, "")
    assert f"left ({volume_id}) will get the content of snapshot nightly ({ids[0]})" in no.stderr
    assert "delete its current content: 8 KiB (8190 bytes)" in no.stderr
    assert file_of(sim, volume_id).read_bytes() == b"new" * 2730
    wrong = on(sim, "snapshot", "revert", "left", ids[1], "--yes")
    assert (wrong.exit_code, "is not a snapshot of volume 'left'" in wrong.stderr) == (2, True)
    snapped(sim, "right", "weekly")
    wrong = on(sim, "snapshot", "revert", "left", "weekly", "--yes")
    assert (wrong.exit_code, "'weekly' is a snapshot of another volume" in wrong.stderr) == (
        1,
        True,
    )
    yes = on(sim, *arguments, stdin="y\n")
    if "no host with the host module" in yes.stderr:
        assert (yes.exit_code, yes.stdout) == (1, "")
        assert file_of(sim, volume_id).read_bytes() == b"new" * 2730
        return
    assert yes.stdout == f"left ({volume_id}) has the content of snapshot nightly ({ids[0]})\n"
    assert file_of(sim, volume_id).read_bytes() == file_of(sim, ids[0]).read_bytes()
    assert file_of(sim, other).read_bytes().startswith(b"other")


def test_without_a_terminal_yes_is_wanted(sim: Simulator) -> None:
    volume_id = made(sim, "asked")
    snapshot = snapped(sim, "asked", "kept")
    before = len(sim.calls)
    for arguments in (["destroy", "kept"], ["revert", volume_id, "kept"]):
        done = on(sim, "snapshot", *arguments)
        assert (done.exit_code, done.stdout, len(sim.calls)) == (2, "", before)
        assert "--yes" in done.stderr
    assert file_of(sim, snapshot).exists()


@pytest.mark.usefixtures("terminal")
def test_destroy_asks(sim: Simulator) -> None:
    made(sim, "of-this")
    snapshot = snapped(sim, "of-this", "asked-for")
    no = on(sim, "snapshot", "destroy", "asked-for", stdin="n\n")
    assert f"asked-for ({snapshot}) will be deleted: made of of-this at 20" in no.stderr
    assert (no.exit_code, file_of(sim, snapshot).exists()) == (1, True)
    yes = on(sim, "snapshot", "destroy", "asked-for", stdin="y\n")
    assert (yes.exit_code, yes.stdout) == (0, f"asked-for ({snapshot}) was destroyed\n")
    assert not file_of(sim, snapshot).exists()
    none = on(sim, "snapshot", "destroy", "asked-for", "--yes")
    assert (none.exit_code, "`ovm3 snapshot list` lists all" in none.stderr) == (1, True)
