"""Attaching a volume to a VM: by its vm.cfg and, while it runs, live, in one call.

Nobody may have the volume already, unless all of them share it: that is read from the whole estate
before the call, and once more after it, because two clients may attach it at the same moment: then
each of them sees the other's, and takes its own back. Where nothing was done, as another client has
changed the VM first, all of it begins again, with the next free device.
"""

from __future__ import annotations

from libcloud_ovm3.agent.config import VMConfig
from libcloud_ovm3.agent.disk import parse_disk
from libcloud_ovm3.errors import Ovm3Error, PreconditionFailed
from libcloud_ovm3.estate.domains import Domain
from libcloud_ovm3.estate.holders import require_unheld
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.vms import EstateSnapshot
from libcloud_ovm3.estate.volumes import Volume, key_of_path, read_volumes
from libcloud_ovm3.operations.again import require_settled, until_first
from libcloud_ovm3.operations.agreement import require_no_more
from libcloud_ovm3.operations.attachable import (
    checked_mode,
    entry_for,
    require_attachable,
    require_reachable,
    require_this_disk,
    unknown_use,
    volume_to_attach,
)
from libcloud_ovm3.operations.device_changes import (
    Target,
    require_done,
    target_of,
)
from libcloud_ovm3.operations.device_names import checked_device, next_device
from libcloud_ovm3.operations.disk_changes import (
    change_disks,
    with_entry,
    without,
)
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.rivals import rival_of, take_back
from libcloud_ovm3.progress import waiting


def attach(
    estate: Estate, vm_id: str, volume_id: str, device: str | None = None, mode: str = "w"
) -> list[str]:
    """Attach a volume to a VM that runs, is paused or is stopped.

    :param device: its name in the guest; None: the next free one.
    :param mode: ``w``, ``w!`` (shared) or ``r``.
    :return: notices for the user.
    :raises InvalidArgument: the device or the mode is none that the VM can have, or it is a
        snapshot.
    :raises NodeNotFound: there is no such VM.
    :raises VolumeNotFound: there is no such volume.
    :raises PreconditionFailed: somebody has it, or may have it, or the device is taken, or the VM's
        host cannot reach it. Nothing is attached. ChangedMeanwhile: other clients have changed this
        VM for a minute, each of them first.
    :raises AgentFault: the agent refused; vm.cfg and domain are as they were.
    :raises OperationIncomplete: whether it is attached is unknown, or only half of it happened.
    """
    mode = checked_mode(mode)
    return until_first(estate, lambda: _attach(estate, vm_id, volume_id, device, mode))


def _attach(estate: Estate, vm_id: str, volume_id: str, device: str | None, mode: str) -> list[str]:
    operation = Operation(estate)
    found = read_volumes(estate, with_sizes=False)
    volume = volume_to_attach(found, volume_id)
    target = target_of(operation, found.estate, vm_id)
    require_attachable(found, volume, target.vm.id, mode)
    _require_mounted(found.estate, target, volume)
    require_this_disk(found, volume, target.host if target.live else None)
    name = _device_for(target, device)
    entry = entry_for(volume, name, mode)
    try:
        require_no_more(target, with_entry(entry), name)
    except PreconditionFailed as error:
        require_settled(target, error)
        raise
    label = f"{volume.label} to VM {target.vm.name!r} as {name}"
    with waiting(f"checking that nothing holds {volume.path}", vm=target.vm.id):
        require_unheld(estate, found.estate.hosts, parse_disk(entry))

    def shows(domain: Domain) -> bool:
        return any(one.device == name and one.path == volume.path for one in domain.block_devices)

    notices = [f"{volume.label}: {why}" for why in unknown_use(volume)]
    with waiting(f"attaching {label}", vm=target.vm.id):
        outcome = change_disks(target, with_entry(entry), shows, notices)
        again = " or detach the volume and attach it again"
        require_done(target, outcome, f"attaching {label}", (volume.path,), again)
    assert outcome.config is not None, "it is done"
    try:
        rival = rival_of(estate, target.vm.id, volume, mode)
    except Ovm3Error as error:
        notices.append(
            f"{volume.label} is attached; whether another client has attached it elsewhere at the "
            f"same moment is unknown: {error}"
        )
        return notices
    if rival:
        what = f"{volume.label} was attached to VM {target.vm.label} as {name}"
        key = key_of_path(volume.path)
        detached = (
            without(lambda one: key_of_path(one.path or "") == key),
            lambda domain: all(one.device != name for one in domain.block_devices),
        )
        raise PreconditionFailed(
            take_back(target, outcome.config, volume, detached, what, rival),
            nodes=[target.vm.summary],
        )
    return notices


def _require_mounted(snapshot: EstateSnapshot, target: Target, volume: Volume) -> None:
    """The VM's host has the volume's repository, or one that can start it has all of its own."""
    if volume.file is None:
        return
    own = [target.definition.repository_id]
    own += [one for disk in target.definition.disks if (one := disk.repository_id) and disk.path]
    known = [repository for one in own if (repository := snapshot.repository(one)) is not None]
    needed = [volume.file.repository] if target.live else [*known, volume.file.repository]
    require_reachable(snapshot, target.host if target.live else None, needed, volume.label)


def _device_for(target: Target, device: str | None) -> str:
    config = target.definition.config or VMConfig({})
    if device is None:
        return next_device(config, target.devices)
    return checked_device(config, device, target.devices)
