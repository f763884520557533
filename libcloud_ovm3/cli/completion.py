"""``ovm3 completion``: the script for the shell that completes commands and options."""

from __future__ import annotations

import warnings

import click
from click.shell_completion import get_completion_class

from libcloud_ovm3.cli.examples import examples
from libcloud_ovm3.cli.output import show_text
from libcloud_ovm3.cli.sections import Command
from libcloud_ovm3.errors import InvalidArgument, Ovm3Warning
from libcloud_ovm3.estates_file.reading import read_estates

_SHELLS = ("bash", "zsh", "fish")
_VARIABLE = "_OVM3_COMPLETE"  # with which the script asks ovm3; click's usual name


def estate_names(*arguments: object) -> list[str]:
    """Return the names of the estates that begin with what is typed; no host is contacted.

    :param arguments: click's: the context, the parameter and what is typed.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Ovm3Warning)  # the command itself says what is wrong
        try:
            names = read_estates().estates
        except InvalidArgument:
            return []
    return [name for name in names if name.startswith(str(arguments[2]))]


@click.command(cls=Command, epilog=examples("ovm3 completion bash"))
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script for a shell.

    bash: add `eval "$(ovm3 completion bash)"` to ~/.bashrc; zsh: the same with zsh in ~/.zshrc;
    fish: `ovm3 completion fish | source` in ~/.config/fish/config.fish.
    """
    kind = get_completion_class(shell)
    assert kind is not None  # one of _SHELLS
    show_text(kind(context.find_root().command, {}, "ovm3", _VARIABLE).source().rstrip())
