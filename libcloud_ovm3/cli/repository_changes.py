"""``ovm3 repository create``, ``attach``, ``detach``, ``rename``, ``refresh`` and ``delete``."""

from __future__ import annotations

from typing import Any

import click

from libcloud_ovm3.cli.examples import examples
from libcloud_ovm3.cli.options import driver_options, make_driver, on_option, reported
from libcloud_ovm3.cli.output import show
from libcloud_ovm3.cli.sections import Command
from libcloud_ovm3.compute.repository_types import OVM3Repository
from libcloud_ovm3.errors import by_reason

_REPOSITORY = click.argument("repository", metavar="NAME|ID|SERVER:/PATH")


@click.command(
    "create",
    cls=Command,
    epilog=examples("ovm3 repository create filer:/export/second Second"),
)
@on_option("all hosts, which must all respond")
@driver_options
@click.argument("share", metavar="SERVER:/PATH")
@click.argument("name")
def create_repository(share: str, name: str, locations: tuple[str, ...], **options: Any) -> None:
    """Make a repository on an NFS export that has none.

    It is attached to all hosts. If there is a repository on the export already, it is left as it
    is, and `ovm3 repository attach` takes it over. The same command again completes what was
    interrupted.
    """
    with reported():
        made = make_driver(**options).ex_create_repository(share, name, locations or None)
        _show_changes(made)


@click.command(
    "attach",
    cls=Command,
    epilog=examples(
        "ovm3 repository attach MyRepo --on ovm-2",
        "ovm3 repository attach filer:/export/old",
    ),
)
@on_option("all hosts, which must all respond")
@driver_options
@_REPOSITORY
def attach_repository(repository: str, locations: tuple[str, ...], **options: Any) -> None:
    """Attach an existing repository to the hosts that lack it.

    One that no host knows, as that of a Manager that is gone, is named by its export. Its content
    stays as it is.
    """
    with reported():
        attached = make_driver(**options).ex_attach_repository(repository, locations or None)
        _show_changes(attached)


@click.command("detach", cls=Command, epilog=examples("ovm3 repository detach MyRepo --on ovm-2"))
@on_option("all hosts, which must all respond")
@driver_options
@_REPOSITORY
def detach_repository(repository: str, locations: tuple[str, ...], **options: Any) -> None:
    """Unmount a repository, and have hosts forget it.

    Its content stays. It asks nothing: while a VM runs there with a file of it, or may, it is
    refused.
    """
    with reported():
        make_driver(**options).ex_detach_repository(repository, locations or None)
        show(f"{repository} is not attached to {', '.join(locations) or 'any host'}")


@click.command("rename", cls=Command, epilog=examples("ovm3 repository rename MyRepo Production"))
@driver_options
@_REPOSITORY
@click.argument("name", metavar="NEW-NAME")
def rename_repository(repository: str, name: str, **options: Any) -> None:
    """Give a repository another name, on all hosts."""
    with reported():
        _show_changes(make_driver(**options).ex_rename_repository(repository, name))


@click.command("refresh", cls=Command, epilog=examples("ovm3 repository refresh MyRepo"))
@on_option("all hosts that respond")
@driver_options
@_REPOSITORY
def refresh_repository(repository: str, locations: tuple[str, ...], **options: Any) -> None:
    """Mount a repository again where it should be mounted.

    As after a reboot of a host. Without the host module its export is also mounted for the
    storage plug-in, which reports sizes only there.
    """
    with reported():
        _show_changes(make_driver(**options).ex_refresh_repository(repository, locations or None))


@click.command("delete", cls=Command, epilog=examples("ovm3 repository delete MyRepo"))
@click.option("--erase", is_flag=True, help="Erase its content, too, for good.")
@click.option("--confirm", metavar="ID", help="Its id, once more: nothing is erased without it.")
@driver_options
@_REPOSITORY
def delete_repository(repository: str, erase: bool, confirm: str | None, **options: Any) -> None:
    """Delete a repository that has nothing of a VM.

    All hosts forget it, and its content stays, unless --erase and --confirm say otherwise. It asks
    nothing: while VMs, virtual disks or snapshots are in it, it is refused.
    """
    with reported():
        make_driver(**options).ex_delete_repository(repository, ex_erase=erase, ex_confirm=confirm)
        left = "deleted from the hosts; its content was left on its share"
        again = "`ovm3 repository attach SERVER:/PATH` attaches it again"
        show(f"{repository} was {'erased' if erase else f'{left} ({again})'}")


def _show_changes(repository: OVM3Repository) -> None:
    """Say what was done, or that nothing had to be, and where the repository is."""
    name = repository.name or repository.id
    changes = [(one["host"], one["change"]) for one in repository.extra["changed"]]
    show(f"{name}: {'; '.join(by_reason(changes)) or 'nothing had to be changed'}")
    mounted = ", ".join(repository.extra["mounted_on"]) or "no host"
    show(f"{name} ({repository.id}) is mounted on {mounted}")
