"""VM definitions: create_vm, configure_vm, delete_vm, get_vm_config and the life-cycle calls.

Sources: agent-behaviour.md 6, 7 and 12. set_vm_config, unconfigure_vm, the core dump functions and
send_to_guest are only listed: what they do is not known, so they are not modelled. Neither are
setup_migration_target and cleanup_migration_target, which are not needed while the capability
MIGRATION_SETUP is False.
"""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from typing import Any

from libcloud_ovm3.simulator import vmcfg
from libcloud_ovm3.simulator.agent import ownership
from libcloud_ovm3.simulator.errors import AgentFault, Killed, command_fault, os_fault, plain_fault
from libcloud_ovm3.simulator.files import real_path
from libcloud_ovm3.simulator.host import SimulatedHost
from libcloud_ovm3.simulator.xend import hotchanges, listing, machines, migration, saving
from libcloud_ovm3.simulator.xend.clients import connection, run_xm
from libcloud_ovm3.simulator.xend.progress import advance, xend

GRACEFUL_LIMIT = 300.0


def config_path(repo_id: str, vm_id: str, folder: str = "VirtualMachines") -> str:
    """The host's path of the vm.cfg of a VM or, with ``folder``, of a template."""
    for part in (repo_id, vm_id):
        if not isinstance(part, str) or part in ("", ".", "..") or "/" in part:
            raise plain_fault(f"Invalid id: {part!r}")
    return f"/OVS/Repositories/{repo_id}/{folder}/{vm_id}/vm.cfg"


def _read(host: SimulatedHost, repo_id: str, vm_id: str) -> dict[str, Any]:
    path = config_path(repo_id, vm_id)
    found = real_path(host, path)
    if not found.is_file():
        raise AgentFault("exceptions.IOError", f"[Errno 2] No such file or directory: '{path}'")
    return vmcfg.read(found)


def _names(host: SimulatedHost, repo_id: str, vm_id: str) -> tuple[str, str]:
    """The name and the uuid that xend may know the VM by."""
    try:
        config = _read(host, repo_id, vm_id)
    except AgentFault:
        config = {}
    name = str(config.get("name") or vm_id)
    return name, vmcfg.dashed(str(config.get("uuid") or vm_id))


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
        _write(host, folder / "vm.cfg", config)


def _with_defaults(params: dict[str, Any], vm_id: str) -> dict[str, Any]:
    """The options, completed with those that the agent is known to add (answer-shapes.md)."""
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
    config["maxvcpus"] = params.get("maxvcpus") or vcpus  # clients send 0 for "not set": 6.1
    if "hvm" in str(config["OVM_domain_type"]):
        config.setdefault("builder", "hvm")
    return config


def configure_vm(host: SimulatedHost, repo_id: str, vm_id: str, params: Any) -> None:
    """Change the file, and the live VM of this host for the options with a setter."""
    params = _checked(host, params)
    _read(host, repo_id, vm_id)
    try:
        hotchanges.configure(host, *_names(host, repo_id, vm_id), params)
    except AgentFault:
        if host.answer("configure_vm refused by xend") == "changes the file":
            _change_file(host, repo_id, vm_id, params)
        raise
    _change_file(host, repo_id, vm_id, params)


def _change_file(host: SimulatedHost, repo_id: str, vm_id: str, params: dict[str, Any]) -> None:
    with host.lock:
        config = _read(host, repo_id, vm_id)
        if host.answer("configure_vm absent keys") == "dropped":
            config = _with_defaults(params, vm_id)
        else:
            config |= params
        _write(host, real_path(host, config_path(repo_id, vm_id)), config)


def _write(host: SimulatedHost, path: Path, config: dict[str, Any]) -> None:
    """Write a vm.cfg."""
    vmcfg.write(path, config)
    if "agent dies writing" in host.faults:
        text = path.read_bytes()
        path.write_bytes(text[: len(text) // 2])
        raise Killed


def configure_vm_ha(host: SimulatedHost, repo_id: str, vm_id: str, enable_ha: Any) -> None:
    """Set the agent's HA flag in vm.cfg; that it is kept there is a conclusion (6.1, 7.4)."""
    with host.lock:
        config = _read(host, repo_id, vm_id)
        config["OVM_high_availability"] = bool(enable_ha)
        vmcfg.write(real_path(host, config_path(repo_id, vm_id)), config)


def get_vm_config(host: SimulatedHost, repo_id: str, vm_id: str) -> dict[str, Any] | None:
    """The options of the file: ints, bools, strings, lists (7.2)."""
    return _config_or_nil(host, config_path(repo_id, vm_id))


def get_template_config(
    host: SimulatedHost, repo_id: str, template_id: str
) -> dict[str, Any] | None:
    """The same for a template that is a folder with a vm.cfg (4); a flat file has none."""
    return _config_or_nil(host, config_path(repo_id, template_id, "Templates"))


def _config_or_nil(host: SimulatedHost, path: str) -> dict[str, Any] | None:
    with host.lock:
        found = real_path(host, path)
        if found.is_file():
            return vmcfg.read(found)
    if host.answer("get_vm_config of a missing VM") == "nil":
        return None
    raise AgentFault("exceptions.IOError", f"[Errno 2] No such file or directory: '{path}'")


def delete_vm(host: SimulatedHost, repo_id: str, vm_id: str) -> None:
    """Remove the VM's directory with its contents, but not its disks elsewhere (7.4)."""
    path = config_path(repo_id, vm_id)
    names = _names(host, repo_id, vm_id)
    if host.answer("delete_vm of a running VM") == "fault":
        with xend(host):
            if machines.look_up(host, *names) is not None:
                raise plain_fault(f"VM {vm_id} is running")
    with host.lock:
        folder = real_path(host, path).parent
        if folder.is_dir():
            shutil.rmtree(folder)
        elif host.answer("delete_vm of a missing VM") == "fault":
            raise os_fault(2, "No such file or directory", str(Path(path).parent))


def start_vm(host: SimulatedHost, repo_id: str, vm_id: str) -> None:
    """Nil when xend has started it, while the guest still boots (7.4)."""
    path = config_path(repo_id, vm_id)
    try:
        config = _read(host, repo_id, vm_id)
    except AgentFault as fault:
        if fault.kind == "exceptions.IOError":
            raise
        command = ["xm", "create", path]
        raise command_fault(command, 1, f"Error: {fault.text}") from None
    run_xm(host, ["xm", "create", path], lambda alone: machines.start(host, path, config, alone))


def stop_vm(host: SimulatedHost, repo_id: str, vm_id: str, force: Any = False) -> None:
    """Request a shutdown or, with ``force``, destroy the domain."""
    name, vm_uuid = _names(host, repo_id, vm_id)
    if force:
        run_xm(host, ["xm", "destroy", name], lambda alone: machines.destroy(host, name, vm_uuid))
        return
    ask = partial(machines.shutdown, host, name, vm_uuid, "poweroff")
    domain = run_xm(host, ["xm", "shutdown", name], lambda alone: ask())
    blocks = host.answer("stop_vm graceful") == "blocks"
    if blocks and not machines.wait_until_off(host, domain, GRACEFUL_LIMIT):
        raise plain_fault(f"VM {vm_id} did not stop within {GRACEFUL_LIMIT:.0f} seconds")


def reboot_vm(host: SimulatedHost, repo_id: str, vm_id: str, wait: Any) -> None:
    """Request a reboot. The unit of ``wait`` is not known, so it is not used."""
    name, vm_uuid = _names(host, repo_id, vm_id)
    domain = machines.shutdown(host, name, vm_uuid, "reboot")
    domid = domain.domid
    blocks = host.answer("reboot_vm") == "blocks"
    if blocks and not machines.wait_until_back(host, domain, domid, GRACEFUL_LIMIT):
        raise plain_fault(f"VM {vm_id} did not reboot within {GRACEFUL_LIMIT:.0f} seconds")


def pause_vm(host: SimulatedHost, repo_id: str, vm_id: str) -> None:
    """Pause a live VM."""
    machines.pause(host, *_names(host, repo_id, vm_id))


def unpause_vm(host: SimulatedHost, repo_id: str, vm_id: str) -> None:
    """Resume a paused VM."""
    machines.unpause(host, *_names(host, repo_id, vm_id))


def save_vm(host: SimulatedHost, repo_id: str, vm_id: str, checkpoint: Any = False) -> None:
    """Save into a file in the VM's directory; with ``checkpoint`` the VM continues (xend.md 4)."""
    saving.save(host, *_names(host, repo_id, vm_id), _state_path(repo_id, vm_id), checkpoint)


def restore_vm(host: SimulatedHost, repo_id: str, vm_id: str, paused: Any) -> None:
    """Restore from that file, which is kept."""
    saving.restore(host, _state_path(repo_id, vm_id), paused)


def _state_path(repo_id: str, vm_id: str) -> str:
    """That it is in the VM's directory is a conclusion; its name is the simulator's."""
    return config_path(repo_id, vm_id).removesuffix("vm.cfg") + "vm.save"


def migrate_vm(
    host: SimulatedHost, repo_id: str, vm_id: str, dest: Any, live: Any = False, ssl: Any = False
) -> None:
    """Nil when the source is gone (12). Non-live by default, as in xend; ssl has no effect."""
    pool, target = ownership.pool_id(host), migration.find_host(host, dest)
    if pool is None or (target is not None and ownership.pool_id(target) != pool):
        # That the agent migrates only inside a pool is shown (12), its text is not.
        raise plain_fault(f"Server {dest} is not in the same server pool")
    if target is host:
        raise plain_fault("not modelled by the simulator: a migration to the same host")
    name, vm_uuid = _names(host, repo_id, vm_id)
    words = ["xm", "migrate", name, str(dest)]
    run_xm(host, words, lambda alone: migration.migrate(host, name, vm_uuid, dest, live))


def sysrq_vm(host: SimulatedHost, repo_id: str, vm_id: str, letter: Any) -> None:
    """Send a sysrq key to a live VM's kernel."""
    machines.sysrq(host, *_names(host, repo_id, vm_id), str(letter))


def trigger_vm(host: SimulatedHost, repo_id: str, vm_id: str, name: Any, vcpu: Any) -> None:
    """Send an event to a live VM: nmi, reset, init, s3resume, power."""
    machines.trigger(host, *_names(host, repo_id, vm_id), str(name))


def list_vms(host: SimulatedHost) -> list[dict[str, Any]]:
    """Every domain that xend lists, including Domain-0, by name (7.1; xend.md 1.3)."""
    with connection(host), host.lock:
        advance(host)
        machines.check_list(host)
        found = [listing.describe_domain_0(host)]
        found += [listing.describe(host, domain) for domain in listing.listed(host)]
    found.sort(key=lambda struct: str(struct["name"]))
    if host.answer("order of list_vms") == "reversed":
        found.reverse()
    return found


def list_vm(host: SimulatedHost, repo_id: str, vm_id: str) -> dict[str, Any] | None:
    """The same struct for one VM, nil if it is not live."""
    names = _names(host, repo_id, vm_id)
    with xend(host):
        domain = machines.look_up(host, *names)
        if domain is None:
            return None
        machines.check_printable(host, domain)
        return listing.describe(host, domain)
