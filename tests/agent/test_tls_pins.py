"""Pins and trust as users write them. No sockets."""

from __future__ import annotations

import hashlib
import re
import ssl
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libcloud_ovm3.agent import tls
from libcloud_ovm3.agent.address import Address
from libcloud_ovm3.agent.tls import HostTrust, Trust, parse_pin, parse_pins
from libcloud_ovm3.errors import InvalidArgument

A, B = "a" * 64, "0123456789abcdef" * 4
HOST = Address("ovm-1", 8899)


@pytest.mark.parametrize(
    "text",
    [
        B,
        B.upper(),
        f"sha256:{B}",
        f"SHA256:{B.upper()}",
        ":".join(B[n : n + 2] for n in range(0, 64, 2)),
        "sha256:" + ":".join(B[n : n + 2].upper() for n in range(0, 64, 2)),
        " ".join(B[n : n + 4] for n in range(0, 64, 4)),
        f"  {B}\n",
        f"SHA256 Fingerprint={B.upper()}",
        "sha256 Fingerprint=" + ":".join(B[n : n + 2].upper() for n in range(0, 64, 2)) + "\n",
        f"SHA-256: {B}",
        f"sha256={B}",
    ],
)
def test_pins_in_every_usual_form(text: str) -> None:
    assert parse_pin(text) == B


@pytest.mark.parametrize(
    "text", ["", "sha256:", B[:-1], B + "0", "a" * 40, f"sha1:{'a' * 40}", "g" * 64, f"md5:{B}", 7]
)
def test_what_is_no_pin(text: Any) -> None:
    with pytest.raises(InvalidArgument, match=r"SHA-256.*ovm3 host certificate"):
        parse_pin(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"sha256//{'A' * 43}=", "hash of a public key, as curl"),
        (f"SHA256:{'Ab+/' * 10}Abc", "fingerprint of an SSH key"),
        ("a" * 40, "SHA-1 fingerprint, which is too weak"),
        (f"SHA1 Fingerprint={':'.join(['AA'] * 20)}", "SHA-1 fingerprint, which is too weak"),
        (f"sha1:{'a' * 40}", "SHA-1 fingerprint, which is too weak"),
        (f"MD5 Fingerprint={':'.join(['AA'] * 16)}", "MD5 fingerprint, which is too weak"),
    ],
)
def test_what_another_fingerprint_is(text: str, why: str) -> None:
    for pins in (text, [text], f"ovm-1={text}", {"ovm-1": text}):
        with pytest.raises(InvalidArgument, match=f"this is .*{why}.*; expected a certificate's"):
            parse_pins(pins)


@given(
    st.binary(min_size=32, max_size=32),
    st.sampled_from(["", "sha256:", "SHA256 Fingerprint=", "sha256 Fingerprint=", "SHA-256 "]),
    st.sampled_from(["", ":", " "]),
    st.sampled_from([str.upper, str.lower]),
    st.sampled_from(["", "ovm-1=", "ovm-1:8900=", "[::1]:8900="]),
    st.sampled_from(["", " ", "\n"]),
)
def test_one_pin_in_all_spellings(
    digest: bytes, prefix: str, between: str, case: Any, host: str, end: str
) -> None:
    pin = prefix + case(digest.hex(between) if between else digest.hex()) + end
    key, found = host.removesuffix("="), digest.hex()
    assert parse_pin(pin) == found
    assert parse_pins(host + pin) == {key: (found,)}
    assert parse_pins([host + pin, f"ovm-9={A}"]) == {key: (found,), "ovm-9": (A,)}


@given(st.text(max_size=70) | st.from_regex("(sha256)?[:=/ ]*[0-9a-fA-F:= ]*", fullmatch=True))
def test_anything_else_is_refused_or_is_64_digits_that_were_there(text: str) -> None:
    try:
        pin = parse_pin(text)
    except InvalidArgument:
        return
    assert re.fullmatch("[0-9a-f]{64}", pin)
    assert re.sub(r"[:\s]", "", text).lower().endswith(pin)


@pytest.mark.parametrize(
    ("written", "pins"),
    [
        (None, {}),
        (B, {"": (B,)}),
        (f"{A}, {B}", {"": (A, B)}),
        (
            f"ovm-1={A},ovm-2:8900=SHA256 Fingerprint={B},ovm-1={B}",
            {"ovm-1": (A, B), "ovm-2:8900": (B,)},
        ),
        ([f"ovm-1={A}", f"ovm-2={B}"], {"ovm-1": (A,), "ovm-2": (B,)}),
        ({"[FD00::1]": A, "": [B]}, {"fd00::1": (A,), "": (B,)}),
        ({"ovm-1": f"{A},{B}"}, {"ovm-1": (A, B)}),
        ([B, A], {"": (B, A)}),
        ((B,), {"": (B,)}),
        ({"ovm-1": B.upper(), "ovm-2:8900": [A, B]}, {"ovm-1": (B,), "ovm-2:8900": (A, B)}),
        ({}, {}),
    ],
)
def test_pins_of_one_and_of_many_hosts(written: Any, pins: Any) -> None:
    assert parse_pins(written) == pins


@pytest.mark.parametrize(
    "written",
    [
        [],
        {"ovm-1": []},
        "",
        ["x"],
        {"ovm-1": "x"},
        [None],
        {"a b": A},
        {7: A},
        f"{A},",
        f"a b={A}",
        {"ovm-1": f"ovm-2={A}"},
    ],
)
def test_pins_that_would_accept_nothing_or_anything(written: Any) -> None:
    with pytest.raises(InvalidArgument):
        parse_pins(written)


def trust(pins: Any = None, names: dict[str, str] | None = None, **options: Any) -> Trust:
    defaults = {"ca_cert": None, "verify": True, "minimum": "TLSv1.2"}
    defaults.update(cert_file=None, key_file=None)
    return Trust(parse_pins(pins), names or {}, **{**defaults, **options})


@pytest.mark.parametrize(
    ("estate", "named", "expected"),
    [
        (trust(), True, HostTrust()),
        (trust(), False, HostTrust()),
        (trust(B), True, HostTrust((B,))),
        # A pin for the one host named says nothing about the pool's other members.
        (trust(B), False, None),
        (trust(B, ca_cert="ca"), False, HostTrust((), "ca")),
        (trust(B, verify=False), False, HostTrust(verify=False)),
        (trust({"ovm-1": B}), False, HostTrust((B,))),
        (trust({"ovm-1:8899": B}), False, HostTrust((B,))),
        (trust({"ovm-1": A, "ovm-1:8899": B}), False, HostTrust((B,))),
        (trust({"ovm-1:8900": B}), False, None),
        (trust({"ovm-2": B}), True, None),
        (trust(names={"": "cn"}, ca_cert="ca"), True, HostTrust((), "ca", "cn")),
        (trust(names={"": "cn"}, ca_cert="ca"), False, HostTrust((), "ca")),
        (trust(names={"ovm-1": "cn"}, ca_cert="ca"), False, HostTrust((), "ca", "cn")),
        (
            trust(weak_keys=True, legacy_renegotiation=True),
            True,
            HostTrust(weak_keys=True, legacy_renegotiation=True),
        ),
        (
            trust(minimum="TLSv1", cert_file="c", key_file="k"),
            False,
            HostTrust(minimum="TLSv1", cert_file="c", key_file="k"),
        ),
    ],
)
def test_what_one_host_has_to_present(
    estate: Trust, named: bool, expected: HostTrust | None
) -> None:
    assert estate.of(HOST, named) == expected


def test_minimum_versions() -> None:
    for version in ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"):
        assert tls.check_minimum(version) == version
    for version in ("SSLv3", "1.0", "", "tlsv1", "TLSv1.0"):
        with pytest.raises(InvalidArgument, match=r"TLSv1\.3"):
            tls.check_minimum(version)


def test_the_context_verifies_unless_told_otherwise() -> None:
    context = tls.make_context(HostTrust(), None)
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert tls.make_context(HostTrust(verify=False), None).verify_mode == ssl.CERT_NONE


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1 is deprecated:DeprecationWarning")
def test_what_is_offered() -> None:
    """Nothing without a certificate, nothing broken; RSA key exchange comes last."""
    context = tls.make_context(HostTrust(), None)
    assert context.security_level >= 2
    names = [cipher["name"] for cipher in context.get_ciphers()]
    assert not [n for n in names if re.search("PSK|SRP|NULL|ADH|AECDH|RC4|DES|MD5|DSS|CAMELLIA", n)]
    secret = [n.startswith(("TLS_", "ECDHE-", "DHE-")) for n in names]
    assert secret == sorted(secret, reverse=True)
    assert not all(secret)
    assert not context.options & 0x4  # OP_LEGACY_SERVER_CONNECT
    assert tls.make_context(HostTrust(legacy_renegotiation=True), None).options & 0x4
    for weak in (HostTrust(weak_keys=True), HostTrust(minimum="TLSv1")):
        assert tls.make_context(weak, None).security_level == 0
    assert tls.make_context(HostTrust(weak_keys=True), None).minimum_version == (
        ssl.TLSVersion.TLSv1_2
    )


def test_fingerprint() -> None:
    assert tls.fingerprint(b"der") == hashlib.sha256(b"der").hexdigest()
