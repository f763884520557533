"""VMs that have one MAC address: who may be started, and what is said."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from libcloud_ovm3.errors import InvalidArgument, Ovm3Warning, PreconditionFailed
from libcloud_ovm3.simulator import network
from tests.operations.attaching import Lab
from tests.support import calls_of, driver_for, simulate

MAC = "00:21:f6:00:29:01"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with simulate(hosts=2, vms=0, templates=0) as sim:
        bridge = network.management(sim.hosts[0])
        sim.add_vm("first", running_on=0, config={"vif": [f"mac={MAC},bridge={bridge}"]})
        for name, vif in {
            "same": f"mac={MAC.upper()},bridge={bridge}",
            "elsewhere": f"mac={MAC},bridge=control0",
            "anywhere": f"mac={MAC}",
            "other": f"mac=00:21:f6:00:29:02,bridge={bridge}",
        }.items():
            sim.add_vm(name, config={"vif": [vif]})
        yield Lab(sim, driver_for(sim))


def start(lab: Lab, name: str, **options: Any) -> str:
    """Start it and stop it again; what was said."""
    with pytest.warns() as said:
        assert lab.driver.start_node(lab.node(name), **options) is True
    lab.driver.stop_node(lab.node(name), ex_force=True)
    return "; ".join(str(one.message) for one in said if one.category is Ovm3Warning)


@pytest.mark.parametrize("name", ["same", "anywhere"])
def test_on_the_same_network_it_is_refused(lab: Lab, name: str) -> None:
    lab.sim.calls.clear()
    with pytest.raises(PreconditionFailed, match=rf"'first' .* live, .* {MAC}.*ex_force=True"):
        lab.driver.start_node(lab.node(name))
    assert calls_of(lab.sim, "start_vm") == []
    said = start(lab, name, ex_force="true")
    assert "only one of them can be reached" in said
    with pytest.raises(InvalidArgument, match="ex_force 'perhaps'"):
        lab.driver.start_node(lab.node(name), ex_force="perhaps")


def test_on_different_networks_it_is_said(lab: Lab) -> None:
    assert f"the same MAC address {MAC}, on different networks" in start(lab, "elsewhere")


def test_what_is_live_counts_even_if_vm_cfg_has_changed(lab: Lab) -> None:
    """The first one was given another address, which it gets at its next start."""
    folder = lab.sim.repository_path / "VirtualMachines" / lab.node("first").extra["directory"]
    text = (folder / "vm.cfg").read_text()
    (folder / "vm.cfg").write_text(text.replace(MAC, "00:21:f6:00:29:02"))
    for name in ("same", "other"):
        with pytest.raises(PreconditionFailed, match="have the same MAC address"):
            lab.driver.start_node(lab.node(name))
    (folder / "vm.cfg").write_text(text)
    lab.driver.start_node(lab.node("other"))
