"""What is wrong with control0: each single thing, and what is not known without the module."""

from __future__ import annotations

from dataclasses import replace

import pytest

from libcloud_ovm3.agent.host_networks import ControlInterface, Route
from libcloud_ovm3.estate.control0 import what_is_wrong
from libcloud_ovm3.estate.host_network import HostBridge

BRIDGE = HostBridge("control0", is_local=True, addresses=("169.254.0.1/16",))
OWN = Route("control0", "169.254.0.0", 16, "", 0)
ZEROCONF = replace(OWN, device="xenbr0")
RIGHT = ControlInterface(True, True, True, ("169.254.0.1/16",), (OWN,), (), False)


def test_a_right_one() -> None:
    assert list(what_is_wrong(BRIDGE)) == []
    assert list(what_is_wrong(BRIDGE, RIGHT)) == []


@pytest.mark.parametrize(
    ("interface", "text"),
    [
        (replace(RIGHT, up=False), "control0 is down"),
        (replace(RIGHT, arp=False), "ARP is off on control0"),
        (replace(RIGHT, addresses=()), "control0 has no address instead of 169.254.0.1/16"),
        (
            replace(RIGHT, addresses=("169.254.7.7/16",)),
            "control0 has the address 169.254.7.7/16 instead of 169.254.0.1/16",
        ),
        (replace(RIGHT, routes_own=()), "control0 has no route to 169.254.0.0/16"),
        (
            replace(RIGHT, routes_own=(replace(OWN, prefix_length=24),)),
            "control0 has no route to 169.254.0.0/16",
        ),
        (
            replace(RIGHT, routes_other=(ZEROCONF,)),
            "a route to 169.254.0.0/16 leads to xenbr0",
        ),
        (
            replace(RIGHT, file=True),
            "control0 has a configuration file, which is in conflict with it at the next boot",
        ),
    ],
)
def test_each_thing_alone(interface: ControlInterface, text: str) -> None:
    assert list(what_is_wrong(BRIDGE, interface)) == [text]


def test_another_route_beside_it_is_nobodys_business() -> None:
    other = replace(ZEROCONF, destination="169.254.7.0", prefix_length=24)
    assert list(what_is_wrong(BRIDGE, replace(RIGHT, routes_other=(other,)))) == []


def test_without_the_module() -> None:
    assert list(what_is_wrong(None)) == ["there is no bridge control0"]
    assert list(what_is_wrong(None, RIGHT)) == ["there is no bridge control0"]
    assert list(what_is_wrong(replace(BRIDGE, addresses=()))) == [
        "control0 has no address instead of 169.254.0.1/16"
    ]
