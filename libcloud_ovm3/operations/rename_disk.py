"""Giving a volume another name: an entry in a document of its repository. Its id and file stay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from libcloud_ovm3.errors import Ovm3Error, PreconditionFailed
from libcloud_ovm3.estate.disk_files import FOLDER, DiskFile
from libcloud_ovm3.estate.disk_names import require_name
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.recorded import to_document
from libcloud_ovm3.estate.repositories import read_repository, with_module
from libcloud_ovm3.estate.simple_names import DOCUMENT, DiskDocument, read_disk_document
from libcloud_ovm3.estate.volumes import Volume, read_volumes
from libcloud_ovm3.operations.change_document import change_document
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.read_back import read_back
from libcloud_ovm3.operations.target_repository import require_usable

if TYPE_CHECKING:
    from libcloud_ovm3.agent.hostmodule import HostModule


def rename(estate: Estate, volume_id: str, name: str) -> tuple[Volume, list[str]]:
    """Give a volume another name, which every client reads that can reach the host module.

    :return: the volume as it is listed now, and notices for the user.
    :raises InvalidArgument: the name cannot be one.
    :raises VolumeNotFound: there is no such volume.
    :raises PreconditionFailed: it is a physical disk, no host that has its repository mounted has
        the host module, or names were recorded by a newer version of this package.
    :raises AgentFault: the host refused; the name is as it was.
    :raises OperationIncomplete: whether it was done is unknown.
    """
    require_name(name)
    volume = read_volumes(estate, with_sizes=False).volume(volume_id)
    if volume.file is None:
        raise PreconditionFailed(
            f"{volume.label} is a physical disk: its name is that of its device"
        )
    require_usable(volume.file.repository)
    host = with_module(volume.file.repository)
    if host is None or host.module is None:
        raise PreconditionFailed(
            f"{volume.label} was not renamed: no host that has its repository mounted has the host "
            f"module (`ovm3 host install`), and the agent alone cannot record a name"
        )
    operation, notices = Operation(estate), []
    if volume.name != name:
        notices = _record(operation, host.module, volume.file, name)
    done = f"{volume.label} was renamed"
    return read_back(operation, volume_id, volume.path, done), notices


def forget_name(operation: Operation, file: DiskFile, name: str) -> list[str]:
    """Remove the name that was recorded for a volume that was destroyed.

    :param name: only this one: by now another file may be there, with a name of its own.
    :return: a notice, if it could not be removed.
    """
    try:
        host = with_module(file.repository)
        if host is None or host.module is None:
            raise PreconditionFailed("no host that has the repository mounted has the host module")
        return _record(operation, host.module, file, None, instead_of=name)
    except Ovm3Error as error:
        return [
            f"volume {file.id} was destroyed, but its name, {name!r}, may still be recorded: "
            f"another file that is made at its path gets this name ({error})"
        ]


def _record(
    operation: Operation,
    module: HostModule,
    file: DiskFile,
    name: str | None,
    instead_of: str | None = None,
) -> list[str]:
    """Write another version of the document.

    :param name: None: none; what else is recorded of the file goes as well.
    :param instead_of: change only this name; None: any.
    """

    def next_content() -> tuple[int, bytes] | None:
        document = _read(module, file)
        now = document.names.get(file.relative)
        if now == name or instead_of not in (None, now):
            return None
        return document.next_version, _content(document, file, name)

    what = f"the name of volume {file.id}"
    return change_document(
        operation, module, file.repository, DOCUMENT, next_content, what, left=(file.path,)
    )


def _read(module: HostModule, file: DiskFile) -> DiskDocument:
    """The document, which can be written.

    :raises PreconditionFailed: it is of a newer version of this package, or cannot be understood.
    """
    document, error = read_disk_document(module, file.repository)
    if not document.is_writable:
        raise PreconditionFailed(f"the name of volume {file.id} was not changed: {error}")
    return document


def _content(document: DiskDocument, file: DiskFile, name: str | None) -> bytes:
    """The document with the new name, or with none, without entries of files that are gone.

    The listing is read after the document: so a file that has an entry and is not there is gone.
    """
    now = read_repository(file.repository.record, file.repository.mounted_on, with_vm_cfgs=True)
    disks = dict(document.disks)
    if now.content is not None and not now.errors:
        there = {f"{FOLDER}/{one}" for one in now.content.virtual_disks}
        there |= {str(one.path)[len(now.path) + 1 :] for one in now.aside}  # it may be put back
        disks = {
            path: entry
            for path, entry in disks.items()
            if path in there or not path.startswith(f"{FOLDER}/")
        }
    entry = disks.pop(file.relative, {})
    if name is not None:
        disks[file.relative] = {**entry, "name": name}
    return to_document(DOCUMENT, disks)
