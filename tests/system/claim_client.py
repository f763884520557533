"""A client of the host modules' claims alone, with one VM."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from libcloud_ovm3.agent.connection import AgentConnection
from libcloud_ovm3.agent.hostmodule import HostModule
from libcloud_ovm3.agent.tls import HostTrust
from libcloud_ovm3.agent.vm_claims import VMClaim
from libcloud_ovm3.simulator import Simulator
from tests.simulator.plainclient import Machine


class Client:
    """One VM's claim, which is free at first, through the modules of all hosts."""

    def __init__(self, sim: Simulator, **config: Any) -> None:
        self.sim, self.machine = sim, Machine(sim, **config)
        self.place = (sim.repository_id, self.machine.vm)
        self.modules = [self._module(number) for number in range(len(sim.hosts))]
        self.uuids = [host.uuid.lower().replace(":", "") for host in sim.hosts]
        self.modules[0].claim_vm("me", uuid.uuid4().hex, *self.place, self.uuids)
        kinds = [self.settle(number).kind for number in range(len(sim.hosts))]
        assert kinds[-1] == "free", kinds

    def _module(self, number: int) -> HostModule:
        host = self.sim.hosts[number]
        trust = HostTrust(pins=(host.fingerprint,))
        return HostModule(
            AgentConnection(
                self.sim.user, self.sim.password, host=host.address, port=host.port, trust=trust
            )
        )

    def claim(self, host: int = 0) -> VMClaim:
        return self.modules[host].read_claim(*self.place)

    def settle(self, host: int) -> VMClaim:
        return self.modules[host].settle_claim("me", uuid.uuid4().hex, *self.place)

    def digest(self) -> str:
        return self.modules[0].read_vm(*self.place, "").digest

    def request(
        self,
        host: int,
        operation: str,
        folder: str,
        version: int,
        digest: str,
        function: str,
        parameters: Sequence[Any],
    ) -> VMClaim:
        change = (folder, version, digest, function, parameters)
        return self.modules[host].change_claimed_vm("me", operation, *self.place, *change)

    def stored(self) -> str:
        """The kind of the claim as it is now, without a call."""
        return self.claim().kind
