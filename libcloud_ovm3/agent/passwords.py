"""The agents' passwords: a default, and those of hosts that have another one. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from libcloud_ovm3.agent.address import Address, of_host, parse_address
from libcloud_ovm3.errors import InvalidArgument


class Passwords:
    """The passwords of all hosts. Its repr does not show them.

    :param usual: The password of every host that is not in ``by_host``.
    :param by_host: Passwords by ``host`` or ``host:port``.
    :raises InvalidArgument: A password is empty or not a text, or a host is not valid.
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
        """All of them, to hide them in a text."""
        return tuple(dict.fromkeys((self._usual, *self._by_host.values())))


def _password(value: Any, otherwise: str) -> str:
    if not value or not isinstance(value, str):
        raise InvalidArgument(otherwise)
    return value


def _key(host: Any) -> str:
    """The key that :func:`.of_host` uses: with the port only if one was given."""
    address = parse_address(host, 1)
    has_port = address == parse_address(host, 2)
    return str(address) if has_port else address.host
