"""Hosts without a driver: from options to an estate."""

from __future__ import annotations

from typing import Any

import pytest

from libcloud_ovm3.access import read_options
from libcloud_ovm3.errors import HostNotVerified, InvalidArgument
from libcloud_ovm3.estate.vms import read_estate
from libcloud_ovm3.simulator import Simulator
from tests.support import pins_of

PIN = "ab" * 32


def test_an_estate_without_a_driver() -> None:
    with Simulator(hosts=2) as sim:
        access = read_options(
            sim.user, sim.password, host=sim.hosts[0].address, port=sim.hosts[0].port,
            ex_fingerprint=pins_of(sim), ex_read_only=True,
        )  # fmt: skip
        assert len(read_estate(access.estate()).hosts) == 2


def test_a_pool_member_without_a_fingerprint() -> None:
    access = read_options("oracle", "pw", host="ovm-1", ex_fingerprint=PIN)
    [first] = access.hosts
    other = read_options("oracle", "pw", host="ovm-2", ex_fingerprint=PIN).hosts[0]
    assert access.agent(first) is not None
    assert access.agent(other) is None
    with pytest.raises(HostNotVerified, match="ovm-2"):
        access.estate().agent(other)


def test_read_only_reaches_every_connection() -> None:
    access = read_options(
        "oracle", "pw", ex_hosts=["ovm-1", "ovm-2"], ex_read_only="yes",
        ex_fingerprint={"ovm-1": PIN, "ovm-2": PIN},
    )  # fmt: skip
    connections = [access.connection(address) for address in access.hosts]
    assert [c is not None and c.read_only for c in connections] == [True, True]


def test_no_password_in_a_repr() -> None:
    access = read_options(
        "oracle", "secret-pw", host="ovm-1", ex_fingerprint=PIN, proxy_url="http://u:secret-pw@p:1"
    )
    assert "secret-pw" not in repr(access)


def test_wrong_options_are_errors() -> None:
    with pytest.raises(InvalidArgument, match="ex_second_look"):
        read_options("oracle", "pw", host="ovm-1", ex_second_look=-1)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("ex_passwords", {"ovm-1": "x", "OVM-9": "y"}),
        ("ex_passwords", {"ovm-1:8900": "x"}),
        ("ex_tls_server_name", "ovm-9=cn"),
    ],
)
def test_what_is_given_for_none_of_the_hosts(option: str, value: Any) -> None:
    """Where the pool tells the hosts, this is known later: tests/compute/test_passwords.py."""
    given = {"ex_fingerprint": {"ovm-1": PIN, "ovm-2": PIN}, option: value}
    with pytest.raises(
        InvalidArgument, match=rf"{option}: ovm-\S+ is none of the hosts \(ovm-1:8899"
    ):
        read_options("oracle", "pw", ex_hosts="Ovm-1,ovm-2", **given)
    assert read_options("oracle", "pw", host="ovm-1", **given).hosts


def test_names_of_hosts_have_no_case() -> None:
    access = read_options(
        "oracle", "usual", ex_hosts=["OVM-1", "2001:DB8::1"],
        ex_fingerprint={"Ovm-1": PIN, "2001:db8:0::1": PIN},
        ex_passwords={"ovm-1": "one", "[2001:db8::0:1]:8899": "two"},
    )  # fmt: skip
    assert [str(host) for host in access.hosts] == ["ovm-1:8899", "[2001:db8::1]:8899"]
    assert [access.passwords.of(host) for host in access.hosts] == ["one", "two"]
    assert [trust and trust.pins for trust in map(access.trust_of, access.hosts)] == [(PIN,)] * 2
