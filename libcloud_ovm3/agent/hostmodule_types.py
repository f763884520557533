"""What the host module answers, as dataclasses: docs/host-module.md. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

_T = TypeVar("_T")

# Makes the error that says that an answer is not what is documented.
Malformed = Callable[[str], Exception]


@dataclass(frozen=True)
class AgentReadings:
    """Several of the agent's reads in one call.

    :ivar api: the module's number (docs/host-module.md, Versions).
    :ivar answers: by the function's name; those that did not answer are not in it.
    :ivar unlisted: what lives by xenstore's word though the answer to ``list_vms`` leaves it out:
        uuids (dashed, lower case), or ``domain <number>`` where that is not known. None: not known.
    :ivar missing: why ``list_vms`` is not in ``answers``, if xend did not show all that lives: the
        agent, which has only xend's list, does not know better. None: it may.
    """

    api: int
    answers: Mapping[str, Any]
    unlisted: tuple[str, ...] | None = None
    missing: Exception | None = None


@dataclass(frozen=True)
class VMCfg:
    """A vm.cfg in a repository: its bytes, or why they cannot be had.

    :ivar folder: ``VirtualMachines``, ``Templates`` or ``Assemblies``.
    :ivar is_exact: whether ``directory`` is its name; else bytes that are no UTF-8 are replaced.
    """

    folder: str
    directory: str
    content: bytes | None
    error: str | None = None
    is_exact: bool = True


@dataclass(frozen=True)
class Aside:
    """A file that was set aside in a repository and neither put back nor deleted since.

    :ivar operation: under which it was; "" if not known.
    :ivar path: where it was taken from: a text, or its bytes where they are no UTF-8; "" if not
        known.
    :ivar size_bytes: None if not known.
    :ivar modified: seconds since 1970; None if not known.
    :ivar problem: what is there is not understood, or cannot be read: why.
    """

    operation: str
    path: str | bytes
    size_bytes: int | None
    modified: float | None
    error: str | None = None


@dataclass(frozen=True)
class RepositoryFiles:
    """A repository's listing (a ``discover_repositories`` document) and every vm.cfg in it.

    :ivar aside: what was set aside there.
    """

    listing: str
    vm_cfgs: tuple[VMCfg, ...]
    aside: tuple[Aside, ...] = ()


@dataclass(frozen=True)
class Identity:
    """Which file a path leads to on a host, links followed.

    :ivar path: as it was asked for.
    :ivar real: the path without links: a text, or its bytes where they are no UTF-8.
    :ivar device: with ``inode`` the same for all names of one file, on this host. Two mounts of one
        export may differ in it.
    :ivar links: how many names the file has.
    :ivar type: ``file``, ``directory`` or ``other``.
    :ivar is_missing: it leads to nothing.
    :ivar problem: it is not known what it leads to: why. All the others are None then, as they are
        of what is missing.
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
    """What holds a file or device on a host, listed or not.

    :ivar kind: ``vbd`` (a domain's block backend) or ``loop`` (a loop device).
    :ivar path: None: what is held by this kind could not be asked; ``problem`` says why. With a
        ``problem``: it may have been cut short.
    :ivar domid: of a vbd, the domain's number; of a loop device, the one's whose vbd it serves.
    :ivar uuid: that domain's, dashed, lower case; None if not known.
    :ivar mode: of a vbd, as the vm.cfg has it: ``r``, ``w``, ``w!``.
    :ivar state: of a vbd, xenbus's: 4 connected, 6 closed, 0 not known.
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
        """For messages."""
        return f"domain {self.domid} ({self.device})" if self.kind == "vbd" else self.device


@dataclass(frozen=True)
class FileEntry:
    """A name in a directory.

    :ivar name: with bytes replaced that are no UTF-8; ``raw`` is the true one.
    :ivar type: ``file``, ``directory``, ``link`` or ``other``.
    :ivar modified: seconds since 1970.
    """

    name: str
    raw: bytes
    type: str
    size_bytes: int
    modified: float


@dataclass(frozen=True)
class FilePage:
    """Some names of a directory. ``after``: where to go on; empty at the end."""

    entries: tuple[FileEntry, ...]
    after: str | bytes


@dataclass(frozen=True)
class FileRange:
    """A part of a file, shorter than asked for at its end. ``size_bytes``: the whole file's."""

    size_bytes: int
    data: bytes


@dataclass(frozen=True)
class Document:
    """A document as it is now. ``version`` 0: there is none.

    :ivar next_version: the version to write.
    """

    version: int
    next_version: int
    content: bytes
    client: str
    operation: str


@dataclass(frozen=True)
class Reader:
    """Takes a struct apart, strictly where a key is documented, blind to what is not.

    A newer module may say more than this client knows.

    :param malformed: makes the error for what is not as documented.
    """

    malformed: Malformed

    def struct(self, value: object) -> dict[str, Any]:
        """A struct."""
        return self.typed("the answer", value, dict)

    def structs(self, value: object) -> list[dict[str, Any]]:
        """A list of structs."""
        return [self.struct(one) for one in self.typed("the answer", value, list)]

    def key(self, struct: dict[str, Any], name: str, kind: type[_T]) -> _T:
        """A key that has to be there."""
        return self.typed(name, struct.get(name), kind)

    def typed(self, what: str, value: object, kind: type[_T]) -> _T:
        """A value of that type; True is no number."""
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise self.malformed(f"{what}: expected {kind.__name__}, not {type(value).__name__}")
        return value

    def optional(self, struct: dict[str, Any], name: str, kind: type[_T]) -> _T | None:
        """A key that may be missing."""
        value = struct.get(name)
        return None if value is None else self.typed(name, value, kind)

    def name(self, struct: dict[str, Any], key: str, raw_key: str) -> str | bytes:
        """A name or path: a text, or its bytes where that text is not exact."""
        text = self.key(struct, key, str)
        return text if raw_key not in struct else self.key(struct, raw_key, bytes)

    def decimal(self, struct: dict[str, Any], name: str) -> int:
        """A number that comes as a text, as it may be too big."""
        text = self.key(struct, name, str)
        if not (text.isascii() and text.isdigit()):
            raise self.malformed(f"{name}: expected a decimal number")
        return int(text)

    def payload(self, struct: dict[str, Any], name: str) -> bytes:
        """Bytes: base64 of XML-RPC."""
        return self.key(struct, name, bytes)

    # -- what the functions answer

    def vm_cfg(self, value: object) -> VMCfg:
        """One entry of ``libcloud_repository``."""
        struct = self.struct(value)
        content, problem = struct.get("content"), struct.get("error")
        return VMCfg(
            self.key(struct, "folder", str),
            self.key(struct, "directory", str),
            None if content is None else self.typed("content", content, bytes),
            str(problem) if content is None else None,
            "raw" not in struct,
        )

    def holders(self, value: object) -> tuple[Holder, ...]:
        """``libcloud_file_holders``; closed backends too, which may hold a file until they are gone
        (xend.md 10.5)."""
        found = []
        for struct in self.structs(value):
            problem = struct.get("error")
            path = struct.get("path")
            if problem is None or path is not None:
                path = self.key(struct, "path", str)
            domid = struct.get("domid")
            found.append(
                Holder(
                    kind=self.key(struct, "kind", str),
                    path=path,
                    device=str(struct.get("device", "")),
                    domid=None if domid is None else self.typed("domid", domid, int),
                    error=None if problem is None else str(problem),
                    uuid=self.optional(struct, "uuid", str) or None,
                    mode=self.optional(struct, "mode", str),
                    state=self.optional(struct, "state", int),
                )
            )
        return tuple(found)

    def unlisted(self, entry: object) -> tuple[str, ...] | None:
        """What the answer to ``list_vms`` leaves out, from its entry in ``libcloud_read_agent``."""
        if not isinstance(entry, dict) or "unlisted" not in entry:
            return None
        return tuple(self.key(one, "name", str) for one in self.structs(entry["unlisted"]))

    def asides(self, value: object) -> tuple[Aside, ...]:
        """What ``libcloud_repository`` tells of files that were set aside."""
        found = []
        for struct in self.structs(value):
            problem = self.optional(struct, "error", str)
            size, modified = struct.get("size_bytes"), struct.get("modified")
            if problem is None:
                self.key(struct, "operation", str), self.key(struct, "path", str)
                self.key(struct, "size_bytes", int), self.key(struct, "modified", int)
            found.append(
                Aside(
                    self.optional(struct, "operation", str) or "",
                    self.name(struct, "path", "raw") if "path" in struct else "",
                    None if size is None else self.typed("size_bytes", size, int),
                    None if modified is None else float(self.typed("modified", modified, int)),
                    problem,
                )
            )
        return tuple(found)

    def identities(self, value: object, paths: Sequence[str | bytes]) -> tuple[Identity, ...]:
        """``libcloud_identify`` of these paths."""
        structs = self.structs(value)
        if len(structs) != len(paths):
            raise self.malformed(f"{len(structs)} answers for {len(paths)} paths")
        found = []
        for path, struct in zip(paths, structs, strict=True):
            if _bytes(self.name(struct, "path", "raw")) != _bytes(path):
                raise self.malformed("not in the order of the paths")
            found.append(self._identity(path, struct))
        return tuple(found)

    def _identity(self, path: str | bytes, struct: dict[str, Any]) -> Identity:
        problem = self.optional(struct, "error", str)
        if problem is not None:
            return Identity(path, error=problem)
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
        """Where the next page begins; empty at the end."""
        after = struct.get("after")
        if isinstance(after, bytes):
            return after
        return self.typed("after", after, str)

    def file_entry(self, value: object) -> FileEntry:
        """One entry of it."""
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


def _bytes(path: str | bytes) -> bytes:
    return path if isinstance(path, bytes) else path.encode("utf-8", "surrogateescape")
