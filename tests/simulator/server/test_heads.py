"""Requests that look as usual are read without the standard library, with the same outcome."""

from __future__ import annotations

import http.client
import io
from typing import Any

import pytest

from libcloud_ovm3.simulator.server.http import Handler

USUAL = (
    b"POST /RPC2 HTTP/1.1\r\nHost: 127.0.0.2:8899\r\nUser-Agent: libcloud/3.9 (x) client <1>\r\n"
    b"Accept-Encoding: gzip, deflate\r\nAccept: */*\r\nConnection: keep-alive\r\n"
    b"Content-Type: text/xml\r\nAuthorization: Basic b3JhY2xlOmE=\r\nContent-Length: 2\r\n\r\n<>"
)


class Plain(Handler):
    parse_request = Handler.__mro__[1].parse_request  # type: ignore[attr-defined]


def outcome_of(kind: type[Handler], request: bytes) -> dict[str, Any]:
    handler = kind.__new__(kind)
    handler.rfile, handler.wfile = io.BufferedReader(io.BytesIO(request)), io.BytesIO()  # type: ignore[arg-type]
    handler.client_address = ("127.0.0.1", 1)
    handler.raw_requestline = handler.rfile.readline()
    done = handler.parse_request()
    found = {key: getattr(handler, key, None) for key in ("command", "path", "request_version")}
    fields = handler.headers.items() if done else ()
    answer = handler.wfile.getvalue()  # type: ignore[attr-defined]
    return {
        **found,
        "done": done,
        "line": handler.requestline,
        "fields": list(fields),
        "ends": handler.close_connection,
        "rest": handler.rfile.read(),
        "refusal": answer[:12],
    }


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"", b""),
        (b"/RPC2", b"/"),
        (b"/RPC2", b"//RPC2"),
        (b"/RPC2 ", b""),
        (b"/RPC2", b"RPC2"),
        (b"POST", b"GET"),
        (b"1.1", b"1.0"),
        (b"1.1", b"2.0"),
        (b"1.1", b"x"),
        (b"keep-alive", b"close"),
        (b"keep-alive", b"Keep-Alive"),
        (b"Accept: */*", b"Accept:*/*"),
        (b"Accept: */*", b"Accept:   */*"),
        (b"Accept: */*", b"Accept:"),
        (b"Accept: */*", b"Accept: a\r\n\tb"),
        (b"Accept: */*", b"Accept: \xc3\xa9"),
        (b"Accept: */*", b"Accept: a\r\nAccept: b"),
        (b"Accept: */*", b"no field"),
        (b"Accept: */*", b"Expect: something"),
        (b"Accept: */*", b"Expect: 100-continue"),
        (b"Accept: */*", b"Accept: " + b"a" * 9000),
        (b"Accept: */*", b"Accept: " + b"a" * 70000),
        (b"\r\n", b"\n"),
        (b"\r\n\r\n<>", b""),
    ],
)
def test_a_head_is_read_as_by_the_standard_library(old: bytes, new: bytes) -> None:
    request = USUAL.replace(old, new)
    assert outcome_of(Handler, request) == outcome_of(Plain, request)


def test_usual_heads_are_not_parsed_as_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(http.client, "parse_headers")
    assert outcome_of(Handler, USUAL)["done"]
