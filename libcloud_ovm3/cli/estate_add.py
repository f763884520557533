"""The steps of ``ovm3 estate add``: certificates, a person's yes, the pool's members, the entry.

A password is sent only to hosts whose certificates are pinned or were accepted, so the members,
whom only the agent knows, are shown after the first host was accepted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import click

from libcloud_ovm3.access import Access
from libcloud_ovm3.agent import documents
from libcloud_ovm3.agent.address import DEFAULT_PORT, Address, of_host
from libcloud_ovm3.agent.tls import HostTrust
from libcloud_ovm3.agent.tlsadvice import needed, shown
from libcloud_ovm3.cli.asking import is_confirmed
from libcloud_ovm3.cli.certificates import ON_THE_HOST, certificate_lines, read_certificate
from libcloud_ovm3.cli.output import show, tell
from libcloud_ovm3.diagnostics.collect import Certificate
from libcloud_ovm3.errors import CertificateRejected, Ovm3Error
from libcloud_ovm3.estate.hosts import map_hosts

_SECONDS = 10.0  # for a handshake
_OLDEST_FIRST = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")


class Presented(NamedTuple):
    """What a host presents, and the fewest TLS options with which it can be called."""

    address: Address
    certificate: Certificate
    tls: HostTrust


def read_presented(address: Address) -> Presented:
    """Do handshakes with a host, without verification and without sending anything.

    :raises HostUnreachable: It cannot be reached, or does not speak TLS.
    """
    certificate = read_certificate(shown(address, _SECONDS))
    return Presented(address, certificate, needed(address, _SECONDS))


def accept(
    hosts: Sequence[Presented], pins: Mapping[str, tuple[str, ...]], is_trusted: bool, yes: bool
) -> None:
    """Show the certificates of these hosts, and ask once for those that nothing verifies.

    :param pins: Pins that were given, by host.
    :param is_trusted: Whether a CA verifies whatever has no pin.
    :param yes: Accept what would be asked, loudly.
    :raises CertificateRejected: A host does not present the certificate that was given for it.
    :raises click.Abort: The answer was no.
    """
    unknown = []
    for host in hosts:
        expected = of_host(pins, host.address, named=False)
        if expected and host.certificate.fingerprint not in expected:
            raise CertificateRejected(
                f"{host.address}: nothing was saved: the SHA-256 of its certificate is "
                f"{host.certificate.fingerprint}, not the one that was given",
                host=str(host.address),
            )
        if not expected and not is_trusted:
            unknown.append(host)
        _show(host)
    if not unknown:
        return
    names = ", ".join(str(host.address) for host in unknown)
    if yes:
        tell(
            f"warning: --yes: accepted without comparison: {names}. Whoever can intercept this "
            f"connection could have presented another certificate, and would get the password. "
            f"Compare the fingerprints on the hosts as soon as you can"
        )
    elif not is_confirmed(
        "Do all fingerprints match those that the commands print?",
        "nothing was saved; add --fingerprint HOST=SHA256 for each host",
    ):
        tell("Nothing was saved, and no password was sent to these hosts.")
        raise click.Abort


def _show(host: Presented) -> None:
    show("")
    show(str(host.address))
    for line in certificate_lines(host.certificate):
        show(f"  {line}")
    show(f"  on the host  {ON_THE_HOST}")
    show(f"  by SSH       ssh root@{host.address.host} {ON_THE_HOST}")


def accept_members(
    typed: list[Presented],
    access_of: Callable[[list[Presented]], Access],
    pins: Mapping[str, tuple[str, ...]],
    is_trusted: bool,
    yes: bool,
) -> tuple[list[Presented], list[Address]]:
    """Ask for the members of the pools of hosts that were accepted (:func:`accept`).

    Each host has a list of its own (:func:`.read_hosts`), so members are asked too, once they are
    accepted, until nothing new appears.

    :param access_of: How to reach hosts that were accepted.
    :return: The members, and the addresses of all, also of those that could not be reached.
    :raises Ovm3Error: One of ``typed`` did not answer, or rejects the password.
    """
    members, addresses = list[Presented](), list[Address]()
    new = _listed(access_of(typed), typed, is_strict=True)
    while new:
        addresses += new
        accepted = {host.certificate.fingerprint for host in [*typed, *members]}
        found = _read_members(new, pins)
        unknown = [
            one
            for one in found
            if of_host(pins, one.address, named=False) is not None
            or one.certificate.fingerprint not in accepted
        ]
        accept(unknown, pins, is_trusted, yes)
        members += found
        listed = _listed(access_of([*typed, *members]), found, is_strict=False)
        new = [one for one in listed if one not in addresses]
    return members, addresses


def _listed(access: Access, asked: Sequence[Presented], is_strict: bool) -> list[Address]:
    """The addresses of other members of the pools of these hosts, as their agents report them.

    :param is_strict: Whether each of them has to answer.
    :raises Ovm3Error: One of them did not answer, or rejects the password.
    """
    found: dict[Address, None] = {}
    hosts = [one.address for one in asked]
    for address, pool in zip(hosts, map_hosts(_reader(access), hosts), strict=True):
        if isinstance(pool, Ovm3Error):
            if is_strict:
                raise pool
        elif pool is not None:
            found.update(dict.fromkeys(Address(ip, address.port) for ip in pool.members if ip))
    return [address for address in found if address not in access.hosts]


def _read_members(addresses: list[Address], pins: Mapping[str, tuple[str, ...]]) -> list[Presented]:
    """What the other members present; those that cannot be reached are named."""
    found = []
    for address, result in zip(addresses, map_hosts(read_presented, addresses), strict=True):
        if isinstance(result, Ovm3Error):
            becomes = "saved without a pin and not contacted until it has one"
            if of_host(pins, address, named=False):
                becomes = "saved with the pin that was given"
            tell(
                f"warning: {address} is a member of the pool, but its certificate cannot be read, "
                f"so it is {becomes}: {result}"
            )
        else:
            found.append(result)
    return found


def refusals(access: Access) -> list[Ovm3Error]:
    """Why hosts cannot be used with what will be saved: another password, for example."""
    results = map_hosts(_reader(access), access.hosts)
    return [result for result in results if isinstance(result, Ovm3Error)]


def _reader(access: Access) -> Any:
    estate = access.estate()
    return lambda address: documents.server_pool(
        estate.agent(address).serverpool.discover_server_pool()
    )


def entry_hosts(typed: Sequence[Presented], members: Sequence[Presented]) -> list[Address]:
    """The hosts to save: the pool's addresses rather than names of the same hosts.

    One host under two addresses would count twice while it is unreachable.
    """
    hosts = [entry_host(one, members) for one in typed]
    return list(dict.fromkeys([*hosts, *(member.address for member in members)]))


def entry_host(typed: Presented, members: Sequence[Presented]) -> Address:
    """The pool's address of a host, or the one that was typed."""
    same = [m for m in members if m.certificate.fingerprint == typed.certificate.fingerprint]
    return same[0].address if len(same) == 1 else typed.address


def entry_pins(hosts: Sequence[Presented]) -> dict[str, str]:
    """The pins to save, by host."""
    return {host_text(host.address): host.certificate.fingerprint for host in hosts}


def host_text(address: Address) -> str:
    """The shortest text for an address."""
    return address.url_host if address.port == DEFAULT_PORT else str(address)


def tls_options(hosts: Sequence[Presented], given: Mapping[str, Any]) -> dict[str, Any]:
    """The TLS options to save: those that were given, and what the weakest of the hosts needs."""
    options = {name: value for name, value in given.items() if value is not None}
    oldest = min((host.tls.minimum for host in hosts), key=_OLDEST_FIRST.index)
    if "tls_minimum" not in options and oldest != "TLSv1.2":
        options["tls_minimum"] = oldest
    if any(host.tls.weak_keys for host in hosts):
        options["tls_weak_keys"] = True
    if any(host.tls.legacy_renegotiation for host in hosts):
        options["tls_legacy_renegotiation"] = True
    return options
