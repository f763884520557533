"""``ovm3 key``: key pairs, whose public keys are kept in a repository."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click
from libcloud.compute.base import KeyPair

from libcloud_ovm3.cli.asking import require_agreed, require_answer
from libcloud_ovm3.cli.examples import examples
from libcloud_ovm3.cli.formats import output_option
from libcloud_ovm3.cli.options import driver_options, make_driver, reported
from libcloud_ovm3.cli.output import show, show_text
from libcloud_ovm3.cli.sections import NounGroup
from libcloud_ovm3.cli.tables import show_key_pair, show_key_pairs
from libcloud_ovm3.errors import InvalidArgument, Ovm3Error

_NAME = click.argument("name")
_STDOUT = "-"


@click.group(cls=NounGroup, epilog=examples("ovm3 key list", "ovm3 key create ops ops.pem"))
def key() -> None:
    """List, show, create, import and delete key pairs.

    Needs the host module. Only public keys are kept, in a repository: the one that
    --keys-repository or the estate names, else the one that has some.
    """


@key.command("list", epilog=examples("ovm3 key list -o json"))
@output_option
@driver_options
def list_keys(form: str, **options: Any) -> None:
    """List key pairs."""
    with reported(is_read=True):
        show_key_pairs(make_driver(**options).list_key_pairs(), form)


@key.command("show", epilog=examples("ovm3 key show ops", "ovm3 key show ops --public"))
@click.option("--public", is_flag=True,
              help="Print its public key only, one line in OpenSSH's form.")  # fmt: skip
@output_option
@driver_options
@_NAME
def show_key(name: str, public: bool, form: str, **options: Any) -> None:
    """Show a key pair with its public key."""
    with reported(is_read=True):
        found = make_driver(**options).get_key_pair(name)
        if public:
            show_text(found.public_key)
        else:
            show_key_pair(found, form)


@key.command(
    epilog=examples(
        "ovm3 key create ops ops.pem --keys-repository MyRepo",
        "ovm3 key create ops - --type ed25519",
    )
)
@click.option("--type", "kind", default="rsa", show_default=True,
              help="rsa or ed25519 (guests with an old OpenSSH know only RSA).")  # fmt: skip
@driver_options
@_NAME
@click.argument("file")
def create(name: str, file: str, kind: str, **options: Any) -> None:
    """Make a key pair, and write its private key to FILE.

    Its public key is recorded in a repository. The file must not exist, and only you can read it;
    `-` is the standard output. The private key is kept nowhere else.
    """
    with reported():
        driver = make_driver(**options)
        if file == _STDOUT:
            show_text(str(driver.create_key_pair(name, ex_type=kind).private_key).rstrip())
            return
        path = Path(file)
        descriptor = _reserve(path)
        try:
            made = driver.create_key_pair(name, ex_type=kind)
        except BaseException:
            os.close(descriptor)
            path.unlink(missing_ok=True)  # it is empty
            raise
        _write(descriptor, path, made)
        show(f"{name} ({made.fingerprint}) was created; its private key is in {path}")


@key.command("import", epilog=examples("ovm3 key import ops id_ed25519.pub"))
@driver_options
@_NAME
@click.argument("file")
def import_key(name: str, file: str, **options: Any) -> None:
    """Record the public key in FILE under a name."""
    with reported():
        made = make_driver(**options).import_key_pair_from_file(name, file)
        show(f"{name} ({made.fingerprint}) was imported")


@key.command(epilog=examples("ovm3 key delete ops --yes"))
@click.option("--yes", is_flag=True, help="Do not ask. Required where there is no terminal.")
@driver_options
@_NAME
def delete(name: str, yes: bool, **options: Any) -> None:
    """Delete a key pair. VMs that have its public key keep it."""
    with reported():
        require_answer(yes)
        driver = make_driver(**options)
        found = driver.get_key_pair(name)
        if not yes:
            require_agreed(_deletion(found), lambda: _deletion(driver.get_key_pair(name)))
        driver.delete_key_pair(found)
        show(f"{name} was deleted")


def _deletion(found: KeyPair) -> list[str]:
    where = found.extra["repository"] or found.extra["repository_id"]
    return [f"{found.name} ({found.fingerprint}) will be deleted from repository {where}"]


def _reserve(path: Path) -> int:
    """Make the file of a private key, empty, before there is a key that could be lost.

    :raises InvalidArgument: it is there, or cannot be made.
    """
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise InvalidArgument(f"FILE {str(path)!r}: {why}; nothing was created") from None


def _write(descriptor: int, path: Path, made: KeyPair) -> None:
    """Write the private key; if that fails, take the key pair back, which is of no use then.

    :raises Ovm3Error: it failed; says what there is now.
    """
    try:
        with open(descriptor, "w", encoding="ascii") as file:
            file.write(str(made.private_key))
    except OSError as error:
        path.unlink(missing_ok=True)
        made.driver.delete_key_pair(made)
        raise Ovm3Error(
            f"{path}: {error.strerror}: the private key could not be written, so the key pair "
            f"{made.name!r} was deleted again"
        ) from None
