"""The agent's functions as methods, one class per agent module, as literal as can be.

Argument names are those of the agent's own listing. What a function answers is handed on as it is;
the ``discover_*`` functions answer XML documents in a string (see :mod:`.documents`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from libcloud_ovm3.agent.connection import AgentConnection
from libcloud_ovm3.agent.redact import redact
from libcloud_ovm3.errors import MalformedAnswer

Struct = dict[str, Any]
_Call = Callable[..., Any]

_T = TypeVar("_T")

NFS_PLUGIN = "oracle.generic.NFSPlugin.GenericNFSPlugin"  # agent-behaviour 9


def _as(kind: type[_T], answer: Any) -> _T:
    if not isinstance(answer, kind):
        shown = redact(repr(answer))[:60]
        raise MalformedAnswer(f"expected a {kind.__name__}, the agent answered {shown}")
    return answer


class Common:
    """agent.api.common.Common"""

    def __init__(self, call: _Call) -> None:
        self._call = call

    def echo(self, msg: str) -> str:
        """Answers its argument: a test of life."""
        return _as(str, self._call("echo", msg))

    def get_api_version(self) -> list[int]:
        """Answers a list with one number, 3 on every version seen."""
        return _as(list, self._call("get_api_version"))


class Linux:
    """agent.api.host.linux.Linux"""

    def __init__(self, call: _Call) -> None:
        self._call = call

    def discover_server(self) -> str:
        """Who the host is: a Discover_Server_Result document."""
        return _as(str, self._call("discover_server"))

    def discover_hardware(self) -> str:
        """What the host has: a Discover_Hardware_Result document."""
        return _as(str, self._call("discover_hardware"))

    def discover_network(self) -> str:
        """The host's network devices: a Discover_Network_Result document."""
        return _as(str, self._call("discover_network"))

    def discover_mounted_file_systems(self, args: str) -> str:
        """Mounts of one type, e.g. ``nfs``: a Discover_Mounted_File_Systems_Result document."""
        return _as(str, self._call("discover_mounted_file_systems", args))

    def get_last_boot_time(self) -> dict[str, int]:
        """``last_boot_time`` and ``local_time``, seconds since 1970 by the host's own clock."""
        return _as(dict, self._call("get_last_boot_time"))

    def copy_file(self, src: str, dst: str, sparse: bool) -> None:
        """Copy a file on the host. No protection against overwriting is documented."""
        self._call("copy_file", src, dst, sparse)


class Xen:
    """agent.api.hypervisor.xenxm.Xen"""

    def __init__(self, call: _Call) -> None:
        self._call = call

    def list_vms(self) -> list[Struct]:
        """The live domains, Domain-0 included, all values strings."""
        return _as(list, self._call("list_vms"))

    def get_vm_config(self, repo_id: str, vm_id: str) -> Struct | None:
        """What vm.cfg says. A VM that is not there: None or a fault (open question 6)."""
        return self._call("get_vm_config", repo_id, vm_id)

    def create_vm(self, repo_id: str, vm_id: str, params: Struct) -> None:
        """Write ``VirtualMachines/<vm_id>/vm.cfg``; starts nothing."""
        self._call("create_vm", repo_id, vm_id, params)

    def configure_vm(self, repo_id: str, vm_id: str, params: Struct) -> None:
        """Change vm.cfg. Whether absent keys are left alone: open question 4."""
        self._call("configure_vm", repo_id, vm_id, params)

    def delete_vm(self, repo_id: str, vm_id: str) -> None:
        """Remove the VM's directory with all that is in it; disks elsewhere stay."""
        self._call("delete_vm", repo_id, vm_id)

    def start_vm(self, repo_id: str, vm_id: str) -> None:
        """Start it on this host. Answers when xend has started it, not when the guest is up."""
        self._call("start_vm", repo_id, vm_id)

    def stop_vm(self, repo_id: str, vm_id: str, force: bool, *, limit: float | None = None) -> None:
        """Ask the guest to shut down, or with force destroy the domain (xend.md 4).

        :param limit: seconds for the answer at most. Whether a graceful stop blocks is open (5).
        """
        self._call("stop_vm", repo_id, vm_id, force, limit=limit)

    def reboot_vm(self, repo_id: str, vm_id: str, wait: int) -> None:
        """Ask the guest to reboot. The unit of ``wait`` is not known; clients send 3."""
        self._call("reboot_vm", repo_id, vm_id, wait)


class Repository:
    """agent.api.repository.Repository"""

    def __init__(self, call: _Call) -> None:
        self._call = call

    def discover_repository_db(self) -> str:
        """The repositories that the host knows: a Discover_Repository_Db_Result document."""
        return _as(str, self._call("discover_repository_db"))

    def discover_repositories(self, args: str) -> str:
        """What lies in the repository of this id: a Discover_Repositories_Result document."""
        return _as(str, self._call("discover_repositories", args))


class ServerPool:
    """agent.api.serverpool.ServerPool"""

    def __init__(self, call: _Call) -> None:
        self._call = call

    def discover_server_pool(self) -> str:
        """The pool that the host is in: a Discover_Server_Pool_Result document."""
        return _as(str, self._call("discover_server_pool"))


class StoragePlugin:
    """agent.api.storageplugin.StoragePlugin (structs: agent-behaviour 9)"""

    def __init__(self, call: _Call) -> None:
        self._call = call

    def mount(self, ss: Struct, fs: Struct, mount_point: str) -> Struct | None:
        """storage_plugin_mount for NFS. None: it is mounted already.

        The meaning of the last three arguments is not known; these are what every client sends.
        """
        return self._call("storage_plugin_mount", NFS_PLUGIN, ss, fs, mount_point, "", True, [])

    def get_file_info(self, ss: Struct, fs: Struct, file: Struct) -> Struct:
        """storage_plugin_getFileInfo: sizes are strings of bytes; a missing file may be a fault."""
        return self._call("storage_plugin_getFileInfo", NFS_PLUGIN, ss, fs, file) or {}

    def destroy(self, ss: Struct, fs: Struct, file: Struct) -> None:
        """storage_plugin_destroy: delete a file. A missing file: open question 13."""
        self._call("storage_plugin_destroy", NFS_PLUGIN, ss, fs, file)


class Agent:
    """The agent of one host: ``agent.xen.list_vms()``, or ``agent.call("list_vms")``.

    Every method raises what :meth:`AgentConnection.call` raises.
    """

    def __init__(self, connection: AgentConnection) -> None:
        self.connection = connection
        self.call = connection.call
        self.common = Common(self.call)
        self.linux = Linux(self.call)
        self.xen = Xen(self.call)
        self.repository = Repository(self.call)
        self.serverpool = ServerPool(self.call)
        self.storageplugin = StoragePlugin(self.call)
