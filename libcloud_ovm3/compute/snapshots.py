"""Snapshots of volumes: copies that are marked as such by their file names."""

from __future__ import annotations

from libcloud.compute.base import StorageVolume, VolumeSnapshot

from libcloud_ovm3 import estate
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
        found = estate.volumes.read_volumes(self._estate, False)
        key = estate.disk_names.origin_key(object_id(volume))
        its = [one for one in found.snapshots if one.origin_key == key]
        snapshots, errors = estate.volumes.add_snapshot_sizes(its)
        self._warn([*found.estate.errors(), *found.estate.notices(), *found.errors, *errors])
        return [to_snapshot(one, self) for one in snapshots]
