"""The compute driver that libcloud hands out, composed of one class per libcloud noun."""

from __future__ import annotations

from libcloud_ovm3.compute.claims import Claims
from libcloud_ovm3.compute.clones import Clones
from libcloud_ovm3.compute.control_networks import ControlNetworks
from libcloud_ovm3.compute.deploying import Deploying
from libcloud_ovm3.compute.fits import Fits
from libcloud_ovm3.compute.high_availability import HighAvailability
from libcloud_ovm3.compute.images import Images
from libcloud_ovm3.compute.imports import Imports
from libcloud_ovm3.compute.key_pairs import KeyPairs
from libcloud_ovm3.compute.locations import Locations
from libcloud_ovm3.compute.metadata import Metadata
from libcloud_ovm3.compute.migration import Migration
from libcloud_ovm3.compute.network_changes import NetworkChanges
from libcloud_ovm3.compute.networks import Networks
from libcloud_ovm3.compute.nics import Nics
from libcloud_ovm3.compute.node_settings import NodeSettings
from libcloud_ovm3.compute.node_snapshots import NodeSnapshots
from libcloud_ovm3.compute.nodes import Nodes
from libcloud_ovm3.compute.orphans import Orphans
from libcloud_ovm3.compute.power import Power
from libcloud_ovm3.compute.repositories import Repositories
from libcloud_ovm3.compute.secondary import Secondary
from libcloud_ovm3.compute.sizes import Sizes
from libcloud_ovm3.compute.snapshots import Snapshots
from libcloud_ovm3.compute.volumes import Volumes


class OVM3NodeDriver(
    Nodes,
    Power,
    Deploying,
    Volumes,
    Snapshots,
    Images,
    Imports,
    Sizes,
    Locations,
    Networks,
    NetworkChanges,
    ControlNetworks,
    Nics,
    Repositories,
    Secondary,
    Orphans,
    KeyPairs,
    Metadata,
    NodeSettings,
    Claims,
    Clones,
    Migration,
    Fits,
    HighAvailability,
    NodeSnapshots,
):
    """Apache Libcloud's compute driver for Oracle VM Server 3 hosts."""
