"""Holding nodes still: pausing, suspending, resetting them."""

from __future__ import annotations

from libcloud.compute.base import Node, NodeLocation

from libcloud_ovm3 import operations
from libcloud_ovm3.agent.address import parse_flag
from libcloud_ovm3.agent.call_kinds import parse_seconds
from libcloud_ovm3.compute.base import OVM3Base
from libcloud_ovm3.compute.convert import object_id
from libcloud_ovm3.operations.limits import SAVE_LIMIT, STOP_LIMIT


class Power(OVM3Base):
    """The methods of the driver that hold nodes still, or power them off for a moment."""

    def ex_pause_node(self, node: Node | str) -> bool:
        """Pause a running node: its guest stands still, and keeps its memory.

        Its claim records it, or, where it has none, a file in its repository. One that this method
        has paused already is left as it is.

        :param node: A node, or its id. (required)
        :type node: :class:`Node` or ``str``

        :raises NodeNotFound: There is no such node.
        :raises SearchIncomplete: It was not found, but not everything could be read.
        :raises PreconditionFailed: It does not run on exactly one host, or somebody else has paused
            it. Nothing was sent.
        :raises AgentFault: The agent refused, and the node runs on.
        :raises OperationIncomplete: It may be paused.
        :return: True: it is paused.
        :rtype: ``bool``
        """
        self._warn(operations.pause_vm.pause(self._estate, object_id(node)))
        return True

    def ex_unpause_node(self, node: Node | str) -> bool:
        """Let a node run again that :meth:`ex_pause_node` has paused.

        What somebody else has paused stays so: xend would also let a node run that is only half
        built. One that runs is left as it is.

        :param node: A node, or its id. (required)
        :type node: :class:`Node` or ``str``

        :raises NodeNotFound: There is no such node.
        :raises SearchIncomplete: It was not found, but not everything could be read.
        :raises PreconditionFailed: It is not paused, or it is not recorded that
            :meth:`ex_pause_node` has paused it. Nothing was sent.
        :raises AgentFault: The agent refused, and it is still paused.
        :raises OperationIncomplete: It may be still paused.
        :return: True: it runs.
        :rtype: ``bool``
        """
        self._warn(operations.pause_vm.release(self._estate, object_id(node)))
        return True

    def ex_suspend_node(self, node: Node | str, ex_timeout: float | str = SAVE_LIMIT) -> bool:
        """Save the memory of a running node into its repository, and free its host.

        The node is ``SUSPENDED`` then, and keeps its disks. :meth:`ex_resume_node` lets its guest
        go on where it was. It needs claims (docs/claims.md): only they tell whether it has run
        since, so that its memory would not belong to its disks any more.

        :param node: A node, or its id. (required)
        :type node: :class:`Node` or ``str``

        :param ex_timeout: How long to wait until all of its memory is saved. It goes on after that.
        :type ex_timeout: ``float``, seconds

        :raises NodeNotFound: There is no such node.
        :raises SearchIncomplete: It was not found, but not everything could be read.
        :raises PreconditionFailed: It does not run on exactly one host, has no claim, or something
            else than its vm.cfg lies in its directory. Nothing was sent.
        :raises AgentFault: The agent refused, and the node runs on.
        :raises OperationIncomplete: It is not suspended, or whether is unknown; says what it is.
        :return: True: it is suspended.
        :rtype: ``bool``
        """
        limit = parse_seconds(ex_timeout, "ex_timeout")
        self._warn(operations.suspend_vm.suspend(self._estate, object_id(node), limit))
        return True

    def ex_resume_node(
        self,
        node: Node | str,
        ex_location: NodeLocation | str | None = None,
        *,
        ex_force: bool | str = False,
    ) -> bool:
        """Let a suspended node go on; or one that an interrupted :meth:`create_volume_snapshot` has
        left paused.

        What is saved is restored once, and never if the node may have run since. What somebody else
        has paused stays so. If a snapshot is still being made with the node paused, that fails.

        :param node: A node, or its id. (required)
        :type node: :class:`Node` or ``str``

        :param ex_location: Of a suspended node the host, or its id, address or name. (default: as
            for :meth:`start_node`)
        :type ex_location: :class:`NodeLocation` or ``str``

        :param ex_force: As for :meth:`start_node`.
        :type ex_force: ``bool``

        :raises NodeNotFound: There is no such node.
        :raises SearchIncomplete: It was not found, but not everything could be read.
        :raises InvalidArgument: ``ex_location`` of a node that is not suspended.
        :raises PreconditionFailed: It is not recorded that this package has suspended or paused it;
            or a suspended one may have run since, or cannot be started. Nothing was sent.
        :raises AgentFault: The agent refused; it is suspended, or paused, as before.
        :raises OperationIncomplete: Whether it runs is unknown, or it may be still paused.
        :return: True: it runs, and what recorded it, or its memory, is removed.
        :rtype: ``bool``
        """
        host_id = None if ex_location is None else object_id(ex_location)
        force = parse_flag(ex_force, "ex_force")
        resume = operations.resume_vm.resume
        self._warn(resume(self._estate, object_id(node), host_id, force=force))
        return True

    def ex_reset_node(self, node: Node | str, ex_timeout: float | str = STOP_LIMIT) -> bool:
        """Power a running node off, and start it again on the same host: for a guest that hangs.

        Its guest is not asked; its disks are as after a power cut. It starts as its definition is
        now.

        :param node: A node, or its id. (required)
        :type node: :class:`Node` or ``str``

        :param ex_timeout: How long to wait until it is off.
        :type ex_timeout: ``float``, seconds

        :raises NodeNotFound: There is no such node.
        :raises SearchIncomplete: It was not found, but not everything could be read.
        :raises PreconditionFailed: It does not run on exactly one host, is paused for a copy, or
            would not be started there again. Nothing was sent.
        :raises AgentFault: The agent refused, and the node runs on.
        :raises WaitTimeout: It is not confirmed as powered off; it was not started.
        :raises OperationIncomplete: It is powered off, and may not run again; says why.
        :return: True: it runs.
        :rtype: ``bool``
        """
        limit = parse_seconds(ex_timeout, "ex_timeout")
        self._warn(operations.reset_vm.reset(self._estate, object_id(node), limit))
        return True
