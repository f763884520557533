"""``ovm3 image import`` and ``finish-import``: images from elsewhere."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import click

from libcloud_ovm3.cli.byte_sizes import byte_size
from libcloud_ovm3.cli.examples import examples
from libcloud_ovm3.cli.options import driver_options, make_driver, reported
from libcloud_ovm3.cli.output import show
from libcloud_ovm3.cli.sections import Command

_F = TypeVar("_F", bound=Callable[..., Any])
_ENDINGS = (
    ".img", ".raw", ".iso", ".vhd", ".vhdx", ".vmdk", ".vdi", ".qcow2", ".gz", ".bz2", ".xz",
)  # fmt: skip


def _size_option(default: str) -> Callable[[_F], _F]:
    return click.option(
        "--size", type=byte_size, metavar="SIZE",
        help=f"The exact size of the complete file, such as 734003200B.  [default: {default}]",
    )  # fmt: skip


@click.command(
    "import", cls=Command,
    epilog=examples(
        "ovm3 image import disk.img --name web-template",
        "ovm3 image import http://images.example.com/debian-12.raw",
        "ovm3 image import http://images.example.com/cd/boot.iso --name boot-cd",
    ),
)  # fmt: skip
@click.option("--name", metavar="NAME", help="Of the image.  [default: that of the file]")
@click.option(
    "--kind", type=click.Choice(["raw", "iso"]),
    help="What it is.  [default: what its content says; of a URL iso if it ends with .iso]",
)  # fmt: skip
@click.option(
    "--repository", metavar="NAME|ID",
    help="Where to put it.  [default: the repository with the most free space]",
)  # fmt: skip
@_size_option("of a URL what its server says, asked from here")
@click.option(
    "--resume", is_flag=True,
    help="Go on with an upload of the same file under the same name that was interrupted.",
)  # fmt: skip
@driver_options
@click.argument("source", metavar="FILE|URL")
def import_image(
    source: str,
    name: str | None,
    kind: str | None,
    repository: str | None,
    size: int | None,
    resume: bool,
    **options: Any,
) -> None:
    """Make a template or ISO of a file or URL; print its id.

    A FILE of this machine may be a raw disk, VHD, VHDX, qcow2, VMDK or VDI, also compressed with
    gzip, bzip2 or xz, or an ISO: its content says what it is. What is not raw is converted here by
    qemu-img. It is sent as a raw disk, without its holes; that needs the host module. If it is
    interrupted, --resume goes on with it.

    A URL is fetched by a host itself. A disk has to be raw there, and not compressed. The command
    blocks until the file is complete, which only its size tells. If it is interrupted, the host
    goes on; `ovm3 image list` shows the image as pending, and `ovm3 image finish-import` finishes
    it. Without the host module a disk stays a volume.
    """
    with reported():
        made = make_driver(**options).ex_import_image(
            source,
            _name_of(source) if name is None else name,
            ex_kind=kind,
            ex_repository=repository,
            ex_size_bytes=size,
            ex_resume=resume,
        )
        show(str(made.id))


@click.command(
    "finish-import", cls=Command, epilog=examples("ovm3 image finish-import PENDING")
)  # fmt: skip
@_size_option("what was recorded, by the host module")
@driver_options
@click.argument("image", metavar="ID")
def finish_import(image: str, size: int | None, **options: Any) -> None:
    """Finish an interrupted import; print the image's id.

    ID is that of an image that `ovm3 image list` shows as pending. Nothing is fetched again: if the
    file is not complete yet, the command says so.

    Without the host module `ovm3 file ls REPOSITORY` shows it, beside FILE.creating: ID is then
    REPOSITORY-ID/ISOs/FILE or REPOSITORY-ID/VirtualDisks/FILE, and --size is required.
    """
    with reported():
        made = make_driver(**options).ex_finish_import(image, ex_size_bytes=size)
        show(str(made.id))


def _name_of(source: str) -> str:
    """Return the name of the file, without endings that say what it is."""
    path = unquote(urlsplit(source).path) if "://" in source else source
    name = posixpath.basename(path)
    while (parts := posixpath.splitext(name))[1].lower() in _ENDINGS and parts[0]:
        name = parts[0]
    return name
