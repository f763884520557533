"""``-o``: the same records as a table, as JSON, as YAML, and as names."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from libcloud_ovm3.cli.formats import Column, Record, show_record, show_records

COLUMNS = (
    Column("name", "name"),
    Column("memory", lambda one: None if one["mb"] is None else f"{one['mb']} MB", True),
    Column("host", "host"),
    Column("note", "note", True),
    Column("id", "id"),
)
UUID = "0004fb00-0006-0000-cccc-000000000001"
ONE: Record = {"id": UUID, "name": "web 1", "mb": 512, "host": None, "note": ""}
TEXTS = st.text() | st.text(st.sampled_from("\x1b\x85\u2028\u202e\ud83d\ude00é1e5:-~\t\n'\" "))


@contextmanager
def written(encoding: str = "utf-8") -> Iterator[io.BytesIO]:
    """Standard output as bytes."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, newline="")
    before, sys.stdout = sys.stdout, stream
    try:
        yield raw
        stream.flush()
        stream.detach()
    finally:
        sys.stdout = before


def shown(form: str, *records: Record) -> str:
    with written() as raw:
        show_records(form, records, COLUMNS, "none here")
    return raw.getvalue().decode()


def test_every_cell_of_a_pipe_has_a_text_and_tabs_stand_between_them() -> None:
    odd = {**ONE, "name": "a\tb\nc", "mb": None}
    assert shown("table", ONE, odd).splitlines() == [
        "name\tmemory\thost\tnote\tid",
        f"web 1\t512 MB\t-\t-\t{UUID}",
        f"a\\tb\\nc\t-\t-\t-\t{UUID}",
    ]
    assert shown("table") == "none here\n"


def test_documents_and_names() -> None:
    two = {**ONE, "id": "2"}
    assert json.loads(shown("json", ONE, two)) == [ONE, two]
    assert yaml.safe_load(shown("yaml", ONE, two)) == [ONE, two]
    assert list(json.loads(shown("json", ONE))[0]) == list(ONE), "in the order of the record"
    assert shown("name", ONE, two) == f"{UUID}\n2\n"
    assert shown("json") == "[]\n"
    assert shown("name") == ""


def test_one_record() -> None:
    def lines(form: str) -> str:
        with written() as raw:
            show_record(form, ONE, [("id", ONE["id"]), ("on host", None), ("name", "web\n1")])
        return raw.getvalue().decode()

    assert lines("table") == f"id    {UUID}\nname  web\\n1\n"
    assert json.loads(lines("json")) == yaml.safe_load(lines("yaml")) == ONE
    assert lines("name") == f"{UUID}\n"


@pytest.mark.parametrize(
    ("width", "headings"),
    [
        (200, ["name", "memory", "host", "note", "id"]),
        (60, ["name", "memory", "host", "id"]),
        (52, ["name", "host", "id"]),
        (45, ["name", "memory", "host", "note"]),  # no choice fits, so the id has its own line
        (20, ["name", "memory", "host"]),
    ],
)
def test_a_narrow_terminal_gets_fewer_columns(
    width: int, headings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("FORCE_COLOR", "1"), ("COLUMNS", str(width)), ("NO_COLOR", "1")):
        monkeypatch.setenv(name, value)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", shown("table", ONE)).splitlines()
    assert lines[0].split() == headings
    assert UUID in lines[1] or lines[3].strip() == UUID, "not folded"
    assert max(len(line) for line in lines if line.strip() != UUID) <= width


@given(TEXTS)
def test_any_text_survives(text: str) -> None:
    for encoding in ("utf-8", "ascii", "latin-1"):
        for form in ("json", "yaml"):
            with written(encoding) as raw:
                show_records(form, [{"a": text, "b": [text, text]}], (), "")
            plain = raw.getvalue().decode(encoding)
            assert not [one for one in plain if not one.isprintable() and one != "\n"]
            read = json.loads(plain) if form == "json" else yaml.safe_load(plain)
            if not any("\ud800" <= one <= "\udfff" for one in text):  # a pair is one sign
                assert read == [{"a": text, "b": [text, text]}]


@pytest.mark.parametrize("text", ["1e5", "0004e05", "12:30:00", "yes", "null", "0o17", "1_0", "~"])
def test_yaml_quotes_what_looks_like_something_else(text: str) -> None:
    with written() as raw:
        show_records("yaml", [{"a": text}], (), "")
    assert raw.getvalue().decode() == f"- a: '{text}'\n"
