"""What the doctor finds of networks where a host has the host module."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from libcloud_ovm3.agent.host_bridges import BridgeUser, KernelBridge, MadeBridge
from libcloud_ovm3.agent.host_networks import ControlInterface, NetworkSetup, Route
from libcloud_ovm3.agent.hostmodule import HostModule
from libcloud_ovm3.diagnostics.checks import run_checks
from libcloud_ovm3.diagnostics.collect import MemberData, collect
from libcloud_ovm3.diagnostics.finding import Finding
from libcloud_ovm3.diagnostics.network_module_checks import (
    OLD,
    check_control0,
    check_made_bridges,
    check_network_reads,
    check_setup,
    check_zeroconf,
)
from libcloud_ovm3.diagnostics.network_reads import NetworkReads, read_networks_of_module
from libcloud_ovm3.errors import HostUnreachable
from libcloud_ovm3.estate.host_network import HostBridge, HostNetwork
from libcloud_ovm3.estate.networks import NetworkList
from libcloud_ovm3.simulator import Simulator
from tests.diagnostics.healthy import certificate, host, inventory_data, live, member
from tests.diagnostics.troubled import estate_of
from tests.support import calls_of, driver_for, simulate

ONE = "0004fb00-0006-0000-0000-000000000001"
GONE = "0004fb00-0006-0000-0000-000000000002"
CONTROL0 = HostBridge("control0", is_local=True, addresses=("169.254.0.1/16",))
OWN = Route("control0", "169.254.0.0", 16, "", 0)
RIGHT = ControlInterface(True, True, True, ("169.254.0.1/16",), (OWN,), (), False)
SETUP = NetworkSetup("works", "off", "linuxbridge", ())
ROUTE = {"device": "x", "destination": "169.254.0.0", "prefix_length": 16, "gateway": ""}
MADE = KernelBridge("b.5", True, ("bond0.5",), made=MadeBridge("c", "o", "bond0", 5))


def pool(*reads: NetworkReads, guests: Sequence[str] = ()) -> tuple[list[MemberData], NetworkList]:
    """Hosts with control0, of which the module has read this; a VM is live on the first one."""
    views = [host(number) for number in range(1, len(reads) + 1)]
    views[0] = host(1, live("web", ONE))
    bridge = replace(CONTROL0, guests=tuple(guests))
    found = inventory_data(views, networks=[HostNetwork(view, (), (bridge,)) for view in views])
    members = [member(view, network=one) for view, one in zip(views, reads, strict=True)]
    return members, found.networks


def test_nothing_is_wrong() -> None:
    right = NetworkReads(SETUP, RIGHT, (replace(MADE, users=(user(ONE),)),))
    members, found = pool(right, NetworkReads())
    findings = [*check_network_reads(members), *check_setup(members)]
    findings += [*check_control0(members, found), *check_zeroconf(members, found)]
    assert [*findings, *check_made_bridges(members, found)] == []


def test_what_could_not_be_read() -> None:
    error = HostUnreachable("no module")
    found = list(check_network_reads(pool(NetworkReads(error, error, error, error))[0]))
    assert [one.level for one in found] == ["warning"] * 4
    assert {one.found for one in found} == {
        "ovm-1: the host module could not read its network: no module"
    }


# ------------------------------------------------------------------ control0, zeroconf, scripts


def test_control0_without_vms_is_a_note_for_all_hosts() -> None:
    wrong = NetworkReads(control=replace(RIGHT, arp=False))
    [one] = check_control0(*pool(wrong, wrong, NetworkReads()))
    assert (one.level, one.found) == ("note", "ovm-1, ovm-2: ARP is off on control0")
    assert "`ovm3 network repair-control0 192.0.2.1:8899`; `ovm3" in one.advice


def test_control0_with_a_vm_on_it() -> None:
    [one] = check_control0(*pool(NetworkReads(control=replace(RIGHT, up=False)), guests=[ONE]))
    assert one.level == "warning"
    assert one.found == f"ovm-1: control0 is down; on it: VM 'web' ({ONE})"


def test_an_address_that_the_agent_does_not_report_may_be_there() -> None:
    members, found = pool(NetworkReads(), guests=[ONE])
    [host_of] = found.hosts
    bridge = replace(CONTROL0, addresses=(), guests=(ONE,))
    [one] = check_control0(members, replace(found, hosts=(replace(host_of, bridges=(bridge,)),)))
    assert one.level == "note"
    assert one.found == (
        "ovm-1: control0 has no address instead of 169.254.0.1/16, as the agent reports it"
    )


def test_zeroconf() -> None:
    on = NetworkReads(replace(SETUP, zeroconf="on"))
    older = NetworkReads(routes=(ROUTE, {**ROUTE, "device": "control0"}))
    unrelated = NetworkReads(routes=({**ROUTE, "gateway": "10.0.0.1"},))
    boot, now = check_zeroconf(*pool(on, older, on, unrelated))
    assert boot.found == "ovm-1, ovm-3: zeroconf adds a route to 169.254.0.0/16 at each boot"
    assert now.found == "ovm-2: a route to 169.254.0.0/16 leads to x"
    assert "`ovm3 host install 192.0.2.2:8899` (patch zeroconf)" in now.advice


def test_zeroconf_without_control0_is_no_problem() -> None:
    members, found = pool(NetworkReads(replace(SETUP, zeroconf="on")))
    without = replace(found, hosts=tuple(replace(one, bridges=()) for one in found.hosts))
    assert list(check_zeroconf(members, without)) == []
    assert list(check_control0(members, without)) == []


def test_what_prevents_vlans() -> None:
    broken = NetworkReads(replace(SETUP, vlan_script="broken"))
    switched = NetworkReads(replace(SETUP, switch="openvswitch", vlan_script="unknown"))
    script, switch = check_setup(pool(broken, switched)[0])
    assert (script.level, script.about) == ("warning", "VLAN script")
    assert script.found.startswith("ovm-1: ")
    assert "`ovm3 host install 192.0.2.1:8899` (patch vlan-bridge)" in script.advice
    assert (switch.level, switch.found) == ("note", "ovm-2: configured for Open vSwitch")


# ------------------------------------------------------------------ bridges that were made for VMs


def user(vm_id: str, age_seconds: int = OLD) -> BridgeUser:
    return BridgeUser(vm_id, "client", "operation", age_seconds)


@pytest.mark.parametrize(
    ("bridge", "text"),
    [
        (replace(MADE, users=(user(ONE), user(GONE))), f"kept for VM {GONE}, which does not run"),
        (MADE, "was made for VMs, and none of them is there any more"),
        (KernelBridge("b.5", False, error="unreadable record"), "unreadable record"),
    ],
)
def test_what_is_left(bridge: KernelBridge, text: str) -> None:
    [one] = check_made_bridges(*pool(NetworkReads(bridges=(bridge,))))
    assert (one.level, one.about) == ("note", "VLAN")
    assert one.found.startswith("ovm-1: bridge b.5")
    assert text in one.found
    assert "`ovm3 network release`" in one.advice


@pytest.mark.parametrize(
    "bridge",
    [
        replace(MADE, users=(user(GONE, OLD - 1),)),  # its start may go on
        replace(MADE, ports=("bond0.5", "vif7.0")),
        replace(MADE, exists=False),
        KernelBridge("somebodys", True),
    ],
)
def test_what_is_no_leftover(bridge: KernelBridge) -> None:
    assert list(check_made_bridges(*pool(NetworkReads(bridges=(bridge,))))) == []


# ------------------------------------------------------------------ with simulated hosts


def findings_of(sim: Simulator, *about: str) -> list[Finding]:
    return [
        one for one in run_checks(collect(estate_of(sim), certificate, "verified"))
        if one.about in about
    ]  # fmt: skip


def test_with_simulated_hosts() -> None:
    answers = {"VLAN bridges on 3.2.1 to 3.3.2": "fault"}
    with simulate(hosts=2, vms=0, version="3.2.1", host_module=[0], answers=answers) as sim:
        sim.add_vm("system", running_on=0, config={"vif": ["bridge=control0"]})
        before = findings_of(sim, "control0", "zeroconf", "VLAN script", "VLAN")
        driver = driver_for(sim)
        module = HostModule(driver.connection)
        module.set_control_interface("tests", "0" * 32, "control0", "169.254.0.1", 16)
        after = findings_of(sim, "control0")
        sim.calls.clear()
        older = read_networks_of_module(module, 2)
        asked = calls_of(sim)
    assert [(one.level, one.about) for one in before] == [
        ("warning", "control0"),
        ("note", "zeroconf"),
        ("warning", "VLAN script"),
    ]
    assert "ovm-1: ARP is off on control0; a route to 169.254.0.0/16 leads to" in before[0].found
    assert "VM 'system'" in before[0].found
    assert after == []
    assert asked == ["libcloud_routes"], "an older module is asked for nothing that it lacks"
    assert isinstance(older.routes, tuple)
    assert older.setup is older.control is older.bridges is None
