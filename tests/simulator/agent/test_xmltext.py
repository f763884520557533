"""The agent's documents are written as the standard library writes them."""

from __future__ import annotations

from xml.etree.ElementTree import Element, tostring

from hypothesis import given
from hypothesis import strategies as st

from libcloud_ovm3.simulator.agent import xmltext

TEXTS = st.text(st.sampled_from("ab<>&\"'é\r\n\t ]"), max_size=6)
ADDED = st.tuples(st.sampled_from(["a", "a/b", "a/b/c", "d"]), TEXTS, TEXTS)


@given(st.lists(ADDED, max_size=8))
def test_a_document_is_written_as_by_the_standard_library(
    added: list[tuple[str, str, str]],
) -> None:
    root = Element("Root")
    for path, text, value in added:
        xmltext.add(root, path, text, **({"name": value} if value else {}))
    begin = '<?xml version="1.0" ?>'
    assert xmltext.document(root) == begin + tostring(root, encoding="unicode")
