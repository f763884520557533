"""Volumes: virtual disks in the repositories, and physical disks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from libcloud.compute.base import Node, NodeImage, NodeLocation, StorageVolume, VolumeSnapshot

from libcloud_ovm3 import estate, operations
from libcloud_ovm3.agent.address import parse_flag
from libcloud_ovm3.compute.base import OVM3Base
from libcloud_ovm3.compute.convert import object_id
from libcloud_ovm3.compute.convert_volumes import to_volume

if TYPE_CHECKING:
    from libcloud_ovm3.operations.plan_disk import DiskPlan


class Volumes(OVM3Base):
    """The volume methods of the driver."""

    def list_volumes(self, *, ex_sizes: bool | str = True) -> list[StorageVolume]:
        """All volumes of the estate, sorted by name. Unreachable hosts produce a warning.

        CD media and snapshots are no volumes.

        :param ex_sizes: Whether to read sizes: one call per disk where no host has the host module.
            False: they are not known (``extra["size_bytes"]`` is None).
        :type ex_sizes: ``bool``

        :raises InvalidArgument: ``ex_sizes`` is no flag.
        :raises Ovm3Error: No host responded.
        :rtype: ``list`` of :class:`StorageVolume`
        """
        found = estate.volumes.read_volumes(self._estate, parse_flag(ex_sizes, "ex_sizes"))
        found = estate.volumes.with_doubts_of_hosts(self._estate, found)
        self._warn([*found.estate.errors(), *found.estate.notices(), *found.errors])
        return [to_volume(volume, self) for volume in found.volumes]

    def ex_list_volumes(self, node: Node | str) -> list[StorageVolume]:
        """The volumes of one node, in its vm.cfg or in its live domain.

        :param node: A node, or its id. (required)
        :type node: :class:`Node` or ``str``

        :raises NodeNotFound: There is no such node.
        :raises SearchIncomplete: It was not found, but not everything could be read.
        :rtype: ``list`` of :class:`StorageVolume`
        """
        found = estate.volumes.read_volumes(self._estate, False)
        vm = found.estate.vm(object_id(node))
        volumes, errors = estate.volumes.add_sizes(found.of_vm(vm))
        self._warn([*found.estate.errors(), *found.estate.notices(), *found.errors, *errors])
        return [to_volume(volume, self) for volume in volumes]

    def ex_get_volume(self, volume: StorageVolume | str) -> StorageVolume:
        """One volume, read anew.

        :param volume: A volume, or its id. (required)
        :type volume: :class:`StorageVolume` or ``str``

        :raises VolumeNotFound: There is no such volume.
        :raises SearchIncomplete: It was not found, but not everything could be read.
        :rtype: :class:`StorageVolume`
        """
        found = estate.volumes.read_volumes(self._estate, False)
        only = replace(found, volumes=(found.volume(object_id(volume)),))
        only = estate.volumes.with_doubts_of_hosts(self._estate, only)
        [one], errors = estate.volumes.add_sizes(only.volumes)
        self._warn([*found.estate.errors(), *found.estate.notices(), *found.errors, *errors])
        return to_volume(one, self)

    def create_volume(
        self,
        size: float | None,
        name: str,
        location: NodeLocation | str | None = None,
        snapshot: VolumeSnapshot | str | None = None,
        *,
        ex_size_bytes: int | None = None,
        ex_repository: str | None = None,
    ) -> StorageVolume:
        """Create an empty, sparse virtual disk, or a copy of a snapshot.

        :param size: In GB (2^30 bytes). Of a copy, the size of the snapshot in GB leaves it as
            large as it is; more needs the host module, less is an error. None: of an empty one
            ``ex_size_bytes``, of a copy the size of the snapshot. (required)
        :type size: ``int`` or ``float``, GB

        :param name: Its name, which is part of its file name; others may have the same. (required)
        :type name: ``str``

        :param location: A host that has to have its repository mounted, or its id.
        :type location: :class:`NodeLocation` or ``str``

        :param snapshot: The snapshot to copy, or its id.
        :type snapshot: :class:`VolumeSnapshot` or ``str``

        :param ex_size_bytes: The size, exactly; rounded up to a multiple of 4096, with a warning.
        :type ex_size_bytes: ``int``, bytes

        :param ex_repository: The id or the alias of a repository. (default: of a copy that of the
            snapshot, else the one with the most free space)
        :type ex_repository: ``str``

        :raises InvalidArgument: An argument is wrong, or the snapshot is larger than the size.
        :raises VolumeNotFound: There is no such snapshot.
        :raises HostNotFound: There is no such host.
        :raises SearchIncomplete: It was not found, but not everything could be read.
        :raises AmbiguousName: Several repositories have this alias.
        :raises PreconditionFailed: No repository can take it, or it does not fit. Nothing was
            created.
        :raises AgentFault: The host refused. Nothing of it is left.
        :raises OperationIncomplete: It was not completed; names the file that may be left.
        :return: The volume, as :meth:`list_volumes` has it now.
        :rtype: :class:`StorageVolume`
        """
        host_id = None if location is None else object_id(location)
        planning = operations.plan_disk
        spec = planning.DiskSpec(name, size, ex_size_bytes, ex_repository, host_id)
        if snapshot is None:
            return self._created(planning.plan_empty(self._estate, spec))
        return self._created(planning.plan_from_snapshot(self._estate, spec, object_id(snapshot)))

    def destroy_volume(self, volume: StorageVolume | str) -> bool:
        """Delete a virtual disk that nothing uses. Its snapshots stay.

        :param volume: A volume, or its id. (required)
        :type volume: :class:`StorageVolume` or ``str``

        :raises VolumeNotFound: There is no such volume.
        :raises SearchIncomplete: It was not found, but not everything could be read.
        :raises PreconditionFailed: A vm.cfg, a template or a running domain uses it, or may, as not
            everything could be read. Or it is a physical disk, lies in a VM's directory, or a copy
            into it is under way. Nothing was deleted.
        :raises AgentFault: The host refused. It is there as before.
        :raises OperationIncomplete: Whether it is deleted is unknown; names the file.
        :return: True: it is deleted.
        :rtype: ``bool``
        """
        self._warn(operations.destroy_disk.destroy(self._estate, object_id(volume)))
        return True

    def ex_resize_volume(
        self, volume: StorageVolume | str, size: float | None, *, ex_size_bytes: int | None = None
    ) -> StorageVolume:
        """Make a virtual disk larger that no running node has. Needs the host module.

        The partitions and file systems in it stay as they are.

        :param volume: A volume, or its id. (required)
        :type volume: :class:`StorageVolume` or ``str``

        :param size: The new size in GB (2^30 bytes); the present one changes nothing, less is an
            error. None: ``ex_size_bytes``. (required)
        :type size: ``int`` or ``float``, GB

        :param ex_size_bytes: The size, exactly; rounded up to a multiple of 4096, with a warning.
        :type ex_size_bytes: ``int``, bytes

        :raises InvalidArgument: An argument is wrong, or the volume is larger than that.
        :raises VolumeNotFound: There is no such volume.
        :raises SearchIncomplete: It was not found, but not everything could be read.
        :raises PreconditionFailed: It is in use, it does not fit, or no host that has its
            repository mounted has the host module. Nothing was changed.
        :raises AgentFault: The host refused. The size is as it was.
        :raises OperationIncomplete: The request was sent; its outcome is unknown.
        :return: The volume, as it is now.
        :rtype: :class:`StorageVolume`
        """
        resize = operations.resize_disk.resize
        resized, notices = resize(self._estate, object_id(volume), size, ex_size_bytes)
        self._warn(notices)
        return to_volume(resized, self)

    def ex_copy_volume(
        self, volume: StorageVolume | str, name: str, *, ex_repository: str | None = None
    ) -> StorageVolume:
        """Copy a virtual disk that no running node has. Blocks while it is copied.

        :param volume: A volume, or its id. (required)
        :type volume: :class:`StorageVolume` or ``str``

        :param name: The name of the copy. (required)
        :type name: ``str``

        :param ex_repository: The id or the alias of the repository for the copy. A host must have
            both mounted. (default: that of the volume)
        :type ex_repository: ``str``

        :raises InvalidArgument: An argument is wrong.
        :raises VolumeNotFound: There is no such volume.
        :raises SearchIncomplete: It was not found, but not everything could be read.
        :raises AmbiguousName: Several repositories have this alias.
        :raises PreconditionFailed: It is in use, or the copy does not fit. Nothing is left.
        :raises AgentFault: The host refused. Nothing is left.
        :raises OperationIncomplete: It was not completed; names what may be left.
        :return: The copy.
        :rtype: :class:`StorageVolume`
        """
        spec = operations.plan_disk.DiskSpec(name, repository=ex_repository)
        plan = operations.plan_disk.plan_copy(self._estate, spec, object_id(volume))
        return self._created(plan)

    def ex_rename_volume(self, volume: StorageVolume | str, name: str) -> StorageVolume:
        """Give a virtual disk another name; its id stays. Needs the host module.

        The name is recorded in the repository. Clients that cannot reach the host module see the
        old one.

        :param volume: A volume, or its id. (required)
        :type volume: :class:`StorageVolume` or ``str``

        :param name: The new name; other volumes may have the same. (required)
        :type name: ``str``

        :raises InvalidArgument: The name is wrong.
        :raises VolumeNotFound: There is no such volume.
        :raises SearchIncomplete: It was not found, but not everything could be read.
        :raises PreconditionFailed: It is a physical disk, no host that has its repository mounted
            has the host module, or names were recorded by a newer version of this package.
        :raises AgentFault: The host refused. The name is as it was.
        :raises OperationIncomplete: The request was sent; its outcome is unknown.
        :return: The volume, as it is now.
        :rtype: :class:`StorageVolume`
        """
        renamed, notices = operations.rename_disk.rename(self._estate, object_id(volume), name)
        self._warn(notices)
        return to_volume(renamed, self)

    def attach_volume(
        self,
        node: Node,
        volume: StorageVolume,
        device: str | None = None,
        *,
        ex_mode: str = "w",
        ex_hosts_off: Sequence[NodeLocation | str] | str | None = None,
    ) -> bool:
        """Attach a volume to a node: at once if it runs or is paused, and in its vm.cfg.

        Nobody else may have the volume, unless all attachments are shared (``w!``) or read-only.

        :param node: The node, or its id. (required)
        :type node: :class:`Node` or ``str``

        :param volume: The volume, or its id. (required)
        :type volume: :class:`StorageVolume` or ``str``

        :param device: Its name in the guest, such as ``xvdb`` or ``/dev/xvdb``. (default: the next
            free one)
        :type device: ``str``

        :param ex_mode: ``w``: this node alone writes; ``w!``: shared, for cluster file systems;
            ``r``: read-only.
        :type ex_mode: ``str``

        :param ex_hosts_off: Addresses of hosts that you have seen to be powered off: in this call
            they run nothing. Refused if one answers anything. See docs/a-host-is-dead.md first.
        :type ex_hosts_off: ``list`` of ``str`` or :class:`NodeLocation`

        :raises InvalidArgument: A device or a mode that this node cannot have; or a snapshot.
        :raises NodeNotFound: There is no such node.
        :raises VolumeNotFound: There is no such volume.
        :raises SearchIncomplete: It was not found, but not everything could be read.
        :raises PreconditionFailed: Somebody has the volume, or may have it; the device is taken;
            the node's host has not mounted its repository; or the node is in no state for it.
            Nothing was sent; or another client attached it at the same moment, and it was detached
            from this node again.
        :raises AgentFault: The agent refused, and it is not attached.
        :raises OperationIncomplete: Whether it is attached is unknown.
        :return: True: it is attached.
        :rtype: ``bool``
        """
        on = self._estate_of(ex_hosts_off)
        ids = object_id(node), object_id(volume)
        self._warn(operations.attach_disk.attach(on, *ids, device or None, ex_mode))
        return True

    def detach_volume(
        self,
        volume: StorageVolume,
        *,
        ex_node: Node | str | None = None,
        ex_hosts_off: Sequence[NodeLocation | str] | str | None = None,
    ) -> bool:
        """Detach a volume from the node that has it, in its vm.cfg or in its live domain.

        A running guest has to let go of it. If it does not within 100 seconds, it may still do so
        later: the volume stays ``inuse`` until it is seen to be gone.

        :param volume: The volume, or its id. (required)
        :type volume: :class:`StorageVolume` or ``str``

        :param ex_node: The node, or its id, if several have the volume.
        :type ex_node: :class:`Node` or ``str``

        :param ex_hosts_off: Addresses of hosts that you have seen to be powered off: in this call
            they run nothing. Refused if one answers anything. See docs/a-host-is-dead.md first.
        :type ex_hosts_off: ``list`` of ``str`` or :class:`NodeLocation`

        :raises VolumeNotFound: There is no such volume.
        :raises SearchIncomplete: It was not found, but not everything could be read.
        :raises InvalidArgument: Several nodes have it and ``ex_node`` is not given, or has it not.
        :raises PreconditionFailed: No node has it; it is the system disk of a node that runs; the
            node is paused, or in no state for it. Nothing was sent.
        :raises AgentFault: The agent refused, and it is still attached.
        :raises OperationIncomplete: Whether it is detached, or will be, is unknown.
        :return: True: it is detached, and no domain of the node holds it open as far as is known.
        :rtype: ``bool``
        """
        on = self._estate_of(ex_hosts_off)
        node_id = None if ex_node is None else object_id(ex_node)
        self._warn(operations.detach_disk.detach(on, object_id(volume), node_id))
        return True

    def ex_insert_iso(
        self, node: Node | str, image: NodeImage | str, device: str | None = None
    ) -> bool:
        """Insert an ISO into a CD drive of a node, at once if it runs, and in its vm.cfg.

        A stopped node that has no drive gets one. A medium in the drive is replaced.

        :param node: The node, or its id. (required)
        :type node: :class:`Node` or ``str``

        :param image: The ISO, its id, or its path on the hosts. (required)
        :type image: :class:`NodeImage` or ``str``

        :param device: The drive, such as ``hdc``. (default: an empty one, or the only one)
        :type device: ``str``

        :raises NodeNotFound: There is no such node.
        :raises ImageNotFound: There is no such image.
        :raises SearchIncomplete: It was not found, but not everything could be read.
        :raises InvalidArgument: It is no ISO; the device is a disk; or it is not clear which drive.
        :raises PreconditionFailed: A running node has no such drive; its host has not mounted the
            ISO's repository; or it is in no state for it. Nothing was sent.
        :raises AgentFault: The agent refused, and everything is as it was.
        :raises OperationIncomplete: Whether it is inserted is unknown.
        :return: True: it is inserted.
        :rtype: ``bool``
        """
        ids = object_id(node), object_id(image)
        self._warn(operations.cd_drives.insert(self._estate, *ids, device or None))
        return True

    def ex_eject_iso(self, node: Node | str, device: str | None = None) -> bool:
        """Take the medium out of a CD drive of a node. The drive stays, and so does the ISO.

        :param node: The node, or its id. (required)
        :type node: :class:`Node` or ``str``

        :param device: The drive, such as ``hdc``. (default: the only one with a medium)
        :type device: ``str``

        :raises NodeNotFound: There is no such node.
        :raises SearchIncomplete: It was not found, but not everything could be read.
        :raises InvalidArgument: The device is no CD drive; or several have a medium.
        :raises PreconditionFailed: It has no CD drive; the drive comes first in its vm.cfg, so that
            it could not be started with an empty one; or it is in no state for it. Nothing was
            sent.
        :raises AgentFault: The agent refused, and everything is as it was.
        :raises OperationIncomplete: Whether it is ejected is unknown.
        :return: True: the drive is empty.
        :rtype: ``bool``
        """
        self._warn(operations.cd_drives.eject(self._estate, object_id(node), device or None))
        return True

    def _created(self, plan: DiskPlan) -> StorageVolume:
        self._warn(plan.notices)  # before anything is created, in case warnings are errors
        volume, notices = operations.create_disk.create(plan)
        self._warn(notices)
        return to_volume(volume, self)
