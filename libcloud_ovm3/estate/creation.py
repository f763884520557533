"""Creating a VM from a template. Plain functions that read from top to bottom.

A VM begins as its definition, without disks, saying of itself ``creating <operation>``; then its
disk is copied, then it is configured, then started (design.md, rule 2). So whoever dies in the
middle leaves something that everybody sees as PENDING and that destroy removes. What is undone and
what is only named depends on whether the agent refused a step (nothing happened) or did not answer
(nobody knows).
"""

from __future__ import annotations

import posixpath
import re
import uuid
from dataclasses import dataclass
from typing import Any

from libcloud_ovm3.errors import (
    DEFINITE,
    AgentFault,
    AnswerLost,
    InvalidArgument,
    MalformedAnswer,
    NameTaken,
    Ovm3Error,
    Refused,
    Unfinished,
)
from libcloud_ovm3.estate.definitions import Definition, creating, read_definition
from libcloud_ovm3.estate.deletion import delete_file
from libcloud_ovm3.estate.destruction import delete_definition
from libcloud_ovm3.estate.disks import (
    FileSystem,
    disk_path,
    file_system,
    size_bytes,
)
from libcloud_ovm3.estate.hosts import HARDWARE, Estate, HostView
from libcloud_ovm3.estate.images import image_of, locate, require_raw
from libcloud_ovm3.estate.power import (
    choose_host,
    start_on,
)
from libcloud_ovm3.estate.repositories import Repository, list_repository
from libcloud_ovm3.estate.vms import VM, Survey, put_together, survey

_GIB = 2**30


@dataclass(frozen=True)
class Wanted:
    """What a new VM is to be.

    :ivar disk_gb: the smallest disk that will do; 0: the template's own size.
    :ivar host_id: where to start it; None: wherever most memory is free.
    """

    name: str
    image_id: str
    memory_mb: int
    vcpus: int
    disk_gb: int = 0
    host_id: str | None = None
    allow_same_name: bool = False


@dataclass(frozen=True)
class Plan:
    """Everything that a creation has decided before it changes anything.

    :ivar template: its path on the hosts.
    :ivar remarks: for the user, before it is carried out.
    """

    wanted: Wanted
    host: HostView
    repository: Repository
    system: FileSystem
    template: str
    template_bytes: int
    operation: str
    vm_id: str
    remarks: tuple[str, ...]

    @property
    def directory(self) -> str:
        return self.vm_id.replace("-", "")

    @property
    def disk(self) -> str:
        extension = posixpath.splitext(self.template)[1] or ".img"
        return disk_path(self.repository, self.directory + extension)

    @property
    def where(self) -> dict[str, Any]:
        return {"host": str(self.host.address)}


# ------------------------------------------------------------------ create


def create(estate: Estate, plan: Plan) -> VM:
    """Make the VM that was planned and start it.

    :return: the VM as it is right after its start.
    :raises AgentFault: the agent refused a step; what had been made was removed again.
    :raises Unfinished: a step got no answer, or undoing failed; names what may be left.
    """
    try:
        _define(plan)
        _copy(plan)
        definition = _configure(plan)
    except DEFINITE as error:
        _undo(plan, error)
        raise
    except AnswerLost as error:
        raise Unfinished(
            f"creating VM {plan.wanted.name!r} broke off: {error}. What may be left: node "
            f"{plan.vm_id} (pending; destroy_node removes it) and its disk {plan.disk}",
            left=(plan.vm_id, plan.disk),
            **plan.where,
        ) from error
    return _start(estate, plan, definition)


def _check(wanted: Wanted) -> None:
    if not isinstance(wanted.name, str) or not wanted.name.strip():
        raise InvalidArgument(f"name {wanted.name!r}: expected a text that is not empty")
    if wanted.name != wanted.name.strip() or re.search(r"[\x00-\x1f\x7f]", wanted.name):
        raise InvalidArgument(f"name {wanted.name!r}: no blanks around it, no control characters")
    for what, number in (("memory in MB", wanted.memory_mb), ("vcpus", wanted.vcpus)):
        if not isinstance(number, int) or isinstance(number, bool) or number < 1:
            raise InvalidArgument(f"{what} {number!r}: expected a whole number, 1 or more")


def make_plan(estate: Estate, wanted: Wanted) -> Plan:
    """Decide everything. Reads only, but for mounting the export for the storage plug-in.

    :raises InvalidArgument: bad input.
    :raises NameTaken: a VM of this name exists somewhere in the estate.
    :raises Refused: no host can take it, or it cannot be seen whether the name is taken.
    """
    _check(wanted)
    seen = survey(estate, HARDWARE)
    _require_free_name(seen, wanted)
    image = image_of(list(seen.repositories), wanted.image_id)
    require_raw(image)
    host = choose_host(seen, image.repository.id, wanted.memory_mb, wanted.host_id)
    system = file_system(host, image.repository)
    template, template_bytes = locate(image, system)
    return Plan(
        wanted=wanted,
        host=host,
        repository=image.repository,
        system=system,
        template=template,
        template_bytes=template_bytes,
        operation=uuid.uuid4().hex,
        vm_id=str(uuid.uuid4()),
        remarks=(*seen.problems(), *seen.remarks(), *_require_disk_size(wanted, template_bytes)),
    )


def _require_free_name(seen: Survey, wanted: Wanted) -> None:
    if wanted.allow_same_name:
        return
    same = [vm for vm in seen.vms.values() if vm.name == wanted.name]
    if same:
        ids = ", ".join(f"{vm.id} ({vm.state.value})" for vm in same)
        raise NameTaken(
            f"a VM named {wanted.name!r} exists: {ids}; ex_allow_same_name=True makes another one"
        )
    if seen.problems():
        raise Refused(
            f"whether the name {wanted.name!r} is taken cannot be seen: "
            f"{'; '.join(seen.problems())}; ex_allow_same_name=True creates it all the same"
        )


def _require_disk_size(wanted: Wanted, template_bytes: int) -> list[str]:
    wanted_bytes = wanted.disk_gb * _GIB
    if 0 < wanted_bytes < template_bytes:
        raise InvalidArgument(
            f"size.disk {wanted.disk_gb} GB is smaller than the template, which has "
            f"{template_bytes / _GIB:.1f} GB"
        )
    if wanted_bytes > template_bytes:
        return [
            f"the disk has the template's {template_bytes / _GIB:.1f} GB, not size.disk's "
            f"{wanted.disk_gb} GB: disks are not grown yet"
        ]
    return []


def _parameters(plan: Plan) -> dict[str, Any]:
    """A paravirtual VM's options: the set that working clients send (agent-behaviour 6.1)."""
    return {
        "uuid": plan.vm_id,
        "name": plan.directory,
        "OVM_simple_name": plan.wanted.name,
        "OVM_description": creating(plan.operation),
        "OVM_domain_type": "xen_pvm",
        "OVM_high_availability": False,
        "OVM_cpu_compat_group": "",
        "memory": plan.wanted.memory_mb,
        "vcpus": plan.wanted.vcpus,
        "maxvcpus": plan.wanted.vcpus,
        "cpu_weight": 27500,
        "cpu_cap": 0,
        "bootloader": "/usr/bin/pygrub",
        "bootargs": "",
        "extra": "",
        "guest_os_type": "Other Linux",
        "on_poweroff": "destroy",
        "on_reboot": "restart",
        "on_crash": "restart",
        "disk": [],
        "vif": [],
        "vfb": ["type=vnc,vncunused=1,vnclisten=127.0.0.1,keymap=en-us"],
    }


def _define(plan: Plan) -> None:
    """Step 1: the definition, which says that it is being created."""
    xen, repository_id = plan.host.agent.xen, plan.repository.id
    try:
        xen.create_vm(repository_id, plan.directory, _parameters(plan))
    except AnswerLost as lost:
        if not _seen_after(lost, plan, creating(plan.operation)):
            raise


def _copy(plan: Plan) -> None:
    """Step 2: the disk. If the answer is lost, looking does not help: half a copy looks whole."""
    plan.host.agent.linux.copy_file(plan.template, plan.disk, True)
    copied = size_bytes(plan.system, plan.disk)
    if copied != plan.template_bytes:
        raise AgentFault(
            f"{plan.host.label}: copy_file answered success, but {plan.disk} has {copied} bytes "
            f"instead of {plan.template_bytes}",
            code=0,
            kind="",
            text="incomplete copy",
            function="copy_file",
            **plan.where,
        )


def _configure(plan: Plan) -> Definition:
    """Step 3: disk in, mark out. All of what is there is sent again: absent keys may be dropped."""
    xen, repository_id = plan.host.agent.xen, plan.repository.id
    parameters = {
        **(xen.get_vm_config(repository_id, plan.directory) or _parameters(plan)),
        "disk": [f"file:{plan.disk},xvda,w"],
        "OVM_description": "",
    }
    try:
        xen.configure_vm(repository_id, plan.directory, parameters)
    except AnswerLost as lost:
        definition = _seen_after(lost, plan, "")
        if definition is None or not definition.disks:
            raise
        return definition
    definition = read_definition(plan.host, repository_id, plan.directory)
    if definition is None or definition.is_creating or not definition.disks:
        raise MalformedAnswer(
            f"{plan.host.label}: configure_vm answered success, but vm.cfg does not say so",
            function="configure_vm",
            **plan.where,
        )
    return definition


def _seen_after(lost: AnswerLost, plan: Plan, description: str) -> Definition | None:
    """The definition after a lost answer, if it is there and has this description.

    :raises AnswerLost: the given one, if it cannot be looked at either: doubt stays doubt.
    """
    try:
        definition = read_definition(plan.host, plan.repository.id, plan.directory)
    except Ovm3Error:
        raise lost from None
    if definition is not None and definition.say("OVM_description") == description:
        return definition
    return None


def _start(estate: Estate, plan: Plan, definition: Definition) -> VM:
    """Step 4: the start. From here on nothing is undone: the VM is complete."""
    try:
        domain = start_on(estate, plan.host, definition, [plan.vm_id])
    except Ovm3Error as error:
        raise Unfinished(
            f"VM {plan.wanted.name!r} ({plan.vm_id}) is complete, but not started: {error}",
            left=(plan.vm_id,),
            **plan.where,
        ) from error
    view = HostView(plan.host.address, plan.host.agent, plan.host.server, (domain,), ())
    return put_together([view], [definition], all_answered=True)[plan.vm_id]


def _undo(plan: Plan, error: Ovm3Error) -> None:
    """Remove what this operation made, after a definite refusal.

    :raises Unfinished: something of it stays; names it.
    """
    disk_name = posixpath.basename(plan.disk)
    try:
        content = list_repository(plan.host, plan.repository.id)
        if disk_name in content.virtual_disks:
            delete_file(plan.system, plan.repository, plan.disk)
        if plan.directory in (folder.name for folder in content.virtual_machines):
            delete_definition(plan.host, plan.repository.id, plan.directory)
    except Ovm3Error as second:
        raise Unfinished(
            f"creating VM {plan.wanted.name!r} failed: {error}. Undoing it failed too: {second}. "
            f"What may be left: node {plan.vm_id} (destroy_node removes it), disk {plan.disk}",
            left=(plan.vm_id, plan.disk),
            **plan.where,
        ) from error
