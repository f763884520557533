"""Certificates for the tests: made in a moment (EC keys), in the form that agents have."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID


class Certificate(NamedTuple):
    """A certificate with its key, on disk."""

    pem: str  # path
    key: str  # path
    fingerprint: str  # SHA-256 of the DER form, hex


class Authority(NamedTuple):
    """What signs other certificates."""

    certificate: x509.Certificate
    private_key: Any


def make_certificate(
    folder: Path,
    name: str = "ovm-1",
    *,
    san: str | None = None,
    days: int = 30,
    use_rsa: bool = False,
    bits: int = 2048,
    authority: Authority | None = None,
) -> Certificate:
    """By default as ``ovs-agent-keygen`` makes them: self-signed, a CN, no alternative name.

    :param days: until it expires; negative: it has expired.
    :param bits: of an RSA key.
    :param authority: who signs it, if not it itself.
    """
    key: Any = rsa.generate_private_key(65537, bits) if use_rsa else _ec_key()
    subject = _name(name)
    issuer = subject if authority is None else authority.certificate.subject
    now = datetime.now(timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=60))
        .not_valid_after(now + timedelta(days=days))
    )
    if san is not None:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(san)]), critical=False
        )
    signed = builder.sign(key if authority is None else authority.private_key, hashes.SHA256())
    return _store(folder, signed, key)


def make_authority(folder: Path) -> tuple[Authority, str]:
    """A CA and the path of its certificate."""
    key = _ec_key()
    subject = _name("the tests' CA")
    now = datetime.now(timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Authority(certificate, key), _store(folder, certificate, key).pem


def _ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _store(folder: Path, certificate: x509.Certificate, key: Any) -> Certificate:
    fingerprint = hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()
    pem = folder / f"{fingerprint[:16]}.pem"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file = folder / f"{fingerprint[:16]}.key"
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )
    return Certificate(str(pem), str(key_file), fingerprint)
