"""Network cards of nodes."""

from __future__ import annotations

from collections.abc import Sequence

from libcloud.compute.base import Node

from libcloud_ovm3 import estate, operations
from libcloud_ovm3.compute.base import OVM3Base
from libcloud_ovm3.compute.convert import object_id
from libcloud_ovm3.compute.convert_networks import to_nic
from libcloud_ovm3.compute.network_types import OVM3Network, OVM3Nic
from libcloud_ovm3.errors import InvalidArgument


class Nics(OVM3Base):
    """The methods of the driver for network cards."""

    def ex_list_nics(self, node: Node) -> list[OVM3Nic]:
        """The network cards of a node, in the guest's order. Nothing is changed.

        Cards that only its live domain has, not its ``vm.cfg``, come last. One that the node has
        lost by a change that was interrupted is named in a warning (docs/networks.md).

        :param node: The node, or its id. (required)
        :type node: :class:`Node` or ``str``

        :raises NodeNotFound: There is no such node.
        :raises SearchIncomplete: It was not found, but something that may contain it could not be
            read.
        :rtype: ``list`` of :class:`.OVM3Nic`
        """
        vm = estate.vms.read_estate(self._estate).vm(object_id(node))
        cards = estate.cards.cards_of(vm)
        self._warn(estate.cards_out.lost_card_notices(vm))
        return [to_nic(card, self, estate.cards.addresses_of(vm, card)) for card in cards]

    def ex_attach_nic(
        self,
        node: Node,
        network: OVM3Network | str | tuple[str, int | None],
        *,
        ex_mac: str | None = None,
        ex_model: str | None = None,
        ex_type: str | None = None,
        ex_address: str | Sequence[str] | None = None,
    ) -> OVM3Nic:
        """Attach a network card to a node: in its ``vm.cfg``, and at once if it runs.

        :param node: The node, running, paused or stopped, or its id. (required)
        :type node: :class:`Node` or ``str``

        :param network: The network: its bridge, a traffic label, ``"label:vlan"``, or a pair of
            label and VLAN number. (required)
        :type network: :class:`.OVM3Network`, ``str`` or ``tuple``

        :param ex_mac: Its MAC address. (default: a new one, 00:21:f6:...)
        :type ex_mac: ``str``

        :param ex_model: What an HVM guest without paravirtual drivers sees: ``e1000``,
            ``rtl8139`` ... Only of HVM nodes. (default: xend's, rtl8139)
        :type ex_model: ``str``

        :param ex_type: Only of HVM nodes: ``ioemu``, an emulated card alone, or ``netfront``, a
            paravirtual one alone. (default: both; with ``ex_model``: ``ioemu``)
        :type ex_type: ``str``

        :param ex_address: The static IP addresses that the guest has on it, which are recorded, for
            ``private_ips`` and ``public_ips``. Nothing is set in the guest. Needs the host module.
        :type ex_address: ``str`` or ``list`` of ``str``

        :raises NodeNotFound: There is no such node.
        :raises InvalidArgument: An argument is wrong, or the node cannot have such a card.
        :raises PreconditionFailed: Its host, or every host, lacks the network; a device of a host
            has the MAC address, or a live node on the same network; or the node's state does not
            allow it. Nothing was sent.
        :raises AgentFault: The agent refused; nothing is attached.
        :raises OperationIncomplete: The request was sent; whether it is attached is unknown.
        :return: The card.
        :rtype: :class:`.OVM3Nic`
        """
        spec = operations.new_cards.card_spec(
            network, self._estate.traffic_labels, ex_mac, ex_address, ex_model, ex_type
        )
        card, notices = operations.attach_nic.attach(self._estate, object_id(node), spec)
        self._warn(notices)
        return to_nic(card, self, spec.addresses)

    def ex_detach_nic(self, node: Node, nic: OVM3Nic | str) -> bool:
        """Detach a network card from a node: from its ``vm.cfg``, and at once if it runs.

        Of one that the node has lost by a change that was interrupted, the record is removed.

        :param node: The node, running or stopped, or its id. (required)
        :type node: :class:`Node` or ``str``

        :param nic: The card, its id, or its MAC address. (required)
        :type nic: :class:`.OVM3Nic` or ``str``

        :raises NodeNotFound: There is no such node.
        :raises NetworkNotFound: It has no such card.
        :raises InvalidArgument: Several of its cards have this MAC address: pass an id.
        :raises PreconditionFailed: The agent might detach another card instead, or the node's state
            does not allow it. Nothing was sent.
        :raises AgentFault: The agent refused; the card is attached.
        :raises OperationIncomplete: The request was sent; whether the card is detached is unknown,
            or another one was detached.
        :return: True: it is detached.
        :rtype: ``bool``
        """
        detach = operations.detach_nic.detach
        self._warn(detach(self._estate, object_id(node), object_id(nic)))
        return True

    def ex_update_nic(
        self,
        node: Node,
        nic: OVM3Nic | str,
        *,
        ex_network: OVM3Network | str | tuple[str, int | None] | None = None,
        ex_mac: str | None = None,
        ex_model: str | None = None,
        ex_address: str | Sequence[str] | None = None,
    ) -> OVM3Nic:
        """Change a network card of a node. A running guest loses it, and gets another one.

        :param node: The node, running or stopped, or its id. (required)
        :type node: :class:`Node` or ``str``

        :param nic: The card, its id, or its MAC address. (required)
        :type nic: :class:`.OVM3Nic` or ``str``

        :param ex_network: The network it is to be on, as for :meth:`ex_attach_nic`.
            (default: as it is)
        :type ex_network: :class:`.OVM3Network`, ``str`` or ``tuple``

        :param ex_mac: Its new MAC address. (default: as it is)
        :type ex_mac: ``str``

        :param ex_model: The new model of the emulated card of an HVM node. (default: as it is)
        :type ex_model: ``str``

        :param ex_address: The static IP addresses that the guest has on it, as for
            :meth:`ex_attach_nic`; an empty list: none any more. (default: as they are)
        :type ex_address: ``str`` or ``list`` of ``str``

        :raises NodeNotFound: There is no such node.
        :raises NetworkNotFound: It has no such card.
        :raises InvalidArgument: An argument is wrong, nothing is to be changed, or several of its
            cards have this MAC address: pass an id.
        :raises PreconditionFailed: As for :meth:`ex_attach_nic` and :meth:`ex_detach_nic`; or that
            the card of a running node is changed cannot be recorded before, by the host module.
        :raises AgentFault: The agent refused; the card is as it was.
        :raises OperationIncomplete: What the card is now is unknown, or the node has lost it.
        :return: The card as it is now.
        :rtype: :class:`.OVM3Nic`
        """
        if all(one is None for one in (ex_network, ex_mac, ex_model, ex_address)):
            raise InvalidArgument(
                "nothing to change: expected ex_network, ex_mac, ex_model, ex_address, or "
                "ex_address=[] for no static address any more"
            )
        changed = operations.new_cards.card_change(
            ex_network, self._estate.traffic_labels, ex_mac, ex_model, ex_address
        )
        update = operations.update_nic.update
        card, notices = update(self._estate, object_id(node), object_id(nic), changed)
        self._warn(notices)
        return to_nic(card, self, changed.addresses)
