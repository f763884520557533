"""``ovm3 file``: what it lists, copies, asks, removes and refuses."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from libcloud_ovm3.agent.object_types import BLOCK_BYTES
from libcloud_ovm3.cli import asking, file
from libcloud_ovm3.simulator import Simulator
from tests.cli.running import on, on_terminal, options
from tests.storage.stores import get, put, storage_for
from tests.support import calls_of, simulate


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    """One running VM (seed-1), and a plain container."""
    with simulate(hosts=1, vms=1, host_module=True) as simulator:
        storage_for(simulator).create_container("box")
        yield simulator


def listed(sim: Simulator, *arguments: str) -> list[dict[str, Any]]:
    done = on(sim, "file", "ls", *arguments, "-o", "json")
    assert done.exit_code == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_both_ways_and_back(
    sim: Simulator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.chdir(tmp_path)
    content = os.urandom(1000)
    Path("a b.bin").write_bytes(content)
    for target, name in (("box/x/", "box/x/a b.bin"), ("MyRepo/é%2f", "MyRepo/é%2f")):
        done = on(sim, "file", "cp", "a b.bin", target)
        assert (done.exit_code, done.stdout) == (0, f"{name}\n"), done.stderr
    done = on(sim, "file", "cp", "-", "box/stream", stdin="from a stream")
    assert done.exit_code == 0, done.stderr
    assert get(storage_for(sim), "MyRepo", "é%2f") == content
    assert {one["name"]: one["plain_name"] for one in listed(sim)} == {"MyRepo": None, "box": "box"}
    assert {one["id"]: one["size_bytes"] for one in listed(sim, "box")} == {
        "box/stream": 13,
        "box/x/a b.bin": 1000,
    }
    [one] = listed(sim, "box/x")
    assert on(sim, "file", "ls", "box/x", "-o", "name").stdout == f"{one['id']}\n"
    table = [line.split("\t") for line in on(sim, "file", "ls", "box/s").stdout.splitlines()]
    assert table[0] == ["object", "size", "used", "modified", "MD5"]
    assert table[1][0] == "stream"
    done = on(sim, "file", "cp", one["id"], "./back/")
    assert (done.exit_code, "expected the path of a file" in done.stderr) == (2, True)
    done = on(sim, "file", "cp", one["id"], "back")
    assert (done.exit_code, done.stdout) == (0, "back\n"), done.stderr
    assert Path("back").read_bytes() == content
    with caplog.at_level("DEBUG", "libcloud_ovm3.progress"):
        done = on(sim, "file", "cp", one["id"], "-")
    assert (done.exit_code, done.stdout_bytes) == (0, content)
    assert "copied: 100%" in caplog.messages
    done = on(sim, "file", "rm", one["id"], "box/stream", "--yes")
    assert (done.exit_code, done.stdout.count("was deleted")) == (0, 2), done.stderr
    assert listed(sim, "box") == []
    assert on(sim, "file", "ls", "box").stdout == "no objects\n"


def test_what_is_there_is_replaced_only_if_somebody_agrees(
    sim: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no more than that is removed; without a terminal only with --yes."""
    monkeypatch.chdir(tmp_path)
    driver = storage_for(sim)
    put(driver, driver.get_container("box"), "kept", b"old")
    Path("new").write_bytes(b"new")
    Path("there").write_bytes(b"there")
    up, down = ("file", "cp", "new", "box/kept"), ("file", "cp", "box/kept", "there")
    away = ("file", "rm", "box/kept")
    for arguments, what in (
        (up, "box/kept (3 bytes"),
        (down, "there will be replaced by box/kept (3 bytes"),
        (away, "this deletes data"),
    ):
        done = on(sim, *arguments)
        assert (done.exit_code, done.stdout, "--yes" in done.stderr) == (2, "", True)
        assert what in done.stderr
    monkeypatch.setattr(asking, "has_terminal", lambda: True)
    for arguments in (up, down, away):
        done = on(sim, *arguments, stdin="n\n")
        assert (done.exit_code, "box/kept (3 bytes" in done.stderr) == (1, True), done.stderr
    assert (get(driver, "box", "kept"), Path("there").read_bytes()) == (b"old", b"there")
    assert on(sim, *down, stdin="y\n").exit_code == 0
    assert on(sim, *up, "--yes").exit_code == 0
    assert (get(driver, "box", "kept"), Path("there").read_bytes()) == (b"new", b"old")
    assert on(sim, *away, stdin="y\n").exit_code == 0
    done = on(sim, *away, "--yes")
    assert (done.exit_code, "`ovm3 file ls box` lists all" in done.stderr) == (1, True)


def test_refusals(sim: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk of a VM stays, whose name is said; what cannot be meant is said as well."""
    monkeypatch.chdir(tmp_path)
    Path("f").write_bytes(b"f")
    [disk, *_] = [one["id"] for one in listed(sim, "MyRepo/VirtualDisks/")]
    for arguments in (("rm", disk, "--yes"), ("cp", "f", disk, "--yes")):
        done = on(sim, "file", *arguments)
        assert (done.exit_code, "seed-1" in done.stderr) == (1, True), done.stderr
        assert "ex_" not in done.stderr
    for arguments, hint in (
        (("cp", "f", "box"), "a container has a slash behind its name"),
        (("cp", "sub/f", "box/g"), "a local path with a slash in it begins with / or ./"),
        (("cp", ".", "box/"), "files are copied one at a time"),
        (("cp", "h", "box/h"), "a local file that is there"),
        (("cp", "-", "box/"), "a name for what the stream brings"),
        (("cp", "-", "box/f", "--resume"), "a stream"),
        (("rm", "box", "--yes"), "CONTAINER/OBJECT"),
    ):
        done = on(sim, "file", *arguments)
        assert (done.exit_code, hint in done.stderr) == (2, True), (arguments, done.stderr)
    for arguments, hint in (
        (("ls", "nowhere"), "containers: 'MyRepo', 'box'"),
        (("cp", "box/x/", "."), "each object is named by itself"),
        (("rm", "box/*", "--yes"), "each object is named by itself"),
    ):
        done = on(sim, "file", *arguments)
        assert (done.exit_code, hint in done.stderr) == (1, True), (arguments, done.stderr)


def test_without_the_host_module() -> None:
    """What it alone can see is not called absent, and is warned of only where it may matter."""
    with simulate(hosts=1, vms=0) as sim:
        for place, exit_code, said in (
            ("MyRepo/Templates/", 0, ""),
            ("MyRepo", 0, "are not listed: that needs the host module"),
            ("box/x", 1, "plain containers in repository"),
        ):
            done = on(sim, "file", "ls", place)
            assert (done.exit_code, said in done.stderr) == (exit_code, True), done.stderr
            assert said or not done.stderr
        assert "plain containers in repository" in on(sim, "file", "ls").stderr


def test_copies_that_were_cut_off_go_on(
    sim: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left of an upload is listed, and used or removed."""
    monkeypatch.chdir(tmp_path)
    content = os.urandom(3 * BLOCK_BYTES)
    Path("big").write_bytes(content)
    for _ in range(2):
        sim.misbehave("drop_before", "libcloud_write_upload", nth=2)
        done = on(sim, "file", "cp", "big", "box/big")
        assert (done.exit_code, "--resume" in done.stderr) == (3, True), done.stderr
        assert "ex_" not in done.stderr
        sim.clear_misbehaviour()
    first, second = listed(sim, "box", "--uploads")
    assert [first, second] == listed(sim, "--uploads") == listed(sim, "box/b", "--uploads")
    assert listed(sim, "MyRepo", "--uploads") == listed(sim, "box/c", "--uploads") == []
    assert (first["object"], first["size_bytes"]) == ("big", len(content))
    assert first["done_bytes"] == BLOCK_BYTES
    assert on(sim, "file", "ls", "box", "--uploads").stdout.splitlines()[1].startswith("big\t4 MiB")
    done = on(sim, "file", "cp", "big", "box/big", "--resume")
    assert (done.exit_code, "`ovm3 file rm --uploads`" in done.stderr) == (1, True), done.stderr
    done = on(sim, "file", "rm", "--uploads", second["id"], "--yes")
    assert (done.exit_code, done.stdout) == (0, f"upload {second['id']} was deleted\n")
    done = on(sim, "file", "rm", "--uploads", second["id"], "--yes")
    assert (done.exit_code, "`ovm3 file ls --uploads box` lists all" in done.stderr) == (1, True)
    sim.calls.clear()
    assert on(sim, "file", "cp", "big", "box/big", "--resume").exit_code == 0
    assert len(calls_of(sim, "libcloud_write_upload")) == 2
    assert listed(sim, "box", "--uploads") == []
    sim.misbehave("drop_before", "libcloud_read_object", nth=2, times=2)
    done = on(sim, "file", "cp", "box/big", "./back")
    assert (done.exit_code, "--resume goes on with it" in done.stderr) == (1, True), done.stderr
    sim.clear_misbehaviour()
    sim.calls.clear()
    assert on(sim, "file", "cp", "box/big", "./back", "--resume").exit_code == 0
    assert len(calls_of(sim, "libcloud_read_object")) == 2
    assert Path("back").read_bytes() == content
    assert {one.name for one in tmp_path.iterdir()} == {"big", "back"}


def test_the_commands_of_the_page(
    sim: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One after the other, as they stand there."""
    monkeypatch.chdir(tmp_path)
    Path("dump.sql").write_bytes(b"dumped")
    page = (Path(__file__).parents[2] / "docs" / "storage.md").read_text(encoding="utf-8")
    [text] = re.findall(r"^```console\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    for line in text.splitlines():
        done = on(sim, *shlex.split(line)[1:])
        assert (done.exit_code, bool(done.stdout)) == (0, True), (line, done.stderr)
    assert Path("back.sql").read_bytes() == b"dumped"
    assert listed(sim, "MyRepo/backups/") == []


def test_ctrl_c_says_how_to_go_on(
    sim: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And where to look, for each kind of what was sent; not at the list of VMs."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    Path("big").write_bytes(os.urandom(2 * BLOCK_BYTES))
    monkeypatch.setattr(file, "copied", interrupt)
    for source, hint in (
        ("big", "--resume goes on with it (`ovm3 file ls --uploads box` shows what is left of it)"),
        ("-", "interrupted; `ovm3 file ls --uploads box` shows what is left of it"),
    ):
        done = on(sim, "file", "cp", source, "box/cut", stdin="x" * BLOCK_BYTES)
        assert (done.exit_code, hint in done.stderr) == (130, True), done.stderr
        assert "repeat anything: `ovm3 file ls --uploads` (--resume" in done.stderr
        assert "vm list" not in done.stderr
    uploads = [one["id"] for one in listed(sim, "box", "--uploads")]
    assert on(sim, "file", "rm", "--uploads", *uploads, "--yes").exit_code == 0


@pytest.mark.tables
def test_how_far_it_is_is_shown_and_what_ctrl_c_leaves(tmp_path: Path) -> None:
    """In real time, as the line is displayed after a second of it."""
    with Simulator(hosts=1, vms=0, host_module=True) as sim:
        storage_for(sim).create_container("box")
        _interrupted_and_whole(sim, tmp_path)


def _interrupted_and_whole(sim: Simulator, tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(os.urandom(2 * BLOCK_BYTES))
    line = ("file", "cp", str(tmp_path / "big"), "box/shown", *options(sim))
    half = "uploading box/shown: [##########----------] 50%"
    for keys, expected, left in (
        (b"\x03", 130, "interrupted; --resume goes on with it (`ovm3 file ls --uploads box` shows"),
        (b"", 0, half),
    ):
        sim.misbehave("slow", "libcloud_write_upload", nth=2, seconds=3)
        status, shown = on_terminal(
            *line, password=sim.password, columns=200, until=half, keys=keys
        )
        assert (status, half in shown, left in shown) == (expected, True, True), shown
        sim.clear_misbehaviour()
    [one] = listed(sim, "box", "--uploads")
    assert (one["object"], one["size_bytes"]) == ("shown", 2 * BLOCK_BYTES)
