"""Behaviours of what makes and removes bridges, and of changes that the host takes back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.mutants.ground import CLIENT, answers, fails, operation

ONE, TWO = (f"{digit * 8}-1111-1111-1111-{digit * 12}" for digit in "12")
BRIDGE = "xenbr0.20"
VLAN = {"function": "ovs_vlan_bridge", "arguments": ["start", "storage", "bond0", 7]}
BACK = {"function": "ovs_vlan_bridge", "arguments": ["stop", "storage", "bond0", 7]}


def host_of(place: Path) -> Any:
    from tests.hostside.networked import Host

    host: Any = Host(str(place))
    host.lives = lambda pid, started: True
    return host


def take(host: Any, user: str = ONE, by: int = 1) -> Any:
    from libcloud_ovm3_host import bridges

    return answers(bridges.take_bridge, host, CLIENT, operation(by), user, BRIDGE, "bond0", 20)


def release(host: Any, user: str = ONE) -> Any:
    from libcloud_ovm3_host import bridges

    return answers(bridges.release_bridge, host, CLIENT, operation(9), user, BRIDGE, "")


def change(host: Any, *steps: Any, undo: Any = ({},), by: int = 1) -> Any:
    from libcloud_ovm3_host.network_change import guarded_network_change

    return guarded_network_change(host, CLIENT, operation(by), list(steps), list(undo), 60)


def a_used_bridge_stays(place: Path) -> None:
    host = host_of(place)
    take(host)
    take(host, TWO, 2)
    assert not release(host)["removed"]
    host.add_port(BRIDGE, "vif3.0")
    assert not release(host, TWO)["removed"]
    host.remove_port(BRIDGE, "vif3.0")
    host.addresses = [("bond0.20", "inet", "10.0.0.1/24")]
    assert not release(host, TWO)["removed"]
    host.addresses = []
    assert release(host, TWO)["removed"]
    assert not host.has(BRIDGE)


def a_bridge_that_is_to_go_stays_while_it_is_used(place: Path) -> None:
    from libcloud_ovm3_host import bridge_removal

    host = host_of(place)
    given = (host, CLIENT, operation(9), BRIDGE, "bond0", 20, [])
    take(host)
    fails("Conflict", bridge_removal.remove_bridge, *given)
    assert host.has(BRIDGE)
    release(host)
    take(host)
    host.add_port(BRIDGE, "vif3.0")
    fails("Conflict", bridge_removal.remove_bridge, *given)


def a_bridge_that_was_there_stays(place: Path) -> None:
    host = host_of(place)
    host.act("start", BRIDGE, "bond0", 20)
    take(host)
    host.remove_port(BRIDGE, "bond0.20")
    assert not release(host)["removed"]
    assert host.has(BRIDGE)


def a_bridge_made_in_its_place_stays(place: Path) -> None:
    host = host_of(place)
    take(host)
    host.act("stop", BRIDGE, "bond0", 20)
    host.act("start", BRIDGE, "bond0", 20)
    assert not release(host)["removed"]
    assert host.has(BRIDGE)


def what_is_there_counts(place: Path) -> None:
    """A fault after the effect, and an effect after the response."""
    host = host_of(place)
    for host.behaviour in ("faults after", "late"):
        assert take(host)["made"]
        assert release(host)["removed"]


def the_lock_is_waited_for(place: Path) -> None:
    from libcloud_ovm3_host import bridges, local_state

    host = host_of(place)
    local_state.lock(host, 0, "another")
    fails("Conflict", bridges.take_bridge, host, CLIENT, operation(), ONE, BRIDGE, "bond0", 20)
    assert host.calls == []


def what_is_not_confirmed_is_undone(place: Path) -> None:
    host = host_of(place)
    assert change(host, VLAN, undo=[BACK])["state"] == "undone"
    assert not host.has("storage")


def what_was_there_is_not_undone(place: Path) -> None:
    host = host_of(place)
    host.act("start", "storage", "bond0", 7)
    assert change(host, VLAN, undo=[BACK])["state"] == "failed"
    assert host.has("storage")


def only_documented_calls_are_made(place: Path) -> None:
    host = host_of(place)
    for bad in ({**VLAN, "function": "stop_vm"}, {**VLAN, "arguments": ["start", "$(x)", "b", 7]}):
        fails("InvalidArgument", change, host, bad)
        fails("InvalidArgument", change, host, VLAN, undo=[bad])
    assert host.calls == []


def a_change_is_made_once(place: Path) -> None:
    host = host_of(place)
    change(host, VLAN)
    answers(change, host, VLAN)
    assert len(host.calls) == 1


# ------------------------------------------------------------------ addresses by DHCP


def only_an_answer_to_the_card_itself_is_its_lease(place: Path) -> None:
    from libcloud_ovm3_host import dhcp_frames

    from tests.hostside.dhcp_messages import ACK, MAC, OTHER, REQUEST, message

    def lease_after(*frames: bytes) -> Any:
        card = dhcp_frames.Card(MAC)
        return [card.hears(dhcp_frames.parse(frame)) for frame in frames][-1]

    ask, answer = message(REQUEST), message(ACK)
    assert lease_after(ask, answer) == ("10.0.0.9", 3600)
    assert lease_after(ask, message(ACK, xid=78)) is None
    assert lease_after(ask, message(ACK, target=OTHER)) is None
    assert lease_after(ask, message(ACK, mac=OTHER)) is None
    assert lease_after(ask, message(ACK, seconds=None)) is None
    assert lease_after(message(REQUEST, source=OTHER), answer) is None


def a_lease_ends_with_its_time_and_with_the_boot(place: Path) -> None:
    from libcloud_ovm3_host import dhcp_leases, local_state

    host = host_of(place)
    lease = {"bridge": "xenbr0", "mac": "00:21:f6:00:00:01", "address": "10.0.0.9"}
    until = {"boot": host.boot_id(), "until": f"{host.time + 60:.0f}"}
    local_state.put(host, ["dhcp", "0021f6000001"], "lease", {**lease, **until})
    assert [one["address"] for one in dhcp_leases.dhcp_leases(host)] == ["10.0.0.9"]
    host.time += 61
    assert dhcp_leases.dhcp_leases(host) == []
    host.reboot()
    assert dhcp_leases.dhcp_leases(host) == []
