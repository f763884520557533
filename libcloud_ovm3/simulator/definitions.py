"""VM definitions: create_vm, configure_vm, delete_vm, get_vm_config and the life-cycle calls.

Sources: agent-behaviour.md 6 and 7.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from . import listing, machines, vmcfg
from .errors import AgentFault, command_fault, os_fault, plain_fault
from .host import Domain, SimulatedHost
from .storage import real_path

#: Options that configure_vm changes on a live VM too (6.2).
LIVE = "cpu_cap cpus cpu_weight disk maxmem memory name vcpus vif".split()
GRACEFUL_LIMIT = 300.0


def config_path(repo_id: str, vm_id: str) -> str:
    """The host's path of a VM's definition."""
    for part in (repo_id, vm_id):
        if not isinstance(part, str) or part in ("", ".", "..") or "/" in part:
            raise plain_fault(f"Invalid id: {part!r}")
    return f"/OVS/Repositories/{repo_id}/VirtualMachines/{vm_id}/vm.cfg"


def _read(host: SimulatedHost, repo_id: str, vm_id: str) -> dict[str, Any]:
    path = config_path(repo_id, vm_id)
    found = real_path(host, path)
    if not found.is_file():
        raise AgentFault("exceptions.IOError", f"[Errno 2] No such file or directory: '{path}'")
    return vmcfg.read(found)


def _names(host: SimulatedHost, repo_id: str, vm_id: str) -> tuple[str, str]:
    """Name and uuid under which xend may know the VM."""
    try:
        config = _read(host, repo_id, vm_id)
    except AgentFault:
        config = {}
    name = str(config.get("name") or vm_id)
    return name, vmcfg.dashed(str(config.get("uuid") or vm_id))


def _live(host: SimulatedHost, repo_id: str, vm_id: str) -> Domain | None:
    name, vm_uuid = _names(host, repo_id, vm_id)
    machines.advance(host)
    return machines.find(host, name, vm_uuid)


def _checked(host: SimulatedHost, params: Any) -> dict[str, Any]:
    if not isinstance(params, dict):
        raise AgentFault("exceptions.TypeError", "params must be a struct")
    domain_type = params.get("OVM_domain_type")
    strict = host.answer("OVM_domain_type hvm or default") == "fault"
    if strict and domain_type in ("hvm", "default"):
        raise plain_fault(f"Invalid domain type: {domain_type}")
    for key in params:
        if not key.isidentifier():
            raise plain_fault(f"Invalid option: {key!r}")
    return vmcfg.with_numbers(params)


def create_vm(host: SimulatedHost, repo_id: str, vm_id: str, params: Any) -> None:
    """Write ``VirtualMachines/<vm_id>/vm.cfg``; nothing is started."""
    path = config_path(repo_id, vm_id)
    params = _checked(host, params)
    if host.answer("definition without disks") == "no" and not params.get("disk"):
        raise plain_fault("Invalid VM configuration: no disk")
    config = _with_defaults(params, vm_id)
    with host.lock:
        folder = real_path(host, path).parent
        if not folder.parent.is_dir():
            raise os_fault(2, "No such file or directory", str(Path(path).parent))
        if (folder / "vm.cfg").exists() and host.answer("create_vm of an existing id") == "fault":
            raise plain_fault(f"VM already exists: {vm_id}")
        folder.mkdir(exist_ok=True)
        vmcfg.write(folder / "vm.cfg", config)


def _with_defaults(params: dict[str, Any], vm_id: str) -> dict[str, Any]:
    """The options with those that the agent is seen to have added (answer-shapes.md)."""
    vcpus = params.get("vcpus") or 1
    defaults = {
        "OVM_cpu_compat_group": "",
        "OVM_description": "",
        "OVM_domain_type": "xen_pvm",
        "OVM_high_availability": False,
        "OVM_simple_name": params.get("name") or vm_id,
        "cpu_cap": 0,
        "cpu_weight": 27500,
        "name": vm_id,
        "on_crash": "restart",
        "on_poweroff": "destroy",
        "on_reboot": "restart",
        "vcpus": vcpus,
    }
    config = defaults | params
    config["maxvcpus"] = params.get("maxvcpus") or vcpus  # 0 is sent for "not set": 6.1
    if "hvm" in str(config["OVM_domain_type"]):
        config.setdefault("builder", "hvm")
    return config


def configure_vm(host: SimulatedHost, repo_id: str, vm_id: str, params: Any) -> None:
    """Change the file and, for the options with a setter, the live VM of this host."""
    params = _checked(host, params)
    with host.lock:
        config = _read(host, repo_id, vm_id)
        domain = _live(host, repo_id, vm_id)
        if domain is not None:
            changes = {
                key: params[key]
                for key in LIVE
                if key in params and params[key] != domain.config.get(key)
            }
            machines.change_live(host, domain.name, domain.uuid, changes)
        if host.answer("configure_vm absent keys") == "dropped":
            config = _with_defaults(params, vm_id)
        else:
            config |= params
        vmcfg.write(real_path(host, config_path(repo_id, vm_id)), config)


def get_vm_config(host: SimulatedHost, repo_id: str, vm_id: str) -> dict[str, Any] | None:
    """The file as Python reads it: ints, bools, strings, lists (7.2)."""
    path = config_path(repo_id, vm_id)
    with host.lock:
        if real_path(host, path).is_file():
            return _read(host, repo_id, vm_id)
    if host.answer("get_vm_config of a missing VM") == "nil":
        return None
    raise AgentFault("exceptions.IOError", f"[Errno 2] No such file or directory: '{path}'")


def delete_vm(host: SimulatedHost, repo_id: str, vm_id: str) -> None:
    """Remove the VM's directory with all that is in it, not its disks elsewhere (7.4)."""
    path = config_path(repo_id, vm_id)
    with host.lock:
        folder = real_path(host, path).parent
        if not folder.is_dir():
            if host.answer("delete_vm of a missing VM") == "fault":
                raise os_fault(2, "No such file or directory", str(Path(path).parent))
            return
        domain = _live(host, repo_id, vm_id)
        if domain is not None and host.answer("delete_vm of a running VM") == "fault":
            raise plain_fault(f"VM {vm_id} is running")
        shutil.rmtree(folder)


def start_vm(host: SimulatedHost, repo_id: str, vm_id: str) -> None:
    """Nil when xend has started it; the guest's boot goes on (7.4)."""
    path = config_path(repo_id, vm_id)
    try:
        config = _read(host, repo_id, vm_id)
    except AgentFault as fault:
        if fault.kind == "exceptions.IOError":
            raise
        command = ["xm", "create", path]
        raise command_fault(command, 1, f"Error: {fault.text}") from None
    machines.start(host, path, config)


def stop_vm(host: SimulatedHost, repo_id: str, vm_id: str, force: Any = False) -> None:
    """A request to shut down, or with ``force`` a destroy."""
    name, vm_uuid = _names(host, repo_id, vm_id)
    if force:
        machines.destroy(host, name, vm_uuid)
        return
    domain = machines.shutdown(host, name, vm_uuid, "poweroff")
    blocks = host.answer("stop_vm graceful") == "blocks"
    if blocks and not machines.wait_until_off(host, domain, GRACEFUL_LIMIT):
        raise plain_fault(f"VM {vm_id} did not stop within {GRACEFUL_LIMIT:.0f} seconds")


def reboot_vm(host: SimulatedHost, repo_id: str, vm_id: str, wait: Any) -> None:
    """A request to reboot. The unit of ``wait`` is not known: it is not used."""
    name, vm_uuid = _names(host, repo_id, vm_id)
    with host.lock:
        domain = machines.shutdown(host, name, vm_uuid, "reboot")
        domid = domain.domid
    blocks = host.answer("reboot_vm") == "blocks"
    if blocks and not machines.wait_until_back(host, domain, domid, GRACEFUL_LIMIT):
        raise plain_fault(f"VM {vm_id} did not reboot within {GRACEFUL_LIMIT:.0f} seconds")


def pause_vm(host: SimulatedHost, repo_id: str, vm_id: str) -> None:
    """Pause a live VM."""
    machines.pause(host, *_names(host, repo_id, vm_id))


def unpause_vm(host: SimulatedHost, repo_id: str, vm_id: str) -> None:
    """Let a paused VM go on."""
    machines.unpause(host, *_names(host, repo_id, vm_id))


def list_vms(host: SimulatedHost) -> list[dict[str, Any]]:
    """Every domain of xend's list, Domain-0 too, ordered by name (7.1; xend.md 1.3)."""
    with host.lock:
        machines.advance(host)
        found = [listing.describe_domain_0(host)]
        found += [listing.describe(host, domain) for domain in listing.listed(host)]
    found.sort(key=lambda struct: str(struct["name"]))
    if host.answer("order of list_vms") == "reversed":
        found.reverse()
    return found


def list_vm(host: SimulatedHost, repo_id: str, vm_id: str) -> dict[str, Any] | None:
    """The same struct for one VM, nil when it is not live."""
    with host.lock:
        domain = _live(host, repo_id, vm_id)
        return None if domain is None else listing.describe(host, domain)
