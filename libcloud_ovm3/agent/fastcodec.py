"""The fast path for large responses: strings, integers, bytes, arrays and structs.

The agent is a Python program, so its responses have the form that ``xmlrpclib`` writes. A response
that is exactly of that form and contains nothing but strings, small integers, base64, arrays and
structs (list_vms, the discover_* documents, what the host module returns) is read here with a few
regular expressions, several times as fast as with a parse tree. Anything else, whether invalid or
merely unusual, raises :class:`NotPlain`, and the strict decoder in :mod:`.codec` decides. This
module must never accept what the strict decoder refuses, or read it as something else
(tests/agent/test_fastcodec.py compares the two). Pure.
"""

from __future__ import annotations

import base64
import re
from typing import Any

_MAX_DEPTH = 60  # well below what libxml2 accepts

_GAP = "\n*"
# No carriage returns (XML turns them into line feeds), no other control characters, and well below
# the 10 million bytes that libxml2 accepts.
_TEXT = "[^<\0-\x08\x0b-\x1f]{0,2000000}"
_PLAIN_TEXT = "[^<&\0-\x08\x0b-\x1f]{0,2000000}"

_BEGIN = re.compile(
    r"""<\?xml version=(?:'1\.0'|"1\.0")(?: encoding=(?:'utf-8'|"utf-8"|'UTF-8'|"UTF-8"))?\?>"""
    f"{_GAP}<methodResponse>{_GAP}<params>{_GAP}<param>{_GAP}"
)
_END = re.compile(f"</param>{_GAP}</params>{_GAP}</methodResponse>{_GAP}\\Z")
_VALUE = re.compile(
    f"<value>(?:<string>({_TEXT})</string></value>|(<struct>)|<int>([0-9]{{1,9}})</int></value>"
    f"|(<base64>)|<array>{_GAP}<data>){_GAP}"  # the latter ends before its content
)
_BASE64_END = re.compile(f"</base64></value>{_GAP}")
_LONGEST_BASE64 = 8_000_000  # a chunk of a file has 5.7 million; libxml2 accepts 10 million
_ARRAY_END = re.compile(f"</data>{_GAP}</array>{_GAP}</value>{_GAP}")
_STRUCT_END = re.compile(f"</struct>{_GAP}</value>{_GAP}")
# For a member whose value is not a plain string the match ends before that value.
_MEMBER = re.compile(
    f"<member>{_GAP}<name>({_PLAIN_TEXT})</name>{_GAP}"
    f"(?:<value><string>({_PLAIN_TEXT})</string></value>{_GAP}</member>{_GAP})?"
)
_MEMBER_END = re.compile(f"</member>{_GAP}")
_OTHER_ENTITY = re.compile("&(?!lt;|gt;|amp;)")


class NotPlain(Exception):
    """The response is not of this form; it may be valid all the same."""


def read_plain(body: bytes) -> Any:
    """Decode a response of this form.

    :param body: The body of the response.
    :return: The value: a str, int, bytes, list or dict.
    :raises NotPlain: The response is of another form.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise NotPlain from None
    # What XML forbids in character data and the patterns accept.
    if "]" in text and "]]>" in text:  # to look for one character takes next to no time
        raise NotPlain
    if "\ufffe" in text or "\uffff" in text or ("&" in text and _OTHER_ENTITY.search(text)):
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
    """The value that starts with this match of _VALUE, and the position of its end."""
    if found is None or depth == 0:
        raise NotPlain
    string, struct, number, payload = found.groups()
    if string is not None:
        return _unescaped(string), found.end()
    if number is not None:
        return int(number), found.end()
    if struct:
        return _struct(text, found.end(), depth)
    if payload:
        end = text.find("<", found.end())
        return _decoded(text, found.end(), end), _after(_BASE64_END, text, end)
    return _array(text, found.end(), depth)


def _array(text: str, at: int, depth: int) -> tuple[list[Any], int]:
    elements = []
    while found := _VALUE.match(text, at):
        if (string := found[1]) is not None:  # as _value, without a call for each of many
            elements.append(_unescaped(string))
            at = found.end()
            continue
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
    if count != len(members):  # a name occurs twice
        raise NotPlain
    return members, _after(_STRUCT_END, text, at)


def _decoded(text: str, start: int, end: int) -> bytes:
    """The bytes of base64 in a text. Of a long one no more copies are kept than are needed."""
    if end - start > _LONGEST_BASE64:
        raise NotPlain
    try:  # in bytes, line ends are taken out several times as fast as in a text
        content = text[start:end].encode("ascii")
        content = content.replace(b"\n", b"")
        return base64.b64decode(content, validate=True)
    except ValueError:
        raise NotPlain from None


def _unescaped(text: str) -> str:
    if "&" not in text:
        return text
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
