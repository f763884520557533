"""Clones of nodes."""

from __future__ import annotations

from functools import partial

from libcloud.compute.base import Node, NodeLocation

from libcloud_ovm3 import operations
from libcloud_ovm3.agent.address import parse_flag
from libcloud_ovm3.compute.base import OVM3Base
from libcloud_ovm3.compute.convert import object_id, to_node


class Clones(OVM3Base):
    """The method of the driver that clones nodes."""

    def ex_clone_node(
        self,
        node: Node | str,
        name: str,
        *,
        ex_allow_same_name: bool | str = False,
        ex_description: str | None = None,
        ex_location: NodeLocation | str | None = None,
        ex_pause: bool | str = False,
        ex_repository: str | None = None,
        ex_start: bool | str = False,
    ) -> Node:
        """Create a node with copies of all disks of another one, and its settings. Blocks while
        they are copied.

        uuid and MAC addresses are new, the networks of its cards the same. With the host module the
        copies share their blocks where the file system can do that. CD drives keep their media, but
        for a seed. Metadata, tags, recorded addresses and the HA flag are not carried; what is in
        the disks is: host name, static addresses, SSH keys.

        :param node: The node to copy, or its id: stopped, or see ``ex_pause``. (required)
        :type node: :class:`Node` or ``str``

        :param name: The display name of the new node. (required)
        :type name: ``str``

        :param ex_allow_same_name: Allow a name that another VM of the estate has.
        :type ex_allow_same_name: ``bool``

        :param ex_description: Its description. (default: that of the node)
        :type ex_description: ``str``

        :param ex_location: The host to start it on, or its id. (default: the one with the most free
            memory)
        :type ex_location: :class:`NodeLocation` or ``str``

        :param ex_pause: Pause a node that runs while all its disks are copied: what guests have not
            written to their disks is then missing in the clone, as after a power failure.
        :type ex_pause: ``bool``

        :param ex_repository: The id or the alias of the repository for its definition and its
            disks. A host must have it mounted beside those of the disks. (default: that of the
            node's ``vm.cfg``)
        :type ex_repository: ``str``

        :param ex_start: Start it. It has the host name and the static addresses of the node.
        :type ex_start: ``bool``

        :raises NodeNotFound: There is no such node.
        :raises SearchIncomplete: It was not found, but not everything could be read.
        :raises InvalidArgument: An argument is wrong, or the node has physical or shared disks, or
            options in its ``vm.cfg`` that cannot be another node's.
        :raises NameTaken: A VM of this name exists. Nothing of the new one is left.
        :raises PreconditionFailed: The node is running, or may be; it is not complete; or no host
            can take the clone. Nothing of it is left.
        :raises AgentFault: A host refused a step. Nothing of it is left.
        :raises OperationIncomplete: It was not completed; names what may be left (as a node in
            state ``pending``, which :meth:`destroy_node` removes), or paused
            (:meth:`ex_resume_node`).
        :return: The new node, in the state in which it was seen last.
        :rtype: :class:`Node`
        """
        wanted = operations.clone_vm.CloneSpec(
            name=name,
            description=ex_description,
            repository=ex_repository,
            host_id=None if ex_location is None else object_id(ex_location),
            pause=parse_flag(ex_pause, "ex_pause"),
            start=parse_flag(ex_start, "ex_start"),
            allow_same_name=parse_flag(ex_allow_same_name, "ex_allow_same_name"),
        )
        warn = partial(self._warn, stacklevel=4)
        vm, notices = operations.clone_vm.clone(self._estate, object_id(node), wanted, warn)
        self._warn_of_done(notices)
        return to_node(vm, self)
