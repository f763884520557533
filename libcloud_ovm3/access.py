"""From options to an estate: which hosts, as which user, which certificates, which time limits.

The compute driver, the command line and whatever else needs hosts all start here. Nothing in here
contacts a host. The options have the names that the driver's users know (``ex_fingerprint``). What
is not given comes from the named estate, if one is named (:mod:`libcloud_ovm3.estates_file`).
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from libcloud import security

from libcloud_ovm3.agent.address import (
    DEFAULT_PORT,
    Address,
    keyed,
    list_of,
    mapping_of,
    parse_address,
    parse_flag,
    parse_port,
    parse_repository,
    unmatched,
)
from libcloud_ovm3.agent.call_kinds import TimeLimits, parse_seconds
from libcloud_ovm3.agent.connection import AgentConnection
from libcloud_ovm3.agent.functions import Agent
from libcloud_ovm3.agent.liveness import LivenessOptions
from libcloud_ovm3.agent.network_options import NetworkOptions
from libcloud_ovm3.agent.option_values import (
    existing_file,
    flag_or,
    given_clock,
    optional_mapping,
    parse_proxy,
)
from libcloud_ovm3.agent.passwords import Passwords
from libcloud_ovm3.agent.tls import HostTrust, Trust, check_minimum, parse_pins
from libcloud_ovm3.clock import Clock
from libcloud_ovm3.errors import InvalidArgument, warn
from libcloud_ovm3.estate.members import Estate

if TYPE_CHECKING:
    from libcloud_ovm3.estates_file.named import NamedEstate

_CHECKS = ("secure", "verify_ssl")
# The arguments by host -> what the file of estates calls them.
_BY_HOST = {
    "ex_passwords": "password_files",
    "ex_fingerprint": "pins",
    "ex_tls_server_name": "tls_server_names",
}
_USERS_LINE = 4  # stack levels from a warning in here to the line that makes the driver


@dataclass(frozen=True)
class Access:
    """How to reach the hosts of an estate: checked options.

    :ivar user: the agents' user.
    :ivar hosts: the hosts that the user named; the first is asked first.
    :ivar whole_pool: whether the other members of the first host's pool belong to the estate too.
    :ivar is_secure: whether TLS is used.
    :ivar second_look: seconds between the two reads that prove that a VM is absent.
    :ivar ssh_port: the TCP port of the hosts' SSH servers (ex_hosts_off).
    :ivar use_module: whether hosts are asked through the host module, where they have it.
    :ivar networks: traffic labels, the default network, and which networks count as public.
    :ivar strict: whether an unreachable host is an error instead of a warning.
    :ivar keys_repository: the repository of key pairs: its id or alias.
    :ivar watches_dhcp: whether hosts watch which addresses DHCP gives to VMs that are started.
    :ivar containers_repository: the repository of plain containers: its id or alias.
    :ivar keys: the hosts that options by host name, to be compared with the members of the pool.
    :ivar estate_name: the name of the estate in the configuration file, if one was named.
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
    ssh_port: int
    networks: NetworkOptions
    strict: bool = False
    keys_repository: str | None = None
    watches_dhcp: bool = False
    containers_repository: str | None = None
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    estate_name: str | None = None

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
            liveness=LivenessOptions(self.limits.connect, self.ssh_port, self.proxy_url),
            unmatched=self._unmatched,
            traffic_labels=self.networks.traffic_labels,
            default_network=self.networks.default_network,
            public_networks=self.networks.public_networks,
            keys_repository=self.keys_repository,
            watches_dhcp=self.watches_dhcp,
        )

    def _unmatched(self, hosts: Sequence[Address]) -> list[str]:
        """Notices of what options say of other hosts than these."""
        estate = self.estate_name
        return [
            f"{option}{f' or {_BY_HOST[option]} of estate {estate!r}' if estate else ''}: "
            f"{_is_none_of(key, hosts)}, so this entry is not used"
            for option, key in _unmatched(self.keys, hosts, self.trust)
        ]


def read_options(
    key: str | None = None,
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
    ex_tls_minimum: str | None = None,
    ex_timeouts: Mapping[str, Any] | str | None = None,
    ex_strict: bool | str | None = None,
    ex_second_look: float | str | None = None,
    ex_clock: Clock | None = None,
    ex_read_only: bool | str = False,
    ex_tls_weak_keys: bool | str | None = None,
    ex_tls_legacy_renegotiation: bool | str | None = None,
    ex_passwords: Mapping[str, str] | None = None,
    ex_host_module: bool | str | None = None,
    ex_estate: str | NamedEstate | None = None,
    ex_ssh_port: int | str | None = None,
    ex_traffic_labels: Mapping[str, str] | str | None = None,
    ex_default_network: str | None = None,
    ex_public_networks: Sequence[str] | str | None = None,
    ex_keys_repository: str | None = None,
    ex_watch_dhcp: bool | str | None = None,
    ex_containers_repository: str | None = None,
) -> Access:
    """Check options; what each means: :class:`.OVM3Base`. Switched-off checks cause a warning.

    :raises InvalidArgument: an option is wrong; says which, and what is expected.
    :raises PreconditionFailed: the password command of the estate failed.
    """
    given = _with_estate(dict(locals()))
    hosts = _addresses(given.host, given.ex_hosts, given.port)
    if not given.key or not isinstance(given.key, str):
        raise InvalidArgument(
            f"key {given.key!r}: expected the agent's user (oracle on a real host)"
        )
    passwords = Passwords(given.secret or "", given.ex_passwords)
    is_secure = flag_or(given.secure, "secure", otherwise=True)
    verify = flag_or(given.verify_ssl, "verify_ssl", otherwise=True)
    weak_keys = flag_or(given.ex_tls_weak_keys, "ex_tls_weak_keys")
    legacy = flag_or(given.ex_tls_legacy_renegotiation, "ex_tls_legacy_renegotiation")
    trust = Trust(
        pins=parse_pins(given.ex_fingerprint),
        server_names=_by_host(given.ex_tls_server_name),
        ca_cert=existing_file(given.ca_cert, "ca_cert"),
        verify=verify and bool(security.VERIFY_SSL_CERT),
        minimum=check_minimum(given.ex_tls_minimum or "TLSv1.2"),
        cert_file=existing_file(given.cert_file, "cert_file"),
        key_file=existing_file(given.key_file, "key_file"),
        weak_keys=weak_keys,
        legacy_renegotiation=legacy,
    )
    _check_trust(trust, hosts, is_secure, given.source)
    if not given.whole_pool:
        _check_keys(given.explicit, hosts, trust)
    look = 5.0 if given.ex_second_look is None else given.ex_second_look
    return Access(
        user=given.key,
        passwords=passwords,
        hosts=hosts,
        whole_pool=given.whole_pool,
        is_secure=is_secure,
        trust=trust,
        limits=TimeLimits.of(given.timeout, optional_mapping(given.ex_timeouts, "ex_timeouts")),
        proxy_url=parse_proxy(given.proxy_url),
        read_only=given.ex_read_only,
        use_module=flag_or(given.ex_host_module, "ex_host_module", otherwise=True),
        second_look=parse_seconds(look, "ex_second_look", may_be_zero=True),
        clock=given_clock(given.ex_clock),
        strict=flag_or(given.ex_strict, "ex_strict"),
        ssh_port=parse_port(22 if given.ex_ssh_port is None else given.ex_ssh_port),
        networks=NetworkOptions.of(
            given.ex_traffic_labels, given.ex_default_network, given.ex_public_networks
        ),
        keys_repository=given.ex_keys_repository
        and parse_repository(given.ex_keys_repository, "ex_keys_repository"),
        watches_dhcp=flag_or(given.ex_watch_dhcp, "ex_watch_dhcp"),
        containers_repository=given.ex_containers_repository
        and parse_repository(given.ex_containers_repository, "ex_containers_repository"),
        keys=_keys(vars(given) if given.whole_pool else _pins_only(given.explicit)),
        estate_name=given.ex_estate,
    )


OPTIONS = tuple(inspect.signature(read_options).parameters)  # their names


def _with_estate(arguments: dict[str, Any]) -> SimpleNamespace:
    """The arguments, where empty completed from the estate, ``whole_pool``, and its ``source``.

    Programs such as Salt pass what their user left out as None or as an empty text. Only
    ``ex_read_only``, which protects, must say what it means, and does not lift the estate's.
    """
    read_only = parse_flag(arguments["ex_read_only"], "ex_read_only")
    explicit = {name: value for name, value in arguments.items() if value not in (None, "")}
    nothing = dict.fromkeys(arguments)
    name = explicit.pop("ex_estate", None)
    whole_pool, source, completed = "ex_hosts" not in explicit, "", explicit
    if name is not None:
        from libcloud_ovm3.estates_file.reading import find_estate  # noqa: PLC0415 (needs PyYAML)

        estate = find_estate(name)
        whole_pool = whole_pool and not estate.only
        _require_known(estate, explicit)
        completed = {**estate.complete(explicit), "ex_estate": estate.name}
        read_only = read_only or estate.read_only
        source = f" (nor in estate {estate.name!r} in {estate.path})"
    fixed = {"whole_pool": whole_pool, "ex_read_only": read_only, "source": source}
    return SimpleNamespace(**{**nothing, **completed, **fixed, "explicit": explicit})


def _require_known(estate: NamedEstate, explicit: Mapping[str, Any]) -> None:
    """Without verification, whatever answers at a name that was typed would get the password of the
    estate, and so would the pool that it reports; that is for hosts of the estate only.

    :raises InvalidArgument: a host is not, and no other password is given.
    """
    off = [f"{one}=False" for one in _CHECKS if not flag_or(explicit.get(one), one, otherwise=True)]
    off += [] if security.VERIFY_SSL_CERT else ["libcloud.security.VERIFY_SSL_CERT=False"]
    named = explicit.get("host"), explicit.get("ex_hosts")
    if "secret" in explicit or not off or named == (None, None):
        return
    for address in _addresses(*named, explicit.get("port")):
        if not estate.has_host(address):
            raise InvalidArgument(
                f"{address} is not a host of estate {estate.name!r}, so the password of the estate "
                f"is not sent there without verification ({', '.join(off)}); expected "
                f"ex_fingerprint or ca_cert instead, or a password for this call (secret)"
            )


def _keys(arguments: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """The hosts that each argument by host names."""
    passwords, pins, server_names = (arguments.get(option) for option in _BY_HOST)
    hosts = map(tuple, (keyed(passwords or {}), parse_pins(pins), _by_host(server_names)))
    return dict(zip(_BY_HOST, hosts, strict=True))


def _pins_only(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {"ex_fingerprint": arguments.get("ex_fingerprint")}


def _check_keys(explicit: Mapping[str, Any], hosts: Sequence[Address], trust: Trust) -> None:
    """Where the hosts are known, a password or a name for another one is a mistake. A pin is none:
    programs for some of the hosts may have the pins of all of them."""
    for option, key in _unmatched(_keys({**explicit, "ex_fingerprint": None}), hosts, trust):
        raise InvalidArgument(f"{option}: {_is_none_of(key, hosts)}")


def _unmatched(
    keys: Mapping[str, Sequence[str]], hosts: Sequence[Address], trust: Trust
) -> list[tuple[str, str]]:
    """The options that name a host that is none of these, each with that name."""
    return [(o, key) for o, some in keys.items() for key in unmatched(some, hosts, trust.pins)]


def _is_none_of(key: str, hosts: Sequence[Address]) -> str:
    return f"{key} is none of the hosts ({', '.join(sorted(set(map(str, hosts))))})"


def _by_host(names: str | Mapping[str, str] | None) -> dict[str, str]:
    if isinstance(names, str) and "=" not in names:
        return {"": names}
    return {} if names is None else keyed(mapping_of(names, "ex_tls_server_name"), named=True)


def _addresses(
    host: str | None, hosts: Sequence[str] | str | None, port: int | str | None
) -> tuple[Address, ...]:
    default = DEFAULT_PORT if port is None else parse_port(port)
    listed = (
        re.split(r"[,\s]+", hosts.strip())
        if isinstance(hosts, str)
        else list_of(hosts or [], "ex_hosts")
    )
    texts = ([] if host is None else [host]) + listed
    if not texts:
        raise InvalidArgument(
            "no host is given: expected host (the name or IP address of any host of a pool), "
            "ex_hosts (a list of hosts), or ex_estate (the name of a configured estate; `ovm3 "
            "estate list` shows them)"
        )
    return tuple(dict.fromkeys(parse_address(text, default) for text in texts))


def _check_trust(trust: Trust, hosts: Sequence[Address], is_secure: bool, source: str) -> None:
    """Contradictions are errors; switched-off checks cause a warning."""
    is_chosen = trust.ca_cert is not None or bool(trust.pins)
    if is_chosen and not (is_secure and trust.verify):
        raise InvalidArgument(
            "ca_cert and ex_fingerprint say what to verify; they contradict secure=False and "
            "verify_ssl=False"
        )
    if "" in trust.pins and len(hosts) > 1:
        raise InvalidArgument(
            "ex_fingerprint: for more than one host, expected HOST=SHA256 for each (in Python, a "
            "mapping from host to fingerprint)"
        )
    for address in hosts if is_secure else ():
        if trust.of(address, len(hosts) == 1) is None:
            raise InvalidArgument(
                f"ex_fingerprint: no fingerprint for {address}, and no ca_cert{source}"
            )
    if not is_secure:
        warn(
            "secure=False: the agent's password is sent over the network unencrypted",
            stacklevel=_USERS_LINE,
        )
    elif not trust.verify:
        warn(
            "verify_ssl=False: certificates are not verified, so a man in the middle could read "
            "the agent's password; `ovm3 host certificate HOST` shows the fingerprint to pin "
            "instead",
            stacklevel=_USERS_LINE,
        )
