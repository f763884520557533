"""Options of networks: what is valid, what they become, and what the errors say."""

from __future__ import annotations

from typing import Any

import pytest

from libcloud_ovm3.agent.network_options import NetworkOptions
from libcloud_ovm3.errors import InvalidArgument

LABELS = {"guest": "bond0", "public": "bond0.20"}


@pytest.mark.parametrize("network", ["guest", "guest:2", "guest:4094", "xenbr0", "c0a80100"])
def test_what_is_valid(network: str) -> None:
    options = NetworkOptions.of(LABELS, network, ["public", "br-0", "public"])
    assert options == NetworkOptions(LABELS, network, ("public", "br-0"))


def test_a_number_is_written_in_one_way() -> None:
    assert NetworkOptions.of(LABELS, "guest:0007", None).default_network == "guest:7"


def test_nothing_is_given() -> None:
    assert NetworkOptions.of(None, None, None) == NetworkOptions({}, None, ())


@pytest.mark.parametrize(
    ("labels", "default", "public", "message"),
    [
        ({"lan": "bond0"}, None, None, "unknown label 'lan': expected guest, public, management"),
        ({"guest": ""}, None, None, "ex_traffic_labels: guest '': expected the name of a NIC"),
        ({"guest": "b" * 16}, None, None, "at most 15 letters"),
        ({"guest": 7}, None, None, "ex_traffic_labels: guest 7: expected"),
        (["guest"], None, None, r"ex_traffic_labels \['guest'\]: expected a mapping"),
        (LABELS, "guest:1", None, "'guest:1': expected a VLAN number from 2 to 4094"),
        (LABELS, "guest:4095", None, "from 2 to 4094"),
        (LABELS, "guest:", None, "from 2 to 4094"),
        (LABELS, "guest:-5", None, "from 2 to 4094"),
        (LABELS, "xenbr0:5", None, "unknown label 'xenbr0'"),
        (LABELS, "storage:5", None, "does not say which interface carries 'storage'"),
        (LABELS, "a,mac=x", None, "expected the name of a bridge, LABEL, or LABEL:VLAN"),
        (LABELS, 5, None, "ex_default_network 5: expected the name of a bridge"),
        (LABELS, None, ["a b"], "ex_public_networks 'a b': expected the name of a bridge"),
        (LABELS, None, ["guest:5"], "ex_public_networks 'guest:5': expected the name"),
        (LABELS, None, 5, "ex_public_networks 5: expected a list"),
        (LABELS, None, {"public": "x"}, "expected a list"),
    ],
)
def test_what_is_not_valid(labels: Any, default: Any, public: Any, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        NetworkOptions.of(labels, default, public)
