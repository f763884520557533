"""``ovm3 network``: the tree of each host, records for programs, one network."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
import yaml

from libcloud_ovm3.agent.address import Address
from libcloud_ovm3.agent.documents import Server
from libcloud_ovm3.cli.network_tree import host_tree
from libcloud_ovm3.cli.output import show_tree
from libcloud_ovm3.estate.host_network import HostBridge, HostDevice, HostNetwork
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.networks import NetworkList
from libcloud_ovm3.estate.states import State
from libcloud_ovm3.estate.vms import VM, EstateSnapshot
from libcloud_ovm3.simulator import Simulator
from tests.cli.running import address, on, on_terminal, options
from tests.support import driver_for, simulate

BRIDGE = "10e69b4de3"
TREE = f"""\
ovm-1 (ADDRESS)
├── eth1: NIC, MTU 1500
├── bond0: bond, active-backup (mode 1), slaves eth0 (active), MTU 1500, MANAGEMENT, \
CLUSTER_HEARTBEAT, LIVE_MIGRATE, VIRTUAL_MACHINE
│   ├── {BRIDGE}: bridge, 127.0.0.2/24, MTU 1500
│   │   └── VM web
│   └── bond0.120: VLAN 120, MTU 1500
│       └── {BRIDGE}.120: bridge, MTU 1500
│           └── VM web
└── local bridges
    └── control0: bridge, 169.254.0.1/16, MTU 1500
"""


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with simulate(hosts=2, vms=0, host_module=[0]) as simulator:
        first = simulator.hosts[0]
        agent = driver_for(simulator)._estate.agent(Address(first.address, first.port))
        agent.network.ovs_vlan_bridge("start", f"{BRIDGE}.120", "bond0", 120)
        cards = [f"mac=00:21:f6:00:00:01,bridge={BRIDGE}", f"bridge={BRIDGE}.120"]
        simulator.add_vm("web", running_on=0, config={"vif": cards})
        yield simulator


def test_the_tree_of_each_host(sim: Simulator) -> None:
    shown = on(sim, "network", "list").stdout
    first, second = shown.split("ovm-2", 1)
    assert first == TREE.replace("ADDRESS", address(sim))
    assert second.endswith(f"└── made when a VM needs them: {BRIDGE}.120\n")
    assert "VM web" not in second
    alone = on(sim, "network", "list", "--on", "ovm-1")
    assert alone.stdout == first
    names = on(sim, "network", "list", "--on", "ovm-2", "-o", "name").stdout.split()
    assert names == [BRIDGE, "control0"], "what this host has"
    devices = on(sim, "network", "list", "--devices", "--on", "ovm-2", "-o", "json").stdout
    assert {one["host"] for one in json.loads(devices)} == {"ovm-2"}
    nowhere = on(sim, "network", "list", "--on", "ovm-9")
    assert (nowhere.exit_code, "no host 'ovm-9'" in nowhere.stderr) == (1, True)


def test_traffic_labels(sim: Simulator) -> None:
    """Of what has a bridge, it is that which carries them."""
    labels = ["--traffic-label", "guest=bond0", "--traffic-label", "storage=eth1"]
    shown = on(sim, "network", "list", *labels).stdout
    assert f"│   ├── {BRIDGE}: bridge, 127.0.0.2/24, MTU 1500, label guest\n" in shown
    assert "├── eth1: NIC, MTU 1500, label storage\n" in shown
    for name in ("guest", "guest:120"):
        shown = on(sim, "network", "show", name, "-o", "name", *labels).stdout
        assert shown == f"{BRIDGE}{name.removeprefix('guest').replace(':', '.')}\n"
    unknown = on(sim, "network", "show", "lab:120", *labels)
    assert (unknown.exit_code, "unknown label 'lab'" in unknown.stderr) == (2, True)
    assert "labels   guest\n" in on(sim, "network", "show", BRIDGE, *labels).stdout
    records = json.loads(on(sim, "network", "list", "-o", "json", *labels).stdout)
    assert [one["labels"] for one in records] == [["guest"], [], []]
    devices = json.loads(on(sim, "network", "list", "--devices", "-o", "json", *labels).stdout)
    assert {(one["name"], *one["labels"]) for one in devices if one["labels"]} == {
        ("bond0", "guest"), ("eth1", "storage"),
    }  # fmt: skip


def test_a_label_that_stands_for_several_bridges() -> None:
    with simulate(hosts=2, vms=0) as sim:
        estate = driver_for(sim)._estate
        for host, name in zip(sim.hosts, ("one", "two"), strict=True):
            agent = estate.agent(Address(host.address, host.port))
            agent.network.ovs_br_config("start", name, "eth1")
        done = on(sim, "network", "show", "storage", "--traffic-label", "storage=eth1")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "'storage' may be any of these networks: one, two" in done.stderr


def test_records(sim: Simulator) -> None:
    records = json.loads(on(sim, "network", "list", "-o", "json").stdout)
    assert [one["name"] for one in records] == [BRIDGE, f"{BRIDGE}.120", "control0"]
    assert on(sim, "network", "list", "-o", "name").stdout.split() == [one["id"] for one in records]
    vlan = yaml.safe_load(on(sim, "network", "show", f"{BRIDGE}.120", "-o", "yaml").stdout)
    assert vlan == records[1]
    assert (vlan["vlan"], vlan["missing_on"][0]["host"]) == (120, "ovm-2")
    assert vlan["missing_on"][0]["is_made_at_start"] is True


def test_devices(sim: Simulator) -> None:
    rows = [line.split("\t") for line in on(sim, "network", "list", "--devices").stdout.split("\n")]
    found = {(row[0], row[1]): dict(zip(rows[0], row, strict=True)) for row in rows[1:-1]}
    assert found["ovm-1", "bond0.120"]["kind"] == "VLAN 120"
    assert found["ovm-1", "bond0.120"]["on"] == "bond0"
    assert found["ovm-2", "bond0"]["kind"] == "bond, active-backup (mode 1), slaves eth0"
    assert found["ovm-2", "eth0"]["kind"] == "NIC, slave of bond0"
    assert ("ovm-2", "bond0.120") not in found
    records = json.loads(on(sim, "network", "list", "--devices", "-o", "json").stdout)
    assert {one["kind"] for one in records} == {"nic", "bond", "vlan"}


def test_one_network(sim: Simulator) -> None:
    shown = on(sim, "network", "show", f"{BRIDGE}.120").stdout
    assert "ovm-1: on bond0.120, VLAN 120, MTU 1500, running there: web" in shown
    assert "made when a VM needs it  ovm-2" in shown
    assert "missing on" not in shown
    assert "live and defined" in shown
    assert "ovm-2: local, 169.254.0.1/16" in on(sim, "network", "show", "control0").stdout


def test_a_network_that_no_host_has(sim: Simulator) -> None:
    done = on(sim, "network", "show", "nothing")
    missing = on(sim, "network", "show", "guest", "--traffic-label", "guest=bond7")
    assert (done.exit_code, done.stdout, missing.exit_code) == (1, "", 1)
    assert "no host has a network 'guest'; ovm-1" in missing.stderr
    assert "neither a bridge nor a device bond7, which carries the label guest;" in missing.stderr
    assert f"no host has a network 'nothing'; networks: {BRIDGE}, {BRIDGE}.120, control0" in (
        done.stderr
    )


def test_a_network_that_only_a_stopped_vm_has() -> None:
    with simulate(hosts=1, vms=0) as sim:
        sim.add_vm("off", config={"vif": [f"bridge={BRIDGE}.184"]})
        shown = on(sim, "network", "show", f"{BRIDGE}.184").stdout
        listed = on(sim, "network", "list").stdout
        agent = driver_for(sim)._estate.agent(driver_for(sim)._estate.given[0])
        agent.network.ovs_br_config("start", "lone", "eth1")
        other = on(sim, "network", "list", "--traffic-label", "guest=lone",
                   "--traffic-label", "public=lone").stdout  # fmt: skip
    assert "no host has it now" in shown
    assert re.search(r"made when a VM needs it +ovm-1\n", shown)
    assert re.search(r"VM +off \(.*\), defined\n", shown)
    assert ".184" not in listed
    assert "labels guest public\n" in other


def test_what_could_not_be_read_is_said(sim: Simulator) -> None:
    sim.misbehave("fault", "discover_network", host=1, text="no network", times=None)
    try:
        listed = on(sim, "network", "list")
        missing = on(sim, "network", "show", "nothing")
        record = json.loads(on(sim, "network", "show", "control0", "-o", "json").stdout)
    finally:
        sim.clear_misbehaviour()
    assert "└── could not be read:" in listed.stdout
    assert f"ovm-2 ({address(sim, 1)}):" in listed.stderr
    assert (
        "no network 'nothing' was found, but not everything could be read: ovm-2" in missing.stderr
    )
    assert [one["host"] for one in record["unread_on"]] == ["ovm-2"]
    assert record["missing_on"] == []


def test_a_host_that_is_off() -> None:
    with simulate(hosts=2, vms=0) as sim:
        sim.hosts[1].kill()
        done = on(sim, "network", "list")
    assert f"{address(sim, 1)}\n└── could not be read: " in done.stdout
    assert done.stderr.startswith("warning: ")


def test_on_a_terminal_long_lines_go_on_below(sim: Simulator) -> None:
    status, shown = on_terminal("network", "list", *options(sim), password=sim.password)
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown).splitlines()
    assert status == 0
    assert max(map(len, lines)) <= 80
    [first] = [number for number, line in enumerate(lines) if "bond0: bond" in line][:1]
    assert lines[first + 1].startswith("│   MANAGEMENT, ")
    assert lines[first + 1].endswith(", VIRTUAL_MACHINE"), "nothing is cut off"


# ------------------------------------------------------------------ the tree alone


def drawn(capsys: pytest.CaptureFixture[str], *devices: HostDevice, **bridges: HostBridge) -> str:
    view = HostView(Address("h", 1), None, Server(hostname="h"), (), ())  # type: ignore[arg-type]
    vm = VM("0-0", State.RUNNING, (), ())
    read = EstateSnapshot((view,), (), (), {vm.id: vm})
    host = HostNetwork(view, devices, tuple(bridges.values()))
    show_tree(host_tree(NetworkList(read, (host,)), host))
    return capsys.readouterr().out


def test_what_is_odd_is_drawn_too(capsys: pytest.CaptureFixture[str]) -> None:
    """Devices that are on each other, a missing parent, an unknown one, an unprintable name."""
    text = drawn(
        capsys,
        HostDevice("a", "vlan", parent="b", vlan=1),
        HostDevice("b", "vlan", parent="a"),
        HostDevice("eth9.7", "vlan", parent="eth9", vlan=7),
        HostDevice("bad\x1b[2J\r", "nic", is_up=False, has_unknown_roles=True),
        one=HostBridge("one", parent="unlisted", ports=("unlisted",), guests=("0-0",)),
        two=HostBridge("two", ports=("x", "y"), doubt="any of its ports x, y may be it"),
    )
    assert text.count("a: VLAN 1\n") == 1
    assert text.count("b: VLAN\n") == 1
    assert "eth9.7: VLAN 7, its device eth9 is missing\n" in text
    assert r"bad\x1b[2J\r: NIC, down, unknown roles" in text
    assert "one: bridge on unlisted\n│   └── VM 0-0\n" in text
    assert "two: bridge, any of its ports x, y may be it\n" in text
