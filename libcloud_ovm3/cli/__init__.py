"""``ovm3``: the command line."""

from __future__ import annotations

import sys


def main() -> None:
    """Run ``ovm3``, the console script."""
    try:
        from libcloud_ovm3.cli.commands import ovm3  # noqa: PLC0415 (needs the [cli] extra)
    except ImportError as error:
        if (error.name or "").startswith("libcloud_ovm3"):
            raise
        sys.exit(f"ovm3: {error.name} is missing: pip install 'libcloud-ovm3[cli]'")
    ovm3(prog_name="ovm3")
