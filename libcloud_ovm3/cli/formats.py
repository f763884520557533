"""The option ``-o``: the same records as a table, JSON, YAML, or names only.

A record is a dict of plain values with stable keys (docs/command-output.md); None: not known, or
there is none. A table shows some of them, in words; programs use JSON or YAML.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import click

from libcloud_ovm3.cli.output import show, show_field, show_json, show_table, show_yaml, table_fits

Record = Mapping[str, Any]
_FORMATS = {
    "table": "for people",
    "json": "all that is known",
    "yaml": "the same as YAML",
    "name": "one per line, as other commands take it",
    "csv": "one line per VM, for spreadsheets",
}


def _option(*formats: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option(
        "-o",
        "--output",
        "form",
        type=click.Choice(formats),
        default="table",
        show_default=True,
        help="; ".join(f"{name}: {_FORMATS[name]}" for name in formats) + ".",
    )


output_option = _option("table", "json", "yaml", "name")
"""Adds ``-o``, as the argument ``form``, to a command that lists or shows named things."""

document_option = _option("table", "json", "yaml")
"""The same for a command whose output is one document."""

pinning_option = _option("table", "json", "yaml", "csv")
"""The same for the report of pins."""


class Column(NamedTuple):
    """A column of a table.

    :ivar value: a key of the record, or a function that makes a cell of the record; "-" stands for
        a cell without text.
    :ivar is_optional: left out on a terminal that is too narrow for all columns.
    """

    heading: str
    value: str | Callable[[Record], object]
    is_optional: bool = False


def show_records(
    form: str, records: Iterable[Record], columns: Sequence[Column], empty: str, key: str = "id"
) -> None:
    """Print a list of records.

    :param form: the value of ``-o``.
    :param empty: what a table without rows says.
    :param key: the key whose value ``-o name`` prints.
    """
    records = list(records)
    if form == "name":
        for record in records:
            show(str(record[key]))
        return
    if form != "table":
        show_document(form, [dict(record) for record in records])
        return
    for with_line_below in (False, True):
        for shown in _choices(columns):
            headings, rows = [one.heading for one in shown], _rows(records, shown)
            if table_fits(headings, rows, with_line_below):
                show_table(headings, rows, empty)
                return
    show_table(headings, rows, empty)


def show_record(
    form: str, record: Record, lines: Iterable[tuple[str, object]], key: str = "id"
) -> None:
    """Print one record; as a table: ``lines``, each a heading and a text; none without a text."""
    if form == "name":
        show(str(record[key]))
        return
    if form != "table":
        show_document(form, dict(record))
        return
    texts = [(heading, str(text)) for heading, text in lines if text not in (None, "")]
    width = max((len(heading) for heading, _ in texts), default=0)
    for heading, text in texts:
        show_field(f"{heading:{width}}", text)


def show_document(form: str, value: Any) -> None:
    """Print plain values as JSON or YAML."""
    if form == "json":
        show_json(value)
    else:
        show_yaml(value)


def _choices(columns: Sequence[Column]) -> Iterator[list[Column]]:
    """Return all columns, then always one optional column less, the last one first."""
    shown = list(columns)
    yield shown
    for column in [one for one in reversed(columns) if one.is_optional]:
        shown = [one for one in shown if one is not column]
        yield shown


def _rows(records: Iterable[Record], columns: Sequence[Column]) -> list[list[object]]:
    return [
        [record[one.value] if isinstance(one.value, str) else one.value(record) for one in columns]
        for record in records
    ]
