"""TLS of the simulated hosts: self-signed certificates and server settings.

Certificates have the form that ``ovs-agent-keygen`` gives them: the host's name, no subject
alternative name.
"""

from __future__ import annotations

import datetime
import hashlib
import os
import ssl
from dataclasses import dataclass
from pathlib import Path

from libcloud_ovm3.simulator.errors import SimulatorError
from libcloud_ovm3.simulator.host import SimulatedHost


@dataclass(frozen=True)
class Era:
    """The TLS versions and ciphers of servers of one period."""

    first: ssl.TLSVersion
    last: ssl.TLSVersion
    ciphers: str
    key_bits: int  # of the certificate's RSA key


#: Agents set no parameters for Diffie-Hellman, so their key exchange is RSA (cases N16 and N17).
#: Without an era the server offers what this Python's OpenSSL offers.
ERAS = {
    "1.0": Era(ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1, "ALL:@SECLEVEL=0", 2048),
    "el5": Era(
        ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1, "AES256-SHA:AES128-SHA:@SECLEVEL=0", 1024
    ),
    "el6": Era(
        ssl.TLSVersion.TLSv1,
        ssl.TLSVersion.TLSv1_2,
        "AES256-GCM-SHA384:AES128-GCM-SHA256:AES256-SHA256:AES128-SHA256:AES256-SHA:AES128-SHA"
        ":@SECLEVEL=0",
        2048,
    ),
}


def make_certificate(folder: Path, hostname: str, tls: str | None = None) -> None:
    """Write ``certificate.pem`` and ``key.pem`` (mode 0600) into the folder, replacing others.

    :param tls: A key of ``ERAS``, whose certificates have RSA keys; None for an EC key.
    :raises SimulatorError: The library ``cryptography`` is not installed.
    """
    try:
        from cryptography import x509  # noqa: PLC0415 - an extra, only needed here
        from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric import ec, rsa  # noqa: PLC0415
        from cryptography.x509.oid import NameOID  # noqa: PLC0415
    except ImportError as error:
        raise SimulatorError(
            "the simulator needs the library 'cryptography' to make certificates, the extra "
            "[simulator]: pip install cryptography"
        ) from error
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    if tls is not None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=ERAS[tls].key_bits)
    else:
        key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hostname)])
    now = datetime.datetime.now(datetime.timezone.utc)
    public = key.public_key()
    usage = dict.fromkeys(
        ("content_commitment", "data_encipherment", "crl_sign", "encipher_only", "decipher_only"),
        False,
    ) | dict.fromkeys(
        ("digital_signature", "key_encipherment", "key_cert_sign", "key_agreement"), True
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    key_file = folder / "key.pem"
    key_file.unlink(missing_ok=True)
    with os.fdopen(os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(secret)
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def certify(host: SimulatedHost, tls: str | None) -> None:
    """Make a new certificate for the host."""
    make_certificate(host.folder, host.hostname, tls)


def read_certificate(host: SimulatedHost) -> None:
    """Set the host's ``fingerprint`` and ``certificate_pem`` from its files."""
    host.fingerprint = fingerprint(host.folder)
    host.certificate_pem = (host.folder / "certificate.pem").read_text()


def fingerprint(folder: Path) -> str:
    """SHA-256 of the DER certificate: 64 lower-case hexadecimal digits."""
    pem = (folder / "certificate.pem").read_text()
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


def server_context(folder: Path, tls: str | None = None) -> ssl.SSLContext:
    """The TLS settings of one host.

    :param tls: A key of ``ERAS``, None for the defaults of this Python.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if tls is not None:
        era = ERAS[tls]
        context.set_ciphers(era.ciphers)
        context.minimum_version, context.maximum_version = era.first, era.last
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return context
