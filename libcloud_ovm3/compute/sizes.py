"""Sizes: what the hosts do not have; a table of this package's."""

from __future__ import annotations

from libcloud.compute.base import NodeLocation, NodeSize

from libcloud_ovm3.compute.base import OVM3Base
from libcloud_ovm3.compute.convert import to_sizes


class Sizes(OVM3Base):
    """The size methods of the driver."""

    def list_sizes(self, location: NodeLocation | None = None) -> list[NodeSize]:
        """The built-in sizes; the number of virtual CPUs is in ``extra["cpus"]``.

        :param location: Makes no difference.
        :type location: :class:`NodeLocation`

        :rtype: ``list`` of :class:`NodeSize`
        """
        return to_sizes(self)
