"""``ovm3 doctor``: what is found on a host and in its pool, what it means, what to do. Pure.

Sources of what things mean: agent-behaviour.md 1, 8.1, 10; xend.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from libcloud_ovm3.agent import documents
from libcloud_ovm3.diagnostics.checks import Finding, of_repositories, of_vms
from libcloud_ovm3.diagnostics.collect import Certificate, Collected
from libcloud_ovm3.diagnostics.host_checks import (
    OLD_TLS,
    is_short,
    of_clocks,
    of_comebacks,
    of_functions,
    of_lines,
    of_lists,
    of_mounts,
    of_silent,
)
from libcloud_ovm3.diagnostics.inventory import InventoryData, name_of
from libcloud_ovm3.diagnostics.vm_checks import of_disks, of_files, of_macs, of_names, of_screens
from libcloud_ovm3.errors import BadCredentials, CertificateRejected, Ovm3Error
from libcloud_ovm3.estate.hosts import HostView

_SOON = timedelta(days=30)
_KEYGEN = (
    "on the host: `ovs-agent-keygen`, `service ovs-agent restart`; then pin the new certificate"
)


def run_checks(examined: Collected) -> list[Finding]:
    """Everything that was found, host first, then pool, repositories, VMs, disks and names."""
    found = [*_of_tls(examined), *_of_access(examined)]
    host, read, members = examined.host, examined.read, examined.members
    if isinstance(read, Ovm3Error):
        return found
    seen = read.seen
    if host is not None:
        found += _of_host(host)
    found += [*_of_pool(read), *of_silent(seen.unreachable), *of_lists(members)]
    found += [*of_lines(members, examined.address, examined.now), *of_clocks(members)]
    found += [*of_repositories(seen, host or seen.hosts[0]), *of_mounts(members, seen)]
    found += [*of_vms(seen), *of_files(seen)]
    found += [*of_disks(seen), *of_macs(seen), *of_screens(seen), *of_names(seen)]
    found += [*of_comebacks(members, seen), *of_functions(members)]
    return found


def is_sound(found: list[Finding]) -> bool:
    """Whether nothing is wrong: no warning, no error."""
    return all(finding.level in ("ok", "note") for finding in found)


# ------------------------------------------------------------------ TLS


def _of_tls(examined: Collected) -> Iterator[Finding]:
    certificate = examined.certificate
    if isinstance(certificate, Ovm3Error):
        yield Finding(
            "error",
            "TLS",
            f"no TLS handshake: {certificate}",
            "the host is down, another port is meant, or its agent has ssl=disable",
            "see whether ovs-agent runs on the host, and agent.ini there",
        )
        return
    if certificate.tls_version in OLD_TLS:
        yield Finding(
            "warning",
            "TLS",
            f"{certificate.tls_version}",
            "it can be broken by who listens; all that OVM 3.2 hosts may have",
            "keep the agents' network apart; --tls-minimum TLSv1 is needed for every command",
        )
    else:
        yield Finding("ok", "TLS", certificate.tls_version)
    yield from _of_certificate(certificate, examined)
    if examined.trust == "none":
        yield Finding(
            "warning",
            "trust",
            "certificates were not verified (--insecure)",
            "whoever answers in the host's place has the agent's password now",
            f"`ovm3 pin {examined.address}`, compare on the host, use --fingerprint",
        )


def _of_certificate(seen: Certificate, examined: Collected) -> Iterator[Finding]:
    if seen.error or seen.not_after is None or seen.not_before is None:
        yield Finding(
            "note",
            "certificate",
            f"cannot be read: {seen.error}; SHA-256 {seen.fingerprint}",
            "it can be pinned all the same",
        )
        return
    until = f"{seen.not_after:%Y-%m-%d}"
    means = "a pin goes on holding; verification with a CA does not"
    if seen.not_after < examined.now:
        yield Finding("warning", "certificate", f"expired on {until}", means, _KEYGEN)
    elif seen.not_before > examined.now:
        begin = f"not valid before {seen.not_before:%Y-%m-%d}"
        yield Finding("warning", "certificate", begin, means, "look at the clocks on both sides")
    elif seen.not_after < examined.now + _SOON:
        yield Finding("warning", "certificate", f"expires on {until}", means, _KEYGEN)
    else:
        yield Finding("ok", "certificate", f"valid until {until}; SHA-256 {seen.fingerprint}")
    size = f"{seen.key} {seen.key_bits} bit" if seen.key_bits else seen.key or "of unknown kind"
    if is_short(seen):
        yield Finding(
            "warning",
            "key",
            f"{size}: short",
            "whoever can compute it from the certificate can play the host, pinned or not",
            f"{_KEYGEN}; what size it makes is not known",
        )
    else:
        yield Finding("ok", "key", size)
    names = ", ".join(seen.names) or "none"
    if examined.address.rpartition(":")[0] not in seen.names:
        yield Finding(
            "note",
            "names",
            f"names in the certificate: {names}; not {examined.address}",
            "agents' certificates carry no addresses, so that a CA alone does not do",
            "use a pin, or --ca-cert with --tls-server-name",
        )
    else:
        yield Finding("ok", "names", names)


def _of_access(examined: Collected) -> Iterator[Finding]:
    error = examined.read if isinstance(examined.read, Ovm3Error) else examined.error
    if error is None:
        yield Finding("ok", "password", "the agent accepts user and password")
    elif isinstance(error, BadCredentials):
        yield Finding(
            "error",
            "password",
            str(error),
            "nothing can be read; from 3.3 on a host that a Manager owns may insist on the "
            "Manager's certificate (no source shows whether the password still works then)",
            "try the password of the installation; members of a pool share one",
        )
    elif isinstance(error, CertificateRejected):
        pin = examined.certificate
        shown = f" --fingerprint {pin.fingerprint}" if isinstance(pin, Certificate) else ""
        yield Finding(
            "error",
            "trust",
            str(error),
            "no password was sent, and nothing was read",
            f"compare the fingerprint on the host, then run this again with{shown}"
            if shown
            else f"`ovm3 pin {examined.address}`",
        )
    else:
        means = (
            "nothing could be read"
            if isinstance(examined.read, Ovm3Error)
            else "of this host nothing more is known; what follows is what the others say"
        )
        yield Finding("error", "agent", str(error), means, "see ovs-agent.log on the host")


# ------------------------------------------------------------------ the host


def _of_host(host: HostView) -> Iterator[Finding]:
    server = host.server
    yield Finding(
        "ok",
        "versions",
        f"{name_of(host)}: agent {server.agent_version or '?'}, "
        f"Oracle VM Server {server.ovm_version or '?'}, Xen {server.hypervisor_version or '?'}",
    )
    if server.hypervisor_version.startswith("4.1"):
        yield Finding(
            "note",
            "versions",
            "Xen 4.1",
            "it does not keep two VMs of one host from using one disk file",
        )
    if server.manager_uuid is None:
        yield Finding(
            "warning",
            "owner",
            "nobody owns the host",
            "nothing that changes a server works without an owner",
            "`ovm3 api show take_ownership`",
        )
    else:
        yield Finding(
            "note",
            "owner",
            f"owned by Manager {server.manager_uuid} ({server.membership or 'membership unknown'})",
            "everything here works under that owner and changes no ownership; if that Manager "
            "still lives, it will not know of what you do",
        )
    missing = [role for role in ("xen", "utility") if role not in server.roles]
    roles = ", ".join(server.roles) or "none"
    if "xen" in missing or (missing and server.pool_uuid):
        yield Finding(
            "warning",
            "roles",
            f"roles: {roles}; without {' and '.join(missing)}",
            "xen: it runs VMs; utility: it works for its pool",
            "`ovm3 api show update_server_roles`",
        )
    else:
        yield Finding("ok", "roles", roles)


def _of_pool(read: InventoryData) -> Iterator[Finding]:
    seen = read.seen
    pool = read.pools[0]
    if isinstance(pool, Ovm3Error):
        yield Finding("error", "pool", str(pool), "its members are not known")
    elif pool is None:
        yield Finding("note", "pool", "in no pool", "it is looked at alone")
    else:
        yield _of_masters(pool, [view for view in seen.hosts if view.server.is_master], read)
    for about, of in (
        ("pool", lambda view: view.server.pool_uuid or "none"),
        ("owner", lambda view: view.server.manager_uuid or "nobody"),
        ("versions", lambda view: view.server.agent_version),
    ):
        said = {of(view): name_of(view) for view in seen.hosts}
        if len(said) > 1:
            which = ", ".join(f"{name}: {value}" for value, name in said.items())
            yield Finding(
                "warning",
                about,
                f"the hosts of the pool differ: {which}",
                "what works on one of them may fail on another",
                "bring them to the same",
            )


def _of_masters(
    pool: documents.ServerPool, masters: list[HostView], read: InventoryData
) -> Finding:
    named = f"{pool.alias!r} {pool.uuid}, {len(pool.members)} members, VIP {pool.virtual_ip}"
    if len(masters) == 1:
        return Finding("ok", "pool", f"{named}, master {name_of(masters[0])}")
    if masters:
        return Finding(
            "error",
            "pool",
            f"{named}; {len(masters)} masters: {', '.join(map(name_of, masters))}",
            "the pool has come apart, and each half may start the same VMs",
            "start nothing before it is known which VMs run where",
        )
    return Finding(
        "note" if read.seen.unreachable else "warning",
        "pool",
        f"{named}; none of the hosts that answered is its master",
        "without a cluster the master's address does not move to another host; single hosts work "
        "all the same",
    )
