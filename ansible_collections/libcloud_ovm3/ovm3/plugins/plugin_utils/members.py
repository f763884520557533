"""From the inventory of an estate to hosts and groups of Ansible. Pure; plain data only."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from libcloud_ovm3.compute.convert import node_extra
from libcloud_ovm3.compute.records import vm_fields
from libcloud_ovm3.diagnostics.inventory import Inventory, build_inventory
from libcloud_ovm3.diagnostics.inventory_data import InventoryData

ALL = "ovm3"  # the group of all VMs
# Ansible takes these for the controller itself: plays for localhost would run elsewhere.
_CONTROLLER = ("localhost", "127.0.0.1", "::1")
# The name of a host becomes an argument of ssh, a part of commands, and a file (host_vars, caches
# of facts). Whoever may name a VM must not get an option, a command or a path into them.
_UNSAFE = re.compile(r"""^[-.\s]|\s$|[/\\'"`$;&<>|]""")


def describe(data: InventoryData) -> dict[str, Any]:
    """Return what the inventory plugin shows and caches.

    :return: ``errors``: what could not be read, one text each; ``vms``: one dict for each, with
        ``id``, ``name``, ``groups`` and ``variables``.
    """
    inventory = build_inventory(data)
    pools = {pool.id: pool.alias for pool in inventory.pools}
    pool_of = {host.id: host.pool for host in inventory.hosts if host.id and host.pool}
    repositories = {one.id: one for one in inventory.repositories}
    groups = {
        "host": group_names("host", {h.id: h.name for h in inventory.hosts if h.id}),
        "pool": group_names("pool", {key: pools.get(key, key) for key in pool_of.values()}),
        "repository": group_names("repository", {r.id: r.alias for r in repositories.values()}),
        "network": group_names("network", {_hex(n["name"]): n["name"] for n in inventory.networks}),
        "tag": group_names("tag", {_hex(tag): tag for tag in _tags(data)}),
    }
    vms = []
    for vm, entry in zip(data.snapshot.vms.values(), inventory.vms, strict=True):
        on = list(dict.fromkeys(live.host_id for live in entry.live))
        inside = list(dict.fromkeys(one.repository for one in entry.definitions))
        near = on or [host for key in inside for host in _mounted_on(repositories.get(key))]
        of = list(dict.fromkeys(pool_of[host] for host in near if host in pool_of))
        record = vm_fields(vm.id, vm.name, vm.state.value, node_extra(vm))
        record["repository"] = _only([repositories[key].alias for key in inside])
        cards = _networks(inventory, vm.id)
        record["networks"] = cards
        record["attachments"] = [asdict(one) for one in entry.attachments]
        record["pool"] = _only([pools.get(key, key) for key in of])
        kinds = {"host": on, "pool": of, "repository": inside, "network": map(_hex, cards)}
        kinds["tag"] = map(_hex, record["tags"] or ())
        member_of = [groups[kind][key] for kind, keys in kinds.items() for key in keys]
        vms.append(
            {
                "id": vm.id,
                "name": vm.name,
                "groups": [ALL, f"{ALL}_state_{vm.state.value}", *dict.fromkeys(member_of)],
                "variables": {
                    **{f"{ALL}_{key}": value for key, value in record.items()},
                    **_address(record),
                },
            }
        )
    return {"errors": [*inventory.errors, *data.snapshot.notices()], "vms": vms}


def _tags(data: InventoryData) -> list[str]:
    """Return all tags of VMs, each once."""
    noted = [vm.metadata for vm in data.snapshot.vms.values() if vm.metadata is not None]
    return list(dict.fromkeys(tag for one in noted for tag in one.tags))


def _address(record: Mapping[str, Any]) -> dict[str, str]:
    """Return where Ansible reaches it; nothing, if no address of it is known: then by its name."""
    known = [*record["private_ips"], *record["public_ips"]]
    return {"ansible_host": known[0]} if known else {}


def _networks(inventory: Inventory, vm_id: str) -> list[str]:
    """Return the names of the networks that a VM has a card on."""
    return [
        network["name"]
        for network in inventory.networks
        if any(node["node_id"] == vm_id for node in network["nodes"])
    ]


def _hex(name: str) -> str:
    """Return what stands for the id of a network, which has none but its name."""
    return name.encode("utf-8", "backslashreplace").hex()


def _mounted_on(repository: Any) -> Iterable[str]:
    return () if repository is None else repository.mounted_on_ids


def _only(names: list[str]) -> str | None:
    """Return the only one; None: there is none, or several."""
    return (names[0] or None) if len(names) == 1 else None


def group_names(kind: str, names: Mapping[str, str]) -> dict[str, str]:
    """Return the group of each thing, by its id. Two things never share a group: where their names
    make the same group, the id is added.

    :param names: The names by id.
    """
    made = {key: _valid(f"{ALL}_{kind}_{name or key}") for key, name in names.items()}
    times = Counter(made.values())
    return {
        key: group if times[group] == 1 else _valid(f"{group}_{key}") for key, group in made.items()
    }


def _valid(name: str) -> str:
    """Return a valid name of a group: letters, digits and ``_``."""
    return re.sub(r"\W", "_", name)


def host_names(vms: Sequence[Mapping[str, Any]], taken: Collection[str] = ()) -> list[str]:
    """Return what VMs are called in the inventory: their names; the id instead of a name that is
    not safe as that of a host; and ``NAME_ID`` where the name means something else too.

    :param vms: ``vms`` of :func:`describe`.
    :param taken: Other names that the inventory has, such as those of groups.
    """
    times = Counter(vm["name"] for vm in vms)
    others = {*taken, *(group for vm in vms for group in vm["groups"])}
    return [_host_name(vm, times[vm["name"]] > 1 or vm["name"] in others) for vm in vms]


def _host_name(vm: Mapping[str, Any], is_taken: bool) -> str:
    name, vm_id = str(vm["name"]), str(vm["id"])
    if not name.isprintable() or not name or _UNSAFE.search(name):
        return vm_id
    return f"{name}_{vm_id}" if is_taken or name.lower() in _CONTROLLER else name
