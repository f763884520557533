"""``ovm3 host``: lists and shows hosts; installs, checks and uninstalls the host module."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from libcloud_ovm3.agent.address import parse_address
from libcloud_ovm3.cli.asking import ask_password
from libcloud_ovm3.cli.examples import examples
from libcloud_ovm3.cli.formats import document_option, output_option, show_document
from libcloud_ovm3.cli.host_certificate import certificate
from libcloud_ovm3.cli.options import (
    access_options,
    driver_options,
    make_driver,
    make_estate,
    reported,
)
from libcloud_ovm3.cli.output import show, show_text, tell
from libcloud_ovm3.cli.sections import NounGroup
from libcloud_ovm3.cli.tables import show_host, show_hosts, tell_unread
from libcloud_ovm3.compute.find import find_host

if TYPE_CHECKING:
    from libcloud_ovm3.agent.functions import Agent
    from libcloud_ovm3.installer import Result, SSHConnection, State

_F = TypeVar("_F", bound=Callable[..., Any])
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_SSH_PASSWORD = "OVM3_SSH_PASSWORD"  # noqa: S105 (the name of a variable)
_SSH = (
    click.argument("where", metavar="HOST[:PORT]"),
    click.option("--ssh-port", default=22, show_default=True, help="SSH port of HOST."),
    click.option("--ssh-user", default="root", show_default=True, metavar="NAME",
                 help="SSH user. Must be root."),
    click.option("--ssh-key", type=_FILE,
                 help="SSH private key.  [default: those that ssh would try]"),
    click.option("--ssh-password", "ask_password", is_flag=True,
                 help=f"Prompt for the password of key or user, unless ${_SSH_PASSWORD} is set."),
    click.option("--known-hosts", type=_FILE,
                 help="Known hosts file.  [default: ~/.ssh/known_hosts]"),
    click.option("--ssh-fingerprint", metavar="SHA256:...",
                 help="SSH host key of HOST, as `ssh-keygen -lf` prints it there."),
    click.option("--no-tls", is_flag=True,
                 help="Use plain HTTP (unencrypted), for agents with ssl=disable."),
    click.option("--root", default="", hidden=True),
)  # fmt: skip
_DRY_RUN = click.option(
    "--dry-run", is_flag=True, help="Show what would be changed, but change nothing."
)
_RESTART_XEND = click.option(
    "--restart-xend", is_flag=True,
    help="Restart xend if the restart-time patch is applied and no guest is changing state.",
)  # fmt: skip


def _ssh_options(command: _F) -> _F:
    command = access_options(command)
    for option in reversed(_SSH):
        command = option(command)
    return command


@click.group(
    cls=NounGroup, epilog=examples("ovm3 host list", "ovm3 host certificate ovm-1.example.com")
)
def host() -> None:
    """List and show hosts; install the host module."""


host.add_command(certificate)


@host.command("list", epilog=examples("ovm3 host list", "ovm3 host list -o json"))
@output_option
@driver_options
def list_hosts(form: str, **options: Any) -> None:
    """List the hosts of the pool with CPUs, memory and versions."""
    with reported(is_read=True):
        locations = make_driver(**options).list_locations()
        show_hosts(locations, form)
        tell_unread(locations)


@host.command("show", epilog=examples("ovm3 host show ovm-2"))
@output_option
@driver_options
@click.argument("name", metavar="NAME|ADDRESS|ID")
def show_one(name: str, form: str, **options: Any) -> None:
    """Show a host of the pool."""
    with reported(is_read=True):
        show_host(find_host(make_driver(**options), name), form)


@host.command(
    epilog=examples(
        "ovm3 host install ovm-1.example.com --dry-run", "ovm3 host install ovm-1.example.com"
    )
)
@_ssh_options
@click.option(
    "--without-patch",
    "without",
    multiple=True,
    metavar="NAME",
    help="Skip or revert a patch: zeroconf, vlan-bridge, restart-time. Repeatable.",
)
@click.option("--ssl", type=click.Choice(["enable", "disable"]), help="Set ssl= in agent.ini.")
@click.option("--set-port", type=int, metavar="N", help="Set port= in agent.ini.")
@_RESTART_XEND
@_DRY_RUN
def install(
    without: tuple[str, ...], ssl: str | None, set_port: int | None, restart_xend: bool,
    dry_run: bool, **options: Any,
) -> None:  # fmt: skip
    """Install the host module on HOST.

    Known defects of the host are fixed by patches. Running it again completes an
    interrupted installation, and changes nothing if it is complete.
    """
    from libcloud_ovm3 import installer  # noqa: PLC0415 (pays for paramiko only when it is used)

    with reported(), _Connection(options) as connection:
        result = installer.install(
            connection.ssh,
            connection.agent(),
            root=connection.root,
            without=without,
            ssl=None if ssl is None else ssl == "enable",
            port=set_port,
            reconnect=connection.reconnect,
            restart_xend=restart_xend,
            dry_run=dry_run,
            progress=tell,
        )
        _show_result(result, dry_run)


@host.command(
    epilog=examples(
        "ovm3 host check ovm-1.example.com", "ovm3 host check ovm-1.example.com -o json"
    )
)
@document_option
@_ssh_options
def check(form: str, **options: Any) -> None:
    """Show whether the host module is installed and working.

    Also shows which patches are applied. Exit status: 0 for "ok" and "not installed", else 1.
    """
    from libcloud_ovm3 import installer  # noqa: PLC0415

    address = options["where"]
    with reported(is_read=True), _Connection(options) as connection:
        state = installer.check(connection.ssh, connection.agent(), root=connection.root)
        if form == "table":
            _show_state(state)
        else:
            show_document(form, _record(address, state))
    if state.verdict not in ("ok", "not installed"):
        raise SystemExit(1)


@host.command(epilog=examples("ovm3 host uninstall ovm-1.example.com --dry-run"))
@_ssh_options
@_RESTART_XEND
@click.option(
    "--force", is_flag=True,
    help="Also if claims of VMs name the host, or may: it stays in them until a person takes it "
    "out.",
)  # fmt: skip
@_DRY_RUN
def uninstall(restart_xend: bool, force: bool, dry_run: bool, **options: Any) -> None:
    """Remove the host module and its patches from HOST."""
    from libcloud_ovm3 import installer  # noqa: PLC0415

    with reported(), _Connection(options) as connection:
        result = installer.uninstall(
            connection.ssh,
            connection.agent(),
            root=connection.root,
            reconnect=connection.reconnect,
            restart_xend=restart_xend,
            force=force,
            dry_run=dry_run,
            progress=tell,
        )
        _show_result(result, dry_run)


class _Connection:
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
        self.ssh: SSHConnection

    def __enter__(self) -> _Connection:
        from libcloud_ovm3.installer import connect  # noqa: PLC0415

        given = self._ssh_options
        password = os.environ.get(_SSH_PASSWORD)
        if password is None and given["ask_password"]:
            password = ask_password("SSH password", f"use the environment variable {_SSH_PASSWORD}")
        self.ssh = connect(
            parse_address(self._where).host,
            given["ssh_port"],
            given["ssh_user"],
            password=password,
            key_file=given["ssh_key"],
            known_hosts=given["known_hosts"],
            host_fingerprint=given["ssh_fingerprint"],
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.ssh.close()

    def agent(self) -> Agent:
        """Return the host's agent as the options say."""
        return self._agent(self._where, self._secure)

    def reconnect(self, port: int | None, secure: bool | None) -> Agent:
        """Return the agent as it is reached after a change of agent.ini; None: as before."""
        here = parse_address(self._where)
        address = here if port is None else here._replace(port=port)
        return self._agent(str(address), self._secure if secure is None else secure)

    def _agent(self, address: str, secure: bool) -> Agent:
        options = self._options
        if not secure:  # options for TLS would contradict it
            options = {**options, "pins": (), "ca_cert": None, "tls_server_name": None}
        estate = make_estate(hosts=(address,), **options, secure=secure)
        return estate.agent(estate.given[0])


def _show_result(result: Result, dry_run: bool) -> None:
    if dry_run:
        show_text(result.plan or "nothing to change")
    elif not result.changed:
        show("nothing to change")
    _show_state(result.state)


def _show_state(state: State) -> None:
    begins = state.text.startswith(state.verdict)
    show(state.text if begins else f"{state.verdict}: {state.text}")
    for name, patch in state.patches.items():
        show(f"patch {name}: {patch}")


def _record(address: str, state: State) -> dict[str, Any]:
    return {
        "host": address,
        "verdict": state.verdict,
        "text": state.text,
        "api": state.api or None,
        "patches": dict(state.patches),
    }
