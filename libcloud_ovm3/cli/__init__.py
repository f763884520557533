"""``ovm3``: the drivers for people, from the command line."""

from __future__ import annotations

import sys


def main() -> None:
    """The entry point of ``ovm3``."""
    try:
        from libcloud_ovm3.cli.commands import ovm3  # noqa: PLC0415 (needs the [cli] extra)
    except ImportError as error:
        sys.exit(f"ovm3: {error.name} is missing: pip install 'libcloud-ovm3[cli]'")
    ovm3(prog_name="ovm3")
