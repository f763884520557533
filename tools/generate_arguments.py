#!/usr/bin/env python3
"""Write docs/reference/arguments.md from the signatures and docstrings of the drivers.

With --check, write nothing and fail if it is out of date.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

import click
import generated

sys.path.insert(0, str(generated.ROOT))

from libcloud_ovm3 import OVM3NodeDriver, OVM3StorageDriver
from libcloud_ovm3.cli.commands import ovm3
from libcloud_ovm3.cli.option_names import with_option_names
from libcloud_ovm3.estates_file.content import ARGUMENTS

PAGE = generated.ROOT / "docs" / "reference" / "arguments.md"

# Another driver is one more line here.
DRIVERS = {"compute": OVM3NodeDriver, "storage": OVM3StorageDriver}

# Method -> the command that calls it.
COMMANDS = {
    "list_nodes": "vm list",
    "create_node": "vm create",
    "start_node": "vm start",
    "stop_node": "vm stop",
    "reboot_node": "vm reboot",
    "destroy_node": "vm destroy",
    "ex_get_node": "vm show",
    "list_images": "image list",
    "create_image": "image create",
    "copy_image": "image copy",
    "delete_image": "image delete",
    "ex_insert_iso": "vm insert-iso",
    "ex_eject_iso": "vm eject-iso",
    "ex_remove_seed": "vm remove-seed",
    "ex_list_nics": "vm list-nics",
    "ex_attach_nic": "vm attach-nic",
    "ex_detach_nic": "vm detach-nic",
    "ex_update_nic": "vm update-nic",
    "list_key_pairs": "key list",
    "get_key_pair": "key show",
    "create_key_pair": "key create",
    "import_key_pair_from_file": "key import",
    "delete_key_pair": "key delete",
    "list_sizes": "size list",
    "list_locations": "host list",
    "ex_list_orphans": "disk orphans",
    "ex_put_back": "disk put-back",
    "ex_control0": "network control0",
    "ex_repair_control0": "network repair-control0",
    "ex_release_networks": "network release",
    "ex_create_network": "network create",
    "ex_update_network": "network update",
    "ex_delete_network": "network delete",
    "ex_set_bond_mode": "network set-bond-mode",
    "ex_mount_secondary": "secondary mount",
    "ex_unmount_secondary": "secondary unmount",
    "ex_copy_to_secondary": "secondary copy-to",
    "ex_copy_volume_from_secondary": "secondary copy-volume",
    "ex_copy_image_from_secondary": "secondary copy-image",
    "ex_list_repositories": "repository list",
    "ex_create_repository": "repository create",
    "ex_attach_repository": "repository attach",
    "ex_detach_repository": "repository detach",
    "ex_rename_repository": "repository rename",
    "ex_delete_repository": "repository delete",
    "ex_refresh_repository": "repository refresh",
}
# Arguments whose options no message names. The others: libcloud_ovm3.cli.option_names.
OPTIONS = {
    "key": "--user",
    "secret": "--password-file",
    "host": "--host",
    "port": "--port",
    "verify_ssl": "--insecure",
    "size": "--size",
    "image": "--image",
    "location": "--on",
    "device": "--device",
    "ex_vlan": "--vlan",
    "ex_type": "--type",
    "description": "--description",
    "auth": "--ssh-key",
}
# Keys of an estate that are not one argument under another name.
KEYS = {
    "host": ["hosts"],
    "ex_hosts": ["hosts", "only"],
    "secret": ["password_file", "password_command"],
    "ex_passwords": ["password_files"],
    "ex_read_only": ["read_only"],
}

HEAD = """\
# Arguments of the drivers

Generated from the signatures and docstrings of the code by `make generate`.

There is one driver, for compute. A driver for libcloud's storage interface will have its section
here.

Arguments without a default may be None. Flags, numbers, lists and mappings may also be texts, as
[driver.md](../driver.md#arguments-of-the-driver) says. The last column has what does the same
elsewhere: the option of the command `ovm3`, which begins with `--`, and the key in the [file of
estates](../estates.md#the-file). Return values and errors are in the docstrings, which the web site
shows that `make docs` makes.
"""


def main(arguments: list[str]) -> int:
    return generated.write({PAGE: page()}, arguments)


def page() -> str:
    parts = [HEAD]
    for name, driver in DRIVERS.items():
        parts.append(f"\n## The constructor of the {name} driver\n\n")
        parts.append(constructor(driver))
        parts.append(f"\n## The methods of the {name} driver\n")
        parts += [method(name, one) for name, one in methods(driver)]
    return "".join(parts)


# ------------------------------------------------------------------ tables


def constructor(driver: type) -> str:
    of_all = options("vm list")
    rows = [
        [*row(name, facts), ", ".join([*option(name, of_all), *map("`{}`".format, keys(name))])]
        for name, facts in documented(driver.__init__)
    ]
    header = ["argument", "type, unit", "default", "what it does", "option, key"]
    return table(header, rows) + rest(driver.__init__)


def method(name: str, function: Callable[..., Any]) -> str:
    command = COMMANDS.get(name)
    about = inspect.getdoc(function) or ""
    text = f"\n### {name}\n\n{markdown(about.partition(chr(10) * 2)[0])}"
    text += f" Command: `ovm3 {command}`.\n" if command else "\n"
    found = [
        [*row(one, facts), *(["".join(option(one, options(command)))] if command else [])]
        for one, facts in documented(function)
    ]
    header = ["argument", "type, unit", "default", "what it does", *["option"] * bool(command)]
    if found:
        text += "\n" + table(header, found)
    return text + rest(function)


def table(header: list[str], rows: list[list[str]]) -> str:
    return (
        generated.cells(header) + "|---" * len(header) + "|\n" + "".join(map(generated.cells, rows))
    )


def row(name: str, facts: dict[str, str]) -> list[str]:
    return [f"`{name}`", markdown(facts["type"]), facts["default"], markdown(facts["param"])]


def rest(function: Callable[..., Any]) -> str:
    """The arguments that a docstring calls "the other arguments"."""
    known = {name for name, _ in documented(function)}
    names = [f"`{name}`" for name, _ in parameters(function) if name not in known]
    if not names:
        return ""
    return f"\nNot supported yet, and accepted while empty: {', '.join(names)}.\n"


# ------------------------------------------------------------------ what the code says


def methods(driver: type) -> Iterator[tuple[str, Callable[..., Any]]]:
    """The public methods that this package defines, in the order of the source."""
    for base in driver.__mro__:
        if base.__module__.startswith("libcloud_ovm3."):
            for name, found in vars(base).items():
                if inspect.isfunction(found) and not name.startswith("_"):
                    yield name, found


def parameters(function: Callable[..., Any]) -> list[tuple[str, inspect.Parameter]]:
    found = inspect.signature(function).parameters.items()
    return [(name, one) for name, one in found if name != "self" and one.kind.name[:3] != "VAR"]


def documented(function: Callable[..., Any]) -> list[tuple[str, dict[str, str]]]:
    """The arguments that a docstring describes, in its order: their texts, types and defaults."""
    found: dict[str, dict[str, str]] = {}
    for kind, name, text in fields(inspect.getdoc(function) or ""):
        if kind in ("param", "type"):
            found.setdefault(name, {})[kind] = text
    defaults = {name: one.default for name, one in parameters(function)}
    for name, facts in found.items():
        facts["param"], facts["default"] = split_default(facts["param"], defaults[name])
    return list(found.items())


def fields(doc: str) -> Iterator[tuple[str, str, str]]:
    """The fields of a docstring: ``:param name: text`` and others."""
    for kind, name, text in re.findall(r"^:(\w+) ?(\w*): ?(.*(?:\n +.*)*)", doc, re.MULTILINE):
        yield kind, name, " ".join(text.split())


def split_default(text: str, default: Any) -> tuple[str, str]:
    """A text without its ``(default: ...)`` or ``(required)``, and the default."""
    if default is inspect.Parameter.empty:
        return text.replace(" (required)", ""), "required"
    if match := re.search(r" \(default: ([^)]*)\)$", text):
        return text[: match.start()], match[1]
    shown = f"{default:g}" if isinstance(default, float) else str(default)
    return text, "" if default is None else shown


def keys(argument: str) -> list[str]:
    return KEYS.get(argument) or [key for key, name in ARGUMENTS.items() if name == argument]


def option(argument: str, known: set[str]) -> list[str]:
    """The option of a command that stands for an argument, if there is one."""
    name = OPTIONS.get(argument, with_option_names(argument))
    return [f"`{name}`"] if name in known else []


def options(command: str) -> set[str]:
    found: click.Command = ovm3
    for word in command.split():
        assert isinstance(found, click.Group)
        found = found.commands[word]
    return {name for one in found.params for name in one.opts if name.startswith("--")}


def markdown(text: str) -> str:
    """The markup of docstrings as that of pages."""
    text = re.sub(r":\w+:`[.~]?(\w+)`", r"`\1`", text).replace("``", "`")
    return re.sub(r"\bdocs/([\w-]+\.md)\b", r"[\1](../\1)", text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
