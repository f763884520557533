"""Settings of nodes: memory, CPUs, pins, name, description, boot order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from libcloud.compute.base import Node, NodeSize

from libcloud_ovm3 import estate, operations
from libcloud_ovm3.agent.address import parse_flag
from libcloud_ovm3.compute.base import OVM3Base
from libcloud_ovm3.compute.convert import as_size, object_id, to_node
from libcloud_ovm3.habitual import parse_number


class NodeSettings(OVM3Base):
    """The methods of the driver that change what a node is (docs/moving-and-changing-vms.md)."""

    def ex_resize_node(
        self,
        node: Node | str,
        size: NodeSize | str | None = None,
        *,
        ex_memory_mb: int | str | None = None,
        ex_cpus: int | str | None = None,
        ex_max_memory_mb: int | str | None = None,
        ex_max_cpus: int | str | None = None,
        ex_cpu_weight: int | str | None = None,
        ex_cpu_cap: int | str | None = None,
    ) -> Node:
        """Change memory, CPUs, weight and cap of a node: in its ``vm.cfg``, and at once if it runs.

        A running node gets no more than the maxima that it was started with. Its memory is a target
        then, and its CPUs are a request: what its guest makes of them, ``extra["settings"]`` of the
        result says as far as it is known.

        :param node: The node, running, paused or stopped, or its id. (required)
        :type node: :class:`Node` or ``str``

        :param size: A size, or the id of a built-in one: its ``ram`` in MB and its
            ``extra["cpus"]``. Disks are not changed. (default: as it is)
        :type size: :class:`NodeSize` or ``str``

        :param ex_memory_mb: Its memory, instead of that of the size. (default: as it is)
        :type ex_memory_mb: ``int``, MB

        :param ex_cpus: The number of virtual CPUs, instead of that of the size. (default: as it is)
        :type ex_cpus: ``int``

        :param ex_max_memory_mb: The most memory that it can get while it runs. Only while it is
            stopped. (default: as it is, or its memory if that is more)
        :type ex_max_memory_mb: ``int``, MB

        :param ex_max_cpus: The most virtual CPUs that it can get while it runs. Only while it is
            stopped. (default: as it is, or its number of CPUs if that is more)
        :type ex_max_cpus: ``int``

        :param ex_cpu_weight: Its share of the host's CPUs against other nodes', 1 to 65535; xend's
            own default is 256. (default: as it is)
        :type ex_cpu_weight: ``int``

        :param ex_cpu_cap: The most that it can use, in per cent of one CPU; 0: all that it has.
            (default: as it is)
        :type ex_cpu_cap: ``int``, %

        :raises NodeNotFound: There is no such node.
        :raises InvalidArgument: Nothing is to be changed, or a number is not possible.
        :raises PreconditionFailed: It runs, and has to be stopped for this; its host lacks the
            memory, or that is not known; or its state does not allow it. Nothing was sent.
        :raises AgentFault: The agent refused; the node is as it was.
        :raises OperationIncomplete: Whether it is changed is unknown, or only a part of it is.
        :return: The node as it is now.
        :rtype: :class:`Node`
        """
        of_size = None if size in (None, "") else as_size(size, self)
        cpus = None if of_size is None else of_size.extra.get("cpus", 1)
        wanted = operations.resize_vm.NewSize(
            memory_mb=parse_number(ex_memory_mb, "ex_memory_mb", of_size and of_size.ram),
            max_memory_mb=parse_number(ex_max_memory_mb, "ex_max_memory_mb"),
            vcpus=parse_number(ex_cpus, "ex_cpus", cpus),
            max_vcpus=parse_number(ex_max_cpus, "ex_max_cpus"),
            cpu_weight=parse_number(ex_cpu_weight, "ex_cpu_weight"),
            cpu_cap=parse_number(ex_cpu_cap, "ex_cpu_cap"),
        )
        operations.resize_vm.check(wanted)
        vm, notices = operations.resize_vm.resize(self._estate, object_id(node), wanted)
        self._warn(notices)
        return to_node(vm, self)

    def ex_rename_node(
        self, node: Node | str, name: str, *, ex_allow_same_name: bool | str = False
    ) -> Node:
        """Give a node another display name. Its id, and its name for xend, stay.

        :param node: The node, running, paused or stopped, or its id. (required)
        :type node: :class:`Node` or ``str``

        :param name: Its new name. (required)
        :type name: ``str``

        :param ex_allow_same_name: Allow a name that another node of the estate has.
        :type ex_allow_same_name: ``bool``

        :raises NodeNotFound: There is no such node.
        :raises InvalidArgument: The name cannot be one.
        :raises NameTaken: Another node has it, or was given it at the same time; this one has its
            old name.
        :raises PreconditionFailed: Whether the name is taken is unknown, or the node's state does
            not allow it. Nothing was sent.
        :raises AgentFault: The agent refused; the node has its old name.
        :raises OperationIncomplete: Which name it has is unknown, or another node has it too.
        :return: The node as it is now.
        :rtype: :class:`Node`
        """
        allow = parse_flag(ex_allow_same_name, "ex_allow_same_name")
        rename = operations.rename_vm.rename
        vm, notices = rename(self._estate, object_id(node), name, allow_same_name=allow)
        self._warn(notices)
        return to_node(vm, self)

    def ex_update_node(
        self,
        node: Node | str,
        *,
        ex_description: str | None = None,
        ex_boot_order: str | None = None,
    ) -> Node:
        """Change the description or the boot order of a node, in its ``vm.cfg``.

        :param node: The node, running, paused or stopped, or its id. (required)
        :type node: :class:`Node` or ``str``

        :param ex_description: Its description, as for :meth:`create_node`; an empty text removes
            it. (default: as it is)
        :type ex_description: ``str``

        :param ex_boot_order: Of an HVM node: from what it boots, the first letter first: ``c``
            disk, ``d`` CD, ``n`` network, ``a`` floppy. Of one that runs, from its next start.
            (default: as it is)
        :type ex_boot_order: ``str``

        :raises NodeNotFound: There is no such node.
        :raises InvalidArgument: Nothing is to be changed, or one of them cannot be that.
        :raises PreconditionFailed: It is paravirtualized, which has no boot order; or its state
            does not allow it. Nothing was sent.
        :raises AgentFault: The agent refused; the node is as it was.
        :raises OperationIncomplete: Whether it is changed is unknown.
        :return: The node as it is now.
        :rtype: :class:`Node`
        """
        update = operations.update_vm.update
        vm, notices = update(self._estate, object_id(node), ex_description, ex_boot_order)
        self._warn(notices)
        return to_node(vm, self)

    def ex_pin_node(self, node: Node | str, cpus: str | int | Sequence[int] | None = None) -> Node:
        """Pin all virtual CPUs of a node to CPUs of its host: in its ``vm.cfg``, and at once if it
        runs.

        :param node: The node, running, paused or stopped, or its id. (required)
        :type node: :class:`Node` or ``str``

        :param cpus: The CPUs of the host: ``"0-3,8"``, a number, or a list of numbers; ``"all"``:
            it is pinned no more. (default: all)
        :type cpus: ``str``, ``int`` or ``list`` of ``int``

        :raises NodeNotFound: There is no such node.
        :raises InvalidArgument: These are no CPUs.
        :raises PreconditionFailed: Its host, or each host that has its repository, lacks one of
            them; or its state does not allow it. Nothing was sent.
        :raises AgentFault: The agent refused; the node is as it was.
        :raises OperationIncomplete: Whether it is pinned is unknown.
        :return: The node as it is now.
        :rtype: :class:`Node`
        """
        wanted = operations.pin_vm.parse_pin(cpus)
        vm, notices = operations.pin_vm.pin(self._estate, object_id(node), wanted)
        self._warn(notices)
        return to_node(vm, self)

    def ex_pinning_report(self) -> list[dict[str, Any]]:
        """Who is pinned to which CPUs of which host, for licence audits. Nothing is changed.

        A VM counts as pinned only where that is certain: in its ``vm.cfg`` and, while it runs, in
        what its host lists. One that is not makes all CPUs of its host count.

        :raises Ovm3Error: No host responded. One that did not is in the report, with the reason.
        :return: One ``dict`` for each host, and a last one, without a host, for VMs that no host
            runs: ``host``, ``host_id``, ``address``, ``cpu_model``, ``cpus`` (logical CPUs that it
            has; None: unknown), ``threads_per_core``, ``pinned_cpus`` (of all VMs that are pinned:
            a text such as ``0-3,8``), ``counted_cpus`` (those, or all; None: unknown),
            ``is_whole`` (whether all count), ``reasons`` (why), and ``vms``: ``id``, ``name``,
            ``state``, ``defined_cpus`` and ``live_cpus`` (the pin in its ``vm.cfg``, and as its
            host lists it; "": none; None: unknown), ``is_pinned``, ``why`` (it does not count).
        :rtype: ``list`` of ``dict``
        """
        snapshot = estate.vms.read_estate(self._estate, estate.hosts.HARDWARE)
        self._warn_or_raise(snapshot, (), False)
        hardware = estate.hosts.read_hardware(snapshot.hosts)
        return estate.pinning.pinning(snapshot, hardware)
