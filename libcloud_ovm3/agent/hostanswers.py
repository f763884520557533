"""What the host module answers, as dataclasses: docs/host-module.md. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

_T = TypeVar("_T")

# Makes the error that says that an answer is not what is documented.
Malformed = Callable[[str], Exception]


@dataclass(frozen=True)
class Look:
    """Several of the agent's reads in one call.

    :ivar api: the module's number (docs/host-module.md, Versions).
    :ivar answers: by the function's name; those that did not answer are not in it.
    """

    api: int
    answers: Mapping[str, Any]


@dataclass(frozen=True)
class VMCfg:
    """A vm.cfg in a repository: its bytes, or why they cannot be had.

    :ivar folder: ``VirtualMachines`` or ``Templates``.
    :ivar is_exact: whether ``directory`` is its name; else bytes that are no UTF-8 are replaced.
    """

    folder: str
    directory: str
    content: bytes | None
    problem: str | None = None
    is_exact: bool = True


@dataclass(frozen=True)
class RepositoryFiles:
    """A repository's listing (a ``discover_repositories`` document) and every vm.cfg in it."""

    listing: str
    vm_cfgs: tuple[VMCfg, ...]


@dataclass(frozen=True)
class Holder:
    """What holds a file or device on a host, listed or not.

    :ivar kind: ``vbd`` (a domain's block backend) or ``loop`` (a loop device).
    :ivar path: None: what is held by this kind could not be asked; ``problem`` says why. With a
        ``problem``: it may have been cut short.
    :ivar domid: of a vbd, the domain's number.
    """

    kind: str
    path: str | None
    device: str
    domid: int | None
    problem: str | None

    @property
    def who(self) -> str:
        """For messages."""
        return self.device if self.domid is None else f"domain {self.domid} ({self.device})"


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
class Stretch:
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

    def payload(self, struct: dict[str, Any], name: str) -> bytes:
        """Bytes: base64 of XML-RPC."""
        return self.key(struct, name, bytes)

    # -- what the functions answer

    def vm_cfg(self, value: object) -> VMCfg:
        """One entry of ``libcloud_repository``."""
        struct = self.struct(value)
        content, problem = struct.get("content"), struct.get("problem")
        return VMCfg(
            self.key(struct, "folder", str),
            self.key(struct, "directory", str),
            None if content is None else self.typed("content", content, bytes),
            str(problem) if content is None else None,
            "raw" not in struct,
        )

    def holders(self, value: object) -> tuple[Holder, ...]:
        """``libcloud_holders``; closed backends too, which may hold a file until they are gone
        (xend.md 10.5)."""
        found = []
        for struct in self.structs(value):
            problem = struct.get("problem")
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
                    problem=None if problem is None else str(problem),
                )
            )
        return tuple(found)

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
