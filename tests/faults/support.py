"""VMs and records as they were found in the field, and what came of a call.

A test here states what is right: which files are still there, what lives, what was sent, what was
said. How it is said is the driver's business, unless a test names a word.
"""

from __future__ import annotations

import uuid
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from libcloud.common.types import LibcloudError
from libcloud.compute.providers import get_driver
from libcloud.compute.types import NodeState

from libcloud_ovm3.errors import PreconditionFailed
from libcloud_ovm3.simulator import Simulator
from tests.support import clock_of, functions_of, pins_of, simulate

DATA = b"precious" * 512
ID = "0004fb00-0006-0000-aaaa-000000000001"  # of the VM that a test destroys
OTHER_ID = "0004fb00-0006-0000-bbbb-000000000002"
FOREIGN_ID = "0004fb00-0006-0000-ffff-00000000000f"
CHANGES = frozenset(
    """start_vm stop_vm reboot_vm delete_vm create_vm configure_vm copy_file storage_plugin_destroy
    libcloud_delete_file libcloud_delete_aside""".split()
)


@dataclass
class Outcome:
    """What came of a call: its value or its error, and what the driver warned of."""

    value: Any = None
    error: LibcloudError | None = None
    warnings: list[str] = field(default_factory=list)

    @property
    def said(self) -> str:
        """Everything that a person was told."""
        return "\n".join([*self.warnings, str(self.error or "")])


def attempt(action: Callable[..., Any], *args: Any, **kwargs: Any) -> Outcome:
    """Call the driver. Any error but libcloud's own is a fault of the driver's and goes through."""
    found = Outcome()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found.value = action(*args, **kwargs)
        except LibcloudError as error:
            found.error = error
    found.warnings = [str(one.message) for one in caught]
    return found


def lab(personality: str, module: Any, **options: Any) -> Simulator:
    """Two hosts without VMs, whose time moves only while somebody waits."""
    defaults: dict[str, Any] = {"hosts": 2, "vms": 0, "templates": 0}
    defaults |= {"template_bytes": 1 << 20, "personality": personality, "host_module": module}
    return simulate(**(defaults | options))


def connect(sim: Simulator, by: int = 0, **options: Any) -> Any:
    """A driver as a user gets it, by one of the hosts."""
    defaults: dict[str, Any] = {
        "host": sim.hosts[by].address,
        "port": sim.hosts[by].port,
        "ex_fingerprint": pins_of(sim),
        "ex_clock": clock_of(sim),
        "ex_second_look": 1,
    }
    return get_driver("ovm3")(sim.user, sim.password, **{**defaults, **options})


# ------------------------------------------------------------------ what lies in repositories


def undashed(vm_id: str) -> str:
    return vm_id.replace("-", "")


def put(
    sim: Simulator,
    directory: str,
    text: str | bytes,
    repository: str | None = None,
    folder: str = "VirtualMachines",
    file: str = "vm.cfg",
) -> Path:
    """Lay a file into a directory of a repository, vm.cfg as a rule; the directory."""
    where = sim.path_of(repository or sim.repository_id) / folder / directory
    where.mkdir(parents=True, exist_ok=True)
    new = where.parent.parent / f".{file}.new"  # nobody reads half a file
    new.write_bytes(text if isinstance(text, bytes) else text.encode())
    new.replace(where / file)
    return where


def cfg(**values: Any) -> str:
    """A vm.cfg."""
    return "".join(f"{key} = {value!r}\n" for key, value in values.items())


@dataclass(frozen=True)
class Made:
    """A VM with one disk of its own.

    :ivar file: the disk, where it really lies.
    :ivar path: the same as the hosts name it.
    """

    id: str
    directory: str
    file: Path
    path: str
    definition: Path

    @property
    def is_whole(self) -> bool:
        """Whether disk and definition are as they were made."""
        return self.has_disk and (self.definition / "vm.cfg").is_file()

    @property
    def has_disk(self) -> bool:
        return self.file.is_file() and self.file.read_bytes() == DATA


def make_vm(
    sim: Simulator,
    name: str = "victim",
    vm_id: str = ID,
    repository: str | None = None,
    file_name: str | None = None,
    xend_name: str | None = None,
    **more: Any,
) -> Made:
    """A stopped VM whose disk carries its uuid, as create_node and its like make them."""
    repository = repository or sim.repository_id
    directory = undashed(vm_id)
    file = sim.path_of(repository) / "VirtualDisks" / (file_name or f"{directory}.img")
    file.write_bytes(DATA)
    path = f"/OVS/Repositories/{repository}/VirtualDisks/{file.name}"
    values: dict[str, Any] = {
        "name": xend_name or directory,
        "OVM_simple_name": name,
        "uuid": vm_id,
        "memory": 256,
        "vcpus": 1,
        "OVM_domain_type": "xen_pvm",
        "bootloader": "/usr/bin/pygrub",
        "disk": [f"file:{path},xvda,w"],
        "vif": [],
        "on_reboot": "restart",
        "on_crash": "restart",
        "on_poweroff": "destroy",
    }
    text = cfg(**{k: v for k, v in {**values, **more}.items() if v is not None})
    return Made(vm_id, directory, file, path, put(sim, directory, text, repository))


def other_vm(sim: Simulator, repository: str | None = None, **values: Any) -> Path:
    """Another VM's vm.cfg, of which the test says the disks."""
    known = {"name": "other", "OVM_simple_name": "other", "uuid": OTHER_ID, "memory": 256}
    return put(sim, "b" * 32, cfg(**{**known, "vcpus": 1, **values}), repository)


# ------------------------------------------------------------------ what lives


def record(name: str, vm_id: str | None = None, **more: Any) -> dict[str, Any]:
    """A live domain as list_vms has it."""
    found: dict[str, Any] = {"name": name, "domid": "7", "state": "-b----", "status": "2"}
    found |= {"memory": "256", "online_vcpus": "1", "device": {}}
    if vm_id is not None:
        found["uuid"] = vm_id
    return {k: v for k, v in {**found, **more}.items() if v is not None}


DOMAIN_0 = record("Domain-0", str(uuid.UUID(int=0)), domid="0", state="r-----")


def let_list(sim: Simulator, host: int | None, records: Any) -> None:
    """Let list_vms of a host answer this from now on, whoever asks."""
    sim.misbehave("answer", "list_vms", host=host, times=None, value=records)


def live(sim: Simulator) -> list[str]:
    """The uuids of all that lives, on all hosts."""
    return [d["uuid"] for index in range(len(sim.hosts)) for d in sim.domains(index)]


def start_by_hand(sim: Simulator, vm: Made, host: int) -> None:
    """As somebody with another tool does."""
    repository = vm.path.split("/")[3]
    connect(sim, host).connection.call("start_vm", repository, vm.directory)
    assert vm.id in [d["uuid"] for d in sim.domains(host)]


def location(sim: Simulator, host: int) -> str:
    return f"{sim.hosts[host].address}:{sim.hosts[host].port}"


# ------------------------------------------------------------------ what is right


def sent(sim: Simulator) -> list[str]:
    """The calls that change something and have arrived."""
    return [name for name in functions_of(sim) if name in CHANGES]


def states(nodes: Iterable[Any]) -> dict[str, Any]:
    return {node.id: node.state for node in nodes}


def assert_kept(sim: Simulator, vm: Made, driver: Any | None = None) -> Outcome:
    """destroy_node of it does not delete its disk, and says so; no orphan of it is certain."""
    driver = driver or connect(sim)
    came = attempt(driver.destroy_node, vm.id)
    assert vm.has_disk, came
    assert vm.file.name in came.said or came.error is not None, came
    assert not {"storage_plugin_destroy", "libcloud_delete_aside"} & set(sent(sim))
    assert_no_certain_orphan(driver, vm.file.name)
    return came


def assert_refused(sim: Simulator, action: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
    """Refused before anything that changes something was sent; what it said."""
    sim.calls.clear()
    came = attempt(action, *args, **kwargs)
    assert isinstance(came.error, PreconditionFailed), came
    assert sent(sim) == []
    return came.said


def assert_no_certain_orphan(driver: Any, name: str | None = None) -> None:
    came = attempt(driver.ex_list_orphans)
    assert came.error is None
    certain = [one["path"].rpartition("/")[2] for one in came.value if one["is_certain"]]
    assert name not in certain if name is not None else certain == []


def assert_not_certain(state: Any) -> None:
    assert state == NodeState.UNKNOWN
