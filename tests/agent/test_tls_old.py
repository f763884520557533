"""Servers of an older day: they work, or the error says what is wrong and which option helps.

Cases N16 and N17.
"""

from __future__ import annotations

import itertools
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from libcloud_ovm3 import errors
from libcloud_ovm3.agent import tlsadvice
from libcloud_ovm3.agent.address import Address
from libcloud_ovm3.agent.call_kinds import TimeLimits
from libcloud_ovm3.agent.connection import AgentConnection
from libcloud_ovm3.agent.tls import HostTrust, NeverSent, fingerprint
from libcloud_ovm3.agent.tls import presented as tls_presented
from libcloud_ovm3.agent.tlsadvice import (
    USUAL,
    advice,
    afterwards,
    needed,
    python_options,
    shown,
    switches,
)

from .ancient import AncientTls
from .certificates import Certificate, make_certificate
from .served import Server

pytestmark = [
    pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning"),
    pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1 is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning"),
]

_RSA_ONLY = "AES128-SHA:AES256-SHA:AES128-GCM-SHA256:@SECLEVEL=0"
_OPTIONS = {
    "ex_tls_minimum='TLSv1'": {"minimum": "TLSv1"},
    "ex_tls_minimum='TLSv1.2'": {"minimum": "TLSv1.2"},
    "ex_tls_weak_keys=True": {"weak_keys": True},
    "ex_tls_legacy_renegotiation=True": {"legacy_renegotiation": True},
}
# The group of 1024 bits that EL5 and EL6 came with (RFC 2409, 6.2).
_GROUP_2 = """\
-----BEGIN DH PARAMETERS-----
MIGHAoGBAP//////////yQ/aoiFowjTExmKLgNwc0SkCTgiKZ8x0Agu+pjsTmyJR
Sgh5jjQE3e+VGbPNOkMbMCsKbfJfFDdP4TVtbVHCReSFtXZiXn7G9ExC6aY37WsL
/1y29Aa37e44a/taiZ+lrp8kEXxLH+ZJKGZR7OZTgf//////////AgEC
-----END DH PARAMETERS-----
"""


@pytest.fixture(scope="session")
def rsa_certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Certificate]:
    folder = tmp_path_factory.mktemp("rsa")
    return {bits: make_certificate(folder, use_rsa=True, bits=bits) for bits in (1024, 2048)}


def speaking(
    ciphers: str, version: ssl.TLSVersion, dh_file: Path | None = None
) -> Callable[[ssl.SSLContext], None]:
    """A server's TLS: these ciphers, this version only."""

    def prepare(context: ssl.SSLContext) -> None:
        context.set_ciphers(ciphers)
        context.minimum_version = context.maximum_version = version
        if dh_file is not None:
            context.load_dh_params(str(dh_file))

    return prepare


class Ancient(Server):
    """Without RFC 5746."""

    minor = 3

    def _make_context(self) -> Any:
        assert self.certificate is not None
        return AncientTls(self.certificate, self.minor)


class AncientOne(Ancient):
    minor = 1  # TLS 1.0


@pytest.fixture
def small_group(tmp_path: Path) -> Path:
    file = tmp_path / "dh.pem"
    file.write_text(_GROUP_2)
    return file


@pytest.fixture
def old_servers(
    rsa_certificates: dict[int, Certificate], small_group: Path
) -> Iterator[dict[str, Server]]:
    """By what is old in them. The certificate has 1024 bits where the name says so."""
    strong, weak = rsa_certificates[2048], rsa_certificates[1024]
    v1, v12 = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_2
    made = {
        "RSA key exchange": Server(certificate=strong, prepare=speaking(_RSA_ONLY, v12)),
        "RSA key exchange, 1024": Server(certificate=weak, prepare=speaking(_RSA_ONLY, v12)),
        "ECDHE with SHA-1": Server(
            certificate=strong, prepare=speaking("ECDHE-RSA-AES128-SHA:@SECLEVEL=0", v12)
        ),
        "small DH": Server(
            certificate=strong,
            prepare=speaking("DHE-RSA-AES128-SHA:@SECLEVEL=0", v12, small_group),
        ),
        "TLS 1.0": Server(certificate=strong, prepare=speaking(_RSA_ONLY, v1)),
        "TLS 1.0, 1024": Server(certificate=weak, prepare=speaking(_RSA_ONLY, v1)),
        "nothing in common": Server(
            certificate=strong, prepare=speaking("CAMELLIA128-SHA:@SECLEVEL=0", v12)
        ),
        "no RFC 5746": Ancient(certificate=strong),
        "no RFC 5746, 1024": Ancient(certificate=weak),
        "no RFC 5746, TLS 1.0": AncientOne(certificate=strong),
        "no RFC 5746, TLS 1.0, 1024": AncientOne(certificate=weak),
    }
    yield made
    for server in made.values():
        server.close()


# What has to be set, with a pin, before each of them answers.
_NEEDS: dict[str, set[str]] = {
    "RSA key exchange": set(),
    "RSA key exchange, 1024": set(),
    "ECDHE with SHA-1": set(),
    "small DH": {"ex_tls_weak_keys=True"},
    "TLS 1.0": {"ex_tls_minimum='TLSv1'"},
    "TLS 1.0, 1024": {"ex_tls_minimum='TLSv1'"},
    "no RFC 5746": {"ex_tls_legacy_renegotiation=True"},
    "no RFC 5746, 1024": {"ex_tls_legacy_renegotiation=True"},
    "no RFC 5746, TLS 1.0": {"ex_tls_minimum='TLSv1'", "ex_tls_legacy_renegotiation=True"},
    "no RFC 5746, TLS 1.0, 1024": {"ex_tls_minimum='TLSv1'", "ex_tls_legacy_renegotiation=True"},
}


def hinted(error: BaseException) -> list[str]:
    return re.findall(r"ex_tls_\w+=[^ ,]+", str(error))


def failure(connect: Any, server: Server, trust: HostTrust) -> errors.HostUnreachable | None:
    """What comes of a call; None: its answer."""
    try:
        answer = connect(server, trust=trust).call("echo", "old")
    except errors.HostUnreachable as error:
        return error
    assert answer == "old"
    return None


def follow_hints(connect: Any, server: Server, trust: HostTrust) -> set[str]:
    """Do what the errors say until it works."""
    done: set[str] = set()
    while (error := failure(connect, server, trust)) is not None:
        assert server.requests == []
        hints = hinted(error)
        assert len(hints) == 1, str(error)
        assert hints[0] not in done, "a hint at what is set already"
        done.add(hints[0])
        trust = HostTrust(**{**vars(trust), **_OPTIONS[hints[0]]})
    return done


@pytest.mark.parametrize("old", _NEEDS)
def test_the_errors_lead_to_what_works(
    old_servers: dict[str, Server], connect: Any, old: str
) -> None:
    server = old_servers[old]
    assert server.certificate is not None
    trust = HostTrust(pins=(server.certificate.fingerprint,))
    assert follow_hints(connect, server, trust) == _NEEDS[old]


@pytest.mark.parametrize("old", _NEEDS)
def test_with_a_ca(old_servers: dict[str, Server], connect: Any, old: str) -> None:
    """There the size of the key counts too."""
    server = old_servers[old]
    assert server.certificate is not None
    trust = HostTrust(ca_cert=server.certificate.pem, server_name="ovm-1")
    wanted = set(_NEEDS[old])
    if "1024" in old and "TLS 1.0" not in old:
        wanted.add("ex_tls_weak_keys=True")
    assert follow_hints(connect, server, trust) == wanted


@pytest.mark.parametrize("old", [*_NEEDS, "nothing in common"])
def test_no_hint_at_what_is_set(old_servers: dict[str, Server], connect: Any, old: str) -> None:
    server = old_servers[old]
    assert server.certificate is not None
    ways = {"pins": (server.certificate.fingerprint,)}, {"ca_cert": server.certificate.pem}
    for way, minimum, weak, legacy in itertools.product(
        ways, ("TLSv1", "TLSv1.2", "TLSv1.3"), (False, True), (False, True)
    ):
        trust = HostTrust(
            **way, server_name="ovm-1", minimum=minimum, weak_keys=weak, legacy_renegotiation=legacy
        )
        error = failure(connect, server, trust)
        if error is None:
            continue
        hints = hinted(error)
        assert len(hints) <= 1
        for hint in hints:
            assert any(getattr(trust, k) != v for k, v in _OPTIONS[hint].items()), str(error)
        if not hints:
            assert old == "nothing in common"
            assert "common to both" in str(error)


def test_rsa_key_exchange_is_seen(old_servers: dict[str, Server], connect: Any) -> None:
    agent = connect(old_servers["RSA key exchange"])
    agent.call("echo", 1)
    facts = agent.tls_facts()
    assert facts.protocol == "TLSv1.2"
    assert facts.cipher.startswith("AES")
    assert not facts.has_forward_secrecy


def test_what_can_do_better_does(
    serve: Any, connect: Any, rsa_certificates: dict[int, Certificate]
) -> None:
    """RSA key exchange comes last: a server that knows more uses that."""

    def both(context: ssl.SSLContext) -> None:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(f"ECDHE-RSA-AES128-GCM-SHA256:{_RSA_ONLY}")
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE

    agent = connect(serve(certificate=rsa_certificates[2048], prepare=both))
    agent.call("echo", 1)
    assert agent.tls_facts().has_forward_secrecy


def test_what_is_wrong_is_said(old_servers: dict[str, Server], connect: Any) -> None:
    for old, text in (
        ("small DH", "weaker than what is considered secure"),
        ("TLS 1.0", "does not support TLSv1.2 or later"),
        ("no RFC 5746", "RFC 5746"),
    ):
        with pytest.raises(errors.HostUnreachable, match=text):
            connect(old_servers[old]).call("start_vm")
    server = old_servers["RSA key exchange, 1024"]
    assert server.certificate is not None
    trust = HostTrust(ca_cert=server.certificate.pem, server_name="ovm-1")
    with pytest.raises(errors.CertificateRejected, match=r"weaker.*--tls-weak-keys") as caught:
        connect(server, trust=trust).call("start_vm")
    assert "not the host" not in str(caught.value)


@pytest.mark.parametrize("old", _NEEDS)
def test_ovm3_pin_shows_it_and_what_it_needs(old_servers: dict[str, Server], old: str) -> None:
    server = old_servers[old]
    address = Address(server.host, server.port)
    facts = shown(address, 5)
    assert server.certificate is not None
    assert fingerprint(facts.certificate) == server.certificate.fingerprint
    options = needed(address, 5)
    assert set(python_options(options, USUAL)) == _NEEDS[old]
    assert len(switches(options, USUAL)) == len(_NEEDS[old])
    assert server.requests == []


class Curt(AncientOne):
    """TLS 1.0; a client that asks for more gets no alert, just the end of the line."""

    def _serve(self, line: socket.socket, number: int) -> None:
        hello = line.recv(1 << 12, socket.MSG_PEEK)
        if b"\x00\x2b" in hello and b"\x03\x01" not in hello.partition(b"\x00\x2b")[2][:12]:
            line.close()
        else:
            super()._serve(line, number)


def test_ovm3_pin_where_the_host_says_no_reason(
    rsa_certificates: dict[int, Certificate], connect: Any
) -> None:
    """The error does not guess; trying finds it."""
    with Curt(certificate=rsa_certificates[1024]) as server:
        with pytest.raises(errors.HostUnreachable, match=r"ovm3 host certificate|reset") as caught:
            connect(server).call("start_vm")
        assert hinted(caught.value) == []
        options = needed(Address(server.host, server.port), 5)
        assert switches(options, USUAL) == ["--tls-minimum TLSv1", "--tls-legacy-renegotiation"]


@pytest.mark.parametrize("reason", [TimeoutError("lost"), ConnectionRefusedError("lost")])
def test_a_lost_packet_weakens_nothing(
    reason: OSError, old_servers: dict[str, Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is needed is saved with the pin, for good."""
    server, lost = old_servers["TLS 1.0"], [reason]

    def presented(*args: Any) -> Any:
        if lost:
            raise NeverSent("lost") from lost.pop()
        return tls_presented(*args)

    monkeypatch.setattr(tlsadvice, "presented", presented)
    with pytest.raises(errors.HostUnreachable, match="lost"):
        needed(Address(server.host, server.port), 5)
    assert needed(Address(server.host, server.port), 5).minimum == "TLSv1"


def test_ovm3_pin_where_nothing_helps(old_servers: dict[str, Server]) -> None:
    server = old_servers["nothing in common"]
    address = Address(server.host, server.port)
    for look in (shown, needed):
        with pytest.raises(errors.HostUnreachable, match="common to both") as caught:
            look(address, 5)
        assert hinted(caught.value) == []


# ------------------------------------------------------------------ what is no TLS at all


def answering(first_words: bytes) -> tuple[socket.socket, int]:
    """Says this to whoever has said anything, and closes."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                line, _ = listener.accept()
            except OSError:
                return
            with line:
                line.recv(1 << 16)
                line.sendall(first_words)

    threading.Thread(target=serve, daemon=True).start()
    return listener, listener.getsockname()[1]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "TLS is not used there"),
        (b"SSH-2.0-OpenSSH_4.3\r\n", "TLS is not used there"),
        (b"<?xml version='1.0'?><methodResponse/>", "TLS is not used there"),
        (b"", "closed|reset"),
        (b"\x15\x03\x01\x00\x02\x02\x28", "common to both"),  # alert handshake_failure
        (b"\x15\x03\x01\x00\x02\x02\x46", "does not support TLSv1.2"),  # alert protocol_version
        (b"\x15\x03\x01\x00\x02\x02\x50", "internal error"),
    ],
)
def test_no_false_reason(words: bytes, text: str) -> None:
    listener, port = answering(words)
    with listener:
        agent = AgentConnection(
            "oracle", "pw", host="127.0.0.1", port=port, trust=HostTrust(pins=("0" * 64,)),
            limits=TimeLimits(connect=3),
        )  # fmt: skip
        with pytest.raises(errors.HostUnreachable, match=text) as caught:
            agent.call("start_vm")
    if "TLS is spoken" in text or not words or text == "internal error":
        assert hinted(caught.value) == []


def test_what_is_no_tls_error_has_no_advice() -> None:
    for error in (OSError("no route"), ssl.SSLError(1, "odd"), ValueError("x")):
        assert advice(error, HostTrust()).text(HostTrust()) == ""


@pytest.mark.parametrize(
    ("reason", "ours", "text"),
    [
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", None, "; the host requires a client certificate"),
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "c.pem", "; the host rejects the client certificate"),
        ("TLSV1_ALERT_UNKNOWN_CA", "c.pem", "; the host rejects the client certificate"),
        ("UNEXPECTED_EOF_WHILE_READING", None, ""),
        ("TLSV1_ALERT_PROTOCOL_VERSION", None, ""),
    ],
)
def test_what_tls_says_after_the_handshake(reason: str, ours: str | None, text: str) -> None:
    """Only a certificate of ours that lacks is told then; the rest is a line that dropped."""
    error, lost = ssl.SSLError(1, "as OpenSSL has it"), OSError("lost")
    error.reason = reason
    lost.__cause__ = error
    said = afterwards(lost, HostTrust(cert_file=ours))
    assert said.startswith(text)
    assert bool(said) == bool(text)
