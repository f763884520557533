"""Sphinx's configuration of `make docs`. Its source is the root of the repository: so the relative
links of all pages, such as ../README.md, are the same as in a plain checkout.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import libcloud_ovm3

project = "libcloud-ovm3"
author = "The libcloud-ovm3 developers"
copyright = author
version = release = libcloud_ovm3.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
root_doc = "docs/index"
include_patterns = ["*.md", "docs/**.md"]
exclude_patterns = [".*", "build", "dist", "libcloud_ovm3", "tests"]
nitpicky = True
nitpick_ignore_regex = [
    # Of other projects, whose inventories are in the network.
    (r"py:.*", r"(collections|libcloud|paramiko|pathlib|threading|warnings)\..*"),
    (
        r"py:class",
        r"Node(AuthPassword|AuthSSHKey|Image|Location|Size)?|Deployment|KeyPair|StorageVolume|VolumeSnapshot",
    ),
    (r"py:exc", r"DeploymentError"),
]

myst_heading_anchors = 4  # as GitHub makes them
html_theme = "furo"
html_title = f"libcloud-ovm3 {release}"
html_extra_path = ["html"]  # index.html at the top, which leads to the root page
html_static_path = ["static"]
html_css_files = ["style.css"]
html_copy_source = False

autoclass_content = "both"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 88


# What this package defines: modules, classes, functions, constants, and annotated attributes.
SOURCES = list(Path(libcloud_ovm3.__file__).parent.rglob("*.py"))
DEFINITION = r"^ *(?:class |def |(?=[A-Z_]+\b.* = )|(?=\w+: ))(\w+)"
DEFINED = {source.stem for source in SOURCES}.union(
    *(re.findall(DEFINITION, source.read_text("utf-8"), re.MULTILINE) for source in SOURCES)
)


def leave_as_text(_app: Any, _environment: Any, node: Any, content: Any) -> Any:
    """References to what exists, but is internal and so not in the reference."""
    return content if node["reftarget"].rpartition(".")[2] in DEFINED else None


def link_pages(_app: Any, _what: str, _name: str, _object: Any, _: Any, lines: list[str]) -> None:
    """Make links of the names of pages in docstrings: "docs/tls.md"."""
    lines[:] = [
        re.sub(r"(?:``)?\b(docs/([\w-]+))\.md\b(?:``)?", r":doc:`\2.md </\1>`", line)
        for line in lines
    ]


def hide_signatures(_app: Any, what: str, *rest: Any) -> tuple[str, None] | None:
    """Of errors, which callers catch and do not make."""
    *_, signature, _ = rest
    return ("", None) if what == "exception" and signature else None


def setup(app: Any) -> None:
    app.connect("missing-reference", leave_as_text)
    app.connect("autodoc-process-signature", hide_signatures)
    app.connect("autodoc-process-docstring", link_pages)
