"""Clearing the agent's flag for high availability: by it the agents of a clustered pool start a VM
on another host when its host fails, and so at the same time as whoever uses this package. It is
never set here.
"""

from __future__ import annotations

from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.vms import VM, read_estate
from libcloud_ovm3.operations.change_settings import SETTINGS, Step, anything, change_settings
from libcloud_ovm3.operations.device_changes import target_of
from libcloud_ovm3.operations.operation import Operation

FLAG = "OVM_high_availability"


def clear(estate: Estate, vm_id: str) -> tuple[VM, list[str]]:
    """Clear the flag in the vm.cfg of a VM that runs, is paused or is stopped. One without it is
    left as it is.

    :return: the VM as it is then, and notices for the user.
    :raises NodeNotFound: there is no such VM.
    :raises PreconditionFailed: its state does not allow it. Nothing was sent.
    :raises AgentFault: the agent refused; the VM is as it was.
    :raises OperationIncomplete: whether it is cleared is unknown.
    """
    snapshot = read_estate(estate)
    definition = snapshot.vm(vm_id).definition
    config = definition.config
    if config is not None and (FLAG not in config.values or config.is_high_availability is False):
        return snapshot.vm(vm_id), []
    target = target_of(Operation(estate), snapshot, vm_id, SETTINGS)
    notices: list[str] = []
    step = Step("clearing its HA flag", {FLAG: False}, anything)
    return change_settings(target, [step], notices).vm, notices
