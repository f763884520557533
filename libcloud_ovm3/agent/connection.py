"""One host's agent: XML-RPC over HTTPS on libcloud's Connection classes, safe with many threads.

A call that changes something is sent at most once, whatever libcloud's retry switch says. A read
whose line drops is sent once more. What went wrong is told apart by whether the request may have
arrived: :class:`HostUnreachable` (no), :class:`AgentFault` (it did, and was refused),
:class:`OutcomeUnknown` (nobody knows).
"""

from __future__ import annotations

import base64
import dataclasses
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
from libcloud_ovm3.agent.call_kinds import Kind, TimeLimits, kind_of
from libcloud_ovm3.agent.redact import HIDDEN, redact
from libcloud_ovm3.agent.tls import (
    AgentAdapter,
    HostTrust,
    NeverSent,
    TlsFacts,
    make_context,
)
from libcloud_ovm3.agent.tlsadvice import afterwards
from libcloud_ovm3.errors import (
    AgentFault,
    HostUnreachable,
    InvalidArgument,
    MalformedResponse,
    OutcomeUnknown,
    ReadOnly,
    TimedOut,
    shown,
)

# What Python clients send; the agent takes /, /api/3 and /api/3/ as well (agent-behaviour 1).
PATH = "/RPC2"
MAX_ANSWER_BYTES = 32 * 1024 * 1024  # twice what a list of 2000 VMs takes
_CHUNK = 1 << 16


class AgentHTTP(LibcloudConnection):
    """Libcloud's HTTP layer with what a shared, verified connection needs.

    Its own :meth:`post` returns the answer instead of keeping it in ``self.response``, which is
    what makes libcloud's own connection unsafe between threads.
    """

    session: requests.Session
    host: str

    def __init__(self, host: str, port: int, secure: bool, trust: HostTrust, **kwargs: Any) -> None:
        super().__init__(host=host, port=port, secure=secure, **kwargs)
        if "proxy_url" not in kwargs:
            # libcloud 3.8 takes the environment's proxy as if it were given, past NO_PROXY;
            # requests looks at both by itself.
            self.session.proxies = {}
            self.http_proxy_used = False
        # libcloud turns port 443 into https and port 80 into http, whatever was asked for.
        self.host = f"{'https' if secure else 'http'}://{host}:{port}"
        # A CA that the user names is checked against, whatever libcloud's process-wide switch says.
        wanted = trust.ca_cert is not None or self.verify
        self.verify = bool(secure and wanted and trust.verify and not trust.pins)
        self.ca_cert = (trust.ca_cert or self.ca_cert) if self.verify else None
        context = None
        if secure:
            unpinned = not trust.pins and not self.verify
            checked = trust if not unpinned else dataclasses.replace(trust, verify=False)
            context = make_context(checked, self.ca_cert)
        self.adapter = AgentAdapter(context, trust if secure else None)
        self.session.mount("https://", self.adapter)
        self.session.mount("http://", self.adapter)

    def post(self, body: bytes, headers: dict[str, str], connect: float, limit: float) -> Answer:
        """Send one request and read its answer.

        :param connect: seconds for connecting.
        :param limit: seconds from then on, for the whole answer (a dribbling one does not get
            more: see :mod:`.deadline`).
        """
        response = self.session.request(
            "POST",
            self.host + PATH,
            data=body,
            headers=headers,
            timeout=(connect, limit),
            verify=self.verification,
            allow_redirects=False,  # a redirected POST becomes a GET, credentials and all
            stream=True,
        )
        return Answer(response.status_code, response.reason or "", _read_all(response))


class Answer:
    """What came back: HTTP status, its reason text, and the body's bytes."""

    def __init__(self, status: int, reason: str, body: bytes) -> None:
        self.status = status
        self.reason = reason
        self.body = body


class TooLarge(Exception):
    """The answer is larger than any agent's."""


def _read_all(response: requests.Response) -> bytes:
    parts: list[bytes] = []
    size = 0
    while chunk := response.raw.read1(_CHUNK, decode_content=True):
        parts.append(chunk)
        size += len(chunk)
        if size > MAX_ANSWER_BYTES:
            response.close()
            raise TooLarge(f"the answer has more than {MAX_ANSWER_BYTES} bytes")
    return b"".join(parts)


class LoggedAgentHTTP(LoggingConnection, AgentHTTP):
    """What LIBCLOUD_DEBUG and libcloud.enable_debug() get: the same, with passwords taken out."""

    secrets: tuple[str, ...] = ()

    def post(self, body: bytes, headers: dict[str, str], connect: float, limit: float) -> Answer:
        text = redact(body.decode("utf-8"), self.secrets)
        command = self._log_curl("POST", PATH, text, {**headers, "Authorization": HIDDEN})
        self._write(f"# -------- begin {id(self)} request ----------\n{command}\n")
        answer = super().post(body, headers, connect, limit)
        text = redact(answer.body.decode("utf-8", "replace"), self.secrets)
        self._write(
            f"# -------- begin {id(self)} response ----------\n"
            f"HTTP/1.1 {answer.status} {redact(answer.reason, self.secrets)}\r\n\r\n{text}\n"
            f"# -------- end {id(self)} response ----------\n"
        )
        return answer

    def _write(self, text: str) -> None:
        log = self.log
        if log is None:
            return
        if self.proxy_password:
            text = text.replace(self.proxy_password, HIDDEN)
        text = _by_lines(text)
        try:
            log.write(text)
        except UnicodeEncodeError:  # a log opened with an encoding that lacks these letters
            log.write(text.encode("ascii", "backslashreplace").decode("ascii"))
        log.flush()


def _by_lines(text: str) -> str:
    """A text of several lines with nothing in it that a terminal would obey."""
    lines = [(line.removesuffix("\r"), line.endswith("\r")) for line in text.split("\n")]
    return "\n".join(shown(line, keep="\t") + "\r" * has_return for line, has_return in lines)


class AgentConnection(ConnectionUserAndKey):
    """A libcloud connection to the agent of one host.

    :param user_id: the agent's user (always ``oracle`` on a real host).
    :param key: the agent's password.
    :param secure: TLS, as the agent is delivered; plain HTTP where ``ssl=disable`` was set.
    :param host: name or IP address; IPv6 without brackets.
    :param port: TCP port.
    :param trust: what certificate the host has to present.
    :param limits: time limits by kind of call; they take the place of libcloud's ``timeout``.
    :param proxy_url: as libcloud has it; without it, the environment's proxies are used.
    :param read_only: refuse every call that is not surely a read.
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
            raise InvalidArgument("user or password: not a text that can be sent") from None
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
        """Prepare the session (no network). Again is costly: it throws kept lines away."""
        if self.conn_class not in (LibcloudConnection, LoggingConnection):
            super().connect(*args, **kwargs)  # somebody's test double: used as it is
            return
        logged = self.conn_class is LoggingConnection
        http = (LoggedAgentHTTP if logged else AgentHTTP)(
            self.host, self.port, bool(self.secure), self.trust, **self._proxy()
        )
        # As the session's own auth, or requests would prefer what ~/.netrc has for the host.
        http.session.auth = HTTPBasicAuth(str(self.user_id).encode(), str(self.key).encode())
        if isinstance(http, LoggedAgentHTTP):
            http.secrets = self._secrets
        self.connection = http

    def request(self, *args: Any, **kwargs: Any) -> Any:
        """Libcloud's own way of sending: whatever is asked for, and never repeated.

        What it sends cannot be told to be a read, so a read-only connection refuses it.

        :raises ReadOnly: the connection is read-only.
        """
        if self.read_only:
            raise ReadOnly(f"{self.address}: read-only (ex_read_only): use call(); not sent")
        return super().request(*args, **{**kwargs, "retry_failed": False})

    def call(
        self,
        function: str,
        *arguments: Any,
        kind: Kind | None = None,
        limit: float | None = None,
    ) -> Any:
        """Call a function of the agent by its name and return what it answers.

        :param function: the agent's name for it, e.g. ``list_vms``.
        :param arguments: positional, as the agent takes them; values as :mod:`.codec` has them.
        :param kind: what it is, for one that the catalogue lacks: that decides its time limit and
            whether it may be repeated (see :func:`.kind_of`).
        :param limit: seconds for the answer, if less than what its kind has.
        :raises ReadOnly: only reads are allowed, and this is not surely one; nothing was sent.
        :raises InvalidArgument: a value that cannot be sent; nothing was sent.
        :raises HostUnreachable: the host could not be reached or verified; nothing was sent.
        :raises BadCredentials: the agent does not accept user and password.
        :raises AgentFault: the agent refused or failed.
        :raises OutcomeUnknown: it was sent, but what came of it is not known.
        """
        kind = kind_of(function, kind)
        if self.read_only and kind != "read":
            raise ReadOnly(
                f"{self.address}: {function} may change something, and only reads are allowed "
                f"(ex_read_only): not sent",
                host=str(self.address),
                function=function,
            )
        try:
            body = codec.encode_call(function, arguments)
        except (TypeError, ValueError) as error:
            raise InvalidArgument(f"{function}: {error}", function=function) from None
        limit = min(limit or float("inf"), self.limits.of_kind(kind))
        if kind == "read":
            try:
                return self._call_once(function, body, limit)
            except (MalformedResponse, TimedOut):
                raise
            except OutcomeUnknown:
                pass  # most often a kept line that the agent had closed: a read may go out again
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
                f"{redact(answer.reason, self._secrets)} is no agent's answer: "
                f"is something else listening there?",
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
        """The error for a fault of this host's agent, free of our password."""
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
                f"{self.address}: {function}: no whole answer within {limit:g} s; whether it took "
                f"effect, or still will, is not known",
                **where,
            ) from error
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise OutcomeUnknown(
                f"{self.address}: {function}: the line dropped before the answer was there; "
                f"whether it took effect is not known "
                f"({self._why(error)}{afterwards(error, self.trust)})",
                **where,
            ) from error

    def tls_facts(self) -> TlsFacts | None:
        """Protocol, cipher and certificate of the line that was opened last; sends nothing.

        :return: None: no line has been opened yet, or there is no TLS on it.
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
            return self.connection

    def _why(self, error: BaseException) -> str:
        return redact(_reason(error), self._secrets)

    def _proxy(self) -> dict[str, str]:
        return {"proxy_url": self.proxy_url} if self.proxy_url else {}


def _reason(error: BaseException) -> str:
    """What lies at the bottom of a chain of exceptions, without the layers' own decoration."""
    while error.__cause__ is not None or error.__context__ is not None:
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return str(error) or type(error).__name__
