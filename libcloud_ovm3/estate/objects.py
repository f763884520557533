"""Containers and objects, as the storage driver shows them: repositories and the files in them.

A container is a repository, or a plain container in one, which this package keeps in its own folder
there. Objects of a repository are its own files, in ``Templates``, ``ISOs`` and ``VirtualDisks``,
and everything else that was uploaded under other names. Only the host module can tell sizes and
read contents; without it, there are the names that the agent lists.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from libcloud_ovm3.agent.identifiers import undashed
from libcloud_ovm3.errors import (
    AgentFault,
    AmbiguousName,
    Ovm3Error,
    PreconditionFailed,
    SearchIncomplete,
)
from libcloud_ovm3.estate.hosts import HostView, map_hosts, read_hosts, why_incomplete
from libcloud_ovm3.estate.images import ISOS, RAW, TEMPLATES, VM_CFG, images_in
from libcloud_ovm3.estate.repositories import Repository, known_repositories, list_repository
from libcloud_ovm3.storage_errors import ContainerNotFound, ObjectNotFound

if TYPE_CHECKING:
    from libcloud_ovm3.agent.hostmodule import HostModule
    from libcloud_ovm3.agent.object_types import ObjectEntry, ObjectRecord, UploadEntry
    from libcloud_ovm3.estate.members import Estate

VIRTUAL_DISKS = "VirtualDisks"
FOLDERS = (TEMPLATES, ISOS, VIRTUAL_DISKS)  # those of a repository's own files
PAGE = 1000  # objects or containers in one response


@dataclass(frozen=True)
class Container:
    """A container.

    :ivar name: As it is listed, which names it alone.
    :ivar repository: The one that it is, or is in; without what is in it.
    :ivar plain: The name of a plain container in it; "": the repository itself.
    :ivar created: Of a plain container: seconds since 1970; None: not known.
    """

    name: str
    repository: Repository = field(repr=False)
    plain: str = ""
    created: float | None = None

    @property
    def label(self) -> str:
        """How messages name it."""
        where = f"a plain container in repository {self.repository.id}" if self.plain else ""
        return f"container {self.name!r} ({where or f'repository {self.repository.id}'})"

    @property
    def full_name(self) -> str:
        """The name by which it is found whatever else there is, now or later."""
        return f"{self.repository.id}/{self.plain}" if self.plain else self.repository.id

    def path_of(self, object_name: str) -> str | None:
        """Where one of the repository's own files is, absolute, on the hosts; None: it is none."""
        folder, slash, _ = object_name.partition("/")
        is_own = not self.plain and folder in FOLDERS and bool(slash)
        return f"{self.repository.path}/{object_name}" if is_own else None


@dataclass(frozen=True)
class ContainerList:
    """All containers that could be read.

    :ivar errors: What could not be read, so there may be more.
    :ivar unlisted: Repositories whose plain containers only a host module could list.
    """

    containers: tuple[Container, ...]
    errors: tuple[str, ...]
    unlisted: tuple[str, ...] = ()


@dataclass(frozen=True)
class StoredObject:
    """An object of a container.

    :ivar size_bytes: None: not known, as without the host module.
    :ivar used_bytes: What it takes on its file system; None: not known.
    :ivar modified: Seconds since 1970, by the clock of the file system; None: not known.
    :ivar record: What was recorded of this very content; None: nothing.
    :ivar identity: The text that this very content has on the host: another one means that it was
        replaced or changed.
    :ivar path: Of its file on the hosts; "": not known.
    :ivar record_error: Why what was recorded of it cannot be read; then ``record`` is None.
    """

    container: Container
    name: str
    size_bytes: int | None = None
    used_bytes: int | None = None
    modified: float | None = None
    record: ObjectRecord | None = None
    identity: str = ""
    path: str | bytes = ""
    record_error: str | None = None

    @property
    def label(self) -> str:
        """How messages name it."""
        return f"object {self.name!r} of {self.container.label}"

    @property
    def unread(self) -> str:
        """That what was recorded of it cannot be read; "": it can, or nothing was."""
        why = self.record_error
        return f"what is recorded of {self.label} cannot be read: {why}" if why else ""

    @property
    def md5(self) -> str | None:
        """The MD5 of its content in hexadecimal digits; None: not known."""
        return (self.record.md5 if self.record else None) or None


# ------------------------------------------------------------------ containers


def read_containers(estate: Estate) -> ContainerList:
    """All containers, by name. One call per host, and one per repository.

    :raises Ovm3Error: No host answered.
    """
    hosts, unreachable = read_hosts(estate)
    errors = why_incomplete(hosts, unreachable)
    return _all_of(known_repositories(hosts), errors)


def find_container(estate: Estate, name: str) -> tuple[Container, list[str]]:
    """The container of a name, as it is listed or by the repository's id; and what could not be
    read beside it.

    :raises ContainerNotFound: There is none.
    :raises SearchIncomplete: It was not found, but not everything could be read.
    :raises AmbiguousName: Several repositories have it as alias.
    """
    hosts, unreachable = read_hosts(estate)
    repositories = known_repositories(hosts)
    errors = why_incomplete(hosts, unreachable)
    repository_id, slash, plain = name.partition("/")
    by_id = [one for one in repositories if undashed(repository_id) == one.key]
    if by_id and not slash:
        return Container(name, by_id[0]), errors
    found = _all_of(by_id or repositories, errors)
    for one in found.containers:
        if name == one.name or (by_id and plain and plain == one.plain):
            return Container(name, one.repository, one.plain, one.created), list(found.errors)
    aliased = [one for one in repositories if one.record.alias == name]
    if len(aliased) == 1:
        return Container(name, aliased[0]), list(found.errors)
    if aliased:
        several = ", ".join(one.id for one in aliased)
        raise AmbiguousName(f"container {name!r} may be any of these repositories: {several}")
    what = f"there is no container {name!r}"
    if unread := (*found.errors, *found.unlisted):
        raise SearchIncomplete(
            f"{what} in what could be read; not everything was: {'; '.join(unread)}"
        )
    names = ", ".join(repr(one.name) for one in found.containers) or "none"
    raise ContainerNotFound(f"{what}; containers: {names}", container_name=name)


def known_container(estate: Estate, name: str, repository_id: str, plain: str) -> Container:
    """A container that was read before, with the hosts that have it now. One call per host.

    :param plain: the name of a plain container; "": the repository itself.
    :raises SearchIncomplete: its repository was not found, but not everything could be read.
    :raises ContainerNotFound: its repository is not there any more.
    """
    hosts, unreachable = read_hosts(estate)
    for one in known_repositories(hosts):
        if one.key == undashed(repository_id):
            return Container(name, one, plain)
    what = f"container {name!r}: its repository {repository_id} is not there"
    errors = why_incomplete(hosts, unreachable)
    if errors:
        raise SearchIncomplete(f"{what}, but not everything could be read: {'; '.join(errors)}")
    raise ContainerNotFound(what, container_name=name)


def _all_of(repositories: Sequence[Repository], errors: Sequence[str]) -> ContainerList:
    """The containers in these repositories, each with the name that is its alone."""
    more = list(errors)
    plain: list[Container] = []
    for repository, result in zip(repositories, map_hosts(_plain_in, repositories), strict=True):
        if isinstance(result, Ovm3Error):
            more.append(f"plain containers in repository {repository.id} were not read: {result}")
            continue
        plain += result[0]
        more += result[1]
    used = Counter([one.plain for one in plain] + [one.record.alias for one in repositories])
    names = Counter(one.plain for one in plain)
    ids = {one.key for one in repositories}
    own = [
        Container(_own_name(one, used), one)
        for one in repositories
        if one.is_clear and one.mounted_on
    ]
    named = [
        one
        if names[one.plain] == 1 and "/" not in one.plain and undashed(one.plain) not in ids
        else Container(f"{one.repository.id}/{one.plain}", one.repository, one.plain, one.created)
        for one in plain
    ]
    unlisted = [
        f"plain containers in repository {one.repository.id} are not listed: {_needs_module(one)}"
        for one in own
        if host_with_objects(one.repository) is None
    ]
    listed = sorted([*own, *named], key=lambda one: one.name)
    return ContainerList(tuple(listed), tuple(more), tuple(unlisted))


def _own_name(repository: Repository, used: Mapping[str, int]) -> str:
    """The alias of a repository, if that is a name that nothing else has; else its id."""
    alias = repository.record.alias
    is_name = bool(alias) and alias.isprintable() and "/" not in alias and not undashed(alias)
    return alias if is_name and used[alias] == 1 else repository.id


def _plain_in(repository: Repository) -> tuple[list[Container], list[str]]:
    """The plain containers in a repository, and what is wrong with it or some."""
    if not repository.is_clear or not repository.mounted_on:
        why = repository.error or "it is not mounted on any host"
        return [], [f"repository {repository.id} is not listed: {why}"]
    host = host_with_objects(repository)
    if host is None or host.module is None:
        return [], []  # there are none that anybody could read
    found: list[Container] = []
    errors = []
    after: str | bytes = ""
    while True:
        page = host.module.list_containers(repository.path, after, PAGE)
        for one in page.entries:
            if one.error:
                what = f"plain container {one.name!r} in repository {repository.id}"
                errors.append(f"{what} cannot be read: {one.error}")
            else:
                found.append(Container(one.name, repository, one.name, one.created))
        after = page.after
        if not after:
            return found, errors


def host_with_objects(repository: Repository) -> HostView | None:
    """A host that has the repository mounted, and a host module with the functions for objects."""
    return next((host for host in repository.mounted_on if host.module3 is not None), None)


def module_of(container: Container, what: str = "") -> HostModule:
    """The host module that reads and writes a container.

    :param what: What it is needed for, for messages.
    :raises PreconditionFailed: No host of it has one, or the repository is not clear.
    """
    module = host_of(container, what).module
    assert module is not None, "a host with its functions has it"
    return module


def host_of(container: Container, what: str = "") -> HostView:
    """The host of that module."""
    repository, what = container.repository, what or container.label
    if not repository.is_clear or not repository.mounted_on:
        why = repository.error or "it is not mounted on any host that could be read"
        raise PreconditionFailed(f"{what}: repository {repository.id}: {why}")
    host = host_with_objects(repository)
    if host is None:
        raise PreconditionFailed(f"{what}: {_needs_module(container)}")
    return host


def _needs_module(container: Container) -> str:
    return (
        f"that needs the host module (API 3) on a host that has repository "
        f"{container.repository.id} mounted, which none has (`ovm3 host install`)"
    )


# ------------------------------------------------------------------ objects


def objects_in(
    container: Container, prefix: str, notice: Callable[[str], None]
) -> Iterator[StoredObject]:
    """The objects of a container whose names begin so, page by page.

    :param notice: Called with what could not be read.
    :raises ContainerNotFound: It is gone.
    :raises Ovm3Error: The container cannot be read.
    """
    if host_with_objects(container.repository) is None:
        yield from _listed(container, prefix)
        if container.path_of(prefix) is None:
            notice(
                f"objects of {container.label} whose names do not begin with Templates/, ISOs/ or "
                f"VirtualDisks/ are not listed: {_needs_module(container)}"
            )
        return
    module = module_of(container)
    after: str | bytes = ""
    while True:
        with _is_there(container):
            page = module.list_objects(
                container.repository.path, container.plain, prefix, after, PAGE
            )
        for entry in page.entries:
            label = f"object {entry.name!r} of {container.label}"
            if entry.error:
                notice(f"{label} cannot be read: {entry.error}")
                continue
            found = stored(container, entry)
            if unread := found.unread:
                notice(unread)
            yield found
        after = page.after
        if not after:
            return


def stored(container: Container, entry: ObjectEntry) -> StoredObject:
    """What the host module says of an object."""
    return StoredObject(
        container,
        entry.name,
        entry.size_bytes,
        entry.used_bytes,
        entry.modified,
        entry.record,
        entry.identity,
        entry.path,
        entry.record_error,
    )


def find_object(container: Container, name: str) -> StoredObject:
    """One object of a container, read now.

    :raises ObjectNotFound: There is none of this name.
    :raises PreconditionFailed: Only the host module can tell.
    :raises Ovm3Error: It cannot be read.
    """
    if host_with_objects(container.repository) is None and container.path_of(name) is not None:
        for one in _listed(container, name):
            if one.name == name:
                return one
        raise not_found(container, name)
    module = module_of(container)
    try:
        entry = module.stat_object(container.repository.path, container.plain, name)
    except AgentFault as fault:
        if fault.kind.endswith((".NotFound", ".InvalidArgument")):  # no object can be called so
            raise not_found(container, name) from fault
        raise
    return stored(container, entry)


def not_found(container: Container, name: str) -> ObjectNotFound:
    """The error for an object that is not there."""
    return ObjectNotFound(f"there is no object {name!r} in {container.label}", object_name=name)


def _listed(container: Container, prefix: str) -> Iterator[StoredObject]:
    """The files of a repository that the agent lists, without sizes."""
    if container.plain:
        module_of(container)
    host = container.repository.mounted_on[0]
    content = list_repository(host, container.repository.id)
    repository = Repository(container.repository.record, container.repository.mounted_on, content)
    names = [one.path for one in images_in(repository) if one.kind == RAW]
    for folder in content.templates:
        if VM_CFG in folder.files:
            names += [f"{TEMPLATES}/{folder.name}/{file}" for file in folder.files]
    names += [f"{ISOS}/{file}" for file in content.isos]
    names += [f"{VIRTUAL_DISKS}/{file}" for file in content.virtual_disks]
    for name in sorted(set(names)):
        if name.startswith(prefix) and "/." not in name:
            yield StoredObject(container, name)


# ------------------------------------------------------------------ unfinished uploads


def read_uploads(container: Container) -> tuple[UploadEntry, ...]:
    """The unfinished uploads of a container.

    :raises Ovm3Error: They cannot be read.
    """
    module = module_of(container)
    with _is_there(container):
        return module.list_uploads(container.repository.path, container.plain)


@contextmanager
def _is_there(container: Container) -> Iterator[None]:
    """A call that the host module refuses if there is no such container.

    :raises ContainerNotFound: There is none (any more).
    """
    try:
        yield
    except AgentFault as fault:
        if not container.plain or not fault.kind.endswith(".NotFound"):
            raise
        raise ContainerNotFound(
            f"there is no container {container.name!r} (any more)", container_name=container.name
        ) from fault
