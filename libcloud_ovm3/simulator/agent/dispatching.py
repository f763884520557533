"""dispatch: an agent calls another agent and returns its response (agent-behaviour.md 2)."""

from __future__ import annotations

import http.client
import ssl
import xmlrpc.client
from typing import Any
from urllib.parse import urlsplit

from libcloud_ovm3.simulator.agent.loopback import is_loopback
from libcloud_ovm3.simulator.errors import AgentFault, ForeignFault, plain_fault
from libcloud_ovm3.simulator.host import SimulatedHost

SECONDS = 900.0


class _Once:
    """Sends a call once; the standard transports resend it if the connection was closed."""

    timeout = SECONDS

    def request(self, *arguments: Any, **more: Any) -> Any:
        return self.single_request(*arguments, **more)  # type: ignore[attr-defined]

    def make_connection(self, host: Any) -> Any:
        connection = super().make_connection(host)  # type: ignore[misc]
        connection.timeout = self.timeout
        return connection


class _Https(_Once, xmlrpc.client.SafeTransport):
    pass


class _Http(_Once, xmlrpc.client.Transport):
    pass


def dispatch(host: SimulatedHost, uri: str, func: str, *arguments: Any) -> Any:
    """Call a function of another agent, with the user and password of the URL.

    A fault of the other agent is passed on unchanged; the texts of other failures are the
    simulator's. Certificates are not verified: agents have self-signed ones, and what an agent
    checks is not known.

    :raises AgentFault: The other agent is unreachable, rejects the password, or faults.
    """
    parts = urlsplit(uri)
    where = f"{parts.scheme}://{parts.hostname}:{parts.port}{parts.path}"
    if parts.scheme not in ("http", "https") or not _is_local(host, parts.hostname or ""):
        raise plain_fault(f"not modelled by the simulator: dispatch to {where}, not on loopback")
    transport: Any = _Http(use_builtin_types=False)
    if parts.scheme == "https":
        transport = _Https(context=_context(), use_builtin_types=False)
    host.log("INFO", "notificationserver:1", f"dispatch function {func} to server {uri}")
    proxy = xmlrpc.client.ServerProxy(uri, transport, allow_none=True)
    try:
        with host.clock.idle(), proxy:
            return getattr(proxy, func)(*arguments)
    except xmlrpc.client.Fault as fault:
        raise ForeignFault(str(fault.faultString)) from None
    except xmlrpc.client.ProtocolError as error:
        text = f"<ProtocolError for {where}: {error.errcode} {error.errmsg}>"
        raise AgentFault("xmlrpclib.ProtocolError", text) from None
    except (OSError, http.client.HTTPException) as error:
        text = f"{where}: {error or type(error).__name__}"
        raise AgentFault("socket.error", text) from None


def _is_local(host: SimulatedHost, name: str) -> bool:
    """Whether this is a simulated host or this machine."""
    return is_loopback(name) or name in [peer.address for peer in host.peers]


def _context() -> ssl.SSLContext:
    """Accepts any certificate, and the TLS versions of old agents."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    return context
