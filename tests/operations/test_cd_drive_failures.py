"""ex_insert_iso and ex_eject_iso: every agent call, times everything that can happen to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest

from libcloud_ovm3.errors import AgentFault, OperationIncomplete, Ovm3Error
from libcloud_ovm3.operations import doors
from libcloud_ovm3.simulator import Simulator
from tests.operations.attaching import disks, in_file, live_disks, path_of, rows_of
from tests.operations.dying import killed_in
from tests.operations.failures import KILLS, WRITES, Step, change_with_failure, steps_of
from tests.operations.once import once_a_run
from tests.operations.test_attach_failures import others
from tests.support import (
    CHANGE,
    PERSONALITIES,
    calls_of,
    driver_for,
    fingerprints_of,
    quietly,
    simulate,
)

NAME, ISO = "subject", "oracle-linux-6-boot.iso"
EMPTY = ",hdc:cdrom,r"
HVM = {"OVM_domain_type": "xen_hvm", "builder": "hvm"}


class Variant(NamedTuple):
    is_insert: bool
    node: str
    host_module: bool

    @property
    def is_running(self) -> bool:
        return self.node != "stopped"

    def __str__(self) -> str:
        what = "insert" if self.is_insert else "eject"
        return f"{what}-{self.node}-{'by module' if self.host_module else 'by agent'}"


VARIANTS = [
    Variant(is_insert, node, host_module)
    for is_insert in (True, False)
    for node in ("running", "running HVM", "stopped")
    for host_module in (False, True)
]


@contextmanager
def make_sim(personality: str, variant: Variant) -> Iterator[Simulator]:
    """One host, and a VM with a drive, which is empty if an ISO is to be inserted."""
    options: dict[str, Any] = {"personality": personality, "host_module": variant.host_module}
    with simulate(hosts=1, vms=0, templates=0, **options) as sim:
        named = disks(sim, EMPTY if variant.is_insert else full(sim))
        runner = 0 if variant.is_running else None
        config = {"disk": named, **(HVM if "HVM" in variant.node else {})}
        sim.add_vm(NAME, running_on=runner, config=config)
        yield sim


def full(sim: Simulator) -> str:
    return f"file:{path_of(sim, ISO, 'ISOs')},hdc:cdrom,r"


def act(sim: Simulator, is_insert: bool) -> bool:
    driver = driver_for(sim)
    node = driver.ex_get_node_by_name(NAME)
    sim.calls.clear()
    if is_insert:
        return bool(quietly(driver.ex_insert_iso, node, f"{sim.repository_id}/ISOs/{ISO}"))
    return bool(quietly(driver.ex_eject_iso, node))


@once_a_run
def steps(variant: Variant) -> list[Step]:
    with make_sim("plain", variant) as sim:
        act(sim, variant.is_insert)
        return steps_of(calls_of(sim))


STEPS = {variant: steps(variant) for variant in VARIANTS}


def test_the_table_has_the_write() -> None:
    for variant, found in STEPS.items():
        write = CHANGE if variant.host_module else "configure_vm"
        assert [one.function for one in found if one.function in WRITES] == [write]


# Reads matter after the write: before it, nothing has been done.
TABLE = [
    pytest.param(variant, *case.values, id=f"{variant}-{case.id}")
    for variant, found in STEPS.items()
    for case in rows_of([one for one in found if one.after or one.function in WRITES])
]


@pytest.mark.parametrize(("variant", "step", "failure", "personality"), TABLE)
def test_a_call_fails(variant: Variant, step: Step, failure: str, personality: str) -> None:
    with make_sim(personality, variant) as sim:
        directory = driver_for(sim).ex_get_node_by_name(NAME).extra["directory"]
        before = fingerprints_of(sim.repository_path)
        error, sent = change_with_failure(sim, failure, step, lambda: act(sim, variant.is_insert))
        check(sim, variant, directory, before, error)
    assert len(sent) <= 2, "no more than the request, and what takes it back"


@pytest.mark.parametrize("personality", PERSONALITIES)
@pytest.mark.parametrize("variant", VARIANTS, ids=str)
@pytest.mark.parametrize("when", KILLS)
def test_the_client_dies(when: str, variant: Variant, personality: str) -> None:
    with make_sim(personality, variant) as sim:
        directory = driver_for(sim).ex_get_node_by_name(NAME).extra["directory"]
        before = fingerprints_of(sim.repository_path)
        with killed_in(doors, "change_definition", when):
            act(sim, variant.is_insert)
        assert act(sim, variant.is_insert), "it can be done again"
        check(sim, variant, directory, before, None)


def check(
    sim: Simulator,
    variant: Variant,
    directory: str,
    before: dict[str, str],
    error: Ovm3Error | None,
) -> None:
    file = f"VirtualMachines/{directory}/vm.cfg"
    now = fingerprints_of(sim.repository_path)
    assert others(now, file) == others(before, file), "another file was touched"
    entries = [EMPTY, full(sim)] if variant.is_insert else [full(sim), EMPTY]
    was, wanted = entries
    drives, live = in_file(sim, directory, ":cdrom"), live_disks(sim, 0, ":cdrom")
    assert live == (drives if variant.is_running else []), "half of it"
    if error is None:
        assert drives == [wanted], "said to be done, and is not"
    elif isinstance(error, OperationIncomplete):
        assert drives in ([was], [wanted])
        assert driver_for(sim).ex_get_node_by_name(NAME).id in error.left
    else:
        assert drives == [was], f"{error!r} says that nothing has changed"
        assert isinstance(error, AgentFault)
    assert act(sim, variant.is_insert), "it can be done, or is done"
    assert in_file(sim, directory, ":cdrom") == [wanted]
