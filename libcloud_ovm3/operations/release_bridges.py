"""Bridges over VLANs that nobody needs any more: those that starts have made go with their last VM.

Only the host module (API 3) does that, which has recorded what it has made, and for which VMs. A
record is released by the operation that is in it: another client that starts the VM again replaces
that, so what it relies on stays, whoever comes late with a release.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from libcloud_ovm3.errors import Ovm3Error, ReadOnly
from libcloud_ovm3.estate.cards import certainly_lacks
from libcloud_ovm3.estate.hosts import HostView, map_hosts
from libcloud_ovm3.estate.interface_names import split_vlan
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.states import State
from libcloud_ovm3.estate.vm_bridges import bridges_of
from libcloud_ovm3.estate.vms import VM, EstateSnapshot, read_estate
from libcloud_ovm3.operations import network_doors
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.placement import is_host, require_host
from libcloud_ovm3.progress import waiting

if TYPE_CHECKING:
    from libcloud_ovm3.agent.host_bridges import KernelBridge

OLD = 900  # seconds; a start does not wait that long after it has recorded its VM


@dataclass(frozen=True)
class Use:
    """That a host keeps a bridge for a VM.

    :ivar taken: the operation that has recorded it.
    :ivar age_seconds: since then, by the host's own clock.
    """

    host: HostView
    bridge: str
    user: str
    taken: str
    age_seconds: int = 0

    @property
    def label(self) -> str:
        """How messages name the bridge."""
        return f"bridge {self.bridge} on {self.host.label}"


def read_uses(
    hosts: Sequence[HostView],
    vm_id: str,
    bridges: Iterable[str],
    live_on: Sequence[HostView] = (),
) -> list[Use]:
    """Which bridges these hosts keep for a VM: one call per host with a module of API 3. If it has
    no card on a bridge over a VLAN, only the hosts are asked where it is live: there it may have
    had one, and the client that detached it was killed.

    A host that cannot be read keeps what it has: :func:`release_unused` finds it later.

    :param bridges: those that its cards are on.
    """
    if not any(split_vlan(bridge) for bridge in bridges):
        hosts = live_on
    return [one for one in _read_all(hosts)[0] if one.user == vm_id]


def settled(uses: Iterable[Use], live_on: Sequence[HostView] = ()) -> list[Use]:
    """Those that are not of a start that another client may be at: of hosts where the VM was live,
    and what is old. The others go with the next :func:`release_unused`.
    """
    at = {host.id for host in live_on}
    return [use for use in uses if use.host.id in at or use.age_seconds >= OLD]


def bridges_of_vm(vm: VM) -> list[str]:
    """The bridges that its cards are on, as its definitions and its domains have them."""
    defined = [bridge for one in vm.definitions for bridge in bridges_of(one.config)]
    return defined + [card.bridge or "" for one in vm.live for card in one.domain.cards]


def _read_all(
    hosts: Sequence[HostView],
) -> tuple[list[Use], list[tuple[HostView, KernelBridge]], list[str]]:
    """All that the hosts have recorded, the bridges that their modules have made, and what could
    not be read.
    """
    asked = [host for host in hosts if host.module3 is not None]
    uses: list[Use] = []
    made: list[tuple[HostView, KernelBridge]] = []
    errors: list[str] = []
    for host, found in zip(asked, map_hosts(_bridges, asked), strict=True):
        if isinstance(found, Ovm3Error):
            errors.append(f"{host.label}: the records of its bridges cannot be read: {found}")
            continue
        for one in found:
            if one.error is not None:
                errors.append(f"{host.label}: bridge {one.bridge} cannot be read: {one.error}")
            uses += [
                Use(host, one.bridge, user.user, user.operation, user.age_seconds)
                for user in one.users
            ]
            made += [(host, one)] if one.made else []
    return uses, made, errors


def _bridges(host: HostView) -> tuple[KernelBridge, ...]:
    return host.module3.bridges() if host.module3 is not None else ()


def release(operation: Operation, uses: Iterable[Use]) -> list[str]:
    """Release these, and with each the bridge, if that has no other user.

    :return: notices for the user: what may be left. It prevents nothing, and goes with the next
        :func:`release_unused`.
    """
    return _release_each(operation, uses)[1]


def _release_each(operation: Operation, uses: Iterable[Use]) -> tuple[list[str], list[str]]:
    """Which bridges were removed, and notices for the user."""
    removed, notices = [], []
    for use in uses:
        module = use.host.module3
        if module is None:
            continue
        try:
            left = network_doors.release_bridge(operation, module, use.user, use.bridge, use.taken)
            if left.removed:
                removed.append(use.label)
            elif left.addresses and not left.users and not left.ports:  # no guest will free it
                notices.append(
                    f"{use.label} stays, although no node needs it, as it or its VLAN device has "
                    f"the address {', '.join(left.addresses)}: remove that on the host, or the "
                    f"bridge with ex_delete_network({use.bridge!r})"
                )
        except ReadOnly:
            raise
        except Ovm3Error as error:
            notices.append(
                f"{use.label} may be left although nobody needs it: {error}; "
                f"ex_release_networks removes it later"
            )
    return removed, notices


# ------------------------------------------------------------------ what nobody has released


@dataclass(frozen=True)
class Unused:
    """What hosts keep although nobody needs it.

    :ivar uses: records of VMs that are not live there, or have no card on the bridge.
    :ivar empty: bridges that are recorded for no VM, and have no port but their own.
    :ivar notices: what could not be read, and where nothing can be removed.
    """

    uses: tuple[Use, ...]
    empty: tuple[Use, ...]
    notices: tuple[str, ...] = ()


def release_unused(estate: Estate, host_id: str | None = None) -> tuple[list[str], list[str]]:
    """Remove the bridges over VLANs that starts have made and that nobody needs any more.

    A VM that has shut down by itself, or whose client was killed, is still recorded. It counts no
    longer if it is certain, twice, that it is not live anywhere or only elsewhere, and if its
    record is old enough not to be that of a start that goes on. The same if it is live there, but
    has no card on the bridge.

    :param host_id: of this host only, by its uuid, address or name; None: of all.
    :return: the bridges that were removed, and notices for the user.
    :raises HostNotFound: there is no such host.
    :raises Ovm3Error: no host answered.
    """
    operation = Operation(estate)
    first = _read_unused(estate, host_id)
    if not first.uses and not first.empty:
        return [], list(first.notices)
    seconds = estate.second_look
    with waiting(f"reading all hosts again in {seconds:g} s, before bridges are removed"):
        estate.clock.sleep(seconds)
    second = _read_unused(estate, host_id)
    known = {_key(use) for use in (*first.uses, *first.empty)}
    uses = [use for use in (*second.uses, *second.empty) if _key(use) in known]
    removed, notices = _release_each(operation, uses)
    return removed, [*second.notices, *notices]


def _key(use: Use) -> tuple[str, str, str, str]:
    return use.host.id, use.bridge, use.user, use.taken


def _read_unused(estate: Estate, host_id: str | None) -> Unused:
    snapshot = read_estate(estate)
    if host_id is not None:
        require_host(snapshot.hosts, snapshot.unreachable, host_id)
    hosts = [host for host in snapshot.hosts if host_id is None or is_host(host, host_id)]
    uses, made, errors = _read_all(hosts)
    old = [use for use in uses if use.age_seconds >= OLD]
    empty = [
        Use(host, one.bridge, "", "") for host, one in made if not one.users and len(one.ports) <= 1
    ]
    notices = [*snapshot.errors(), *errors]
    lacking = [host.label for host in hosts if host.module3 is None]
    if lacking:
        notices.append(
            f"on {', '.join(lacking)} nothing is removed: that needs the host module of API 3 "
            f"(`ovm3 host install`). Without it, ex_delete_network removes what no VM needs"
        )
    return Unused(
        tuple(use for use in old if _is_unneeded(snapshot, use)), tuple(empty), tuple(notices)
    )


def _is_unneeded(snapshot: EstateSnapshot, use: Use) -> bool:
    """Whether a VM is certainly not live on the host that keeps a bridge for it, or is without a
    card on it, as after an attachment whose client was killed.
    """
    vm = snapshot.vms.get(use.user)
    if snapshot.unseen or snapshot.hosts_off:
        return False
    if vm is None:
        return not snapshot.errors()
    if vm.doubts:
        return False
    if not vm.live:
        return vm.state in (State.STOPPED, State.PENDING, State.SUSPENDED)
    places = [live.host.id for live in vm.live]
    if vm.state is not State.RUNNING or len(places) != 1:
        return False
    return places[0] != use.host.id or certainly_lacks(vm, use.bridge)
