"""Repositories: the documents of discover_repository_db and discover_repositories.

What is not understood is kept: a record as one whose id is not a uuid, an entry of a listing as a
text in :attr:`RepositoryContent.not_understood`. Ids and names are kept unchanged.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from libcloud_ovm3.agent.documents import elements, xmlmapping
from libcloud_ovm3.agent.identifiers import undashed
from libcloud_ovm3.errors import MalformedResponse

_LIST, _DB_LIST = "RepositoryList", "RepositoryDbList"
# Sections with folders, sections with files, and the element of an entry of each.
_FOLDERS = {"Templates": "Template", "VirtualMachines": "VirtualMachine"}
_FILES = {"VirtualDisks": "Disk", "ISOs": "ISO"}


def _key(repository_id: str) -> str:
    """The form of a repository's id for comparing, the same for all notations."""
    return undashed(repository_id) or repository_id


@dataclass(frozen=True)
class RepositoryRecord:
    """One record of discover_repository_db: a repository as one host knows it.

    :ivar id: As the host writes it, which it also requires in calls: 32 hex digits in upper or
        lower case, or any text (even "") for a record that is not understood.
    :ivar fs_location: ``host:/path`` for NFS.
    """

    id: str = xmlmapping.attribute("Uuid")
    fs_location: str = xmlmapping.text("Fs_location")
    mount_point: str = xmlmapping.text("Mount_point")
    fs_type: str = xmlmapping.text("Filesystem_type")
    version: str = xmlmapping.text("Version")
    alias: str = xmlmapping.text("Alias")
    manager_uuid: str | None = xmlmapping.identifier("Manager_uuid")
    is_mounted: bool = xmlmapping.truth("Status", "Mounted")

    @property
    def key(self) -> str:
        """The id for comparing: 32 lower-case hex digits, or unchanged if it is not a uuid."""
        return _key(self.id)


@dataclass(frozen=True)
class Folder:
    """A named folder in a listing and the files in it."""

    name: str = xmlmapping.attribute("Name")
    files: tuple[str, ...] = xmlmapping.names("File")


def _folders(path: str) -> tuple[Folder, ...]:
    """The folders at a path that have a name; those without are not understood."""

    def read_all(node: elements.Element) -> tuple[Folder, ...]:
        found = (xmlmapping.read(Folder, folder) for folder in node.iterfind(path))
        return tuple(folder for folder in found if folder.name)

    return xmlmapping.many(path, Folder, read_all)


@dataclass(frozen=True)
class RepositoryContent:
    """discover_repositories: the content of one repository.

    :ivar name: The ``Name`` in the listing; no source shows whether it is the id.
    :ivar uuid: Its id as the host writes it, a uuid or not; None if the listing has none.
    :ivar assemblies: Kept whole: no source documents its content.
    :ivar not_understood: A few words for everything else in the listing, and for what it lacks,
        which may be a VM or a file. The listing is complete only if this is empty.
    """

    name: str = xmlmapping.attribute("Name")
    version: str = xmlmapping.text("Version")
    manager_uuid: str | None = xmlmapping.identifier("Manager_UUID")
    uuid: str | None = xmlmapping.identifier("Repository_UUID", str)
    alias: str = xmlmapping.text("Repository_Alias")
    assemblies: tuple[xmlmapping.Part, ...] = xmlmapping.parts("Assemblies")
    templates: tuple[Folder, ...] = _folders("Templates/Template")
    virtual_machines: tuple[Folder, ...] = _folders("VirtualMachines/VirtualMachine")
    virtual_disks: tuple[str, ...] = xmlmapping.names("VirtualDisks/Disk")
    isos: tuple[str, ...] = xmlmapping.names("ISOs/ISO")
    not_understood: tuple[str, ...] = xmlmapping.place(
        (), lambda node: tuple(_not_understood(node))
    )

    @property
    def id(self) -> str:
        """The id as the host writes it; the name, if there is none."""
        return self.uuid or self.name

    @property
    def key(self) -> str:
        """The id for comparing: 32 lower-case hex digits, or unchanged if it is not a uuid."""
        return _key(self.id)


def _not_understood(repository: elements.Element) -> Iterator[str]:
    """What a listing has besides named folders and files, and the sections that it lacks."""
    for section, entry in _FOLDERS.items():
        if repository.find(section) is None:
            yield f"no {section}"
        for node in repository.iterfind(f"{section}/*"):
            if node.tag != entry or not node.get("Name"):
                yield f"{section}: {_shown(node)}"
            else:
                for file in node:
                    if file.tag != "File" or not elements.name_in(file):
                        yield f"{section}: {node.get('Name')!r}: {_shown(file)}"
        yield from _loose_text(repository, section)
    for section, entry in _FILES.items():
        for node in repository.iterfind(f"{section}/*"):
            if node.tag != entry or not elements.name_in(node):
                yield f"{section}: {_shown(node)}"
        yield from _loose_text(repository, section)


def _loose_text(repository: elements.Element, section: str) -> Iterator[str]:
    """Text where only elements are expected, such as ``none`` in an empty section."""
    for node in repository.iterfind(section):
        if elements.content(node):
            yield f"{section}: {elements.content(node)[:60]!r}"


def _shown(node: elements.Element) -> str:
    text = elements.content(node)[:60]
    return f"<{node.tag}> {text!r}" if text else f"<{node.tag}> without a name"


def _entries(root: elements.Element, listing: str) -> list[elements.Element]:
    """All elements in the lists with this name.

    :raises MalformedResponse: The document has no such list and is not empty.
    """
    if elements.known(root, listing) is None:
        return []
    for text in filter(None, map(elements.content, root.iterfind(listing))):
        raise MalformedResponse(f"{root.tag}: {listing} has text, {text[:60]!r}")
    return root.findall(f"{listing}/*")


def repository_db(text: str) -> tuple[RepositoryRecord, ...]:
    """The response to discover_repository_db.

    The id of a record that is not understood is not a uuid.

    :raises MalformedResponse: It is not such a document.
    """
    root = elements.root_of(text, "Discover_Repository_Db_Result")
    return tuple(map(_record, _entries(root, _DB_LIST)))


def _record(node: elements.Element) -> RepositoryRecord:
    record = xmlmapping.read(RepositoryRecord, node)
    return record if node.tag == "Repository" else replace(record, id="")


def repositories(text: str) -> tuple[RepositoryContent, ...]:
    """The response to discover_repositories: empty if the host does not know the repository.

    :raises MalformedResponse: It is not such a document.
    """
    root = elements.root_of(text, "Discover_Repositories_Result")
    return tuple(map(_content, _entries(root, _LIST)))


def _content(node: elements.Element) -> RepositoryContent:
    if node.tag == "Repository":
        return xmlmapping.read(RepositoryContent, node)
    return RepositoryContent(not_understood=(_shown(node),))


def repository_content(text: str, repository_id: str) -> RepositoryContent | None:
    """One repository out of the response to discover_repositories; None: the host does not know it.

    :param repository_id: Its id in any notation.
    :raises MalformedResponse: It is not such a document, or lists the repository twice.
    """
    wanted = _key(repository_id)
    found = [one for one in repositories(text) if wanted in (one.key, _key(one.name))]
    if len(found) > 1:
        raise MalformedResponse(f"repository {repository_id!r} is listed {len(found)} times")
    return found[0] if found else None
