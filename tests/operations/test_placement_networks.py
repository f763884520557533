"""Which networks a host has for a VM, and which it can get."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from libcloud_ovm3.agent.config import VMConfig
from libcloud_ovm3.errors import OutcomeUnknown, PreconditionFailed
from libcloud_ovm3.estate.host_network import BOND, NIC, VLAN, HostBridge, HostDevice, HostNetwork
from libcloud_ovm3.estate.networks import NetworkList
from libcloud_ovm3.estate.vm_bridges import (
    VMBridge,
    bridges_of,
    missing_bridges,
    named_otherwise,
    why_elsewhere,
)
from libcloud_ovm3.estate.vms import EstateSnapshot
from libcloud_ovm3.operations.placement import choose_for_new
from tests.operations.test_placement import RECORD, host, with_memory

DEVICES = (
    HostDevice("eth0", NIC, bond="bond0"),
    HostDevice("eth1", NIC),
    HostDevice("bond0", BOND, mode=1, slaves=("eth0",)),
    HostDevice("bond6", BOND, mode=6),
    HostDevice("bond9", BOND, mode=None),
    HostDevice("bond0.30", VLAN, parent="bond0", vlan=30),
    HostDevice("vlan40", VLAN, parent="bond0", vlan=40),
    HostDevice("bond0.31", VLAN, parent="bond0", vlan=31),
)
BRIDGES = (
    HostBridge("xenbr0", parent="bond0", ports=("bond0", "vif3.0")),
    HostBridge("xenbr1", parent="eth1", ports=("eth1",)),
    HostBridge("six", parent="bond6", ports=("bond6",)),
    HostBridge("unsaid", parent="bond9", ports=("bond9",)),
    HostBridge("tagged", parent="bond0.30", vlan=30, ports=("bond0.30",)),
    HostBridge("xenbr0.99", is_local=True, ports=("vif4.0",)),
    HostBridge("xenbr0.32", parent="bond0.30", vlan=30, ports=("bond0.30",)),
    HostBridge("xenbr0.40", parent="vlan40", vlan=40, ports=("vif5.0", "vlan40")),
    HostBridge("xenbr1.30", parent="bond0.30", vlan=30, ports=("bond0.30",)),
    HostBridge("control0", is_local=True),
    HostBridge("control0.4", is_local=True),
    HostBridge("two", ports=("a", "b"), doubt="either of its ports a, b may lead out"),
)
# What xend's own script does with the name is known.
SCRIPTS = ("vif-bridge", "/etc/xen/scripts/vif-bridge", "vif-route", "/root/vif-bridge.old")
NETWORK = HostNetwork(host(0), DEVICES, BRIDGES)


def test_what_is_there_is_not_missing() -> None:
    assert missing_bridges(
        NETWORK, ["xenbr0", "control0", "control0.4", "tagged", "xenbr0.40"]
    ) == ([], [])
    assert missing_bridges(NETWORK, []) == ([], [])


def test_a_vlan_of_a_bridge_can_be_made() -> None:
    wanted = ["xenbr0", "xenbr0.160", "xenbr1.2", "unsaid.4094", "xenbr0.160"]
    assert missing_bridges(NETWORK, wanted) == (
        [
            VMBridge("xenbr0.160", "bond0", 160),
            VMBridge("xenbr1.2", "eth1", 2),
            VMBridge("unsaid.4094", "bond9", 4094),
        ],
        [],
    )


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("nowhere", "has no bridge nowhere"),
        ("nowhere.5", "has no bridge nowhere.5"),
        ("xenbr0.1", "1 is not a VLAN number from 2 to 4094"),
        ("xenbr0.4095", "4095 is not a VLAN number"),
        ("xenbr0.05", "has no bridge xenbr0.05"),
        ("six.5", "bond6 has mode 6"),
        ("tagged.5", "bond0.30 is a VLAN device"),
        ("control0.5", "nothing but guests is on bridge control0"),
        ("two.5", "either of its ports a, b may lead out"),
        ("xenbr0.30", "VLAN 30 of bond0 is in bridge tagged"),
        ("xenbr0.99", "its bridge xenbr0.99 is not on VLAN 99 of bond0: it is local"),
        ("xenbr0.31", "bond0.31 is there already, without a bridge"),
    ],
)
def test_what_a_host_cannot_have(name: str, why: str) -> None:
    made, reasons = missing_bridges(NETWORK, [name, "xenbr0"])
    assert made == []
    assert len(reasons) == 1
    assert re.search(why, reasons[0])


@pytest.mark.parametrize(
    ("name", "on", "said"),
    [
        (
            "xenbr0.32",
            "bond0.30",
            "xenbr0.32 is not on VLAN 32 of bond0, as its name says: it is o",
        ),
        ("xenbr1.30", "bond0.30", "xenbr1.30 is not on VLAN 30 of eth1, as its name says"),
        (
            "xenbr1.31",
            "eth9",
            "xenbr1.31 is not on VLAN 31 of eth1, as its name says: it is on eth9",
        ),
        ("xenbr1.1", "eth9", ""),
        ("xenbr1.0", "eth9", ""),
        ("xenbr1.4095", "", ""),
        ("xenbr1.05", "eth9", ""),
        ("control0.5", "eth9", ""),
    ],
)
def test_one_that_somebody_has_named_so(name: str, on: str, said: str) -> None:
    """It may be meant as it is: that is said, and nobody is told to remove it. A label on the
    bridge beside it, whose VLAN it would be taken for, decides otherwise."""
    bridge = HostBridge(name, parent=on or None, ports=(on,) if on else (), is_local=not on)
    others = (one for one in BRIDGES if one.name != name)
    network = replace(NETWORK, bridges=(*others, bridge))
    assert missing_bridges(network, [name]) == ([], [])
    assert named_otherwise(network, name).startswith(f"bridge {said}" if said else "")
    assert bool(named_otherwise(network, name)) is bool(said)
    for carrier in ("bond0", "eth1", "xenbr0", "xenbr1"):
        labels = {"guest": carrier}
        refused = why_elsewhere(network, name, labels)
        is_of = carrier in {"xenbr0": ("xenbr0", "bond0"), "xenbr1": ("xenbr1", "eth1")}.get(
            name.partition(".")[0], ()
        )
        assert bool(refused) is (is_of and bool(said))
        assert "remove" not in refused
        assert bool(named_otherwise(network, name, labels)) is (bool(said) and not refused)


def test_beside_a_bridge_that_is_not_the_label_s() -> None:
    """``breth4`` is on x: no VLAN is made there for a label on eth4, but for others."""
    why = "bridge breth4 is not on eth4, which carries the label guest: it is on x"
    for name in ("breth4.160", "breth4"):
        made, [reason] = missing_bridges(ELSEWHERE, [name], {"guest": "eth4"})
        assert made == []
        assert re.search(r"breth4 is not on eth4.*: it is on eth3", reason)
    both = replace(ELSEWHERE, bridges=(*ELSEWHERE.bridges, HostBridge("own", ports=("eth4",))))
    for name in ("breth4.160", "breth4"):
        assert missing_bridges(both, [name], {"guest": "eth4"})[1], "also beside the label's bridge"
    made, [reason] = missing_bridges(LABELLED, ["breth4.160"], {"guest": "eth4"})
    assert reason == f"it has no bridge breth4.160 (for the label guest, on eth4), and {why}"
    assert missing_bridges(ELSEWHERE, ["breth4.160"], {"guest": "eth3"}) == (
        [VMBridge("breth4.160", "eth3", 160)],
        [],
    )


LONG = "a-long-name-1"
LABELLED = replace(
    NETWORK,
    devices=(*DEVICES, *(HostDevice(name, NIC) for name in ("eth3", "eth4", LONG, f"{LONG}x"))),
    bridges=(*BRIDGES, HostBridge("breth4", parent="x", ports=("x",))),
)
ELSEWHERE = replace(
    LABELLED, bridges=(*BRIDGES, HostBridge("breth4", parent="eth3", ports=("eth3",)))
)


@pytest.mark.parametrize(
    ("carrier", "bridge", "expected"),
    [
        ("eth3", "breth3", ("eth3", None)),
        ("eth3", "breth3.160", ("eth3", 160)),
        ("bond0.33", "brbond0.33", ("bond0", 33)),
        ("xenbr0", "xenbr0.160", ("bond0", 160)),
        (LONG, f"br{LONG}", (LONG, None)),
        (f"{LONG}x", f"br{LONG}x", "more than 15 characters"),
        ("eth3", "breth3.1", "1 is not a VLAN number"),
        ("eth3", "breth3.05", "has no bridge breth3.05"),
        ("eth3", "breth5", "has no bridge breth5"),
        ("xenbr0", "brxenbr0", "has no bridge brxenbr0"),
        (
            "eth5",
            "breth5",
            "bridge breth5 (for the label guest, on eth5), and no device eth5, which carries",
        ),
        ("eth5", "breth5.160", "no device eth5, which carries the label guest"),
        ("eth0", "breth0", "eth0 is a slave of bond bond0"),
        ("eth1", "breth1", "eth1 is in bridge xenbr1"),
        ("bond6", "brbond6.5", "bond6 has mode 6"),
        ("eth4", "breth4", "its bridge breth4 is not on eth4: it is on x"),
        ("bond0.30", "brbond0.30", "VLAN 30 of bond0 is in bridge tagged"),
        (
            "bond0.30",
            "brbond0.30.5",
            "bond0.30 is a VLAN device, and there are no VLANs on a VLAN: name bond0 or",
        ),
        ("bond0.31", "brbond0.31", "bond0.31 is there already, without a bridge"),
        ("bond0.33", "brbond0.33.5", "bond0.33 is a VLAN, and there are no"),
    ],
)
def test_the_bridge_of_a_label(carrier: str, bridge: str, expected: Any) -> None:
    """Made on a device that has none; what it is on follows from the label only."""
    made, reasons = missing_bridges(LABELLED, [bridge, "xenbr0"], {"guest": carrier})
    if isinstance(expected, tuple):
        assert (made, reasons) == ([VMBridge(bridge, *expected)], [])
    else:
        assert made == []
        assert len(reasons) == 1
        assert expected in reasons[0]
    others = {"public": "other", "guest": carrier}
    assert missing_bridges(LABELLED, [bridge], others) == (made, reasons)


def test_a_name_that_is_too_long() -> None:
    bridge = replace(BRIDGES[0], name="longest-name")
    network = replace(NETWORK, bridges=(bridge,))
    assert missing_bridges(network, ["longest-name.99"])[1] == []
    assert "more than 15 characters" in missing_bridges(network, ["longest-name.999"])[1][0]


def test_what_could_not_be_read_is_unknown() -> None:
    unread = HostNetwork(host(0), error=OutcomeUnknown("no response"))
    made, reasons = missing_bridges(unread, ["xenbr0"])
    assert made == []
    assert "could not be read: no response" in reasons[0]
    assert missing_bridges(unread, []) == ([], [])


def test_the_bridges_of_a_vm() -> None:
    config = VMConfig({"vif": ["mac=00:21:f6:00:00:01,bridge=b", "bridge=a", "", "bridge=b"]})
    assert bridges_of(config) == ("b", "a")
    assert bridges_of(VMConfig({})) == bridges_of(None) == ()
    of_scripts = [f"bridge=b{number},script={script}" for number, script in enumerate(SCRIPTS)]
    assert bridges_of(VMConfig({"vif": of_scripts})) == ("b0", "b1")


def test_control0_is_made_where_it_is_missing() -> None:
    assert missing_bridges(replace(NETWORK, bridges=()), ["control0"]) == ([], [])


def test_what_xend_takes_for_an_old_name() -> None:
    """xend.md 3: for xenbrN a bridge ethN, if there is no other."""
    eth7 = replace(NETWORK, bridges=(HostBridge("eth7", parent="eth1"),))
    assert missing_bridges(eth7, ["xenbr7"]) == ([], [])
    for name in ("xenbr8", "xenbr7x", "xenbr"):
        assert len(missing_bridges(eth7, [name])[1]) == 1


def found(snapshot: EstateSnapshot, *bridges: tuple[HostBridge, ...] | None) -> NetworkList:
    """What hosts have; None: that could not be read."""
    error = OutcomeUnknown("no response")
    networks = [
        HostNetwork(one, error=error) if has is None else HostNetwork(one, DEVICES, has)
        for one, has in zip(snapshot.hosts, bridges, strict=True)
    ]
    return NetworkList(snapshot, tuple(networks))


def test_a_host_without_the_network_is_not_chosen() -> None:
    snapshot = with_memory([8192, 4096, 2048, 1024])
    networks = found(snapshot, (), None, BRIDGES[1:], BRIDGES)
    for bridge, number in (("xenbr0", 3), ("xenbr0.5", 3), ("xenbr1.5", 2)):
        chosen, _ = choose_for_new(snapshot, [RECORD.id], 512, None, [bridge], networks)
        assert chosen is snapshot.hosts[number]
    assert choose_for_new(snapshot, [RECORD.id], 512, None, [], networks)[0] is snapshot.hosts[0]
    why = r"ovm-0 \S+ it has no bridge xenbr0; ovm-1 \S+ its network could not be read: no resp"
    two = with_memory([8192, 4096])
    with pytest.raises(PreconditionFailed, match=why):
        choose_for_new(two, [RECORD.id], 512, None, ["xenbr0"], found(two, (), None))
    why = r"90000 MB .*free: ovm-3 \S+ 1024 MB\. Left out: ovm-0 \S+ it has no .*; ovm-1 .*; ovm-2 "
    with pytest.raises(PreconditionFailed, match=f"{why}.* no bridge xenbr0.*Expected .*less mem"):
        choose_for_new(snapshot, [RECORD.id], 90000, None, ["xenbr0"], networks)
    named = snapshot.hosts[0].server.uuid
    with pytest.raises(
        PreconditionFailed, match=r"no host can have the networks .*ex_list_networks"
    ):
        choose_for_new(snapshot, [RECORD.id], 512, named, ["xenbr0"], networks)
