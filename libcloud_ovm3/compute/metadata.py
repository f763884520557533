"""Metadata and tags of nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from libcloud.compute.base import Node

from libcloud_ovm3 import operations
from libcloud_ovm3.compute.base import OVM3Base
from libcloud_ovm3.compute.convert import object_id


class Metadata(OVM3Base):
    """The method of the driver that changes what is recorded of a node."""

    def ex_set_metadata(
        self,
        node: Node | str,
        metadata: Mapping[str, str] | None = None,
        *,
        ex_tags: Sequence[str] | str | None = None,
    ) -> bool:
        """Record other metadata, or other tags, of a node, instead of those that it has.

        :param node: The node, or its id. (required)
        :type node: :class:`Node` or ``str``

        :param metadata: As ``ex_metadata`` of :meth:`create_node`; an empty one removes all.
            (default: they stay)
        :type metadata: ``dict`` of ``str``

        :param ex_tags: As for :meth:`create_node`; an empty list removes all. (default: they stay)
        :type ex_tags: ``list`` of ``str``

        :raises InvalidArgument: One is something else, or too long. Nothing was sent.
        :raises NodeNotFound: There is no such node.
        :raises PreconditionFailed: No host that has its repository mounted has the host module, or
            other clients write all the time; nothing was changed.
        :raises AgentFault: The host refused; what is recorded is as it was.
        :raises OperationIncomplete: Whether it is recorded is unknown.
        :return: True: it is recorded.
        :rtype: ``bool``
        """
        set_metadata = operations.record_metadata.set_metadata
        self._warn(set_metadata(self._estate, object_id(node), metadata, ex_tags))
        return True
