"""The address of an agent: strict parsing of host and port as users write them. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from libcloud_ovm3.errors import InvalidArgument

DEFAULT_PORT = 8899  # agent-behaviour 1

_T = TypeVar("_T")

_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,253}[A-Za-z0-9_.])?")
_ZONE = re.compile("[A-Za-z0-9_.-]+")


class Address(NamedTuple):
    """One agent's address: a host name or an IP address without brackets, and a TCP port."""

    host: str
    port: int

    @property
    def netloc(self) -> str:
        """The address in the form of a URL (IPv6 in brackets)."""
        return f"{self.url_host}:{self.port}"

    @property
    def url_host(self) -> str:
        """The host in the form of a URL."""
        return f"[{self.host}]" if ":" in self.host else self.host

    def __str__(self) -> str:
        return self.netloc


def of_host(values: Mapping[str, _T], address: Address, named: bool) -> _T | None:
    """The value for one host in a mapping by ``host`` or ``host:port``; None if there is none.

    :param named: Whether it is the only host that the user named, whose key may be ``""``.
    """
    keys = (*_keys_of(address), *([""] if named else []))
    return next((values[key] for key in keys if key in values), None)


def unmatched(
    keys: Collection[str],
    hosts: Sequence[Address],
    pins: Mapping[str, Collection[str]] = MappingProxyType({}),
) -> list[str]:
    """The keys of a mapping that :func:`of_host` finds for none of these hosts; ``""`` is none.

    :param pins: By host. A key with the pin of a host that has a key is another name of that one.
    """
    named = [host for host in hosts if set(_keys_of(host)) & set(keys)]
    known = {key for host in named for key in _keys_of(host)}
    theirs = {pin for host in named for pin in of_host(pins, host, named=False) or ()}
    others = {parse_address(key).host for key, some in pins.items() if key and theirs & set(some)}
    others -= {host.host for host in hosts}
    return [k for k in keys if k and k not in known and parse_address(k).host not in others]


def _keys_of(address: Address) -> tuple[str, str]:
    """What names a host in a mapping; an agent may spell the address in another way."""
    host = _plain(address.host)
    return str(Address(host, address.port)), host


def by_host(usual: Mapping[str, _T], explicit: Mapping[str, _T]) -> dict[str, _T]:
    """Two mappings as :func:`of_host` reads them, in one; for each host the explicit one wins.

    An explicit value for ``host`` replaces one for ``host:port``, one for ``""`` replaces all.

    :raises InvalidArgument: A key is not a host.
    """
    given = keyed(explicit, named=True)
    if "" in given:
        return given
    known = keyed(usual, named=True)
    covered = {host for host in known if host and parse_address(host).host in given}
    return {**{host: known[host] for host in known if host not in covered}, **given}


def keyed(values: Mapping[str, _T], *, named: bool = False) -> dict[str, _T]:
    """A mapping by host as users write it, in the form that :func:`of_host` reads.

    :param named: Whether the key ``""``, the only host that the user named, is valid.
    :raises InvalidArgument: A key is not a host, or two are one host in two spellings.
    """
    found: dict[str, _T] = {}
    for host, value in values.items():
        key = "" if named and host == "" else host_key(host)
        if key in found:
            raise InvalidArgument(f"host {key!r}: given twice, in two spellings")
        found[key] = value
    return found


def host_key(host: str) -> str:
    """The key of a host in a mapping that :func:`of_host` reads: with the port only if given one.

    :raises InvalidArgument: It is not a host, or not ``host:port``.
    """
    address = parse_address(host, 1)
    has_port = address == parse_address(host, 2)
    return str(address) if has_port else address.host


def parse_address(text: str, default_port: int = DEFAULT_PORT) -> Address:
    """``name``, ``name:port``, ``1.2.3.4:port``, ``::1`` or ``[::1]:port`` as an :class:`Address`.

    Names become lower case, as their case means nothing, and IPv6 addresses their usual notation.

    :raises InvalidArgument: It is a URL or a path, or host or port are empty or not valid.
    """
    expected = "expected a host name or IP address, optionally with :port (IPv6 as [::1]:8899)"
    if not isinstance(text, str) or not text.strip():
        raise InvalidArgument(f"host {text!r}: {expected}")
    text = text.strip()
    if "/" in text or "@" in text:
        raise InvalidArgument(
            f"host {text.rpartition('@')[2]!r}: URLs and credentials are not accepted; {expected}"
        )
    if _is_ipv6(text):
        return Address(_plain(text), default_port)
    host, colon, port = text.rpartition(":") if not text.endswith("]") else (text, "", "")
    if not colon:
        host, port = text, str(default_port)
    if host.startswith("[") and host.endswith("]") and _is_ipv6(host[1:-1]):
        host = host[1:-1]
    elif not _NAME.fullmatch(host):
        raise InvalidArgument(f"host {text!r}: {expected}")
    return Address(_plain(host), parse_port(port))


def parse_port(port: int | str) -> int:
    """A TCP port from a number or a text (Salt and YAML pass strings).

    :raises InvalidArgument: It is not a number from 1 to 65535.
    """
    if not isinstance(port, bool) and re.fullmatch("[0-9]{1,5}", str(port)):
        number = int(port)
        if 0 < number < 65536:
            return number
    raise InvalidArgument(f"port {port!r}: expected a number from 1 to 65535")


def parse_flag(value: bool | int | str, name: str) -> bool:
    """A boolean as YAML, JSON and environment variables pass it.

    :param name: The name of the option, for the error.
    :raises InvalidArgument: It is neither true, yes, on or 1, nor false, no, off or 0.
    """
    text = str(value).strip().lower()
    if text in ("true", "1", "yes", "on"):
        return True
    if text in ("false", "0", "no", "off"):
        return False
    raise InvalidArgument(f"{name} {value!r}: expected True or False")


def parse_repository(value: Any, name: str) -> str:
    """The id or the alias of a repository.

    :param name: The name of the option, for the error.
    :raises InvalidArgument: It cannot be one.
    """
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise InvalidArgument(f"{name} {value!r}: expected the id or the alias of a repository")
    return value


def list_of(values: Iterable[_T], name: str) -> list[_T]:
    """A list of what may be anything that programs pass for one.

    :raises InvalidArgument: It is not several values.
    """
    if isinstance(values, bytes) or not isinstance(values, Iterable):
        raise InvalidArgument(f"{name} {values!r}: expected a list, or a text with commas")
    return list(values)


def mapping_of(value: Any, name: str) -> dict[str, Any]:
    """A mapping, also from a text such as ``read=30,write=60``.

    :raises InvalidArgument: It is neither.
    """
    if isinstance(value, str):
        parts = [part.partition("=") for part in value.split(",")]
        if all(key.strip() and equals and text.strip() for key, equals, text in parts):
            return {key.strip(): text.strip() for key, _, text in parts}
    elif isinstance(value, Mapping):
        return dict(value)
    raise InvalidArgument(f"{name} {value!r}: expected a mapping, or a text such as a=1,b=2")


def _plain(host: str) -> str:
    """The one spelling of a host by which pins and passwords are found."""
    if not _is_ipv6(host):
        return host.lower()
    address, percent, zone = host.partition("%")
    return f"{ipaddress.IPv6Address(address)}{percent}{zone}"


def _is_ipv6(text: str) -> bool:
    address, percent, zone = text.partition("%")
    try:
        ipaddress.IPv6Address(address)
    except ValueError:
        return False
    return not percent or _ZONE.fullmatch(zone) is not None
