"""Behaviours of transfers of objects and of their addresses, against the simulator."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from libcloud_ovm3.agent.object_types import BLOCK_BYTES
from libcloud_ovm3.errors import Ovm3Error
from libcloud_ovm3.simulator import Simulator
from tests.mutants.disks import PATIENCE, at, nothing_lost, refused
from tests.storage.stores import get, put, storage_for
from tests.support import calls_of, simulate

__all__ = ["PATIENCE"]

ISO = "ISOs/file.iso"


@contextmanager
def store() -> Iterator[tuple[Simulator, Any, Any, Path]]:
    """With a plain container that has the object "kept", and a local folder."""
    with (
        simulate(hosts=1, vms=0, host_module=True) as sim,
        tempfile.TemporaryDirectory() as folder,
    ):
        driver = storage_for(sim)
        box = driver.create_container("box")
        put(driver, box, "kept", b"old")
        yield sim, driver, box, Path(folder)


def data_of(sim: Simulator, place: str) -> Path:
    [found] = (sim.repository_path / ".libcloud-ovm3").rglob(place)
    return found


# ------------------------------------------------------------------ uploads


def what_arrives_otherwise_is_no_object() -> None:
    with store() as (sim, driver, box, _):
        scratch = lambda: data_of(sim, "uploads/*/data").write_bytes(b"NEW")  # noqa: E731
        at(sim, "libcloud_write_upload", "after", scratch)
        refused(put, driver, box, "kept", b"new")
        assert get(driver, "box", "kept") == b"old"


def what_changes_while_it_is_sent_is_no_object() -> None:
    with store() as (sim, driver, box, folder):
        path = folder / "file"
        path.write_bytes(b"x" * 2 * BLOCK_BYTES)

        def change() -> None:
            with path.open("r+b") as file:
                file.write(b"y")
            os.utime(path, (7, 7))

        at(sim, "libcloud_write_upload", "after", change)
        refused(driver.upload_object, str(path), box, "kept")
        assert get(driver, "box", "kept") == b"old"


def nothing_is_left_of_an_upload_that_failed() -> None:
    def failing() -> Iterator[bytes]:
        yield b"x"
        raise Ovm3Error("no more")

    with store() as (_, driver, box, _):
        refused(driver.upload_object_via_stream, failing(), box, "kept")
        assert driver.ex_list_uploads(box) == []


def what_a_vm_needs_is_not_even_sent() -> None:
    with store() as (sim, driver, _, _):
        repository = driver.get_container("MyRepo")
        put(driver, repository, ISO, b"old")
        path = f"/OVS/Repositories/{sim.repository_id}/{ISO}"
        sim.add_vm("user", config={"disk": [f"file:{path},hdc:cdrom,r"]})
        sim.calls.clear()
        refused(put, driver, repository, ISO, b"new")
        assert calls_of(sim, "libcloud_begin_upload") == []


def what_a_vm_has_begun_to_need_is_put_back() -> None:
    with store() as (sim, driver, _, _):
        repository = driver.get_container("MyRepo")
        put(driver, repository, ISO, b"old")
        path = f"/OVS/Repositories/{sim.repository_id}/{ISO}"
        config = {"disk": [f"file:{path},hdc:cdrom,r"]}
        at(sim, "libcloud_commit_upload", "after", lambda: sim.add_vm("late", config=config))
        with nothing_lost(sim):
            refused(put, driver, repository, ISO, b"new")


# ------------------------------------------------------------------ downloads


def a_download_is_of_one_content() -> None:
    with store() as (sim, driver, box, folder):
        made = put(driver, box, "kept", b"a" * 2 * BLOCK_BYTES, extra={})
        other = lambda: put(driver, box, "kept", b"b" * 2 * BLOCK_BYTES)  # noqa: E731
        at(sim, "libcloud_read_object", "after", other)
        refused(b"".join, driver.download_object_range_as_stream(made, 1))
        assert list(folder.iterdir()) == []


def what_was_changed_on_the_host_is_said() -> None:
    with store() as (sim, driver, _, folder):
        path = data_of(sim, "data/kept")
        state = path.stat()
        path.write_bytes(b"OLD")
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
        refused(driver.download_object, driver.get_object("box", "kept"), str(folder / "file"))
        assert list(folder.iterdir()) == []


def cut(sim: Simulator, driver: Any, made: Any, file: Path) -> None:
    """A download that ends at its second block; the first one is kept."""
    sim.misbehave("drop_before", "libcloud_read_object", nth=2, times=2)
    refused(driver.download_object, made, str(file), delete_on_failure=False)
    sim.clear_misbehaviour()


def a_download_goes_on_with_the_same_content_only() -> None:
    with store() as (sim, driver, box, folder):
        first, second = (letter * 2 * BLOCK_BYTES for letter in (b"a", b"b"))
        made = put(driver, box, "kept", first)
        cut(sim, driver, made, folder / "file")
        sim.calls.clear()
        driver.download_object(made, str(folder / "file"), ex_resume=True)
        assert (folder / "file").read_bytes() == first
        assert len(calls_of(sim, "libcloud_read_object")) == 1
        (folder / "file").unlink()
        cut(sim, driver, made, folder / "file")
        made = put(driver, box, "kept", second)
        driver.download_object(made, str(folder / "file"), ex_resume=True)
        assert (folder / "file").read_bytes() == second


def a_local_file_that_has_come_meanwhile_stays() -> None:
    with store() as (sim, driver, _, folder):
        at(sim, "libcloud_read_object", "after", lambda: (folder / "file").write_bytes(b"other"))
        refused(driver.download_object, driver.get_object("box", "kept"), str(folder / "file"))
        assert (folder / "file").read_bytes() == b"other"


# ------------------------------------------------------------------ addresses


def an_address_is_of_one_object_until_its_end() -> None:
    with store() as (sim, driver, box, _):
        made = put(driver, box, "shown", b"shown")
        url = driver.get_object_cdn_url(made, ex_expiry=60)
        assert requests.get(url, timeout=60).content == b"shown"
        other = requests.get(url.rpartition("/")[0] + "/kept", timeout=60)
        assert other.status_code == 403
        sim.wait(70)
        assert requests.get(url, timeout=60).status_code == 410


def the_rest_is_of_the_same_content() -> None:
    with store() as (_, driver, _, _):
        url = driver.get_object_cdn_url(driver.get_object("box", "kept"))
        headers = {"Range": "bytes=1-", "If-Range": '"another"'}
        assert requests.get(url, headers=headers, timeout=60).content == b"old"
