"""What a change of networks may cut, and the consent to it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libcloud_ovm3.errors import InvalidArgument, PreconditionFailed
from libcloud_ovm3.estate.host_network import HostBridge, HostDevice, HostNetwork
from libcloud_ovm3.operations.consent import ROLES, parse_consent, require_consent, what_is_cut

LABEL = "ethernet:c0a80100{192.168.1.0}:"


def host(*exports: str, registered: str = "192.0.2.1") -> Any:
    records = [SimpleNamespace(fs_location=one, alias="repo", id="r", is_mounted=True)
               for one in exports]  # fmt: skip
    return SimpleNamespace(
        label="ovm-1 (192.0.2.9:8899)",
        server=SimpleNamespace(registered_ip=registered),
        address=SimpleNamespace(host="192.0.2.9"),
        repositories=records,
        repositories_error=None,
    )


def network(*parts: HostDevice | HostBridge, exports: tuple[str, ...] = ()) -> HostNetwork:
    devices = tuple(one for one in parts if isinstance(one, HostDevice))
    bridges = tuple(one for one in parts if isinstance(one, HostBridge))
    return HostNetwork(host(*exports), devices, bridges)


OWN = HostBridge("own", parent="eth9", ports=("eth9",), addresses=("192.0.2.1/24",))
BOND = HostDevice("bond0", "bond", slaves=("eth0", "eth1"))


@given(st.sets(st.sampled_from(ROLES)))
def test_forms_of_consent(roles: set[str]) -> None:
    assert parse_consent(sorted(roles)) == parse_consent(tuple(roles)) == roles
    assert parse_consent(", ".join(roles).upper()) == roles
    assert parse_consent("all") == parse_consent(["all"]) == set(ROLES)
    assert parse_consent(None) == parse_consent(False) == parse_consent(()) == set()


@pytest.mark.parametrize(
    "value", ["everything", ["management", "guest"], True, "true", 1, b"storage", [1], {}]
)
def test_what_is_no_consent(value: object) -> None:
    with pytest.raises(InvalidArgument, match="management, heartbeat, migration, storage, or all"):
        parse_consent(value)


@given(st.sets(st.sampled_from(ROLES)), st.sets(st.sampled_from(ROLES)))
def test_all_that_is_cut_has_to_be_named(cut: set[str], consent: set[str]) -> None:
    cuts = {role: (f"because of {role}",) for role in ROLES if role in cut}
    if cut <= consent:
        require_consent([(network(), cuts)], frozenset(consent))
        return
    with pytest.raises(PreconditionFailed) as caught:
        require_consent([(network(), cuts)], frozenset(consent))
    needed = [role for role in ROLES if role in cut]
    assert f"ex_force={needed!r}" in str(caught.value)
    assert " ".join(f"--force {role}" for role in needed) in str(caught.value)
    assert all(f"because of {role}" in str(caught.value) for role in cut)


@pytest.mark.parametrize(
    ("word", "role"),
    [
        ("MANAGEMENT", "management"),
        ("CLUSTER_HEARTBEAT", "heartbeat"),
        ("LIVE_MIGRATE", "migration"),
        ("STORAGE", "storage"),
    ],
)
@pytest.mark.parametrize(
    "parts",
    [
        [HostDevice("bond0", "bond", metadata=LABEL)],
        [BOND, HostDevice("eth1", "nic", bond="bond0", metadata=LABEL)],
        [BOND, HostBridge("b", parent="bond0", ports=("vif1.0", "bond0"), metadata=LABEL)],
        [BOND, HostDevice("bond0.5", "vlan", parent="bond0", vlan=5, metadata=LABEL)],
        [
            BOND,
            HostDevice("bond0.5", "vlan", parent="bond0", vlan=5),
            HostBridge("b", parent="bond0.5", vlan=5, ports=("bond0.5",), metadata=LABEL),
        ],
    ],
    ids=["its own", "of a slave", "of its bridge", "of a VLAN on it", "of the VLAN's bridge"],
)
def test_roles_of_all_that_stops_with_a_device(
    parts: list[HostDevice | HostBridge], word: str, role: str
) -> None:
    with_role = [
        type(one)(**{**one.__dict__, "metadata": LABEL + word}) if one.metadata else one
        for one in parts
    ]
    assert list(what_is_cut(network(OWN, *with_role), "bond0")) == [role]


def test_what_does_not_stop_with_a_vlan_is_not_cut() -> None:
    """The bond below a VLAN device goes on, and so does another VLAN."""
    found = network(
        OWN,
        HostDevice("bond0", "bond", metadata=LABEL + "MANAGEMENT", slaves=("eth0",)),
        HostDevice("bond0.5", "vlan", parent="bond0", vlan=5),
        HostDevice("bond0.6", "vlan", parent="bond0", vlan=6, metadata=LABEL + "STORAGE"),
    )
    assert what_is_cut(found, "bond0.5") == {}


def test_metadata_that_is_not_understood_may_be_any_role() -> None:
    found = network(OWN, HostDevice("eth1", "nic", metadata="by hand: heartbeat"))
    assert tuple(what_is_cut(found, "eth1")) == ROLES


@pytest.mark.parametrize("address", ["192.0.2.1/24", "192.0.2.9/24", "192.0.2.9"])
def test_the_address_that_the_host_is_managed_by(address: str) -> None:
    on_bond = HostDevice("bond0", "bond", slaves=("eth0",), addresses=(address,))
    assert tuple(what_is_cut(network(on_bond), "bond0")) == ("management",)
    assert tuple(what_is_cut(network(on_bond, HostDevice("eth0", "nic", bond="bond0")), "eth0")) \
        == ("management",)  # fmt: skip


def test_where_the_own_address_is_unknown_it_may_be_anywhere() -> None:
    """The document shows no addresses of NICs and VLAN devices."""
    found = network(HostDevice("eth1", "nic"), HostDevice("bond0.5", "vlan", parent="bond0"))
    for name in ("eth1", "bond0.5"):
        assert tuple(what_is_cut(found, name)) == ("management",)
    assert what_is_cut(network(OWN, HostDevice("eth1", "nic")), "eth1") == {}


def test_a_bond_that_only_the_list_of_devices_has_may_have_any_address() -> None:
    bare = HostDevice("bond0", "bond")
    assert tuple(what_is_cut(network(bare), "bond0")) == ("management",)
    for known in ({"slaves": ("eth0",)}, {"mode": 0}, {"bond": "bond1"}):
        assert what_is_cut(network(HostDevice("bond0", "bond", **known)), "bond0") == {}
    assert what_is_cut(network(OWN, bare), "bond0") == {}


def test_a_nic_may_be_in_a_bond_whose_slaves_are_not_shown() -> None:
    bare = HostDevice("bond0", "bond")
    bridge = HostBridge("own", parent="bond0", ports=("bond0",), addresses=("192.0.2.1/24",))
    assert tuple(what_is_cut(network(bridge, bare, HostDevice("eth0", "nic")), "eth0")) \
        == ("management",)  # fmt: skip
    assert what_is_cut(network(bridge, BOND, HostDevice("eth7", "nic")), "eth7") == {}


def test_where_nothing_shows_the_own_address_any_that_is_shown_may_be_it() -> None:
    """A host that is given by its name, or is behind a translation of addresses."""
    bond = HostDevice("bond0", "bond", slaves=("eth0",), addresses=("10.0.0.4/24",))
    bridge = HostBridge("b", parent="eth1", ports=("eth1",), addresses=("10.0.0.5/24",))
    empty = HostBridge("c", parent="eth2", ports=("eth2",))
    found = network(bond, bridge, empty, HostDevice("eth1", "nic"), HostDevice("eth2", "nic"))
    for name in ("bond0", "b", "eth1"):
        assert tuple(what_is_cut(found, name)) == ("management",)
    assert what_is_cut(found, "c") == what_is_cut(found, "eth2") == {}
    assert what_is_cut(network(OWN, bond, bridge), "b") == {}


@pytest.mark.parametrize(
    ("export", "is_cut"),
    [
        ("10.0.0.99:/export", True),
        ("10.0.1.99:/export", False),
        ("nfs-1:/export", True),  # a name may lead anywhere
        ("/dev/mapper/3600", False),
    ],
)
def test_storage_by_the_address_of_its_server(export: str, is_cut: bool) -> None:
    with_address = HostBridge("b", parent="eth1", ports=("eth1",), addresses=("10.0.0.5/24",))
    found = network(OWN, HostDevice("eth1", "nic"), with_address, exports=(export,))
    assert tuple(what_is_cut(found, "eth1")) == (("storage",) if is_cut else ())
    bare = network(OWN, HostDevice("eth1", "nic"), exports=(export,))
    assert what_is_cut(bare, "eth1") == {}


def test_storage_by_a_bond_whose_addresses_are_not_shown() -> None:
    no_mask = HostBridge("b", addresses=("10.0.0.5",))
    found = network(OWN, no_mask, exports=("10.0.1.99:/export",))
    assert tuple(what_is_cut(found, "b")) == ("storage",), "nor what has no netmask"
    for exports, cut in ((("10.0.1.99:/export",), ("storage",)), (("/dev/mapper/3600",), ())):
        found = network(OWN, HostDevice("bond0", "bond"), exports=exports)
        assert tuple(what_is_cut(found, "bond0")) == cut


def test_where_the_repositories_are_not_read_any_address_may_reach_one() -> None:
    spare = HostBridge("b", parent="eth1", ports=("eth1",), addresses=("10.0.0.5/24",))
    found = network(OWN, HostDevice("eth1", "nic"), spare, HostBridge("c"))
    found.host.repositories_error = PreconditionFailed("unread")  # type: ignore[misc]
    assert tuple(what_is_cut(found, "eth1")) == ("storage",)
    assert what_is_cut(found, "c") == {}
