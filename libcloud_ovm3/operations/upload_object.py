"""Uploading an object: the old content or the new one, never half of it.

Everything is sent into a temporary first (:mod:`.send_file`), which one call then makes the object.
After a failure that call is not repeated: the unfinished uploads and the object tell what has
become of it. A client that dies leaves a temporary that ``ex_list_uploads`` shows; ``ex_resume``
goes on with it under another id: so of several clients that do, or are taken for dead, only one
writes to it.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from libcloud_ovm3.errors import (
    NEVER_SENT,
    AgentFault,
    AmbiguousName,
    OutcomeUnknown,
    Ovm3Error,
    PreconditionFailed,
)
from libcloud_ovm3.estate.objects import (
    Container,
    StoredObject,
    find_object,
    module_of,
    read_uploads,
    stored,
)
from libcloud_ovm3.operations import object_doors
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.own_files import finish_replacement, require_place
from libcloud_ovm3.operations.send_file import Progress, Sent, send_file
from libcloud_ovm3.progress import waiting
from libcloud_ovm3.storage_errors import ContainerNotFound, ObjectNotFound

if TYPE_CHECKING:
    from libcloud_ovm3.agent.object_types import ObjectRecord, UploadEntry
    from libcloud_ovm3.estate.members import Estate
    from libcloud_ovm3.operations.file_sources import Source


@dataclass(frozen=True)
class UploadOptions:
    """How an object is uploaded.

    :ivar verify: Whether the host computes the sums of all blocks before it is committed.
    :ivar resume: True: go on with an unfinished upload of the same name and size, if there is one;
        a text: with the one that has this id.
    :ivar progress: Called with the bytes that are there, and the size or None, after each block.
    """

    verify: bool = True
    resume: bool | str = False
    progress: Progress | None = None


def upload_object(
    estate: Estate,
    container: Container,
    name: str,
    source: Source,
    describe: ObjectRecord,
    options: UploadOptions = UploadOptions(),
) -> StoredObject:
    """Upload an object. The caller closes the source.

    :param describe: what is recorded with it; its MD5 is put in here.
    :raises InvalidArgument: the object cannot have this name, or the source is none.
    :raises PreconditionFailed: somebody needs the file that would be replaced, the source was
        changed while it was read, or the host module is missing. Nothing has changed.
    :raises ObjectHashMismatch: what arrived is not what was sent. Nothing has changed.
    :raises AgentFault: the host refused. Nothing has changed.
    :raises OperationIncomplete: whether it is there is unknown, or the upload was interrupted;
        names the unfinished upload.
    """
    module_of(container, f"object {name!r} was not uploaded")
    replaced = require_place(estate, container, name)
    unfinished = _unfinished(estate, container, name, source, options.resume)
    operation, label = Operation(estate), f"object {name!r} of {container.label}"
    if unfinished is None:
        _begin(operation, container, name, source.size_bytes, label)
    else:
        _adopt(operation, container, unfinished.operation, label)
    try:
        sent = send_file(
            operation,
            container,
            name,
            source,
            is_resumed=unfinished is not None,
            verify=options.verify,
            progress=options.progress,
        )
    except (OutcomeUnknown, *NEVER_SENT) as failed:
        raise _interrupted(operation, label, failed) from failed
    except Exception as failed:
        _withdraw(operation, container, label, failed)
        if isinstance(failed, AgentFault):
            raise failed.with_state(f"{label} is as it was") from failed
        raise
    return _commit(operation, container, name, sent, describe, replaced)


# ------------------------------------------------------------------ beginning


def _unfinished(
    estate: Estate, container: Container, name: str, source: Source, wanted: bool | str
) -> UploadEntry | None:
    """The unfinished upload to go on with.

    :raises PreconditionFailed: there is none of this id, or somebody may be writing to it.
    :raises AmbiguousName: there are several.
    """
    if not wanted:
        return None
    found = [one for one in read_uploads(container) if not one.error and one.name == name]
    if isinstance(wanted, str):
        found = [one for one in found if one.operation == wanted]
        if not found:
            raise PreconditionFailed(
                f"ex_resume {wanted!r}: there is no unfinished upload of object {name!r} with this "
                f"id in {container.label}; ex_list_uploads lists them"
            )
    found = [one for one in found if one.size_bytes == source.size_bytes]
    if len(found) > 1:
        several = ", ".join(one.operation for one in found)
        raise AmbiguousName(
            f"ex_resume: object {name!r} of {container.label} has several unfinished uploads "
            f"({several}): name one of them, or delete those that are not wanted (ex_delete_upload)"
        )
    if not found:
        if isinstance(wanted, str):
            raise PreconditionFailed(
                f"ex_resume {wanted!r}: that upload was begun with a file of another size"
            )
        return None
    _require_still(estate, container, found[0])
    return found[0]


def _require_still(estate: Estate, container: Container, upload: UploadEntry) -> None:
    """Whether nobody writes to an unfinished upload, as far as some seconds can show."""
    with waiting(f"upload {upload.operation}: reading its size again in {estate.second_look:g} s"):
        estate.clock.sleep(estate.second_look)
    if upload not in read_uploads(container):
        raise _goes_on(upload.operation, f"object {upload.name!r}")


def _goes_on(upload: str, label: str) -> PreconditionFailed:
    return PreconditionFailed(
        f"ex_resume: upload {upload} of {label} goes on at this moment, or has just ended"
    )


def _adopt(operation: Operation, container: Container, upload: str, label: str) -> None:
    """Make an unfinished upload that of this operation; after a failure it counts if it is seen.

    :raises PreconditionFailed: another client has it.
    """
    try:
        object_doors.adopt_upload(operation, container, upload)
    except (AgentFault, OutcomeUnknown) as failed:
        if _is_unfinished(operation, container, label, failed):
            return
        if isinstance(failed, AgentFault):
            if failed.kind.endswith((".NotFound", ".Conflict")):
                raise _goes_on(upload, label) from failed
            raise failed.with_state(f"{label} and its upload are as they were") from failed
        raise operation.incomplete(
            f"{label} was not uploaded: {failed}. Its upload is left, as {upload}, or as "
            f"{operation.id} if the request arrives later",
            left=(upload, operation.id),
        ) from failed


def _begin(
    operation: Operation, container: Container, name: str, size_bytes: int, label: str
) -> None:
    """Begin; after a failure it counts if the upload is seen to be there, and not half of it."""
    try:
        object_doors.begin_upload(operation, container, name, size_bytes)
    except (AgentFault, OutcomeUnknown) as failed:
        begun = _find_unfinished(operation, container, label, failed)
        if begun is not None and not begun.error:
            return
        if not isinstance(failed, AgentFault):
            raise _interrupted(operation, label, failed) from failed
        if begun is not None:
            _withdraw(operation, container, label, failed)
        read_uploads(container)  # which says so if there is no such container
        raise failed.with_state(f"{label} is as it was") from failed


def _is_unfinished(
    operation: Operation, container: Container, label: str, failed: Ovm3Error
) -> bool:
    """Whether the upload of this operation is there, or half of it, read now.

    :raises OperationIncomplete: that cannot be read.
    """
    return _find_unfinished(operation, container, label, failed) is not None


def _find_unfinished(
    operation: Operation, container: Container, label: str, failed: Ovm3Error
) -> UploadEntry | None:
    try:
        return _find_listed(container, operation.id)
    except ContainerNotFound:
        return None
    except Ovm3Error as error:
        raise operation.incomplete(
            f"{label}: {failed}; what has become of it cannot be read: {error}",
            left=(operation.id,),
        ) from failed


def _find_listed(container: Container, upload: str) -> UploadEntry | None:
    """The upload of this id, if there is one.

    :raises Ovm3Error: the list has an end, and it is not up to there.
    """
    found = read_uploads(container)
    for one in found:
        if one.operation == upload:
            return one
    for one in found:
        if not one.operation:
            raise Ovm3Error(
                f"{container.label}: not all unfinished uploads are listed ({one.error}): delete "
                f"some of those that are (ex_list_uploads, ex_delete_upload)"
            )
    return None


# ------------------------------------------------------------------ the end


def _commit(
    operation: Operation,
    container: Container,
    name: str,
    sent: Sent,
    describe: ObjectRecord,
    replaced: str | None,
) -> StoredObject:
    label = f"object {name!r} of {container.label}"
    record = replace_md5(describe, sent.md5)
    try:
        entry = object_doors.commit_upload(
            operation, container, name, sent.size_bytes, record, replaced is not None
        )
    except (AgentFault, OutcomeUnknown) as failed:
        found = _committed(operation, container, name, sent, record, failed)
    except NEVER_SENT as failed:
        raise _interrupted(operation, label, failed) from failed
    except Exception as failed:  # it was not sent either, and would not be if it were resumed
        _withdraw(operation, container, label, failed)
        raise
    else:
        found = stored(container, entry)
    if replaced is not None:
        finish_replacement(operation, container, replaced, label)
    return found


def replace_md5(record: ObjectRecord, md5: str) -> ObjectRecord:
    """The same record with another MD5."""
    return type(record)(md5, record.content_type, record.content_encoding, record.meta_data)


def _committed(
    operation: Operation,
    container: Container,
    name: str,
    sent: Sent,
    record: ObjectRecord,
    failed: AgentFault | OutcomeUnknown,
) -> StoredObject:
    """The object, if it is there although the call failed.

    :raises AgentFault: it is not, and nothing has changed.
    :raises OperationIncomplete: it is not, but may still come; or what has happened is unknown.
    """
    label = f"object {name!r} of {container.label}"
    if _is_unfinished(operation, container, label, failed):
        if isinstance(failed, AgentFault):
            _withdraw(operation, container, label, failed)
            raise failed.with_state(f"{label} is as it was") from failed
        raise _interrupted(operation, label, failed) from failed
    try:
        found = find_object(container, name)
        if (found.size_bytes, found.record) == (sent.size_bytes, record):
            return found
        why = "another client may have uploaded it at the same time, or deleted the upload"
    except ObjectNotFound:
        why = "it is not there: another client may have deleted it, or the upload"
    except Ovm3Error as error:
        why = f"it cannot be read: {error}"
    raise operation.incomplete(
        f"{label} was uploaded, but whether it became the object is unknown ({failed}); {why}",
        left=(posixpath.join(container.name, name),),
    ) from failed


def _interrupted(operation: Operation, label: str, failed: Ovm3Error) -> Ovm3Error:
    return operation.incomplete(
        f"{label} was not uploaded: {failed}. Upload {operation.id} may be left: ex_resume goes on "
        f"with it, and ex_delete_upload deletes it",
        left=(operation.id,),
    )


def _withdraw(operation: Operation, container: Container, label: str, failed: Exception) -> None:
    """Delete what was sent, after a failure that is certain.

    :raises OperationIncomplete: it may be left.
    """
    try:
        delete_upload(operation, container, operation.id)
    except Ovm3Error as error:
        raise operation.incomplete(
            f"{label} was not uploaded: {failed}. Upload {operation.id} may be left "
            f"(ex_list_uploads): {error}",
            left=(operation.id,),
        ) from failed


def delete_upload(operation: Operation, container: Container, upload: str) -> None:
    """Delete an unfinished upload; after a failure it counts only if it is seen to be gone.

    :param upload: its id.
    :raises AgentFault: the host refused; it is there.
    :raises OperationIncomplete: whether it is there is unknown.
    """
    label = f"upload {upload} of {container.label}"
    try:
        object_doors.delete_upload(operation, container, upload)
    except (AgentFault, OutcomeUnknown) as failed:
        there = Operation(operation.estate, id=upload)
        if not _is_unfinished(there, container, label, failed):
            return
        if isinstance(failed, AgentFault):
            raise failed.with_state(f"{label} is still there") from failed
        raise operation.incomplete(
            f"{label}: the request to delete it was sent once and got no response; it is still "
            f"there",
            left=(upload,),
        ) from failed


def delete_unfinished(estate: Estate, container: Container, upload: str) -> None:
    """Delete an unfinished upload that a user names.

    :param upload: its id.
    :raises PreconditionFailed: there is none of this id.

    What else is raised: as by :func:`delete_upload`.
    """
    if _find_listed(container, upload) is None:
        raise PreconditionFailed(
            f"there is no unfinished upload {upload!r} in {container.label}; ex_list_uploads lists "
            f"them"
        )
    delete_upload(Operation(estate), container, upload)
