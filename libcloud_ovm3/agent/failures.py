"""Errors for hosts that cannot be reached, or that reject the credentials. Pure."""

from __future__ import annotations

import ssl
from http import HTTPStatus

from libcloud_ovm3.agent.address import Address
from libcloud_ovm3.agent.tls import HostTrust, NeverSent, PinMismatch
from libcloud_ovm3.agent.tlsadvice import advice
from libcloud_ovm3.errors import BadCredentials, CertificateRejected, HostUnreachable

_REFUSAL = "Unauthorized access attempt"  # the agent's phrase with 403 (agent-behaviour 1)


def not_sent(
    address: Address, error: NeverSent, why: str, trust: HostTrust, function: str
) -> HostUnreachable:
    """The error for a connection that could not be opened.

    :param why: The text of the innermost exception, without secrets.
    :param trust: The TLS options in use.
    """
    cause, hint = error.__cause__, advice(error, trust).text(trust)
    shown_by = f"`ovm3 host certificate {address}` shows the certificate that it presents"
    kind: type[HostUnreachable] = CertificateRejected
    if isinstance(cause, PinMismatch):
        text = f"the certificate does not match the pinned one: {why} ({shown_by})"
    elif isinstance(cause, ssl.SSLCertVerificationError):
        text = f"certificate verification failed: {why}{hint} ({shown_by} and how to pin it)"
    else:
        kind, text = HostUnreachable, f"cannot be reached: {why}{hint}"
    return kind(f"{address}: {text}", host=str(address), function=function)


def refused(address: Address, status: int, reason: str, function: str) -> BadCredentials:
    """The error for HTTP 401 and 403.

    :param reason: The reason phrase of the response, without secrets.
    """
    text = f"{address}: the agent rejected user and password"
    if status == HTTPStatus.FORBIDDEN and _REFUSAL not in reason:
        text += (
            f", or it is not an agent (HTTP 403 {reason}; an agent sends {_REFUSAL!r}, so a "
            f"proxy or another service may have responded)"
        )
    else:
        host = address.host
        text += (
            f" (HTTP {status} {reason}). If this host's password differs from the others': "
            f"ex_passwords={{{host!r}: ...}}. Since 3.3 a host that a Manager owns may reject "
            f"every password"
        )
    return BadCredentials(text, host=str(address), function=function)
