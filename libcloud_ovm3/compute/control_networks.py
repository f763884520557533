"""The bridges that starts need: control0, and those over VLANs that nobody needs any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from libcloud.compute.base import NodeLocation

from libcloud_ovm3 import operations
from libcloud_ovm3.compute.base import OVM3Base
from libcloud_ovm3.compute.convert import object_id

if TYPE_CHECKING:
    from libcloud_ovm3.operations.control_network import Control0


class ControlNetworks(OVM3Base):
    """The driver's methods for these bridges."""

    def ex_control0(self, location: NodeLocation | str) -> dict[str, Any]:
        """What is wrong with ``control0`` on a host. Nothing is changed.

        It is the local bridge by which system VMs are reached from their host: a bridge without a
        NIC, with the address 169.254.0.1/16, the only route to that network, ARP on, and no
        configuration file, which would be in the way at the next boot.

        :param location: The host, or its id. (required)
        :type location: :class:`NodeLocation` or ``str``

        :raises HostNotFound: There is no such host.
        :raises Ovm3Error: The host's network could not be read.
        :return: ``host_id``, ``host``, ``bridge``, ``exists``, ``is_right`` (None: nothing is wrong
            as far as can be seen), ``wrong`` and ``unknown`` (texts), ``obstacle`` (why it cannot
            be repaired; None: it can).
        :rtype: ``dict``
        """
        return _as_dict(operations.control_network.control0(self._estate, object_id(location)))

    def ex_repair_control0(self, location: NodeLocation | str) -> dict[str, Any]:
        """Repair ``control0`` on a host. One that is right is left as it is: nothing is sent.

        Each start of a node with a network card on ``control0`` does the same on its host. What is
        under ``unknown`` in the result is neither seen nor repaired without the host module.

        :param location: The host, or its id. (required)
        :type location: :class:`NodeLocation` or ``str``

        :raises HostNotFound: There is no such host.
        :raises PreconditionFailed: The bridge or its network is used for something else. Nothing
            was sent.
        :raises AgentFault: The host refused a step, and reading its state has confirmed that.
        :raises OperationIncomplete: Whether a step was done is unknown.
        :return: As :meth:`ex_control0` afterwards, and ``repaired``: what was wrong before.
        :rtype: ``dict``
        """
        done = operations.control_network.repair_control0(self._estate, object_id(location))
        self._warn(done.notices)
        return {**_as_dict(done.state), "repaired": list(done.done)}

    def ex_release_networks(self, location: NodeLocation | str | None = None) -> list[str]:
        """Remove the VLAN bridges that starts of nodes have made and that no node needs any more.

        A start makes a missing VLAN bridge on its host; ``stop_node`` and ``destroy_node`` remove
        it with the last node that needs it. What stays, because a guest has shut down by itself or
        a program was killed, this removes: if it is certain, twice, that the node is not live (or
        only on another host), and its record is 15 minutes old. All of it needs the host module of
        API 3: without it, nothing is ever removed, and a warning names the hosts. Bridges that
        something else has made stay.

        :param location: Only on this host, or on the host with this id.
        :type location: :class:`NodeLocation` or ``str``

        :raises HostNotFound: There is no such host.
        :raises Ovm3Error: No host responded.
        :return: The bridges that were removed, each as ``bridge NAME on HOST``.
        :rtype: ``list`` of ``str``
        """
        host_id = None if location is None else object_id(location)
        removed, notices = operations.release_bridges.release_unused(self._estate, host_id)
        self._warn(notices)
        return removed


def _as_dict(state: Control0) -> dict[str, Any]:
    return {
        "host_id": state.host.id,
        "host": state.host.server.hostname or state.host.address.host,
        "bridge": operations.control_network.CONTROL,
        "exists": state.exists,
        "is_right": state.is_right,
        "wrong": list(state.wrong),
        "unknown": list(state.unknown),
        "obstacle": state.obstacle or None,
    }
