"""Volumes: virtual disks in the repositories, and physical disks."""

from __future__ import annotations

from collections.abc import Sequence

from libcloud.compute.base import Node, NodeImage, NodeLocation, StorageVolume

from libcloud_ovm3 import estate, operations
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
        found = self._volumes(ex_sizes)
        return [to_volume(volume, self) for volume in found.volumes]

    def ex_list_volumes(self, node: Node | str) -> list[StorageVolume]:
        """The volumes of one node, in its vm.cfg or in its live domain.

        :param node: A node, or its id. (required)
        :type node: :class:`Node` or ``str``

        :raises NodeNotFound: There is no such node.
        :raises SearchIncomplete: It was not found, but not everything could be read.
        :rtype: ``list`` of :class:`StorageVolume`
        """
        found = self._volumes(True)
        vm = found.estate.vm(object_id(node))
        return [
            to_volume(volume, self)
            for volume in found.volumes
            if any(one.vm.id == vm.id for one in volume.attachments)
        ]

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

    def _volumes(self, with_sizes: bool) -> estate.volumes.VolumeList:
        found = estate.volumes.read_volumes(self._estate, with_sizes)
        self._warn([*found.estate.errors(), *found.estate.notices(), *found.errors])
        return found
