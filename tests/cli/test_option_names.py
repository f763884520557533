"""Messages of the library, as a user of ``ovm3`` reads them: options, not Python's arguments."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from libcloud_ovm3 import OVM3NodeDriver
from libcloud_ovm3.cli.commands import ovm3
from libcloud_ovm3.cli.option_names import _TERMS, with_option_names

PACKAGE = Path(__file__).parents[2] / "libcloud_ovm3"
QEMU_IMG = {"--image-opts", "--output"}  # its options, which are passed to it
LIBRARY = [
    file
    for file in sorted(PACKAGE.rglob("*.py"))
    if file.relative_to(PACKAGE).parts[0] not in ("cli", "simulator", "testing", "salt")
]


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("then add it to ex_fingerprint", "then add it to --fingerprint"),
        ("then add ex_fingerprint={'10.0.0.2': ...}", "then add --fingerprint 10.0.0.2=SHA256"),
        ("a pool member that is not among ex_hosts", "a pool member that is not among --host"),
        ("ex_passwords={'h': ...} (ovm3: --password-file h=FILE).", "--password-file h=FILE."),
        (
            "ex_tls_minimum='TLSv1', ex_tls_weak_keys=True may help (ovm3: --tls-minimum TLSv1)",
            "--tls-minimum TLSv1, --tls-weak-keys may help",
        ),
        ("ex_put_back('/OVS/a b', '0') puts back", "`ovm3 disk put-back '/OVS/a b' '0'` puts back"),
        ("ex_put_back(\"it's\", '0')", "`ovm3 disk put-back \"it's\" '0'`"),
        ("auth, ex_keyname and ex_userdata of this call",
         "--ssh-key, --root-password-file, --key-name and --user-data of this call"),
        ("get them; ex_list_networks lists", "get them; `ovm3 network list` lists"),
        ("key_material: this is a private key", "FILE: this is a private key"),
        ("key_file_path 'id.pub': No", "FILE 'id.pub': No"),
        ("(ex_force=True stops it hard)", "(--force stops it hard)"),
        ("(ex_host_module=False ignores them)", "(--no-host-module ignores them)"),
        ("ca_cert and ex_fingerprint contradict verify_ssl=False",
         "--ca-cert and --fingerprint contradict --insecure"),
        ("on another host: start_node(ex_location=...)", "on another host: `ovm3 vm start --on`"),
        ("refuses a second one (ex_location='0a')", "refuses a second one (--on 0a)"),
        ("a second one: ex_location='0a' (--on 0a)", "a second one: --on 0a"),
        ("ex_force=True (--force) powers it off", "--force powers it off"),
        ("not among the given hosts (ex_hosts, --host)", "not among the given hosts (--host)"),
        ("not all its disks (ex_list_orphans, `ovm3 disk orphans` list them): a",
         "not all its disks (`ovm3 disk orphans` list them): a"),
        ("ex_list_orphans (`ovm3 disk orphans`) lists it", "`ovm3 disk orphans` lists it"),
        ("to be added to ex_fingerprint (--fingerprint)", "to be added to --fingerprint"),
        ("ex_passwords={'h': ...} (--password-file h=FILE).", "--password-file h=FILE."),
        ("have it paused for the time of the copy (ex_pause=True)",
         "have it paused for the time of the copy (--pause)"),
        ("it can be shared with ex_mode='w!'", "it can be shared with --mode w!"),
        ("the one to detach it from (ex_node)", "the one to detach it from (--vm)"),
        ("ex_repository='0a' copies it", "--repository 0a copies it"),
        ("ex_repository 'x' may be any", "--repository 'x' may be any"),
        ("ex_size_bytes 0: expected", "--size 0: expected"),
        ("destroy_volume_snapshot removes what is left of it",
         "`ovm3 snapshot destroy` removes what is left of it"),
        ("create_volume(snapshot=...) makes a volume of it",
         "`ovm3 volume create NAME --snapshot` makes a volume of it"),
        ("create_volume_snapshot makes one", "`ovm3 snapshot create` makes one"),
        ("destroy_volume('r/d 1.img') removes", "`ovm3 volume destroy 'r/d 1.img'` removes"),
        ("is an ISO: ex_copy_image_from_secondary", "is an ISO: `ovm3 secondary copy-image`"),
        ("2 key pairs in it: delete_key_pair first", "2 key pairs in it: `ovm3 key delete` first"),
        ("destroy_volume removes what is left", "`ovm3 volume destroy` removes what is left"),
        ("--fingerprint a --fingerprint b", "--fingerprint a --fingerprint b"),
    ],
)  # fmt: skip
def test_arguments_become_options(message: str, shown: str) -> None:
    assert with_option_names(message) == shown


@pytest.mark.parametrize(
    "text",
    [
        "VM 'ex_force=True'",
        "/srv/ca_cert.pem",
        "/OVS/ex_hosts/x",
        "my-ca_cert",
        "ex_forced",
        "h: ok",
    ],
)
def test_names_that_users_chose_stay(text: str) -> None:
    assert with_option_names(text) == text


def _messages(file: Path) -> list[str]:
    """Return every f-string of a file, with ``'X'`` for the values in it."""
    return [
        "".join(str(p.value) if isinstance(p, ast.Constant) else "'X'" for p in node.values)
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.JoinedStr)
    ]


def test_no_message_names_an_option_twice() -> None:
    """The library's messages name Python's arguments only, not the options beside them."""
    messages = [with_option_names(message) for file in LIBRARY for message in _messages(file)]
    assert len(messages) > 300
    twice = r"(`ovm3 [^`]*`|--[a-z][a-z-]+)[^`-]{0,40}\1(?![\w-])"
    assert [message for message in messages if re.search(twice, message)] == []


@functools.cache
def _texts(file: Path) -> list[str]:
    """Return every string of a file except docstrings."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs
    ]


def test_no_message_names_an_argument_of_python() -> None:
    """Whoever adds one to a message adds it to the table."""
    left = {
        (file.name, name)
        for file in LIBRARY
        for text in _texts(file)
        for name in re.findall(r"\bex_[a-z_]+", with_option_names(text))
    }
    # ovm3 never passes a clock, ex_sizes or ex_addresses, and only a proper value of the other.
    never = {
        ("option_values.py", "ex_clock"),
        ("nodes.py", "ex_power_off"),
        ("volumes.py", "ex_sizes"),
        ("migration.py", "ex_live"),
    }
    never |= {("waiting.py", "ex_addresses"), ("addresses.py", "ex_expiry")}
    never |= {("user_progress.py", "ex_progress"), ("watch_copy.py", "ex_progress")}
    assert left == never


def test_no_message_names_a_method_of_the_driver() -> None:
    methods = {name for name in dir(OVM3NodeDriver) if re.match("[a-z]+_", name)}
    left = {
        name
        for file in LIBRARY
        for text in _texts(file)
        if " " in text
        for name in re.findall(r"(?<![\w.])[a-z]+_[a-z_]+", with_option_names(text))
    }
    assert left & methods == set()


def _commands(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        yield f"{path} {name}", command
        if isinstance(command, click.Group):
            yield from _commands(command, f"{path} {name}")


def test_the_options_and_commands_of_all_messages_exist() -> None:
    """Those that the table names, and those that the library itself names."""
    commands = dict(_commands(ovm3, "ovm3"))
    options = {name for one in commands.values() for param in one.params for name in param.opts}
    texts = [with_option_names(text) for file in LIBRARY for text in _texts(file)]
    texts += [re.sub(r"\\\d", "X", new) for _, new in _TERMS]
    named = {name for text in texts for name in re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)}
    assert len(named) > 15
    assert named - options - QEMU_IMG == set()
    lines = {
        line for text in texts for line in re.findall(r"`ovm3 ([a-z-]+(?: [a-z0-9-]+)?)", text)
    }
    assert len(lines) > 10
    top = {"doctor", "inventory"}
    assert {f"ovm3 {one}" for one in lines if one.split()[0] not in top} - set(commands) == set()
