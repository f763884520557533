"""The doctor's findings on networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from libcloud_ovm3.agent.address import Address
from libcloud_ovm3.diagnostics.checks import run_checks
from libcloud_ovm3.diagnostics.collect import collect, record_calls
from libcloud_ovm3.diagnostics.finding import Finding
from libcloud_ovm3.diagnostics.network_checks import (
    check_bridges_of_vms,
    check_labels,
    check_mtus,
    check_networks,
    check_vlans,
)
from libcloud_ovm3.errors import HostUnreachable
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.host_network import HostBridge, HostDevice, HostNetwork
from libcloud_ovm3.estate.networks import NetworkList
from tests.diagnostics.healthy import certificate, collected, defined, host, inventory_data, live
from tests.support import driver_for, simulate

ONE = "0004fb00-0006-0000-0000-000000000001"
BOND = HostDevice("bond0", "bond", mode=1, slaves=("eth0",))
NIC = HostDevice("eth0", "nic", bond="bond0")
BASE = HostBridge("xenbr0", parent="bond0", mtu=1500, ports=("bond0",))


def networks(
    *each: tuple[Sequence[HostDevice], Sequence[HostBridge]] | None,
    definitions: Sequence[Definition] = (),
    guest: bool = False,
    labels: Mapping[str, str] | None = None,
) -> NetworkList:
    """What hosts have, by devices and bridges; None: one that could not be read."""
    views = [host(number) for number in range(1, len(each) + 1)]
    if guest:
        views[0] = host(1, live("web", ONE))
    hosts = [
        HostNetwork(view, error=HostUnreachable("unread"))
        if one is None
        else HostNetwork(view, tuple(one[0]), tuple(one[1]))
        for view, one in zip(views, each, strict=True)
    ]
    read = inventory_data(views, definitions, networks=hosts).networks
    return replace(read, labels=labels or {})


def levels(findings: Sequence[Finding]) -> list[str]:
    return [finding.level for finding in findings]


USUAL = ((NIC, BOND), (BASE,))


def test_a_pool_without_problems_has_one_finding() -> None:
    found = networks(USUAL, USUAL, definitions=[defined("a", vif=["bridge=xenbr0"])], guest=True)
    [one] = check_networks(found)
    assert (one.level, one.found) == ("ok", "networks xenbr0: on ovm-1, ovm-2")
    for check in (check_bridges_of_vms, check_labels, check_vlans, check_mtus):
        assert list(check(found)) == []


def test_what_could_not_be_read_or_understood() -> None:
    doubt = HostBridge("b", ports=("x", "y"), doubt="any of its ports x, y may be it")
    unread, unclear, usual = check_networks(networks(None, ((), (doubt,))))
    assert levels([unread, unclear, usual]) == ["warning", "warning", "ok"]
    assert unread.found == "ovm-1: its network could not be read: unread"
    assert unclear.found == "ovm-2: bridge b: any of its ports x, y may be it"
    assert usual.found == "networks b: on ovm-2"


# ------------------------------------------------------------------ what is missing


@pytest.mark.parametrize("name", ["nowhere", "xenbr0.120", "xenbr1.120", "xenbr0.4095"])
def test_a_bridge_that_a_vm_cfg_names(name: str) -> None:
    """A VLAN bridge that its start would make is no problem."""
    found = networks(USUAL, USUAL, definitions=[defined("a", vif=[f"bridge={name}"])])
    findings = list(check_bridges_of_vms(found))
    if name == "xenbr0.120":
        assert findings == []
        return
    [one] = findings
    assert (one.level, one.means) == ("error", "cannot be started on any host")
    assert f"bridge {name} in vm.cfg is missing; ovm-1: it has no bridge {name}" in one.found
    assert f"; ovm-2: it has no bridge {name}" in one.found
    assert "VM 'a' (" in one.found


def test_a_bridge_that_only_some_hosts_have() -> None:
    more = ((NIC, BOND), (BASE, HostBridge("lab", is_local=True)))
    vms = [defined(name, vif=["bridge=lab", "bridge=xenbr0"]) for name in ("a", "b")]
    [one] = check_bridges_of_vms(networks(USUAL, more, None, definitions=vms))
    assert one.level == "warning"
    assert "VM 'a'" in one.found
    assert "VM 'b'" in one.found
    assert one.found.endswith("bridge lab in vm.cfg is missing; ovm-1: it has no bridge lab")


def test_a_vlan_that_cannot_be_made_over_its_bond() -> None:
    other = ((NIC, replace(BOND, mode=6)), (BASE,))
    vm = defined("a", vif=["bridge=xenbr0.120"])
    [one] = check_bridges_of_vms(networks(USUAL, other, definitions=[vm]))
    assert "ovm-2: it has no bridge xenbr0.120, and bond bond0 has mode 6" in one.found
    assert "ovm-1" not in one.found
    assert (one.level, one.means) == ("warning", "cannot be started there")


def test_where_a_host_could_not_be_read_it_may_be_there() -> None:
    vm = defined("a", vif=["bridge=lab"])
    [one] = check_bridges_of_vms(networks(USUAL, None, definitions=[vm]))
    assert one.level == "warning"


def test_a_host_without_the_repository_needs_no_bridge() -> None:
    vm = defined("a", vif=["bridge=nowhere"])
    found = networks(USUAL, definitions=[replace(vm, repository_id="0" * 32)])
    assert list(check_bridges_of_vms(found)) == []


def test_labels() -> None:
    labels = {"public": "xenbr0", "storage": "bond0.7", "management": "eth0"}
    found = check_labels(networks(USUAL, ((NIC,), ()), None, labels=labels))
    public, storage = (one for one in found if "which is missing on" in one.found)
    assert levels([public, storage]) == ["error", "error"]
    assert public.found == "the traffic label public is on xenbr0, which is missing on ovm-2"
    assert storage.found == "the traffic label storage is on bond0.7, which is missing on ovm-2"


def test_labels_whose_device_has_no_bridge() -> None:
    """It comes with the first VM, or cannot."""
    free = HostDevice("eth1", "nic")
    tagged = HostDevice("eth1.7", "vlan", parent="eth1", vlan=7)
    bare = ((NIC, BOND, free, tagged), (BASE,))
    other = ((free,), (HostBridge("x", parent="eth1", ports=("eth1",)),))
    labels = {"guest": "eth1", "public": "bond0", "storage": "eth1.7", "management": "eth0"}
    found = check_labels(networks(bare, other, None, labels=labels))
    missing = [one for one in found if "which is missing on" not in one.found]
    assert [(one.level, one.found) for one in missing[:1]] == [
        ("note", "the traffic label guest is on eth1, which has no bridge on ovm-1")
    ]
    assert "the bridge breth1" in missing[0].means
    reasons = {one.found.partition("; ")[2]: one.level for one in missing[1:]}
    assert list(reasons.values()) == ["note", "warning", "warning"]
    tagged_one, slave = list(reasons)[1:]
    assert tagged_one.startswith(
        "ovm-1: it has no bridge breth1.7 (for the label storage, on eth1.7), and the VLAN device "
    )
    assert slave.startswith("ovm-1: it has no bridge breth0 (for the label management, on eth0), ")
    assert slave.endswith(" eth0 is a slave of bond bond0")


# ------------------------------------------------------------------ VLANs and MTUs


def test_a_vlan_device_without_the_device_below() -> None:
    vlan = HostDevice("bond9.5", "vlan", parent="bond9", vlan=5)
    bridge = HostBridge("x.5", parent="bond9.5", vlan=5, ports=("bond9.5",))
    [one] = check_vlans(networks(((NIC, BOND, vlan), (BASE, bridge))))
    assert one.level == "error"
    assert one.found == (
        "ovm-1: VLAN device bond9.5 is on bond9, which does not exist; bridge x.5 is on it"
    )


def test_a_vlan_bridge_that_has_lost_its_vlan_device() -> None:
    lost = HostBridge("xenbr0.5", is_local=True, ports=("vif7.0",), guests=(ONE,))
    [one] = check_vlans(networks((USUAL[0], (BASE, lost)), guest=True))
    assert one.level == "error"
    assert "bridge xenbr0.5 has no VLAN device" in one.found
    assert "on it: VM 'web'" in one.found
    empty = replace(lost, ports=(), guests=())
    assert levels(list(check_vlans(networks((USUAL[0], (BASE, empty)))))) == ["warning"]
    alone = networks(((), (empty,)))
    assert list(check_vlans(alone)) == [], "a local bridge may have any name"
    there = HostBridge("xenbr0.5", parent="bond0.5", vlan=5, ports=("bond0.5",))
    device = HostDevice("bond0.5", "vlan", parent="bond0", vlan=5)
    elsewhere = networks(((), (empty,)), ((NIC, BOND, device), (there,)))
    assert levels(list(check_vlans(elsewhere))) == ["warning"]


def test_a_vlan_bridge_on_another_vlan() -> None:
    device = HostDevice("bond0.6", "vlan", parent="bond0", vlan=6)
    bridge = HostBridge("xenbr0.5", parent="bond0.6", vlan=6, ports=("bond0.6",))
    [one] = check_vlans(networks(((NIC, BOND, device), (BASE, bridge))))
    assert (one.level, one.about) == ("warning", "VLAN")
    assert "xenbr0.5 is not on VLAN 5 of bond0, as its name says: it is on bond0.6" in one.found
    assert "none is started" not in one.means
    assert "network delete" not in one.advice
    labelled = networks(((NIC, BOND, device), (BASE, bridge)), labels={"guest": "bond0"})
    [one] = [found for found in check_vlans(labelled) if "xenbr0.5" in found.found]
    assert one.means.endswith("none is started there")
    right = replace(bridge, name="xenbr0.6")
    assert list(check_vlans(networks(((NIC, BOND, device), (BASE, right))))) == []


def test_the_mtu_that_a_vlan_bridge_would_get() -> None:
    """A start on another host, or a second one on this, gives it that of the device below."""
    device = HostDevice("bond0.5", "vlan", parent="bond0", vlan=5, mtu=1500)
    bridge = HostBridge("xenbr0.5", parent="bond0.5", vlan=5, ports=("bond0.5",), mtu=1500)
    large = replace(BOND, mtu=9000)
    [one] = check_mtus(networks(((NIC, large, device), (BASE, bridge)), USUAL))
    assert (one.level, one.about) == ("note", "MTU")
    assert one.found.endswith("what its VLAN is on: ovm-1 1500, bond0 9000")
    same = ((NIC, replace(BOND, mtu=1500), device), (BASE, bridge))
    assert list(check_mtus(networks(same))) == []


def test_mtus() -> None:
    larger = ((NIC, BOND), (replace(BASE, mtu=9000),))
    unknown = ((NIC, BOND), (replace(BASE, mtu=None),))
    [one] = check_mtus(networks(USUAL, larger, unknown, None))
    assert (one.level, one.about) == ("warning", "MTU")
    assert one.found == "network xenbr0 has different MTUs: ovm-1 1500, ovm-2 9000"
    assert list(check_mtus(networks(USUAL, unknown))) == []
    below = ((NIC, replace(BOND, mtu=9000)), unknown[1])  # a bridge that does not show its own
    assert [one.found for one in check_mtus(networks(USUAL, below))] == [one.found]


# ------------------------------------------------------------------ with simulated hosts


def test_with_simulated_hosts() -> None:
    base = "10e69b4de3"
    with simulate(hosts=2, vms=0) as sim:
        second = sim.hosts[1]
        agent = driver_for(sim)._estate.agent(Address(second.address, second.port))
        agent.network.ovs_change_mtu(base, 9000)
        sim.add_vm("vlan", config={"vif": [f"bridge={base}.120"]})
        sim.add_vm("lost", config={"vif": ["bridge=nowhere"]})
        estate = driver_for(sim, ex_traffic_labels={"guest": "bond7"})._estate
        found = collect(record_calls(estate, []), certificate, "verified")
        about = ("network", "MTU", "VLAN", "label")
        findings = [one for one in run_checks(found) if one.about in about]
    assert [(one.level, one.about) for one in findings] == [
        ("ok", "network"),
        ("error", "network"),
        ("error", "label"),
        ("warning", "MTU"),
    ]
    assert findings[0].found == f"networks {base}, control0: on ovm-1, ovm-2"
    assert "VM 'lost'" in findings[1].found
    assert f"network {base} has different MTUs: ovm-1 1500, ovm-2 9000" == findings[3].found


def test_the_checks_are_among_all_checks() -> None:
    data = inventory_data()
    read = networks(USUAL, None)
    about = {one.about for one in run_checks(collected(replace(data, networks=read)))}
    assert "network" in about
