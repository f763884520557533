"""Key pairs: public keys by name, in the document ``key-pairs`` of a repository.

Private keys are kept nowhere. Only a host module reads and writes such documents, so without one
there are no key pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from libcloud_ovm3.agent.option_values import quoted
from libcloud_ovm3.errors import (
    AmbiguousName,
    KeyPairNotFound,
    Ovm3Error,
    PreconditionFailed,
    SearchIncomplete,
)
from libcloud_ovm3.estate.hosts import map_hosts, read_hosts, why_incomplete
from libcloud_ovm3.estate.one_repository import find_repository
from libcloud_ovm3.estate.recorded import Recorded, parse_recorded
from libcloud_ovm3.estate.repositories import Repository, read_repositories
from libcloud_ovm3.estate.vms import EstateSnapshot

if TYPE_CHECKING:
    from libcloud_ovm3.agent.hostmodule import HostModule
    from libcloud_ovm3.estate.members import Estate

DOCUMENT = "key-pairs"
CREATED, IMPORTED = "created", "imported"  # what ``origin`` may be


@dataclass(frozen=True)
class KeyPairRecord:
    """A key pair as it is recorded.

    :ivar public_key: One line in OpenSSH's form.
    :ivar fingerprint: As it was computed when the key pair was recorded.
    :ivar origin: ``created`` or ``imported``; None: not recorded.
    :ivar repository: The one that it is recorded in.
    """

    name: str
    public_key: str
    fingerprint: str
    origin: str | None
    repository: Repository = field(repr=False)

    @property
    def kind(self) -> str:
        """The type of the key, as its line begins: ``ssh-rsa``, ``ssh-ed25519`` ..."""
        return self.public_key.partition(" ")[0]


@dataclass(frozen=True)
class KeyPairList:
    """All key pairs that could be read.

    :ivar keys: By name; in two repositories there may be one of the same name.
    :ivar errors: What could not be read or understood, so there may be more of them.
    :ivar repositories: Those that were read, or could not be.
    :ivar chosen: The repository that ``ex_keys_repository`` names: only that was read.
    """

    keys: tuple[KeyPairRecord, ...]
    errors: tuple[str, ...]
    repositories: tuple[Repository, ...]
    chosen: Repository | None = None

    def named(self, name: str, repository_id: str | None = None) -> KeyPairRecord:
        """The key pair of this name.

        :param repository_id: the repository that it is in; None: any.
        :raises KeyPairNotFound: There is none.
        :raises SearchIncomplete: It was not found, but not everything could be read.
        :raises AmbiguousName: Several repositories have one.
        """
        found = [
            one
            for one in self.keys
            if one.name == name and repository_id in (None, one.repository.id)
        ]
        if len(found) > 1:
            where = ", ".join(one.repository.label for one in found)
            raise AmbiguousName(
                f"key pair {name!r} is in several repositories ({where}): name one of them with "
                f"ex_keys_repository"
            )
        if found:
            return found[0]
        shown = quoted(name)  # somebody may have given the key itself
        what = f"no key pair {shown} was found"
        if self.errors:
            raise SearchIncomplete(
                f"{what}, but not everything could be read: {'; '.join(self.errors)}"
            )
        known = ", ".join(dict.fromkeys(one.name for one in self.keys)) or "none"
        raise KeyPairNotFound(
            f"{what}; key pairs: {known}", name=name if shown == repr(name) else shown
        )


def read_key_pairs(estate: Estate) -> KeyPairList:
    """The key pairs of the repository that ``ex_keys_repository`` names, else of all of them.

    :raises PreconditionFailed: No host that could be read has the host module, or there is no such
        repository.
    :raises Ovm3Error: No host answered.
    """
    hosts, unreachable = read_hosts(estate)
    if all(host.module is None for host in hosts):
        unread = "".join(f"; not read: {why}" for why in why_incomplete(hosts, unreachable))
        raise PreconditionFailed(
            f"key pairs are kept through the host module, which none of these hosts has: "
            f"{', '.join(host.label for host in hosts)} (`ovm3 host install`){unread}"
        )
    repositories = read_repositories(hosts, with_vm_cfgs=False)
    if estate.keys_repository is None:
        return _all(repositories, why_incomplete(hosts, unreachable))
    snapshot = EstateSnapshot(tuple(hosts), tuple(unreachable), tuple(repositories))
    chosen = find_repository(snapshot, estate.keys_repository, "ex_keys_repository")
    keys, errors = keys_in(chosen)
    return KeyPairList(tuple(keys), tuple(errors), (chosen,), chosen)


def find_key_pair(estate: Estate, name: str) -> tuple[KeyPairRecord, list[str]]:
    """The key pair of this name, and what could not be read beside it.

    :raises KeyPairNotFound: There is none.
    :raises SearchIncomplete: It was not found, but not everything could be read.
    :raises AmbiguousName: Several repositories have one.
    :raises PreconditionFailed: As for :func:`read_key_pairs`.
    """
    found = read_key_pairs(estate)
    return found.named(name), list(found.errors)


def read_document(module: HostModule, repository: Repository) -> Recorded:
    """The document of a repository. One read.

    :raises Ovm3Error: The host did not answer.
    """
    document = module.read_document(repository.path, DOCUMENT)
    return parse_recorded(document, DOCUMENT, repository.label)


def without_module(repository: Repository) -> str:
    """Why nothing can be read or written of such a repository, for messages."""
    return (
        f"no host that has repository {repository.label} mounted has the host module (`ovm3 host "
        f"install`)"
    )


def _read_by_any(repository: Repository) -> Recorded | str:
    """The document, from the first host that can read it; else why none can."""
    why = ""
    for host in repository.mounted_on:
        if host.module is not None:
            try:
                return read_document(host.module, repository)
            except Ovm3Error as error:
                why = why or str(error)
    return why or without_module(repository)


def _all(repositories: Sequence[Repository], errors: list[str]) -> KeyPairList:
    keys: list[KeyPairRecord] = []
    for result in map_hosts(keys_in, repositories):
        if isinstance(result, Ovm3Error):
            errors.append(str(result))
            continue
        keys += result[0]
        errors += result[1]
    keys.sort(key=lambda one: (one.name, one.repository.id))
    return KeyPairList(tuple(keys), tuple(errors), tuple(repositories))


def keys_in(repository: Repository) -> tuple[list[KeyPairRecord], list[str]]:
    """The key pairs of a repository, and what is wrong with it or them."""
    if not repository.is_clear or not repository.mounted_on:
        return [], [f"key pairs in repository {repository.label} were not read: {repository.error}"]
    document = _read_by_any(repository)
    if isinstance(document, str):
        return [], [f"key pairs in repository {repository.label} cannot be read: {document}"]
    keys, errors = [], [document.error] if document.error else []
    for name, entry in sorted(document.entries.items()):
        public_key, fingerprint = entry.get("public_key"), entry.get("fingerprint")
        if not isinstance(public_key, str) or not isinstance(fingerprint, str):
            where = f"in repository {repository.label}"
            errors.append(f"key pair {name!r} {where} cannot be understood")
            continue
        origin = entry.get("origin")
        known = origin if origin in (CREATED, IMPORTED) else None
        keys.append(KeyPairRecord(name, public_key, fingerprint, known, repository))
    return keys, errors
