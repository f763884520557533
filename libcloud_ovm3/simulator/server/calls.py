"""What a simulator remembers of the requests that arrived."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Call:
    """An authenticated request that arrived.

    :param arguments: as sent, passwords in URLs censored; of a base64 value its first 64 KiB
    :param when: simulated epoch seconds of the host's clock
    """

    host_index: int
    address: str
    function: str
    arguments: tuple[Any, ...]
    when: float


@dataclass(frozen=True)
class RefusedRequest:
    """A request with wrong credentials (``authorization`` True) or with none."""

    host_index: int
    address: str
    authorization: bool
