"""libcloud's ``MockHttp`` for this driver: ``connectionCls.conn_class``, as libcloud's tests do."""

from __future__ import annotations

import xmlrpc.client
from typing import Any, ClassVar

import requests
from libcloud.test import MockHttp

from libcloud_ovm3.agent.agenthttp import PATH, Answer
from libcloud_ovm3.testing.inprocess import NotConnected, answer_to
from libcloud_ovm3.testing.simulated import SimulatedEstate

_Mocked = tuple[int, "str | bytes", dict[str, str], str]


class OVM3MockHttp(MockHttp):
    """Answers calls in this process: with methods of a subclass, and from a simulated estate.

    A method ``_RPC2_<function>`` of a subclass answers the calls of that function, with libcloud's
    tuple of status, body, headers and reason (:func:`answer` makes one of a value). All other calls
    go to :attr:`estate`. libcloud's ``type`` works too: with ``type = "DOWN"`` the method
    ``_RPC2_DOWN`` answers all calls.

    :cvar estate: A :class:`.SimulatedEstate` with ``listen=False``; None: only methods answer.
    """

    session: requests.Session
    host: str
    estate: ClassVar[SimulatedEstate | None] = None
    __test__ = False  # libcloud's class is a TestCase, which pytest would collect

    def post(self, body: bytes, headers: dict[str, str], connect: float, limit: float) -> Answer:
        """How the driver sends a request, instead of libcloud's ``request``: see
        :class:`.AgentHTTP`.
        """
        self._limits = (connect, limit)
        request = requests.Request("POST", self.host + PATH, headers=headers, data=body)
        sent = self.session.prepare_request(request)
        status, text, _, reason = self._get_request("POST", PATH, body, dict(sent.headers))
        return Answer(status, reason, text.encode() if isinstance(text, str) else text)

    def _RPC2(self, method: str, url: str, body: bytes, headers: dict[str, str]) -> _Mocked:  # noqa: N802 (libcloud's form)
        function = xmlrpc.client.loads(body)[1]
        own = getattr(self, f"_RPC2_{function}", None)
        if own is not None:
            mocked: _Mocked = own(method, url, body, headers)
            return mocked
        response = None
        if self.estate is not None:
            where = self.host + url
            response = answer_to(self.estate, where, headers, body, method, self._limits)
        if response is None:
            error = ConnectionError("OVM3MockHttp.estate has no such host, nor is there a method")
            raise NotConnected(str(error)) from error
        return response.status, response.body, response.headers, response.reason


def answer(value: Any) -> _Mocked:
    """What a method of :class:`OVM3MockHttp` returns for a response of the agent.

    :param value: The value, or an :class:`xmlrpc.client.Fault`.
    """
    body = xmlrpc.client.dumps(
        value if isinstance(value, xmlrpc.client.Fault) else (value,),
        methodresponse=True,
        allow_none=True,
    )
    return 200, body, {"Content-Type": "text/xml"}, "OK"
