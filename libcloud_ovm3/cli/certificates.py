"""Reads a host's certificate, with ``cryptography`` (an extra, so imported only here)."""

from __future__ import annotations

from dataclasses import replace

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.x509.oid import NameOID

from libcloud_ovm3.agent.address import Address
from libcloud_ovm3.agent.tls import TlsFacts, fingerprint
from libcloud_ovm3.agent.tlsadvice import shown
from libcloud_ovm3.diagnostics.collect import Certificate

# What prints the fingerprint on the host itself (agent-behaviour 1 has the file's place).
ON_THE_HOST = "openssl x509 -in /etc/ovs-agent/cert/certificate.pem -noout -fingerprint -sha256"


def read_host_certificate(address: Address, timeout: float = 10.0) -> Certificate:
    """Do a TLS handshake with a host, without verification, and return its certificate.

    :param timeout: seconds, for connecting and for the handshake.
    :raises HostUnreachable: the host cannot be reached, or does not speak TLS.
    """
    return read_certificate(shown(address, timeout))


def read_certificate(facts: TlsFacts) -> Certificate:
    """Return the certificate of a connection: of one that is invalid, what can be parsed."""
    read = Certificate(facts.protocol, fingerprint(facts.certificate))
    try:
        certificate = x509.load_der_x509_certificate(facts.certificate)
        read = replace(
            read,
            subject=certificate.subject.rfc4514_string(),
            issuer=certificate.issuer.rfc4514_string(),
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
        )
        kind, bits = _key(certificate)
        return replace(read, key=kind, key_bits=bits, names=_names(certificate))
    except (ValueError, UnsupportedAlgorithm) as error:
        # old, invalid certificates: the fingerprint is what matters
        return replace(read, error=str(error))


def certificate_lines(certificate: Certificate) -> list[str]:
    """Return what a person compares, one line each."""
    digits = certificate.fingerprint
    printed = ":".join(digits[i : i + 2] for i in range(0, len(digits), 2)).upper()
    if certificate.not_before is None or certificate.not_after is None:
        return [f"certificate  cannot be parsed: {certificate.error}", f"SHA-256      {printed}"]
    return [
        f"subject      {certificate.subject}",
        f"issuer       {certificate.issuer}",
        f"valid        {certificate.not_before:%Y-%m-%d} to {certificate.not_after:%Y-%m-%d}",
        f"SHA-256      {printed}",
    ]


def _key(certificate: x509.Certificate) -> tuple[str, int | None]:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return "RSA", key.key_size
    if isinstance(key, dsa.DSAPublicKey):
        return "DSA", key.key_size
    if isinstance(key, ec.EllipticCurvePublicKey):
        return "EC", key.key_size
    return type(key).__name__.removesuffix("PublicKey"), None


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    names = [str(name.value) for name in common]
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return tuple(names)
    other = extension.value
    names += other.get_values_for_type(x509.DNSName)
    names += [str(address) for address in other.get_values_for_type(x509.IPAddress)]
    return tuple(dict.fromkeys(names))
