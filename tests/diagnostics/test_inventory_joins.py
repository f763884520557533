"""The inventory's sections can be joined by their ids, however the agents spell them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libcloud_ovm3.agent import documents
from libcloud_ovm3.agent.identifiers import dashed, undashed
from libcloud_ovm3.diagnostics.inventory import as_json, build_inventory, take_inventory
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.repositories import Repository
from tests.diagnostics.healthy import (
    POOL,
    RECORD,
    REPOSITORY,
    defined,
    host,
    inventory_data,
    live,
)
from tests.diagnostics.troubled import estate_of, troubled_pool

ONE = "0004fb00-0006-0000-0000-000000000001"
DASHED = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
SPELLINGS = [str, str.upper, lambda text: dashed(text) or text, lambda text: undashed(text) or text]


def require_joins(found: dict[str, Any]) -> None:
    """Each reference is an id of its section, and each id has the spelling of its kind."""
    ids = {
        section: {one["id"] for one in found[section]}
        for section in ("hosts", "pools", "repositories", "vms")
    }
    hosts = [one["host_id"] for vm in found["vms"] for one in vm["live"]]
    for one in found["repositories"]:
        hosts += [*one["mounted_on_ids"], *one["not_mounted_on_ids"]]
        assert len(one["mounted_on_ids"]) == len(one["mounted_on"])
        assert len(one["not_mounted_on_ids"]) == len(one["not_mounted_on"])
    assert hosts
    assert set(hosts) <= ids["hosts"]
    repositories = {one["repository"] for vm in found["vms"] for one in vm["definitions"]}
    assert repositories
    assert repositories <= ids["repositories"]
    disks = [*found["volumes"], *found["snapshots"]]
    assert {one["repository"] for one in disks} <= ids["repositories"]
    assert [one for one in disks if not one["id"].startswith(f"{one['repository']}/")] == []
    volumes = {one["id"] for one in found["volumes"]}
    used = {one["volume"] for vm in found["vms"] for one in vm["attachments"]}
    assert {one for one in used if one.partition("/")[0] in ids["repositories"]} <= volumes
    pools = {host["pool"] for host in found["hosts"]} - {None}
    assert pools
    assert pools == ids["pools"]
    owners = {one["owner"] for kind in ("hosts", "repositories") for one in found[kind]} - {None}
    for values, pattern in (
        (ids["vms"] | ids["pools"], DASHED),
        ((ids["hosts"] - {None}) | ids["repositories"] | owners, r"[0-9a-f]{32}"),
    ):
        assert [value for value in values if not re.fullmatch(pattern, value)] == []


@pytest.mark.parametrize("module", [False, True])
def test_a_troubled_pool(personality: str, module: bool) -> None:
    with troubled_pool(personality) as troubled:
        if module:
            for number in range(2):
                troubled.sim.put_host_module(number)
        found = as_json(take_inventory(estate_of(troubled.sim)))
    require_joins(found)
    assert [vm["name"] for vm in found["vms"] if vm["live"]] == ["seed-1", "seed-2"]
    for vm in found["vms"]:
        for place in vm["live"]:
            assert 5900 <= place["vnc_port"] < 7000
            assert place["vnc_listen"] == "127.0.0.1"
    assert [bool(host["boot_time"]) for host in found["hosts"]] == [True, True, False]


@given(*[st.sampled_from(SPELLINGS)] * 4)
def test_ids_in_any_spelling(of_repository: Any, of_pool: Any, of_vm: Any, of_live: Any) -> None:
    repository_id, pool_id = of_repository(REPOSITORY), of_pool(POOL)
    definition = Definition(repository_id, "a", defined("a", uuid=of_vm(ONE)).config)
    views = [host(1, live("a", of_live(ONE))), host(2)]
    record = replace(RECORD, id=repository_id)
    views = [replace(view, repositories=(record,)) for view in views]
    read = inventory_data(
        views, [definition], repositories=[Repository(record, (views[0],), None, ("not read",))]
    )
    pool = documents.ServerPool(uuid=pool_id, alias="p", virtual_ip="", members=())
    same = documents.ServerPool(uuid=POOL, alias="p", virtual_ip="", members=())
    found = as_json(build_inventory(replace(read, pools=(pool, same))))
    require_joins(found)
    assert len(found["vms"]) == len(found["pools"]) == 1
    [repository] = found["repositories"]
    assert list(repository["mounted_on_ids"]) == [views[0].id]
    assert list(repository["not_mounted_on_ids"]) == [views[1].id]


def test_a_host_without_a_uuid_is_told_by_its_address() -> None:
    views = [host(1, live("a", ONE), uuid=""), host(2)]
    found = as_json(build_inventory(inventory_data(views)))
    assert found["hosts"][0]["id"] == "192.0.2.1:8899"
    assert found["vms"][0]["live"][0]["host_id"] == "192.0.2.1:8899"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1413834408, "2014-10-20T19:46:48Z"),
        (None, None),
        (253402300800, None),
        (10**18 - 1, None),
    ],
)
def test_the_boot_time(seconds: int | None, text: str | None) -> None:
    found = build_inventory(inventory_data([host(1, boot_time=seconds)]))
    assert found.hosts[0].boot_time == text
