"""The top-level command group: handles errors that end a command, and closed streams."""

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
    """A group that prints its error messages through :mod:`.output`, like all other text."""

    def main(self, args: Sequence[str] | None = None, **more: Any) -> Any:  # type: ignore[override]
        """Like click's own, but each error is one line, whatever it contains."""
        if not more.pop("standalone_mode", True):
            return super().main(args, standalone_mode=False, **more)
        for stream in (sys.stdout, sys.stderr):  # click's own texts, help for example
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        status: Any = 1
        try:
            status = self._status(args, more)
        except BrokenPipeError:
            pass  # the reader of a pipe has exited
        except OSError as error:  # a full disk, a file that cannot be read
            with contextlib.suppress(OSError):
                tell(f"Error: {error}")
        sys.exit(status if _flushed(sys.stdout) and _flushed(sys.stderr) else 1)

    def _status(self, args: Sequence[str] | None, more: dict[str, Any]) -> Any:
        """Run the command and return its exit status."""
        try:
            result: Any = super().main(args, standalone_mode=False, **more)
        except SystemExit as ended:
            return ended.code
        except click.UsageError as error:
            _tell_usage(error)
            return error.exit_code
        except click.ClickException as error:
            tell(f"Error: {error.format_message()}")
            return error.exit_code
        except (click.Abort, KeyboardInterrupt):
            tell("Aborted.")
            return 1
        return result if isinstance(result, int) else 0


def _tell_usage(error: click.UsageError) -> None:
    if error.ctx is not None:
        for line in error.ctx.get_usage().splitlines():
            tell(line)
        if error.ctx.help_option_names:
            tell(f"Try '{error.ctx.command_path} {error.ctx.help_option_names[0]}' for help.")
        tell("")
    tell(f"Error: {error.format_message()}")


def _flushed(stream: TextIO | None) -> bool:
    """Flush. What cannot be written is discarded, or Python would report an error at exit."""
    if stream is None:
        return True
    try:
        stream.flush()
    except OSError:
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return False
    return True
