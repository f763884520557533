"""Creating, importing and deleting key pairs: entries in a document of a repository.

Which repository: the one that ``ex_keys_repository`` names, else the one that has key pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from libcloud_ovm3.agent.option_values import quoted
from libcloud_ovm3.errors import (
    InvalidArgument,
    KeyPairTaken,
    OperationIncomplete,
    PreconditionFailed,
    SearchIncomplete,
)
from libcloud_ovm3.estate.key_pairs import (
    CREATED,
    DOCUMENT,
    IMPORTED,
    KeyPairList,
    KeyPairRecord,
    read_document,
    read_key_pairs,
    without_module,
)
from libcloud_ovm3.estate.recorded import to_document
from libcloud_ovm3.estate.repositories import with_module
from libcloud_ovm3.operations.change_document import change_document
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.ssh_keys import PublicKey, make_key, parse_public_key
from libcloud_ovm3.operations.target_repository import require_usable

if TYPE_CHECKING:
    from libcloud_ovm3.estate.members import Estate
    from libcloud_ovm3.estate.repositories import Repository

_LONGEST_NAME = 255  # characters, as EC2 has it
_Entries = Mapping[str, Mapping[str, Any]]


def create(estate: Estate, name: str, kind: str) -> tuple[KeyPairRecord, str, list[str]]:
    """Make a key pair and record its public key.

    :param kind: ``rsa`` or ``ed25519``.
    :return: what is recorded, the private key, which is kept nowhere, and notices for the user.
    :raises InvalidArgument: the name or the kind is wrong.
    :raises KeyPairTaken: there is a key pair of this name.
    :raises PreconditionFailed: it cannot be recorded, or it is not clear where.
    :raises AgentFault: the host refused; it is not recorded.
    :raises OperationIncomplete: whether it is recorded is unknown; its private key is lost.
    """
    _require_name(name)
    public, private = make_key(kind, name)
    operation = Operation(estate)
    try:
        key, notices = _record(operation, name, public, CREATED)
    except OperationIncomplete as error:
        raise operation.incomplete(
            f"{error}. Its private key is lost: if the key pair is there, delete it; then create "
            f"it again",
            left=error.left,
        ) from error
    return key, private, notices


def import_key(estate: Estate, name: str, material: str) -> tuple[KeyPairRecord, list[str]]:
    """Record a public key that a user has.

    :return: what is recorded, and notices for the user.
    :raises InvalidArgument: the name is wrong, or this is not a public key.

    What else is raised: as by :func:`create`.
    """
    _require_name(name)
    public = parse_public_key(material, "key_material")
    return _record(Operation(estate), name, public, IMPORTED)


def delete(
    estate: Estate, name: str, repository_id: str | None = None, public_key: str | None = None
) -> list[str]:
    """Remove what is recorded of a key pair. Guests that have the public key keep it.

    :param repository_id: the repository that it is in; None: not known.
    :param public_key: delete only this one: another client may have made another of the same name.
    :return: notices for the user.
    :raises KeyPairNotFound: there is none.
    :raises SearchIncomplete: there may be another one where nothing could be read.
    :raises PreconditionFailed: it is another key by now, or what is recorded cannot be changed.
    :raises AgentFault: the host refused; it is there.
    :raises OperationIncomplete: whether it is there is unknown.
    """
    found = read_key_pairs(estate)
    key = found.named(name, repository_id)
    if found.errors and not found.chosen and repository_id is None:
        raise _unclear(f"key pair {name!r} was not deleted: another one may be", found)
    expected = public_key or key.public_key

    def without_it(entries: _Entries) -> _Entries | None:
        if name not in entries:
            return None
        if entries[name].get("public_key") != expected:
            raise PreconditionFailed(
                f"key pair {name!r} was not deleted: it is another key than the one that was read"
            )
        return {one: entry for one, entry in entries.items() if one != name}

    return _change(Operation(estate), key.repository, name, without_it)


def _record(
    operation: Operation, name: str, public: PublicKey, origin: str
) -> tuple[KeyPairRecord, list[str]]:
    repository = _target(read_key_pairs(operation.estate))
    entry = {
        "public_key": public.line,
        "fingerprint": public.fingerprint,
        "origin": origin,
        "operation": operation.id,  # what is there with another one was made by somebody else
    }

    def with_it(entries: _Entries) -> _Entries | None:
        if entries.get(name) == entry:
            return None
        if name in entries:
            raise KeyPairTaken(
                f"there is a key pair {name!r} in repository {repository.label}; nothing was "
                f"changed: use another name, or delete it first",
                name=name,
            )
        return {**entries, name: entry}

    notices = _change(operation, repository, name, with_it)
    return KeyPairRecord(name, public.line, public.fingerprint, origin, repository), notices


def _target(found: KeyPairList) -> Repository:
    """The repository that a new key pair goes into.

    :raises SearchIncomplete: there may be key pairs where nothing could be read.
    :raises PreconditionFailed: no argument says which, and none or several have key pairs.
    """
    if found.chosen is not None:
        return found.chosen
    if found.errors:
        raise _unclear("which repository has key pairs is not certain: there may be some", found)
    known = {one.repository.key: one.repository for one in found.keys}
    if len(known) != 1:
        # A single repository is not taken either: nobody has said that it is for key pairs.
        which = ", ".join(one.label for one in known.values() or found.repositories)
        raise PreconditionFailed(
            f"which repository key pairs go into is not known: "
            f"{'several have some' if known else 'none has any yet'}. Name one, by its id or "
            f"alias, with ex_keys_repository: {which or 'there is none'}"
        )
    return next(iter(known.values()))


def _unclear(what: str, found: KeyPairList) -> SearchIncomplete:
    return SearchIncomplete(
        f"{what} where nothing could be read ({'; '.join(found.errors)}). Name the repository, by "
        f"its id or alias, with ex_keys_repository"
    )


def _change(
    operation: Operation,
    repository: Repository,
    name: str,
    change: Callable[[_Entries], _Entries | None],
) -> list[str]:
    """Write the document with a change of its entries (None: it is done already)."""
    require_usable(repository)
    host = with_module(repository)
    if host is None or host.module is None:
        raise PreconditionFailed(f"key pair {name!r} was not changed: {without_module(repository)}")
    module = host.module

    def next_content() -> tuple[int, bytes] | None:
        document = read_document(module, repository)
        if document.error:
            raise PreconditionFailed(f"key pair {name!r} was not changed: {document.error}")
        entries = change(document.entries)
        if entries is None:
            return None
        return document.next_version, to_document(DOCUMENT, entries)

    what = f"what is recorded of key pair {name!r}"
    return change_document(operation, module, repository, DOCUMENT, next_content, what, (name,))


def _require_name(name: object) -> None:
    """Whether a key pair can have this name.

    :raises InvalidArgument: it cannot.
    """
    if not isinstance(name, str) or not name or name != name.strip() or not name.isprintable():
        raise InvalidArgument(
            f"name {quoted(name)}: expected a text without control characters, and without blanks "
            f"at its ends"
        )
    if len(name) > _LONGEST_NAME:
        raise InvalidArgument(f"name {quoted(name)}: expected at most {_LONGEST_NAME} characters")
