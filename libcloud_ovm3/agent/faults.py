"""The agent's faults as exceptions. Pure.

A fault's text is ``module.ExceptionClass:message``; Python 2.6 agents (3.3 and later) write the
class as ``<type 'exceptions.OSError'>`` or ``<class 'agent.lib.filelock.LockError'>``
(agent-behaviour 2). There are no useful codes, so the meaning of a fault is derived from its class
and from xend's words in it (xend.md 3, 4).
"""

from __future__ import annotations

import re

from libcloud_ovm3.agent.codec import Fault
from libcloud_ovm3.errors import AgentFault

_REFUSED = "the agent refused or failed: "
# Of a bridge's script, as the host module quotes it too (agent-behaviour 2, 13).
_BUSY = re.compile(r"\bBridge \S+ Is Busy\b")
_NO_PORT_FUNCTION = re.compile(r"(?<!\w)setup_bridge_port: command not found")
# The agent's function, and the host module's that calls it.
_MAKE_VLANS = ("ovs_vlan_bridge", "libcloud_take_bridge")
_KIND = re.compile(r"(?:<(?:type|class) '([^'\n]+)'>|([A-Za-z_][\w.]*)):(.*)", re.DOTALL)


def error_of(fault: Fault, *, host: str, function: str) -> AgentFault:
    """The exception for a fault, with the agent's text unchanged."""
    kind, text = split(fault.text)
    return AgentFault(
        f"{host}: {function}: {_REFUSED}{fault.text}",
        code=fault.code,
        kind=kind,
        text=text,
        host=host,
        function=function,
    )


def as_it_came(error: AgentFault) -> str:
    """The fault's text before :func:`split`, whose form depends on the agent's Python version."""
    return str(error.value).partition(_REFUSED)[2]


def split(text: str) -> tuple[str, str]:
    """``(class, message)`` of a fault's text; the class is ``""`` if the text has none."""
    match = _KIND.fullmatch(text)
    if match is None or ("." not in (match[1] or match[2])):
        return "", text
    return match[1] or match[2], match[3]


def is_busy(error: AgentFault) -> bool:
    """Whether the script of a bridge has refused to make it, as the host is making it already."""
    return _BUSY.search(error.text) is not None


def advice(error: AgentFault) -> str | None:
    """What to do about a known fault of hosts after which a bridge is not there; None: unknown.

    The VLAN script of 3.2.1 to 3.3.2 calls a function that its library does not have
    (agent-behaviour 13, 15.2).
    """
    if is_busy(error):
        return (
            "the host was busy with this bridge, and has not made it: wait a minute, then repeat "
            "the call; a VM that was created meanwhile has only to be started"
        )
    if error.function not in _MAKE_VLANS or not _NO_PORT_FUNCTION.search(error.text):
        return None
    return vlan_script_advice(str(error.host))


def vlan_script_advice(host: str) -> str:
    """What mends the VLAN script of a host.

    :param host: Its address, with the port.
    """
    return (
        f"the VLAN script of this host has the fault of releases 3.2.1 to 3.3.2, so no VLAN bridge "
        f"can be made until it is patched: `ovm3 host install {host}` (patch vlan-bridge)"
    )
