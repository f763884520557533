"""Secondary storage: NFS exports beside the repositories, for copies that are kept apart."""

from __future__ import annotations

from collections.abc import Sequence

from libcloud.compute.base import NodeImage, NodeLocation, StorageVolume, VolumeSnapshot

from libcloud_ovm3 import operations
from libcloud_ovm3.compute.base import OVM3Base
from libcloud_ovm3.compute.convert import object_id, object_ids, to_image
from libcloud_ovm3.compute.convert_volumes import to_volume


class Secondary(OVM3Base):
    """The methods of the driver for secondary storage."""

    def ex_mount_secondary(
        self,
        share: str,
        location: Sequence[NodeLocation | str] | NodeLocation | str | None = None,
    ) -> bool:
        """Mount secondary storage on hosts, and leave it mounted. Copies do so by themselves, for
        as long as they take.

        :param share: Its NFS export, as ``server:/path``. (required)
        :type share: ``str``

        :param location: The hosts, or their ids, addresses or names.
            (default: all hosts, which must all respond)
        :type location: ``list`` of :class:`NodeLocation` or ``str``

        :raises InvalidArgument: It is not an export.
        :raises PreconditionFailed: It lies in the export of a repository, or contains it; a host is
            unreachable. Nothing is changed.
        :raises AgentFault: A host refused; it is as it was.
        :raises OperationIncomplete: Whether it is mounted is unknown, or it is on some hosts only.
        :return: True: these hosts have it mounted.
        :rtype: ``bool``
        """
        operations.secondary_storage.mount_secondary(self._estate, share, object_ids(location))
        return True

    def ex_unmount_secondary(
        self,
        share: str,
        location: Sequence[NodeLocation | str] | NodeLocation | str | None = None,
    ) -> bool:
        """Unmount secondary storage. What is on it stays.

        :param share: Its NFS export, as ``server:/path``. (required)
        :type share: ``str``

        :param location: The hosts, or their ids, addresses or names.
            (default: all hosts, which must all respond)
        :type location: ``list`` of :class:`NodeLocation` or ``str``

        :raises InvalidArgument: It is not an export.
        :raises PreconditionFailed: Something uses it on one of these hosts, or may; it is that of a
            repository; a host is unreachable. Nothing is changed.
        :raises AgentFault: A host refused; it is as it was.
        :raises OperationIncomplete: Whether it is unmounted is unknown, or it is so on some hosts
            only.
        :return: True: none of these hosts has it mounted.
        :rtype: ``bool``
        """
        operations.secondary_storage.unmount_secondary(self._estate, share, object_ids(location))
        return True

    def ex_copy_to_secondary(
        self, source: StorageVolume | VolumeSnapshot | NodeImage | str, share: str
    ) -> str:
        """Copy a volume, a snapshot, a template or an ISO to secondary storage. Blocks while it is
        copied. Needs the host module.

        :param source: What is copied, or its id; a volume that no running node has. (required)
        :type source: :class:`StorageVolume`, :class:`VolumeSnapshot`, :class:`NodeImage` or ``str``

        :param share: The NFS export, as ``server:/path``. (required)
        :type share: ``str``

        :raises InvalidArgument: It is not an export.
        :raises ImageNotFound: There is nothing of this id.
        :raises SearchIncomplete: It was not found, but not everything could be read.
        :raises PreconditionFailed: It is in use, or may be, is not complete, or a physical disk; no
            host that has it has the host module; it does not fit. There is no copy.
        :raises AgentFault: The host refused; there is no copy.
        :raises OperationIncomplete: It was not completed; ``left`` names what may be left.
        :return: The name of the copy on the export: of a file, or of a template with a ``vm.cfg``
            that of its folder.
        :rtype: ``str``
        """
        with self._warned() as notices:
            return operations.copy_secondary.copy_to_secondary(
                self._estate, object_id(source), share, notices
            )

    def ex_copy_volume_from_secondary(
        self, share: str, path: str, name: str, *, ex_repository: str | None = None
    ) -> StorageVolume:
        """Make a volume of a raw disk image on secondary storage, whose size becomes a multiple of
        4096 bytes. Blocks while it is copied. Needs the host module.

        :param share: The NFS export, as ``server:/path``. (required)
        :type share: ``str``

        :param path: The file on it. (required)
        :type path: ``str``

        :param name: The name of the volume. (required)
        :type name: ``str``

        :param ex_repository: The id or the alias of the repository for it.
            (default: the one with the most free space)
        :type ex_repository: ``str``

        :raises InvalidArgument: The export, the path or the name cannot be one.
        :raises PreconditionFailed: There is no such file, or it changed meanwhile; no host that has
            the repository has the host module; it does not fit. There is no volume.
        :raises AgentFault: The host refused; there is no volume.
        :raises OperationIncomplete: It was not completed; ``left`` names what may be left.
        :rtype: :class:`StorageVolume`
        """
        with self._warned() as notices:
            made = operations.copy_secondary.copy_volume_back(
                self._estate, share, path, name, ex_repository, notices
            )
            return to_volume(made, self)

    def ex_copy_image_from_secondary(
        self, share: str, path: str, name: str, *, ex_repository: str | None = None
    ) -> NodeImage:
        """Make a template of a raw disk image on secondary storage, whose size becomes a multiple
        of 4096 bytes, or of a folder with a ``vm.cfg``; or an ISO of a file whose name ends with
        ``.iso``. Blocks while it is copied. Needs the host module.

        :param share: The NFS export, as ``server:/path``. (required)
        :type share: ``str``

        :param path: The file on it, or the folder of a template. (required)
        :type path: ``str``

        :param name: The name of the image; others may have the same. (required)
        :type name: ``str``

        :param ex_repository: The id or the alias of the repository for it.
            (default: the one with the most free space)
        :type ex_repository: ``str``

        :raises InvalidArgument: The export, the path or the name cannot be one.
        :raises PreconditionFailed: As :meth:`ex_copy_volume_from_secondary`; or it is no raw disk,
            or no complete template. There is no image.
        :raises AgentFault: The host refused; there is no image.
        :raises OperationIncomplete: It was not completed; ``left`` names what may be left.
        :rtype: :class:`NodeImage`
        """
        with self._warned() as notices:
            made = operations.copy_secondary.copy_image_back(
                self._estate, share, path, name, ex_repository, notices
            )
            return to_image(made, self)
