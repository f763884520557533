"""VNC consoles: where a live domain says that its own listens, and how to get there. Pure."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libcloud_ovm3.estate.consoles import console_hint
from libcloud_ovm3.estate.domains import VncEndpoint, read_domains

DOMAIN_0 = {"name": "Domain-0", "uuid": "00000000-0000-0000-0000-000000000000", "domid": "0"}
ID = "868a6627-c3b0-3d9b-aea4-f279cbaa253b"


def vnc_of(device: object) -> VncEndpoint | None:
    [domain] = read_domains([DOMAIN_0, {"name": "a", "uuid": ID, "device": device}]).domains
    return domain.vnc


def vfb(**values: object) -> dict[str, Any]:
    """As an agent has sent one (answer-shapes.md), and a few changed values."""
    recorded = {"location": "0.0.0.0:5900", "vnc": "1", "vncpasswd": "0123456789abcdef"}
    return {"vfb": [{**recorded, "vnclisten": "0.0.0.0", "vncunused": "1", **values}]}


@pytest.mark.parametrize(
    ("location", "listen", "port"),
    [
        ("0.0.0.0:5900", "0.0.0.0", 5900),
        (" 127.0.0.1:5901\n", "127.0.0.1", 5901),
        ("localhost:6900", "localhost", 6900),
        (":5903", "", 5903),
        ("::1:5904", "::1", 5904),
        ("[::]:65535", "::", 65535),
    ],
)
def test_the_location_of_the_live_domain_counts(location: str, listen: str, port: int) -> None:
    assert vnc_of(vfb(location=location, vncdisplay="7")) == VncEndpoint(listen, port)


@pytest.mark.parametrize(
    "location", [None, "", "5900", "host:", "h:0", "h:65536", "h:-1", "h:5900x", "h:+59", "h:٥٩", 7]
)
def test_another_location_is_not_a_port(location: object) -> None:
    assert vnc_of(vfb(location=location)) is None


@pytest.mark.parametrize(
    "device",
    [None, {}, [], "x", {"vfb": []}, {"vfb": None}, {"vfb": "x"}, {"vfb": [None]}, {"vfb": [7]}],
)
def test_a_domain_without_a_console(device: object) -> None:
    assert vnc_of(device) is None


def test_a_section_that_is_not_a_list() -> None:
    assert vnc_of({"vfb": {"location": "127.0.0.1:5901"}}) == VncEndpoint("127.0.0.1", 5901)


@given(st.text())
def test_any_text_is_a_port_or_nothing(location: str) -> None:
    found = vnc_of(vfb(location=location))
    assert found is None or (0 < found.port < 65536 and location.rpartition(":")[1])


@pytest.mark.parametrize(
    ("listen", "hint"),
    [
        ("127.0.0.1", "ssh -L 5901:127.0.0.1:5901 root@ovm-1, then vncviewer 127.0.0.1:5901"),
        ("localhost", "ssh -L 5901:127.0.0.1:5901 root@ovm-1, then vncviewer 127.0.0.1:5901"),
        ("", "ssh -L 5901:127.0.0.1:5901 root@ovm-1, then vncviewer 127.0.0.1:5901"),
        (None, "ssh -L 5901:127.0.0.1:5901 root@ovm-1, then vncviewer 127.0.0.1:5901"),
        ("::1", "ssh -L 5901:[::1]:5901 root@ovm-1, then vncviewer 127.0.0.1:5901"),
        ("0.0.0.0", "vncviewer ovm-1:5901"),
        ("::", "vncviewer ovm-1:5901"),
        ("192.0.2.7", "vncviewer 192.0.2.7:5901"),
        ("fd00::7", "vncviewer [fd00::7]:5901"),
    ],
)
def test_how_to_get_there(listen: str | None, hint: str) -> None:
    assert console_hint(listen, 5901, "ovm-1") == hint


def test_a_host_named_by_its_ipv6_address() -> None:
    assert console_hint("0.0.0.0", 5901, "fd00::9") == "vncviewer [fd00::9]:5901"
    assert console_hint("127.0.0.1", 5901, "fd00::9").startswith(
        "ssh -L 5901:127.0.0.1:5901 root@fd00::9, "
    )


def test_without_a_port_there_is_nothing_to_say() -> None:
    assert console_hint("127.0.0.1", None, "ovm-1") == ""
