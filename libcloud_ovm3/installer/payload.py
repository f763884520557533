"""The files to install: those of ``libcloud_ovm3._hostside``, and the location of each."""

from __future__ import annotations

import hashlib
from importlib import import_module, resources

ENTRY_POINT = "agent/api/libcloud_ovm3.py"  # below site-packages
FOLDER = "libcloud_ovm3_host"
MANIFEST = f"{FOLDER}/manifest"
BACKUP = "backup"  # below FOLDER: original contents of changed files, for people


def api() -> int:
    """Return the API number of the module in this package (docs/host-module.md, Versions)."""
    return int(import_module("libcloud_ovm3._hostside.version").API)


def files() -> dict[str, bytes]:
    """Return contents by name below site-packages. The entry point, which loads all, is last."""
    found = {
        entry.name: entry.read_bytes()
        for entry in resources.files("libcloud_ovm3._hostside").iterdir()
        if entry.name.endswith(".py")
    }
    entry_point = found.pop("libcloud_ovm3.py")
    return {**{f"{FOLDER}/{name}": found[name] for name in sorted(found)}, ENTRY_POINT: entry_point}


def manifest(contents: dict[str, bytes]) -> bytes:
    """Return the list of installed files, in the format of ``md5sum -c`` in site-packages."""
    lines = [f"{md5(content)}  {name}\n" for name, content in sorted(contents.items())]
    return "".join(lines).encode()


def parse_manifest(text: bytes) -> dict[str, str]:
    """Return a manifest's checksums by name."""
    lines = text.decode("utf-8", "replace").splitlines()
    return {name: value for value, _, name in (line.partition("  ") for line in lines)}


def md5(content: bytes) -> str:
    """Return a checksum that even the oldest dom0 supports; it guards against accidents only."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
