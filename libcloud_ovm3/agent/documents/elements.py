"""Strict parsing of XML documents, and reading their elements. Pure.

Only an empty root element means that there is nothing (agent-behaviour 2): a root with other
elements than its document is known to have is not understood (:func:`known`).
"""

from __future__ import annotations

import re

from lxml import etree

from libcloud_ovm3.agent.xmlparser import parse_xml
from libcloud_ovm3.errors import MalformedResponse

Element = etree._Element


def root_of(document: str, expected: str) -> Element:
    """The root element of a response that should be this document.

    :raises MalformedResponse: It is another document, not XML, or has a DOCTYPE.
    """
    try:
        root = parse(document)
    except MalformedResponse as error:
        raise MalformedResponse(f"expected a {expected} document: {error}") from None
    if root.tag != expected:
        raise MalformedResponse(f"expected a {expected} document, got {document[:60]!r}")
    return root


def parse(document: str) -> Element:
    """The root element of any XML document (see :func:`.parse_xml`).

    :raises MalformedResponse: It is not XML, or has a DOCTYPE.
    """
    # The encoding is given: the text may declare another one, which no longer holds in a string.
    try:
        return parse_xml(document.encode("utf-8"), encoding="utf-8")
    except (ValueError, AttributeError) as error:
        raise MalformedResponse(f"not a valid XML document: {error}") from None


def find(node: Element, path: str) -> Element:
    """The element at a path; an empty one if there is none."""
    found = node.find(path)
    return found if found is not None else etree.Element("nothing")


def only(root: Element, path: str) -> Element | None:
    """The only element that the root may have; None if the root is empty.

    :raises MalformedResponse: The root has only other elements, or several of these.
    """
    found = known(root, path)
    if found is not None and len(root.findall(path)) > 1:
        raise MalformedResponse(f"{root.tag}: several {path}: not understood")
    return found


def found_in(root: Element, path: str) -> Element:
    """The same, but an empty element if the root is empty.

    :raises MalformedResponse: As for :func:`only`.
    """
    found = only(root, path)
    return found if found is not None else etree.Element("nothing")


def known(root: Element, *paths: str) -> Element | None:
    """The first of these elements that the root has; None if the root is empty.

    :raises MalformedResponse: The root has only other elements.
    """
    for path in paths:
        found = root.find(path)
        if found is not None:
            return found
    if len(root) or content(root):
        held = root[0].tag if len(root) else content(root)
        raise MalformedResponse(
            f"{root.tag}: expected {' or '.join(paths)}, got {str(held)[:60]!r}: not understood"
        )
    return None


def content(node: Element) -> str:
    """An element's own text, without surrounding white space."""
    return (node.text or "").strip()


def name_in(node: Element) -> str:
    """The file name in an element, with the white space that belongs to it; "" if there is none.

    If the document has texts on lines of their own, that indentation is removed.
    """
    text = node.text or ""
    if len(node) or (not text.strip() and "\n" in text):
        return ""
    apart = re.fullmatch("\n[ \t]*(.*?)\n[ \t]*", text, re.DOTALL)
    return apart[1] if apart else text


def content_at(node: Element, path: str) -> str:
    """The text at a path; "" if there is none."""
    return (node.findtext(path) or "").strip()
