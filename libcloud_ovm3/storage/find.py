"""From what a user types, ``CONTAINER/OBJECT``, to a container and the name of an object."""

from __future__ import annotations

from collections.abc import Sequence

from libcloud.storage.base import Container

from libcloud_ovm3.agent.identifiers import undashed
from libcloud_ovm3.errors import AmbiguousName
from libcloud_ovm3.storage.convert import PLAIN, REPOSITORY_ID
from libcloud_ovm3.storage.driver import OVM3StorageDriver


def find_place(driver: OVM3StorageDriver, text: str) -> tuple[Container, str]:
    """Return the container that a text begins with, and what follows it behind a slash.

    :raises ContainerNotFound: There is none.
    :raises SearchIncomplete: It was not found, but not everything could be read.
    :raises AmbiguousName: It may be one of two.
    """
    listed = driver._containers(is_search=True)
    name, rest = split_place(text, listed)
    return next((one for one in listed if one.name == name), None) or driver.get_container(
        name
    ), rest


def split_place(text: str, listed: Sequence[Container]) -> tuple[str, str]:
    """Return the name of the container and the rest. Pure.

    The container's name ends at the first slash, but for one that is listed with a slash in it.

    :raises AmbiguousName: It is that of a repository by its id, or a plain container there.
    """
    with_slash = [one.name for one in listed if "/" in one.name and _begins(text, one.name)]
    if with_slash:
        name = max(with_slash, key=len)
        return name, text[len(name) + 1 :]
    name, _, rest = text.partition("/")
    for one in listed:
        plain = one.extra[PLAIN]
        is_there = bool(plain) and undashed(name) == undashed(one.extra[REPOSITORY_ID])
        if is_there and undashed(name) and _begins(rest, plain):
            raise AmbiguousName(
                f"{text!r} may be in repository {name} itself, or in its plain container "
                f"{plain!r}: write {one.name}/... for the latter, and the name of the repository, "
                f"not its id, for the former"
            )
    return name, rest


def _begins(text: str, name: str) -> bool:
    return text == name or text.startswith(f"{name}/")
