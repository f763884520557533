"""Containers, objects and unfinished uploads as plain data with stable keys
(docs/command-output.md). Pure.

None: not known, or there is none; never an empty text or a zero in its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from libcloud.storage.base import Container, Object

from libcloud_ovm3.storage.convert import PLAIN, REPOSITORY_ID


def container_record(container: Container) -> dict[str, Any]:
    """Return what is known of a container."""
    extra = container.extra
    return {
        "name": container.name,
        "repository_id": extra[REPOSITORY_ID],
        "repository": extra["repository"] or None,
        "plain_name": extra[PLAIN],
        "created_at": extra["creation_time"],
    }


def object_record(obj: Object) -> dict[str, Any]:
    """Return what is known of an object."""
    extra = obj.extra
    return {
        "id": f"{obj.container.name}/{obj.name}",
        "name": obj.name,
        "container": obj.container.name,
        "size_bytes": obj.size,
        "used_bytes": extra["used_bytes"],
        "modified_at": extra["last_modified"],
        "md5": obj.hash,
        "content_type": extra["content_type"],
        "content_encoding": extra.get("content_encoding"),
        "meta_data": obj.meta_data,
        "path": extra["path"],
    }


def upload_record(container: Container, upload: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known of an unfinished upload."""
    return {
        "id": f"{container.name}/{upload['id']}",
        "container": container.name,
        "object": upload["object_name"] or None,
        "size_bytes": upload["size_bytes"],
        "done_bytes": upload["done_bytes"],
        "client": upload["client"] or None,
        "started_at": upload["started"],
        "modified_at": upload["last_modified"],
        "error": upload["error"] or None,
    }
