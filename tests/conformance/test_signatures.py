"""The methods of libcloud's base class, as it is installed, called as the base class is called."""

from __future__ import annotations

import inspect

import pytest
from libcloud.compute.base import NodeDriver
from libcloud.storage.base import StorageDriver

from libcloud_ovm3 import OVM3NodeDriver, OVM3StorageDriver

# Methods of the base class that only raise; the last three work once the others do.
BASE = {
    *("list_nodes", "list_sizes", "list_locations", "create_node"),
    *("reboot_node", "start_node", "stop_node", "destroy_node"),
    *("list_volumes", "create_volume", "attach_volume", "detach_volume", "destroy_volume"),
    *("list_volume_snapshots", "create_volume_snapshot", "destroy_volume_snapshot"),
    *("list_images", "get_image", "create_image", "delete_image", "copy_image"),
    *("list_key_pairs", "get_key_pair", "create_key_pair"),
    *("import_key_pair_from_string", "delete_key_pair"),
    *("import_key_pair_from_file", "deploy_node", "wait_until_running"),
}
STORAGE = {
    *("iterate_containers", "list_containers", "get_container"),
    *("create_container", "delete_container"),
    *("iterate_container_objects", "list_container_objects", "get_object", "delete_object"),
    *("upload_object", "upload_object_via_stream"),
    *("download_object", "download_object_as_stream"),
    *("download_object_range", "download_object_range_as_stream"),
    *("enable_container_cdn", "enable_object_cdn"),
    *("get_container_cdn_url", "get_object_cdn_url"),
}
DRIVERS = [(NodeDriver, OVM3NodeDriver, BASE), (StorageDriver, OVM3StorageDriver, STORAGE)]
EACH = [
    pytest.param(base, own, name, id=name) for base, own, names in DRIVERS for name in sorted(names)
]
# Besides ex_: by name only, as some of libcloud's other drivers have it.
HABITUAL = {"create_node": {"networks"}}


def public(driver: type) -> set[str]:
    return {name for name, _ in inspect.getmembers(driver, inspect.isfunction) if name[0] != "_"}


def parameters(driver: type, name: str) -> list[inspect.Parameter]:
    return list(inspect.signature(getattr(driver, name)).parameters.values())


def is_open(one: inspect.Parameter) -> bool:
    return one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD)


@pytest.mark.parametrize(("base", "own", "names"), DRIVERS)
def test_the_base_class_has_these_methods_and_ours_are_our_own(
    base: type, own: type, names: set[str]
) -> None:
    assert public(base) == names
    inherited = {name for name in names if getattr(own, name) is vars(base)[name]}
    assert inherited == set()


@pytest.mark.parametrize(("own", "names"), [one[1:] for one in DRIVERS])
def test_all_other_methods_begin_with_ex(own: type, names: set[str]) -> None:
    assert all(name.startswith("ex_") for name in public(own) - names)


@pytest.mark.parametrize(("libclouds", "own", "name"), EACH)
def test_signatures_are_the_base_class_own(libclouds: type, own: type, name: str) -> None:
    """The base's parameters come first: names, order, kinds and defaults. Ours come after them,
    can be left out, and begin with ex_; none is swallowed unseen."""
    base, ours = parameters(libclouds, name), parameters(own, name)
    named = [one for one in base if not is_open(one)]
    said = [(one.name, one.kind, one.default) for one in ours[: len(named)]]
    assert said == [(one.name, one.kind, one.default) for one in named]
    more = ours[len(named) :]
    swallowing = [one.name for one in more if is_open(one)]
    assert swallowing == [one.name for one in base if is_open(one)] or not swallowing
    added = [one for one in more if not is_open(one)]
    assert all(one.default is not one.empty for one in added)
    others = {one.name: one.kind for one in added if not one.name.startswith("ex_")}
    assert others.keys() <= HABITUAL.get(name, set())
    assert all(kind is inspect.Parameter.KEYWORD_ONLY for kind in others.values())
