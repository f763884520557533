"""What the scripts that generate files share."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def write(wanted: dict[Path, str], arguments: list[str]) -> int:
    """Write files that are out of date, or with ``--check`` only name them; the exit status."""
    stale = [
        path
        for path, text in wanted.items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    if "--check" not in arguments:
        for path in stale:
            path.write_text(wanted[path], encoding="utf-8")
        return 0
    for path in stale:
        sys.stderr.write(f"{path.relative_to(ROOT)} is out of date: run `make generate`\n")
    return 1 if stale else 0


def cells(texts: list[str]) -> str:
    """One row of a table in Markdown."""
    return "| " + " | ".join(text.replace("|", "\\|") for text in texts) + " |\n"
