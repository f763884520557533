"""What all parts of the storage driver share."""

from __future__ import annotations

import os
from typing import Any

from libcloud.storage.base import Container, Object, StorageDriver

from libcloud_ovm3 import estate
from libcloud_ovm3.agent.option_values import quoted
from libcloud_ovm3.driver_base import AgentDriver
from libcloud_ovm3.errors import InvalidArgument
from libcloud_ovm3.estate.members import SILENT_SECONDS
from libcloud_ovm3.habitual import says_something
from libcloud_ovm3.storage.convert import PLAIN, REPOSITORY_ID

ESTATE = "OVM3_ESTATE"  # the environment variable that the command line knows too


class StorageBase(AgentDriver, StorageDriver):
    """What the classes for libcloud's nouns share."""

    hash_type = "md5"
    supports_chunked_encoding = True
    _silent_seconds = SILENT_SECONDS  # a program calls it often, and each call asks all hosts

    def _default_estate(self, region: object, is_host_named: bool) -> str | None:
        """``region``, which clients can pass that know no other argument than libcloud's; else, if
        no host is named, that of the environment.
        """
        if says_something(region):
            if not isinstance(region, str) or is_host_named:
                raise InvalidArgument(
                    "region: expected the name of an estate, and then neither host nor ex_hosts"
                )
            return region
        return None if is_host_named else os.environ.get(ESTATE) or None

    def _find(self, container: Container | str) -> estate.objects.Container:
        """The container that is meant, with the hosts that have it now."""
        name, extra = name_of(container, Container, "container"), _extra_of(container)
        if REPOSITORY_ID in extra:
            return estate.objects.known_container(
                self._estate, name, extra[REPOSITORY_ID], extra.get(PLAIN) or ""
            )
        found, errors = estate.objects.find_container(self._estate, name)
        self._warn(errors, stacklevel=4)
        return found

    def _find_object(self, obj: Object) -> estate.objects.StoredObject:
        """The object that is meant, as it is now."""
        name = name_of(obj, Object, "obj")
        return estate.objects.find_object(self._find(obj.container), name)


def name_of(what: Any, kind: type, argument: str) -> str:
    """The name of what a user has given.

    :raises InvalidArgument: It is none of this kind.
    """
    name = what if isinstance(what, str) and kind is Container else getattr(what, "name", None)
    if not isinstance(name, str):
        raise InvalidArgument(f"{argument} {quoted(what)}: expected a libcloud {kind.__name__}")
    return name


def _extra_of(container: Container | str) -> dict[str, Any]:
    extra = getattr(container, "extra", None)
    return extra if isinstance(extra, dict) else {}
