"""What is said where a host cannot be called, or lets us not in. Pure."""

from __future__ import annotations

import ssl
from http import HTTPStatus

from libcloud_ovm3.agent.address import Address
from libcloud_ovm3.agent.tls import HostTrust, NeverSent, PinMismatch
from libcloud_ovm3.agent.tlsadvice import advice
from libcloud_ovm3.errors import BadCredentials, CertificateRejected, HostUnreachable

_REFUSAL = "Unauthorized access attempt"  # the agent's reason text with 403 (agent-behaviour 1)


def not_sent(
    address: Address, error: NeverSent, why: str, trust: HostTrust, function: str
) -> HostUnreachable:
    """The error for a line that was not opened.

    :param why: the error's innermost words, free of secrets.
    :param trust: the options that were in force.
    """
    cause, hint = error.__cause__, advice(error, trust).text(trust)
    shown_by = f"(`ovm3 pin {address}` shows what it presents)"
    kind: type[HostUnreachable] = CertificateRejected
    if isinstance(cause, PinMismatch):
        text = f"not the host that was asked for: {why} {shown_by}"
    elif isinstance(cause, ssl.SSLCertVerificationError):
        text = f"its certificate is not accepted: {why}{hint} {shown_by}"
    else:
        kind, text = HostUnreachable, f"cannot be reached: {why}{hint}"
    return kind(f"{address}: {text}", host=str(address), function=function)


def refused(address: Address, status: int, reason: str, function: str) -> BadCredentials:
    """The error for HTTP 401 and 403.

    :param reason: the answer's own text, free of secrets.
    """
    text = f"{address}: the agent does not accept this user and password"
    if status == HTTPStatus.FORBIDDEN and _REFUSAL not in reason:
        text += (
            f", or it is none (HTTP 403 {reason}; an agent says {_REFUSAL!r}, so a proxy or "
            f"another service may have answered)"
        )
    else:
        host = address.host
        text += (
            f" (HTTP {status} {reason}). If this host's password is not that of the others: "
            f"ex_passwords={{{host!r}: ...}} (ovm3: --password-file {host}=FILE). Since 3.3 a host "
            f"that a Manager owns may refuse every password"
        )
    return BadCredentials(text, host=str(address), function=function)
