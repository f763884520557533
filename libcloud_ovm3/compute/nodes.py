"""Nodes: listing, starting, stopping, rebooting and destroying them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from libcloud.compute.base import Node, NodeLocation

from libcloud_ovm3 import estate, operations
from libcloud_ovm3.agent.address import parse_flag
from libcloud_ovm3.agent.call_kinds import parse_seconds
from libcloud_ovm3.compute.base import OVM3Base
from libcloud_ovm3.compute.convert import object_id, to_node
from libcloud_ovm3.operations.limits import MINIMUM_AGE, STOP_LIMIT

if TYPE_CHECKING:
    from libcloud_ovm3.estate.vms import VM, EstateSnapshot


class Nodes(OVM3Base):
    """The node methods of the driver."""

    def list_nodes(
        self,
        *,
        ex_strict: bool | str | None = None,
        ex_hosts_off: Sequence[NodeLocation | str] | str | None = None,
    ) -> list[Node]:
        """All VMs of the estate: running and stopped, on all hosts, sorted by name.

        An unreachable host, or a vm.cfg that cannot be read, produces a warning.

        :param ex_strict: Whether to raise an error instead. (default: the driver's)
        :type ex_strict: ``bool``

        :param ex_hosts_off: Addresses of hosts that you have seen to be powered off: in this call
            they run nothing. Refused if one answers anything. See docs/a-host-is-dead.md first.
        :type ex_hosts_off: ``list`` of ``str`` or :class:`NodeLocation`

        :raises Ovm3Error: No host responded; with ``ex_strict`` also what would be a warning.
        :raises PreconditionFailed: A host of ``ex_hosts_off`` answers, or that cannot be checked.
        :raises HostNotFound: No unreachable host has a name in ``ex_hosts_off``.
        :return: The nodes; what is in their ``extra``: docs/driver.md.
        :rtype: ``list`` of :class:`Node`
        """
        is_strict = self._is_strict(ex_strict)
        snapshot = estate.vms.read_estate(self._estate_of(ex_hosts_off))
        self._warn_or_raise(snapshot, (), is_strict)
        return self._nodes(snapshot, snapshot.vms.values())

    def start_node(
        self,
        node: Node,
        ex_location: NodeLocation | str | None = None,
        ex_hosts_off: Sequence[NodeLocation | str] | str | None = None,
        *,
        ex_force: bool | str = False,
        ex_unguarded: bool | str = False,
        ex_discard_saved: bool | str = False,
    ) -> bool:
        """Start a node that is proven to be stopped. One that is running is left as it is.

        A warning says so if it does not run on ``ex_location``.

        :param node: The node, or its id. (required)
        :type node: :class:`Node` or ``str``

        :param ex_location: The host to start on, or its id, address or name. (default: of those
            that can take it the one that all clients prefer for this node)
        :type ex_location: :class:`NodeLocation` or ``str``

        :param ex_hosts_off: Addresses of hosts that you have seen to be powered off: in this call
            they run nothing. Refused if one answers anything. See docs/a-host-is-dead.md first.
        :type ex_hosts_off: ``list`` of ``str`` or :class:`NodeLocation`

        :param ex_force: Start it although a live node has the MAC address of one of its network
            cards on the same network: only one of them can be reached.
        :type ex_force: ``bool``

        :param ex_unguarded: Start it on ``ex_location`` although that host has no claims, while the
            repository has: nothing keeps it from being started twice then. See docs/claims.md.
        :type ex_unguarded: ``bool``

        :param ex_discard_saved: Of a suspended node, discard the memory of its guest first: it
            starts as after a power cut. :meth:`ex_resume_node` lets it go on instead.
        :type ex_discard_saved: ``bool``

        :raises NodeNotFound: There is no such node.
        :raises HostNotFound: There is no such host.
        :raises PreconditionFailed: It is not proven to be stopped; names the unreachable host, if
            that is why. Or it is suspended, a disk is in use, no host can take it, a host that
            should be off answers, or a live node has a MAC address of its on the same network.
        :raises AgentFault: The agent refused, and the node does not run.
        :raises OperationIncomplete: The request was sent; whether the node starts is unknown.
        :return: True: it runs.
        :rtype: ``bool``
        """
        host_id = None if ex_location is None else object_id(ex_location)
        force, start = parse_flag(ex_force, "ex_force"), operations.start_vm
        discards = parse_flag(ex_discard_saved, "ex_discard_saved")
        on = self._estate_of(ex_hosts_off, ex_unguarded=ex_unguarded)
        saved = start.DISCARD if discards else start.KEEP
        self._warn(start.start(on, object_id(node), host_id, force=force, saved=saved).notices)
        return True

    def stop_node(
        self,
        node: Node,
        ex_force: bool | str = False,
        ex_timeout: float | str = STOP_LIMIT,
        ex_hosts_off: Sequence[NodeLocation | str] | str | None = None,
    ) -> bool:
        """Ask the guest to shut down and wait until it has stopped.

        :param node: The node, or its id. (required)
        :type node: :class:`Node` or ``str``

        :param ex_force: Power off immediately instead of asking the guest to shut down.
        :type ex_force: ``bool``

        :param ex_timeout: How long to wait until it has stopped. It is never powered off
            automatically after that.
        :type ex_timeout: ``float``, seconds

        :param ex_hosts_off: Addresses of hosts that you have seen to be powered off: in this call
            they run nothing. Refused if one answers anything. See docs/a-host-is-dead.md first.
        :type ex_hosts_off: ``list`` of ``str`` or :class:`NodeLocation`

        :raises NodeNotFound: There is no such node.
        :raises PreconditionFailed: It may be running on a host that is unreachable, it is paused or
            migrating, or its name is another VM's too; or it is an HVM node whose guest has no PV
            drivers, which xend would power off at once instead of asking it. Nothing was sent.
        :raises AgentFault: The agent refused, and the node still runs.
        :raises WaitTimeout: It is still running after that time.
        :return: True: it is stopped.
        :rtype: ``bool``
        """
        force = parse_flag(ex_force, "ex_force")
        limit = parse_seconds(ex_timeout, "ex_timeout", may_be_zero=True)
        on = self._estate_of(ex_hosts_off)
        stop = operations.stop_vm.stop
        self._warn(stop(on, object_id(node), force=force, limit=limit))
        return True

    def reboot_node(self, node: Node, ex_minimum_age: float | str = MINIMUM_AGE) -> bool:
        """Ask the guest to reboot. Does not wait for it.

        :param node: The node, or its id. (required)
        :type node: :class:`Node` or ``str``

        :param ex_minimum_age: How long it must have been running: xend destroys guests that
            reboot within 60 s of their start. Less where the hosts are configured for less.
        :type ex_minimum_age: ``float``, seconds

        :raises NodeNotFound: There is no such node.
        :raises PreconditionFailed: It does not run on exactly one host, or not for long enough, or
            would not come back. Nothing was sent.
        :raises AgentFault: The agent refused, and the node runs on.
        :raises OperationIncomplete: The request was sent; its outcome is unknown.
        :return: True: the guest was asked.
        :rtype: ``bool``
        """
        age = parse_seconds(ex_minimum_age, "ex_minimum_age", may_be_zero=True)
        self._warn(operations.reboot_vm.reboot(self._estate, object_id(node), age))
        return True

    def destroy_node(
        self,
        node: Node,
        ex_hosts_off: Sequence[NodeLocation | str] | str | None = None,
        ex_disks: Sequence[str] | None = None,
        ex_power_off: bool | str = True,
        ex_discard_saved: bool | str = False,
    ) -> bool:
        """Power a node off if it is running, then delete its definition and its own disks.

        Its own disks are those that its vm.cfg names, whose file name contains its uuid, and that
        nobody else may use; others are kept, with a warning that names them.

        :param node: The node, or its id. (required)
        :type node: :class:`Node` or ``str``

        :param ex_hosts_off: Addresses of hosts that you have seen to be powered off: in this call
            they run nothing. Refused if one answers anything. See docs/a-host-is-dead.md first.
            All disks are kept then: a repository that only such a host had mounted is not read.
        :type ex_hosts_off: ``list`` of ``str`` or :class:`NodeLocation`

        :param ex_disks: Delete at most these of its own disks: those that
            :meth:`ex_list_own_disks` has returned, and to which somebody has agreed.
            (default: all)
        :type ex_disks: ``list`` of ``str``

        :param ex_power_off: False: refuse a node that is running, instead of powering it off; for
            one that you have seen to be stopped.
        :type ex_power_off: ``bool``

        :param ex_discard_saved: Of a suspended node, discard the memory of its guest. False: refuse
            a suspended one.
        :type ex_discard_saved: ``bool``

        :raises InvalidArgument: A path in ``ex_disks`` is no disk of the node.
        :raises NodeNotFound: There is no such node.
        :raises PreconditionFailed: Where it runs is not proven, or its directory holds a disk.
            Nothing was deleted.
        :raises WaitTimeout: It could not be stopped. Nothing was deleted.
        :raises AgentFault: The agent refused. Definition and disks are all there; it may be off.
        :raises OperationIncomplete: Whether all was deleted is unknown; names what may be left.
        :return: True: it is deleted.
        :rtype: ``bool``
        """
        may_power_off = parse_flag(ex_power_off, "ex_power_off")
        on = self._estate_of(ex_hosts_off)
        only = [ex_disks] if isinstance(ex_disks, str) else ex_disks
        discards = parse_flag(ex_discard_saved, "ex_discard_saved")
        destroy = operations.destroy_vm.destroy
        self._warn(destroy(on, object_id(node), only, may_power_off, discards))
        return True

    def ex_list_own_disks(
        self, node: Node, ex_hosts_off: Sequence[NodeLocation | str] | str | None = None
    ) -> list[str]:
        """The disks that :meth:`destroy_node` would delete now, by their paths on the hosts.

        It decides anew right before it deletes anything. Nothing is changed by this method.

        :param node: The node, or its id. (required)
        :type node: :class:`Node` or ``str``

        :param ex_hosts_off: As for :meth:`destroy_node`.
        :type ex_hosts_off: ``list`` of ``str`` or :class:`NodeLocation`

        :raises NodeNotFound: There is no such node.
        :raises PreconditionFailed: destroy_node would refuse.
        :return: Paths as the hosts have them: ``/OVS/Repositories/...``.
        :rtype: ``list`` of ``str``
        """
        on = self._estate_of(ex_hosts_off)
        return operations.destroy_vm.list_deleted(on, object_id(node))

    def ex_get_node(
        self, node_id: str, ex_hosts_off: Sequence[NodeLocation | str] | str | None = None
    ) -> Node:
        """The node of this id.

        :param node_id: The VM's uuid, dashed or not. (required)
        :type node_id: ``str``

        :param ex_hosts_off: As in :meth:`list_nodes`.
        :type ex_hosts_off: ``list`` of ``str`` or :class:`NodeLocation`

        :raises NodeNotFound: there is none.
        :raises SearchIncomplete: it was not found, but something that may contain it could not be
            read.
        :rtype: :class:`Node`
        """
        snapshot = estate.vms.read_estate(self._estate_of(ex_hosts_off))
        return self._nodes(snapshot, [snapshot.vm(node_id)])[0]

    def ex_get_node_details(
        self, node: Node | str, ex_hosts_off: Sequence[NodeLocation | str] | str | None = None
    ) -> Node:
        """The node as it is now, read anew: what libcloud's other drivers have under this name.

        :param node: The node, or its id, dashed or not. (required)
        :type node: :class:`Node` or ``str``

        :param ex_hosts_off: As in :meth:`list_nodes`.
        :type ex_hosts_off: ``list`` of ``str`` or :class:`NodeLocation`

        :raises NodeNotFound: It does not exist (any more).
        :raises SearchIncomplete: It was not found, but something that may contain it could not be
            read.
        :rtype: :class:`Node`
        """
        snapshot = estate.vms.read_estate(self._estate_of(ex_hosts_off))
        return self._nodes(snapshot, [snapshot.vm(object_id(node))])[0]

    def ex_get_node_by_name(
        self, name: str, ex_hosts_off: Sequence[NodeLocation | str] | str | None = None
    ) -> Node:
        """The node of this display name.

        :param name: The exact name. (required)
        :type name: ``str``

        :param ex_hosts_off: As in :meth:`list_nodes`.
        :type ex_hosts_off: ``list`` of ``str`` or :class:`NodeLocation`

        :raises NodeNotFound: there is none.
        :raises SearchIncomplete: it was not found, but something that may contain it could not be
            read.
        :raises AmbiguousName: there are several; names their ids.
        :rtype: :class:`Node`
        """
        snapshot = estate.vms.read_estate(self._estate_of(ex_hosts_off))
        return self._nodes(snapshot, [snapshot.vm_named(name)])[0]

    def _nodes(self, snapshot: EstateSnapshot, vms: Iterable[VM]) -> list[Node]:
        """VMs of a reading as nodes. Of those that are being created, their disks are looked at."""
        found = estate.copied.with_copied(snapshot, vms)
        return [to_node(vm, self, snapshot.hosts_off) for vm in found]
