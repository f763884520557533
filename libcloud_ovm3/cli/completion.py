"""``ovm3 completion``: the script for the shell that completes commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from libcloud_ovm3.cli.output import show_text

_SHELLS = ("bash", "zsh", "fish")
_VARIABLE = "_OVM3_COMPLETE"  # with which the script asks ovm3; click's usual name


@click.command()
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script for a shell.

    bash: add `eval "$(ovm3 completion bash)"` to ~/.bashrc; zsh: the same with zsh in ~/.zshrc;
    fish: `ovm3 completion fish > ~/.config/fish/completions/ovm3.fish`.
    """
    kind = get_completion_class(shell)
    assert kind is not None  # one of _SHELLS
    show_text(kind(context.find_root().command, {}, "ovm3", _VARIABLE).source().rstrip())
