"""The pool's virtual IP: another address on which the host listens (agent-behaviour.md 10).

The simulator listens only on loopback addresses. A host's addresses are kept in
``host.records["virtual_ips"]``; that they come back after a reboot is the simulator's choice, as no
source shows it.
"""

from __future__ import annotations

import ipaddress

from libcloud_ovm3.simulator.errors import plain_fault
from libcloud_ovm3.simulator.host import SimulatedHost


def configure_virtual_ip(host: SimulatedHost, virtual_ip: str, base_ip: str) -> None:
    """Add an address to the host's own."""
    if base_ip != host.address:
        raise plain_fault(f"No interface has the address {base_ip}")
    if not _loopback(virtual_ip):
        raise plain_fault("not modelled by the simulator: a virtual IP that is not on loopback")
    take(host, virtual_ip)


def deconfigure_virtual_ip(host: SimulatedHost, virtual_ip: str) -> None:
    """Remove an address."""
    if virtual_ip not in held(host):
        raise plain_fault(f"No interface has the address {virtual_ip}")
    give_back(host, virtual_ip)


def held(host: SimulatedHost) -> list[str]:
    """The virtual IPs that the host has."""
    found: list[str] = host.records.setdefault("virtual_ips", [])
    return found


def take(host: SimulatedHost, virtual_ip: str) -> None:
    """Listen on this address too, if it is on loopback.

    :raises AgentFault: Another process listens there.
    """
    with host.lock:
        if not _loopback(virtual_ip) or virtual_ip in held(host):
            return
        try:
            host.open_address(virtual_ip)
        except OSError as error:
            raise plain_fault(f"The address {virtual_ip} is in use: {error.strerror}") from None
        held(host).append(virtual_ip)
        host.save()


def give_back(host: SimulatedHost, virtual_ip: str) -> None:
    """Stop listening on this address, if the host does."""
    with host.lock:
        if virtual_ip in held(host):
            held(host).remove(virtual_ip)
            host.save()
            host.close_address(virtual_ip)


def _loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        raise plain_fault(f"Invalid address: {address}") from None
