"""Waiting until VMs run: reads only."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from libcloud_ovm3.agent.identifiers import dashed
from libcloud_ovm3.errors import WaitTimeout
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.states import State
from libcloud_ovm3.estate.vms import VM, EstateSnapshot, read_estate
from libcloud_ovm3.progress import waiting


def wait_running(
    estate: Estate,
    vm_ids: Sequence[str],
    period: float,
    limit: float,
    has_address: Callable[[VM], bool] = lambda _: True,
) -> list[VM]:
    """Wait until all of these VMs run.

    :param vm_ids: in any spelling.
    :param period: seconds between two reads.
    :param limit: seconds to wait at most.
    :param has_address: whether the addresses that are known of a VM are enough.
    :return: the VMs, in the order of the ids.
    :raises WaitTimeout: the limit is over; names those that do not run, or have no address.
        ``nodes`` has these, and then the others.
    """
    ids = [dashed(vm_id) or vm_id for vm_id in vm_ids]
    many = f"{len(ids)} VMs" if len(ids) != 1 else "the VM"
    with waiting(f"waiting for {many} to run", vm=", ".join(ids), limit=limit):
        return _wait(estate, ids, period, limit, has_address)


def _wait(
    estate: Estate,
    ids: Sequence[str],
    period: float,
    limit: float,
    has_address: Callable[[VM], bool],
) -> list[VM]:
    deadline = estate.clock.now() + limit
    found: set[str] = set()
    while True:
        snapshot = read_estate(estate)
        found |= snapshot.vms.keys()
        waiting = [
            vm_id
            for vm_id in ids
            if vm_id not in snapshot.vms
            or snapshot.vms[vm_id].state is not State.RUNNING
            or not has_address(snapshot.vms[vm_id])
        ]
        if not waiting:
            return [snapshot.vms[vm_id] for vm_id in ids]
        if estate.clock.now() >= deadline:
            states = ", ".join(
                _described(vm_id, snapshot, vm_id in found) for vm_id in dict.fromkeys(waiting)
            )
            # Those that are ready, too, last: their caller may know of none.
            nodes = [_summary(vm_id, snapshot) for vm_id in dict.fromkeys([*waiting, *ids])]
            raise WaitTimeout(f"Timed out after {limit:g} seconds: {states}", nodes=nodes)
        estate.clock.sleep(period)


def _summary(vm_id: str, snapshot: EstateSnapshot) -> dict[str, str | None]:
    vm = snapshot.vms.get(vm_id)
    return {"id": vm_id, "name": None, "state": None} if vm is None else vm.summary


def _described(vm_id: str, snapshot: EstateSnapshot, was_found: bool) -> str:
    if vm_id in snapshot.vms:
        state = snapshot.vms[vm_id].state
        if state is State.RUNNING:
            return f"{vm_id} is running, and no address of it that can be used is known"
        return f"{vm_id} is {state.value}"
    if snapshot.errors():
        return f"the state of {vm_id} is unknown: {'; '.join(snapshot.errors())}"
    return f"{vm_id} is gone" if was_found else f"{vm_id} was not found"
