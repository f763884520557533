"""ex_list_networks and ex_list_network_devices: what carries what, and what is not known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from libcloud_ovm3 import OVM3NodeDriver
from libcloud_ovm3.agent.address import Address
from libcloud_ovm3.errors import (
    AgentFault,
    HostNotFound,
    HostUnreachable,
    InvalidArgument,
    Ovm3Error,
    Ovm3Warning,
    SearchIncomplete,
)
from libcloud_ovm3.simulator import Simulator
from tests.support import calls_of, driver_for, quietly, simulate

CASES = Path(__file__).parent / "cases"
AGENT_CASES = Path(__file__).parents[1] / "agent" / "cases"
MANAGEMENT = "10e69b4de3"
CARD = "mac=00:21:f6:00:00:0{},bridge={}"


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    """The first host has a VLAN bridge; the VMs' cards are on it, and on one that is nowhere."""
    with simulate(hosts=3, vms=0, host_module=[0]) as simulator:
        agent_of(simulator, 0).network.ovs_vlan_bridge("start", f"{MANAGEMENT}.120", "bond0", 120)
        cards = [CARD.format(1, MANAGEMENT), CARD.format(2, f"{MANAGEMENT}.120")]
        simulator.add_vm("web", running_on=0, config={"vif": cards})
        simulator.add_vm("db", config={"vif": [CARD.format(3, f"{MANAGEMENT}.120")]})
        simulator.add_vm("lost", config={"vif": [CARD.format(4, "nowhere")]})
        yield simulator


@pytest.fixture
def driver(sim: Simulator) -> OVM3NodeDriver:
    return driver_for(sim)


def agent_of(sim: Simulator, index: int) -> Any:
    host = sim.hosts[index]
    return driver_for(sim)._estate.agent(Address(host.address, host.port))


def names(entries: list[dict[str, Any]], key: str = "host") -> list[Any]:
    return [one[key] for one in entries]


def test_networks(driver: OVM3NodeDriver) -> None:
    found = {network.name: network for network in driver.ex_list_networks()}
    assert list(found) == sorted(["control0", MANAGEMENT, f"{MANAGEMENT}.120"])
    management, vlan, local = (
        found[name].extra for name in (MANAGEMENT, f"{MANAGEMENT}.120", "control0")
    )
    assert (found["control0"].id, found["control0"].driver) == ("control0", driver)
    assert names(management["hosts"]) == ["ovm-1", "ovm-2", "ovm-3"]
    assert (management["missing_on"], management["unread_on"]) == ([], [])
    on_first = management["hosts"][0]
    assert (on_first["parent"], on_first["parent_kind"]) == ("bond0", "bond")
    assert on_first["below"] == ["bond0", "eth0"]
    assert on_first["addresses"] == ["127.0.0.2/24"]
    assert "CLUSTER_HEARTBEAT" in on_first["roles"]
    assert names(on_first["guests"], "node_name") == ["web"]
    assert management["hosts"][1]["guests"] == []
    assert (local["is_local"], local["vlan"], management["is_local"]) == (True, None, False)
    assert (names(vlan["hosts"]), names(vlan["missing_on"])) == (["ovm-1"], ["ovm-2", "ovm-3"])
    assert names(vlan["missing_on"], "is_made_at_start") == [True, True]
    [there] = vlan["hosts"]
    assert (there["parent"], there["parent_kind"]) == ("bond0.120", "vlan")
    assert there["below"] == ["bond0.120", "bond0", "eth0"]
    assert (there["vlan"], vlan["vlan"]) == (120, 120)


def test_nodes_with_a_card_on_it_running_or_not(driver: OVM3NodeDriver) -> None:
    [vlan] = [one for one in driver.ex_list_networks() if one.name.endswith(".120")]
    assert [(one["node_name"], one["where"]) for one in vlan.extra["nodes"]] == [
        ("db", "defined"),
        ("web", "live and defined"),
    ]
    assert names(vlan.extra["hosts"][0]["guests"], "node_name") == ["web"]


def test_devices(driver: OVM3NodeDriver) -> None:
    found = {one.name: one for one in driver.ex_list_network_devices("ovm-1")}
    assert {name: one.kind for name, one in found.items()} == {
        "eth0": "nic",
        "eth1": "nic",
        "bond0": "bond",
        "bond0.120": "vlan",
    }
    bond, vlan, slave = (found[name].extra for name in ("bond0", "bond0.120", "eth0"))
    assert found["bond0"].id == f"{bond['host_id']}/bond0"
    assert (bond["mode"], bond["slaves"], bond["bridge"]) == (1, ["eth0"], MANAGEMENT)
    assert (vlan["parent"], vlan["vlan"], vlan["bridge"]) == ("bond0", 120, f"{MANAGEMENT}.120")
    assert (slave["bond"], slave["bridge"], slave["is_up"]) == ("bond0", None, True)
    assert found["eth1"].extra["mac"] == "52:54:00:24:48:10"


@pytest.mark.parametrize("version", ["3.2.1", "3.3.3"])
def test_what_carries_a_bridge_with_guests_on_it(personality: str, version: str) -> None:
    """Ports come in another order, with taps, and bonds in another list: the answer is the same."""
    with simulate(1, vms=0, version=version, personality=personality, host_module=True) as sim:
        driver = driver_for(sim)
        [base] = [one.name for one in driver.ex_list_networks() if not one.extra["is_local"]]
        for number, is_hvm in enumerate((False, True)):
            kind = {"OVM_domain_type": "xen_hvm", "builder": "hvm"} if is_hvm else {}
            sim.add_vm(
                f"v{number}", running_on=0, config={"vif": [CARD.format(number, base)], **kind}
            )
        [network] = [one for one in driver.ex_list_networks() if one.name == base]
        [bond] = [one for one in driver.ex_list_network_devices() if one.kind == "bond"]
    [there] = network.extra["hosts"]
    assert (there["parent"], there["parent_kind"], there["doubt"]) == ("bond0", "bond", None)
    assert names(there["guests"], "node_name") == ["v0", "v1"]
    assert there["below"][0] == "bond0"
    assert (bond.name, bond.extra["mode"], bond.extra["bridge"]) == ("bond0", 1, base)
    assert bond.extra["slaves"]
    assert "MANAGEMENT" in bond.extra["roles"]


def test_traffic_labels(sim: Simulator) -> None:
    """That of a VLAN device that is not there belongs to nothing."""
    labels = {"guest": "bond0", "public": f"{MANAGEMENT}.120", "storage": "bond0.999"}
    driver = driver_for(sim, ex_traffic_labels=labels)
    found = {one.name: one.extra for one in driver.ex_list_networks()}
    assert found[MANAGEMENT]["labels"] == ["guest"]
    assert [one["labels"] for one in found[MANAGEMENT]["hosts"]] == [["guest"]] * 3
    assert found[f"{MANAGEMENT}.120"]["labels"] == ["public"]
    assert found["control0"]["labels"] == []
    devices = driver.ex_list_network_devices("ovm-1")
    assert {one.name: one.extra["labels"] for one in devices if one.extra["labels"]} == {
        "bond0": ["guest"]
    }


def test_of_one_host(sim: Simulator, driver: OVM3NodeDriver) -> None:
    found = driver.ex_list_networks(sim.hosts[1].address)
    assert [one.name for one in found] == [MANAGEMENT, "control0"]
    assert names(found[0].extra["hosts"]) == ["ovm-1", "ovm-2", "ovm-3"]
    devices = driver.ex_list_network_devices(driver.list_locations()[1])
    assert {one.extra["host"] for one in devices} == {"ovm-2"}
    with pytest.raises(HostNotFound, match="no host 'nobody'"):
        driver.ex_list_networks("nobody")


def test_reading_changes_nothing(sim: Simulator, driver: OVM3NodeDriver) -> None:
    sim.calls.clear()
    driver.ex_list_networks()
    driver.ex_list_network_devices()
    assert not [name for name in calls_of(sim) if name.startswith("ovs_")]


def test_a_host_whose_network_cannot_be_read(sim: Simulator, driver: OVM3NodeDriver) -> None:
    sim.misbehave("fault", "discover_network", host=2, text="no network", times=None)
    try:
        with pytest.warns(Ovm3Warning, match="ovm-3.*no network"):
            found = {one.name: one.extra for one in driver.ex_list_networks()}
        [unread] = found[f"{MANAGEMENT}.120"]["unread_on"]
        assert (unread["host"], "no network" in unread["error"]) == ("ovm-3", True)
        assert names(found[f"{MANAGEMENT}.120"]["missing_on"]) == ["ovm-2"]
        assert names(found[MANAGEMENT]["hosts"]) == ["ovm-1", "ovm-2"]
        with pytest.raises(Ovm3Error, match="no network"):
            driver.ex_list_networks(ex_strict=True)
        with pytest.raises(Ovm3Error, match="no network"):
            driver_for(sim, ex_strict=True).ex_list_network_devices()
        with pytest.raises(AgentFault, match="no network"):
            driver.ex_list_network_devices("ovm-3")
        assert [one.name for one in quietly(driver.ex_list_networks, "ovm-2")]
    finally:
        sim.clear_misbehaviour()


def test_a_wrong_flag_is_an_error_before_anything_is_sent(
    sim: Simulator, driver: OVM3NodeDriver
) -> None:
    sim.calls.clear()
    for method in (driver.ex_list_networks, driver.ex_list_network_devices, driver.list_nodes):
        with pytest.raises(InvalidArgument, match="ex_strict"):
            method(ex_strict="perhaps")
    assert calls_of(sim) == []


def test_a_host_that_is_off() -> None:
    with simulate(hosts=2, vms=0) as sim:
        sim.hosts[1].kill()
        driver = driver_for(sim)
        with pytest.warns(Ovm3Warning):
            [management, _] = driver.ex_list_networks()
        assert names(management.extra["hosts"]) == ["ovm-1"]
        assert management.extra["missing_on"] == []
        [unread] = management.extra["unread_on"]
        assert (unread["host_id"], sim.hosts[1].address in unread["host"]) == (None, True)
        with pytest.raises(SearchIncomplete):
            driver.ex_list_networks("ovm-2")
        with pytest.raises(HostUnreachable):
            driver.ex_list_networks(ex_strict="true")


# ------------------------------------------------------------------ field cases


def read(document: str) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """The networks and devices of a host whose discover_network returns this."""
    with simulate(hosts=1, vms=0) as sim:
        sim.misbehave("answer", "discover_network", times=None, value=document)
        driver = driver_for(sim)
        networks = {one.name: one.extra for one in driver.ex_list_networks()}
        return networks, {one.name: one for one in driver.ex_list_network_devices()}


def test_c04_names_in_any_script() -> None:
    networks, devices = read((AGENT_CASES / "C04.document.xml").read_text("utf-8"))
    assert networks == {}
    assert {name: (one.kind, one.extra["roles"]) for name, one in devices.items()} == {
        "bond0": ("bond", ["VIRTUAL_MACHINE"]),
        "bond1": ("bond", ["VIRTUAL_MACHINE"]),
    }


def test_the_sample_of_a_real_host() -> None:
    networks, devices = read((AGENT_CASES / "discover_network.xml").read_text("utf-8"))
    [there] = networks["bridges0"]["hosts"]
    assert (there["parent"], there["addresses"]) == ("bond0", ["192.168.1.64/24"])
    assert there["below"] == [], "the document does not describe that device"
    assert devices["network0"].extra["has_unknown_roles"], "the recorded text is cut off"
    bond = devices["bonding0"]
    assert (bond.kind, bond.extra["mode"], bond.extra["slaves"]) == ("bond", 1, ["eth1"])
    assert (bond.extra["mac"], bond.extra["mtu"]) == ("52:54:00:26:7f:a0", 1500)


def files_of(case: str) -> dict[str, dict[str, str]]:
    """The ifcfg- files of a case: their settings by the name of the device."""
    found: dict[str, dict[str, str]] = {}
    for part in (CASES / case).read_text("utf-8").split("==> ")[1:]:
        title, _, content = part.partition(" <==\n")
        pairs = (line.partition("=") for line in content.splitlines() if "=" in line)
        found[title.removeprefix("ifcfg-")] = {key: value.strip('"') for key, _, value in pairs}
    return found


def test_o08_a_bridge_of_the_manager_without_metadata() -> None:
    """Roles that nothing records are unknown: the address in its name does not tell them."""
    files = files_of("O08.ifcfg.txt")
    bond, bridge, nic = (files[name] for name in ("bond0", "0a0a0a00", "eth0"))
    primary = bond["BONDING_OPTS"].partition("primary=")[2]
    networks, devices = read(
        f"""<Discover_Network_Result><Network><Active>
        <Network><Device Name="{primary}"><MAC>{nic["HWADDR"]}</MAC></Device></Network>
        <Bonding><Device Name="{nic["MASTER"]}"><Bonding_Mode>active-backup</Bonding_Mode>
        <Primary_Slave>{primary} (primary_reselect always)</Primary_Slave>
        <Currently_Active_Slave>{primary}</Currently_Active_Slave>
        <Slave_Interface Name="{primary}"/></Device></Bonding>
        <Bridges><Device Name="{bond["BRIDGE"]}"><Family Type="AF_INET">
        <Address>{bridge["IPADDR"]}</Address><Netmask>{bridge["NETMASK"]}</Netmask></Family>
        <Interfaces><PhyInterface>{bond["DEVICE"]}</PhyInterface></Interfaces></Device></Bridges>
        </Active></Network></Discover_Network_Result>"""
    )
    [there] = networks["0a0a0a00"]["hosts"]
    assert (there["parent"], there["below"]) == ("bond0", ["bond0", "eth0"])
    assert there["addresses"] == ["10.10.10.11/24"]
    assert (there["roles"], there["has_unknown_roles"]) == ([], False)
    found = devices["bond0"].extra
    assert (found["mode"], found["slaves"], found["active_slave"]) == (1, ["eth0"], "eth0")
    assert found["primary_slave"] == primary == "eth0"
    assert found["roles"] == []
    assert devices["eth0"].extra["mac"] == "02:00:00:00:00:8a"
