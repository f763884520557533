"""The estate's containers and objects -> libcloud's, and what a user says of one. Pure."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from libcloud.storage.base import DEFAULT_CONTENT_TYPE, Container, Object, StorageDriver
from libcloud.utils.files import guess_file_mime_type

from libcloud_ovm3.agent.object_types import ObjectRecord
from libcloud_ovm3.agent.option_values import quoted
from libcloud_ovm3.errors import InvalidArgument

if TYPE_CHECKING:
    from libcloud_ovm3 import estate
    from libcloud_ovm3.agent.object_types import UploadEntry

_HEADERS = ("content-type", "content-encoding")
REPOSITORY_ID, PLAIN = "repository_id", "plain_name"


def to_container(one: estate.objects.Container, driver: StorageDriver) -> Container:
    """``extra``: ``repository_id``, ``repository`` (its alias), ``plain_name`` (None: it is the
    repository itself), ``creation_time`` (of a plain one)."""
    extra = {
        REPOSITORY_ID: one.repository.id,
        "repository": one.repository.record.alias,
        PLAIN: one.plain or None,
        "creation_time": _time(one.created),
    }
    return Container(one.name, extra, driver)


def to_object(one: estate.objects.StoredObject, container: Container) -> Object:
    """``extra``: ``content_type``, ``content_encoding`` (only if there is one), ``last_modified``,
    ``used_bytes``, ``identity``, ``path`` (of a repository's own file, on the hosts)."""
    record = one.record or ObjectRecord()
    extra: dict[str, Any] = {
        "content_type": record.content_type or content_type_of(one.name),
        "last_modified": _time(one.modified),
        "used_bytes": one.used_bytes,
        "identity": one.identity,
        "path": one.container.path_of(one.name),
    }
    if record.content_encoding:
        extra["content_encoding"] = record.content_encoding
    return Object(
        one.name,
        one.size_bytes,  # type: ignore[arg-type]  # None: not known
        one.md5,  # type: ignore[arg-type]  # None: not known
        extra,
        dict(record.meta_data),
        container,
        container.driver,
    )


def to_upload(one: UploadEntry) -> dict[str, Any]:
    """An unfinished upload as plain data."""
    return {
        "id": one.operation,
        "object_name": one.name,
        "size_bytes": None if one.size_bytes < 0 else one.size_bytes,
        "done_bytes": one.done_bytes,
        "client": one.client,
        "started": _time(one.started or None),
        "last_modified": _time(one.modified or None),
        "error": one.error,
    }


def _time(seconds: float | None) -> str | None:
    """A time as text, in UTC (``2026-11-29T22:45:39Z``): ``extra`` is plain data. None, too: one
    that a calendar does not have, as a file may."""
    if seconds is None:
        return None
    try:
        when = datetime.datetime.fromtimestamp(int(seconds), datetime.timezone.utc)
    except (ValueError, OverflowError, OSError):
        return None
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def content_type_of(name: str) -> str:
    """What the end of a name says, as libcloud's other drivers guess."""
    return guess_file_mime_type(name)[0] or DEFAULT_CONTENT_TYPE


def to_record(
    extra: Mapping[str, Any] | None, headers: Mapping[str, str] | None, name: str
) -> ObjectRecord:
    """What is recorded of an object.

    :param extra: ``content_type``, ``meta_data``; ``acl`` and others of other drivers say nothing
        here.
    :param headers: ``Content-Type``, ``Content-Encoding``.
    :param name: of the object or its file: what it ends with says its type if nothing else does.
    :raises InvalidArgument: one of these is no text, or cannot be kept.
    """
    for argument, mapping in (("extra", extra), ("headers", headers)):
        if mapping is not None and not isinstance(mapping, Mapping):
            raise InvalidArgument(f"{argument} {quoted(mapping)}: expected a mapping")
    given = dict(extra or {})
    by_header = {str(key).lower(): value for key, value in (headers or {}).items()}
    unknown = [key for key in headers or {} if str(key).lower() not in _HEADERS]
    if unknown:
        raise InvalidArgument(
            f"headers: {quoted(unknown[0])} is not kept with an object; expected Content-Type and "
            f"Content-Encoding only"
        )
    meta_data = given.get("meta_data") or {}
    content_type = given.get("content_type") or by_header.get("content-type")
    encoding = given.get("content_encoding") or by_header.get("content-encoding") or ""
    guessed = content_type_of(name) if content_type is None else content_type
    if not isinstance(meta_data, Mapping):
        raise InvalidArgument(f"meta_data {quoted(meta_data)}: expected a mapping")
    texts = {"content_type": guessed, "content_encoding": encoding}
    for key, value in [*texts.items(), *meta_data.items()]:
        if not isinstance(key, str) or not isinstance(value, str):
            what = key if key in texts else f"meta_data {quoted(key)}:"
            raise InvalidArgument(f"{what} {quoted(value)}: expected a text")
    record = ObjectRecord("", str(guessed), str(encoding), dict(meta_data))
    if problem := record.problem():
        raise InvalidArgument(f"meta_data, content_type and content_encoding: {problem}")
    return record
