"""Where the fields of a record stand in an XML document, said once for reading and for writing.

A document's dataclass names the place of each field: ``hostname: str = text("Hostname")``. A place
is a path below the record's own element. What is missing in a document becomes ``""``, ``None`` or
an empty tuple; elements that no field names are dropped, except where a field keeps a whole set of
them (:func:`mapping`, :func:`parts`). Blanks around a text are dropped. Writing leaves out what is
``None``; it writes the elements of empty texts, as agents do.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, TypeVar

from lxml import etree

from libcloud_ovm3.agent.identifiers import undashed
from libcloud_ovm3.errors import InvalidArgument, MalformedAnswer

Element = etree._Element
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


# ------------------------------------------------------------------ documents


def root_of(document: str, expected: str) -> Element:
    """The root element of an answer that should be this document.

    :raises MalformedAnswer: it is something else, or no XML, or has a DOCTYPE.
    """
    # Told the encoding: the text may declare another one, which no longer holds inside a string.
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(document.encode("utf-8"), parser)
    except (etree.XMLSyntaxError, ValueError, AttributeError) as error:
        raise MalformedAnswer(f"{expected}: no XML document: {error}") from None
    if root is None or root.tag != expected or root.getroottree().docinfo.internalDTD is not None:
        raise MalformedAnswer(f"expected a {expected} document, got {str(document)[:60]!r}")
    return root


def document_of(root: Element) -> str:
    """The document's text, with the declaration that agents write."""
    return '<?xml version="1.0" ?>\n' + etree.tostring(root, encoding="unicode")


def find(node: Element, path: str) -> Element:
    """The element there; an empty one if there is none."""
    found = node.find(path)
    return found if found is not None else etree.Element("nothing")


def content(node: Element) -> str:
    """An element's own text, without blanks around it."""
    return (node.text or "").strip()


def content_at(node: Element, path: str) -> str:
    """The text there; "" if there is none."""
    return (node.findtext(path) or "").strip()


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


def _place(default: Any, read_field: _Read, write_field: _Write) -> Any:
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
    return _place(
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
    return _place(
        False,
        lambda node: content_at(node, path).lower() == true.lower(),
        lambda node, value: add(node, path, true if value else false),
    )


def identifier(path: str, read_id: Callable[[object], str | None] = undashed) -> str | None:
    """A uuid in the notation of ``read_id``; None, written ``none``, if there is none."""
    return _place(
        None,
        lambda node: read_id(content_at(node, path)),
        lambda node, value: add(node, path, value or "none"),
    )


def machine_id(path: str) -> str:
    """A machine's uuid as 32 hex digits, which stands there as bytes with colons; "" if missing."""
    return _place(
        "",
        lambda node: undashed(content_at(node, path)) or "",
        lambda node, value: add(node, path, ":".join(re.findall("..", value))),
    )


def machine_id_attribute(name: str) -> str:
    """An attribute that holds a uuid, as 32 hex digits; "" if there is none."""
    return _place(
        "",
        lambda node: undashed(node.get(name)) or "",
        lambda node, value: _set(node, name, value),
    )


def words(path: str, separator: str | None = ",") -> tuple[str, ...]:
    """A list in one text; separator None: blanks."""
    joint = separator or " "
    return _place(
        (),
        lambda node: tuple(
            word.strip() for word in content_at(node, path).split(separator) if word.strip()
        ),
        lambda node, value: add(node, path, joint.join(value)),
    )


def attribute(name: str) -> str:
    """An attribute of the record's own element; "" if it is missing."""
    return _place("", lambda node: node.get(name, ""), lambda node, value: _set(node, name, value))


def attributes() -> Mapping[str, str]:
    """All attributes of the record's own element."""

    def write_all(node: Element, value: Mapping[str, str]) -> None:
        for name, word in value.items():
            _set(node, name, word)

    return _place({}, lambda node: {str(k): str(v) for k, v in node.attrib.items()}, write_all)


def each(path: str) -> tuple[str, ...]:
    """The texts of a repeated element, empty ones dropped."""

    def read_all(node: Element) -> tuple[str, ...]:
        return tuple(value for value in map(content, node.iterfind(path)) if value)

    def write_all(node: Element, value: tuple[str, ...]) -> None:
        _way(node, path.rpartition("/")[0])
        for one_text in value:
            add(node, path, one_text)

    return _place((), read_all, write_all)


def each_in(path: str, below: str) -> tuple[str, ...]:
    """The texts of one element below a repeated one, empty ones dropped."""

    def read_all(node: Element) -> tuple[str, ...]:
        values = map(content, node.iterfind(f"{path}/{below}"))
        return tuple(value for value in values if value)

    def write_all(node: Element, value: tuple[str, ...]) -> None:
        _way(node, path.rpartition("/")[0])
        for one_text in value:
            add(add(node, path), below, one_text)

    return _place((), read_all, write_all)


def mapping(path: str) -> Mapping[str, str]:
    """The texts of all childless elements below this one, by name; of several the last."""

    def read_all(node: Element) -> dict[str, str]:
        found = node.find(path)
        below: Iterator[Element] | tuple[()] = () if found is None else found.iterchildren("*")
        return {str(child.tag): content(child) for child in below if len(child) == 0}

    def write_all(node: Element, value: Mapping[str, str]) -> None:
        for name, word in value.items():
            add(_way(node, path), name, word)

    return _place({}, read_all, write_all)


def one(path: str, cls: type[_T]) -> _T | None:
    """A record of its own; None if its element is missing."""

    def read_one(node: Element) -> _T | None:
        found = node.find(path)
        return None if found is None else read(cls, found)

    def write_one(node: Element, value: _T | None) -> None:
        if value is not None:
            write(value, add(node, path))

    return _place(None, read_one, write_one)


def many(path: str, cls: type[_T]) -> tuple[_T, ...]:
    """Records of a repeated element."""

    def write_all(node: Element, value: tuple[_T, ...]) -> None:
        _way(node, path.rpartition("/")[0])
        for record in value:
            write(record, add(node, path))

    return _place(
        (), lambda node: tuple(read(cls, found) for found in node.iterfind(path)), write_all
    )


def parts(path: str) -> tuple[Part, ...]:
    """Everything below this element, kept whole."""

    def write_all(node: Element, value: tuple[Part, ...]) -> None:
        parent = _way(node, path)
        for part in value:
            _write_part(part, parent)

    return _place(
        (),
        lambda node: tuple(map(_read_part, find(node, path).iterchildren("*"))),
        write_all,
    )


def whole(value: str) -> int | None:
    """A whole number of up to 18 ASCII digits, 0 or more."""
    return int(value) if re.fullmatch("[0-9]{1,18}", value) else None


def _converted(path: str, parse: Callable[[str], Any], show: Callable[[Any], str]) -> Any:
    """A field that is None when missing, and not written then."""

    def read_value(node: Element) -> Any:
        value = node.findtext(path)
        return None if value is None else parse(value.strip())

    def write_value(node: Element, value: Any) -> None:
        if value is not None:
            add(node, path, show(value))

    return _place(None, read_value, write_value)


def _read_part(node: Element) -> Part:
    return Part(
        name=str(node.tag),
        text=content(node),
        attributes={str(k): str(v) for k, v in node.attrib.items()},
        parts=tuple(map(_read_part, node.iterchildren("*"))),
    )


def _write_part(part: Part, parent: Element) -> None:
    node = add(parent, part.name, part.text)
    for name, value in part.attributes.items():
        _set(node, name, value)
    for below in part.parts:
        _write_part(below, node)
