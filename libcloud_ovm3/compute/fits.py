"""Whether a node would start on a host, or could be moved there."""

from __future__ import annotations

from typing import Any

from libcloud.compute.base import Node, NodeLocation

from libcloud_ovm3 import operations
from libcloud_ovm3.compute.base import OVM3Base
from libcloud_ovm3.compute.convert import object_id


class Fits(OVM3Base):
    """The method of the driver that says why a node cannot be on a host."""

    def ex_fits(
        self, node: Node | str, ex_location: NodeLocation | str, ex_how: str | None = None
    ) -> dict[str, Any]:
        """Whether a node would start on a host, or could be moved there; if not, all reasons at
        once. Nothing is changed. What is sent later decides anew.

        :param node: The node, or its id. (required)
        :type node: :class:`Node` or ``str``

        :param ex_location: The host, or its id, address or name. (required)
        :type ex_location: :class:`NodeLocation` or ``str``

        :param ex_how: ``start``, ``migrate live`` or ``migrate`` (the guest stands still
            meanwhile). (default: a live migration of a node that is live, else a start)
        :type ex_how: ``str``

        :raises InvalidArgument: ``ex_how`` is none of these.
        :raises NodeNotFound: There is no such node.
        :raises HostNotFound: There is no such host.
        :raises SearchIncomplete: One of them was not found, and not everything could be read.
        :return: ``fits``: whether nothing speaks against it; ``how``: what was examined;
            ``reasons``: what speaks against it, one ``str`` each; ``unknown``: what nobody can
            tell, likewise: it speaks against nothing.
        :rtype: ``dict``
        """
        found = operations.fits.fits(self._estate, object_id(node), object_id(ex_location), ex_how)
        return {
            "fits": found.fits,
            "how": found.how,
            "reasons": list(found.reasons),
            "unknown": list(found.unknown),
        }
