"""``ovm3 network``: the bridges of the hosts, and what is below them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import click

from libcloud_ovm3.cli.examples import examples
from libcloud_ovm3.cli.formats import Column, Record, output_option, show_record, show_records
from libcloud_ovm3.cli.network_tree import host_tree, mode_text, role_words, unread_tree
from libcloud_ovm3.cli.option_names import with_option_names
from libcloud_ovm3.cli.options import driver_options, make_driver, make_estate, reported
from libcloud_ovm3.cli.output import show_tree, tell
from libcloud_ovm3.cli.sections import NounGroup
from libcloud_ovm3.compute.networks import hosts_of
from libcloud_ovm3.compute.records import network_device_record, network_fields
from libcloud_ovm3.errors import AmbiguousName, Ovm3Error
from libcloud_ovm3.estate.labels import WantedNetwork, bridge_name, wanted_network
from libcloud_ovm3.estate.network_facts import of_network
from libcloud_ovm3.estate.networks import HostNetwork, NetworkList, read_networks, with_all_mtus
from libcloud_ovm3.estate.unfound_networks import not_found


@click.group(cls=NounGroup, epilog=examples("ovm3 network list", "ovm3 network show control0"))
def network() -> None:
    """List, show, make, change and remove networks.

    A network is a bridge of one name, on all hosts that have it.
    """


@network.command(
    "list",
    epilog=examples(
        "ovm3 network list", "ovm3 network list -o json", "ovm3 network list --devices"
    ),
)
@click.option("--devices", is_flag=True, help="List NICs, bonds and VLAN devices.")
@click.option(
    "--on", "location", metavar="HOST[:PORT]|ID", help="Only this host.  [default: all hosts]"
)
@output_option
@driver_options
def list_networks(devices: bool, location: str | None, form: str, **options: Any) -> None:
    """List networks, as a tree for each host.

    It shows NICs and bonds, the VLAN devices and bridges on them, and the VMs that run there. As
    JSON or YAML, there is one record for each name of a bridge; with --devices one for each NIC,
    bond and VLAN device.
    """
    with reported(is_read=True):
        if devices:
            found = make_driver(**options).ex_list_network_devices(location)
            show_records(form, map(network_device_record, found), _DEVICES, "no devices")
            return
        networks = _read(**options)
        hosts = hosts_of(networks, location)
        if form == "table":
            _show_trees(networks, hosts)
        else:
            there = {bridge.name for host in hosts for bridge in host.bridges}
            records = [_record(networks, name) for name in sorted(there)]
            show_records(form, records, (), "no networks")


@network.command(epilog=examples("ovm3 network show control0 -o yaml"))
@output_option
@driver_options
@click.argument("name", metavar="NAME")
def show(name: str, form: str, **options: Any) -> None:
    """Show what carries a network, and which VMs are on it.

    NAME is the name of a bridge, a traffic label, or LABEL:VLAN.
    """
    with reported(is_read=True):
        found = _read(**options)
        record = _record(found, _bridge_called(found, name))
        show_record(form, record, _lines(record))


def _read(**options: Any) -> NetworkList:
    found = with_all_mtus(read_networks(make_estate(**options)))
    for error in (*found.estate.errors(), *found.errors(), *found.estate.notices()):
        tell(f"warning: {with_option_names(error)}")
    return found


def _record(found: NetworkList, name: str) -> dict[str, Any]:
    extra = of_network(found, name)
    for one in extra["unread_on"]:
        one["error"] = with_option_names(one["error"])
    return network_fields(name, extra)


def _bridge_called(found: NetworkList, name: str) -> str:
    """Return the name of the bridge that is meant, on the hosts that have it; or of one that no
    host has, if a VM has a card on it.

    :raises NetworkNotFound: no host and no VM has it, and all could be read.
    :raises SearchIncomplete: none has it, but not all could be read.
    :raises AmbiguousName: the label is carried by bridges of several names.
    """
    wanted = wanted_network(name, found.labels)
    meant = list(_on(found, wanted))
    there = [name for host, name in meant if host.bridge(name)]
    names = dict.fromkeys(there or [name for _, name in meant if of_network(found, name)["nodes"]])
    if len(names) > 1:
        raise AmbiguousName(f"{name!r} may be any of these networks: {', '.join(names)}")
    if not names:
        raise not_found(found, wanted)
    return next(iter(names))


def _on(found: NetworkList, wanted: WantedNetwork) -> Iterator[tuple[HostNetwork, str]]:
    for host in found.hosts:
        with suppress(Ovm3Error):  # it could not be read, or has nothing of that name
            yield host, bridge_name(wanted, host)


def _show_trees(found: NetworkList, hosts: Sequence[HostNetwork]) -> None:
    for host in hosts:
        show_tree(host_tree(found, host))
    for one in found.estate.unreachable if len(hosts) == len(found.hosts) else ():
        show_tree(unread_tree(one.address, with_option_names(str(one.reason))))


def _kind(one: Record) -> str:
    if one["kind"] == "bond":
        return f"bond, {mode_text(one['mode'])}, slaves {' '.join(one['slaves']) or 'none'}"
    if one["kind"] == "vlan":
        return f"VLAN {'?' if one['vlan'] is None else one['vlan']}"
    return f"NIC, slave of {one['bond']}" if one["bond"] else "NIC"


def _roles(one: Record) -> str:
    return ", ".join(role_words(one["roles"], one["has_unknown_roles"]))


_DEVICES = (
    Column("host", "host"),
    Column("device", "name"),
    Column("kind", _kind),
    Column("on", "parent"),
    Column("bridge", "bridge"),
    Column("state", lambda one: {True: "up", False: "down", None: "?"}[one["is_up"]]),
    Column("MTU", lambda one: "?" if one["mtu"] is None else one["mtu"], True),
    Column("MAC", "mac", True),
    Column("addresses", lambda one: ", ".join(one["addresses"]), True),
    Column("labels", lambda one: ", ".join(one["labels"]), True),
    Column("roles", _roles, True),
)


def _lines(one: Record) -> Iterator[tuple[str, object]]:
    yield "network", one["name"]
    yield "VLAN", one["vlan"]
    yield "labels", ", ".join(one["labels"])
    yield "roles", ", ".join(one["roles"])
    for there in one["hosts"]:
        yield "host", f"{there['host']}: {', '.join(_on_host(there))}"
    if not one["hosts"]:
        yield "host", "no host has it now"
    for other in one["missing_on"]:
        if not other["is_made_at_start"]:
            yield "missing on", other["host"]
    made = [other["host"] for other in one["missing_on"] if other["is_made_at_start"]]
    yield "made when a VM needs it", ", ".join(made)
    for other in one["unread_on"]:
        yield "unknown on", f"{other['host']}: {other['error']}"
    for vm in one["nodes"]:
        yield "VM", f"{vm['node_name']} ({vm['node_id']}), {vm['where']}"


def _on_host(there: Record) -> Iterator[str]:
    if there["doubt"] or there["is_local"]:
        yield there["doubt"] or "local"
    else:
        yield f"on {there['parent']}"
    if there["vlan"] is not None:
        yield f"VLAN {there['vlan']}"
    yield from there["addresses"]
    if there["mtu"] is not None:
        yield f"MTU {there['mtu']}"
    if there["has_unknown_roles"]:
        yield "unknown roles"
    running = [vm["node_name"] or vm["node_id"] for vm in there["guests"]]
    yield from [f"running there: {' '.join(running)}"] if running else ()
