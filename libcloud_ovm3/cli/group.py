"""The outermost group of ``ovm3``: what becomes of errors that end a command, and of streams."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Sequence
from typing import Any, TextIO

import click

from libcloud_ovm3.cli.output import tell


class Group(click.Group):
    """A group whose last words go through :mod:`.output` like all else."""

    def main(self, args: Sequence[str] | None = None, **more: Any) -> Any:  # type: ignore[override]
        """As click has it, but for errors: one line each, whatever stands in them."""
        if not more.pop("standalone_mode", True):
            return super().main(args, standalone_mode=False, **more)
        for stream in (sys.stdout, sys.stderr):  # click's own texts, help for example
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        status: Any = 1
        try:
            status = self._status(args, more)
        except BrokenPipeError:
            pass  # whoever read has gone
        except OSError as error:  # a full disk, a file that cannot be read
            with contextlib.suppress(OSError):
                tell(f"Error: {error}")
        sys.exit(status if _flushed(sys.stdout) and _flushed(sys.stderr) else 1)

    def _status(self, args: Sequence[str] | None, more: dict[str, Any]) -> Any:
        """Run the command: its exit status."""
        try:
            answer: Any = super().main(args, standalone_mode=False, **more)
        except SystemExit as ended:
            return ended.code
        except click.UsageError as error:
            _tell_usage(error)
            return error.exit_code
        except click.ClickException as error:
            tell(f"Error: {error.format_message()}")
            return error.exit_code
        except (click.Abort, KeyboardInterrupt):
            tell("Aborted!")
            return 1
        return answer if isinstance(answer, int) else 0


def _tell_usage(error: click.UsageError) -> None:
    if error.ctx is not None:
        for line in error.ctx.get_usage().splitlines():
            tell(line)
        if error.ctx.help_option_names:
            tell(f"Try '{error.ctx.command_path} {error.ctx.help_option_names[0]}' for help.")
        tell("")
    tell(f"Error: {error.format_message()}")


def _flushed(stream: TextIO | None) -> bool:
    """Write out what waits. What cannot be written goes nowhere, or Python would fail at exit."""
    if stream is None:
        return True
    try:
        stream.flush()
    except OSError:
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return False
    return True
