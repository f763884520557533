"""How far the disks of VMs that are being created are copied, as their files show it.

The description of such a VM has the names of its disks, and the sizes of what they are copies of
(:func:`.creating`). No source says how the agent writes a copy: what is known is the size that each
file has reached, holes included.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.disk_files import DiskFile, read_sizes
from libcloud_ovm3.estate.disks import disk_path
from libcloud_ovm3.estate.states import State

if TYPE_CHECKING:
    from libcloud_ovm3.estate.repositories import Repository
    from libcloud_ovm3.estate.vms import VM, EstateSnapshot


def with_copied(snapshot: EstateSnapshot, vms: Iterable[VM]) -> list[VM]:
    """These VMs; of those that are being created with how far their disks are copied.

    Reads sizes only if there are such VMs, as :func:`.read_sizes` does. What cannot be read stays
    unknown.
    """
    vms = list(vms)
    files = {vm.id: found for vm in vms if (found := _files_of(snapshot, vm))}
    if not files:
        return vms
    there = [file for some in files.values() for file, _ in some if not file.is_missing]
    sizes: dict[str, int | None] = {one.path: one.size_bytes for one in read_sizes(there)[0]}
    return [
        replace(vm, copied_percent=percent_of([(sizes.get(f.path, 0), n) for f, n in files[vm.id]]))
        if vm.id in files
        else vm
        for vm in vms
    ]


def percent_of(copies: Sequence[tuple[int | None, int]]) -> int | None:
    """How much of some copies is there. Pure.

    :param copies: Of each the size that its file has reached, and the size of its source, in bytes.
    :return: A whole number from 0 to 100; None: unknown, of one at least.
    """
    total = sum(expected for _, expected in copies)
    if not total or any(reached is None for reached, _ in copies):
        return None
    return sum(min(reached or 0, expected) for reached, expected in copies) * 100 // total


def _files_of(snapshot: EstateSnapshot, vm: VM) -> list[tuple[DiskFile, int]]:
    """The files of a VM that is being created, with the sizes of their sources."""
    if vm.state is not State.PENDING or vm.live or len(vm.definitions) != 1:
        return []
    definition: Definition = vm.definitions[0]
    repository = snapshot.repository(definition.repository_id)
    if repository is None or repository.content is None:
        return []
    return [(_file(repository, name), size) for name, size in definition.unfinished_copies.items()]


def _file(repository: Repository, name: str) -> DiskFile:
    is_missing = repository.content is None or name not in repository.content.virtual_disks
    return DiskFile(repository, disk_path(repository, name), is_missing=is_missing)
