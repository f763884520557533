"""Operations on VMs that have claims, what is always true of a claim, and clients that die."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest
from libcloud.compute.types import NodeState

from libcloud_ovm3.agent.connection import AgentConnection
from libcloud_ovm3.agent.identifiers import undashed
from libcloud_ovm3.agent.vm_claims import VMClaim
from libcloud_ovm3.errors import AgentFault, Ovm3Error
from libcloud_ovm3.estate.vms import read_estate
from libcloud_ovm3.simulator import Simulator
from tests.operations.attaching import DATA, add_disk, path_of
from tests.operations.cards import A, B, bridge_of, vifs
from tests.operations.dying import Killed
from tests.operations.failures import create_keyed
from tests.support import driver_for, quietly, simulate

NAME, SYSTEM = "subject", "system.img"
RUNS, OFF = NodeState.RUNNING, NodeState.STOPPED


CLAIM, SETTLE = "libcloud_claim_vm", "libcloud_settle_claim"
CHANGE, COPY = "libcloud_change_claimed_vm", "copy_file"


class Operation(NamedTuple):
    """What is done to a VM, whose claim is the first one of the repository.

    :ivar act: given a driver and the simulator.
    :ivar before: the state of the VM, which runs on the second host; None: there is none.
    :ivar after: the state that it leads to.
    :ivar writes: the requests that change something, in their order.
    :ivar inside: the agent's functions that the module calls, in their order.
    :ivar done: whether what it changes in files is changed.
    """

    name: str
    act: Callable[[Any, Simulator], Any]
    before: NodeState | None
    after: NodeState | None
    inside: tuple[str, ...]
    writes: tuple[str, ...] = (CLAIM, SETTLE, CHANGE)
    done: Callable[[Simulator], bool] = lambda _: True

    def __str__(self) -> str:
        return self.name


def _node(driver: Any) -> Any:
    return driver.ex_get_node_by_name(NAME)


def _volume(sim: Simulator, name: str = DATA) -> str:
    return f"{sim.repository_id}/VirtualDisks/{name}"


def _directory(sim: Simulator) -> str:
    [directory] = [one.name for one in (sim.repository_path / "VirtualMachines").iterdir()]
    return directory


def _has_disk(sim: Simulator) -> bool:
    folder = sim.repository_path / "VirtualMachines" / _directory(sim)
    return DATA.encode() in (folder / "vm.cfg").read_bytes()


def _cards(sim: Simulator) -> list[str]:
    folder = sim.repository_path / "VirtualMachines" / _directory(sim)
    return [mac for mac in (A, B) if mac.encode() in (folder / "vm.cfg").read_bytes()]


def _create(driver: Any, sim: Simulator) -> None:
    create_keyed(driver, ex_volumes=[_volume(sim)])


def _attach_card(driver: Any, sim: Simulator) -> None:
    driver.ex_attach_nic(_node(driver), bridge_of(sim), ex_mac=B)


def _snapshot(driver: Any, sim: Simulator) -> None:
    driver.create_volume_snapshot(_volume(sim, SYSTEM), "taken", ex_pause=True)


def _stop(driver: Any, _: Simulator) -> None:
    driver.stop_node(_node(driver), ex_timeout=60)


def _power_off(driver: Any, _: Simulator) -> None:
    driver.stop_node(_node(driver), ex_force=True, ex_timeout=20)


def _snapshots(sim: Simulator) -> list[str]:
    return [one.name or "" for one in plain_driver(sim).ex_list_snapshots()]


_CONFIGURE = ("configure_vm",)
OPERATIONS = {
    one.name: one
    for one in (
        Operation(
            "start", lambda driver, _: driver.start_node(_node(driver)), OFF, RUNS, ("start_vm",)
        ),
        Operation("stop", _stop, RUNS, OFF, ("stop_vm",)),
        Operation("force", _power_off, RUNS, OFF, ("stop_vm",)),
        Operation(
            "reboot",
            lambda driver, _: driver.reboot_node(_node(driver)),
            RUNS,
            RUNS,
            ("reboot_vm",),
        ),
        Operation(
            "destroy",
            lambda driver, _: driver.destroy_node(_node(driver)),
            *(RUNS, None, ("stop_vm", "delete_vm"), (CLAIM, SETTLE, CHANGE, CHANGE)),
        ),
        Operation(
            "create",
            _create,
            *(None, RUNS, ("create_vm", "configure_vm", "start_vm")),
            ("storage_plugin_mount", CHANGE, COPY, CHANGE, CHANGE),
        ),
        Operation(
            "attach",
            lambda driver, sim: driver.attach_volume(_node(driver), _volume(sim)),
            *(RUNS, RUNS, _CONFIGURE),
            done=_has_disk,
        ),
        Operation(
            "detach",
            lambda driver, sim: driver.detach_volume(_volume(sim)),
            *(RUNS, RUNS, _CONFIGURE),
            done=lambda sim: not _has_disk(sim),
        ),
        Operation(
            "card", _attach_card, RUNS, RUNS, _CONFIGURE, done=lambda sim: _cards(sim) == [A, B]
        ),
        Operation(
            "update",
            lambda driver, _: driver.ex_update_nic(_node(driver), A, ex_mac=B),
            *(OFF, OFF, _CONFIGURE),
            done=lambda sim: _cards(sim) == [B],
        ),
        Operation(
            "snapshot",
            _snapshot,
            *(RUNS, RUNS, ("pause_vm", "unpause_vm")),
            done=lambda sim: "taken" in _snapshots(sim),
        ),
    )
}


@contextmanager
def make_sim(operation: Operation, personality: str) -> Iterator[Simulator]:
    options = {"personality": personality, "host_module": True, "secure": False}
    with simulate(2, vms=0, **options) as sim:
        entries = [f"file:{path_of(sim, SYSTEM)},xvda,w"]
        for name in (DATA, SYSTEM):
            add_disk(sim, name)
        if operation.name == "detach":
            entries.append(f"file:{path_of(sim)},xvdb,w")
        if operation.before is not None:
            on = 1 if operation.before is RUNS else None
            sim.add_vm(NAME, running_on=on, config={"disk": entries, **vifs(sim, A)})
        yield sim


def plain_driver(sim: Simulator) -> Any:
    """A driver without TLS, which takes most of the time."""
    return quietly(driver_for, sim, secure=False, ex_fingerprint=None)


# ------------------------------------------------------------------ what is there


def live_on(sim: Simulator) -> list[int]:
    """The hosts of each domain that there is, paused ones too."""
    return [host.index for host in sim.hosts for _ in sim.domains(host.index)]


def claim_of(sim: Simulator) -> VMClaim | None:
    """The only claim of the repository; None: there is none yet."""
    estate = plain_driver(sim)._estate_of("")
    host = next(one for one in read_estate(estate).hosts if one.module_claims is not None)
    claims = host.module_claims.list_claims(sim.repository_id).claims
    assert len(claims) <= 1
    claim = next(iter(claims.values()), None)
    assert not isinstance(claim, str), claim
    return claim


def check_claim(sim: Simulator) -> VMClaim | None:
    """What is true at any time."""
    on = live_on(sim)
    assert len(on) <= 1, "two domains of one VM"
    claim = claim_of(sim)
    if claim is None:
        return None
    named = [undashed(host) for host, _ in claim.hosts]
    for index in on:
        assert undashed(sim.hosts[index].uuid) in named, (
            f"lives where its claim does not say: {claim}"
        )
    assert not claim.error, claim
    return claim


def have_all_look(sim: Simulator) -> None:
    """As `ovm3 claim settle` does, also of a VM whose definition is gone."""
    hosts = read_estate(plain_driver(sim)._estate_of("")).hosts
    for host in hosts:
        module = host.module_claims
        for document in module.list_claims(sim.repository_id).claims:
            directory = document.partition("-")[2]
            with contextlib.suppress(AgentFault):  # it is gone, and nothing says what it was
                module.settle_claim("test", uuid.uuid4().hex, sim.repository_id, directory)


# ------------------------------------------------------------------ clients that die


@contextmanager
def client_killed(function: str, nth: int, is_sent: bool) -> Iterator[None]:
    """The client in here ends at its nth call of a function, before it is sent, or without having
    received its response; nothing that it would still do is done."""
    real, seen = AgentConnection.call, [0]

    def call(self: AgentConnection, name: str, *arguments: Any, **options: Any) -> Any:
        if seen[0] >= nth:
            raise Killed
        seen[0] += name == function
        if seen[0] < nth:
            return real(self, name, *arguments, **options)
        if is_sent:
            with contextlib.suppress(Ovm3Error):
                real(self, name, *arguments, **options)
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AgentConnection, "call", call)
        with pytest.raises(Killed):
            yield
