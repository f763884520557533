"""The top-level command group: handles errors that end a command, and closed streams."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Sequence
from typing import Any, TextIO

import click

from libcloud_ovm3.cli import INTERRUPTED
from libcloud_ovm3.cli.asking import is_interrupt
from libcloud_ovm3.cli.output import tell, tell_text
from libcloud_ovm3.cli.progress import Watch, watched

_QUIET = "libcloud_ovm3.quiet"
# What shows what a function has left, by a part of the function's name.
_SHOWN_BY = (
    ("_upload", "`ovm3 file ls --uploads` (--resume goes on with that of a file)"),
    ("repository", "`ovm3 repository list`"),
    ("import_", "`ovm3 image list` (without the host module: `ovm3 file ls REPOSITORY`)"),
)
_COMPLETES = "`ovm3 host check HOST` shows the state; running the same command again completes it"


class Group(click.Group):
    """A group that prints its error messages through :mod:`.output`, like all other text.

    It shows what its commands wait for and, after Ctrl-C, what was sent.
    """

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.params.append(
            click.Option(["-q", "--quiet"], is_flag=True, expose_value=False,
                         help="Do not show what is waited for.", callback=_note_quiet)
        )  # fmt: skip

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        if ctx.parent is not None:
            return super().invoke(ctx)
        try:
            with watched(ctx.meta.get(_QUIET, False)) as watch:
                return super().invoke(ctx)
        except (KeyboardInterrupt, click.Abort) as error:
            if not is_interrupt(error):
                raise
            _tell_sent(watch)
            raise SystemExit(INTERRUPTED) from None

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
        except click.Abort as error:
            if is_interrupt(error):  # before any command has begun
                return INTERRUPTED
            tell("Aborted.")
            return 1
        return result if isinstance(result, int) else 0


def _note_quiet(ctx: click.Context, _: click.Parameter, is_quiet: bool) -> None:
    ctx.meta[_QUIET] = is_quiet


def _tell_sent(watch: Watch) -> None:
    sent = watch.sent()
    if sys.stderr is not None and sys.stderr.isatty():
        tell("")  # after the ^C that the terminal shows
    if not sent:
        tell("Interrupted. Nothing that changes anything was sent.")
        return
    tell("Interrupted. What was sent before, each call once:")
    for line in sent:
        tell(f"  {line}")
    if any("SSH" in line for line in sent):
        tell(_COMPLETES)
        return
    functions = {line.partition(" ")[0] for line in sent}
    shown = [show for part, show in _SHOWN_BY if any(part in one for one in functions)]
    if not shown:
        shown = [f"`ovm3 vm show {watch.vm}`" if watch.vm else "`ovm3 vm list`", "`ovm3 doctor`"]
    tell(f"See what is there now before you repeat anything: {', '.join(shown)}")


def _tell_usage(error: click.UsageError) -> None:
    # A group without a command: the message is the help. Before click 8.2 this was no error.
    if isinstance(error, getattr(click.exceptions, "NoArgsIsHelpError", ())):
        tell_text(error.format_message())
        return
    if error.ctx is not None:
        for line in error.ctx.get_usage().splitlines():
            tell(line)
        if error.ctx.help_option_names:
            tell(f"Try '{error.ctx.command_path} {error.ctx.help_option_names[0]}' for help.")
        tell("")
    message = error.format_message()
    if isinstance(error, click.MissingParameter):  # click's own words: one choice per line
        message = " ".join(message.split())
    tell(f"Error: {message}")


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
