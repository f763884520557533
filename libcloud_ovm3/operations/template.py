"""What a new VM takes from a template: copies of its disks, and its settings.

Nothing that identifies the template goes along: uuid, names and MAC addresses are the new VM's own.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from libcloud_ovm3.agent.config import DiskEntry, VMConfig, format_disk
from libcloud_ovm3.agent.seed_files import vm_of
from libcloud_ovm3.agent.texts import all_texts
from libcloud_ovm3.agent.vif import Vif
from libcloud_ovm3.errors import ImageNotFound, InvalidArgument, PreconditionFailed
from libcloud_ovm3.estate.definitions import read_template
from libcloud_ovm3.estate.disks import FileSystem, disk_path, size_bytes
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.images import ISO, VM_TEMPLATE, Image, locate
from libcloud_ovm3.estate.repositories import Repository, is_listed
from libcloud_ovm3.estate.vms import EstateSnapshot
from libcloud_ovm3.operations.drive_entries import drive_entry
from libcloud_ovm3.operations.guest_types import hvm
from libcloud_ovm3.operations.mount_export import mounted_export
from libcloud_ovm3.operations.new_cards import new_mac
from libcloud_ovm3.operations.vmcfg_values import why_lost

# What is the new VM's own.
_OWN = frozenset("uuid name OVM_simple_name OVM_description memory vcpus maxvcpus disk vif".split())


@dataclass(frozen=True)
class TemplateDisk:
    """A disk of a template.

    :ivar path: the file to copy, absolute, on the hosts.
    :ivar entry: its entry in the vm.cfg.
    """

    repository: Repository
    path: str
    entry: DiskEntry


@dataclass(frozen=True)
class DiskCopy:
    """A disk of a new VM, and of what it is a copy.

    :ivar system: where the storage plug-in has mounted the repository of the source; None: nowhere,
        as a host module copies it.
    :ivar source: absolute, on the hosts, as ``target``.
    :ivar size_bytes: the size of the source.
    """

    system: FileSystem | None
    source: str
    size_bytes: int
    target: str


@dataclass(frozen=True)
class TemplateContent:
    """What a template consists of, or an ISO.

    :ivar config: its vm.cfg; None: it is a disk image or an ISO.
    :ivar disks: those to copy; empty for these.
    :ivar settings: options of a VM of it, if it has no vm.cfg; empty: those of a paravirtual one.
    """

    image: Image
    config: VMConfig | None = None
    disks: tuple[TemplateDisk, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def options(self) -> VMConfig:
        """What decides which network cards and drives a VM of it can have."""
        return self.config or VMConfig(self.settings)

    @property
    def repository_ids(self) -> list[str]:
        """The repositories that a host has to have mounted; the first is the image's own."""
        ids = [self.image.repository.id, *(disk.repository.id for disk in self.disks)]
        return list(dict.fromkeys(ids))


@dataclass(frozen=True)
class Contents:
    """What a new VM gets.

    :ivar copies: its disks, in the order of its vm.cfg.
    :ivar empty_disk: the path of a disk that is no copy; "": there is none.
    :ivar entries: the disk list of its vm.cfg, CD drives too.
    :ivar settings: other options of its vm.cfg, but for its network cards; empty: those of a
        paravirtual VM.
    """

    copies: tuple[DiskCopy, ...]
    entries: tuple[str, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    empty_disk: str = ""

    @property
    def files(self) -> tuple[str, ...]:
        """The paths of its disks."""
        copies = tuple(copy.target for copy in self.copies)
        return (*copies, self.empty_disk) if self.empty_disk else copies


def read_content(
    snapshot: EstateSnapshot, image: Image, wants_hvm: bool | None = None
) -> TemplateContent:
    """What a template consists of. Reads its vm.cfg, if it has one.

    :param wants_hvm: whether the VM is to be an HVM guest; None: as the template is, of a disk
        image a paravirtual one.
    :raises PreconditionFailed: it cannot be read.
    :raises InvalidArgument: it has disks that cannot be copied, or options that cannot be sent, or
        is of the other type.
    """
    if image.kind == ISO:
        if wants_hvm is False:
            raise InvalidArgument(
                f"ex_domain_type 'pv': {image.label} is an ISO, which only an HVM guest can boot; "
                f"leave it out"
            )
        return TemplateContent(image, settings=hvm(cd_first=True))
    if image.kind != VM_TEMPLATE:
        return TemplateContent(image, settings=hvm() if wants_hvm else {})
    definition = read_template(image.repository, image.directory)
    if definition.config is None or definition.unread or definition.error:
        why = definition.error or definition.unread
        raise PreconditionFailed(f"{image.label}: its vm.cfg cannot be used: {why}")
    config = definition.config
    require_usable_config(config, image.label)
    if wants_hvm is not None and wants_hvm != config.is_hvm:
        is_, other = ("HVM", "pv") if config.is_hvm else ("paravirtualized", "hvm")
        raise InvalidArgument(
            f"ex_domain_type {other!r}: {image.label} is a template of {is_} guests; leave it out, "
            f"or use a disk image"
        )
    disks = [_disk(snapshot, image, entry) for entry in config.disks if not entry.is_cdrom]
    return TemplateContent(image, config, tuple(disks))


def require_usable_config(config: VMConfig, label: str) -> None:
    """Whether the settings of a template can be another VM's.

    :raises InvalidArgument: they cannot.
    """
    others = {key: value for key, value in config.values.items() if key not in _OWN}
    warnings = config.changed(memory=1, vcpus=1).warnings  # those are not taken over
    if why := "; ".join(warnings) or why_lost(others) or identity_in(others, config):
        raise InvalidArgument(f"{label}: its vm.cfg cannot be taken over: {why}")


def identity_in(values: Mapping[str, Any], config: VMConfig) -> str:
    """Which of these options name the uuid, or a MAC address, of a vm.cfg; "" if none does."""
    marks = {vif.mac for vif in config.vifs if vif.mac}
    marks |= {config.uuid, config.uuid.replace("-", "")} if config.uuid else set()
    found = [
        key
        for key, value in values.items()
        if any(mark in text.lower() for text in all_texts(value) for mark in marks)
    ]
    return f"{', '.join(found)} has its uuid or a MAC address" if found else ""


def disk_of(snapshot: EstateSnapshot, entry: DiskEntry, label: str) -> TemplateDisk | None:
    """Which file a disk is; None: it is in no repository that is known.

    :param label: how messages name the VM or the image.
    :raises InvalidArgument: it is not a file, or may be written to by others.
    """
    if entry.is_physical or entry.is_shared or not entry.path:
        kind = "physical" if entry.is_physical else "shared" if entry.is_shared else "not a file"
        raise InvalidArgument(
            f"{label} has a disk that is {kind}, and cannot be copied: {entry.text!r}"
        )
    repository = snapshot.repository(entry.repository_id) if entry.repository_id else None
    if repository is None or entry.path.count("/") < 4:
        return None
    return TemplateDisk(repository, f"{repository.path}/{entry.path.split('/', 4)[4]}", entry)


def _disk(snapshot: EstateSnapshot, image: Image, entry: DiskEntry) -> TemplateDisk:
    """Which file a disk of a template is."""
    found = disk_of(snapshot, entry, image.label)
    if found is not None:
        return found
    # Templates of OVM 2, and those that were moved here, name the folder that they were made in.
    inside = f"{image.repository.path}/{image.path}/{posixpath.basename(entry.path or '')}"
    if image.repository.content and is_listed(image.repository.content, inside):
        return TemplateDisk(image.repository, inside, entry)
    raise PreconditionFailed(
        f"{image.label}: its disk {entry.path} is in no repository that could be read, nor in the "
        f"folder of the template"
    )


def contents(
    snapshot: EstateSnapshot,
    system: FileSystem,
    content: TemplateContent,
    begin: str,
    memory_mb: int,
) -> tuple[Contents, list[str]]:
    """What a new VM gets, and notices for the user. Mounts the exports of other repositories that
    disks are in, to read sizes.

    :param system: the plug-in's file system of the repository of the image.
    :param begin: how the names of its files begin: with its uuid without dashes.
    """
    image, host = content.image, system.host
    if image.kind == ISO:
        target = _target(image.repository, begin, 0, ".img")
        disk, drive = f"file:{target},xvda,w", drive_entry(image.paths[0], "xvdb")
        return Contents((), (disk, drive), content.settings, target), []
    if content.config is None:
        source, size = locate(image, system)
        target = _target(image.repository, begin, 0, source)
        copy = DiskCopy(system, source, size, target)
        return Contents((copy,), (f"file:{target},xvda,w",), content.settings), []
    copies = [_copy(system, content, begin, n) for n in range(len(content.disks))]
    targets = [copy.target for copy in copies]
    entries, notices = entries_like(snapshot, host, image.label, content.config, targets)
    settings = settings_of(content.config, memory_mb)
    return Contents(tuple(copies), entries, settings), notices


def entries_like(
    snapshot: EstateSnapshot,
    host: HostView,
    label: str,
    config: VMConfig,
    targets: Sequence[str],
) -> tuple[tuple[str, ...], list[str]]:
    """The disk list of a copy of a template or a VM, and notices for the user.

    :param host: where the copy may be started.
    :param label: how messages name what it is a copy of.
    :param targets: the paths of its own disks, in the order of those of the vm.cfg.
    """
    own = iter(targets)
    notices: list[str] = []
    entries = [
        _drive(snapshot, host, label, entry, notices)
        if entry.is_cdrom
        else format_disk(replace(entry, location=next(own)))
        for entry in config.disks
    ]
    return tuple(entries), notices


def _copy(system: FileSystem, content: TemplateContent, begin: str, number: int) -> DiskCopy:
    disk = content.disks[number]
    is_elsewhere = disk.repository.id != content.image.repository.id
    theirs = mounted_export(system.host, disk.repository) if is_elsewhere else system
    size = size_bytes(theirs, disk.path)
    if size is None:
        raise ImageNotFound(f"{content.image.label}: the agent does not find its disk {disk.path}")
    target = _target(content.image.repository, begin, number, disk.path)
    return DiskCopy(theirs, disk.path, size, target)


def _target(repository: Repository, begin: str, number: int, source: str) -> str:
    """The path of a new disk: its name has the VM's uuid, so that it goes with the VM."""
    return disk_path(repository, new_file_name(begin, number, source))


def new_file_name(begin: str, number: int, source: str) -> str:
    """The name of a copy of a disk, which is the only one of its name anywhere.

    :param begin: how it begins; has the uuid of the VM or the template.
    :param number: of the disk, from 0.
    """
    extension = posixpath.splitext(source)[1]
    if not re.fullmatch(r"\.[A-Za-z0-9]{1,16}", extension):
        extension = ".img"
    more = f"-{number + 1}" if number else ""
    return f"{begin}{more}{extension}"


def _drive(
    snapshot: EstateSnapshot, host: HostView, label: str, entry: DiskEntry, notices: list[str]
) -> str:
    """A CD drive with its medium; an empty one, if the host does not have the medium, or if that is
    the seed of a VM, which has its secrets.
    """
    repository = snapshot.repository(entry.repository_id) if entry.repository_id else None
    if not entry.path or not entry.repository_id:
        return entry.text
    listing = repository.content if repository and host in repository.mounted_on else None
    if listing is not None and is_listed(listing, entry.path):
        return entry.text
    theirs = vm_of(entry.path)
    why = f"the seed of VM {theirs}" if theirs else f"a medium that {host.label} does not have"
    notices.append(
        f"{label}: the CD drive {entry.device} is empty in the copy, as it names {entry.path}, "
        f"{why}"
    )
    return format_disk(replace(entry, scheme="", location=""))


def settings_of(config: VMConfig, memory_mb: int) -> dict[str, Any]:
    """The options that a new VM takes over."""
    settings = {key: value for key, value in config.values.items() if key not in _OWN}
    settings.setdefault("OVM_domain_type", "xen_hvm" if config.is_hvm else "xen_pvm")
    if "maxmem" in settings:
        settings["maxmem"] = memory_mb
    return settings


def cards_like(vifs: Sequence[Vif], taken: Collection[str]) -> list[str]:
    """Network cards as a template has them, with MAC addresses of their own.

    :param taken: the addresses that they cannot have.
    """
    macs = set(taken)
    cards = []
    for vif in vifs:
        mac = new_mac(macs)
        macs.add(mac)
        cards.append(anonymous(vif).changed(mac=mac).text)
    return cards


def anonymous(vif: Vif) -> Vif:
    """A network card without what only one VM can have."""
    return vif.changed(mac=None, vifname=None, uuid=None)
