"""Contents of a new root: a repository with templates and an ISO, and some running VMs."""

from __future__ import annotations

import random
import re
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from libcloud_ovm3.simulator import luns, network, vmcfg
from libcloud_ovm3.simulator.agent import ownership, repositories, storage
from libcloud_ovm3.simulator.clock import Clock
from libcloud_ovm3.simulator.errors import SimulatorError
from libcloud_ovm3.simulator.host import SimulatedHost
from libcloud_ovm3.simulator.xend import life, log

UPTIME = 30 * 86400.0  # of a new host, in simulated seconds


@dataclass(frozen=True)
class Seed:
    """What a new root contains; see :class:`Simulator`."""

    templates: int
    vms: int
    secondary_mount: bool
    template_bytes: int
    layout: str = "plain"


def manager_id(kind: str) -> str:
    """A random id in the Manager's form: 0004fb00 00TT 0000 and 16 digits (3)."""
    return f"0004fb0000{kind}0000{secrets.token_hex(8)}"


def new_host(index: int, clock: Clock) -> dict[str, Any]:
    """The state of a new host."""
    return {
        "uuid": secrets.token_bytes(16).hex(":"),
        "hostname": f"ovm-{index + 1}",
        "boot_time": clock.now() - UPTIME,
    }


def populate(hosts: list[SimulatedHost], seed: Seed) -> None:
    """Fill the shared repository; every host registers and mounts it."""
    settings = hosts[0].settings
    share = settings.export(settings.fs_location)
    cloudstack = seed.layout == "cloudstack"
    alias = "OVS Repository" if cloudstack else "MyRepo"
    repositories.make(share, settings.repository_id, alias, settings.owner)
    for number in range(seed.templates):
        name = f"oracle-linux-{number + 6}.raw"
        sparse_file(share / "Templates" / name, seed.template_bytes, name)
    sparse_file(share / "ISOs" / "oracle-linux-6-boot.iso", 1 << 20, "iso")
    point = f"/OVS/Repositories/{settings.repository_id}"
    for host in hosts:
        host.mount_repository()
        repositories.add_repository(host, settings.fs_location, point)
        if seed.secondary_mount or cloudstack:
            dashed = str(uuid.UUID(settings.repository_id))
            ss = {"uuid": settings.repository_id, "name": settings.repository_id}
            fs = {"uuid": dashed, "ss_uuid": settings.repository_id}
            everything = dict.fromkeys(storage.SS_KEYS, "") | ss
            system = dict.fromkeys(storage.FS_KEYS, "") | fs
            system["access_path"] = f"{settings.fs_location}/VirtualMachines"
            storage.plugin_mount(
                host, storage.NFS_PLUGIN, everything, system, f"/nfsmnt/{dashed}", "", True, []
            )
    for number in range(seed.vms):
        host = hosts[number % len(hosts)]
        add_vm(hosts[0], host, f"seed-{number + 1}", None, None, {}, 3600, True)


def add_repository(
    any_host: SimulatedHost, hosts: list[SimulatedHost], alias: str, repo_id: str | None
) -> str:
    """See :meth:`Simulator.add_repository`."""
    repo_id = repo_id or manager_id("03")
    if not repo_id.isalnum():
        raise SimulatorError(
            f"a repository id consists of hexadecimal digits: {repo_id!r} is not valid"
        )
    location = f"nfs-store-1:/export/{repo_id}"
    folder = any_host.settings.export(location)
    if folder.exists():
        raise SimulatorError(f"repository {repo_id!r} exists already")
    point = f"/OVS/Repositories/{repo_id}"
    repositories.make(folder, repo_id, alias, ownership.owner(any_host))
    for host in hosts:
        repositories.mount_repository_fs(host, location, point)
        repositories.add_repository(host, location, point)
    return repo_id


def add_lun(hosts: list[SimulatedHost], wwid: str | None, size: int, alias: str | None) -> str:
    """See :meth:`Simulator.add_lun`."""
    wwid = wwid or f"60060160{secrets.token_hex(12)}"
    if not re.fullmatch("[1235][0-9a-f]{15}|6[0-9a-f]{31}", wwid):
        raise SimulatorError(
            f"wwid {wwid!r}: expected 32 lower-case hexadecimal digits that begin with 6, or 16 "
            f"that begin with 1, 2, 3 or 5"
        )
    if not hosts:
        raise SimulatorError(f"no host sees the LUN {wwid}")
    file = hosts[0].settings.root / "luns" / f"3{wwid}"
    file.parent.mkdir(exist_ok=True)
    if not file.exists():  # further hosts may see it under another name
        sparse_file(file, size, file.name)
    devices = [luns.add(host, file, alias) for host in hosts]
    return devices[0]


def sparse_file(path: Path, size: int, content: str) -> None:
    """Create a sparse file with a few KiB of data at both ends, the same for the same name."""
    data = random.Random(content).randbytes(4096)  # noqa: S311 - content, not a secret
    with path.open("xb") as file:
        file.write(data)
        file.seek(max(size - 4096, 4096))
        file.write(data[::-1])
        file.truncate(size)


def add_vm(
    any_host: SimulatedHost,
    runner: SimulatedHost | None,
    name: str,
    vm_uuid: str | None,
    directory: str | None,
    config: Mapping[str, Any],
    age: float,
    disk: bool,
) -> str:
    """See :meth:`Simulator.add_vm`. Written to the export, whatever the hosts have mounted."""
    settings = any_host.settings
    share = settings.export(settings.fs_location)
    vm_uuid = vm_uuid or str(uuid.UUID(manager_id("06")))
    directory = directory or vm_uuid.replace("-", "")
    bridge = network.management(any_host)
    options: dict[str, Any] = {
        "vif": [f"mac={_mac()},bridge={bridge}"] if bridge in network.bridges(any_host) else [],
        "OVM_simple_name": name,
        "disk": [],
        "bootargs": "",
        "uuid": vm_uuid,
        "on_reboot": "restart",
        "cpu_weight": 27500,
        "memory": 512,
        "cpu_cap": 0,
        "maxvcpus": 1,
        "OVM_high_availability": False,
        "OVM_description": "",
        "on_poweroff": "destroy",
        "on_crash": "restart",
        "bootloader": "/usr/bin/pygrub",
        "guest_os_type": "linux",
        "name": directory,
        "vfb": ["type=vnc,vncunused=1,vnclisten=127.0.0.1,keymap=en-us"],
        "vcpus": 1,
        "OVM_os_type": "Oracle Linux 6",
        "OVM_cpu_compat_group": "",
        "OVM_domain_type": "xen_pvm",
    }
    if disk and "disk" not in config:
        image = f"{manager_id('12')}.img"
        sparse_file(share / "VirtualDisks" / image, 8 << 20, image)
        where = f"/OVS/Repositories/{settings.repository_id}/VirtualDisks/{image}"
        options["disk"] = [f"file:{where},xvda,w"]
    options |= config
    options = {key: value for key, value in options.items() if value is not None}
    folder = share / "VirtualMachines" / directory
    folder.mkdir(parents=True)
    vmcfg.write(folder / "vm.cfg", options)
    if runner is not None:
        with runner.lock:
            domain = life.new_domain(runner, options, runner.now() - age)
            domain.start_time = runner.now() - age
            log.write(runner, "stored", domain, domain.start_time)
            life.release(runner, domain, runner.now())
            runner.domains.append(domain)
            runner.save()
    return directory


def _mac() -> str:
    return "00:21:f6:" + ":".join(f"{byte:02x}" for byte in secrets.token_bytes(3))
