"""agent.ini, locks, other people's changes, xend, the command line: over a real sshd."""

from __future__ import annotations

import dataclasses
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable

import pytest

from libcloud_ovm3.agent.functions import Agent
from libcloud_ovm3.clock import Clock
from libcloud_ovm3.errors import (
    CertificateRejected,
    InvalidArgument,
    OperationIncomplete,
    PreconditionFailed,
)
from libcloud_ovm3.installer import Ssh, Waiting, patches, payload, xend
from libcloud_ovm3.installer.host import Host
from tests.cli.running import invoke
from tests.installer.ssh.place import WAITING, Place
from tests.support import driver_for

pytestmark = pytest.mark.sshd

one_form = pytest.mark.parametrize("place", ["3.3.3"], indirect=True)
old_form = pytest.mark.parametrize("place", ["3.2.1"], indirect=True)


def moved(place: Place, seen: list[tuple[int | None, bool | None]]) -> Callable[..., Agent]:
    """The agent where agent.ini puts it; as the installer asks for it."""

    def agent(port: int | None, secure: bool | None) -> Agent:
        seen.append((port, secure))
        host = place.sim.hosts[0]
        plain = {"secure": False, "ex_fingerprint": None} if secure is False else {}
        estate = driver_for(place.sim, port=port if port != 8899 else host.port, **plain)._estate
        return estate.agent(estate.given[0])

    return agent


@one_form
@pytest.mark.filterwarnings("ignore::libcloud_ovm3.errors.Ovm3Warning")
def test_agent_ini_only_when_asked(place: Place) -> None:
    before = place.disk()
    seen: list[tuple[int | None, bool | None]] = []
    with pytest.raises(InvalidArgument, match="moved"):
        place.install(ssl=False)
    assert place.disk() == before
    done = place.install(ssl=False, moved=moved(place, seen))
    assert done.changed
    assert seen == [(8899, False)]
    ini = (place.root / "etc/ovs-agent/agent.ini").read_text()
    assert "# libcloud-ovm3, set to disable, was: ssl=enable\nssl=disable\n" in ini
    agent = moved(place, [])(8899, False)
    assert agent.call("libcloud_version", kind="read")["api"] == payload.api()
    place.uninstall(moved=moved(place, seen))
    assert seen[-1] == (8899, True)
    assert place.disk() == before
    assert place.agent.call("list_vms")


@one_form
def test_an_agent_that_goes_astray_comes_back(place: Place) -> None:
    """The new place is not where anybody listens: all is rolled back, also after a cut run."""
    before = place.disk()
    at_home, wrong = place.agent, moved(place, [])(1, True)
    ini = place.root / "etc/ovs-agent/agent.ini"
    for content in (
        ini.read_bytes(),
        patches.set_options("agent.ini", ini.read_bytes(), {"port": "8999"}),
        patches.set_options("agent.ini", ini.read_bytes(), {"port": "8998"}),
    ):
        ini.write_bytes(content)
        with pytest.raises(OperationIncomplete, match="agent answers without it"):
            place.install(port=8999, moved=lambda p, _: wrong if p == 8999 else at_home,
                          waiting=dataclasses.replace(WAITING, limit=3))  # fmt: skip
        assert ini.read_bytes() == before["etc/ovs-agent/agent.ini"][1]
    place.uninstall()
    assert place.disk() == before


@one_form
@pytest.mark.filterwarnings("ignore::libcloud_ovm3.errors.Ovm3Warning")
def test_an_agent_that_comes_back_with_another_certificate(place: Place) -> None:
    """As after --ssl enable without its pin: taken back, and said whose certificate it is."""
    before = place.disk()
    there = driver_for(place.sim, ex_fingerprint={place.sim.hosts[0].address: "0" * 64})
    stranger = there._estate.agent(there._estate.given[0])
    with pytest.raises(
        OperationIncomplete, match=place.sim.hosts[0].fingerprint + r"(?s:.*)without it"
    ):
        place.install(port=8899, moved=lambda _port, _ssl: stranger)
    place.uninstall()
    assert place.disk() == before
    place.install(ssl=False, moved=moved(place, []))
    with pytest.raises(OperationIncomplete, match="Uninstall again with what that asks for"):
        place.uninstall(moved=lambda _port, _ssl: stranger)
    place.uninstall()
    assert place.disk() == before


@one_form
def test_one_patch_is_taken_back(place: Place) -> None:
    place.install()
    assert place.check().patches["zeroconf"] == "applied"
    installed = place.disk()
    assert place.install(without=["zeroconf"]).changed
    assert place.check().patches["zeroconf"] == "needed"
    assert not place.install(without=["zeroconf"]).changed
    place.install()
    assert place.disk() == installed


@one_form
def test_two_at_once(place: Place) -> None:
    with place.line() as other:
        holder = Host(other, str(place.root))
        with holder.locked():
            with pytest.raises(PreconditionFailed, match="another installation is under way"):
                place.install()
            assert place.check().verdict == "not installed"
        place.install()
        with holder.locked(), pytest.raises(PreconditionFailed, match="another installation"):
            place.uninstall()
        place.uninstall()
    assert not (place.site / payload.FOLDER).exists()


@one_form
def test_the_lock_of_a_dropped_line_goes(place: Place) -> None:
    line = place.line()
    lock = Host(line, str(place.root)).locked()
    lock.__enter__()
    assert list((place.site / payload.FOLDER).iterdir())
    line._client.get_transport().sock.close()  # type: ignore[union-attr]
    for _ in range(200):
        if not list((place.site / payload.FOLDER).iterdir()):
            break
        time.sleep(0.05)
    assert not list((place.site / payload.FOLDER).iterdir())
    (place.site / payload.FOLDER / "lock-of-an-earlier-boot").mkdir()
    assert place.install().state.verdict == "answering"
    place.uninstall()


@one_form
def test_somebody_changes_the_table_meanwhile(place: Place) -> None:
    """Between our look and our change: theirs stays."""
    theirs = place.table.read_bytes() + b"# theirs\n"

    class Meanwhile(Ssh):
        def write(self, path: str, content: bytes) -> None:
            super().write(path, content)
            if path.endswith(".api.py.libcloud-ovm3-new") and "/target/" in path:
                place.table.write_bytes(theirs)

    with place.line() as line:
        with pytest.raises(PreconditionFailed, match="changed by somebody else meanwhile"):
            place.install(Meanwhile(line._client, line.host))
        assert place.table.read_bytes() == theirs
    assert place.install().state.verdict == "answering"
    place.uninstall()
    assert place.table.read_bytes() == theirs


@one_form
def test_a_file_that_does_not_arrive_whole(place: Place) -> None:
    before = place.table.read_bytes()

    class Short(Ssh):
        def write(self, path: str, content: bytes) -> None:
            super().write(path, content[:-1])

    with place.line() as line, pytest.raises(OperationIncomplete, match="did not arrive whole"):
        place.install(Short(line._client, line.host))
    assert place.table.read_bytes() == before
    assert not (place.site / payload.DOOR).exists()


@one_form
def test_a_link_is_not_replaced(place: Place) -> None:
    real = place.table.with_name("real.py")
    place.table.rename(real)
    place.table.symlink_to(real)
    before = place.disk()
    with pytest.raises(PreconditionFailed, match="nothing was done"):
        place.install()
    assert place.table.is_symlink()
    assert place.disk() == before
    place.uninstall()
    assert place.table.is_symlink()


@one_form
def test_a_link_is_seen_before_anything_is_done(place: Place) -> None:
    """The patches come after the files, and before the table."""
    network = place.root / "etc/sysconfig/network"
    real = network.with_name("network.real")
    network.rename(real)
    network.symlink_to(real)
    before = place.disk()
    for _ in range(2):
        with pytest.raises(PreconditionFailed, match=r"nothing was done.*sysconfig/network"):
            place.install()
        assert place.disk() == before
    place.install(without=["zeroconf"])
    installed = place.disk()
    real.write_bytes(real.read_bytes() + b"NOZEROCONF=yes  # libcloud-ovm3\n")
    with pytest.raises(PreconditionFailed, match="nothing was done"):
        place.uninstall()
    assert {**place.disk(), str(real.relative_to(place.root)): None} == {
        **installed, str(real.relative_to(place.root)): None
    }  # fmt: skip


@one_form
def test_a_silent_agent_is_left_as_it_is(place: Place) -> None:
    before = place.disk()
    place.sim.hosts[0].kill()
    with pytest.raises(PreconditionFailed, match="nothing was done, as the agent does not answer"):
        place.install()
    assert place.disk() == before


@one_form
def test_a_wrong_pin_is_said_before_anything_is_done(place: Place) -> None:
    before = place.disk()
    place.sim.hosts[0].replace_certificate()
    other = driver_for(place.sim, ex_fingerprint={place.sim.hosts[0].address: "0" * 64})
    place.driver = other
    for operation in (place.install, place.uninstall, place.check):
        with pytest.raises(CertificateRejected):
            operation()
    assert place.disk() == before


@old_form
def test_files_under_the_python_before_an_upgrade(place: Place) -> None:
    place.install()
    old = place.root / "usr/lib64/python2.3/site-packages"
    (old / "agent").mkdir(parents=True)
    (old / "agent/of-somebody.py").write_text("")
    empty = place.disk().keys()
    (old / "agent/api").mkdir()
    shutil.copytree(place.site / payload.FOLDER, old / payload.FOLDER)
    shutil.copy(place.site / payload.DOOR, old / payload.DOOR)
    state = place.check()
    assert state.verdict == "half"
    assert "python2.3/site-packages/libcloud_ovm3_host" in state.text
    place.install()
    assert place.disk().keys() == empty
    shutil.copytree(place.site / payload.FOLDER, old / payload.FOLDER)
    place.uninstall()
    assert not [name for name in place.disk() if "libcloud" in name]
    assert (old / "agent/of-somebody.py").exists()
    shutil.copytree(place.root / "etc/ovs-agent", old / payload.FOLDER)  # nothing but these
    place.uninstall()
    assert not [name for name in place.disk() if "libcloud" in name]


@one_form
def test_agent_ini_of_a_cut_run_is_minded(place: Place) -> None:
    """The run before had changed the port and was cut before the agent's restart."""
    host = place.sim.hosts[0]
    before = place.disk()
    ini = place.root / "etc/ovs-agent/agent.ini"
    with socket.socket() as free:
        free.bind((host.address, 0))
        port = free.getsockname()[1]
    ini.write_bytes(patches.set_options("agent.ini", ini.read_bytes(), {"port": str(port)}))
    asked: list[tuple[int | None, bool | None]] = []
    place.install(moved=moved(place, asked))
    assert asked[-1][0] == port
    at_home, place.driver = place.agent, driver_for(place.sim, port=port)
    place.uninstall(moved=lambda _port, _ssl: at_home)
    assert place.disk() == before


@one_form
def test_owner_and_mode_stay(place: Place) -> None:
    place.table.chmod(0o600)
    os.chown(place.table, 12, 34)
    place.install()
    found = place.table.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o7777) == (12, 34, 0o600)


# -- xend

QUICK = Waiting(limit=10, clock=Clock(sleep=lambda seconds: time.sleep(min(seconds, 0.05))))


@old_form
def test_xend_only_when_asked_and_only_when_quiet(place: Place) -> None:
    told: list[str] = []
    place.install(tell=told.append)
    assert not [line for line in told if "xend" in line and "restart" in line]
    log = place.root / "var/log/xen/xend.log"
    with log.open("a") as file:
        file.write("Domain has shutdown: name=web id=99 reason=reboot.\n")
    with pytest.raises(PreconditionFailed, match=r"web \(domain 99\)"):
        place.install(restart_xend=True, waiting=QUICK, tell=told.append)
    assert xend.CHANGES in told[-1], "it says what it changes before it looks"
    log.rename(log.with_name("xend.log.1"))  # its log begun anew: the guest is gone all the same
    with pytest.raises(PreconditionFailed, match=r"web \(domain 99\)"):
        place.install(restart_xend=True, waiting=QUICK)
    with log.open("a") as file:
        file.write("Failed to restart domain 99.\n")
    cfg = place.root / "OVS/Repositories" / ("4" * 32) / "VirtualMachines" / ("5" * 32) / "vm.cfg"
    cfg.parent.mkdir(parents=True)
    for text, is_refused in (
        ("name = 'it'\non_poweroff = 'rename-restart'\n", True),
        ("name = 'it'\non_poweroff = 'destroy'\non_reboot = 'restart'\n", False),
    ):
        cfg.write_text(text)
        with log.open("a") as file:
            file.write("Domain has shutdown: name=it id=98 reason=poweroff.\n")
        if is_refused:
            with pytest.raises(PreconditionFailed, match=r"it \(domain 98\)"):
                place.install(restart_xend=True, waiting=QUICK)
    [vm] = [vm for vm in place.agent.call("list_vms") if vm["domid"] != "0"]
    place.install(restart_xend=True, waiting=QUICK, tell=told.append)
    [same] = [vm for vm in place.agent.call("list_vms") if vm["domid"] != "0"]
    assert (same["uuid"], same["domid"]) == (vm["uuid"], vm["domid"])
    assert same["cpu_weight"] == "256"
    told.clear()
    place.uninstall(restart_xend=True, tell=told.append)
    assert any(xend.CHANGES in line for line in told), "so that the old restart time holds again"


@one_form
def test_xend_is_left_alone_where_nothing_was_patched(place: Place) -> None:
    told: list[str] = []
    place.install(restart_xend=True, tell=told.append)
    assert told[-1] == "xend needs no restart: its restart time was not patched"


# -- the command line


@one_form
def test_command_line(place: Place, tmp_path_factory: pytest.TempPathFactory) -> None:
    host = place.sim.hosts[0]
    keys = place.line.folder  # type: ignore[attr-defined]
    # 127.0.0.1 and the agent's address are the same machine: sshd listens on all of them.
    common = [
        f"{host.address}:{host.port}", "--fingerprint", host.fingerprint,
        "--ssh-port", place.ssh.host.rpartition(":")[2], "--ssh-key", f"{keys}/login_key",
        "--ssh-fingerprint", subprocess.run(
            ["ssh-keygen", "-lf", f"{keys}/host_key.pub"], check=True, capture_output=True,
            text=True).stdout.split()[1],
        "--root", str(place.root),
    ]  # fmt: skip
    before = place.disk()

    def ovm3(verb: str, *more: str) -> tuple[int, str]:
        return invoke("host", verb, *common, *more, password=place.sim.password)

    status, text = ovm3("check")
    assert status == 0
    assert text.splitlines() == [
        "not installed: not installed",
        "patch zeroconf: needed",
        "patch vlan-bridge: not needed",
        "patch restart-time: not there",
    ]
    status, text = ovm3("install", "--dry-run")
    assert status == 0
    assert "+    libcloud_ovm3.LibcloudOvm3,  # libcloud-ovm3" in text
    assert place.disk() == before
    status, text = ovm3("install", "--without-patch", "zeroconf")
    assert status == 0, text
    assert f"installed and answering (api {payload.api()})" in text
    assert ovm3("install", "--without-patch", "zeroconf")[1].startswith("nothing to do\n")
    place.table.write_bytes(before[str(place.table.relative_to(place.root))][1])
    status, text = ovm3("check")
    assert status == 1
    assert "install again" in text
    assert ovm3("install", "--without-patch", "none")[0] == 2
    status, text = ovm3("uninstall")
    assert status == 0, text
    assert place.disk() == before
