"""A guest without PV drivers cannot be asked to shut down: that is said, not done."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from libcloud_ovm3.errors import Ovm3Warning, PreconditionFailed
from libcloud_ovm3.simulator import Simulator
from tests.support import calls_of, driver_for, simulate

HVM = {"builder": "hvm", "OVM_domain_type": "xen_hvm", "bootloader": None}
WITH_DRIVERS = HVM | {"OVM_domain_type": "xen_hvm_pv_drivers"}


def stop(sim: Simulator, name: str, **options: Any) -> str:
    """What warnings say while it is stopped."""
    driver = driver_for(sim)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", Ovm3Warning)
        assert driver.stop_node(driver.ex_get_node_by_name(name), **options)
    assert driver.ex_get_node_by_name(name).state == "stopped"
    return "; ".join(str(one.message) for one in caught)


def test_where_the_host_module_shows_it() -> None:
    with simulate(1, vms=0, host_module=True) as sim:
        sim.add_vm("pv", running_on=0)
        for name, config in (("bare", HVM), ("drivers", WITH_DRIVERS), ("dark", HVM)):
            sim.add_vm(name, running_on=0, config=config)
        sim.add_vm("diskless", running_on=0, config={**HVM, "disk": []})
        with pytest.raises(PreconditionFailed, match="none of its disks by PV") as no:
            stop(sim, "bare")
        assert "ex_force=True" in str(no.value)
        assert calls_of(sim, "stop_vm") == []
        assert stop(sim, "bare", ex_force=True) == ""
        assert stop(sim, "drivers") == ""
        sim.misbehave("fault", "libcloud_file_holders")
        assert "PV drivers was not known" in stop(sim, "dark")
        assert "PV drivers was not known" in stop(sim, "diskless")
        sim.calls.clear()
        assert stop(sim, "pv") == ""
        before = calls_of(sim, "libcloud_file_holders", "stop_vm")
        assert before[0] == "stop_vm", "nobody asks of a paravirtual guest"


def test_where_nobody_can_tell_it_is_stopped_and_that_is_said() -> None:
    with simulate(1, vms=0) as sim:
        sim.add_vm("bare", running_on=0, config=HVM)
        sim.add_vm("drivers", running_on=0, config=WITH_DRIVERS)
        said = stop(sim, "bare")
        assert "whether its guest has PV drivers was not known" in said
        assert stop(sim, "drivers") == ""
