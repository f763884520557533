"""Help in two sections: a command's own options, and those that every command has."""

from __future__ import annotations

import click


class ConnectionOption(click.Option):
    """An option that says how to reach the hosts; an estate saves most of them."""


class Command(click.Command):
    """A command whose help lists the options for the connection last, under their own heading."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write both lists."""
        own: list[tuple[str, str]] = []
        shared: list[tuple[str, str]] = []
        for option in self.get_params(ctx):
            record = option.get_help_record(ctx)
            if record is not None and isinstance(option, click.Option):  # arguments have one, too
                (shared if isinstance(option, ConnectionOption) else own).append(record)
        for heading, records in (("Options", own), ("Connection (see `ovm3 estate`)", shared)):
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records)


class NounGroup(click.Group):
    """A group of such commands: ``ovm3 vm``, ``ovm3 host``."""

    command_class = Command
