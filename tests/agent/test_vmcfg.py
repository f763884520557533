"""agent.vmcfg: the file. Read as Python 2 would, executed never; nothing but our error escapes."""

from __future__ import annotations

import ast
import random
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libcloud_ovm3.agent import vmcfg
from libcloud_ovm3.errors import InvalidArgument

CASES = Path(__file__).parent / "cases"


@pytest.mark.parametrize(
    ("text", "config"),
    [
        ("", {}),
        ("a = 1", {"a": 1}),
        ("a=1;b = 'x'\n", {"a": 1, "b": "x"}),
        ("a = 1\r\nb = 2\r\n", {"a": 1, "b": 2}),
        ("\ufeffa = 1\n", {"a": 1}),
        ("# c\n## c = 1\na = '#' # 2\n", {"a": "#"}),
        ("'''a word\nof comment'''\na = 1\npass\n", {"a": 1}),
        ("a = 1\na = 2\n", {"a": 2}),
        ("a = b = 1\n", {"a": 1, "b": 1}),
        ("memory = 512\nmaxmem = memory\n", {"memory": 512, "maxmem": 512}),
        ("a = 'x' \\\n    'y'\n", {"a": "xy"}),
        ("a = [\n 'x',\n\n 'y' , ]  \n", {"a": ["x", "y"]}),
        ("a = [{'k':['0x1',],},]", {"a": [{"k": ["0x1"]}]}),
        ("a = ('x', 1)\n", {"a": ("x", 1)}),
        ("a = -1\nb = 1.5\nc = True\nd = None", {"a": -1, "b": 1.5, "c": True, "d": None}),
        # as Python 2 has it
        ("memory = 4294967296L\n", {"memory": 2**32}),
        ("a = [1l, 0x10L, 0L]", {"a": [1, 16, 0]}),
        ("umask = 0777\nb = 00\nc = 0", {"umask": 0o777, "b": 0, "c": 0}),
        ("a = '10L 0777' # 10L\nb = \"0777\"\n", {"a": "10L 0777", "b": "0777"}),
        ("a = 'it\\'s 10L'\nb = '''x\n'' 07L'''", {"a": "it's 10L", "b": "x\n'' 07L"}),
        ("cpus10L = '0'", {"cpus10L": "0"}),
        ("a = u'D\\xe9p\\xf4t'", {"a": "Dépôt"}),
        ("a = 'D\\xc3\\xa9p\\xc3\\xb4t'", {"a": "Dépôt"}),
        ("a = 'Dépôt てすと'", {"a": "Dépôt てすと"}),
        ("# -*- coding: utf-8 -*-\na = u'Dépôt'", {"a": "Dépôt"}),
        ("# -*- coding: iso-8859-1 -*-\na = 'Dépôt'", {"a": "Dépôt"}),
        ("a = r'\\d'\nb = b'x'", {"a": "\\d", "b": "x"}),
        ("a = u'\\u3066'", {"a": "て"}),
        ("a = {u'\\xe9': 'é'}", {"a": {"é": "é"}}),
    ],
)
def test_what_is_read(text: str, config: dict[str, Any]) -> None:
    assert vmcfg.parse(text) == config
    assert vmcfg.parse(text.encode()) == config
    assert list(vmcfg.parse(text)) == list(config)


def test_a_file_in_latin_1() -> None:
    assert vmcfg.parse("a = 'D\xe9p\xf4t'".encode("latin-1")) == {"a": "Dépôt"}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("name = 'x\n", 1),
        ("a = 1\nimport os\n", 2),
        ("a = 1\n\nos.abort()\n", 3),
        ("a = __import__('os').abort()", 1),
        ("a = open('/etc/passwd').read()", 1),
        ("a = 1\nb = a()", 2),
        ("a = 1 + 1", 1),
        ("a = 2 * 1024", 1),
        ("a = [x for x in (1, 2)]", 1),
        ("a = lambda: 1", 1),
        ("a = {1, 2}", 1),
        ("a = 1j", 1),
        ("a = ...", 1),
        ("a = f'{1}'", 1),
        ("a = f'x'", 1),
        ("a = 1e999", 1),
        ("a = -True", 1),
        ("a = not 1", 1),
        ("a = b", 1),
        ("a = true", 1),
        ("disk = []\ndisk += ['x']", 2),
        ("disk = []\ndisk.append('x')", 2),
        ("a = ['x']\na[0] = 'y'", 2),
        ("a, b = 1, 2", 1),
        ("a: int = 1", 1),
        ("if 1:\n a = 1", 1),
        ("del a", 1),
        ("print 'x'", 1),
        ("a = {**{}}", 1),
        ("a = [*[]]", 1),
        ("a = {'x': {'y': b}}", 1),
        ("\ta = 1\n", 1),
        ("a = 1\n  b = 2\n", 2),
        ("a = 089", 1),
        ("a = 'x'\nb = `a`", 2),
        ("a = [", 1),
        ("a 1", 1),
        ("# one\n# two\n\t a = 1", 3),
    ],
)
def test_what_is_not(text: str, line: int) -> None:
    with pytest.raises(InvalidArgument, match=rf"vm\.cfg, line {line}: ."):
        vmcfg.parse(text)


MANY = 100_000
HOSTILE = {
    "unary": "a=" + "-" * MANY + "1",
    "some unary": "a=" + "-" * 2500 + "1",
    "brackets": "a=" + "[" * MANY,
    "dicts": "a=" + "{1:" * MANY,
    "sum": "a=" + "1+" * MANY + "1",
    "attributes": "a=a" + ".b" * MANY,
    "lambdas": "a=" + "lambda:" * MANY + "1",
    "calls": "a=a" + "()" * MANY,
    "powers": "a=" + "9**" * MANY + "9",
    "blocks": "".join(" " * n + "if 1:\n" for n in range(200)),
    "big number": "a=" + "9" * 5000,
    "nul": "a='\0'",
    "surrogate name": "\ud800=1",
    "too long": "a=1\n" * 300_000,
    "quotes": "'''\n" + '""" \'\n' * 50_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files(name: str) -> None:
    start = time.thread_time()
    with pytest.raises(InvalidArgument, match=r"vm\.cfg") as caught:
        vmcfg.parse(HOSTILE[name])
    assert len(str(caught.value)) < 300
    assert time.thread_time() - start < 5


@given(st.text() | st.binary() | st.text("a=1'\"#\n\t[]{}(),:-\\0Lx ", max_size=40))
def test_any_text(text: str | bytes) -> None:
    for read in (vmcfg.parse, vmcfg.literal):
        try:
            read(text)
        except InvalidArgument:
            continue


# ------------------------------------------------------------------ the fast path

PLAIN = """name = '0004fb00000600001a2b3c4d5e6f7081'
uuid = '0004fb00-0006-0000-1a2b-3c4d5e6f7081'
OVM_simple_name = 'web (1), "a" # b'
OVM_high_availability = False
memory = 512
cpu_cap = 0
bootargs = ''
vfb = ['type=vnc,vncunused=1']
disk = ['file:/OVS/a.img,xvda,w', ', ', '', 'phy:/dev/b,xvdb,w!']
vif = []

x = None
"""


def test_what_agents_write_takes_the_fast_path() -> None:
    assert vmcfg._read_plain(PLAIN) == vmcfg._read_any(PLAIN)
    assert vmcfg._read_plain(PLAIN.encode().removesuffix(b"\n")) == vmcfg._read_any(PLAIN)


def took_fast_path(text: str | bytes) -> bool:
    """Whether the fast path reads it; the general one must then read the same."""
    plain = vmcfg._read_plain(text)
    if plain is None:
        return False
    general = vmcfg._read_any(text)
    assert repr(plain) == repr(general)
    return True


PIECES = [
    *("a", "b", "if", "None", "print", "a1", "_a", "a.b", "1", "0", "00", "07", "9" * 18, "9" * 30),
    *("10L", "0x1", "1.5", "-1", "True", "'", '"', "''", "'" * 3, "'x'", "', '", "[", "]", "[]"),
    *("=", " = ", "==", "+=", " ", "\t", "\n", "\r\n", "\\", "\\\n", "\\u0041", "#", ";", "u'x'"),
    *("r'x'", "é", "\ufeff", "\x7f", "\x00", "\x0c", "()", "{}", ":", ", ", "('a')", "\n\n", "~"),
]
PLAIN_VALUES = st.sampled_from(
    ["'x y'", "''", "12", "0", "True", "None", "[]", "['a']", "['a', 'b']", "['', ', ', '']"]
)
PLAIN_NAMES = st.sampled_from(["a", "b", "memory", "if", "exec", "__debug__"])
PLAIN_LINES = st.builds("{} = {}\n".format, PLAIN_NAMES, PLAIN_VALUES)


@given(st.lists(PLAIN_LINES, max_size=4), st.lists(st.sampled_from(PIECES), max_size=4), st.data())
def test_the_fast_path_reads_the_same(
    lines: list[str], pieces: list[str], data: st.DataObject
) -> None:
    text = "".join(lines)
    for piece in pieces:
        at = data.draw(st.integers(0, len(text)))
        text = text[:at] + piece + text[at + data.draw(st.integers(0, 3)) :]
    try:
        took_fast_path(text)
        took_fast_path(text.encode())
    except InvalidArgument as error:
        raise AssertionError(f"the fast path reads what the general one refuses: {error}") from None


@pytest.mark.parametrize("seed", range(8))
def test_mutated_files_are_read_the_same(seed: int) -> None:
    chance, taken = random.Random(seed), 0
    for _ in range(2000):
        text = PLAIN
        for _ in range(chance.choice((1, 1, 2, 4))):
            at = chance.randrange(len(text))
            text = text[:at] + chance.choice(PIECES) + text[at + chance.choice((0, 1, 1, 5)) :]
        taken += took_fast_path(text)
    assert taken > 50  # or nothing was compared


def test_many_at_once() -> None:
    """CPython's parser is not thread-safe before 3.13 (deep values are what it stumbles over)."""
    text = "a = " + "[" * 80 + "]" * 80
    with ThreadPoolExecutor(8) as pool:
        assert len(set(map(str, pool.map(vmcfg.parse, [text] * 400)))) == 1


# ------------------------------------------------------------------ and back

NAMES = st.from_regex("[A-Za-z_][A-Za-z0-9_]{0,11}", fullmatch=True).filter(
    lambda name: name not in __import__("keyword").kwlist
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3)
    | st.lists(inner, max_size=3).map(tuple)
    | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(st.dictionaries(NAMES, VALUES, max_size=5))
def test_round_trip(config: dict[str, Any]) -> None:
    text = vmcfg.text_of(config)
    assert text.isascii()
    assert vmcfg.parse(text) == config
    assert list(vmcfg.parse(text)) == list(config)
    assert vmcfg.text_of(vmcfg.parse(text)) == text


def test_what_agents_write() -> None:
    config = {"name": "Sales' DB", "OVM_high_availability": False, "disk": ["a", "é"], "vcpus": 2}
    assert vmcfg.text_of(config) == (
        'name = "Sales\' DB"\n'
        "OVM_high_availability = False\n"
        "disk = ['a', '\\xc3\\xa9']\n"
        "vcpus = 2\n"
    )


@pytest.mark.parametrize(
    "config",
    [
        {"": 1},
        {"a b": 1},
        {"a.b": 1},
        {"1a": 1},
        {"é": 1},
        {"a=1;import os;b": 1},
        {"import": 1},
        {"None": 1},
        {7: 1},
        {"a": float("inf")},
        {"a": float("nan")},
        {"a": 10**5000},
        {"a": "\ud800"},
        {"a": {1, 2}},
        {"a": object()},
        {"a": [[{"b": b"x"}]]},
    ],
)
def test_what_cannot_be_written(config: dict[Any, Any]) -> None:
    with pytest.raises(InvalidArgument, match=r"vm\.cfg"):
        vmcfg.text_of(config)


def test_a_value_without_an_end() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(InvalidArgument):
        vmcfg.text_of({"a": endless})


# ------------------------------------------------------------------ what else is printed


def test_field_case_o10() -> None:
    printed = vmcfg.literal((CASES / "O10.dump_db.repository.txt").read_text())
    first, second = printed.values()
    assert (first["alias"], first["filesystem"]) == ("Repo # 1 (prod)", "ocfs2")
    assert (second["alias"], second["filesystem"]) == ("Dépôt NFS", "nfs")


@pytest.mark.parametrize(
    ("alias", "printed"),
    [
        ("it's # (x)", '"it\'s # (x)"'),
        ("a \"b\" 'c'", "'a \"b\" \\'c\\''"),
        ("Dépôt", "u'D\\xe9p\\xf4t'"),
        ("Dépôt", "'D\\xc3\\xa9p\\xc3\\xb4t'"),
        ("Dépôt", "'Dépôt'"),
        ("てすと", "u'\\u3066\\u3059\\u3068'"),
        ("a, b: {c}", "'a, b: {c}'"),
        ("{'alias': 'x'}", "\"{'alias': 'x'}\""),
        ("back\\slash", "'back\\\\slash'"),
        ("", "''"),
        ("10L 0777", "'10L 0777'"),
        ("x\ny", "'x\\ny'"),
    ],
)
def test_aliases_in_a_dump(alias: str, printed: str) -> None:
    text = f"{{'0004fb00000300004de1ff514d9291c0': {{'alias': {printed}, 'size': 10L}}}}\n"
    (record,) = vmcfg.literal(text).values()
    assert record["alias"] == alias


@pytest.mark.parametrize(
    "text", ["", "{", "os.abort()", "{'a': f()}", "{'a': 1} {'b': 2}", "x = 1", "{a: 1}"]
)
def test_what_is_no_dump(text: str) -> None:
    with pytest.raises(InvalidArgument):
        vmcfg.literal(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r"'C:\users\new'", "C:\\users\new"),
        (r"'\N{x}'", r"\N{x}"),
        (r"'\u00e9'", r"\u00e9"),
        (r"'\\u00e9'", r"\u00e9"),
        (r"'\\\u00e9'", r"\\u00e9"),
        (r"u'\u00e9'", "é"),
    ],
)
def test_escapes_that_only_unicode_texts_have(text: str, value: str) -> None:
    """Python 2 leaves the backslash of u, U and N where it is, but in a unicode text."""
    assert vmcfg.parse(f"extra = {text}") == {"extra": value}


def test_a_parse_that_another_thread_disturbed_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """CPython 3.11's parser fails so, whatever the text, when threads parse side by side."""
    right, disturbed = ast.parse, [SystemError("AST constructor recursion depth mismatch")] * 2

    def parse(*args: Any, **kwargs: Any) -> Any:
        if disturbed:
            raise disturbed.pop()
        return right(*args, **kwargs)

    monkeypatch.setattr(vmcfg.ast, "parse", parse)
    assert vmcfg.parse("a = [1,\n2]\n") == {"a": [1, 2]}
    assert not disturbed
