"""The name of a VM that is being created, and its key: whether they are this VM's alone."""

from __future__ import annotations

import itertools

from libcloud_ovm3.errors import NameTaken, Ovm3Error, PreconditionFailed
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.states import State
from libcloud_ovm3.estate.vms import VM, read_estate
from libcloud_ovm3.operations.plan_vm import VMPlan, listed, named
from libcloud_ovm3.operations.same_key import MadeByAnother

NAME_LIMIT = 30.0  # seconds for another client that makes the same name to give way
NAME_POLL = 2.0
NAME_READS = 3  # at least, however long each of them takes


def require_alone(plan: VMPlan) -> None:
    """Look for the name once more, now that everybody can see that this VM is being created, and
    for the node of its key in other repositories, of which another client may have an image.

    Of two that are being created the one with the larger id gives way, at once. The other one waits
    for that: if the first does not go it has checked before this one was there, and this one gives
    way. So there are never two, whoever comes first; where a client dies in between there may be
    none. Of two with one key, which have one id, the larger id of the repository decides.

    :raises MadeByAnother: another client makes the node of the key in another repository.
    :raises NameTaken: there is another one of this name.
    :raises PreconditionFailed: that cannot be read.
    """
    if plan.spec.allow_same_name and not plan.spec.key:
        return
    clock, name = plan.operation.estate.clock, plan.spec.name
    deadline = clock.now() + NAME_LIMIT
    for number in itertools.count(1):
        twins, others, errors = _others(plan)
        is_over = number >= NAME_READS and clock.now() >= deadline
        if any(not twin_gives_way(one, plan.repository.id) for one in twins) or (twins and is_over):
            raise MadeByAnother(
                f"node {plan.vm_id} of ex_idempotency_key {plan.spec.key!r} is there by now: "
                f"{', '.join(one.place for one in twins)}"
            )
        first = [vm for vm in others if not gives_way(vm, plan.vm_id)]
        if first or (others and is_over):
            raise NameTaken(
                f"another client created a VM named {name!r} at the same time: "
                f"{listed(first or others)}; this one ({plan.vm_id}) is not created",
                nodes=[vm.summary for vm in first or others],
            )
        if not twins and not others and not errors:
            return
        if is_over:
            what, way = f"the name {name!r} was", "; ex_allow_same_name=True creates it anyway"
            if plan.spec.key:
                what, way = f"the name {name!r} and ex_idempotency_key {plan.spec.key!r} were", ""
            raise PreconditionFailed(
                f"whether {what} taken in the meantime is unknown: {'; '.join(errors)}{way}"
            )
        clock.sleep(NAME_POLL)


def _others(plan: VMPlan) -> tuple[list[Definition], list[VM], list[str]]:
    """Which other definitions have the VM's id, which other VMs its name, and what could not be
    read."""
    try:
        snapshot = read_estate(plan.operation.estate)
    except Ovm3Error as error:
        return [], [], [str(error)]
    own = (plan.repository.id, plan.directory)
    found = snapshot.vms.get(plan.vm_id)
    twins = [] if found is None or not plan.spec.key else list(found.definitions)
    twins = [one for one in twins if (one.repository_id, one.directory) != own]
    same = () if plan.spec.allow_same_name else named(snapshot, plan.spec.name)
    return twins, [vm for vm in same if vm.id != plan.vm_id], snapshot.errors()


def twin_gives_way(other: Definition, repository_id: str) -> bool:
    """Whether another definition of this VM, in another repository, is the one that goes. Pure."""
    return other.is_creating and other.repository_id > repository_id


def gives_way(other: VM, vm_id: str) -> bool:
    """Whether another VM of the name is the one that is not created."""
    return other.state is State.PENDING and not other.live and other.id > vm_id
