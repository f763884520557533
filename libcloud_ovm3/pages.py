"""Where the documentation is: its pages are installed with the package, for messages to name."""

from __future__ import annotations

import re
from pathlib import Path

_HERE = Path(__file__).parent
_NAMED = "the page {} of the documentation"


def folder() -> Path | None:
    """The directory of the pages; None if whoever installed the package has left them out.

    In a wheel they are part of the package, in a clone of the repository they lie beside it.
    """
    found = (_HERE / "_docs", _HERE.parent / "docs")
    return next((one for one in found if (one / "a-host-is-dead.md").exists()), None)


def page(name: str) -> str:
    """How a message names a page: by the path of the file, which the reader can open.

    :param name: The name of its file, such as ``tls.md``.
    """
    where = folder()
    return _NAMED.format(name) if where is None else str(where / name)


def by_name(text: str) -> str:
    """A text that names pages, for readers on other machines, where the paths lead nowhere."""
    where = folder()
    if where is None:
        return text
    return re.sub(re.escape(f"{where}/") + r"([\w-]+\.md)", _NAMED.format(r"\1"), text)
