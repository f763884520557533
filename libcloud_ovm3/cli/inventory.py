"""``ovm3 inventory``: what there is, for people and, with --json, for programs."""

from __future__ import annotations

from typing import Any

import click

from libcloud_ovm3.cli.options import driver_options, make_estate, reported
from libcloud_ovm3.cli.output import heading, show, show_json, show_table
from libcloud_ovm3.diagnostics import inventory as estate_inventory
from libcloud_ovm3.diagnostics.inventory import HostEntry, Inventory, RepositoryEntry, VMEntry


@click.command()
@driver_options
@click.option("--json", "as_json", is_flag=True, help="As JSON (docs/inventory-json.md).")
def inventory(as_json: bool, **options: Any) -> None:
    """Hosts, pools, repositories, VMs with disks and NICs. Reads only.

    What could not be read is listed; the exit status is 0 all the same.
    """
    with reported():
        found = estate_inventory.take_inventory(make_estate(**options))
        if as_json:
            show_json(estate_inventory.as_json(found))
        else:
            _show(found)


def _show(found: Inventory) -> None:
    show_table(
        ("host", "address", "status", "agent", "Xen", "CPUs", "free/memory", "VMs", "owner"),
        [_host(host) for host in found.hosts],
        "no hosts",
    )
    heading("Pools")
    show_table(
        ("pool", "virtual IP", "members", "id"),
        [(p.alias, p.virtual_ip, ", ".join(p.members), p.id) for p in found.pools],
        "no pools",
    )
    heading("Repositories")
    show_table(
        ("repository", "location", "mounted on", "not on", "VMs", "disks", "id"),
        [_repository(one) for one in found.repositories],
        "no repositories",
    )
    heading("VMs")
    show_table(
        ("VM", "state", "host", "CPUs", "memory", "HA", "defined in", "id"),
        [_vm(vm, {one.id: one.alias for one in found.repositories}) for vm in found.vms],
        "no VMs",
    )
    heading("Disks and NICs")
    show_table(
        ("VM", "device", "mode", "what"),
        [line for vm in found.vms for line in _devices(vm)],
        "no disks, no NICs",
    )
    heading("Could not be read" if found.errors else "Everything could be read.")
    for problem in found.errors:
        show(f"- {problem}")


def _host(host: HostEntry) -> tuple[object, ...]:
    name = f"{host.name} *" if host.is_master else host.name
    if host.status != "ok":
        return (name, host.address, host.status, *[""] * 4, "?", "")
    memory = f"{_or(host.free_memory_mb)}/{_or(host.memory_mb)} MB"
    versions = (host.agent_version, host.xen_version)
    owner = host.owner or "nobody"
    return (
        name,
        host.address,
        host.status,
        *versions,
        _or(host.cpus),
        memory,
        _or(host.vms),
        owner,
    )


def _repository(one: RepositoryEntry) -> tuple[object, ...]:
    mounted = ", ".join(one.mounted_on) or "no host"
    unmounted = ", ".join(one.not_mounted_on)
    location = f"{one.file_system} {one.location}"
    return (one.alias, location, mounted, unmounted, _or(one.vms), _or(one.disks), one.id)


def _vm(vm: VMEntry, aliases: dict[str, str]) -> tuple[object, ...]:
    hosts = ", ".join(live.host for live in vm.live)
    places = ", ".join(
        f"{aliases.get(d.repository) or d.repository}/{d.directory}"
        + (" (unreadable)" if d.error else "")
        for d in vm.definitions
    )
    ha = "?" if vm.ha is None else ("yes" if vm.ha else "no")
    memory = f"{_or(vm.memory_mb)} MB"
    return (vm.name, vm.state, hosts, _or(vm.vcpus), memory, ha, places or "nowhere", vm.id)


def _devices(vm: VMEntry) -> list[tuple[object, ...]]:
    disks = [
        (vm.name, d.device, "CD" if d.is_cdrom else d.mode, d.path or d.entry) for d in vm.disks
    ]
    nics = [
        (vm.name, f"nic{number}", "", f"{nic.mac or 'any MAC'} on {nic.bridge or 'any bridge'}")
        for number, nic in enumerate(vm.nics)
    ]
    return [*disks, *nics]


def _or(value: object | None) -> object:
    return "?" if value is None else value
