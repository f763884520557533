"""How to reach the VNC console of a VM that runs. Pure."""

from __future__ import annotations

import ipaddress


def console_hint(listen: str | None, port: int | None, host: str) -> str:
    """Return the commands that open a VNC console, on one line; "" if no port is known.

    A console that only its host can reach is forwarded through SSH to the same local port.

    :param listen: The address that it listens on (``vnc_listen`` of a node's ``extra``).
    :param port: Its TCP port on the host (``vnc_port``).
    :param host: The name or IP address of the host, without a port.
    """
    if port is None:
        return ""
    address = (listen or "").strip()
    if is_local(address):
        target = _in_url("::1" if _version(address) == 6 else "127.0.0.1")
        tunnel = f"ssh -L {port}:{target}:{port} root@{host}"
        return f"{tunnel}, then vncviewer 127.0.0.1:{port}"
    return f"vncviewer {_in_url(host if is_any(address) else address)}:{port}"


def _version(address: str) -> int | None:
    try:
        return ipaddress.ip_address(address).version
    except ValueError:
        return None


def is_local(address: str) -> bool:
    """Whether only the host itself can reach it; without an address, xend's default: 127.0.0.1."""
    if _version(address) is None:
        return address in ("", "localhost")
    return ipaddress.ip_address(address).is_loopback


def is_any(address: str) -> bool:
    """Whether it is all addresses of a host."""
    return _version(address) is not None and ipaddress.ip_address(address).is_unspecified


def _in_url(address: str) -> str:
    return f"[{address}]" if _version(address) == 6 else address
