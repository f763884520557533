"""The real host module of a simulated host, as HostModule reaches it over a socket."""

from __future__ import annotations

import uuid
from typing import Any

from libcloud_ovm3.agent.connection import AgentConnection
from libcloud_ovm3.agent.hostmodule import HostModule
from libcloud_ovm3.agent.tls import HostTrust
from libcloud_ovm3.simulator import Simulator

ME = "tests"  # the client


def module_of(sim: Simulator) -> HostModule:
    """On a connection of its own."""
    host = sim.hosts[0]
    trust = HostTrust(pins=(host.fingerprint,))
    return HostModule(
        AgentConnection("oracle", sim.password, host=host.address, port=host.port, trust=trust)
    )


def new() -> str:
    """The id of an operation."""
    return uuid.uuid4().hex


def kind(caught: Any) -> str:
    """The name of the module's error."""
    return str(caught.value.kind).removeprefix("libcloud_ovm3_host.errors.")
