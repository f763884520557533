"""Cloning a VM: a new one with copies of all its disks, and with its settings.

It is created as any other VM is (:mod:`.create_vm`): definition first, so that a client that dies
in the middle leaves a VM that everybody sees as PENDING and that destroy removes. Nothing that
identifies the source goes along: uuid, MAC addresses and names are the clone's own, and what is
recorded of the source beside its definition stays the source's.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from libcloud_ovm3.agent.config import VMConfig
from libcloud_ovm3.agent.seed_files import vm_of
from libcloud_ovm3.errors import OutcomeUnknown, Ovm3Error, PreconditionFailed
from libcloud_ovm3.estate.addresses import recorded_of
from libcloud_ovm3.estate.disks import disk_path
from libcloud_ovm3.estate.guards import guard_of
from libcloud_ovm3.estate.hosts import HARDWARE, HostView
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.networks import NETWORK
from libcloud_ovm3.estate.one_repository import find_repository
from libcloud_ovm3.estate.repositories import Repository
from libcloud_ovm3.estate.vms import VM, EstateSnapshot, read_estate
from libcloud_ovm3.operations import create_vm
from libcloud_ovm3.operations.at_rest import at_rest, require_restable
from libcloud_ovm3.operations.copy_disk import Place, clone_or_copy, may_share_blocks
from libcloud_ovm3.operations.create_image import (
    DEFINITE,
    choose_copier,
    config_of,
    copyable_disk,
)
from libcloud_ovm3.operations.define_vm import not_completed
from libcloud_ovm3.operations.mount_export import mounted_export
from libcloud_ovm3.operations.new_volumes import NewVolumes
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.own_disks import repository_of
from libcloud_ovm3.operations.placement import choose_for_new
from libcloud_ovm3.operations.plan_cards import PlannedCards, entries_for, planned_cards
from libcloud_ovm3.operations.plan_vm import VMPlan, require_free_name
from libcloud_ovm3.operations.source_state import read_source
from libcloud_ovm3.operations.target_repository import require_room
from libcloud_ovm3.operations.template import (
    Contents,
    DiskCopy,
    TemplateDisk,
    entries_like,
    new_file_name,
    require_usable_config,
    settings_of,
)
from libcloud_ovm3.operations.vm_spec import VMSpec, check
from libcloud_ovm3.progress import waiting

_HA = "OVM_high_availability"  # whoever sets it starts the VM, too: never this package


@dataclass(frozen=True)
class CloneSpec:
    """What a clone is to be.

    :ivar description: None: that of the source.
    :ivar repository: the id or the alias of the repository that it goes into; None: that of the
        definition of the source.
    :ivar host_id: where to start it; None: on the host with the most free memory.
    :ivar pause: whether the source is paused for the copies if it runs.
    """

    name: str
    description: str | None = None
    repository: str | None = None
    host_id: str | None = None
    pause: bool = False
    start: bool = False
    allow_same_name: bool = False


class _Sources(NamedTuple):
    """What is copied, and by which host."""

    vm: VM
    disks: tuple[TemplateDisk, ...]
    copier: HostView


def clone(
    estate: Estate, vm_id: str, wanted: CloneSpec, warn: Callable[[Sequence[str]], None]
) -> tuple[VM, list[str]]:
    """Create a VM that is a copy of another one, which is off, or paused meanwhile.

    :param warn: tells the user of notices before anything is created.
    :return: the clone as it is right after that, and notices for the user.
    :raises NodeNotFound: there is no such VM.
    :raises InvalidArgument: an argument is wrong, or the source has physical or shared disks, or
        options that cannot be another VM's.
    :raises NameTaken: a VM of this name exists.
    :raises PreconditionFailed: the source is not at rest, or no host can do it. Nothing is left.
    :raises AgentFault: a host refused. Nothing is left.
    :raises OperationIncomplete: it was not completed; names what may be left, or paused.
    """
    plan, sources = _plan(estate, vm_id, wanted)
    warn(plan.notices)
    return create_vm.create(plan, partial(_copy_disks, sources))


# ------------------------------------------------------------------ before anything is created


def _plan(estate: Estate, vm_id: str, wanted: CloneSpec) -> tuple[VMPlan, _Sources]:
    operation = Operation(estate)
    snapshot = read_estate(estate, HARDWARE, NETWORK)
    source = snapshot.vm(vm_id)
    config = config_of(source, "no clone is made")
    spec = _spec(source, config, wanted)
    require_restable(snapshot, source, wanted.pause)
    require_usable_config(config, f"VM {source.label}")
    if not spec.allow_same_name:
        require_free_name(snapshot, spec.name)
    disks = tuple(copyable_disk(snapshot, source, one) for one in config.disks if not one.is_cdrom)
    own = repository_of(snapshot, source.definition)
    target = find_repository(snapshot, wanted.repository) if wanted.repository else own
    copier = choose_copier(target, [disk.repository for disk in disks], source)
    cards = planned_cards(
        estate, snapshot, config, None if config.vifs else (), host_id=wanted.host_id
    )
    host, new_id = _place(snapshot, target, copier, cards, spec)
    entries = entries_for(cards, new_id, spec.name, is_live=spec.start)
    system = None if host.module is not None else mounted_export(host, target)
    copies = _copies(copier, disks, target, new_id)
    targets = [copy.target for copy in copies]
    disk_list, notices = entries_like(snapshot, host, f"VM {source.label}", config, targets)
    notices += _require_room(copier, disks, copies, target, spec)
    settings = settings_of(config, spec.memory_mb) | _limits(config) | {_HA: False}
    plan = VMPlan(
        operation=operation,
        spec=spec,
        host=host,
        snapshot=snapshot,
        repository=target,
        system=system,
        contents=Contents(copies, disk_list, settings),
        disk_bytes=copies[0].size_bytes if copies else 0,
        grower=None,
        vm_id=new_id,
        cards=entries,
        volumes=NewVolumes(),
        volume_entries=(),
        notices=(
            *snapshot.errors(),
            *snapshot.notices(),
            *entries.notices,
            *_not_carried(source, config, own),
            *_same_console(source, config),
            *notices,
        ),
    )
    return plan, _Sources(source, disks, copier)


def _place(
    snapshot: EstateSnapshot,
    target: Repository,
    copier: HostView,
    cards: PlannedCards,
    spec: VMSpec,
) -> tuple[HostView, str]:
    """The host that makes the definition, which starts it too; and an id for the clone."""
    if not spec.start and spec.host_id is None:
        return copier, str(uuid.uuid4())
    wants_claims = spec.start and guard_of(target, "", snapshot.all_answer) is not None
    memory_mb = spec.memory_mb if spec.start else 0
    bridges = cards.bridges if spec.start else ()
    where = (snapshot, [target.id], memory_mb, spec.host_id, bridges, cards.networks)
    return choose_for_new(*where, wants_claims=wants_claims)


def _spec(source: VM, config: VMConfig, wanted: CloneSpec) -> VMSpec:
    """What the clone is, as for a VM of a template."""
    if config.memory_mb is None or config.vcpus is None:
        raise PreconditionFailed(
            f"VM {source.label}: no clone is made: its vm.cfg does not say its memory and vcpus",
            nodes=[source.summary],
        )
    text = config.description if wanted.description is None else wanted.description
    spec = VMSpec(
        name=wanted.name,
        image_id="",
        memory_mb=config.memory_mb,
        vcpus=config.vcpus,
        description=text,
        host_id=wanted.host_id,
        allow_same_name=wanted.allow_same_name,
        start=wanted.start,
    )
    check(spec)
    return spec


def _limits(config: VMConfig) -> dict[str, Any]:
    """To what its memory and vcpus can grow: as for the source, other than of a template."""
    return {key: config.values[key] for key in ("maxmem", "maxvcpus") if key in config.values}


def _copies(
    copier: HostView, disks: Sequence[TemplateDisk], target: Repository, vm_id: str
) -> tuple[DiskCopy, ...]:
    """Its disks; each name has its uuid, so that it goes with it."""
    copies = []
    for number, disk in enumerate(disks):
        system = None if copier.module is not None else mounted_export(copier, disk.repository)
        size = read_source(copier, disk.path, system).size_bytes
        name = new_file_name(vm_id.replace("-", ""), number, disk.path)
        copies.append(DiskCopy(system, disk.path, size, disk_path(target, name)))
    return tuple(copies)


def _require_room(
    copier: HostView,
    disks: Sequence[TemplateDisk],
    copies: Sequence[DiskCopy],
    target: Repository,
    spec: VMSpec,
) -> list[str]:
    """Check that all copies fit, of which some may share their blocks; notices for the user."""
    needed = 0
    for disk, copy in zip(disks, copies, strict=True):
        if not may_share_blocks(copier, disk.repository, target):
            used = read_source(copier, copy.source, copy.system).used_bytes
            needed += copy.size_bytes if used is None else used
    return require_room(target, needed, f"what is copied for VM {spec.name!r}") if needed else []


def _not_carried(source: VM, config: VMConfig, repository: Repository) -> list[str]:
    """What the source has and the clone does not get, for the user."""
    has = []
    if source.metadata is not None and source.metadata.to_entry():
        has.append("metadata and tags")
    if source.id in recorded_of(repository).entries:
        has.append("recorded addresses")
    if any(disk.path and vm_of(disk.path) for disk in config.disks):
        has.append("seed")
    if config.values.get(_HA):
        has.append("HA flag")
    return [f"the clone does not get the {', '.join(has)} of VM {source.label}"] if has else []


def _same_console(source: VM, config: VMConfig) -> list[str]:
    """What the consoles of the source and the clone have in common, for the user."""
    vnc = config.vnc
    if vnc is None:
        return []
    notices = []
    if vnc.password:
        notices.append(f"the clone has the VNC password of VM {source.label}")
    if not vnc.takes_any_port:
        port = 5900 + (vnc.display or 0)
        notices.append(
            f"the clone has the VNC port of VM {source.label}, {port}, and takes no other: no host "
            f"can run both"
        )
    return notices


# ------------------------------------------------------------------ the copies


def _copy_disks(sources: _Sources, plan: VMPlan, notices: list[str]) -> None:
    """Copy all disks while nobody writes to them.

    :raises OperationIncomplete: what has become of a copy is not known, or the source may be
        paused.
    """
    vm, copies = sources.vm, plan.contents.copies
    paths = [copy.source for copy in copies]
    try:
        with at_rest(plan.operation, plan.snapshot, vm, paths) as more:
            for disk, copy in zip(sources.disks, copies, strict=True):
                here = Place(disk.repository, copy.source)
                there = Place(plan.repository, copy.target, is_pending=True)
                with waiting(f"copying the disks of VM {vm.name!r}", vm=plan.vm_id):
                    clone_or_copy(plan.operation, sources.copier, here, there)
    except (*DEFINITE, OutcomeUnknown):
        raise
    except Ovm3Error as error:
        raise not_completed(plan, error) from error
    notices += more
    if vm.live:
        notices.append(
            f"VM {vm.label} was paused while it was copied: the disks of its clone have what those "
            f"of a machine have whose power was cut"
        )
