"""Repositories: made, changed, deleted, several of them; imports from loopback."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from libcloud_ovm3.simulator import Simulator, SimulatorError
from tests.simulator.plainclient import client, fault_of, until
from tests.support import simulate

BOTH = True  # personalities
NEW = "0004fb0000030000aeaca859e4a8f8c0"
WHERE = "nfs-store-1:/export/new"
POINT = f"/OVS/Repositories/{NEW}"


def _record(agent: Any, repo: str) -> dict[str, str | None] | None:
    root = ElementTree.fromstring(agent.discover_repository_db())
    found = root.find(f"RepositoryDbList/Repository[@Uuid='{repo}']")
    return None if found is None else {element.tag: element.text for element in found}


def _export(sim: Simulator) -> Path:
    folder = sim.root / "exports" / "nfs-store-1" / "export" / "new"
    folder.mkdir(parents=True)
    return folder


def test_a_repository_is_made_added_and_deleted(tmp_path: Path) -> None:
    with simulate(hosts=2, vms=0, root=tmp_path) as sim:
        agent, folder = client(sim), _export(sim)
        agent.mount_repository_fs(WHERE, POINT)
        assert "No repository found" in fault_of(agent.add_repository, WHERE, POINT)
        assert agent.create_repository(WHERE, POINT, NEW, "New one") is None
        text = fault_of(agent.create_repository, WHERE, POINT, NEW, "New one")
        assert text.endswith("Repository already exists")
        assert (folder / "VirtualDisks").is_dir()
        assert "OVS_REPO_ALIAS=New one\n" in (folder / ".ovsrepo").read_text()
        assert "Invalid alias" in fault_of(agent.create_repository, WHERE, POINT, NEW, "a\nb=c")
        record = _record(agent, NEW)
        assert record is not None
        assert record["Status"] == "Mounted"
        assert record["Alias"] == "New one"
        assert f'<Repository Name="{NEW}">' in agent.discover_repositories(NEW)
        second = client(sim, 1)
        assert _record(second, NEW) is None
        second.mount_repository_fs(WHERE, POINT)
        second.add_repository(WHERE, POINT)
    with simulate(hosts=2, vms=0, root=tmp_path) as sim:
        agent, second = client(sim), client(sim, 1)
        assert _record(agent, NEW) == record
        assert _record(second, NEW) == record
        (folder / "VirtualDisks" / "data.img").write_bytes(b"precious")
        assert agent.delete_repository(NEW, False) is None
        assert _record(agent, NEW) is None
        assert (folder / "VirtualDisks" / "data.img").read_bytes() == b"precious"
        assert "does not exist" in fault_of(agent.delete_repository, NEW, False)
        assert second.delete_repository(NEW, True) is None
        assert list(folder.iterdir()) == []
        assert (sim.repository_path / "Templates").is_dir()


def test_it_mounts_by_itself_and_needs_an_owner() -> None:
    with simulate(hosts=1, vms=0) as sim:
        _export(sim)
        assert client(sim).create_repository(WHERE, POINT, NEW, "x") is None
        record = _record(client(sim), NEW)
        assert record is not None
        assert record["Status"] == "Mounted"
    with simulate(hosts=1, vms=0, owner="", pool=False) as sim:
        _export(sim)
        assert "not owned" in fault_of(client(sim).create_repository, WHERE, POINT, NEW, "x")
        assert _record(client(sim), NEW) is None


def test_the_hosts_own_record_is_edited(pool: Simulator) -> None:
    agent, repo = client(pool), pool.repository_id
    before = _record(agent, repo)
    assert before is not None
    assert agent.edit_repository_db(repo, {"alias": "Renamed", "manager_uuid": "m"}) is None
    wanted = before | {"Alias": "Renamed", "Manager_uuid": "m"}
    assert _record(agent, repo) == wanted
    for changes in ({"alias": "again", "colour": "red"}, {"alias": 5}, "alias"):
        fault_of(agent.edit_repository_db, repo, changes)
    assert "does not exist" in fault_of(agent.edit_repository_db, "none", {"alias": "x"})
    assert _record(agent, repo) == wanted
    assert _record(client(pool, 1), repo) == before


def test_several_repositories(tmp_path: Path) -> None:
    with simulate(hosts=2, vms=0, repositories=2, root=tmp_path) as sim:
        known = [host.repository_db for host in sim.hosts]
        assert len(known[0]) == 2
        assert known[0] == known[1]
        third = sim.add_repository("Third", hosts=[1])
        fourth = sim.add_repository(repository_id=NEW)
        assert fourth == NEW
        assert _record(client(sim), third) is None
        assert _record(client(sim, 1), third) is not None
        (sim.path_of(third) / "ISOs" / "x.iso").write_bytes(b"x")
        assert "<ISO>x.iso</ISO>" in client(sim, 1).discover_repositories(third)
        assert "<Repository " not in client(sim).discover_repositories(third)
        assert sim.path_of(sim.repository_id) == sim.repository_path
        for bad in (NEW, "../x", ""):
            if bad:
                with pytest.raises(SimulatorError):
                    sim.add_repository(repository_id=bad)
        with pytest.raises(SimulatorError):
            sim.path_of("none")
    with simulate(hosts=2, vms=0, root=tmp_path) as sim:
        assert "<ISO>x.iso</ISO>" in client(sim, 1).discover_repositories(third)
        assert _record(client(sim), NEW) is not None
    with pytest.raises(SimulatorError, match="repositor"):
        simulate(repositories=0)


class _Files(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/disk":
            self.send_response(200)
            self.send_header("Content-Length", "9")
            self.end_headers()
            self.wfile.write(b"some data")
        elif self.path == "/away":
            self.send_response(302)
            self.send_header("Location", "/disk")
            self.end_headers()
        else:
            self.send_error(404)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def files() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Files) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_a_disk_and_an_iso_are_imported(pool: Simulator, files: str) -> None:
    agent, repo = client(pool), pool.repository_id
    disks = pool.repository_path / "VirtualDisks"
    assert agent.import_virtual_disk(f"{files}/disk", "new.img", repo) is None
    assert (disks / "new.img").read_bytes() == b"some data"
    assert "exists" in fault_of(agent.import_virtual_disk, f"{files}/disk", "new.img", repo)
    text = fault_of(agent.import_virtual_disk, f"{files}/none", "other.img", repo)
    assert "HTTP Error 404" in text
    assert "302" in fault_of(agent.import_virtual_disk, f"{files}/away", "other.img", repo)
    assert sorted(path.name for path in disks.iterdir()) == ["new.img"]
    iso = pool.repository_path / "ISOs" / "new.iso"
    assert "does not take an option" in fault_of(
        agent.import_ISO, f"{files}/disk", "new.iso", repo, ""
    )
    assert agent.import_ISO(f"{files}/disk", "new.iso", repo) is None
    until(pool, lambda: iso.exists() and iso.stat().st_size == 9)


def test_imports_that_are_refused(pool: Simulator, files: str) -> None:
    agent, repo = client(pool), pool.repository_id
    for url in ("http://192.0.2.1/x", "http://example.com/x", "file:///etc/passwd", "ftp://[::1]/"):
        assert "not HTTP on loopback" in fault_of(agent.import_virtual_disk, url, "x", repo)
    for name in ("../x", "", ".."):
        text = fault_of(agent.import_virtual_disk, f"{files}/disk", name, repo)
        assert "Invalid file name" in text
    assert "not mounted" in fault_of(agent.import_virtual_disk, f"{files}/disk", "x", "none")
    assert list((pool.repository_path / "VirtualDisks").iterdir()) == []
