"""``ovm3 vm resume``: a VM that an interrupted snapshot has left paused."""

from __future__ import annotations

import pytest

from libcloud_ovm3.errors import Ovm3Error
from tests.cli.running import address, on, pins
from tests.support import driver_for, quietly, simulate


@pytest.mark.parametrize("host_module", [False, True], ids=["agent", "module"])
def test_a_vm_that_a_snapshot_has_left_paused(host_module: bool) -> None:
    with simulate(hosts=1, vms=1, host_module=host_module) as sim:
        driver = driver_for(sim)
        [node] = driver.list_nodes()
        [volume] = quietly(driver.ex_list_volumes, node)
        sim.misbehave("fault", "unpause_vm", times=9)
        with pytest.raises(Ovm3Error):
            quietly(driver.create_volume_snapshot, volume, "s", ex_pause=True)
        sim.clear_misbehaviour()
        assert driver.ex_get_node(node.id).state == "paused"
        found = on(sim, "doctor", address(sim), access=pins(sim)).stdout
        assert "has been paused for a snapshot" in found
        assert f"`ovm3 vm resume '{node.id}'`" in found
        done = on(sim, "vm", "resume", node.name)
        assert (done.exit_code, "is not paused any more" in done.stdout) == (0, True)
        assert driver.ex_get_node(node.id).state == "running"
        refused = on(sim, "vm", "resume", node.name)
        assert refused.exit_code == 1
        assert "ex_" not in refused.stderr
