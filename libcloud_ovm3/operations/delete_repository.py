"""Deleting a repository: from all hosts, and with its content only if the user says so twice."""

from __future__ import annotations

from functools import partial

from libcloud_ovm3.agent.identifiers import undashed
from libcloud_ovm3.errors import AgentFault, InvalidArgument, OutcomeUnknown, Ovm3Error
from libcloud_ovm3.estate.disks import read_disk_usage, read_mounts
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.repositories import Repository, list_whole
from libcloud_ovm3.estate.repository_users import content_of
from libcloud_ovm3.estate.shares import RECORD, is_share, label_of, parse_share, share_of
from libcloud_ovm3.estate.vms import EstateSnapshot, read_estate
from libcloud_ovm3.operations import repository_doors
from libcloud_ovm3.operations import repository_steps as steps
from libcloud_ovm3.operations.detach_repository import (
    detach_from,
    require_unused_on,
    unmount_from,
)
from libcloud_ovm3.operations.erasable import (
    eraser_of,
    require_as_before,
    require_empty,
    require_erased,
)
from libcloud_ovm3.operations.known_repositories import find_known
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.placement import chosen_views
from libcloud_ovm3.operations.repository_steps import RepositoryChange
from libcloud_ovm3.progress import waiting

_ALL = "a repository is deleted only while all hosts respond, as VMs on any may need it"


def delete_repository(
    estate: Estate, repository: str, erase: bool, confirm: str | None
) -> list[RepositoryChange]:
    """Delete a repository that has nothing of a VM.

    :param repository: its id, its name, or its export.
    :param erase: whether to erase its content, too.
    :param confirm: its id, once more, to erase.
    :return: what was changed.
    :raises InvalidArgument: it is to be erased, and ``confirm`` is not its id.
    :raises PreconditionFailed: there is none, something of a VM is in it, or may be, or something
        uses it; nothing was changed.
    :raises AgentFault: a host refused; nothing is changed.
    :raises OperationIncomplete: whether it is deleted is unknown, or it is so in part.
    """
    operation = Operation(estate)
    snapshot = read_estate(estate)
    chosen_views(snapshot.hosts, snapshot.unreachable, None, but=_ALL)
    left = unmount_left(operation, snapshot, repository, erase)
    if left:
        return left
    found = find_known(snapshot, repository)
    _require_told_twice(found, erase, confirm)
    own = [h for h in snapshot.hosts if any(one.key == found.key for one in h.repositories)]
    require_unused_on(estate, snapshot, found, own)
    if erase or found.mounted_on:  # else hosts only forget it, as by detaching it
        require_empty(found, [*content_of(found, read_disk_usage(snapshot))])
    last = eraser_of(snapshot, found) if erase else next(iter(found.mounted_on), None)
    done: list[RepositoryChange] = []
    with waiting(f"deleting {label_of(found)}"):
        others = [host for host in own if last is None or host.address != last.address]
        steps.on_each(operation, others, partial(detach_from, operation, found), done)
        if last is not None:
            end = partial(_erase if erase else _detach_last, operation, found)
            steps.on_each(operation, [last], end, done)
    return done


def _require_told_twice(repository: Repository, erase: bool, confirm: str | None) -> None:
    if erase and undashed(confirm or "") != repository.key:
        raise InvalidArgument(
            f"{label_of(repository)} was left as it is: its content is erased for good only if "
            f"ex_confirm is its id, too: ex_erase=True, ex_confirm={repository.id!r}"
        )
    if confirm and not erase:
        raise InvalidArgument("ex_confirm: only ex_erase needs it")


def _detach_last(
    operation: Operation, repository: Repository, host: HostView, made: list[str]
) -> None:
    """Detach it from the last host that has it mounted, if nothing of a VM came into it meanwhile:
    nobody would see that any more.
    """
    require_as_before(operation, repository, host, erase=False)
    detach_from(operation, repository, host, made)


def _erase(operation: Operation, repository: Repository, host: HostView, made: list[str]) -> None:
    """Erase it, and unmount what is then an empty share.

    :param made: gets the steps that were made.
    :raises PreconditionFailed: something came into it meanwhile.
    :raises OperationIncomplete: part of it may be erased.
    """
    require_as_before(operation, repository, host, erase=True)
    failed: AgentFault | OutcomeUnknown | None = None
    try:
        repository_doors.erase_repository(host, repository.id)
    except (AgentFault, OutcomeUnknown) as error:
        failed = error
    _require_erased(operation, host, repository, failed)
    made.append("erased")
    unmount_from(operation, repository, host, made)


def _require_erased(
    operation: Operation,
    host: HostView,
    repository: Repository,
    failed: AgentFault | OutcomeUnknown | None,
) -> None:
    """Look whether nothing is left.

    :raises AgentFault: it was refused, and all is as it was, as far as its listing tells.
    :raises OperationIncomplete: something is left, or that cannot be read.
    """
    assert host.module is not None
    why = str(failed or "the host reported success")
    try:
        is_known = steps.record_of(host, repository.id) is not None
        names = [one.name for one in host.module.list_files(repository.path).entries]
        if not is_known and RECORD not in names:
            return
        is_as_before = is_known and list_whole(host, repository.id) == repository.content
    except Ovm3Error as error:
        why, is_as_before = f"{why}, and what is left cannot be read: {error}", False
    if isinstance(failed, AgentFault) and is_as_before:
        raise failed.with_state("it was not erased: it is listed as before") from failed
    raise operation.incomplete(
        f"{label_of(repository)} may be erased in part by {host.label}, or may still be erased: "
        f"{why}. Look at its share before the call is repeated",
        left=(label_of(repository),),
        host=str(host.address),
    ) from failed


# ------------------------------------------------------------------ after an interruption


def unmount_left(
    operation: Operation, snapshot: EstateSnapshot, text: str, erase: bool
) -> list[RepositoryChange]:
    """Unmount what an interrupted deletion has left mounted: no host has it registered any more.

    :param text: the id of the repository, or its export.
    :param erase: whether its content was to be erased, too.
    :raises PreconditionFailed: it was to be, and was not.
    """
    share = parse_share(text) if is_share(text) else None
    point = steps.mount_point_of(undashed(text) or "")
    known = [record for host in snapshot.hosts for record in host.repositories]
    done: list[RepositoryChange] = []

    def unmount(host: HostView, made: list[str]) -> None:
        for one in read_mounts(host):
            its = share_of(one.device)
            is_meant = one.directory == point or bool(share and its and its.is_same(share))
            is_left = one.directory.startswith("/OVS/Repositories/") and not any(
                record.mount_point.rstrip("/") == one.directory for record in known
            )
            if is_meant and is_left:
                if erase:
                    require_erased(host, one.directory)
                steps.unmount(operation, host, one.directory)
                made.append("unmounted")

    if (share or undashed(text)) and not any(
        ((its := share_of(one.fs_location)) and share and its.is_same(share))
        or one.key == undashed(text)
        for one in known
    ):
        steps.on_each(operation, snapshot.hosts, unmount, done)
    return done
