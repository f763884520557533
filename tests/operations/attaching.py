"""A volume, VMs that have it or not, and what became of it."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from libcloud_ovm3 import OVM3NodeDriver
from libcloud_ovm3.agent.config import VMConfig
from libcloud_ovm3.simulator import Simulator
from libcloud_ovm3.simulator.seeds import sparse_file
from libcloud_ovm3.simulator.vmcfg import strings
from libcloud_ovm3.simulator.xend import life, machines
from tests.operations.failures import WRITES, Step, table_of
from tests.support import CHANGE, PERSONALITIES, calls_of, driver_for, quietly

DATA = "data.img"  # the file of the volume


def path_of(sim: Simulator, name: str = DATA, folder: str = "VirtualDisks") -> str:
    """A file's path on the hosts."""
    return f"/OVS/Repositories/{sim.repository_id}/{folder}/{name}"


def add_disk(sim: Simulator, name: str = DATA) -> str:
    """A new virtual disk; its id."""
    sparse_file(sim.repository_path / "VirtualDisks" / name, 1 << 20, name)
    return f"{sim.repository_id}/VirtualDisks/{name}"


def disks(sim: Simulator, *more: str, system: bool = True) -> list[str]:
    """A list of disks for ``add_vm``: a system disk of its own, and these."""
    name = f"system-{len(list((sim.repository_path / 'VirtualDisks').iterdir()))}.img"
    add_disk(sim, name)
    return [f"file:{path_of(sim, name)},xvda,w"] * system + list(more)


def in_file(sim: Simulator, directory: str, name: str = DATA) -> list[str]:
    """The entries of a VM's vm.cfg that name a file."""
    text = (sim.repository_path / "VirtualMachines" / directory / "vm.cfg").read_bytes()
    return [one.text for one in VMConfig.from_text(text).disks if one.text.find(name) > 0]


def live_disks(sim: Simulator, host: int, name: str = DATA) -> list[str]:
    """The entries of all live domains of a host that name a file."""
    at = sim.hosts[host]
    with at.lock:
        machines.advance(at)
        found = [text for domain in at.domains for text in strings(domain.config, "disk")]
    return [text for text in found if name in text]


def set_live_disks(sim: Simulator, host: int, change: Any) -> None:
    """Change the disks of the only live domain of a host behind everybody's back."""
    at = sim.hosts[host]
    with at.lock:
        [domain] = at.domains
        domain.config["disk"] = change(strings(domain.config, "disk"))
        at.save()


def let_go(sim: Simulator, host: int) -> None:
    """A guest that would not release a device does it now."""
    at = sim.hosts[host]
    with at.lock:
        for domain in at.domains:
            at.ignores_requests.discard(domain.uuid)
            for leaving in list(domain.leaving):
                domain.leaving.remove(leaving)
                life.remove_device(domain, leaving["kind"], leaving["key"])
        at.save()


class Seen(NamedTuple):
    """What a driver says of a volume."""

    state: str
    where: list[str]


def seen(sim: Simulator, volume_id: str, driver: OVM3NodeDriver | None = None) -> Seen:
    found = quietly((driver or driver_for(sim)).list_volumes)
    [volume] = [one for one in found if one.id == volume_id]
    return Seen(volume.state, [one["where"] for one in volume.extra["attachments"]])


def rows_of(steps: list[Step]) -> list[Any]:
    """The failure table of an operation: writes with both personalities, reads with one of them, as
    these answer hardly any read differently.
    """
    return [
        pytest.param(*case.values, personality, id=f"{case.id}-{personality}")
        for number, case in enumerate(table_of(steps))
        for personality in PERSONALITIES
        if case.values[0].function in WRITES or PERSONALITIES[number % 2] == personality
    ]


class Lab(NamedTuple):
    """A simulator and a driver for it."""

    sim: Simulator
    driver: OVM3NodeDriver

    def node(self, name: str) -> Any:
        return quietly(self.driver.ex_get_node_by_name, name)

    def attach(self, node: Any, volume_id: str, *args: Any, **options: Any) -> bool:
        return bool(quietly(self.driver.attach_volume, node, volume_id, *args, **options))

    def detach(self, volume_id: str, **options: Any) -> bool:
        return bool(quietly(self.driver.detach_volume, volume_id, **options))

    def refuse(self, error: type[Exception], why: str, action: Any, *args: Any, **kw: Any) -> None:
        """It is refused for this reason, and nothing is sent."""
        begin = len(self.sim.calls)
        with pytest.raises(error, match=why):
            quietly(action, *args, **kw)
        assert "configure_vm" not in calls_of(self.sim)[begin:]
        assert CHANGE not in calls_of(self.sim)[begin:]

    def devices(self, volume_id: str) -> list[str]:
        """Where a volume is: ``NAME:xvdb``."""
        found = quietly(self.driver.list_volumes)
        [volume] = [one for one in found if one.id == volume_id]
        return [f"{one['node_name']}:{one['device']}" for one in volume.extra["attachments"]]
