"""DHCP on the bridges of simulated hosts: its messages, and what tests set of it.

Written from RFC 2131 (and RFC 791, 768 for what is around it), not from the host module's parser.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Sequence

from libcloud_ovm3.simulator.host import SimulatedHost

REQUEST, ACK, NAK = 3, 5, 6
_SERVER_MAC, _BROADCAST = "52:54:00:00:00:01", "ff:ff:ff:ff:ff:ff"
_NOBODY = bytes(4)  # the address of who has none
_COOKIE = bytes((99, 130, 83, 99))


def message(
    kind: int,
    mac: str,
    address: str | None = None,
    lease_seconds: int | None = None,
    xid: int = 0x3903F326,
) -> bytes:
    """A frame with a message of DHCP: of the client, or of a server (ACK, NAK).

    :param address: that an ACK gives.
    """
    is_answer = kind in (ACK, NAK)
    options = bytes((53, 1, kind))
    if lease_seconds is not None:
        options += bytes((51, 4)) + lease_seconds.to_bytes(4, "big")
    card = bytes.fromhex(mac.replace(":", ""))
    bootp = struct.pack(
        "!BBBBIHH4x4s8x16s192x",
        2 if is_answer else 1,
        1,
        6,
        0,
        xid,
        0,
        0x8000,
        ipaddress.IPv4Address(address).packed if address else _NOBODY,
        card,
    )
    content = bootp + _COOKIE + options + b"\xff"
    ports = (67, 68) if is_answer else (68, 67)
    datagram = struct.pack("!HHHH", *ports, 8 + len(content), 0) + content
    origin = ipaddress.IPv4Address("192.0.2.1").packed if is_answer else _NOBODY
    header = struct.pack("!BBHHHBB", 0x45, 0, 20 + len(datagram), 0, 0, 64, 17)
    packet = header + _checksum(header, origin) + origin + b"\xff" * 4 + datagram
    sender = _SERVER_MAC if is_answer else mac
    ends = bytes.fromhex((_BROADCAST + sender).replace(":", ""))
    return ends + b"\x08\x00" + packet


def _checksum(header: bytes, origin: bytes) -> bytes:
    """That of a header of IP to everybody."""
    total = sum(struct.unpack("!5H2H", header + origin)) + 2 * 0xFFFF
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return (0xFFFF - total).to_bytes(2, "big")


def set_lease(hosts: Sequence[SimulatedHost], mac: str, address: str, seconds: int) -> None:
    """See :meth:`.Simulator.set_guest_lease`."""
    with hosts[0].lock:
        hosts[0].records.setdefault("guest_leases", {})[mac.lower()] = [address, seconds]
        hosts[0].save()


def put(host: SimulatedHost, bridge: str, frame: bytes) -> None:
    """See :meth:`.Simulator.put_frame`."""
    with host.lock:
        host.frames.append((bridge, frame))
