"""One host's stale mount, and what a host cannot report of a LUN, prevent no other VM's start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from libcloud_ovm3.simulator import Simulator
from tests.faults.support import ID, attempt, connect, lab

DIRECTORY = ID.replace("-", "")


def _put_vm(sim: Simulator, repository: str) -> None:
    base = Path(sim.path_of(repository))
    disk = f"VirtualDisks/{DIRECTORY}.img"
    (base / disk).write_bytes(b"precious" * 512)
    folder = base / "VirtualMachines" / DIRECTORY
    folder.mkdir(parents=True)
    (folder / "vm.cfg").write_text(
        f"uuid = {ID!r}\nname = {DIRECTORY!r}\nOVM_simple_name = 'bee'\nmemory = 256\nvcpus = 1\n"
        f"disk = ['file:/OVS/Repositories/{repository}/{disk},xvda,w']\nvif = []\n"
        "bootloader = '/usr/bin/pygrub'\n"
    )


def _start(sim: Simulator, **options: Any) -> Any:
    driver = connect(sim, **options)
    node = attempt(driver.ex_get_node, ID).value
    there = [one for one in driver.list_locations() if one.name == "ovm-2"]
    return attempt(driver.start_node, node, ex_location=there[0])


def test_a_stale_mount_of_one_host_keeps_no_vm_of_another_repository_from_starting() -> None:
    with lab("plain", True, vms=1, repositories=2) as sim:
        other = next(one for one in sim.hosts[0].repository_db if one != sim.repository_id)
        _put_vm(sim, other)
        sim.hosts[0].stale_repository()
        said = _start(sim)
        assert said.error is None, said.said


def test_a_stale_mount_of_one_host_keeps_no_vm_of_it_from_starting_elsewhere() -> None:
    with lab("plain", True, vms=1) as sim:
        _put_vm(sim, sim.repository_id)
        assert _start(sim).error is None, "all hosts look when a VM gets its first claim"
        assert connect(sim).stop_node(ID, ex_force=True)
        sim.hosts[0].stale_repository()
        said = _start(sim)
        assert said.error is None, said.said


def test_what_nobody_can_tell_is_not_said_to_be_held() -> None:
    with lab("plain", [0], vms=1) as sim:
        _put_vm(sim, sim.repository_id)
        sim.hosts[0].stale_repository()
        said = _start(sim).said
        assert "whose target is unknown" in said
        assert "held open for writing" not in said


def test_a_pool_with_luns_starts_its_vms() -> None:
    with lab("plain", True, layout="manager") as sim:
        driver = connect(sim)
        node = next(one for one in driver.list_nodes() if one.name == "archive")
        said = attempt(driver.start_node, node)
        assert said.error is None, said.said
