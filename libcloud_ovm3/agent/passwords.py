"""The agents' passwords: one for all hosts, and those of hosts that have another. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from libcloud_ovm3.agent.address import Address, of_host, parse_address
from libcloud_ovm3.errors import InvalidArgument


class Passwords:
    """Shown nowhere: not in a repr either.

    :param usual: of every host that has none of its own.
    :param by_host: by ``host`` or ``host:port``.
    :raises InvalidArgument: what is no password, or no host.
    """

    def __init__(self, usual: str, by_host: Mapping[str, str] | None = None) -> None:
        self._usual = _password(usual, "secret: expected the agent's password")
        if not isinstance(by_host, Mapping | None):
            raise InvalidArgument("ex_passwords: expected a mapping from host to password")
        self._by_host = {
            _key(host): _password(value, f"ex_passwords: expected a password for {host}")
            for host, value in (by_host or {}).items()
        }

    def of(self, address: Address) -> str:
        """The password of one host."""
        own = of_host(self._by_host, address, named=False)
        return self._usual if own is None else own

    def all(self) -> tuple[str, ...]:
        """Every one of them: what is to be taken out of a text."""
        return tuple(dict.fromkeys((self._usual, *self._by_host.values())))


def _password(value: Any, otherwise: str) -> str:
    if not value or not isinstance(value, str):
        raise InvalidArgument(otherwise)
    return value


def _key(host: Any) -> str:
    """As :func:`.of_host` looks for it: with the port only where one was given."""
    address = parse_address(host, 1)
    has_port = address == parse_address(host, 2)
    return str(address) if has_port else address.host
