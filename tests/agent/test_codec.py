"""agent.codec against the standard library's own XML-RPC, both ways; and what is not sent."""

from __future__ import annotations

import xmlrpc.client
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libcloud_ovm3.agent import codec
from libcloud_ovm3.agent.codec import Fault, NotXMLRPC, decode_response, encode_call

from .served import enveloped as answer

CASES = Path(__file__).parent / "cases"
XML_TEXT = st.text(
    st.characters(
        exclude_categories=["Cs"],
        exclude_characters=[*map(chr, range(32)), "\ufffe", "\uffff"],
    )
    | st.sampled_from("\t\n\r&<>'\"]é漢\U0001f600\x7f\x85\u2028"),
    max_size=30,
)
DATES = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)).map(
    lambda date: date.replace(microsecond=0, fold=0)
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**31), 2**31 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | XML_TEXT
    | st.binary(max_size=100)
    | DATES
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(XML_TEXT, inner, max_size=5),
    max_leaves=20,
)
LONGS = st.integers(-(2**63), 2**63 - 1)


def same(one: Any, other: Any) -> bool:
    """Equal in value and in type, all the way down (1 is not True, 0.0 is not -0.0)."""
    return repr(one) == repr(other)


# ------------------------------------------------------------------ round trips


@given(st.lists(VALUES | LONGS, max_size=4))
def test_the_standard_library_reads_what_we_send(arguments: list[Any]) -> None:
    read, name = xmlrpc.client.loads(encode_call("list_vms", arguments), use_builtin_types=True)
    assert name == "list_vms"
    assert same(list(read), arguments)


@given(VALUES)
def test_we_read_what_the_standard_library_sends(value: Any) -> None:
    text = xmlrpc.client.dumps((value,), methodresponse=True, allow_none=True)
    # It sends "\r" as it is, and XML makes "\n" of that: so the judge is its own decoder.
    expected = xmlrpc.client.loads(text.encode(), use_builtin_types=True)[0][0]
    assert same(decode_response(text.encode()), expected)


@given(VALUES | LONGS)
def test_what_we_send_we_read_as_the_same(value: Any) -> None:
    body = encode_call("echo", [value])
    body = body.replace(b"methodCall>", b"methodResponse>").replace(
        b"<methodName>echo</methodName>", b""
    )
    assert same(decode_response(body), value)


@given(st.lists(VALUES, max_size=3).map(tuple))
def test_a_tuple_goes_out_as_a_list(value: tuple[Any, ...]) -> None:
    assert encode_call("f", [value]) == encode_call("f", [list(value)])


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (2**31 - 1, "<int>2147483647</int>"),
        (2**31, "<i8>2147483648</i8>"),
        (-(2**31), "<int>-2147483648</int>"),
        (-(2**31) - 1, "<i8>-2147483649</i8>"),
        (2**63 - 1, f"<i8>{2**63 - 1}</i8>"),
        (True, "<boolean>1</boolean>"),
        (None, "<nil/>"),
        ("a&<b>\r]]>", "<string>a&amp;&lt;b&gt;&#13;]]&gt;</string>"),
        (b"\x00\xff", "<base64>AP8=</base64>"),
        (datetime(33, 4, 3, 15), "<dateTime.iso8601>00330403T15:00:00</dateTime.iso8601>"),
        ({"a": [1]}, "<struct><member><name>a</name><value><array><data><value><int>1</int>"),
        ([], "<array><data></data></array>"),
        ({}, "<struct></struct>"),
    ],
)
def test_how_values_are_written(value: Any, form: str) -> None:
    assert f"<value>{form}" in encode_call("f", [value]).decode()


@pytest.mark.parametrize(
    ("inside", "value"),
    [
        ("untyped", "untyped"),
        ("", ""),
        ("  keeps its blanks\n", "  keeps its blanks\n"),
        ("<string/>", ""),
        ("<string>a<!-- no -->b<?no no?>c</string>", "abc"),
        ("<string><![CDATA[<a>&amp;]]></string>", "<a>&amp;"),
        ("<string>&lt;&#13;&#x1F600;&quot;</string>", '<\r\U0001f600"'),
        ("<i8>9223372036854775807</i8>", 2**63 - 1),
        ("<i8>-9223372036854775808</i8>", -(2**63)),
        ("<int> +7\n</int>", 7),
        ("<i4>-0</i4>", 0),
        ("<int>99999999999</int>", 99999999999),
        ("<boolean> 1 </boolean>", True),
        ("<double>-1.5E+3</double>", -1500.0),
        ("<double>.5</double>", 0.5),
        ("<double>5.</double>", 5.0),
        ("<nil/>", None),
        ('<ex:nil xmlns:ex="http://ws.apache.org/xmlrpc/namespaces/extensions"/>', None),
        ("<base64>\nAP\n8=\n</base64>", b"\x00\xff"),
        ("<base64/>", b""),
        ("<dateTime.iso8601>20140815T12:01:02</dateTime.iso8601>", datetime(2014, 8, 15, 12, 1, 2)),
        ("<array>\n<data>\n<value>a</value>\n</data></array>\n", ["a"]),
        ("<struct/>", {}),
        ("<struct><member><name/><value/></member></struct>", {"": ""}),
    ],
)
def test_forms_that_agents_may_use(inside: str, value: Any) -> None:
    assert same(decode_response(answer(inside)), value)


def test_bytes_decide_the_encoding_and_not_a_guess() -> None:
    text = "é漢\U0001f600"
    assert decode_response(answer(text)) == text
    latin = answer("é").replace(b"'1.0'", b"'1.0' encoding='iso-8859-1'").decode().encode("latin-1")
    assert decode_response(latin) == "é"
    assert decode_response(answer(text).decode().encode("utf-16")) == text


def test_a_fault_with_code_and_text_kept() -> None:
    text = "exceptions.OSError:[Errno 17] é <&>"
    body = xmlrpc.client.dumps(xmlrpc.client.Fault(1, text)).encode()
    assert decode_response(body) == Fault(1, text)
    assert isinstance(decode_response(body), Fault)


def test_a_fault_with_bad_bytes_is_a_fault() -> None:
    """C15: the readable part is kept; half a fault, and a value with such bytes, stay refused."""
    bad = (CASES / "C15.stdout.bin").read_bytes().strip() + b" \x1b[1m"
    fault = xmlrpc.client.dumps(xmlrpc.client.Fault(1, "exceptions.OSError:HERE")).encode()
    text = "exceptions.OSError:Installing caf\ufffd \ufffd\ufffd package ... été ok \ufffd[1m"
    assert decode_response(fault.replace(b"HERE", bad)) == Fault(1, text)
    refused = [fault.replace(b"HERE", bad)[:-20], answer("HERE").replace(b"HERE", bad), bad]
    refused.append(b"<!DOCTYPE a []>" + fault.partition(b"?>")[2].replace(b"HERE", bad))
    for body in refused:
        with pytest.raises(NotXMLRPC):
            decode_response(body)


# ------------------------------------------------------------------ what is not sent


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


CYCLE: list[Any] = []
CYCLE.append({"again": CYCLE})


@pytest.mark.parametrize(
    "value",
    [
        *[chr(n) for n in range(32) if chr(n) not in "\t\n\r"],
        "a\x00b",
        "\ud800",
        "\udfff lone",
        "\ufffe",
        "\uffff",
        {"bad\x01key": 1},
        ["deep", {"down": ["\x1b"]}],
        float("nan"),
        float("inf"),
        float("-inf"),
        2**63,
        -(2**63) - 1,
        datetime(2014, 1, 1, tzinfo=timezone.utc),
        datetime(2014, 1, 1, microsecond=1),
        nested(codec.MAX_DEPTH),
        CYCLE,
    ],
    ids=ascii,
)
def test_values_refused_before_sending(value: Any) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        encode_call("create_vm", [value])
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    "value", [{1: 2}, {None: 1}, {b"a": 1}, {1, 2}, object(), 1j, datetime, Exception("x")]
)
def test_types_refused_before_sending(value: Any) -> None:
    with pytest.raises(TypeError):
        encode_call("create_vm", [[value]])


@pytest.mark.parametrize("function", ["", "a b", "a<b", "a\n", "é", "a;b"])
def test_function_names_refused(function: str) -> None:
    with pytest.raises(ValueError, match="not a valid function name"):
        encode_call(function, [])


def test_the_deepest_that_is_sent_can_be_read_back() -> None:
    value = nested(codec.MAX_DEPTH - 1)
    text = xmlrpc.client.dumps((value,), methodresponse=True).encode()
    assert decode_response(text) == value
    encode_call("f", [value])
