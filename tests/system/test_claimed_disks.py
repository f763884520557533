"""Two VMs with one disk, started at once through two hosts: by their claims one gets it at most."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from libcloud_ovm3.agent.vm_claims import VMClaim
from libcloud_ovm3.simulator import Simulator
from tests.support import simulate
from tests.system.claim_client import Client


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with simulate(hosts=2, vms=0, host_module=True, backend_seconds=0) as simulator:
        yield simulator


@pytest.mark.parametrize(
    ("mode", "tries"),
    [("w", 3), ("w!", 1), pytest.param("w", 100, marks=pytest.mark.soak)],
)
def test_one_of_two_vms_gets_a_disk(sim: Simulator, mode: str, tries: int) -> None:
    """Who is refused is told whose it is; both get it, if both share it."""
    data = f"file:/OVS/Repositories/{sim.repository_id}/Templates/oracle-linux-6.raw,xvda,{mode}"
    clients = [Client(sim, disk=[data], vif=[f"mac=00:21:f6:00:00:0{number}"]) for number in (1, 2)]

    def change(host: int, function: str, *parameters: object) -> VMClaim:
        client = clients[host]
        read = client.claim(host)
        change = (read.folder, read.version, "", function, parameters)
        return client.request(host, uuid.uuid4().hex, *change)

    for _ in range(tries):
        with ThreadPoolExecutor(2) as pool:
            made = list(pool.map(lambda host: change(host, "start_vm"), (0, 1)))
        live = [host for host in (0, 1) if clients[host].machine.domains(host)]
        assert [host for host in (0, 1) if made[host].outcome == "done"] == live
        assert len(live) == 2 if mode == "w!" else len(live) < 2
        for host in (0, 1):
            if host in live:
                assert [one for one, _ in made[host].disks] == [mode]
                assert change(host, "stop_vm", True).disks == ()
            else:
                assert f"is held by VM {clients[1 - host].machine.vm}" in made[host].fault
                assert (made[host].kind, made[host].disks) == ("free", ())
    assert change(0, "start_vm").outcome == "done"
    if mode == "w":
        assert change(1, "start_vm").outcome == "not done"
