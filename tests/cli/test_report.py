"""``ovm3 report``: the file, its exit status, its calls; what is on the page: tests/report."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

from libcloud_ovm3 import pages
from libcloud_ovm3.cli.commands import ovm3
from libcloud_ovm3.estates_file import changing
from libcloud_ovm3.estates_file.changing import add_estate
from libcloud_ovm3.simulator import Simulator
from tests.cli.running import address, on, run
from tests.report.pages import parsed, rows, section, words
from tests.support import calls_of, pins_of, simulate


def test_the_page_of_a_healthy_pool(tmp_path: Path) -> None:
    file = tmp_path / "estate.html"
    with simulate(hosts=2, secondary_mount=True) as sim:
        done = on(sim, "report", str(file))
    assert done.exit_code == 0
    assert done.stdout == f"{file}: hosts: 2, VMs: 2, errors: 0, warnings: 0, not read: 0\n"
    page = file.read_text(encoding="utf-8")
    assert [row["VM"].split()[0] for row in rows(page, "vms")] == ["seed-1", "seed-2"]
    assert [row["VMs"] for row in rows(page, "hosts")] == ["1", "1"]
    [repository] = rows(page, "repositories")
    assert "GiB in use" in repository["Space"]
    assert repository["Mounted on"] == "ovm-1, ovm-2"
    assert "Everything could be read." in section(page, "unread")
    assert "the clocks of 2 hosts agree" in section(page, "more")
    assert sim.password not in page
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("host_module", [False, True])
def test_its_calls_are_the_doctor_s_and_those_for_space(host_module: bool, tmp_path: Path) -> None:
    """As docs/calls.md says: the estate is read once."""
    with simulate(hosts=3, secondary_mount=True, host_module=host_module) as sim:
        sim.add_repository("second", hosts=[0, 1])
        on(sim, "doctor", access=[address(sim), *access(sim)])
        doctor = Counter(calls_of(sim))
        sim.calls.clear()
        on(sim, "report", str(tmp_path / "estate.html"))
        report = Counter(calls_of(sim))
    plugin = {"discover_mounted_file_systems": 3, "storage_plugin_getFileSystemInfo": 1}
    assert report - doctor == ({"libcloud_free_space": 1} if host_module else plugin)
    assert doctor - report == {}


def access(sim: Simulator) -> list[str]:
    return [f"--fingerprint={name}={pin}" for name, pin in pins_of(sim).items()]


def test_a_pool_in_trouble(tmp_path: Path) -> None:
    """The page shows it, with names of options, and the exit status is the doctor's."""
    file = tmp_path / "estate.html"
    with simulate(hosts=3, vms=3, secondary_mount=True) as sim:
        sim.misbehave(
            "fault", "storage_plugin_getFileSystemInfo", times=None, text="exceptions.OSError:slow"
        )
        sim.hosts[2].kill()
        where = address(sim, 2)
        pins = access(sim)
        done = on(sim, "report", str(file), access=["--host", address(sim), *pins[:1], *pins[2:]])
        unpinned = address(sim, 1)
    assert done.exit_code == 1
    page = file.read_text(encoding="utf-8")
    statuses = {row["Host"].split()[0]: row["Status"].split()[0] for row in rows(page, "hosts")}
    assert statuses == {"ovm-1": "ok", unpinned: "unverified", where: "unreachable"}
    unread = section(page, "unread")
    assert where in unread
    assert "storage_plugin_getFileSystemInfo" in unread
    problems = section(page, "problems")
    assert "--fingerprint" in problems
    assert "the page a-host-is-dead.md of the documentation" in problems
    assert str(pages.folder()) not in page, "it is also read on other machines"
    assert "ex_" not in words(parsed(page).find("body"))
    assert {row["State"] for row in rows(page, "vms")} == {"running", "unknown"}


def test_the_named_host_fails_and_others_do_not(tmp_path: Path) -> None:
    file = tmp_path / "estate.html"
    with simulate(hosts=2, vms=2) as sim:
        sim.misbehave("fault", "discover_server", host=0, times=None)
        assert on(sim, "report", str(file)).exit_code == 1
        named = address(sim)
    page = file.read_text(encoding="utf-8")
    assert "ovm-2" in {row["Host"].split()[0] for row in rows(page, "hosts")}
    assert f"{named}: discover_server" in section(page, "unread")


def test_the_status_says_that_something_could_not_be_read(tmp_path: Path) -> None:
    with simulate(hosts=1, secondary_mount=True) as sim:
        sim.misbehave("fault", "storage_plugin_getFileSystemInfo", times=None)
        done = on(sim, "report", str(tmp_path / "estate.html"))
    assert done.exit_code == 1
    assert done.stdout.endswith("errors: 0, warnings: 0, not read: 1\n")


def test_standard_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In UTF-8, whatever the terminal's encoding is; and nothing but the page."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with Simulator(hosts=1, vms=0, speed=100) as sim:
        sim.add_vm("Müller & Söhne")
        add_estate("lab", {"hosts": [address(sim)], "pins": pins_of(sim)}, sim.password, True)
        done = run("report", "-", password=sim.password)
        ascii_only = run(
            "report", "-", password=sim.password, PYTHONIOENCODING="ascii", PYTHONUTF8="1",
            XDG_CONFIG_HOME=str(tmp_path),
        )  # fmt: skip
    assert ascii_only.stderr == ""
    for one in (done, ascii_only):
        assert one.returncode == 0
        assert one.stdout.startswith("<!DOCTYPE html>\n")
        assert one.stdout.endswith("</html>")
        assert words(parsed(one.stdout).xpath("//h1")[0]) == "Estate lab"
        assert rows(one.stdout, "vms")[0]["VM"].startswith("Müller & Söhne ")
    assert {file.name for file in tmp_path.iterdir()} == {"libcloud-ovm3"}


# ------------------------------------------------------------------ the file


def test_an_existing_file_is_replaced_in_one_step_and_keeps_its_mode(tmp_path: Path) -> None:
    file, link = tmp_path / "estate.html", tmp_path / "link.html"
    file.write_text("old")
    file.chmod(0o640)
    link.symlink_to(file)
    with simulate(hosts=1) as sim, file.open(encoding="utf-8") as reader:
        assert on(sim, "report", str(link)).exit_code == 0
        assert reader.read() == "old", "whoever has it open still sees the old page"
    assert link.is_symlink()
    assert file.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert file.stat().st_mode & 0o777 == 0o640
    assert {one.name for one in tmp_path.iterdir()} == {"estate.html", "link.html"}


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600)])
def test_a_new_file_has_the_mode_of_any_new_file(mask: int, mode: int, tmp_path: Path) -> None:
    before = os.umask(mask)
    try:
        with simulate(hosts=1, vms=0) as sim:
            assert on(sim, "report", str(tmp_path / "new.html")).exit_code == 0
        assert os.umask(mask) == mask
    finally:
        os.umask(before)
    assert (tmp_path / "new.html").stat().st_mode & 0o777 == mode


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("{folder}", "is a directory"),
        ("{folder}/none/estate.html", "No such file or directory"),
        ("{folder}/a-file/estate.html", "Not a directory"),
        ("/proc/estate.html", "no file can be made there"),
        ("/dev/full", "expected a regular file, or - for standard output"),
        ("{folder}/" + "x" * 300, "too long"),
    ],
)
def test_a_wrong_place_is_said_before_anything_is_read(
    file: str, reason: str, tmp_path: Path
) -> None:
    (tmp_path / "a-file").touch()
    with simulate(hosts=1, vms=0) as sim:
        done = on(sim, "report", file.format(folder=tmp_path))
        assert sim.calls == []
    assert (done.exit_code, done.stdout) == (2, "")
    assert reason in done.stderr
    assert [one.name for one in tmp_path.iterdir()] == ["a-file"]


def test_the_old_page_stays_if_nothing_can_be_read(tmp_path: Path) -> None:
    file = tmp_path / "estate.html"
    file.write_text("old")
    with simulate(hosts=1) as sim:
        sim.hosts[0].kill()
        done = on(sim, "report", str(file))
    assert (done.exit_code, done.stdout) == (1, "")
    assert "cannot be reached" in done.stderr
    assert file.read_text() == "old"


def test_the_old_page_stays_if_the_new_one_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    file = tmp_path / "estate.html"
    file.write_text("old")
    monkeypatch.setattr(changing.os, "fsync", fail)
    with simulate(hosts=1) as sim:
        done = on(sim, "report", str(file))
    assert (done.exit_code, done.stdout) == (1, "")
    assert f"No space left on device: '{file}'" in done.stderr
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_it_has_no_other_form() -> None:
    with simulate(hosts=1, vms=0) as sim:
        done = on(sim, "report", "estate.html", "-o", "json")
    assert done.exit_code == 2
    assert "No such option" in done.stderr


def test_a_shell_completes_the_name_of_the_file() -> None:
    asked = {"_OVM3_COMPLETE": "bash_complete", "COMP_WORDS": "ovm3 report est", "COMP_CWORD": "2"}
    assert CliRunner().invoke(ovm3, [], env=asked).stdout == "file,est\n"
