"""The compute driver that libcloud hands out, composed of one class per libcloud noun."""

from __future__ import annotations

from libcloud_ovm3.compute.images import Images
from libcloud_ovm3.compute.locations import Locations
from libcloud_ovm3.compute.nodes import Nodes
from libcloud_ovm3.compute.orphans import Orphans
from libcloud_ovm3.compute.sizes import Sizes


class OVM3NodeDriver(Nodes, Images, Sizes, Locations, Orphans):
    """Apache Libcloud's compute driver for Oracle VM Server 3 hosts."""
