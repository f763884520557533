"""Everything that is decided before a VM is created."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from libcloud_ovm3.agent.config import VMConfig
from libcloud_ovm3.errors import InvalidArgument, NameTaken, PreconditionFailed
from libcloud_ovm3.estate.addresses import recorded_of
from libcloud_ovm3.estate.attachments import key_of_path
from libcloud_ovm3.estate.creating import creating
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.disks import FileSystem
from libcloud_ovm3.estate.guards import guard_of
from libcloud_ovm3.estate.hosts import HARDWARE, HostView
from libcloud_ovm3.estate.images import ISO, Image, image_of, iso_of
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.networks import NETWORK
from libcloud_ovm3.estate.repositories import Repository
from libcloud_ovm3.estate.seeds import Seed, read_seeds
from libcloud_ovm3.estate.vm_metadata import recorded_metadata
from libcloud_ovm3.estate.vms import VM, EstateSnapshot, read_estate
from libcloud_ovm3.operations.disk_sizes import GIB, bytes_text, size_in_bytes
from libcloud_ovm3.operations.drive_entries import with_iso
from libcloud_ovm3.operations.grow_disk import host_that_grows
from libcloud_ovm3.operations.guest_types import is_hvm_wanted
from libcloud_ovm3.operations.mount_export import mounted_export
from libcloud_ovm3.operations.new_media import iso_entries
from libcloud_ovm3.operations.new_volumes import NewVolumes, volumes_for, with_volumes
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.placement import choose_for_new
from libcloud_ovm3.operations.plan_cards import CardEntries, entries_for, planned_cards
from libcloud_ovm3.operations.record_address import (
    CardAddresses,
    require_recordable,
    same_addresses,
)
from libcloud_ovm3.operations.record_metadata import require_metadata_recordable
from libcloud_ovm3.operations.same_key import require_unused, vm_id_of
from libcloud_ovm3.operations.target_repository import require_room
from libcloud_ovm3.operations.template import Contents, contents, read_content
from libcloud_ovm3.operations.vm_spec import VMSpec
from libcloud_ovm3.operations.write_seed import SEED_IS_FOR, NewSeed, planned_seed


@dataclass(frozen=True)
class VMPlan:
    """Everything that a creation has decided before it creates anything.

    :ivar host: where the VM is created and started.
    :ivar snapshot: what was read of the estate.
    :ivar system: the storage plug-in's file system of the repository; None: it is not needed, as
        the host has the module.
    :ivar contents: what the VM gets from the template.
    :ivar disk_bytes: the size of its first disk; more than that of the template only if there is a
        ``grower``, the host that makes the copy larger.
    :ivar vm_id: the dashed uuid of the VM.
    :ivar cards: its network cards.
    :ivar volume_entries: those of its disk list that are volumes, which are not its own.
    :ivar notices: for the user, before it is carried out.
    :ivar seed: what its guest is told; None: nothing.
    """

    operation: Operation
    spec: VMSpec
    host: HostView
    snapshot: EstateSnapshot
    repository: Repository
    system: FileSystem | None
    contents: Contents
    disk_bytes: int
    grower: HostView | None
    vm_id: str
    cards: CardEntries
    volumes: NewVolumes
    volume_entries: tuple[str, ...]
    notices: tuple[str, ...]
    seed: NewSeed | None = None

    @property
    def summary(self) -> dict[str, str | None]:
        """The new VM's id and name, for errors."""
        return {"id": self.vm_id, "name": self.spec.name, "state": None}

    def definition(self, config: VMConfig) -> Definition:
        """The new VM's definition with this content, and with the guard that it is to have."""
        guard = guard_of(self.repository, self.directory, self.snapshot.all_answer)
        return Definition(self.repository.id, self.directory, config, guard=guard)

    @property
    def definer(self) -> HostView:
        """The host that writes its definition: its own, if that has claims or needs none."""
        if self.host.module_claims is not None or self.definition(VMConfig({})).guard is None:
            return self.host
        able = (one for one in self.repository.mounted_on if one.module_claims is not None)
        return next(able, self.host)

    @property
    def old_metadata(self) -> bool:
        """Whether an earlier VM of its key has left metadata."""
        return self.vm_id in recorded_metadata(self.repository).entries

    @property
    def old_addresses(self) -> tuple[CardAddresses, ...]:
        """What is to be recorded, so that an earlier VM of its key has left no addresses."""
        left = recorded_of(self.repository).entries.get(self.vm_id, {})
        return tuple(CardAddresses(mac, "", ()) for mac in sorted(left))

    @property
    def old_seeds(self) -> list[Seed]:
        """The seeds that an earlier VM of its key has left: when it was planned there was none."""
        return [one for one in read_seeds(self.snapshot) if one.file.vm_id == self.vm_id]

    @property
    def directory(self) -> str:
        """The name of the directory that its definition is in."""
        return self.vm_id.replace("-", "")

    @property
    def disks(self) -> tuple[str, ...]:
        """The paths of its own disks on the hosts."""
        return self.contents.files

    @property
    def iso_entries(self) -> tuple[str, ...]:
        """Those of its disk list that are drives with an ISO."""
        return iso_entries(self.contents.entries)

    @property
    def pending_entries(self) -> list[str]:
        """Its disk list while it is created: what is not its own, and is to stay meanwhile."""
        return [*self.iso_entries, *self.volume_entries]

    @property
    def files(self) -> tuple[str, ...]:
        """The paths of everything that is made for it."""
        return self.disks if self.seed is None else (*self.disks, self.seed.path)

    @property
    def pending_description(self) -> str:
        """Its description while it is created."""
        sizes = {one.target: one.size_bytes for one in self.contents.copies}
        disks = {posixpath.basename(path): sizes.get(path, 0) for path in self.disks}
        return creating(self.operation.id, disks)

    @property
    def where(self) -> dict[str, Any]:
        """The host, as errors name it."""
        return {"host": str(self.host.address)}


def make_plan(estate: Estate, spec: VMSpec) -> VMPlan:
    """Decide everything. Reads only, but for mounting the export for the storage plug-in.

    :param spec: has been checked.
    :raises InvalidArgument: an argument is wrong, as far as the estate shows.
    :raises MadeByAnother: there is a VM of its key.
    :raises NameTaken: a VM of this name exists somewhere in the estate.
    :raises PreconditionFailed: no host can take it, whether the name is taken is unknown, or
        somebody writes to a disk of the template.
    """
    plan = _plan(estate, spec)
    if spec.require is not None:
        spec.require(plan)
    return plan


def _plan(estate: Estate, spec: VMSpec) -> VMPlan:
    operation = Operation(estate)
    snapshot = read_estate(estate, HARDWARE, NETWORK)
    own_id = vm_id_of(spec.key) if spec.key else None
    if own_id:
        require_unused(snapshot, spec)
    if not spec.allow_same_name:
        require_free_name(snapshot, spec.name)
    image = image_of(snapshot.repositories, spec.image_id, snapshot.errors())
    if image.kind == ISO and not spec.disk_gb:
        raise InvalidArgument(
            f"{image.label} is an ISO, so the VM gets an empty disk: size.disk (or ex_disk_gb) "
            f"is required: its size in GB, more than 0"
        )
    iso = None
    if spec.iso_id is not None:
        iso = iso_of(snapshot.repositories, spec.iso_id, snapshot.errors())
    content = read_content(snapshot, image, is_hvm_wanted(spec.domain_type))
    cards = planned_cards(estate, snapshot, content.options, spec.cards, spec.host_id)
    needed = cards.bridges if spec.start or spec.cards else ()
    volumes = volumes_for(snapshot, spec.volume_ids)
    repository_ids = content.repository_ids + ([iso.repository.id] if iso else [])
    repository_ids += volumes.repository_ids
    is_guarded = guard_of(image.repository, "", snapshot.all_answer) is not None
    where = (snapshot, repository_ids, spec.memory_mb, spec.host_id, needed, cards.networks)
    wants_claims = is_guarded and not (estate.unguarded and spec.host_id is not None)
    host, vm_id = choose_for_new(*where, own_id, wants_claims=wants_claims)
    entries = entries_for(cards, vm_id, spec.name, is_live=spec.start)
    if entries.addresses or vm_id in recorded_of(image.repository).entries:
        require_recordable(image.repository)
    if spec.metadata.to_entry() or vm_id in recorded_metadata(image.repository).entries:
        require_metadata_recordable(image.repository)
    seed, seed_notices = planned_seed(operation, image.repository, spec, vm_id, entries)
    system = mounted_export(host, image.repository)
    begin = vm_id.replace("-", "") + (f"-{operation.id}" if spec.key else "")
    given, notices = contents(snapshot, system, content, begin, spec.memory_mb)
    _require_unwritten(snapshot, image, given)
    media = [("ex_iso", iso.paths[0])] if iso else []
    media += [(SEED_IS_FOR, seed.path)] if seed else []
    for what, medium in media:
        config = content.options.changed(disk=list(given.entries), OVM_simple_name=spec.name)
        given = replace(given, entries=tuple(with_iso(config, medium, what)))
    config = content.options.changed(disk=list(given.entries))
    volume_entries = with_volumes(config, host if spec.start else None, volumes)
    given = replace(given, entries=(*given.entries, *volume_entries))
    notices += volumes.notices
    grower = host_that_grows(image.repository)
    disk_bytes = 0
    if given.empty_disk:
        disk_bytes, more = size_in_bytes(spec.disk_gb)
        notices += more
        notices += require_room(image.repository, disk_bytes, f"the disk of VM {spec.name!r}")
    elif given.copies:  # the first disk is the system's
        disk_bytes, more = _disk_bytes(spec, given.copies[0].size_bytes, grower)
        notices += more
    return VMPlan(
        operation=operation,
        spec=spec,
        host=host,
        snapshot=snapshot,
        repository=image.repository,
        system=system,
        contents=given,
        disk_bytes=disk_bytes,
        grower=grower,
        vm_id=vm_id,
        cards=entries,
        volumes=volumes,
        volume_entries=tuple(volume_entries),
        notices=(
            *snapshot.errors(),
            *snapshot.notices(),
            *entries.notices,
            *same_addresses(snapshot, vm_id, entries.addresses),
            *seed_notices,
            *notices,
        ),
        seed=seed,
    )


def require_free_name(snapshot: EstateSnapshot, name: str, but: str = "") -> None:
    """Check that no VM has a name.

    :param but: the id of a VM that may have it.
    :raises NameTaken: one has.
    :raises PreconditionFailed: that is unknown.
    """
    same = [vm for vm in named(snapshot, name) if vm.id != but]
    what = "creates another one" if not but else "has two VMs with it"
    if same:
        raise NameTaken(
            f"a VM named {name!r} already exists: {listed(same)}; ex_allow_same_name=True {what}",
            nodes=[vm.summary for vm in same],
        )
    if snapshot.errors():
        what = "creates it" if not but else "gives it"
        raise PreconditionFailed(
            f"whether the name {name!r} is taken is unknown: "
            f"{'; '.join(snapshot.errors())}; ex_allow_same_name=True {what} anyway"
        )


def named(snapshot: EstateSnapshot, name: str) -> Iterator[VM]:
    """The VMs that have this name in any of their definitions, or live."""
    for vm in snapshot.vms.values():
        if name in vm.names:
            yield vm


def listed(vms: list[VM]) -> str:
    """VMs for messages, each by its id and its state."""
    return ", ".join(f"{vm.id} ({vm.state.value})" for vm in vms)


def _require_unwritten(snapshot: EstateSnapshot, image: Image, given: Contents) -> None:
    """Check that no live domain writes to a disk of the template: the copy would be torn.

    :raises PreconditionFailed: one does.
    """
    sources = {key_of_path(copy.source) for copy in given.copies}
    for host in snapshot.hosts:
        for domain in host.domains:
            for path, mode in zip(domain.disks, domain.modes, strict=True):
                if key_of_path(path) in sources and not mode.startswith("r"):
                    raise PreconditionFailed(
                        f"{image.label} cannot be copied: {domain.label} on {host.label} runs with "
                        f"its disk {path}; stop that VM first"
                    )


def _disk_bytes(
    spec: VMSpec, template_bytes: int, grower: HostView | None
) -> tuple[int, list[str]]:
    """The size that the disk will have, and notices for the user.

    Where no host can make it larger it stays as large as the template, as before there was a host
    module: a program that asks for more gets a notice, not an error.

    :raises InvalidArgument: the template is larger than what is asked for.
    """
    if not spec.disk_gb:
        return template_bytes, []
    wanted, notices = size_in_bytes(spec.disk_gb)
    if wanted < template_bytes:
        raise InvalidArgument(
            f"size.disk (or ex_disk_gb) {spec.disk_gb} GB is smaller than the template, which has "
            f"{bytes_text(template_bytes)}"
        )
    if grower is None and wanted > template_bytes:
        return template_bytes, [
            f"the disk has the template's {template_bytes / GIB:.1f} GB, not size.disk's "
            f"{spec.disk_gb} GB: making it larger needs the host module on a host that has the "
            f"repository mounted (`ovm3 host install`)"
        ]
    return wanted, notices
