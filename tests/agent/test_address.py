"""agent.address: what users write, read strictly."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libcloud_ovm3.agent.address import (
    Address,
    keyed,
    of_host,
    parse_address,
    parse_flag,
    parse_port,
    unmatched,
)
from libcloud_ovm3.errors import InvalidArgument


@pytest.mark.parametrize(
    ("text", "host", "port", "netloc"),
    [
        ("ovm-1", "ovm-1", 8899, "ovm-1:8899"),
        ("ovm-1.example.com.", "ovm-1.example.com.", 8899, "ovm-1.example.com.:8899"),
        ("OVM_1:8900", "ovm_1", 8900, "ovm_1:8900"),
        (" 127.0.0.2:1 ", "127.0.0.2", 1, "127.0.0.2:1"),
        ("::1", "::1", 8899, "[::1]:8899"),
        ("[::1]", "::1", 8899, "[::1]:8899"),
        ("[::1]:65535", "::1", 65535, "[::1]:65535"),
        ("2001:DB8:0::2", "2001:db8::2", 8899, "[2001:db8::2]:8899"),
        ("FE80::1%Eth0", "fe80::1%Eth0", 8899, "[fe80::1%Eth0]:8899"),
        ("2001:db8::2", "2001:db8::2", 8899, "[2001:db8::2]:8899"),
        ("fe80::1%eth0", "fe80::1%eth0", 8899, "[fe80::1%eth0]:8899"),
        ("[fe80::1%eth0.100]:7", "fe80::1%eth0.100", 7, "[fe80::1%eth0.100]:7"),
    ],
)
def test_addresses(text: str, host: str, port: int, netloc: str) -> None:
    address = parse_address(text)
    assert address == Address(host, port)
    assert address.netloc == str(address) == netloc
    assert parse_address(netloc) == address


def test_the_default_port_can_be_another() -> None:
    assert parse_address("h", 8900).port == 8900
    assert parse_address("h:1", 8900).port == 1
    assert parse_address("::1", 8900).port == 8900


@pytest.mark.parametrize(
    "text",
    [
        *["", " ", None, 7, b"h", "https://h", "h/x", "user@h", "oracle:pw@h:8899", "h:", ":1"],
        *["h:0", "h:65536", "h:x", "h:-1", "h:1:2", "[::1", "::1]", "[h]:1", "[::1]:", "[::1]x"],
        *["a b", "h\n.x", "-h", "h;x", "é", "fe80::1%", "fe80::1%a b", "::1%\nx", "1::2::3"],
    ],
)
def test_what_is_no_address(text: Any) -> None:
    with pytest.raises(InvalidArgument, match=r"host|port") as caught:
        parse_address(text)
    assert "oracle:pw" not in str(caught.value)


@given(st.text())
def test_any_text(text: str) -> None:
    try:
        address = parse_address(text)
    except InvalidArgument:
        return
    assert parse_address(str(address)) == address
    assert not set("/@ \n") & set(address.netloc)


@pytest.mark.parametrize(
    ("port", "number"), [(8899, 8899), ("8899", 8899), ("1", 1), (65535, 65535)]
)
def test_ports(port: Any, number: int) -> None:
    assert parse_port(port) == number


@pytest.mark.parametrize(
    "port", [0, -1, 65536, "", "x", "0x10", "8899 ", 8899.0, None, True, "٣", [], "1_0", "999999"]
)
def test_what_is_no_port(port: Any) -> None:
    with pytest.raises(InvalidArgument, match="port"):
        parse_port(port)


@pytest.mark.parametrize("value", [True, 1, "1", "true", "True", "YES", " on "])
def test_true(value: Any) -> None:
    assert parse_flag(value, "secure") is True


@pytest.mark.parametrize("value", [False, 0, "0", "false", "False", "No", "off\n"])
def test_false(value: Any) -> None:
    assert parse_flag(value, "secure") is False


@pytest.mark.parametrize("value", ["", None, 2, -1, "maybe", [], "truefalse", 0.5])
def test_neither(value: Any) -> None:
    with pytest.raises(InvalidArgument, match="secure"):
        parse_flag(value, "secure")


@pytest.mark.parametrize(
    ("key", "asked"),
    [
        ("OVM-1", "ovm-1"),
        ("ovm-1:8899", "Ovm-1"),
        ("2001:DB8::0:2", "2001:db8::2"),
        ("[2001:db8:0::2]:8899", "2001:db8::2"),
    ],
)
def test_one_host_in_several_spellings(key: str, asked: str) -> None:
    values = keyed({key: 7})
    address = parse_address(asked)
    assert of_host(values, address, named=False) == 7
    assert of_host(values, Address(key.removesuffix(":8899").strip("[]"), 8899), named=False) == 7
    assert unmatched(values, [address]) == []
    assert unmatched(values, [parse_address("ovm-9")]) == list(values)
    with pytest.raises(InvalidArgument, match="given twice, in two spellings"):
        keyed({key: 7, f" {key.upper()}": 8})


def test_another_name_of_a_host_is_told_by_its_pin() -> None:
    hosts = [parse_address("192.0.2.1"), parse_address("192.0.2.2")]
    pins = {"ovm-1": ("a",), "192.0.2.1": ("a", "b"), "ovm-9": ("c",), "ovm-2": ("d",)}
    assert unmatched(pins, hosts, pins) == ["ovm-9", "ovm-2"]
    assert unmatched(["ovm-1"], hosts, pins) == ["ovm-1"], "192.0.2.1 itself has nothing then"
    assert unmatched(["ovm-1:8899", "192.0.2.1"], hosts, pins) == []
    assert unmatched(["192.0.2.1:9", "192.0.2.1"], hosts, pins) == ["192.0.2.1:9"]
