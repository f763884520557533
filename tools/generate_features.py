#!/usr/bin/env python3
"""Write the feature tables of README.md from the classes of the drivers as they are installed.

With --check, write nothing and fail if they are out of date.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
from dataclasses import dataclass
from typing import Any

import generated

sys.path.insert(0, str(generated.ROOT))

from libcloud.compute.base import NodeDriver
from libcloud.compute.providers import get_driver as get_node_driver
from libcloud.storage.base import StorageDriver
from libcloud.storage.providers import get_driver as get_storage_driver

import libcloud_ovm3  # noqa: F401 (registers ovm3)

PAGE = generated.ROOT / "README.md"
END = "<!-- /features -->\n"

# Provider -> its name in the table. libcloud imports the library that a driver needs only guarded,
# so their classes can be looked at without it.
PROVIDERS = {
    "ovm3": "OVM 3",
    "libvirt": "libvirt",
    "vsphere": "vSphere",
    "kubevirt": "KubeVirt",
}
# The tables of libcloud's documentation and their words; start, stop, list locations and destroy
# snapshot, which they leave out, are methods of its base class as the others are.
ROWS = {
    "Nodes": {
        "list_nodes": "list nodes",
        "create_node": "create node",
        "start_node": "start node",
        "stop_node": "stop node",
        "reboot_node": "reboot node",
        "destroy_node": "destroy node",
        "deploy_node": "deploy node",
        "list_sizes": "list sizes",
        "list_locations": "list locations",
    },
    "Images": {
        "list_images": "list images",
        "get_image": "get image",
        "create_image": "create image",
        "copy_image": "copy image",
        "delete_image": "delete image",
    },
    "Block storage": {
        "list_volumes": "list volumes",
        "create_volume": "create volume",
        "destroy_volume": "destroy volume",
        "attach_volume": "attach volume",
        "detach_volume": "detach volume",
        "list_volume_snapshots": "list snapshots",
        "create_volume_snapshot": "create snapshot",
        "destroy_volume_snapshot": "destroy snapshot",
    },
    "Key pairs": {
        "list_key_pairs": "list key pairs",
        "get_key_pair": "get key pair",
        "create_key_pair": "create key pair",
        "import_key_pair_from_string": "import public key from string",
        "import_key_pair_from_file": "import public key from file",
        "delete_key_pair": "delete key pair",
    },
}
STORAGE_PROVIDERS = {
    "ovm3": "OVM 3",
    "local": "local",
    "s3": "S3",
    "minio": "MinIO",
    "azure_blobs": "Azure Blobs",
    "cloudfiles": "Cloud Files",
}
STORAGE_ROWS = {
    "Containers": {
        "iterate_containers": "list containers",
        "get_container": "get container",
        "create_container": "create container",
        "delete_container": "delete container",
    },
    "Objects": {
        "iterate_container_objects": "list objects",
        "get_object": "get object",
        "upload_object": "upload object",
        "upload_object_via_stream": "streaming object upload",
        "download_object": "download object",
        "download_object_as_stream": "streaming object download",
        "download_object_range": "partial download",
        "download_object_range_as_stream": "streaming partial download",
        "delete_object": "delete object",
    },
    "CDN": {
        "enable_container_cdn": "enable CDN container",
        "enable_object_cdn": "enable CDN object",
        "get_container_cdn_url": "get CDN container URL",
        "get_object_cdn_url": "get CDN object URL",
    },
}


@dataclass(frozen=True)
class Table:
    """One of the tables.

    :ivar base: libcloud's base class of the drivers.
    :ivar get_driver: libcloud's function that finds one.
    """

    name: str
    base: type
    get_driver: Any
    providers: dict[str, str]
    rows: dict[str, dict[str, str]]

    @property
    def begin(self) -> str:
        return f"<!-- {self.name}: tools/generate_features.py -->\n"


TABLES = (
    Table("features", NodeDriver, get_node_driver, PROVIDERS, ROWS),
    Table("storage", StorageDriver, get_storage_driver, STORAGE_PROVIDERS, STORAGE_ROWS),
)


def main(arguments: list[str]) -> int:
    return generated.write({PAGE: page(PAGE.read_text(encoding="utf-8"))}, arguments)


def page(text: str) -> str:
    """A README with the tables that are right now."""
    for one in TABLES:
        before, found, rest = text.partition(one.begin)
        assert found, f"{PAGE.name} has no line {one.begin!r}"
        assert END in rest, f"{PAGE.name} has no line {END!r}"
        text = before + one.begin + table(one) + END + rest.partition(END)[2]
    return text


def table(one: Table) -> str:
    drivers = [one.get_driver(provider) for provider in one.providers]
    lines = [["", *one.providers.values()], ["---", *[":---:"] * len(drivers)]]
    for group, methods in one.rows.items():
        lines.append([f"**{group}**", *[""] * len(drivers)])
        lines += [
            [words, *("✓" if has(driver, name, one.base) else "" for driver in drivers)]
            for name, words in methods.items()
        ]
    own = abstract(one)
    counts = [str(sum(has(driver, name, one.base) for name in own)) for driver in drivers]
    lines.append([f"**of the {len(own)} that a driver has to write**", *counts])
    return re.sub(" +", " ", "".join(map(generated.cells, lines)))


# ------------------------------------------------------------------ what the classes have


def abstract(one: Table = TABLES[0]) -> list[str]:
    """The methods of libcloud's base class that do nothing but raise.

    :raises AssertionError: One of them is not in the table.
    """
    methods = vars(one.base).items()
    names = [name for name, method in methods if name[0] != "_" and only_raises(method)]
    missing = set(names).difference(*one.rows.values())
    assert not missing, f"without a row in {__file__}: {', '.join(sorted(missing))}"
    return names


def has(driver: type, name: str, base: type = NodeDriver) -> bool:
    """Whether a driver has a method.

    It takes part in ``deploy_node`` if its ``create_node`` takes a key or a password, which is how
    libcloud's own table has it, or if it has a ``deploy_node`` itself; importing a key from a file
    is importing its text.
    """
    is_own = getattr(driver, name) is not getattr(base, name)
    if name == "deploy_node":
        features = getattr(driver, "features", {})
        return is_own or bool(features.get("create_node"))
    if name == "import_key_pair_from_file" and not is_own:
        return has(driver, "import_key_pair_from_string")
    return is_own and not only_raises(getattr(driver, name))


def only_raises(method: Any) -> bool:
    """Whether a function does nothing but raise."""
    if not inspect.isfunction(method):
        return False
    [function] = ast.parse(textwrap.dedent(inspect.getsource(method))).body
    assert isinstance(function, ast.FunctionDef)
    body = [one for one in function.body if not _is_docstring(one)]
    return len(body) == 1 and isinstance(body[0], ast.Raise)


def _is_docstring(one: ast.stmt) -> bool:
    return isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
