"""Doctor checks of the access to the named host: TLS, certificate, password. Pure: no I/O.

Source: agent-behaviour.md 1.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import timedelta

from libcloud_ovm3.diagnostics.collect import Certificate, Collected
from libcloud_ovm3.diagnostics.finding import Finding
from libcloud_ovm3.errors import (
    BadCredentials,
    CertificateRejected,
    HostUnreachable,
    Ovm3Error,
)
from libcloud_ovm3.pages import page

OLD_TLS = ("TLSv1", "TLSv1.1", "SSLv3")
RSA_BITS = 2048
_EXPIRES_SOON = timedelta(days=30)
_NEW_CERTIFICATE = (
    "on the host: `ovs-agent-keygen`, `service ovs-agent restart`; then pin the new certificate"
)
_CHECK_AGENT = "on the host, check that ovs-agent is running, and the ssl and port in agent.ini"


def check_tls(collected: Collected) -> Iterator[Finding]:
    """Check the TLS version and the certificate of the named host."""
    certificate = collected.certificate
    if isinstance(certificate, Ovm3Error):
        if _is_unreachable(collected):
            return  # check_access reports it
        yield Finding(
            "error",
            "TLS",
            f"TLS handshake failed: {certificate}",
            "its agent may have ssl=disable, or TLS of another kind than this machine",
            _CHECK_AGENT,
        )
        return
    if certificate.tls_version in OLD_TLS:
        yield Finding(
            "warning",
            "TLS",
            certificate.tls_version,
            "insecure protocol; OVM 3.2 may support nothing newer",
            "isolate the agents' network; every command needs --tls-minimum TLSv1",
        )
    else:
        yield Finding("ok", "TLS", certificate.tls_version)
    yield from _check_certificate(certificate, collected)
    if collected.trust == "none":
        yield Finding(
            "warning",
            "trust",
            "certificate verification was disabled (--insecure)",
            "a man in the middle would now have the agent's password",
            f"`ovm3 host certificate {collected.address}`, compare on the host, use --fingerprint",
        )


def _is_unreachable(collected: Collected) -> bool:
    """Whether no connection to the named host could be opened, so that TLS is not to blame."""
    error = collected.certificate
    if not isinstance(error, HostUnreachable):
        return False
    is_of_tls = isinstance(getattr(error.__cause__, "__cause__", None), ssl.SSLError)
    is_unreachable = isinstance(_access_error(collected), HostUnreachable)
    return is_unreachable and not is_of_tls


def _access_error(collected: Collected) -> Ovm3Error | None:
    """Why the named host could not be read."""
    inventory = collected.inventory
    return inventory if isinstance(inventory, Ovm3Error) else collected.error


def _check_certificate(certificate: Certificate, collected: Collected) -> Iterator[Finding]:
    if certificate.error or certificate.not_after is None or certificate.not_before is None:
        yield Finding(
            "note",
            "certificate",
            f"cannot be parsed: {certificate.error}; SHA-256 {certificate.fingerprint}",
            "it can still be pinned",
        )
        return
    yield _check_validity(certificate, collected)
    size = key_size(certificate)
    if is_weak(certificate):
        yield Finding(
            "warning",
            "key",
            f"{size}: too short",
            "whoever computes the private key can impersonate the host, pinned or not",
            f"{_NEW_CERTIFICATE}; which key size this creates is not documented",
        )
    else:
        yield Finding("ok", "key", size)
    names = ", ".join(certificate.names) or "none"
    if collected.address.rpartition(":")[0] not in certificate.names:
        yield Finding(
            "note",
            "cert names",
            f"names in the certificate: {names}; not {collected.address}",
            "agents' certificates contain no addresses, so a CA alone is not sufficient",
            "use a pin, or --ca-cert with --tls-server-name",
        )
    else:
        yield Finding("ok", "cert names", names)


def _check_validity(certificate: Certificate, collected: Collected) -> Finding:
    begin, end = certificate.not_before, certificate.not_after
    assert begin is not None
    assert end is not None
    means = "a pin remains valid; verification with a CA fails"
    if end < collected.now:
        text = f"expired on {end:%Y-%m-%d}"
        return Finding("warning", "certificate", text, means, _NEW_CERTIFICATE)
    if begin > collected.now:
        text = f"not valid before {begin:%Y-%m-%d}"
        return Finding("warning", "certificate", text, means, "check the clocks on both sides")
    if end < collected.now + _EXPIRES_SOON:
        text = f"expires on {end:%Y-%m-%d}"
        return Finding("warning", "certificate", text, means, _NEW_CERTIFICATE)
    text = f"valid until {end:%Y-%m-%d}; SHA-256 {certificate.fingerprint}"
    return Finding("ok", "certificate", text)


def is_weak(certificate: Certificate) -> bool:
    """Return whether the private key can be computed from the certificate with today's means."""
    return certificate.key in ("RSA", "DSA") and (certificate.key_bits or 0) < RSA_BITS


def key_size(certificate: Certificate) -> str:
    """Return the kind and size of a certificate's key, for people."""
    if certificate.key_bits:
        return f"{certificate.key} {certificate.key_bits} bit"
    return certificate.key or "unknown key type"


def check_access(collected: Collected) -> Iterator[Finding]:
    """Check whether the agent of the named host accepts the credentials and responds."""
    inventory = collected.inventory
    error = _access_error(collected)
    unreachable = () if isinstance(inventory, Ovm3Error) else inventory.snapshot.unreachable
    if any(one.reason is error for one in unreachable):
        return  # check_unreachable reports it
    if error is None:
        yield Finding("ok", "password", "the agent accepts user and password")
    elif isinstance(error, BadCredentials):
        yield Finding(
            "error",
            "password",
            str(error),
            "nothing can be read; since 3.3 a host that a Manager owns may require the Manager's "
            "certificate (whether the password still works then is not documented)",
            "try the password set at installation; members of a pool share one",
        )
    elif _is_unreachable(collected):
        yield Finding(
            "error",
            "agent",
            str(error),
            "nothing could be read: the host is off or cannot be reached from here, or its agent "
            "is not running or listens on another port",
            f"{_CHECK_AGENT}; ask another host of its pool: `ovm3 doctor HOST`; if the host is "
            f"dead: {page('a-host-is-dead.md')}",
        )
    elif isinstance(error, CertificateRejected):
        certificate = collected.certificate
        advice = f"`ovm3 host certificate {collected.address}`"
        if isinstance(certificate, Certificate):
            option = f"--fingerprint {certificate.fingerprint}"
            advice = f"compare the fingerprint on the host, then run this again with {option}"
        means = "no password was sent, and nothing was read"
        yield Finding("error", "trust", str(error), means, advice)
    else:
        means = (
            "nothing could be read"
            if isinstance(inventory, Ovm3Error)
            else "nothing more is known about this host; the rest comes from the other members"
        )
        yield Finding("error", "agent", str(error), means, "see ovs-agent.log on the host")
