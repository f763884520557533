"""docs/calls.md is true of the storage driver: what each method costs."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from libcloud_ovm3 import OVM3StorageDriver
from libcloud_ovm3.agent.object_types import BLOCK_BYTES
from libcloud_ovm3.simulator import Simulator
from tests.storage.stores import put, storage_for
from tests.support import simulate

PAGE = (Path(__file__).parents[2] / "docs" / "calls.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("\n## Storage\n")[2].partition("\n## ")[0]
FORMULAS = dict(re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", SECTION, re.MULTILINE))
BLOCKS = 2

Act = Callable[[OVM3StorageDriver, Any], Any]
ACTS: dict[str, Act] = {
    "list_containers": lambda driver, _: driver.list_containers(),
    "get_container": lambda driver, _: driver.get_container("box"),
    "create_container": lambda driver, _: driver.create_container("new"),
    "delete_container": lambda driver, _: driver.delete_container(driver.ex_empty),
    "list_container_objects": lambda driver, obj: driver.list_container_objects(obj.container),
    "get_object": lambda driver, _: driver.get_object("box", "file"),
    "upload_object": lambda driver, obj: put(driver, obj.container, "other", obj.ex_content),
    "download_object": lambda driver, obj: b"".join(driver.download_object_as_stream(obj)),
    "delete_object": lambda driver, obj: driver.delete_object(obj),
    "ex_list_uploads": lambda driver, obj: driver.ex_list_uploads(obj.container),
    "ex_delete_upload": lambda driver, obj: driver.ex_delete_upload(obj.container, "1" * 32),
    "ex_hash_object": lambda driver, obj: driver.ex_hash_object(obj),
    "get_object_cdn_url": lambda driver, obj: driver.get_object_cdn_url(obj),
    "get_container_cdn_url": lambda driver, obj: driver.get_container_cdn_url(obj.container),
    "enable_object_cdn": lambda driver, obj: driver.enable_object_cdn(obj),
    "enable_container_cdn": lambda driver, obj: driver.enable_container_cdn(obj.container),
}


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with simulate(2, vms=0, host_module=True) as simulator:
        simulator.add_repository("second")
        yield simulator


def test_every_row_is_tried() -> None:
    assert set(FORMULAS) == set(ACTS)


@pytest.mark.parametrize("method", ACTS)
def test_what_it_costs(sim: Simulator, method: str) -> None:
    driver: Any = storage_for(sim, ex_containers_repository="MyRepo")
    for name in ("box", "empty"):
        if name not in [one.name for one in driver.list_containers()]:
            driver.create_container(name)
    driver.ex_empty = driver.get_container("empty")
    if method == "create_container" and "new" in [one.name for one in driver.list_containers()]:
        driver.delete_container(driver.get_container("new"))
    content = os.urandom(BLOCK_BYTES + 1)
    obj: Any = put(driver, driver.get_container("box"), "file", content)
    obj.ex_content = content
    if method == "ex_delete_upload":
        module = driver._estate.module(driver._estate.given[0])
        path = f"/OVS/Repositories/{sim.repository_id}"
        module.begin_upload("test", "1" * 32, path, "box", "x")
    sim.calls.clear()
    ACTS[method](driver, obj)
    expected = eval(FORMULAS[method], {"H": 2, "R": 2, "B": BLOCKS})
    assert len(sim.calls) == expected, [one.function for one in sim.calls]


def test_what_a_request_to_an_address_costs(sim: Simulator) -> None:
    driver = storage_for(sim, ex_containers_repository="MyRepo")
    names = [one.name for one in driver.list_containers()]
    box = driver.get_container("box") if "box" in names else driver.create_container("box")
    for container, more in ((box, 1), (driver.get_container("MyRepo"), 0)):
        made = put(driver, container, "served", os.urandom(BLOCK_BYTES + 1))
        url = driver.get_object_cdn_url(made)
        sim.calls.clear()
        assert requests.get(url, timeout=60).status_code == 200
        assert len(sim.calls) == 2 + BLOCKS + 1 + more, [one.function for one in sim.calls]
