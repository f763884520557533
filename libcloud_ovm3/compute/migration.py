"""Moving nodes between hosts."""

from __future__ import annotations

from collections.abc import Sequence

from libcloud.compute.base import Node, NodeLocation

from libcloud_ovm3 import estate, operations
from libcloud_ovm3.agent.address import parse_flag
from libcloud_ovm3.agent.call_kinds import parse_seconds
from libcloud_ovm3.compute.base import OVM3Base
from libcloud_ovm3.compute.convert import object_id, to_node
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

        What speaks against it is told beforehand, all of it at once. Afterwards it is seen to run
        there, and nowhere else: see docs/moving-and-changing-vms.md.

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

    def ex_migrate_all(
        self,
        host: NodeLocation | str,
        *,
        ex_to: Sequence[NodeLocation | str] | NodeLocation | str | None = None,
        ex_live: bool | str = True,
        ex_timeout: float | str = MIGRATE_LIMIT,
    ) -> list[Node]:
        """Empty a host for maintenance: move all nodes that run there, one after the other, each to
        the host with the most free memory of those where it fits. The first failure ends it.

        Nothing keeps others from starting nodes there again.

        :param host: The host, or its id, address or name. (required)
        :type host: :class:`NodeLocation` or ``str``

        :param ex_to: The hosts to which they may go. (default: all others that answer)
        :type ex_to: ``list`` of :class:`NodeLocation` or ``str``

        :param ex_live: As for :meth:`ex_migrate_node`.
        :type ex_live: ``bool``

        :param ex_timeout: How long to wait for each of them.
        :type ex_timeout: ``float``, seconds

        :raises HostNotFound: There is no such host.
        :raises PreconditionFailed: One of them can go nowhere; has all reasons of all. None was
            moved.
        :raises OperationIncomplete: One failed when others had been moved; says which were moved
            and which are left, and why. Of the first one the error is as of
            :meth:`ex_migrate_node`.
        :return: Those that were moved, as they are now.
        :rtype: ``list`` of :class:`Node`
        """
        is_live = parse_flag(ex_live, "ex_live")
        limit = parse_seconds(ex_timeout, "ex_timeout")
        given = [ex_to] if isinstance(ex_to, (str, NodeLocation)) else ex_to
        to = None if given is None else [object_id(one) for one in given]
        empty = operations.empty_host.empty
        moved, notices = empty(self._estate, object_id(host), to, live=is_live, limit=limit)
        self._warn(notices)
        snapshot = estate.vms.read_estate(self._estate) if moved else None
        return [to_node(snapshot.vm(one), self) for one in moved] if snapshot else []
