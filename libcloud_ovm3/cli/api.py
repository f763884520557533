"""``ovm3 api``: direct calls of the agent's own functions."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from libcloud_ovm3.agent import catalogue
from libcloud_ovm3.agent.call_kinds import kind_of
from libcloud_ovm3.agent.catalogue import Argument, Function
from libcloud_ovm3.agent.redact import HIDDEN, redact
from libcloud_ovm3.cli.examples import examples
from libcloud_ovm3.cli.formats import Column, Record, output_option, show_record, show_records
from libcloud_ovm3.cli.options import driver_options, make_estate, reported
from libcloud_ovm3.cli.output import show_json, show_text
from libcloud_ovm3.cli.sections import NounGroup
from libcloud_ovm3.errors import InvalidArgument

_SECRET = re.compile("passw", re.IGNORECASE)


@click.group(cls=NounGroup, epilog=examples("ovm3 api list", "ovm3 api show start_vm"))
def api() -> None:
    """List, describe and call the agent's own functions."""


def _first_sentence(function: Record) -> str:
    about: str = function["purpose"] or "behaviour unknown"
    return about.partition(". ")[0].removesuffix(".")


_COLUMNS = (
    Column("function", "name"),
    Column("module", "group"),
    Column("kind", "kind"),
    Column("versions", "versions"),
    Column("purpose", _first_sentence),
)


@api.command("list", epilog=examples("ovm3 api list --reads", "ovm3 api list repository mount"))
@click.option("--reads", is_flag=True, help="Only functions that change nothing.")
@output_option
@click.argument("words", nargs=-1)
def list_functions(reads: bool, form: str, words: tuple[str, ...]) -> None:
    """List all functions, or those whose names contain all WORDS."""
    records = [
        _record(function)
        for function in catalogue.functions().values()
        if (not reads or function.kind == "read") and all(word in function.name for word in words)
    ]
    show_records(form, records, _COLUMNS, "no matching functions", key="name")


@api.command("show", epilog=examples("ovm3 api show start_vm"))
@output_option
@click.argument("name")
def show_function(name: str, form: str) -> None:
    """Show arguments, return value and source of the function NAME."""
    with reported():
        function = _known(name)
        show_record(form, _record(function), _lines(function), key="name")


def _lines(function: Function) -> Iterator[tuple[str, object]]:
    name = function.name
    yield "function", f"{name}({_arguments(function.arguments, function.has_more)})"
    if function.other_arguments:
        yield "on 3.3", f"{name}({_arguments(function.other_arguments, False)})"
    yield "module", function.module or "not documented"
    changes = f"{function.kind}: may change something; needs --write"
    yield "kind", "read: changes nothing" if function.kind == "read" else changes
    yield "versions", function.versions
    yield "purpose", function.about or "behaviour unknown"
    yield "returns", function.answers
    yield "source", f"{function.source} (arguments: {function.arguments_from})"


def _record(function: Function) -> dict[str, Any]:
    """Return what is known of a function; ``other_arguments``: on OVM 3.3, where they differ."""

    def listed(arguments: tuple[Argument, ...]) -> list[dict[str, Any]]:
        return [
            {"name": one.name, "type": one.type, "is_optional": one.is_optional}
            for one in arguments
        ]

    return {
        "name": function.name,
        "group": function.group,
        "module": function.module or None,
        "kind": function.kind,
        "versions": function.versions,
        "arguments": listed(function.arguments),
        "takes_more_arguments": function.has_more,
        "other_arguments": listed(function.other_arguments) or None,
        "purpose": function.about or None,
        "returns": function.answers or None,
        "source": function.source or None,
        "arguments_from": function.arguments_from or None,
    }


@api.command(
    "call",
    epilog=examples(
        "ovm3 api call get_api_version --host ovm-1.example.com",
        """ovm3 api call echo '"some text"' --host ovm-1.example.com""",
    ),
)
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
            is_known = name in catalogue.functions()
            see = f"see `ovm3 api show {name}`" if is_known else "`ovm3 api list` does not have it"
            raise InvalidArgument(
                f"{name} may change something, so it was not sent; add --write if intended ({see})"
            )
        values = [_value(text, _is_secret(name)) for text in arguments]
        estate = make_estate(ex_read_only=not write, **options)
        if len(estate.given) > 1 and len(options["hosts"]) != 1:
            known = ", ".join(map(str, estate.given))
            raise InvalidArgument(f"--host: expected exactly one host of {known}")
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
