"""``ovm3 api``: the agent's own functions, literally."""

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
    """The agent's own functions, literally."""


@api.command("list")
@click.option("--reads", is_flag=True, help="Only those that change nothing.")
@click.argument("words", nargs=-1)
def list_functions(reads: bool, words: tuple[str, ...]) -> None:
    """All functions, or those whose names contain all WORDS."""
    rows = [
        (f.name, f.group, f.kind, f.versions, f.about.partition(".")[0] or "behaviour unknown")
        for f in catalogue.functions().values()
        if (not reads or f.kind == "read") and all(word in f.name for word in words)
    ]
    show_table(("function", "module", "kind", "versions", "what it does"), rows, "no such function")


@api.command("show")
@click.argument("name")
def show_function(name: str) -> None:
    """What is known of the function NAME: arguments, answer, versions, source."""
    with reported():
        function = _known(name)
        lines = {
            "function": f"{name}({_arguments(function.arguments, function.has_more)})",
            "on 3.3": f"{name}({_arguments(function.other_arguments, False)})"
            if function.other_arguments
            else "",
            "module": function.module or "no source shows its class",
            "kind": {"read": "read: changes nothing"}.get(
                function.kind, f"{function.kind}: may change something; needs --write"
            ),
            "versions": function.versions,
            "does": function.about or "behaviour unknown",
            "answers": function.answers,
            "source": f"{function.source} (arguments: {function.arguments_from})",
        }
        for head, text in lines.items():
            if text:
                show(f"{head:9} {text}")


@api.command("call")
@driver_options
@click.option("--write", is_flag=True, help="Allow functions that may change something.")
@click.option(
    "--show-secrets", is_flag=True, help="Print passwords, and bytes, that the answer holds."
)
@click.argument("name")
@click.argument("arguments", nargs=-1)
def call_function(
    name: str, arguments: tuple[str, ...], write: bool, show_secrets: bool, **options: Any
) -> None:
    """Call the function NAME of one host, once, and print what it answers.

    Each of ARGUMENTS is a JSON value: '"text"', 7, true, '{"key": "value"}'; @FILE takes one from
    a file. Passwords have to come that way, as every user of this machine can read a command line.
    An answer that is a text is printed as it is, any other as JSON.
    """
    with reported():
        if kind_of(name) != "read" and not write:
            raise InvalidArgument(
                f"{name} may change something, so nothing was sent; add --write if that is meant "
                f"(`ovm3 api show {name}`)"
            )
        if len(options["hosts"]) != 1:
            raise InvalidArgument("--host: expected one host")
        values = [_value(text, _is_secret(name)) for text in arguments]
        estate = make_estate(ex_read_only=not write, **options)
        answer = estate.agent(estate.given[0]).call(name, *values)
        _print(answer if show_secrets else hidden(answer))


def _known(name: str) -> Function:
    function = catalogue.functions().get(name)
    if function is None:
        raise InvalidArgument(f"no function {name!r} is known (`ovm3 api list`)")
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
    """An argument: JSON, or a file that holds it."""
    if text.startswith("@"):
        try:
            content = Path(text[1:]).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise InvalidArgument(f"{text}: {error}") from None
    elif redact(text) != text or (is_secret and text.startswith('"')):
        raise InvalidArgument(
            "an argument may be a password, and every user of this machine can read a command "
            "line: put it into a file as JSON and give @FILE"
        )
    else:
        content = text
    try:
        return json.loads(content)
    except ValueError:
        where = f"what is in {text[1:]}" if text.startswith("@") else f"argument {text!r}"
        raise InvalidArgument(f"{where} is no JSON (a text needs quotes: '\"text\"')") from None


def hidden(value: Any) -> Any:
    """The value without what stands under names of passwords, in structs and in ``vfb`` texts.

    Of bytes only the length: a vm.cfg, for example, has passwords in it.
    """
    if isinstance(value, dict):
        return {
            key: HIDDEN if _SECRET.search(key) and member else hidden(member)
            for key, member in value.items()
        }
    if isinstance(value, list):
        return [hidden(member) for member in value]
    if isinstance(value, bytes):
        return f"{len(value)} bytes (--show-secrets shows them, as base64)"
    return redact(value) if isinstance(value, str) else value


def _print(answer: Any) -> None:
    if isinstance(answer, str):
        show_text(answer)
    else:
        show_json(answer, _plain)


def _plain(value: bytes | datetime) -> str:
    """What JSON has no form for."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    return value.isoformat()
