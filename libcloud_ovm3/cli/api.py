"""``ovm3 api``: direct calls of the agent's own functions."""

from __future__ import annotations

import base64
import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from libcloud_ovm3.agent import catalogue
from libcloud_ovm3.agent.call_kinds import kind_of
from libcloud_ovm3.agent.catalogue import Argument, Function
from libcloud_ovm3.agent.redact import HIDDEN, redact
from libcloud_ovm3.cli.options import driver_options, make_estate, reported
from libcloud_ovm3.cli.output import show, show_json, show_table, show_text
from libcloud_ovm3.errors import InvalidArgument

_SECRET = re.compile("passw", re.IGNORECASE)


@click.group()
def api() -> None:
    """List, describe and call the agent's own functions."""


@api.command("list")
@click.option("--reads", is_flag=True, help="Only functions that change nothing.")
@click.argument("words", nargs=-1)
def list_functions(reads: bool, words: tuple[str, ...]) -> None:
    """List all functions, or those whose names contain all WORDS."""
    rows = [
        (
            f.name,
            f.group,
            f.kind,
            f.versions,
            f.about.partition(". ")[0].removesuffix(".") or "behaviour unknown",
        )
        for f in catalogue.functions().values()
        if (not reads or f.kind == "read") and all(word in f.name for word in words)
    ]
    show_table(("function", "module", "kind", "versions", "purpose"), rows, "no matching functions")


@api.command("show")
@click.argument("name")
def show_function(name: str) -> None:
    """Show arguments, return value and source of the function NAME."""
    with reported():
        function = _known(name)
        lines = {
            "function": f"{name}({_arguments(function.arguments, function.has_more)})",
            "on 3.3": f"{name}({_arguments(function.other_arguments, False)})"
            if function.other_arguments
            else "",
            "module": function.module or "not documented",
            "kind": {"read": "read: changes nothing"}.get(
                function.kind, f"{function.kind}: may change something; needs --write"
            ),
            "versions": function.versions,
            "purpose": function.about or "behaviour unknown",
            "returns": function.answers,
            "source": f"{function.source} (arguments: {function.arguments_from})",
        }
        for head, text in lines.items():
            if text:
                show(f"{head:9} {text}")


@api.command("call")
@click.option("--write", is_flag=True, help="Allow functions that may change something.")
@click.option(
    "--show-secrets", is_flag=True, help="Print passwords and binary data in the response."
)
@driver_options
@click.argument("name")
@click.argument("arguments", nargs=-1)
def call_function(
    name: str, arguments: tuple[str, ...], write: bool, show_secrets: bool, **options: Any
) -> None:
    """Call the function NAME on one host, once, and print the response.

    Each of ARGUMENTS is a JSON value: '"text"', 7, true, '{"key": "value"}'; @FILE reads one from
    a file. Passwords must be passed that way, as every user of this machine can read a command
    line. A string is printed as it is, any other value as JSON.
    """
    with reported():
        if kind_of(name) != "read" and not write:
            raise InvalidArgument(
                f"{name} may change something, so it was not sent; add --write if intended "
                f"(see `ovm3 api show {name}`)"
            )
        values = [_value(text, _is_secret(name)) for text in arguments]
        estate = make_estate(ex_read_only=not write, **options)
        if len(estate.given) > 1 and len(options["hosts"]) != 1:
            raise InvalidArgument("--host: expected exactly one host")
        response = estate.agent(estate.given[0]).call(name, *values)
        _print(response if show_secrets else hidden(response))


def _known(name: str) -> Function:
    function = catalogue.functions().get(name)
    if function is None:
        raise InvalidArgument(f"unknown function {name!r} (see `ovm3 api list`)")
    return function


def _arguments(arguments: tuple[Argument, ...], has_more: bool) -> str:
    texts = []
    for one in arguments:
        kind = "" if one.type == "any" else f": {one.type}"
        texts.append(f"[{one.name}{kind}]" if one.is_optional else f"{one.name}{kind}")
    return ", ".join(texts + ["..."] * has_more)


def _is_secret(name: str) -> bool:
    function = catalogue.functions().get(name)
    arguments = () if function is None else function.arguments
    return any(_SECRET.search(text) for text in (name, *(one.name for one in arguments)))


def _value(text: str, is_secret: bool) -> Any:
    """Parse an argument: JSON, or @FILE that contains it."""
    if text.startswith("@"):
        try:
            content = Path(text[1:]).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise InvalidArgument(f"{text}: {error}") from None
    elif redact(text) != text or (is_secret and text.startswith('"')):
        raise InvalidArgument(
            "an argument may contain a password, and every user of this machine can read a command "
            "line: write it into a file as JSON and pass @FILE"
        )
    else:
        content = text
    try:
        return json.loads(content)
    except ValueError:
        where = f"the content of {text[1:]}" if text.startswith("@") else f"argument {text!r}"
        raise InvalidArgument(
            f"{where} is not valid JSON (strings need quotes: '\"text\"')"
        ) from None


def hidden(value: Any) -> Any:
    """Return the value without the values of password fields, in structs and in ``vfb`` strings.

    Binary data is replaced by its length: a vm.cfg, for example, contains passwords.
    """
    if isinstance(value, dict):
        return {
            key: HIDDEN if _SECRET.search(key) and member else hidden(member)
            for key, member in value.items()
        }
    if isinstance(value, list):
        return [hidden(member) for member in value]
    if isinstance(value, bytes):
        return f"{len(value)} bytes (--show-secrets prints them as base64)"
    return redact(value) if isinstance(value, str) else value


def _print(response: Any) -> None:
    if isinstance(response, str):
        show_text(response)
    else:
        show_json(response, _plain)


def _plain(value: bytes | datetime) -> str:
    """Convert a value that JSON has no form for."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    return value.isoformat()
