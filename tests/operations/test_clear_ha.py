"""The HA flag of a node is cleared, and never set."""

from __future__ import annotations

from pathlib import Path

import pytest

from libcloud_ovm3.errors import AgentFault, NodeNotFound, ReadOnly
from libcloud_ovm3.simulator import Simulator
from tests.cli.running import address, on, pins
from tests.support import CHANGE, calls_of, driver_for, simulate

FLAG = "OVM_high_availability"


def flag(sim: Simulator, directory: str) -> str:
    path: Path = sim.repository_path / "VirtualMachines" / directory / "vm.cfg"
    [line] = [one for one in path.read_text().splitlines() if one.startswith(FLAG)]
    return line.rpartition(" ")[2]


def doctor(sim: Simulator) -> str:
    return str(on(sim, "doctor", address(sim), access=pins(sim)).stdout)


@pytest.mark.parametrize("has_module", [True, False], ids=["module", "agent"])
def test_it_is_cleared_where_it_is_set(has_module: bool) -> None:
    with simulate(2, vms=0, host_module=has_module) as sim:
        run = sim.add_vm("run", running_on=1, config={FLAG: True})
        off = sim.add_vm("off", config={FLAG: "True"})
        without = sim.add_vm("without", config={FLAG: None})
        odd = sim.add_vm("odd", config={FLAG: "perhaps"})
        driver = driver_for(sim)
        with pytest.raises(ReadOnly):
            driver_for(sim, ex_read_only=True).ex_clear_ha(off)
        for name in (run, off, odd):
            node = driver.ex_clear_ha(driver.ex_get_node(name))
            assert node.extra["high_availability"] is False
            assert flag(sim, name) == "False"
        assert [one["name"] for one in sim.domains(1)] == [run], "it runs on"
        # Through its claim, where there are claims.
        assert (CHANGE in calls_of(sim)) is has_module
        sim.calls.clear()
        assert driver.ex_clear_ha(without).extra["high_availability"] is None
        assert driver.ex_clear_ha(run).state == "running"
        assert calls_of(sim, "configure_vm") == []
        with pytest.raises(NodeNotFound):
            driver.ex_clear_ha("0004fb00-0006-0000-0000-0123456789ab")


def test_a_refusal_leaves_it_and_the_command_clears_several() -> None:
    with simulate(1, vms=0) as sim:
        names = [sim.add_vm(name, config={FLAG: True}) for name in ("a", "b")]
        driver = driver_for(sim)
        sim.misbehave("fault", "configure_vm")
        with pytest.raises(AgentFault, match="as it was"):
            driver.ex_clear_ha(names[0])
        assert flag(sim, names[0]) == "True"
        sim.clear_misbehaviour()
        assert "`ovm3 vm clear-ha`" in doctor(sim)
        done = on(sim, "vm", "clear-ha", "a", "b")
        assert (done.exit_code, done.stdout.count(" has no HA flag")) == (0, 2)
        assert [flag(sim, name) for name in names] == ["False", "False"]
        assert "clear-ha" not in doctor(sim)
