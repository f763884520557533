"""Mounting a repository's export for the storage plug-in, which serves only what it has mounted."""

from __future__ import annotations

from libcloud_ovm3.errors import AgentFault, OutcomeUnknown
from libcloud_ovm3.estate.disks import FileSystem, export_of, mounted_file_system
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.repositories import Repository
from libcloud_ovm3.operations import doors


def mounted_export(host: HostView, repository: Repository) -> FileSystem:
    """The plug-in's file system for a repository on this host: an existing mount, or a new one.

    A mount is left as it is at the end: the next operation finds it.

    :raises PreconditionFailed: the repository is not on NFS.
    :raises Ovm3Error: the agent does not mount it.
    """
    export = export_of(repository)
    found = mounted_file_system(host, export)
    if found is not None:
        return found
    system = FileSystem(host, export.id, export.server)
    try:
        doors.mount_export(system, export.devices[0])
    except (AgentFault, OutcomeUnknown):
        found = mounted_file_system(host, export)
        if found is None or found.id != system.id:
            raise
    return system
