"""The agent's flag for high availability, a second starter of nodes."""

from __future__ import annotations

from libcloud.compute.base import Node

from libcloud_ovm3 import operations
from libcloud_ovm3.compute.base import OVM3Base
from libcloud_ovm3.compute.convert import object_id, to_node


class HighAvailability(OVM3Base):
    """The method of the driver that clears it. Nothing sets it."""

    def ex_clear_ha(self, node: Node | str) -> Node:
        """Clear the HA flag of a node in its ``vm.cfg``: in a clustered pool the agents start a
        node with it on another host when its host fails, whatever anybody else does meanwhile.

        What the agents of a cluster have noted of it besides is not documented.

        :param node: The node, running, paused or stopped, or its id. (required)
        :type node: :class:`Node` or ``str``

        :raises NodeNotFound: There is no such node.
        :raises PreconditionFailed: Its state does not allow it. Nothing was sent.
        :raises AgentFault: The agent refused; the node is as it was.
        :raises OperationIncomplete: Whether it is cleared is unknown.
        :return: The node as it is now; one without the flag is left as it is.
        :rtype: :class:`Node`
        """
        vm, notices = operations.clear_ha.clear(self._estate, object_id(node))
        self._warn(notices)
        return to_node(vm, self)
