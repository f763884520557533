"""Install, check, upgrade, uninstall over a real sshd, in both forms of host: byte for byte."""

from __future__ import annotations

import dataclasses
import subprocess

import pytest

from libcloud_ovm3.errors import OperationIncomplete, PreconditionFailed
from libcloud_ovm3.installer import payload
from libcloud_ovm3.installer.payload import FOLDER
from tests.installer import texts
from tests.installer.ssh.place import WAITING, Place

pytestmark = pytest.mark.sshd


def test_there_and_back(place: Place) -> None:
    before = place.disk()
    assert place.check().verdict == "not installed"
    dry = place.install(dry_run=True)
    assert not dry.changed
    assert "+from agent.api import libcloud_ovm3  # libcloud-ovm3" in dry.plan
    assert place.disk() == before
    place.older_answers()

    done = place.install()
    assert done.changed
    assert done.state.verdict == "ok"
    assert done.state.api == payload.api()
    needed = {"zeroconf"} | ({"vlan-bridge", "restart-time"} if place.version == "3.2.1" else set())
    assert {n for n, state in done.state.patches.items() if state == "applied"} == needed
    place.older_answers()
    assert (place.site / FOLDER / "backup/api.py").read_bytes() == before[
        str(place.table.relative_to(place.root))
    ][1]
    installed = place.disk()
    assert not place.install().changed
    assert place.disk() == installed

    dry = place.uninstall(dry_run=True)
    assert "-from agent.api import libcloud_ovm3  # libcloud-ovm3" in dry.plan
    assert place.disk() == installed
    gone = place.uninstall()
    assert gone.changed
    assert gone.state.verdict == "not installed"
    assert place.disk() == before
    place.older_answers()
    assert not place.uninstall().changed


def test_upgrade(place: Place) -> None:
    before = place.disk()
    place.install()
    installed = place.disk()
    folder = place.site / FOLDER
    (folder / "of_an_earlier_version.py").write_text("x = 1\n")
    (folder / "api.py").write_text((folder / "api.py").read_text() + "\n# as it was\n")
    files = [*sorted(payload.files()), f"{FOLDER}/of_an_earlier_version.py"]
    done = subprocess.run(["md5sum", *files], cwd=place.site, stdout=subprocess.PIPE, check=True)
    (folder / "manifest").write_bytes(done.stdout)
    assert "of another version" in place.check().text
    place.install()
    assert place.disk() == installed
    place.older_answers()
    place.uninstall()
    assert place.disk() == before


def test_an_agent_upgrade_throws_it_out(place: Place) -> None:
    before = place.disk()
    original = place.table.read_bytes()
    place.install()
    place.table.write_bytes(original)
    place.sim.restart_agent(0)
    assert place.check().verdict == "unregistered"
    place.install()
    assert place.module_answers()
    place.table.write_bytes(original + b"\n# the upgrade's own\n")
    place.sim.restart_agent(0)
    place.uninstall()
    assert place.table.read_bytes() == original + b"\n# the upgrade's own\n"
    place.table.write_bytes(original)
    assert place.disk() == before


@pytest.mark.parametrize("place", ["3.2.1", "3.3.3"], indirect=True)
def test_an_older_integration_comes_later(place: Place) -> None:
    place.install()
    place.run_older_installer()
    assert place.module_answers()
    place.older_answers()
    place.uninstall()
    place.older_answers()
    with_ours = place.disk()
    with Place.of(place.version, False, place.line) as other:
        other.run_older_installer()
        assert with_ours == other.disk()


def test_patches_each_on_its_own(place: Place) -> None:
    before = place.disk()
    done = place.install(without=["zeroconf", "vlan-bridge"])
    assert done.state.patches["zeroconf"] == "needed"
    changed = {name for name, what in place.disk().items() if before.get(name, what) != what}
    number = place.site.parent.name
    expected = {f"usr/lib64/{number}/site-packages/agent/target/api.py"}
    if place.version == "3.2.1":
        expected.add(f"usr/lib64/{number}/site-packages/xen/xend/XendConstants.py")
    assert changed == expected
    place.install()
    assert place.check().patches["zeroconf"] == "applied"
    place.uninstall()
    assert place.disk() == before


def test_an_unknown_table_is_left_alone(place: Place) -> None:
    place.table.write_bytes(place.table.read_bytes().replace(b"\nMODULES = [", b"\nMODULES = ["
                                                            b"  # all\nMODULES += ["))  # fmt: skip
    before = place.disk()
    with pytest.raises(PreconditionFailed, match=r"MODULES \+= \["):
        place.install()
    assert place.disk() == before


def test_an_agent_that_does_not_come_back(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table is as it was, and the agent works without the module."""
    table = place.table.read_bytes()
    broken = {**payload.files(), payload.ENTRY_POINT: b"import no_such_module\n"}
    monkeypatch.setattr(payload, "files", lambda: broken)
    with pytest.raises(OperationIncomplete, match="and the agent works without it"):
        place.install(waiting=dataclasses.replace(WAITING, limit=3))
    assert place.table.read_bytes() == table
    assert place.check().verdict == "incomplete"
    place.older_answers()
    monkeypatch.undo()
    place.install()
    assert place.module_answers()


def test_half_of_a_pair_of_lines(place: Place) -> None:
    before = place.disk()
    place.install()
    lines = place.table.read_bytes().splitlines(keepends=True)
    place.table.write_bytes(b"".join(ln for ln in lines if b"import libcloud_ovm3" not in ln))
    assert place.check().verdict == "incomplete"
    place.uninstall()
    assert place.disk() == before


def test_several_pythons_or_none(place: Place) -> None:
    other = place.root / "usr/lib/python2.7/site-packages/agent/target"
    other.mkdir(parents=True)
    (other / "api.py").write_bytes(texts.API)
    with pytest.raises(PreconditionFailed, match=r"python2\.7/site-packages"):
        place.install()
    (other / "api.py").unlink()
    place.table.unlink()
    with pytest.raises(PreconditionFailed, match="found: none"):
        place.check()
