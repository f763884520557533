"""Verification of hosts' certificates, and the sockets that enforce it.

Agents present self-signed certificates without a subject alternative name (agent-behaviour 1), so
the user chooses one of three ways, without any fallback: a SHA-256 pin of the certificate, a CA
(with the expected name, since the certificate does not contain the address), or no verification,
with a warning. Verification is part of connecting: no byte of a request, and so no password, is
sent before it has succeeded.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from libcloud_ovm3.agent.address import Address, host_key, keyed, list_of, of_host
from libcloud_ovm3.agent.deadline import TimedResponse
from libcloud_ovm3.errors import InvalidArgument

POOL_SIZE = 32  # connections kept open per host; further threads open short-lived ones

# Python's own list, then RSA key exchange, which is all that Python 2 servers without DH parameters
# offer. It is authenticated like the others but lacks forward secrecy. HMAC with SHA-1 is secure.
_CIPHERS = (
    "ECDH+AESGCM:ECDH+CHACHA20:ECDH+AES:DHE+AESGCM:DHE+AES:RSA+AESGCM:RSA+AES:"
    "!aNULL:!eNULL:!aDSS:!AESCCM"
)
# OP_LEGACY_SERVER_CONNECT, a name that Python has since 3.12.
_LEGACY_SERVER_CONNECT = 0x4
# "SHA256 Fingerprint=" (openssl), "SHA-256:", "sha256 ": what stands before the digits.
_PIN_PREFIX = re.compile(r"\A(sha-?256)?\s*(fingerprint)?\s*[:=]?\s*", re.IGNORECASE)
_VERSIONS = {
    "TLSv1": ssl.TLSVersion.TLSv1,
    "TLSv1.1": ssl.TLSVersion.TLSv1_1,
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}


class NeverSent(Exception):
    """Connecting failed, so nothing was sent. The exception's cause has the reason.

    It is not an OSError on purpose: urllib3 and requests pass it through unchanged, so that errors
    before the request was sent remain distinguishable from those after it.
    """


class PinMismatch(Exception):
    """The host presented another certificate than the pinned one."""


class TlsFacts(NamedTuple):
    """The negotiated parameters of a TLS connection.

    :ivar protocol: Python's name of the version (``TLSv1.2``).
    :ivar cipher: OpenSSL's name of the cipher.
    :ivar cipher_bits: The size of the cipher's key, not of the certificate's.
    :ivar certificate: The host's certificate in DER.
    """

    protocol: str
    cipher: str
    cipher_bits: int
    certificate: bytes

    @property
    def has_forward_secrecy(self) -> bool:
        """Whether recorded traffic stays secret if the host's key is disclosed later."""
        return self.cipher.startswith(("TLS_", "ECDHE-", "DHE-"))


@dataclass(frozen=True)
class HostTrust:
    """The TLS options for one host.

    :ivar pins: SHA-256 fingerprints of the DER certificate, lower-case hex; any of them may match.
    :ivar ca_cert: PEM file of the CA; None for libcloud's default (``libcloud.security``).
    :ivar server_name: The name in the certificate, if it is not the address.
    :ivar verify: False disables certificate verification (insecure).
    :ivar minimum: The lowest TLS version to accept.
    :ivar cert_file: Client certificate, for a host that requires one.
    :ivar key_file: Client private key, if separate.
    :ivar weak_keys: Accept RSA and DH below 2048 bits and SHA-1 signatures.
    :ivar legacy_renegotiation: Accept a host without RFC 5746.
    """

    pins: tuple[str, ...] = ()
    ca_cert: str | None = None
    server_name: str | None = None
    verify: bool = True
    minimum: str = "TLSv1.2"
    cert_file: str | None = None
    key_file: str | None = None
    weak_keys: bool = False
    legacy_renegotiation: bool = False


@dataclass(frozen=True)
class Trust:
    """The TLS options for all hosts of an estate (see :class:`HostTrust`).

    ``pins`` and ``server_names`` are mappings by ``host`` or ``host:port``; the key ``""`` is the
    only host that the user named.
    """

    pins: Mapping[str, tuple[str, ...]]
    server_names: Mapping[str, str]
    ca_cert: str | None
    verify: bool
    minimum: str
    cert_file: str | None
    key_file: str | None
    weak_keys: bool = False
    legacy_renegotiation: bool = False

    def of(self, address: Address, named: bool) -> HostTrust | None:
        """The options for one host; None if there is neither pin nor CA for it.

        :param named: Whether it is the only host that the user named, not one found in a pool.
        """
        pins = of_host(self.pins, address, named) or ()
        if self.pins and not pins and self.ca_cert is None and self.verify:
            return None
        return HostTrust(
            pins=pins,
            ca_cert=self.ca_cert,
            server_name=of_host(self.server_names, address, named),
            verify=self.verify,
            minimum=self.minimum,
            cert_file=self.cert_file,
            key_file=self.key_file,
            weak_keys=self.weak_keys,
            legacy_renegotiation=self.legacy_renegotiation,
        )


def parse_pins(pins: str | Sequence[str] | Mapping[str, Any] | None) -> dict[str, tuple[str, ...]]:
    """Pins by host from ``ex_fingerprint`` as users write it (``""`` is the only host named).

    :param pins: A pin; several in a list, or in one text with commas between them; each of these
        may begin with ``host=``. Or a mapping from host to one or several.
    :raises InvalidArgument: A pin is not a SHA-256 fingerprint, or a host is not valid.
    """
    if pins is None:
        return {}
    found: dict[str, tuple[str, ...]] = {}
    if isinstance(pins, Mapping):
        by_host = keyed(pins, named=True)
        return {host: tuple(map(parse_pin, _listed(some))) for host, some in by_host.items()}
    for host, pin in map(split_pin, _listed(pins)):
        key = host and host_key(host)
        found[key] = (*found.get(key, ()), parse_pin(pin))
    return found


def _listed(pins: str | Sequence[str]) -> list[str]:
    listed = pins.split(",") if isinstance(pins, str) else list_of(pins, "ex_fingerprint")
    if not listed:
        raise InvalidArgument("ex_fingerprint: an empty list of pins rejects every certificate")
    return listed


def split_pin(text: Any) -> tuple[str, str]:
    """``host=pin`` -> host and pin; a pin alone -> ``""`` and the pin.

    What openssl prints (``sha256 Fingerprint=AA:BB…``) has such a sign of its own.
    """
    host, equals, pin = str(text).partition("=")
    is_host = equals and "fingerprint" not in host.lower() and not host.startswith("sha256//")
    return (host.strip(), pin) if is_host else ("", str(text))


def parse_pin(pin: str) -> str:
    """64 lower-case hex digits from a pin in any usual form.

    These are 64 hex digits, with or without colons or blanks, in upper or lower case, alone or
    after ``sha256:``, ``SHA256 Fingerprint=`` and the like, as programs print them.

    :raises InvalidArgument: It is anything else, such as a SHA-1 pin, which would be too weak.
    """
    text = str(pin).strip()
    digits = re.sub(r"[:\s]", "", _PIN_PREFIX.sub("", text, count=1)).lower()
    if not re.fullmatch("[0-9a-f]{64}", digits):
        raise InvalidArgument(
            f"fingerprint {text[:120]!r}: {_why_no_pin(text, digits)}expected a certificate's "
            f"SHA-256, 64 hex digits (`ovm3 host certificate HOST` shows it)"
        )
    return digits


def _why_no_pin(text: str, digits: str) -> str:
    """What a pin is that is not a certificate's SHA-256; "" or a clause that ends with "; "."""
    digits = re.sub("^(sha-?1|md5)(fingerprint)?=?", "", digits)
    if re.match("sha256//", text, re.IGNORECASE):
        return "this is the hash of a public key, as curl uses it, not of a certificate; "
    if re.fullmatch("SHA256:[A-Za-z0-9+/]{43}=?", text):
        return "this is the fingerprint of an SSH key, not of a certificate; "
    if re.fullmatch("[0-9a-f]{40}", digits):
        return "this is a SHA-1 fingerprint, which is too weak; "
    if re.fullmatch("[0-9a-f]{32}", digits):
        return "this is an MD5 fingerprint, which is too weak; "
    return ""


def check_minimum(version: str) -> str:
    """Check the name of a TLS version.

    :raises InvalidArgument: It is unknown.
    """
    if not isinstance(version, str) or version not in _VERSIONS:
        raise InvalidArgument(f"ex_tls_minimum {version!r}: expected one of {', '.join(_VERSIONS)}")
    return version


def fingerprint(certificate: bytes) -> str:
    """The SHA-256 of a DER certificate, as 64 hex digits."""
    return hashlib.sha256(certificate).hexdigest()


def make_context(trust: HostTrust, ca_file: str | None) -> ssl.SSLContext:
    """The TLS context for one host.

    :param ca_file: The CA file to use if the host has no pins; None for the system's.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = _VERSIONS[trust.minimum]
    # OpenSSL 3 rejects the MD5/SHA-1 signatures of old versions, and small keys, above level 0.
    is_weak = trust.weak_keys or trust.minimum in ("TLSv1", "TLSv1.1")
    level = 0 if is_weak else max(2, context.security_level)  # the system's default may be stricter
    context.set_ciphers(f"{'DEFAULT' if is_weak else _CIPHERS}:@SECLEVEL={level}")
    if trust.legacy_renegotiation:
        context.options |= _LEGACY_SERVER_CONNECT
    if trust.pins or not trust.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # pins are checked by PinnedConnection instead
    elif ca_file is not None:
        context.load_verify_locations(ca_file)
    else:
        context.load_default_certs()
    if trust.cert_file is not None:
        context.load_cert_chain(trust.cert_file, trust.key_file)
    return context


class _PlainConnection(HTTPConnection):
    response_class = TimedResponse

    def connect(self) -> None:
        try:
            super().connect()
        except Exception as error:
            raise NeverSent(str(error)) from error


class _PinnedConnection(HTTPSConnection):
    response_class = TimedResponse
    pins: tuple[str, ...] = ()
    settled: ClassVar[list[TlsFacts]]

    def connect(self) -> None:
        try:
            super().connect()
            if self.pins:
                self._check_pins()
            self.settled[:] = [_facts(self.sock)]
        except Exception as error:
            self.close()
            raise NeverSent(str(error)) from error

    def _check_pins(self) -> None:
        certificate = self.sock.getpeercert(binary_form=True)  # type: ignore[union-attr]
        presented_pin = fingerprint(certificate or b"")
        if presented_pin not in self.pins:
            raise PinMismatch(f"the SHA-256 of its certificate is {presented_pin}")
        self.is_verified = True  # otherwise urllib3 would warn of an unverified request


def _facts(tls: Any) -> TlsFacts:
    name, _, bits = tls.cipher() or ("", "", 0)
    return TlsFacts(tls.version() or "", name, bits, tls.getpeercert(binary_form=True) or b"")


class AgentAdapter(HTTPAdapter):
    """The requests adapter with these sockets, with and without a proxy.

    :ivar settled: The parameters of the connection opened last; empty before, and without TLS.
    """

    def __init__(self, context: ssl.SSLContext | None, trust: HostTrust | None) -> None:
        self._tls: dict[str, Any] = {} if context is None else {"ssl_context": context}
        if trust is not None and trust.server_name and not trust.pins and trust.verify:
            self._tls["server_hostname"] = trust.server_name
        pins = trust.pins if trust is not None else ()
        self.settled: list[TlsFacts] = []
        pinned = type(
            "PinnedConnection", (_PinnedConnection,), {"pins": pins, "settled": self.settled}
        )
        self._pools = {
            "http": type("PlainPool", (HTTPConnectionPool,), {"ConnectionCls": _PlainConnection}),
            "https": type("PinnedPool", (HTTPSConnectionPool,), {"ConnectionCls": pinned}),
        }
        super().__init__(max_retries=0, pool_maxsize=POOL_SIZE)

    def init_poolmanager(
        self, connections: int, maxsize: int, block: bool = False, **kwargs: Any
    ) -> None:
        super().init_poolmanager(connections, maxsize, block, **kwargs, **self._tls)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def pool(self, url: str, verify: bool | str, cert: Any) -> Any:
        """urllib3's pool of connections to this address, as :meth:`send` has it without a proxy."""
        pool = self.poolmanager.connection_from_url(url)
        self.cert_verify(pool, url, verify, cert)
        return pool

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs, **self._tls)
        manager.pool_classes_by_scheme = self._pools
        return manager


def presented(address: Address, trust: HostTrust, timeout: float) -> TlsFacts:
    """The TLS parameters and the certificate that a host presents, without verification.

    Nothing but the handshake is sent.

    :param trust: The TLS options to offer.
    :param timeout: Seconds for connecting, and for the handshake.
    :raises NeverSent: The host cannot be reached, or does not support such TLS; see its cause.
    """
    context = make_context(dataclasses.replace(trust, verify=False), None)
    try:
        with (
            socket.create_connection(address, timeout) as plain,
            context.wrap_socket(plain, server_hostname=address.host) as tls,
        ):
            return _facts(tls)
    except (OSError, ValueError) as error:
        raise NeverSent(str(error)) from error
