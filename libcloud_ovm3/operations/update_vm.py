"""Changing the description and the boot order of a VM, which only its vm.cfg has."""

from __future__ import annotations

from typing import Any

from libcloud_ovm3.errors import InvalidArgument
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.vms import VM, read_estate
from libcloud_ovm3.operations.again import until_first
from libcloud_ovm3.operations.change_settings import SETTINGS, Step, anything, change_settings
from libcloud_ovm3.operations.device_changes import Target, refusal, target_of
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.vm_spec import require_description

DEVICES = {"a": "floppy", "c": "disk", "d": "CD", "n": "network"}  # xend.md 8


def check_boot_order(letters: str | None) -> None:
    """:raises InvalidArgument: it is no boot order of an HVM guest."""
    if letters is None:
        return
    is_order = isinstance(letters, str) and letters and set(letters) <= DEVICES.keys()
    if not is_order or len(set(letters)) < len(letters):
        words = ", ".join(f"{letter} ({what})" for letter, what in DEVICES.items())
        raise InvalidArgument(
            f"ex_boot_order {letters!r}: expected letters, each once, such as 'dc': {words}"
        )


def update(
    estate: Estate, vm_id: str, description: str | None, boot_order: str | None
) -> tuple[VM, list[str]]:
    """Change the description or the boot order of a VM that runs, is paused or is stopped.

    :param description: "": none any more; None: as it is.
    :param boot_order: letters of devices, the first one is tried first; None: as it is.
    :return: the VM as it is then, and notices for the user.
    :raises InvalidArgument: nothing is to be changed, or one of them cannot be.
    :raises NodeNotFound: there is no such VM.
    :raises PreconditionFailed: it is a PV guest, which has no boot order; or its state does not
        allow it. Nothing was sent.
    :raises AgentFault: the agent refused; the VM is as it was.
    :raises OperationIncomplete: whether it is changed is unknown.
    """
    if description is None and boot_order is None:
        raise InvalidArgument("nothing to change: expected ex_description or ex_boot_order")
    if description is not None:
        require_description(description)
    check_boot_order(boot_order)
    return until_first(estate, lambda: _update(estate, vm_id, description, boot_order))


def _update(
    estate: Estate, vm_id: str, description: str | None, boot_order: str | None
) -> tuple[VM, list[str]]:
    target = target_of(Operation(estate), read_estate(estate), vm_id, SETTINGS)
    options: dict[str, Any] = {}
    notices: list[str] = []
    if description is not None:
        options["OVM_description"] = description
    if boot_order is not None:
        notices += _require_hvm(target)
        options["boot"] = boot_order
    what = " and ".join(
        text
        for text, given in (
            ("changing its description", description),
            (f"setting its boot order to {boot_order}", boot_order),
        )
        if given is not None
    )
    return change_settings(target, [Step(what, options, anything)], notices).vm, notices


def _require_hvm(target: Target) -> list[str]:
    """:raises PreconditionFailed: it is a PV guest: its boot loader reads its first disk.

    :return: a notice, of one that runs.
    """
    if target.definition.config is None or not target.definition.config.is_hvm:
        raise refusal(target, "it is a PV guest, which boots from its first disk always")
    if target.live is None:
        return []
    return [
        f"VM {target.vm.label} runs: it has its new boot order when it is stopped and started, not "
        f"after a reboot of its guest"
    ]
