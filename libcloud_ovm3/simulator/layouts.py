"""Repository layouts of other products: Oracle VM Manager (folders), CloudStack (flat files).

Sources: agent-behaviour.md 3, 4, 6; flows.md 4, 8, 11. The values of OBJECT_TYPE in .ovsmeta are
the simulator's own.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from libcloud_ovm3.simulator import network, vmcfg
from libcloud_ovm3.simulator.host import SimulatedHost
from libcloud_ovm3.simulator.seeds import add_lun, add_vm, manager_id, sparse_file

LAYOUTS = ("plain", "manager", "cloudstack", "bare")
#: The owner that CloudStack's plug-in always sets (agent-behaviour.md 3).
CLOUDSTACK_OWNER = "d1a749d4295041fb99854f52ea4dea97"
DISK_BYTES = 8 << 20
#: Options of an HVM guest as the Manager writes them; None for options that are absent (6.3).
HVM = {
    "builder": "hvm",
    "OVM_domain_type": "xen_hvm",
    "bootloader": None,
    "bootargs": None,
    "vfb": None,
    "boot": "dc",
    "serial": "pty",
    "vnc": 1,
    "vncunused": 1,
    "vnclisten": "127.0.0.1",
    "keymap": "en-us",
    "pae": 1,
    "apic": 1,
    "acpi": 1,
}


def ids_of(layout: str) -> dict[str, str]:
    """Ids of a new root that differ from the Manager's, as keys of simulator.json."""
    if layout != "cloudstack":
        return {}
    primary = uuid.uuid4()  # one uuid for storage, repository (undashed) and pool (dashed)
    return {"repository": primary.hex, "owner": CLOUDSTACK_OWNER, "pool": str(primary)}


def populate(hosts: list[SimulatedHost], layout: str) -> None:
    """Add to the shared repository what the product of that layout leaves there."""
    if layout == "manager":
        _manager(hosts)
    elif layout == "cloudstack":
        _cloudstack(hosts)


@dataclass
class _Repository:
    """The shared repository, and the display names that go into its ``.ovsmeta``."""

    share: Path
    top: str
    names: dict[str, dict[str, str]] = field(default_factory=dict)

    def file(self, folder: str, name: str, simple_name: str = "") -> str:
        """Create a file and return its path on the hosts."""
        sparse_file(self.share / folder / name, DISK_BYTES, name)
        if simple_name:
            self.names.setdefault(folder, {})[name] = simple_name
        return f"{self.top}/{folder}/{name}"

    def disk(self, simple_name: str) -> str:
        """Create a virtual disk as the Manager names it and return its path on the hosts."""
        return self.file("VirtualDisks", f"{manager_id('12')}.img", simple_name)


def _repository(host: SimulatedHost) -> _Repository:
    settings = host.settings
    top = f"/OVS/Repositories/{settings.repository_id}"
    return _Repository(settings.export(settings.fs_location), top)


def _manager(hosts: list[SimulatedHost]) -> None:
    """Two templates, a guest with two disks, an HVM one with a CD, a RAC pair, two stopped ones."""
    any_host, repository = hosts[0], _repository(hosts[0])
    iso = repository.file("ISOs", f"{manager_id('15')}.iso", "OracleLinux-R6-U5 (x86_64).iso")
    for name, more in (("OL6U5 PVM (1)", {}), ("OL6U5 HVM", HVM)):
        _template(repository, any_host, name, more)

    def add(name: str, runs_on: int | None, disks: list[str], **config: Any) -> None:
        runner = None if runs_on is None else hosts[runs_on % len(hosts)]
        add_vm(any_host, runner, name, None, None, {"disk": disks, **config}, 3600, False)

    system, data = repository.disk("System.img (16)"), repository.disk("data")
    add("app", 0, [f"file:{system},xvda,w", f"file:{data},xvdb,w"])
    system = repository.disk("System.img (16)")  # two files may have the same display name
    add("windows", 1, [f"file:{system},xvda,w", f"file:{iso},xvdb:cdrom,r"], **HVM)
    shared = [f"file:{repository.disk('votes')},xvdb,w!"]
    wwids = [f"6006016011223300aa00bb11cc22dd{number:02x}" for number in (1, 2, 3)]
    luns = [add_lun(hosts, wwid, DISK_BYTES, None) for wwid in wwids]
    for lun, letter in zip(luns, "cgf", strict=True):  # slot n is letter n; the order is arbitrary
        shared.append(f"phy:{lun},xvd{letter},w!")
    for number in (0, 1):
        disks = [f"file:{repository.disk(f'rac{number + 1} system')},xvda,w", *shared]
        add(f"rac{number + 1}", number, disks, memory=256, OVM_high_availability=True)
    system = repository.disk("archive")
    add("archive", None, [f"file:{system},xvda,w", ",xvdb:cdrom,r"], **HVM)
    add("network boot", None, [], **HVM | {"boot": "n"})
    if not any_host.settings.old:
        _write_names(repository)


def _template(
    repository: _Repository, any_host: SimulatedHost, name: str, more: dict[str, Any]
) -> None:
    ident = manager_id("06")
    options = {
        "vif": [f"bridge={network.management(any_host)}"],
        "OVM_simple_name": name,
        "disk": [f"file:{repository.disk(f'{name} system')},xvda,w"],
        "uuid": str(uuid.UUID(ident)),
        "on_reboot": "restart",
        "cpu_weight": 27500,
        "memory": 1024,
        "cpu_cap": 0,
        "maxvcpus": 2,
        "OVM_high_availability": False,
        "OVM_description": "Import URLs: [http://files.example.com/template.tgz]",
        "on_poweroff": "destroy",
        "on_crash": "restart",
        "bootloader": "/usr/bin/pygrub",
        "guest_os_type": "default",
        "name": ident,
        "vcpus": 2,
        "OVM_os_type": "Oracle Linux 6",
        "OVM_cpu_compat_group": "",
        "OVM_domain_type": "xen_pvm",
    }
    options = {key: value for key, value in (options | more).items() if value is not None}
    folder = repository.share / "Templates" / ident
    folder.mkdir(parents=True)
    vmcfg.write(folder / "vm.cfg", options)


def _write_names(repository: _Repository) -> None:
    """.ovsmeta of each folder; one entry names a file that is gone (4)."""
    for folder, names in repository.names.items():
        kind = {"ISOs": "ISO", "VirtualDisks": "VIRTUAL_DISK"}[folder]
        entries = {
            name: {"OBJECT_TYPE": kind, "SIMPLE_NAME": simple} for name, simple in names.items()
        }
        gone = f"{manager_id('12')}.img"
        entries[gone] = {"OBJECT_TYPE": kind, "SIMPLE_NAME": "deleted long ago"}
        (repository.share / folder / ".ovsmeta").write_text(json.dumps(entries, indent=1))


def _cloudstack(hosts: list[SimulatedHost]) -> None:
    """Flat templates and disks, one guest and one system VM; stopped VMs have no vm.cfg."""
    repository = _repository(hosts[0])
    for _ in range(2):
        repository.file("Templates", f"{uuid.uuid4()}.raw")
    iso = repository.file("ISOs", "systemvm.iso")
    system = f"file:{repository.file('VirtualDisks', f'{uuid.uuid4()}.raw')},xvda,w"
    data = f"file:{repository.file('VirtualDisks', f'{uuid.uuid4()}.raw')},xvdb,w!"
    _instance(hosts, 0, "i-2-3-VM", [system, data], "")
    system = f"file:{repository.file('VirtualDisks', f'{uuid.uuid4()}.raw')},xvda,w"
    extra = "%template=domP%type=secstorage%host=192.0.2.10%port=8250%name=s-1-VM"
    _instance(hosts, 1, "s-1-VM", [system, f"file:{iso},xvdb:cdrom,r"], extra)


def instance_id(name: str) -> str:
    """The uuid and directory name of an instance: a uuid3 of its name without namespace (3)."""
    digest = hashlib.md5(name.encode(), usedforsecurity=False).digest()
    return str(uuid.UUID(bytes=digest, version=3))


def _instance(
    hosts: list[SimulatedHost], host: int, name: str, disks: list[str], extra: str
) -> None:
    """Add a running VM with exactly the keys that CloudStack sends (6.1)."""
    ident, runner = instance_id(name), hosts[host % len(hosts)]
    mac = f"02:00:50:9a:00:{host + 1:02x}"
    config = {
        "name": name,
        "OVM_simple_name": name,
        "OVM_os_type": None,
        "disk": disks,
        "vif": [f"mac={mac},bridge={network.management(runner)}"],
        "vfb": ["type=vnc,vncunused=1,vnclisten=0.0.0.0,vncpasswd=0123456789abcdef,keymap=en-us"],
        "extra": extra,
        "guest_os_type": "Other.Linux",
    }
    add_vm(hosts[0], runner, name, ident, ident, config, 3600, False)
