#!/usr/bin/env python3
"""Write the feature table of README.md from the classes of the drivers as they are installed.

With --check, write nothing and fail if it is out of date.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
from typing import Any

import generated

sys.path.insert(0, str(generated.ROOT))

from libcloud.compute.base import NodeDriver
from libcloud.compute.providers import get_driver

import libcloud_ovm3  # noqa: F401 (registers ovm3)

PAGE = generated.ROOT / "README.md"
BEGIN, END = "<!-- features: tools/generate_features.py -->\n", "<!-- /features -->\n"

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


def main(arguments: list[str]) -> int:
    return generated.write({PAGE: page(PAGE.read_text(encoding="utf-8"))}, arguments)


def page(text: str) -> str:
    """A README with the table that is right now."""
    before, found, rest = text.partition(BEGIN)
    assert found, f"{PAGE.name} has no line {BEGIN!r}"
    assert END in rest, f"{PAGE.name} has no line {END!r}"
    return before + BEGIN + table() + END + rest.partition(END)[2]


def table() -> str:
    drivers = [get_driver(provider) for provider in PROVIDERS]
    lines = [["", *PROVIDERS.values()], ["---", *[":---:"] * len(PROVIDERS)]]
    for group, methods in ROWS.items():
        lines.append([f"**{group}**", *[""] * len(PROVIDERS)])
        lines += [
            [words, *("✓" if has(driver, name) else "" for driver in drivers)]
            for name, words in methods.items()
        ]
    own = abstract()
    counts = [str(sum(has(driver, name) for name in own)) for driver in drivers]
    lines.append([f"**of the {len(own)} that a driver has to write**", *counts])
    return re.sub(" +", " ", "".join(map(generated.cells, lines)))


# ------------------------------------------------------------------ what the classes have


def abstract() -> list[str]:
    """The methods of libcloud's base class that do nothing but raise.

    :raises AssertionError: One of them is not in the table.
    """
    names = [name for name, one in vars(NodeDriver).items() if name[0] != "_" and only_raises(one)]
    missing = set(names).difference(*ROWS.values())
    assert not missing, f"without a row in {__file__}: {', '.join(sorted(missing))}"
    return names


def has(driver: type[NodeDriver], name: str) -> bool:
    """Whether a driver has a method.

    It takes part in ``deploy_node`` if its ``create_node`` takes a key or a password, which is how
    libcloud's own table has it, or if it has a ``deploy_node`` itself; importing a key from a file
    is importing its text.
    """
    is_own = getattr(driver, name) is not getattr(NodeDriver, name)
    if name == "deploy_node":
        return is_own or bool(driver.features.get("create_node"))
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
