"""A change of a vm.cfg through its door, for tests of the door itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from libcloud_ovm3.agent.config import VMConfig
from libcloud_ovm3.estate.vms import EstateSnapshot, read_estate
from libcloud_ovm3.operations import doors
from libcloud_ovm3.operations.operation import Operation

LIMIT = 300.0


def change_as(
    operation: Operation,
    snapshot: EstateSnapshot,
    vm_id: str,
    change: Callable[[VMConfig], VMConfig],
    notices: list[str] | None = None,
    host: int = 0,
) -> VMConfig:
    """Change a VM that was read, on the host where it runs, or else on that one."""
    vm = snapshot.vm(vm_id)
    return doors.change_definition(
        operation,
        vm.live[0].host if vm.live else snapshot.hosts[host],
        snapshot.hosts,
        vm.definition,
        change,
        defined_ids=snapshot.defined_ids,
        limit=LIMIT,
        notices=[] if notices is None else notices,
        hosts_off=snapshot.hosts_off,
    )


def change(
    driver: Any, vm_id: str, notices: list[str] | None = None, off: str = "", **options: Any
) -> VMConfig:
    """Set these options of a VM.

    :param off: the address of a host that counts as powered off.
    """
    estate = driver._estate_of(off)
    return change_as(
        Operation(estate),
        read_estate(estate),
        vm_id,
        lambda config: config.changed(**options),
        notices,
    )
