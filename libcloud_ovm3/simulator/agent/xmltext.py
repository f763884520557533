"""Helpers to build XML documents."""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree.ElementTree import Element, SubElement, tostring


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
    return '<?xml version="1.0" ?>' + tostring(root, encoding="unicode")


def add_all(parent: Element, values: Mapping[str, object]) -> None:
    """Append an element per path and text, in this order."""
    for path, value in values.items():
        add(parent, path, value)
