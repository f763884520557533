"""Images that a host is still fetching from a URL.

Beside such a file lies a mark (:mod:`.disk_names`), as beside every file that is not complete.
Where a host has the host module, the mark has a content: how large the file will be, and which host
fetches it. So every client can list the import, and finish it when the client that has begun it is
gone.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Sequence
from dataclasses import dataclass, replace

from libcloud_ovm3.errors import AgentFault, Ovm3Error
from libcloud_ovm3.estate.disk_files import FOLDER, stat_size
from libcloud_ovm3.estate.disk_names import CREATING, marked_file, parse_file_name
from libcloud_ovm3.estate.hosts import HostView, map_hosts
from libcloud_ovm3.estate.images import ISO, ISOS, RAW, Image
from libcloud_ovm3.estate.repositories import Repository, with_module

SCHEMA = 1
NOTE_BYTES = 512  # of a mark: longer notes are not written


@dataclass(frozen=True)
class ImportNote:
    """What the mark of an import says.

    :ivar size_bytes: how large the file will be.
    :ivar host_id: the id of the host that fetches it.
    :ivar operation: the operation that has begun it.
    """

    size_bytes: int
    host_id: str
    operation: str

    def to_bytes(self) -> bytes:
        """The content of the mark."""
        note = {"schema": SCHEMA, "what": "import", "size_bytes": self.size_bytes,
                "host": self.host_id, "operation": self.operation}  # fmt: skip
        return json.dumps(note).encode().ljust(NOTE_BYTES, b"\0")


def parse_note(data: bytes) -> ImportNote | None:
    """What a mark says; None: it is not the mark of an import, or of a newer version of it."""
    try:
        note = json.loads(data.rstrip(b"\0"))
        if note["schema"] != SCHEMA or note["what"] != "import":
            return None
        size, host, operation = note["size_bytes"], note["host"], note["operation"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    is_valid = type(size) is int and size > 0 and type(host) is type(operation) is str
    return ImportNote(size, host, operation) if is_valid else None


def read_note(host: HostView, path: str) -> ImportNote | None:
    """What the mark beside a file says, by the host module, which the host has.

    :param path: of the file, absolute, on the host.
    :return: None: there is no mark, or not of an import.
    """
    assert host.module is not None
    try:
        return parse_note(host.module.read_file(path + CREATING, 0, NOTE_BYTES).data)
    except AgentFault as fault:
        if fault.kind.endswith(".NotFound"):
            return None
        raise


def read_pending(repositories: Sequence[Repository]) -> tuple[list[Image], list[str]]:
    """The images that hosts are still fetching, and what could not be read of that.

    With the host module up to two reads per file that has a mark; without it none are known.
    ``size_bytes`` is how much of the file is there.
    """
    found: list[Image] = []
    errors: list[str] = []

    def read(repository: Repository) -> list[Image]:
        return [one for image in _marked(repository) if (one := _pending(repository, image))]

    for repository, result in zip(repositories, map_hosts(read, list(repositories)), strict=True):
        if isinstance(result, Ovm3Error):
            errors.append(f"repository {repository.id}: imports cannot be read: {result}")
        else:
            found += result
    return found, errors


def _marked(repository: Repository) -> list[Image]:
    """The files that imports may be fetching, as far as the listing shows that."""
    content = repository.content
    if content is None:
        return []
    found = []
    for folder, names in ((ISOS, content.isos), (FOLDER, content.virtual_disks)):
        kind = ISO if folder == ISOS else RAW
        for file in sorted(own for name in names if (own := marked_file(name))):
            parsed = parse_file_name(f"{posixpath.splitext(file)[0]}.img")
            if parsed is not None and parsed.origin is None:
                path = f"{folder}/{file}"
                found.append(Image(repository, path, parsed.name, kind, is_unfinished=True))
    return found


def _pending(repository: Repository, image: Image) -> Image | None:
    host = with_module(repository)
    if host is None or read_note(host, image.paths[0]) is None:
        return None
    size = stat_size(host, image.paths[0])
    return replace(image, size_bytes=0 if size is None else size.size_bytes)
