"""``ovm3 host``: the host module into a host's agent, and out of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from libcloud_ovm3.agent.address import parse_address
from libcloud_ovm3.cli.options import access_options, make_estate, reported
from libcloud_ovm3.cli.output import show, show_text, tell

if TYPE_CHECKING:
    from libcloud_ovm3.agent.functions import Agent
    from libcloud_ovm3.installer import Done, Ssh, State

_F = TypeVar("_F", bound=Callable[..., Any])
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_SSH_PASSWORD = "OVM3_SSH_PASSWORD"  # noqa: S105 (the name of a variable)
_SSH = (
    click.argument("where", metavar="HOST[:PORT]"),
    click.option("--ssh-port", default=22, show_default=True, help="The port of SSH on HOST."),
    click.option("--ssh-user", default="root", show_default=True, help="Must be able to do all."),
    click.option("--ssh-key", type=_FILE, help="A private key; else those that ssh would try."),
    click.option("--ssh-password", "ask_password", is_flag=True,
                 help=f"Ask for the password of key or user; ${_SSH_PASSWORD} is one, too."),
    click.option("--known-hosts", type=_FILE, help="Default: ~/.ssh/known_hosts."),
    click.option("--ssh-fingerprint", metavar="SHA256:...",
                 help="HOST's own key, as `ssh-keygen -lf` prints it there."),
    click.option("--no-tls", is_flag=True, help="The agent has ssl=disable: all goes in clear."),
    click.option("--root", default="", hidden=True),
)  # fmt: skip
_DRY_RUN = click.option("--dry-run", is_flag=True, help="Show what would change, change nothing.")
_RESTART_XEND = click.option(
    "--restart-xend", is_flag=True,
    help="Restart xend where its restart time was patched, if no guest is between two states.",
)  # fmt: skip


def _ssh_options(command: _F) -> _F:
    command = access_options(command)
    for option in reversed(_SSH):
        command = option(command)
    return command


@click.group()
def host() -> None:
    """The host module: what the agent lacks, put into a host and taken out again."""


@host.command()
@_ssh_options
@click.option(
    "--without-patch",
    "without",
    multiple=True,
    metavar="NAME",
    help="A patch to leave out: zeroconf, vlan-bridge, restart-time; several times.",
)
@click.option("--ssl", type=click.Choice(["enable", "disable"]), help="Set it in agent.ini.")
@click.option("--set-port", type=int, metavar="N", help="Set port= in agent.ini.")
@_RESTART_XEND
@_DRY_RUN
def install(
    without: tuple[str, ...], ssl: str | None, set_port: int | None, restart_xend: bool,
    dry_run: bool, **options: Any,
) -> None:  # fmt: skip
    """Put the module into the agent of HOST, and mend what is known to be wrong there.

    Running it again finishes what a dropped line has left, and changes nothing where all is done.
    """
    from libcloud_ovm3 import installer  # noqa: PLC0415 (pays for paramiko only when it is used)

    with reported(), _Line(options) as line:
        done = installer.install(
            line.ssh,
            line.agent(),
            root=line.root,
            without=without,
            ssl=None if ssl is None else ssl == "enable",
            port=set_port,
            moved=line.moved,
            restart_xend=restart_xend,
            dry_run=dry_run,
            tell=tell,
        )
        _show_done(done, dry_run)


@host.command()
@_ssh_options
def check(**options: Any) -> None:
    """Say whether the module is on HOST, whole, and answering; and which patches are there."""
    from libcloud_ovm3 import installer  # noqa: PLC0415

    with reported(), _Line(options) as line:
        state = installer.check(line.ssh, line.agent(), root=line.root)
        _show_state(state)
    if state.verdict not in ("answering", "not installed"):
        raise SystemExit(1)


@host.command()
@_ssh_options
@_RESTART_XEND
@_DRY_RUN
def uninstall(restart_xend: bool, dry_run: bool, **options: Any) -> None:
    """Take the module and its patches out of HOST again, and nothing else."""
    from libcloud_ovm3 import installer  # noqa: PLC0415

    with reported(), _Line(options) as line:
        done = installer.uninstall(
            line.ssh,
            line.agent(),
            root=line.root,
            moved=line.moved,
            restart_xend=restart_xend,
            dry_run=dry_run,
            tell=tell,
        )
        _show_done(done, dry_run)


class _Line:
    """SSH to a host, and its agent, for one command."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.root: str = options.pop("root")
        self._where: str = options.pop("where")
        self._secure: bool = not options.pop("no_tls")
        self._ssh_options = {
            name: options.pop(name)
            for name in ("ssh_port", "ssh_user", "ssh_key", "ask_password", "known_hosts",
                         "ssh_fingerprint")
        }  # fmt: skip
        self._options = options
        self.ssh: Ssh

    def __enter__(self) -> _Line:
        from libcloud_ovm3.installer import connect  # noqa: PLC0415

        asked = self._ssh_options
        password = os.environ.get(_SSH_PASSWORD)
        if password is None and asked["ask_password"]:
            password = click.prompt("SSH password", hide_input=True)
        self.ssh = connect(
            parse_address(self._where).host,
            asked["ssh_port"],
            asked["ssh_user"],
            password=password,
            key_file=asked["ssh_key"],
            known_hosts=asked["known_hosts"],
            host_fingerprint=asked["ssh_fingerprint"],
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.ssh.close()

    def agent(self) -> Agent:
        """The host's agent, by the usual options."""
        return self._agent(self._where, self._secure)

    def moved(self, port: int | None, secure: bool | None) -> Agent:
        """The agent once agent.ini has been changed."""
        here = parse_address(self._where)
        place = here if port is None else here._replace(port=port)
        return self._agent(str(place), self._secure if secure is None else secure)

    def _agent(self, place: str, secure: bool) -> Agent:
        options = self._options
        if not secure:  # what says how to trust a certificate would contradict it
            options = {**options, "pins": (), "ca_cert": None, "tls_server_name": None}
        estate = make_estate(hosts=(place,), **options, secure=secure)
        return estate.agent(estate.given[0])


def _show_done(done: Done, dry_run: bool) -> None:
    if dry_run:
        show_text(done.plan or "nothing to do")
    elif not done.changed:
        show("nothing to do")
    _show_state(done.state)


def _show_state(state: State) -> None:
    show(f"{state.verdict}: {state.text}")
    for name, patch in state.patches.items():
        show(f"patch {name}: {patch}")
