"""Deleting an image: only files of it that nobody else names, and nobody may be using.

Of a template with a vm.cfg that are the files of its folder, and the virtual disks that it alone
names. All of them are set aside first, then everything is read once more, then all are deleted or
all put back. That needs the host module: what the agent's delete_template does is not documented.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from typing import TYPE_CHECKING

from libcloud_ovm3.errors import (
    OperationIncomplete,
    OutcomeUnknown,
    Ovm3Error,
    PreconditionFailed,
    ReadOnly,
)
from libcloud_ovm3.estate.definitions import read_template
from libcloud_ovm3.estate.disks import DiskUsage, read_disk_usage
from libcloud_ovm3.estate.holders import ask_holders, held_of, wait_released
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.images import UNFINISHED, VM_CFG, VM_TEMPLATE, Image, image_of
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.repositories import is_listed, list_whole, with_module
from libcloud_ovm3.estate.vms import EstateSnapshot, read_estate
from libcloud_ovm3.operations.copy_image import path_of
from libcloud_ovm3.operations.delete_files import delete_files_by_module
from libcloud_ovm3.operations.destroy_snapshot import delete_disk
from libcloud_ovm3.operations.marks import begin_removal, end_removal
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.own_disks import why_linked, why_used
from libcloud_ovm3.operations.target_repository import require_usable

if TYPE_CHECKING:
    from libcloud_ovm3.agent.hostmodule import HostModule


def delete_image(estate: Estate, image_id: str) -> list[str]:
    """Delete an image, or one that was left unfinished.

    :return: notices for the user: what was kept, and why.
    :raises ImageNotFound: there is no such image.
    :raises PreconditionFailed: somebody uses it, or may, or that cannot be known; it was kept.
    :raises AgentFault: the host refused; it is as it was.
    :raises OperationIncomplete: whether all of it is deleted is unknown; names what is left.
    """
    operation = Operation(estate)
    snapshot = read_estate(estate)
    image = image_of(snapshot.repositories, image_id, snapshot.errors(), or_unfinished=True)
    require_usable(image.repository)
    if image.kind == VM_TEMPLATE:
        return _delete_template(operation, snapshot, image)
    host = with_module(image.repository) or image.repository.mounted_on[0]
    path = path_of(host, image)
    if image.is_unfinished:
        refused = begin_removal(operation, host, image.repository, path)
    if is_listed(list_whole(host, image.repository.id), path):
        delete_disk(operation, read_estate(estate), image.repository, path, image.label)
    if image.is_unfinished:
        end_removal(operation, host, image.repository, path, refused)
    return []


# ------------------------------------------------------------------ templates with a vm.cfg


def _delete_template(operation: Operation, snapshot: EstateSnapshot, image: Image) -> list[str]:
    host = with_module(image.repository)
    if host is None or host.module is None:
        raise PreconditionFailed(
            f"{image.label} was kept: it has a vm.cfg, and deleting it needs the host module on a "
            f"host that has its repository mounted: what the agent's own function does is not "
            f"documented"
        )
    module = host.module
    files = _files_in_folder(host, image)
    disks, notices = _disks_elsewhere(snapshot, image)
    paths = [*files, *disks]
    place = f"{image.repository.id}/{image.path}"
    _require_unused(operation, snapshot, host, image, _without_vm_cfg(paths), place)

    def read_users() -> dict[str, str]:
        """All of them, or none: a template without one of its files is no template."""
        now = read_estate(operation.estate)
        repository = now.repository(image.repository.id)
        aside = {one.path for one in repository.aside} if repository else set()
        lacking = [path for path in paths if path not in aside]
        if lacking:
            return dict.fromkeys(paths, f"not all of it could be set aside: {', '.join(lacking)}")
        others = _without_vm_cfg(paths)
        usage = read_disk_usage(now)
        users = [why for path in others if (why := why_used(usage, posixpath.basename(path)))]
        held = held_of(ask_holders(operation.estate, now.hosts), others)
        why = "; ".join([*users, *held.values()])
        return dict.fromkeys(paths, why) if why else {}

    failed = delete_files_by_module(operation, module, image.repository, paths, read_users)
    if failed:
        raise _not_deleted(operation, module, image, paths, failed)
    return notices


def _without_vm_cfg(paths: Sequence[str]) -> list[str]:
    """The files that others may use: every VM has a vm.cfg, of its own."""
    return [path for path in paths if posixpath.basename(path) not in (VM_CFG, UNFINISHED)]


def _files_in_folder(host: HostView, image: Image) -> list[str]:
    """The paths of the files in its folder; the vm.cfg first, so that it is no template without."""
    assert host.module is not None
    folder = f"{image.repository.path}/{image.path}"
    page = host.module.list_files(folder)
    odd = [one.name for one in page.entries if one.type != "file" or one.raw != one.name.encode()]
    if odd or page.after:
        raise PreconditionFailed(
            f"{image.label} was kept: its folder has more than files of a template: "
            f"{', '.join(odd) or 'more than 1000 files'}"
        )
    names = sorted((one.name for one in page.entries), key=lambda name: (name != VM_CFG, name))
    return [f"{folder}/{name}" for name in names]


def _disks_elsewhere(snapshot: EstateSnapshot, image: Image) -> tuple[list[str], list[str]]:
    """The virtual disks of its repository that it names, and notices on what is kept."""
    if image.is_unfinished:
        return [], []
    definition = read_template(image.repository, image.directory)
    if definition.unread:
        raise PreconditionFailed(f"{image.label} was kept: {definition.unread}")
    inside = f"{image.repository.path}/{image.path}/"
    disks, notices = [], []
    for entry in definition.disks:
        path, content = entry.path or "", image.repository.content
        if entry.is_cdrom or path.startswith(inside):
            continue
        is_here = entry.is_understood and path.startswith(f"{image.repository.path}/VirtualDisks/")
        if is_here and content is not None and is_listed(content, path):
            disks.append(path)
        else:
            notices.append(
                f"{path or entry.text} was kept: it is no virtual disk of its repository"
            )
    return list(dict.fromkeys(disks)), notices


def _require_unused(
    operation: Operation,
    snapshot: EstateSnapshot,
    host: HostView,
    image: Image,
    paths: Sequence[str],
    place: str,
) -> None:
    """Check that nobody but the template itself uses any of these files.

    :param place: of the template, as the user of its disks.
    """
    usage = read_disk_usage(snapshot)
    but_itself = DiskUsage(
        usage.by_name,
        {path: users for path, users in usage.paths.items() if set(users) != {place}},
        usage.unread,
    )
    reasons = [
        f"{path}: {why}"
        for path in paths
        if (why := why_used(usage, posixpath.basename(path), but=[place]))
        or (why := why_linked(image.repository, path, but_itself))
    ]
    held = {} if reasons else wait_released(operation.estate, snapshot.hosts, paths)
    reasons += [f"{path}: {why}" for path, why in held.items()]
    if reasons:
        raise PreconditionFailed(f"{image.label} was kept: {'; '.join(reasons)}")


def _not_deleted(
    operation: Operation,
    module: HostModule,
    image: Image,
    paths: Sequence[str],
    failed: dict[str, Ovm3Error],
) -> Ovm3Error:
    """The error, where some of its files are not deleted: all of them are back, or are named."""
    for error in failed.values():
        if isinstance(error, ReadOnly):  # it was not even tried
            return error
    reasons = "; ".join(dict.fromkeys(str(error) for error in failed.values()))
    open_ends = (OutcomeUnknown, OperationIncomplete)
    is_sure = not any(isinstance(error, open_ends) for error in failed.values())
    if is_sure and _are_all_there(module, paths):
        return PreconditionFailed(f"{image.label} was kept: {reasons}")
    return operation.incomplete(
        f"{image.label} was not deleted completely: {reasons}. ex_list_orphans lists what is set "
        f"aside, and ex_put_back puts it back",
        left=(image.id, *paths),
    )


def _are_all_there(module: HostModule, paths: Sequence[str]) -> bool:
    try:
        return not any(one.is_missing or one.error for one in module.identify(list(paths)))
    except Ovm3Error:
        return False
