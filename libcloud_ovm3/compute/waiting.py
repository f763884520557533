"""Waiting for nodes."""

from __future__ import annotations

from typing import Any

from libcloud.compute.base import Node

from libcloud_ovm3 import operations
from libcloud_ovm3.agent.call_kinds import parse_seconds
from libcloud_ovm3.compute.base import OVM3Base
from libcloud_ovm3.compute.convert import object_id, to_node
from libcloud_ovm3.errors import InvalidArgument


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
    ) -> list[tuple[Node, list[str]]]:
        """Wait until all these nodes are RUNNING.

        Unlike libcloud's own, this does not wait for IP addresses, which no agent knows.

        :param nodes: The nodes, or their ids. (required)
        :type nodes: ``list`` of :class:`Node` or ``str``

        :param wait_period: The time between two queries.
        :type wait_period: ``float``, seconds

        :param timeout: How long to wait.
        :type timeout: ``float``, seconds

        :param ssh_interface: Which of its addresses the result has: ``public_ips`` or
            ``private_ips``. Both are empty.
        :type ssh_interface: ``str``

        :param force_ipv4: Makes no difference.
        :type force_ipv4: ``bool``

        :param ex_list_nodes_kwargs: Makes no difference.
        :type ex_list_nodes_kwargs: ``dict``

        :raises InvalidArgument: An argument is wrong.
        :raises WaitTimeout: Not all of them run after that time; names those that do not.
        :return: Pairs of a node and a list of addresses, which is empty.
        :rtype: ``list`` of ``tuple``
        """
        if ssh_interface not in ("public_ips", "private_ips"):
            raise InvalidArgument(
                f"ssh_interface {ssh_interface!r}: expected public_ips or private_ips"
            )
        ids = [object_id(node) for node in nodes]
        period = parse_seconds(wait_period, "wait_period", may_be_zero=True)
        limit = parse_seconds(timeout, "timeout", may_be_zero=True)
        vms = operations.wait_running.wait_running(self._estate, ids, period, limit)
        running = [to_node(vm, self) for vm in vms]
        return [(node, list(getattr(node, ssh_interface))) for node in running]
