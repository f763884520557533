"""The functions of the cloud module, as its source has them: none of the driver's is forgotten."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

from libcloud.compute.base import NodeDriver

import libcloud_ovm3.salt
from libcloud_ovm3 import OVM3NodeDriver
from libcloud_ovm3.salt.methods import ACTIONS, FUNCTIONS

CLOUDS = Path(libcloud_ovm3.salt.__file__).parent / "clouds"
SOURCE = (CLOUDS / "ovm3.py").read_text(encoding="utf-8")
MADE = {
    name: (maker, method)
    for name, maker, method in re.findall(
        r'^(\w+) = _(action|function|listing)\(\s*"(\w+)"', SOURCE, re.MULTILINE
    )
}
MADE |= {name: ("action", name) for name in ACTIONS}
MADE |= {name: ("function", name) for name in FUNCTIONS}
DEFINED = {node.name for node in ast.parse(SOURCE).body if isinstance(node, ast.FunctionDef)}
# What Salt's own modules have in common.
STANDARD = set(
    "get_configured_provider avail_sizes avail_images avail_locations list_nodes list_nodes_min "
    "list_nodes_full list_nodes_select show_instance create destroy start stop reboot".split()
)


def methods() -> set[str]:
    """The methods of the driver that are called by an action or a function."""
    return {method for _, method in MADE.values()}


def test_salt_finds_the_standard_functions() -> None:
    assert {*MADE, *DEFINED} >= STANDARD


def test_every_method_of_the_driver_has_its_line() -> None:
    own = {name for name in dir(OVM3NodeDriver) if name.startswith("ex_")} - set(dir(NodeDriver))
    own = {name for name in own if callable(getattr(OVM3NodeDriver, name))}
    assert len(own) >= 6
    assert own - set(MADE) == set(), "libcloud_ovm3/salt/methods.py: one line for each"
    assert own <= methods()


def test_so_has_every_method_of_libcloud_for_these_nouns() -> None:
    nouns = {name for name in dir(NodeDriver) if re.search("volume|image|key_pair", name)}
    ours = {name for name in nouns if name in _defined_by_the_driver()}
    assert len(ours) == 19
    assert ours - {"list_images"} <= set(MADE), "list_images: avail_images"
    assert ours <= methods()


def _defined_by_the_driver() -> set[str]:
    bases = [one for one in OVM3NodeDriver.__mro__ if one.__module__.startswith("libcloud_ovm3.")]
    return {name for base in bases for name in vars(base)}


def test_what_takes_a_node_is_an_action() -> None:
    for maker, method in MADE.values():
        node = inspect.signature(getattr(OVM3NodeDriver, method)).parameters.get("node")
        takes = node is not None and node.default is node.empty
        assert (maker == "action") is takes, method


def test_what_methods_return_is_known() -> None:
    """What listed.plain() makes plain data of; Salt shows other objects as texts in brackets."""
    returned = {
        str(getattr(OVM3NodeDriver, method).__annotations__["return"])
        for maker, method in MADE.values()
        if maker != "listing"
    }
    assert returned <= {
        "KeyPair",
        "Node",
        "NodeImage",
        "NodeImage | StorageVolume",
        "OVM3Network",
        "OVM3Nic",
        "OVM3Repository",
        "StorageVolume",
        "VolumeSnapshot",
        "bool",
        "str",
        "dict[str, Any]",
        "list[KeyPair]",
        "list[Node]",
        "list[OVM3Network]",
        "list[OVM3NetworkDevice]",
        "list[OVM3Nic]",
        "list[OVM3Repository]",
        "list[StorageVolume]",
        "list[VolumeSnapshot]",
        "list[str]",
        "list[dict[str, Any]]",
    }


def test_nothing_else_is_public() -> None:
    """Salt offers every public function of the module to its user."""
    names = {name for name in {*MADE, *DEFINED} if not name.startswith("_")}
    assert names - STANDARD == {name for name in names if name.startswith("ex_")} | {
        name
        for name in dir(NodeDriver)
        if name in MADE and re.search("volume|image|key_pair", name)
    } | {"list_keypairs"}
    assert [one.name for one in CLOUDS.glob("*.py")] in (
        ["ovm3.py", "__init__.py"],
        ["__init__.py", "ovm3.py"],
    )
