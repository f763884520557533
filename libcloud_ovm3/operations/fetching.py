"""A file that a host fetches from a URL: what it is, how much of it is there."""

from __future__ import annotations

from dataclasses import dataclass

from libcloud_ovm3.errors import Ovm3Error
from libcloud_ovm3.estate.disk_files import read_size
from libcloud_ovm3.estate.disk_names import CREATING
from libcloud_ovm3.estate.disks import FileSystem
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.images import ISOS, TEMPLATES
from libcloud_ovm3.estate.repositories import Repository
from libcloud_ovm3.operations.operation import Operation


@dataclass(frozen=True)
class Fetch:
    """A file that a host fetches.

    :ivar host: the host that does so, and that is asked how far it is: what another one sees of a
        file that is being written may be older.
    :ivar system: what its storage plug-in has mounted; not needed with the host module.
    :ivar folder: ``VirtualDisks`` or ``ISOs``.
    :ivar file: its name, which was made for it.
    :ivar size_bytes: how large it will be.
    """

    operation: Operation
    host: HostView
    system: FileSystem | None
    repository: Repository
    folder: str
    file: str
    size_bytes: int

    @property
    def path(self) -> str:
        """Where it is, absolute, on the hosts."""
        return f"{self.repository.path}/{self.folder}/{self.file}"

    @property
    def mark(self) -> str:
        """The mark beside it."""
        return self.path + CREATING

    @property
    def id(self) -> str:
        """Its id, as long as it is pending, and of an ISO for good."""
        return f"{self.repository.id}/{self.folder}/{self.file}"

    @property
    def template(self) -> str:
        """Where a disk goes when it is complete."""
        return f"{self.repository.path}/{TEMPLATES}/{self.file}"

    @property
    def left(self) -> tuple[str, ...]:
        """What there may be of it."""
        moved = () if self.folder == ISOS else (self.template,)
        return (self.path, self.mark, *moved)

    def read_size(self) -> int:
        """How much of the file is there, in bytes; 0 if it is not there (yet)."""
        found = read_size(self.host, self.repository, self.path, self.system)
        return 0 if found is None else found.size_bytes

    def pending(self, why: Ovm3Error | str) -> Ovm3Error:
        """The error of an import that goes on, or may."""
        removes = "delete_image" if self.folder == ISOS else "destroy_volume"
        return self.operation.incomplete(
            f"{self.host.label}: importing {self.path} is not complete: {why}. "
            f"ex_finish_import({self.id!r}) looks again; {removes}({self.id!r}) removes it, once "
            f"the host does not write to it any more",
            left=self.left,
            host=str(self.host.address),
        )
