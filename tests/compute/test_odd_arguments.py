"""Methods refuse what no argument can be, with a clear error.

Nothing is sent for it, and no AttributeError of ours is raised.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import pytest
from libcloud.compute.deployment import ScriptDeployment

from libcloud_ovm3.errors import Ovm3Error, ReadOnly
from libcloud_ovm3.simulator import Simulator
from tests.guests import key_file
from tests.operations.failures import WRITES
from tests.support import driver_for, quietly, simulate

ODD = ([1], b"x", "\ud800", "9" * 5000)
METHODS = (
    "list_volumes ex_list_volumes ex_get_volume create_volume destroy_volume attach_volume "
    "detach_volume ex_resize_volume ex_copy_volume ex_rename_volume ex_insert_iso ex_eject_iso "
    "create_volume_snapshot destroy_volume_snapshot ex_revert_volume ex_resume_node get_image "
    "ex_pause_node ex_unpause_node ex_suspend_node ex_reset_node "
    "create_image delete_image copy_image ex_control0 ex_repair_control0 "
    "ex_import_image ex_finish_import "
    "ex_release_networks ex_remove_seed ex_list_nics ex_attach_nic ex_detach_nic ex_update_nic "
    "get_key_pair create_key_pair import_key_pair_from_string import_key_pair_from_file "
    "delete_key_pair ex_set_metadata ex_clone_node "
    "ex_create_node_snapshot ex_revert_node_snapshot ex_delete_node_snapshot ex_delete_orphan"
).split()
POSSIBLE = {"name", "description"}  # of which some of these are good


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with simulate(hosts=1, vms=1, host_module=True) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def good(sim: Simulator) -> dict[str, Any]:
    """An argument of each name that would do."""
    driver = driver_for(sim)
    [node] = driver.list_nodes()
    volume = driver.create_volume(1, "v")
    iso = driver.list_images()[-1]
    network = driver.ex_list_networks()[0]
    return {
        "size": 2, "name": "n", "volume": volume, "node": node, "node_image": iso, "image": iso,
        "image_id": iso.id, "source_region": sim.repository_id, "ex_mode": "w", "ex_sizes": True,
        "snapshot": driver.create_volume_snapshot(volume), "ex_pause": False,
        "source": "http://127.0.0.1:1/x", "ex_size_bytes": 9, "ex_kind": "raw",
        "network": network, "nic": driver.ex_attach_nic(node, network), "ex_network": network,
    }  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_it_is_refused(sim: Simulator, good: dict[str, Any], method: str) -> None:
    driver = driver_for(sim)
    action = getattr(driver, method)
    parameters = inspect.signature(action).parameters
    usual = {name: good[name] for name in parameters if name in good}
    if method == "create_volume":
        del usual["snapshot"]
    begin = len(sim.calls)
    for name in set(parameters) - POSSIBLE:
        for odd in ODD:
            with pytest.raises(Ovm3Error):
                quietly(action, **{**usual, name: odd})
    sent = {call.function for call in sim.calls[begin:]}
    assert sent & WRITES == set()


@pytest.mark.parametrize("method", ["create_node", "deploy_node"])
def test_what_is_nothing_is_refused_by_creations(sim: Simulator, method: str) -> None:
    """By name, and before anything is sent: what libcloud meets later, the node is there."""
    driver = driver_for(sim, ex_read_only=True)
    action = getattr(driver, method)
    usual: dict[str, Any] = {"name": "n", "size": "tiny", "image": driver.list_images()[0]}
    names = set(inspect.signature(driver.create_node).parameters)
    if method == "deploy_node":
        usual |= {"deploy": ScriptDeployment("true"), "ssh_key": key_file(sim)}
        usual |= {"ssh_interface": "private_ips"}
        names |= set(inspect.signature(action).parameters) - {"create_node_kwargs"}
    accepted = []
    for name in sorted(names):
        with pytest.raises(Ovm3Error) as caught:
            quietly(action, **{**usual, name: object()})
        if isinstance(caught.value, ReadOnly):
            accepted.append(name)
    assert accepted == []
