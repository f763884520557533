"""agent.codec: answers that are none, refused with one clear error."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libcloud_ovm3.agent import documents
from libcloud_ovm3.agent.codec import NotXMLRPC, decode_response
from libcloud_ovm3.errors import MalformedResponse

from .served import enveloped as answer

WHOLE = answer(
    "<struct><member><name>n</name><value><array><data><value><i8>1</i8></value>"
    "<value><string>é&amp;</string></value><value><nil/></value></data></array></value></member>"
    "</struct>"
)
BOMB = (
    "<!DOCTYPE methodResponse [<!ENTITY a 'ha'>"
    + "".join(f"<!ENTITY a{n} '{('&a%s;' % (n - 1 if n else '')) * 10}'>" for n in range(12))
    + "]>"
)

WRONG = {
    "empty": b"",
    "blank": b" \n",
    "nul": b"\x00",
    "text": b"Service Unavailable",
    "html": b"<html><body><h1>It works!</h1></body></html>",
    "html 4": b"<!DOCTYPE html PUBLIC '-//W3C//DTD HTML 4.01//EN'><html><br></html>",
    "json": b'{"a": 1}',
    "call": b"<methodCall><methodName>f</methodName><params/></methodCall>",
    "doctype": b"<!DOCTYPE methodResponse>" + WHOLE.partition(b"\n")[2],
    "doctype system": b"<!DOCTYPE methodResponse SYSTEM 'http://127.0.0.1:1/x.dtd'>"
    + WHOLE.partition(b"\n")[2],
    "internal entity": b"<!DOCTYPE methodResponse [<!ENTITY a 'b'>]>"
    + answer("<string>&a;</string>").partition(b"\n")[2],
    "entity in the text": b"<!DOCTYPE methodResponse [<!ENTITY a 'b'>]>"
    + answer("&a;").partition(b"\n")[2],
    "external entity": b"<!DOCTYPE methodResponse [<!ENTITY a SYSTEM 'file:///etc/hostname'>]>"
    + answer("<string>&a;</string>").partition(b"\n")[2],
    "entity bomb": BOMB.encode() + answer("<string>&a11;</string>").partition(b"\n")[2],
    "unknown entity": answer("<string>&nbsp;</string>"),
    "bad utf-8": answer("é").replace("é".encode(), b"\xe9"),
    "overlong utf-8": answer("é").replace("é".encode(), b"\xc0\xaf"),
    "surrogate in utf-8": answer("é").replace("é".encode(), b"\xed\xa0\x80"),
    "says utf-16": answer("a").replace(b"'1.0'", b"'1.0' encoding='utf-16'"),
    "says ascii": answer("é").replace(b"'1.0'", b"'1.0' encoding='us-ascii'"),
    "says nonsense": answer("a").replace(b"'1.0'", b"'1.0' encoding='klingon'"),
    "control character": answer("a\x01b"),
    "control character reference": answer("a&#1;b"),
    "surrogate reference": answer("a&#xD800;b"),
    "two documents": WHOLE + WHOLE.partition(b"\n")[2],
    "text after": WHOLE + b"x",
    "text before": b"x" + WHOLE,
    "no params": b"<methodResponse/>",
    "empty params": b"<methodResponse><params/></methodResponse>",
    "empty param": b"<methodResponse><params><param/></params></methodResponse>",
    "two params": b"<methodResponse><params><param><value/></param><param><value/></param>"
    b"</params></methodResponse>",
    "two values": b"<methodResponse><params><param><value/><value/></param></params>"
    b"</methodResponse>",
    "value and fault": b"<methodResponse><params><param><value/></param></params><fault/>"
    b"</methodResponse>",
    "other child": b"<methodResponse><param><value/></param></methodResponse>",
    "other in params": b"<methodResponse><params><value/></params></methodResponse>",
    "namespaced": b"<methodResponse xmlns='urn:x'><params><param><value/></param></params>"
    b"</methodResponse>",
    "fault without struct": b"<methodResponse><fault><value>no</value></fault></methodResponse>",
    "deep": answer("<array><data><value>" * 90 + "</value></data></array>" * 90),
    "huge text": answer("<string>" + "a" * 10_000_001 + "</string>"),
}


def fault_body(members: str) -> bytes:
    return (
        f"<methodResponse><fault><value><struct>{members}</struct></value></fault></methodResponse>"
    ).encode()


CODE = "<member><name>faultCode</name><value><int>1</int></value></member>"
STRING = "<member><name>faultString</name><value>x</value></member>"
WRONG["fault without code"] = fault_body(STRING)
WRONG["fault without string"] = fault_body(CODE)
WRONG["fault with more"] = fault_body(CODE + STRING + CODE.replace("faultCode", "other"))
WRONG["fault with a text code"] = fault_body(CODE.replace("<int>1</int>", "1") + STRING)
WRONG["fault with a number text"] = fault_body(CODE + STRING.replace(">x<", "><int>1</int><"))


@pytest.mark.parametrize("name", WRONG)
def test_answers_refused(name: str) -> None:
    with pytest.raises(NotXMLRPC) as caught:
        decode_response(WRONG[name])
    assert 0 < len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "inside",
    [
        "<int/>",
        "<int>1.0</int>",
        "<int>0x10</int>",
        "<int>1 2</int>",
        "<int>1_000</int>",
        "<int>\u0661</int>",  # a digit, but no ASCII one
        "<i8>9223372036854775808</i8>",
        "<i8>-9223372036854775809</i8>",
        "<int>" + "9" * 5000 + "</int>",
        "<boolean>true</boolean>",
        "<boolean>2</boolean>",
        "<boolean/>",
        "<double>nan</double>",
        "<double>inf</double>",
        "<double>1e999</double>",
        "<double>1,5</double>",
        "<double>.</double>",
        "<double>1e</double>",
        "<double/>",
        "<base64>AP8</base64>",
        "<base64>*AP8=</base64>",
        "<base64>A===</base64>",
        "<base64>é</base64>",
        "<dateTime.iso8601>2014-08-15T12:01:02</dateTime.iso8601>",
        "<dateTime.iso8601>20140815T25:01:02</dateTime.iso8601>",
        "<dateTime.iso8601>20140230T12:01:02</dateTime.iso8601>",
        "<dateTime.iso8601/>",
        "<nil>x</nil>",
        "<nil><value/></nil>",
        "<other>1</other>",
        "<x:string xmlns:x='urn:x'>1</x:string>",
        "<string><b>x</b></string>",
        "<int><value>1</value></int>",
        "<int>1</int><int>1</int>",
        "text<int>1</int>",
        "<int>1</int>text",
        "<array/>",
        "<array><value>1</value></array>",
        "<array><data/><data/></array>",
        "<array><data><int>1</int></data></array>",
        "<array><data>text<value>1</value></data></array>",
        "<array>text<data/></array>",
        "<array><data><value>1</value>text</data></array>",
        "<struct>text</struct>",
        "<struct><name>a</name></struct>",
        "<struct><member><name>a</name></member></struct>",
        "<struct><member><value/><name>a</name></member></struct>",
        "<struct><member><name>a</name><int>1</int></member></struct>",
        "<struct><member><name>a</name><value/><value/></member></struct>",
        "<struct><member><name><b/></name><value/></member></struct>",
        "<struct><member>text<name>a</name><value/></member></struct>",
        "<struct>" + "<member><name>a</name><value>1</value></member>" * 2 + "</struct>",
    ],
    ids=lambda text: text[:60],
)
def test_values_refused(inside: str) -> None:
    with pytest.raises(NotXMLRPC):
        decode_response(answer(inside))


def test_an_external_entity_is_not_even_opened(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    opened, done = threading.Event(), threading.Event()

    def watch() -> None:
        """Opening a pipe to write to succeeds once somebody has opened it to read."""
        while not done.wait(0.005):
            with contextlib.suppress(OSError):
                os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
                opened.set()

    watcher = threading.Thread(target=watch)
    watcher.start()
    document = f"<!DOCTYPE r [<!ENTITY a SYSTEM '{path.as_uri()}'>]><r>&a;</r>"
    try:
        with pytest.raises(NotXMLRPC):
            decode_response(document.replace("r>", "methodResponse>").encode())
        with pytest.raises(MalformedResponse):
            documents.server(document.replace("r>", "Discover_Server_Result>"))
        assert not opened.wait(0.05)
    finally:
        done.set()
        watcher.join(5)


def test_truncated_at_any_byte() -> None:
    for length in range(len(WHOLE)):
        with pytest.raises(NotXMLRPC):
            decode_response(WHOLE[:length])
    assert decode_response(WHOLE) == {"n": [1, "é&", None]}


def test_a_text_just_below_the_limit_is_read() -> None:
    assert decode_response(answer("a" * 9_900_000)) == "a" * 9_900_000


def test_a_long_bad_number_is_refused_at_once() -> None:
    # A pattern with two ways to match would take hours for this one: hence the time limit.
    for kind in ("double", "int", "boolean", "dateTime.iso8601"):
        with pytest.raises(NotXMLRPC):
            decode_response(answer(f"<{kind}>" + "1" * 500_000 + f"x</{kind}>"))


@given(st.binary(max_size=300))
def test_any_bytes_at_all(body: bytes) -> None:
    with pytest.raises(NotXMLRPC):
        decode_response(body)


@given(st.text("<>/&;!?-[]='\"azmethodResponseparamsvalue ", max_size=200))
def test_any_markup_inside_a_value(inside: str) -> None:
    try:
        value = decode_response(answer(inside))
    except NotXMLRPC:
        return
    assert isinstance(value, str)
