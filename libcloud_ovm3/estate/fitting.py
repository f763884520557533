"""Why a VM cannot be on a host, by what was read of both: one rule each. Pure.

A rule gives reasons, which speak against it, and what is not known, which is said and speaks
against nothing. What has to be read for a rule is read by :mod:`libcloud_ovm3.operations.fits`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from libcloud_ovm3.agent.config import VMConfig, whole_number
from libcloud_ovm3.agent.identifiers import undashed
from libcloud_ovm3.errors import Ovm3Error
from libcloud_ovm3.estate.consoles import is_any, is_local
from libcloud_ovm3.estate.domains import Domain
from libcloud_ovm3.estate.guards import DOUBT, MOVING, why_no_claims
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.states import State
from libcloud_ovm3.estate.vms import VM, EstateSnapshot
from libcloud_ovm3.estate.xend_memory import free_mb, needed_mb, needed_on_source_mb, vtd_mb

if TYPE_CHECKING:
    from libcloud_ovm3.agent.documents import Hardware

_LEAVING = "migrating-"  # how xend names what it sends away (xend.md 1.4)


@dataclass(frozen=True)
class Fit:
    """Whether a VM can be started on, or moved to, a host.

    :ivar how: ``start``, ``migrate`` or ``migrate live``.
    :ivar reasons: Why not, all of them; empty: nothing speaks against it.
    :ivar unknown: What nobody can tell, and would matter.
    """

    how: str
    reasons: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def fits(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.reasons


# What a rule gives: reasons, and what is not known.
Found = tuple[list[str], list[str]]


def joined(how: str, found: Iterable[Found]) -> Fit:
    """What all rules have given, each text once, in their order."""
    reasons: dict[str, None] = {}
    unknown: dict[str, None] = {}
    for against, open_ in found:
        reasons |= dict.fromkeys(against)
        unknown |= dict.fromkeys(open_)
    return Fit(how, tuple(reasons), tuple(unknown))


# ------------------------------------------------------------------ both


def by_repositories(snapshot: EstateSnapshot, ids: Iterable[str], host: HostView) -> Found:
    """Those that the VM needs have to be mounted there; at the same place, as a repository that
    hosts have mounted at several is not clear.
    """
    reasons = []
    for one in dict.fromkeys(ids):
        repository = snapshot.repository(one)
        if repository is None or host not in repository.mounted_on:
            reasons.append(f"{host.label} has not mounted repository {one}")
        elif not repository.is_clear:
            reasons.append(repository.error or f"repository {one} could not be read completely")
    return reasons, []


def by_claims(vm: VM, hosts: Sequence[HostView], *, moves: bool = False) -> Found:
    """A VM with a guard needs hosts with claims; to move it, with claims that know migrations."""
    guard = vm.definitions[0].guard if vm.definitions else None
    if guard is None:
        return [], []
    if guard.error:
        return [f"its claim cannot be read: {guard.error}"], []
    what = "the VM's repository has claims, and"
    reasons = [
        f"{what} {one.label} has not: {why_no_claims(one)}"
        for one in hosts
        if one.module_claims is None
    ]
    reasons += [
        f"{what} the host module of {one.label} knows no migrations: `ovm3 host install` brings "
        f"the present one"
        for one in hosts
        if moves and one.module_claims is not None and one.module_moves is None
    ]
    claim = guard.claim
    if claim is not None and claim.error:
        reasons.append(
            f"two domains of it were seen {claim.error}: destroy one of them, then settle"
        )
    is_open = claim is not None and claim.kind in (DOUBT, MOVING)
    return reasons, ["where it may be, by its claim: its hosts look before"] if is_open else []


def by_names(vm: VM, host: HostView) -> Found:
    """xend refuses a second domain of a name, and takes one of the same uuid (xend.md 3, 4.1)."""
    definition = vm.definitions[0]
    own = [one.domain for one in vm.live if one.host is host]
    others = [
        f"another live domain on {host.label} has its name for xend, {definition.xend_name!r}: "
        f"{one.label}"
        for one in host.domains
        if one.name == definition.xend_name and one not in own
    ]
    return others, []


def by_virtualization(config: VMConfig, host: HostView) -> Found:
    """An HVM guest needs hardware for it (xend.md 3)."""
    if not config.is_hvm or host.server.is_hvm_able:
        return [], []
    if not host.server.vmm_capabilities:
        return [], [f"whether {host.label} can run HVM guests: it does not say"]
    return [f"it is an HVM guest, and {host.label} cannot run these: its hardware, or BIOS"], []


def by_screen_port(vm: VM, host: HostView) -> Found:
    """A VNC port that the vm.cfg fixes has to be free: else its device model ends, and the guest
    with it, though xend may have answered success (xend.md 3).
    """
    config = vm.definitions[0].config
    vnc = config.vnc if config else None
    if vnc is None or vnc.takes_any_port:
        return [], []
    port = 5900 + (vnc.display or 0)
    own = [one.domain for one in vm.live]
    users = [d.label for d in host.domains if d.vnc and d.vnc.port == port and d not in own]
    what = f"its VNC console wants port {port} (vncunused=0), which on {host.label} is that of"
    return [f"{what} {user}" for user in users], []


def by_memory(
    config: VMConfig, live_mb: int | None, host: HostView, hardware: Hardware | Ovm3Error
) -> Found:
    """xend takes memory that is free in Xen; Domain-0 gives none (xend.md 3)."""
    needed, free = needed_mb(config, live_mb), free_mb(hardware)
    if needed is None:
        return [], ["how much memory it needs: its vm.cfg does not say"]
    if free is None:
        return [f"how much memory is free on {host.label} is unknown; it needs {needed} MB"], []
    if free < needed:
        return [f"it needs {needed} MB of memory, and {host.label} has {free} MB free"], []
    with_vtd = needed + vtd_mb(config, live_mb)
    if free < with_vtd:
        why = f"it would need {with_vtd} MB if its Xen uses VT-d"
        return [], [f"whether the {free} MB that are free on {host.label} are enough: {why}"]
    return [], []


# ------------------------------------------------------------------ migrations


def why_not_migratable(vm: VM, host: HostView) -> list[str]:
    """Why a VM is nowhere to be moved from: only a guest that runs in one place can be."""
    if vm.state is State.RUNNING:
        there = any(one.host is host for one in vm.live)
        return [f"it runs on {host.label} already"] if there else []
    if vm.state is State.PAUSED:
        return [f"it is paused, and xend moves no paused guest: {vm.where()}"]
    if vm.state is State.STOPPED:
        return ["it is stopped, so no host has it: start it on the host that is to have it"]
    return [f"it is {vm.state.value}: {vm.where()}; only a guest that runs in one place is moved"]


def by_pool(source: HostView, target: HostView) -> Found:
    """Agents migrate only within one pool, and to the same or a later release (agent-behaviour
    12).
    """
    pools = [one.server.pool_uuid for one in (source, target)]
    reasons = [
        f"{one.label} is in no server pool, and agents migrate only within one"
        for one in (source, target)
        if one.server.pool_uuid is None
    ]
    if None not in pools and pools[0] != pools[1]:
        reasons.append(
            f"{source.label} and {target.label} are in different server pools ({pools[0]}, "
            f"{pools[1]}), and agents migrate only within one"
        )
    before, after = (_release(one.server.ovm_version) for one in (source, target))
    if before and after and after < before:
        reasons.append(
            f"{target.label} has an earlier release ({target.server.ovm_version}) than "
            f"{source.label} ({source.server.ovm_version})"
        )
    if before and after:
        return reasons, []
    return reasons, ["whether the release of the target is not an earlier one: a host says none"]


def _release(version: str) -> tuple[int, ...]:
    """``3.2.1-517`` as numbers, without the build; empty: it does not say."""
    return tuple(int(part) for part in re.findall("[0-9]{1,9}", version.partition("-")[0]))


def by_processors(
    source: HostView,
    target: HostView,
    hardware: Sequence[Hardware | Ovm3Error],
) -> Found:
    """The guest goes on with the CPU that it has found: of another family it fails (agent-behaviour
    12). Within one, the models' features may differ; what the guest uses of them is not known.
    """
    families, models = [], []
    for one in hardware:
        cpus = () if isinstance(one, Ovm3Error) else one.processors
        families.append({(cpu.vendor_id, cpu.family) for cpu in cpus if cpu.vendor_id})
        models.append({cpu.model_name for cpu in cpus})
    if not all(families):
        return [], [f"whether {source.label} and {target.label} have CPUs of one family"]
    here, there = (
        ", ".join(f"{vendor} family {family}" for vendor, family in sorted(each))
        for each in families
    )
    if here != there:
        return [
            f"{target.label} has CPUs of another family ({there}) than {source.label} ({here})"
        ], []
    if models[0] != models[1]:
        names = [" and ".join(sorted(each)) for each in models]
        return [], [
            f"whether the guest uses what only the CPUs of {source.label} ({names[0]}) have, and "
            f"not those of {target.label} ({names[1]})"
        ]
    return [], []


def by_source_memory(
    config: VMConfig, live_mb: int | None, source: HostView, hardware: Hardware | Ovm3Error
) -> Found:
    """A live migration takes memory on the source, too (xend.md 4.1)."""
    needed, free = needed_on_source_mb(config, live_mb), free_mb(hardware)
    if needed is None or free is None:
        return [], [f"whether {source.label} has enough memory free to keep track of changes"]
    if free < needed:
        what = "to keep track of what the guest changes"
        return [f"{source.label} needs {needed} MB of memory {what}, and has {free} MB free"], []
    return [], []


def by_screen(config: VMConfig, domain: Domain) -> Found:
    """Its console listens at the same address there. One that the target does not have ends its
    device model after the source is gone, and so the guest (xend.md 3, 4.1).
    """
    vnc = domain.vnc or config.vnc
    if vnc is None or is_any(vnc.listen or ""):
        return [], []
    listen = vnc.listen or "127.0.0.1"  # xend's default
    if is_local(listen):
        return [], [
            f"whether a console that listens on {listen} only is no obstacle: xend knows of none, "
            f"and one source says that 0.0.0.0 is needed (vnclisten)"
        ]
    return [
        f"its VNC console listens on {listen}, an address that the other host does not have: set "
        f"vnclisten to 0.0.0.0, then stop and start it"
    ], []


def by_age(domain: Domain, now: float | Ovm3Error, host: HostView, minimum: float) -> Found:
    """A guest that reboots while xend takes it for too young is destroyed, and its start time moves
    with it: the clock of the target counts (xend.md 2).
    """
    if domain.start_time is None or isinstance(now, Ovm3Error):
        return [], [f"how old the guest is by the clock of {host.label}"]
    age = now - domain.start_time
    if age >= minimum:
        return [], []
    if age < 0:
        return [
            f"it was started {-age:.0f} s after the present time of {host.label}: xend there would "
            f"destroy it if it reboots; set the clocks right"
        ], []
    return [
        f"it was started {age:.0f} s ago by the clock of {host.label}: xend there would destroy it "
        f"if it reboots before it is {minimum:.0f} s old; wait"
    ], []


def by_mobility(config: VMConfig, domain: Domain) -> Found:
    """``nomigrate`` is refused by the target (xend.md 4). Of PCI devices no source says."""
    image = _image(domain)
    marks = (config.values.get("nomigrate"), image.get("nomigrate"))
    reasons = ["it has nomigrate=1: xend refuses to move it"] if any(map(_is_on, marks)) else []
    pci = [one for one in (config.values.get("pci"), image.get("pci")) if one]
    return reasons, ["whether a guest with PCI devices of its host can be moved"] if pci else []


def _image(domain: Domain) -> dict[str, object]:
    image = domain.parts[1] if domain.parts else None
    return image if isinstance(image, dict) else {}


def _is_on(value: object) -> bool:
    return bool(whole_number(value))


# ------------------------------------------------------------------ migrations that go on


def by_migrations(vm: VM, snapshot: EstateSnapshot, source: HostView, target: HostView) -> Found:
    """A host takes part in so many migrations at a time as its capabilities say (agent-behaviour
    8.2). One that is being saved is named as one that leaves (xend.md 1.4).
    """
    others = [one for one in snapshot.vms.values() if one.id != vm.id]
    leaving = [one for one in others if source.id in _sources(one)]
    coming = [one for one in others if target.id in _targets(one)]
    reasons = []
    if len(leaving) >= _limit(source, "MAX_CONCURRENT_MIGRATION_OUT"):
        names = ", ".join(one.label for one in leaving)
        reasons.append(f"{source.label} is moving away, or saving, VM {names}; wait for that")
    if len(coming) >= _limit(target, "MAX_CONCURRENT_MIGRATION_IN"):
        names = ", ".join(one.label for one in coming)
        reasons.append(f"{target.label} is receiving VM {names}; wait for that, or settle it")
    return reasons, []


def _limit(host: HostView, capability: str) -> int:
    return whole_number(host.server.capabilities.get(capability)) or 1


def _sources(vm: VM) -> set[str]:
    """The hosts that a VM is leaving, by xend and by its claim."""
    if vm.state is not State.MIGRATING:
        return set()
    return {one.host.id for one in vm.live if (one.domain.name or "").startswith(_LEAVING)}


def _targets(vm: VM) -> set[str]:
    """The hosts to which a VM is on its way."""
    found = {one.host.id for one in vm.live} - _sources(vm) if vm.state is State.MIGRATING else []
    claims = [one.guard.claim for one in vm.definitions if one.guard and one.guard.claim]
    return {*found, *(undashed(one.target) or "" for one in claims if one.kind == MOVING)}
