"""The exit statuses of ``ovm3``, the same for all commands."""

from __future__ import annotations

import click

from libcloud_ovm3.agent.call_kinds import kind_of
from libcloud_ovm3.cli import INTERRUPTED
from libcloud_ovm3.errors import OperationIncomplete, OutcomeUnknown, Ovm3Error, WaitTimeout

OK, FAILED, USAGE, INCOMPLETE = 0, 1, 2, 3

EXIT_CODES = {
    OK: "done, or nothing had to be done",
    FAILED: "failed; nothing was changed, or the message names the state that was read afterwards. "
    "`ovm3 doctor`, `ovm3 report`, `ovm3 host check`, `ovm3 vm fits` and `ovm3 network control0`: "
    "problems were found",
    USAGE: "wrong arguments; nothing was sent",
    INCOMPLETE: "a change was sent and was not completed, its outcome is unknown, or it may still "
    "take effect: look before you repeat it",
    INTERRUPTED: "interrupted with Ctrl-C",
}


def exit_code_of(error: Ovm3Error, is_read: bool = False) -> int:
    """Return the exit status of a command that this error has ended.

    :param is_read: whether the command changes nothing, whatever it calls.
    """
    if is_read:
        return FAILED
    if isinstance(error, OperationIncomplete | WaitTimeout):
        return INCOMPLETE
    was_change = error.function is None or kind_of(error.function) != "read"
    return INCOMPLETE if isinstance(error, OutcomeUnknown) and was_change else FAILED


class Incomplete(click.ClickException):
    """Ends a command whose outcome is unknown or incomplete."""

    exit_code = INCOMPLETE


def failure_of(error: Ovm3Error, message: str, is_read: bool = False) -> click.ClickException:
    """Return what ends a command with this message and the status that belongs to the error."""
    is_incomplete = exit_code_of(error, is_read) == INCOMPLETE
    return Incomplete(message) if is_incomplete else click.ClickException(message)
