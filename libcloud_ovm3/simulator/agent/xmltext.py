"""Helpers to build XML documents."""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree.ElementTree import Element, SubElement
from xml.sax.saxutils import escape

_IN_ATTRIBUTES = {'"': "&quot;", "\r": "&#13;", "\n": "&#10;", "\t": "&#09;"}


def add(parent: Element, path: str, text: object = "", **attributes: str) -> Element:
    """Append an element; the path ``a/b/c`` creates missing parents."""
    *parents, name = path.split("/")
    for step in parents:
        found = parent.find(step)
        parent = found if found is not None else SubElement(parent, step)
    element = SubElement(parent, name, attributes)
    element.text = str(text)
    return element


def document(root: Element) -> str:
    """The document as the agent returns it: one string."""
    return '<?xml version="1.0" ?>' + _text(root)


def _text(element: Element) -> str:
    """As ``tostring`` writes it, which looks for namespaces and takes twice as long."""
    begin = element.tag
    for name, value in element.items():
        begin += f' {name}="{escape(value, _IN_ATTRIBUTES)}"'
    inside = escape(element.text or "") + "".join(map(_text, element))
    return f"<{begin}>{inside}</{element.tag}>" if inside else f"<{begin} />"


def add_all(parent: Element, values: Mapping[str, object]) -> None:
    """Append an element per path and text, in this order."""
    for path, value in values.items():
        add(parent, path, value)
