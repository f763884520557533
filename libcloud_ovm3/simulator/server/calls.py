"""Records of the requests that a simulator received."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Call:
    """An authenticated call.

    :param host_index: Index of the host that received it.
    :param address: That host's IP address.
    :param function: Name of the agent function.
    :param arguments: The arguments as sent, with passwords in URLs censored; only the first
        64 KiB of a base64 value are kept.
    :param when: Simulated epoch seconds of the host's clock.
    """

    host_index: int
    address: str
    function: str
    arguments: tuple[Any, ...]
    when: float


@dataclass(frozen=True)
class RefusedRequest:
    """A request that was answered with status 403.

    :param host_index: Index of the host that received it.
    :param address: That host's IP address.
    :param authorization: True if it carried wrong credentials, False if it carried none.
    """

    host_index: int
    address: str
    authorization: bool
