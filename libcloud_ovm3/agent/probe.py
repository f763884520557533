"""Which of the agent's functions a given host has, as far as that can be seen without harm.

Only reads are called, and only those that need no arguments or take harmless ones. What the agent
says to an unknown function is an open question (10): very probably Python's stock text
(agent-behaviour 2). That text alone counts as "absent"; any other failure says nothing.
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
    """What is needed of an agent."""

    def call(self, function: str, *arguments: Any, **how: Any) -> Any:
        """Call one function."""


@dataclass(frozen=True)
class Probed:
    """What was seen of one function.

    :ivar verdict: ``present``: it answered. ``absent``: the agent says so. ``unclear``: it failed
        in another way. ``not probed``: it may change something, or needs arguments of its own.
    :ivar why: the failure, or why it was not tried; "" if it is present.
    """

    function: str
    verdict: Verdict
    why: str = ""


def probe(agent: Agent, limit: float | None = None) -> tuple[Probed, ...]:
    """Try all functions of the catalogue that can be tried; about 20 calls, one after the other.

    :param limit: seconds for each answer at most.
    :return: one entry for each function of the catalogue, in its order.
    :raises HostUnreachable: the host cannot be reached.
    :raises BadCredentials: it does not accept user and password.
    """
    return tuple(_probe_one(agent, f, limit) for f in catalogue.functions().values())


def _probe_one(agent: Agent, function: catalogue.Function, limit: float | None) -> Probed:
    name = function.name
    if function.kind != "read":
        return Probed(name, "not probed", "it is not surely a read")
    if function.probe is None:
        return Probed(name, "not probed", "no arguments are known that are harmless everywhere")
    try:
        agent.call(name, *function.probe, limit=limit)
    except AgentFault as error:
        absent = is_unknown_function(error, name)
        return Probed(name, "absent" if absent else "unclear", error.text)
    except OutcomeUnknown as error:
        return Probed(name, "unclear", str(error))
    return Probed(name, "present")


def is_unknown_function(error: AgentFault, function: str) -> bool:
    """Whether a fault is Python's stock text for a function that is not there."""
    return error.text.strip() == f'method "{function}" is not supported'


def lacks(agent: CanCall, function: str, error: AgentFault) -> bool:
    """Whether a fault of a function says that the agent has no such function.

    Its text may be another than Python's stock one (agent-behaviour 18.10): then the agent is asked
    for a function that surely is not there, and what it says of that compared. A text that does not
    name the function says nothing: an agent that is sick as a whole says the same of everything.
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
