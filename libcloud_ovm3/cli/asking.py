"""Questions to the person at the terminal: on stderr, and answered or refused in words."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import click

from libcloud_ovm3.cli.output import tell
from libcloud_ovm3.errors import InvalidArgument

_WITHOUT = "add --yes to do so without a question"


def ask_password(prompt: str, instead: str) -> str:
    """Ask for a password, without displaying it.

    :param instead: what somebody does who cannot be asked.
    :raises InvalidArgument: The input ended.
    """
    try:
        password: str = click.prompt(prompt, hide_input=True, err=True)
    except click.Abort as error:
        _check_end(error, f"{prompt}: not given; {instead}")
        raise
    return password


def is_confirmed(question: str, instead: str) -> bool:
    """Ask a question; True: the answer was yes.

    :param instead: what somebody does who cannot be asked.
    :raises InvalidArgument: The input ended.
    """
    click.echo(nl=False)  # flushes stdout: in a pipe (`| tee`) the question is about what is there
    try:
        return click.confirm(question, err=True)
    except click.Abort as error:
        _check_end(error, f"nobody answered the question: {instead}")
        raise


def has_terminal() -> bool:
    """Return whether there is someone to ask."""
    return sys.stdin is not None and sys.stdin.isatty()


def require_answer(is_agreed: bool, what: str = "this deletes data") -> None:
    """Check that what deletes data was agreed to, or that somebody can be asked.

    :param is_agreed: the option --yes.
    :param what: what it would do.
    :raises InvalidArgument: Neither.
    """
    if not is_agreed and not has_terminal():
        raise InvalidArgument(f"{what}, and without a terminal nobody can be asked: {_WITHOUT}")


def require_agreed(
    plan: Sequence[str], plan_now: Callable[[], Sequence[str]], question: str = "Delete this?"
) -> None:
    """Say what would be deleted, and ask for it.

    :param plan: what would be done, a line each.
    :param plan_now: reads the same anew.
    :raises click.Abort: the answer was no.
    :raises click.ClickException: it was yes to something that is no longer so.
    """
    for line in plan:
        tell(line)
    if not is_confirmed(question, _WITHOUT):
        raise click.Abort
    if list(plan_now()) != list(plan):
        raise click.ClickException(
            "this has changed while you were asked, so nothing was deleted; see what it is now by "
            "the same command"
        )


def is_interrupt(error: BaseException) -> bool:
    """Return whether it is Ctrl-C, also at a prompt; not the end of the input, or the answer no."""
    origin = error.__cause__ or error.__context__
    return isinstance(error, KeyboardInterrupt) or isinstance(origin, KeyboardInterrupt)


def _check_end(error: click.Abort, message: str) -> None:
    if not is_interrupt(error):
        click.echo(err=True)  # after the question
        raise InvalidArgument(message) from None
