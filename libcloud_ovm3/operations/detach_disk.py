"""Detaching a volume from a VM: out of its vm.cfg and, while it runs, out of its domain.

A guest may refuse to let go of a disk, and do so minutes later (xend.md 5). So there are three ends
only: detached (vm.cfg and domain lack it, and nothing of the VM holds it open), still attached
(both have it), or unknown, which is an error. What is detached late is seen by the next look: the
volume is then in vm.cfg only, and a second detach takes it out there.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from libcloud_ovm3.agent.config import VMConfig
from libcloud_ovm3.agent.disk import DiskEntry
from libcloud_ovm3.agent.identifiers import dashed
from libcloud_ovm3.errors import (
    AgentFault,
    InvalidArgument,
    OperationIncomplete,
    Ovm3Error,
    PreconditionFailed,
)
from libcloud_ovm3.estate.domains import BlockDevice, Domain
from libcloud_ovm3.estate.holders import wait_let_go
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.states import State
from libcloud_ovm3.estate.volumes import Attachment, Volume, key_of_path, read_volumes
from libcloud_ovm3.operations.agreement import require_no_more
from libcloud_ovm3.operations.device_changes import (
    Outcome,
    Target,
    incomplete,
    require_done,
    target_of,
)
from libcloud_ovm3.operations.disk_changes import (
    change_disks,
    with_entry,
    without,
)
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.presence import before_second_look
from libcloud_ovm3.operations.rivals import Detached, rival_of, take_back
from libcloud_ovm3.progress import waiting

# What xend says after 100 s: the guest was asked, and may still let go (xend.md 2, 5).
_TIMED_OUT = re.compile(r"could\s+not\s+be\s+disconnected")


def detach(estate: Estate, volume_id: str, vm_id: str | None = None) -> list[str]:
    """Detach a volume from the VM that has it.

    :param vm_id: which VM, if several have it.
    :return: notices for the user.
    :raises VolumeNotFound: there is no such volume.
    :raises InvalidArgument: several VMs have it and none was named, or the one that was has not.
    :raises PreconditionFailed: nobody has it, or the state of the VM does not allow it. Nothing was
        sent.
    :raises AgentFault: the agent refused; vm.cfg and domain both have it.
    :raises OperationIncomplete: whether it is detached, or will be, is unknown.
    """
    operation = Operation(estate)
    for is_second in (False, True):
        found = read_volumes(estate, with_sizes=False)
        volume = found.volume(volume_id)
        attachments = _attachments(volume, vm_id)
        target = target_of(operation, found.estate, attachments[0].vm.id)
        if target.live is not None or is_second:
            break
        # It may be absent only while it reboots, and would come back with a disk that counts as
        # free by then (xend.md 1.6).
        before_second_look(estate, target.vm.name, target.vm.id)
    return _detach(target, volume, attachments)


def _attachments(volume: Volume, vm_id: str | None) -> Sequence[Attachment]:
    """Its attachments to the one VM that is meant."""
    if not volume.attachments:
        named = f"; {', '.join(volume.named_by)} names it" if volume.named_by else ""
        raise PreconditionFailed(f"{volume.label} is not attached to any VM{named}")
    vms = {one.vm.id: one.vm for one in volume.attachments}
    labels = ", ".join(vm.label for vm in vms.values())
    if vm_id is None and len(vms) > 1:
        raise InvalidArgument(
            f"{volume.label} is attached to several VMs: {labels}; name the one to detach it "
            f"from (ex_node)"
        )
    wanted = next(iter(vms)) if vm_id is None else dashed(vm_id) or vm_id
    if wanted not in vms:
        raise InvalidArgument(
            f"{volume.label} is not attached to VM {vm_id!r} (ex_node), but to {labels}"
        )
    return [one for one in volume.attachments if one.vm.id == wanted]


def _detach(target: Target, volume: Volume, attachments: Sequence[Attachment]) -> list[str]:
    paths = list(dict.fromkeys(path for one in attachments for path in one.paths))
    names = {key_of_path(path) for path in paths}
    what = f"detaching {volume.label}, {attachments[0].device} of VM {target.vm.name!r}"
    notices: list[str] = []

    def is_meant(entry: DiskEntry) -> bool:
        return not entry.is_cdrom and key_of_path(entry.path or "") in names

    def is_gone(domain: Domain) -> bool:
        return not _devices(domain, names)

    if target.live is None:
        outcome = change_disks(target, without(is_meant), is_gone, notices)
        require_done(target, outcome, what, (volume.path,), " or detach the volume again")
        return notices
    live = _devices(target.live.domain, names)
    _require_removable(target, volume, names, live)
    with waiting(what, vm=target.vm.id):
        if not any(one.is_defined for one in attachments):
            target = _defined_first(target, volume, names, live[0], what, notices)
        require_no_more(target, without(is_meant), attachments[0].device)
        outcome = change_disks(target, without(is_meant), is_gone, notices)
        if not outcome.is_done:
            detached, mode = (without(is_meant), is_gone), attachments[0].mode
            _conclude(target, volume, mode, outcome, detached, what, notices)
        held = wait_let_go(target.operation.estate, target.host, target.vm.id, paths)
    if held:
        raise target.operation.incomplete(
            f"{what}: its vm.cfg and its live domain lack it, but {target.host.label} reports that "
            f"it is still held: {held}. It is not free until that ends",
            left=(target.vm.id, volume.path),
            nodes=[target.vm.summary],
        )
    return notices


def _devices(domain: Domain, names: Collection[str]) -> list[BlockDevice]:
    """Those of its devices that have one of these names, as :func:`.key_of_path` gives them."""
    return [
        one
        for one in domain.block_devices
        if one.path and not one.is_cdrom and key_of_path(one.path) in names
    ]


def _require_removable(
    target: Target, volume: Volume, names: Collection[str], live: Sequence[BlockDevice]
) -> None:
    """Whether a running guest can lose the disk.

    :raises PreconditionFailed: it cannot.
    """
    if not live:
        return
    config = target.definition.config
    system = config.system_disk if config else None
    if system is not None and system.path and key_of_path(system.path) in names:
        raise PreconditionFailed(
            f"{volume.label} is the system disk of VM {target.vm.label}, which is "
            f"{target.vm.state.value}: its guest would fail; stop it first",
            nodes=[target.vm.summary],
        )
    if len(live) > 1:
        devices = " and ".join(sorted(one.device for one in live))
        raise PreconditionFailed(
            f"VM {target.vm.label} is {target.vm.state.value} with {volume.label} as {devices}: "
            f"only one device can be detached from a running guest; stop it first",
            nodes=[target.vm.summary],
        )
    if target.vm.state is State.PAUSED:
        raise PreconditionFailed(
            f"VM {target.vm.label} is paused: a paused guest cannot let go of {volume.label}; "
            f"unpause or stop it first",
            nodes=[target.vm.summary],
        )


def _defined_first(
    target: Target,
    volume: Volume,
    names: Collection[str],
    device: BlockDevice,
    what: str,
    notices: list[str],
) -> Target:
    """Put a disk that only the live domain has into vm.cfg, as it is there.

    The agent detaches what a new list lacks, and which list it compares with is not documented, its
    domain's or that of vm.cfg. With the disk in both, it is the same for either; and whatever
    happens then, both say that the disk is attached.
    """
    entry = f"{device.uname},{device.device},{device.mode}"
    require_no_more(target, with_entry(entry), device.device)
    outcome = change_disks(
        target, with_entry(entry), lambda domain: bool(_devices(domain, names)), notices
    )
    require_done(target, outcome, f"{what}: first adding it to its vm.cfg", (volume.path,))
    assert outcome.config is not None, "it is done"
    return target.with_config(outcome.config)


def _conclude(
    target: Target,
    volume: Volume,
    mode: str,
    outcome: Outcome,
    detached: Detached,
    what: str,
    notices: list[str],
) -> None:
    """Bring a detachment that did not reach both, or of which that is unknown, to one of its ends.

    Where vm.cfg is changed back, the guest may have let go right before, and another client have
    given the volume to another VM: then it is detached once more.

    :param mode: of the attachment.
    :param detached: the change of vm.cfg, and whether a domain shows it.
    :raises PreconditionFailed: another VM has it by now; it is detached.
    :raises AgentFault: it is still attached.
    :raises OperationIncomplete: whether it is, or will be, is unknown.
    """
    if outcome.is_defined is False and outcome.is_live and outcome.is_over:
        outcome = change_disks(target, *detached, notices)  # the guest has let go of it since
    try:
        require_done(target, outcome, what, (volume.path,))
    except (AgentFault, OperationIncomplete) as fault:
        if outcome.is_only_defined and outcome.config is not None:
            _yield_to_rival(target, volume, mode, outcome.config, detached, f"{what}: {fault}")
        if not isinstance(fault, AgentFault) or not _TIMED_OUT.search(fault.text):
            raise
        text = (
            f"{what}: {fault}. It is still attached, but the guest was asked to let go of it and "
            f"may still do so: it stays in use until it is seen to be gone"
        )
        raise incomplete(target, text, volume.path) from fault


def _yield_to_rival(
    target: Target, volume: Volume, mode: str, now: VMConfig, detached: Detached, what: str
) -> None:
    """See that nobody had got the volume when it was put back into vm.cfg, and with it live.

    :param now: the vm.cfg as it was before that.
    :raises PreconditionFailed: somebody has; it is detached again.
    :raises OperationIncomplete: somebody has, or that cannot be read.
    """
    assert target.definition.config is not None, "target_of has checked it"
    try:
        rival = rival_of(target.operation.estate, target.vm.id, volume, mode)
    except Ovm3Error as error:
        raise target.operation.incomplete(
            f"{what}; whether another client has attached it elsewhere meanwhile is unknown: "
            f"{error}",
            left=(target.vm.id, volume.path),
            nodes=[target.vm.summary],
        ) from error
    if rival:
        before = now.changed(disk=target.definition.config.values["disk"])
        state = take_back(target, before, volume, detached, what, rival)
        raise PreconditionFailed(state, nodes=[target.vm.summary])
