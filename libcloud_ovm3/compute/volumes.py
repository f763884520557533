"""Volumes: virtual disks in the repositories, and physical disks."""

from __future__ import annotations

from libcloud.compute.base import Node, StorageVolume

from libcloud_ovm3 import estate
from libcloud_ovm3.compute.base import OVM3Base
from libcloud_ovm3.compute.convert import object_id
from libcloud_ovm3.compute.convert_volumes import to_volume


class Volumes(OVM3Base):
    """The volume methods of the driver."""

    def list_volumes(self, *, ex_sizes: bool = True) -> list[StorageVolume]:
        """All volumes of the estate, sorted by name. Unreachable hosts produce a warning.

        CD media and snapshots are no volumes.

        :param ex_sizes: Whether to read sizes where no host has the host module: that takes one
            call per disk there. False: they are not known (``extra["size_bytes"]`` is None).
        :type ex_sizes: ``bool``

        :raises Ovm3Error: No host responded.
        :rtype: ``list`` of :class:`StorageVolume`
        """
        found = estate.volumes.read_volumes(self._estate, ex_sizes)
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
