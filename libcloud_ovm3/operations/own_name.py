"""The name of a VM that is being created: whether it is this VM's alone."""

from __future__ import annotations

import itertools

from libcloud_ovm3.errors import NameTaken, Ovm3Error, PreconditionFailed
from libcloud_ovm3.estate.states import State
from libcloud_ovm3.estate.vms import VM, read_estate
from libcloud_ovm3.operations.plan_vm import VMPlan, listed, named

NAME_LIMIT = 30.0  # seconds for another client that makes the same name to give way
NAME_POLL = 2.0
NAME_READS = 3  # at least, however long each of them takes


def require_own_name(plan: VMPlan) -> None:
    """Look for the name once more, now that everybody can see that this VM is being created.

    Of two that are being created the one with the larger id gives way, at once. The other one waits
    for that: if the first does not go it has checked before this one was there, and this one gives
    way. So there are never two, whoever comes first; where a client dies in between there may be
    none.

    :raises NameTaken: there is another one of this name.
    :raises PreconditionFailed: that cannot be read.
    """
    clock, name = plan.operation.estate.clock, plan.spec.name
    deadline = clock.now() + NAME_LIMIT
    for number in itertools.count(1):
        others, errors = _others(plan)
        is_over = number >= NAME_READS and clock.now() >= deadline
        first = [vm for vm in others if not gives_way(vm, plan.vm_id)]
        if first or (others and is_over):
            raise NameTaken(
                f"another client created a VM named {name!r} at the same time: "
                f"{listed(first or others)}; this one ({plan.vm_id}) is not created",
                nodes=[vm.summary for vm in first or others],
            )
        if not others and not errors:
            return
        if is_over:
            raise PreconditionFailed(
                f"whether the name {name!r} was taken in the meantime is unknown: "
                f"{'; '.join(errors)}; ex_allow_same_name=True creates it anyway"
            )
        clock.sleep(NAME_POLL)


def _others(plan: VMPlan) -> tuple[list[VM], list[str]]:
    """Which other VMs have the name, and what could not be read."""
    try:
        snapshot = read_estate(plan.operation.estate)
    except Ovm3Error as error:
        return [], [str(error)]
    others = [vm for vm in named(snapshot, plan.spec.name) if vm.id != plan.vm_id]
    return others, snapshot.errors()


def gives_way(other: VM, vm_id: str) -> bool:
    """Whether another VM of the name is the one that is not created."""
    return other.state is State.PENDING and not other.live and other.id > vm_id
