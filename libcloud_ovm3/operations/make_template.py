"""Making a template with a vm.cfg, as Oracle VM Manager's are: by the host module.

The vm.cfg comes first, under another name (``vm.cfg.creating``), then the disks are copied beside
it, then it gets its own name. So whoever dies in the middle leaves a folder that everybody takes
for an unfinished template, and that delete_image removes.
"""

from __future__ import annotations

import posixpath
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from libcloud_ovm3.agent.chunks import CHUNK_BYTES
from libcloud_ovm3.agent.config import VMConfig, format_disk
from libcloud_ovm3.agent.seed_files import vm_of
from libcloud_ovm3.errors import (
    AgentFault,
    InvalidArgument,
    OperationIncomplete,
    OutcomeUnknown,
    Ovm3Error,
)
from libcloud_ovm3.estate.disk_names import template_disk
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.images import TEMPLATES, UNFINISHED, VM_CFG
from libcloud_ovm3.estate.repositories import Repository
from libcloud_ovm3.operations import doors
from libcloud_ovm3.operations.copy_disk import Place, copy_disk
from libcloud_ovm3.operations.mount_export import mounted_export
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.template import TemplateDisk, anonymous, identity_in, new_file_name

if TYPE_CHECKING:
    from libcloud_ovm3.agent.hostmodule import HostModule

_IDENTITY = ("uuid", "name", "OVM_simple_name", "OVM_description", "disk", "vif")


@dataclass(frozen=True)
class TemplateFolder:
    """A template that is to be made.

    :ivar host: has its repository, and those of the disks, mounted, and the host module.
    :ivar repository: it may be secondary storage, too.
    :ivar path: of its folder, on the hosts.
    :ivar config: its vm.cfg.
    :ivar copies: what is copied to where.
    """

    operation: Operation
    host: HostView
    module: HostModule
    repository: Repository
    path: str
    config: VMConfig
    copies: tuple[tuple[Place, Place], ...]

    @property
    def image_id(self) -> str:
        """The id of the image that it will be; of a folder that will be none, its path."""
        relative = self.path[len(self.repository.path) + 1 :]
        is_image = relative.startswith(f"{TEMPLATES}/")
        return f"{self.repository.id}/{relative}" if is_image else self.path

    @property
    def mark(self) -> str:
        """Its vm.cfg as long as it is not complete."""
        return f"{self.path}/{UNFINISHED}"


def plan_folder(
    operation: Operation,
    host: HostView,
    repository: Repository,
    config: VMConfig,
    disks: Sequence[TemplateDisk],
    name: str,
    description: str,
    path: str = "",
) -> TemplateFolder:
    """What a template is to be; nothing is sent.

    :param config: of the VM or the template that it is made of.
    :param disks: those of its disks that are no CD drives, in their order.
    :param path: of its folder, on the hosts; "": among the templates of the repository.
    :raises InvalidArgument: the name is empty, or an option cannot be in a template.
    """
    require_name(name, description)
    assert host.module is not None
    ident = uuid.uuid4().hex
    folder = path or f"{repository.path}/{TEMPLATES}/{ident}"
    begin = template_disk(ident)
    files = [new_file_name(begin, number, disk.path) for number, disk in enumerate(disks)]
    targets = [Place(repository, f"{folder}/{file}") for file in files]
    others = {key: value for key, value in config.values.items() if key not in _IDENTITY}
    if why := identity_in(others, config):
        raise InvalidArgument(f"a template cannot be made of this vm.cfg: {why}")
    after = iter(targets)
    entries = [
        entry.text if entry.is_cdrom else format_disk(replace(entry, location=next(after).path))
        for entry in config.disks
        if not (entry.path and vm_of(entry.path))  # a seed is for one guest alone
    ]
    template = config.changed(
        uuid=str(uuid.UUID(ident)),
        name=ident,
        OVM_simple_name=name,
        OVM_description=description,
        disk=entries,
        vif=[anonymous(vif).text for vif in config.vifs],
    )
    sources = [Place(disk.repository, disk.path) for disk in disks]
    copies = tuple(zip(sources, targets, strict=True))
    return TemplateFolder(operation, host, host.module, repository, folder, template, copies)


def require_name(name: str, description: str | None) -> None:
    """Check the name of an image, and its description.

    :raises InvalidArgument: one is no text; or the name is empty, or has blanks at its ends, or
        control characters.
    """
    if description is not None and not isinstance(description, str):
        raise InvalidArgument(f"description {description!r}: expected a text")
    if not isinstance(name, str) or not name.strip() or name != name.strip():
        raise InvalidArgument(f"name {name!r}: expected a text without blanks at its ends")
    if not name.isprintable():
        raise InvalidArgument(f"name {name!r}: control characters are not allowed")


def begin(folder: TemplateFolder) -> None:
    """The folder, and in it the vm.cfg that is not in force yet.

    :raises InvalidArgument: the vm.cfg cannot be written.
    :raises AgentFault: a request was refused; nothing is left but perhaps an empty folder.
    :raises OperationIncomplete: what is left is unknown; names it.
    """
    data = folder.config.to_text().encode()
    if len(data) > CHUNK_BYTES:
        raise InvalidArgument(f"the vm.cfg has {len(data)} bytes: expected {CHUNK_BYTES} at most")
    system = mounted_export(folder.host, folder.repository)
    try:
        doors.create_file(system, folder.path, 0, "Directory")
    except (AgentFault, OutcomeUnknown) as failed:
        _require_done(folder, failed, lambda: files_in(folder) is not None)
    try:
        doors.create_file_by_module(folder.operation, folder.module, folder.mark, 0)
    except (AgentFault, OutcomeUnknown) as failed:
        _require_done(folder, failed, lambda: UNFINISHED in (files_in(folder) or []))
    try:
        doors.write_file(folder.operation, folder.module, folder.mark, data)
    except (AgentFault, OutcomeUnknown) as failed:
        _require_done(folder, failed, lambda: _read_mark(folder) == data)


def copy_disks(folder: TemplateFolder) -> None:
    """Its disks, each complete and checked.

    :raises PreconditionFailed: there is not enough space for one.
    :raises AgentFault: one was refused; it is not there, those before it are.
    :raises OperationIncomplete: what has become of one is not known.
    """
    for source, target in folder.copies:
        copy_disk(folder.operation, folder.host, source, target)


def finish(folder: TemplateFolder) -> None:
    """The vm.cfg gets its name, and the template is complete.

    :raises AgentFault: the host refused; it is unfinished as before.
    :raises OperationIncomplete: whether it has is unknown.
    """
    try:
        target = f"{folder.path}/{VM_CFG}"
        doors.rename_file(folder.operation, folder.module, folder.mark, target)
    except (AgentFault, OutcomeUnknown) as failed:
        _require_done(folder, failed, lambda: VM_CFG in (files_in(folder) or []))


def undo(folder: TemplateFolder, failed: Ovm3Error) -> None:
    """Remove what was made, after a definite failure; the mark last.

    :raises OperationIncomplete: something stays; names it.
    """
    names = [posixpath.basename(target.path) for _, target in folder.copies]
    try:
        there = files_in(folder) or []
        for name in [name for name in (*names, UNFINISHED) if name in there]:
            doors.delete_file(folder.operation, folder.module, f"{folder.path}/{name}")
    except Ovm3Error as error:
        raise left_behind(folder, failed, f". Undoing it failed too: {error}") from failed


def left_behind(folder: TemplateFolder, why: Ovm3Error, more: str = "") -> Ovm3Error:
    """The error for what is in doubt.

    :param why: if it says so itself it is returned as it is.
    """
    if folder.image_id in left_of(why):
        return why
    files = (VM_CFG, UNFINISHED)
    paths = [folder.path, *(f"{folder.path}/{name}" for name in files)]
    paths += [target.path for _, target in folder.copies]
    left = dict.fromkeys((*left_of(why), folder.image_id, *paths))
    is_image = folder.image_id != folder.path
    removal = (
        f"delete_image({folder.image_id!r}) removes the template"
        if is_image
        else "remove its folder on the share"
    )
    return folder.operation.incomplete(
        f"making a template was not completed: {why}{more}. What may be left: {', '.join(left)}; "
        f"{removal}",
        left=tuple(left),
        host=str(folder.host.address),
    )


def left_of(error: Ovm3Error) -> tuple[str, ...]:
    """What an error says is left."""
    return error.left if isinstance(error, OperationIncomplete) else ()


def files_in(folder: TemplateFolder) -> list[str] | None:
    """The names of the files in its folder now; None: there is no such folder.

    :raises Ovm3Error: that cannot be read.
    """
    try:
        return [entry.name for entry in folder.module.list_files(folder.path).entries]
    except AgentFault as fault:
        if fault.kind.endswith(".NotFound"):
            return None
        raise


def _read_mark(folder: TemplateFolder) -> bytes:
    return folder.module.read_file(folder.mark, 0, CHUNK_BYTES).data


def _require_done(
    folder: TemplateFolder, failed: AgentFault | OutcomeUnknown, is_done: Callable[[], bool]
) -> None:
    """After a failure a step counts only if it is seen to be done.

    :raises AgentFault: it was refused, and is not done.
    :raises OperationIncomplete: whether it is done, or may still be, is unknown.
    """
    try:
        if is_done():
            return
    except Ovm3Error as error:
        raise left_behind(folder, failed, f"; {error}") from failed
    if isinstance(failed, AgentFault):
        raise failed.with_state("it is not done") from failed
    raise left_behind(folder, failed) from failed
