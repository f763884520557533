"""Changes of networks, for the failure table and for clients that are killed."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from typing import Any

import pytest

from libcloud_ovm3.simulator import Simulator, hostdisk, network
from tests.operations.failures import WRITES
from tests.support import calls_of, driver_for, quietly, simulate

LABELS = {"guest": "eth1", "public": "spare", "management": "bond0"}

OPERATIONS = ("vlan", "bridge", "delete vlan", "delete bridge", "mtu", "address", "bond mode")


@contextlib.contextmanager
def make_sim(
    personality: str, version: str, host_module: bool, **options: Any
) -> Iterator[Simulator]:
    """Two hosts with what the operations need."""
    with simulate(
        2,
        vms=0,
        templates=0,
        personality=personality,
        version=version,
        host_module=host_module,
        **options,
    ) as sim:
        if host_module:
            patch_vlan_script(sim)
        add_networks(sim)
        yield sim


def patch_vlan_script(sim: Simulator) -> None:
    """Mend the script that makes VLAN bridges; with the module that of 3.2.1 is seen to need it."""
    for host in sim.hosts:
        script = sim.dom0(host.index) / hostdisk.VLAN_SCRIPT
        text = script.read_text(encoding="ascii")
        script.write_text(text.replace(" setup_bridge_port ", " _setup_bridge_port "))


def add_networks(sim: Simulator) -> None:
    """On each host ``spare`` with an address, on a NIC of its own, and ``spare.30`` on a VLAN."""
    for host in sim.hosts:
        with host.lock:
            found = network.state(host)
            found["nics"]["eth2"] = f"52:54:00:24:49:0{host.index}"
            found["vlans"]["bond0.30"] = {"netdev": "bond0", "vlan": 30}
            found["bridges"]["spare.30"] = {"netdev": "bond0.30", "since": 0.0}
            found["bridges"]["spare"] = {"netdev": "eth2", "since": 0.0}
            found["addresses"]["spare"] = {
                "ip": f"10.7.0.{host.index + 1}", "netmask": "255.255.255.0", "boot": None,
            }  # fmt: skip


def act(driver: Any, operation: str) -> None:
    """Make one of these changes on all hosts."""
    hosts = {one.name: f"10.8.0.{n}/24" for n, one in enumerate(driver.list_locations(), 1)}
    changes: dict[str, Any] = {
        "vlan": lambda: driver.ex_create_network("new", 20, ex_parent="bond0"),
        "bridge": lambda: driver.ex_create_network("new", ex_parent="eth1"),
        "delete vlan": lambda: driver.ex_delete_network("spare.30"),
        "delete bridge": lambda: driver.ex_delete_network("spare", ex_force="storage"),
        "mtu": lambda: driver.ex_update_network("spare", ex_mtu=9000, ex_force="storage"),
        "address": lambda: driver.ex_update_network("spare", ex_address=hosts, ex_force="storage"),
        "bond mode": lambda: driver.ex_set_bond_mode("bond0", 4, ex_force="all"),
    }
    quietly(changes[operation])


def saved(sim: Simulator) -> list[dict[str, Any]]:
    """The networks of the hosts, to be put back."""
    return [copy.deepcopy(network.state(host)) for host in sim.hosts]


def put_back(sim: Simulator, before: list[dict[str, Any]]) -> None:
    for host, state in zip(sim.hosts, before, strict=True):
        with host.lock:
            host.records["network"] = copy.deepcopy(state)


def shown(sim: Simulator) -> list[dict[str, Any]]:
    """What the operations change, host by host."""
    found = []
    for one in saved(sim):
        mine = [name for name in one["bridges"] if name.startswith(("new", "spare"))]
        found.append(
            {
                "bridges": {name: one["bridges"][name]["netdev"] for name in mine},
                "addresses": {name: one["addresses"].get(name, {}).get("ip") for name in mine},
                "vlans": one["vlans"],
                "modes": {name: bond["mode"] for name, bond in one["bonds"].items()},
                "mtu": {name: mtu for name, mtu in one["mtu"].items() if mtu != 1500},
            }
        )
    return found


# ------------------------------------------------------------------ for tests of single cases


def driver_of(sim: Simulator, **options: Any) -> Any:
    return driver_for(sim, ex_traffic_labels=LABELS, **options)


def state_of(sim: Simulator, host: int = 0) -> dict[str, Any]:
    return network.state(sim.hosts[host])


def refused(sim: Simulator, error: type[Exception], reason: str, method: str, *given: Any,
            **options: Any) -> str:  # fmt: skip
    """It is, and nothing that changes anything was sent."""
    with pytest.raises(error, match=reason) as caught:
        quietly(getattr(driver_of(sim), method), *given, **options)
    assert not calls_of(sim, *WRITES)
    return str(caught.value)
