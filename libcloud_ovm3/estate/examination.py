"""What ``ovm3 doctor`` reads of a host, its pool and its VMs. Reads only, and keeps what it read.

What it means stands in :mod:`.doctor`, which is pure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Literal, TypeVar, cast

from libcloud_ovm3.agent.connection import AgentConnection
from libcloud_ovm3.agent.functions import Agent
from libcloud_ovm3.agent.hostmodule import HostModule
from libcloud_ovm3.agent.probe import Probed, Verdict, is_unknown_function, probe
from libcloud_ovm3.errors import AgentFault, Ovm3Error
from libcloud_ovm3.estate.hosts import (
    HostView,
)
from libcloud_ovm3.estate.inventory import Look, look
from libcloud_ovm3.estate.members import Estate

Trust = Literal["verified", "none"]
HOST_MODULE = "libcloud_version"  # the function by which our own module is known
_T = TypeVar("_T")


@dataclass(frozen=True)
class Certificate:
    """What a host's certificate says. None: not known, as the certificate cannot be read.

    :ivar tls_version: what both sides settled on (``TLSv1.2``).
    :ivar fingerprint: SHA-256, 64 hex digits.
    :ivar key: kind of the key, ``RSA``, ``EC``, …
    :ivar names: common names and subject alternative names.
    :ivar problem: why it cannot be read.
    """

    tls_version: str
    fingerprint: str
    key: str = ""
    key_bits: int | None = None
    names: tuple[str, ...] = ()
    not_before: datetime | None = None
    not_after: datetime | None = None
    problem: str | None = None


@dataclass(frozen=True)
class Examined:
    """Everything that was read.

    :ivar address: the host, as the user named it.
    :ivar certificate: or why there is none to see.
    :ivar trust: ``none``: its certificate was not verified.
    :ivar read: of the whole pool, or why nothing could be read.
    :ivar functions: which of the agent's functions the host has; empty if that is not known.
    :ivar host_module: whether our own module is in its agent.
    :ivar module_api: the module's number, if it is there.
    :ivar now: when, with a zone.
    """

    address: str
    certificate: Certificate | Ovm3Error
    trust: Trust
    read: Look | Ovm3Error
    functions: tuple[Probed, ...]
    host_module: Verdict
    now: datetime
    module_api: int | None = None

    @property
    def host(self) -> HostView | None:
        """The host's own view, None if it could not be asked."""
        return None if isinstance(self.read, Ovm3Error) else self.read.seen.hosts[0]


@dataclass(frozen=True)
class Call:
    """One call that was made: ``answer``, or what came instead of one."""

    address: str
    function: str
    arguments: tuple[Any, ...]
    answer: Any = None
    error: Ovm3Error | None = None


def examine(estate: Estate, certificate_of: Callable[[], Certificate], trust: Trust) -> Examined:
    """Look at the first host of an estate and at its whole pool.

    :param certificate_of: shakes hands with the host; may raise an error of ours.
    """
    certificate, read = _tried(certificate_of), _tried(lambda: look(estate))
    functions: tuple[Probed, ...] | Ovm3Error = ()
    module: tuple[Verdict, int | None] | Ovm3Error = ("not probed", None)
    if not isinstance(read, Ovm3Error):
        agent = read.seen.hosts[0].agent
        functions = _tried(lambda: probe(agent))
        module = _tried(lambda: _look_for_module(agent))
    verdict, api = ("unclear", None) if isinstance(module, Ovm3Error) else module
    return Examined(
        address=str(estate.given[0]),
        certificate=certificate,
        trust=trust,
        read=read,
        functions=() if isinstance(functions, Ovm3Error) else functions,
        host_module=verdict,
        now=datetime.now(timezone.utc),
        module_api=api,
    )


def _tried(action: Callable[[], _T]) -> _T | Ovm3Error:
    try:
        return action()
    except Ovm3Error as error:
        return error


def _look_for_module(agent: Agent) -> tuple[Verdict, int | None]:
    try:
        return "present", HostModule(agent.connection).version()
    except AgentFault as error:
        return "absent" if is_unknown_function(error, HOST_MODULE) else "unclear", None


# ------------------------------------------------------------------ keeping the answers


def recorded(estate: Estate, calls: list[Call]) -> Estate:
    """The same estate; every call that it makes is added to ``calls``, in the order of answers.

    The agents themselves are asked, not the host module: what is kept is to be told apart by the
    agents' functions, and vm.cfg texts are not to stand in it as they are.
    """

    def connect(address: Any, is_given: bool) -> Agent | None:
        agent = estate.connect(address, is_given)
        if agent is None:
            return None
        return Agent(cast(AgentConnection, _Recorded(agent.connection, str(address), calls)))

    return Estate(
        estate.given,
        connect,
        estate.whole_pool,
        estate.clock,
        estate.second_look,
        use_module=False,
    )


class _Recorded:
    """A connection that remembers what was asked and what came."""

    def __init__(self, connection: AgentConnection, address: str, calls: list[Call]) -> None:
        self._connection = connection
        self._name = address
        self._calls = calls

    def call(self, function: str, *arguments: Any, **options: Any) -> Any:
        try:
            answer = self._connection.call(function, *arguments, **options)
        except Ovm3Error as error:
            self._calls.append(Call(self._name, function, arguments, error=error))
            raise
        self._calls.append(Call(self._name, function, arguments, answer))
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)
