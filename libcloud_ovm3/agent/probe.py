"""Which of the agent's functions a host has, as far as that can be found out safely.

Only reads are called, and only those without arguments or with harmless ones. The agent's response
to an unknown function is an open question (10): very probably Python's standard text
(agent-behaviour 2). Only that text counts as "absent"; any other failure is inconclusive.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

from libcloud_ovm3.agent import catalogue
from libcloud_ovm3.agent.functions import Agent
from libcloud_ovm3.errors import AgentFault, HostUnreachable, OutcomeUnknown

_NONE = "libcloud_no_such_function"

Verdict = Literal["present", "absent", "unclear", "not probed"]


class CanCall(Protocol):
    """The part of an agent that is needed here."""

    def call(self, function: str, *arguments: Any, **how: Any) -> Any:
        """Call one of its functions."""


@dataclass(frozen=True)
class Probed:
    """The result for one function.

    :ivar verdict: ``present``: it responded. ``absent``: the agent says that it is unknown.
        ``unclear``: it failed in another way. ``not probed``: it may change something, or requires
        specific arguments.
    :ivar why: The failure, or why it was not tried; "" if it is present.
    """

    function: str
    verdict: Verdict
    why: str = ""


def probe(agent: Agent, limit: float | None = None) -> tuple[Probed, ...]:
    """Try all functions of the catalogue that can be tried: about 20 calls, one after the other.

    :param limit: At most so many seconds per response.
    :return: One entry for each function of the catalogue, in its order.
    :raises HostUnreachable: The host cannot be reached.
    :raises BadCredentials: It rejected user and password.
    """
    return tuple(_probe_one(agent, f, limit) for f in catalogue.functions().values())


def _probe_one(agent: Agent, function: catalogue.Function, limit: float | None) -> Probed:
    name = function.name
    if function.kind != "read":
        return Probed(name, "not probed", "it is not known to be read-only")
    if function.probe is None:
        return Probed(name, "not probed", "no arguments are known to be harmless on every host")
    try:
        agent.call(name, *function.probe, limit=limit)
    except AgentFault as error:
        absent = is_unknown_function(error, name)
        return Probed(name, "absent" if absent else "unclear", error.text)
    except OutcomeUnknown as error:
        return Probed(name, "unclear", str(error))
    return Probed(name, "present")


def is_unknown_function(error: AgentFault, function: str) -> bool:
    """Whether a fault has Python's standard text for an unknown function."""
    return error.text.strip() == f'method "{function}" is not supported'


def lacks(agent: CanCall, function: str, error: AgentFault) -> bool:
    """Whether a fault of a function means that the agent does not have it.

    The text may differ from Python's standard one (agent-behaviour 18.10): then a function that
    certainly does not exist is called, and the texts are compared. A text without the function's
    name is inconclusive: an agent that is out of order returns the same for every function.
    """
    if is_unknown_function(error, function):
        return True
    try:
        agent.call(_NONE, kind="read", limit=10.0)
    except AgentFault as other:
        return _NONE in other.text and other.text.replace(_NONE, function) == error.text
    except (HostUnreachable, OutcomeUnknown):
        pass
    return False
