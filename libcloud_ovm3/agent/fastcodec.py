"""A short way for the answers that take time: strings, arrays, structs as agents write them.

The agent is a Python program, so its answers have the one form that ``xmlrpclib`` writes. Where an
answer is of that form to the letter, and holds nothing but strings, small numbers, arrays and
structs (list_vms, the discover_* documents, several of them in libcloud_read_agent), it is read
here with a handful of patterns, several times faster than by way of a tree. Anything else, broken
or merely unusual, is :class:`NotPlain` and no more said: the strict reader in :mod:`.codec` then
has the word. Never may this accept what that one refuses, or read it as something else
(tests/agent/test_codec_plain.py compares them). Pure.
"""

from __future__ import annotations

import base64
import re
from typing import Any

_MAX_DEPTH = 60  # well below what libxml2 refuses

_GAP = "\n*"
# No carriage returns (XML makes line feeds of them), no other control characters, and well below
# the 10 million bytes that libxml2 takes.
_TEXT = "[^<\0-\x08\x0b-\x1f]{0,2000000}"
_PLAIN_TEXT = "[^<&\0-\x08\x0b-\x1f]{0,2000000}"

_BEGIN = re.compile(
    r"""<\?xml version=(?:'1\.0'|"1\.0")(?: encoding=(?:'utf-8'|"utf-8"|'UTF-8'|"UTF-8"))?\?>"""
    f"{_GAP}<methodResponse>{_GAP}<params>{_GAP}<param>{_GAP}"
)
_END = re.compile(f"</param>{_GAP}</params>{_GAP}</methodResponse>{_GAP}\\Z")
_VALUE = re.compile(
    f"<value>(?:<string>({_TEXT})</string></value>|(<struct>)|<int>([0-9]{{1,9}})</int></value>"
    f"|<base64>([A-Za-z0-9+/=\n]{{0,2000000}})</base64></value>|<array>{_GAP}<data>){_GAP}"
)
_ARRAY_END = re.compile(f"</data>{_GAP}</array>{_GAP}</value>{_GAP}")
_STRUCT_END = re.compile(f"</struct>{_GAP}</value>{_GAP}")
# A member whose value is not a plain string ends before that value.
_MEMBER = re.compile(
    f"<member>{_GAP}<name>({_PLAIN_TEXT})</name>{_GAP}"
    f"(?:<value><string>({_PLAIN_TEXT})</string></value>{_GAP}</member>{_GAP})?"
)
_MEMBER_END = re.compile(f"</member>{_GAP}")
_OTHER_ENTITY = re.compile("&(?!lt;|gt;|amp;)")


class NotPlain(Exception):
    """The answer is not of this form; nothing is said about whether it is right."""


def read_plain(body: bytes) -> Any:
    """The value in an answer of this form: str, int, list or dict.

    :raises NotPlain: it is of another form.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise NotPlain from None
    # What XML forbids in a text and the patterns let pass.
    if "]]>" in text or "\ufffe" in text or "\uffff" in text or _OTHER_ENTITY.search(text):
        raise NotPlain
    value, at = _value(text, _VALUE.match(text, _after(_BEGIN, text, 0)), _MAX_DEPTH)
    _after(_END, text, at)
    return value


def _after(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    if found is None:
        raise NotPlain
    return found.end()


def _value(text: str, found: re.Match[str] | None, depth: int) -> tuple[Any, int]:
    """A value, from what _VALUE has found of it, and where it ends."""
    if found is None or depth == 0:
        raise NotPlain
    string, struct, number, base64_text = found.groups()
    if string is not None:
        return _unescaped(string), found.end()
    if number is not None:
        return int(number), found.end()
    if struct:
        return _struct(text, found.end(), depth)
    if base64_text is not None:
        return _decoded(base64_text), found.end()
    return _array(text, found.end(), depth)


def _array(text: str, at: int, depth: int) -> tuple[list[Any], int]:
    elements = []
    while found := _VALUE.match(text, at):
        element, at = _value(text, found, depth - 1)
        elements.append(element)
    return elements, _after(_ARRAY_END, text, at)


def _struct(text: str, at: int, depth: int) -> tuple[dict[str, Any], int]:
    members: dict[str, Any] = {}
    count = 0
    while found := _MEMBER.match(text, at):
        name, value = found.groups()
        at = found.end()
        if value is None:
            value, at = _value(text, _VALUE.match(text, at), depth - 1)
            at = _after(_MEMBER_END, text, at)
        members[name] = value
        count += 1
    if count != len(members):  # a name twice
        raise NotPlain
    return members, _after(_STRUCT_END, text, at)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text.replace("\n", ""), validate=True)
    except ValueError:
        raise NotPlain from None


def _unescaped(text: str) -> str:
    if "&" not in text:
        return text
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
