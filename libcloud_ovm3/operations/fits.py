"""Whether a VM would start on a host, or could be moved there: everything that speaks against it,
at once. Reads only.

What a start itself checks right before it is sent stays where it is (:mod:`.start_vm`): this one
reading may be out of date by then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from libcloud_ovm3.agent.config import VMConfig
from libcloud_ovm3.agent.disk import DiskEntry, parse_disk
from libcloud_ovm3.errors import InvalidArgument, Ovm3Error, PreconditionFailed
from libcloud_ovm3.estate import fitting
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.disk_files import list_disk_files
from libcloud_ovm3.estate.fitting import Fit, Found
from libcloud_ovm3.estate.holders import ask_holders, identities, is_elsewhere, obstacles
from libcloud_ovm3.estate.hosts import (
    BOOT_TIME,
    HARDWARE,
    HostView,
    host_clock,
    map_hosts,
    read_hardware,
)
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.networks import NETWORK, NetworkList, read_networks
from libcloud_ovm3.estate.physical import lun_key, read_luns
from libcloud_ovm3.estate.vm_bridges import bridges_of
from libcloud_ovm3.estate.vms import VM, EstateSnapshot, LiveDomain, read_estate
from libcloud_ovm3.operations.limits import MINIMUM_AGE
from libcloud_ovm3.operations.placement import chosen_views, repositories_of
from libcloud_ovm3.operations.presence import written
from libcloud_ovm3.operations.same_macs import require_own_macs
from libcloud_ovm3.operations.start_vm import why_not_startable
from libcloud_ovm3.operations.vlan_support import why_lacking

START, MIGRATE, MIGRATE_LIVE = "start", "migrate", "migrate live"
HOWS = (START, MIGRATE, MIGRATE_LIVE)
READS = (HARDWARE, NETWORK, BOOT_TIME)  # what the snapshot should bring: fewer calls then

_ACCEPTS = (
    "whether its xend accepts migrations from there (xend-relocation-server, hosts-allow): no host "
    "tells"
)


def fits(estate: Estate, vm_id: str, host_id: str, how: str | None = None) -> Fit:
    """Whether a VM would start on a host, or could be moved there.

    :param host_id: the host's uuid, address or name.
    :param how: one of HOWS; None: a live migration of one that is live, a start of any other.
    :raises NodeNotFound: there is no such VM.
    :raises HostNotFound: there is no such host.
    :raises SearchIncomplete: one of them was not found, and not everything could be read.
    """
    if how is not None and how not in HOWS:
        raise InvalidArgument(f"ex_how {how!r}: expected one of {', '.join(map(repr, HOWS))}")
    snapshot = read_estate(estate, *READS)
    vm = snapshot.vm(vm_id)
    [host] = chosen_views(snapshot.hosts, snapshot.unreachable, [host_id])
    networks = read_networks(estate, snapshot)
    found = examine(snapshot, networks, vm, host, how=how or (MIGRATE_LIVE if vm.live else START))
    if found.how != START or vm.live or len(vm.definitions) != 1:
        return found
    held = obstacles(ask_holders(estate, snapshot.hosts), vm.definition)
    return fitting.joined(START, [(list(found.reasons), list(found.unknown)), (held, [])])


def reasons(
    snapshot: EstateSnapshot, networks: NetworkList, vm: VM, host: HostView, *, how: str
) -> list[str]:
    """All reasons of :func:`examine`; empty: nothing speaks against it."""
    return list(examine(snapshot, networks, vm, host, how=how).reasons)


def examine(
    snapshot: EstateSnapshot, networks: NetworkList, vm: VM, host: HostView, *, how: str
) -> Fit:
    """Whether a VM would start on a host, or could be moved there, by one reading of the estate.

    What holds its disks open by the host module is not looked at: :func:`.require_free` waits for
    that.

    :param snapshot: with READS, else each costs a call of both hosts.
    :param host: one of the snapshot's.
    :param how: one of HOWS.
    """
    try:
        definition = vm.definition
    except PreconditionFailed as error:
        return Fit(how, (str(error),))
    config = definition.config
    doubts = [*vm.doubts, *([definition.error] if definition.error else [])]
    if doubts or config is None:
        return Fit(how, tuple(f"what it is, or where it runs, is unclear: {one}" for one in doubts))
    if how == START:
        return fitting.joined(how, _of_start(snapshot, networks, vm, host, config))
    migrating = fitting.why_not_migratable(vm, host)
    if not vm.live or migrating:  # the rest is about a domain that there is not
        return Fit(how, tuple(migrating))
    is_live = how == MIGRATE_LIVE
    return fitting.joined(how, _of_migration(snapshot, networks, vm, host, config, is_live))


# ------------------------------------------------------------------ a start


def _of_start(
    snapshot: EstateSnapshot,
    networks: NetworkList,
    vm: VM,
    host: HostView,
    config: VMConfig,
) -> Iterator[Found]:
    definition = vm.definition
    yield [why for why in [why_not_startable(vm, snapshot)] if why], []
    yield from _of_both(snapshot, networks, vm, host, config, definition.disks, None)
    yield fitting.by_memory(config, None, host, read_hardware([host])[0])
    yield _of_macs(vm, snapshot), []
    yield _of_writers(snapshot, definition), []


def _of_macs(vm: VM, snapshot: EstateSnapshot) -> list[str]:
    others = [one for one in snapshot.vms.values() if one.id != vm.id]
    try:
        require_own_macs(f"VM {vm.label}", vm.definition.vifs, others, summary=vm.summary)
    except PreconditionFailed as error:
        return [str(error)]
    return []


def _of_writers(snapshot: EstateSnapshot, definition: Definition) -> list[str]:
    """Which live domains write to its disks, by the lists of hosts without the host module: of
    others it is known what holds them open.
    """
    return [
        f"{path} is open for writing by {domain.label} on {host.label}"
        for host in snapshot.hosts
        if host.module is None
        for domain in host.domains
        if domain.uuid != definition.uuid
        for path in written(domain, definition)
    ]


# ------------------------------------------------------------------ a migration


def _of_migration(
    snapshot: EstateSnapshot,
    networks: NetworkList,
    vm: VM,
    host: HostView,
    config: VMConfig,
    is_live: bool,
) -> Iterator[Found]:
    [live] = vm.live
    source, domain = live.host, live.domain
    hardware = read_hardware([source, host])
    [now] = map_hosts(host_clock, [host])
    disks = [*vm.definition.disks, *_live_disks(live)]
    yield fitting.by_pool(source, host)
    yield from _of_both(snapshot, networks, vm, host, config, disks, live)
    yield fitting.by_processors(source, host, hardware)
    yield fitting.by_memory(config, domain.memory_mb, host, hardware[1])
    if is_live:
        yield fitting.by_source_memory(config, domain.memory_mb, source, hardware[0])
    yield fitting.by_screen(config, domain)
    yield fitting.by_mobility(config, domain)
    yield fitting.by_age(domain, now, host, MINIMUM_AGE)
    yield fitting.by_migrations(vm, snapshot, source, host)
    yield [], [_ACCEPTS]


def _live_disks(live: LiveDomain) -> list[DiskEntry]:
    """What the domain has open, which may be more than its vm.cfg says."""
    return [
        parse_disk(f"{one.uname},{one.device}{':cdrom' if one.is_cdrom else ''},{one.mode}")
        for one in live.domain.block_devices
        if one.uname
    ]


# ------------------------------------------------------------------ both


def _of_both(
    snapshot: EstateSnapshot,
    networks: NetworkList,
    vm: VM,
    host: HostView,
    config: VMConfig,
    disks: Sequence[DiskEntry],
    live: LiveDomain | None,
) -> Iterator[Found]:
    ids = repositories_of(snapshot, vm.definition, disks)
    yield fitting.by_repositories(snapshot, ids, host)
    hosts = [host] if live is None else [live.host, host]
    yield fitting.by_claims(vm, hosts, moves=live is not None)
    yield fitting.by_names(vm, host)
    yield fitting.by_virtualization(config, host)
    yield _of_networks(networks, vm, host, live)
    yield _of_files(snapshot, disks, host)
    yield _of_luns(disks, host, live)
    yield fitting.by_screen_port(vm, host)


def _of_networks(networks: NetworkList, vm: VM, host: HostView, live: LiveDomain | None) -> Found:
    """Its bridges have to be there, or such that a start or a migration makes them."""
    cards = live.domain.cards if live else vm.definition.vifs
    named = [*bridges_of(vm.definition.config), *(one.bridge for one in cards if one.bridge)]
    try:
        lacking = why_lacking(networks.on(host), list(dict.fromkeys(named)), networks.labels)
    except Ovm3Error as error:
        lacking = [str(error)]
    open_ = [f"which bridge of {host.label} a card gets that names none"]
    return [f"{host.label}: {why}" for why in lacking], [] if all(
        c.bridge for c in cards
    ) else open_


def _of_files(snapshot: EstateSnapshot, disks: Sequence[DiskEntry], host: HostView) -> Found:
    """The files of its disks and drives have to be there: a guest that was moved is lost without
    one (xend.md 4.1).
    """
    files = [one for one in disks if one.path and not one.is_physical]
    paths = list(dict.fromkeys(one.path for one in files if one.path))
    paths = [path for path in paths if not is_elsewhere(host, path)]  # said of its repository
    if not paths:
        return [], []
    if host.module is None:
        listed = list_disk_files(snapshot.repositories, files)
        gone = [one.path for one in listed if one.is_missing]
        return [f"{path} does not exist" for path in gone], [
            f"whether {host.label} sees the files of its disks: it has no host module"
        ]
    try:
        found = identities(host, host.module, paths)
    except Ovm3Error as error:
        return [], [f"whether {host.label} sees the files of its disks: {error}"]
    missing = [path for path in paths if found[path].is_missing]
    unclear = [
        f"what is at {path} on {host.label}: {found[path].error}"
        for path in paths
        if found[path].error
    ]
    return [f"{path} does not exist on {host.label}" for path in missing], unclear


def _of_luns(disks: Sequence[DiskEntry], host: HostView, live: LiveDomain | None) -> Found:
    """Its physical disks have to be seen there by the same names, and be the same disks."""
    paths = list(dict.fromkeys(one.path for one in disks if one.path and one.is_physical))
    if not paths:
        return [], []
    luns = read_luns([host] if live is None else [live.host, host])
    if luns.unread:
        return [], [f"whether {host.label} sees its physical disks: {'; '.join(luns.unread)}"]
    reasons, unknown = [], []
    for path in paths:
        there = [one for one in luns.by_path.get(path, ()) if path in one.paths.get(host.id, ())]
        if not there and host.module2 is not None:
            reasons.append(f"{host.label} does not see the physical disk {path}")
        elif not there or (live is not None and not there[0].wwid):
            unknown.append(f"whether {path} is the same physical disk on {host.label}")
        elif live is not None and lun_key(path, luns) != there[0].id:
            reasons.append(f"{path} is another physical disk on {host.label}")
    return reasons, unknown
