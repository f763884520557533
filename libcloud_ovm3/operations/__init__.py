"""Everything that changes something, one module per operation.

The modules named here are also attributes of the package and are imported when they are first used
(``operations.create_vm``), so that loading the driver does not wait for them.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from libcloud_ovm3.operations import (
        attach_disk,
        attach_nic,
        bond_mode,
        cd_drives,
        containers,
        control_network,
        copy_image,
        create_by_key,
        create_disk,
        create_image,
        create_network,
        delete_image,
        delete_network,
        destroy_disk,
        destroy_snapshot,
        destroy_vm,
        detach_disk,
        detach_nic,
        disk_sizes,
        fetch_file,
        file_sources,
        guest_config,
        hash_object,
        key_pairs,
        new_cards,
        own_files,
        pausing,
        placement,
        plan_disk,
        put_back,
        reboot_vm,
        record_metadata,
        release_bridges,
        remove_seed,
        rename_disk,
        resize_disk,
        revert_disk,
        seed_image,
        snapshot_disk,
        ssh_keys,
        start_vm,
        stop_vm,
        update_network,
        update_nic,
        upload_object,
        user_data,
        vm_spec,
        wait_running,
    )

__all__ = [
    "attach_disk",
    "bond_mode",
    "attach_nic",
    "cd_drives",
    "containers",
    "control_network",
    "copy_image",
    "create_image",
    "create_network",
    "create_by_key",
    "delete_image",
    "delete_network",
    "create_disk",
    "destroy_disk",
    "destroy_snapshot",
    "destroy_vm",
    "deployable",
    "detach_disk",
    "detach_nic",
    "disk_sizes",
    "fetch_file",
    "file_sources",
    "guest_config",
    "hash_object",
    "key_pairs",
    "new_cards",
    "own_files",
    "pausing",
    "placement",
    "plan_disk",
    "put_back",
    "reboot_vm",
    "record_metadata",
    "release_bridges",
    "remove_seed",
    "rename_disk",
    "resize_disk",
    "revert_disk",
    "seed_image",
    "snapshot_disk",
    "ssh_keys",
    "start_vm",
    "stop_vm",
    "update_network",
    "update_nic",
    "upload_object",
    "user_data",
    "vm_spec",
    "wait_running",
]


def __getattr__(name: str) -> ModuleType:
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
