"""Sizes around those of blocks, and what the host's sums say while others are under way."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from libcloud.storage.types import ObjectHashMismatchError

from libcloud_ovm3.agent.object_types import BLOCK_BYTES, any_data
from libcloud_ovm3.operations import send_file
from libcloud_ovm3.simulator import Simulator
from tests.storage.stores import get, put, storage_for
from tests.support import calls_of, simulate


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with simulate(1, vms=0, templates=0, host_module=True) as simulator:
        storage_for(simulator).create_container("box")
        yield simulator


@given(st.lists(st.one_of(st.binary(max_size=20), st.integers(0, 40).map(bytes))).map(b"".join))
def test_whether_there_is_data(data: bytes) -> None:
    assert any_data(data) == any_data(bytearray(data)) == any(data)


def test_every_size_of_pieces(sim: Simulator) -> None:
    """Each piece of a download has the size that was asked for, wherever blocks end."""
    driver = storage_for(sim)
    content = random.Random(0).randbytes(BLOCK_BYTES + 3)
    made = put(driver, driver.get_container("box"), "object", content)
    for size in (
        4099,
        BLOCK_BYTES - 1,
        BLOCK_BYTES,
        BLOCK_BYTES + 1,
        len(content),
        2 * BLOCK_BYTES,
    ):
        pieces = list(driver.download_object_as_stream(made, size))
        assert [len(one) for one in pieces[:-1]] == [size] * ((len(content) - 1) // size)
        assert b"".join(pieces) == content
    start = BLOCK_BYTES - 7
    pieces = list(driver.download_object_range_as_stream(made, start, start + 9, 1))
    assert pieces == [content[at : at + 1] for at in range(start, start + 9)]


def test_sums_come_while_others_are_sent(
    sim: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of the first blocks are compared before the last ones are sent."""
    monkeypatch.setattr(send_file, "SUMS", 2)
    driver = storage_for(sim)
    box = driver.get_container("box")
    put(driver, box, "kept", b"old")
    path = tmp_path / "long"
    with path.open("wb") as file:
        for block in (0, 2, 3, 4):
            file.seek(block * BLOCK_BYTES)
            file.write(b"data")
    sim.calls.clear()
    made = driver.upload_object(str(path), box, "long")
    assert made.size == path.stat().st_size
    functions = ("libcloud_write_upload", "libcloud_upload_sums")
    sent = ["SW"["write" in one] for one in calls_of(sim, *functions)]
    assert "".join(sent) == "WSWWSWS"

    def scratch(moment: str) -> None:
        if moment == "after":
            [data] = (sim.repository_path / ".libcloud-ovm3").rglob("uploads/*/data")
            with data.open("r+b") as file:
                file.write(b"DATA")

    sim.misbehave("hook", "libcloud_write_upload", hook=scratch)
    sim.calls.clear()
    with pytest.raises(ObjectHashMismatchError, match="at byte 0"):
        driver.upload_object(str(path), box, "kept")
    assert len(calls_of(sim, "libcloud_write_upload")) == 1
    assert get(driver, "box", "kept") == b"old"
    assert driver.ex_list_uploads(box) == []
