"""What a new VM is to be, and everything that is decided before anything is changed."""

from __future__ import annotations

import posixpath
import unicodedata
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from libcloud_ovm3.errors import InvalidArgument, NameTaken, PreconditionFailed
from libcloud_ovm3.estate.definitions import creating
from libcloud_ovm3.estate.disks import FileSystem, disk_path, file_system
from libcloud_ovm3.estate.hosts import HARDWARE, HostView
from libcloud_ovm3.estate.images import image_of, locate, require_raw
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.repositories import Repository
from libcloud_ovm3.estate.vms import VM, EstateSnapshot, read_estate
from libcloud_ovm3.operations.placement import choose_for_new

_GIB = 2**30
_NO_LETTERS = ("Cc", "Cs", "Zl", "Zp")  # controls, halves of letters, breaks of lines


@dataclass(frozen=True)
class VMSpec:
    """What a new VM is to be.

    :ivar disk_gb: the smallest disk that will do; 0: the template's own size.
    :ivar host_id: where to start it; None: wherever most memory is free.
    """

    name: str
    image_id: str
    memory_mb: int
    vcpus: int
    disk_gb: int = 0
    host_id: str | None = None
    allow_same_name: bool = False


@dataclass(frozen=True)
class Plan:
    """Everything that a creation has decided before it changes anything.

    :ivar hosts: all that were seen.
    :ivar template: its path on the hosts.
    :ivar remarks: for the user, before it is carried out.
    """

    spec: VMSpec
    host: HostView
    hosts: tuple[HostView, ...]
    repository: Repository
    system: FileSystem
    template: str
    template_bytes: int
    operation: str
    vm_id: str
    notices: tuple[str, ...]

    @property
    def directory(self) -> str:
        return self.vm_id.replace("-", "")

    @property
    def disk(self) -> str:
        extension = posixpath.splitext(self.template)[1] or ".img"
        return disk_path(self.repository, self.directory + extension)

    @property
    def mark(self) -> str:
        """Its description while it is made."""
        return creating(self.operation, posixpath.basename(self.disk))

    @property
    def where(self) -> dict[str, Any]:
        return {"host": str(self.host.address)}


def _check(wanted: VMSpec) -> None:
    if not isinstance(wanted.name, str) or not wanted.name.strip():
        raise InvalidArgument(f"name {wanted.name!r}: expected a text that is not empty")
    breaks = any(unicodedata.category(letter) in _NO_LETTERS for letter in wanted.name)
    if wanted.name != wanted.name.strip() or breaks:
        raise InvalidArgument(f"name {wanted.name!r}: no blanks around it, no control characters")
    for what, number in (("memory in MB", wanted.memory_mb), ("vcpus", wanted.vcpus)):
        if not isinstance(number, int) or isinstance(number, bool) or number < 1:
            raise InvalidArgument(f"{what} {number!r}: expected a whole number, 1 or more")


def make_plan(estate: Estate, wanted: VMSpec) -> Plan:
    """Decide everything. Reads only, but for mounting the export for the storage plug-in.

    :raises InvalidArgument: bad input.
    :raises NameTaken: a VM of this name exists somewhere in the estate.
    :raises Refused: no host can take it, or it cannot be seen whether the name is taken.
    """
    _check(wanted)
    seen = read_estate(estate, HARDWARE)
    _require_free_name(seen, wanted)
    image = image_of(seen.repositories, wanted.image_id, seen.errors())
    require_raw(image)
    host, vm_id = choose_for_new(seen, image.repository.id, wanted.memory_mb, wanted.host_id)
    system = file_system(host, image.repository)
    template, template_bytes = locate(image, system)
    return Plan(
        spec=wanted,
        host=host,
        hosts=seen.hosts,
        repository=image.repository,
        system=system,
        template=template,
        template_bytes=template_bytes,
        operation=uuid.uuid4().hex,
        vm_id=vm_id,
        notices=(*seen.errors(), *seen.notices(), *_require_disk_size(wanted, template_bytes)),
    )


def _require_free_name(seen: EstateSnapshot, wanted: VMSpec) -> None:
    if wanted.allow_same_name:
        return
    same = list(named(seen, wanted.name))
    if same:
        raise NameTaken(
            f"a VM named {wanted.name!r} exists: {listed(same)}; ex_allow_same_name=True makes "
            f"another one"
        )
    if seen.errors():
        raise PreconditionFailed(
            f"whether the name {wanted.name!r} is taken cannot be seen: "
            f"{'; '.join(seen.errors())}; ex_allow_same_name=True creates it all the same"
        )


def named(seen: EstateSnapshot, name: str) -> Iterator[VM]:
    """The VMs that have this name in any of their definitions, or live."""
    for vm in seen.vms.values():
        if name in vm.names:
            yield vm


def listed(vms: list[VM]) -> str:
    return ", ".join(f"{vm.id} ({vm.state.value})" for vm in vms)


def _require_disk_size(wanted: VMSpec, template_bytes: int) -> list[str]:
    wanted_bytes = wanted.disk_gb * _GIB
    if 0 < wanted_bytes < template_bytes:
        raise InvalidArgument(
            f"size.disk {wanted.disk_gb} GB is smaller than the template, which has "
            f"{template_bytes / _GIB:.1f} GB"
        )
    if wanted_bytes > template_bytes:
        return [
            f"the disk has the template's {template_bytes / _GIB:.1f} GB, not size.disk's "
            f"{wanted.disk_gb} GB: disks are not grown yet"
        ]
    return []
