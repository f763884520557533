"""The host module's responses as dataclasses: docs/host-module.md. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from libcloud_ovm3.agent.seed_files import SeedFile
    from libcloud_ovm3.agent.vm_claims import RepositoryClaims

_T = TypeVar("_T")

# Creates the exception for a response that is not as documented.
Malformed = Callable[[str], Exception]


@dataclass(frozen=True)
class AgentReadings:
    """Several of the agent's reads in one call.

    :ivar api: the module's number (docs/host-module.md, Versions).
    :ivar answers: by the function's name; without those that failed.
    :ivar unlisted: domains in xenstore that the answer to ``list_vms`` omits: uuids (dashed, lower
        case), or ``domain <number>`` where the uuid is not known. None: not known.
    :ivar missing: why ``list_vms`` is not in ``answers``, if xend did not report all domains: then
        the agent, which has only xend's list, does not know more. None: it may.
    """

    api: int
    answers: Mapping[str, Any]
    unlisted: tuple[str, ...] | None = None
    missing: Exception | None = None
    claims: int = 0


@dataclass(frozen=True)
class VMCfg:
    """A vm.cfg in a repository: its bytes, or why they cannot be read.

    :ivar folder: ``VirtualMachines``, ``Templates`` or ``Assemblies``.
    :ivar is_exact: whether ``directory`` is the exact name; else bytes that are not UTF-8 are
        replaced.
    """

    folder: str
    directory: str
    content: bytes | None
    error: str | None = None
    is_exact: bool = True


@dataclass(frozen=True)
class Aside:
    """A file that was set aside in a repository and neither put back nor deleted since.

    :ivar operation: the operation that set it aside; "" if not known.
    :ivar path: its original path: a ``str``, or its bytes where they are not UTF-8; "" if not
        known.
    :ivar size_bytes: None if not known.
    :ivar modified: seconds since 1970; None if not known.
    :ivar error: why the entry is not recognised or cannot be read.
    """

    operation: str
    path: str | bytes
    size_bytes: int | None
    modified: float | None
    error: str | None = None


@dataclass(frozen=True)
class RepositoryFiles:
    """A repository's listing (a ``discover_repositories`` document) and every vm.cfg in it.

    :ivar aside: the files that were set aside there.
    :ivar addresses: its document ``addresses``; None: the module did not read it.
    :ivar addresses_error: why not.
    :ivar metadata: its document ``metadata``, likewise.
    :ivar metadata_error: why not.
    :ivar seeds: the seeds of guests in it; None: the module knows none.
    :ivar claims: the claims of its VMs; a text: why they cannot be read; None: the module has none.
    """

    listing: str
    vm_cfgs: tuple[VMCfg, ...]
    aside: tuple[Aside, ...] = ()
    addresses: Document | None = None
    addresses_error: str | None = None
    metadata: Document | None = None
    metadata_error: str | None = None
    seeds: tuple[SeedFile, ...] | None = None
    claims: RepositoryClaims | str | None = None


@dataclass(frozen=True)
class Identity:
    """Which file a path leads to on a host, links followed.

    :ivar path: as requested.
    :ivar real: the path without symbolic links: a ``str``, or its bytes where they are not UTF-8.
    :ivar device: with ``inode`` the same for all names of one file on this host. Two mounts of one
        export may differ in it.
    :ivar links: the number of hard links.
    :ivar type: ``file``, ``directory`` or ``other``.
    :ivar is_missing: nothing is there.
    :ivar error: why it is not known what the path leads to. All other fields are None then, as they
        are where it is missing.
    """

    path: str | bytes
    real: str | bytes | None = None
    device: int | None = None
    inode: int | None = None
    links: int | None = None
    type: str | None = None
    size_bytes: int | None = None
    is_missing: bool = False
    error: str | None = None

    def is_same_file(self, other: Identity) -> bool:
        """Whether both are known to lead to one file."""
        return self.inode is not None and (self.device, self.inode) == (other.device, other.inode)


@dataclass(frozen=True)
class Holder:
    """A holder of a file or device on a host, whether or not its domain is listed.

    :ivar kind: ``vbd`` (a domain's block backend) or ``loop`` (a loop device).
    :ivar path: None: the holders of this kind could not be read; ``error`` says why. With an
        ``error``: the path may be truncated.
    :ivar domid: of a vbd, the domain's number; of a loop device, that of the vbd that it
        serves.
    :ivar uuid: that domain's, dashed, lower case; None if not known.
    :ivar mode: of a vbd, as in the vm.cfg: ``r``, ``w``, ``w!``.
    :ivar state: of a vbd, the xenbus state: 4 connected, 6 closed, 0 unknown.
    """

    kind: str
    path: str | None
    device: str
    domid: int | None
    error: str | None
    uuid: str | None = None
    mode: str | None = None
    state: int | None = None

    @property
    def who(self) -> str:
        """The holder, for messages."""
        return f"domain {self.domid} ({self.device})" if self.kind == "vbd" else self.device


@dataclass(frozen=True)
class FileEntry:
    """A name in a directory.

    :ivar name: bytes that are not UTF-8 are replaced; ``raw`` is the exact name.
    :ivar type: ``file``, ``directory``, ``link`` or ``other``.
    :ivar modified: seconds since 1970.
    :ivar used_bytes: what it takes on its file system; None: the module does not report it.
    """

    name: str
    raw: bytes
    type: str
    size_bytes: int
    modified: float
    used_bytes: int | None = None


@dataclass(frozen=True)
class FilePage:
    """One page of a directory. ``after``: cursor of the next page; empty at the end."""

    entries: tuple[FileEntry, ...]
    after: str | bytes


@dataclass(frozen=True)
class FileRange:
    """A range of a file, shorter than requested at its end. ``size_bytes``: of the whole file."""

    size_bytes: int
    data: bytes


@dataclass(frozen=True)
class Document:
    """The current state of a document. ``version`` 0: there is none.

    :ivar next_version: the version to write next.
    """

    version: int
    next_version: int
    content: bytes
    client: str
    operation: str


@dataclass(frozen=True)
class Reader:
    """Parses responses: strict for documented keys, others are ignored.

    A newer module may return more keys than this client knows.

    :param malformed: creates the exception for a response that is not as documented.
    """

    malformed: Malformed

    def struct(self, value: object) -> dict[str, Any]:
        """A struct."""
        return self.typed("the response", value, dict)

    def structs(self, value: object) -> list[dict[str, Any]]:
        """A list of structs."""
        return [self.struct(one) for one in self.typed("the response", value, list)]

    def key(self, struct: dict[str, Any], name: str, kind: type[_T]) -> _T:
        """A required key."""
        return self.typed(name, struct.get(name), kind)

    def typed(self, what: str, value: object, kind: type[_T]) -> _T:
        """A value of that type; a bool is not an int."""
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise self.malformed(f"{what}: expected {kind.__name__}, not {type(value).__name__}")
        return value

    def texts(self, struct: dict[str, Any], name: str) -> tuple[str, ...]:
        """A required list of texts."""
        return tuple(self.typed(name, one, str) for one in self.key(struct, name, list))

    def optional(self, struct: dict[str, Any], name: str, kind: type[_T]) -> _T | None:
        """An optional key."""
        value = struct.get(name)
        return None if value is None else self.typed(name, value, kind)

    def name(self, struct: dict[str, Any], key: str, raw_key: str) -> str | bytes:
        """A name or path: a ``str``, or its bytes where the text is not exact."""
        text = self.key(struct, key, str)
        return text if raw_key not in struct else self.key(struct, raw_key, bytes)

    def decimal(self, struct: dict[str, Any], name: str) -> int:
        """A number that is sent as decimal text, as it may exceed XML-RPC's integers."""
        text = self.key(struct, name, str)
        if not (text.isascii() and text.isdigit()):
            raise self.malformed(f"{name}: expected a decimal number")
        return int(text)

    def payload(self, struct: dict[str, Any], name: str) -> bytes:
        """Bytes, sent as XML-RPC base64."""
        return self.key(struct, name, bytes)

    # -- the functions' responses

    def vm_cfg(self, value: object) -> VMCfg:
        """One entry of ``libcloud_repository``."""
        struct = self.struct(value)
        content, error = struct.get("content"), struct.get("error")
        return VMCfg(
            self.key(struct, "folder", str),
            self.key(struct, "directory", str),
            None if content is None else self.typed("content", content, bytes),
            str(error) if content is None else None,
            "raw" not in struct,
        )

    def holders(self, value: object) -> tuple[Holder, ...]:
        """``libcloud_file_holders``; closed backends too, which may hold a file until they are gone
        (xend.md 10.5)."""
        found = []
        for struct in self.structs(value):
            error = struct.get("error")
            path = struct.get("path")
            if error is None or path is not None:
                path = self.key(struct, "path", str)
            domid = struct.get("domid")
            found.append(
                Holder(
                    kind=self.key(struct, "kind", str),
                    path=path,
                    device=str(struct.get("device", "")),
                    domid=None if domid is None else self.typed("domid", domid, int),
                    error=None if error is None else str(error),
                    uuid=self.optional(struct, "uuid", str) or None,
                    mode=self.optional(struct, "mode", str),
                    state=self.optional(struct, "state", int),
                )
            )
        return tuple(found)

    def unlisted(self, entry: object) -> tuple[str, ...] | None:
        """The domains that ``list_vms`` omits, from its entry in ``libcloud_read_agent``."""
        if not isinstance(entry, dict) or "unlisted" not in entry:
            return None
        return tuple(self.key(one, "name", str) for one in self.structs(entry["unlisted"]))

    def asides(self, value: object) -> tuple[Aside, ...]:
        """The files set aside, in ``libcloud_repository``."""
        found = []
        for struct in self.structs(value):
            error = self.optional(struct, "error", str)
            size, modified = struct.get("size_bytes"), struct.get("modified")
            if error is None:
                self.key(struct, "operation", str), self.key(struct, "path", str)
                self.key(struct, "size_bytes", int), self.key(struct, "modified", int)
            found.append(
                Aside(
                    self.optional(struct, "operation", str) or "",
                    self.name(struct, "path", "raw") if "path" in struct else "",
                    None if size is None else self.typed("size_bytes", size, int),
                    None if modified is None else float(self.typed("modified", modified, int)),
                    error,
                )
            )
        return tuple(found)

    def identities(self, value: object, paths: Sequence[str | bytes]) -> tuple[Identity, ...]:
        """``libcloud_identify`` of these paths."""
        structs = self.structs(value)
        if len(structs) != len(paths):
            raise self.malformed(f"{len(structs)} entries for {len(paths)} paths")
        found = []
        for path, struct in zip(paths, structs, strict=True):
            if _bytes(self.name(struct, "path", "raw")) != _bytes(path):
                raise self.malformed("not in the order of the paths")
            found.append(self._identity(path, struct))
        return tuple(found)

    def _identity(self, path: str | bytes, struct: dict[str, Any]) -> Identity:
        error = self.optional(struct, "error", str)
        if error is not None:
            return Identity(path, error=error)
        if self.optional(struct, "missing", bool):
            return Identity(path, is_missing=True)
        return Identity(
            path,
            self.name(struct, "real", "real_raw"),
            self.decimal(struct, "device"),
            self.decimal(struct, "inode"),
            self.key(struct, "links", int),
            self.key(struct, "type", str),
            self.key(struct, "size_bytes", int),
        )

    def file_page(self, value: object) -> FilePage:
        """``libcloud_list_files``."""
        struct = self.struct(value)
        entries = [self.file_entry(entry) for entry in self.key(struct, "entries", list)]
        return FilePage(tuple(entries), self.cursor(struct))

    def cursor(self, struct: dict[str, Any]) -> str | bytes:
        """The cursor of the next page; empty at the end."""
        after = struct.get("after")
        if isinstance(after, bytes):
            return after
        return self.typed("after", after, str)

    def file_entry(self, value: object) -> FileEntry:
        """One entry of ``libcloud_list_files``."""
        struct = self.struct(value)
        name = self.key(struct, "name", str)
        raw = struct.get("raw", name.encode("utf-8"))
        modified = struct.get("modified")
        if not isinstance(modified, int | float):
            raise self.malformed("modified: expected a number")
        return FileEntry(
            name,
            self.typed("raw", raw, bytes),
            self.key(struct, "type", str),
            self.key(struct, "size_bytes", int),
            float(modified),
            self.optional(struct, "used_bytes", int),
        )

    def document(self, value: object) -> Document:
        """``libcloud_read_document``."""
        struct = self.struct(value)
        version = self.key(struct, "version", int)
        following = self.key(struct, "next", int)
        if version == 0:
            return Document(0, following, b"", "", "")
        return Document(
            version,
            following,
            self.payload(struct, "content"),
            self.key(struct, "client", str),
            self.key(struct, "operation", str),
        )

    def document_or_error(self, value: object) -> tuple[Document | None, str | None]:
        """A document in ``libcloud_repository`` (API 3), or why it could not be read."""
        if value is None:
            return None, None
        error = self.optional(self.struct(value), "error", str)
        return (self.document(value), None) if error is None else (None, error)


def _bytes(path: str | bytes) -> bytes:
    return path if isinstance(path, bytes) else path.encode("utf-8", "surrogateescape")
