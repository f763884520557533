"""A seeded mutator of XML-RPC answers, by bytes and by elements. Same seed, same answers."""

from __future__ import annotations

import random
import re
import xmlrpc.client
from collections.abc import Iterator
from datetime import datetime

_ELEMENT = re.compile(rb"<[^<>]*>")
_TAGS = b"value string int i8 double boolean base64 nil array data struct member name fault".split()
_SNIPPETS = [
    b"<!DOCTYPE a [<!ENTITY b 'c'>]>",
    b"<!ENTITY x SYSTEM 'file:///etc/passwd'>",
    b"&amp;",
    b"&x;",
    b"&#0;",
    b"&#xFFFF;",
    b"<![CDATA[",
    b"]]>",
    b"<!--",
    b"-->",
    b"<?xml version='1.0' encoding='utf-16'?>",
    b"<?pi?>",
    b"\x00",
    b"\xff\xfe",
    b"\xc3",
    b"\xed\xa0\x80",
    b"9" * 400,
    b"1e999",
    b"-",
    b" ",
    b"<value>" * 200,
    b"<nil/>",
    b"</methodResponse>",
    b"\r\n0\r\n\r\n",
    b"<html>",
]


def _answers() -> list[bytes]:
    domain = {
        "domid": "7",
        "name": "i-2-3-VM é漢",
        "memory": "512",
        "device": {"vif": [{"mac": "02:00:50:9a:00:01"}], "vbd": []},
        "cpus": [[0, 1]],
        "start_time": "1408105444.17",
    }
    values = [
        [domain, {**domain, "domid": 8}],
        {"last_boot_time": 1413834408, "local_time": 1.5, "b": True, "d": b"\x00\xff" * 20},
        '<?xml version="1.0" ?>\n<Discover_Server_Result><Server>é&amp;</Server>'
        "</Discover_Server_Result>",
        None,
        [datetime(2014, 8, 15), "", [], {}, [[[[1]]]]],
    ]
    made = [
        xmlrpc.client.dumps((value,), methodresponse=True, allow_none=True).encode()
        for value in values
    ]
    made.append(xmlrpc.client.dumps(xmlrpc.client.Fault(1, "exceptions.OSError:no é")).encode())
    made.append(made[1].replace(b"<int>1413834408</int>", b"<i8>14138344080000</i8>"))
    return made


def mutants(seed: int, count: int, whole: list[bytes] | None = None) -> Iterator[bytes]:
    """So many spoilt answers, out of these whole ones or of a choice of our own."""
    chance = random.Random(seed)
    answers = whole or _answers()
    for _ in range(count):
        body = chance.choice(answers)
        for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
            body = chance.choice(_MUTATIONS)(chance, body)
        yield body


def _change_byte(chance: random.Random, body: bytes) -> bytes:
    at = chance.randrange(len(body) + 1)
    return body[:at] + bytes([chance.randrange(256)]) + body[at + 1 :]


def _flip_bit(chance: random.Random, body: bytes) -> bytes:
    if not body:
        return body
    at = chance.randrange(len(body))
    return body[:at] + bytes([body[at] ^ (1 << chance.randrange(8))]) + body[at + 1 :]


def _cut_end(chance: random.Random, body: bytes) -> bytes:
    return body[: chance.randrange(len(body) + 1)]


def _cut_piece(chance: random.Random, body: bytes) -> bytes:
    start = chance.randrange(len(body) + 1)
    return body[:start] + body[start + chance.randrange(40) :]


def _insert(chance: random.Random, body: bytes) -> bytes:
    at = chance.randrange(len(body) + 1)
    return body[:at] + chance.choice(_SNIPPETS) + body[at:]


def _repeat_piece(chance: random.Random, body: bytes) -> bytes:
    start = chance.randrange(len(body) + 1)
    piece = body[start : start + chance.randrange(200)]
    return body[:start] + piece * chance.choice((2, 3, 50)) + body[start:]


def _drop_tag(chance: random.Random, body: bytes) -> bytes:
    tags = list(_ELEMENT.finditer(body))
    if not tags:
        return body
    tag = chance.choice(tags)
    return body[: tag.start()] + body[tag.end() :]


def _swap_tags(chance: random.Random, body: bytes) -> bytes:
    tags = list(_ELEMENT.finditer(body))
    if len(tags) < 2:
        return body
    one, other = sorted(chance.sample(tags, 2), key=lambda tag: tag.start())
    between = body[one.end() : other.start()]
    return body[: one.start()] + other.group() + between + one.group() + body[other.end() :]


def _rename_element(chance: random.Random, body: bytes) -> bytes:
    """Everywhere, so that what comes out is still well-formed."""
    old, new = chance.choice(_TAGS), chance.choice([*_TAGS, b"unknown", b"x:nil"])
    return body.replace(b"<" + old + b">", b"<" + new + b">").replace(
        b"</" + old + b">", b"</" + new + b">"
    )


def _fill_element(chance: random.Random, body: bytes) -> bytes:
    """Another text where an element's text stands."""
    starts = [tag.end() for tag in _ELEMENT.finditer(body)]
    if not starts:
        return body
    start = chance.choice(starts)
    end = body.find(b"<", start)
    filling = chance.choice([b"", b"x", b" 1 ", b"2", b"1.5", b"nan", b"2014", *_SNIPPETS])
    return body[:start] + filling + body[max(end, start) :]


_MUTATIONS = (
    _change_byte,
    _flip_bit,
    _cut_end,
    _cut_piece,
    _insert,
    _repeat_piece,
    _drop_tag,
    _swap_tags,
    _rename_element,
    _fill_element,
)
