"""What Salt lists: plain data, by name, and never one VM in the place of two."""

from __future__ import annotations

import json

import pytest
from libcloud.compute.base import KeyPair

from libcloud_ovm3.agent.identifiers import dashed
from libcloud_ovm3.errors import InvalidArgument
from libcloud_ovm3.salt import listed
from tests.support import driver_for, quietly, simulate

EXTRA = {"type": "ssh-rsa", "origin": None, "repository_id": "0", "repository": ""}


def test_nodes_are_plain_data() -> None:
    with simulate(hosts=1, vms=1) as sim:
        [node] = driver_for(sim).list_nodes()
    for form in (listed.brief, listed.full, listed.minimal):
        record = form(node)
        assert json.loads(json.dumps(record)) == record
    assert listed.brief(node) == {
        "id": node.id,
        "name": "seed-1",
        "state": "RUNNING",
        "size": "tiny",
        "image": None,
        "public_ips": [],
        "private_ips": [],
    }
    assert listed.brief(node).items() <= listed.full(node).items()
    assert listed.full(node)["host"] == "ovm-1"
    assert listed.minimal(node) == {"id": node.id, "state": "RUNNING"}


def test_addresses_that_are_known() -> None:
    with simulate(hosts=1, vms=1, host_module=True) as sim:
        driver = driver_for(sim)
        [node] = driver.list_nodes()
        sim.set_guest_address(node.extra["nics"][0]["mac"], "192.0.2.5")
        [node] = driver.list_nodes()
    assert listed.brief(node)["private_ips"] == ["192.0.2.5"]
    assert listed.full(node)["addresses"][0]["address"] == "192.0.2.5"


@pytest.mark.parametrize("host_module", [False, True])
def test_what_methods_return_is_plain_data(host_module: bool) -> None:
    with simulate(hosts=1, vms=1, host_module=host_module) as sim:
        driver = driver_for(sim)
        [node] = driver.list_nodes()
        volumes = quietly(driver.ex_list_volumes, node)
        networks = [*driver.ex_list_networks(), *driver.ex_list_network_devices()]
        keys = [KeyPair("k", "ssh-rsa A", "f", driver, private, EXTRA) for private in (None, "p")]
        for result in (volumes, volumes[0], node, True, ["/a"], [{"path": "/a"}], networks, keys):
            shown = listed.plain(result)
            assert json.loads(json.dumps(shown)) == shown
        assert {"control0", "bond0"} <= {one["name"] for one in listed.plain(networks)}
        assert [one.get("private_key") for one in listed.plain(keys)] == [None, "p"]
        [shown] = listed.plain(volumes)
    assert (shown["id"], shown["state"]) == (volumes[0].id, "inuse")
    assert shown["attachments"][0]["node_id"] == node.id


def test_vms_that_share_a_name() -> None:
    """C02: 35 of one name, 18 of another; none is hidden, and no name looks free."""
    with simulate(hosts=1, vms=0) as sim:
        for name, number in (("bridge-free", 35), ("nat-free", 18), ("one", 1)):
            for _ in range(number):
                sim.add_vm(name, disk=False)
        nodes = driver_for(sim).list_nodes()
    records = listed.nodes_by_name(nodes, listed.minimal)
    assert {record["id"] for record in records.values()} >= {node.id for node in nodes}
    assert len(records) == 54 + 2
    assert records["bridge-free"]["state"] == listed.AMBIGUOUS
    assert len(records["bridge-free"]["id"].split(", ")) == 35
    assert records["one"]["state"] == "STOPPED"


def test_a_name_that_is_the_id_of_another() -> None:
    """In both notations; a VM whose name is its own id is not meant."""
    first, second, third = "0004fb00-0006-0000-0000-00000000000" + "1", "2" * 32, "3" * 32
    with simulate(hosts=1, vms=0) as sim:
        sim.add_vm("web", uuid=first)
        sim.add_vm(first.replace("-", ""), uuid=second)
        sim.add_vm(third, uuid=third)
        nodes = driver_for(sim).list_nodes()
    records = listed.nodes_by_name(nodes, listed.minimal)
    assert set(records) == {"web", first.replace("-", ""), dashed(second), third}
    shared = records[first.replace("-", "")]
    assert (shared["state"], set(shared["id"].split(", "))) == (
        listed.AMBIGUOUS,
        {first, dashed(second)},
    )


def test_names_that_a_file_may_have() -> None:
    assert listed.may_be_file_name("é ü: *")
    assert listed.may_be_file_name("x" * 252)
    for name in ("a/b", "../x", "x" * 254, "é" * 127):
        assert not listed.may_be_file_name(name)


def test_by_id_or_name() -> None:
    with simulate(hosts=1, vms=0) as sim:
        sizes = driver_for(sim).list_sizes()
    assert listed.named(sizes, "size", "small") is listed.named(sizes, "size", "Small")
    with pytest.raises(InvalidArgument, match="size 'smal': expected one of tiny, small, "):
        listed.named(sizes, "size", "smal")


def test_what_a_user_selects() -> None:
    nodes = {"a": {"id": "1", "name": "a", "state": "RUNNING", "ram": 512}}
    assert listed.selected(nodes, None) == {"a": {"id": "1", "name": "a", "state": "RUNNING"}}
    assert listed.selected(nodes, "ram") == {"a": {"ram": 512}}
    assert listed.selected(nodes, ["ram", "none"]) == {"a": {"ram": 512, "none": None}}
