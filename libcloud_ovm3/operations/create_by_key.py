"""Creating a VM; with an idempotency key at most one, whoever asks for it, and however often.

The uuid of the VM is made of the key, so every client looks for, and makes, the same one. It is
looked for before anything is sent, right before ``create_vm``, and each time the definition is
read back: of several clients all but one give way, with what they have made, and return that one's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from libcloud_ovm3.errors import PreconditionFailed
from libcloud_ovm3.operations import create_vm
from libcloud_ovm3.operations.key_differences import differences_of
from libcloud_ovm3.operations.plan_vm import make_plan
from libcloud_ovm3.operations.same_key import MadeByAnother, find_node, first_disk_bytes
from libcloud_ovm3.operations.vm_spec import VMSpec, check

if TYPE_CHECKING:
    from libcloud_ovm3.estate.hosts_off import HostOff
    from libcloud_ovm3.estate.members import Estate
    from libcloud_ovm3.estate.vms import VM

TRIES = 3  # another client may be first, and undo what it has made


class Created(NamedTuple):
    """The VM, notices for the user, the hosts that counted as off, and whether this call has made
    it: else nothing of what the call says of its guest was used."""

    vm: VM
    notices: list[str]
    hosts_off: Sequence[HostOff]
    is_new: bool


def create(estate: Estate, spec: VMSpec, warn: Callable[[Sequence[str]], None]) -> Created:
    """Create the VM, or find the one that was created with the same key.

    :param warn: tells the user of notices before anything is created.
    :raises InvalidArgument: an argument is wrong, or the VM of the key has another name.
    :raises Ovm3Error: as :func:`.make_plan`, :func:`.create_vm.create` and :func:`.find_node`.
    """
    check(spec)
    for _ in range(TRIES):
        found = find_node(estate, spec) if spec.key else None
        if found is not None:
            vm, snapshot = found
            disk_bytes = first_disk_bytes(snapshot, vm) if spec.disk_gb else None
            differences = differences_of(vm, spec, snapshot.repositories, disk_bytes)
            return Created(vm, snapshot.errors() + differences, snapshot.hosts_off, is_new=False)
        try:
            plan = make_plan(estate, spec)
            warn(plan.notices)
            return Created(*create_vm.create(plan), plan.snapshot.hosts_off, is_new=True)
        except MadeByAnother:
            continue
    raise PreconditionFailed(
        f"VM {spec.name!r} was not created: other clients with ex_idempotency_key {spec.key!r} "
        f"have begun it {TRIES} times meanwhile, and given it up; try again"
    )
