"""Templates and ISOs in the estate's repositories.

A template is a disk image (``raw``), or a folder with a vm.cfg, as Oracle VM Manager makes them
(agent-behaviour 4). One that is not complete yet is not offered: beside a disk image lies a mark
(:mod:`.disk_names`), and a folder has ``vm.cfg.creating`` instead of ``vm.cfg``.
"""

from __future__ import annotations

import contextlib
import posixpath
from collections import Counter
from collections.abc import Collection, Container, Iterable, Sequence
from dataclasses import dataclass, replace

from libcloud_ovm3.agent.identifiers import if_no_id, undashed
from libcloud_ovm3.errors import (
    AgentFault,
    ImageNotFound,
    InvalidArgument,
    Ovm3Error,
    SearchIncomplete,
)
from libcloud_ovm3.estate.definitions import read_template
from libcloud_ovm3.estate.disk_names import (
    CREATING,
    DiskName,
    file_name,
    is_marked,
    is_removed,
    is_removed_mark,
    is_unfinished_template,
    marked_file,
    parse_file_name,
    removed_in,
)
from libcloud_ovm3.estate.disks import FileSystem, size_bytes
from libcloud_ovm3.estate.hosts import HostView, map_hosts, read_hosts, why_incomplete
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.repositories import Repository, read_repositories, with_module
from libcloud_ovm3.estate.simple_names import read_ovsmeta

RAW, VM_TEMPLATE, ISO = "raw", "vm_template", "iso"
TEMPLATES, ISOS = "Templates", "ISOs"
_REPOSITORIES = "/OVS/Repositories/"
VM_CFG = "vm.cfg"
UNFINISHED = VM_CFG + CREATING  # the vm.cfg of a template whose disks are still being copied


@dataclass(frozen=True)
class Image:
    """An image that a VM can be created from.

    :ivar kind: ``raw`` (a disk image), ``vm_template`` (a folder with a vm.cfg, as Oracle VM
        Manager makes them) or ``iso``.
    :ivar path: Its path relative to the repository.
    :ivar size_bytes: Of a disk image or ISO; None: not known.
    :ivar listed_as: Of a disk image, the name that the listing has beside the file's.
    :ivar is_unfinished: Whether it is still being made, or was left unfinished.
    """

    repository: Repository
    path: str
    name: str
    kind: str
    size_bytes: int | None = None
    listed_as: str = ""
    is_unfinished: bool = False

    @property
    def id(self) -> str:
        """``<repository id>/<path>``."""
        return f"{self.repository.id}/{self.path}"

    @property
    def label(self) -> str:
        """How messages name it."""
        return f"image {self.name!r} ({self.id})"

    @property
    def directory(self) -> str:
        """The name of the folder of a template with a vm.cfg; else of the file."""
        return posixpath.basename(self.path)

    @property
    def paths(self) -> tuple[str, ...]:
        """Where it may be, absolute, on the hosts: the listing shows a file and a file in its own
        folder in the same way (agent-behaviour 4)."""
        first = f"{self.repository.path}/{self.path}"
        if self.kind != RAW or not self.listed_as:
            return (first,)
        file = posixpath.basename(self.path)
        second = f"{self.repository.path}/{TEMPLATES}/{self.listed_as}/{file}"
        return tuple(dict.fromkeys((first, second)))


def image_file_name(name: str, uuid: str, extension: str = ".img") -> str:
    """The name of the file of a disk image or an ISO that this package makes.

    :raises InvalidArgument: the name is empty, or too long for a file name.
    """
    return file_name(DiskName(name, uuid)).removesuffix(".img") + extension


def _name_in(file: str) -> str:
    """The name that such a file name has in it; "" if it is not one of this package's."""
    stem, extension = posixpath.splitext(file)
    mark = parse_file_name(f"{stem}.img") if extension in (".img", ".iso") else None
    return mark.name if mark and mark.origin is None else ""


def images(repositories: Iterable[Repository]) -> list[Image]:
    """All complete images of these repositories, named as their listings can; templates first."""
    found = [image for repository in repositories for image in images_in(repository)]
    return _sorted(image for image in found if not image.is_unfinished)


def _sorted(found: Iterable[Image]) -> list[Image]:
    return sorted(found, key=lambda image: (image.kind == ISO, image.name, image.id))


def images_in(repository: Repository) -> list[Image]:
    """The images of one repository, the unfinished ones too; empty if it could not be listed."""
    content = repository.content
    if content is None:
        return []
    found = []
    unfinished = [one for one in content.templates if is_unfinished_template(one.name, one.files)]
    has_vm_cfg = [one for one in content.templates if VM_CFG in one.files] + unfinished
    for folder in has_vm_cfg:
        path, is_unfinished = f"{TEMPLATES}/{folder.name}", folder in unfinished
        image = Image(repository, path, folder.name, VM_TEMPLATE, is_unfinished=is_unfinished)
        found.append(image)
    raw = [
        (one.name, file) for one in content.templates if one not in has_vm_cfg for file in one.files
    ]
    count = Counter(file for _, file in raw)
    removed = removed_in(count)
    for folder_name, listed in raw:
        file, is_unfinished = _without_mark(listed, count, removed)
        if not file:
            continue
        # Of several with one name at most one is not in a folder; it is listed by its stem.
        stem = posixpath.splitext(file)[0]
        is_flat = is_unfinished or count[file] < 2 or folder_name in ("", file, stem)
        path = f"{TEMPLATES}/{file}" if is_flat else f"{TEMPLATES}/{folder_name}/{file}"
        name, listed_as = (
            _name_in(file) or folder_name or file,
            "" if is_unfinished else folder_name,
        )
        found.append(Image(repository, path, name, RAW, None, listed_as, is_unfinished))
    removed = removed_in(content.isos)
    for listed in content.isos:
        file, is_unfinished = _without_mark(listed, content.isos, removed)
        if file:
            path, name = f"{ISOS}/{file}", _name_in(file) or file
            found.append(Image(repository, path, name, ISO, is_unfinished=is_unfinished))
    return found


def _without_mark(file: str, listed: Container[str], removed: Collection[str]) -> tuple[str, bool]:
    """The file of an image, and whether it is unfinished; "": it is none.

    A mark counts as its file if that is not there: a copy has not begun, or was removed.
    """
    marked = marked_file(file)
    is_none = (
        file.startswith(".") or is_removed_mark(file) or (marked is not None and marked in listed)
    )
    own = marked or file
    is_unfinished = marked is not None or is_marked(file, listed) or is_removed(file, removed)
    return "" if is_none else own, is_unfinished


def read_images(repositories: Sequence[Repository]) -> tuple[list[Image], list[str]]:
    """All complete images with the names that were given to them, and their sizes; and what could
    not be read of that.

    With the host module four reads per repository; without it one per template that has a
    vm.cfg, and no sizes.
    """

    def read(repository: Repository) -> tuple[list[Image], list[str]]:
        errors: list[str] = []
        found = [image for image in images_in(repository) if not image.is_unfinished]
        recorded, sizes = _read_records(repository, found, errors)
        return [_named(image, recorded, sizes, errors) for image in found], errors

    every: list[Image] = []
    every_error: list[str] = []
    for result in map_hosts(read, list(repositories)):
        if isinstance(result, Ovm3Error):
            raise result
        every += result[0]
        every_error += result[1]
    return _sorted(every), every_error


def _named(
    image: Image, recorded: dict[str, str], sizes: dict[str, int], errors: list[str]
) -> Image:
    """The image with the name that people know it by: of a vm.cfg, of the Manager's record, of its
    file; and with its size."""
    size = next((sizes[path] for path in image.paths if path in sizes), None)
    name = recorded.get(image.path)
    if image.kind == VM_TEMPLATE:
        definition = read_template(image.repository, image.directory)
        if definition.config is None:
            errors.append(f"{definition.place} cannot be read: {definition.error}")
        has_own = definition.get_text("OVM_simple_name") or not name
        name = definition.name if has_own else name
    return replace(image, name=name or image.name, size_bytes=size)


def _read_records(
    repository: Repository, found: Sequence[Image], errors: list[str]
) -> tuple[dict[str, str], dict[str, int]]:
    """The names that a Manager recorded, by path in the repository, and sizes, by path on the
    hosts: where a host has the module."""
    host = with_module(repository)
    if host is None or host.module is None or not found:
        return {}, {}
    try:
        names, more = read_ovsmeta(host.module, repository, TEMPLATES, ISOS)
        errors += more
        return names, _read_sizes(host, found)
    except Ovm3Error as error:
        errors.append(f"repository {repository.id}: names of images cannot be read: {error}")
        return {}, {}


def _read_sizes(host: HostView, found: Sequence[Image]) -> dict[str, int]:
    assert host.module is not None
    paths = [path for image in found if image.kind != VM_TEMPLATE for path in image.paths]
    sizes = {}
    for start in range(0, len(paths), 1000):
        for one in host.module.identify(paths[start : start + 1000]):
            if isinstance(one.path, str) and one.size_bytes is not None:
                sizes[one.path] = one.size_bytes
    return sizes


def with_name(image: Image) -> Image:
    """The image with the name that people know it by, for messages; unread, the one it has."""
    with contextlib.suppress(Ovm3Error):
        found, _ = read_images([image.repository])
        return next((one for one in found if one.id == image.id), image)
    return image


def find_image(estate: Estate, image_id: str) -> tuple[Image, list[str]]:
    """One complete image with its name and size, read now; and what could not be read of it.

    :raises ImageNotFound: as :func:`image_of`, as is SearchIncomplete.
    """
    hosts, unreachable = read_hosts(estate)
    repositories = read_repositories(hosts)
    errors = why_incomplete(hosts, unreachable)
    errors += [error for one in repositories for error in one.errors]
    image = image_of(repositories, image_id, errors)
    found, more = read_images([image.repository])
    return next(one for one in found if one.id == image.id), more


def image_of(
    repositories: Sequence[Repository],
    image_id: str,
    errors: Sequence[str] = (),
    *,
    or_unfinished: bool = False,
) -> Image:
    """The image with this id.

    :param image_id: The repository's id, in any notation, and the path in it.
    :param errors: What could not be read of the estate.
    :param or_unfinished: Whether it may be one that is not complete.
    :raises SearchIncomplete: Its repository, or something that may contain it, could not be read.
    :raises ImageNotFound: There is none.
    """
    repository_id, _, path = image_id.partition("/")
    theirs = [r for r in repositories if undashed(r.id) == undashed(repository_id) is not None]
    for image in (one for repository in theirs or repositories for one in images_in(repository)):
        if image.id == image_id or (theirs and image.path == path):
            if image.is_unfinished and not or_unfinished:
                raise ImageNotFound(
                    f"image {image_id!r} is not complete (yet): delete_image removes it"
                )
            return image
    unread = [r.error or r.id for r in theirs if r.content is None] if theirs else list(errors)
    if unread:
        raise SearchIncomplete(
            f"image {image_id!r} was not found, but not everything could be read: {unread[0]}"
        )
    raise ImageNotFound(f"no repository has an image {image_id!r}{if_no_id(image_id)}")


def iso_of(repositories: Sequence[Repository], image_id: str, errors: Sequence[str] = ()) -> Image:
    """The ISO with this id, or at this path on the hosts; otherwise as :func:`image_of`.

    :raises InvalidArgument: The image is no ISO.
    """
    image = image_of(repositories, image_id.removeprefix(_REPOSITORIES), errors)
    if image.kind != ISO:
        raise InvalidArgument(
            f"image {image.name!r} ({image.id}) is not an ISO, so it does not go into a CD drive"
        )
    return image


def locate(image: Image, system: FileSystem) -> tuple[str, int]:
    """The absolute path of a disk image or ISO, and its size in bytes.

    :raises ImageNotFound: The file does not exist.
    :raises SearchIncomplete: The agent does not return its size.
    """
    refused: AgentFault | None = None
    for path in image.paths:
        try:
            size = size_bytes(system, path)
        except AgentFault as error:
            refused = error
            continue
        if size is not None:
            return path, size
    if refused is not None:  # the agent faults for a missing file, but for other reasons as well
        raise SearchIncomplete(
            f"image {image.id}: it is listed, but the agent does not return its size: {refused}"
        ) from refused
    raise ImageNotFound(f"image {image.id}: the agent does not find its file")
