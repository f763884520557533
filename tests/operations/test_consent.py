"""What a change of networks may cut, and the consent to it."""

from __future__ import annotations

import ipaddress
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libcloud_ovm3.agent import hostmodule
from libcloud_ovm3.agent.host_networks import Route
from libcloud_ovm3.errors import InvalidArgument, PreconditionFailed
from libcloud_ovm3.estate.host_network import HostBridge, HostDevice, HostNetwork
from libcloud_ovm3.estate.storage_lines import lines_to
from libcloud_ovm3.operations.consent import ROLES, parse_consent, require_consent, what_is_cut

LABEL = "ethernet:c0a80100{192.168.1.0}:"


NOTHING_MOUNTED = "<Discover_Mounted_File_Systems_Result/>"
NO_LUNS = "<Discover_Physical_Luns_Result/>"


def host(
    *exports: str,
    servers: list[tuple[str, str, str]] | None = None,
    mounts: str = NOTHING_MOUNTED,
    luns: str = NO_LUNS,
) -> Any:
    """
    :param exports: of its mounted repositories.
    :param servers: of its storage, as its host module tells; None: it has none.
    :param mounts, luns: what its agent answers.
    """
    records = [SimpleNamespace(fs_location=one, alias="repo", id="r", is_mounted=True)
               for one in exports]  # fmt: skip
    told = [dict(zip(("kind", "source", "address"), one, strict=True)) for one in servers or ()]
    linux = SimpleNamespace(
        discover_mounted_file_systems=lambda kind: mounts if kind == "nfs" else NOTHING_MOUNTED,
        discover_physical_luns=lambda _: luns,
    )
    return SimpleNamespace(
        label="ovm-1 (192.0.2.9:8899)",
        server=SimpleNamespace(registered_ip="192.0.2.1", pool_uuid=None, cluster_state="Offline"),
        address=SimpleNamespace(host="192.0.2.9"),
        repositories=records,
        repositories_error=None,
        answers={} if servers is None else {hostmodule.STORAGE_SERVERS: told},
        agent=SimpleNamespace(linux=linux),
        module3=None,
    )


def network(
    *parts: HostDevice | HostBridge,
    exports: tuple[str, ...] = (),
    on: Any = None,
    told: dict[str, tuple[str, ...]] | None = None,
    routes: tuple[Route, ...] | None = None,
) -> HostNetwork:
    devices = tuple(one for one in parts if isinstance(one, HostDevice))
    bridges = tuple(one for one in parts if isinstance(one, HostBridge))
    return HostNetwork(on or host(*exports), devices, bridges, told=told, routes=routes)


# With which it is registered, and by which it is reached.
BOTH = ("192.0.2.1/24", "192.0.2.9/24")
OWN = HostBridge("own", parent="eth9", ports=("eth9",), addresses=BOTH)
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
    bridge = HostBridge("own", parent="bond0", ports=("bond0",), addresses=BOTH)
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


def test_each_own_address_is_looked_for_by_itself() -> None:
    """Registered on one interface, and reached by an address that is not seen."""
    registered = HostBridge("b", parent="eth1", ports=("eth1",), addresses=("192.0.2.1/24",))
    bond = HostDevice("bond0", "bond", slaves=("eth0",), addresses=("10.0.0.4/24",))
    nics = [HostDevice("eth1", "nic"), HostDevice("eth2", "nic")]
    found = network(registered, bond, *nics, HostBridge("c"))
    for name, why in {
        "bond0": "(192.0.2.9), which nothing shows",
        "eth2": "may have",
        "b": "has",
    }.items():
        cut = what_is_cut(found, name)
        assert tuple(cut) == ("management",)
        assert why in " ".join(cut["management"])
    assert what_is_cut(found, "c") == {}
    told = network(registered, bond, *nics, told={"bond0": ("192.0.2.9/24",)})
    assert tuple(what_is_cut(told, "bond0")) == ("management",)
    assert what_is_cut(told, "eth2") == {}


@pytest.mark.parametrize(
    ("export", "by_address", "by_nic"),
    [
        ("10.0.0.99:/export", True, False),
        ("192.0.2.99:/export", False, False),
        ("10.0.1.99:/export", True, True),  # beyond a gateway, or in a network that is not shown
        ("nfs-1:/export", True, True),  # a name may lead anywhere
        ("/dev/mapper/3600", False, False),
    ],
)
def test_storage_by_what_the_document_shows(export: str, by_address: bool, by_nic: bool) -> None:
    with_address = HostBridge("b", parent="eth1", ports=("eth1",), addresses=("10.0.0.5/24",))
    parts = [OWN, HostDevice("eth1", "nic"), with_address, HostDevice("eth2", "nic")]
    found = network(*parts, HostBridge("c"), exports=(export,))
    assert tuple(what_is_cut(found, "eth1")) == (("storage",) if by_address else ())
    assert tuple(what_is_cut(found, "eth2")) == (("storage",) if by_nic else ())
    assert what_is_cut(found, "c") == {}, "no address, no way out"


def test_storage_of_which_only_a_mount_tells() -> None:
    """A pool file system, and the address of a server that is known by its name."""
    mounts = (
        '<Discover_Mounted_File_Systems_Result><Filesystem Type="nfs"><Mount Dir="/nfsmnt/p">'
        "<Device>filer:/pool</Device><Mount_Options>rw,addr=192.0.2.99</Mount_Options></Mount>"
        "</Filesystem></Discover_Mounted_File_Systems_Result>"
    )
    nic = HostDevice("eth1", "nic")
    own = what_is_cut(network(OWN, nic, on=host("filer:/pool", mounts=mounts)), "own")
    assert own["storage"] == ("repository repo is mounted from filer:/pool, reached by own",)
    assert what_is_cut(network(OWN, nic, on=host("filer:/pool", mounts=mounts)), "eth1") == {}
    other = what_is_cut(network(OWN, nic, on=host("filer:/po", mounts=mounts)), "eth1")
    assert len(other["storage"]) == 1, "another one, which the agent says is mounted"
    assert "from filer:/po, which may be reached by eth1" in other["storage"][0]
    target = NO_LUNS.replace("/>", "><iSCSI_Target/></Discover_Physical_Luns_Result>")
    for unclear in ({"luns": target}, {"luns": "<what/>"}, {"mounts": "<what/>"}):
        found = network(OWN, nic, on=host(**unclear))
        assert tuple(what_is_cut(found, "eth1")) == ("storage",)


def route(device: str, to: str, gateway: str = "", metric: int = 0) -> Route:
    destination, _, length = to.partition("/")
    return Route(device, destination, int(length), gateway, metric)


ROUTES = (
    route("own", "192.0.2.0/24"),
    route("own", "0.0.0.0/0", "192.0.2.254"),
    route("eth1.5", "10.0.5.0/24"),
    route("eth2", "10.0.0.0/8", "10.0.6.254"),
    route("eth3", "10.0.0.0/8", "10.0.7.254", 9),
)
TOLD = {"own": ("192.0.2.1/24",), "eth1.5": ("10.0.5.1/24",), "eth2": ("10.0.6.1/24",),
        "eth3": ("10.0.7.1/24",), "lo": ("127.0.0.1/8",)}  # fmt: skip


@pytest.mark.parametrize(
    ("server", "line"),
    [
        (("nfs", "filer:/a", "10.0.5.9"), "eth1.5"),
        (("nfs", "10.0.9.9:/a", ""), "eth2"),  # beyond a gateway, by the better route
        (("iscsi", "connection1:0", "203.0.113.1"), "own"),  # by the default route
    ],
)
def test_storage_by_the_routes_that_the_module_tells(
    server: tuple[str, str, str], line: str
) -> None:
    nics = [HostDevice(name, "nic") for name in ("eth1", "eth2", "eth3", "eth4")]
    vlan = HostDevice("eth1.5", "vlan", parent="eth1", vlan=5)
    found = network(OWN, *nics, vlan, on=host(servers=[server]), told=TOLD, routes=ROUTES)
    cut = {name for name in found.names() if "storage" in what_is_cut(found, name)}
    assert cut == ({line, "eth1"} if line == "eth1.5" else {line})
    unknown = network(OWN, *nics, vlan, on=host(servers=[server]), told=TOLD, routes=())
    cut = {name for name in unknown.names() if "storage" in what_is_cut(unknown, name)}
    assert cut == {"own", "eth1", "eth1.5", "eth2", "eth3"}, "no route: any that has an address"


def test_what_the_module_says_of_servers_and_is_not_understood_protects() -> None:
    found = network(OWN, HostDevice("eth1", "nic"), on=host(servers=[]))
    assert what_is_cut(found, "eth1") == {}
    found.host.answers.clear()  # type: ignore[attr-defined]
    told = [{"kind": "nfs", "source": "filer:/a", "address": "192.0.2.7"}]
    found.host.module3 = SimpleNamespace(storage_servers=lambda: told)  # type: ignore[misc]
    assert what_is_cut(found, "eth1") == {}, "not brought with the host, so it is asked for"
    assert "storage" in what_is_cut(found, "own")
    found.host.answers[hostmodule.STORAGE_SERVERS] = ["?"]  # type: ignore[index]
    assert tuple(what_is_cut(found, "eth1")) == ("storage",)


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 2**32 - 1), st.integers(0, 32))),
    st.integers(0, 2**32 - 1),
)
def test_the_line_is_that_of_the_longest_prefix(
    given: list[tuple[str, int, int]], server: int
) -> None:
    routes = []
    for device, number, length in given:
        net = ipaddress.IPv4Network((number, length), strict=False)
        routes.append(route(device, str(net)))
    fitting = [
        (length, device)
        for device, number, length in given
        if (number ^ server) >> 32 - length == 0
    ]
    lines = lines_to(network(OWN, routes=tuple(routes)), ipaddress.IPv4Address(server))
    longest = max(fitting, default=(0, ""))[0]
    assert lines == (frozenset(device for length, device in fitting if length == longest) or None)


def test_where_the_repositories_are_not_read_any_address_may_reach_one() -> None:
    spare = HostBridge("b", parent="eth1", ports=("eth1",), addresses=("10.0.0.5/24",))
    local = HostBridge("control0", addresses=("169.254.0.1/16",))
    found = network(OWN, HostDevice("eth1", "nic"), spare, HostBridge("c"), local)
    found.host.repositories_error = PreconditionFailed("unread")  # type: ignore[misc]
    assert tuple(what_is_cut(found, "eth1")) == ("storage",)
    assert what_is_cut(found, "c") == what_is_cut(found, "control0") == {}


# ------------------------------------------------------------------ pools


@pytest.mark.parametrize(
    ("cluster", "roles"),
    [
        ("Online", ["management", "heartbeat", "migration"]),
        ("Unknown", ["management", "heartbeat", "migration"]),
        ("", ["management", "heartbeat", "migration"]),
        ("Offline", ["management", "migration"]),
    ],
)
def test_members_of_a_pool_reach_each_other_by_the_registered_address(
    cluster: str, roles: list[str]
) -> None:
    nics = [HostDevice("eth9", "nic"), HostDevice("eth1", "nic")]
    found = network(OWN, *nics)
    found.host.server.pool_uuid, found.host.server.cluster_state = "p", cluster  # type: ignore[misc]
    assert list(what_is_cut(found, "eth9")) == roles
    assert what_is_cut(found, "eth1") == {}
    hidden = HostNetwork(found.host, tuple(nics))
    assert list(what_is_cut(hidden, "eth1")) == roles, "it may have that address"
    recorded = HostDevice("eth2", "nic", metadata=f"{LABEL}CLUSTER_HEARTBEAT,LIVE_MIGRATE")
    elsewhere = HostNetwork(found.host, (*nics, recorded), (OWN,))
    assert list(what_is_cut(elsewhere, "eth9")) == ["management"]
    assert list(what_is_cut(elsewhere, "eth2")) == ["heartbeat", "migration"]
