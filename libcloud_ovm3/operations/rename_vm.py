"""Giving a VM another display name (OVM_simple_name). Its id, its directory, its name for xend and
what its guest calls itself stay.

Two clients may give one name at the same time: each looks again afterwards, and one of them takes
its own back.
"""

from __future__ import annotations

import itertools

from libcloud_ovm3.errors import NameTaken, Ovm3Error
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.states import State
from libcloud_ovm3.estate.vms import VM, read_estate
from libcloud_ovm3.operations.again import until_first
from libcloud_ovm3.operations.change_settings import SETTINGS, Step, anything, change_settings
from libcloud_ovm3.operations.device_changes import Target, incomplete, target_of
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.own_name import NAME_LIMIT, NAME_POLL, NAME_READS
from libcloud_ovm3.operations.plan_vm import listed, named, require_free_name
from libcloud_ovm3.operations.vm_spec import require_name

SIMPLE_NAME = "OVM_simple_name"


def rename(
    estate: Estate, vm_id: str, name: str, *, allow_same_name: bool = False
) -> tuple[VM, list[str]]:
    """Give a VM that runs, is paused or is stopped another name.

    :param allow_same_name: whether another VM may have it.
    :return: the VM as it is then, and notices for the user.
    :raises InvalidArgument: the name cannot be one.
    :raises NodeNotFound: there is no such VM.
    :raises NameTaken: another VM has it, or has got it at the same time; the VM has its old name.
    :raises PreconditionFailed: whether it is taken is unknown, or the VM's state does not allow it.
        Nothing was sent.
    :raises AgentFault: the agent refused; the VM has its old name.
    :raises OperationIncomplete: which name it has is unknown; or another VM has it too.
    """
    require_name(name)
    return until_first(estate, lambda: _rename(estate, vm_id, name, allow_same_name))


def _rename(estate: Estate, vm_id: str, name: str, allow_same_name: bool) -> tuple[VM, list[str]]:
    snapshot = read_estate(estate)
    target = target_of(Operation(estate), snapshot, vm_id, SETTINGS)
    if target.definition.name == name and target.definition.get_text(SIMPLE_NAME) == name:
        return target.vm, []
    if not allow_same_name:
        require_free_name(snapshot, name, but=target.vm.id)
    notices: list[str] = []
    step = _step(name)
    target = change_settings(target, [step], notices)
    if not allow_same_name:
        notices += _require_alone(target, snapshot.vm(vm_id).definition.name, name)
    return target.vm, notices


def _step(name: str) -> Step:
    return Step(f"naming it {name!r}", {SIMPLE_NAME: name}, anything)


def _require_alone(target: Target, old: str, name: str) -> list[str]:
    """Look for the name once more, now that everybody can see that this VM has it. Of two that get
    it the one with the larger id gives way, at once; the other one waits for that. So it does for
    a new VM, which always gives way (:mod:`.own_name`) unless it has looked before.

    :return: notices for the user.
    """
    clock, others = target.operation.estate.clock, list[VM]()
    deadline = clock.now() + NAME_LIMIT
    for number in itertools.count(1):
        try:
            found = read_estate(target.operation.estate)
        except Ovm3Error as error:
            return [f"whether another VM was named {name!r} at the same time is unknown: {error}"]
        others = [vm for vm in named(found, name) if vm.id != target.vm.id]
        if not others:
            return []
        is_over = number >= NAME_READS and clock.now() >= deadline
        if is_over or any(vm.id < target.vm.id and not _is_new(vm) for vm in others):
            break
        clock.sleep(NAME_POLL)
    text = f"VM {listed(others)} was named {name!r} at the same time"
    try:
        change_settings(target, [_step(old)], [])
    except Ovm3Error as error:
        raise incomplete(
            target, f"{text}, and giving this one its old name, {old!r}, failed: {error}"
        ) from error
    raise NameTaken(
        f"{text}; VM {target.vm.id} has its old name, {old!r}",
        nodes=[vm.summary for vm in others],
    )


def _is_new(vm: VM) -> bool:
    return vm.state is State.PENDING and not vm.live
