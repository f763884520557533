"""XML-RPC <-> Python values. Pure functions on bytes; strict in both directions.

The agent's dialect (agent-behaviour 2): ``<nil/>`` and ``<i8>`` in both directions; untyped values
are strings.

| XML-RPC                   | Python                             |
|---------------------------|------------------------------------|
| int, i1, i2, i4, i8       | int (sent as i8 beyond 32 bits)    |
| boolean                   | bool                               |
| double                    | float                              |
| string, untyped           | str                                |
| dateTime.iso8601          | datetime without a time zone       |
| base64                    | bytes                              |
| array                     | list (a tuple is sent as an array) |
| struct                    | dict with str keys                 |
| nil                       | None                               |
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from libcloud_ovm3.agent import fastcodec

if TYPE_CHECKING:
    from lxml import etree

Value = Any  # None, bool, int, float, str, bytes, datetime, list of Value, dict of str to Value

# libxml2 refuses elements nested deeper than 256; a struct takes three of them.
MAX_DEPTH = 60
MAX_TEXT = 10_000_000  # characters in one value

_DATE = "%Y%m%dT%H:%M:%S"
_NIL_NAMESPACED = "{http://ws.apache.org/xmlrpc/namespaces/extensions}nil"
_INT = re.compile(r"[+-]?[0-9]{1,20}")
# Any text must match in one way only: with two, a long invalid number takes exponential time.
_DOUBLE = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
# What XML 1.0 cannot represent: most control characters, lone surrogates, U+FFFE and U+FFFF.
# (A negated class of the allowed characters takes ten times as long to compile.)
_NOT_XML = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_METHOD_NAME = re.compile(r"[A-Za-z0-9_.:/]+")
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})


class Fault(NamedTuple):
    """A fault as the agent sends it (agent-behaviour 2): its code and its text."""

    code: int
    text: str


class NotXMLRPC(ValueError):
    """The bytes are not a valid XML-RPC response; the text says why."""


# ------------------------------------------------------------------ sending


def encode_call(function: str, arguments: Sequence[Value]) -> bytes:
    """Encode a call as the body of a request.

    :param function: The agent's name of the function.
    :param arguments: Its positional arguments.
    :return: The body, in UTF-8.
    :raises TypeError: A value has a type that XML-RPC does not have, or a struct key is not a
        string.
    :raises ValueError: XML-RPC cannot represent a value (control character, lone surrogate, more
        than 64 bits, infinite, nested too deeply), or the function name is not valid.
    """
    if not _METHOD_NAME.fullmatch(function):
        raise ValueError(f"not a valid function name: {function!r}")
    parts: list[str | bytes] = ["<?xml version='1.0'?>\n<methodCall><methodName>"]
    parts += [function, "</methodName><params>"]
    for argument in arguments:
        parts.append("<param>")
        _write(argument, parts.append, MAX_DEPTH)
        parts.append("</param>")
    parts.append("</params></methodCall>")
    return b"".join(part if isinstance(part, bytes) else part.encode("utf-8") for part in parts)


def _write(value: Value, write: Callable[[str | bytes], None], depth: int) -> None:  # noqa: PLR0912 (one line a type)
    if depth == 0:
        raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, str):
        write(f"<value><string>{_text(value)}</string></value>")
    elif isinstance(value, bool):
        write(f"<value><boolean>{value:d}</boolean></value>")
    elif isinstance(value, int):
        write(f"<value>{_integer(int(value))}</value>")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"XML-RPC cannot represent {value!r}")
        write(f"<value><double>{float(value)!r}</double></value>")
    elif value is None:
        write("<value><nil/></value>")
    elif isinstance(value, dict):
        write("<value><struct>")
        for key, member in value.items():
            if not isinstance(key, str):
                raise TypeError(f"struct keys must be strings, not {key!r}")
            write(f"<member><name>{_text(key)}</name>")
            _write(member, write, depth - 1)
            write("</member>")
        write("</struct></value>")
    elif isinstance(value, list | tuple):
        write("<value><array><data>")
        for element in value:
            _write(element, write, depth - 1)
        write("</data></array></value>")
    elif isinstance(value, bytes | bytearray):
        write("<value><base64>")
        write(base64.b64encode(value))  # as it is: a block of a file is copied once less
        write("</base64></value>")
    elif isinstance(value, datetime):
        if value.tzinfo is not None or value.microsecond:
            raise ValueError(
                f"XML-RPC dates have no time zone and no fraction of a second: {value!r}"
            )
        # Not strftime: on some platforms it does not pad years before 1000.
        stamp = value.isoformat().replace("-", "")
        write(f"<value><dateTime.iso8601>{stamp}</dateTime.iso8601></value>")
    else:
        raise TypeError(f"XML-RPC cannot represent a {type(value).__name__}")


def _integer(value: int) -> str:
    if -(2**31) <= value < 2**31:
        return f"<int>{value}</int>"
    if -(2**63) <= value < 2**63:
        return f"<i8>{value}</i8>"
    raise ValueError(f"more than 64 bits: {value}")


def _text(value: str) -> str:
    bad = _NOT_XML.search(value)
    if bad:
        raise ValueError(f"XML cannot represent the character {bad.group()!r} (at {bad.start()})")
    return value.translate(_ESCAPES)


# ------------------------------------------------------------------ receiving


def decode_response(body: bytes) -> Value | Fault:
    """Decode the body of a response.

    :return: The value, or the fault.
    :raises NotXMLRPC: The body is anything else, whatever its bytes are.
    """
    try:
        return fastcodec.read_plain(body)
    except fastcodec.NotPlain:
        pass
    try:
        return _decode_strictly(body)
    except NotXMLRPC:
        fault = _repaired_fault(body)
        if fault is None:
            raise
        return fault


def _repaired_fault(body: bytes) -> Fault | None:
    """A fault whose text contains what XML cannot represent, with U+FFFD in its place.

    Agents put raw bytes (file names, output of commands) into fault texts. That the agent has
    refused must not be lost because of one character. Values, which may be sent back to the agent,
    are never repaired.

    :return: The fault; None: the response is not a fault, or is invalid in another way.
    """
    text = _NOT_XML.sub("\ufffd", body.decode("utf-8", "replace"))
    clean = text.encode("utf-8")
    if clean == body:
        return None
    try:
        decoded = _decode_strictly(clean)
    except NotXMLRPC:
        return None
    return decoded if isinstance(decoded, Fault) else None


def _decode_strictly(body: bytes) -> Value | Fault:
    response = _parse(body)
    if response.tag != "methodResponse":
        raise NotXMLRPC(f"expected a methodResponse, got <{_shown(response.tag)}>")
    content = _only_child(response)
    if content.tag == "fault":
        return _fault(_read(_only_child(content)))
    if content.tag != "params":
        raise NotXMLRPC(f"unexpected <{_shown(content.tag)}> in methodResponse")
    param = _only_child(content)
    if param.tag != "param":
        raise NotXMLRPC(f"unexpected <{_shown(param.tag)}> in params")
    return _read(_only_child(param))


def _parse(body: bytes) -> etree._Element:
    from libcloud_ovm3.agent.xmlparser import parse_xml  # noqa: PLC0415 (few responses need it)

    try:
        return parse_xml(body)
    except ValueError as error:
        raise NotXMLRPC(str(error)) from None


def _fault(value: Value) -> Fault:
    if isinstance(value, dict) and value.keys() == {"faultCode", "faultString"}:
        code, text = value["faultCode"], value["faultString"]
        if isinstance(code, int) and isinstance(text, str):
            return Fault(code, text)
    raise NotXMLRPC("a fault without faultCode and faultString")


def _read(value: etree._Element) -> Value:
    """The Python value of a <value> element."""
    if value.tag != "value":
        raise NotXMLRPC(f"expected a <value>, got <{_shown(value.tag)}>")
    if len(value) == 0:
        return _leaf(value)
    typed = _only_child(value)
    reader = _READERS.get(typed.tag)
    if reader is None:
        raise NotXMLRPC(f"unknown type <{_shown(typed.tag)}>")
    return reader(typed)


def _read_string(element: etree._Element) -> str:
    return _leaf(element)


def _read_int(element: etree._Element) -> int:
    text = _leaf(element).strip(" \t\r\n")
    if _INT.fullmatch(text):
        number = int(text)
        if -(2**63) <= number < 2**63:
            return number
    raise NotXMLRPC(f"not an integer: {text[:40]!r}")


def _read_boolean(element: etree._Element) -> bool:
    text = _leaf(element).strip(" \t\r\n")
    if text not in ("0", "1"):
        raise NotXMLRPC(f"not a boolean: {text[:40]!r}")
    return text == "1"


def _read_double(element: etree._Element) -> float:
    text = _leaf(element).strip(" \t\r\n")
    if _DOUBLE.fullmatch(text):
        number = float(text)
        if math.isfinite(number):
            return number
    raise NotXMLRPC(f"not a double: {text[:40]!r}")


def _read_date(element: etree._Element) -> datetime:
    text = _leaf(element).strip(" \t\r\n")
    try:
        return datetime.strptime(text, _DATE)
    except ValueError:
        raise NotXMLRPC(f"not a dateTime.iso8601: {text[:40]!r}") from None


def _read_base64(element: etree._Element) -> bytes:
    try:
        return base64.b64decode("".join(_leaf(element).split()), validate=True)
    except ValueError as error:
        raise NotXMLRPC(f"not base64: {error}") from None


def _read_nil(element: etree._Element) -> None:
    if _leaf(element).strip(" \t\r\n"):
        raise NotXMLRPC("a nil that is not empty")


def _read_array(element: etree._Element) -> list[Value]:
    data = _only_child(element)
    if data.tag != "data":
        raise NotXMLRPC(f"unexpected <{_shown(data.tag)}> in array")
    _no_text(data)
    return [_read(value) for value in data]


def _read_struct(element: etree._Element) -> dict[str, Value]:
    _no_text(element)
    result: dict[str, Value] = {}
    for member in element:
        if member.tag != "member" or len(member) != 2 or member[0].tag != "name":
            raise NotXMLRPC("a struct member is not one name and one value")
        _no_text(member)
        name = _leaf(member[0])
        if name in result:
            raise NotXMLRPC(f"a struct has the member {name[:40]!r} twice")
        result[name] = _read(member[1])
    return result


_READERS: dict[str | bytes | bytearray | etree.QName, Callable[[etree._Element], Value]] = {
    **dict.fromkeys(("int", "i1", "i2", "i4", "i8"), _read_int),
    "string": _read_string,
    "boolean": _read_boolean,
    "double": _read_double,
    "dateTime.iso8601": _read_date,
    "base64": _read_base64,
    "array": _read_array,
    "struct": _read_struct,
    "nil": _read_nil,
    _NIL_NAMESPACED: _read_nil,
}


def _leaf(element: etree._Element) -> str:
    if len(element):
        raise NotXMLRPC(f"elements inside <{_shown(element.tag)}>")
    text: str = element.text or ""
    if len(text) > MAX_TEXT:  # libxml2's own limit; its older versions do not always enforce it
        raise NotXMLRPC(f"a text of {len(text)} characters")
    return text


def _only_child(element: etree._Element) -> etree._Element:
    if len(element) != 1:
        raise NotXMLRPC(f"<{_shown(element.tag)}> has {len(element)} elements instead of one")
    _no_text(element)
    return element[0]


def _no_text(element: etree._Element) -> None:
    """Only white space is allowed between the elements of a container."""
    if element.text and not element.text.isspace():
        raise NotXMLRPC(f"text inside <{_shown(element.tag)}>")
    for child in element:
        if child.tail and not child.tail.isspace():
            raise NotXMLRPC(f"text inside <{_shown(element.tag)}>")


def _shown(tag: object) -> str:
    return str(tag)[:40]
