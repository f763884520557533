"""One host's agent: XML-RPC over HTTPS on libcloud's Connection classes, safe with many threads.

A call that changes something is sent at most once, whatever libcloud's retry setting is. A read
whose connection drops is sent once more. Errors differ by whether the request may have arrived:
:class:`HostUnreachable` (no), :class:`AgentFault` (it did, and failed), :class:`OutcomeUnknown`
(unknown).
"""

from __future__ import annotations

import base64
import threading
from http import HTTPStatus
from typing import Any

import requests
import urllib3
from libcloud.common.base import ConnectionUserAndKey
from libcloud.http import LibcloudConnection
from libcloud.utils.loggingconnection import LoggingConnection
from requests.auth import HTTPBasicAuth

from libcloud_ovm3.agent import codec, failures, faults
from libcloud_ovm3.agent.address import DEFAULT_PORT, Address
from libcloud_ovm3.agent.agenthttp import AgentHTTP, Answer, LoggedAgentHTTP, TooLarge
from libcloud_ovm3.agent.call_kinds import Kind, TimeLimits, kind_of
from libcloud_ovm3.agent.redact import redact
from libcloud_ovm3.agent.tls import HostTrust, NeverSent, TlsFacts
from libcloud_ovm3.agent.tlsadvice import afterwards
from libcloud_ovm3.errors import (
    AgentFault,
    HostUnreachable,
    InvalidArgument,
    MalformedResponse,
    OutcomeUnknown,
    ReadOnly,
    TimedOut,
)
from libcloud_ovm3.pages import page
from libcloud_ovm3.progress import sending


class AgentConnection(ConnectionUserAndKey):
    """A libcloud connection to the agent of one host.

    :param user_id: The agent's user (always ``oracle`` on a real host).
    :param key: The agent's password.
    :param secure: True for TLS, the agent's default; False for plain HTTP (``ssl=disable``).
    :param host: Its name or IP address; IPv6 without brackets.
    :param port: Its TCP port.
    :param trust: Which certificate the host must present, and other TLS options.
    :param limits: Time limits by kind of call; they replace libcloud's ``timeout``.
    :param proxy_url: An HTTP proxy, as in libcloud; without it, the environment's proxies are used.
    :param read_only: Refuse every call not known to be read-only.
    :raises InvalidArgument: User or password cannot be sent.
    """

    port = DEFAULT_PORT

    def __init__(
        self,
        user_id: str,
        key: str,
        secure: bool = True,
        host: str | None = None,
        port: int | None = None,
        *,
        trust: HostTrust | None = None,
        limits: TimeLimits | None = None,
        proxy_url: str | None = None,
        timeout: float | None = None,
        retry_delay: float | None = None,
        backoff: float | None = None,
        read_only: bool = False,
    ) -> None:
        self.address = Address(host or self.host, port or DEFAULT_PORT)
        self.trust = trust or HostTrust()
        self.limits = limits or TimeLimits.of(timeout, None)
        self.read_only = read_only
        self._connecting = threading.Lock()
        try:
            credentials = base64.b64encode(f"{user_id}:{key}".encode()).decode("ascii")
        except UnicodeEncodeError:
            raise InvalidArgument("user or password: not a text that can be encoded") from None
        self._secrets = (str(key), credentials)  # the password, and as the header has it
        super().__init__(
            user_id,
            key,
            secure=secure,
            host=self.address.url_host,
            port=self.address.port,
            timeout=self.limits.read,
            proxy_url=proxy_url,
            retry_delay=retry_delay,
            backoff=backoff,
        )

    def connect(self, *args: Any, **kwargs: Any) -> None:
        """Prepare the session, without network traffic. A second call drops open connections."""
        # As the session's own auth: otherwise requests would prefer the host's entry in ~/.netrc.
        auth = HTTPBasicAuth(str(self.user_id).encode(), str(self.key).encode())
        if self.conn_class not in (LibcloudConnection, LoggingConnection):
            super().connect(*args, **kwargs)  # a test double: used as it is
            session = getattr(self.connection, "session", None)
            if session is not None:
                session.auth = auth
            return
        logged = self.conn_class is LoggingConnection
        http = (LoggedAgentHTTP if logged else AgentHTTP)(
            self.host, self.port, bool(self.secure), self.trust, **self._proxy()
        )
        http.session.auth = auth
        if isinstance(http, LoggedAgentHTTP):
            http.secrets = self._secrets
        self.connection = http

    def request(self, *args: Any, **kwargs: Any) -> Any:
        """libcloud's own way of sending any request; it is never repeated.

        Its requests are not known to be read-only, so a read-only connection refuses them.

        :raises ReadOnly: The connection is read-only.
        """
        if self.read_only:
            raise ReadOnly(f"{self.address}: not sent: the connection is read-only; use call()")
        return super().request(*args, **{**kwargs, "retry_failed": False})

    def call(
        self,
        function: str,
        *arguments: Any,
        kind: Kind | None = None,
        limit: float | None = None,
    ) -> Any:
        """Call one of the agent's functions and return its response.

        :param function: The agent's name of it, such as ``list_vms``.
        :param arguments: Its positional arguments, of types that XML-RPC has.
        :param kind: The kind of a function that is not in the catalogue. It decides the time limit
            and whether the call may be repeated: only a ``read`` is.
        :param limit: Seconds for the response, if less than its kind allows.
        :raises ReadOnly: The connection is read-only and the call is not known to be; it was not
            sent.
        :raises InvalidArgument: An argument cannot be sent; nothing was sent.
        :raises HostUnreachable: The host could not be reached or verified; nothing was sent.
        :raises BadCredentials: The agent rejected user and password.
        :raises AgentFault: The agent returned a fault.
        :raises OutcomeUnknown: The request was sent; its outcome is unknown.
        """
        kind = kind_of(function, kind)
        if self.read_only and kind != "read":
            raise ReadOnly(
                f"{self.address}: {function} was not sent: it is not known to be read-only, and "
                f"only reads are allowed (ex_read_only, or read_only of the estate)",
                host=str(self.address),
                function=function,
            )
        try:
            body = codec.encode_call(function, arguments)
        except (TypeError, ValueError) as error:
            raise InvalidArgument(f"{function}: {error}", function=function) from None
        limit = min(limit or float("inf"), self.limits.of_kind(kind))
        with sending(function, str(self.address), changes=kind != "read"):
            if kind == "read":
                try:
                    return self._call_once(function, body, limit)
                except (MalformedResponse, TimedOut):
                    raise
                except OutcomeUnknown:
                    pass  # usually an idle connection that the agent had closed: reads are repeated
            return self._call_once(function, body, limit)

    def _call_once(self, function: str, body: bytes, limit: float) -> Any:
        answer = self._post(function, body, limit)
        where: dict[str, Any] = {"host": str(self.address), "function": function}
        if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            reason = redact(answer.reason, self._secrets)
            raise failures.refused(self.address, answer.status, reason, function)
        if answer.status != HTTPStatus.OK:
            raise MalformedResponse(
                f"{self.address}: {function}: HTTP {answer.status} "
                f"{redact(answer.reason, self._secrets)} is not a response of an agent; another "
                f"service may be listening on this port",
                **where,
            )
        try:
            value = codec.decode_response(answer.body)
        except codec.NotXMLRPC as error:
            reason = redact(str(error), self._secrets)
            raise MalformedResponse(f"{self.address}: {function}: {reason}", **where) from None
        if isinstance(value, codec.Fault):
            raise self.error_of(value, function)
        return value

    def error_of(self, fault: codec.Fault, function: str) -> AgentFault:
        """The error for a fault of this host's agent, without the password."""
        fault = codec.Fault(fault.code, redact(fault.text, self._secrets))
        return faults.error_of(fault, host=str(self.address), function=function)

    def _post(self, function: str, body: bytes, limit: float) -> Answer:
        where: dict[str, Any] = {"host": str(self.address), "function": function}
        headers = {
            "Content-Type": "text/xml",
            "Accept-Encoding": "identity",
            "User-Agent": self._user_agent(),
        }
        http = self._http(where)
        try:
            answer: Answer = http.post(body, headers, self.limits.connect, limit)
            return answer
        except NeverSent as error:
            why = self._why(error)
            raise failures.not_sent(self.address, error, why, self.trust, function) from error
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidHeader) as error:
            raise HostUnreachable(f"{self.address}: cannot be called: {error}", **where) from error
        except TooLarge as error:
            raise MalformedResponse(f"{self.address}: {function}: {error}", **where) from None
        except (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError) as error:
            raise TimedOut(
                f"{self.address}: {function}: timed out after {limit:g} s; the request was sent, "
                f"its outcome is unknown and it may still take effect",
                **where,
            ) from error
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise OutcomeUnknown(
                f"{self.address}: {function}: connection closed before a response arrived; the "
                f"request was sent, its outcome is unknown "
                f"({self._why(error)}{afterwards(error, self.trust)})",
                **where,
            ) from error

    def tls_facts(self) -> TlsFacts | None:
        """Protocol, cipher and certificate of the connection that was opened last.

        Nothing is sent.

        :return: None if no connection has been opened yet, or it does not use TLS.
        """
        http = self.connection
        settled = http.adapter.settled if isinstance(http, AgentHTTP) else []
        return settled[0] if settled else None

    def _http(self, where: dict[str, Any]) -> Any:
        with self._connecting:
            if self.connection is None:
                try:
                    self.connect()
                except (OSError, ValueError) as error:  # a CA or key file, or the proxy's URL
                    files = (self.trust.ca_cert, self.trust.cert_file, self.trust.key_file)
                    named = ", ".join(filter(None, files)) or "none"
                    raise InvalidArgument(
                        f"{self.address}: cannot connect with these settings: {self._why(error)} "
                        f"(certificate and key files: {named})",
                        **where,
                    ) from error
            if not hasattr(self.connection, "post"):
                raise InvalidArgument(
                    f"connectionCls.conn_class {self.conn_class.__name__}: expected a class "
                    f"with a method post, such as OVM3MockHttp of "
                    f"libcloud_ovm3.testing.mockhttp ({page('testing-with-ovm3.md')})",
                    **where,
                )
            return self.connection

    def _why(self, error: BaseException) -> str:
        return redact(_reason(error), self._secrets)

    def _proxy(self) -> dict[str, str]:
        return {"proxy_url": self.proxy_url} if self.proxy_url else {}


def _reason(error: BaseException) -> str:
    """The text of the innermost of chained exceptions, without what the outer layers add."""
    while error.__cause__ is not None or error.__context__ is not None:
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return str(error) or type(error).__name__
