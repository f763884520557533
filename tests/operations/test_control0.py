"""control0: what is wrong with it is said, and mended where that takes nothing away."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from libcloud_ovm3.errors import HostNotFound, PreconditionFailed
from libcloud_ovm3.simulator import Simulator, network
from tests.operations.failures import WRITES
from tests.support import PERSONALITIES, at_once, calls_of, quietly, simulate
from tests.system.disk_clients import plain_driver

CONTROL = "control0"


@pytest.fixture(params=["alone", "with the module"])
def sim(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    with simulate(
        2, vms=0, secure=False, host_module=request.param != "alone", version="3.2.1"
    ) as simulator:
        for host in (0, 1):
            repaired(simulator, host)
        yield simulator


def agent_of(sim: Simulator, host: int = 0) -> Any:
    driver = plain_driver(sim)
    return driver._estate.agent(driver._estate.given[0])


def where(sim: Simulator, host: int = 0) -> str:
    return sim.hosts[host].address


def repaired(sim: Simulator, host: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = quietly(plain_driver(sim).ex_repair_control0, where(sim, host))
    return found


def test_a_right_one_costs_no_changing_call(sim: Simulator) -> None:
    before = plain_driver(sim).ex_control0(where(sim))
    assert (before["wrong"], before["obstacle"], before["exists"]) == ([], None, True)
    sim.calls.clear()
    assert repaired(sim) == before | {"repaired": []}
    assert not calls_of(sim, *WRITES)


def test_after_a_boot_its_address_is_given_back(sim: Simulator) -> None:
    sim.hosts[0].reboot()
    assert "no address" in plain_driver(sim).ex_control0(where(sim))["wrong"][0]
    assert plain_driver(sim).ex_control0(where(sim, 1))["wrong"] == []
    found = repaired(sim)
    assert found["wrong"] == []
    assert "no address" in found["repaired"][0]
    assert network.address(sim.hosts[0], CONTROL) == ("169.254.0.1", "255.255.0.0")
    assert repaired(sim)["repaired"] == []


def test_a_missing_one_is_made_and_waited_for(sim: Simulator) -> None:
    agent_of(sim).network.ovs_local_config("stop", CONTROL)
    before = plain_driver(sim).ex_control0(where(sim))
    assert (before["exists"], before["is_right"]) == (False, False)
    assert repaired(sim)["exists"] is True
    assert network.address(sim.hosts[0], CONTROL) == ("169.254.0.1", "255.255.0.0")


def test_two_clients_that_repair_it_at_once(sim: Simulator) -> None:
    agent_of(sim).network.ovs_local_config("stop", CONTROL)
    clients = [plain_driver(sim), plain_driver(sim)]
    repairs = [(one, partial(one.ex_repair_control0, where(sim))) for one in clients]
    for found in at_once(sim, *repairs):
        assert found["wrong"] == []


def use_for_something_else(sim: Simulator) -> None:
    agent_of(sim).network.ovs_ip_config(CONTROL, "static", "10.9.9.9", "255.255.255.0")


def use_its_network(sim: Simulator) -> None:
    sim.hosts[0].reboot()
    agent = agent_of(sim)
    agent.network.ovs_br_config("start", "other", "eth1")
    agent.network.ovs_ip_config("other", "static", "169.254.7.7", "255.255.0.0")


def put_it_on_a_nic(sim: Simulator) -> None:
    agent = agent_of(sim)
    agent.network.ovs_local_config("stop", CONTROL)
    agent.network.ovs_br_config("start", CONTROL, "eth1")


@pytest.mark.parametrize("personality", PERSONALITIES)
@pytest.mark.parametrize(
    ("use", "why"),
    [
        (use_for_something_else, "10.9.9.9/24, which somebody else.*ex_delete_network"),
        (use_its_network, "other has the address 169.254.7.7/16"),
        (put_it_on_a_nic, "it is on eth1, .*ex_delete_network"),
    ],
)
def test_what_somebody_else_uses_is_left(personality: str, use: Any, why: str) -> None:
    with simulate(1, vms=0, secure=False, host_module=True, personality=personality) as sim:
        use(sim)
        assert re.search(why, plain_driver(sim).ex_control0(where(sim))["obstacle"])
        sim.calls.clear()
        with pytest.raises(PreconditionFailed, match=why) as caught:
            plain_driver(sim).ex_repair_control0(where(sim))
        assert not calls_of(sim, *WRITES)
        if "ex_delete_network" not in why:
            return
        with pytest.raises(PreconditionFailed, match=r"ex_repair_control0|without a device"):
            plain_driver(sim).ex_update_network(CONTROL, ex_mtu=1600)
        [name, host] = re.findall(r"ex_delete_network\('(.*?)', '(.*?)'\)", str(caught.value))[0]
        assert quietly(plain_driver(sim).ex_delete_network, name, host, ex_force="storage")
        assert quietly(plain_driver(sim).ex_repair_control0, where(sim))["is_right"]


def test_without_the_module_what_is_not_seen_is_said() -> None:
    with simulate(1, vms=0, secure=False) as sim:
        found = plain_driver(sim).ex_control0(where(sim))
        assert found["is_right"] is None
        assert "ARP" in found["unknown"][0]


def test_with_the_module_all_of_it_is_seen_and_mended() -> None:
    """After a boot ARP is off, and zeroconf leads its network elsewhere."""
    with simulate(1, vms=0, secure=False, host_module=True, version="3.2.1") as sim:
        repaired(sim)
        assert plain_driver(sim).ex_control0(where(sim))["is_right"] is True
        sim.hosts[0].reboot()
        file = sim.dom0(0) / "etc/sysconfig/network-scripts/ifcfg-control0"
        file.write_text("DEVICE=control0\n")
        wrong = "; ".join(plain_driver(sim).ex_control0(where(sim))["wrong"])
        for part in ("no address", "ARP is off", "no route", "leads to", "configuration file"):
            assert part in wrong
        found = repaired(sim)
        assert (found["is_right"], len(found["repaired"])) == (True, 5)
        assert not file.exists()
        sim.calls.clear()
        assert repaired(sim)["repaired"] == []
        assert not calls_of(sim, *WRITES)


def test_no_such_host(sim: Simulator) -> None:
    with pytest.raises(HostNotFound):
        plain_driver(sim).ex_control0("10.20.30.40")
