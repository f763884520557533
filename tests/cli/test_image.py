"""``ovm3 image`` and CD drives: templates of VMs, copies, deletions, ISOs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from libcloud_ovm3.cli import asking
from libcloud_ovm3.cli.image_import import _name_of
from libcloud_ovm3.estate.images import image_file_name
from libcloud_ovm3.simulator import Simulator
from tests.cli.running import on
from tests.operations.failures import WRITES
from tests.operations.serving import put_pending_iso
from tests.support import calls_of, driver_for, simulate

ISO = "oracle-linux-6-boot.iso"


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with simulate(hosts=2, host_module=True) as one:
        one.add_vm("web-1")
        yield one


def listed(sim: Simulator) -> dict[str, dict[str, object]]:
    return {one["name"]: one for one in json.loads(on(sim, "image", "list", "-o", "json").stdout)}


def test_a_template_is_made_copied_and_deleted(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = on(sim, "image", "create", "web-1", "golden", "--description", "With Apache")
    assert done.exit_code == 0, done.stderr
    made = listed(sim)["golden"]
    assert done.stdout == f"{made['id']}\n"
    assert (made["kind"], made["size_bytes"]) == ("vm_template", None)
    copied = on(sim, "image", "copy", "golden", "--repository", "MyRepo", "--name", "second")
    assert copied.stdout == f"{listed(sim)['second']['id']}\n"
    refused = on(sim, "image", "delete", "second")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "add --yes" in refused.stderr
    monkeypatch.setattr(asking, "has_terminal", lambda: True)
    no = on(sim, "image", "delete", "second", stdin="n\n")
    assert (no.exit_code, no.stdout) == (1, "")
    assert f"second ({copied.stdout.strip()}) will be deleted\n  all files in Temp" in no.stderr
    assert {"golden", "second"} <= set(listed(sim))
    yes = on(sim, "image", "delete", "second", stdin="y\n")
    assert yes.stdout == f"second ({copied.stdout.strip()}) was deleted\n"
    assert on(sim, "image", "delete", str(made["id"]), "--yes").exit_code == 0
    assert not {"golden", "second"} & set(listed(sim))


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("/home/me/debian-12.qcow2", "debian-12"),
        ("disk.vhd.xz", "disk"),
        ("http://h/a/ol%206.raw?x=1.iso", "ol 6"),
        ("v1.2", "v1.2"),
        (".img", ".img"),
    ],
)
def test_the_name_of_an_import(source: str, name: str) -> None:
    assert _name_of(source) == name


def test_a_file_is_imported_and_a_pending_one_is_finished(sim: Simulator, tmp_path: Path) -> None:
    (tmp_path / "my disk.raw").write_bytes(b"\xeb" * 9999)
    done = on(sim, "image", "import", str(tmp_path / "my disk.raw"))
    assert done.exit_code == 0, done.stderr
    made = listed(sim)["my disk"]
    assert (done.stdout, made["state"]) == (f"{made['id']}\n", "available")
    assert on(sim, "image", "delete", "my disk", "--yes").exit_code == 0
    pending = put_pending_iso(sim)
    assert "pending" in on(sim, "image", "list").stdout
    refused = on(sim, "image", "show", "pending")
    assert "no image 'pending'" in refused.stderr, "a name is that of a complete image"
    wrong = on(sim, "image", "finish-import", pending, "--size", "99B")
    assert "9 of 99 bytes are there" in wrong.stderr
    assert on(sim, "image", "finish-import", pending).stdout == f"{pending}\n"
    assert on(sim, "image", "delete", pending, "--yes").exit_code == 0


def test_a_copy_has_the_name_of_its_source_and_a_size(sim: Simulator) -> None:
    done = on(sim, "image", "copy", ISO, "--repository", sim.repository_id.upper())
    assert done.exit_code == 0, done.stderr
    images = json.loads(on(sim, "image", "list", "-o", "json").stdout)
    sizes = {one["id"]: one["size_bytes"] for one in images if one["name"] == ISO}
    assert done.stdout.strip() in sizes
    assert len(sizes) == 2
    assert len(set(sizes.values())) == 1
    ambiguous = on(sim, "image", "delete", ISO, "--yes")
    assert ambiguous.exit_code == 2
    assert "use one of the ids" in ambiguous.stderr
    assert on(sim, "image", "delete", done.stdout.strip(), "--yes").exit_code == 0


def test_a_vm_that_runs_needs_pause(sim: Simulator) -> None:
    refused = on(sim, "image", "create", "seed-1", "live")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "have it paused for the time of the copy (--pause)" in refused.stderr
    done = on(sim, "image", "create", "seed-1", "live", "--pause")
    assert done.exit_code == 0, done.stderr
    assert calls_of(sim, "pause_vm", "unpause_vm") == ["pause_vm", "unpause_vm"]
    assert on(sim, "image", "delete", "live", "--yes").exit_code == 0


def test_what_does_not_exist_is_said_before_anything_is_sent(sim: Simulator) -> None:
    sim.calls.clear()
    for words, text in (
        (("image", "create", "web-1", "x", "--repository", "y"), "there is no repository 'y'"),
        (("image", "create", "nobody", "x"), "no VM named 'nobody'"),
        (("image", "copy", "oracle-linux-6", "--repository", "y"), "there is no repository 'y'"),
        (("image", "copy", "debian", "--repository", "MyRepo"), "no image 'debian'; images: ora"),
        (("image", "delete", "debian", "--yes"), "no image 'debian'"),
        (("image", "delete", "x/y", "--yes"), "no repository has an image 'x/y'"),
    ):
        done = on(sim, *words)
        assert (done.exit_code, done.stdout) == (1, "")
        assert text in done.stderr
    assert not WRITES & set(calls_of(sim))


def test_what_an_interrupted_copy_has_left_is_an_orphan_and_deleted_by_its_id() -> None:
    """Snapshots and volumes belong to whoever made them, and are none."""
    with simulate(hosts=1, vms=0) as sim:
        driver = driver_for(sim)
        volume = driver.create_volume(1, "data")
        driver.create_volume_snapshot(volume, "before")
        driver.create_volume_snapshot(volume, "torn")
        [torn] = sim.repository_path.glob("VirtualDisks/torn.*")
        torn.with_name(f"{torn.name}.creating").write_bytes(b"")
        half = sim.repository_path / "Templates" / image_file_name("half", "a" * 32)
        for path in (half, half.with_name(f"{half.name}.creating")):
            path.write_bytes(b"")
        rows = [line.split("\t") for line in on(sim, "disk", "orphans").stdout.splitlines()]
        found = {row[0].rpartition("/")[2]: row[1] for row in rows[1:]}
        assert found == dict.fromkeys(
            (torn.name, f"{torn.name}.creating", half.name, f"{half.name}.creating"), "no"
        )
        assert "half" not in listed(sim)
        image_id = f"{sim.repository_id}/Templates/{half.name}"
        done = on(sim, "image", "delete", image_id, "--yes")
        assert (done.exit_code, done.stdout) == (0, f"image ({image_id}) was deleted\n")
        assert list(half.parent.glob("half*")) == []
        assert torn.exists()


def test_a_template_that_was_not_completed_is_deleted_as_the_message_says() -> None:
    with simulate(hosts=1, vms=0, host_module=True) as sim:
        sim.add_vm("web-1")
        before = listed(sim)
        for function in ("libcloud_rename_file", "libcloud_delete_file"):
            sim.misbehave("fault", function, times=9)
        done = on(sim, "image", "create", "web-1", "golden")
        assert (done.exit_code, done.stdout) == (3, "")
        [image_id] = re.findall("`ovm3 image delete '([^']*)'` removes the template", done.stderr)
        sim.clear_misbehaviour()
        assert listed(sim) == before
        assert image_id in on(sim, "disk", "orphans", "-o", "name").stdout
        assert on(sim, "image", "delete", image_id, "--yes").exit_code == 0
        assert on(sim, "disk", "orphans").stdout == "no orphaned disks\n"


# ------------------------------------------------------------------ CD drives


def test_an_iso_goes_in_and_out(sim: Simulator) -> None:
    def media() -> object:
        return json.loads(on(sim, "vm", "show", "web-1", "-o", "json").stdout)["cdroms"]

    path = f"/OVS/Repositories/{sim.repository_id}/ISOs/{ISO}"
    assert media() == []
    done = on(sim, "vm", "insert-iso", "web-1", ISO)
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith(f"{ISO} was inserted into the CD drive of web-1 (")
    assert media() == [path]
    done = on(sim, "vm", "eject-iso", "web-1")
    assert (done.exit_code, done.stdout.startswith("the CD drive of web-1 (")) == (0, True)
    assert media() == [None]
    done = on(sim, "vm", "insert-iso", "web-1", path, "--device", "xvdd")
    assert done.stdout.startswith(f"{path} was inserted into drive xvdd of web-1 (")
    assert media() == [None, path]
    on(sim, "vm", "insert-iso", "web-1", ISO)
    refused = on(sim, "vm", "eject-iso", "web-1")
    assert refused.exit_code == 2
    assert "name the drive (--device)" in refused.stderr
    assert on(sim, "vm", "eject-iso", "web-1", "--device", "xvdd").exit_code == 0
    refused = on(sim, "vm", "insert-iso", "web-1", "oracle-linux-6")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "is not an ISO" in refused.stderr
