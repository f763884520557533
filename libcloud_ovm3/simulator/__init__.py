"""A simulator of Oracle VM Server 3 agents, to develop and test against.

It is independent of the driver: its wire code is the standard library's, and it imports nothing of
the other packages. ``docs/simulator.md`` tells what it plays and what it does not.
"""

from __future__ import annotations

from libcloud_ovm3.simulator.clock import SimulatedTime
from libcloud_ovm3.simulator.errors import SimulatorError
from libcloud_ovm3.simulator.host import SimulatedHost
from libcloud_ovm3.simulator.personalities import PERSONALITIES, QUESTIONS
from libcloud_ovm3.simulator.server.calls import Call, Refused
from libcloud_ovm3.simulator.server.faults import KINDS, Rule
from libcloud_ovm3.simulator.simulator import Simulator

__all__ = [
    "Simulator",
    "SimulatedHost",
    "SimulatedTime",
    "Call",
    "Refused",
    "Rule",
    "KINDS",
    "PERSONALITIES",
    "QUESTIONS",
    "SimulatorError",
]
