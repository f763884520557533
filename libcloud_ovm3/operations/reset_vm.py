"""Resetting a VM: it is powered off and started again, on the same host.

Not with ``trigger_vm``: no source says what the hypervisor makes of the event ``reset``, and xend's
own reset only logs its failure, after the VM is gone (xend.md 4). These two requests are what every
client sends; each is sent once, and the state is read after it.
"""

from __future__ import annotations

from libcloud_ovm3.errors import Ovm3Error, PreconditionFailed
from libcloud_ovm3.estate.guards import lacks_claims
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.vms import VM, LiveDomain, read_estate
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.pausing import require_pausable
from libcloud_ovm3.operations.start_vm import start
from libcloud_ovm3.operations.stop_vm import stop_live


def reset(estate: Estate, vm_id: str, limit: float) -> list[str]:
    """Power a running VM off and start it again where it was.

    :param limit: seconds to wait for it to be gone.
    :return: notices for the user.
    :raises NodeNotFound: there is no such VM.
    :raises PreconditionFailed: it does not run in exactly one place, is paused for a copy, or could
        not be started there again. Nothing was sent.
    :raises AgentFault: the agent refused to power it off, and it runs on.
    :raises WaitTimeout: it is not confirmed as powered off; it was not started.
    :raises OperationIncomplete: it is powered off, and is not, or may not be, running again.
    """
    operation = Operation(estate)
    snapshot = read_estate(estate)
    vm = snapshot.vm(vm_id)
    live = require_pausable(snapshot, vm)
    _require_startable(vm, live)
    notices = stop_live(operation, snapshot, vm, force=True, limit=limit)
    try:
        started = start(estate, vm_id, live.host.server.uuid or str(live.host.address))
    except Ovm3Error as error:
        raise operation.incomplete(
            f"VM {vm.label} was powered off for its reset, and is not confirmed as running again: "
            f"{error}. start_node starts it, if it is stopped",
            left=(vm.id,),
            host=str(live.host.address),
            function="start_vm",
            nodes=[{**vm.summary, "state": None}],
        ) from error
    if started.live is None:
        notices.append(f"VM {vm.label} was started by somebody else meanwhile")
    return [*notices, *started.notices]


def _require_startable(vm: VM, live: LiveDomain) -> None:
    """What certainly speaks against starting it there again is found before it is powered off.

    :raises PreconditionFailed: something does.
    """
    if vm.definition.guard is not None and lacks_claims(live.host):
        raise PreconditionFailed(
            f"VM {vm.label} cannot be reset: its repository has claims, and {live.host.label} has "
            f"none, so it would not be started there again; stop and start it",
            nodes=[vm.summary],
        )
