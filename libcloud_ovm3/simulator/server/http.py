"""The HTTP server of one host: TLS, Basic authentication, XML-RPC, injected faults."""

from __future__ import annotations

import base64
import binascii
import contextlib
import hmac
import http.server
import io
import re
import socket
import socketserver
import ssl
import sys
import threading
import traceback
from typing import Any

from libcloud_ovm3.simulator.errors import AgentFault, Killed, Stopped, plain_fault
from libcloud_ovm3.simulator.host import SimulatedHost
from libcloud_ovm3.simulator.server import wire
from libcloud_ovm3.simulator.server.backend import Backend
from libcloud_ovm3.simulator.server.faults import Rule, rule_fault
from libcloud_ovm3.simulator.values import censored_value

MAX_BODY = 64 << 20
PATHS = ("/", "/RPC2", "/api/3", "/api/3/")
HANDSHAKE_SECONDS = 120
CLOSE_NOTIFY_SECONDS = 0.5  # how long a closing server waits for the client's close_notify
SECRET = ("update_agent_password",)  # its arguments are passwords: they are not logged
# A request line and header fields as usual clients send them.
USUAL_LINE = re.compile(rb"POST (/(?:[!-.0-~][!-~]*)?) HTTP/1\.1\r\n")
USUAL_HEAD = re.compile(rb"((?:[A-Za-z-]+: [!-~][ -~]*\r\n)+)\r\n")


class _Close(Exception):
    pass


class AgentServer(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """One listening port with one thread per connection, as a TLS handshake may take long."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(
        self,
        address: tuple[str, int],
        host: SimulatedHost,
        backend: Backend,
        context: ssl.SSLContext | None,
    ) -> None:
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        self.host = host
        self.backend = backend
        self.context = context
        self._connections: set[socket.socket] = set()
        self._guard = threading.Lock()
        super().__init__(address, Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = self.socket.accept()
        self.backend.count_connection()
        if self.context is not None:
            connection = self.context.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
        with self._guard:
            self._connections.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        """Close a connection in order; over TLS a close_notify is sent first.

        An HTTP/1.0 client reads to the end of the connection, and OpenSSL 3 reports an end without
        close_notify as a broken connection.
        """
        with self._guard:
            self._connections.discard(request)
        self.backend.count_end()
        if isinstance(request, ssl.SSLSocket):
            with contextlib.suppress(
                OSError, ValueError
            ):  # broken already, or closed by the client
                request.settimeout(CLOSE_NOTIFY_SECONDS)
                request.unwrap()
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log errors, except a client that disconnects or fails the TLS handshake."""
        error = sys.exc_info()[1]
        if not isinstance(error, (OSError, _Close, Stopped)):
            self.host.log("ERROR", "xmlrpc", traceback.format_exc())

    def close_all(self) -> None:
        """Close the port and abort every connection."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)  # wakes serve_forever, which waits in select
        self.shutdown()
        self.server_close()
        with self._guard:
            connections = list(self._connections)
        for connection in connections:
            abort(connection)


def _traceback(error: Exception) -> str:
    """As Python 2 writes it: without marks below the lines, for which newer ones parse them."""
    places = [tuple(place) for place in traceback.extract_tb(error.__traceback__)]
    lines = traceback.format_list(places) + traceback.format_exception_only(error)
    return "Traceback (most recent call last):\n" + "".join(lines)


def abort(connection: socket.socket) -> None:
    """Close a connection below TLS, so that the client sees it break without close_notify."""
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)


class Handler(http.server.BaseHTTPRequestHandler):
    """Handles the requests of one connection."""

    protocol_version = "HTTP/1.1"
    server_version = "ovs-agent-simulator"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = -1
    server: AgentServer
    rfile: io.BufferedReader
    raw_requestline: bytes

    def setup(self) -> None:
        if isinstance(self.request, ssl.SSLSocket):
            self.request.settimeout(HANDSHAKE_SECONDS)
            self.request.do_handshake()
            self.request.settimeout(None)
        super().setup()

    def finish(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            super().finish()

    def parse_request(self) -> bool:
        """The standard library parses header fields as those of mail, which takes a tenth of the
        time of a call. It does so here too, but for requests that look as usual.
        """
        line = USUAL_LINE.fullmatch(self.raw_requestline)
        head = line and USUAL_HEAD.match(self.rfile.peek())
        if not line or not head:
            return super().parse_request()
        headers = self.MessageClass()
        for field in head[1].decode("ascii").splitlines():
            name, _, value = field.partition(": ")
            headers[name] = value
        if headers.get("Connection", "keep-alive") != "keep-alive" or "Expect" in headers:
            return super().parse_request()
        self.rfile.read(head.end())
        self.requestline = self.raw_requestline.decode("ascii").rstrip()
        self.command, self.path, self.request_version = self.requestline.split()
        self.headers, self.close_connection = headers, False
        return True

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the agent's log is written by :meth:`SimulatedHost.log`."""

    def do_POST(self) -> None:
        try:
            self._post()
        except (OSError, _Close, Stopped, Killed):
            self.close_connection = True
            self.break_connection()

    def break_connection(self) -> None:
        """Close the connection without a response, or after a part of it."""
        abort(self.connection)

    def _post(self) -> None:
        host = self.server.host
        length = self.headers.get("Content-Length", "")
        if not length.isdigit():
            self._refuse(411, "Length Required")
            return
        if int(length) > MAX_BODY:
            self._refuse(413, "Request Entity Too Large")
            return
        body = self.rfile.read(int(length))
        if not self._authenticated():
            self.server.backend.record_refused(host, "Authorization" in self.headers)
            host.log("ERROR", "xmlrpc:70", "do_POST: Exception: Authorization Failed")
            reason = f"Unauthorized access attempt from {self.client_address[:2]!r}!"
            self._send(403, b"", reason)
            return
        if self.path not in PATHS:
            self._send(404, b"", "Not Found")
            return
        try:
            name, arguments = wire.decode(body)
        except ValueError as error:
            self._send_fault(plain_fault(str(error)))
            return
        with host.clock.serving(self.headers.get("User-Agent", "")):
            rule = self.server.backend.record_call(host, name, arguments)
            shown = () if name in SECRET else tuple(censored_value(arguments))
            host.log("INFO", "service:76", f"call start: {name}{shown!r}")
            try:
                if rule is None:
                    self._send(200, self._result(name, arguments))
                else:
                    self._misbehave(rule, name, arguments)
            finally:  # while the request still counts as being served: no time passes in between
                host.response_sent()

    def _authenticated(self) -> bool:
        host = self.server.host
        if not self.server.backend.accepts_passwords(host):
            return False
        kind, _, value = self.headers.get("Authorization", "").partition(" ")
        try:
            given = base64.b64decode(value.strip(), validate=True)
        except (binascii.Error, ValueError):
            return False
        wanted = f"{host.user}:{host.password}".encode()
        return kind.lower() == "basic" and hmac.compare_digest(given, wanted)

    def _result(self, name: str, arguments: list[Any]) -> bytes:
        """Perform the call and return the encoded response or fault."""
        host = self.server.host
        try:
            value = self.server.backend.perform(host, name, arguments)
            return wire.encode(value)
        except Stopped:
            raise
        except AgentFault as fault:
            host.log("ERROR", "service:97", f"catch_error: {fault.text}\n{_traceback(fault)}")
            return wire.encode_fault(fault.in_dialect(host.settings.version), fault.code)
        except Exception as error:  # arguments of the wrong type, which fault in Python 2 too
            host.log("ERROR", "service:97", f"catch_error: {error}\n{_traceback(error)}")
            mistake = AgentFault(f"exceptions.{type(error).__name__}", str(error))
            return wire.encode_fault(mistake.in_dialect(host.settings.version))

    def _misbehave(self, rule: Rule, name: str, arguments: list[Any]) -> None:
        backend, host = self.server.backend, self.server.host
        kind, seconds = rule.kind, rule.seconds
        if kind == "latency":
            host.clock.pause(seconds or 0)
            self._send(200, self._result(name, arguments))
        elif kind == "fault":
            self._send_fault(rule_fault(rule, name))
        elif kind == "fault_after":
            self._result(name, arguments)
            self._send_fault(rule_fault(rule, name))
        elif kind == "drop_before":
            raise _Close
        elif kind == "drop_after":
            self._result(name, arguments)
            raise _Close
        elif kind == "delayed":
            backend.delay(host.clock, lambda: self._take_effect(name, arguments), seconds)
            raise _Close
        elif kind in ("hang", "hang_before"):
            if kind == "hang":
                self._result(name, arguments)
            self._wait_for_disconnect()
            raise _Close
        elif kind == "slow":
            self._send_slowly(self._result(name, arguments), seconds or 0)
        elif kind == "truncate":
            body = self._result(name, arguments)
            self._head(200, len(body))
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            raise _Close
        elif kind == "answer":
            self._send(200, wire.encode(rule.value))
        elif rule.hook is not None:
            with host.clock.idle():
                rule.hook("before")
            body = self._result(name, arguments)
            with host.clock.idle():
                rule.hook("after")
            self._send(200, body)

    def _take_effect(self, name: str, arguments: list[Any]) -> None:
        with contextlib.suppress(Stopped, Killed):
            self._result(name, arguments)
        self.server.host.response_sent()

    def _wait_for_disconnect(self) -> None:
        clock = self.server.host.clock
        self.connection.settimeout(0.1)
        with clock.idle():
            while not clock.stopped.is_set():
                with contextlib.suppress(TimeoutError):
                    self.connection.recv(1)  # the client sends nothing more
                    return

    def _send_fault(self, fault: AgentFault) -> None:
        host = self.server.host
        host.log("ERROR", "service:97", f"catch_error: {fault.text}")
        self._send(200, wire.encode_fault(fault.in_dialect(host.settings.version)))

    def _refuse(self, status: int, reason: str) -> None:
        """Respond without reading the body, which makes the connection unusable."""
        self.close_connection = True
        self._send(status, b"", reason)

    def _head(self, status: int, length: int, reason: str | None = None) -> None:
        self.send_response(status, reason)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(length))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()

    def _send(self, status: int, body: bytes, reason: str | None = None) -> None:
        self._head(status, len(body), reason)
        self.wfile.write(body)
        self.wfile.flush()

    def _send_slowly(self, body: bytes, seconds: float) -> None:
        self._head(200, len(body))
        pieces = min(20, len(body))
        for number in range(pieces):
            self.wfile.flush()
            self.server.host.clock.pause(seconds / pieces)
            begin, end = (len(body) * step // pieces for step in (number, number + 1))
            self.wfile.write(body[begin:end])
        self.wfile.flush()
