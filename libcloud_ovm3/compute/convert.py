"""The estate's objects -> libcloud's, and libcloud's -> ids. Pure: nothing is sent from here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from libcloud.compute.base import KeyPair, Node, NodeDriver, NodeImage, NodeLocation, NodeSize
from libcloud.compute.types import NodeState

from libcloud_ovm3 import agent, estate
from libcloud_ovm3.agent import documents
from libcloud_ovm3.compute.records import ips_of
from libcloud_ovm3.errors import InvalidArgument, Ovm3Error
from libcloud_ovm3.estate.states import State

if TYPE_CHECKING:
    from libcloud_ovm3.agent.config import VncOptions
    from libcloud_ovm3.agent.documents import Hardware
    from libcloud_ovm3.estate.definitions import Definition
    from libcloud_ovm3.estate.disks import Orphan
    from libcloud_ovm3.estate.hosts import HostView, UnreachableHost
    from libcloud_ovm3.estate.hosts_off import HostOff
    from libcloud_ovm3.estate.images import Image
    from libcloud_ovm3.estate.key_pairs import KeyPairRecord
    from libcloud_ovm3.estate.vms import VM, LiveDomain

# The names are the same in both today, but libcloud may change its own.
NODE_STATES = {
    State.RUNNING: NodeState.RUNNING,
    State.PAUSED: NodeState.PAUSED,
    State.PENDING: NodeState.PENDING,
    State.REBOOTING: NodeState.REBOOTING,
    State.MIGRATING: NodeState.MIGRATING,
    State.STOPPING: NodeState.STOPPING,
    State.STOPPED: NodeState.STOPPED,
    State.SUSPENDED: NodeState.SUSPENDED,
    State.ERROR: NodeState.ERROR,
    State.UNKNOWN: NodeState.UNKNOWN,
}

# id, name, memory in MB, virtual CPUs. Disk 0: as large as the template.
_SIZES: tuple[tuple[str, str, int, int], ...] = (
    ("tiny", "Tiny", 512, 1),
    ("small", "Small", 1024, 1),
    ("medium", "Medium", 2048, 2),
    ("large", "Large", 4096, 2),
    ("xlarge", "Extra large", 8192, 4),
    ("2xlarge", "Double extra large", 16384, 8),
)


def object_id(what: object) -> str:
    """An object's id, from the object or from the id itself."""
    return str(getattr(what, "id", what))


def object_ids(location: Sequence[Any] | Any | None) -> list[str] | None:
    """The ids of hosts that a user names, one or several; None: all hosts."""
    if location is None:
        return None
    several = [location] if isinstance(location, str) or hasattr(location, "id") else [*location]
    return [object_id(one) for one in several]


def to_sizes(driver: NodeDriver) -> list[NodeSize]:
    """The built-in sizes. ``extra``: ``cpus``."""
    return [_size(driver, *row) for row in _SIZES]


def _size(driver: NodeDriver, key: str, name: str, ram: int, cpus: int) -> NodeSize:
    return NodeSize(key, name, ram, 0, None, 0.0, driver, extra={"cpus": cpus})


def as_size(size: NodeSize | str, driver: NodeDriver) -> NodeSize:
    """A size, from the object or from the id of a built-in one.

    :raises InvalidArgument: There is no such size.
    """
    if isinstance(size, NodeSize):
        return size
    for row in _SIZES:
        if row[0] == size:
            return _size(driver, *row)
    expected = ", ".join(row[0] for row in _SIZES)
    raise InvalidArgument(f"size {size!r}: expected a NodeSize, or one of {expected}")


def _node_size(vm: VM, driver: NodeDriver) -> NodeSize | None:
    """The size that a VM has when it is started; None: it has no definition that can be read, or
    several. Not the live domain's memory, which is the target of its balloon at this moment.
    """
    config = vm.definitions[0].config if len(vm.definitions) == 1 else None
    memory_mb, vcpus = (config.memory_mb, config.vcpus) if config else (None, None)
    if memory_mb is None or vcpus is None:
        return None
    for row in _SIZES:
        if row[2:] == (memory_mb, vcpus):
            return _size(driver, *row)
    return _size(driver, "custom", f"{memory_mb} MB, {vcpus} CPUs", memory_mb, vcpus)


def to_node(vm: VM, driver: NodeDriver, hosts_off: Sequence[HostOff] = ()) -> Node:
    """A VM as a Node. Its addresses are those that are known (docs/networks.md).

    ``extra``:

    * ``live``: where it is live, one dict per host: ``host``, ``host_id``, ``address``, ``domid``,
      ``xend_name``, ``xend_state``, ``status``, ``memory_mb``, ``vcpus``, ``start_time``,
      ``vnc_listen`` and ``vnc_port`` (where its console listens now; None: nowhere yet);
    * ``definitions``: ``repository_id``, ``directory``, ``error``;
    * of a node that is live in one place, or defined once, the same keys directly; ``memory_mb``
      and ``vcpus`` of a stopped node are those of its definition, as numbers;
    * of its one definition also ``xend_name``, ``description``, ``domain_type``, ``is_hvm``,
      ``high_availability`` (None: not stated), ``max_memory_mb``, ``max_vcpus``, ``disks`` (paths),
      ``system_disk`` (the first that is not a CD), ``shared_disks``, ``cdroms`` (None: empty),
      ``nics`` (``mac``, ``bridge``, ``type``), ``vnc`` (``listen``, ``display``,
      ``takes_any_port``: as configured; no password) and ``notices`` (what is unusual about it);
    * ``addresses``: ``address``, ``mac`` and ``network`` of its card, ``source`` (``recorded``,
      ``neighbours`` or ``dhcp``), ``is_public``;
    * ``missing_nics``, if there are any: network cards that a change has detached and, being
      interrupted, not attached again: ``mac``, ``network``, ``entry`` (in ``vm.cfg``),
      ``position``, ``to`` (what it was to become), ``operation``, ``created``;
    * ``metadata`` (a dict of texts) and ``tags``: what was recorded of it; None: unknown, as always
      without the host module;
    * ``settings``: ``defined`` (what its ``vm.cfg`` says) and ``live`` (what its host lists; None:
      it is not live in one place), each with ``memory_mb`` (live: the target, not what its guest
      uses), ``max_memory_mb``, ``vcpus`` (live: those that its guest has online), ``max_vcpus``,
      ``cpu_weight``, ``cpu_cap`` and ``cpus`` (to which it is pinned; "": none). None: unknown, as
      xend lists its defaults after a restart of its own;
    * ``copied_percent``, while it is being created: how far its disks are copied; None: unknown;
    * ``claim``, of a node that is defined once: what guards it against a second start, as
      :func:`.guard_data` returns it (docs/claims.md); None: nothing does;
    * ``doubts``, if there are any: why no operation is allowed on it;
    * ``hosts_off``, if there are any: the hosts that counted as running nothing in this call.

    ``size`` is what its definition says; its id is that of the built-in size with this memory and
    number of CPUs, else ``custom``. ``image`` and ``created_at`` are None: nothing records them.
    """
    size, extra = _node_size(vm, driver), node_extra(vm, hosts_off)
    public, private = ips_of(extra)
    state = NODE_STATES[vm.state]
    return Node(vm.id, vm.name, state, public, private, driver, size=size, extra=extra)


def node_extra(vm: VM, hosts_off: Sequence[HostOff] = ()) -> dict[str, Any]:
    """What :func:`to_node` says of a VM in ``extra``."""
    live = [_live_domain(one) for one in vm.live]
    definitions = [
        {"repository_id": d.repository_id, "directory": d.directory, "error": d.error}
        for d in vm.definitions
    ]
    addresses = [dict(vars(one)) for one in vm.addresses]
    extra: dict[str, Any] = {"live": live, "definitions": definitions, "addresses": addresses}
    lost = [one.as_data() for one in estate.cards_out.lost_cards(vm)] if vm.cards_out else []
    extra |= {"missing_nics": lost} if lost else {}
    noted = vm.metadata
    extra["metadata"] = None if noted is None else dict(noted.metadata)
    extra["tags"] = None if noted is None else list(noted.tags)
    if vm.definitions and vm.definitions[0].is_creating and not vm.live:
        extra["copied_percent"] = vm.copied_percent
    one = vm.definitions[0] if len(vm.definitions) == 1 else None
    extra["settings"] = estate.settings.settings_data(vm)
    extra["claim"] = estate.claim_data.guard_data(one.guard) if one else None
    extra |= {"doubts": list(vm.doubts)} if vm.doubts else {}
    extra |= {"hosts_off": [host.label for host in hosts_off]} if hosts_off else {}
    if one is not None:
        extra |= definitions[0] | _definition(one)
    if len(vm.live) == 1:
        known = {key: value for key, value in live[0].items() if value is not None}
        extra = {**live[0], **extra, **known}
    return extra


def _live_domain(live: LiveDomain) -> dict[str, Any]:
    host, domain = live.host, live.domain
    return {
        "host": host.server.hostname,
        "host_id": host.id,
        "address": str(host.address),
        "domid": domain.domid,
        "xend_name": domain.name,
        "xend_state": domain.xend_state,
        "status": domain.status,
        "memory_mb": domain.memory_mb,
        "vcpus": domain.vcpus,
        "start_time": domain.start_time,
        "vnc_listen": domain.vnc.listen if domain.vnc else None,
        "vnc_port": domain.vnc.port if domain.vnc else None,
    }


def _definition(definition: Definition) -> dict[str, Any]:
    config = definition.config or agent.config.VMConfig({})
    disks = [disk for disk in config.disks if not disk.is_cdrom]
    vnc = config.vnc
    return {
        "xend_name": definition.xend_name,
        "description": config.description,
        "domain_type": config.domain_type,
        "is_hvm": config.is_hvm,
        "high_availability": config.is_high_availability,
        "memory_mb": config.memory_mb,
        "max_memory_mb": config.max_memory_mb,
        "vcpus": config.vcpus,
        "max_vcpus": config.max_vcpus,
        "disks": [disk.path for disk in disks if disk.path],
        "system_disk": config.system_disk.path if config.system_disk else None,
        "shared_disks": [disk.path for disk in disks if disk.is_shared],
        "cdroms": [disk.path for disk in config.disks if disk.is_cdrom],
        "nics": [{"mac": v.mac, "bridge": v.bridge, "type": v.type} for v in config.vifs],
        "vnc": None if vnc is None else _vnc(vnc),
        "notices": list(definition.notices),
    }


def _vnc(options: VncOptions) -> dict[str, Any]:
    return {
        "listen": options.listen,
        "display": options.display,
        "takes_any_port": options.takes_any_port,
    }


def to_image(image: Image, driver: NodeDriver) -> NodeImage:
    """A template or an ISO.

    ``extra``: ``kind``, ``state`` (``available``, or ``pending`` while a host fetches it),
    ``repository_id``, ``repository``, ``path``, ``size_bytes`` (of a disk image or an ISO; None:
    not known, as always without the host module).
    """
    extra = {
        "kind": image.kind,
        "state": "pending" if image.is_unfinished else "available",
        "repository_id": image.repository.id,
        "repository": image.repository.record.alias,
        "path": image.path,
        "size_bytes": image.size_bytes,
    }
    return NodeImage(image.id, image.name, driver, extra=extra)


def to_location(host: HostView, hardware: Hardware | Ovm3Error, driver: NodeDriver) -> NodeLocation:
    """A host that responded.

    ``extra``: ``status`` ("ok"), ``address``, ``pool_id``, ``owner``, ``is_master``, ``roles``,
    ``agent_version``, ``ovm_version``, ``hypervisor``, ``vms`` (how many are live; None: unknown),
    ``boot_time`` (when it booted: seconds since 1970 by its own clock, as discover_server reports
    it; None: not reported), and what discover_hardware reports: ``cpus``, ``cpu_model``,
    ``memory_mb``, ``free_memory_mb`` (None: not reported).
    """
    known = documents.Hardware() if isinstance(hardware, Ovm3Error) else hardware
    server = host.server
    extra = {
        "status": "ok",
        "address": str(host.address),
        "pool_id": server.pool_uuid,
        "owner": server.manager_uuid,
        "is_master": server.is_master,
        "roles": list(server.roles),
        "agent_version": server.agent_version,
        "ovm_version": server.ovm_version,
        "hypervisor": server.hypervisor_version,
        "vms": None if host.domains_error else len(host.domains),
        "boot_time": server.boot_time,
        "cpus": known.cpus,
        "cpu_model": known.cpu_model,
        "memory_mb": _mb(known.memory_bytes),
        "free_memory_mb": _mb(known.free_bytes),
    }
    return NodeLocation(host.id, server.hostname or host.address.host, "", driver, extra=extra)


def _mb(size_bytes: int | None) -> int | None:
    return None if size_bytes is None else size_bytes // 2**20


def to_unreachable_location(host: UnreachableHost, driver: NodeDriver) -> NodeLocation:
    """A host that could not be read: its uuid is unknown, so its id and name are its address.

    ``extra``: ``status`` ("unverified": not contacted, because there is neither a fingerprint nor a
    CA for it; or "unreachable"), ``address``, ``reason``.
    """
    extra = {
        "status": host.kind,
        "address": host.address,
        "reason": str(host.reason),
    }
    return NodeLocation(host.address, host.address, "", driver, extra=extra)


def to_orphan(orphan: Orphan) -> dict[str, Any]:
    """A disk that belongs to no node: ``repository_id``, ``path``, ``is_certain`` (False: it may be
    in use after all), ``set_aside`` (the operation that has set it aside and may be incomplete;
    else None).
    """
    return {
        "repository_id": orphan.repository_id,
        "path": orphan.path,
        "is_certain": orphan.is_certain,
        "set_aside": orphan.operation,
    }


def to_key_pair(
    record: KeyPairRecord, driver: NodeDriver, private_key: str | None = None
) -> KeyPair:
    """A key pair. ``extra``: see :meth:`.OVM3NodeDriver.list_key_pairs`."""
    extra = {
        "type": record.kind,
        "origin": record.origin,
        "repository_id": record.repository.id,
        "repository": record.repository.record.alias,
    }
    return KeyPair(
        record.name,
        record.public_key,
        record.fingerprint,
        driver,
        private_key=private_key,
        extra=extra,
    )
