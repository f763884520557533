"""Changing networks: making and removing bridges, MTUs, addresses, modes of bonds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from libcloud.compute.base import NodeLocation

from libcloud_ovm3 import operations
from libcloud_ovm3.compute.base import OVM3Base
from libcloud_ovm3.compute.convert import object_ids
from libcloud_ovm3.compute.convert_networks import to_changed
from libcloud_ovm3.compute.network_types import OVM3Network


class NetworkChanges(OVM3Base):
    """The methods of the driver that change networks."""

    def ex_create_network(
        self,
        name: str,
        ex_vlan: int | str | None = None,
        ex_label: str | None = None,
        ex_parent: str | None = None,
        location: Sequence[NodeLocation | str] | NodeLocation | str | None = None,
        *,
        ex_force: Sequence[str] | str | None = None,
    ) -> OVM3Network:
        """Make a network: a bridge of this name on all hosts, on a device or on a VLAN of it.

        A host that has it as asked is left as it is. After a definite refusal of one host it is
        removed again from those where it was made.

        :param name: The name of the bridge: at most 15 letters, digits, ``.``, ``_`` and ``-``.
            (required)
        :type name: ``str``

        :param ex_vlan: The number of a VLAN, 2 to 4094; its VLAN device is made with the bridge.
            (default: untagged)
        :type ex_vlan: ``int``

        :param ex_label: The traffic label (``ex_traffic_labels``) of what it is made on.
        :type ex_label: ``str``

        :param ex_parent: What it is made on, instead of a label: a NIC or a bond; ``bond0.100`` is
            the same as ``bond0`` with the VLAN 100. With ``ex_vlan`` also a bridge, for the device
            below it.
        :type ex_parent: ``str``

        :param location: The hosts, or their ids, addresses or names.
            (default: all hosts, which must all respond)
        :type location: ``list`` of :class:`NodeLocation` or ``str``

        :param ex_force: What this may cut on the hosts, to consent to it: ``management``,
            ``heartbeat``, ``migration``, ``storage``, or ``all``. See docs/networks.md.
        :type ex_force: ``list`` of ``str``

        :raises InvalidArgument: An argument is not valid, or there is no such label.
        :raises PreconditionFailed: A host cannot have it, or has another bridge of this name; a
            host is unreachable; or it would cut what ``ex_force`` does not name. Nothing was sent.
        :raises AgentFault: A host refused; no host has it that did not have it before.
        :raises OperationIncomplete: Whether it was made is unknown; ``left`` names what there is.
        :return: The network as it is now; ``extra["changed"]``: what was changed, host by host.
        :rtype: :class:`.OVM3Network`
        """
        with self._warned() as notices:
            networks, changes = operations.create_network.create_network(
                self._estate,
                name,
                ex_vlan,
                ex_label,
                ex_parent,
                object_ids(location),
                ex_force,
                notices,
            )
        return to_changed(networks, name, changes, self)

    def ex_update_network(
        self,
        network: OVM3Network | str | tuple[str, int | None],
        *,
        ex_mtu: int | str | None = None,
        ex_address: Mapping[str, str] | str | None = None,
        location: Sequence[NodeLocation | str] | NodeLocation | str | None = None,
        ex_force: Sequence[str] | str | None = None,
    ) -> OVM3Network:
        """Set the MTU of a network, or the address that a host has on it.

        :param network: A network, the name of its bridge, a label, ``label:vlan``, or a pair of
            label and VLAN number. (required)
        :type network: :class:`.OVM3Network`, ``str`` or ``tuple``

        :param ex_mtu: Its MTU, also of the device that it is on, and of that device's slaves: 1500
            to 64000, of a VLAN at most that of the device below. (default: it stays)
        :type ex_mtu: ``int``, bytes

        :param ex_address: The address of a host on it, such as ``10.0.0.5/24``; or of several as a
            mapping, or as a text: ``ovm-1=10.0.0.5/24,ovm-2=10.0.0.6/24``. Not
            the address by which the host is managed. (default: it stays)
        :type ex_address: ``str`` or ``dict``

        :param location: The hosts, or their ids, addresses or names.
            (default: all hosts that have it)
        :type location: ``list`` of :class:`NodeLocation` or ``str``

        :param ex_force: As of :meth:`ex_create_network`.
        :type ex_force: ``list`` of ``str``

        :raises InvalidArgument: An argument is not valid.
        :raises NetworkNotFound: No host has it.
        :raises SearchIncomplete: It was not found, but not everything could be read.
        :raises PreconditionFailed: A host lacks it, or cannot be changed so; the address is taken;
            a host is unreachable; it would cut what ``ex_force`` does not name. Nothing was sent.
        :raises AgentFault: A host refused; all hosts are as before.
        :raises OperationIncomplete: Whether it was done is unknown; ``left`` names what is changed.
        :return: The network as it is now; ``extra["changed"]``: what was changed, host by host.
        :rtype: :class:`.OVM3Network`
        """
        with self._warned() as notices:
            networks, name, changes = operations.update_network.update_network(
                self._estate, network, ex_mtu, ex_address, object_ids(location), ex_force, notices
            )
        return to_changed(networks, name, changes, self)

    def ex_delete_network(
        self,
        network: OVM3Network | str | tuple[str, int | None],
        location: Sequence[NodeLocation | str] | NodeLocation | str | None = None,
        *,
        ex_force: Sequence[str] | str | None = None,
    ) -> bool:
        """Remove a network that no node uses, and the VLAN device that was made with it.

        :param network: A network, the name of its bridge, a label, ``label:vlan``, or a pair of
            label and VLAN number. (required)
        :type network: :class:`.OVM3Network`, ``str`` or ``tuple``

        :param location: The hosts, or their ids, addresses or names. (default: all hosts)
        :type location: ``list`` of :class:`NodeLocation` or ``str``

        :param ex_force: As of :meth:`ex_create_network`.
        :type ex_force: ``list`` of ``str``

        :raises NetworkNotFound: No host has it.
        :raises SearchIncomplete: It was not found, but not everything could be read.
        :raises PreconditionFailed: A card of a node, running or stopped, on any host, is on it or
            may be; or it would cut what ``ex_force`` does not name. Nothing was sent.
        :raises AgentFault: A host refused; all hosts are as before.
        :raises OperationIncomplete: Whether it is removed is unknown, or it is only on some hosts.
        :return: True: it is removed.
        :rtype: ``bool``
        """
        with self._warned() as notices:
            operations.delete_network.delete_network(
                self._estate, network, object_ids(location), ex_force, notices
            )
        return True

    def ex_set_bond_mode(
        self,
        bond: str,
        mode: int | str,
        location: Sequence[NodeLocation | str] | NodeLocation | str | None = None,
        *,
        ex_force: Sequence[str] | str | None = None,
    ) -> bool:
        """Set the mode of a bond. A host where the bond has it is left as it is.

        :param bond: The name of the bond. (required)
        :type bond: ``str``

        :param mode: 1 (active-backup), 4 (802.3ad, which the switch must support) or 6
            (balance-alb, over which VLANs do not work). (required)
        :type mode: ``int``

        :param location: The hosts, or their ids, addresses or names.
            (default: all hosts that have the bond)
        :type location: ``list`` of :class:`NodeLocation` or ``str``

        :param ex_force: As of :meth:`ex_create_network`.
        :type ex_force: ``list`` of ``str``

        :raises InvalidArgument: The agent cannot set this mode.
        :raises PreconditionFailed: There is no such bond; the mode is 6, and VLANs are on it; a
            host is unreachable; it would cut what ``ex_force`` does not name. Nothing was sent.
        :raises AgentFault: A host refused; all bonds have the mode that they had.
        :raises OperationIncomplete: Whether it is set is unknown; ``left`` names what is changed.
        :return: True: the bonds have this mode.
        :rtype: ``bool``
        """
        with self._warned() as notices:
            operations.bond_mode.set_bond_mode(
                self._estate, bond, mode, object_ids(location), ex_force, notices
            )
        return True
