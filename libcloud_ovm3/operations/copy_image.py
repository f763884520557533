"""Copying an image into another repository, or within one under another name."""

from __future__ import annotations

import uuid
from dataclasses import replace

from libcloud_ovm3.errors import (
    InvalidArgument,
    OperationIncomplete,
    Ovm3Error,
    PreconditionFailed,
)
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.images import (
    ISO,
    ISOS,
    TEMPLATES,
    VM_TEMPLATE,
    Image,
    image_file_name,
    image_of,
    locate,
    with_name,
)
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.one_repository import find_repository
from libcloud_ovm3.estate.repositories import Repository
from libcloud_ovm3.estate.vms import EstateSnapshot, read_estate
from libcloud_ovm3.operations import make_template
from libcloud_ovm3.operations.copy_disk import Place, copy_disk, discarded
from libcloud_ovm3.operations.create_image import DEFINITE, choose_copier, made
from libcloud_ovm3.operations.idle_disk import require_idle
from libcloud_ovm3.operations.mount_export import mounted_export
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.target_repository import choose_repository
from libcloud_ovm3.operations.template import read_content
from libcloud_ovm3.progress import waiting


def copy_image(
    estate: Estate,
    source: str,
    image_id: str,
    name: str,
    description: str | None = None,
    repository: str | None = None,
) -> tuple[Image, list[str]]:
    """Copy a template or an ISO.

    :param source: the id or the alias of the repository that the image is in.
    :param repository: of the one that the copy goes into; None: of those that a host has mounted
        beside the source, the one with the most free space.
    :return: the copy as it is listed now, and notices for the user.
    :raises InvalidArgument: the image is not in ``source``, or the name cannot be one.
    :raises ImageNotFound: there is no such image.
    :raises PreconditionFailed: no host can copy it, it does not fit, or somebody writes to it.
    :raises AgentFault: the host refused; nothing is left.
    :raises OperationIncomplete: it was not completed; names what may be left.
    """
    make_template.require_name(name, description)
    operation = Operation(estate)
    snapshot = read_estate(estate)
    image = image_of(snapshot.repositories, image_id, snapshot.errors())
    if find_repository(snapshot, source).key != image.repository.key:
        raise InvalidArgument(
            f"source_region {source!r}: {with_name(image).label} is in repository "
            f"{image.repository.id}"
        )
    target = _target(snapshot, image.repository, repository)
    with waiting(f"copying {image.label} to repository {target.id}"):
        if image.kind == VM_TEMPLATE:
            return made(
                operation, _copy_folder(operation, snapshot, image, target, name, description)
            ), []
        copied = made(operation, _copy_file(operation, snapshot, image, target, name))
    why = "only the vm.cfg of a template can have one"
    return copied, [f"image {name!r}: its description is not recorded: {why}"] * bool(description)


def _target(snapshot: EstateSnapshot, source: Repository, wanted: str | None) -> Repository:
    if wanted is not None:
        return choose_repository(snapshot, wanted)
    beside = {view.address for view in source.mounted_on}
    others = tuple(
        one
        for one in snapshot.repositories
        if one.key != source.key and beside & {view.address for view in one.mounted_on}
    )
    if not others:
        raise PreconditionFailed(
            f"no host has another repository mounted beside {source.id}; "
            f"ex_repository={source.id!r} copies the image within it"
        )
    return choose_repository(replace(snapshot, repositories=others))


def _copy_folder(
    operation: Operation,
    snapshot: EstateSnapshot,
    image: Image,
    target: Repository,
    name: str,
    description: str | None,
) -> str:
    content = read_content(snapshot, image)
    assert content.config is not None
    host = choose_copier(target, [disk.repository for disk in content.disks])
    if host.module is None:
        raise PreconditionFailed(
            f"{image.label} has a vm.cfg, which only the host module can copy: no host that has "
            f"repositories {', '.join({*content.repository_ids, target.id})} mounted has it"
        )
    text = content.config.description if description is None else description
    folder = make_template.plan_folder(
        operation, host, target, content.config, content.disks, name, text
    )
    write_folder(folder, snapshot)
    return folder.image_id


def write_folder(folder: make_template.TemplateFolder, snapshot: EstateSnapshot) -> None:
    """Make a folder that is a copy of a template with a vm.cfg, whose disks are at rest.

    :raises PreconditionFailed: somebody writes to one of its disks; nothing is left.
    :raises AgentFault: the host refused; nothing is left.
    :raises OperationIncomplete: it was not completed; names what may be left.
    """
    estate = folder.operation.estate
    for source, _ in folder.copies:
        require_idle(estate, snapshot, source.path, source.path)
    try:
        make_template.begin(folder)
        make_template.copy_disks(folder)
        now = read_estate(estate)
        for source, _ in folder.copies:
            require_idle(estate, now, source.path, source.path)
        make_template.finish(folder)
    except DEFINITE as error:
        make_template.undo(folder, error)
        raise
    except Ovm3Error as error:
        raise make_template.left_behind(folder, error) from error


def _copy_file(
    operation: Operation, snapshot: EstateSnapshot, image: Image, target: Repository, name: str
) -> str:
    """Copy a disk image or an ISO."""
    host = choose_copier(target, [image.repository])
    path = path_of(host, image)
    if image.kind != ISO:  # whoever has an ISO reads it only
        require_idle(operation.estate, snapshot, path, image.label)
    folder, extension = (ISOS, ".iso") if image.kind == ISO else (TEMPLATES, ".img")
    relative = f"{folder}/{image_file_name(name, uuid.uuid4().hex, extension)}"
    goal = Place(target, f"{target.path}/{relative}")
    image_id = f"{target.id}/{relative}"
    try:
        copy_disk(operation, host, Place(image.repository, path), goal)
    except OperationIncomplete as error:
        raise operation.incomplete(
            f"copying {image.label} was not completed: {error}; delete_image({image_id!r}) removes "
            f"what is left of the copy",
            left=error.left,
            host=error.host,
        ) from error
    if image.kind != ISO:
        try:
            require_idle(operation.estate, read_estate(operation.estate), path, image.label)
        except Ovm3Error as error:
            raise discarded(operation, host, goal, error) from error
    return image_id


def path_of(host: HostView, image: Image) -> str:
    """Where a disk image or ISO is on a host, of the paths that its listing may mean.

    :raises ImageNotFound: it is at none of them.
    """
    if len(image.paths) == 1:
        return image.paths[0]
    if host.module is None:
        return locate(image, mounted_export(host, image.repository))[0]
    there = [one.path for one in host.module.identify(image.paths) if not one.is_missing]
    found = [path for path in image.paths if path in there]
    return found[0] if found else image.paths[0]
