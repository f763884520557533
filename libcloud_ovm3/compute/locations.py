"""Locations: the hosts."""

from __future__ import annotations

from libcloud.compute.base import NodeLocation

from libcloud_ovm3 import estate
from libcloud_ovm3.compute.base import OVM3Base
from libcloud_ovm3.compute.convert import to_location, to_unreachable_location


class Locations(OVM3Base):
    """The location methods of the driver."""

    def list_locations(self) -> list[NodeLocation]:
        """One location per host, including unreachable and unverified ones.

        :raises Ovm3Error: No host responded.
        :return: The locations; what is in their ``extra``: docs/driver.md.
        :rtype: ``list`` of :class:`NodeLocation`
        """
        hosts, unreachable = estate.hosts.read_hosts(self._estate, estate.hosts.HARDWARE)
        hardware = estate.hosts.read_hardware(hosts)
        return [
            *(to_location(host, what, self) for host, what in zip(hosts, hardware, strict=True)),
            *(to_unreachable_location(host, self) for host in unreachable),
        ]
