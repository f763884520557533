"""The pool's virtual IP: one more address at which the host answers (agent-behaviour.md 10).

Only addresses on loopback are really taken. Which ones a host has lies in
``host.records["virtual_ips"]``; that they come back with the agent after a reboot is this
simulator's choice, as no source shows it.
"""

from __future__ import annotations

import ipaddress

from libcloud_ovm3.simulator.errors import plain_fault
from libcloud_ovm3.simulator.host import SimulatedHost


def configure_virtual_ip(host: SimulatedHost, virtual_ip: str, base_ip: str) -> None:
    """Take an address, beside the host's own one."""
    if base_ip != host.address:
        raise plain_fault(f"No interface has the address {base_ip}")
    if not _loopback(virtual_ip):
        raise plain_fault("not modelled by the simulator: a virtual IP that is not on loopback")
    take(host, virtual_ip)


def deconfigure_virtual_ip(host: SimulatedHost, virtual_ip: str) -> None:
    """Give an address back."""
    if virtual_ip not in held(host):
        raise plain_fault(f"No interface has the address {virtual_ip}")
    give_back(host, virtual_ip)


def held(host: SimulatedHost) -> list[str]:
    """The addresses that the host has taken."""
    found: list[str] = host.records.setdefault("virtual_ips", [])
    return found


def take(host: SimulatedHost, virtual_ip: str) -> None:
    """Answer at this address too; nothing happens to one that is not on loopback.

    :raises AgentFault: somebody else answers there
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
    """Answer there no more, if the host did."""
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
