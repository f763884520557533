"""LIBCLOUD_DEBUG and enable_debug(): everything of a call in the log, but no password."""

from __future__ import annotations

import base64
import io
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape

import libcloud
import pytest

from libcloud_ovm3 import errors
from libcloud_ovm3.agent import documents
from libcloud_ovm3.agent.tls import HostTrust

from . import served
from .conftest import PASSWORD
from .served import Proxy, http

C04 = (Path(__file__).parent / "cases" / "C04.document.xml").read_text("utf-8")
BASIC = base64.b64encode(f"oracle:{PASSWORD}".encode()).decode()
FORMS = [PASSWORD, escape(PASSWORD), quote(PASSWORD), quote(PASSWORD, safe=""), BASIC]


class Log(io.StringIO):
    """Keeps what was written when libcloud closes it."""

    def close(self) -> None:
        pass


@pytest.fixture
def log() -> Log:
    stream = Log()
    libcloud.enable_debug(stream)  # conftest resets it
    return stream


def test_call_and_answer_are_in_the_log(serve: Any, connect: Any, log: Log) -> None:
    server = serve()
    assert connect(server).call("echo", "réseau です") == "réseau です"
    text = log.getvalue()
    assert "curl -i -X POST" in text
    assert f"https://127.0.0.1:{server.port}/RPC2" in text
    assert "<methodName>echo</methodName>" in text
    assert "HTTP/1.1 200 OK" in text
    assert text.count("réseau です") == 2
    assert text.index("request ---") < text.index("response ---")
    assert "Authorization: ******" in text


def test_refusals_and_faults_are_in_the_log(serve: Any, connect: Any, log: Log) -> None:
    server = serve(lambda request: http("<h1>no</h1>", "403 Unauthorized access attempt"))
    with pytest.raises(errors.BadCredentials):
        connect(server).call("list_vms")
    server.script = lambda request: served.fault("exceptions.Exception:no such")
    with pytest.raises(errors.AgentFault):
        connect(server).call("list_vms")
    assert "403 Unauthorized access attempt" in log.getvalue()
    assert "exceptions.Exception:no such" in log.getvalue()


def test_a_call_without_answer_is_in_the_log(serve: Any, connect: Any, log: Log) -> None:
    with pytest.raises(errors.OutcomeUnknown):
        connect(serve(lambda request: [served.CLOSE])).call("start_vm", "repo", "vm")
    assert "<methodName>start_vm</methodName>" in log.getvalue()


def test_verification_is_the_same_with_debugging(
    serve: Any, connect: Any, certificates: Any, log: Log
) -> None:
    server = serve()
    with pytest.raises(errors.CertificateRejected):
        connect(server, trust=HostTrust(pins=(certificates[1].fingerprint,))).call("list_vms")
    assert server.requests == []


def test_no_password_of_ours(serve: Any, connect: Any, log: Log) -> None:
    def tell_all(request: served.Request) -> bytes:
        """The worst of servers: sends back what it was sent."""
        told = request.headers["authorization"] + request.body.decode() + PASSWORD
        return http(served.value(told).partition(b"\r\n\r\n")[2], f"200 {BASIC}")

    answer = connect(serve(tell_all)).call("dispatch", f"https://oracle:{PASSWORD}@h/api/3", "f")
    assert PASSWORD in answer  # the caller gets what there is; the log does not
    for form in FORMS:
        assert form not in log.getvalue()


SECRETS = {
    "vfb": ["type=vnc,vncunused=1,vnclisten=0.0.0.0,vncpasswd=HUSH&<W 2x,keymap=en-us"],
    "struct": {"vncpasswd": "HUSH", "vnc": "1"},
    "struct in a list": [{"device": {"vfb": [{"vncpasswd": "HUSH"}]}}],
    "admin": {"admin_passwd": "HUSH"},
    "password": {"Password": "HUSH & more"},
    "printed": "{'vncpasswd': u'HUSH', 'vnc': '1'}",
    "printed twice quoted": '{"password": "HUSH\\"HUSH", "a": 1}',
    "url": "dispatch function f to server https://oracle:HU@SH:HUSH@192.168.1.67:8899/api/3/",
    "setting": "passwd=HUSH password=HUSH\nPASSWORD=HUSH",
    "bytes": {"password": b"HUSH"},
}


@pytest.mark.parametrize("name", SECRETS)
def test_no_password_of_guests_and_managers(serve: Any, connect: Any, log: Log, name: str) -> None:
    value = SECRETS[name]
    assert connect(serve()).call("echo", value) == value
    text = log.getvalue()
    assert text.count("******") >= 3  # the header, the call, the answer
    for secret in ("HUSH", "SH:", "W 2x", " 2x", base64.b64encode(b"HUSH").decode()):
        assert secret not in text


VM_CFG = b"vfb = ['type=vnc,vncpasswd=HUSH']\nvncpasswd = 'HUSH'\n" + b"x" * 100


@pytest.mark.parametrize("value", [VM_CFG, [{"content": VM_CFG}], {"a": {"b": [1, VM_CFG]}}])
def test_of_base64_only_the_length(serve: Any, connect: Any, log: Log, value: Any) -> None:
    assert connect(serve()).call("echo", value) == value
    text = log.getvalue()
    assert text.count(f"<base64>{len(VM_CFG)} bytes</base64>") == 2  # the call, the answer
    for start in range(3):
        assert base64.b64encode(VM_CFG[start:])[:-4].decode()[8:40] not in text


def test_of_base64_that_was_cut_only_the_length(serve: Any, connect: Any, log: Log) -> None:
    cut = served.value(VM_CFG)[:-120]
    body = cut.partition(b"\r\n\r\n")[2]
    with pytest.raises(errors.MalformedResponse) as caught:
        connect(serve(lambda request: http(body))).call("libcloud_read_file", kind="read")
    hidden = base64.b64encode(VM_CFG).decode()[:40]
    assert hidden.encode() in body
    for text in (log.getvalue(), str(caught.value), repr(vars(caught.value))):
        assert hidden not in text
    assert " bytes\n# --" in log.getvalue()


def test_nothing_in_the_log_is_obeyed_by_a_terminal(serve: Any, connect: Any, log: Log) -> None:
    odd = "<h1>a\x1b[31m\x9b1m\u202e\ud7ff\rb\x00</h1>\r\n\tréseau です\r\n"
    with pytest.raises(errors.MalformedResponse):
        connect(serve(lambda request: http(odd))).call("echo", "\x9b1m\u2028")
    text = log.getvalue()
    assert "a\\x1b[31m\\x9b1m\\u202e" in text
    assert "\\rb\\x00</h1>\r\n\tréseau です\r\n" in text
    assert not [one for one in "\x1b\x9b\u202e\u2028\x00" if one in text]
    assert not re.search("\r(?!\n)", text)


@pytest.mark.parametrize("through_dispatch", [False, True])
def test_a_new_agent_password(serve: Any, connect: Any, log: Log, through_dispatch: bool) -> None:
    arguments = ["update_agent_password", "oracle", "brand-new", "old-one"]
    if through_dispatch:
        arguments = ["dispatch", "https://oracle:old-one@ovm-2:8899/api/3", *arguments]
    connect(serve(lambda request: served.value(None))).call(*arguments)
    assert "update_agent_password" in log.getvalue()
    assert "brand-new" not in log.getvalue()
    assert "old-one" not in log.getvalue()


def test_no_password_of_the_proxy(serve: Any, connect: Any, log: Log) -> None:
    with Proxy() as proxy:
        url = f"http://user:proxy-secret@127.0.0.1:{proxy.port}"
        assert connect(serve(), proxy_url=url).call("echo", 1) == 1
    assert f"@127.0.0.1:{proxy.port}" in log.getvalue()
    assert "proxy-secret" not in log.getvalue()


# ------------------------------------------------------------------ field case C04


def check_c04(answer: str) -> None:
    devices = documents.network_devices(answer)
    assert [(device.name, device.metadata) for device in devices] == [
        ("bond0", "ethernet:c0a80100{réseau mutualisé}:VIRTUAL_MACHINE"),
        ("bond1", "ethernet:c0a80200{てすと}:VIRTUAL_MACHINE"),
    ]


def test_c04_accents_and_japanese(serve: Any, connect: Any, log: Log) -> None:
    server = serve(lambda request: served.value(C04))
    check_c04(connect(server).call("discover_network"))
    assert "réseau mutualisé" in log.getvalue()
    assert PASSWORD not in log.getvalue()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_c04_with_a_log_that_lacks_the_letters(serve: Any, connect: Any, encoding: str) -> None:
    raw = io.BytesIO()
    libcloud.enable_debug(io.TextIOWrapper(raw, encoding=encoding, write_through=True))
    server = serve(lambda request: served.value(C04))
    agent = connect(server)
    for _ in range(2):
        check_c04(agent.call("discover_network", "です"))
    text = raw.getvalue().decode(encoding)
    assert text.count("\\u3067\\u3059") >= 2
    assert "bond1" in text
    assert PASSWORD not in text


PROGRAM = """
import sys
from libcloud_ovm3.agent.connection import AgentConnection
from libcloud_ovm3.agent.tls import HostTrust
agent = AgentConnection(
    "oracle", sys.stdin.buffer.read().decode(), host="127.0.0.1", port=int(sys.argv[1]),
    trust=HostTrust(pins=(sys.argv[2],)),
)
sys.stdout.buffer.write(agent.call("discover_network", {"vncpasswd": "HUSH"}).encode("utf-8"))
"""


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_c04_in_a_process_with_libcloud_debug(
    serve: Any, certificates: Any, tmp_path: Path, locale: str
) -> None:
    server = serve(lambda request: served.value(C04))
    path = tmp_path / "debug.log"
    environment = {
        **os.environ,
        "LIBCLOUD_DEBUG": str(path),
        "LC_ALL": locale,
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(server.port), certificates[0].fingerprint],
        env=environment,
        input=PASSWORD.encode(),
        capture_output=True,
        timeout=300,
        check=True,
    )
    check_c04(done.stdout.decode("utf-8"))
    text = path.read_text("utf-8")
    assert "<methodName>discover_network</methodName>" in text
    assert "réseau mutualisé" in text
    for form in [*FORMS, "HUSH"]:
        assert form not in text
        assert form not in done.stderr.decode("utf-8", "replace")
