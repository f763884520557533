"""HTTP to one host's agent: one request at a time on a verified connection, and its log."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Mapping
from typing import Any

import requests
import urllib3
from libcloud.http import LibcloudConnection
from libcloud.utils.loggingconnection import LoggingConnection
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies

from libcloud_ovm3.agent.redact import HIDDEN, redact
from libcloud_ovm3.agent.tls import AgentAdapter, HostTrust, make_context
from libcloud_ovm3.errors import shown

# What Python clients send; the agent takes /, /api/3 and /api/3/ as well (agent-behaviour 1).
PATH = "/RPC2"
MAX_ANSWER_BYTES = 32 * 1024 * 1024  # twice what a list of 2000 VMs takes
_CHUNK = 1 << 16
_SENDS = [requests.Session.send, HTTPAdapter.send]  # doubles of requests replace one of these


class AgentHTTP(LibcloudConnection):
    """libcloud's HTTP layer, for a verified connection that threads share.

    :meth:`post` returns the response instead of keeping it in ``self.response``, which makes
    libcloud's own connection unsafe for several threads.
    """

    session: requests.Session
    host: str

    def __init__(self, host: str, port: int, secure: bool, trust: HostTrust, **kwargs: Any) -> None:
        super().__init__(host=host, port=port, secure=secure, **kwargs)
        if "proxy_url" not in kwargs:
            # libcloud 3.8 uses the environment's proxy as if it had been given, ignoring NO_PROXY.
            self.session.proxies = {}
            self.http_proxy_used = False
        # libcloud turns port 443 into https and port 80 into http, whatever was asked for.
        self.host = f"{'https' if secure else 'http'}://{host}:{port}"
        if "proxy_url" not in kwargs:  # once per connection: requests would do so for each call
            self.session.proxies.update(get_environ_proxies(self.host))
        self.session.trust_env = False
        # A CA that the user names is always used, whatever libcloud's process-wide setting is.
        wanted = trust.ca_cert is not None or self.verify
        self.verify = bool(secure and wanted and trust.verify and not trust.pins)
        self.ca_cert = (trust.ca_cert or self.ca_cert) if self.verify else None
        context = None
        if secure:
            unpinned = not trust.pins and not self.verify
            checked = trust if not unpinned else dataclasses.replace(trust, verify=False)
            context = make_context(checked, self.ca_cert)
        self._prepared: tuple[Any, requests.PreparedRequest] | None = None
        self._kept_pool: tuple[Any, Any] | None = None
        self.adapter = AgentAdapter(context, trust if secure else None)
        self.session.mount("https://", self.adapter)
        self.session.mount("http://", self.adapter)

    def post(self, body: bytes, headers: dict[str, str], connect: float, limit: float) -> Answer:
        """Send one request and read its response.

        :param connect: Seconds for connecting.
        :param limit: Seconds from then on for the complete response, even if it trickles in (see
            :mod:`.deadline`).
        """
        prepared = self._prepare(headers)
        if self._is_direct():
            answer = _post(self._pool(prepared.url), prepared.headers, body, connect, limit)
            return Answer(answer.status, answer.reason or "", _read_all(answer))
        request = prepared.copy()
        request.body = body
        request.prepare_content_length(body)
        response = self.session.send(
            request,
            timeout=(connect, limit),
            verify=self.verification,
            cert=self.session.cert,
            proxies=self.session.proxies,
            allow_redirects=False,
            stream=True,
        )
        return Answer(response.status_code, response.reason or "", _read_all(response.raw))

    def _is_direct(self) -> bool:
        """Whether nobody stands between, such as a proxy or a test's double of requests."""
        sends = [getattr(one.send, "__func__", None) for one in (self.session, self.adapter)]
        is_own = sends == _SENDS and self.session.get_adapter(self.host) is self.adapter
        return is_own and not self.session.proxies

    def _pool(self, url: str | None) -> Any:
        made_of = (url or "", self.verification, self.session.cert)
        if self._kept_pool is None or self._kept_pool[0] != made_of:
            self._kept_pool = (made_of, self.adapter.pool(*made_of))
        return self._kept_pool[1]

    def _prepare(self, headers: dict[str, str]) -> requests.PreparedRequest:
        """A request that lacks its body, not to be changed. Making one takes longer than a response
        on a LAN, and all have the same headers, so it is made once.
        """
        made_of = (headers, self.session.auth)
        if self._prepared is None or self._prepared[0] != made_of:
            request = requests.Request("POST", self.host + PATH, headers=headers)
            self._prepared = (made_of, self.session.prepare_request(request))
        return self._prepared[1]


class Answer:
    """An HTTP response: status, reason phrase and the bytes of the body."""

    def __init__(self, status: int, reason: str, body: bytes) -> None:
        self.status = status
        self.reason = reason
        self.body = body


class TooLarge(Exception):
    """The response is larger than any of an agent."""


def _post(pool: Any, headers: Mapping[str, Any], body: bytes, connect: float, limit: float) -> Any:
    """Send one request, once, by urllib3 alone: what requests does around each takes a fifth of the
    time of a call. The body of the response is not read yet.
    """
    return pool.urlopen(
        "POST",
        PATH,
        body=body,
        headers={**headers, "Content-Length": str(len(body))},
        retries=False,
        redirect=False,  # a redirected POST becomes a GET, credentials and all
        timeout=urllib3.Timeout(connect=connect, read=limit),
        preload_content=False,
        decode_content=False,
    )


def _read_all(response: Any) -> bytes:
    body = io.BytesIO()  # which gives away what it holds, where a join would hold it twice
    while chunk := response.read1(_CHUNK, decode_content=True):
        body.write(chunk)
        if body.tell() > MAX_ANSWER_BYTES:
            response.close()
            raise TooLarge(f"the response has more than {MAX_ANSWER_BYTES} bytes")
    return body.getvalue()


class LoggedAgentHTTP(LoggingConnection, AgentHTTP):
    """The same with a log for LIBCLOUD_DEBUG and libcloud.enable_debug(), without passwords."""

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
        except UnicodeEncodeError:  # the encoding of the log lacks these characters
            log.write(text.encode("ascii", "backslashreplace").decode("ascii"))
        log.flush()


def _by_lines(text: str) -> str:
    """A text of several lines without control characters that a terminal would interpret."""
    lines = [(line.removesuffix("\r"), line.endswith("\r")) for line in text.split("\n")]
    return "\n".join(shown(line, keep="\t") + "\r" * has_return for line, has_return in lines)
