"""Nodes: what lists, makes, starts, stops and destroys them."""

from __future__ import annotations

from typing import Any

from libcloud.compute.base import (
    Node,
    NodeAuthPassword,
    NodeAuthSSHKey,
    NodeImage,
    NodeLocation,
    NodeSize,
)

from libcloud_ovm3.compute.base import OVM3Base, object_id
from libcloud_ovm3.compute.convert import to_node, to_orphan
from libcloud_ovm3.errors import InvalidArgument, Ovm3Error
from libcloud_ovm3.estate import disks
from libcloud_ovm3.estate.vms import read_estate
from libcloud_ovm3.operations import create_vm as creation
from libcloud_ovm3.operations import delete_files as deletion
from libcloud_ovm3.operations import destroy_vm as destruction
from libcloud_ovm3.operations import plan_vm as planning
from libcloud_ovm3.operations import start_vm as starting
from libcloud_ovm3.operations import stop_vm as power


class Nodes(OVM3Base):
    """The node methods of the driver."""

    def list_nodes(self, ex_strict: bool | None = None) -> list[Node]:
        """All VMs of the estate: running and stopped, on all hosts, sorted by name.

        A host that does not answer, or a vm.cfg that cannot be read, costs a warning.

        :param ex_strict: Make it an error instead (default: the driver's ``ex_strict``).
        :type ex_strict: ``bool``

        :rtype: ``list`` of :class:`Node`
        """
        seen = read_estate(self._estate)
        problems = seen.errors()
        if problems and (self.ex_strict if ex_strict is None else ex_strict):
            raise (
                seen.unreachable[0].reason
                if seen.unreachable
                else Ovm3Error("; ".join(problems), self)
            )
        self._warn(problems + seen.notices())
        return [to_node(vm, self) for vm in seen.vms.values()]

    def create_node(
        self,
        name: str,
        size: NodeSize,
        image: NodeImage,
        location: NodeLocation | None = None,
        auth: NodeAuthSSHKey | NodeAuthPassword | None = None,
        ex_allow_same_name: bool = False,
    ) -> Node:
        """Make a VM from a raw template and start it. Blocks while the disk is copied.

        :param name: Display name. (required)
        :type name: ``str``

        :param size: Its ``ram`` in MB, its ``extra["cpus"]`` (1 if absent), its ``disk`` in GB: 0
            is the template's own size, less is refused, more is not made yet. (required)
        :type size: :class:`NodeSize`

        :param image: A raw template, or its id. (required)
        :type image: :class:`NodeImage`

        :param location: The host, or its id; None: the one with the most free memory.
        :type location: :class:`NodeLocation`

        :param auth: Not supported: nothing is put into the guest.

        :param ex_allow_same_name: Allow a name that another VM of the estate has.
        :type ex_allow_same_name: ``bool``

        :raises NameTaken, InvalidArgument, Refused, AgentFault: nothing of it is left.
        :raises ImageNotFound, HostNotFound: there is no such image or host.
        :raises OperationIncomplete: broke off; says what may be left.
        :rtype: :class:`Node`
        """
        if auth is not None:
            self._get_and_check_auth(auth)
        wanted = planning.VMSpec(
            name=name,
            image_id=object_id(image),
            memory_mb=size.ram,
            vcpus=(size.extra or {}).get("cpus") or 1,
            disk_gb=size.disk or 0,
            host_id=None if location is None else object_id(location),
            allow_same_name=ex_allow_same_name,
        )
        plan = planning.make_plan(self._estate, wanted)
        self._warn(plan.notices)  # before anything is made, in case warnings are errors
        vm, remarks = creation.create(self._estate, plan)
        self._warn(remarks)
        return to_node(vm, self)

    def start_node(self, node: Node, ex_location: NodeLocation | str | None = None) -> bool:
        """Start a node that is proven to be stopped. One that runs already is left alone.

        :param node: The node, or its id. (required)
        :type node: :class:`Node`

        :param ex_location: The host, or its id, address or name; None: of those that can take it
            the one that all clients prefer for this node.
        :type ex_location: :class:`NodeLocation`

        :raises Refused: it is not proven to be stopped; names the silent host, if that is why.
        :raises OperationIncomplete: it was sent, and whether it starts is not known.
        :rtype: ``bool``
        """
        host_id = None if ex_location is None else object_id(ex_location)
        self._warn(starting.start(self._estate, object_id(node), host_id))
        return True

    def stop_node(
        self, node: Node, ex_force: bool = False, ex_timeout: float = power.STOP_LIMIT
    ) -> bool:
        """Ask the guest to shut down and wait until it is gone.

        :param node: The node, or its id. (required)
        :type node: :class:`Node`

        :param ex_force: Pull the plug instead of asking.
        :type ex_force: ``bool``

        :param ex_timeout: Seconds to wait.
        :type ex_timeout: ``float``

        :raises Refused: it may be running where nobody can look, or its name is another VM's too.
        :raises WaitTimeout: it still runs after that time; it is never forced by itself.
        :rtype: ``bool``
        """
        self._warn(power.stop(self._estate, object_id(node), force=ex_force, limit=ex_timeout))
        return True

    def reboot_node(self, node: Node, ex_minimum_age: float = power.MINIMUM_AGE) -> bool:
        """Ask the guest to reboot. Does not wait for it.

        :param node: The node, or its id. (required)
        :type node: :class:`Node`

        :param ex_minimum_age: Seconds that it must have been running: xend destroys guests that
            reboot within 60 s of their start. Less where the hosts are configured so.
        :type ex_minimum_age: ``float``

        :raises Refused: it does not run in one place, or is too young.
        :raises OperationIncomplete: whether it was asked is not known.
        :rtype: ``bool``
        """
        self._warn(power.reboot(self._estate, object_id(node), ex_minimum_age))
        return True

    def destroy_node(self, node: Node) -> bool:
        """Stop a node by force if it runs, then delete its definition and its own disks.

        Its own disks are those that its vm.cfg names, whose file name carries its uuid, and that
        nobody else may use; others are kept, with a warning that names them.

        :param node: The node, or its id. (required)
        :type node: :class:`Node`

        :rtype: ``bool``
        """
        self._warn(destruction.destroy(self._estate, object_id(node)))
        return True

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

        Unlike libcloud's own, this does not wait for addresses, which no agent knows.

        @inherits: :class:`NodeDriver.wait_until_running`
        """
        if ssh_interface not in ("public_ips", "private_ips"):
            raise InvalidArgument(f"ssh_interface {ssh_interface!r}: public_ips or private_ips")
        ids = [object_id(node) for node in nodes]
        vms = starting.wait_running(self._estate, ids, wait_period, timeout)
        running = [to_node(vm, self) for vm in vms]
        return [(node, list(getattr(node, ssh_interface))) for node in running]

    def deploy_node(self, *args: Any, **kwargs: Any) -> Node:
        """Not possible yet: it needs the guest's address, which no agent knows."""
        raise NotImplementedError("deploy_node needs the guest's address, which no agent knows yet")

    def ex_get_node(self, node_id: str) -> Node:
        """The node of this id.

        :param node_id: The VM's uuid, dashed or not. (required)
        :type node_id: ``str``

        :raises NodeNotFound: there is none.
        :raises SearchIncomplete: not found, and something that may hold it could not be read.
        :rtype: :class:`Node`
        """
        return to_node(read_estate(self._estate).vm(node_id), self)

    def ex_get_node_by_name(self, name: str) -> Node:
        """The node of this display name.

        :param name: The exact name. (required)
        :type name: ``str``

        :raises NodeNotFound: there is none.
        :raises SearchIncomplete: not found, and something that may hold it could not be read.
        :raises AmbiguousName: there are several; names their ids.
        :rtype: :class:`Node`
        """
        return to_node(read_estate(self._estate).vm_named(name), self)

    def ex_list_orphans(self) -> list[dict[str, Any]]:
        """Virtual disks that no vm.cfg names and whose names carry no known node's uuid.

        They may be left of an operation that broke off, or kept on purpose by someone. Nothing is
        deleted.

        :return: dicts with ``repository_id``, ``path``, ``is_certain`` (False: something could not
            be read that may name it, its name is odd, or by the host module's word it is held or
            a link leads to it) and ``set_aside`` (the operation of a
            deletion that has set it aside; see :meth:`ex_put_back`; else None).
        :rtype: ``list`` of ``dict``
        """
        seen = read_estate(self._estate)
        self._warn(seen.errors())
        return [to_orphan(orphan) for orphan in disks.orphans(self._estate, seen)]

    def ex_put_back(self, path: str, operation: str) -> bool:
        """Put back a disk that a deletion has set aside and, breaking off, has left there.

        With the host module ``destroy_node`` sets a disk aside before it deletes it. What one that
        broke off has left there is in :meth:`ex_list_orphans` (``set_aside``) and in a warning of
        :meth:`list_nodes`.

        :param path: Where it lay, as shown there. (required)
        :type path: ``str``

        :param operation: Which deletion has set it aside, as shown there. (required)
        :type operation: ``str``

        :raises Refused: no such file is set aside, as far as can be seen.
        :raises AgentFault: something lies in its place by now.
        :raises OperationIncomplete: whether it was done is not known.
        :rtype: ``bool``
        """
        deletion.put_back(self._estate, path, operation)
        return True
