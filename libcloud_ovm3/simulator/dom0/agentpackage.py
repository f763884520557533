"""A stand-in for the agent's package on a host's disk: what a module of the agent can import.

The names of its modules, classes and functions are those of agent-api.json; the code is the
simulator's: each function calls ``agent.lib.simulated``, which agentcode.py connects to the
simulator. It is Python that runs under 2.4 and 3.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping

from libcloud_ovm3.simulator.agent.functions import FUNCTIONS

#: module -> (class, its functions that are simulated); source: agent-api.json.
MODULES: dict[str, tuple[str, str]] = {
    "agent.api.common": ("Common", "dispatch echo get_api_version sleep"),
    "agent.api.host.linux": (
        "Linux",
        "copy_file disable_ntp discover_hardware discover_mounted_file_systems "
        "discover_physical_luns discover_server enable_ntp get_datetime get_last_boot_time get_log "
        "get_ntp get_timezone package_get_repositories package_list set_datetime set_ntp "
        "set_statistic_interval set_statistics_interval set_timezone update_agent_password",
    ),
    "agent.api.remote.linux_remote": ("LinuxRemoteManagement", "sys_reboot sys_shutdown"),
    "agent.api.network.linux_network": (
        "LinuxNetwork",
        "configure_virtual_ip deconfigure_virtual_ip discover_network ovs_bond_mode ovs_br_config "
        "ovs_change_mtu ovs_if_meta ovs_ip_config ovs_local_config ovs_vlan_bridge "
        "ovs_vlan_config",
    ),
    "agent.api.storageplugin": (
        "StoragePlugin",
        "discover_storage_plugins storage_plugin_create storage_plugin_destroy "
        "storage_plugin_getFileInfo storage_plugin_getFileSystemInfo "
        "storage_plugin_listMountPoints storage_plugin_mount storage_plugin_unmount",
    ),
    "agent.api.repository": (
        "Repository",
        "add_repository create_repository delete_repository discover_repositories "
        "discover_repository_db edit_repository_db import_ISO import_virtual_disk "
        "mount_repository_fs unmount_repository_fs",
    ),
    "agent.api.poolfs.ocfs2": (
        "PoolOCFS2",
        "create_pool_filesystem destroy_pool_filesystem discover_pool_filesystem",
    ),
    "agent.api.cluster.o2cb": (
        "ClusterO2CB",
        "configure_server_for_cluster create_cluster deconfigure_server_for_cluster "
        "destroy_cluster discover_cluster is_cluster_online join_cluster leave_cluster",
    ),
    "agent.api.serverpool": (
        "ServerPool",
        "create_server_pool destroy_server_pool discover_server_pool join_server_pool "
        "leave_server_pool release_ownership set_pool_member_ip_list set_server_pool_alias "
        "take_ownership update_pool_virtual_ip update_server_roles",
    ),
    "agent.api.hypervisor.xenxm": (
        "Xen",
        "configure_vm configure_vm_ha create_vm delete_vm get_template_config get_vm_config "
        "list_vm list_vms migrate_vm pause_vm reboot_vm restore_vm save_vm start_vm stop_vm "
        "sysrq_vm trigger_vm unpause_vm",
    ),
}

_BASE = '''"""The base of every module of the agent."""


class Agent(object):
    """A set of services."""

    def get_services(self, version=None):
        """Name -> function."""
        return {}
'''
_SERVICE = '''"""The wrapper of each function that clients can call."""


def service(function):
    """The same function; like the agent's own wrapper it hides the signature."""
    def call(*arguments):
        return function(*arguments)
    return call
'''
_SIMULATED = '''"""The connection to the simulator."""

root = ''  # the directory that stands for /


def perform(name, *arguments):
    """Call one of the agent's functions by its name."""
    raise NotImplementedError(name)
'''
_OLDER = '''"""The module of another integration."""

import os

from agent.api.base import Agent
from agent.lib import simulated


class CloudStack(Agent):
    """Some services of its own."""

    def get_services(self, version=None):
        return {
            'call': call,
            'get_module_version': get_module_version,
            'ovs_check_file': ovs_check_file,
        }


def call(msg):
    """The same message."""
    return msg


def get_module_version():
    """The version of this module."""
    return '0.1'


def ovs_check_file(file):
    """Whether there is such a file."""
    return os.path.isfile(simulated.root + os.path.normpath('/' + file))
'''


@functools.cache
def files(older_module: bool) -> Mapping[str, str]:
    """Path below the package's folder -> text.

    :param older_module: Whether to include another integration's module, installed as
        agent-behaviour.md 15.2 describes it.
    """
    texts = {
        "__init__.py": "",
        "api/__init__.py": "",
        "api/base.py": _BASE,
        "lib/__init__.py": "",
        "lib/service.py": _SERVICE,
        "lib/simulated.py": _SIMULATED,
        "target/__init__.py": "",
        "target/api.py": _table(older_module),
    }
    for module, (name, functions) in MODULES.items():
        path = module.removeprefix("agent.").replace(".", "/")
        texts.setdefault(f"{path.rpartition('/')[0]}/__init__.py", "")
        texts[f"{path}.py"] = _module(name, functions.split())
    if older_module:
        texts["api/cloudstack.py"] = _OLDER
    return texts


def _table(older_module: bool) -> str:
    lines = ['"""The modules of this agent."""', ""]
    for module in MODULES:
        folder, _, name = module.rpartition(".")
        more = ", cloudstack" if older_module and name == "common" else ""
        lines.append(f"from {folder} import {name}{more}")
    lines += ["", "MODULES = ["]
    lines += ["\tcloudstack.CloudStack,"] if older_module else []
    lines += [f"    {module.rpartition('.')[2]}.{name}," for module, (name, _) in MODULES.items()]
    return "\n".join([*lines, "]", ""])


def _module(name: str, functions: list[str]) -> str:
    lines = [
        f'"""Functions of the agent: {name}."""',
        "",
        "from agent.api.base import Agent",
        "from agent.lib import simulated",
        "from agent.lib.service import service",
        "",
        "",
        f"class {name}(Agent):",
        "",
        "    def get_services(self, version=None):",
        "        return {",
        *[f"            '{function}': self.{function}," for function in functions],
        "        }",
    ]
    for function in functions:
        taken, given = _arguments(function)
        lines += ["", "    @service", f"    def {function}({', '.join(['self', *taken])}):"]
        lines += [f"        return simulated.perform({', '.join([repr(function), *given])})"]
    return "\n".join([*lines, ""])


def _arguments(function: str) -> tuple[list[str], list[str]]:
    """The function's parameters as declared and as passed on."""
    taken, given = [], []
    for parameter in list(inspect.signature(FUNCTIONS[function][0]).parameters.values())[1:]:
        star = "*" if parameter.kind is parameter.VAR_POSITIONAL else ""
        default = "" if parameter.default is parameter.empty else f"={parameter.default!r}"
        taken.append(f"{star}{parameter.name}{default}")
        given.append(f"{star}{parameter.name}")
    return taken, given
