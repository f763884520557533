"""An answer's document as elements: read strictly, and what may be taken from an element. Pure.

"Nothing there" is an empty root element and nothing else (agent-behaviour 2): a root that holds
something other than what its document is known to hold is not understood (:func:`known`).
"""

from __future__ import annotations

import re

from lxml import etree

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
    """The root element of any XML document, without comments and processing instructions.

    Nothing is loaded and no entity is resolved: the text comes from the network.

    :raises MalformedResponse: It is not XML, or has a DOCTYPE.
    """
    # The encoding is given: the text may declare another one, which no longer holds in a string.
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
        raise MalformedResponse(f"not an XML document: {error}") from None
    if root is None or root.getroottree().docinfo.internalDTD is not None:
        raise MalformedResponse(f"an XML document with a DOCTYPE, {document[:60]!r}")
    return root


def find(node: Element, path: str) -> Element:
    """The element there; an empty one if there is none."""
    found = node.find(path)
    return found if found is not None else etree.Element("nothing")


def only(root: Element, path: str) -> Element | None:
    """The one element that the root is known to hold; None: the root is empty.

    :raises MalformedResponse: it holds other things only, or several of these.
    """
    found = known(root, path)
    if found is not None and len(root.findall(path)) > 1:
        raise MalformedResponse(f"{root.tag}: several {path}: not understood")
    return found


def found_in(root: Element, path: str) -> Element:
    """The same; an empty element if the root is empty.

    :raises MalformedResponse: as above.
    """
    found = only(root, path)
    return found if found is not None else etree.Element("nothing")


def known(root: Element, *paths: str) -> Element | None:
    """The first of these that the root holds; None: the root is empty, so nothing is there.

    :raises MalformedResponse: it holds other things only.
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
    """An element's own text, without blanks around it."""
    return (node.text or "").strip()


def name_in(node: Element) -> str:
    """The name that an element holds, with the blanks that belong to it; "": it holds none.

    Where the document sets its texts on lines of their own, that is taken off.
    """
    text = node.text or ""
    if len(node) or (not text.strip() and "\n" in text):
        return ""
    apart = re.fullmatch("\n[ \t]*(.*?)\n[ \t]*", text, re.DOTALL)
    return apart[1] if apart else text


def content_at(node: Element, path: str) -> str:
    """The text there; "" if there is none."""
    return (node.findtext(path) or "").strip()
