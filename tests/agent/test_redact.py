"""agent.redact: what is hidden, and that the rest stays."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libcloud_ovm3.agent.redact import redact


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("type=vnc,vncpasswd=se cret,keymap=x", "type=vnc,vncpasswd=******,keymap=x"),
        ("vncpasswd=a&amp;b&lt;c, next", "vncpasswd=******, next"),
        ("passwd=secret rest", "passwd=****** rest"),
        ("vncpasswd=,keymap=x", "vncpasswd=,keymap=x"),
        ("{'vncpasswd': 'it\\'s', 'b': 1}", "{'vncpasswd': '******', 'b': 1}"),
        ('["password", "secret"]', '["password", "******"]'),
        ("http://u:p@ss@h:1/x", "http://u:******@h:1/x"),
        ("https://u:pw@[::1]:8899/x", "https://u:******@[::1]:8899/x"),
        ("http://h:8899/user@x", "http://h:8899/user@x"),
        (
            "<name>vncpasswd</name>\n<value><string>s</string></value>",
            "<name>vncpasswd</name>\n<value><string>******</string></value>",
        ),
        ("<name>passwd</name><value>s</value>", "<name>passwd</name><value>******</value>"),
        (
            "<name>passwd</name><value><int>12</int></value>",
            "<name>passwd</name><value><int>******</int></value>",
        ),
        ("<value><base64>c2VjcmV0</base64></value>", "<value><base64>6 bytes</base64></value>"),
        ("<base64>\nc2Vj\n cg==</base64 > x", "<base64>4 bytes</base64 > x"),
        ("<base64></base64><base64/>", "<base64>0 bytes</base64><base64/>"),
        ("<ex:base64 a='b'>c2VjcmV0</ex:base64>", "<ex:base64 a='b'>6 bytes</ex:base64>"),
        ("<base64><![CDATA[c2Vj]]></base64>", "<base64>6 bytes</base64>"),
        ("<base64>&#99;2Vj</base64>", "<base64>3 bytes</base64>"),
        ("cut: <base64>c2VjcmV0c2Vj", "cut: <base64>9 bytes"),
        ("&lt;base64&gt;c2Vj&lt;/base64&gt; é", "&lt;base64&gt;3 bytes&lt;/base64&gt; é"),
        (
            "&amp;lt;base64&amp;gt;c2Vj&amp;lt;/base64",
            "&amp;lt;base64&amp;gt;3 bytes&amp;lt;/base64",
        ),
        (
            "<base64>YQ==</base64><base64>YWI=</base64>",
            "<base64>1 bytes</base64><base64>2 bytes</base64>",
        ),
        (
            "<methodName>update_agent_password</methodName><params>…</params></methodCall>",
            "<methodName>update_agent_password</methodName>******</methodCall>",
        ),
    ],
)
def test_where_passwords_stand(text: str, expected: str) -> None:
    assert redact(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "exceptions.Exception:Repository already exists",
        "Command: ['/etc/xen/scripts/x', 'start'] failed (1): stderr: Bridge control0 Is Busy",
        "file:/OVS/Repositories/0004fb/VirtualDisks/a.img,xvda,w",
        "<name>vnc</name><value><string>1</string></value>",
        "base64: not base64: c2VjcmV0, <base64ish>",
        "Unauthorized access attempt from ('1.2.3.4', 5)!",
    ],
)
def test_other_texts_stay(text: str) -> None:
    assert redact(text, ["", "hunter2"]) == text


@given(st.text(min_size=3), st.text(), st.text())
def test_a_given_secret_is_never_left(secret: str, before: str, after: str) -> None:
    # "******" itself is no password worth the name.
    if secret in redact("", []) or set(secret) <= {"*"}:
        return
    shown = redact(f"{before}{secret}{after}", [secret])
    assert secret not in shown or "*" in secret


def test_long_hostile_texts_take_no_time() -> None:
    start = time.thread_time()
    for text in (
        "<name>" + "passwd" * 100_000,
        "<name>passwd</name><value>" * 30_000,
        "://a:" * 100_000,
        "passwd':'" * 100_000,
        "vncpasswd=" * 100_000,
        "<methodName>update_agent_password</methodName>" * 10_000,
        "<base64" * 100_000,
        "<base64>" * 100_000,
        "<base64 " * 100_000,
        "&amp;" * 100_000 + "lt;base64",
        "&" + "amp;" * 100_000,
        "<" + "base64" * 100_000,
    ):
        redact(text, ["secret"])
    assert time.thread_time() - start < 10
