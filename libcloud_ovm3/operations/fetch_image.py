"""Importing an image from a URL that a host fetches itself.

The agent writes a disk into ``VirtualDisks`` and an ISO into ``ISOs``, under its final name from
the first byte on, and it does not tell when it has come to the end: the response to ``import_ISO``
comes at once (agent-behaviour 5), and that of ``import_virtual_disk`` may be lost. So a mark lies
beside the file, as beside every file that is not complete, until the file has the size that was
expected. That the size does not change any more is no proof of anything.

The request is sent once. If it is not known what has become of it, the import stays pending, and
:mod:`.finish_import` looks again.
"""

from __future__ import annotations

import contextlib
import uuid
from urllib.parse import urlsplit

from libcloud_ovm3.agent.redact import redact
from libcloud_ovm3.errors import (
    NEVER_SENT,
    AgentFault,
    OutcomeUnknown,
    Ovm3Error,
    PreconditionFailed,
)
from libcloud_ovm3.estate.disk_files import FOLDER
from libcloud_ovm3.estate.images import ISOS, Image, image_file_name
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.pending_imports import ImportNote, read_note
from libcloud_ovm3.estate.repositories import is_listed, list_whole
from libcloud_ovm3.estate.vms import read_estate
from libcloud_ovm3.estate.volumes import Volume
from libcloud_ovm3.operations import doors
from libcloud_ovm3.operations.create_image import choose_copier
from libcloud_ovm3.operations.destroy_snapshot import delete_disk
from libcloud_ovm3.operations.disk_sizes import bytes_text
from libcloud_ovm3.operations.fetching import Fetch
from libcloud_ovm3.operations.finish_import import finish
from libcloud_ovm3.operations.make_template import require_name
from libcloud_ovm3.operations.marks import begin_removal, end_removal, put_mark, remove_mark
from libcloud_ovm3.operations.mount_export import mounted_export
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.target_repository import choose_repository, require_room
from libcloud_ovm3.operations.url_size import require_url, size_of_url
from libcloud_ovm3.operations.user_progress import Progress, Tell, told
from libcloud_ovm3.progress import waiting

POLL = 2.0, 30.0  # seconds between two looks at the file, at first, and while nothing comes
STALLED = 900.0  # seconds without any progress after which nobody waits any longer


def fetch_image(
    estate: Estate,
    url: str,
    name: str,
    is_iso: bool | None = None,
    repository: str | None = None,
    size_bytes: int | None = None,
    progress: Progress | None = None,
) -> tuple[Image | Volume, list[str]]:
    """Have a host fetch an image from a URL, and wait until it has.

    :param is_iso: whether it is an ISO; None: if the path of the URL ends with ``.iso``.
    :param repository: the id or the alias of one; None: the one with the most free space.
    :param size_bytes: of the file; None: its server is asked.
    :return: the image, or without the host module the volume that a disk stays; and notices.
    :raises InvalidArgument: the URL or the name is wrong, or what was fetched is no disk.
    :raises PreconditionFailed: it does not fit, or its size is not known. Nothing was sent.
    :raises AgentFault: the host refused; nothing is left.
    :raises OperationIncomplete: it is pending; names it.
    """
    require_url(url)
    require_name(name, None)
    if is_iso is None:
        is_iso = urlsplit(url).path.lower().endswith(".iso")
    folder, extension = (ISOS, ".iso") if is_iso else (FOLDER, ".img")
    size = size_of_url(url) if size_bytes is None else size_bytes
    file = image_file_name(name, uuid.uuid4().hex, extension)
    operation = Operation(estate)
    target = choose_repository(read_estate(estate), repository)
    host = choose_copier(target, [])
    system = None if host.module is not None else mounted_export(host, target)
    notices = require_room(target, size, f"image {name!r}")
    fetch = Fetch(operation, host, system, target, folder, file, size)
    with waiting(f"{host.label} fetches {redact(url)} to {fetch.path}"):
        put_mark(operation, host, target, fetch.mark)
        _note(fetch)
        failed = _send(fetch, url)
        _wait(fetch, failed, told(progress, notices))
    if failed is not None:
        notices.append(f"{fetch.path} is complete, although {failed}")
    return finish(fetch, size, notices)


def _note(fetch: Fetch) -> None:
    """Write into the mark what it stands for.

    :raises Ovm3Error: that failed; nothing is fetched.
    """
    module = fetch.host.module
    if module is None:
        return
    note = ImportNote(fetch.size_bytes, fetch.host.id, fetch.operation.id)
    try:
        doors.write_file(fetch.operation, module, fetch.mark, note.to_bytes())
    except Ovm3Error as error:
        with contextlib.suppress(Ovm3Error):
            if read_note(fetch.host, fetch.path) == note:
                return
        _remove_mark(fetch, error)
        if isinstance(error, (*NEVER_SENT, AgentFault)):
            raise
        raise PreconditionFailed(f"{fetch.path} was not imported: {error}") from error


def _send(fetch: Fetch, url: str) -> AgentFault | OutcomeUnknown | None:
    """Send the request; return how it failed, if it may have taken effect all the same."""
    send = doors.fetch_iso if fetch.folder == ISOS else doors.fetch_disk
    try:
        send(fetch.host, url, fetch.file, fetch.repository.id)
    except (AgentFault, OutcomeUnknown) as failed:
        return failed
    except Ovm3Error as error:  # it was not sent
        _remove_mark(fetch, error)
        raise
    return None


def _remove_mark(fetch: Fetch, failed: Ovm3Error) -> None:
    """Remove the mark of a file that is not there."""
    try:
        remove_mark(fetch.operation, fetch.host, fetch.repository, fetch.mark)
    except Ovm3Error as error:
        raise fetch.operation.incomplete(
            f"{failed}; {error}", left=(fetch.mark,), host=str(fetch.host.address)
        ) from failed


# ------------------------------------------------------------------ until it is complete


def _wait(fetch: Fetch, failed: AgentFault | OutcomeUnknown | None, tell: Tell) -> None:
    """Wait until the file has its size; after a fault it has to have it at once.

    :raises AgentFault: it has not; it was removed.
    :raises OperationIncomplete: it is pending.
    """
    clock = fetch.operation.estate.clock
    before, deadline, poll = -1, clock.now() + STALLED, POLL[0]
    while True:
        unread: Ovm3Error | None = None
        size = before
        try:
            size = fetch.read_size()
        except Ovm3Error as error:
            unread = error
        if before < size <= fetch.size_bytes:
            before, deadline, poll = size, clock.now() + STALLED, POLL[0]
            tell(size, fetch.size_bytes)
        if size == fetch.size_bytes:
            return
        if isinstance(failed, AgentFault) and unread is None:
            _remove(fetch, size, failed)
            raise failed.with_state("nothing of it is left") from failed
        if size > fetch.size_bytes:
            raise fetch.pending(
                f"it has {bytes_text(size)} already, and {fetch.size_bytes} were expected"
            )
        if clock.now() >= deadline:
            what = (
                f"{max(size, 0)} of {fetch.size_bytes} bytes are there, no more for {STALLED:g} s"
            )
            raise fetch.pending("; ".join(str(one) for one in (failed, unread, what) if one))
        clock.sleep(poll)
        poll = min(poll * 1.5, POLL[1])


def _remove(fetch: Fetch, size: int, failed: Ovm3Error) -> None:
    """Remove what a fault has left, and its mark last. If the host fetches it after all, as it does
    with ISOs in the background, another mark says that it is not complete.

    :raises OperationIncomplete: something is left.
    """
    operation, host, repository = fetch.operation, fetch.host, fetch.repository
    if not size and fetch.folder != ISOS:
        return _remove_mark(fetch, failed)
    try:
        refused = begin_removal(operation, host, repository, fetch.path)
        if is_listed(list_whole(host, repository.id), fetch.path):
            snapshot = read_estate(operation.estate)
            delete_disk(operation, snapshot, repository, fetch.path, fetch.path)
        end_removal(operation, host, repository, fetch.path, refused)
    except Ovm3Error as error:
        raise operation.incomplete(
            f"{failed}. Removing what it has left failed too: {error}. What may be left: "
            f"{', '.join(fetch.left)}",
            left=fetch.left,
            host=str(host.address),
        ) from failed
