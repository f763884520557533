"""What the guest of a new VM is told: options of ``ovm3 vm create``; ``ovm3 vm remove-seed``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from libcloud.compute.base import NodeAuthPassword, NodeAuthSSHKey

from libcloud_ovm3.agent.option_values import quoted, why_unreadable
from libcloud_ovm3.agent.seed_files import vm_of
from libcloud_ovm3.cli.asking import require_agreed, require_answer
from libcloud_ovm3.cli.examples import examples
from libcloud_ovm3.cli.options import driver_options, make_driver, reported
from libcloud_ovm3.cli.output import show
from libcloud_ovm3.cli.sections import Command
from libcloud_ovm3.compute.find import find_vm
from libcloud_ovm3.errors import InvalidArgument
from libcloud_ovm3.estates_file.named import read_password_file

_F = TypeVar("_F", bound=Callable[..., Any])
_FILE = click.Path(path_type=Path)
_LONGEST = 1 << 20  # bytes of a file: more than the driver takes


def guest_options(command: _F) -> _F:
    """The options that say what the guest is told."""
    for option in reversed(
        (
            click.option(
                "--ssh-key",
                type=_FILE,
                metavar="FILE",
                help="A public key (.pub) with which root can log in.",
            ),
            click.option(
                "--key-name",
                metavar="NAME",
                help="A key pair (see `ovm3 key list`) whose public key root gets.",
            ),
            click.option(
                "--root-password-file",
                type=_FILE,
                metavar="FILE",
                help="root's password, in the first line of a file; the guest gets a hash.",
            ),
            click.option(
                "--user-data",
                type=_FILE,
                metavar="FILE",
                help="User data for cloud-init: a cloud-config, a script, or MIME.",
            ),
            click.option(
                "--network-format",
                type=click.Choice(["1", "2"]),
                help="Of cloud-init's network-config.  [default: 1]",
            ),
        )
    ):
        command = option(command)
    return command


def guest_arguments(
    ssh_key: Path | None,
    key_name: str | None,
    root_password_file: Path | None,
    user_data: Path | None,
    network_format: str | None,
) -> dict[str, Any]:
    """These options as arguments of ``create_node``.

    :raises InvalidArgument: a file cannot be read, or two contradict each other.
    """
    if ssh_key is not None and root_password_file is not None:
        raise InvalidArgument(
            "--ssh-key and --root-password-file: expected one of them; a key besides a password is "
            "named by --key-name"
        )
    auth: NodeAuthSSHKey | NodeAuthPassword | None = None
    if ssh_key is not None:
        auth = NodeAuthSSHKey(_text_of(ssh_key, "--ssh-key"))
    if root_password_file is not None:
        auth = NodeAuthPassword(read_password_file(root_password_file, "--root-password-file"))
    return {
        "auth": auth,
        "ex_keyname": key_name,
        "ex_userdata": None if user_data is None else _text_of(user_data, "--user-data"),
        "ex_network_format": network_format or 1,
    }


def _text_of(path: Path, option: str) -> str:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            found = file.read(_LONGEST)
    except OSError as error:
        raise InvalidArgument(
            f"{option} {quoted(str(path))}: {why_unreadable(path, error)}"
        ) from None
    except ValueError:
        raise InvalidArgument(f"{option} {str(path)!r}: not a text in UTF-8") from None
    if not found.strip():
        raise InvalidArgument(f"{option} {str(path)!r}: the file is empty")
    return found


@click.command(
    "remove-seed",
    cls=Command,
    epilog=examples("ovm3 vm remove-seed web-1", "ovm3 vm remove-seed web-1 --yes"),
)
@click.option("--yes", is_flag=True, help="Do not ask. Required where there is no terminal.")
@driver_options
@click.argument("name", metavar="VM")
def remove_seed(name: str, yes: bool, **options: Any) -> None:
    """Delete what the guest of a VM was told when it was created.

    It is taken out of the CD drive, which stays. Some guests take themselves for new ones without
    it: see the page guest-configuration.md of the documentation.
    """
    with reported():
        require_answer(yes)
        driver = make_driver(**options)
        node = find_vm(driver, name)
        plan = [f"the seed of {node.name} ({node.id}) will be taken out of its drive and deleted"]
        if not yes:
            require_agreed(plan, lambda: plan)
        driver.ex_remove_seed(node)
        its = [path for path in node.extra.get("cdroms") or () if path and vm_of(path) == node.id]
        what = "the seed was deleted; its CD drive is empty" if its else "no CD drive had a seed"
        show(f"{node.name} ({node.id}): {what}")
