"""Changes through claims on simulated hosts, as a client of their modules makes them: what xend's
log, its socket and dom0's processes say there is what the claim becomes."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from libcloud_ovm3.agent.connection import AgentConnection
from libcloud_ovm3.agent.hostmodule import HostModule
from libcloud_ovm3.agent.tls import HostTrust
from libcloud_ovm3.agent.vm_claims import VMClaim
from libcloud_ovm3.errors import AgentFault
from libcloud_ovm3.simulator import Simulator
from tests.simulator.plainclient import Machine, until
from tests.support import simulate


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with simulate(hosts=2, vms=0, host_module=True, reboot_gap=60) as simulator:
        yield simulator


class Client:
    """A machine's claim, through the modules of all hosts."""

    def __init__(self, sim: Simulator) -> None:
        self.sim, self.machine = sim, Machine(sim)
        self.place = (sim.repository_id, self.machine.vm)
        self.modules = [
            HostModule(
                AgentConnection(
                    "oracle",
                    sim.password,
                    host=host.address,
                    port=host.port,
                    trust=HostTrust(pins=(host.fingerprint,)),
                )
            )
            for host in sim.hosts
        ]
        self.uuids = [host.uuid.lower().replace(":", "") for host in sim.hosts]
        self.modules[0].claim_vm("me", uuid.uuid4().hex, *self.place, self.uuids)
        assert [self.settle(0).kind, self.settle(1).kind] == ["doubt", "free"]

    def claim(self) -> VMClaim:
        return self.modules[1].read_claim(*self.place)

    def settle(self, host: int) -> VMClaim:
        return self.modules[host].settle_claim("me", uuid.uuid4().hex, *self.place)

    def change(self, host: int, function: str, *parameters: object) -> VMClaim:
        claim = self.claim()
        return self.modules[host].change_claimed_vm(
            "me",
            uuid.uuid4().hex,
            *self.place,
            claim.folder,
            claim.version,
            "",
            function,
            parameters,
        )

    def live(self) -> list[int]:
        return [host for host in (0, 1) for _ in self.machine.domains(host)]


def test_a_vm_is_started_on_one_host_only(sim: Simulator) -> None:
    client = Client(sim)
    made = client.change(0, "start_vm")
    assert (made.kind, made.outcome, made.why) == ("on", "done", "")
    assert made.hosts[0][0] == client.uuids[0]
    for host in (0, 1):
        with pytest.raises(AgentFault, match="is not possible while the VM is on host"):
            client.change(host, "start_vm")
    assert client.live() == [0]
    assert client.change(0, "pause_vm").paused == client.claim().operation
    with pytest.raises(AgentFault, match="reboot_vm needs one domain of it that is not paused"):
        client.change(0, "reboot_vm", 3)
    for function, parameters in (("unpause_vm", ()), ("reboot_vm", (3,))):
        made = client.change(0, function, *parameters)
        assert (made.kind, made.outcome, made.paused) == ("on", "done", "")
    stopped = client.change(0, "stop_vm", True)
    assert (stopped.kind, stopped.why) == ("free", "")
    assert client.change(1, "start_vm").kind == "on"
    assert client.live() == [1]


def test_the_agent_is_killed_and_xend_goes_on(sim: Simulator) -> None:
    """Neither listed nor in the log: only its connection says that it comes."""
    client = Client(sim)
    for fault in ("agent dies", "xend is busy"):
        sim.hosts[0].inject(fault)
    with pytest.raises(AgentFault, match="its process died"):
        client.change(0, "start_vm")
    assert (client.claim().kind, client.live()) == ("doubt", [])
    assert client.settle(0).kind == "doubt"
    with pytest.raises(AgentFault, match="in doubt"):
        client.change(1, "start_vm")
    for fault in ("agent dies", "xend is busy"):
        sim.hosts[0].inject(fault, False)
    until(sim, lambda: client.live() == [0])
    assert client.settle(1).kind == "doubt"
    until(sim, lambda: client.settle(0).kind == "on")
    assert client.live() == [0]


@pytest.mark.parametrize("ends", ["by itself", "with xend", "with the host"])
def test_the_gap_of_a_guest_s_reboot(sim: Simulator, ends: str) -> None:
    """A stop in it answers, and frees nothing: the VM may come back. The log has what ends that."""
    client = Client(sim)
    client.change(0, "start_vm")
    sim.wait(100)  # xend restarts none that is too young
    sim.guest(0, client.machine.uuid, "reboot")
    until(sim, lambda: client.live() == [])
    stopped = client.change(0, "stop_vm", True)
    assert (stopped.kind, "xend's log" in stopped.why) == ("doubt", True)
    with pytest.raises(AgentFault, match="in doubt"):
        client.change(1, "start_vm")
    if ends == "with xend":
        sim.restart_xend(0)
    elif ends == "with the host":
        sim.hosts[0].reboot()
    sim.wait(100)
    assert client.live() == ([0] if ends == "by itself" else [])
    assert client.settle(0).kind == ("on" if ends == "by itself" else "free")


def test_what_another_program_does_is_seen(sim: Simulator) -> None:
    """It asks no claim. A start beside it is refused by this host; by another one it is not: the
    driver lists all hosts before."""
    client = Client(sim)
    sim.other_program(0, "start_vm", *client.place)
    until(sim, lambda: client.live() == [0])
    made = client.change(0, "start_vm")
    assert (made.kind, made.outcome) == ("on", "not done")
    assert "xend has a domain of it already" in made.fault
    sim.other_program(0, "stop_vm", *client.place, True)
    until(sim, lambda: client.live() == [])
    sim.wait(30)
    assert client.settle(0).kind == "free"
