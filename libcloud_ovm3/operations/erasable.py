"""Whether a repository may be erased: its own share is mounted where it is erased, and nothing is
in it that was not there, or not meant, when the user said so. Reads only.

It is all read twice: before anything is changed, and right before the request. What comes into it
after that is erased, as the agent locks nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from libcloud_ovm3.errors import AgentFault, Ovm3Error, PreconditionFailed
from libcloud_ovm3.estate.disks import read_disk_usage
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.key_pairs import keys_in
from libcloud_ovm3.estate.repositories import Repository
from libcloud_ovm3.estate.repository_users import content_of
from libcloud_ovm3.estate.shares import RECORD, label_of, overlaps_among, share_of
from libcloud_ovm3.estate.vms import EstateSnapshot, read_estate
from libcloud_ovm3.operations import repository_steps as steps
from libcloud_ovm3.operations.operation import Operation

# What a repository has at its root (agent-behaviour 4), and what NFS servers put there.
_OWN = frozenset(
    "Assemblies ISOs Templates VirtualDisks VirtualMachines .ovsrepo .ovsmeta .generic_fs_stamp "
    ".libcloud-ovm3 lost+found .snapshot".split()
)
_EMPTY = frozenset((".generic_fs_stamp", "lost+found", ".snapshot"))  # and what erased ones have
_OURS = ".libcloud-ovm3/containers"  # what programs have stored in it (docs/storage.md)
_JOBS = ".libcloud-ovm3/jobs"
_OWN_CONTAINER = "repository"  # where those are that are in no plain container


def require_empty(repository: Repository, reasons: Sequence[str]) -> None:
    """Check that there is no reason to leave a repository as it is.

    :raises PreconditionFailed: there is one.
    """
    if reasons:
        raise PreconditionFailed(
            f"{label_of(repository)} was left as it is: {'; '.join(dict.fromkeys(reasons))}"
        )


def eraser_of(snapshot: EstateSnapshot, repository: Repository) -> HostView:
    """The host that erases it: one that can tell what else is on the share.

    :raises PreconditionFailed: there is none, or there is more than a repository has.
    """
    host = next((one for one in repository.mounted_on if one.module is not None), None)
    if host is None:
        raise PreconditionFailed(
            f"{label_of(repository)} was left as it is: erasing it takes all that is on its share, "
            f"and only the host module can tell what that is: no host that has it mounted has it "
            f"(`ovm3 host install`)"
        )
    require_empty(repository, list(_obstacles(snapshot, repository, host)))
    return host


def require_as_before(
    operation: Operation, repository: Repository, host: HostView, erase: bool
) -> None:
    """Check once more, right before the last host loses it.

    :param repository: as it was read before anything was changed.
    :param erase: whether it loses its content, too.
    :raises PreconditionFailed: another host has it again, there is something else in it than
        before, or that cannot be read.
    """
    snapshot = read_estate(operation.estate)
    reasons = [str(one.reason) for one in snapshot.unreachable]
    for other in snapshot.hosts:
        if other.address != host.address:
            records = [one for one in other.repositories if one.key == repository.key]
            reasons += [f"{other.label} has it"] * bool(records)
    now = next((one for one in snapshot.repositories if one.key == repository.key), None)
    if now is None:
        reasons.append(f"{host.label} does not have it any more")
    else:
        reasons += content_of(now, read_disk_usage(snapshot))
        if erase and now.content != repository.content:
            reasons.append("there is something else in it than before")
        reasons += _obstacles(snapshot, now, host) if erase else ()
    if reasons:
        what = "was not erased" if erase else f"stays on {host.label}"
        raise PreconditionFailed(
            f"{label_of(repository)} {what}: right before, {'; '.join(dict.fromkeys(reasons))}"
        )


def _obstacles(snapshot: EstateSnapshot, repository: Repository, host: HostView) -> Iterator[str]:
    """Why all that is on the share is more than this repository, or may be."""
    yield from overlaps_among(snapshot.repositories).get(repository.key, ())
    try:
        yield from _another_share(host, repository)
        yield from _strangers(host, repository)
    except Ovm3Error as error:
        yield f"what is on its share is unknown: {error}"
    keys, errors = keys_in(repository)
    if keys:
        names = ", ".join(one.name for one in keys[:3]) + (", …" if len(keys) > 3 else "")
        yield f"{len(keys)} key pair{'s' * (len(keys) > 1)} in it ({names}): delete_key_pair first"
    yield from errors


def _another_share(host: HostView, repository: Repository) -> Iterator[str]:
    """Whether something else is mounted where the host has this repository: the agent erases what
    is there, whatever it is.
    """
    own = share_of(repository.record.fs_location)
    device = steps.device_at(host, repository.path) if own else None
    its = share_of(device or "")
    if own and not (its and its.is_same(own)):
        yield f"{host.label} has {device or 'nothing'} mounted at {repository.path}, not {own}"
    found = steps.read_record(host, repository.path)
    if found is None or found.id != repository.key:
        what = found.described() if found else "no repository"
        yield f"at {repository.path} on {host.label} is {what}, as {RECORD} there says"


def _strangers(host: HostView, repository: Repository) -> Iterator[str]:
    """What is on the share that is no part of a repository, or that programs have stored there."""
    assert host.module is not None
    page = host.module.list_files(repository.path)
    found = [one.name for one in page.entries if one.name not in _OWN]
    if found:
        yield f"{', '.join(found)} is on its share, too"
    if page.after:
        yield "there are more than 1000 names on its share"
    for job in _running_jobs(host, repository):
        yield f"a file is being copied into it (job {job})"
    if _has_objects(host, repository):
        yield "programs have stored objects in it (the storage driver lists them)"


def _running_jobs(host: HostView, repository: Repository) -> Iterator[str]:
    """The jobs of the host module that copy something into it: their files have no names yet."""
    assert host.module is not None
    for job in names_in(host, f"{repository.path}/{_JOBS}"):
        try:
            if host.module.job_status(repository.path, job)["state"] == "running":
                yield job
        except AgentFault as fault:
            if not fault.kind.endswith(".NotFound"):  # it was pruned meanwhile
                raise


def _has_objects(host: HostView, repository: Repository) -> bool:
    """Whether there are plain containers, objects, or uploads that are not complete."""
    folder = f"{repository.path}/{_OURS}"
    names = names_in(host, folder)
    own = [f"{folder}/{_OWN_CONTAINER}/{part}" for part in ("data", "uploads")]
    return bool(set(names) - {_OWN_CONTAINER}) or any(names_in(host, path) for path in own)


def names_in(host: HostView, folder: str) -> list[str]:
    """The names in a folder, by the host module; none, if there is no such folder."""
    assert host.module is not None
    try:
        return [one.name for one in host.module.list_files(folder).entries]
    except AgentFault as fault:
        if fault.kind.endswith(".NotFound"):
            return []
        raise


def require_erased(host: HostView, directory: str) -> None:
    """Check that nothing is left on a share that no host has registered.

    :raises PreconditionFailed: there is something, or only the host module can tell.
    """
    if host.module is None:
        raise PreconditionFailed(
            f"{host.label}: what is mounted at {directory} is registered by no host, and whether "
            f"it is erased only the host module can tell (`ovm3 host install`)"
        )
    left = sorted(set(names_in(host, directory)) - _EMPTY)
    if left:
        raise PreconditionFailed(
            f"{host.label}: what is mounted at {directory} is registered by no host, and was not "
            f"erased: {', '.join(left[:10])} is there. ex_attach_repository registers a repository "
            f"that is on an export, and then it can be deleted"
        )
