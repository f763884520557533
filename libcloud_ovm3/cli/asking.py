"""Questions to the person at the terminal: on stderr, and answered or refused in words."""

from __future__ import annotations

import click

from libcloud_ovm3.errors import InvalidArgument


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


def is_interrupt(error: BaseException) -> bool:
    """Return whether it is Ctrl-C, also at a prompt; not the end of the input, or the answer no."""
    origin = error.__cause__ or error.__context__
    return isinstance(error, KeyboardInterrupt) or isinstance(origin, KeyboardInterrupt)


def _check_end(error: click.Abort, message: str) -> None:
    if not is_interrupt(error):
        click.echo(err=True)  # after the question
        raise InvalidArgument(message) from None
