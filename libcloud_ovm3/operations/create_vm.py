"""Making a VM from a template: definition first, disk, configuration, start.

The definition comes first, without disks, saying of itself ``creating <operation>``; then its
disk is copied, then it is configured, then started (design.md, rule 2). So whoever dies in the
middle leaves something that everybody sees as PENDING and that destroy removes. After any failure
of a step a look decides: what is seen not to have happened is undone, what is seen to have happened
is gone on from, and in doubt nothing is undone and all is named.
"""

from __future__ import annotations

import itertools
import posixpath
from dataclasses import replace
from typing import Any

from libcloud_ovm3.agent.config import VMConfig
from libcloud_ovm3.errors import (
    NEVER_SENT,
    AgentFault,
    MalformedResponse,
    NameTaken,
    OperationIncomplete,
    OutcomeUnknown,
    Ovm3Error,
    PreconditionFailed,
)
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.disks import size_bytes
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.repositories import list_whole
from libcloud_ovm3.estate.states import State
from libcloud_ovm3.estate.vms import VM, merge_vms, read_estate
from libcloud_ovm3.operations.delete_files import delete_file
from libcloud_ovm3.operations.destroy_vm import delete_definition
from libcloud_ovm3.operations.plan_vm import Plan, listed, named
from libcloud_ovm3.operations.start_vm import start_on

NAME_LIMIT = 30.0  # seconds for another client that makes the same name to give way
NAME_POLL = 2.0
NAME_LOOKS = 3  # at least, however long each of them takes


def create(estate: Estate, plan: Plan) -> tuple[VM, list[str]]:
    """Make the VM that was planned and start it.

    :return: the VM as it is right after its start, and remarks for the user: failures of steps that
        have taken effect all the same.
    :raises NameTaken: another client has made one of this name; this one was removed again.
    :raises Refused: the definition does not say what was meant, or the name cannot be looked for;
        what had been made was removed again.
    :raises AgentFault: the agent refused a step; what had been made was removed again.
    :raises OperationIncomplete: it is not known what a step has done, or undoing failed; names
        what may be left.
    """
    remarks: list[str] = []
    try:
        _define(plan, remarks)
        if not plan.spec.allow_same_name:
            _require_own_name(estate, plan)
        _copy(plan)
        definition = _configure(plan, remarks)
    except (*NEVER_SENT, AgentFault, NameTaken, PreconditionFailed) as error:
        _undo(plan, error)
        raise
    except OutcomeUnknown as error:
        raise _broke_off(plan, error) from error
    return _start(estate, plan, definition, remarks), remarks


def _broke_off(plan: Plan, error: Ovm3Error, seen: str = "") -> OperationIncomplete:
    """The error for what is in doubt."""
    return OperationIncomplete(
        f"creating VM {plan.spec.name!r} broke off: {error}{seen and f'; {seen}'}. What may be "
        f"left: node {plan.vm_id} (pending; destroy_node removes it) and its disk {plan.disk}",
        left=(plan.vm_id, plan.disk),
        **plan.where,
    )


def _parameters(plan: Plan) -> dict[str, Any]:
    """A paravirtual VM's options: the set that working clients send (agent-behaviour 6.1)."""
    return {
        "uuid": plan.vm_id,
        "name": plan.directory,
        "OVM_simple_name": plan.spec.name,
        "OVM_description": plan.mark,
        "OVM_domain_type": "xen_pvm",
        "OVM_high_availability": False,
        "OVM_cpu_compat_group": "",
        "memory": plan.spec.memory_mb,
        "vcpus": plan.spec.vcpus,
        "maxvcpus": plan.spec.vcpus,
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


def _define(plan: Plan, remarks: list[str]) -> None:
    """Step 1: the definition, which says that it is being created. It is read back: what the agent
    makes of quotes in a name, for example, is not documented.
    """
    xen, repository_id = plan.host.agent.xen, plan.repository.id
    failed: AgentFault | OutcomeUnknown | None = None
    try:
        xen.create_vm(repository_id, plan.directory, _parameters(plan))
    except (AgentFault, OutcomeUnknown) as error:
        failed = error
        if not _islisted(plan, error, "virtual_machines", plan.directory):
            if isinstance(error, AgentFault):
                raise error.after_a_look("there is no definition of it") from error
            raise
        remarks.append(f"VM {plan.spec.name!r} is defined, though {error}")
    try:
        _read_back(plan, plan.mark)
    except (AgentFault, PreconditionFailed) as error:
        if failed:  # perhaps it is still being written
            raise _broke_off(plan, failed, str(error)) from failed
        raise


def _islisted(plan: Plan, failed: Ovm3Error, kind: str, name: str) -> bool:
    """Whether a folder or a file is there after a failure.

    :raises OperationIncomplete: that cannot be seen: doubt stays doubt.
    """
    try:
        content = list_whole(plan.host, plan.repository.id)
    except Ovm3Error as second:
        raise _broke_off(plan, failed, f"the look after it failed too: {second}") from failed
    if kind == "virtual_disks":
        return name in content.virtual_disks
    return name in (folder.name for folder in content.virtual_machines)


def _read_back(plan: Plan, description: str) -> VMConfig:
    """The definition as the agent has it now.

    :raises Refused: it does not say what was meant; names what it says.
    """
    struct = plan.host.agent.xen.get_vm_config(plan.repository.id, plan.directory)
    if not isinstance(struct, dict):
        raise PreconditionFailed(
            f"the definition of VM {plan.spec.name!r} cannot be read back: {struct!r}"
        )
    config = VMConfig(struct)
    for what, found, meant in _compared(plan, config, description):
        if found != meant:
            raise PreconditionFailed(
                f"the definition of VM {plan.spec.name!r} has {what} {found!r} instead of "
                f"{meant!r}: {plan.host.label} does not keep what it was sent"
            )
    return config


def _compared(plan: Plan, is_: VMConfig, description: str) -> list[tuple[str, Any, Any]]:
    """What a definition says, and what it should say."""
    disks = [] if description else [plan.disk]
    return [
        ("the name", is_.simple_name, plan.spec.name),
        ("the uuid", is_.uuid, plan.vm_id),
        ("xend's name", is_.name, plan.directory),
        ("the description", is_.description, description),
        ("the memory", is_.memory_mb, plan.spec.memory_mb),
        ("vcpus", is_.vcpus, plan.spec.vcpus),
        ("the disks", [disk.path for disk in is_.disks], disks),
    ]


def _require_own_name(estate: Estate, plan: Plan) -> None:
    """Look for the name once more, now that everybody can see that we are making it.

    Of two that are being made the one with the larger id gives way, at once. The other one waits
    for that: if the first does not go it has looked before we were there, and we give way. So there
    are never two, whoever comes first; where a client dies in between there may be none.

    :raises NameTaken: there is another one of this name.
    :raises Refused: it cannot be seen.
    """
    deadline = estate.clock.now() + NAME_LIMIT
    for number in itertools.count(1):
        others, problems = _others(estate, plan)
        is_over = number >= NAME_LOOKS and estate.clock.now() >= deadline
        before_us = [vm for vm in others if not _gives_way(vm, plan.vm_id)]
        if before_us or (others and is_over):
            raise NameTaken(
                f"a VM named {plan.spec.name!r} has been made at the same time: "
                f"{listed(before_us or others)}; this one ({plan.vm_id}) is given up"
            )
        if not others and not problems:
            return
        if is_over:
            raise PreconditionFailed(
                f"whether the name {plan.spec.name!r} has been taken meanwhile cannot be seen: "
                f"{'; '.join(problems)}; ex_allow_same_name=True creates it all the same"
            )
        estate.clock.sleep(NAME_POLL)


def _others(estate: Estate, plan: Plan) -> tuple[list[VM], list[str]]:
    """Who else has the name, and what could not be read."""
    try:
        seen = read_estate(estate)
    except Ovm3Error as error:
        return [], [str(error)]
    return [vm for vm in named(seen, plan.spec.name) if vm.id != plan.vm_id], seen.errors()


def _gives_way(other: VM, vm_id: str) -> bool:
    return other.state is State.PENDING and not other.live and other.id > vm_id


def _copy(plan: Plan) -> None:
    """Step 2: the disk. If it fails, looking helps only where there is none: half a copy looks
    whole.
    """
    try:
        plan.host.agent.linux.copy_file(plan.template, plan.disk, True)
    except AgentFault as fault:
        if _islisted(plan, fault, "virtual_disks", posixpath.basename(plan.disk)):
            raise _broke_off(plan, fault, "the disk is there, perhaps half of it") from fault
        raise fault.after_a_look("there is no such file") from fault
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


def _configure(plan: Plan, remarks: list[str]) -> Definition:
    """Step 3: disk in, mark out. All of what is there is sent again: absent keys may be dropped."""
    xen, repository_id = plan.host.agent.xen, plan.repository.id
    disks = [f"file:{plan.disk},xvda,w"]
    complete = _read_back(plan, plan.mark).changed(disk=disks, OVM_description="")
    failed: AgentFault | OutcomeUnknown | None = None
    try:
        xen.configure_vm(repository_id, plan.directory, complete.to_struct())
    except (AgentFault, OutcomeUnknown) as error:
        failed = error
    try:
        config = _read_back(plan, "")
    except Ovm3Error as unlike:
        raise _not_configured(plan, failed, unlike) from (failed or unlike)
    if failed:
        remarks.append(f"VM {plan.spec.name!r} is configured, though {failed}")
    return Definition(repository_id, plan.directory, config)


def _not_configured(
    plan: Plan, failed: AgentFault | OutcomeUnknown | None, unlike: Ovm3Error
) -> Ovm3Error:
    """The error for a definition that does not say that it is complete."""
    if failed is None:
        text = f"configure_vm answered success, but vm.cfg does not say so: {unlike}"
        return MalformedResponse(
            f"{plan.host.label}: {text}", function="configure_vm", **plan.where
        )
    if isinstance(failed, AgentFault) and isinstance(unlike, PreconditionFailed):
        try:
            _read_back(plan, plan.mark)
        except Ovm3Error as second:
            return _broke_off(plan, failed, str(second))
        return failed.after_a_look("the definition is as it was")
    return _broke_off(plan, failed, str(unlike))


def _start(estate: Estate, plan: Plan, definition: Definition, remarks: list[str]) -> VM:
    """Step 4: the start. From here on nothing is undone: the VM is complete."""
    try:
        place, said = start_on(estate, plan.host, plan.hosts, definition, [plan.vm_id])
    except Ovm3Error as error:
        what = "" if isinstance(error, OperationIncomplete) else ", but not started"
        raise OperationIncomplete(
            f"VM {plan.spec.name!r} ({plan.vm_id}) is complete{what}: {error}",
            left=(plan.vm_id,),
            **plan.where,
        ) from error
    remarks += said
    view = replace(place.host, domains=(place.domain,))
    return merge_vms([view], [definition], all_answered=True)[plan.vm_id]


def _undo(plan: Plan, error: Ovm3Error) -> None:
    """Remove what this operation made, where a look has shown how far it came.

    :raises OperationIncomplete: something of it stays; names it.
    """
    disk_name = posixpath.basename(plan.disk)
    try:
        content = list_whole(plan.host, plan.repository.id)
        if disk_name in content.virtual_disks:
            delete_file(plan.system, plan.repository, plan.disk)
        if plan.directory in (folder.name for folder in content.virtual_machines):
            delete_definition(plan.host, plan.repository.id, plan.directory)
    except Ovm3Error as second:
        raise OperationIncomplete(
            f"creating VM {plan.spec.name!r} failed: {error}. Undoing it failed too: {second}. "
            f"What may be left: node {plan.vm_id} (destroy_node removes it), disk {plan.disk}",
            left=(plan.vm_id, plan.disk),
            **plan.where,
        ) from error
