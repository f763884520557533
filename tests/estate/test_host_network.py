"""The port that connects a bridge is found, however many guests are on it, in whatever order."""

from __future__ import annotations

from random import Random
from xml.sax.saxutils import quoteattr

from hypothesis import given
from hypothesis import strategies as st

from libcloud_ovm3.agent import documents
from libcloud_ovm3.estate.host_network import HostNetwork, host_network
from libcloud_ovm3.estate.vms import EstateSnapshot, merge_vms
from tests.diagnostics.healthy import host, live

VM = "0004fb00-0006-0000-0000-000000000001"
DEVICES = ("eth0", "bond0", "bond0.5", "vlan12")

numbers = st.integers(0, 99)
guest_ports = st.one_of(
    st.builds("vif{}.{}".format, numbers, numbers),
    st.builds("tap{}.{}".format, numbers, numbers),
    st.builds("vif{}.{}-emu".format, numbers, numbers),
)
# Names that a vm.cfg chooses (vifname). They may look like devices that are not there.
chosen_names = st.one_of(st.sampled_from(["web", "eth7", "bond1.5"]), st.text("abc.-", min_size=1))


def read(ports: list[str], names: list[str], devices: tuple[str, ...] = DEVICES) -> HostNetwork:
    """A host with one bridge; on it a VM whose cards have these names for their ports."""
    cards = [{"bridge": "b", "vifname": name} for name in names] or [{"bridge": "b"}]
    view = host(1, live("web", VM, device={"vif": cards}))
    snapshot = EstateSnapshot((view,), (), (), merge_vms([view], [], all_answered=True))
    listed = "".join(f"<Device Name={quoteattr(name)}/>" for name in devices)
    phys = "".join(f"<PhyInterface>{port}</PhyInterface>" for port in ports)
    document = documents.network(
        f"<Discover_Network_Result><Network><Active><Network>{listed}</Network><Bridges>"
        f'<Device Name="b"><Interfaces>{phys}</Interfaces></Device></Bridges></Active></Network>'
        f"</Discover_Network_Result>"
    )
    return host_network(view, document, snapshot)


@given(
    st.sampled_from(DEVICES),
    st.lists(guest_ports, max_size=6),
    st.lists(chosen_names, max_size=2),
    st.randoms(use_true_random=False),
)
def test_the_parent_is_found_in_any_order(
    parent: str, usual: list[str], names: list[str], random: Random
) -> None:
    ports = [parent, *usual, *names]
    random.shuffle(ports)
    network = read(ports, names)
    bridge = network.bridge("b")
    assert bridge is not None
    assert (bridge.parent, bridge.doubt, bridge.is_local) == (parent, None, False)
    assert set(bridge.guest_ports) == {*usual, *names}
    assert bridge.guests == (VM,)
    assert network.bridge_on(parent) == bridge
    assert bridge.vlan == {"bond0.5": 5}.get(parent)


@given(st.lists(guest_ports, max_size=6), st.lists(chosen_names, max_size=2))
def test_a_bridge_with_guests_only_is_local(usual: list[str], names: list[str]) -> None:
    bridge = read([*usual, *names], names).bridge("b")
    assert bridge is not None
    assert (bridge.parent, bridge.is_local, bridge.doubt) == (None, True, None)


@given(st.permutations(["eth0", "bond0", "vif1.0", "tap1.0"]))
def test_two_that_may_connect_it_are_a_doubt_in_any_order(ports: list[str]) -> None:
    bridge = read(ports, []).bridge("b")
    assert bridge is not None
    assert (bridge.parent, bridge.is_local) == (None, False)
    assert bridge.doubt is not None
    assert "vif1.0" not in bridge.doubt
