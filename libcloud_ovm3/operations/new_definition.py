"""What the vm.cfg of a new VM says: what is sent, and what is expected to be read back. Pure."""

from __future__ import annotations

from typing import Any

from libcloud_ovm3.agent.config import VMConfig
from libcloud_ovm3.operations.guest_types import PARAVIRTUAL
from libcloud_ovm3.operations.plan_vm import VMPlan
from libcloud_ovm3.operations.vmcfg_values import differences

# Options without which a guest is another machine: the agent has to keep them as they are sent.
_DECISIVE = ("builder", "boot", "bootloader", "kernel", "device_model", "OVM_domain_type")


def parameters(plan: VMPlan) -> dict[str, Any]:
    """Its options: of the template, else of the type of guest that it is to be."""
    return {
        "OVM_high_availability": False,
        "OVM_cpu_compat_group": "",
        "cpu_weight": 27500,
        "cpu_cap": 0,
        "on_poweroff": "destroy",
        "on_reboot": "restart",
        "on_crash": "restart",
        "maxvcpus": plan.spec.vcpus,
        **(plan.contents.settings or PARAVIRTUAL),
        "uuid": plan.vm_id,
        "name": plan.directory,
        "OVM_simple_name": plan.spec.name,
        "OVM_description": plan.pending_description,
        "memory": plan.spec.memory_mb,
        "vcpus": plan.spec.vcpus,
        "disk": plan.pending_entries,
        "vif": list(plan.cards.vifs),
    }


def compared(plan: VMPlan, is_: VMConfig, description: str) -> list[tuple[str, Any, Any]]:
    """What a definition says, and what it should say."""
    is_pending = description == plan.pending_description
    disks = plan.pending_entries if is_pending else list(plan.contents.entries)
    taken_over = plan.contents.settings
    return [
        ("the name", is_.simple_name, plan.spec.name),
        ("the uuid", is_.uuid, plan.vm_id),
        ("xend's name", is_.name, plan.directory),
        ("the description", is_.description, description),
        ("the memory", is_.memory_mb, plan.spec.memory_mb),
        ("vcpus", is_.vcpus, plan.spec.vcpus),
        ("the disks", is_.values.get("disk"), disks),
        ("the network cards", is_.values.get("vif") or [], list(plan.cards.vifs)),
        *(
            (f"the option {key}", is_.values.get(key), taken_over[key])
            for key in differences(taken_over, is_.values)
            if key in _DECISIVE and key in taken_over
        ),
    ]
