"""Moving nodes between hosts."""

from __future__ import annotations

from libcloud.compute.base import Node, NodeLocation

from libcloud_ovm3 import operations
from libcloud_ovm3.agent.address import parse_flag
from libcloud_ovm3.agent.call_kinds import parse_seconds
from libcloud_ovm3.compute.base import OVM3Base
from libcloud_ovm3.compute.convert import object_id
from libcloud_ovm3.operations.limits import MIGRATE_LIMIT


class Migration(OVM3Base):
    """The methods of the driver that move nodes (docs/moving-and-changing-vms.md)."""

    def ex_migrate_node(
        self,
        node: Node | str,
        ex_location: NodeLocation | str,
        *,
        ex_live: bool | str = True,
        ex_timeout: float | str = MIGRATE_LIMIT,
    ) -> bool:
        """Move a running node to another host of its pool. One that runs there is left as it is.

        What speaks against it is told beforehand, all of it at once (:meth:`ex_fits`). Afterwards
        it is seen to run there, and nowhere else.

        :param node: The node, or its id. (required)
        :type node: :class:`Node` or ``str``

        :param ex_location: The host, or its id, address or name. (required)
        :type ex_location: :class:`NodeLocation` or ``str``

        :param ex_live: Whether the guest goes on while its memory is sent, but for the last moment.
            False: it stands still meanwhile.
        :type ex_live: ``bool``

        :param ex_timeout: How long to wait until it runs there. After that the migration goes on:
            xend cannot cancel it.
        :type ex_timeout: ``float``, seconds

        :raises NodeNotFound: There is no such node.
        :raises HostNotFound: There is no such host.
        :raises PreconditionFailed: It cannot be moved there; has all reasons. Nothing was sent.
        :raises AgentFault: The agent refused, and it runs where it was.
        :raises WaitTimeout: It does not run there yet after that time.
        :raises OperationIncomplete: It is lost, and may be started again; or where it is is not
            known.
        :return: True: it runs there.
        :rtype: ``bool``
        """
        is_live = parse_flag(ex_live, "ex_live")
        limit = parse_seconds(ex_timeout, "ex_timeout")
        host_id = object_id(ex_location)
        migrate = operations.migrate_vm.migrate
        self._warn(migrate(self._estate, object_id(node), host_id, live=is_live, limit=limit))
        return True
