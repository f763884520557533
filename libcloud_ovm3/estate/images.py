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
    """An image that a VM can be created from.

    :ivar kind: ``raw`` (a disk image), ``vm_template`` (a folder with a vm.cfg, as Oracle VM
        Manager makes them) or ``iso``.
    :ivar path: Its path relative to the repository.
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
    """All images of these repositories; templates come first."""
    found = [image for repository in repositories for image in images_in(repository)]
    return sorted(found, key=lambda image: (image.kind == ISO, image.name, image.id))


def images_in(repository: Repository) -> list[Image]:
    """The images of one repository; empty if it could not be listed."""
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
            # Of several with one name at most one is not in a folder; it is listed by its stem.
            is_flat = raw[file] < 2 or folder.name in ("", file, posixpath.splitext(file)[0])
            path = f"Templates/{file}" if is_flat else f"Templates/{folder.name}/{file}"
            found.append(Image(repository, path, folder.name or file, RAW))
    found += [Image(repository, f"ISOs/{name}", name, ISO) for name in content.isos]
    return found


def image_of(
    repositories: Sequence[Repository], image_id: str, errors: Sequence[str] = ()
) -> Image:
    """The image with this id.

    :param image_id: The repository's id, in any notation, and the path in it.
    :param errors: What could not be read of the estate.
    :raises SearchIncomplete: Its repository, or something that may contain it, could not be read.
    :raises ImageNotFound: There is none.
    """
    repository_id, _, path = image_id.partition("/")
    theirs = [r for r in repositories if undashed(r.id) == undashed(repository_id) is not None]
    for image in images(theirs or repositories):
        if image.id == image_id or (theirs and image.path == path):
            return image
    unread = [r.error or r.id for r in theirs if r.content is None] if theirs else list(errors)
    if unread:
        raise SearchIncomplete(
            f"image {image_id!r} was not found, but not everything could be read: {unread[0]}"
        )
    raise ImageNotFound(f"no repository has an image {image_id!r}")


def require_raw(image: Image) -> None:
    """Check that a node can be created from this image: for now only from a disk image.

    :raises InvalidArgument: It is an ISO or a VM template.
    """
    if image.kind == ISO:
        raise InvalidArgument(
            f"image {image.name!r} is an ISO, and installing from an ISO is not supported yet; use "
            f"a raw template"
        )
    if image.kind == VM_TEMPLATE:
        raise InvalidArgument(
            f"image {image.name!r} is a VM template with its own vm.cfg, which is not supported "
            f"yet; use a raw template"
        )


def locate(image: Image, system: FileSystem) -> tuple[str, int]:
    """A raw template's absolute path, and its size in bytes.

    The listing shows a file and a file in its own folder in the same way (agent-behaviour 4), so
    both paths are tried.

    :raises ImageNotFound: The file does not exist.
    :raises SearchIncomplete: The agent does not return its size.
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
    if refused is not None:  # the agent faults for a missing file, but for other reasons as well
        raise SearchIncomplete(
            f"image {image.id}: it is listed, but the agent does not return its size: {refused}"
        ) from refused
    raise ImageNotFound(f"image {image.id}: the agent does not find its file")
