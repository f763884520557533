"""Who is pinned to which CPUs of which host, for licence audits. Pure.

A VM counts as pinned only where that is certain: in its vm.cfg, and, while it runs, in what its
host lists. What is unknown or not understood counts as not pinned.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from libcloud_ovm3.agent.documents import Hardware
from libcloud_ovm3.errors import Ovm3Error
from libcloud_ovm3.estate.settings import (
    Pins,
    cpus_text,
    defined_settings,
    live_settings,
    parse_cpus,
    pins_text,
)
from libcloud_ovm3.estate.states import State

if TYPE_CHECKING:
    from libcloud_ovm3.estate.hosts import HostView
    from libcloud_ovm3.estate.vms import VM, EstateSnapshot


def pinning(
    snapshot: EstateSnapshot, hardware: Sequence[Hardware | Ovm3Error]
) -> list[dict[str, Any]]:
    """All hosts with the VMs that they run; then VMs that no host runs, without a host.

    :param hardware: of each host of the snapshot.
    :return: see :meth:`.OVM3NodeDriver.ex_pinning_report`.
    """
    hosts = [
        _host(snapshot, host, found) for host, found in zip(snapshot.hosts, hardware, strict=True)
    ]
    away = [_unreachable(one.address, str(one.reason)) for one in snapshot.unreachable]
    off = [_vm(vm, None, None) for vm in snapshot.vms.values() if not vm.live]
    return [*hosts, *away, {**_NOWHERE, "vms": off}]


def _host(
    snapshot: EstateSnapshot, host: HostView, hardware: Hardware | Ovm3Error
) -> dict[str, Any]:
    known = Hardware() if isinstance(hardware, Ovm3Error) else hardware
    vms = [
        _vm(vm, host, known.cpus)
        for vm in snapshot.vms.values()
        if any(live.host is host for live in vm.live)
    ]
    reasons = [f"{vm['name']} ({vm['id']}): {vm['why']}" for vm in vms if not vm["is_pinned"]]
    reasons += [f"its VMs are not all known: {host.domains_error}"] if host.domains_error else []
    reasons += ["how many CPUs it has is not known"] if known.cpus is None else []
    pinned = frozenset().union(*(_cpus(vm) for vm in vms if vm["is_pinned"]))
    return {
        "host": host.server.hostname or host.address.host,
        "host_id": host.id,
        "address": str(host.address),
        "cpu_model": known.cpu_model or None,
        "cpus": known.cpus,
        "threads_per_core": known.threads_per_core,
        "pinned_cpus": cpus_text(pinned),
        "counted_cpus": known.cpus if reasons else len(pinned),
        "is_whole": bool(reasons),
        "reasons": reasons,
        "vms": vms,
    }


_NOWHERE: dict[str, Any] = {
    "host": None,
    "host_id": None,
    "address": None,
    "cpu_model": None,
    "cpus": None,
    "threads_per_core": None,
    "pinned_cpus": "",
    "counted_cpus": 0,
    "is_whole": False,
    "reasons": [],
}


def _unreachable(address: str, reason: str) -> dict[str, Any]:
    why = {"counted_cpus": None, "is_whole": True, "reasons": [f"it could not be read: {reason}"]}
    return {**_NOWHERE, "host": address, "address": address, **why, "vms": []}


def _vm(vm: VM, host: HostView | None, cpus: int | None) -> dict[str, Any]:
    """One VM, on one host that runs it; None: on none."""
    config = vm.definitions[0].config if len(vm.definitions) == 1 else None
    domains = [live.domain for live in vm.live if live.host is host]
    defined: Pins = defined_settings(config).pins if config else None
    live: Pins = live_settings(domains[0]).pins if len(domains) == 1 else None
    reasons = _why_not(defined, cpus, "its vm.cfg")
    if host is not None:
        adopted = any(one.is_adopted for one in domains)
        more = ", as xend was restarted since its start" if adopted else ""
        reasons += _why_not(live, cpus, "its live domain", more)
    if vm.state is State.UNKNOWN and host is None:
        reasons.append("where it runs is unknown")
    return {
        "id": vm.id,
        "name": vm.name,
        "state": vm.state.value,
        "defined_cpus": pins_text(defined),
        "live_cpus": pins_text(live),
        "is_pinned": not reasons,
        "why": "; ".join(reasons),
    }


def _why_not(pins: Pins, cpus: int | None, where: str, more: str = "") -> list[str]:
    """Why its pins there do not count."""
    if pins is None:
        return [f"the pin in {where} is not known{more}"]
    if not pins or not all(pins):
        return [f"{where} does not pin it"]
    if cpus is not None and any(len(one) >= cpus for one in pins):
        return [f"{where} lets it run on all {cpus} CPUs"]
    return []


def _cpus(vm: dict[str, Any]) -> frozenset[int]:
    both = (parse_cpus(vm["defined_cpus"] or ""), parse_cpus(vm["live_cpus"] or ""))
    return frozenset().union(*(one for one in both if one))
