"""Whether a volume may be attached to a VM: who has it, or may have it, already. Reads only."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence

from libcloud_ovm3.agent.disk import parse_disk, wwid_in_path
from libcloud_ovm3.errors import (
    InvalidArgument,
    Ovm3Error,
    PreconditionFailed,
    SearchIncomplete,
    VolumeNotFound,
)
from libcloud_ovm3.estate.disks import DiskUsage, read_disk_usage
from libcloud_ovm3.estate.holders import same_files
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.physical import lun_key, may_be_at
from libcloud_ovm3.estate.repositories import Repository
from libcloud_ovm3.estate.states import VolumeState
from libcloud_ovm3.estate.vms import EstateSnapshot
from libcloud_ovm3.estate.volumes import (
    PHYSICAL,
    Attachment,
    Volume,
    VolumeList,
    key_of_path,
)
from libcloud_ovm3.operations.own_disks import why_linked

MODES = ("w", "w!", "r")
_REPOSITORIES = "/OVS/Repositories/"


def checked_mode(mode: str) -> str:
    """A mode that a user has given.

    :raises InvalidArgument: xend accepts no such mode.
    """
    if mode in MODES:
        return mode
    # xend.md 3
    why = ": xend refuses r!" if mode == "r!" else ""
    raise InvalidArgument(
        f"ex_mode {mode!r}{why}: expected 'w' (one node writes), 'w!' (several nodes share it) or "
        f"'r' (read-only)"
    )


def volume_to_attach(found: VolumeList, volume_id: str) -> Volume:
    """The volume with this id.

    :raises InvalidArgument: it is a snapshot.
    :raises VolumeNotFound: there is none.
    :raises SearchIncomplete: it was not found, but not everything could be read.
    """
    try:
        return found.volume(volume_id)
    except (VolumeNotFound, SearchIncomplete):
        try:
            snapshot = found.snapshot(volume_id)
        except (VolumeNotFound, SearchIncomplete):
            pass
        else:
            raise InvalidArgument(
                f"{snapshot.label} is a snapshot, which stays as it is: create a volume of it, and "
                f"attach that"
            ) from None
        raise


def require_attachable(found: VolumeList, volume: Volume, vm_id: str, mode: str) -> None:
    """Check that nobody has a volume, or may have it, whom this attachment would harm.

    :raises PreconditionFailed: somebody has it, or something that may name it could not be read.
    """
    if volume.state is VolumeState.CREATING:
        raise PreconditionFailed(f"{volume.label} is not complete: it is being created")
    taken = why_taken(volume, vm_id, mode)
    if taken:
        raise PreconditionFailed(
            f"{volume.label} was not attached: {taken}{_way_out(volume, vm_id, mode)}"
        )
    usage = read_disk_usage(found.estate)
    off = {host.unread for host in found.estate.hosts_off}  # nothing of theirs can run
    unread = [one for one in (*usage.unread, *_unclear(volume)) if one not in off]
    if unread:
        raise PreconditionFailed(
            f"{volume.label} was not attached: {'; '.join(unread)}: that may use it"
        )
    try:
        other = _named_alike(volume, usage) or _linked(found, volume, usage)
    except Ovm3Error as error:
        other = f"whether other names lead to it is unknown: {error}"
    if other:
        raise PreconditionFailed(f"{volume.label} was not attached: {other}")


def why_taken(volume: Volume, vm_id: str, mode: str, but: str = "") -> str:
    """Who has a volume in a way that does not go together with this mode; "": nobody.

    :param vm_id: the VM that it is for, which must not have it yet.
    :param but: a VM that does not count.
    """
    others = [one for one in volume.attachments if one.vm.id != but]
    reasons = [
        f"VM {one.vm.label} has it as {one.device} ({_how(one)})"
        for one in others
        if one.vm.id == vm_id or not _go_together(one.mode, mode)
    ]
    reasons += [f"{place} names it" for place in volume.named_by]
    reasons += [one for one in volume.doubts if others]
    if reasons and mode != "w!" and all(one.is_shared for one in others) and others:
        reasons.append("it can be shared with ex_mode='w!'")
    return "; ".join(reasons)


def _way_out(volume: Volume, vm_id: str, mode: str) -> str:
    """What a user can do if other VMs have a volume in a way that does not go together."""
    others = [one for one in volume.attachments if one.vm.id != vm_id]
    if not others or len(others) < len(volume.attachments) or all(one.is_shared for one in others):
        return ""
    shared = "; to share it, attach it to all of them with ex_mode='w!'" if mode == "w!" else ""
    return f"; detach it from there first{shared}"


def _how(one: Attachment) -> str:
    where = "live and in vm.cfg" if one.is_live and one.is_defined else "live only"
    return f"mode {one.mode}, {where if one.is_live else 'in vm.cfg'}"


def _go_together(one: str, other: str) -> bool:
    return one == other and one in ("w!", "r")


def _unclear(volume: Volume) -> Sequence[str]:
    repository = volume.file.repository if volume.file else None
    if repository is None or repository.is_clear:
        return ()
    return (repository.error or f"repository {repository.id} could not be read completely",)


def unknown_use(volume: Volume) -> tuple[str, ...]:
    """What may use a physical disk although no VM has it: a host without the host module does not
    say what it uses its disks for. All VMs were looked at before.
    """
    return volume.possible_users if volume.kind == PHYSICAL else ()


def entry_for(volume: Volume, device: str, mode: str) -> str:
    """The volume as an entry of vm.cfg.

    :raises InvalidArgument: a vm.cfg cannot name its path.
    """
    scheme = "phy" if volume.kind == PHYSICAL else "file"
    text = f"{scheme}:{volume.path},{device},{mode}"
    entry = parse_disk(text)
    if not entry.is_understood or (entry.path, entry.device) != (volume.path, device):
        raise InvalidArgument(
            f"{volume.label} cannot be attached: a vm.cfg cannot name {volume.path!r} (a comma "
            f"separates its fields); rename the file"
        )
    return text


# ------------------------------------------------------------------ by other names


def _named_alike(volume: Volume, usage: DiskUsage) -> str:
    """Who names a file of this name elsewhere, or in an option that is not understood as a disk.

    Files of one name in two places of repositories are two files; links between those are for the
    host module to find.
    """
    name = posixpath.basename(volume.path)
    known = {
        user
        for path, users in usage.paths.items()
        if posixpath.basename(path) == name
        and key_of_path(path) != key_of_path(volume.path)
        and _are_apart(path, volume.path)
        for user in users
    }
    for one in volume.attachments:
        known |= {definition.place for definition in one.vm.definitions}
        known |= {live.domain.label for live in one.vm.live}
    unclear = sorted(set(usage.users(name)) - known)
    return f"{', '.join(unclear)} names a file {name!r}, which may be this one" if unclear else ""


def _are_apart(path: str, other: str) -> bool:
    return path.startswith(_REPOSITORIES) and other.startswith(_REPOSITORIES)


def _linked(found: VolumeList, volume: Volume, usage: DiskUsage) -> str:
    """Who names the same file or device by another path, where a host module can tell; of a device
    also who may, where it cannot."""
    if volume.file is not None:
        repository = volume.file.repository
        return why_linked(repository, volume.path, usage, with_hard_links=False) or ""
    named = sorted(path for path in usage.paths if path.startswith("/dev/"))
    others = [path for path in named if lun_key(path, found.disks) != volume.id]
    for path in others:
        if may_be_at(volume.id, path, found.disks):
            return (
                f"{', '.join(usage.paths[path])} names {path}, which may be the same disk; with "
                f"the host module on all hosts that is known"
            )
    for host in found.estate.hosts:
        if host.module is not None and others:
            same = same_files(host, host.module, [volume.path], others)[volume.path]
            if same:
                users = sorted({user for path in same for user in usage.paths[path]})
                return f"{', '.join(users)} has it as {', '.join(sorted(same))}"
    return ""


# ------------------------------------------------------------------ where it can be reached


def require_this_disk(found: VolumeList, volume: Volume, host: HostView | None) -> None:
    """Check that the path of a physical disk leads to it, and not on some host to another disk.

    :param host: where the VM runs; None: nowhere.
    :raises PreconditionFailed: it does not, or that host does not see the disk.
    """
    if volume.file is not None:
        return
    there = found.disks.by_path.get(volume.path, ())
    if len(there) > 1 or lun_key(volume.path, found.disks) != volume.id:
        ids = ", ".join(lun.id for lun in there)
        raise PreconditionFailed(
            f"{volume.label} was not attached: {volume.path} is not the same disk on all hosts "
            f"({ids}); give it a name of its own in multipath.conf"
        )
    sees = {one.id for lun in there for one in lun.hosts}
    if host is not None and host.module2 is not None and volume.lun and host.id not in sees:
        raise PreconditionFailed(
            f"{volume.label} was not attached: {host.label}, where the VM runs, does not see it"
        )
    hosts = found.estate.hosts if host is None else (host,)
    unknown = [one.label for one in hosts if one.module2 is None and one.id not in sees]
    if unknown and volume.lun and wwid_in_path(volume.path) is None:
        raise PreconditionFailed(
            f"{volume.label} was not attached: {volume.path} may be another disk on "
            f"{', '.join(unknown)}, which does not report its disks without the host module"
        )


def require_reachable(
    snapshot: EstateSnapshot,
    host: HostView | None,
    needed: Sequence[Repository | None],
    what: str,
) -> None:
    """Check that the host of a running VM has mounted all these repositories, or, for a stopped
    one, that some host has, so that it can be started.

    :param host: where it runs; None: nowhere.
    :param needed: None: a repository that no host knows.
    :param what: is in the last of them, for messages.
    :raises PreconditionFailed: it has not.
    """
    hosts = snapshot.hosts if host is None else (host,)
    if any(all(r is not None and one in r.mounted_on for r in needed) for one in hosts):
        return
    where = "no host has" if host is None else f"{host.label}, where the VM runs, does not have"
    ids = ", ".join(dict.fromkeys(r.id for r in needed if r is not None))
    hint = "" if host is None else "; ex_attach_repository attaches one to it"
    raise PreconditionFailed(
        f"{what} cannot be reached: {where} these repositories mounted: {ids}{hint}"
    )
