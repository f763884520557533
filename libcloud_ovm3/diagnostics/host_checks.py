"""Doctor checks of single hosts: versions, owner, roles, lists, TLS, autostart, functions.

Pure: no I/O. Sources: agent-behaviour.md, xend.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from libcloud_ovm3.agent.hostmodule import API, api_label, fits
from libcloud_ovm3.agent.identifiers import dashed
from libcloud_ovm3.diagnostics.access_checks import OLD_TLS, is_weak, key_size
from libcloud_ovm3.diagnostics.collect import MemberData, TLSSession
from libcloud_ovm3.diagnostics.finding import Finding
from libcloud_ovm3.diagnostics.inventory import name_of
from libcloud_ovm3.errors import AgentFault, Ovm3Error
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.vms import EstateSnapshot

# ------------------------------------------------------------------ the named host


def check_versions(host: HostView) -> Iterator[Finding]:
    """Report the versions of the named host."""
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
            "it does not prevent two VMs on one host from using the same disk file",
        )


def check_owner(host: HostView) -> Iterator[Finding]:
    """Report which Manager owns the named host."""
    server = host.server
    if server.manager_uuid is None:
        yield Finding(
            "warning",
            "owner",
            "the host has no owner",
            "calls that change a server fail without an owner",
            "`ovm3 api show take_ownership`",
        )
    else:
        yield Finding(
            "note",
            "owner",
            f"owned by Manager {server.manager_uuid} ({server.membership or 'membership unknown'})",
            "ovm3 works under that owner and does not change the ownership; if that Manager is "
            "still running, it will not learn of your changes",
        )


def check_roles(host: HostView) -> Iterator[Finding]:
    """Check that the named host has the roles that it needs."""
    server = host.server
    missing = [role for role in ("xen", "utility") if role not in server.roles]
    roles = ", ".join(server.roles) or "none"
    if "xen" in missing or (missing and server.pool_uuid):
        yield Finding(
            "warning",
            "roles",
            f"roles: {roles}; missing: {' and '.join(missing)}",
            "xen: the host runs VMs; utility: it works for its pool",
            "`ovm3 api show update_server_roles`",
        )
    else:
        yield Finding("ok", "roles", roles)


# ------------------------------------------------------------------ lists


def check_lists(members: Sequence[MemberData]) -> Iterator[Finding]:
    """Check that each host can list its domains and its repositories."""
    for member in members:
        view = member.view
        if member.list_vms_error is not None:
            yield _domain_list_failure(member, member.list_vms_error)
        if view.repositories_error is not None:
            yield Finding(
                "error",
                "list",
                f"{name_of(view)} cannot list its repositories: {view.repositories_error}",
                "VMs and disks that no other host sees are missing here, and no disk is deleted",
                "see ovs-agent.log on the host",
            )


def _domain_list_failure(member: MemberData, error: Ovm3Error) -> Finding:
    name = name_of(member.view)
    means = (
        "the host module has listed its guests one by one"
        if member.view.domains_error is None
        else "what it runs is not known: a VM that no other host lists is shown as unknown, and "
        "start and destroy of it are refused"
    )
    if not isinstance(error, AgentFault):
        found = f"the list of domains of {name} cannot be relied upon: {error}"
        return Finding("error", "list", found, means, "see xend.log on the host; run this again")
    means = f"one guest in an invalid state is the likely cause; {means}"
    found = f"xend's list of domains fails on {name}: {error}"
    if member.guest_errors is not None:
        advice = "examine the guest named here on the host (`xm list NAME`, xend.log)"
        found = f"{found}; {member.guest_errors}"
    elif member.host_module == "present":
        advice = "`xm list` and xend.log on the host may show which guest; stop that guest"
    else:
        advice = (
            f"on the host, `xm list NAME` for each guest shows which one; with the host module it "
            f"is named here: `ovm3 host install {member.view.address}`"
        )
    return Finding("error", "list", found, means, advice)


# ------------------------------------------------------------------ TLS


def check_tls_sessions(
    members: Sequence[MemberData], named: str, now: datetime
) -> Iterator[Finding]:
    """Check TLS of every host; of the named one only what :func:`.check_tls` does not."""
    for member in members:
        view, session = member.view, member.tls
        if session is None:
            continue
        if not session.has_forward_secrecy:
            yield Finding(
                "note",
                "TLS",
                f"{name_of(view)}: {session.cipher}: no forward secrecy",
                "whoever records the traffic and later obtains the host's key can read the "
                "password",
                "isolate the agents' network",
            )
        if str(view.address) != named:
            yield _check_tls_session(view, session, now)


def _check_tls_session(view: HostView, session: TLSSession, now: datetime) -> Finding:
    certificate = session.certificate
    size = key_size(certificate)
    text = f"{name_of(view)}: {certificate.tls_version}, {session.cipher}, {size}"
    weaknesses = []
    if certificate.tls_version in OLD_TLS:
        weaknesses.append(certificate.tls_version)
    if is_weak(certificate):
        weaknesses.append(f"a key of {size}")
    if certificate.not_after is not None and certificate.not_after < now:
        weaknesses.append(f"expired on {certificate.not_after:%Y-%m-%d}")
    if weaknesses:
        return Finding(
            "warning",
            "TLS",
            f"{text}: {', '.join(weaknesses)}",
            "its connection is less secure than it could be",
            f"for details `ovm3 doctor {view.address}`",
        )
    return Finding("ok", "TLS", text)


# ------------------------------------------------------------------ autostart


def check_autostart_guests(
    members: Sequence[MemberData], snapshot: EstateSnapshot
) -> Iterator[Finding]:
    """Report guests that the next boot of a host, or the next start of xend, starts."""
    for member in members:
        name, guests = name_of(member.view), member.autostart_guests
        if isinstance(guests, Ovm3Error):
            yield Finding(
                "warning",
                "autostart",
                f"which guests the next boot of {name} starts is not known: {guests}",
                "it may start guests that then run elsewhere",
            )
            continue
        for guest in guests or ():
            text = _describe_autostart(guest, snapshot)
            if text:
                yield Finding(
                    "warning",
                    "autostart",
                    f"{name}: {text}",
                    "that guest is started even if it then runs elsewhere, and two VMs on one set "
                    "of disks destroy the file systems on them",
                    "if it is not wanted, remove it on the host while that guest is off",
                )


def _describe_autostart(guest: dict[str, object], snapshot: EstateSnapshot) -> str:
    """Describe one entry of the module; "" if it starts nothing."""
    kind, path = guest.get("kind"), guest.get("path")
    if guest.get("error"):
        return f"{path} cannot be read: {guest['error']}"
    if kind == "saved":
        return f"guest {guest.get('name')!r} is saved in {path}: the next boot restores it"
    if kind == "auto":
        return f"{path}: the next boot starts guest {guest.get('name')!r}"
    if kind == "managed":
        if not guest.get("starts"):
            return ""
        vm = snapshot.vms.get(dashed(guest.get("uuid")) or "")
        label = f"VM {vm.label}" if vm else f"guest {guest.get('uuid')}"
        return f"{path}: each start of xend starts {label}"
    return f"{path}: {kind!r} is not understood, and may start guest {guest.get('name')!r}"


# ------------------------------------------------------------------ functions


def check_functions(members: Sequence[MemberData]) -> Iterator[Finding]:
    """Report which functions the agents have; hosts with the same result together."""
    for group in _group(members, lambda member: member.functions or ()):
        yield from _report_functions(group)


def _report_functions(group: Sequence[MemberData]) -> Iterator[Finding]:
    functions, names = group[0].functions, _names(group)
    if isinstance(functions, Ovm3Error):
        text = f"{names}: the agent's functions could not be probed: {functions}"
        yield Finding("warning", "functions", text, "what its agent supports is not known")
        return
    if not functions:
        return
    verdicts = [one.verdict for one in functions]
    probed = len(verdicts) - verdicts.count("not probed")
    absent = [one.function for one in functions if one.verdict == "absent"]
    unclear = [one for one in functions if one.verdict == "unclear"]
    yield Finding(
        "ok",
        "functions",
        f"{names}: {verdicts.count('present')} of the {probed} functions that can be probed "
        f"without side effects respond; {verdicts.count('not probed')} were not probed",
    )
    if absent:
        yield Finding(
            "note",
            "functions",
            f"{names}: the agent does not have {', '.join(absent)}",
            "they belong to other versions",
        )
    if unclear:
        yield Finding(
            "note",
            "functions",
            f"{names}: {'; '.join(f'{one.function} failed: {one.why}' for one in unclear)}",
            "they may exist nevertheless",
        )


def check_host_modules(members: Sequence[MemberData]) -> Iterator[Finding]:
    """Report which hosts have the host module, and whether its version is supported."""
    for group in _group(members, lambda member: (member.host_module, member.module_api)):
        yield _report_module(group)


def _report_module(group: Sequence[MemberData]) -> Finding:
    about, api, names = "host module", group[0].module_api, _names(group)
    install = "; ".join(f"`ovm3 host install {member.view.address}`" for member in group)
    if api is not None and not fits(api):
        return Finding(
            "warning",
            about,
            f"{names}: the host module has {api_label(api)}, this client needs {api_label(API)}",
            "it is not used; everything here works without it",
            install if api < API else "upgrade this client",
        )
    means = (
        "listing takes one call per VM; files and documents in repositories, and the guests that "
        "the next boot starts, cannot be read; nothing keeps two clients from starting a VM twice"
    )
    return {
        "present": Finding(
            "ok", about, f"{names}: the host module is installed ({api_label(api or 0)})"
        ),
        "absent": Finding(
            "note", about, f"{names}: the host module is not installed", means, install
        ),
        "unclear": Finding(
            "note",
            about,
            f"{names}: whether the host module is installed is unclear; probably not",
            means,
            install,
        ),
        "not probed": Finding("note", about, f"{names}: the host module was not probed"),
    }[group[0].host_module]


def _group(
    members: Sequence[MemberData], key: Callable[[MemberData], object]
) -> list[list[MemberData]]:
    """Group members by a key that need not be hashable."""
    groups: list[list[MemberData]] = []
    for member in members:
        for group in groups:
            if key(group[0]) == key(member):
                group.append(member)
                break
        else:
            groups.append([member])
    return groups


def _names(members: Sequence[MemberData]) -> str:
    return ", ".join(name_of(member.view) for member in members)
