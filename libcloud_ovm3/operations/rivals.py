"""Two clients give one volume to two VMs at once: each looks again afterwards, and takes its own
back.
"""

from __future__ import annotations

from collections.abc import Callable

from libcloud_ovm3.agent.config import VMConfig
from libcloud_ovm3.errors import PreconditionFailed, VolumeNotFound
from libcloud_ovm3.estate.domains import Domain
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.volumes import Volume, read_volumes
from libcloud_ovm3.operations.attachable import why_taken
from libcloud_ovm3.operations.device_changes import (
    Change,
    Target,
)
from libcloud_ovm3.operations.disk_changes import (
    change_disks,
)

Detached = tuple[Change, Callable[[Domain], bool]]

_DELETED = "its file was deleted or set aside"


def rival_of(estate: Estate, vm_id: str, volume: Volume, mode: str) -> str:
    """Who else than a VM has a volume by now, or that nobody can; "": nobody.

    :raises Ovm3Error: that cannot be read.
    """
    try:
        now = read_volumes(estate, with_sizes=False).volume(volume.id)
    except VolumeNotFound:
        return _DELETED
    if now.file is not None and now.file.is_missing:  # only this VM's vm.cfg has it still
        return _DELETED
    return why_taken(now, "", mode, but=vm_id)


def take_back(
    target: Target, now: VMConfig, volume: Volume, detached: Detached, what: str, rival: str
) -> str:
    """Detach a volume again, as somebody else has it too.

    :param now: the vm.cfg, which has the volume.
    :param detached: the change that removes it, and whether a domain lacks it.
    :param what: has happened, for messages.
    :param rival: see :func:`rival_of`.
    :return: that, and that it is detached again.
    :raises OperationIncomplete: that is not certain.
    """
    try:
        outcome = change_disks(target.with_config(now), *detached, [])
        state = outcome.state
    except PreconditionFailed as error:
        outcome, state = None, str(error)
    text = f"{what}, but meanwhile {rival}"
    if outcome is not None and outcome.is_done:
        return f"{text}; it was detached again"
    danger = "" if rival == _DELETED else "Two VMs may write to it. "
    raise target.operation.incomplete(
        f"{text}; detaching it again did not succeed: {state}. {danger}Manual intervention is "
        f"required",
        left=(target.vm.id, volume.path),
        nodes=[target.vm.summary],
    )
