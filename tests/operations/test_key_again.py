"""A further call of create_node with an ``ex_idempotency_key`` whose node is there: it is returned,
and everything that the call asks for and the node does not show is said.
"""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from libcloud.compute.base import NodeAuthPassword
from libcloud.compute.types import NodeState

from libcloud_ovm3.errors import OperationIncomplete, Ovm3Error, Ovm3Warning
from libcloud_ovm3.operations.same_key import vm_id_of
from tests.operations.failures import KILLS, Step, create_keyed
from tests.operations.killed import kill_client_at
from tests.operations.seeding import create_noted
from tests.support import CHANGE, calls_of, driver_for, quietly, simulate

READ_SIZE = "storage_plugin_getFileInfo"


def notices_of(driver: Any, **options: Any) -> tuple[Any, list[str]]:
    """The node, and what follows "was left as it is: " in each warning."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", Ovm3Warning)
        node = create_keyed(driver, **options)
    return node, [str(one.message).partition(" was left as it is: ")[2] for one in caught]


def test_what_a_second_call_asks_for_is_said() -> None:
    with simulate(1, vms=0, template_bytes=1 << 20, host_module=True) as sim:
        driver = driver_for(sim)
        volume = quietly(driver.create_volume, 1, "data")
        first = NodeAuthPassword("first-pass", generated=True)
        card = {"network": driver.ex_list_networks()[0].id, "address": "192.0.2.10"}
        asked: dict[str, Any] = {
            "ex_metadata": {"a": "SECRET"},
            "ex_tags": ["blue"],
            "ex_networks": [card],
            "ex_volumes": [volume.id],
            "ex_description": "mine",
        }
        node = quietly(create_keyed, driver, auth=first, **asked)
        assert node.extra["password"] == "first-pass"
        otherwise = {**asked, "ex_volumes": [volume.id.replace("0004fb", "0004FB", 1)]}
        assert [notices_of(driver, **one)[1] for one in (asked, otherwise)] == [[], []]

        second = NodeAuthPassword("second-pass", generated=True)
        again, said = notices_of(driver, auth=second)
        assert (again.id, "password" in again.extra) == (node.id, False)
        [of_auth] = said
        assert of_auth.startswith("auth, ex_keyname and ex_userdata of this call were not used")

        other: dict[str, Any] = {
            "ex_metadata": {"a": "OTHER"},
            "ex_tags": ["red"],
            "ex_description": "yours",
        }
        cards = [{**card, "address": "192.0.2.11"}, card["network"]]
        other |= {"ex_domain_type": "hvm", "ex_volumes": [volume.id, "x/y.img"]}
        _, said = notices_of(driver, **other, ex_networks=cards)
        assert said == [
            "its description is 'mine', not 'yours'",
            "it is a PV guest (ex_domain_type)",
            "it does not have x/y.img (ex_volumes, ex_iso)",
            "it has 1 network cards, not 2",
            "its address 192.0.2.11 is not recorded, as far as can be read",
            "a, red of ex_metadata or ex_tags is not recorded of it, or otherwise",
        ]
        card = {**card, "mac": "00:21:f6:00:00:07"}
        alone = driver_for(sim, ex_host_module=False)
        _, said = notices_of(alone, ex_networks=[card], ex_tags=["blue"])
        assert said == [
            "it has no network card 00:21:f6:00:00:07",
            "its address 192.0.2.10 is not recorded, as far as can be read",
            "what is recorded of its metadata and tags cannot be read (ex_metadata, ex_tags)",
        ]
        assert len(calls_of(sim, "start_vm")) == 1


@pytest.mark.parametrize("host_module", [False, True], ids=["alone", "with the module"])
def test_where_it_is_and_how_large_its_disk_is(host_module: bool) -> None:
    """Size of the disk and location are compared; the image cannot be, so it is not said."""
    with simulate(2, vms=0, template_bytes=1 << 20, host_module=host_module) as sim:
        driver = driver_for(sim)
        locations = driver.list_locations()
        node = quietly(create_keyed, driver, location=locations[0], ex_disk_gb=1)
        assert node.image is not None
        gb = 1 if host_module else 1 / 1024  # it cannot be made larger without the module
        again, said = notices_of(driver, location=locations[0], ex_disk_gb=gb)
        assert (said, again.image) == ([], None)
        has = "1073741824 bytes (1.0 GB)" if host_module else "1048576 bytes (0.0 GB)"
        _, said = notices_of(driver, location=locations[1].id, ex_disk_gb=2)
        assert said == [
            f"its first disk has {has}, not 2 GB",
            f"it runs on {sim.hosts[0].hostname} ({sim.hosts[0].address}:{sim.hosts[0].port}), not "
            f"on host {locations[1].id!r} (location)",
        ]
        sim.misbehave("fault", "libcloud_list_files" if host_module else READ_SIZE, times=9)
        _, said = notices_of(driver, ex_disk_gb=2)
        assert said == ["the size of its first disk cannot be read (size.disk, ex_disk_gb)"]


@pytest.mark.parametrize("when", KILLS)
def test_a_client_that_was_killed_has_recorded_all(when: str) -> None:
    """What is recorded of a node is there before its definition says that it is complete."""
    configure = Step("libcloud_write_document", CHANGE)
    with simulate(1, vms=0, template_bytes=1 << 20, host_module=True) as sim:
        kill_client_at(sim, configure, when, create_noted)
        node = next(iter(driver_for(sim).list_nodes()))
        assert (node.extra["metadata"], node.extra["tags"]) == ({"owner": "me"}, ["blue"])
        if node.state == NodeState.PENDING:
            quietly(driver_for(sim).destroy_node, node)
        node = quietly(create_noted, driver_for(sim))
        assert (node.extra["metadata"], node.private_ips) == ({"owner": "me"}, ["192.0.2.10"])


@pytest.mark.parametrize(
    ("stands", "owner"),
    [
        ("before copying", "another"),
        ("before recording", "another"),
        ("after undoing", "me"),
        ("after undoing", "another"),
        ("after deletion", "me"),
        ("after deletion", "another"),
        ("before forgetting", "me"),
    ],
)
def test_what_is_recorded_of_a_node_that_is_made_again_stays(owner: str, stands: str) -> None:
    """A client stands still while it creates, undoes or destroys the node, and another one makes it
    anew: what is recorded of that one is neither replaced nor forgotten."""
    moment, _, step = stands.partition(" ")
    is_created = step in ("copying", "recording", "undoing")
    function = {"copying": "copy_file", "undoing": CHANGE, "deletion": CHANGE}.get(step)
    function = function or "libcloud_write_document"
    with simulate(2, vms=0, template_bytes=1 << 20, host_module=True) as sim:
        first, second = driver_for(sim), driver_for(sim, host=sim.hosts[1].address)
        card = {"network": first.ex_list_networks()[0].id, "mac": "00:21:f6:00:00:07"}
        given: dict[str, Any] = {
            name: {"ex_metadata": {"owner": name}, "ex_networks": [{**card, "address": address}]}
            for name, address in (("me", "192.0.2.10"), ("another", "192.0.2.11"))
        }

        def make_again(when: str) -> None:
            if when == moment:
                sim.clear_misbehaviour()
                if step in ("copying", "recording"):
                    quietly(second.destroy_node, vm_id_of("order 4711"))
                quietly(create_keyed, second, **given[owner])

        if not is_created:
            node = quietly(create_keyed, first, **given["me"])
        sim.misbehave("hook", function, nth=2 if function == CHANGE else 1, hook=make_again)
        if step == "undoing":
            sim.misbehave("fault", "libcloud_write_document", nth=2)
            with pytest.raises(Ovm3Error, match="as it was"):
                quietly(create_keyed, first, **given["me"])
        elif is_created:
            quietly(create_keyed, first, **given["me"])
        else:
            with pytest.raises(OperationIncomplete, match="it was created again, or started"):
                quietly(first.destroy_node, node)
        [node] = second.list_nodes()
        assert node.extra["metadata"] == given[owner]["ex_metadata"]
        assert node.private_ips == [given[owner]["ex_networks"][0]["address"]]
