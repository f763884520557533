"""Holding a VM's disks still while they are copied: it is off, or paused meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from libcloud_ovm3.errors import PreconditionFailed
from libcloud_ovm3.estate.vms import VM, EstateSnapshot, read_estate
from libcloud_ovm3.operations.idle_disk import require_idle
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.pausing import is_paused, paused, require_pausable
from libcloud_ovm3.operations.preconditions import require_certain
from libcloud_ovm3.operations.presence import before_second_look


def require_restable(snapshot: EstateSnapshot, vm: VM, pause: bool) -> None:
    """Check that a VM is off, or may be paused.

    :raises PreconditionFailed: it is neither, or that is unknown.
    """
    require_certain(vm, snapshot)
    if vm.live and not pause:
        raise PreconditionFailed(
            f"VM {vm.label} is {vm.where()}: stop it, or have it paused for the time of the copy "
            f"(ex_pause=True)",
            nodes=[vm.summary],
        )
    if vm.live:
        require_pausable(snapshot, vm)


@contextmanager
def at_rest(
    operation: Operation, snapshot: EstateSnapshot, vm: VM, paths: Sequence[str]
) -> Iterator[list[str]]:
    """Nobody writes to these disks of a VM while the block runs; it says so if somebody may have.

    :param vm: see :func:`require_restable`; it is paused if it is live.
    :return: notices for the user, which are complete when the block has ended.
    :raises PreconditionFailed: before the block, or after it: what was copied may be torn.
    :raises AgentFault: the agent refused to pause it, and it runs.
    :raises OperationIncomplete: it may be, or stay, paused.
    """
    if not vm.live:
        _require_off(operation, snapshot, paths, vm)
        before_second_look(operation.estate, vm.name, vm.id)
        _require_off(operation, read_estate(operation.estate), paths, vm)
        yield []
        _require_off(operation, read_estate(operation.estate), paths, vm)
        return
    live = require_pausable(snapshot, vm)
    for path in paths:
        require_idle(operation.estate, snapshot, path, path, but=vm)
    with paused(operation, snapshot, vm) as notices:
        yield notices
        is_still = is_paused(live, vm.definition, snapshot.defined_ids)
    if not is_still:
        raise PreconditionFailed(
            f"VM {vm.label} did not stay paused while its disks were copied", nodes=[vm.summary]
        )


def _require_off(
    operation: Operation, snapshot: EstateSnapshot, paths: Sequence[str], vm: VM
) -> None:
    now = snapshot.vm(vm.id)
    require_certain(now, snapshot)
    if now.live:
        raise PreconditionFailed(
            f"VM {now.label} was started meanwhile: it is {now.where()}", nodes=[now.summary]
        )
    if [one.config for one in now.definitions] != [one.config for one in vm.definitions]:
        raise PreconditionFailed(
            f"VM {now.label}: its vm.cfg was changed meanwhile", nodes=[now.summary]
        )
    for path in paths:
        require_idle(operation.estate, snapshot, path, path)
