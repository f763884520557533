"""A simulator of Oracle VM Server 3 agents, for development and tests.

It is independent of the driver: it uses the standard library's XML-RPC and imports nothing from the
other packages. ``docs/simulator.md`` lists what it simulates and what it does not.

Rooms, each importing only from those after it: ``server`` (HTTPS, ports, fault injection), ``dom0``
(the host module's environment), ``agent`` (the agent's functions), ``xend`` (domains), and the
shared modules of this folder. ``simulator``, ``controls``, ``root``, ``seeds`` and ``layouts`` use
all of them.
"""

from __future__ import annotations

from libcloud_ovm3.simulator.clock import SimulatedTime
from libcloud_ovm3.simulator.errors import SimulatorError
from libcloud_ovm3.simulator.host import SimulatedHost
from libcloud_ovm3.simulator.personalities import PERSONALITIES, QUESTIONS
from libcloud_ovm3.simulator.server.calls import Call, RefusedRequest
from libcloud_ovm3.simulator.server.faults import KINDS, Rule
from libcloud_ovm3.simulator.server.inprocess import Hanging, Response
from libcloud_ovm3.simulator.simulator import Simulator

__all__ = [
    "Simulator",
    "SimulatedHost",
    "SimulatedTime",
    "Call",
    "RefusedRequest",
    "Response",
    "Hanging",
    "Rule",
    "KINDS",
    "PERSONALITIES",
    "QUESTIONS",
    "SimulatorError",
]
