"""The driver's construction: from libcloud's arguments to an estate. No I/O in here."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from libcloud import security
from libcloud.compute.base import Node, NodeDriver, NodeImage, NodeLocation

from libcloud_ovm3.agent.address import DEFAULT_PORT, Address, parse_address, parse_flag, parse_port
from libcloud_ovm3.agent.call_kinds import TimeLimits
from libcloud_ovm3.agent.connection import AgentConnection
from libcloud_ovm3.agent.functions import Agent
from libcloud_ovm3.agent.passwords import Passwords
from libcloud_ovm3.agent.tls import Trust, check_minimum, parse_pins
from libcloud_ovm3.clock import Clock
from libcloud_ovm3.errors import InvalidArgument, Ovm3Warning
from libcloud_ovm3.estate.members import Estate


class OVM3Base(NodeDriver):
    """What all parts of the driver share: its arguments, and the estate made of them.

    :param key: The agent's user, ``oracle`` on every real host. (required)
    :type key: ``str``

    :param secret: The agent's password, of every host that ``ex_passwords`` does not name.
        (required)
    :type secret: ``str``

    :param secure: TLS. False sends the password in clear, and warns.
    :type secure: ``bool``

    :param host: Any host of the pool, by name or IP address; ``host:port`` is taken too.
    :type host: ``str``

    :param port: The agents' TCP port (default 8899).
    :type port: ``int`` or ``str``

    :param ca_cert: PEM file of the CA, or of the host's own certificate, to verify with.
    :type ca_cert: ``str``

    :param verify_ssl: False accepts any certificate, and warns.
    :type verify_ssl: ``bool``

    :param key_file: Private key of our own certificate, for hosts that ask for one.
    :type key_file: ``str``

    :param cert_file: Our own certificate (PEM).
    :type cert_file: ``str``

    :param timeout: Seconds that a reading call may take (default 60).
    :type timeout: ``float``

    :param proxy_url: HTTP proxy, as libcloud has it.
    :type proxy_url: ``str``

    :param ex_hosts: The hosts to work with, instead of all members of ``host``'s pool.
    :type ex_hosts: ``list`` of ``str``

    :param ex_fingerprint: SHA-256 of the host's certificate; a list if several will do; or a
        mapping host -> one or several, which is needed for more than one host.
    :type ex_fingerprint: ``str``, ``list`` of ``str`` or ``dict``

    :param ex_tls_server_name: The name in the certificate, where it is not the host's address
        (agents' certificates have no subject alternative name): one text, or a mapping by host.
    :type ex_tls_server_name: ``str`` or ``dict``

    :param ex_tls_minimum: The lowest TLS version to accept, e.g. ``TLSv1`` for OVM 3.2 hosts.
    :type ex_tls_minimum: ``str``

    :param ex_tls_weak_keys: Accept hosts with small keys (RSA or DH of 1024 bits) or SHA-1
        signatures; ``ex_tls_minimum="TLSv1"`` does as well.
    :type ex_tls_weak_keys: ``bool``

    :param ex_tls_legacy_renegotiation: Accept hosts without secure renegotiation (RFC 5746).
    :type ex_tls_legacy_renegotiation: ``bool``

    :param ex_passwords: Passwords of hosts that have another than ``secret``: a mapping
        ``host`` or ``host:port`` -> password.
    :type ex_passwords: ``dict``

    :param ex_timeouts: Time limits in seconds by kind of call: ``connect``, ``read``, ``write``,
        ``long`` (see :class:`.TimeLimits`).
    :type ex_timeouts: ``dict``

    :param ex_strict: Make it an error if a host is silent or something cannot be read (list_nodes).
    :type ex_strict: ``bool``

    :param ex_second_look: Seconds between the two looks that prove a node absent before it is
        started or destroyed.
    :type ex_second_look: ``float``

    :param ex_clock: What waits go by; for tests.
    :type ex_clock: :class:`.Clock`

    :param ex_read_only: Refuse every call to an agent that is not surely a read, before it is sent
        (:class:`.ReadOnly`).
    :type ex_read_only: ``bool``

    :param ex_host_module: Use the host module where a host has it. False: only what the agent
        itself says; for a host whose module is out of order.
    :type ex_host_module: ``bool``

    :raises InvalidArgument: an argument is wrong; says which, and what is expected.
    """

    connectionCls = AgentConnection  # noqa: N815 (libcloud's name)
    name = "Oracle VM Server 3"
    api_name = "ovm3"
    website = "https://www.oracle.com/virtualization/"
    type = "ovm3"
    features = {"create_node": []}  # noqa: RUF012 (libcloud's own form)

    def __init__(
        self,
        key: str,
        secret: str | None = None,
        secure: bool | str = True,
        host: str | None = None,
        port: int | str | None = None,
        ca_cert: str | None = None,
        verify_ssl: bool | str = True,
        key_file: str | None = None,
        cert_file: str | None = None,
        timeout: float | str | None = None,
        proxy_url: str | None = None,
        ex_hosts: Sequence[str] | str | None = None,
        ex_fingerprint: str | Sequence[str] | Mapping[str, Any] | None = None,
        ex_tls_server_name: str | Mapping[str, str] | None = None,
        ex_tls_minimum: str = "TLSv1.2",
        ex_timeouts: dict[str, float] | None = None,
        ex_strict: bool | str = False,
        ex_second_look: float | str = 5.0,
        ex_clock: Clock | None = None,
        ex_read_only: bool | str = False,
        ex_tls_weak_keys: bool | str = False,
        ex_tls_legacy_renegotiation: bool | str = False,
        ex_passwords: Mapping[str, str] | None = None,
        ex_host_module: bool | str = True,
    ) -> None:
        if not key or not isinstance(key, str):
            raise InvalidArgument(f"key {key!r}: expected the agent's user (oracle on a real host)")
        self._passwords = Passwords(secret or "", ex_passwords)
        given = _addresses(host, ex_hosts, port)
        is_secure = parse_flag(secure, "secure")
        verify = parse_flag(verify_ssl, "verify_ssl")
        self._trust = Trust(
            pins=parse_pins(ex_fingerprint),
            server_names=_by_host(ex_tls_server_name),
            ca_cert=ca_cert,
            verify=verify and bool(security.VERIFY_SSL_CERT),
            minimum=check_minimum(ex_tls_minimum),
            cert_file=cert_file,
            key_file=key_file,
            weak_keys=parse_flag(ex_tls_weak_keys, "ex_tls_weak_keys"),
            legacy_renegotiation=parse_flag(
                ex_tls_legacy_renegotiation, "ex_tls_legacy_renegotiation"
            ),
        )
        _check_trust(self._trust, given, is_secure)
        self._limits = TimeLimits.of(timeout, ex_timeouts)
        self._proxy_url = proxy_url
        self._given = given
        self.ex_strict = parse_flag(ex_strict, "ex_strict")
        self.ex_read_only = parse_flag(ex_read_only, "ex_read_only")
        super().__init__(
            key,
            secret=self._passwords.of(given[0]),  # for self.connection, the first host's
            secure=is_secure,
            host=given[0].host,
            port=given[0].port,
            timeout=self._limits.read,
            proxy_url=proxy_url,
        )
        self._estate = Estate(
            given=given,
            connect=self._connect,
            whole_pool=ex_hosts is None,
            clock=ex_clock or Clock(),
            second_look=_seconds(ex_second_look),
            use_module=parse_flag(ex_host_module, "ex_host_module"),
        )

    def _ex_connection_class_kwargs(self) -> dict[str, Any]:
        """For ``self.connection``, which libcloud's base class makes: the first host's."""
        return {
            "trust": self._trust.of(self._given[0], self._named(0)),
            "limits": self._limits,
            "read_only": self.ex_read_only,
        }

    def _connect(self, address: Address, is_given: bool) -> Agent | None:
        """The agent of a host; None: neither pin nor CA."""
        if address == self._given[0]:
            return Agent(cast(AgentConnection, self.connection))
        trust = self._trust.of(address, is_given and self._named(self._given.index(address)))
        if trust is None and self.secure:
            return None
        connection = self.connectionCls(
            self.key,
            self._passwords.of(address),
            self.secure,
            address.host,
            address.port,
            trust=trust,
            limits=self._limits,
            proxy_url=self._proxy_url,
            read_only=self.ex_read_only,
        )
        connection.driver = self  # type: ignore[assignment]
        return Agent(connection)

    def _named(self, index: int) -> bool:
        """Whether a plain ``ex_fingerprint`` is this host's: only where one host was named."""
        return index == 0 and len(self._given) == 1

    def _warn(self, remarks: Iterable[str]) -> None:
        for remark in remarks:
            warnings.warn(remark, Ovm3Warning, stacklevel=3)


def object_id(what: Node | NodeImage | NodeLocation | str) -> str:
    """An object's id, from the object or from the id itself."""
    return str(getattr(what, "id", what))


def _by_host(names: str | Mapping[str, str] | None) -> dict[str, str]:
    return {"": names} if isinstance(names, str) else dict(names or {})


def _addresses(
    host: str | None, hosts: Sequence[str] | str | None, port: int | str | None
) -> tuple[Address, ...]:
    default = DEFAULT_PORT if port is None else parse_port(port)
    listed = [hosts] if isinstance(hosts, str) else list(hosts or [])
    texts = ([host] if host is not None else []) + listed
    if not texts:
        raise InvalidArgument("host: expected the name or IP address of a host (or ex_hosts)")
    return tuple(dict.fromkeys(parse_address(text, default) for text in texts))


def _check_trust(trust: Trust, given: Sequence[Address], secure: bool) -> None:
    """Contradictions are errors, switched-off checks are loud."""
    chosen = trust.ca_cert is not None or bool(trust.pins)
    if chosen and not (secure and trust.verify):
        raise InvalidArgument(
            "ca_cert and ex_fingerprint say what to verify; they contradict secure=False and "
            "verify_ssl=False"
        )
    if "" in trust.pins and len(given) > 1:
        raise InvalidArgument(
            "ex_fingerprint: for more than one host, expected a mapping from host to fingerprint"
        )
    for address in given if secure else ():
        if trust.of(address, len(given) == 1) is None:
            raise InvalidArgument(f"ex_fingerprint: no fingerprint for {address}, and no ca_cert")
    if not secure:
        warnings.warn(
            "secure=False: the agent's password is sent in clear over the network",
            Ovm3Warning,
            stacklevel=3,
        )
    elif not trust.verify:
        warnings.warn(
            "verify_ssl=False: certificates are not verified, so the agent's password may go to "
            "anyone; `ovm3 pin HOST` shows the fingerprint to pin instead",
            Ovm3Warning,
            stacklevel=3,
        )


def _seconds(value: float | str) -> float:
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = -1.0
    if not (math.isfinite(seconds) and seconds >= 0):
        raise InvalidArgument(f"ex_second_look {value!r}: expected seconds, 0 or more")
    return seconds
