"""How the fields of a dataclass map to elements of an XML document.

The dataclass of a document names the place of each field: ``hostname: str = text("Hostname")``. A
place is a path below the record's own element. What is missing in a document becomes ``""``, None
or an empty tuple. Elements that no field names are dropped, except where a field keeps a whole set
of them (:func:`mapping`, :func:`parts`). White space around a text is dropped, but not that of a
file name (:func:`names`).
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, TypeVar

from libcloud_ovm3.agent.documents.elements import Element, content, content_at, find, name_in
from libcloud_ovm3.agent.identifiers import undashed

_T = TypeVar("_T")
_Read = Callable[[Element], Any]


@dataclasses.dataclass(frozen=True)
class Part:
    """An element that is kept whole, because no source documents its content."""

    name: str
    text: str = ""
    attributes: Mapping[str, str] = dataclasses.field(default_factory=dict, hash=False)
    parts: tuple[Part, ...] = ()


# ------------------------------------------------------------------ records


def read(cls: Callable[..., _T], node: Element) -> _T:
    """The record in this element."""
    return cls(*(read_field(node) for read_field in _readers(cls)))


@cache
def _readers(cls: Any) -> tuple[_Read, ...]:
    return tuple(field.metadata["read"] for field in dataclasses.fields(cls))


def place(default: Any, read_field: _Read) -> Any:
    """A field of a record that ``read_field`` reads from the record's element."""
    metadata = {"read": read_field}
    if isinstance(default, dict):
        return dataclasses.field(default_factory=dict, hash=False, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


# ------------------------------------------------------------------ fields


def text(path: str) -> str:
    """A text; "" if it is missing or empty."""
    return place("", lambda node: content_at(node, path))


def maybe(path: str) -> str | None:
    """The text of an element that not every such record has; None if it is missing."""
    return _converted(path, lambda value: value)


def number(path: str) -> int | None:
    """A whole number of up to 18 digits, 0 or more; None if it is missing or something else."""
    return _converted(path, whole)


def flag(path: str) -> bool | None:
    """``True`` or ``False`` in any case; None for ``none``, for anything else and if missing."""
    known = {"true": True, "false": False}
    return _converted(path, lambda value: known.get(value.lower()))


def truth(path: str, true: str) -> bool:
    """True for this word in any case, False for all else and if missing."""
    return place(False, lambda node: content_at(node, path).lower() == true.lower())


def identifier(path: str, read_id: Callable[[object], str | None] = undashed) -> str | None:
    """A uuid in the notation of ``read_id``; None if it is missing, empty or ``none``.

    A value that is not a uuid is kept as it is.
    """

    def read_value(node: Element) -> str | None:
        value = content_at(node, path)
        return None if value.lower() in ("", "none") else read_id(value) or value

    return place(None, read_value)


def machine_id(path: str) -> str:
    """A server's uuid as 32 hex digits (written as bytes with colons); "" if it is missing."""
    return place("", lambda node: undashed(content_at(node, path)) or "")


def words(path: str, separator: str | None = ",") -> tuple[str, ...]:
    """A list in one text. With separator None, white space separates."""

    def read_all(node: Element) -> tuple[str, ...]:
        return tuple(filter(None, map(str.strip, content_at(node, path).split(separator))))

    return place((), read_all)


def attribute(name: str) -> str:
    """An attribute of the record's own element; "" if it is missing."""
    return place("", lambda node: node.get(name, ""))


def attributes() -> Mapping[str, str]:
    """All attributes of the record's own element."""
    return place({}, _attributes_of)


def each(path: str) -> tuple[str, ...]:
    """The texts of a repeated element; empty ones are dropped."""
    return place((), lambda node: tuple(filter(None, map(content, node.iterfind(path)))))


def names(path: str) -> tuple[str, ...]:
    """File names in a repeated element, unchanged (:func:`name_in`); empty ones are dropped."""
    return place((), lambda node: tuple(filter(None, map(name_in, node.iterfind(path)))))


def each_in(path: str, below: str) -> tuple[str, ...]:
    """The texts of one element below a repeated one; "" for every entry that lacks it.

    A missing list gives a single "", because its content is unknown.
    """
    way, _, name = path.rpartition("/")

    def read_all(node: Element) -> tuple[str, ...]:
        listing = node.find(way)
        if listing is None:
            return ("",)
        return tuple(text for child in listing for text in texts_of(child))

    def texts_of(child: Element) -> list[str]:
        found = [content(inner) for inner in child.iterfind(below)] if child.tag == name else []
        return found or [""]

    return place((), read_all)


def mapping(path: str) -> Mapping[str, str]:
    """The texts of all childless elements below this one, by name; the last one wins."""

    def read_all(node: Element) -> dict[str, str]:
        found = node.find(path)
        below: Iterator[Element] | tuple[()] = () if found is None else found.iterchildren("*")
        return {str(child.tag): content(child) for child in below if len(child) == 0}

    return place({}, read_all)


def one(path: str, cls: type[_T]) -> _T | None:
    """A nested record; None if its element is missing."""

    def read_one(node: Element) -> _T | None:
        found = node.find(path)
        return None if found is None else read(cls, found)

    return place(None, read_one)


def many(
    path: str, cls: type[_T], read_all: Callable[[Element], tuple[_T, ...]] | None = None
) -> tuple[_T, ...]:
    """Records of a repeated element, read by ``read_all`` if it is given."""

    def read_each(node: Element) -> tuple[_T, ...]:
        return tuple(read(cls, found) for found in node.iterfind(path))

    return place((), read_all or read_each)


def parts(path: str) -> tuple[Part, ...]:
    """Everything below this element, kept whole."""
    return place((), lambda node: tuple(map(read_part, find(node, path).iterchildren("*"))))


def whole(value: str) -> int | None:
    """A whole number of up to 18 ASCII digits, 0 or more; None for anything else."""
    return int(value) if re.fullmatch("[0-9]{1,18}", value) else None


def _converted(path: str, parse: Callable[[str], Any]) -> Any:
    """A field that is None if its element is missing."""

    def read_value(node: Element) -> Any:
        value = node.findtext(path)
        return None if value is None else parse(value.strip())

    return place(None, read_value)


def read_part(node: Element) -> Part:
    """An element, kept whole."""
    return Part(
        name=str(node.tag),
        text=content(node),
        attributes=_attributes_of(node),
        parts=tuple(map(read_part, node.iterchildren("*"))),
    )


def _attributes_of(node: Element) -> dict[str, str]:
    return {str(name): str(value) for name, value in node.attrib.items()}
