"""A host, its pool and its VMs without faults, as values; each test changes one thing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from libcloud_ovm3.agent.address import Address
from libcloud_ovm3.agent.config import VMConfig
from libcloud_ovm3.agent.documents import (
    Folder,
    Hardware,
    RepositoryContent,
    RepositoryRecord,
    Server,
    ServerPool,
)
from libcloud_ovm3.agent.probe import Probed
from libcloud_ovm3.diagnostics.collect import Certificate, Collected, MemberData, TLSSession
from libcloud_ovm3.diagnostics.inventory_data import InventoryData
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.domains import read_domains
from libcloud_ovm3.estate.hosts import HostView, UnreachableHost
from libcloud_ovm3.estate.networks import HostNetwork, NetworkList
from libcloud_ovm3.estate.repositories import Repository
from libcloud_ovm3.estate.vms import EstateSnapshot, merge_vms

NOW = datetime(2026, 11, 25, tzinfo=timezone.utc)
OWNER = "0004fb0000010000" + "0" * 15 + "1"
POOL = "0004fb00-0002-0000-0000-000000000001"
REPOSITORY = "0004fb0000030000" + "0" * 15 + "1"
RECORD = RepositoryRecord(
    id=REPOSITORY,
    alias="main",
    fs_location="nfs:/export",
    fs_type="nfs",
    mount_point=f"/OVS/Repositories/{REPOSITORY}",
    manager_uuid=OWNER,
    is_mounted=True,
)


DOMAIN_0 = {"name": "Domain-0", "uuid": "00000000-0000-0000-0000-000000000000", "domid": "0"}


def server(number: int, **more: Any) -> Server:
    said: dict[str, Any] = {
        "uuid": f"{number:032x}",
        "hostname": f"ovm-{number}",
        "registered_ip": f"192.0.2.{number}",
        "agent_version": "3.3.3-1350",
        "ovm_version": "3.3.3-1085",
        "vmm_major": "4",
        "vmm_minor": "3",
        "vmm_extra": ".0OVM",
        "pool_uuid": POOL,
        "manager_uuid": OWNER,
        "membership": "Pooled",
        "roles": ("xen", "utility"),
        "is_master": number == 1,
    }
    return Server(**(said | more))


def host(number: int, *records: dict[str, Any], **more: Any) -> HostView:
    address = Address(f"192.0.2.{number}", 8899)
    domains = read_domains(list(records)).domains
    return HostView(address, None, server(number, **more), domains, (RECORD,))  # type: ignore[arg-type]


def live(name: str, vm_id: str, **more: Any) -> dict[str, Any]:
    devices = {"vkbd": {"backend": "0"}}
    said = {"domid": "7", "state": "-b----", "status": "2", "device": devices}
    return {"name": name, "uuid": vm_id, **said, **more}


def defined(directory: str, **config: Any) -> Definition:
    return Definition(REPOSITORY, directory, VMConfig({"name": directory, **config}))


def repository(views: Sequence[HostView], definitions: Sequence[Definition] = ()) -> Repository:
    folders = tuple(Folder(definition.directory, ("vm.cfg",)) for definition in definitions)
    content = RepositoryContent(
        uuid=REPOSITORY,
        templates=(),
        virtual_machines=folders,
        virtual_disks=("one.img",),
        isos=(),
    )
    return Repository(RECORD, tuple(views), content)


def inventory_data(
    views: Sequence[HostView] | None = None,
    definitions: Sequence[Definition] = (),
    unreachable: Sequence[UnreachableHost] = (),
    repositories: Sequence[Repository] | None = None,
    networks: Sequence[HostNetwork] | None = None,
) -> InventoryData:
    """Return what was read of a pool of two hosts."""
    views = [host(1), host(2)] if views is None else views
    seen = EstateSnapshot(
        hosts=tuple(views),
        unreachable=tuple(unreachable),
        repositories=tuple(
            [repository(views, definitions)] if repositories is None else repositories
        ),
        vms=merge_vms(views, definitions, all_answered=not unreachable),
    )
    members = tuple(f"192.0.2.{number}" for number in (1, 2))
    pool = ServerPool(uuid=POOL, alias="Pool 0", virtual_ip="192.0.2.99", members=members)
    hardware = Hardware(
        threads_per_core=1,
        cores_per_socket=1,
        sockets_per_node=2,
        total_pages=1 << 20,
        free_pages=1 << 18,
    )
    theirs = [HostNetwork(view) for view in views] if networks is None else networks
    found = NetworkList(seen, tuple(theirs))
    return InventoryData(seen, (hardware,) * len(views), (pool,) * len(views), found)


def certificate(**more: Any) -> Certificate:
    said: dict[str, Any] = {
        "tls_version": "TLSv1.2",
        "fingerprint": "ab" * 32,
        "key": "RSA",
        "key_bits": 2048,
        "names": ("192.0.2.1",),
        "not_before": NOW - timedelta(days=1),
        "not_after": NOW + timedelta(days=1000),
    }
    return Certificate(**(said | more))


def member(view: HostView, **more: Any) -> MemberData:
    """Return what was read of one host of it."""
    said: dict[str, Any] = {
        "tls": TLSSession(certificate(names=()), "ECDHE-RSA-AES256-GCM-SHA384"),
        "functions": (Probed("echo", "present"), Probed("start_vm", "not probed")),
    }
    return MemberData(view, **(said | more))


def collected(
    read: Any = None, members: Sequence[MemberData] | None = None, **more: Any
) -> Collected:
    read = inventory_data() if read is None else read
    if members is None:
        members = (
            [member(view) for view in read.snapshot.hosts]
            if isinstance(read, InventoryData)
            else []
        )
    said: dict[str, Any] = {
        "address": "192.0.2.1:8899",
        "certificate": certificate(),
        "trust": "verified",
        "inventory": read,
        "members": tuple(members),
        "now": NOW,
    }
    return Collected(**(said | more))
