"""The agent's functions by name. What is not here answers a fault, never a made-up success."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

from . import definitions, documents, storage
from .errors import AgentFault, Stopped, plain_fault
from .host import SimulatedHost
from .names import AGENT_FUNCTIONS
from .wire import I8


def _echo(host: SimulatedHost, message: Any) -> Any:
    return message


def _get_api_version(host: SimulatedHost) -> list[int]:
    return [3]


def _get_last_boot_time(host: SimulatedHost) -> dict[str, I8]:
    return {"last_boot_time": I8(host.boot_time), "local_time": I8(host.now())}


def _sys_reboot(host: SimulatedHost) -> None:
    timer = threading.Timer(0.1, _reboot, [host])  # after the answer
    timer.daemon = True
    timer.start()


def _reboot(host: SimulatedHost) -> None:
    with contextlib.suppress(Stopped, OSError):  # the simulator may be stopped meanwhile
        host.reboot()


#: name -> (implementation, arguments at least, arguments at most), the host not counted.
Entry = tuple[Callable[..., Any], int, int]
FUNCTIONS: dict[str, Entry] = {
    "echo": (_echo, 1, 1),
    "get_api_version": (_get_api_version, 0, 0),
    "get_last_boot_time": (_get_last_boot_time, 0, 0),
    "sys_reboot": (_sys_reboot, 0, 0),
    "discover_hardware": (documents.discover_hardware, 0, 0),
    "discover_network": (documents.discover_network, 0, 0),
    "discover_repository_db": (documents.discover_repository_db, 0, 0),
    "discover_repositories": (documents.discover_repositories, 1, 1),
    "discover_mounted_file_systems": (documents.discover_mounted_file_systems, 1, 1),
    "mount_repository_fs": (storage.mount_repository_fs, 2, 2),
    "unmount_repository_fs": (storage.unmount_repository_fs, 1, 1),
    "add_repository": (storage.add_repository, 2, 2),
    "copy_file": (storage.copy_file, 3, 4),
    "storage_plugin_mount": (storage.plugin_mount, 7, 7),
    "storage_plugin_unmount": (storage.plugin_unmount, 5, 5),
    "storage_plugin_listMountPoints": (storage.plugin_list_mount_points, 2, 2),
    "storage_plugin_getFileSystemInfo": (storage.plugin_file_system_info, 3, 3),
    "storage_plugin_getFileInfo": (storage.plugin_file_info, 4, 4),
    "storage_plugin_create": (storage.plugin_create, 6, 6),
    "storage_plugin_destroy": (storage.plugin_destroy, 4, 4),
    "list_vms": (definitions.list_vms, 0, 0),
    "list_vm": (definitions.list_vm, 2, 2),
    "get_vm_config": (definitions.get_vm_config, 2, 2),
    "create_vm": (definitions.create_vm, 3, 3),
    "configure_vm": (definitions.configure_vm, 3, 3),
    "delete_vm": (definitions.delete_vm, 2, 2),
    "start_vm": (definitions.start_vm, 2, 2),
    "stop_vm": (definitions.stop_vm, 2, 3),
    "reboot_vm": (definitions.reboot_vm, 3, 3),
    "pause_vm": (definitions.pause_vm, 2, 2),
    "unpause_vm": (definitions.unpause_vm, 2, 2),
}
#: These look at the other members of the pool too.
POOL_FUNCTIONS: dict[str, Callable[[SimulatedHost, list[SimulatedHost]], str]] = {
    "discover_server": documents.discover_server,
    "discover_server_pool": documents.discover_server_pool,
}


def perform(
    host: SimulatedHost, members: list[SimulatedHost], name: str, arguments: list[Any]
) -> Any:
    """Call one of the agent's functions.

    :raises AgentFault: the agent refuses, or does not know the function, or the simulator does not
    """
    if name in POOL_FUNCTIONS:
        _check_count(name, len(arguments), 0, 0)
        return POOL_FUNCTIONS[name](host, members)
    if name in FUNCTIONS:
        function, least, most = FUNCTIONS[name]
        _check_count(name, len(arguments), least, most)
        return function(host, *arguments)
    if name in AGENT_FUNCTIONS:
        raise plain_fault(f"not modelled by the simulator: {name}")
    if host.answer("unknown method text") == "stock":
        raise plain_fault(f'method "{name}" is not supported')
    raise AgentFault("exceptions.AttributeError", f"'Services' object has no attribute '{name}'")


def _check_count(name: str, given: int, least: int, most: int) -> None:
    """Python 2's words for a wrong number of arguments, self counted (agent-behaviour.md 2)."""
    if least <= given <= most:
        return
    word, wanted = "exactly", least + 1
    if least != most:
        word, wanted = ("at least", least + 1) if given < least else ("at most", most + 1)
    plural = "" if wanted == 1 else "s"
    text = f"{name}() takes {word} {wanted} argument{plural} ({given + 1} given)"
    raise AgentFault("exceptions.TypeError", text)
