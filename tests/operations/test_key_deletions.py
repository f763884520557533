"""Nodes of a key whose ``vm.cfg`` the host module deletes, or has not finished with."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from libcloud_ovm3 import OVM3NodeDriver
from libcloud_ovm3.errors import AgentFault, OperationIncomplete
from libcloud_ovm3.operations.same_key import vm_id_of
from libcloud_ovm3.simulator.errors import Killed
from tests.operations.failures import create_keyed
from tests.support import CHANGE, calls_of, driver_for, quietly, simulate

KEY = "order 4711"


@pytest.mark.parametrize("undone", [False, True], ids=["destroyed", "undone"])
def test_a_deletion_that_is_carried_out_late_deletes_no_other_with_the_module(undone: bool) -> None:
    """The request to delete the vm.cfg is late; meanwhile the node is destroyed, and made again."""
    with simulate(1, vms=0, template_bytes=1 << 20, host_module=True) as sim:
        driver = driver_for(sim)
        if not undone:
            quietly(create_keyed, driver)
        sim.misbehave("fault", "copy_file")
        sim.misbehave("delayed", CHANGE, nth=2)  # after its creation, or after it was stopped
        act = create_keyed if undone else partial(OVM3NodeDriver.destroy_node, node=vm_id_of(KEY))
        with pytest.raises(OperationIncomplete, match="may be left"):
            quietly(act, driver)
        sim.clear_misbehaviour()
        quietly(driver.destroy_node, vm_id_of(KEY))
        node = quietly(create_keyed, driver)
        sim.flush_delayed()
        assert driver.ex_get_node(node.id).extra["disks"] == node.extra["disks"]
        assert "delete_vm" not in calls_of(sim)


@pytest.mark.parametrize(
    ("function", "is_off"), [("create_vm", False), ("delete_vm", False), ("delete_vm", True)]
)
def test_a_host_that_was_cut_off_does_not_block_the_key(function: str, is_off: bool) -> None:
    """What its module was doing has no outcome: that is recorded, as before a change."""
    with simulate(2, vms=0, template_bytes=1 << 20, host_module=True) as sim:
        driver, given = driver_for(sim), dict[str, Any]()
        here, there = driver.list_locations()
        if function == "delete_vm":
            create_keyed(driver, location=here, ex_start=False)

        def cut(_: str) -> None:
            sim.clear_misbehaviour()
            raise Killed

        sim.misbehave("hook", function, hook=cut)
        act = create_keyed if function == "create_vm" else OVM3NodeDriver.destroy_node
        with pytest.raises(AgentFault, match="its process died"):
            act(driver, **({"location": here} if act is create_keyed else {"node": vm_id_of(KEY)}))
        if is_off:
            sim.hosts[0].shut_down()
            sim.misbehave("answer", "libcloud_check_port", times=None, value="silent")
            driver = driver_for(sim, host=sim.hosts[1].address, ex_ssh_port=sim.hosts[0].port)
            given["ex_hosts_off"] = [sim.hosts[0].address]
        if function == "delete_vm":
            quietly(driver.destroy_node, vm_id_of(KEY), **given)
            assert not quietly(driver.list_nodes)
        if not is_off:  # else it may be in what cannot be read
            assert create_keyed(driver, location=there, ex_start=False).id == vm_id_of(KEY)
