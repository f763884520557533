"""Templates as a Manager leaves them, for tests: a folder with a vm.cfg, and disks."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

from libcloud_ovm3.simulator import Simulator

MAC = "00:21:f6:00:00:01"
HVM = {
    "builder": "hvm",
    "OVM_domain_type": "xen_hvm",
    "boot": "dc",
    "acpi": 1,
    "vnc": 1,
    "vnclisten": "127.0.0.1",
    "serial": "pty",
    "keymap": "pt-br",
}


def make_disk(sim: Simulator, name: str, repository: str | None = None) -> str:
    """Make a virtual disk whose content is like no other's; return its path on the hosts."""
    repository = repository or sim.repository_id
    fill(sim.path_of(repository) / "VirtualDisks" / name)
    return f"/OVS/Repositories/{repository}/VirtualDisks/{name}"


def fill(file: Path) -> None:
    file.write_bytes(file.name.encode() + bytes(100_000) + file.name.encode())


def make_template(sim: Simulator, directory: str = "", **config: Any) -> str:
    """Make a template and return the id of its image."""
    directory = directory or f"0004fb0000060000{uuid.uuid4().hex[:16]}"
    options = {
        "name": directory,
        "uuid": str(uuid.UUID(directory)),
        "OVM_simple_name": "OL 6 (template)",
        "OVM_domain_type": "xen_pvm",
        "memory": 4096,
        "maxmem": 4096,
        "vcpus": 4,
        "maxvcpus": 4,
        "vif": [f"mac={MAC},bridge=10e69b4de3"],
        "disk": [],
        **config,
    }
    folder = sim.repository_path / "Templates" / directory
    folder.mkdir()
    lines = (f"{key} = {value!r}\n" for key, value in options.items())
    (folder / "vm.cfg").write_text("".join(lines))
    return f"{sim.repository_id}/Templates/{directory}"


def disks_of(sim: Simulator, node: Any) -> list[bytes]:
    """The contents of a node's disks, in the order of its vm.cfg."""
    prefix = "/OVS/Repositories/"
    paths = [path.removeprefix(prefix).split("/", 1) for path in node.extra["disks"]]
    return [(sim.path_of(repository) / path).read_bytes() for repository, path in paths]


def vm_cfg_of(sim: Simulator, node: Any) -> str:
    folder = sim.repository_path / "VirtualMachines" / node.extra["directory"]
    return (folder / "vm.cfg").read_text()
