"""The short way through plain answers never differs from the strict one."""

from __future__ import annotations

import random
import xmlrpc.client
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libcloud_ovm3.agent import codec
from libcloud_ovm3.agent.fastcodec import NotPlain, read_plain

from .mutator import mutants

DOMAIN = {
    "name": "i-2-3-VM é漢 <&>",
    "device": {"vif": [{"mac": "02:00:50:9a:00:01"}], "vbd": [], "console": {}},
    "cpus": [["0", "1"], []],
    "description": "",
}
LOOK = {"api": 1, "answers": {"list_vms": {"answer": [DOMAIN]}}}
FILES = {"vm_cfg": [{"directory": "a", "content": bytes(range(256))}, {"content": b""}]}
DOCUMENT = '<?xml version="1.0" ?>\n<Discover_Server_Result><Server>é&amp;</Server>\n'


def written(value: Any) -> bytes:
    """As the agent writes it."""
    return xmlrpc.client.dumps((value,), methodresponse=True).encode("utf-8")


def strictly(body: bytes) -> Any:
    """What the strict reader alone makes of it."""
    return codec._decode_strictly(body)


@pytest.mark.parametrize(
    "value",
    [[DOMAIN, DOMAIN], DOCUMENT, "", [], {}, [[[["]>"]]]], DOMAIN, LOOK, 7, FILES,
     {"chunk": random.Random(0).randbytes((4 << 20) + 4), "next": 1}],
)  # fmt: skip
def test_the_agents_form_goes_the_short_way(value: Any) -> None:
    assert read_plain(written(value)) == value == strictly(written(value))


@pytest.mark.parametrize("seed", range(8))
def test_what_it_takes_the_strict_reader_takes_too(seed: int) -> None:
    whole = [written([DOMAIN]), written(DOCUMENT), written({"a": "", "b": [[], {}], "c": 12})]
    whole.append(written(FILES))
    taken = 0
    for body in mutants(seed, 1500, whole):
        try:
            value = read_plain(body)
        except NotPlain:
            continue
        taken += 1
        assert repr(value) == repr(strictly(body)), body
    assert taken > 50  # or nothing was compared


# What one of the two might take for something else.
ODD = [
    "\r",
    "\r\n",
    "&#13;",
    "&#x41;",
    "&quot;",
    "&amp;lt;",
    "&bogus;",
    "&lt",
    "]]>",
    "]]&gt;",
    "\0",
    "\x0b",
    "\x1f",
    "\x7f",
    "\x85",
    "\u2028",
    "\ufeff",
    "\ufffe",
    "\uffff",
    "\U0001ffff",
    "<![CDATA[ x ]]>",
    "<!-- x -->",
    "<?x?>",
    "<string/>",
    " ",
    "\t\n ",
    ">",
    "\"'",
]


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("where", ["string", "member", "name", "between", "before", "after"])
def test_odd_texts(odd: str, where: str) -> None:
    text = written([{"NAME": "TEXT"}, "STRING"]).decode()
    spots = {
        "string": ("STRING", f"a{odd}b"),
        "member": ("TEXT", odd),
        "name": ("NAME", odd),
        "between": ("</member>", odd + "</member>"),
        "before": ("<?xml", odd + "<?xml"),
        "after": ("</methodResponse>", "</methodResponse>" + odd),
    }
    body = text.replace(*spots[where]).encode("utf-8", "surrogatepass")
    try:
        value = read_plain(body)
    except NotPlain:
        return
    assert value == strictly(body)


STRINGS = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"))
VALUES = st.recursive(
    STRINGS, lambda inner: st.lists(inner) | st.dictionaries(STRINGS, inner), max_leaves=20
)


@given(VALUES)
def test_any_value_of_strings(value: Any) -> None:
    body = written(value)
    assert codec.decode_response(body) == value == strictly(body)


@pytest.mark.parametrize(
    "text",
    [
        *("", "=", "====", "A", "AA", "AA=", "AA==", "AA===", "AAA=", "AAA==", "AAAA=", "AA=A"),
        *("AA==AAAA", "=AAA", "\nAA\n==\n", "A A==", "\tAA==", "AA\r\n==", "AA-_", "AAAA\n\n"),
        *("AAé=", "AA&#61;="),
    ],
)
def test_odd_base64(text: str) -> None:
    """Read as the strict reader reads it, or left to it."""
    body = written(b"BYTES").replace(b"QllURVM=", text.encode())
    assert text.encode() in body
    try:
        value = read_plain(body)
    except NotPlain:
        return
    assert value == strictly(body)


@given(st.binary())
def test_any_bytes(value: bytes) -> None:
    assert read_plain(written([value])) == [value] == strictly(written([value]))


def test_a_name_twice_is_refused() -> None:
    body = written({"a": "1", "b": "2"}).replace(b"<name>b<", b"<name>a<")
    with pytest.raises(codec.NotXMLRPC, match="twice"):
        codec.decode_response(body)


@pytest.mark.parametrize("depth", [10, 59, 61, 200])
def test_depth(depth: int) -> None:
    nested: Any = "x"
    for _ in range(depth):
        nested = [nested]
    body = written(nested)
    if depth < codec.MAX_DEPTH:
        assert codec.decode_response(body) == nested
    else:
        with pytest.raises(NotPlain):
            read_plain(body)


@pytest.mark.parametrize("inside", ["<value><string>", "<member><name>", "<value><array><data>\n"])
def test_half_an_answer_is_left_soon(inside: str) -> None:
    """In one pass over the bytes, whatever stands there (pytest's own limit fails it otherwise)."""
    begin = written("").decode().partition("<value>")[0]
    for tail in ("x" * 3_000_000, inside * 200_000, "\n" * 3_000_000, "&" * 3_000_000):
        with pytest.raises(NotPlain):
            read_plain((begin + inside + tail).encode())
