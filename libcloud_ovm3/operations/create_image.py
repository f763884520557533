"""Making a template of a VM.

With the host module it is a folder with a vm.cfg, as Oracle VM Manager's templates are: all disks
and all settings, but nothing that identifies the VM (uuid, MAC addresses). What the agent's own
functions for templates do is not documented. So without the module it is a disk image, which is all
that there is to a paravirtual VM with one disk; another VM would lose what makes it run.
"""

from __future__ import annotations

import posixpath
import uuid
from collections.abc import Sequence

from libcloud_ovm3.agent.config import DiskEntry, VMConfig
from libcloud_ovm3.errors import (
    NEVER_SENT,
    AgentFault,
    InvalidArgument,
    Ovm3Error,
    PreconditionFailed,
)
from libcloud_ovm3.estate.disk_names import CREATING
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.images import TEMPLATES, Image, find_image, image_file_name
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.one_repository import find_repository
from libcloud_ovm3.estate.repositories import Repository, is_listed, list_whole
from libcloud_ovm3.estate.vms import VM, EstateSnapshot, read_estate
from libcloud_ovm3.operations import make_template
from libcloud_ovm3.operations.at_rest import at_rest, require_restable
from libcloud_ovm3.operations.copy_disk import Place, copy_disk
from libcloud_ovm3.operations.delete_files import delete_file
from libcloud_ovm3.operations.marks import put_mark, remove_mark
from libcloud_ovm3.operations.mount_export import mounted_export
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.own_disks import repository_of
from libcloud_ovm3.operations.target_repository import require_usable
from libcloud_ovm3.operations.template import TemplateDisk, disk_of
from libcloud_ovm3.progress import waiting

# After one of these it is certain that what was begun can be undone.
DEFINITE = (*NEVER_SENT, AgentFault, PreconditionFailed, InvalidArgument)


def create_image(
    estate: Estate,
    vm_id: str,
    name: str,
    description: str | None = None,
    pause: bool = False,
    repository: str | None = None,
) -> tuple[Image, list[str]]:
    """Make a template of a VM that is off, or that is paused meanwhile.

    :param repository: the id or the alias of the repository that it goes into; None: the VM's own.
    :return: the template as it is listed now, and notices for the user.
    :raises NodeNotFound: there is no such VM.
    :raises InvalidArgument: the name cannot be one, or the VM has disks that cannot be copied.
    :raises PreconditionFailed: the VM is not at rest, or no host can do it. Nothing is left.
    :raises AgentFault: the host refused; nothing is left.
    :raises OperationIncomplete: it was not completed; names what may be left, or paused.
    """
    make_template.require_name(name, description)
    operation = Operation(estate)
    snapshot = read_estate(estate)
    vm = snapshot.vm(vm_id)
    require_restable(snapshot, vm, pause)
    config = config_of(vm, "no template is made")
    disks = [copyable_disk(snapshot, vm, entry) for entry in config.disks if not entry.is_cdrom]
    own = repository_of(snapshot, vm.definition)
    target = find_repository(snapshot, repository) if repository else own
    host = choose_copier(target, [disk.repository for disk in disks], vm)
    with waiting(f"making template {name!r} of VM {vm.label} on {host.label}", vm=vm.id):
        if host.module is not None:
            text = config.description if description is None else description
            folder = make_template.plan_folder(operation, host, target, config, disks, name, text)
            notices = _make_folder(folder, snapshot, vm)
            image_id = folder.image_id
        else:
            path = _plan_disk_image(config, disks, vm, target, name)
            notices = _make_disk_image(operation, host, snapshot, vm, disks[0], path)
            image_id = f"{target.id}/{path.path[len(target.path) + 1 :]}"
            if description:
                why = "that needs the host module"
                notices.append(f"image {name!r}: its description is not recorded: {why}")
    return made(operation, image_id), notices


def config_of(vm: VM, nothing: str) -> VMConfig:
    """The vm.cfg of a VM that is to be copied.

    :param nothing: what is not done without one, for messages.
    :raises PreconditionFailed: it is unfinished, or cannot be used.
    """
    definition = vm.definition
    if definition.config is None or definition.error or definition.is_creating:
        why = definition.error or "it is still being created"
        raise PreconditionFailed(f"VM {vm.label}: {nothing}: {why}", nodes=[vm.summary])
    return definition.config


def copyable_disk(snapshot: EstateSnapshot, vm: VM, entry: DiskEntry) -> TemplateDisk:
    """Which file a disk of a VM is.

    :raises InvalidArgument: it is physical or shared.
    :raises PreconditionFailed: it is in no repository that could be read.
    """
    found = disk_of(snapshot, entry, f"VM {vm.label}")
    if found is None:
        raise PreconditionFailed(
            f"VM {vm.label}: its disk {entry.path} is in no repository that could be read",
            nodes=[vm.summary],
        )
    return found


def choose_copier(
    target: Repository, sources: Sequence[Repository], vm: VM | None = None
) -> HostView:
    """A host that has all these repositories mounted; one with the host module, if there is one.

    :param vm: of the disks: where it is live. What its guest has written may still be in the page
        cache there, where another host does not see it.
    :raises PreconditionFailed: no host has them all mounted, or one of them is not clear.
    """
    for one in (target, *sources):
        require_usable(one)
    hosts = [vm.live[0].host] if vm is not None and vm.live else list(target.mounted_on)
    for one in (target, *sources):
        mounted = {view.address for view in one.mounted_on}
        hosts = [view for view in hosts if view.address in mounted]
    if not hosts:
        ids = ", ".join(dict.fromkeys(one.id for one in (target, *sources)))
        who = f"{vm.live[0].host.label} does not have" if vm and vm.live else "no host has"
        raise PreconditionFailed(f"{who} all of these repositories mounted: {ids}")
    return next((view for view in hosts if view.module is not None), hosts[0])


def made(operation: Operation, image_id: str) -> Image:
    """An image that was made, as it is listed now.

    :raises OperationIncomplete: it cannot be read.
    """
    try:
        return find_image(operation.estate, image_id)[0]
    except Ovm3Error as error:
        raise operation.incomplete(
            f"image {image_id} was made, but cannot be read: {error}", left=(image_id,)
        ) from error


# ------------------------------------------------------------------ with the host module


def _make_folder(
    folder: make_template.TemplateFolder, snapshot: EstateSnapshot, vm: VM
) -> list[str]:
    sources = [source.path for source, _ in folder.copies]
    try:
        with at_rest(folder.operation, snapshot, vm, sources) as notices:
            make_template.begin(folder)
            make_template.copy_disks(folder)
        make_template.finish(folder)
    except DEFINITE as error:
        make_template.undo(folder, error)
        raise
    except Ovm3Error as error:
        raise make_template.left_behind(folder, error) from error
    return notices


# ------------------------------------------------------------------ without it


def _plan_disk_image(
    config: VMConfig, disks: Sequence[TemplateDisk], vm: VM, target: Repository, name: str
) -> Place:
    """The disk image that a template will be, if that is enough."""
    if config.is_hvm or len(disks) != 1:
        what = "an HVM guest" if config.is_hvm else f"a VM with {len(disks)} disks"
        raise PreconditionFailed(
            f"VM {vm.label}: a template of {what} needs a vm.cfg, which only the host module can "
            f"write (`ovm3 host install`); without it a paravirtual VM with one disk can become a "
            f"template",
            nodes=[vm.summary],
        )
    file = image_file_name(name, uuid.uuid4().hex)
    return Place(target, f"{target.path}/{TEMPLATES}/{file}")


def _make_disk_image(
    operation: Operation,
    host: HostView,
    snapshot: EstateSnapshot,
    vm: VM,
    disk: TemplateDisk,
    target: Place,
) -> list[str]:
    """Copy the disk; the mark beside the copy stays until it is certain that it is not torn."""
    mark = target.path + CREATING
    source = Place(disk.repository, disk.path)
    try:
        with at_rest(operation, snapshot, vm, [source.path]) as notices:
            put_mark(operation, host, target.repository, mark)
            copy_disk(operation, host, source, target, is_marked=True)
        remove_mark(operation, host, target.repository, mark)
    except DEFINITE as error:
        _discard(operation, host, target, error)
        raise
    except Ovm3Error as error:
        paths = (target.path, mark)
        image_id = f"{target.repository.id}/{TEMPLATES}/{posixpath.basename(target.path)}"
        text = (
            f"making {target.path} was not completed: {error}; delete_image({image_id!r}) removes "
            f"what is left of it"
        )
        left = dict.fromkeys((*make_template.left_of(error), *paths))
        raise operation.incomplete(text, left=tuple(left), host=str(host.address)) from error
    return notices


def _discard(operation: Operation, host: HostView, target: Place, failed: Ovm3Error) -> None:
    """Remove a copy that is not, or not certainly, complete; the mark last.

    :raises OperationIncomplete: something stays; names it.
    """
    paths = (target.path, target.path + CREATING)
    try:
        listing = list_whole(host, target.repository.id)
        for path in [path for path in paths if is_listed(listing, path)]:
            system = mounted_export(host, target.repository)
            delete_file(operation, system, target.repository, path)
    except Ovm3Error as error:
        raise operation.incomplete(
            f"{failed}. Undoing it failed too: {error}. What may be left: {', '.join(paths)}",
            left=paths,
            host=str(host.address),
        ) from failed
