"""Doctor checks of claims: which are in doubt, and what settles each. Pure: no I/O.

What a claim says, and who may change it: docs/claims.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from libcloud_ovm3.agent.identifiers import undashed
from libcloud_ovm3.agent.vm_claims import RepositoryClaims
from libcloud_ovm3.diagnostics.finding import Finding
from libcloud_ovm3.diagnostics.inventory import name_of
from libcloud_ovm3.estate.claim_data import NO_CLAIM, UNREAD, all_claims, claim_text, is_in_doubt
from libcloud_ovm3.estate.guards import MOVING, ON
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.repositories import Repository
from libcloud_ovm3.estate.vms import VM, EstateSnapshot
from libcloud_ovm3.pages import page

_Claim = Mapping[str, Any]


def check_claims(snapshot: EstateSnapshot) -> Iterator[Finding]:
    """Check the claims of all repositories, and the hosts that must keep to them."""
    for repository in snapshot.repositories:
        yield from _check_repository(repository)
    claims = all_claims(snapshot)
    if claims:
        kinds = Counter(one["kind"] for one in claims)
        without = kinds.pop(NO_CLAIM, 0)
        if kinds:
            counts = ", ".join(f"{number} {kind}" for kind, number in kinds.items())
            yield Finding("ok", "claims", f"{kinds.total()} VMs are guarded by claims: {counts}")
        if without:
            yield Finding(
                "note",
                "claims",
                f"{without} VMs have no claim yet",
                "each gets one with its first change, for which all hosts look what they have",
                "`ovm3 claim settle --all` makes them now",
            )
    for claim in claims:
        yield from _check_claim(claim, snapshot)


def _check_repository(repository: Repository) -> Iterator[Finding]:
    """Report hosts that cannot keep to the claims of a repository, and claims that are not read."""
    if isinstance(repository.claims, str):
        yield Finding(
            "error",
            "claims",
            f"the claims of repository {repository.label} cannot be read: {repository.claims}",
            "its VMs are neither started nor changed",
            f"examine .libcloud-ovm3/claims in its mount point on {_names(repository.mounted_on)}",
        )
    if not isinstance(repository.claims, RepositoryClaims) or not repository.claims.folder:
        return
    for host in repository.mounted_on:
        if host.module_claims is None:
            yield Finding(
                "warning",
                "claims",
                f"repository {repository.label} has claims, and {name_of(host)}, which has it "
                f"mounted, has no host module that knows claims",
                "no VM of it is started there, and a claim that names this host stays in doubt",
                f"`ovm3 host install {host.address}`",
            )


def _check_claim(claim: _Claim, snapshot: EstateSnapshot) -> Iterator[Finding]:
    vm = snapshot.vms.get(claim["vm_id"] or "")
    who = f"VM {vm.label}" if vm else f"the VM that was in {claim['id']}"
    if claim["error"]:
        yield Finding(
            "error",
            "claim",
            f"{who}: {claim_text(claim)}",
            "two domains on one set of disks destroy the file systems on them; nothing is done "
            "with the VM until a person has looked",
            "destroy one of the domains by its domain id on that host (`xm destroy ID`); "
            f"then {_settle(claim)}",
        )
    elif claim["kind"] == UNREAD:
        yield Finding(
            "error",
            "claim",
            f"{who}: its claim cannot be read: {claim['why']}",
            "it is neither started nor changed",
            f"a newer version of ovm3 may be able to read it; otherwise {page('claims.md')}, "
            f'"A damaged claim"',
        )
    elif is_in_doubt(claim):
        yield _doubt(claim, who, snapshot)
    elif claim["state"] == "running":
        what = f"{claim['function']} of {claim['client']} is under way"
        yield Finding("note", "claim", f"{who}: {what} (operation {claim['operation']})")
    elif vm is not None and claim["kind"] != NO_CLAIM:
        yield from _check_against_lists(claim, vm, who, snapshot)
    if claim["taken"]:
        yield Finding(
            "note",
            "claim",
            f"{who}: taken out of its claim by a person: {claim['taken']}",
            "if that host comes back with the VM, it pauses it as soon as it looks "
            "(`ovm3 claim settle`)",
        )


def _doubt(claim: _Claim, who: str, snapshot: EstateSnapshot) -> Finding:
    """Report a claim that does not say where its VM is, and what each of its hosts needs."""
    advice = []
    for one in claim["hosts"]:
        host, name = _view(one["id"], snapshot), one["host"]
        if host is None:
            advice.append(
                f"bring host {_where(one)} online, or if it is off or gone for good, "
                f"{_gone(claim, one['id'])}"
            )
        elif host.module_claims is None:
            advice.append(f"install the host module on {name} (`ovm3 host install {name}`)")
    text = f"{who}: its claim is {claim_text(claim)}"
    if claim["operation"]:
        text += f"; operation {claim['operation']} of {claim['client']}"
    if claim["kind"] == MOVING:
        advice.append(f"its source {claim['source']} has to answer first")
    return Finding(
        "warning",
        "claim",
        text,
        "it may be on any of these hosts, so it is not started; an operation that is under way on "
        "another host looks the same while it lasts",
        "; ".join([*advice, f"{_settle(claim)} has its hosts look, and says what they saw"]),
    )


def _check_against_lists(
    claim: _Claim, vm: VM, who: str, snapshot: EstateSnapshot
) -> Iterator[Finding]:
    """Compare a settled claim with where the VM was seen. It may have changed in between."""
    claimed = {undashed(one["id"]) for one in claim["hosts"]}
    live = {undashed(one.host.server.uuid): name_of(one.host) for one in vm.live}
    others = [name for host, name in live.items() if host not in claimed]
    if others:
        yield Finding(
            "warning",
            "claim",
            f"{who} runs on {', '.join(others)}, and its claim is {claim_text(claim)}",
            "if nobody has changed it this moment, another tool has started it, and other hosts "
            "do not know",
            _settle(claim),
        )
    elif claim["kind"] == ON and not live:
        yield from _not_listed(claim, who, snapshot)


def _not_listed(claim: _Claim, who: str, snapshot: EstateSnapshot) -> Iterator[Finding]:
    """Report a VM that the host of its claim does not list: what that means depends on the host."""
    host = _view(claim["hosts"][0]["id"], snapshot)
    if host is None:
        yield Finding(
            "note",
            "claim",
            f"{who}: its claim is {claim_text(claim)}, and that host was not read",
            "as far as known it runs there: it is neither started elsewhere nor deleted",
            f"bring host {_where(claim['hosts'][0])} online; if you have seen "
            f"that it is powered off, {page('a-host-is-dead.md')}",
        )
    elif host.module_claims is None:
        yield Finding(
            "warning",
            "claim",
            f"{who}: its claim is {claim_text(claim)}, where it is not listed, and no host module "
            "can look",
            "it is neither started elsewhere nor deleted until that host has looked",
            f"`ovm3 host install {host.address}`, then {_settle(claim)}; or, if you have seen that "
            f"nothing of it is there, {_gone(claim, claim['hosts'][0]['id'])}",
        )
    else:
        yield Finding(
            "note",
            "claim",
            f"{who}: its claim is {claim_text(claim)}, where it is not listed",
            "its guest reboots, or has ended; it is not started elsewhere until its host has "
            "looked, which a start does by itself",
            _settle(claim),
        )


def _view(host_id: str, snapshot: EstateSnapshot) -> HostView | None:
    same = [one for one in snapshot.hosts if undashed(one.server.uuid) == undashed(host_id)]
    return same[0] if same else None


def _where(host: Mapping[str, Any]) -> str:
    """A host that was not read, with the address that it had when it last wrote a claim."""
    return f"{host['id']} (last at {host['address']})" if host["address"] else str(host["id"])


def _settle(claim: _Claim) -> str:
    return f"`ovm3 claim settle {claim['vm_id'] or claim['id']}`"


def _gone(claim: _Claim, host_id: str) -> str:
    return f"{_settle(claim)[:-1]} --gone-from {host_id}`"


def _names(hosts: tuple[HostView, ...]) -> str:
    return ", ".join(map(name_of, hosts)) or "a host"
