"""What both drivers share: libcloud's arguments, its connection, and the estate. No I/O here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from libcloud.common.base import BaseDriver, Connection

from libcloud_ovm3.access import OPTIONS, read_options
from libcloud_ovm3.agent.address import Address, parse_flag
from libcloud_ovm3.agent.connection import AgentConnection
from libcloud_ovm3.agent.functions import Agent
from libcloud_ovm3.clock import Clock
from libcloud_ovm3.errors import Ovm3Warning, warn
from libcloud_ovm3.habitual import refuse_unsupported

if TYPE_CHECKING:
    from libcloud_ovm3.estates_file.named import NamedEstate


class AgentDriver(BaseDriver):
    """The arguments of the drivers, and the estate made of them."""

    connectionCls: type[Connection] = AgentConnection  # noqa: N815 (libcloud's name)
    name = "Oracle VM Server 3"
    api_name = "ovm3"
    website = "https://www.oracle.com/virtualization/"
    type = "ovm3"
    _silent_seconds = 0.0  # as of the estate

    def __init__(
        self,
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
        api_name: object = None,
        api_version: object = None,
        backoff: object = None,
        path: object = None,
        project: object = None,
        region: object = None,
        retry_delay: object = None,
    ) -> None:
        """Check the arguments. No host is contacted.

        None or an empty text means that an argument is not given (but for ``ex_read_only``). Flags,
        numbers, lists and mappings may be texts, as programs such as Salt pass them: ``"true"``,
        ``"60"``, ``"ovm-1,ovm-2"``, ``"read=30,write=60"``. One of ``host``, ``ex_hosts`` and
        ``ex_estate`` is needed.

        :param key: The user of the agents, ``oracle`` on every real host. Required without
            ``ex_estate``.
        :type key: ``str``

        :param secret: The password of the agents, on every host that ``ex_passwords`` does not
            name. In a pool it is usually the same on all members. Required without ``ex_estate``.
        :type secret: ``str``

        :param host: Any host of the pool, by name or IP address, as ``host`` or ``host:port``. The
            driver finds the other members of the pool and manages them too.
        :type host: ``str``

        :param port: The TCP port of the agents, where a host is not given as ``host:port``.
            (default: 8899)
        :type port: ``int``

        :param ex_hosts: The hosts to work with, instead of all members of the pool of ``host``.
            Members that are left out count as unreachable, so a VM that may run there is UNKNOWN.
            As a text: ``"ovm-1,ovm-2"``.
        :type ex_hosts: ``list`` of ``str``

        :param ex_estate: The name of a configured estate (docs/estates.md), which completes all
            arguments that are not given. The constructor reads the file and runs the password
            command, if the estate has one. Without a name, the file is not read: there is no
            default.
        :type ex_estate: ``str``

        :param ex_fingerprint: The pin of the host's certificate, its SHA-256 fingerprint
            (docs/tls.md); a list if several are acceptable; a mapping from host to one or several,
            which is required for more than one host. As a text:
            ``"ovm-1=AA:BB:...,ovm-2=CC:DD:..."``.
        :type ex_fingerprint: ``str``, ``list`` of ``str`` or ``dict``

        :param ca_cert: A PEM file: the CA that signed the certificates, or the certificate of the
            host itself.
        :type ca_cert: ``str``

        :param ex_tls_server_name: The name in the certificate, where it is not the address of the
            host (agents' certificates have no subject alternative name): one name, or a mapping
            from host to name. As a text: ``"ovm-1=NAME,ovm-2=NAME"``.
        :type ex_tls_server_name: ``str`` or ``dict``

        :param ex_tls_minimum: The lowest TLS version to accept; ``TLSv1`` for OVM 3.2 hosts.
            (default: TLSv1.2)
        :type ex_tls_minimum: ``str``

        :param ex_tls_weak_keys: Accept keys below 2048 bits (RSA, DH) and SHA-1 signatures;
            ``ex_tls_minimum="TLSv1"`` does so too. (default: False)
        :type ex_tls_weak_keys: ``bool``

        :param ex_tls_legacy_renegotiation: Accept hosts without secure renegotiation (RFC 5746).
            (default: False)
        :type ex_tls_legacy_renegotiation: ``bool``

        :param cert_file: Client certificate (PEM), for hosts that request one.
        :type cert_file: ``str``

        :param key_file: Private key (PEM) of the client certificate, if it is in a separate file.
        :type key_file: ``str``

        :param verify_ssl: False disables certificate verification (insecure), with a warning.
        :type verify_ssl: ``bool``

        :param secure: Whether to use TLS. False uses plain HTTP: the password is sent unencrypted,
            with a warning.
        :type secure: ``bool``

        :param proxy_url: An HTTP proxy, as for libcloud's other drivers: ``http://HOST:PORT`` or
            ``http://USER:PASSWORD@HOST:PORT``.
        :type proxy_url: ``str``

        :param ex_passwords: The passwords of hosts that have one other than ``secret``: a mapping
            from ``host`` or ``host:port`` to password, never a text.
        :type ex_passwords: ``dict``

        :param timeout: The time limit of a call that only reads. (default: 60)
        :type timeout: ``float``, seconds

        :param ex_timeouts: Time limits by kind of call: ``connect``, ``read``, ``write``, ``long``
            (docs/calls.md). As a text: ``"read=30,write=60"``.
        :type ex_timeouts: ``dict``, seconds

        :param ex_strict: Whether list_nodes raises an error instead of a warning if a host is
            unreachable or something cannot be read. (default: False)
        :type ex_strict: ``bool``

        :param ex_second_look: The time between the two reads that prove that a node runs nowhere,
            before it is started or destroyed. (default: 5)
        :type ex_second_look: ``float``, seconds

        :param ex_read_only: Refuse every call to an agent that is not known to be read-only, before
            it is sent (:class:`.ReadOnly`). Must be true or false, not empty.
        :type ex_read_only: ``bool``

        :param ex_host_module: Use the host module where a host has it. False: use the agent alone,
            for a host whose module does not work. (default: True)
        :type ex_host_module: ``bool``

        :param ex_ssh_port: The TCP port of the hosts' SSH servers, at which a host that is said to
            be powered off (``ex_hosts_off`` of some methods) must not answer. (default: 22)
        :type ex_ssh_port: ``int``

        :param ex_traffic_labels: Which interface of the hosts carries which traffic: a mapping from
            ``guest``, ``public``, ``management`` and ``storage`` to the name of a NIC, bond, VLAN
            device or bridge, the same on all hosts. As a text: ``"guest=bond0,public=bond1"``.
        :type ex_traffic_labels: ``dict``

        :param ex_default_network: The network of the card of a node that is created without one:
            the name of a bridge, a traffic label, or ``label:vlan``. Without it, such a node has no
            card.
        :type ex_default_network: ``str``

        :param ex_public_networks: The networks whose addresses are in ``public_ips``: names of
            bridges, and traffic labels, which stand for their bridge and all its VLANs, of whatever
            label. Those of all others are in ``private_ips``. As a text: ``"public,xenbr1"``.
        :type ex_public_networks: ``list`` of ``str``

        :param ex_keys_repository: The id or the alias of the repository that key pairs are kept in:
            all methods for key pairs then concern that one only. (default: those of all
            repositories are listed, and new ones go where some are, if that is one repository)
        :type ex_keys_repository: ``str``

        :param ex_watch_dhcp: Whether a host that starts a node watches for ten minutes which
            addresses DHCP gives to its network cards (docs/networks.md). The bridge is promiscuous
            meanwhile. Needs the host module. (default: False)
        :type ex_watch_dhcp: ``bool``

        :param ex_containers_repository: The id or the alias of the repository that the storage
            driver makes plain containers in (docs/storage.md); without it, the only one that there
            is. The compute driver does not need it.
        :type ex_containers_repository: ``str``

        :param ex_clock: The clock that all waits use; for tests.
        :type ex_clock: :class:`.Clock`

        The other arguments are known from libcloud's other drivers and not supported yet: None and
        empty values are accepted, everything else raises InvalidArgument.

        :raises InvalidArgument: An argument is wrong; says which, and what is expected.
        :raises PreconditionFailed: The password command of the estate failed.
        """
        given = dict(locals())
        refuse_unsupported(
            api_name=api_name,
            api_version=api_version,
            backoff=backoff,
            path=path,
            project=project,
            retry_delay=retry_delay,
        )
        given["ex_estate"] = ex_estate or self._default_estate(region, bool(host or ex_hosts))
        self._access = read_options(**{option: given[option] for option in OPTIONS})
        self.ex_strict = self._access.strict
        self.ex_read_only = self._access.read_only
        first = self._access.hosts[0]
        super().__init__(  # makes self.connection, which is the first host's
            self._access.user,
            secret=self._access.passwords.of(first),
            secure=self._access.is_secure,
            host=first.host,
            port=first.port,
            timeout=self._access.limits.read,
            proxy_url=self._access.proxy_url,
        )
        made = self._access.estate(self._agent)
        self._estate = replace(made, silent_seconds=self._silent_seconds)

    def _ex_connection_class_kwargs(self) -> dict[str, Any]:
        """For ``self.connection``, which libcloud's base class makes."""
        return {
            "trust": self._access.trust_of(self._access.hosts[0]),
            "limits": self._access.limits,
            "read_only": self._access.read_only,
        }

    def _agent(self, address: Address) -> Agent | None:
        """The agent of a host; None: nothing to verify the host with."""
        if address == self._access.hosts[0]:
            return Agent(cast(AgentConnection, self.connection))
        connection = self._access.connection(
            address, cast(type[AgentConnection], self.connectionCls)
        )
        if connection is None:
            return None
        connection.driver = self  # type: ignore[assignment]
        return Agent(connection)

    def _warn(self, notices: Iterable[str], stacklevel: int = 3) -> None:
        for notice in notices:
            warn(notice, stacklevel=stacklevel)

    def _warn_of_done(self, notices: Iterable[str], stacklevel: int = 3) -> None:
        """The notices of what has been done, if what is returned then cannot be had again: where a
        warning is an error, they are only logged.
        """
        for notice in notices:
            with suppress(Ovm3Warning):
                warn(notice, stacklevel=stacklevel)

    @contextmanager
    def _warned(self) -> Iterator[list[str]]:
        """A list for the notices of a change, which become warnings, whether it fails or not. Where
        a warning is an error, the failure comes first.
        """
        notices: list[str] = []
        try:
            yield notices
        except Exception:
            self._warn_of_done(notices, stacklevel=5)
            raise
        self._warn(notices, stacklevel=5)

    def _is_strict(self, ex_strict: bool | str | None) -> bool:
        return self.ex_strict if ex_strict is None else parse_flag(ex_strict, "ex_strict")

    def _default_estate(self, region: object, is_host_named: bool) -> str | None:
        """The estate to take if no argument names one."""
        refuse_unsupported(region=region)
        return None
