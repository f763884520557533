"""Who uses a repository: on one host, and anywhere. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from libcloud_ovm3.agent import documents
from libcloud_ovm3.agent.identifiers import dashed
from libcloud_ovm3.errors import Ovm3Error
from libcloud_ovm3.estate.disk_names import marked_file
from libcloud_ovm3.estate.domains import Domain
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.shares import share_of

if TYPE_CHECKING:
    from libcloud_ovm3.agent.hostmodule_types import Holder
    from libcloud_ovm3.estate.disks import DiskUsage
    from libcloud_ovm3.estate.holders import HostHolders
    from libcloud_ovm3.estate.repositories import Repository
    from libcloud_ovm3.estate.vms import EstateSnapshot


def places_of(repository: Repository) -> tuple[str, ...]:
    """The directories by which a host has its files: its mount point, and where the storage plug-in
    mounts its export (:mod:`.mount_export`)."""
    return (repository.path, f"/nfsmnt/{dashed(repository.id)}")


def domains_in(domains: Iterable[Domain], places: Iterable[str]) -> list[str]:
    """Which of these domains have a disk or a boot file in one of these directories, or may."""
    found = []
    for domain in domains:
        named = repr((domain.disks, domain.parts))
        if any(f"{place}/" in named for place in places):
            found.append(f"{domain.label} uses a file of it")
        elif domain.disks_error:
            found.append(f"{domain.label} may use a file of it: {domain.disks_error}")
    return found


def users_on(
    snapshot: EstateSnapshot, repository: Repository, host: HostView, held: HostHolders
) -> Iterator[str]:
    """Why a repository is in use on a host, or may be. A VM is named once, with all that it uses.

    :param held: what the host module says of files that are held open.
    """
    places = places_of(repository)
    if host.domains_error:
        yield f"what runs on {host.label} is unknown: {host.domains_error}"
    named = set()
    for vm in snapshot.vms.values():
        is_defined = any(one.repository_id == repository.id for one in vm.definitions)
        if is_defined and any(one.host.id == host.id for one in vm.live):
            named.add(vm.id)
            yield f"VM {vm.label}, whose vm.cfg is in it, is live on {host.label}"
    others = [one for one in host.domains if one.uuid not in named]
    yield from (f"{who} ({host.label})" for who in domains_in(others, places))
    if held.error is not None:
        yield f"which files are held open on {host.label} is unknown: {held.error}"
    disks = {path for domain in host.domains for path in domain.disks}
    for holder in held.holders:
        if may_hold(holder, places) and holder.path not in disks:
            yield f"{holder.who} holds {holder.path or 'an unknown file'} open on {host.label}"
    yield from pool_uses(repository, host)


def may_hold(holder: Holder, places: Iterable[str]) -> bool:
    """Whether it holds a file in one of these directories, or may."""
    if holder.path is None:
        return True
    return any(holder.path.startswith(f"{place}/") for place in places)


def pool_uses(repository: Repository, host: HostView) -> Iterator[str]:
    """Why the file system of the host's server pool needs the export of a repository, or may."""
    try:
        found = documents.pool_filesystem(host.agent.poolfs.discover_pool_filesystem())
    except Ovm3Error as error:
        yield f"where the server pool of {host.label} has its file system is unknown: {error}"
        return
    own = share_of(repository.record.fs_location)
    if found is None or own is None or not found.target:
        return
    its = share_of(found.target)
    if its is not None and own.overlaps(its):
        yield f"the server pool of {host.label} has its file system at {its}"


def content_of(repository: Repository, usage: DiskUsage) -> Iterator[str]:
    """What of VMs is in a repository, or may be; and who else names a file of it."""
    if not repository.is_clear or repository.content is None:
        yield repository.error or f"what is in repository {repository.id} could not be read"
        return
    yield from repository.errors
    content = repository.content
    yield from _counted("VM", [one.name for one in content.virtual_machines])
    yield from _counted("virtual disk", content.virtual_disks)
    media = [*content.isos, *(file for one in content.templates for file in one.files)]
    yield from _counted("image that is not complete", filter(marked_file, media))
    yield from _counted("seed", [one.name for one in repository.seeds or ()])
    yield from _counted("file that is set aside", [str(one.path) for one in repository.aside])
    for path, users in usage.paths.items():
        others = [one for one in users if not one.startswith(f"{repository.id}/")]
        if others and path.startswith(f"{repository.path}/"):
            yield f"{', '.join(dict.fromkeys(others))} names {path}"
    yield from (f"it may be in use: {what}" for what in usage.unread)


def _counted(what: str, names: Iterable[str]) -> Iterator[str]:
    found = [name for name in names if name != ".ovsmeta"]
    if found:
        some = ", ".join(found[:3]) + (", …" if len(found) > 3 else "")
        noun, blank, more = what.partition(" that ")
        yield f"{len(found)} {noun}{'s' if len(found) > 1 else ''}{blank}{more} in it ({some})"
