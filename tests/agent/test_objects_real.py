"""Containers, objects and uploads by HostModule against the real module, over a socket."""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from libcloud_ovm3.agent.hostmodule import HostModule
from libcloud_ovm3.agent.object_types import BLOCK_BYTES, ObjectEntry, ObjectRecord, block_sum
from libcloud_ovm3.errors import AgentFault
from libcloud_ovm3.simulator import Simulator
from tests.agent.real_module import ME, kind, module_of, new
from tests.support import eventually, simulate

CASE_NAMES = [
    "a&b.txt",
    "100%.txt",
    "50%25.txt",
    "two words.db",
    "new-folder/",
    "new-folder/tux-128x128.ico",
    "SI_1.db",
    "AT&T report (final) #2.pdf",
]  # cases/C09


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with simulate(hosts=1, host_module=True) as simulator:
        yield simulator


@pytest.fixture
def module(sim: Simulator) -> HostModule:
    return module_of(sim)


@pytest.fixture
def mount(sim: Simulator) -> str:
    return f"/OVS/Repositories/{sim.repository_id}"


def put(module: HostModule, mount: str, box: str, name: str, data: bytes) -> ObjectEntry:
    operation = new()
    module.begin_upload(ME, operation, mount, box, name, len(data))
    module.write_upload(ME, operation, mount, box, 0, data)
    record = ObjectRecord(hashlib.md5(data, usedforsecurity=False).hexdigest(), "text/plain")
    return module.commit_upload(ME, operation, mount, box, name, len(data), record)


def listed(module: HostModule, mount: str, box: str, prefix: str = "") -> list[ObjectEntry]:
    page = module.list_objects(mount, box, prefix, limit=7)
    found = [*page.entries]
    while page.after:
        page = module.list_objects(mount, box, prefix, page.after, 7)
        found += page.entries
    return found


def test_the_life_of_an_object(module: HostModule, mount: str, sim: Simulator) -> None:
    box = "box é"
    module.create_container(ME, new(), mount, box)
    assert [one.name for one in module.list_containers(mount).entries] == [box]
    operation, size = new(), 3 * BLOCK_BYTES + 5
    module.begin_upload(ME, operation, mount, box, "disk", size)
    data = random.Random(1).randbytes(BLOCK_BYTES)
    with ThreadPoolExecutor(2) as pool:  # several at the same time
        ranges = [(BLOCK_BYTES, data), (3 * BLOCK_BYTES, b"end")]
        arguments = (ME, operation, mount, box)
        list(pool.map(lambda one: module_of(sim).write_upload(*arguments, *one), ranges))
    [upload] = module.list_uploads(mount, box)
    assert (upload.operation, upload.name, upload.container) == (operation, "disk", box)
    assert (upload.size_bytes, upload.done_bytes) == (size, size - 2)
    sums = module.upload_sums(mount, box, operation)
    assert sums.sums == ("", block_sum(data), "", block_sum(b"end"))
    with pytest.raises(AgentFault) as caught:
        module.delete_container(ME, new(), mount, box)
    assert kind(caught) == "NotEmpty"
    record = ObjectRecord("0" * 32, "text/plain", "gzip", {"who": "é & \t"})
    entry = module.commit_upload(ME, operation, mount, box, "disk", size, record)
    assert (entry.size_bytes, entry.record) == (size, record)
    assert (entry.used_bytes or 0) < 2 * BLOCK_BYTES
    assert module.stat_object(mount, box, "disk") == entry
    whole = bytes(BLOCK_BYTES) + data + bytes(BLOCK_BYTES) + b"end\0\0"
    assert str(entry.path).startswith(f"{mount}/.libcloud-ovm3/containers/c-box%20%C3%A9/")
    job = module.start_job(ME, new(), "md5", entry.path)
    eventually(lambda: module.job_status(mount, job["id"])["state"] == "done")
    assert (
        module.job_status(mount, job["id"])["result"]
        == hashlib.md5(whole, usedforsecurity=False).hexdigest()
    )
    stretch = module.read_object(mount, box, "disk", 0, BLOCK_BYTES)
    assert (stretch.data, stretch.next_offset) == (bytes(BLOCK_BYTES), BLOCK_BYTES)
    stretch = module.read_object(mount, box, "disk", 3 * BLOCK_BYTES, BLOCK_BYTES, stretch.identity)
    assert (stretch.data, stretch.next_offset) == (b"end\0\0", size)
    changed = ObjectRecord("1" * 32, meta_data={"a": "b"})
    module.describe_object(ME, new(), mount, box, "disk", entry.identity, changed)
    assert module.stat_object(mount, box, "disk").record == changed
    module.delete_object(ME, new(), mount, box, "disk", entry.identity)
    module.delete_container(ME, new(), mount, box)
    assert module.list_containers(mount).entries == ()


def test_a_disk_is_replaced_and_restored(module: HostModule, mount: str, sim: Simulator) -> None:
    name = "VirtualDisks/objects.img"
    first = put(module, mount, "", name, b"first")
    assert first.is_file_of_repository
    operation = new()
    module.begin_upload(ME, operation, mount, "", name)
    module.write_upload(ME, operation, mount, "", 0, b"second")
    arguments = (ME, operation, mount, "", name, 6, ObjectRecord())
    with pytest.raises(AgentFault) as caught:
        module.commit_upload(*arguments)
    assert kind(caught) == "Exists"
    module.commit_upload(*arguments, replace=True)
    assert (sim.repository_path / name).read_bytes() == b"second"
    module.restore_aside(ME, operation, f"{mount}/{name}")
    assert module.stat_object(mount, "", name) == first
    module.begin_upload(ME, operation, mount, "", name)
    adopted = new()
    module.adopt_upload(ME, adopted, mount, "", operation)
    assert [one.operation for one in module.list_uploads(mount, "")] == [adopted]
    module.delete_upload(ME, new(), mount, "", adopted)
    assert module.list_uploads(mount, "") == ()


def test_hostile_names_come_back_as_they_were(
    module: HostModule, mount: str, sim: Simulator
) -> None:
    """Some hundred, each with the name as its content; the pure test has ten thousand."""
    module.create_container(ME, new(), mount, "hostile")
    chance = random.Random(18)
    parts = ["..", ".", "/", "%", "%2f", "é", "e\u0301", "\U0001f600", "A", "a", " ", "\n", "\r"]
    parts += ["'", '"', "$(x)", ";", "*", "\\", "&amp;", "<", "\x7f", "\x01", "x" * 60, "-"]
    names = {"".join(chance.choices(parts, k=chance.randint(1, 12))) for _ in range(90)}
    names |= {*CASE_NAMES, "a", "a/", "a/b", "A", "a%2f", "/", "x" * 1024, "é" * 512}
    before = inventory(sim)
    for name in names:
        put(module, mount, "hostile", name, name.encode())
    found = {one.name: one for one in listed(module, mount, "hostile")}
    assert found.keys() == names
    for name in [*CASE_NAMES, "a", "A", "a/", "/", "é" * 512]:
        size = found[name].size_bytes or 0
        assert module.read_object(mount, "hostile", name, 0, size).data == name.encode()
        assert name in {one.name for one in listed(module, mount, "hostile", name[:150])}
    assert {
        path for path in inventory(sim) - before if "/containers/c-hostile/" not in path
    } == set()
    for bad in ("", "x" * 1025, "a\0b"):
        with pytest.raises(AgentFault) as caught:
            module.stat_object(mount, "hostile", bad)
        assert kind(caught) == "InvalidArgument"


def inventory(sim: Simulator) -> set[str]:
    """All paths below the simulator's root, but for its own records and the host's log."""
    root = Path(sim.repository_path)
    return {os.path.join(folder, name) for folder, _, files in os.walk(root) for name in files}


def test_calls_that_meet() -> None:
    token = new()
    # In real time: simulated time jumps to the end of the first call while the second is under way.
    with Simulator(hosts=1, host_module=True) as sim, ThreadPoolExecutor(2) as pool:
        met = list(pool.map(lambda _: module_of(sim).meet(token, 5), range(2)))
    assert met == [True, True]
