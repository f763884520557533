"""The one parser of XML that arrives from the network. Pure.

It costs some milliseconds to import (lxml), so what the driver is loaded with imports it late.
"""

from __future__ import annotations

from lxml import etree


def parse_xml(content: bytes, encoding: str | None = None) -> etree._Element:
    """The root element of an XML document, without comments and processing instructions.

    Nothing is loaded, and no entity is resolved.

    :param encoding: The encoding of the content; None: the one that the content declares.
    :raises ValueError: It is not XML, or has a DOCTYPE.
    """
    # A new parser for each document: parsers must not be shared between threads.
    parser = etree.XMLParser(
        encoding=encoding,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        raise ValueError(f"not XML: {error}") from None
    if root is None:
        raise ValueError("not XML: empty")
    if root.getroottree().docinfo.internalDTD is not None:
        raise ValueError("it has a DOCTYPE, which is not accepted")
    return root
