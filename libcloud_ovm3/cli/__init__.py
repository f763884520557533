"""``ovm3``: the command line."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from libcloud_ovm3._version import __version__

INTERRUPTED = 130  # exit status after Ctrl-C, as shells have it: 128 + SIGINT


def main() -> None:
    """Run ``ovm3``, the console script."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not ignored, as by nohup
        signal.signal(signal.SIGINT, _interrupt)
    try:
        from libcloud_ovm3.cli.commands import ovm3  # noqa: PLC0415 (needs the [cli] extra)
    except ImportError as error:
        if (error.name or "").startswith("libcloud_ovm3"):
            raise
        wheel = f"libcloud_ovm3-{__version__}-py3-none-any.whl[cli]"
        sys.exit(f"ovm3: {error.name} is missing: pip install '{wheel}'")
    except KeyboardInterrupt:  # nothing has begun yet
        sys.exit(INTERRUPTED)
    try:
        ovm3(prog_name="ovm3")
    except SystemExit as ended:
        if ended.code == INTERRUPTED:
            os._exit(INTERRUPTED)  # Python would wait for threads that read from slow hosts
        raise


def _interrupt(*_: Any) -> None:
    """Ctrl-C: end the command in order; the next one ends it at once."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    raise KeyboardInterrupt
