"""Files of a repository as objects: which may be uploaded, replaced and deleted.

What a VM, a template or a snapshot needs is neither replaced nor deleted. A file that is replaced
is set aside by the very call that puts the new one in its place; then everything is read once more,
and either the old one is deleted, or it is put back.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from libcloud_ovm3.agent.object_types import NAME_BYTES
from libcloud_ovm3.agent.option_values import quoted
from libcloud_ovm3.errors import (
    AgentFault,
    ImageNotFound,
    InvalidArgument,
    OutcomeUnknown,
    Ovm3Error,
    PreconditionFailed,
    VolumeNotFound,
)
from libcloud_ovm3.estate.disk_names import CREATING, is_mark, is_removed_mark, parse_file_name
from libcloud_ovm3.estate.objects import (
    VIRTUAL_DISKS,
    Container,
    StoredObject,
    find_object,
    module_of,
)
from libcloud_ovm3.estate.repositories import is_listed
from libcloud_ovm3.estate.vms import read_estate
from libcloud_ovm3.operations import delete_image, destroy_disk, doors, object_doors
from libcloud_ovm3.operations.delete_files import is_aside, users_now
from libcloud_ovm3.operations.destroy_snapshot import require_unused
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.target_repository import require_usable
from libcloud_ovm3.storage_errors import ObjectNotFound

if TYPE_CHECKING:
    from libcloud_ovm3.estate.members import Estate
    from libcloud_ovm3.estate.vms import EstateSnapshot

# ------------------------------------------------------------------ uploading


def require_place(estate: Estate, container: Container, name: str) -> str | None:
    """Whether an object of this name may be uploaded.

    :return: of a repository's own file that will be replaced, its path on the hosts; else None.
    :raises InvalidArgument: no object can have this name, or none can be uploaded under it.
    :raises PreconditionFailed: somebody needs the file that is there.
    """
    require_name(name)
    path = container.path_of(name)
    if path is None:
        return None
    folder, _, file = name.partition("/")
    is_plain = (
        bool(file) and "/" not in file and not file.startswith(".") and len(file.encode()) < 256
    )
    if not is_plain or not file.isprintable() or is_mark(file) or is_removed_mark(file):
        raise InvalidArgument(
            f"object_name {quoted(name)}: {folder} is a folder of the repository itself: expected "
            f"the name of a file directly in it, of printable characters, without a dot at its "
            f"beginning, and none of the marks that this package makes"
        )
    try:
        found = find_object(container, name)
    except ObjectNotFound:
        return None
    _require_replaceable(Operation(estate), found, path)
    return path


def require_name(name: object) -> None:
    """Whether an object can have this name.

    :raises InvalidArgument: it cannot.
    """
    try:
        size = len(name.encode()) if isinstance(name, str) else 0
    except UnicodeEncodeError:
        size = 0
    if not isinstance(name, str) or not 1 <= size <= NAME_BYTES or "\0" in name:
        raise InvalidArgument(
            f"object_name {quoted(name)}: expected a text of 1 to {NAME_BYTES} bytes in UTF-8, "
            f"without NUL"
        )


def _require_replaceable(operation: Operation, found: StoredObject, path: str) -> None:
    """Whether a file that is there may be replaced."""
    what = found.label
    _require_no_snapshot(found)
    snapshot = read_estate(operation.estate)
    repository = snapshot.repository(found.container.repository.id)
    if repository is None:
        raise PreconditionFailed(f"{what} was kept: its repository is not there any more")
    require_usable(repository)
    if repository.content is not None and is_listed(repository.content, path + CREATING):
        raise PreconditionFailed(
            f"{what} was kept: a copy into it is under way, or was interrupted; destroy_volume or "
            f"delete_image of the compute driver removes that"
        )
    try:
        require_unused(operation, snapshot, repository, path, what)
    except PreconditionFailed as kept:
        raise _naming_nodes(snapshot, path, kept) from kept


def _naming_nodes(
    snapshot: EstateSnapshot, path: str, kept: PreconditionFailed
) -> PreconditionFailed:
    """The error with the VMs that have the file, by their names."""
    file = posixpath.basename(path)
    users = [
        vm
        for vm in snapshot.vms.values()
        if any(file in one.files for one in vm.definitions)
        or any(file in one.domain.files for one in vm.live)
    ]
    if not users or kept.nodes:
        return kept
    names = ", ".join(f"VM {vm.label}" for vm in users)
    return PreconditionFailed(f"{kept} ({names})", nodes=[vm.summary for vm in users])


def _require_no_snapshot(found: StoredObject) -> None:
    what = parse_file_name(found.name.rpartition("/")[2])
    if what is not None and what.is_snapshot:
        raise PreconditionFailed(
            f"{found.label} was kept: it is the snapshot {what.name!r} of a volume; "
            f"destroy_volume_snapshot of the compute driver deletes it"
        )


def finish_replacement(operation: Operation, container: Container, path: str, label: str) -> None:
    """After a file was replaced: delete the old one, unless somebody needs it by now.

    :param path: where it lay, on the hosts.
    :raises PreconditionFailed: somebody does, or may: it is back, and nothing has changed.
    :raises OperationIncomplete: it is still set aside, or that is unknown.
    """
    module = module_of(container)
    try:
        why = users_now(operation, [path]).get(path)
    except Ovm3Error as error:
        why = f"who uses it could not be read: {error}"
    try:
        if why is None:
            doors.delete_aside(operation, module, path)
        else:
            object_doors.restore_aside(operation, container, path)
    except Ovm3Error as failed:
        if isinstance(failed, AgentFault) and failed.kind.endswith(".NotFound"):
            return  # nothing was there any more when it was replaced
        if is_aside(operation, module, container.repository, path, failed):
            what = "could not be put back" if why else "could not be deleted"
            used = f" (it is or may be in use: {why})" if why else ""
            raise operation.incomplete(
                f"{label} is uploaded; the file that was there{used} is set aside and {what}: "
                f"{failed}. ex_list_orphans of the compute driver lists it",
                left=(path,),
            ) from failed
    if why is not None:
        raise PreconditionFailed(
            f"{label} was not uploaded: somebody has begun to use the file that is there, which "
            f"was put back: {why}"
        )


# ------------------------------------------------------------------ deleting


def delete_object(estate: Estate, container: Container, name: str) -> list[str]:
    """Delete an object.

    :return: notices for the user.
    :raises ObjectNotFound: there is none.
    :raises PreconditionFailed: somebody needs the file, or may; or the host module is missing.
    :raises AgentFault: the host refused; it is there as before.
    :raises OperationIncomplete: whether it is deleted is unknown.
    """
    require_name(name)
    found = find_object(container, name)
    path = container.path_of(name)
    if path is not None:
        return _delete_own_file(estate, found)
    operation = Operation(estate)
    try:
        object_doors.delete_object(operation, found)
    except (AgentFault, OutcomeUnknown) as failed:
        if not _is_there(operation, found, failed):
            return []
        if isinstance(failed, AgentFault):
            raise failed.with_state(f"{found.label} is still there") from failed
        raise operation.incomplete(
            f"{found.label}: the request to delete it was sent once and got no response; it is "
            f"still there",
            left=(f"{container.name}/{name}",),
        ) from failed
    return []


def _is_there(operation: Operation, found: StoredObject, failed: Ovm3Error) -> bool:
    """Whether an object is still there.

    :raises OperationIncomplete: that cannot be read.
    """
    try:
        find_object(found.container, found.name)
    except ObjectNotFound:
        return False
    except Ovm3Error as error:
        raise operation.incomplete(
            f"{found.label}: deleting it failed ({failed}), and whether it is still there cannot "
            f"be read: {error}",
            left=(f"{found.container.name}/{found.name}",),
        ) from failed
    return True


def _delete_own_file(estate: Estate, found: StoredObject) -> list[str]:
    """By the way of volumes and images, which know who may need the file."""
    folder, _, file = found.name.partition("/")
    if "/" in file:
        raise PreconditionFailed(
            f"{found.label} was kept: it is part of what lies in {folder}/{file.partition('/')[0]};"
            f" delete_image of the compute driver deletes templates"
        )
    _require_no_snapshot(found)
    file_id = f"{found.container.repository.id}/{found.name}"
    try:
        if folder == VIRTUAL_DISKS:
            return destroy_disk.destroy(estate, file_id)
        return delete_image.delete_image(estate, file_id)
    except (VolumeNotFound, ImageNotFound) as error:
        raise PreconditionFailed(
            f"{found.label} was kept: it is neither a virtual disk nor an image: {error}"
        ) from error
    except PreconditionFailed as kept:
        path = found.container.path_of(found.name) or found.name
        try:
            snapshot = read_estate(estate)
        except Ovm3Error:
            raise kept from None
        raise _naming_nodes(snapshot, path, kept) from kept
