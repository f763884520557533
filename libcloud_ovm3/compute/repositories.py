"""Repositories: listing, making, attaching, detaching, renaming, deleting and refreshing them."""

from __future__ import annotations

from collections.abc import Sequence

from libcloud.compute.base import NodeLocation

from libcloud_ovm3 import estate, operations
from libcloud_ovm3.agent.address import parse_flag
from libcloud_ovm3.compute.base import OVM3Base
from libcloud_ovm3.compute.convert import object_id, object_ids
from libcloud_ovm3.compute.convert_repositories import to_repository
from libcloud_ovm3.compute.repository_types import OVM3Repository
from libcloud_ovm3.errors import Ovm3Error


class Repositories(OVM3Base):
    """The methods of the driver for repositories."""

    def ex_list_repositories(self, *, ex_strict: bool | str | None = None) -> list[OVM3Repository]:
        """All repositories of the estate, by name, and how full they are. Nothing is changed.

        What could not be read produces a warning, and so do exports that lie in each other.

        :param ex_strict: Whether to raise an error instead. (default: the driver's)
        :type ex_strict: ``bool``

        :raises Ovm3Error: No host responded; with ``ex_strict`` also what would be a warning.
        :return: The repositories; what is in their ``extra``: docs/repositories.md.
        :rtype: ``list`` of :class:`.OVM3Repository`
        """
        is_strict = self._is_strict(ex_strict)
        found = estate.repository_space.read_repository_spaces(self._estate)
        overlaps = dict.fromkeys(text for one in found.repositories for text in one.overlaps)
        if is_strict and (found.errors or overlaps):
            raise Ovm3Error("; ".join([*found.errors, *overlaps]), self)
        self._warn([*found.errors, *overlaps])
        return [to_repository(one, self) for one in found.repositories]

    def ex_create_repository(
        self,
        share: str,
        name: str,
        location: Sequence[NodeLocation | str] | NodeLocation | str | None = None,
    ) -> OVM3Repository:
        """Make a repository on an NFS export that has none, and attach it to all hosts.

        What is on the export is never overwritten: if there is a repository already, the error
        names its id, name and owner, and :meth:`ex_attach_repository` takes it over. The same call
        again completes one that was interrupted, and changes nothing if it is complete.

        :param share: The export, as ``server:/path``. (required)
        :type share: ``str``

        :param name: The name of the repository, which no other one has. (required)
        :type name: ``str``

        :param location: The hosts, or their ids, addresses or names.
            (default: all hosts, which must all respond)
        :type location: ``list`` of :class:`NodeLocation` or ``str``

        :raises InvalidArgument: The export or the name cannot be one.
        :raises NameTaken: Another repository has this name.
        :raises PreconditionFailed: There is a repository on the export, or the export lies in that
            of another one, or contains it; the hosts have no owner, or several; a host is
            unreachable. Nothing is changed.
        :raises AgentFault: A host refused; nothing is changed.
        :raises OperationIncomplete: What is made is unknown, or it is on some hosts only; ``left``
            names what there is.
        :return: The repository as it is now; ``extra["changed"]``: what was changed, host by host.
        :rtype: :class:`.OVM3Repository`
        """
        made, changes = operations.create_repository.create_repository(
            self._estate, share, name, object_ids(location)
        )
        return to_repository(made, self, changes)

    def ex_attach_repository(
        self,
        repository: OVM3Repository | str,
        location: Sequence[NodeLocation | str] | NodeLocation | str | None = None,
    ) -> OVM3Repository:
        """Attach an existing repository to the hosts that lack it, or take over one that no host
        knows, as that of a Manager that is gone. Its content stays as it is.

        :param repository: A repository, its id, its name, or its export as ``server:/path``; one
            that no host knows by its export only. (required)
        :type repository: :class:`.OVM3Repository` or ``str``

        :param location: The hosts, or their ids, addresses or names.
            (default: all hosts, which must all respond)
        :type location: ``list`` of :class:`NodeLocation` or ``str``

        :raises AmbiguousName: Several have this name.
        :raises SearchIncomplete: It was not found, but not everything could be read.
        :raises PreconditionFailed: There is none; its owner is not that of the hosts; a host is
            unreachable. Nothing is changed.
        :raises AgentFault: A host refused; it is as it was.
        :raises OperationIncomplete: Whether it is attached is unknown, or it is to some hosts only.
        :return: The repository as it is now; ``extra["changed"]``: what was changed, host by host.
        :rtype: :class:`.OVM3Repository`
        """
        attached, changes = operations.attach_repository.attach_repository(
            self._estate, object_id(repository), object_ids(location)
        )
        return to_repository(attached, self, changes)

    def ex_detach_repository(
        self,
        repository: OVM3Repository | str,
        location: Sequence[NodeLocation | str] | NodeLocation | str | None = None,
    ) -> bool:
        """Unmount a repository on hosts, and have them forget it. Its content stays.

        :param repository: A repository, its id, its name, or its export. (required)
        :type repository: :class:`.OVM3Repository` or ``str``

        :param location: The hosts, or their ids, addresses or names.
            (default: all hosts, which must all respond)
        :type location: ``list`` of :class:`NodeLocation` or ``str``

        :raises AmbiguousName: Several have this name.
        :raises SearchIncomplete: It was not found, but not everything could be read.
        :raises PreconditionFailed: There is none; or on one of these hosts a node runs with a file
            of it, or may, or the server pool has its file system there. Nothing is changed.
        :raises AgentFault: A host refused; it has it as before.
        :raises OperationIncomplete: Whether it is detached is unknown, or it is from some hosts
            only.
        :return: True: none of these hosts has it.
        :rtype: ``bool``
        """
        operations.detach_repository.detach_repository(
            self._estate, object_id(repository), object_ids(location)
        )
        return True

    def ex_rename_repository(self, repository: OVM3Repository | str, name: str) -> OVM3Repository:
        """Give a repository another name, on all hosts that have it.

        :param repository: A repository, its id, its name, or its export. (required)
        :type repository: :class:`.OVM3Repository` or ``str``

        :param name: Its new name, which no other one has. (required)
        :type name: ``str``

        :raises InvalidArgument: The name cannot be one.
        :raises NameTaken: Another repository has it.
        :raises AmbiguousName: Several have the old name.
        :raises SearchIncomplete: It was not found, but not everything could be read.
        :raises PreconditionFailed: There is no such repository; a host is unreachable.
        :raises AgentFault: A host refused; all have the old name.
        :raises OperationIncomplete: Which name a host has is unknown, or some have the new one.
        :return: The repository as it is now; ``extra["changed"]``: what was changed, host by host.
        :rtype: :class:`.OVM3Repository`
        """
        renamed, changes = operations.rename_repository.rename_repository(
            self._estate, object_id(repository), name
        )
        return to_repository(renamed, self, changes)

    def ex_delete_repository(
        self,
        repository: OVM3Repository | str,
        *,
        ex_erase: bool | str = False,
        ex_confirm: str | None = None,
    ) -> bool:
        """Delete a repository that has nothing of a node from all hosts. Its content stays, unless
        it is to be erased, which has to be said twice.

        :param repository: A repository, its id, its name, or its export. (required)
        :type repository: :class:`.OVM3Repository` or ``str``

        :param ex_erase: Whether to erase its templates and ISOs, and all else that is in it, for
            good. A host that has it mounted must have the host module. (default: False)
        :type ex_erase: ``bool``

        :param ex_confirm: Its id, once more: nothing is erased without it.
        :type ex_confirm: ``str``

        :raises InvalidArgument: It is to be erased, and ``ex_confirm`` is not its id.
        :raises AmbiguousName: Several have this name.
        :raises SearchIncomplete: It was not found, but not everything could be read.
        :raises PreconditionFailed: There is none; nodes, virtual disks, snapshots, seeds or images
            that are not complete are in it, or may be, or a node names a file of it; to erase it
            also: objects or key pairs are in it, or another share is mounted in its place; a host
            is unreachable. Nothing is changed.
        :raises AgentFault: A host refused; nothing is changed.
        :raises OperationIncomplete: Whether it is deleted is unknown, or it is so in part.
        :return: True: no host has it.
        :rtype: ``bool``
        """
        erase = parse_flag(ex_erase, "ex_erase")
        operations.delete_repository.delete_repository(
            self._estate, object_id(repository), erase, ex_confirm
        )
        return True

    def ex_refresh_repository(
        self,
        repository: OVM3Repository | str,
        location: Sequence[NodeLocation | str] | NodeLocation | str | None = None,
    ) -> OVM3Repository:
        """Mount a repository where a host knows it and has it not mounted, as after a reboot, and
        read it anew. Without the host module its export is also mounted for the storage plug-in,
        which reports sizes and deletes files only there.

        :param repository: A repository, its id, its name, or its export. (required)
        :type repository: :class:`.OVM3Repository` or ``str``

        :param location: The hosts, or their ids, addresses or names.
            (default: all hosts that respond)
        :type location: ``list`` of :class:`NodeLocation` or ``str``

        :raises AmbiguousName: Several have this name.
        :raises SearchIncomplete: It was not found, but not everything could be read.
        :raises PreconditionFailed: There is none, or something else is mounted in its place.
        :raises AgentFault: A host refused; it is as it was.
        :raises OperationIncomplete: Whether it is mounted is unknown, or it is on some hosts only.
        :return: The repository as it is now; ``extra["changed"]``: what was changed, host by host.
        :rtype: :class:`.OVM3Repository`
        """
        refreshed, changes = operations.refresh_repository.refresh_repository(
            self._estate, object_id(repository), object_ids(location)
        )
        return to_repository(refreshed, self, changes)
