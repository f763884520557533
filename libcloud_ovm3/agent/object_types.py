"""Containers, objects and uploads, as the host module reports them: docs/host-module.md. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from libcloud_ovm3.agent.hostmodule_types import Reader

BLOCK_BYTES: Final = 4 << 20  # of one sum
SUMS: Final = 64  # of one call, at most
NAME_BYTES: Final = 1024  # the longest name, in UTF-8
RECORD_BYTES: Final = 16384  # all texts of one record, as the host counts them
MEETING_SECONDS: Final = 5  # the longest wait of one

# What XML cannot carry; and CR, for which its readers take a line feed.
_NO_TEXT = re.compile("[\0-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]")
_ESCAPED = re.compile(rb"[^A-Za-z0-9._-]|^\.")  # in the keys of meta_data, as three bytes each


@dataclass(frozen=True)
class ObjectRecord:
    """What is recorded of an object beside its content.

    :ivar md5: Of its content, in hexadecimal; "" if that is not known.
    """

    md5: str = ""
    content_type: str = ""
    content_encoding: str = ""
    meta_data: Mapping[str, str] = field(default_factory=dict)

    def struct(self) -> dict[str, Any]:
        """As the host module takes it."""
        return {
            "md5": self.md5,
            "content_type": self.content_type,
            "content_encoding": self.content_encoding,
            "meta_data": dict(self.meta_data),
        }

    def problem(self) -> str:
        """Why the host cannot keep it as it is; "": it can."""
        values = {"content_type": self.content_type, "content_encoding": self.content_encoding}
        texts = [*values.items(), *self.meta_data.items()]
        for key, value in texts:
            if bad := _NO_TEXT.search(key) or _NO_TEXT.search(value):
                return f"{key!r}: the character {bad.group()!r} cannot be kept"
        keys = [f"meta:{key}".encode() for key in self.meta_data]
        size = len("md5content_typecontent_encoding") + 32
        size += sum(len(value.encode()) for _, value in texts)
        size += sum(len(key) + 2 * len(_ESCAPED.findall(key[5:])) for key in keys)
        if size > RECORD_BYTES:
            return f"{size} bytes in all, more than {RECORD_BYTES}"
        return ""


@dataclass(frozen=True)
class ObjectEntry:
    """An object in a container.

    :ivar name: Its name; of one with an ``error`` perhaps only like it.
    :ivar size_bytes: None with an ``error``, and so are the following three.
    :ivar used_bytes: What it takes on its file system.
    :ivar modified: Seconds since 1970.
    :ivar identity: Changes with every change of its content that the file system shows.
    :ivar record: None: there is none of this very content.
    :ivar is_file_of_repository: It lies in ``Templates``, ``ISOs`` or ``VirtualDisks``.
    :ivar error: Why it cannot be read, or is no object.
    :ivar record_error: Why its record cannot be read or understood.
    :ivar path: That of its file on the host, as jobs take it; "" in a listing.
    """

    name: str
    size_bytes: int | None = None
    used_bytes: int | None = None
    modified: float | None = None
    identity: str = ""
    record: ObjectRecord | None = None
    is_file_of_repository: bool = False
    error: str | None = None
    record_error: str | None = None
    path: str | bytes = ""


@dataclass(frozen=True)
class ObjectPage:
    """One page of a container. ``after``: cursor of the next page; empty at the end."""

    entries: tuple[ObjectEntry, ...]
    after: str | bytes


@dataclass(frozen=True)
class ContainerEntry:
    """A plain container in a repository.

    :ivar created: Seconds since 1970; None if it is not known.
    :ivar error: Why it cannot be read or understood, or that it is not complete.
    """

    name: str
    created: float | None = None
    error: str | None = None


@dataclass(frozen=True)
class ContainerPage:
    """One page of plain containers. ``after``: cursor of the next page; empty at the end."""

    entries: tuple[ContainerEntry, ...]
    after: str | bytes


@dataclass(frozen=True)
class ObjectRange:
    """A range of an object, shorter than requested at its end.

    :ivar size_bytes: Of the whole object.
    :ivar identity: Of the content that it was read from.
    :ivar next_offset: Where the next data begins, at or after the end of the range: what lies
        between is zeros. ``size_bytes`` if there is none.
    """

    size_bytes: int
    identity: str
    data: bytes
    next_offset: int


@dataclass(frozen=True)
class UploadEntry:
    """An upload that was begun and neither committed nor deleted.

    :ivar operation: It is the upload's id.
    :ivar container: "": the repository's own.
    :ivar size_bytes: As it was announced; -1 if it was not.
    :ivar done_bytes: Up to where something was written.
    :ivar started: Seconds since 1970, as ``modified``, by the clock of the file system.
    :ivar error: Why it cannot be read. Then all but ``operation`` may be empty.
    """

    operation: str
    name: str = ""
    container: str = ""
    size_bytes: int = -1
    done_bytes: int = 0
    client: str = ""
    started: float = 0
    modified: float = 0
    error: str | None = None


@dataclass(frozen=True)
class UploadSums:
    """The sums of consecutive blocks of an upload, as :func:`block_sum` makes them.

    :ivar size_bytes: How long its file is so far.
    """

    size_bytes: int
    sums: tuple[str, ...]


def block_sum(data: bytes | bytearray | memoryview) -> str:
    """The sum of one block: its MD5; "" if it is nothing but zeros, whether written or a hole."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest() if any_data(data) else ""


def any_data(data: bytes | bytearray | memoryview) -> bool:
    """Whether there is anything but zeros in it."""
    content = bytes(data)
    return any(content[:16]) or content.count(0) != len(content)  # mostly the first ones tell


# -- reading answers


def read_container_page(reader: Reader, value: object) -> ContainerPage:
    """``libcloud_list_containers``."""
    struct = reader.struct(value)
    entries = []
    for one in reader.structs(struct.get("containers")):
        error = reader.optional(one, "error", str)
        name = _name(reader, one)
        created = None if error is not None else float(reader.key(one, "created", int))
        entries.append(ContainerEntry(name, created, error))
    return ContainerPage(tuple(entries), reader.cursor(struct))


def read_object_page(reader: Reader, value: object) -> ObjectPage:
    """``libcloud_list_objects``."""
    struct = reader.struct(value)
    entries = [read_object(reader, one) for one in reader.key(struct, "objects", list)]
    return ObjectPage(tuple(entries), reader.cursor(struct))


def read_object(reader: Reader, value: object) -> ObjectEntry:
    """One object."""
    struct = reader.struct(value)
    name, error = _name(reader, struct), reader.optional(struct, "error", str)
    is_file = bool(reader.optional(struct, "is_file_of_repository", bool))
    if error is not None:
        return ObjectEntry(name, is_file_of_repository=is_file, error=error)
    about = reader.key(struct, "about", dict)
    return ObjectEntry(
        name,
        reader.key(struct, "size_bytes", int),
        reader.key(struct, "used_bytes", int),
        float(reader.key(struct, "modified", int)),
        reader.key(struct, "identity", str),
        _record(reader, about) if about else None,
        is_file,
        record_error=reader.optional(struct, "about_error", str),
        path=reader.name(struct, "path", "path_raw") if "path" in struct else "",
    )


def read_uploads(reader: Reader, value: object) -> tuple[UploadEntry, ...]:
    """``libcloud_list_uploads``."""
    found = []
    for struct in reader.structs(value):
        operation = reader.key(struct, "operation", str)
        error = reader.optional(struct, "error", str)
        if error is not None:
            found.append(UploadEntry(operation, error=error))
            continue
        found.append(
            UploadEntry(
                operation,
                _name(reader, struct),
                _name(reader, struct, "container", "container_raw"),
                reader.key(struct, "size_bytes", int),
                reader.key(struct, "done_bytes", int),
                reader.key(struct, "client", str),
                float(reader.key(struct, "started", int)),
                float(reader.key(struct, "modified", int)),
            )
        )
    return tuple(found)


def read_sums(reader: Reader, value: object) -> UploadSums:
    """``libcloud_upload_sums``."""
    struct = reader.struct(value)
    return UploadSums(reader.key(struct, "size_bytes", int), reader.texts(struct, "sums"))


def _record(reader: Reader, struct: dict[str, Any]) -> ObjectRecord:
    meta_data = reader.key(struct, "meta_data", dict)
    return ObjectRecord(
        reader.key(struct, "md5", str),
        reader.key(struct, "content_type", str),
        reader.key(struct, "content_encoding", str),
        {key: reader.typed(f"meta_data of {key}", meta_data[key], str) for key in meta_data},
    )


def _name(reader: Reader, struct: dict[str, Any], key: str = "name", raw: str = "raw") -> str:
    """Its exact name: also where XML cannot carry it as text."""
    name = reader.name(struct, key, raw)
    if isinstance(name, str):
        return name
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:  # one that is no object: it has an error, too
        return reader.key(struct, key, str)
