"""What ``ovm3 doctor`` finds by asking every host by itself. Pure: out of what was read.

Sources of what things mean: agent-behaviour.md, xend.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from libcloud_ovm3.agent.hostmodule import API, api_label, fits
from libcloud_ovm3.agent.identifiers import dashed
from libcloud_ovm3.diagnostics.checks import Finding
from libcloud_ovm3.diagnostics.collect import CLOCK_TOLERANCE, Certificate, Line, Member
from libcloud_ovm3.diagnostics.inventory import name_of
from libcloud_ovm3.errors import AgentFault, CertificateRejected, Ovm3Error
from libcloud_ovm3.estate.hosts import HostView, UnreachableHost
from libcloud_ovm3.estate.vms import EstateSnapshot

OLD_TLS = ("TLSv1", "TLSv1.1", "SSLv3")
RSA_BITS = 2048


# ------------------------------------------------------------------ those that did not answer


def of_silent(silent: Sequence[UnreachableHost]) -> Iterator[Finding]:
    """Hosts of the pool of which nothing could be read, each with its own trouble."""
    for one in silent:
        means = (
            "what it runs is not known: a VM that no other host lists is shown as unknown, and "
            "starting or destroying it is refused"
        )
        if one.kind == "duplicate":
            means = (
                "the two cannot be told apart by it, so that what the second runs is not shown, "
                "and nothing on it is touched; both go on running their VMs"
            )
        yield Finding("error", "member", str(one.reason), means, _advice(one))


def _advice(one: UnreachableHost) -> str:
    if one.kind == "unverified":
        return f"`ovm3 pin {one.address}`, then add --fingerprint"
    if one.kind == "password":
        return (
            f"its agent has another password: put it into a file, and add "
            f"--password-file {one.address}=FILE"
        )
    if one.kind == "duplicate":
        return (
            "give one of them an id of its own: the agent takes it from the board (SMBIOS), and "
            "makers leave placeholders there; their tool for the board can set it"
        )
    if isinstance(one.reason, CertificateRejected):
        return (
            f"`ovm3 pin {one.address}` and compare on the host itself: it may have been installed "
            f"anew, or somebody answers in its place; then give the new --fingerprint"
        )
    return f"get it to answer, or make sure that it is off; `ovm3 doctor {one.address}`"


# ------------------------------------------------------------------ lists


def of_lists(members: Sequence[Member]) -> Iterator[Finding]:
    """Hosts whose list of domains, or of repositories, cannot be had or relied upon."""
    for member in members:
        view = member.view
        if member.list_problem is not None:
            yield _of_list(member, member.list_problem)
        if view.repositories_error is not None:
            yield Finding(
                "error",
                "list",
                f"which repositories {name_of(view)} knows is not known: {view.repositories_error}",
                "VMs and disks that no other host sees are missing here, and no disk is deleted",
                "see ovs-agent.log on the host",
            )


def of_mounts(members: Sequence[Member], seen: EstateSnapshot) -> Iterator[Finding]:
    """Hosts that cannot list a repository which others can: no listing shows that."""
    readable = {one.key: one for one in seen.repositories if one.content is not None}
    for member in members:
        for key, problem in member.unlisted.items():
            if key in readable:
                yield Finding(
                    "error",
                    "repository",
                    f"{name_of(member.view)} has repository {readable[key].id} mounted and cannot "
                    f"list it: {problem}",
                    "its VMs can neither be started on this host nor, where the host module must "
                    "see their disks, elsewhere; the mount may be stale",
                    "look at the mount on this host, and at its way to the storage server",
                )


def _of_list(member: Member, problem: Ovm3Error) -> Finding:
    name = name_of(member.view)
    is_whole = member.view.domains_error is None
    means = (
        "the host module has shown its guests one by one"
        if is_whole
        else "what it runs is not known: a VM that no other host lists is shown as unknown, and "
        "starting or destroying it is refused"
    )
    if not isinstance(problem, AgentFault):
        found = f"what {name} runs is not known for sure: {problem}"
        return Finding("error", "list", found, means, "see xend.log on the host; look again")
    means = f"one guest in an odd state is the likely cause; {means}"
    found = f"xend's list of domains fails on {name}: {problem}"
    if member.guests_problem is not None:
        advice = "look at the guest that is named here on the host (`xm list NAME`, xend.log)"
        found = f"{found}; {member.guests_problem}"
    elif member.host_module == "present":
        advice = "`xm list` on the host, and xend.log there, may tell which one; end that guest"
    else:
        advice = (
            f"on the host `xm list NAME` for each guest tells which one; with the host module it "
            f"is named here: `ovm3 host install {member.view.address}`"
        )
    return Finding("error", "list", found, means, advice)


# ------------------------------------------------------------------ lines


def of_lines(members: Sequence[Member], but: str, now: datetime) -> Iterator[Finding]:
    """TLS of every other host than the one that was named, which is looked at more closely."""
    for member in members:
        view, line = member.view, member.line
        if line is None:
            continue
        if not line.has_forward_secrecy:
            yield Finding(
                "note",
                "TLS",
                f"{name_of(view)}: {line.cipher}: no forward secrecy",
                "who records the line and gets the host's key later can read the password",
                "keep the agents' network apart",
            )
        if str(view.address) != but:
            yield _of_line(view, line, now)


def _of_line(view: HostView, line: Line, now: datetime) -> Finding:
    certificate = line.certificate
    size = _size(certificate)
    said = f"{name_of(view)}: {certificate.tls_version}, {line.cipher}, {size}"
    weak = [
        certificate.tls_version if certificate.tls_version in OLD_TLS else "",
        f"a key of {size}" if is_short(certificate) else "",
        f"expired on {certificate.not_after:%Y-%m-%d}"
        if certificate.not_after is not None and certificate.not_after < now
        else "",
    ]
    if any(weak):
        return Finding(
            "warning",
            "TLS",
            f"{said}: {', '.join(filter(None, weak))}",
            "its line is not as safe as it could be",
            f"`ovm3 doctor {view.address}` says more",
        )
    return Finding("ok", "TLS", said)


def is_short(seen: Certificate) -> bool:
    """Whether a certificate's key can be computed from it with what there is today."""
    return seen.key in ("RSA", "DSA") and (seen.key_bits or 0) < RSA_BITS


def _size(seen: Certificate) -> str:
    return f"{seen.key} {seen.key_bits} bit" if seen.key_bits else seen.key or "key not known"


# ------------------------------------------------------------------ clocks


def of_clocks(members: Sequence[Member]) -> Iterator[Finding]:
    """Hosts whose clocks differ."""
    known = {m.view: m.clock for m in members if not isinstance(m.clock, Ovm3Error)}
    for member in members:
        if isinstance(member.clock, Ovm3Error):
            found = f"the clock of {name_of(member.view)} could not be read: {member.clock}"
            yield Finding("note", "clock", found, "whether it is right is not known")
    if len(known) < 2:
        return
    usual = sorted(known.values())[(len(known) - 1) // 2]
    off = {view: clock - usual for view, clock in known.items()}
    if max(off.values()) - min(off.values()) <= CLOCK_TOLERANCE:
        yield Finding("ok", "clock", f"the clocks of {len(known)} hosts agree")
        return
    said = ", ".join(
        f"{name_of(view)} {abs(by):.0f} s {'ahead' if by > 0 else 'behind'}"
        for view, by in off.items()
        if abs(by) > CLOCK_TOLERANCE / 2
    )
    yield Finding(
        "warning",
        "clock",
        f"the hosts' clocks differ: {said}",
        "logs do not fit together, ages of guests and files are wrong, and a cluster's members "
        "may not find together",
        "set NTP servers on all of them: `ovm3 api show set_ntp`",
    )


# ------------------------------------------------------------------ what comes back


def of_comebacks(members: Sequence[Member], seen: EstateSnapshot) -> Iterator[Finding]:
    """Guests that the next boot, or start of xend, brings back."""
    for member in members:
        name, found = name_of(member.view), member.autostart_guests
        if isinstance(found, Ovm3Error):
            yield Finding(
                "warning",
                "comeback",
                f"what the next boot of {name} brings back is not known: {found}",
                "guests may be started that run elsewhere by then",
            )
            continue
        for one in found or ():
            what = _comeback(one, seen)
            if what:
                yield Finding(
                    "warning",
                    "comeback",
                    f"{name}: {what}",
                    "that guest is started whatever runs elsewhere by then, and two machines on "
                    "one set of disks destroy the file systems on them",
                    "take it away on the host if nobody wants it, while that guest is off",
                )


def _comeback(one: dict[str, object], seen: EstateSnapshot) -> str:
    """What one entry of the module says, in words; "": nothing comes of it."""
    kind, where = one.get("kind"), one.get("path")
    if one.get("error"):
        return f"{where} cannot be read: {one['error']}"
    if kind == "saved":
        return f"guest {one.get('name')!r} is saved in {where}: the next boot restores it"
    if kind == "auto":
        return f"{where}: the next boot starts guest {one.get('name')!r}"
    if kind == "managed":
        if not one.get("starts"):
            return ""
        vm = seen.vms.get(dashed(one.get("uuid")) or "")
        label = f"VM {vm.label}" if vm else f"guest {one.get('uuid')}"
        return f"{where}: xend starts {label} each time that it starts itself"
    return f"{where}: {kind!r}, which is not understood, may bring guest {one.get('name')!r} back"


# ------------------------------------------------------------------ functions


def of_functions(members: Sequence[Member]) -> Iterator[Finding]:
    """What the agents can do, and whether our module is in them; hosts that are alike together."""
    for alike in _alike(members, lambda one: one.functions if one.functions else ()):
        yield from _of_functions(alike)
    for alike in _alike(members, lambda one: (one.host_module, one.module_api)):
        yield _of_module(alike)


def _alike(members: Sequence[Member], by: Callable[[Member], object]) -> list[list[Member]]:
    groups: list[list[Member]] = []
    for member in members:
        for group in groups:
            if by(group[0]) == by(member):
                group.append(member)
                break
        else:
            groups.append([member])
    return groups


def _named(members: Sequence[Member]) -> str:
    return ", ".join(name_of(member.view) for member in members)


def _of_functions(alike: Sequence[Member]) -> Iterator[Finding]:
    functions, names = alike[0].functions, _named(alike)
    if isinstance(functions, Ovm3Error):
        found = f"{names}: its functions could not be tried: {functions}"
        yield Finding("warning", "functions", found, "what its agent can do is not known")
        return
    if not functions:
        return
    verdicts = [one.verdict for one in functions]
    tried = len(verdicts) - verdicts.count("not probed")
    absent = [one.function for one in functions if one.verdict == "absent"]
    unclear = [one for one in functions if one.verdict == "unclear"]
    yield Finding(
        "ok",
        "functions",
        f"{names}: {verdicts.count('present')} of the {tried} functions that can be tried without "
        f"harm answer; {verdicts.count('not probed')} were not tried",
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
            "they may be there all the same",
        )


def _of_module(alike: Sequence[Member]) -> Finding:
    """The host module: whether it is there, and of a version that fits."""
    about, api, names = "host module", alike[0].module_api, _named(alike)
    install = "; ".join(f"`ovm3 host install {member.view.address}`" for member in alike)
    if api is not None and not fits(api):
        return Finding(
            "warning",
            about,
            f"{names}: the host module is there ({api_label(api)}), but does not fit this client "
            f"(api {API})",
            "it is not used; all that is here works without it",
            install if api < API else "upgrade this client",
        )
    means = (
        "a listing takes a call for each VM; files and documents in repositories, and what the "
        "next boot brings back, are not to be had"
    )
    return {
        "present": Finding("ok", about, f"{names}: the host module is there (api {api})"),
        "absent": Finding("note", about, f"{names}: the host module is not there", means, install),
        "unclear": Finding(
            "note",
            about,
            f"{names}: whether the host module is there is unclear; probably not",
            means,
            install,
        ),
        "not probed": Finding("note", about, f"{names}: the host module was not looked for"),
    }[alike[0].host_module]
