"""agent.address: what users write, read strictly."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libcloud_ovm3.agent.address import Address, parse_address, parse_flag, parse_port
from libcloud_ovm3.errors import InvalidArgument


@pytest.mark.parametrize(
    ("text", "host", "port", "netloc"),
    [
        ("ovm-1", "ovm-1", 8899, "ovm-1:8899"),
        ("ovm-1.example.com.", "ovm-1.example.com.", 8899, "ovm-1.example.com.:8899"),
        ("OVM_1:8900", "OVM_1", 8900, "OVM_1:8900"),
        (" 127.0.0.2:1 ", "127.0.0.2", 1, "127.0.0.2:1"),
        ("::1", "::1", 8899, "[::1]:8899"),
        ("[::1]", "::1", 8899, "[::1]:8899"),
        ("[::1]:65535", "::1", 65535, "[::1]:65535"),
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
