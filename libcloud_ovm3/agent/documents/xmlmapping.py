"""Where the fields of a record stand in an XML document, said once for reading and for writing.

A document's dataclass names the place of each field: ``hostname: str = text("Hostname")``. A place
is a path below the record's own element. What is missing in a document becomes ``""``, ``None`` or
an empty tuple; elements that no field names are dropped, except where a field keeps a whole set of
them (:func:`mapping`, :func:`parts`). Blanks around a text are dropped, but not those of a name of
a file (:func:`names`). Writing leaves out what is ``None``; it writes the elements of empty texts,
as agents do.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, TypeVar

from lxml import etree

from libcloud_ovm3.agent.documents.elements import Element, content, content_at, find, name_in
from libcloud_ovm3.agent.identifiers import undashed
from libcloud_ovm3.errors import InvalidArgument

_T = TypeVar("_T")
_Read = Callable[[Element], Any]
_Write = Callable[[Element, Any], object]


@dataclasses.dataclass(frozen=True)
class Part:
    """An element that is kept whole, because no source shows what stands in it."""

    name: str
    text: str = ""
    attributes: Mapping[str, str] = dataclasses.field(default_factory=dict, hash=False)
    parts: tuple[Part, ...] = ()


# ------------------------------------------------------------------ records


def read(cls: Callable[..., _T], node: Element) -> _T:
    """The record that stands in this element."""
    return cls(*(read_field(node) for read_field in _readers(cls)))


def write(record: Any, node: Element) -> None:
    """Write a record into this element.

    :raises InvalidArgument: XML cannot hold what is in it (a control character, say).
    """
    for field in dataclasses.fields(record):
        field.metadata["write"](node, getattr(record, field.name))


@cache
def _readers(cls: Any) -> tuple[_Read, ...]:
    return tuple(field.metadata["read"] for field in dataclasses.fields(cls))


def place(default: Any, read_field: _Read, write_field: _Write) -> Any:
    """A field of a record, with the way to read it from the record's element and to write it."""
    metadata = {"read": read_field, "write": write_field}
    if isinstance(default, dict):
        return dataclasses.field(default_factory=dict, hash=False, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def add(node: Element, path: str, value: str = "", **attributes: str) -> Element:
    """Append an element with this text; makes what is missing of the way there.

    :raises InvalidArgument: XML cannot hold it (a control character, say).
    """
    way, _, name = path.rpartition("/")
    try:
        element = etree.SubElement(_way(node, way), name, attributes)
        element.text = value or None
    except (ValueError, TypeError) as error:
        raise InvalidArgument(f"{path}: {value!r} cannot stand in XML: {error}") from None
    return element


def _set(node: Element, name: str, value: str) -> None:
    try:
        node.set(name, value)
    except (ValueError, TypeError) as error:
        raise InvalidArgument(f"{name}={value!r} cannot stand in XML: {error}") from None


def _way(node: Element, path: str) -> Element:
    for step in path.split("/") if path not in ("", ".") else ():
        found = node.find(step)
        node = found if found is not None else etree.SubElement(node, step)
    return node


# ------------------------------------------------------------------ fields


def text(path: str) -> str:
    """A text; "" if it is missing or empty."""
    return place(
        "", lambda node: content_at(node, path), lambda node, value: add(node, path, value)
    )


def maybe(path: str) -> str | None:
    """A text of an element that not every such record has; None if it is missing."""
    return _converted(path, lambda value: value, str)


def number(path: str) -> int | None:
    """A whole number of up to 18 digits, 0 or more; None if it is missing or something else."""
    return _converted(path, whole, str)


def flag(path: str, true: str = "True", false: str = "False") -> bool | None:
    """``True`` or ``False`` in any case; None for ``none``, for anything else and if missing.

    :param true, false: the words to write; one document has both ``True`` and ``true``.
    """
    known = {"true": True, "false": False}
    return _converted(path, lambda v: known.get(v.lower()), lambda v: true if v else false)


def truth(path: str, true: str, false: str) -> bool:
    """True for this word in any case, False for all else and if missing."""
    return place(
        False,
        lambda node: content_at(node, path).lower() == true.lower(),
        lambda node, value: add(node, path, true if value else false),
    )


def identifier(path: str, read_id: Callable[[object], str | None] = undashed) -> str | None:
    """A uuid in the notation of ``read_id``; None, written ``none``, if there is none.

    What is no uuid stays as it is: something stands there.
    """

    def read_value(node: Element) -> str | None:
        value = content_at(node, path)
        return None if value.lower() in ("", "none") else read_id(value) or value

    return place(None, read_value, lambda node, value: add(node, path, value or "none"))


def machine_id(path: str) -> str:
    """A machine's uuid as 32 hex digits, which stands there as bytes with colons; "" if missing."""
    return place(
        "",
        lambda node: undashed(content_at(node, path)) or "",
        lambda node, value: add(node, path, ":".join(re.findall("..", value))),
    )


def words(path: str, separator: str | None = ",") -> tuple[str, ...]:
    """A list in one text; separator None: blanks."""
    joint = separator or " "
    return place(
        (),
        lambda node: tuple(
            word.strip() for word in content_at(node, path).split(separator) if word.strip()
        ),
        lambda node, value: add(node, path, joint.join(value)),
    )


def attribute(name: str) -> str:
    """An attribute of the record's own element; "" if it is missing."""
    return place("", lambda node: node.get(name, ""), lambda node, value: _set(node, name, value))


def attributes() -> Mapping[str, str]:
    """All attributes of the record's own element."""

    def write_all(node: Element, value: Mapping[str, str]) -> None:
        for name, word in value.items():
            _set(node, name, word)

    return place({}, lambda node: {str(k): str(v) for k, v in node.attrib.items()}, write_all)


def each(path: str) -> tuple[str, ...]:
    """The texts of a repeated element, empty ones dropped."""

    def read_all(node: Element) -> tuple[str, ...]:
        return tuple(value for value in map(content, node.iterfind(path)) if value)

    return place((), read_all, _write_texts(path))


def names(path: str) -> tuple[str, ...]:
    """Names of files in a repeated element, each as it is (:func:`name_in`), empty ones dropped."""

    def read_all(node: Element) -> tuple[str, ...]:
        return tuple(name for name in map(name_in, node.iterfind(path)) if name)

    return place((), read_all, _write_texts(path))


def each_in(path: str, below: str) -> tuple[str, ...]:
    """The texts of one element below a repeated one; "" for whatever has none, and stands there.

    A missing list is one of a single "": what stands in it is not known.
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

    def write_all(node: Element, value: tuple[str, ...]) -> None:
        _way(node, way)
        for one_text in value:
            add(add(node, path), below, one_text)

    return place((), read_all, write_all)


def mapping(path: str) -> Mapping[str, str]:
    """The texts of all childless elements below this one, by name; of several the last."""

    def read_all(node: Element) -> dict[str, str]:
        found = node.find(path)
        below: Iterator[Element] | tuple[()] = () if found is None else found.iterchildren("*")
        return {str(child.tag): content(child) for child in below if len(child) == 0}

    def write_all(node: Element, value: Mapping[str, str]) -> None:
        for name, word in value.items():
            add(_way(node, path), name, word)

    return place({}, read_all, write_all)


def one(path: str, cls: type[_T]) -> _T | None:
    """A record of its own; None if its element is missing."""

    def read_one(node: Element) -> _T | None:
        found = node.find(path)
        return None if found is None else read(cls, found)

    def write_one(node: Element, value: _T | None) -> None:
        if value is not None:
            write(value, add(node, path))

    return place(None, read_one, write_one)


def many(
    path: str, cls: type[_T], read_all: Callable[[Element], tuple[_T, ...]] | None = None
) -> tuple[_T, ...]:
    """Records of a repeated element; ``read_all``: a reader of its own."""

    def write_all(node: Element, value: tuple[_T, ...]) -> None:
        _way(node, path.rpartition("/")[0])
        for record in value:
            write(record, add(node, path))

    def read_each(node: Element) -> tuple[_T, ...]:
        return tuple(read(cls, found) for found in node.iterfind(path))

    return place((), read_all or read_each, write_all)


def parts(path: str) -> tuple[Part, ...]:
    """Everything below this element, kept whole."""

    def write_all(node: Element, value: tuple[Part, ...]) -> None:
        parent = _way(node, path)
        for part in value:
            write_part(part, parent)

    return place(
        (),
        lambda node: tuple(map(read_part, find(node, path).iterchildren("*"))),
        write_all,
    )


def whole(value: str) -> int | None:
    """A whole number of up to 18 ASCII digits, 0 or more."""
    return int(value) if re.fullmatch("[0-9]{1,18}", value) else None


def _write_texts(path: str) -> _Write:
    def write_all(node: Element, value: tuple[str, ...]) -> None:
        _way(node, path.rpartition("/")[0])
        for one_text in value:
            add(node, path, one_text)

    return write_all


def _converted(path: str, parse: Callable[[str], Any], show: Callable[[Any], str]) -> Any:
    """A field that is None when missing, and not written then."""

    def read_value(node: Element) -> Any:
        value = node.findtext(path)
        return None if value is None else parse(value.strip())

    def write_value(node: Element, value: Any) -> None:
        if value is not None:
            add(node, path, show(value))

    return place(None, read_value, write_value)


def read_part(node: Element) -> Part:
    """An element, kept whole."""
    return Part(
        name=str(node.tag),
        text=content(node),
        attributes={str(k): str(v) for k, v in node.attrib.items()},
        parts=tuple(map(read_part, node.iterchildren("*"))),
    )


def write_part(part: Part, parent: Element) -> None:
    """Append an element that was kept whole."""
    node = add(parent, part.name, part.text)
    for name, value in part.attributes.items():
        _set(node, name, value)
    for below in part.parts:
        write_part(below, node)
