"""The estate's objects -> libcloud's. Pure: no call leaves from here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from libcloud.compute.base import Node, NodeDriver, NodeImage, NodeLocation, NodeSize
from libcloud.compute.types import NodeState

from libcloud_ovm3.agent import documents
from libcloud_ovm3.agent.config import VMConfig, VncOptions
from libcloud_ovm3.errors import Ovm3Error
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.disks import Orphan
from libcloud_ovm3.estate.hosts import HostView, UnreachableHost
from libcloud_ovm3.estate.images import Image
from libcloud_ovm3.estate.states import State
from libcloud_ovm3.estate.vms import VM, LiveDomain

if TYPE_CHECKING:
    from libcloud_ovm3.agent.documents import Hardware

# Same words in both, but libcloud's meaning is libcloud's to change.
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
_SIZES = (
    ("tiny", "Tiny", 512, 1),
    ("small", "Small", 1024, 1),
    ("medium", "Medium", 2048, 2),
    ("large", "Large", 4096, 2),
    ("xlarge", "Extra large", 8192, 4),
    ("2xlarge", "Double extra large", 16384, 8),
)


def to_sizes(driver: NodeDriver) -> list[NodeSize]:
    """The built-in sizes. ``extra``: ``cpus``."""
    return [
        NodeSize(key, name, ram, 0, None, 0.0, driver, extra={"cpus": cpus})
        for key, name, ram, cpus in _SIZES
    ]


def to_node(vm: VM, driver: NodeDriver) -> Node:
    """A VM as a Node. Its addresses are not known to a hypervisor, so both lists are empty.

    ``extra``: ``places`` (where it is live: host, host_id, address, domid, xend_name, letters,
    status, memory_mb, vcpus, start_time), ``definitions`` (repository_id, directory, problem), and
    for a node that is in one place only the same keys directly; ``memory_mb`` and ``vcpus`` of a
    stopped node are those of its definition, as numbers; of the definition also ``xend_name``,
    ``description``, ``domain_type``, ``is_hvm``, ``high_availability`` (None: not said),
    ``max_memory_mb``, ``max_vcpus``, ``disks`` (paths), ``system_disk`` (the first that is no CD),
    ``shared_disks``, ``cdroms`` (None: empty), ``nics`` (mac, bridge, type), ``vnc`` (listen,
    display, takes_any_port: what it wants; no password) and ``remarks`` on what is odd about it.
    ``doubts``, if there are any: why nothing may be done to it.
    """
    places = [_place(place) for place in vm.live]
    definitions = [
        {"repository_id": d.repository_id, "directory": d.directory, "error": d.error}
        for d in vm.definitions
    ]
    extra: dict[str, Any] = {"places": places, "definitions": definitions}
    extra |= {"doubts": list(vm.doubts)} if vm.doubts else {}
    if len(vm.definitions) == 1:
        extra |= definitions[0] | _definition(vm.definitions[0])
    if len(vm.live) == 1:
        extra |= {key: value for key, value in places[0].items() if value is not None}
    return Node(vm.id, vm.name, NODE_STATES[vm.state], [], [], driver, extra=extra)


def _place(place: LiveDomain) -> dict[str, Any]:
    host, domain = place.host, place.domain
    return {
        "host": host.server.hostname,
        "host_id": host.server.uuid,
        "address": str(host.address),
        "domid": domain.domid,
        "xend_name": domain.name,
        "letters": domain.xend_state,
        "status": domain.status,
        "memory_mb": domain.memory_mb,
        "vcpus": domain.vcpus,
        "start_time": domain.start_time,
    }


def _definition(definition: Definition) -> dict[str, Any]:
    config = definition.config or VMConfig({})
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


def _vnc(wish: VncOptions) -> dict[str, Any]:
    return {
        "listen": wish.listen,
        "display": wish.display,
        "takes_any_port": wish.takes_any_port,
    }


def to_image(image: Image, driver: NodeDriver) -> NodeImage:
    """A template or an ISO. ``extra``: ``kind``, ``repository_id``, ``repository``, ``path``."""
    extra = {
        "kind": image.kind,
        "repository_id": image.repository.id,
        "repository": image.repository.record.alias,
        "path": image.path,
    }
    return NodeImage(image.id, image.name, driver, extra=extra)


def to_location(host: HostView, hardware: Hardware | Ovm3Error, driver: NodeDriver) -> NodeLocation:
    """A host that answered.

    ``extra``: ``status`` ("ok"), ``address``, ``pool_id``, ``owner``, ``is_master``, ``roles``,
    ``agent_version``, ``ovm_version``, ``hypervisor``, ``vms`` (how many are live), and what
    discover_hardware says: ``cpus``, ``cpu_model``, ``memory_mb``, ``free_memory_mb`` (None: it
    does not say).
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
        "cpus": known.cpus,
        "cpu_model": known.cpu_model,
        "memory_mb": _mb(known.memory_bytes),
        "free_memory_mb": _mb(known.free_bytes),
    }
    location_id = server.uuid or str(host.address)
    return NodeLocation(location_id, server.hostname or host.address.host, "", driver, extra=extra)


def _mb(size_bytes: int | None) -> int | None:
    return None if size_bytes is None else size_bytes // 2**20


def to_unreachable_location(silent: UnreachableHost, driver: NodeDriver) -> NodeLocation:
    """A host that did not answer: its uuid is not known, so its address stands for it.

    ``extra``: ``status`` ("unverified": not contacted for lack of pin and CA; or "unreachable"),
    ``address``, ``reason``.
    """
    extra = {
        "status": silent.kind,
        "address": silent.address,
        "reason": str(silent.reason),
    }
    return NodeLocation(silent.address, silent.address, "", driver, extra=extra)


def to_orphan(orphan: Orphan) -> dict[str, Any]:
    """``repository_id``, ``path``, ``is_certain`` (False: some vm.cfg could not be read),
    ``set_aside`` (the operation that has set it aside and may have broken off; else None)."""
    return {
        "repository_id": orphan.repository_id,
        "path": orphan.path,
        "is_certain": orphan.is_certain,
        "set_aside": orphan.operation,
    }
