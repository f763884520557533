"""Virtual disks that belong to no node: listing and deleting them, and putting back what was set
aside."""

from __future__ import annotations

from typing import Any

from libcloud_ovm3 import estate, operations
from libcloud_ovm3.compute.base import OVM3Base
from libcloud_ovm3.compute.convert import to_orphan


class Orphans(OVM3Base):
    """The driver's methods for disks that no node uses."""

    def ex_list_orphans(self) -> list[dict[str, Any]]:
        """Virtual disks and seeds that no vm.cfg names, but those of nodes that are being created.

        They may be left of an incomplete operation, or kept on purpose by someone. Nothing is
        deleted: :meth:`ex_delete_orphan` deletes one disk, :meth:`ex_remove_seed` seeds.

        :raises Ovm3Error: No host responded.
        :return: Dicts with ``repository_id``, ``path``, ``is_certain`` (False: something that may
            name it could not be read, its name is unusual or contains the uuid of a node that is
            there, or the host module reports it as in use or as the target of a link) and
            ``set_aside`` (the operation of a deletion that has set it aside; see
            :meth:`ex_put_back`; else None).
        :rtype: ``list`` of ``dict``
        """
        snapshot = estate.vms.read_estate(self._estate)
        self._warn([*snapshot.errors(), *estate.seeds.unread_seeds(snapshot)])
        return [to_orphan(orphan) for orphan in estate.disks.orphans(self._estate, snapshot)]

    def ex_delete_orphan(self, path: str) -> bool:
        """Delete a virtual disk that certainly nothing uses, for good.

        That is decided anew: twice, some seconds apart, and, with the host module, once more while
        the disk is set aside. Only what :meth:`ex_list_orphans` calls certain is deleted, and that
        does not change between these looks: somebody may be importing it.

        :param path: As shown there: ``/OVS/Repositories/...``. (required)
        :type path: ``str``

        :raises PreconditionFailed: It is no orphan, or not certainly one; or it is a seed
            (:meth:`ex_remove_seed`), or was set aside (:meth:`ex_put_back`). It is there as before.
        :raises AgentFault: The host refused; it is there as before.
        :raises OperationIncomplete: Whether it is deleted is unknown.
        :return: True: it is deleted.
        :rtype: ``bool``
        """
        operations.delete_orphan.delete_orphan(self._estate, path)
        return True

    def ex_put_back(self, path: str, operation: str) -> bool:
        """Put back a disk that an incomplete deletion has set aside and left there.

        With the host module ``destroy_node`` sets a disk aside before it deletes it. Disks that an
        incomplete deletion has left there are in :meth:`ex_list_orphans` (``set_aside``) and
        in a warning of :meth:`list_nodes`.

        :param path: Where it lay, as shown there: ``/OVS/Repositories/...``. (required)
        :type path: ``str``

        :param operation: Which deletion has set it aside, as shown there. (required)
        :type operation: ``str``

        :raises PreconditionFailed: No such file is set aside, as far as could be read.
        :raises AgentFault: By now another file is in its place.
        :raises OperationIncomplete: Whether it was done is unknown.
        :return: True: it is in its place.
        :rtype: ``bool``
        """
        operations.put_back.put_back(self._estate, path, operation)
        return True
