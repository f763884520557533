"""What a node that is there already has otherwise than a further call with its idempotency key asks
for, as far as it can be told. It may have been changed since, so none of it is an error. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from libcloud_ovm3.agent.identifiers import undashed
from libcloud_ovm3.estate.addresses import given_addresses
from libcloud_ovm3.estate.attachments import key_of_path
from libcloud_ovm3.estate.states import State
from libcloud_ovm3.operations.disk_sizes import bytes_text, size_in_bytes
from libcloud_ovm3.operations.guest_types import is_hvm_wanted
from libcloud_ovm3.operations.placement import is_host

if TYPE_CHECKING:
    from collections.abc import Sequence

    from libcloud_ovm3.agent.config import VMConfig
    from libcloud_ovm3.estate.repositories import Repository
    from libcloud_ovm3.estate.vms import VM
    from libcloud_ovm3.operations.vm_spec import VMSpec


def differences_of(
    vm: VM, spec: VMSpec, repositories: Sequence[Repository], disk_bytes: int | None = None
) -> list[str]:
    """Notices for the user; of secrets none has a value.

    :param disk_bytes: the size of its first disk, where the call asks for one; None: not known.
    """
    what = f"VM {vm.label} of ex_idempotency_key {spec.key!r} is there already, and was left as it"
    config = vm.definitions[0].config if vm.definitions else None
    found = [] if config is None else [*_of_config(vm, config, spec)]
    if spec.disk_gb:
        found += _of_disk(spec, disk_bytes)
    host_id = spec.host_id
    if host_id and (others := [one.host for one in vm.live if not is_host(one.host, host_id)]):
        where = ", ".join(host.label for host in others)
        found.append(f"it runs on {where}, not on host {host_id!r} (location)")
    found += [*_of_records(vm, spec, repositories)]
    if spec.guest.is_asked_for:
        found.append(
            "auth, ex_keyname and ex_userdata of this call were not used, and whether its guest "
            "was told the same cannot be compared"
        )
    if spec.start and vm.state is State.STOPPED:
        found.append(f"stopped; start_node({vm.id!r}) starts it")
    return [f"{what} is: {one}" for one in found]


def _of_config(vm: VM, config: VMConfig, spec: VMSpec) -> Iterator[str]:
    if (config.memory_mb, config.vcpus) != (spec.memory_mb, spec.vcpus):
        yield (
            f"it has {config.memory_mb} MB of memory and {config.vcpus} CPUs, not "
            f"{spec.memory_mb} MB and {spec.vcpus}"
        )
    if spec.description and config.description != spec.description:
        yield f"its description is {config.description!r}, not {spec.description!r}"
    wanted = is_hvm_wanted(spec.domain_type)
    if wanted is not None and wanted is not config.is_hvm:
        yield f"it is {'an HVM' if config.is_hvm else 'a PV'} guest (ex_domain_type)"
    paths = {one.path for one in vm.definitions[0].disks if one.path}
    there = paths | {_spelt(key_of_path(path)) for path in paths}
    media = [*spec.volume_ids, *([spec.iso_id] if spec.iso_id else [])]
    lacking = [one for one in media if not {one, _spelt(one)} & there]
    if lacking:
        yield f"it does not have {', '.join(lacking)} (ex_volumes, ex_iso)"
    if spec.cards is None:
        return
    macs = {one.mac.lower() for one in vm.definitions[0].vifs if one.mac}
    if missing := [one.mac for one in spec.cards if one.mac and one.mac not in macs]:
        yield f"it has no network card {', '.join(missing)}"
    elif len(spec.cards) != len(vm.definitions[0].vifs):
        yield f"it has {len(vm.definitions[0].vifs)} network cards, not {len(spec.cards)}"


def _spelt(file_id: str) -> str:
    """The id of a file with that of its repository in the usual notation, whatever it is in."""
    repository, slash, path = file_id.partition("/")
    return f"{undashed(repository) or repository}{slash}{path}"


def _of_records(vm: VM, spec: VMSpec, repositories: Sequence[Repository]) -> Iterator[str]:
    known = {one.address for one in given_addresses([vm], repositories)}
    asked = [address for card in spec.cards or () for address in card.addresses]
    if missing := [address for address in asked if address not in known]:
        yield f"its address {', '.join(missing)} is not recorded, as far as can be read"
    wanted, noted = spec.metadata, vm.metadata
    if not wanted.to_entry():
        return
    if noted is None:
        yield "what is recorded of its metadata and tags cannot be read (ex_metadata, ex_tags)"
        return
    other = [key for key in wanted.metadata if noted.metadata.get(key) != wanted.metadata[key]]
    other += [tag for tag in wanted.tags if tag not in noted.tags]
    if other:
        yield f"{', '.join(other)} of ex_metadata or ex_tags is not recorded of it, or otherwise"


def _of_disk(spec: VMSpec, disk_bytes: int | None) -> list[str]:
    if disk_bytes is None:
        return ["the size of its first disk cannot be read (size.disk, ex_disk_gb)"]
    wanted, _ = size_in_bytes(spec.disk_gb)
    if disk_bytes == wanted:
        return []
    return [f"its first disk has {bytes_text(disk_bytes)}, not {spec.disk_gb} GB"]
