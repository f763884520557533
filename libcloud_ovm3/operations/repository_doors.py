"""The calls that mount, register and change repositories: a part of :mod:`.doors`, under the same
rules (agent-behaviour 5, 9.4).
"""

from __future__ import annotations

from libcloud_ovm3.agent.functions import NFS_PLUGIN
from libcloud_ovm3.errors import PreconditionFailed
from libcloud_ovm3.estate.disks import FileSystem
from libcloud_ovm3.estate.hosts import HostView, live_domains
from libcloud_ovm3.estate.repository_users import domains_in


def mount_repository(host: HostView, location: str, mount_point: str) -> None:
    """Mount an export where a repository has to be mounted."""
    host.agent.repository.mount_repository_fs(location, mount_point)


def unmount_repository(host: HostView, mount_point: str, places: tuple[str, ...]) -> None:
    """Unmount it; the agent refuses that while something holds a file of it open.

    :param places: the directories that must not be in use.
    :raises PreconditionFailed: a domain of this host uses one of them by now.
    """
    users = domains_in(live_domains(host), places)
    if users:
        raise PreconditionFailed(
            f"{mount_point} stays mounted on {host.label}: right before, {'; '.join(users)}"
        )
    host.agent.repository.unmount_repository_fs(mount_point)


def add_repository(host: HostView, location: str, mount_point: str) -> None:
    """Register the repository that is mounted there."""
    host.agent.repository.add_repository(location, mount_point)


def create_repository(
    host: HostView, location: str, mount_point: str, repository_id: str, name: str
) -> None:
    """Make a repository there, which faults if there is one."""
    host.agent.repository.create_repository(location, mount_point, repository_id, name)


def rename_repository(host: HostView, repository_id: str, name: str) -> None:
    """Change the name that the host has for a repository.

    That the call takes the field names of the agent's database (agent-behaviour 1) is not shown:
    whoever sends it reads the record back.
    """
    host.agent.repository.edit_repository_db(repository_id, {"alias": name})


def unregister_repository(host: HostView, repository_id: str) -> None:
    """Have the host forget a repository; its content stays."""
    host.agent.repository.delete_repository(repository_id, False)


def erase_repository(host: HostView, repository_id: str) -> None:
    """Delete all that is in a repository, and have the host forget it."""
    host.agent.repository.delete_repository(repository_id, True)


def unmount_export(system: FileSystem) -> None:
    """Have the storage plug-in unmount what it has mounted under ``/nfsmnt``."""
    ss, fs = system.structs(state=1)
    fs["access_path"] = system.device
    plugin = system.host.agent.storageplugin
    # What the last argument means is not known; it is what every client sends.
    plugin.storage_plugin_unmount(NFS_PLUGIN, ss, fs, f"/nfsmnt/{system.id}", True)
