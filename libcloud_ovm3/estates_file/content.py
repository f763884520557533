"""What the file may say of an estate: its keys, and what is valid for each. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from libcloud_ovm3.agent.address import (
    Address,
    keyed,
    parse_address,
    parse_flag,
    parse_port,
    parse_repository,
    unmatched,
)
from libcloud_ovm3.agent.call_kinds import TimeLimits, parse_seconds
from libcloud_ovm3.agent.network_options import (
    parse_network,
    parse_public_networks,
    parse_traffic_labels,
)
from libcloud_ovm3.agent.tls import check_minimum, parse_pins
from libcloud_ovm3.errors import InvalidArgument

_NAME = re.compile("[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
# Key -> the driver's argument that it stands for.
ARGUMENTS = {
    "user": "key",
    "pins": "ex_fingerprint",
    "ca_cert": "ca_cert",
    "cert_file": "cert_file",
    "key_file": "key_file",
    "tls_minimum": "ex_tls_minimum",
    "tls_weak_keys": "ex_tls_weak_keys",
    "tls_legacy_renegotiation": "ex_tls_legacy_renegotiation",
    "tls_server_names": "ex_tls_server_name",
    "timeout": "timeout",
    "timeouts": "ex_timeouts",
    "second_look": "ex_second_look",
    "strict": "ex_strict",
    "ssh_port": "ex_ssh_port",
    "host_module": "ex_host_module",
    "traffic_labels": "ex_traffic_labels",
    "default_network": "ex_default_network",
    "public_networks": "ex_public_networks",
    "keys_repository": "ex_keys_repository",
    "watch_dhcp": "ex_watch_dhcp",
    "containers_repository": "ex_containers_repository",
}
FILES = {"ca_cert", "cert_file", "key_file"}


def check_name(name: Any) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidArgument(
            f"{name!r} is not a valid name: expected letters, digits, '-', '_' and '.' (in quotes "
            f"if YAML takes it for something else)"
        )


def check_entry(entry: Any) -> None:
    if not isinstance(entry, dict) or "hosts" not in entry:
        raise InvalidArgument("expected a mapping with the key hosts")
    if "password" in entry:
        raise InvalidArgument(
            "a password must not stand in this file: expected password_file (a file with it, mode "
            "600) or password_command (a program that prints it)"
        )
    for key in entry:
        if key not in CHECKS:
            raise InvalidArgument(f"unknown key {key!r}: expected {', '.join(map(repr, CHECKS))}")
    if "password_file" in entry and "password_command" in entry:
        raise InvalidArgument("expected password_file or password_command, not both")
    for key, value in entry.items():
        try:
            CHECKS[key](value)
        except InvalidArgument as error:
            text = str(error).removeprefix("value: ").removeprefix("value ")
            raise InvalidArgument(f"{key}: {text}") from None
    if parse_flag(entry.get("only", False), "only"):
        pinned = filter(None, parse_pins(entry.get("pins")))  # they can be named with --host
        known = [*listed_hosts(entry["hosts"]), *pinned]
        require_hosts(entry, [parse_address(host) for host in known])


def require_hosts(entry: Mapping[str, Any], hosts: Sequence[Address]) -> None:
    """Check that what is said by host is for these hosts: for a wrong one it has no effect.

    :raises InvalidArgument: It is not.
    """
    by_host: dict[str, Collection[str]] = {"pins": parse_pins(entry.get("pins"))}
    for key in ("password_files", "tls_server_names"):
        value = entry.get(key)
        by_host[key] = keyed(value) if isinstance(value, dict) else {}
    for key, named in by_host.items():
        for host in unmatched(named, hosts):
            listed = ", ".join(dict.fromkeys(map(str, hosts)))
            raise InvalidArgument(f"{key}: {host} is none of these hosts: {listed}")


def _check_hosts(value: Any) -> None:
    hosts = listed_hosts(value) if isinstance(value, str | list) else []
    if not hosts:
        raise InvalidArgument(f"{value!r}: expected a list of at least one host")
    for host in hosts:
        parse_address(host)


def listed_hosts(hosts: str | list[str]) -> list[str]:
    return re.findall(r"[^,\s]+", hosts) if isinstance(hosts, str) else hosts


def _check_text(value: Any) -> None:
    if not isinstance(value, str) or not value or "\0" in value:
        raise InvalidArgument(f"{value!r}: expected a text")


def _check_command(value: Any) -> None:
    try:
        words = shlex.split(value) if isinstance(value, str) else value
    except ValueError as error:
        raise InvalidArgument(f"not a valid command: {error}") from None
    texts = [w for w in words if isinstance(w, str)] if isinstance(words, list) else []
    if not texts or len(texts) < len(words) or "\0" in "".join(texts):
        raise InvalidArgument("expected a command: a text, or a list of texts")


def _check_by_host(value: Any) -> None:
    if not isinstance(value, dict):
        raise InvalidArgument(f"{value!r}: expected a mapping from host to text")
    for text in keyed(value).values():
        _check_text(text)


def _check_pins(value: Any) -> None:
    values = value.values() if isinstance(value, dict) else [value]
    for pins in values:
        if not isinstance(pins, str | list):
            raise InvalidArgument(f"{pins!r}: expected fingerprints, in quotes")
    parse_pins(value)


def _check_server_names(value: Any) -> None:
    if not isinstance(value, str):
        _check_by_host(value)


def _check_timeouts(value: Any) -> None:
    if not isinstance(value, dict):
        raise InvalidArgument(f"{value!r}: expected a mapping from kind of call to seconds")
    TimeLimits.of(None, value)


def _check_flag(value: Any) -> None:
    parse_flag(value, "value")


CHECKS: dict[str, Callable[[Any], object]] = {
    "hosts": _check_hosts,
    "only": _check_flag,
    "user": _check_text,
    "password_file": _check_text,
    "password_command": _check_command,
    "password_files": _check_by_host,
    "pins": _check_pins,
    "ca_cert": _check_text,
    "cert_file": _check_text,
    "key_file": _check_text,
    "tls_minimum": check_minimum,
    "tls_weak_keys": _check_flag,
    "tls_legacy_renegotiation": _check_flag,
    "tls_server_names": _check_server_names,
    "timeout": lambda value: parse_seconds(value, "value"),
    "timeouts": _check_timeouts,
    "second_look": lambda value: parse_seconds(value, "value", may_be_zero=True),
    "strict": _check_flag,
    "ssh_port": parse_port,
    "read_only": _check_flag,
    "host_module": _check_flag,
    "traffic_labels": lambda value: parse_traffic_labels(value, "value"),
    "default_network": lambda value: parse_network(value, "value"),
    "public_networks": lambda value: parse_public_networks(value, "value"),
    "watch_dhcp": _check_flag,
    "keys_repository": lambda value: parse_repository(value, "value"),
    "containers_repository": lambda value: parse_repository(value, "value"),
}
