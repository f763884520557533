"""Waiting for nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from libcloud.compute.base import Node
from libcloud.utils.networking import is_valid_ip_address

from libcloud_ovm3 import operations
from libcloud_ovm3.agent.address import parse_flag
from libcloud_ovm3.agent.call_kinds import parse_seconds
from libcloud_ovm3.compute.base import OVM3Base
from libcloud_ovm3.compute.convert import object_id, to_node
from libcloud_ovm3.errors import InvalidArgument

if TYPE_CHECKING:
    from libcloud_ovm3.estate.vms import VM


class Waiting(OVM3Base):
    """The driver's method that waits for nodes."""

    def wait_until_running(
        self,
        nodes: list[Node],
        wait_period: float = 5,
        timeout: int = 600,
        ssh_interface: str = "public_ips",
        force_ipv4: bool = True,
        ex_list_nodes_kwargs: dict[str, Any] | None = None,
        *,
        ex_addresses: bool | str = False,
    ) -> list[tuple[Node, list[str]]]:
        """Wait until all these nodes are RUNNING.

        Unlike libcloud's own, this does not wait for addresses unless ``ex_addresses`` says so, as
        those of many nodes never become known (docs/networks.md).

        :param nodes: The nodes, or their ids. (required)
        :type nodes: ``list`` of :class:`Node` or ``str``

        :param wait_period: The time between two queries.
        :type wait_period: ``float``, seconds

        :param timeout: How long to wait.
        :type timeout: ``float``, seconds

        :param ssh_interface: Which of its addresses the result has: ``public_ips`` or
            ``private_ips``.
        :type ssh_interface: ``str``

        :param force_ipv4: Whether the result has IPv4 addresses only.
        :type force_ipv4: ``bool``

        :param ex_list_nodes_kwargs: Makes no difference.
        :type ex_list_nodes_kwargs: ``dict``

        :param ex_addresses: Wait until each of them has such an address as well.
        :type ex_addresses: ``bool``

        :raises InvalidArgument: An argument is wrong.
        :raises WaitTimeout: Not all of them run after that time, or have an address; names those
            that do not. ``nodes`` has these, and then the others, each with its state.
        :return: Pairs of a node and a list of its addresses, which is empty if none is known.
        :rtype: ``list`` of ``tuple``
        """
        check_interface(ssh_interface)
        ids = [object_id(node) for node in nodes]
        period = parse_seconds(wait_period, "wait_period", may_be_zero=True)
        limit = parse_seconds(timeout, "timeout", may_be_zero=True)
        waits = parse_flag(ex_addresses, "ex_addresses")

        def addresses(node: Node) -> list[str]:
            known: list[str] = getattr(node, ssh_interface)
            return [one for one in known if not force_ipv4 or is_valid_ip_address(one)]

        def is_ready(vm: VM) -> bool:
            return not waits or bool(addresses(to_node(vm, self)))

        vms = operations.wait_running.wait_running(self._estate, ids, period, limit, is_ready)
        return [(node, addresses(node)) for node in (to_node(vm, self) for vm in vms)]


def check_interface(name: str) -> str:
    """Which addresses of a node are wanted.

    :raises InvalidArgument: says what is expected.
    """
    if name not in ("public_ips", "private_ips"):
        raise InvalidArgument(f"ssh_interface {name!r}: expected public_ips or private_ips")
    return name
