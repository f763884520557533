"""Snapshots of volumes: copies that are marked as such by their file names."""

from __future__ import annotations

from libcloud.compute.base import StorageVolume, VolumeSnapshot

from libcloud_ovm3 import estate, operations
from libcloud_ovm3.agent.address import parse_flag
from libcloud_ovm3.compute.base import OVM3Base
from libcloud_ovm3.compute.convert import object_id
from libcloud_ovm3.compute.convert_volumes import to_snapshot


class Snapshots(OVM3Base):
    """The snapshot methods of the driver."""

    def list_volume_snapshots(self, volume: StorageVolume | str) -> list[VolumeSnapshot]:
        """The snapshots of a volume, oldest first. Unreachable hosts produce a warning.

        :param volume: A volume, or its id. Its snapshots are found even if it is gone. (required)
        :type volume: :class:`StorageVolume` or ``str``

        :raises Ovm3Error: No host responded.
        :rtype: ``list`` of :class:`VolumeSnapshot`
        """
        return self._snapshots(estate.disk_names.origin_key(object_id(volume)))

    def ex_list_snapshots(self) -> list[VolumeSnapshot]:
        """All snapshots of the estate, oldest first, also of volumes that are gone. Unreachable
        hosts produce a warning.

        :raises Ovm3Error: No host responded.
        :rtype: ``list`` of :class:`VolumeSnapshot`
        """
        return self._snapshots()

    def _snapshots(self, origin_key: str | None = None) -> list[VolumeSnapshot]:
        """Those of one volume; None: all."""
        found = estate.volumes.read_volumes(self._estate, False)
        its = [one for one in found.snapshots if origin_key in (None, one.origin_key)]
        snapshots, errors = estate.volumes.add_snapshot_sizes(its)
        self._warn([*found.estate.errors(), *found.estate.notices(), *found.errors, *errors])
        return [to_snapshot(one, self) for one in snapshots]

    def create_volume_snapshot(
        self, volume: StorageVolume | str, name: str | None = None, *, ex_pause: bool | str = False
    ) -> VolumeSnapshot:
        """Copy a volume to a file that is marked as a snapshot of it.

        It is a full copy, and it is refused while a node runs with the volume. With ``ex_pause``
        that node is paused for the copy, and then runs again: the snapshot then has what the disk
        of a machine has whose power was cut at that moment.

        :param volume: A virtual disk, or its id. (required)
        :type volume: :class:`StorageVolume` or ``str``

        :param name: The name of the snapshot. (default: the name of the volume, and the time)
        :type name: ``str``

        :param ex_pause: Pause the one node that runs with the volume while it is copied.
            (default: False)
        :type ex_pause: ``bool``

        :raises VolumeNotFound: There is no such volume.
        :raises SearchIncomplete: It was not found, but not everything could be read.
        :raises InvalidArgument: The name is empty, or too long to be part of a file name.
        :raises PreconditionFailed: The volume is a physical disk, or not complete; a node runs with
            it, or may; there is not enough space. There is no snapshot.
        :raises AgentFault: The agent refused; there is no snapshot, and nothing is paused.
        :raises OperationIncomplete: It was not completed; ``left`` names the files that may be
            left, and the node if it may be still paused (:meth:`ex_resume_node`).
        :rtype: :class:`VolumeSnapshot`
        """
        pause = parse_flag(ex_pause, "ex_pause")
        made, notices = operations.snapshot_disk.snapshot_disk(
            self._estate, object_id(volume), name, pause
        )
        self._warn(notices)
        return to_snapshot(made, self)

    def destroy_volume_snapshot(self, snapshot: VolumeSnapshot | str) -> bool:
        """Destroy a snapshot. Only files whose names say that they are snapshots are deleted.

        :param snapshot: A snapshot, or its id. (required)
        :type snapshot: :class:`VolumeSnapshot` or ``str``

        :raises VolumeNotFound: There is no such snapshot.
        :raises SearchIncomplete: It was not found, but not everything could be read.
        :raises PreconditionFailed: A node or a template uses it, or may; or it is part of the
            snapshot of a node (:meth:`ex_delete_node_snapshot`). It was kept.
        :raises AgentFault: The agent refused; it is as it was.
        :raises OperationIncomplete: Whether it is destroyed is unknown; ``left`` names it.
        :return: True: it is destroyed.
        :rtype: ``bool``
        """
        operations.destroy_snapshot.destroy_snapshot(self._estate, object_id(snapshot))
        return True

    def ex_revert_volume(self, volume: StorageVolume | str, snapshot: VolumeSnapshot | str) -> bool:
        """Give a volume the content of one of its snapshots; its current content is lost.

        All nodes that have the volume must be stopped, and a host that has its repository mounted
        must have the host module. The current content stays until the snapshot is copied
        completely.

        :param volume: A virtual disk, or its id. (required)
        :type volume: :class:`StorageVolume` or ``str``

        :param snapshot: One of its snapshots, or its id; the snapshot stays. (required)
        :type snapshot: :class:`VolumeSnapshot` or ``str``

        :raises VolumeNotFound: There is no such volume, or no such snapshot.
        :raises SearchIncomplete: It was not found, but not everything could be read.
        :raises InvalidArgument: It is not a snapshot of this volume.
        :raises PreconditionFailed: A node runs with the volume, or may; the snapshot is not
            complete; no host has the host module. The volume is as it was.
        :raises AgentFault: A host refused; the volume is as it was.
        :raises OperationIncomplete: It was not completed; says which content the volume has, and
            where the other one is.
        :return: True: it has the content of the snapshot.
        :rtype: ``bool``
        """
        operations.revert_disk.revert_disk(self._estate, object_id(volume), object_id(snapshot))
        return True
