"""Values of options as programs and files give them, checked one by one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlsplit

from libcloud_ovm3.agent.address import mapping_of, parse_flag
from libcloud_ovm3.clock import Clock
from libcloud_ovm3.errors import InvalidArgument

_LONGEST_QUOTED = 255  # characters: no name and no path component is longer
_PRIVATE_KEY = "PRIVATE KEY"  # in the first line of one, in PEM's and in OpenSSH's form


def quoted(value: Any) -> str:
    """A value as an error may quote it: not a private key, which some take for its path or name,
    and not what is too long for either.
    """
    text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
    if _PRIVATE_KEY in text:
        return "(a private key itself, not shown)"
    if len(text) > _LONGEST_QUOTED:
        return f"(a text of {len(text)} characters, not shown)"
    return repr(value)


def flag_or(value: Any, name: str, *, otherwise: bool = False) -> bool:
    """A flag; ``otherwise`` if it is not given.

    :raises InvalidArgument: It is none.
    """
    return otherwise if value is None else parse_flag(value, name)


def why_unreadable(path: object, error: OSError | ValueError) -> str:
    """Why a path could not be opened, for an error."""
    if _PRIVATE_KEY in str(path):
        return "expected the path of its file"
    return str(error.strerror if isinstance(error, OSError) else error)


def existing_file(path: Any, name: str) -> str | None:
    """The path of a file that can be read; None if it is not given.

    :raises InvalidArgument: It cannot, or is no path.
    """
    if path is None:
        return None
    if not isinstance(path, str | os.PathLike):
        raise InvalidArgument(f"{name} {quoted(path)}: expected the path of a file")
    try:
        with open(path, "rb"):
            return os.fspath(path)
    except (OSError, ValueError) as error:  # ValueError: a NUL
        raise InvalidArgument(
            f"{name} {quoted(os.fspath(path))}: {why_unreadable(path, error)}"
        ) from None


def parse_proxy(url: Any) -> str | None:
    """The URL of a proxy, as libcloud takes it; None if it is not given.

    :raises InvalidArgument: It is none; does not quote it, as it may have a password.
    """
    if url is None:
        return None
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
        is_valid = bool(parts and parts.scheme in ("http", "https") and parts.hostname)
        is_valid = is_valid and bool(parts and parts.port)
    except ValueError:  # not its own text, which may quote the password
        is_valid = False
    if not is_valid:
        raise InvalidArgument(
            "proxy_url: expected http://HOST:PORT or http://USER:PASSWORD@HOST:PORT"
        )
    return str(url)


def given_clock(clock: Any) -> Clock:
    """The clock that is given, else the real one.

    :raises InvalidArgument: It is none.
    """
    if clock is None:
        return Clock()
    if not hasattr(clock, "now"):
        raise InvalidArgument(f"ex_clock {clock!r}: expected a Clock")
    return cast("Clock", clock)


def optional_mapping(value: Mapping[str, Any] | str | None, name: str) -> dict[str, Any] | None:
    """A mapping, also from a text; None if it is not given.

    :raises InvalidArgument: It is none.
    """
    return None if value is None else mapping_of(value, name)
