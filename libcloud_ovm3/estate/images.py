"""Templates and ISOs in the estate's repositories."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from libcloud_ovm3.agent.identifiers import undashed
from libcloud_ovm3.errors import AgentFault, ImageNotFound, InvalidArgument, SearchIncomplete
from libcloud_ovm3.estate.disks import FileSystem, size_bytes
from libcloud_ovm3.estate.repositories import Repository

RAW, VM_TEMPLATE, ISO = "raw", "vm_template", "iso"


@dataclass(frozen=True)
class Image:
    """Something to make a VM from.

    :ivar kind: ``raw`` (a disk image), ``vm_template`` (a folder with a vm.cfg, as Oracle VM
        Manager makes them) or ``iso``.
    :ivar path: relative to the repository.
    """

    repository: Repository
    path: str
    name: str
    kind: str

    @property
    def id(self) -> str:
        """``<repository id>/<path>``."""
        return f"{self.repository.id}/{self.path}"


def images(repositories: Iterable[Repository]) -> list[Image]:
    """All images of these repositories, templates first."""
    found = [image for repository in repositories for image in images_in(repository)]
    return sorted(found, key=lambda image: (image.kind == ISO, image.name, image.id))


def images_in(repository: Repository) -> list[Image]:
    """The images of one repository; none if it could not be listed."""
    content = repository.content
    if content is None:
        return []
    found = []
    raw = Counter(f for one in content.templates if "vm.cfg" not in one.files for f in one.files)
    for folder in content.templates:
        if "vm.cfg" in folder.files:
            found.append(Image(repository, f"Templates/{folder.name}", folder.name, VM_TEMPLATE))
            continue
        for file in folder.files:
            # Several of one name lie in folders, all but one; a flat one is listed by its stem.
            is_flat = raw[file] < 2 or folder.name in ("", file, posixpath.splitext(file)[0])
            path = f"Templates/{file}" if is_flat else f"Templates/{folder.name}/{file}"
            found.append(Image(repository, path, folder.name or file, RAW))
    found += [Image(repository, f"ISOs/{name}", name, ISO) for name in content.isos]
    return found


def image_of(
    repositories: Sequence[Repository], image_id: str, problems: Sequence[str] = ()
) -> Image:
    """The image of this id.

    :param image_id: the repository's id, in any spelling, and the path.
    :param problems: what could not be read.
    :raises SearchIncomplete: its repository, or something it may be in, could not be read.
    :raises ImageNotFound: there is none.
    """
    repository_id, _, path = image_id.partition("/")
    theirs = [r for r in repositories if undashed(r.id) == undashed(repository_id) is not None]
    for image in images(theirs or repositories):
        if image.id == image_id or (theirs and image.path == path):
            return image
    unread = [r.error or r.id for r in theirs if r.content is None] if theirs else list(problems)
    if unread:
        raise SearchIncomplete(
            f"image {image_id!r}: whether there is one is not known: {unread[0]}"
        )
    raise ImageNotFound(f"no image {image_id!r} in any repository")


def require_raw(image: Image) -> None:
    """Only disk images can be made into nodes for now.

    :raises InvalidArgument: it is an ISO or a VM template.
    """
    if image.kind == ISO:
        raise InvalidArgument(
            f"image {image.name!r} is an ISO: a node needs a disk to start from, and installing "
            f"from an ISO is not supported yet; use a raw template"
        )
    if image.kind == VM_TEMPLATE:
        raise InvalidArgument(
            f"image {image.name!r} is a template with a vm.cfg of its own, which is not supported "
            f"yet; use a raw template"
        )


def locate(image: Image, system: FileSystem) -> tuple[str, int]:
    """A raw template's absolute path and its size in bytes.

    The listing shows a flat file and a file in a folder of its own in the same way (agent-behaviour
    4), so both places are looked at.

    :raises ImageNotFound: it is in neither.
    :raises SearchIncomplete: the agent does not say.
    """
    file = image.path.rpartition("/")[2]
    flat = f"{image.repository.path}/{image.path}"
    nested = f"{image.repository.path}/Templates/{image.name}/{file}"
    refused: AgentFault | None = None
    for path in (flat, nested):
        try:
            size = size_bytes(system, path)
        except AgentFault as error:
            refused = error
            continue
        if size is not None:
            return path, size
    if refused is not None:  # a missing file may be a fault, too, but a fault may be anything
        raise SearchIncomplete(
            f"image {image.id}: it is listed, and the agent does not say how large it is: {refused}"
        ) from refused
    raise ImageNotFound(f"image {image.id}: the agent finds no such file")
