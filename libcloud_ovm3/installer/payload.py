"""What is put on a host: the files of ``libcloud_ovm3._hostside``, and where each one goes."""

from __future__ import annotations

import hashlib
from importlib import import_module, resources

DOOR = "agent/api/libcloud_ovm3.py"  # below site-packages
FOLDER = "libcloud_ovm3_host"
MANIFEST = f"{FOLDER}/manifest"
BACKUP = "backup"  # below FOLDER: edited files as they were, for people


def api() -> int:
    """The number of the module that this program carries (docs/host-module.md, Versions)."""
    return int(import_module("libcloud_ovm3._hostside.version").API)


def files() -> dict[str, bytes]:
    """Name below site-packages -> content. The agent's door comes last: it opens the others."""
    found = {
        entry.name: entry.read_bytes()
        for entry in resources.files("libcloud_ovm3._hostside").iterdir()
        if entry.name.endswith(".py")
    }
    door = found.pop("libcloud_ovm3.py")
    return {**{f"{FOLDER}/{name}": found[name] for name in sorted(found)}, DOOR: door}


def manifest(contents: dict[str, bytes]) -> bytes:
    """What an installation consists of, as ``md5sum -c`` takes it in site-packages."""
    lines = [f"{md5(content)}  {name}\n" for name, content in sorted(contents.items())]
    return "".join(lines).encode()


def listed(text: bytes) -> dict[str, str]:
    """A manifest's names and checksums."""
    lines = text.decode("utf-8", "replace").splitlines()
    return {name: value for value, _, name in (line.partition("  ") for line in lines)}


def md5(content: bytes) -> str:
    """A checksum that even the oldest dom0 can make; it guards against accidents only."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
