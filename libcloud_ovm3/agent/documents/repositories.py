"""Repositories: the documents of discover_repository_db and discover_repositories."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lxml import etree

from libcloud_ovm3.agent.documents import outline
from libcloud_ovm3.agent.identifiers import undashed

_LIST, _DB_LIST = "RepositoryList", "RepositoryDbList"


@dataclass(frozen=True)
class RepositoryRecord:
    """One record of discover_repository_db: a repository as one host knows it.

    :ivar id: 32 hex digits, written in lower case whatever the host writes.
    :ivar fs_location: ``host:/path`` for NFS.
    """

    id: str = outline.machine_id_attribute("Uuid")
    fs_location: str = outline.text("Fs_location")
    mount_point: str = outline.text("Mount_point")
    fs_type: str = outline.text("Filesystem_type")
    version: str = outline.text("Version")
    alias: str = outline.text("Alias")
    manager_uuid: str | None = outline.identifier("Manager_uuid")
    is_mounted: bool = outline.truth("Status", "Mounted", "Unmounted")


@dataclass(frozen=True)
class Folder:
    """A named folder in a listing and the files in it."""

    name: str = outline.attribute("Name")
    files: tuple[str, ...] = outline.each("File")


@dataclass(frozen=True)
class RepositoryContent:
    """discover_repositories: what lies in one repository.

    :ivar name: the ``Name`` that the host gives it; whether it is the id is not shown.
    :ivar assemblies: kept whole: no source shows what stands there.
    """

    name: str = outline.attribute("Name")
    version: str = outline.text("Version")
    manager_uuid: str | None = outline.identifier("Manager_UUID")
    uuid: str | None = outline.identifier("Repository_UUID")
    alias: str = outline.text("Repository_Alias")
    assemblies: tuple[outline.Part, ...] = outline.parts("Assemblies")
    templates: tuple[Folder, ...] = outline.many("Templates/Template", Folder)
    virtual_machines: tuple[Folder, ...] = outline.many("VirtualMachines/VirtualMachine", Folder)
    virtual_disks: tuple[str, ...] = outline.each("VirtualDisks/Disk")
    isos: tuple[str, ...] = outline.each("ISOs/ISO")

    @property
    def id(self) -> str:
        """32 hex digits, or its name, if it has no uuid."""
        return self.uuid or self.name


def repository_db(text: str) -> tuple[RepositoryRecord, ...]:
    """discover_repository_db's answer. Records without a usable id are left out.

    :raises MalformedAnswer: it is no such document.
    """
    nodes = outline.root_of(text, "Discover_Repository_Db_Result").iterfind(
        f"{_DB_LIST}/Repository"
    )
    records = (outline.read(RepositoryRecord, node) for node in nodes)
    return tuple(record for record in records if record.id)


def repository_db_text(records: Iterable[RepositoryRecord]) -> str:
    """The document that says this.

    :raises InvalidArgument: XML cannot hold what is in it.
    """
    root = etree.Element("Discover_Repository_Db_Result")
    listing = outline.add(root, _DB_LIST)
    for record in records:
        outline.write(record, outline.add(listing, "Repository"))
    return outline.document_of(root)


def repositories(text: str) -> tuple[RepositoryContent, ...]:
    """discover_repositories' answer: none, if the host does not know what it was asked for.

    :raises MalformedAnswer: it is no such document.
    """
    nodes = outline.root_of(text, "Discover_Repositories_Result").iterfind(f"{_LIST}/Repository")
    return tuple(outline.read(RepositoryContent, node) for node in nodes)


def repositories_text(contents: Iterable[RepositoryContent]) -> str:
    """The document that says this.

    :raises InvalidArgument: XML cannot hold what is in it.
    """
    root = etree.Element("Discover_Repositories_Result")
    listing = outline.add(root, _LIST)
    for repository in contents:
        outline.write(repository, outline.add(listing, "Repository"))
    return outline.document_of(root)


def repository_content(text: str, repository_id: str) -> RepositoryContent | None:
    """One repository out of discover_repositories' answer; None: the host does not know it.

    :raises MalformedAnswer: it is no such document.
    """
    found = repositories(text)
    return next((one for one in found if repository_id in (one.uuid, one.name)), None)


def repository_dump(printed: dict[str, dict[str, str]]) -> tuple[RepositoryRecord, ...]:
    """What ``ovs-agent-db dump_db repository`` prints (read with :func:`..vmcfg.literal`).

    It does not say which are mounted, so none is. Records without a usable id are left out.
    """
    return tuple(
        RepositoryRecord(
            id=repository_id,
            fs_location=record.get("fs_location", ""),
            mount_point=record.get("mount_point", ""),
            fs_type=record.get("filesystem", ""),
            version=record.get("version", ""),
            alias=record.get("alias", ""),
            manager_uuid=undashed(record.get("manager_uuid")),
        )
        for repository_id, record in ((undashed(key), value) for key, value in printed.items())
        if repository_id is not None and isinstance(record, dict)
    )
