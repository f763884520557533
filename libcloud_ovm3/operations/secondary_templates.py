"""Templates with a vm.cfg on secondary storage: folders, as they are in repositories.

A folder that is not complete has ``vm.cfg.creating`` instead of a vm.cfg (:mod:`.make_template`),
so half a template is never taken for a whole one.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence

from libcloud_ovm3.agent.chunks import CHUNK_BYTES
from libcloud_ovm3.agent.config import DiskEntry, VMConfig
from libcloud_ovm3.errors import InvalidArgument, PreconditionFailed
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.images import UNFINISHED, VM_CFG, image_file_name
from libcloud_ovm3.estate.repositories import Repository
from libcloud_ovm3.estate.vms import EstateSnapshot
from libcloud_ovm3.operations.copy_disk import Place
from libcloud_ovm3.operations.copy_image import write_folder
from libcloud_ovm3.operations.make_template import plan_folder
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.template import (
    TemplateContent,
    TemplateDisk,
    disk_of,
    require_usable_config,
)


def write_template(
    operation: Operation,
    snapshot: EstateSnapshot,
    host: HostView,
    content: TemplateContent,
    place: Repository,
) -> str:
    """Copy a template with a vm.cfg to secondary storage.

    :param host: has the host module, and the repositories of all its disks mounted.
    :param place: where it has mounted the secondary storage.
    :return: the name of the folder there.
    """
    config = content.config
    assert config is not None
    name = config.simple_name or content.image.name
    folder = image_file_name(name, operation.id, "")
    path = f"{place.path}/{folder}"
    text = config.description
    plan = plan_folder(operation, host, place, config, content.disks, name, text, path)
    write_folder(plan, snapshot)
    return folder


def is_template(host: HostView, source: Place, label: str) -> bool:
    """Whether something on secondary storage is a folder with a vm.cfg.

    :param label: how messages name it.
    :raises PreconditionFailed: nothing is there, or one that was not completed.
    """
    assert host.module is not None
    paths = [source.path, f"{source.path}/{VM_CFG}", f"{source.path}/{UNFINISHED}"]
    is_there, is_whole, is_half = [not one.is_missing for one in host.module.identify(paths)]
    if not is_there:
        raise PreconditionFailed(
            f"{host.label}: there is no {label}; the name of a copy is what ex_copy_to_secondary "
            f"has returned"
        )
    if is_half and not is_whole:
        raise PreconditionFailed(
            f"{host.label}: {label} is a template that was not completed, or is being copied at "
            f"this moment"
        )
    return is_whole


def read_back_template(
    operation: Operation,
    snapshot: EstateSnapshot,
    host: HostView,
    source: Place,
    target: Repository,
    name: str,
    label: str,
) -> str:
    """Make a template of such a folder on secondary storage.

    :param source: the folder.
    :param label: how messages name it.
    :return: the id of the image.
    :raises PreconditionFailed: its vm.cfg cannot be used, or a disk is not in the folder.
    """
    config = _read_config(host, f"{source.path}/{VM_CFG}", label)
    require_usable_config(config, label)
    entries = [entry for entry in config.disks if not entry.is_cdrom]
    disks = _disks(snapshot, host, source, entries, label)
    text = config.description
    plan = plan_folder(operation, host, target, config, disks, name, text)
    write_folder(plan, snapshot)
    return plan.image_id


def _read_config(host: HostView, path: str, label: str) -> VMConfig:
    assert host.module is not None
    found = host.module.read_file(path, 0, CHUNK_BYTES)
    try:
        if found.size_bytes != len(found.data):
            raise InvalidArgument(f"it has {found.size_bytes} bytes")
        return VMConfig.from_text(found.data.decode())
    except (InvalidArgument, UnicodeDecodeError) as error:
        raise PreconditionFailed(f"{label}: its vm.cfg cannot be used: {error}") from error


def _disks(
    snapshot: EstateSnapshot,
    host: HostView,
    source: Place,
    entries: Sequence[DiskEntry],
    label: str,
) -> list[TemplateDisk]:
    """Its disks, which are in the folder, wherever it was when its vm.cfg was written."""
    assert host.module is not None
    for entry in entries:
        disk_of(snapshot, entry, label)  # which refuses what is no file
    paths = [f"{source.path}/{posixpath.basename(entry.path or '')}" for entry in entries]
    there = host.module.identify(paths) if paths else ()
    names = [posixpath.basename(path) for path in paths]
    missing = [name for name, one in zip(names, there, strict=True) if one.is_missing]
    if missing:
        raise PreconditionFailed(f"{label}: its disks {', '.join(missing)} are not in it")
    return [
        TemplateDisk(source.repository, path, entry)
        for path, entry in zip(paths, entries, strict=True)
    ]
