"""Network cards attached, detached and changed in any order, of a node that stops and starts: each
time it is told what happened, and no other card is touched, whichever way the agent finds a card.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from libcloud_ovm3.errors import AgentFault, PreconditionFailed
from libcloud_ovm3.simulator import Simulator
from tests.operations.cards import SECOND, add_second_bridge, bridge_of, defined, live, macs
from tests.support import PERSONALITIES, driver_for, quietly, simulate

CARD = st.integers(0, 4)
STEP = st.one_of(
    st.tuples(st.just("attach"), st.booleans()),
    st.tuples(st.just("detach"), CARD),
    st.tuples(st.just("network"), CARD),
    st.tuples(st.just("mac"), CARD),
    st.tuples(st.just("power"), st.booleans()),
)


class Node:
    """A running node, and what cards it has to have."""

    def __init__(self, sim: Simulator) -> None:
        sim.add_vm("web", running_on=0, config={"vif": []})
        self.sim, self.driver = sim, driver_for(sim, ex_second_look=0)
        self.node = self.driver.ex_get_node_by_name("web")
        self.cards: dict[str, str] = {}
        self.last = 0
        self.is_on = True

    def do(self, what: str, argument: Any) -> None:
        if what == "power":
            turn = self.driver.stop_node if self.is_on else self.driver.start_node
            quietly(turn, self.node)
            self.is_on = not self.is_on
        elif what == "attach":
            network = SECOND if argument else bridge_of(self.sim)
            nic = quietly(self.driver.ex_attach_nic, self.node, network)
            self.cards[nic.mac] = network
        elif self.cards:
            self.change(what, [*self.cards][argument % len(self.cards)])

    def change(self, what: str, mac: str) -> None:
        """Refused, or done: nothing in between."""
        network = self.cards[mac]
        other = SECOND if network != SECOND else bridge_of(self.sim)
        self.last += 1
        new = f"00:21:f6:ff:00:{self.last:02x}"
        try:
            if what == "detach":
                quietly(self.driver.ex_detach_nic, self.node, mac)
                del self.cards[mac]
            elif what == "network":
                quietly(self.driver.ex_update_nic, self.node, mac, ex_network=other)
                self.cards[mac] = other
            else:
                quietly(self.driver.ex_update_nic, self.node, mac, ex_mac=new)
                self.cards = {(new if one == mac else one): on for one, on in self.cards.items()}
        except (PreconditionFailed, AgentFault) as error:
            refused = str(error)
        else:
            return
        assert "stop the VM first" in refused
        assert self.is_on, "of a node that is stopped everything can be changed"

    def check(self) -> None:
        entries = {f"mac={mac},bridge={network}" for mac, network in self.cards.items()}
        assert set(defined(self.sim, self.node)) == entries
        assert set(live(self.sim, self.node)) == (entries if self.is_on else set())
        found = {one.mac: one for one in self.driver.ex_list_nics(self.node)}
        assert {mac: one.network for mac, one in found.items()} == self.cards
        assert all(one.extra["is_live"] is self.is_on for one in found.values())
        assert macs(defined(self.sim, self.node)) == list(found)


@pytest.mark.tables
@pytest.mark.parametrize("personality", PERSONALITIES)
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(STEP, min_size=4, max_size=14))
def test_in_any_order(personality: str, steps: list[tuple[str, Any]]) -> None:
    with simulate(1, vms=0, templates=0, personality=personality) as sim:
        add_second_bridge(sim)
        node = Node(sim)
        for name in ("first", "second"):
            node.do("attach", name == "first")
        for what, argument in steps:
            node.do(what, argument)
            node.check()
