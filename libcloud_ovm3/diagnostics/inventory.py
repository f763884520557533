"""The inventory: hosts, pools, repositories, networks and VMs, and what could not be read.

:func:`build_inventory` combines what was read (pure), :func:`as_json` returns the stable form
(docs/inventory-json.md). What could not be read is not left out: it is listed with an error, and
once more among the errors. Each kind of id has one spelling, whatever the agents write, so that
sections can be joined: VMs and pools dashed; hosts, repositories and Managers 32 hex digits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import Any

from libcloud_ovm3.agent import documents
from libcloud_ovm3.agent.config import DiskEntry, VMConfig
from libcloud_ovm3.agent.identifiers import dashed, undashed
from libcloud_ovm3.diagnostics.inventory_data import InventoryData, read_inventory_data
from libcloud_ovm3.diagnostics.volume_entries import (
    AttachmentInfo,
    SnapshotEntry,
    VolumeEntry,
    attachment_infos,
    volume_entries,
)
from libcloud_ovm3.errors import Ovm3Error
from libcloud_ovm3.estate.addresses import VMAddress
from libcloud_ovm3.estate.claim_data import guard_data
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.hosts import HostView, UnreachableHost
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.network_facts import device_entries, network_entries
from libcloud_ovm3.estate.repositories import Repository
from libcloud_ovm3.estate.shares import overlaps_among
from libcloud_ovm3.estate.vms import VM, LiveDomain

FORMAT = 1  # of as_json; the number changes when a key changes or is removed
_MIB = 1 << 20


@dataclass(frozen=True)
class HostEntry:
    """One host. What is not known of an unreachable host is ``""`` or None.

    :ivar status: ``ok``, ``unreachable``, ``unverified`` (not contacted: neither pin nor CA),
        ``password`` (it rejected user or password) or ``duplicate`` (another host has its uuid).
    :ivar id: 32 hex digits; of a host that reports no uuid, its address.
    :ivar boot_time: when it booted, by its own clock: ISO 8601, UTC; None: not known.
    :ivar owner: the Manager's uuid, 32 hex digits; None: no owner, or not known.
    :ivar vms: the number of live domains; None: not known.
    :ivar error: what could not be read of it, or why it could not be contacted.
    """

    name: str
    address: str
    status: str
    id: str = ""
    agent_version: str = ""
    ovm_version: str = ""
    xen_version: str = ""
    owner: str | None = None
    pool: str | None = None
    membership: str = ""
    roles: tuple[str, ...] = ()
    is_master: bool = False
    cpus: int | None = None
    memory_mb: int | None = None
    free_memory_mb: int | None = None
    vms: int | None = None
    boot_time: str | None = None
    error: str | None = None


@dataclass(frozen=True)
class PoolEntry:
    """A server pool, and the addresses at which its members are registered.

    :ivar id: dashed, as is :attr:`HostEntry.pool`.
    """

    id: str
    alias: str
    virtual_ip: str
    members: tuple[str, ...]


@dataclass(frozen=True)
class RepositoryEntry:
    """A repository.

    :ivar id: 32 hex digits.
    :ivar mounted_on: names of the hosts that have it mounted.
    :ivar mounted_on_ids: their ids, in the same order.
    :ivar not_mounted_on: names of the hosts that know it but have not mounted it.
    :ivar not_mounted_on_ids: their ids, in the same order.
    :ivar vms: the number of directories with a vm.cfg. None, also for the other numbers: not known.
    :ivar overlaps: exports that lie in each other, in words.
    """

    id: str
    alias: str
    location: str
    file_system: str
    owner: str | None
    mounted_on: tuple[str, ...]
    mounted_on_ids: tuple[str, ...]
    not_mounted_on: tuple[str, ...]
    not_mounted_on_ids: tuple[str, ...]
    vms: int | None
    disks: int | None
    templates: int | None
    isos: int | None
    overlaps: tuple[str, ...]
    error: str | None


@dataclass(frozen=True)
class DiskInfo:
    """A disk of a VM. ``path`` None: an empty drive, or an entry that is not understood."""

    device: str
    path: str | None
    mode: str
    is_cdrom: bool
    entry: str


@dataclass(frozen=True)
class NICInfo:
    """A network card of a VM. None: xend chooses.

    :ivar vlan: the VLAN number of its network; None: untagged, or not known.
    """

    mac: str | None
    bridge: str | None
    vlan: int | None = None


@dataclass(frozen=True)
class LiveInfo:
    """Where a VM runs: the host, and the domain there.

    :ivar vnc_listen: the address on which its VNC console listens now; None: none, or not known.
    :ivar vnc_port: its TCP port, likewise.
    """

    host: str
    host_id: str
    address: str
    domid: int | None
    xend_name: str | None
    vnc_listen: str | None
    vnc_port: int | None


@dataclass(frozen=True)
class DefinitionInfo:
    """Where a VM is defined: id of the repository, directory.

    :ivar error: why its vm.cfg cannot be read.
    """

    repository: str
    directory: str
    error: str | None


@dataclass(frozen=True)
class VMEntry:
    """One VM: its state (docs/guarantees.md), where it runs, and the contents of its vm.cfg.

    :ivar memory_mb: of the running domain, else from its vm.cfg; likewise ``vcpus``.
    :ivar ha: the agent's HA flag; None: not known, or not exactly one definition.
    :ivar description: None: it has none, or as for ``ha``; likewise ``domain_type``.
    :ivar metadata: What users have recorded of it; None: unknown; likewise ``tags``.
    :ivar claim: As :func:`.guard_data` returns it; None: it has none, or as for ``ha``.
    """

    id: str
    name: str
    state: str
    live: tuple[LiveInfo, ...]
    definitions: tuple[DefinitionInfo, ...]
    memory_mb: int | None
    vcpus: int | None
    disks: tuple[DiskInfo, ...]
    nics: tuple[NICInfo, ...]
    ha: bool | None
    attachments: tuple[AttachmentInfo, ...] = ()
    addresses: tuple[VMAddress, ...] = ()
    description: str | None = None
    domain_type: str | None = None
    metadata: dict[str, str] | None = None
    tags: tuple[str, ...] | None = None
    claim: dict[str, Any] | None = None


@dataclass(frozen=True)
class Inventory:
    """The inventory. ``errors``: everything that could not be read, one text each.

    ``volumes`` and ``snapshots`` are the virtual disks, as far as listings show them; ``networks``
    and ``network_devices`` what :mod:`.network_facts` says of each.
    """

    hosts: tuple[HostEntry, ...]
    pools: tuple[PoolEntry, ...]
    repositories: tuple[RepositoryEntry, ...]
    vms: tuple[VMEntry, ...]
    errors: tuple[str, ...]
    volumes: tuple[VolumeEntry, ...] = ()
    snapshots: tuple[SnapshotEntry, ...] = ()
    networks: tuple[dict[str, Any], ...] = ()
    network_devices: tuple[dict[str, Any], ...] = ()


def take_inventory(estate: Estate) -> Inventory:
    """Read the estate and return its inventory.

    :raises Ovm3Error: no host could be read.
    """
    return build_inventory(read_inventory_data(estate))


def as_json(inventory: Inventory) -> dict[str, Any]:
    """Return the inventory in the stable form: plain values only, ``format`` first."""
    plain = {"format": FORMAT, **asdict(inventory)}
    for host in plain["hosts"]:
        if host["status"] != "ok":  # null: not known, neither empty nor false
            host.update(dict.fromkeys(_REPORTED_BY_HOST))
    return plain


_REPORTED_BY_HOST = (
    "id agent_version ovm_version xen_version owner pool membership roles is_master".split()
)


# ------------------------------------------------------------------ combining


def build_inventory(data: InventoryData) -> Inventory:
    """Combine what was read into an inventory. Pure."""
    snapshot = data.snapshot
    hosts = [
        _host(view, hardware, pool)
        for view, hardware, pool in zip(snapshot.hosts, data.hardware, data.pools, strict=True)
    ]
    hosts += [_unreachable(one) for one in snapshot.unreachable]
    pools: dict[str, PoolEntry] = {}
    for pool in data.pools:
        if isinstance(pool, documents.ServerPool):
            pool_id = dashed(pool.uuid) or pool.uuid
            entry = PoolEntry(pool_id, pool.alias, pool.virtual_ip, pool.members)
            pools.setdefault(pool_id, entry)
    errors = snapshot.errors()
    errors += [str(e) for e in (*data.hardware, *data.pools) if isinstance(e, Ovm3Error)]
    errors += data.networks.errors()
    networks = network_entries(data.networks)
    vlans = {one["name"]: one["vlan"] for one in networks}
    volumes, snapshots = volume_entries(snapshot)
    overlaps = overlaps_among(snapshot.repositories)
    return Inventory(
        hosts=tuple(hosts),
        pools=tuple(pools.values()),
        repositories=tuple(
            _repository(one, snapshot.hosts, overlaps.get(one.key, ()))
            for one in snapshot.repositories
        ),
        vms=tuple(_vm(vm, vlans) for vm in snapshot.vms.values()),
        errors=tuple(errors),
        volumes=volumes,
        snapshots=snapshots,
        networks=networks,
        network_devices=device_entries(data.networks),
    )


def _host(
    view: HostView,
    hardware: documents.Hardware | Ovm3Error,
    pool: documents.ServerPool | Ovm3Error | None,
) -> HostEntry:
    server = view.server
    known = None if isinstance(hardware, Ovm3Error) else hardware
    more = [str(error) for error in (hardware, pool) if isinstance(error, Ovm3Error)]
    return HostEntry(
        name=server.hostname or view.address.host,
        address=str(view.address),
        status="ok",
        id=view.id,
        agent_version=server.agent_version,
        ovm_version=server.ovm_version,
        xen_version=server.hypervisor_version,
        owner=server.manager_uuid,
        pool=server.pool_uuid,
        membership=server.membership,
        roles=server.roles,
        is_master=server.is_master,
        cpus=known.cpus if known else None,
        memory_mb=_mib(known.memory_bytes) if known else None,
        free_memory_mb=_mib(known.free_bytes) if known else None,
        vms=None if view.domains_error else len(view.domains),
        boot_time=_utc(server.boot_time),
        error="; ".join([*view.errors, *more]) or None,
    )


def _unreachable(one: UnreachableHost) -> HostEntry:
    return HostEntry(name=one.address, address=one.address, status=one.kind, error=str(one.reason))


def _repository(
    one: Repository, views: tuple[HostView, ...], overlaps: Sequence[str]
) -> RepositoryEntry:
    content, record = one.content, one.record
    knowing = [view for view in views if any(r.key == one.key for r in view.repositories)]
    mounted = {view.address for view in one.mounted_on}
    unmounted = [view for view in knowing if view.address not in mounted]
    with_cfg = [f for f in content.virtual_machines if "vm.cfg" in f.files] if content else None
    return RepositoryEntry(
        id=one.key,
        alias=record.alias,
        location=record.fs_location,
        file_system=record.fs_type,
        owner=record.manager_uuid,
        mounted_on=tuple(name_of(view) for view in one.mounted_on),
        mounted_on_ids=tuple(view.id for view in one.mounted_on),
        not_mounted_on=tuple(name_of(view) for view in unmounted),
        not_mounted_on_ids=tuple(view.id for view in unmounted),
        vms=None if with_cfg is None else len(with_cfg),
        disks=len(content.virtual_disks) if content else None,
        templates=len(content.templates) if content else None,
        isos=len(content.isos) if content else None,
        overlaps=tuple(overlaps),
        error=one.error,
    )


def _vm(vm: VM, vlans: Mapping[str, int | None]) -> VMEntry:
    definitions = tuple(
        DefinitionInfo(undashed(d.repository_id) or d.repository_id, d.directory, d.error)
        for d in vm.definitions
    )
    one = vm.definitions[0] if len(vm.definitions) == 1 else None
    config = (one and one.config) or VMConfig({})
    domain = vm.live[0].domain if len(vm.live) == 1 else None
    memory = domain.memory_mb if domain else None
    vcpus = domain.vcpus if domain else None
    return VMEntry(
        id=vm.id,
        name=vm.name,
        state=vm.state.value,
        live=tuple(_live(one) for one in vm.live),
        definitions=definitions,
        memory_mb=memory if memory is not None else config.memory_mb,
        vcpus=vcpus if vcpus is not None else config.vcpus,
        disks=tuple(_disk(disk) for d in vm.definitions for disk in d.disks),
        nics=tuple(
            NICInfo(vif.mac, vif.bridge, vlans.get(vif.bridge or ""))
            for definition in vm.definitions
            for vif in definition.vifs
        ),
        ha=has_ha(one) if one else None,
        attachments=attachment_infos(vm),
        addresses=vm.addresses,
        description=config.description or None,
        domain_type=config.domain_type or None,
        metadata=None if vm.metadata is None else dict(vm.metadata.metadata),
        tags=None if vm.metadata is None else vm.metadata.tags,
        claim=guard_data(one.guard) if one else None,
    )


def _live(one: LiveDomain) -> LiveInfo:
    vnc = one.domain.vnc
    return LiveInfo(
        host=name_of(one.host),
        host_id=one.host.id,
        address=str(one.host.address),
        domid=one.domain.domid,
        xend_name=one.domain.name,
        vnc_listen=vnc.listen if vnc else None,
        vnc_port=vnc.port if vnc else None,
    )


def _utc(seconds: int | None) -> str | None:
    """Seconds since 1970 as ISO 8601; None: not known, or beyond the year 9999, Python's last."""
    if seconds is None:
        return None
    try:
        moment = datetime.fromtimestamp(seconds, timezone.utc)
    except (OverflowError, ValueError, OSError):
        return None
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _disk(disk: DiskEntry) -> DiskInfo:
    return DiskInfo(disk.device, disk.path, disk.mode, disk.is_cdrom, disk.text)


def name_of(view: HostView) -> str:
    """Return the name of a host for lists."""
    return view.name


def has_ha(definition: Definition) -> bool | None:
    """Return whether a VM has the agent's HA flag; None: not known."""
    if definition.config is None:
        return None
    is_set = "OVM_high_availability" in definition.config.values
    return definition.config.is_high_availability if is_set else False


def _mib(size_bytes: int | None) -> int | None:
    return None if size_bytes is None else size_bytes // _MIB
