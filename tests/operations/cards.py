"""VMs with network cards, and what became of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from libcloud_ovm3.agent.config import VMConfig
from libcloud_ovm3.simulator import Simulator, network, vmcfg
from libcloud_ovm3.simulator.vmcfg import strings
from libcloud_ovm3.simulator.xend import machines
from tests.operations.attaching import Lab
from tests.operations.failures import WRITES
from tests.support import calls_of, driver_for, quietly, simulate

A, B, C, D = (f"00:21:f6:00:00:0{number}" for number in "abcd")


def bridge_of(sim: Simulator) -> str:
    """The bridge that all hosts have."""
    return network.management(sim.hosts[0])


SECOND = "second"  # another bridge


def add_second_bridge(sim: Simulator, name: str = SECOND) -> None:
    """Give all hosts another bridge, on the NIC that is unused."""
    for host in sim.hosts:
        host.records["network"]["bridges"][name] = {"netdev": "eth1", "since": 0.0}


def vifs(sim: Simulator, *macs: str) -> dict[str, Any]:
    """The option of a vm.cfg for cards with these MACs."""
    return {"vif": [f"mac={mac},bridge={bridge_of(sim)}" for mac in macs]}


def defined(sim: Simulator, node: Any) -> list[str]:
    """The entries of a VM's vm.cfg."""
    folder = sim.repository_path / "VirtualMachines" / node.extra["directory"]
    return [one.text for one in VMConfig.from_text((folder / "vm.cfg").read_bytes()).vifs]


def redefine(sim: Simulator, node: Any, *entries: str) -> None:
    """Give its vm.cfg these entries, as another program does."""
    file = sim.repository_path / "VirtualMachines" / node.extra["directory"] / "vm.cfg"
    vmcfg.write(file, {**vmcfg.read(file), "vif": list(entries)})


def accept(driver: Any, node: Any) -> None:
    """Somebody says that its vm.cfg is right, although it was changed behind its claim."""
    assert driver.ex_get_node(node.id).extra["claim"]
    quietly(driver.ex_settle_node, node, ex_accept=True)


def live(sim: Simulator, node: Any) -> list[str]:
    """The entries that its live domain has, wherever that is."""
    found = []
    for host in sim.hosts:
        with host.lock:
            machines.advance(host)
            mine = [one for one in host.domains if one.uuid == node.id and one.listed]
            found += [text for domain in mine for text in strings(domain.config, "vif")]
    return found


def macs(entries: list[str]) -> list[str | None]:
    """Their MAC addresses."""
    return [VMConfig({"vif": [one]}).vifs[0].mac for one in entries]


def refuse(lab: Lab, error: type[Exception], why: str, action: Any, *args: Any, **kw: Any) -> None:
    """It is refused for this reason, and nothing is sent."""
    begin = len(lab.sim.calls)
    with pytest.raises(error, match=why):
        quietly(action, *args, **kw)
    assert not WRITES & set(calls_of(lab.sim)[begin:])


@contextmanager
def trap(by: str, *of: str) -> Iterator[tuple[Lab, Any]]:
    """Agents that name a card to xend by its MAC address, or by the number of its device; and a
    running node ``web`` with cards of these MAC addresses."""
    with simulate(1, vms=0, templates=0, answers={"NICs are detached": by}) as sim:
        add_second_bridge(sim)
        sim.add_vm("web", running_on=0, config=vifs(sim, *of))
        lab = Lab(sim, driver_for(sim))
        yield lab, lab.node("web")
