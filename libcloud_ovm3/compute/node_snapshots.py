"""Snapshots of nodes: all disks and the definition, of one moment."""

from __future__ import annotations

from typing import Any

from libcloud.compute.base import Node

from libcloud_ovm3 import estate, operations
from libcloud_ovm3.agent.address import parse_flag
from libcloud_ovm3.agent.identifiers import dashed
from libcloud_ovm3.compute.base import OVM3Base
from libcloud_ovm3.compute.convert import object_id
from libcloud_ovm3.compute.convert_volumes import to_node_snapshot


class NodeSnapshots(OVM3Base):
    """The driver's methods for snapshots of nodes. They need the host module."""

    def ex_create_node_snapshot(
        self, node: Node | str, name: str, *, ex_pause: bool | str = False
    ) -> dict[str, Any]:
        """Make a snapshot of a node: of all its disks at one moment, and of its definition.

        :param node: A node, or its id: stopped, or see ``ex_pause``. (required)
        :type node: :class:`Node` or ``str``

        :param name: The name of the snapshot; others may have the same. (required)
        :type name: ``str``

        :param ex_pause: Pause a node that runs while all its disks are copied: what guests have not
            written to their disks is then missing in the snapshot, as after a power failure.
        :type ex_pause: ``bool``

        :raises NodeNotFound: There is no such node.
        :raises SearchIncomplete: It was not found, but not everything could be read.
        :raises InvalidArgument: The name is empty, or too long to be part of a file name; or the
            node has physical or shared disks.
        :raises PreconditionFailed: The node is running, or may be; or no host that has its disks
            has the host module; or there is not enough space. There is no snapshot.
        :raises AgentFault: A host refused. There is no snapshot, and nothing is paused.
        :raises OperationIncomplete: It was not completed; names what may be left
            (:meth:`ex_delete_node_snapshot` removes it), or paused (:meth:`ex_resume_node`).
        :return: As :meth:`ex_list_node_snapshots` lists it.
        :rtype: ``dict``
        """
        pause = parse_flag(ex_pause, "ex_pause")
        made, notices = operations.snapshot_vm.snapshot_vm(
            self._estate, object_id(node), name, pause
        )
        self._warn_of_done(notices)
        return to_node_snapshot(made)

    def ex_list_node_snapshots(self, node: Node | str | None = None) -> list[dict[str, Any]]:
        """The snapshots of a node, or of all nodes, oldest first, also of nodes that are gone.

        What could not be read produces a warning.

        :param node: A node, or its id; None: all.
        :type node: :class:`Node` or ``str``

        :raises Ovm3Error: No host responded.
        :return: Dicts with ``id``, ``name``, ``node_id``, ``node_name`` (then), ``created_at``
            (UTC), ``state`` (``available``; ``creating`` or ``reverting``: it goes on, or was
            interrupted; ``error``: the snapshot of a disk is not there), ``repository_id`` (whose
            document records it), ``snapshots`` (the ids of the snapshots of its disks) and
            ``missing`` (those of them that are not there).
        :rtype: ``list`` of ``dict``
        """
        snapshot = estate.vms.read_estate(self._estate)
        found = estate.vm_snapshots.read_vm_snapshots(snapshot)
        self._warn(dict.fromkeys([*snapshot.errors(), *found.errors]))
        wanted = None if node is None else dashed(object_id(node))
        return [
            to_node_snapshot(one) for one in found.snapshots if node is None or one.vm_id == wanted
        ]

    def ex_revert_node_snapshot(
        self, node: Node | str, snapshot: dict[str, Any] | str, *, ex_take_over: bool | str = False
    ) -> bool:
        """Give a stopped node the disks and the settings of one of its snapshots.

        The content that its disks have now is deleted, when the snapshots are copied. Its disks get
        new files, so the ids of its volumes are others afterwards. Volumes that the snapshot does
        not have are detached, and kept. Its name stays. The snapshot stays.

        :param node: A node, or its id. (required)
        :type node: :class:`Node` or ``str``

        :param snapshot: One of its snapshots, or its id. (required)
        :type snapshot: ``dict`` or ``str``

        :param ex_take_over: Remove what an interrupted call for this node has left, and begin
            anew. Only if no client is at it any more.
        :type ex_take_over: ``bool``

        :raises NodeNotFound: There is no such node.
        :raises VolumeNotFound: There is no such snapshot.
        :raises SearchIncomplete: One was not found, but not everything could be read.
        :raises InvalidArgument: It is a snapshot of another node.
        :raises PreconditionFailed: The node is not stopped, or may be live; the snapshot is not
            complete; another client reverts to it. The node is as it was.
        :raises AgentFault: A host refused; the node is as it was.
        :raises OperationIncomplete: It was not completed; the node has all old disks or all new
            ones, as its ``vm.cfg`` says. Names what may be left.
        :return: True: it has the disks and the settings of the snapshot.
        :rtype: ``bool``
        """
        take_over = parse_flag(ex_take_over, "ex_take_over")
        given = (object_id(node), snapshot_id(snapshot), take_over)
        self._warn(operations.revert_vm.revert_vm(self._estate, *given))
        return True

    def ex_delete_node_snapshot(self, snapshot: dict[str, Any] | str) -> bool:
        """Delete the snapshot of a node: the snapshots of its disks, and nothing else. Also what an
        interrupted :meth:`ex_create_node_snapshot` or an interrupted deletion has left.

        :param snapshot: A snapshot of a node, or its id. (required)
        :type snapshot: ``dict`` or ``str``

        :raises VolumeNotFound: There is no such snapshot.
        :raises SearchIncomplete: It was not found, but not everything could be read.
        :raises PreconditionFailed: The node is being reverted to it, or something uses the snapshot
            of a disk, or may. It is there as before.
        :raises AgentFault: A host refused. It is there as before.
        :raises OperationIncomplete: Not all of it is deleted, or that is unknown; a second call
            goes on.
        :return: True: it is deleted.
        :rtype: ``bool``
        """
        operations.drop_vm_snapshot.drop_vm_snapshot(self._estate, snapshot_id(snapshot))
        return True


def snapshot_id(snapshot: dict[str, Any] | str) -> str:
    """The id of the snapshot of a node, of what is listed or of the id itself."""
    return object_id(snapshot.get("id") if isinstance(snapshot, dict) else snapshot)
