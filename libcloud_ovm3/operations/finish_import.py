"""What becomes of an import from a URL when the file is complete.

A disk is moved from ``VirtualDisks``, where the agent has written it, into ``Templates``, by the
host module; without it, it stays a volume. An ISO is where it belongs.
"""

from __future__ import annotations

from libcloud_ovm3.errors import (
    AgentFault,
    ImageNotFound,
    InvalidArgument,
    OperationIncomplete,
    OutcomeUnknown,
    Ovm3Error,
    PreconditionFailed,
    ReadOnly,
)
from libcloud_ovm3.estate.disk_files import FOLDER
from libcloud_ovm3.estate.disk_names import CREATING, marked_file
from libcloud_ovm3.estate.images import ISOS, TEMPLATES, Image
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.one_repository import find_repository
from libcloud_ovm3.estate.pending_imports import read_note
from libcloud_ovm3.estate.repositories import is_listed, list_whole
from libcloud_ovm3.estate.vms import EstateSnapshot, read_estate
from libcloud_ovm3.estate.volumes import Volume
from libcloud_ovm3.operations import doors
from libcloud_ovm3.operations.create_image import choose_copier, made
from libcloud_ovm3.operations.fetching import Fetch
from libcloud_ovm3.operations.grow_disk import pad, padded
from libcloud_ovm3.operations.marks import remove_mark
from libcloud_ovm3.operations.mount_export import mounted_export
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.raw_content import require_raw
from libcloud_ovm3.operations.read_back import read_back
from libcloud_ovm3.operations.target_repository import require_usable


def finish_import(
    estate: Estate, image_id: str, size_bytes: int | None = None
) -> tuple[Image | Volume, list[str]]:
    """Finish an import whose client did not: make an image of it, if the file is complete.

    :param image_id: its id, as it is listed while it is pending.
    :param size_bytes: of the file; None: what the mark says, by the host module.
    :return: as :func:`fetch_image`.
    :raises ImageNotFound: no such file is pending.
    :raises PreconditionFailed: it is not complete (yet), or not known to be. It stays as it is.
    :raises OperationIncomplete: whether it is finished is not known.
    """
    operation = Operation(estate)
    fetch, is_moved = _find(operation, read_estate(estate), image_id, size_bytes)
    if is_moved:
        return _moved(fetch, [])
    size = fetch.read_size()
    if size not in (fetch.size_bytes, padded(fetch.size_bytes)):
        raise PreconditionFailed(
            f"image {fetch.id!r} is not complete: {size} of {fetch.size_bytes} bytes are there"
        )
    return finish(fetch, size, [])


def _find(
    operation: Operation, snapshot: EstateSnapshot, image_id: str, size_bytes: int | None
) -> tuple[Fetch, bool]:
    """The pending import, and whether it is in ``Templates`` already, but for its mark."""
    repository_id, _, relative = image_id.partition("/")
    folder, _, file = relative.partition("/")
    repository = find_repository(snapshot, repository_id)
    require_usable(repository)
    host = choose_copier(repository, [])
    listing = list_whole(host, repository.id)
    path = f"{repository.path}/{relative}"
    is_one = folder in (FOLDER, ISOS) and marked_file(file + CREATING) is not None
    if not is_one or not is_listed(listing, path + CREATING):
        raise ImageNotFound(f"no import of {image_id!r} is pending (any more)")
    note = None if host.module is None else read_note(host, path)
    if note is None and size_bytes is None:
        raise PreconditionFailed(
            f"{image_id!r} is not complete, and nothing says that it is an import: one that was "
            f"begun without the host module is finished if ex_size_bytes gives its size"
        )
    if note is not None:  # the host that writes it sees best how much of it there is
        hosts = [view for view in repository.mounted_on if view.module is not None]
        host = next((view for view in hosts if view.id == note.host_id), host)
    size = size_bytes if size_bytes is not None else note.size_bytes if note else 0
    system = None if host.module is not None else mounted_export(host, repository)
    fetch = Fetch(operation, host, system, repository, folder, file, size)
    is_moved = folder == FOLDER and is_listed(listing, fetch.template)
    return fetch, is_moved


def finish(fetch: Fetch, size: int, notices: list[str]) -> tuple[Image | Volume, list[str]]:
    """Make an image of a file that is complete.

    :param size: of the file, in bytes, as it was read.
    :return: the image, or without the host module the volume that a disk stays; and notices.
    :raises OperationIncomplete: it is still pending, or not known to be finished.
    """
    module = fetch.host.module
    if fetch.folder == ISOS:
        _remove_mark(fetch)
        return made(fetch.operation, fetch.id), notices
    if module is None:
        _remove_mark(fetch)
        notices.append(
            f"{fetch.path} is complete. Only the host module can make a template of it (`ovm3 host "
            f"install`), so it stays a volume; what its content is could not be looked at"
        )
        return read_back(fetch.operation, fetch.id, fetch.path, "it was imported"), notices
    notices += _require_raw(fetch) + _pad(fetch, size)
    try:
        doors.rename_file(fetch.operation, module, fetch.path, fetch.template)
    except (AgentFault, OutcomeUnknown) as failed:
        if not _is_template(fetch, failed):
            raise fetch.pending(failed) from failed
    return _moved(fetch, notices)


def _pad(fetch: Fetch, size: int) -> list[str]:
    """Pad a disk.

    :return: notices for the user.
    """
    try:
        return pad(fetch.operation, fetch.host, fetch.repository, fetch.path, size)
    except (AgentFault, OperationIncomplete) as error:
        raise fetch.pending(error) from error


def _is_template(fetch: Fetch, failed: Ovm3Error) -> bool:
    try:
        return is_listed(list_whole(fetch.host, fetch.repository.id), fetch.template)
    except Ovm3Error as error:
        raise fetch.pending(f"{failed}; {error}") from failed


def _moved(fetch: Fetch, notices: list[str]) -> tuple[Image, list[str]]:
    """The image, whose mark is left behind in the folder that it was in."""
    _remove_mark(fetch)
    return made(fetch.operation, f"{fetch.repository.id}/{TEMPLATES}/{fetch.file}"), notices


def _remove_mark(fetch: Fetch) -> None:
    try:
        remove_mark(fetch.operation, fetch.host, fetch.repository, fetch.mark)
    except Ovm3Error as error:
        if isinstance(error.__cause__, ReadOnly):
            raise error.__cause__ from None
        raise fetch.pending(f"the file is, but {error}") from error


def _require_raw(fetch: Fetch) -> list[str]:
    """Whether the content is a raw disk: the agent fetches files as they are.

    :return: notices for the user.
    :raises OperationIncomplete: it is not, or cannot be read. It stays pending.
    """
    module = fetch.host.module
    assert module is not None
    try:
        return require_raw(module, fetch.path, fetch.size_bytes, fetch.template)
    except InvalidArgument as error:
        raise fetch.pending(f"it is no raw disk: {error}") from error
    except Ovm3Error as error:
        raise fetch.pending(error) from error
