"""The API reference, which is made of docstrings: they exist, and say what the code does."""

from __future__ import annotations

import builtins
import importlib
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from libcloud.common import types as libcloud_types
from libcloud.compute import types as compute_types

from libcloud_ovm3 import OVM3NodeDriver, OVM3StorageDriver, errors, simulator, storage_errors
from libcloud_ovm3.access import read_options
from libcloud_ovm3.cli.commands import ovm3
from libcloud_ovm3.cli.sections import ConnectionOption
from libcloud_ovm3.errors import InvalidArgument, Ovm3Error
from libcloud_ovm3.estates_file.content import CHECKS

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs" / "reference").glob("*.md"))
ARGUMENTS = (ROOT / "docs" / "reference" / "arguments.md").read_text(encoding="utf-8")
TOOL = "tools/generate_arguments.py"
ENOUGH = {"key": "oracle", "secret": "secret", "host": "ovm-1", "ex_fingerprint": "3f" * 32}


# ------------------------------------------------------------------ docstrings


def found_at(name: str) -> Any:
    """The object of a dotted name."""
    module, _, last = name.rpartition(".")
    try:
        return getattr(importlib.import_module(module), last)
    except AttributeError:
        return importlib.import_module(name)


def listed() -> Iterator[tuple[str, Any]]:
    """What the pages list, and the members of the modules in it."""
    directive = r"^\.\. auto(\w+):: ([\w.]+)(?:\(.*\))?\n((?:   :.*\n)*)"
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for kind, name, options in re.findall(directive, text, re.MULTILINE):
            found = found_at(name)
            yield name, found
            if kind == "module":
                without = set(re.findall(r"\w+", options.partition("exclude-members:")[2]))
                names = getattr(found, "__all__", vars(found))
                for one in sorted(set(names) - without):
                    member = getattr(found, one)
                    if hasattr(member, "__module__") and not one.startswith("_"):
                        is_own = hasattr(found, "__all__") or member.__module__ == name
                        yield from [(f"{name}.{one}", member)] * is_own


LISTED = dict(listed())


def members(cls: type) -> Iterator[tuple[str, Any]]:
    """The public methods and properties that this package defines."""
    for base in cls.__mro__:
        if base.__module__.startswith("libcloud_ovm3"):
            for name, one in vars(base).items():
                kinds = (property, classmethod, staticmethod)
                if not name.startswith("_") and (inspect.isfunction(one) or isinstance(one, kinds)):
                    yield name, one


def test_what_the_pages_list() -> None:
    """What examples import is there, and so are all errors."""
    names = {name.rpartition(".")[2] for name in LISTED}
    assert {"OVM3NodeDriver", "register", "Clock", "Simulator", "SimulatedTime"} <= names
    assert {"Agent", "AgentConnection", "HostTrust", "HostModule", "connect", "install"} <= names
    assert {one.__name__ for one in Ovm3Error.__subclasses__()} | {"Ovm3Warning"} <= names


def described() -> Iterator[tuple[str, Any]]:
    """What has a docstring: all of these, and the members of classes."""
    for name, found in LISTED.items():
        yield name, found
        if inspect.isclass(found):
            yield from ((f"{name}.{member}", one) for member, one in members(found))


def test_every_public_name_has_a_docstring() -> None:
    """One of its own: dataclasses and named tuples make one of their signature."""
    for name, found in described():
        text = (found.__doc__ or "").strip()
        assert text, name
        assert not text.startswith(f"{name.rpartition('.')[2]}("), name


def test_fields_name_what_exists() -> None:
    modules = [errors, storage_errors, simulator.errors, builtins, libcloud_types, compute_types]
    names = set().union(*map(dir, modules))
    for name, found in described():
        doc = found.__doc__ or ""
        if fields := set(re.findall(r":(?:param|type) (\w+):", doc)):
            assert fields <= set(inspect.signature(found).parameters), name
        for raised in re.findall(r":raises ([^:]+):", doc):
            assert set(raised.split(", ")) <= names, name


METHODS = {**dict(members(OVM3NodeDriver)), **dict(members(OVM3StorageDriver))}


@pytest.mark.parametrize("name", METHODS)
def test_methods_of_the_driver_describe_all(name: str) -> None:
    """Type, text and return value; arguments that are refused are not described."""
    doc = METHODS[name].__doc__ or ""
    parameters = inspect.signature(METHODS[name]).parameters.values()
    for one in parameters:
        if one.name == "self" or one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD):
            continue
        if f":param {one.name}:" in doc:
            assert f":type {one.name}:" in doc, one.name
            is_required = one.default is one.empty
            assert is_required == ("(required)" in field(doc, one.name)), one.name
        else:
            driver = OVM3NodeDriver(**ENOUGH)
            given: dict[str, Any] = {"name": "web-1", "size": "small", "image": "x", one.name: "y"}
            with pytest.raises(InvalidArgument, match=f"^{one.name}: not supported"):
                getattr(driver, name)(**given)
    assert ":rtype:" in doc or ":raises NotImplementedError: Always." in doc


def field(doc: str, name: str) -> str:
    match = re.search(rf":param {name}:(.*?)(?=\n *\n|\n *:)", doc, re.DOTALL)
    return match[1] if match else ""


def test_the_constructor_describes_all() -> None:
    doc = OVM3NodeDriver.__init__.__doc__ or ""
    for name in list(inspect.signature(OVM3NodeDriver).parameters):
        if f":param {name}:" in doc:
            assert f":type {name}:" in doc, name
        else:
            with pytest.raises(InvalidArgument, match=f"^{name}: not supported yet"):
                OVM3NodeDriver(**ENOUGH, **{name: "x"})


def test_defaults_are_those_of_the_code() -> None:
    """Of arguments whose signature says None, because None and empty texts are the same."""
    access = read_options(**ENOUGH)
    own = {
        "port": access.hosts[0].port,
        "ex_tls_minimum": access.trust.minimum,
        "ex_tls_weak_keys": access.trust.weak_keys,
        "ex_tls_legacy_renegotiation": access.trust.legacy_renegotiation,
        "timeout": access.limits.read,
        "ex_strict": access.strict,
        "ex_second_look": access.second_look,
        "ex_host_module": access.use_module,
        "ex_ssh_port": access.ssh_port,
        "ex_watch_dhcp": access.watches_dhcp,
    }
    doc = OVM3NodeDriver.__init__.__doc__ or ""
    pairs = re.findall(r":param (\w+):[^:]*(?::(?!type )[^:]*)*?\(default: (.*)\)", doc)
    assert dict(pairs) == {
        name: f"{value:g}" if isinstance(value, float) else str(value)
        for name, value in own.items()
    }


# ------------------------------------------------------------------ tables of arguments


def test_the_tables_are_not_stale() -> None:
    done = subprocess.run(
        [sys.executable, TOOL, "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def rows() -> dict[str, list[str]]:
    """The cells of the constructor's table, by argument."""
    section = ARGUMENTS.partition("## The constructor")[2].partition("\n## ")[0]
    lines = [re.split(r" ?(?<!\\)\| ?", line) for line in re.findall(r"^\| `.*", section, re.M)]
    return {cells[1].strip("`"): cells[2:-1] for cells in lines}


def test_every_argument_is_in_a_table() -> None:
    names = set(re.findall(r"`(\w+)`", ARGUMENTS))
    assert set(inspect.signature(OVM3NodeDriver).parameters) <= names
    for method in METHODS.values():
        given = inspect.signature(method).parameters.values()
        assert {one.name for one in given if "VAR" not in one.kind.name} - {"self"} <= names
    assert rows()["timeout"][:2] == ["`float`, seconds", "60"]
    assert rows()["key"][-1] == "`--user`, `user`"


def test_every_option_for_the_connection_is_in_the_table() -> None:
    vm = ovm3.commands["vm"]
    assert isinstance(vm, click.Group)
    known = [one for one in vm.commands["list"].params if isinstance(one, ConnectionOption)]
    named = {option for cells in rows().values() for option in re.findall("--[a-z-]+", cells[-1])}
    assert {one.opts[0] for one in known} - named == set()


def test_every_key_of_an_estate_is_in_the_table() -> None:
    named = {key for cells in rows().values() for key in re.findall(r"`(\w+)`", cells[-1])}
    assert named == set(CHECKS)
