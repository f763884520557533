"""``ovm3 volume``: what it prints, asks and refuses, and its exit status."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import click
import pytest
import yaml
from libcloud.compute.base import StorageVolume

from libcloud_ovm3 import OVM3NodeDriver
from libcloud_ovm3.cli import asking
from libcloud_ovm3.errors import HostUnreachable
from libcloud_ovm3.simulator import Simulator
from tests.cli.running import on
from tests.operations.attaching import let_go
from tests.support import CHANGE, calls_of, driver_for, fingerprints_of, quietly, simulate

CHANGES = ("configure_vm", CHANGE, "storage_plugin_create", "libcloud_create_file",
           "storage_plugin_destroy", "libcloud_set_aside", "copy_file",
           "libcloud_start_job")  # fmt: skip
WWID = "60060160" + "a" * 24


@pytest.fixture(scope="module", params=[False, True], ids=["agent", "module"])
def sim(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    """A host, a running VM (seed-1) and one that is stopped (off)."""
    with simulate(hosts=1, vms=1, host_module=request.param) as simulator:
        simulator.add_vm("off")
        yield simulator


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "has_terminal", lambda: True)


def made(sim: Simulator, name: str) -> str:
    """The id of a new volume."""
    volume = quietly(driver_for(sim).create_volume, None, name, ex_size_bytes=8192)
    return str(volume.id)


def read(sim: Simulator, volume_id: str) -> StorageVolume:
    found: StorageVolume = quietly(driver_for(sim).ex_get_volume, volume_id)
    return found


def uses(sim: Simulator, volume_id: str) -> list[tuple[str, str, str]]:
    extra = read(sim, volume_id).extra
    return [(one["node_name"], one["device"], one["mode"]) for one in extra["attachments"]]


def has_module(sim: Simulator) -> bool:
    on(sim, "volume", "list")
    return "libcloud_repository" in calls_of(sim)


def shown(sim: Simulator, name: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(on(sim, "volume", "show", name, "-o", "json").stdout)
    return record


# ------------------------------------------------------------------ list and show


def test_list_and_show_in_all_forms(sim: Simulator) -> None:
    volume_id = made(sim, "listed")
    found = {one["id"]: one for one in json.loads(on(sim, "volume", "list", "-o", "json").stdout)}
    assert yaml.safe_load(on(sim, "volume", "list", "-o", "yaml").stdout) == list(found.values())
    assert on(sim, "volume", "list", "-o", "name").stdout.split() == list(found)
    record = shown(sim, "listed")
    assert record.pop("snapshots") == []
    assert record == found[volume_id]
    assert (record["name"], record["state"], record["kind"]) == ("listed", "available", "virtual")
    assert (record["size_bytes"], record["used_bytes"], record["wwid"]) == (8192, 0, None)
    assert record["path"] == f"/OVS/Repositories/{volume_id}"
    rows = [line.split("\t") for line in on(sim, "volume", "list").stdout.splitlines()]
    assert rows[0] == [
        *("volume", "state", "kind", "size", "used", "repository", "attached to", "id")
    ]
    repository = record["repository"]
    assert [
        "listed",
        "available",
        "virtual",
        "8 KiB",
        "0 bytes",
        repository,
        "-",
        volume_id,
    ] in rows
    [seed] = [row for row in rows if row[-2] == "seed-1:xvda:w"]
    assert seed[1:4] == ["inuse", "virtual", "8 MiB"]


def test_what_a_vm_has_and_what_nothing_has(sim: Simulator) -> None:
    volume_id = made(sim, "spare")
    unused = on(sim, "volume", "list", "--unused", "-o", "name").stdout.split()
    assert volume_id in unused
    its = json.loads(on(sim, "volume", "list", "--vm", "seed-1", "-o", "json").stdout)
    assert [one["attachments"][0]["node_name"] for one in its] == ["seed-1"]
    assert its[0]["id"] not in unused
    assert on(sim, "volume", "list", "--kind", "physical").stdout == "no volumes\n"
    both = on(sim, "volume", "list", "--vm", "seed-1", "--unused")
    assert (both.exit_code, "contradict each other" in both.stderr) == (2, True)


def test_a_list_fits_a_terminal_of_80_columns(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [
        made(sim, "a-name-of-20-letters"),
        *on(sim, "volume", "list", "-o", "name").stdout.split(),
    ]
    for name, value in (("FORCE_COLOR", "1"), ("NO_COLOR", "1"), ("TERM", "xterm")):
        monkeypatch.setenv(name, value)
    shown = on(sim, "volume", "list", columns="80").stdout
    lines = re.sub(r"\x1b\[[0-9;]*m", "", shown).splitlines()
    assert all(any(one in line for line in lines) for one in ids), "not folded"
    assert [line for line in lines if len(line) > 80 and "/VirtualDisks/" not in line] == []
    assert lines[0].split() == ["volume", "state", "kind", "size", "attached", "to"]
    assert lines[1].split() == ["id"]


def test_a_lun_by_every_name_that_a_host_has_for_it() -> None:
    """Which VM uses it, which hosts see it, as what: one command."""
    with simulate(hosts=2, vms=0, host_module=True) as sim:
        path = sim.add_lun(wwid=WWID, alias="oracle-data")
        sim.add_vm("db-1", config={"disk": [f"phy:{path},xvdb,w!"]})
        pairs = ":".join(re.findall("..", WWID.upper()))  # as arrays and switches print it
        typed = (WWID.upper(), f"naa.{WWID}", f"0x{WWID}", pairs)
        for name in (f"phy:{WWID}", WWID, f"3{WWID}", *typed, path, "oracle-data"):
            done = on(sim, "volume", "show", name)
            assert done.exit_code == 0, done.stderr
        record = shown(sim, WWID)
        [row] = on(sim, "volume", "list", "--kind", "physical").stdout.splitlines()[1:]
    lines = {tuple(re.split("  +", line, maxsplit=1)) for line in done.stdout.splitlines()}
    assert {("kind", "physical"), ("WWID", WWID), ("shared", "yes")} < lines
    assert ("size", "8 MiB (8388608 bytes)") in lines
    [use] = [text for heading, text in lines if heading == "attached to"]
    assert re.fullmatch(r"db-1 \(\S+\) as xvdb, mode w!, defined", use)
    seen = [text for heading, text in lines if heading == "paths"]
    assert sorted(text.partition(":")[0] for text in seen) == ["ovm-1", "ovm-2"]
    assert all(path in text for text in seen)
    assert [sorted(one) for one in record["paths"]] == [["host", "host_id", "paths"]] * 2
    assert row.split("\t")[1:] == [
        *("inuse", "physical", "8 MiB", "-", "-", "db-1:xvdb:w!", f"phy:{WWID}")
    ]


def test_where_definition_and_running_vm_disagree() -> None:
    with simulate(hosts=1, vms=1) as sim:
        [file] = (sim.repository_path / "VirtualMachines").glob("*/vm.cfg")
        text = re.sub(r"^disk = .*$", "disk = []", file.read_text(), flags=re.MULTILINE)
        file.write_text(text)
        [volume_id] = on(sim, "volume", "list", "-o", "name").stdout.split()
        done = on(sim, "volume", "show", volume_id)
    assert re.search("^state +error$", done.stdout, re.MULTILINE)
    assert re.search("^problem .*its live domain has it as xvda, and vm.cfg does not$",
                     done.stdout, re.MULTILINE)  # fmt: skip
    assert re.search(r"^attached to +seed-1 .* as xvda, mode w, live$", done.stdout, re.MULTILINE)


def test_a_name_that_several_have(sim: Simulator) -> None:
    ids = sorted(made(sim, "twin") for _ in range(2))
    for command in (["show"], ["destroy", "--yes"], ["attach", "--vm", "off"]):
        done = on(sim, "volume", command[0], "twin", *command[1:])
        assert (done.exit_code, done.stdout) == (1, "")
        assert "'twin' may be any of these" in done.stderr
        assert all(one in done.stderr for one in ids)
    path = f"/OVS/Repositories/{ids[1]}"
    assert on(sim, "volume", "show", path, "-o", "name").stdout == f"{ids[1]}\n"


def test_what_is_not_there_and_what_may_be() -> None:
    with simulate(hosts=2, vms=0) as sim:
        volume_id = made(sim, "data-1")
        done = on(sim, "volume", "show", "nix")
        assert (done.exit_code, "`ovm3 volume list` lists all" in done.stderr) == (1, True)
        sim.hosts[1].kill()
        done = on(sim, "volume", "show", "nix")
        assert (done.exit_code, "not everything could be read" in done.stderr) == (1, True)
        unsure = on(sim, "volume", "show", volume_id, "-o", "json")
        assert json.loads(unsure.stdout)["state"] == "unknown"
        assert "cannot be reached" in unsure.stderr


# ------------------------------------------------------------------ create


def test_create_prints_the_id_alone(sim: Simulator) -> None:
    done = on(sim, "volume", "create", "new", "--size", "5000B", "--on", "ovm-1")
    assert done.exit_code == 0
    volume = read(sim, done.stdout.strip())
    assert (volume.name, volume.extra["size_bytes"]) == ("new", 8192)
    assert "rounded up from 5000 to 8192 bytes" in done.stderr


@pytest.mark.parametrize(
    ("options", "status", "why"),
    [
        (["--size", "20"], 2, "'20': expected a number with its unit, such as 20G"),
        (["--size", "-1G"], 2, "expected a number with its unit"),
        (["--size", "0B"], 2, "'0B': expected more than 0 bytes"),
        (["--size", "0.0G"], 2, "'0.0G': expected more than 0 bytes"),
        ([], 2, "--size or --snapshot is required"),
        (["--size", "1M", "--repository", "nix"], 1, "there is no repository 'nix'; there are: "),
        (["--size", "1M", "--on", "nix"], 1, "no host 'nix'; hosts: ovm-1"),
        (["--size", "900T"], 1, "does not fit into repository"),
    ],
)
def test_create_refuses(sim: Simulator, options: list[str], status: int, why: str) -> None:
    before = len(calls_of(sim, *CHANGES))
    done = on(sim, "volume", "create", "never", *options)
    assert (done.exit_code, done.stdout) == (status, "")
    assert why in done.stderr
    assert len(calls_of(sim, *CHANGES)) == before


# ------------------------------------------------------------------ attach and detach


def test_attach_and_detach_a_running_vm(sim: Simulator) -> None:
    volume_id = made(sim, "hot")
    done = on(sim, "volume", "attach", "hot", "--vm", "seed-1", "--device", "/dev/xvdf")
    assert done.exit_code == 0, done.stderr
    assert re.fullmatch(r"hot \(\S+\) was attached to seed-1 \(\S+\) as xvdf\n", done.stdout)
    assert uses(sim, volume_id) == [("seed-1", "xvdf", "w")]
    before = len(calls_of(sim, *CHANGES))
    for mode in ("w", "w!", "r"):
        refused = on(sim, "volume", "attach", "hot", "--vm", "off", "--mode", mode)
        assert refused.exit_code == 1
        assert "has it as xvdf (mode w, live and in vm.cfg); detach it from there first" in (
            refused.stderr
        )
        assert ("to share it, attach it to all of them with --mode w!" in refused.stderr) == (
            mode == "w!"
        )
    copied = on(sim, "volume", "copy", "hot", "cold")
    assert copied.exit_code == 1
    assert "; stop the VM, or detach the disk from it, first" in copied.stderr
    kept = on(sim, "volume", "destroy", "hot", "--yes")
    assert (kept.exit_code, "is used by VM 'seed-1'" in kept.stderr) == (1, True)
    assert len(calls_of(sim, *CHANGES)) == before
    done = on(sim, "volume", "detach", "hot")
    assert done.exit_code == 0, done.stderr
    assert re.fullmatch(r"hot \(\S+\) was detached from seed-1 \(\S+\)\n", done.stdout)
    assert uses(sim, volume_id) == []
    done = on(sim, "volume", "detach", "hot")
    assert (done.exit_code, "is not attached to any VM" in done.stderr) == (1, True)


def test_shared_volumes(sim: Simulator) -> None:
    ids = [made(sim, "asm-1"), made(sim, "asm-2")]
    both = ("volume", "attach", "asm-1", "asm-2", "--vm")
    assert on(sim, *both, "seed-1", "--mode", "w!").exit_code == 0
    refused = on(sim, *both, "off")
    assert refused.exit_code == 1
    assert refused.stderr.count("it can be shared with --mode w!") == 2
    assert "2 of 2 failed: asm-1 (" in refused.stderr
    done = on(sim, *both, "off", "--mode", "w!")
    assert [("as xvdb" in line or "as xvdc" in line) for line in done.stdout.splitlines()] == [
        True,
        True,
    ]
    assert sorted(one[0] for one in uses(sim, ids[0])) == ["off", "seed-1"]
    which = on(sim, "volume", "detach", "asm-1")
    assert (which.exit_code, which.stdout) == (2, "")
    assert "name the one to detach it from (--vm)" in which.stderr
    one = on(sim, "volume", "detach", "asm-1", "asm-2", "--vm", "off")
    assert one.stdout.count("was detached from off (") == 2
    wrong = on(sim, "volume", "detach", "asm-1", "--vm", "off")
    assert (wrong.exit_code, "is not attached to VM" in wrong.stderr) == (2, True)
    assert "(--vm), but to 'seed-1'" in wrong.stderr
    assert on(sim, "volume", "detach", "asm-1", "asm-2").exit_code == 0
    assert [uses(sim, volume_id) for volume_id in ids] == [[], []]


def test_wrong_arguments_of_attach(sim: Simulator) -> None:
    made(sim, "arg-1")
    made(sim, "arg-2")
    before = len(calls_of(sim, *CHANGES))
    for options, why in (
        (["arg-1", "arg-2", "--device", "xvdb"], "--device: expected one volume only"),
        (["arg-1", "--device", "sdx"], "device 'sdx': expected xvda to xvdiz"),
        (["arg-1", "--mode", "rw"], "'rw' is not one of 'w', 'w!', 'r'"),
    ):
        done = on(sim, "volume", "attach", *options, "--vm", "off")
        assert (done.exit_code, why in done.stderr) == (2, True), done.stderr
    assert len(calls_of(sim, *CHANGES)) == before


def test_a_guest_that_does_not_let_go() -> None:
    with simulate(hosts=1, vms=1) as sim:
        volume_id = made(sim, "hot")
        assert on(sim, "volume", "attach", "hot", "--vm", "seed-1").exit_code == 0
        sim.hosts[0].ignores_requests.add(sim.domains(0)[0]["uuid"])
        done = on(sim, "volume", "detach", "hot")
        assert (done.exit_code, done.stdout) == (3, "")
        assert "it stays in use until it is seen to be gone" in done.stderr
        assert shown(sim, "hot")["state"] == "inuse"
        assert on(sim, "volume", "destroy", "hot", "--yes").exit_code == 1
        let_go(sim, 0)
        assert shown(sim, "hot")["state"] == "error", "it is in the file only"
        assert on(sim, "volume", "detach", "hot").exit_code == 0
        assert uses(sim, volume_id) == []


def test_a_device_that_cannot_be_read_afterwards(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is attached: that the command cannot say as what is no failure."""

    def fail(*_: object) -> None:
        raise HostUnreachable("no host answers")

    volume_id = made(sim, "unread")
    with monkeypatch.context() as patch:
        patch.setattr(OVM3NodeDriver, "ex_list_volumes", fail)
        done = on(sim, "volume", "attach", "unread", "--vm", "off")
    assert done.exit_code == 0
    assert done.stdout.endswith("; its device could not be read: no host answers\n")
    assert [name for name, _, _ in uses(sim, volume_id)] == ["off"]
    assert on(sim, "volume", "detach", "unread").exit_code == 0


# ------------------------------------------------------------------ resize, copy, rename


def test_resize_and_rename(sim: Simulator) -> None:
    volume_id = made(sim, "small")
    resized = on(sim, "volume", "resize", "small", "--size", "1M")
    renamed = on(sim, "volume", "rename", "small", "large")
    if not has_module(sim):
        for done in (resized, renamed):
            assert (done.exit_code, "host module" in done.stderr) == (1, True)
        return
    assert resized.stdout == f"small ({volume_id}) has 1 MiB (1048576 bytes)\n"
    assert renamed.stdout == f"small ({volume_id}) was renamed to large\n"
    volume = read(sim, volume_id)
    assert (volume.name, volume.extra["size_bytes"]) == ("large", 1 << 20)
    less = on(sim, "volume", "resize", "large", "--size", "512K")
    assert (less.exit_code, "was not made smaller" in less.stderr) == (2, True)


def test_copy(sim: Simulator) -> None:
    volume_id = made(sim, "first")
    file = sim.repository_path / volume_id.partition("/")[2]
    file.write_bytes(b"data" * 2048)
    done = on(sim, "volume", "copy", "first", "second", "--repository", sim.repository_id)
    assert done.exit_code == 0, done.stderr
    copy = read(sim, done.stdout.strip())
    assert (copy.name, copy.extra["snapshot_of"]) == ("second", volume_id)
    found = sim.repository_path / copy.id.partition("/")[2]
    assert found.read_bytes() == file.read_bytes()
    assert f"copy of     {volume_id}" in on(sim, "volume", "show", "second").stdout


# ------------------------------------------------------------------ destroy


def test_without_a_terminal_destroy_wants_yes(sim: Simulator) -> None:
    volume_id = made(sim, "piped")
    before = len(sim.calls)
    done = on(sim, "volume", "destroy", "piped")
    assert (done.exit_code, done.stdout, len(sim.calls)) == (2, "", before)
    assert "--yes" in done.stderr
    done = on(sim, "volume", "destroy", "piped", "--yes")
    assert (done.exit_code, done.stdout) == (0, f"piped ({volume_id}) was destroyed\n")
    assert not (sim.repository_path / volume_id.partition("/")[2]).exists()


@pytest.mark.usefixtures("terminal")
def test_destroy_asks_and_one_that_is_in_use_stays(sim: Simulator) -> None:
    ids = [made(sim, "gone-1"), made(sim, "gone-2"), made(sim, "busy")]
    assert on(sim, "volume", "attach", "busy", "--vm", "off").exit_code == 0
    names = ("busy", "gone-1", ids[1], "gone-1")
    before = fingerprints_of(sim.repository_path)
    no = on(sim, "volume", "destroy", *names, stdin="n\n")
    assert (no.exit_code, no.stdout) == (1, "")
    assert f"gone-1 ({ids[0]}) will be deleted: 8 KiB (8192 bytes)" in no.stderr
    assert no.stderr.count("will be deleted") == 3, "each once"
    assert "  in use by off:xvdb:w, so it will be refused" in no.stderr
    assert fingerprints_of(sim.repository_path) == before
    yes = on(sim, "volume", "destroy", *names, stdin="y\n")
    assert yes.exit_code == 1
    assert yes.stdout == f"gone-1 ({ids[0]}) was destroyed\ngone-2 ({ids[1]}) was destroyed\n"
    assert "was kept: it is used by VM 'off'" in yes.stderr
    assert f"1 of 3 failed: busy ({ids[2]})" in yes.stderr
    left = on(sim, "volume", "list", "-o", "name").stdout.split()
    assert [one in left for one in ids] == [False, False, True]
    assert on(sim, "volume", "detach", "busy").exit_code == 0


@pytest.mark.usefixtures("terminal")
def test_what_changes_while_destroy_asks_was_not_agreed_to(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody has replaced the content by the time of the answer."""
    volume_id = made(sim, "replaced")
    file = sim.repository_path / volume_id.partition("/")[2]
    confirm = click.confirm

    def write_and_confirm(*arguments: Any, **options: Any) -> bool:
        file.write_bytes(b"precious" * 8192)
        return confirm(*arguments, **options)

    monkeypatch.setattr(click, "confirm", write_and_confirm)
    done = on(sim, "volume", "destroy", "replaced", stdin="y\n")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "changed while you were asked, so nothing was deleted" in done.stderr
    assert file.read_bytes() == b"precious" * 8192
