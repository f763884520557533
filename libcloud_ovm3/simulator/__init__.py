"""A simulator of Oracle VM Server 3 agents, to develop and test against.

It is independent of the driver: its wire code is the standard library's, and it imports nothing of
the other packages. ``docs/simulator.md`` tells what it plays and what it does not.
"""

from __future__ import annotations

from .calls import Call, Refused
from .errors import SimulatorError
from .host import SimulatedHost
from .misbehaviour import KINDS, Rule
from .personalities import PERSONALITIES, QUESTIONS
from .simulator import Simulator

__all__ = [
    "Simulator",
    "SimulatedHost",
    "Call",
    "Refused",
    "Rule",
    "KINDS",
    "PERSONALITIES",
    "QUESTIONS",
    "SimulatorError",
]
