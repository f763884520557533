"""Certificates of hosts: what of an invalid one can be parsed."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from cryptography.exceptions import UnsupportedAlgorithm

from libcloud_ovm3.agent.tls import TlsFacts, parse_pin
from libcloud_ovm3.cli import certificates
from tests.agent.certificates import make_certificate


def facts(der: bytes) -> TlsFacts:
    return TlsFacts("TLSv1.2", "AES", 256, der)


def test_a_certificate(tmp_path: Path) -> None:
    made = make_certificate(tmp_path, "ovm-1", san="ovm-1.example.com")
    read = certificates.read_certificate(
        facts(ssl.PEM_cert_to_DER_cert(Path(made.pem).read_text()))
    )
    assert read.fingerprint == made.fingerprint
    assert read.names == ("ovm-1", "ovm-1.example.com")
    assert read.error is None
    subject, issuer, valid, sha256 = certificates.certificate_lines(read)
    assert sha256.replace(":", "").lower() == f"sha-256      {made.fingerprint}"
    assert subject == "subject      CN=ovm-1"
    assert issuer == "issuer       CN=ovm-1"
    assert valid == f"valid        {read.not_before:%Y-%m-%d} to {read.not_after:%Y-%m-%d}"


def test_what_is_no_certificate_has_a_fingerprint() -> None:
    read = certificates.read_certificate(facts(b"odd"))
    assert len(read.fingerprint) == 64
    assert read.error
    assert certificates.certificate_lines(read)[0] == f"certificate  cannot be parsed: {read.error}"
    assert parse_pin(certificates.certificate_lines(read)[1].split()[1]) == read.fingerprint


@pytest.mark.parametrize("error", [ValueError("odd key"), UnsupportedAlgorithm("odd key")])
def test_a_key_that_cannot_be_parsed(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest of the certificate is still shown."""

    def fail(certificate: object) -> None:
        raise error

    monkeypatch.setattr(certificates, "_key", fail)
    made = make_certificate(tmp_path)
    read = certificates.read_certificate(
        facts(ssl.PEM_cert_to_DER_cert(Path(made.pem).read_text()))
    )
    assert read.error == "odd key"
    assert certificates.certificate_lines(read)[0] == "subject      CN=ovm-1"
