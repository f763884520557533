"""The agents' passwords: a default, and those of hosts that have another one. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from libcloud_ovm3.agent.address import Address, keyed, of_host
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
            raise InvalidArgument(
                "ex_passwords: expected a mapping from host to password, not a text"
            )
        self._by_host = {
            host: _password(value, f"ex_passwords: expected a password for {host}")
            for host, value in keyed(by_host or {}).items()
        }

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts with another password, as the keys of a mapping by host."""
        return tuple(self._by_host)

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
