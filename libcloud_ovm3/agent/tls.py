"""Which certificate is accepted from which host, and the sockets that insist on it.

Agents present self-signed certificates without a subject alternative name (agent-behaviour 1), so
there are three ways, chosen by the user and never fallen back from: a SHA-256 pin of the
certificate, a CA (with the name to expect, since the certificate does not carry the address), or
none at all, loudly. The check is part of connecting: no byte of a request, so no password, leaves
before it has passed.
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

from libcloud_ovm3.agent.address import Address, of_host
from libcloud_ovm3.agent.deadline import TimedResponse
from libcloud_ovm3.errors import InvalidArgument

POOL_SIZE = 32  # kept connections to one host; more threads than that open short-lived ones

# Python's own list, and behind it what Python 2 servers offer that were given no DH parameters: RSA
# key exchange. It is authenticated as the others are; what it lacks is forward secrecy. HMAC with
# SHA-1 is sound, too.
_CIPHERS = (
    "ECDH+AESGCM:ECDH+CHACHA20:ECDH+AES:DHE+AESGCM:DHE+AES:RSA+AESGCM:RSA+AES:"
    "!aNULL:!eNULL:!aDSS:!AESCCM"
)
# OP_LEGACY_SERVER_CONNECT, which Python names from 3.12 on.
_LEGACY_SERVER_CONNECT = 0x4
_VERSIONS = {
    "TLSv1": ssl.TLSVersion.TLSv1,
    "TLSv1.1": ssl.TLSVersion.TLSv1_1,
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}


class NeverSent(Exception):
    """Connecting failed, so nothing was sent. Its cause says why.

    Not an OSError on purpose: urllib3 and requests pass it through as it is, and what happened
    before the request stays apart from what happened after it.
    """


class PinMismatch(Exception):
    """The host presents another certificate than the pinned one."""


class TlsFacts(NamedTuple):
    """What a line to a host and the host have settled on.

    :ivar protocol: as Python names it (``TLSv1.2``).
    :ivar cipher: as OpenSSL names it.
    :ivar cipher_bits: of the cipher's key; the certificate's key has a size of its own.
    :ivar certificate: the host's, in DER.
    """

    protocol: str
    cipher: str
    cipher_bits: int
    certificate: bytes

    @property
    def has_forward_secrecy(self) -> bool:
        """Whether what was recorded stays secret from one who gets the host's key later."""
        return self.cipher.startswith(("TLS_", "ECDHE-", "DHE-"))


@dataclass(frozen=True)
class HostTrust:
    """What one host has to present."""

    pins: tuple[
        str, ...
    ] = ()  # SHA-256 of the DER certificate, lower-case hex; any of them will do
    ca_cert: str | None = None  # PEM file; None: libcloud's own choice (libcloud.security)
    server_name: str | None = None  # the name in the certificate, where it is not the address
    verify: bool = True
    minimum: str = "TLSv1.2"
    cert_file: str | None = None  # our own certificate and key, for a host that asks for one
    key_file: str | None = None
    weak_keys: bool = False  # RSA and DH below 2048 bits, SHA-1 signatures
    legacy_renegotiation: bool = False  # a host without RFC 5746


@dataclass(frozen=True)
class Trust:
    """What every host of the estate has to present.

    ``pins`` and ``server_names`` are by host (or host:port); the key ``""`` means the one host
    that the user named.
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
        """What this host has to present; None: there is neither pin nor CA for it.

        :param named: whether it is the one host that the user named (not one found in the pool).
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
    """``ex_fingerprint`` as users write it -> pins by host (``""``: the one host named).

    :raises InvalidArgument: a pin that is no SHA-256.
    """
    if pins is None:
        return {}
    if not isinstance(pins, Mapping):
        pins = {"": pins}
    return {host: _pins_of_one(value) for host, value in pins.items()}


def _pins_of_one(pins: str | Sequence[str]) -> tuple[str, ...]:
    listed = [pins] if isinstance(pins, str) else list(pins)
    if not listed:
        raise InvalidArgument("ex_fingerprint: an empty list of pins would accept nothing")
    return tuple(parse_pin(pin) for pin in listed)


def parse_pin(pin: str) -> str:
    """``sha256:AB:CD:…``, ``ab:cd:…`` or 64 hex digits -> 64 lower-case hex digits.

    :raises InvalidArgument: anything else (SHA-1 pins too: they are too weak).
    """
    text = str(pin).strip().lower()
    digits = re.sub(r"[:\s]", "", text.removeprefix("sha256:"))
    if not re.fullmatch("[0-9a-f]{64}", digits):
        raise InvalidArgument(
            f"fingerprint {str(pin)[:80]!r}: expected a certificate's SHA-256, 64 hex digits "
            f"(`ovm3 pin HOST` shows it)"
        )
    return digits


def check_minimum(version: str) -> str:
    """A TLS version that we know.

    :raises InvalidArgument: any other.
    """
    if version not in _VERSIONS:
        raise InvalidArgument(f"ex_tls_minimum {version!r}: expected one of {', '.join(_VERSIONS)}")
    return version


def fingerprint(certificate: bytes) -> str:
    """The SHA-256 of a DER certificate, as 64 hex digits."""
    return hashlib.sha256(certificate).hexdigest()


def make_context(trust: HostTrust, ca_file: str | None) -> ssl.SSLContext:
    """The TLS settings for one host.

    :param ca_file: the CA file in force when the host has no pins (None: the system's).
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = _VERSIONS[trust.minimum]
    # OpenSSL 3 refuses the old versions' MD5/SHA-1 signatures and small keys below this level too.
    is_weak = trust.weak_keys or trust.minimum in ("TLSv1", "TLSv1.1")
    level = 0 if is_weak else max(2, context.security_level)  # a machine's own may be stricter
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
        seen = fingerprint(certificate or b"")
        if seen not in self.pins:
            raise PinMismatch(f"its certificate's SHA-256 is {seen}, none of the pinned ones")
        self.is_verified = True  # or urllib3 would warn of an unverified request


def _facts(line: Any) -> TlsFacts:
    name, _, bits = line.cipher() or ("", "", 0)
    return TlsFacts(line.version() or "", name, bits, line.getpeercert(binary_form=True) or b"")


class AgentAdapter(HTTPAdapter):
    """Requests' adapter with our sockets: both with and without a proxy between.

    :ivar settled: what the line opened last has settled on; empty before, and without TLS.
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

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs, **self._tls)
        manager.pool_classes_by_scheme = self._pools
        return manager


def presented(address: Address, trust: HostTrust, timeout: float) -> TlsFacts:
    """What a host shows of itself, whatever that is: the certificate is not checked.

    Nothing is sent but the handshake.

    :param trust: which TLS to offer.
    :param timeout: seconds for connecting and for the handshake.
    :raises NeverSent: it cannot be reached, or does not speak such TLS; its cause says why.
    """
    context = make_context(dataclasses.replace(trust, verify=False), None)
    try:
        with (
            socket.create_connection(address, timeout) as line,
            context.wrap_socket(line, server_hostname=address.host) as tls,
        ):
            return _facts(tls)
    except (OSError, ValueError) as error:
        raise NeverSent(str(error)) from error
