"""Values of options as programs and files give them, checked one by one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlsplit

from libcloud_ovm3.agent.address import mapping_of, parse_flag
from libcloud_ovm3.clock import Clock
from libcloud_ovm3.errors import InvalidArgument


def flag_or(value: Any, name: str, *, otherwise: bool = False) -> bool:
    """A flag; ``otherwise`` if it is not given.

    :raises InvalidArgument: It is none.
    """
    return otherwise if value is None else parse_flag(value, name)


def existing_file(path: Any, name: str) -> str | None:
    """The path of a file that can be read; None if it is not given.

    :raises InvalidArgument: It cannot, or is no path.
    """
    if path is None:
        return None
    if not isinstance(path, str | os.PathLike):
        raise InvalidArgument(f"{name} {path!r}: expected the path of a file")
    try:
        with open(path, "rb"):
            return os.fspath(path)
    except OSError as error:
        raise InvalidArgument(f"{name} {str(path)!r}: {error.strerror}") from None
    except ValueError as error:  # a NUL
        raise InvalidArgument(f"{name} {str(path)!r}: {error}") from None


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
