"""The agent's functions by name. Functions that are not here fault; none pretends success."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from libcloud_ovm3.simulator.agent import (
    cluster,
    definitions,
    discoveries,
    dispatching,
    documents,
    imports,
    linux,
    mounted,
    ovs,
    ownership,
    plugins,
    remote,
    repositories,
    storage,
    virtualip,
)
from libcloud_ovm3.simulator.agent.names import AGENT_FUNCTIONS, is_read
from libcloud_ovm3.simulator.errors import AgentFault, count_fault, plain_fault
from libcloud_ovm3.simulator.host import SimulatedHost
from libcloud_ovm3.simulator.xend import progress


def _echo(host: SimulatedHost, message: Any) -> Any:
    return message


def _get_api_version(host: SimulatedHost) -> list[int]:
    return [3]


#: name -> (implementation, minimum and maximum number of arguments without the host).
Entry = tuple[Callable[..., Any], int, int]
FUNCTIONS: dict[str, Entry] = {
    "echo": (_echo, 1, 1),
    "get_api_version": (_get_api_version, 0, 0),
    "dispatch": (dispatching.dispatch, 2, 99),
    "get_last_boot_time": (linux.get_last_boot_time, 0, 0),
    "get_timezone": (linux.get_timezone, 0, 0),
    "set_timezone": (linux.set_timezone, 2, 2),
    "get_datetime": (linux.get_datetime, 0, 0),
    "set_datetime": (linux.set_datetime, 6, 6),
    "get_ntp": (linux.get_ntp, 0, 0),
    "set_ntp": (linux.set_ntp, 2, 3),
    "enable_ntp": (linux.enable_ntp, 0, 0),
    "disable_ntp": (linux.disable_ntp, 0, 0),
    "update_agent_password": (linux.update_agent_password, 2, 3),
    "get_log": (linux.get_log, 1, 1),
    "package_list": (linux.package_list, 1, 1),
    "package_get_repositories": (linux.package_get_repositories, 0, 0),
    "set_statistic_interval": (linux.set_statistics_interval, 1, 1),
    "set_statistics_interval": (linux.set_statistics_interval, 1, 1),
    "sleep": (linux.sleep, 1, 1),
    "sys_reboot": (remote.sys_reboot, 0, 0),
    "sys_shutdown": (remote.sys_shutdown, 0, 0),
    "discover_server": (documents.discover_server, 0, 0),
    "discover_server_pool": (documents.discover_server_pool, 0, 0),
    "take_ownership": (ownership.take_ownership, 1, 2),
    "release_ownership": (ownership.release_ownership, 1, 1),
    "update_server_roles": (ownership.update_server_roles, 1, 1),
    "create_server_pool": (ownership.create_server_pool, 7, 7),
    "join_server_pool": (ownership.join_server_pool, 7, 7),
    "leave_server_pool": (ownership.leave_server_pool, 1, 1),
    "destroy_server_pool": (ownership.destroy_server_pool, 1, 1),
    "set_pool_member_ip_list": (ownership.set_pool_member_ip_list, 1, 1),
    "set_server_pool_alias": (ownership.set_server_pool_alias, 1, 1),
    "update_pool_virtual_ip": (ownership.update_pool_virtual_ip, 1, 1),
    "configure_virtual_ip": (virtualip.configure_virtual_ip, 2, 2),
    "deconfigure_virtual_ip": (virtualip.deconfigure_virtual_ip, 1, 1),
    "create_pool_filesystem": (cluster.create_pool_filesystem, 7, 10),
    "destroy_pool_filesystem": (cluster.destroy_pool_filesystem, 4, 4),
    "discover_pool_filesystem": (cluster.discover_pool_filesystem, 0, 0),
    "configure_server_for_cluster": (cluster.configure_server_for_cluster, 6, 6),
    "deconfigure_server_for_cluster": (cluster.deconfigure_server_for_cluster, 1, 1),
    "create_cluster": (cluster.create_cluster, 1, 1),
    "join_cluster": (cluster.create_cluster, 1, 1),
    "leave_cluster": (cluster.destroy_cluster, 1, 1),
    "destroy_cluster": (cluster.destroy_cluster, 1, 1),
    "is_cluster_online": (cluster.is_cluster_online, 0, 0),
    "discover_cluster": (cluster.discover_cluster, 0, 0),
    "discover_storage_plugins": (plugins.discover_storage_plugins, 0, 0),
    "discover_physical_luns": (plugins.discover_physical_luns, 1, 1),
    "discover_hardware": (discoveries.discover_hardware, 0, 0),
    "discover_network": (discoveries.discover_network, 0, 0),
    "ovs_local_config": (ovs.ovs_local_config, 2, 2),
    "ovs_br_config": (ovs.ovs_br_config, 3, 3),
    "ovs_vlan_bridge": (ovs.ovs_vlan_bridge, 4, 4),
    "ovs_vlan_config": (ovs.ovs_vlan_config, 3, 3),
    "ovs_ip_config": (ovs.ovs_ip_config, 2, 4),
    "ovs_if_meta": (ovs.ovs_if_meta, 2, 2),
    "ovs_change_mtu": (ovs.ovs_change_mtu, 2, 2),
    "ovs_bond_mode": (ovs.ovs_bond_mode, 2, 2),
    "discover_repository_db": (documents.discover_repository_db, 0, 0),
    "discover_repositories": (documents.discover_repositories, 1, 1),
    "discover_mounted_file_systems": (mounted.discover_mounted_file_systems, 1, 1),
    "mount_repository_fs": (repositories.mount_repository_fs, 2, 2),
    "unmount_repository_fs": (repositories.unmount_repository_fs, 1, 1),
    "add_repository": (repositories.add_repository, 2, 2),
    "create_repository": (repositories.create_repository, 4, 4),
    "edit_repository_db": (repositories.edit_repository_db, 2, 2),
    "delete_repository": (repositories.delete_repository, 2, 2),
    "import_virtual_disk": (imports.import_virtual_disk, 3, 4),
    "import_ISO": (imports.import_ISO, 3, 4),
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
    "save_vm": (definitions.save_vm, 2, 3),
    "restore_vm": (definitions.restore_vm, 3, 3),
    "migrate_vm": (definitions.migrate_vm, 3, 5),
    "configure_vm_ha": (definitions.configure_vm_ha, 3, 3),
    "sysrq_vm": (definitions.sysrq_vm, 3, 3),
    "trigger_vm": (definitions.trigger_vm, 4, 4),
    "get_template_config": (definitions.get_template_config, 2, 2),
}
#: These work on a host without owner, whatever the personality says about the others.
WITHOUT_OWNER = (
    "dispatch",
    "sleep",
    "take_ownership",
    "update_agent_password",
    "update_server_roles",
)


def perform(host: SimulatedHost, name: str, arguments: list[Any]) -> Any:
    """Call a function of the agent, or of a module on the host's disk (agentcode.py).

    :raises AgentFault: The agent refuses, or the agent or the simulator lacks the function.
    """
    code = host.code
    if name in FUNCTIONS and (code is None or name in code.native):
        function, least, most = FUNCTIONS[name]
        if not least <= len(arguments) <= most:
            raise count_fault(name, len(arguments), least, most)
        changes = not is_read(name) and name not in WITHOUT_OWNER
        if changes and host.answer("changes on a host that nobody owns") == "fault":
            ownership.need_owner(host, name)
        with host.lock:
            progress.advance(host)  # the function then sees the domains as of now
        return function(host, *arguments)
    if code is not None and (service := code.find(name)) is not None:
        return code.call(service, arguments)
    if name in AGENT_FUNCTIONS and name not in FUNCTIONS:
        raise plain_fault(f"not modelled by the simulator: {name}")
    if host.answer("unknown method text") == "stock":
        raise plain_fault(f'method "{name}" is not supported')
    raise AgentFault("exceptions.AttributeError", f"'Services' object has no attribute '{name}'")
