"""Emptying a host for maintenance: all VMs that run there are migrated, one after the other."""

from __future__ import annotations

from collections.abc import Sequence

from libcloud_ovm3.errors import Ovm3Error, PreconditionFailed
from libcloud_ovm3.estate.hosts import HostView, map_hosts, read_hardware
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.networks import NetworkList, read_networks
from libcloud_ovm3.estate.states import State
from libcloud_ovm3.estate.vms import VM, EstateSnapshot, read_estate
from libcloud_ovm3.operations import fits
from libcloud_ovm3.operations.limits import MIGRATE_LIMIT
from libcloud_ovm3.operations.migrate_vm import move, reasons_against
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.placement import chosen_views
from libcloud_ovm3.progress import waiting


def empty(
    estate: Estate,
    host_id: str,
    to: Sequence[str] | None = None,
    *,
    live: bool = True,
    limit: float = MIGRATE_LIMIT,
) -> tuple[list[str], list[str]]:
    """Migrate all VMs of a host to others: each to the one with the most free memory of those where
    it fits. The first that fails ends it.

    :param host_id: the host's uuid, address or name.
    :param to: hosts to which they may go; None: all others that were read.
    :param live: as for :func:`.migrate`.
    :param limit: seconds for each VM.
    :return: the ids of those that were moved, and notices for the user.
    :raises HostNotFound: there is no such host.
    :raises PreconditionFailed: one of them can go nowhere; has all reasons of all. None was moved.
    :raises OperationIncomplete: one failed when others had been moved, or it is lost; says which
        were moved, and which are left.
    :raises Ovm3Error: as :func:`.migrate`, if it was the first one.
    """
    operation = Operation(estate)
    snapshot = read_estate(estate, *fits.READS)
    [host] = chosen_views(snapshot.hosts, snapshot.unreachable, [host_id])
    left = _on(snapshot, host)
    _require_places(estate, snapshot, host, left, to, live)
    moved: list[VM] = []
    notices: list[str] = []
    for number, vm in enumerate(left, 1):
        with waiting(f"emptying {host.label}: VM {vm.name!r}, {number} of {len(left)}", vm=vm.id):
            try:
                said = _move_on(operation, vm.id, host, to, live, limit)
            except Ovm3Error as error:
                if not moved:
                    raise
                why = f"then VM {vm.label} failed, and nothing more was done: {error}"
                raise _not_empty(operation, host, moved, left[number - 1 :], why, error) from error
        moved += [vm] if said is not None else []
        notices += said or []
    if left:
        _require_none_left(operation, host, moved)
    return [vm.id for vm in moved], notices


def _on(snapshot: EstateSnapshot, host: HostView) -> list[VM]:
    """The VMs of which a host has a domain, by name.

    :raises PreconditionFailed: what it runs is not known, or is nobody's.
    """
    if host.domains_error is not None or host.unlisted:
        why = host.domains_error or f"xend does not list {', '.join(host.unlisted)}"
        raise PreconditionFailed(f"what {host.label} runs is not known: {why}")
    found = [vm for vm in snapshot.vms.values() if any(live.host is host for live in vm.live)]
    return sorted(found, key=lambda vm: (vm.name, vm.id))


def _candidates(
    snapshot: EstateSnapshot, host: HostView, to: Sequence[str] | None
) -> list[HostView]:
    """The hosts to which VMs may go."""
    hosts = chosen_views(snapshot.hosts, snapshot.unreachable, to) if to else snapshot.hosts
    others = [one for one in hosts if one is not host and one.id != host.id]
    if not others:
        raise PreconditionFailed(f"there is no other host to which the VMs of {host.label} may go")
    return others


def _require_places(
    estate: Estate,
    snapshot: EstateSnapshot,
    host: HostView,
    vms: Sequence[VM],
    to: Sequence[str] | None,
    live: bool,
) -> None:
    """Nothing is moved unless each has a place now."""
    if not vms:
        return
    others = _candidates(snapshot, host, to)
    networks = read_networks(estate, snapshot)
    lacking = []
    for vm in vms:
        fitting, against = _fitting(snapshot, networks, vm, others, live)
        if not fitting:
            lacking.append(f"VM {vm.label}: {'; '.join(against)}")
    if lacking:
        raise PreconditionFailed(
            f"nothing was moved away from {host.label}, as {len(lacking)} of its {len(vms)} VMs "
            f"can go nowhere: {'. '.join(lacking)}"
        )


def _fitting(
    snapshot: EstateSnapshot,
    networks: NetworkList,
    vm: VM,
    others: Sequence[HostView],
    live: bool,
) -> tuple[list[HostView], list[str]]:
    """The hosts where it fits, and what speaks against the others."""
    found = map_hosts(lambda one: reasons_against(snapshot, networks, vm, one, live)[0], others)
    able, against = [], []
    for one, reasons in zip(others, found, strict=True):
        if isinstance(reasons, Ovm3Error):
            against.append(str(reasons))
        elif reasons:
            against += reasons
        else:
            able.append(one)
    return able, list(dict.fromkeys(against))


def _move_on(
    operation: Operation,
    vm_id: str,
    host: HostView,
    to: Sequence[str] | None,
    live: bool,
    limit: float,
) -> list[str] | None:
    """Move one, by a reading of its own; one that has left the host meanwhile stays where it is.

    :return: notices for the user; None: it was not moved, as others have moved, stopped or
        destroyed it.
    """
    estate = operation.estate
    snapshot = read_estate(estate, *fits.READS)
    vm = snapshot.vms.get(vm_id)
    if vm is None and not snapshot.unseen:
        return None
    vm = snapshot.vm(vm_id)
    is_off = vm.state in (State.STOPPED, State.SUSPENDED) and not vm.live
    if is_off or (vm.live and not any(one.host.id == host.id for one in vm.live)):
        return None
    networks = read_networks(estate, snapshot)
    others = _candidates(snapshot, host, to)
    able, against = _fitting(snapshot, networks, vm, others, live)
    if not able:
        raise PreconditionFailed(
            f"VM {vm.label} can go nowhere: {'; '.join(against)}", nodes=[vm.summary]
        )
    free = [0 if isinstance(one, Ovm3Error) else one.free_bytes or 0 for one in read_hardware(able)]
    target = max(zip(free, able, strict=True), key=lambda pair: pair[0])[1]
    return move(operation, snapshot, networks, vm, target, live=live, limit=limit)


def _require_none_left(operation: Operation, host: HostView, moved: Sequence[VM]) -> None:
    """Check that nothing was started on the host meanwhile.

    :raises OperationIncomplete: something is there, or that is not known.
    """
    try:
        snapshot = read_estate(operation.estate)
        [now] = chosen_views(snapshot.hosts, snapshot.unreachable, [host.id])
        left = _on(snapshot, now)
    except Ovm3Error as error:
        why = f"what is left there is not known: {error}"
        raise _not_empty(operation, host, moved, (), why, error) from error
    if left:
        raise _not_empty(operation, host, moved, left, "others were started there meanwhile")


def _not_empty(
    operation: Operation,
    host: HostView,
    moved: Sequence[VM],
    left: Sequence[VM],
    why: str,
    error: Ovm3Error | None = None,
) -> Ovm3Error:
    what = "may not be" if not left else "is not"
    names, others = (", ".join(repr(vm.name) for vm in vms) or "none" for vms in (moved, left))
    where = f"{host.label} {what} empty"
    return operation.incomplete(
        f"{where}: moved: {names}; {why}" + (f"; left: {others}" if left else ""),
        left=tuple(vm.id for vm in left),
        nodes=[vm.summary for vm in left],
        host=error.host if error else str(host.address),
        function=error.function if error else "",
    )
