"""Waiting for nodes."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from functools import partial
from inspect import signature
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
            that do not.
        :return: Pairs of a node and a list of its addresses, which is empty if none is known.
        :rtype: ``list`` of ``tuple``
        """
        if ssh_interface not in ("public_ips", "private_ips"):
            raise InvalidArgument(
                f"ssh_interface {ssh_interface!r}: expected public_ips or private_ips"
            )
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

    def deploy_node(self, *args: Any, **kwargs: Any) -> Node:
        """Create a node, wait until it runs and has an address, and run a deployment in it by SSH.

        As libcloud's own. The template must let ``ssh_key`` in, as nothing is installed in the
        guest. Not every address is known (docs/networks.md): give the node a static address, or let
        the guest talk to a host that has the host module. The arguments are those of libcloud's
        method (``deploy``, ``ssh_key``, the path of a private key, ``ssh_interface``, ...) and, by
        name, of :meth:`create_node`. Needs paramiko.

        :raises InvalidArgument: ``ssh_key`` is missing; or ``ssh_interface`` is, or is by default,
            ``public_ips``, and no network is public (``ex_public_networks``). Nothing was created.
        :raises DeploymentError: The node was created, but no address of it became known, or SSH or
            the deployment failed.
        :return: The node.
        :rtype: :class:`Node`
        """
        given = signature(super().deploy_node).bind(*args, **kwargs).arguments
        _check_deployment(given, has_public=bool(self._estate.public_networks))
        waiting = copy(self)
        waiting.wait_until_running = partial(  # type: ignore[method-assign]
            self.wait_until_running, ex_addresses=True
        )
        node: Node = super(Waiting, waiting).deploy_node(*args, **kwargs)
        node.driver = self
        return node


def _check_deployment(given: Mapping[str, Any], *, has_public: bool) -> None:
    """Refuse what libcloud would find out later, or would call not implemented."""
    if not given.get("ssh_key") and not given.get("auth"):  # create_node answers for auth
        raise InvalidArgument(
            "ssh_key: expected the path of a private key that the image lets in by SSH: nothing is "
            "installed in the guest"
        )
    if given.get("ssh_interface", "public_ips") == "public_ips" and not has_public:
        raise InvalidArgument(
            "ssh_interface 'public_ips': no network is public (ex_public_networks), so no node "
            "has a public address; expected 'private_ips'"
        )
