"""Importing images from URLs that a host fetches, through the driver."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from libcloud.compute.base import StorageVolume
from libcloud.compute.types import NodeState

from libcloud_ovm3.errors import (
    AgentFault,
    ImageNotFound,
    InvalidArgument,
    OperationIncomplete,
    Ovm3Error,
    Ovm3Warning,
    PreconditionFailed,
)
from libcloud_ovm3.estate.pending_imports import ImportNote, parse_note
from libcloud_ovm3.operations.url_size import require_url
from libcloud_ovm3.simulator import Simulator
from tests.operations.failures import files_of
from tests.operations.serving import Server, serving
from tests.support import calls_of, driver_for, quietly, simulate

DISK = os.urandom(3 * 4096 + 100)
ISO = bytes(0x8001) + b"CD001" + os.urandom(2048)


@pytest.fixture(params=["agent", "module"])
def sim(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    has_module = request.param == "module"
    with simulate(hosts=2, vms=0, templates=0, host_module=has_module) as simulator:
        remove_isos(simulator)
        yield simulator


def remove_isos(sim: Simulator) -> None:
    for path in (sim.repository_path / "ISOs").iterdir():
        path.unlink()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as served:
        served.files = {"/disk.img": DISK, "/boot.iso?x=1": ISO, "/boot.iso": ISO}
        yield served


def has_module(sim: Simulator) -> bool:
    return bool(calls_of(sim, "libcloud_repository"))


def test_a_disk_becomes_a_template_or_stays_a_volume(sim: Simulator, server: Server) -> None:
    driver, seen = driver_for(sim), []
    before = files_of(sim)
    made = quietly(
        driver.ex_import_image,
        f"{server.url}/disk.img",
        "Döner",
        ex_progress=lambda *n: seen.append(n),
    )
    assert server.requests == ["HEAD /disk.img", "GET /disk.img"]
    assert seen == [(len(DISK), len(DISK))]
    [path] = files_of(sim).keys() - before.keys()
    content = (sim.repository_path / path).read_bytes()
    if not has_module(sim):
        assert isinstance(made, StorageVolume)
        assert (made.name, made.id, content) == ("Döner", f"{sim.repository_id}/{path}", DISK)
        assert path.startswith("VirtualDisks/")
        return
    assert content == DISK.ljust(4 * 4096, b"\0"), "it is padded, and never cut"
    [image] = driver.list_images()
    assert image.id == made.id == f"{sim.repository_id}/{path}"
    assert (image.name, image.extra["kind"]) == ("Döner", "raw")
    assert image.extra["state"] == made.extra["state"] == "available"
    node = driver.create_node("new", "tiny", image)
    assert node.state == NodeState.RUNNING


def test_an_iso_is_pending_until_it_is_complete(sim: Simulator, server: Server) -> None:
    """It is fetched in the background; nobody is offered half of it."""
    driver, states = driver_for(sim), []

    def look(done: int, total: int) -> None:
        images = driver_for(sim).list_images()
        states.append([(one.extra["state"], one.extra["size_bytes"]) for one in images])
        for one in images:
            with pytest.raises(ImageNotFound, match="not complete"):
                driver.get_image(one.id)

    made = driver.ex_import_image(f"{server.url}/boot.iso?x=1", "boot", ex_progress=look)
    assert bool(states[0]) == has_module(sim)
    assert all(size < len(ISO) for _, size in states[0])
    assert {one for seen in states for one, _ in seen} <= {"pending"}
    assert made.extra["kind"] == "iso"
    assert [one.id for one in driver.list_images()] == [made.id]
    assert (sim.repository_path / made.extra["path"]).read_bytes() == ISO
    assert server.requests.count("GET /boot.iso?x=1") == 1


def test_a_lost_import_is_finished_later_and_never_fetched_twice(
    sim: Simulator, server: Server
) -> None:
    driver, size = driver_for(sim), len(DISK)
    sim.misbehave("delayed", "import_virtual_disk")
    with pytest.raises(OperationIncomplete, match="0 of 12388 bytes are there") as caught:
        driver.ex_import_image(f"{server.url}/disk.img", "late", ex_size_bytes=size)
    path = caught.value.left[0]
    pending = f"{sim.repository_id}/VirtualDisks/{path.rpartition('/')[2]}"
    assert f"ex_finish_import({pending!r})" in str(caught.value)
    assert f"destroy_volume({pending!r}) removes it" in str(caught.value)
    given = {} if has_module(sim) else {"ex_size_bytes": size}
    with pytest.raises(PreconditionFailed, match="0 of 12388 bytes are there"):
        driver.ex_finish_import(pending, **given)
    if has_module(sim):
        assert [one.extra["state"] for one in driver.list_images()] == ["pending"]
    else:
        with pytest.raises(PreconditionFailed, match="nothing says that it is an import"):
            driver.ex_finish_import(pending)
    sim.flush_delayed()
    made = quietly(driver.ex_finish_import, pending, **given)
    assert made.name == "late"
    assert server.requests == ["GET /disk.img"]
    assert not [path for path in files_of(sim) if path.endswith(".creating")]
    with pytest.raises(ImageNotFound, match="no import of"):
        driver.ex_finish_import(pending, **given)


def test_what_is_refused(sim: Simulator, server: Server) -> None:
    """Before anything is sent to a host, or with nothing left."""
    driver, before = driver_for(sim), files_of(sim)
    server.files |= {"/long.img": DISK, "/none.img": b""}
    server.lengths["/long.img"] = None
    for source, options, error in (
        ("file:///etc/passwd", {}, InvalidArgument),
        ("gopher://127.0.0.1/x", {}, InvalidArgument),
        ("http://127.0.0.1/a b", {}, InvalidArgument),
        (f"{server.url}/disk.img", {"ex_kind": "qcow2"}, InvalidArgument),
        (f"{server.url}/disk.img", {"ex_size_bytes": 0}, InvalidArgument),
        (f"{server.url}/disk.img", {"ex_progress": "x"}, InvalidArgument),
        (f"{server.url}/missing.img", {}, PreconditionFailed),  # HEAD says 404
        (f"{server.url}/long.img", {}, PreconditionFailed),  # and here no size
        (f"{server.url}/disk.img", {"ex_size_bytes": 1 << 60}, PreconditionFailed),
    ):
        sim.calls.clear()
        with pytest.raises(error) as caught:
            driver.ex_import_image(source, "x", **options)
        assert type(caught.value) is error
        assert not calls_of(sim, "import_virtual_disk", "import_ISO")
    with pytest.raises(AgentFault, match=r"HTTP Error 404.*nothing of it is left"):
        driver.ex_import_image(f"{server.url}/missing.img", "x", ex_size_bytes=5)
    assert files_of(sim) == before


def test_a_password_in_a_url_is_not_in_messages(sim: Simulator) -> None:
    with pytest.raises(Ovm3Error) as caught:
        driver_for(sim).ex_import_image("http://me:hunter2@127.0.0.1:1/x", "x")
    assert "hunter2" not in str(caught.value)


def test_what_is_not_raw_never_becomes_a_template(server: Server) -> None:
    """It stays pending, and can be removed."""
    with simulate(hosts=1, vms=0, templates=0, host_module=True) as sim:
        remove_isos(sim)
        driver = driver_for(sim)
        for content, what in (
            (b"QFI\xfb" + bytes([0, 0, 0, 3]) + bytes(4096), "qcow2"),
            (b"\x1f\x8b\x08" + bytes(2000), "gzip"),
            (b"PK\x03\x04" + bytes(2000), "a ZIP archive"),
        ):
            server.files["/x"] = content
            with pytest.raises(OperationIncomplete, match=f"no raw disk.*{what}") as caught:
                driver.ex_import_image(f"{server.url}/x", "x")
            [pending] = driver.list_images()
            assert pending.extra["state"] == "pending"
            assert caught.value.left[0].endswith(pending.extra["path"])
            assert quietly(driver.destroy_volume, pending.id)
        assert driver.list_images() == []


def test_more_than_was_expected_is_not_taken_for_complete(sim: Simulator, server: Server) -> None:
    driver = driver_for(sim)
    with pytest.raises(OperationIncomplete, match="and 100 were expected"):
        driver.ex_import_image(f"{server.url}/disk.img", "x", ex_size_bytes=100)
    assert all(one.extra["state"] == "pending" for one in driver.list_images())
    assert driver.list_volumes()[0].state == "creating"


def test_a_progress_that_fails_does_not_end_the_import(sim: Simulator, server: Server) -> None:
    def fail(done: int, total: int) -> None:
        raise RuntimeError("no more paper")

    with pytest.warns(Ovm3Warning, match="no more paper"):
        made = driver_for(sim).ex_import_image(f"{server.url}/boot.iso", "x", ex_progress=fail)
    assert made.extra["state"] == "available"


# ------------------------------------------------------------------ pure


@given(st.binary(max_size=60) | st.text().map(str.encode))
def test_no_content_of_a_mark_is_taken_for_an_import(data: bytes) -> None:
    assert parse_note(data) is None


def test_a_note_is_read_as_it_was_written() -> None:
    note = ImportNote(1 << 40, "1d:d5", "a" * 32)
    assert parse_note(note.to_bytes()) == note
    newer = note.to_bytes().replace(b'"schema": 1', b'"schema": 2')
    assert parse_note(newer) is None
    assert len(note.to_bytes()) == 512


@pytest.mark.parametrize("url", ["http://h/x", "HTTPS://h:8080/a%20b?c=d", "ftp://u:p@h/x"])
def test_urls(url: str) -> None:
    require_url(url)


@pytest.mark.parametrize(
    "url", ["http:///x", "http://[::1/x", "http://h:x/", "http://h/\n", "http://h/é"]
)
def test_no_urls(url: str) -> None:
    with pytest.raises(InvalidArgument, match="expected http"):
        require_url(url)
