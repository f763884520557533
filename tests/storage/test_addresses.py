"""Addresses of objects: who may read what, until when, and from where."""

from __future__ import annotations

import gzip
import multiprocessing
import socket
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from libcloud.storage import types
from libcloud.storage.base import Container

from libcloud_ovm3 import OVM3StorageDriver
from libcloud_ovm3.agent.object_types import ObjectRecord
from libcloud_ovm3.errors import InvalidArgument
from libcloud_ovm3.simulator import Simulator
from libcloud_ovm3.storage import cdn
from tests.storage.stores import put, storage_for
from tests.support import simulate

NAME = "a b/%41?x#é"


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with simulate(1, vms=0, host_module=True) as simulator:
        storage_for(simulator).create_container("box")
        yield simulator


def fetch(url: str, **headers: str) -> requests.Response:
    return requests.get(url, headers={"Accept-Encoding": "identity", **headers}, timeout=60)


def test_an_object_and_a_container(driver: OVM3StorageDriver, box: Container) -> None:
    made = put(driver, box, NAME, b"0123456789", extra={"content_type": "text/x"})
    other = put(driver, box, "other", b"secret")
    assert driver.enable_object_cdn(made) is True
    assert driver.enable_container_cdn(box) is True
    url = driver.get_object_cdn_url(made)
    assert url.startswith("http://127.0.0.1:")
    response = fetch(url)
    assert (response.status_code, response.content) == (200, b"0123456789")
    assert response.headers["Content-Type"] == "text/x"
    assert response.headers["ETag"] == f'"{made.hash}"'
    assert requests.head(url, timeout=60).headers["Content-Length"] == "10"
    of_all = driver.get_container_cdn_url(box)
    for one, content in ((NAME, b"0123456789"), ("other", b"secret")):
        assert fetch(f"{of_all}/{quote(one, safe='')}").content == content
    assert fetch(f"{of_all}/{quote('none', safe='')}").status_code == 404
    assert fetch(url.rpartition("/")[0] + "/other").status_code == 403, "of this object alone"
    for at in range(len(url) - 80, len(url) - 20, 7):
        changed = url[:at] + ("0" if url[at] != "0" else "1") + url[at + 1 :]
        assert fetch(changed).status_code in (403, 404)
    driver.delete_object(other)
    driver.delete_object(made)
    assert fetch(url).status_code == 404
    with pytest.raises(types.ObjectDoesNotExistError):
        driver.enable_object_cdn(made)
    with pytest.raises(types.ObjectDoesNotExistError):
        driver.get_object_cdn_url(made)


@pytest.mark.parametrize(
    ("header", "status", "content"),
    [
        ("bytes=0-0", 206, b"0"),
        ("bytes=8-99", 206, b"89"),
        ("bytes=7-", 206, b"789"),
        ("bytes=-3", 206, b"789"),
        ("bytes=10-", 416, None),
        ("bytes=-0", 416, None),
        ("bytes=0-1,3-4", 200, b"0123456789"),
        ("words=1-2", 200, b"0123456789"),
        ("bytes=-", 200, b"0123456789"),
        ("bytes=5-3", 200, b"0123456789"),
    ],
)
def test_ranges(
    driver: OVM3StorageDriver, box: Container, header: str, status: int, content: bytes | None
) -> None:
    made = put(driver, box, "ten", b"0123456789")
    response = fetch(driver.get_object_cdn_url(made), Range=header)
    assert response.status_code == status
    assert content is None or response.content == content


def test_the_rest_of_another_content_is_not_sent(
    sim: Simulator, driver: OVM3StorageDriver, box: Container
) -> None:
    """A client that goes on with a download says by If-Range of which one; also of a content whose
    MD5 nobody knows."""
    made = put(driver, box, "changing", b"0123456789")
    [path] = (sim.repository_path / ".libcloud-ovm3").rglob("data/changing")
    url, tags = driver.get_object_cdn_url(made), []
    for content in (b"0123456789", b"abcdefghij"):
        path.write_bytes(content)  # by somebody else: nothing is recorded of it
        tags.append(fetch(url).headers["ETag"])
        answers = [fetch(url, Range="bytes=5-", **{"If-Range": tag}) for tag in (*tags, "x")]
        assert [one.status_code for one in answers] == [*[200] * (len(tags) - 1), 206, 200]
        assert [one.content for one in answers[-2:]] == [content[5:], content]


def test_no_header_is_made_of_what_was_recorded(
    driver: OVM3StorageDriver, box: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also by other clients, which let everything pass."""
    monkeypatch.setattr(ObjectRecord, "problem", lambda _: "")
    for wrong in ("text/html\nX-Other: 1\n\n<b>", "text/é", "text/\u20ac"):
        made = put(driver, box, "odd", b"1", extra={"content_type": wrong})
        response = fetch(driver.get_object_cdn_url(made))
        assert (response.status_code, response.content) == (200, b"1")
        assert response.headers["Content-Type"] == "application/octet-stream"
        assert "X-Other" not in response.headers


def test_what_is_no_address(driver: OVM3StorageDriver, box: Container) -> None:
    """Whatever its bytes are, there is a response."""
    url = driver.get_container_cdn_url(box)
    *_, port, token, end, _, name = url.replace(":", "/").split("/")
    for path in ("/", f"/{token}/{end}/\xe9/{name}/x", f"/{token}/x/{'0' * 64}/{name}/x", "//x"):
        with socket.create_connection(("127.0.0.1", int(port)), 60) as line:
            line.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode("latin-1"))
            assert line.recv(12) in (b"HTTP/1.1 403", b"HTTP/1.1 404")


@given(st.text(max_size=30), st.integers(0, 100))
def test_no_header_breaks_it(header: str, size: int) -> None:
    try:
        found = cdn._range_of(header, size)
    except cdn._Refused:
        return
    assert found is None or 0 <= found[0] < found[1] <= size


def test_an_end(sim: Simulator, driver: OVM3StorageDriver, box: Container) -> None:
    made = put(driver, box, "ending", b"1")
    short, long = (driver.get_object_cdn_url(made, ex_expiry=seconds) for seconds in (60, 600))
    assert fetch(short).status_code == 200
    sim.wait(70)
    assert (fetch(short).status_code, fetch(long).status_code) == (410, 200)
    with pytest.raises(InvalidArgument, match="ex_expiry"):
        driver.get_object_cdn_url(made, ex_expiry=0)
    with pytest.raises(InvalidArgument, match="ex_expiry"):
        driver.get_container_cdn_url(box, ex_expiry=-1)


def test_a_driver_that_nobody_keeps(sim: Simulator) -> None:
    """Its address is valid all the same, and it is forgotten when that ends."""
    first, other = storage_for(sim), storage_for(sim)
    url = first.get_object_cdn_url(put(first, first.get_container("box"), "kept", b"1"))
    its = first.__dict__["_addresses"]
    del first
    assert fetch(url).content == b"1"
    [server] = cdn._servers.values()
    assert its in [one for one, _ in server.drivers.values()]
    sim.wait(4000)
    other.get_object_cdn_url(other.get_object("box", "kept"))
    kept = [one for one, _ in server.drivers.values()]  # among those of other tests
    assert (its in kept, other.__dict__["_addresses"] in kept) == (False, True)


def test_what_is_encoded_arrives_decoded(driver: OVM3StorageDriver, box: Container) -> None:
    content = gzip.compress(b"text")
    made = put(driver, box, "text", content, headers={"Content-Encoding": "gzip"})
    response = fetch(driver.get_object_cdn_url(made))
    assert (response.content, response.headers["Content-Encoding"]) == (b"text", "gzip")


def test_the_server_is_on_loopback_and_in_a_thread_that_ends_with_the_process(
    driver: OVM3StorageDriver, box: Container
) -> None:
    driver.get_container_cdn_url(box)
    [server] = cdn._servers.values()
    assert server.server_address[0] == "127.0.0.1"
    [thread] = [one for one in threading.enumerate() if one.name == "libcloud-ovm3-cdn"]
    assert thread.daemon
    assert server.daemon_threads


def test_what_cannot_be_read_is_no_object(
    sim: Simulator, driver: OVM3StorageDriver, box: Container
) -> None:
    """The status says so: nothing of it was sent yet."""
    url = driver.get_object_cdn_url(put(driver, box, "broken", b"1"))
    sim.misbehave("fault", "libcloud_read_object")
    response = fetch(url)
    assert response.status_code == 502
    assert b"libcloud_read_object" in response.content


def test_a_fork_has_a_server_of_its_own(driver: OVM3StorageDriver, box: Container) -> None:
    made = put(driver, box, "forked", b"1")
    own = driver.get_object_cdn_url(made)
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()

    [server] = cdn._servers.values()

    def serve(driver: Any, obj: Any) -> None:
        there.send((len(cdn._servers), server.socket.fileno()))
        there.send(driver._cdn().url("box", "forked", 60))
        there.recv()

    child = context.Process(target=serve, args=(driver, made), daemon=True)
    child.start()
    try:
        assert here.recv() == (0, -1), "the port is its parent's, and ends with that"
        assert here.recv().split("/")[2] != own.split("/")[2]
    finally:
        here.send("end")
        child.join(60)
