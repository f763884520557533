"""The columns of tables, and the lines of what is shown alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from libcloud.compute.base import (
    KeyPair,
    Node,
    NodeImage,
    NodeLocation,
    NodeSize,
    StorageVolume,
    VolumeSnapshot,
)

from libcloud_ovm3.agent.address import parse_address
from libcloud_ovm3.cli.byte_sizes import long_size, short_size
from libcloud_ovm3.cli.formats import Column, Record, show_record, show_records
from libcloud_ovm3.cli.option_names import with_option_names
from libcloud_ovm3.cli.output import tell
from libcloud_ovm3.compute.records import (
    host_record,
    image_record,
    key_pair_record,
    size_record,
    snapshot_record,
    vm_record,
    volume_record,
)
from libcloud_ovm3.estate.claim_data import claim_text
from libcloud_ovm3.estate.consoles import console_hint


def _mb(size_mb: int | None) -> str:
    return "?" if size_mb is None else f"{size_mb} MB"


def _or(value: object | None) -> object:
    return "?" if value is None else value


def _state(vm: Record) -> str:
    copied = vm["copied_percent"]
    return str(vm["state"]) if copied is None else f"{vm['state']} {copied}%"


def _hosts(vm: Record) -> str:
    return ", ".join(live["host"] or live["address"] for live in vm["live"])


def _addresses(vm: Record) -> str:
    return ", ".join([*vm["public_ips"], *vm["private_ips"]])


def _gb(host: Record) -> str:
    free, total = (
        "?" if size_mb is None else f"{size_mb / 1024:.1f}"
        for size_mb in (host["free_memory_mb"], host["memory_mb"])
    )
    return f"{free}/{total} GB"


def users_of(volume: Record) -> list[str]:
    """Return what has a volume: VMs as ``VM:device:mode``, and what else names it."""
    return [
        f"{one['node_name'] or one['node_id']}:{one['device']}:{one['mode']}"
        for one in volume["attachments"]
    ] + list(volume["used_by"])


def _used(volume: Record) -> str:
    """Return the space that a volume takes; nothing of a physical disk, which has it all."""
    return "" if volume["kind"] == "physical" else short_size(volume["used_bytes"])


_HOSTS = (
    Column("host", "name"),
    Column("address", "address"),
    Column("status", "status"),
    Column("free/memory", _gb),
    Column("VMs", lambda one: _or(one["vms"])),
    Column("CPUs", lambda one: _or(one["cpus"]), True),
    Column("agent", "agent_version", True),
    Column("Xen", "hypervisor", True),
    Column("master", lambda one: "yes" if one["is_master"] else "", True),
    Column("booted", "booted_at", True),
)
_IMAGES = (
    Column("image", "name"),
    Column("kind", "kind"),
    Column("state", lambda one: one["state"].replace("available", ""), True),
    Column("size", lambda one: short_size(one["size_bytes"]), True),
    Column("repository", "repository", True),
    Column("id", "id"),
)
_SIZES = (
    Column("size", "id"),
    Column("name", "name"),
    Column("CPUs", "vcpus"),
    Column("memory", lambda one: _mb(one["memory_mb"])),
)
_VMS = (
    Column("VM", "name"),
    Column("state", _state),
    Column("host", _hosts),
    Column("addresses", _addresses, True),
    Column("memory", lambda one: _mb(one["memory_mb"]), True),
    Column("CPUs", lambda one: _or(one["vcpus"]), True),
    Column("id", "id"),
)
_VOLUMES = (
    Column("volume", "name"),
    Column("state", "state"),
    Column("kind", "kind", True),
    Column("size", lambda one: short_size(one["size_bytes"])),
    Column("used", _used, True),
    Column("repository", lambda one: one["repository"] or one["repository_id"], True),
    Column("attached to", lambda one: ", ".join(users_of(one))),
    Column("id", "id"),
)
_SNAPSHOTS = (
    Column("snapshot", "name"),
    Column("state", "state"),
    Column("volume", "volume_name"),
    Column("created", "created_at"),
    Column("size", lambda one: short_size(one["size_bytes"])),
    Column("used", lambda one: short_size(one["used_bytes"]), True),
    Column("repository", lambda one: one["repository"] or one["repository_id"], True),
    Column("id", "id"),
)
_NODE_SNAPSHOTS = (
    Column("snapshot", "name"),
    Column("state", "state"),
    Column("vm", "node_name"),
    Column("created", "created_at"),
    Column("disks", lambda one: len(one["snapshots"]), True),
    Column("id", "id"),
)
_KEY_PAIRS = (
    Column("key pair", "name"),
    Column("type", "type"),
    Column("repository", lambda one: one["repository"] or one["repository_id"], True),
    Column("fingerprint", "fingerprint"),
)
_ORPHANS = (
    Column("disk", "path"),
    Column("certain", lambda one: "yes" if one["is_certain"] else "no"),
    Column("set aside by", lambda one: one["set_aside"]),
)


def _host_record(location: NodeLocation) -> dict[str, Any]:
    record = host_record(location)
    error = record["error"]
    return {**record, "error": None if error is None else with_option_names(error)}


def show_hosts(locations: Iterable[NodeLocation], form: str = "table") -> None:
    """Print hosts with memory and versions."""
    show_records(form, map(_host_record, locations), _HOSTS, "no hosts", key="address")


def tell_unread(locations: Iterable[NodeLocation]) -> None:
    """Warn of the hosts that could not be read: what they run is unknown."""
    for location in locations:
        if location.extra["status"] != "ok":
            tell(f"warning: {with_option_names(location.extra['reason'])}")


def show_images(images: Iterable[NodeImage], form: str = "table") -> None:
    """Print templates and ISOs."""
    show_records(form, map(image_record, images), _IMAGES, "no images")


def show_sizes(sizes: Iterable[NodeSize], form: str = "table") -> None:
    """Print sizes."""
    show_records(form, map(size_record, sizes), _SIZES, "no sizes")


def show_nodes(nodes: Iterable[Node], form: str = "table") -> None:
    """Print VMs, with the hosts on which they are live."""
    show_records(form, map(vm_record, nodes), _VMS, "no VMs")


def show_volumes(records: Iterable[Record], form: str = "table") -> None:
    """Print volumes, with the VMs that have them."""
    show_records(form, records, _VOLUMES, "no volumes")


def show_snapshots(snapshots: Iterable[VolumeSnapshot], form: str = "table") -> None:
    """Print snapshots, with the volumes that they are copies of."""
    show_records(form, map(snapshot_record, snapshots), _SNAPSHOTS, "no snapshots")


def show_node_snapshots(snapshots: Iterable[dict[str, Any]], form: str = "table") -> None:
    """Print snapshots of VMs."""
    show_records(form, snapshots, _NODE_SNAPSHOTS, "no snapshots of VMs")


def show_key_pairs(key_pairs: Iterable[KeyPair], form: str = "table") -> None:
    """Print key pairs with their fingerprints."""
    records = map(key_pair_record, key_pairs)
    show_records(form, records, _KEY_PAIRS, "no key pairs", key="name")


def show_orphans(orphans: Iterable[dict[str, Any]], form: str = "table") -> None:
    """Print disks that no VM uses, those first that a deletion has set aside."""
    found = sorted(orphans, key=lambda one: (one["set_aside"] is None, one["path"]))
    show_records(form, found, _ORPHANS, "no orphaned disks", key="path")


def show_host(location: NodeLocation, form: str) -> None:
    """Print what is known of a host."""
    record = _host_record(location)
    show_record(form, record, _host_lines(record), key="address")


def show_image(image: NodeImage, form: str) -> None:
    """Print what is known of a template or ISO."""
    record = image_record(image)
    show_record(form, record, ((key.replace("_", " "), record[key]) for key in record))


def show_key_pair(key_pair: KeyPair, form: str) -> None:
    """Print what is known of a key pair."""
    record = key_pair_record(key_pair)
    lines = ((key.replace("_", " "), record[key]) for key in record)
    show_record(form, record, lines, key="name")


def show_node(node: Node, locations: Iterable[NodeLocation], form: str) -> None:
    """Print what is known of a VM, and when the hosts booted: a boot ends all VMs of a host."""
    hosts = [_host_record(location) for location in locations]
    boots = [{"host": one["name"], "booted_at": one["booted_at"]} for one in hosts]
    record = {**vm_record(node), "boots": boots}
    show_record(form, record, _vm_lines(record))


def show_volume(volume: StorageVolume, snapshots: Iterable[VolumeSnapshot], form: str) -> None:
    """Print what is known of a volume, and its snapshots."""
    record = {**volume_record(volume), "snapshots": [snapshot_record(one) for one in snapshots]}
    show_record(form, record, _volume_lines(record))


# ------------------------------------------------------------------ lines


def _host_lines(one: Record) -> Iterator[tuple[str, object]]:
    yield "host", one["name"]
    yield "id", one["id"]
    yield "address", one["address"]
    yield "status", one["status"]
    yield "error", one["error"]
    if one["status"] != "ok":
        return
    yield "pool", f"{one['pool_id'] or 'none'}{', its master' if one['is_master'] else ''}"
    yield "owner", one["owner"] or "none"
    yield "roles", ", ".join(one["roles"])
    yield "agent", one["agent_version"]
    yield "OVM", one["ovm_version"]
    yield "Xen", one["hypervisor"]
    yield "CPUs", f"{_or(one['cpus'])} ({one['cpu_model'] or 'unknown model'})"
    yield "memory", f"{_mb(one['memory_mb'])}, {_mb(one['free_memory_mb'])} free"
    yield "live VMs", _or(one["vms"])
    yield "booted at", one["booted_at"]


def _vm_lines(one: Record) -> Iterator[tuple[str, object]]:
    yield "VM", one["name"]
    yield "id", one["id"]
    yield "state", one["state"]
    for doubt in (*_contradictions(one), *one["doubts"]):
        yield "problem", doubt
    if one["copied_percent"] is not None:
        yield "copied", f"{one['copied_percent']}% of its disks"
    yield "memory", _with_maximum(_mb(one["memory_mb"]), one["memory_mb"], one["max_memory_mb"])
    yield "CPUs", _with_maximum(_or(one["vcpus"]), one["vcpus"], one["max_vcpus"])
    yield from _scheduling_lines(one["settings"]["defined"] or {})
    for live in one["live"]:
        yield from _live_lines(live)
    for definition in one["definitions"]:
        yield "vm.cfg", f"{definition['directory']} in repository {definition['repository_id']}"
        yield "", definition["error"]
    if one["claim"]:
        yield "claim", claim_text(one["claim"])
        yield "", one["claim"]["why"] or one["claim"]["taken"]
    yield "type", one["domain_type"] or ("HVM" if one["is_hvm"] else None)
    yield "HA", {True: "yes", False: "no", None: None}[one["high_availability"]]
    for disk in one["disks"] or ():
        yield "disk", f"{disk}{' (shared)' if disk in one['shared_disks'] else ''}"
    for medium in one["cdroms"] or ():
        yield "CD drive", medium or "empty"
    for nic in one["nics"] or ():
        mac, bridge = nic["mac"] or "automatic MAC", nic["bridge"] or "default bridge"
        yield "network card", f"{mac} on {bridge}{', type ' + nic['type'] if nic['type'] else ''}"
    for address in one["addresses"]:
        yield "address", _address(address)
    yield "description", one["description"]
    yield "tags", ", ".join(one["tags"] or ())
    for key, text in (one["metadata"] or {}).items():
        yield "metadata", f"{key}={text}"
    for notice in one["notices"]:
        yield "notice", notice
    boots = (f"{boot['host']} {boot['booted_at'] or '?'}" for boot in one["boots"])
    yield "last boots", ", ".join(boots)


def _scheduling_lines(defined: Record) -> Iterator[tuple[str, object]]:
    """Where a VM is neither pinned nor capped there are none."""
    yield "pinned to", f"CPUs {defined['cpus']}" if defined.get("cpus") else None
    yield "cap", f"{defined['cpu_cap']}% of a CPU" if defined.get("cpu_cap") else None


def _address(one: Record) -> str:
    known = "recorded" if one["source"] == "recorded" else "seen by a host"
    kind = "public" if one["is_public"] else "private"
    return f"{one['address']} ({kind}, {known}) of {one['mac']}"


def _contradictions(one: Record) -> Iterator[str]:
    if not one["definitions"]:
        yield "no mounted repository contains its vm.cfg"
    if len(one["definitions"]) > 1:
        yield f"it is defined in {len(one['definitions'])} places"
    if len(one["live"]) > 1:
        yield f"it is live on {len(one['live'])} hosts: it migrates, or this is an error"


def _live_lines(live: Record) -> Iterator[tuple[str, object]]:
    started = f", since {live['started_at']}" if live["started_at"] else ""
    yield "host", f"{live['host'] or live['address']} ({live['address']}){started}"
    yield "domain", f"{_or(live['domid'])}, in xend {live['xend_name'] or 'without a name'}"
    host = parse_address(live["address"]).host
    yield "console", console_hint(live["vnc_listen"], live["vnc_port"], host)


def _with_maximum(text: object, now: int | None, maximum: int | None) -> str:
    return f"{text}" if maximum in (None, now) else f"{text} of at most {maximum}"


def _volume_lines(one: Record) -> Iterator[tuple[str, object]]:
    yield "volume", one["name"]
    yield "id", one["id"]
    yield "state", one["state"]
    for doubt in one["doubts"]:
        yield "problem", doubt
    yield "kind", one["kind"]
    yield "size", long_size(one["size_bytes"])
    yield "path", one["path"]
    if one["kind"] == "virtual":
        yield "used", long_size(one["used_bytes"])
        yield "repository", f"{one['repository'] or 'without a name'} ({one['repository_id']})"
    else:
        yield "WWID", _or(one["wwid"])
    for seen in one["paths"]:
        yield "paths", f"{seen['host']}: {', '.join(seen['paths'])}"
    yield "modified", one["modified_at"]
    for use in one["attachments"]:
        vm = f"{use['node_name']} ({use['node_id']})"
        yield "attached to", f"{vm} as {use['device']}, mode {use['mode']}, {use['where']}"
    yield "shared", "yes" if one["is_shared"] else None
    for user in one["used_by"]:
        yield "used by", user
    yield "copy of", one["snapshot_of"]
    for copy in one["snapshots"]:
        yield "snapshot", f"{copy['name']}, {copy['created_at']}, {copy['state']} ({copy['id']})"
