"""The storage driver that libcloud hands out, composed of one class per part of its interface."""

from __future__ import annotations

from libcloud_ovm3.storage.addresses import Addresses
from libcloud_ovm3.storage.containers import Containers
from libcloud_ovm3.storage.objects import Objects
from libcloud_ovm3.storage.transfers import Transfers


class OVM3StorageDriver(Containers, Objects, Transfers, Addresses):
    """Apache Libcloud's storage driver for the repositories of Oracle VM Server 3 hosts.

    Containers are repositories, and plain containers in them; objects are files
    (docs/storage.md). The arguments are those of the compute driver (docs/driver.md).
    """
