"""Doctor checks of repositories: where each is mounted, and whether it can be listed.

Pure: no I/O. Sources: agent-behaviour.md, docs/guarantees.md.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from libcloud_ovm3.agent.texts import text_of
from libcloud_ovm3.diagnostics.collect import MemberData
from libcloud_ovm3.diagnostics.finding import Finding
from libcloud_ovm3.diagnostics.inventory import name_of
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.repositories import Repository
from libcloud_ovm3.estate.shares import overlaps_among
from libcloud_ovm3.estate.vms import EstateSnapshot


def check_repositories(snapshot: EstateSnapshot, host: HostView) -> Iterator[Finding]:
    """Check which repositories can be used, and from which hosts.

    :param host: the host whose owner the repositories should share.
    """
    if not snapshot.repositories:
        yield Finding(
            "warning",
            "repository",
            "no host reports a repository",
            "there is no storage for VMs, disks and templates",
            "`ovm3 repository create`, `ovm3 repository attach`",
        )
    overlaps = overlaps_among(snapshot.repositories).values()
    for text in dict.fromkeys(text for several in overlaps for text in several):
        yield Finding(
            "warning",
            "repository",
            f"exports of repositories overlap: {text}",
            "erasing one of them erases a part of the other, and its files are in both",
            "give each repository an export of its own",
        )
    for repository in snapshot.repositories:
        if repository.is_clear:
            yield _check_use(repository, snapshot)
        if repository.content is not None or not repository.is_clear:
            for error in repository.errors:
                yield _report_error(repository, error)
        yield from _report_set_aside(repository)
        owner = repository.record.manager_uuid
        if owner and host.server.manager_uuid and owner != host.server.manager_uuid:
            yield Finding(
                "warning",
                "repository",
                f"{_label(repository)} is owned by {owner}, the host by {host.server.manager_uuid}",
                "adding or creating a repository under another owner fails",
                "give host and repository the same owner before changing either",
            )


def _check_use(repository: Repository, snapshot: EstateSnapshot) -> Finding:
    mounted = [name_of(view) for view in repository.mounted_on]
    unmounted = [
        name_of(view)
        for view in snapshot.hosts
        if view not in repository.mounted_on and view.repositories_error is None
    ]
    record = repository.record
    label = f"{_label(repository)} ({record.fs_type} {record.fs_location})"
    if not mounted:
        return Finding(
            "error",
            "repository",
            f"{label} is not mounted on any reachable host",
            "its VMs, disks and templates cannot be seen, and its VMs cannot be started",
            f"check that the storage is available, then for each host "
            f"`{_mount_command(repository)}`",
        )
    if repository.content is None:
        return Finding(
            "error",
            "repository",
            f"{label} cannot be listed: {repository.error}",
            "its VMs, disks and templates cannot be seen; the mount may be stale",
            "check the storage server, then the mount on the host",
        )
    if unmounted:
        return Finding(
            "warning",
            "repository",
            f"{label} is mounted on {', '.join(mounted)}, not on {', '.join(unmounted)}",
            "its VMs cannot be started on, or migrated to, the hosts without it",
            f"`{_mount_command(repository)}`",
        )
    unknown = [view for view in snapshot.hosts if view not in repository.mounted_on]
    where = ", ".join(mounted) if unknown else "every reachable host"
    return Finding("ok", "repository", f"{label} is mounted on {where}")


def _report_error(repository: Repository, error: str) -> Finding:
    if repository.is_clear:
        means = (
            "it may contain VMs, or be used by VMs, that are not visible here, so no disk is "
            "deleted"
        )
        advice = ""
    else:
        means = "it is not certain which files belong to it, so nothing on either is changed"
        advice = (
            "a repository id must refer to one file system: give a copy a new id, or unmount it"
        )
    return Finding("error", "repository", f"{_label(repository)}: {error}", means, advice)


def _report_set_aside(repository: Repository) -> Iterator[Finding]:
    for file in repository.aside:
        words = ["ovm3", "disk", "put-back", text_of(file.path), file.operation]
        command = f"`{shlex.join(words)}`"
        if isinstance(file.path, bytes):  # no argument of a command can be relied upon to hold it
            command = f"from Python, ex_put_back({file.path!r}, {file.operation!r})"
        yield Finding(
            "warning",
            "repository",
            f"{_label(repository)}: {file.path!r} was set aside by a deletion that may have been "
            f"interrupted",
            "the file is complete and blocks nothing; whether it was to be deleted is not known",
            f"to restore it: {command}",
        )


def _mount_command(repository: Repository) -> str:
    """Return the command that mounts and registers it where that is missing, quoted for a shell."""
    return shlex.join(["ovm3", "repository", "attach", repository.id])


def _label(repository: Repository) -> str:
    alias = repository.record.alias
    return f"{alias!r} {repository.id}" if alias else repository.id


def check_mounts(members: Sequence[MemberData], snapshot: EstateSnapshot) -> Iterator[Finding]:
    """Report hosts that cannot list a repository which others can: no listing shows that."""
    readable = {one.key: one for one in snapshot.repositories if one.content is not None}
    for member in members:
        for key, error in member.repository_errors.items():
            if key in readable:
                yield Finding(
                    "error",
                    "repository",
                    f"{name_of(member.view)} has repository {readable[key].id} mounted but cannot "
                    f"list it: {error}",
                    "its VMs cannot be started on this host nor, where the host module must check "
                    "their disks, elsewhere; the mount may be stale",
                    "check the mount on this host, and its network path to the storage server",
                )
