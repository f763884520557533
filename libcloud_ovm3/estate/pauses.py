"""Which VMs an operation has paused, as the repositories show it. Pure.

xend does not say who has paused a domain (xend.md 10.3). So before a VM is paused, a mark is put
into the repository of its vm.cfg, whose name says all of it::

    VirtualDisks/paused.<uuid>.<domid>.<operation>.<time>.creating

``paused``: for a copy; ``held``: until somebody lets it run again. The latter only for a VM without
a guard: otherwise its claim says so.
"""

from __future__ import annotations

import datetime
import uuid
from dataclasses import dataclass

from libcloud_ovm3.estate.disk_names import CREATING, format_time, parse_time, paused_by
from libcloud_ovm3.estate.disks import disk_path
from libcloud_ovm3.estate.repositories import Repository
from libcloud_ovm3.estate.vms import VM, EstateSnapshot

FOR_COPY, HELD = "paused", "held"


@dataclass(frozen=True)
class PauseMark:
    """The mark of an operation that has paused a VM, or was about to.

    :ivar path: absolute, on the hosts.
    :ivar vm_id: the dashed uuid of the VM.
    :ivar domid: of the domain that was paused; void if the VM has another one by now, or none.
    :ivar operation: its id.
    :ivar created: when, by the clock of its client.
    """

    repository: Repository
    path: str
    vm_id: str
    domid: int
    operation: str
    created: datetime.datetime

    def is_about(self, vm: VM) -> bool:
        """Whether the VM still has the domain that this is about."""
        return vm.id == self.vm_id and any(one.domain.domid == self.domid for one in vm.live)

    def described(self) -> str:
        """Who has paused it and when, for messages."""
        return f"operation {self.operation} at {self.created:%Y-%m-%d %H:%M:%S} UTC"


def mark_name(
    vm_id: str, domid: int, operation: str, created: datetime.datetime, kind: str = FOR_COPY
) -> str:
    """The file name of the mark."""
    key = vm_id.replace("-", "")
    return f"{kind}.{key}.{domid}.{operation}.{format_time(created)}{CREATING}"


def pause_marks(snapshot: EstateSnapshot, kind: str = FOR_COPY) -> list[PauseMark]:
    """All marks of this kind in the repositories that could be listed."""
    return [
        mark
        for repository in snapshot.repositories
        if repository.content is not None
        for name in repository.content.virtual_disks
        if (mark := _parsed(repository, name, kind)) is not None
    ]


def _parsed(repository: Repository, name: str, kind: str) -> PauseMark | None:
    found = paused_by(name)
    created = parse_time(found["time"]) if found else None
    if found is None or created is None or found["kind"] != kind:
        return None
    vm_id, domid = str(uuid.UUID(found["uuid"])), int(found["domid"])
    path = disk_path(repository, name)
    return PauseMark(repository, path, vm_id, domid, found["operation"], created)
