"""The compute driver that libcloud hands out: its parts put together."""

from __future__ import annotations

from libcloud_ovm3.compute.nodes import Nodes
from libcloud_ovm3.compute.places import Places


class OVM3NodeDriver(Nodes, Places):
    """Apache Libcloud's compute driver for Oracle VM Server 3.

    See :class:`.OVM3Base` for its arguments.
    """
