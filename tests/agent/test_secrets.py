"""Passwords are in no exception, traceback or repr, whatever the other side sends back."""

from __future__ import annotations

import base64
import pickle
import traceback
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape

import pytest

from libcloud_ovm3 import errors
from libcloud_ovm3.agent.call_kinds import TimeLimits
from libcloud_ovm3.agent.functions import Agent
from libcloud_ovm3.agent.tls import HostTrust

from . import served
from .served import CLOSE, enveloped, http

PASSWORD = "S3cret&<long>/@1"
BASIC = base64.b64encode(f"oracle:{PASSWORD}".encode()).decode()
FORMS = [PASSWORD, escape(PASSWORD), quote(PASSWORD), quote(PASSWORD, safe=""), BASIC]


ANSWERS: dict[str, Any] = {
    "fault": served.fault(f"exceptions.Exception:called with {BASIC} and {PASSWORD}"),
    "escaped fault": served.fault(f"exceptions.Exception:<string>{escape(PASSWORD)}</string>"),
    "url in a fault": served.fault(f"a.B:https://oracle:{PASSWORD}@ovm-2:8899/api/3"),
    "refused": http(PASSWORD, f"403 {PASSWORD} {BASIC}"),
    "another status": http(PASSWORD, f"500 {PASSWORD} {BASIC}"),
    "html": http(f"<html>{escape(PASSWORD)}</html>"),
    "no number": http(enveloped(f"<int>{escape(PASSWORD)}</int>")),
    "member twice": http(
        enveloped(
            "<struct>"
            + f"<member><name>{escape(PASSWORD)}</name><value/></member>" * 2
            + "</struct>"
        )
    ),
    "no http": [f"{PASSWORD} {BASIC}\r\n\r\n".encode(), CLOSE],
    "dropped": [CLOSE],
    "unreachable": [20.0],
}


def assert_silent(error: BaseException, *, traceback_too: bool) -> None:
    told = [str(error), repr(error), repr(vars(error)), repr(pickle.dumps(error))]
    if traceback_too:
        told.append("".join(traceback.format_exception(error)))
    assert not [form for form in FORMS for text in told if form in text]


@pytest.mark.parametrize("name", ANSWERS)
def test_whatever_comes_back(serve: Any, connect: Any, name: str) -> None:
    server = serve(lambda request: ANSWERS[name])
    agent = connect(server, key=PASSWORD, limits=TimeLimits(connect=3, read=0.2))
    with pytest.raises(errors.Ovm3Error) as caught:
        agent.call("list_vms", PASSWORD)
    # Only the standard library's own error repeats what is no HTTP, in a traceback.
    assert_silent(caught.value, traceback_too=name != "no http")


@pytest.mark.parametrize(
    "trust", [HostTrust(), HostTrust(pins=("0" * 64,)), HostTrust(ca_cert="/nothing")]
)
def test_hosts_that_are_refused(serve: Any, connect: Any, trust: HostTrust) -> None:
    with pytest.raises(errors.Ovm3Error) as caught:
        connect(serve(), key=PASSWORD, trust=trust).call("list_vms", PASSWORD)
    assert_silent(caught.value, traceback_too=True)


def test_values_that_cannot_be_sent(serve: Any, connect: Any) -> None:
    with pytest.raises(errors.InvalidArgument) as caught:
        connect(serve(), key=PASSWORD).call("update_agent_password", "oracle", f"{PASSWORD}\x00")
    assert_silent(caught.value, traceback_too=True)


def test_reprs(serve: Any, connect: Any) -> None:
    connection = connect(serve(), key=PASSWORD)
    connection.call("echo", "x")
    for thing in (connection, connection.connection, Agent(connection), connection.trust):
        for text in (repr(thing), str(thing)):
            for form in FORMS:
                assert form not in text
