"""Whether anything answers at a host's address: a TCP connection is opened, and closed again.

A host that refuses connections is running: its kernel has answered. Only a host that does not
answer at all may be off.
"""

from __future__ import annotations

import errno
import socket
from dataclasses import dataclass, field

from requests.utils import get_environ_proxies, select_proxy

from libcloud_ovm3.agent.address import Address
from libcloud_ovm3.errors import HostUnreachable

# No response; "no route to host" is what a neighbour, or the last router, says of a host that is
# off. A time-out is an exception of its own.
_SILENCE = (errno.EHOSTUNREACH, errno.EHOSTDOWN)
# What this machine itself says of an address to which it has no route, or of a kind (IPv6, say)
# for which it has no address or no support at all.
_NO_ROUTE = (errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


@dataclass(frozen=True)
class LivenessOptions:
    """How hosts are checked for signs of life.

    :ivar limit: Seconds to wait for a connection.
    :ivar ssh_port: The TCP port of the hosts' SSH servers.
    :ivar proxy_url: The HTTP proxy through which agents are called; None for that of the
        environment, if there is one.
    """

    limit: float = 10.0
    ssh_port: int = 22
    proxy_url: str | None = field(default=None, repr=False)  # it may have a password in it


def connect(ip: str, port: int, limit: float) -> None:
    """Open a TCP connection, and close it without sending anything."""
    socket.create_connection((ip, port), timeout=limit).close()


def sign_of_life(ip: str, port: int, limit: float) -> str | None:
    """How a host answers at a port; None if it does not answer within the limit (seconds).

    :raises HostUnreachable: The reason lies on this machine, and says nothing about the host.
    """
    try:
        connect(ip, port, limit)
    except ConnectionError:
        return f"refuses connections to TCP port {port} of {ip}, so its kernel is running"
    except OSError as error:
        if is_silence(error):
            return None
        why = _no_route(ip, error) if error.errno in _NO_ROUTE else str(error)
        raise HostUnreachable(f"{Address(ip, port)}: cannot be checked: {why}") from error
    return f"accepts connections to TCP port {port} of {ip}"


def _no_route(ip: str, error: OSError) -> str:
    kind, other = ("IPv6", "IPv4") if ":" in ip else ("IPv4", "IPv6")
    return (
        f"this machine has no {kind} route to it ({error}); name the host by an {other} address, "
        f"if it has one, or run this on a machine that has such a route"
    )


def is_silence(error: BaseException | None) -> bool:
    """Whether an error, or one that has led to it, means that a host did not answer."""
    while error is not None:
        is_silent = isinstance(error, OSError) and error.errno in _SILENCE
        if is_silent or isinstance(error, TimeoutError):
            return True
        error = error.__cause__ or error.__context__
    return False


def numeric_addresses(host: str) -> tuple[str, ...]:
    """The IP addresses of a host's name; an IP address is its own.

    :raises HostUnreachable: The name cannot be resolved.
    """
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise HostUnreachable(f"{host}: the name cannot be resolved: {error}") from error
    return tuple(dict.fromkeys(str(one[4][0]) for one in found))


def local_address(address: Address) -> str | None:
    """The IP address from which this machine calls an agent; None if that is not known. Nothing is
    sent: connecting a UDP socket only chooses the route.
    """
    try:
        with socket.socket(
            socket.AF_INET6 if ":" in address.host else socket.AF_INET, socket.SOCK_DGRAM
        ) as found:
            found.connect((address.host, address.port))
            return str(found.getsockname()[0])
    except (OSError, UnicodeError):
        return None


def is_behind_proxy(address: Address, options: LivenessOptions) -> bool:
    """Whether this machine calls the agent through a proxy: then it may not reach it directly."""
    urls = [f"{scheme}://{address.netloc}" for scheme in ("https", "http")]
    return bool(options.proxy_url) or any(
        select_proxy(url, get_environ_proxies(url)) for url in urls
    )
