"""The first claim of a VM names every host that may have it: also one that is not seen."""

from __future__ import annotations

import pytest

from libcloud_ovm3.errors import PreconditionFailed
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.vms import VM, read_estate
from libcloud_ovm3.operations.claim_looks import look
from libcloud_ovm3.operations.operation import Operation, new_id
from tests.support import driver_for, simulate


def definition_of(vms: dict[str, VM], directory: str) -> Definition:
    found = [one for vm in vms.values() for one in vm.definitions if one.directory == directory]
    return found[0]


def test_a_host_that_is_not_seen() -> None:
    """What no host has that answers may be there, and come back from its reboot unseen."""
    with simulate(2, vms=0, host_module=True) as sim:
        first, nowhere, live = sim.add_vm("1"), sim.add_vm("2"), sim.add_vm("3", running_on=0)
        estate = driver_for(sim)._estate
        host = read_estate(estate).hosts[0]
        assert host.module_claims is not None
        names = [sim.hosts[0].uuid]  # the other one has no claims here yet
        host.module_claims.claim_vm("test", new_id(), sim.repository_id, first, names)
        sim.hosts[1].kill()
        vms = read_estate(estate).vms
        with pytest.raises(PreconditionFailed, match="name every host that may have it"):
            look(Operation(estate), definition_of(vms, nowhere))
        assert look(Operation(estate), definition_of(vms, live))[0].kind == "on"


def test_what_another_tool_has_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """It runs where its claim does not say: that host is asked, and it can be stopped."""
    with simulate(2, vms=0, host_module=True) as sim:
        directory, driver = sim.add_vm("subject", running_on=0), driver_for(sim)
        sim.other_program(0, "stop_vm", sim.repository_id, directory, True)
        sim.wait(10)
        driver.ex_settle_node(directory)  # free
        for _ in range(2):  # the claim is free at first, then on the first host
            sim.other_program(1, "start_vm", sim.repository_id, directory)
            found = driver.ex_settle_node(directory)["claim"]
            assert [found["kind"], [one["host"] for one in found["hosts"]]] == ["on", ["ovm-2"]]
            driver.stop_node(directory, ex_force=True)
            sim.other_program(1, "start_vm", sim.repository_id, directory)
            driver.stop_node(directory, ex_force=True)
            assert driver.ex_get_node(directory).extra["claim"]["kind"] == "free"
            driver.start_node(directory, ex_location="ovm-1")
            sim.other_program(0, "stop_vm", sim.repository_id, directory, True)
            sim.wait(10)


def test_a_module_that_fails_is_not_said_to_be_missing() -> None:
    with simulate(2, vms=0, host_module=True) as sim:
        directory = sim.add_vm("subject")
        driver_for(sim).ex_settle_node(directory)
        sim.misbehave("fault", "libcloud_read_agent", host=0, times=None)
        driver = driver_for(sim)
        with pytest.raises(PreconditionFailed, match=r"Left out: ovm-1 \(.*\): its host module f"):
            driver.start_node(directory, ex_location="ovm-1")
