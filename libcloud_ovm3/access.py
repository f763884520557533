"""From options to an estate: which hosts, as which user, which certificates, which time limits.

The compute driver, the command line and whatever else needs hosts all start here. Nothing in here
contacts a host. The options have the names that the driver's users know (``ex_fingerprint``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from libcloud import security

from libcloud_ovm3.agent.address import DEFAULT_PORT, Address, parse_address, parse_flag, parse_port
from libcloud_ovm3.agent.call_kinds import TimeLimits, parse_seconds
from libcloud_ovm3.agent.connection import AgentConnection
from libcloud_ovm3.agent.functions import Agent
from libcloud_ovm3.agent.passwords import Passwords
from libcloud_ovm3.agent.tls import HostTrust, Trust, check_minimum, parse_pins
from libcloud_ovm3.clock import Clock
from libcloud_ovm3.errors import InvalidArgument, warn
from libcloud_ovm3.estate.members import Estate

_USERS_LINE = 4  # stack levels from a warning in here to the line that makes the driver


@dataclass(frozen=True)
class Access:
    """How to reach the hosts of an estate: checked options.

    :ivar user: the agents' user.
    :ivar hosts: the hosts that the user named; the first is asked first.
    :ivar whole_pool: whether the other members of the first host's pool belong to the estate too.
    :ivar is_secure: whether TLS is used.
    :ivar second_look: seconds between the two reads that prove that a VM is absent.
    :ivar use_module: whether hosts are asked through the host module, where they have it.
    """

    user: str
    passwords: Passwords
    hosts: tuple[Address, ...]
    whole_pool: bool
    is_secure: bool
    trust: Trust
    limits: TimeLimits
    proxy_url: str | None = field(repr=False)  # it may have a password in it
    read_only: bool
    use_module: bool
    second_look: float
    clock: Clock

    def trust_of(self, address: Address) -> HostTrust | None:
        """What a host has to present; None: there is neither a fingerprint nor a CA for it."""
        is_only_one = len(self.hosts) == 1 and address == self.hosts[0]
        return self.trust.of(address, is_only_one)

    def connection(
        self, address: Address, connection_class: type[AgentConnection] = AgentConnection
    ) -> AgentConnection | None:
        """A connection to a host, not opened yet; None: nothing to verify the host with."""
        trust = self.trust_of(address)
        if trust is None and self.is_secure:
            return None
        return connection_class(
            self.user,
            self.passwords.of(address),
            self.is_secure,
            address.host,
            address.port,
            trust=trust,
            limits=self.limits,
            proxy_url=self.proxy_url,
            read_only=self.read_only,
        )

    def agent(self, address: Address) -> Agent | None:
        """The agent of a host; None: nothing to verify the host with."""
        connection = self.connection(address)
        return None if connection is None else Agent(connection)

    def estate(self, agent: Callable[[Address], Agent | None] | None = None) -> Estate:
        """The estate of these hosts.

        :param agent: makes the agent of a host, instead of :meth:`agent`.
        """
        make_agent = agent or self.agent
        return Estate(
            given=self.hosts,
            connect=lambda address, _: make_agent(address),
            whole_pool=self.whole_pool,
            clock=self.clock,
            second_look=self.second_look,
            use_module=self.use_module,
        )


def read_options(
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
    ex_second_look: float | str = 5.0,
    ex_clock: Clock | None = None,
    ex_read_only: bool | str = False,
    ex_tls_weak_keys: bool | str = False,
    ex_tls_legacy_renegotiation: bool | str = False,
    ex_passwords: Mapping[str, str] | None = None,
    ex_host_module: bool | str = True,
) -> Access:
    """Check options; what each means: :class:`.OVM3Base`. Switched-off checks cause a warning.

    :raises InvalidArgument: an option is wrong; says which, and what is expected.
    """
    if not key or not isinstance(key, str):
        raise InvalidArgument(f"key {key!r}: expected the agent's user (oracle on a real host)")
    passwords = Passwords(secret or "", ex_passwords)
    hosts = _addresses(host, ex_hosts, port)
    is_secure = parse_flag(secure, "secure")
    verify = parse_flag(verify_ssl, "verify_ssl")
    trust = Trust(
        pins=parse_pins(ex_fingerprint),
        server_names=_by_host(ex_tls_server_name),
        ca_cert=ca_cert,
        verify=verify and bool(security.VERIFY_SSL_CERT),
        minimum=check_minimum(ex_tls_minimum),
        cert_file=cert_file,
        key_file=key_file,
        weak_keys=parse_flag(ex_tls_weak_keys, "ex_tls_weak_keys"),
        legacy_renegotiation=parse_flag(ex_tls_legacy_renegotiation, "ex_tls_legacy_renegotiation"),
    )
    _check_trust(trust, hosts, is_secure)
    return Access(
        user=key,
        passwords=passwords,
        hosts=hosts,
        whole_pool=ex_hosts is None,
        is_secure=is_secure,
        trust=trust,
        limits=TimeLimits.of(timeout, ex_timeouts),
        proxy_url=proxy_url,
        read_only=parse_flag(ex_read_only, "ex_read_only"),
        use_module=parse_flag(ex_host_module, "ex_host_module"),
        second_look=parse_seconds(ex_second_look, "ex_second_look", may_be_zero=True),
        clock=ex_clock or Clock(),
    )


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


def _check_trust(trust: Trust, hosts: Sequence[Address], is_secure: bool) -> None:
    """Contradictions are errors; switched-off checks cause a warning."""
    is_chosen = trust.ca_cert is not None or bool(trust.pins)
    if is_chosen and not (is_secure and trust.verify):
        raise InvalidArgument(
            "ca_cert and ex_fingerprint say what to verify; they contradict secure=False and "
            "verify_ssl=False"
        )
    if "" in trust.pins and len(hosts) > 1:
        raise InvalidArgument(
            "ex_fingerprint: for more than one host, expected a mapping from host to fingerprint"
        )
    for address in hosts if is_secure else ():
        if trust.of(address, len(hosts) == 1) is None:
            raise InvalidArgument(f"ex_fingerprint: no fingerprint for {address}, and no ca_cert")
    if not is_secure:
        warn(
            "secure=False: the agent's password is sent over the network unencrypted",
            stacklevel=_USERS_LINE,
        )
    elif not trust.verify:
        warn(
            "verify_ssl=False: certificates are not verified, so a man in the middle could read "
            "the agent's password; `ovm3 pin HOST` shows the fingerprint to pin instead",
            stacklevel=_USERS_LINE,
        )
