"""Networks: the bridges of the hosts, and the NICs, bonds and VLAN devices below them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from libcloud.compute.base import NodeLocation

from libcloud_ovm3 import estate, operations
from libcloud_ovm3.compute.base import OVM3Base
from libcloud_ovm3.compute.convert import object_id
from libcloud_ovm3.compute.convert_networks import to_devices, to_networks
from libcloud_ovm3.compute.network_types import OVM3Network, OVM3NetworkDevice

if TYPE_CHECKING:
    from libcloud_ovm3.estate.networks import HostNetwork, NetworkList


class Networks(OVM3Base):
    """The methods of the driver for networks."""

    def ex_list_networks(
        self,
        location: NodeLocation | str | None = None,
        *,
        ex_strict: bool | str | None = None,
    ) -> list[OVM3Network]:
        """All networks of the estate, sorted by name. Nothing is changed on any host.

        A network is all bridges of one name. A host that could not be read produces a warning, and
        is in ``extra["unread_on"]``.

        :param location: Only the networks that this host has, or the host with this id; ``extra``
            has all hosts nevertheless.
        :type location: :class:`NodeLocation` or ``str``

        :param ex_strict: Whether to raise an error instead. (default: the driver's)
        :type ex_strict: ``bool``

        :raises HostNotFound: There is no such host.
        :raises SearchIncomplete: It is unreachable, or may be a host that is.
        :raises Ovm3Error: No host responded, or this one's network could not be read; with
            ``ex_strict`` also what would be a warning.
        :return: The networks; what is in their ``extra``: docs/networks.md.
        :rtype: ``list`` of :class:`.OVM3Network`
        """
        is_strict = self._is_strict(ex_strict)
        found = estate.networks.with_all_mtus(estate.networks.read_networks(self._estate))
        hosts = hosts_of(found, location)
        self._warn_or_raise(found.estate, found.errors(), is_strict)
        return to_networks(found, hosts, self)

    def ex_list_network_devices(
        self,
        location: NodeLocation | str | None = None,
        *,
        ex_strict: bool | str | None = None,
    ) -> list[OVM3NetworkDevice]:
        """The NICs, bonds and VLAN devices of all hosts. Nothing is changed on any host.

        A host that could not be read produces a warning.

        :param location: Only those of this host, or of the host with this id.
        :type location: :class:`NodeLocation` or ``str``

        :param ex_strict: Whether to raise an error instead. (default: the driver's)
        :type ex_strict: ``bool``

        :raises HostNotFound: There is no such host.
        :raises SearchIncomplete: It is unreachable, or may be a host that is.
        :raises Ovm3Error: No host responded, or this one's network could not be read; with
            ``ex_strict`` also what would be a warning.
        :return: The devices, host by host; what is in their ``extra``: docs/networks.md.
        :rtype: ``list`` of :class:`.OVM3NetworkDevice`
        """
        is_strict = self._is_strict(ex_strict)
        found = estate.networks.read_networks(self._estate)
        hosts = hosts_of(found, location)
        self._warn_or_raise(found.estate, found.errors(), is_strict)
        return to_devices(found, hosts, self)


def hosts_of(found: NetworkList, location: NodeLocation | str | None) -> list[HostNetwork]:
    """All hosts, or the one that is asked for.

    :raises HostNotFound: there is no such host.
    :raises SearchIncomplete: it is unreachable, or may be a host that is.
    :raises Ovm3Error: its network could not be read.
    """
    if location is None:
        return list(found.hosts)
    host_id, read = object_id(location), found.estate
    operations.placement.require_host(read.hosts, read.unreachable, host_id)
    [host] = [one for one in found.hosts if operations.placement.is_host(one.host, host_id)]
    if host.error:
        raise host.error
    return [host]
