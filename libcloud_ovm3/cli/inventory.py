"""``ovm3 inventory``: hosts, pools, repositories, networks and VMs, for people or programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import click

from libcloud_ovm3.agent.address import parse_address
from libcloud_ovm3.agent.config import parse_disk
from libcloud_ovm3.cli.examples import examples
from libcloud_ovm3.cli.formats import document_option, show_document
from libcloud_ovm3.cli.option_names import with_option_names
from libcloud_ovm3.cli.options import driver_options, make_estate, reported
from libcloud_ovm3.cli.output import heading, show, show_table
from libcloud_ovm3.cli.sections import Command
from libcloud_ovm3.diagnostics import inventory as estate_inventory
from libcloud_ovm3.diagnostics.inventory import (
    DiskInfo,
    HostEntry,
    Inventory,
    RepositoryEntry,
    VMEntry,
)
from libcloud_ovm3.estate.consoles import console_hint


@click.command(cls=Command, epilog=examples("ovm3 inventory", "ovm3 inventory -o json"))
@document_option
@driver_options
def inventory(form: str, **options: Any) -> None:
    """List hosts, repositories, networks and VMs. Changes nothing.

    Also pools, and disks and network cards of VMs.
    What could not be read is listed at the end; the exit status is 0 nevertheless.
    """
    with reported(is_read=True):
        found = inventory_with_option_names(estate_inventory.take_inventory(make_estate(**options)))
        if form == "table":
            _show(found)
        else:
            show_document(form, estate_inventory.as_json(found))


def inventory_with_option_names(found: Inventory) -> Inventory:
    """Return an inventory whose messages name options of ``ovm3``."""
    hosts = [replace(h, error=h.error and with_option_names(h.error)) for h in found.hosts]
    errors = tuple(map(with_option_names, found.errors))
    return replace(found, hosts=tuple(hosts), errors=errors)


def _show(found: Inventory) -> None:
    show_table(
        (
            "host",
            "address",
            "status",
            "master",
            "agent",
            "Xen",
            "CPUs",
            "free/memory",
            "VMs",
            "booted",
            "owner",
        ),
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
        ("repository", "location", "mounted on", "not mounted on", "VMs", "disks", "id"),
        [_repository(one) for one in found.repositories],
        "no repositories",
    )
    heading("Networks")
    show_table(
        ("network", "VLAN", "labels", "on", "missing on", "VMs"),
        [_network(one) for one in found.networks],
        "no networks",
    )
    heading("VMs")
    show_table(
        ("VM", "state", "host", "CPUs", "memory", "HA", "defined in", "id"),
        [_vm(vm, {one.id: one.alias for one in found.repositories}) for vm in found.vms],
        "no VMs",
    )
    heading("Disks, network cards and consoles")
    show_table(
        ("VM", "device", "mode", "path, network or how to reach it"),
        [line for vm in found.vms for line in _devices(vm)],
        "none",
    )
    heading("Could not be read" if found.errors else "Everything could be read.")
    for error in found.errors:
        show(f"- {error}")


def _host(host: HostEntry) -> tuple[object, ...]:
    if host.status != "ok":
        return (host.name, host.address, host.status, *[""] * 5, "?", "?", "")
    memory = f"{_or(host.free_memory_mb)}/{_or(host.memory_mb)} MB"
    versions = (host.agent_version, host.xen_version)
    owner = host.owner or "none"
    return (
        host.name,
        host.address,
        host.status,
        "yes" if host.is_master else "",
        *versions,
        _or(host.cpus),
        memory,
        _or(host.vms),
        _or(host.boot_time),
        owner,
    )


def _repository(one: RepositoryEntry) -> tuple[object, ...]:
    mounted = ", ".join(one.mounted_on) or "none"
    unmounted = ", ".join(one.not_mounted_on)
    location = f"{one.file_system} {one.location}"
    return (one.alias, location, mounted, unmounted, _or(one.vms), _or(one.disks), one.id)


def _network(one: Mapping[str, Any]) -> tuple[object, ...]:
    on = (f"{there['host']}: {_carrier(there)}" for there in one["hosts"])
    missing = ", ".join(
        other["host"] for other in one["missing_on"] if not other["is_made_at_start"]
    )
    labels = ", ".join(one["labels"])
    return (one["name"], one["vlan"], labels, ", ".join(on), missing, len(one["nodes"]))


def _carrier(there: Mapping[str, Any]) -> str:
    return there["parent"] or ("local" if there["is_local"] else "?")


def _vm(vm: VMEntry, aliases: dict[str, str]) -> tuple[object, ...]:
    hosts = ", ".join(live.host for live in vm.live)
    defined_in = ", ".join(
        f"{aliases.get(d.repository) or d.repository}/{d.directory}"
        + (" (unreadable)" if d.error else "")
        for d in vm.definitions
    )
    ha = "?" if vm.ha is None else ("yes" if vm.ha else "no")
    memory = "?" if vm.memory_mb is None else f"{vm.memory_mb} MB"
    return (vm.name, vm.state, hosts, _or(vm.vcpus), memory, ha, defined_in or "none", vm.id)


def _medium(disk: DiskInfo) -> str:
    """What to display of a disk without a path: an entry that is not understood, as it is."""
    is_empty = disk.is_cdrom and not parse_disk(disk.entry).location
    return "empty" if is_empty else disk.entry


def _devices(vm: VMEntry) -> list[tuple[object, ...]]:
    disks = [
        (vm.name, d.device, "CD" if d.is_cdrom else d.mode, d.path or _medium(d)) for d in vm.disks
    ]
    nics = [
        (
            vm.name,
            f"nic{number}",
            "",
            f"{nic.mac or 'automatic MAC'} on {nic.bridge or 'default bridge'}"
            + (f" (VLAN {nic.vlan})" if nic.vlan is not None else ""),
        )
        for number, nic in enumerate(vm.nics)
    ]
    addresses = [(vm.name, "address", "", f"{a.address} of {a.mac}") for a in vm.addresses]
    hints = [
        console_hint(live.vnc_listen, live.vnc_port, parse_address(live.address).host)
        for live in vm.live
    ]
    return [*disks, *nics, *addresses, *((vm.name, "console", "", hint) for hint in hints if hint)]


def _or(value: object | None) -> object:
    return "?" if value is None else value
