"""What Oracle VM Manager and CloudStack leave behind (agent-behaviour.md 3, 4, 6)."""

from __future__ import annotations

import json
import re
import uuid
from pathlib import Path
from typing import Any

import pytest

from libcloud_ovm3.simulator import Simulator, SimulatorError
from tests.simulator.plainclient import client, fault_of, until
from tests.support import simulate

MANAGER = re.compile(r"0004fb0000\d\d0000[0-9a-f]{16}")


def _configs(sim: Simulator) -> dict[str, dict[str, Any]]:
    """Every definition, read by the agent, by its display name."""
    agent, found = client(sim), {}
    for file in (sim.repository_path / "VirtualMachines").glob("*/vm.cfg"):
        config = agent.get_vm_config(sim.repository_id, file.parent.name)
        found[config["OVM_simple_name"]] = config
    return found


@pytest.fixture
def manager() -> Any:
    with simulate(hosts=2, templates=0, vms=0, layout="manager") as sim:
        yield sim


def test_the_managers_machines(manager: Simulator) -> None:
    configs = _configs(manager)
    assert set(configs) == {"app", "windows", "rac1", "rac2", "archive", "network boot"}
    for config in configs.values():
        assert MANAGER.fullmatch(config["name"])
        assert uuid.UUID(config["uuid"]).hex == config["name"]
    assert [disk.split(",")[1] for disk in configs["app"]["disk"]] == ["xvda", "xvdb"]
    windows = configs["windows"]
    assert windows["disk"][1].endswith(".iso,xvdb:cdrom,r")
    assert (windows["builder"], windows["vnc"]) == ("hvm", 1)
    assert not {"vfb", "bootloader"} & windows.keys()
    assert configs["archive"]["disk"][1] == ",xvdb:cdrom,r"
    assert configs["network boot"]["disk"] == []
    shared = [set(configs[name]["disk"][1:]) for name in ("rac1", "rac2")]
    assert shared[0] == shared[1]
    assert sum(disk.startswith("phy:/dev/mapper/3") for disk in shared[0]) == 3
    assert all(disk.endswith(",w!") for disk in shared[0])
    assert configs["rac1"]["OVM_high_availability"] is True


def test_they_run_and_can_be_stopped_and_started(manager: Simulator) -> None:
    agent, configs = client(manager), _configs(manager)
    names = {vm["name"]: vm for host in (0, 1) for vm in client(manager, host).list_vms()}
    running = [name for name, config in configs.items() if config["name"] in names]
    assert sorted(running) == ["app", "rac1", "rac2", "windows"]
    live = names[configs["windows"]["name"]]
    assert live["device"]["vfb"][0]["location"].startswith("127.0.0.1:59")
    assert [vbd["dev"] for vbd in live["device"]["vbd"]] == ["xvda:disk", "xvdb:cdrom"]
    for name in ("rac1", "archive"):
        vm = configs[name]["name"]
        if name == "rac1":
            agent.stop_vm(manager.repository_id, vm, True)
            until(manager, lambda vm=vm: agent.list_vm(manager.repository_id, vm) is None)
        agent.start_vm(manager.repository_id, vm)
        assert agent.list_vm(manager.repository_id, vm)["status"] == "2"
    lun = next((manager.root / "luns").iterdir())
    (manager.root / "hosts/0/disk/dev/mapper" / lun.name).unlink()
    agent.stop_vm(manager.repository_id, configs["rac1"]["name"], True)
    text = fault_of(agent.start_vm, manager.repository_id, configs["rac1"]["name"])
    assert f"(vbd) could not be connected. /dev/mapper/{lun.name} does not exist." in text


def test_a_physical_disk_is_not_given_to_two_without_the_mark(manager: Simulator) -> None:
    lun = f"/dev/mapper/{next((manager.root / 'luns').iterdir()).name}"
    disk = [f"phy:{lun},xvda,w"]
    folder = manager.add_vm("thief", config={"disk": disk, "memory": 128})
    text = fault_of(client(manager).start_vm, manager.repository_id, folder)
    assert f"Device {lun} is mounted in a guest domain,\nand so cannot be mounted now." in text


def test_the_managers_templates_and_names(manager: Simulator) -> None:
    agent = client(manager)
    document = agent.discover_repositories(manager.repository_id)
    folders = [path.name for path in (manager.repository_path / "Templates").iterdir()]
    assert len(folders) == 2
    for name in folders:
        assert f'<Template Name="{name}"><File>vm.cfg</File></Template>' in document
        config = agent.get_template_config(manager.repository_id, name)
        disk = config["disk"][0].removeprefix("file:").split(",")[0]
        inside = disk.removeprefix(f"/OVS/Repositories/{manager.repository_id}/")
        assert (manager.repository_path / inside).is_file()
    assert agent.get_template_config(manager.repository_id, "none") is None
    disks = manager.repository_path / "VirtualDisks"
    names = json.loads((disks / ".ovsmeta").read_text())
    simple = [entry["SIMPLE_NAME"] for entry in names.values()]
    assert simple.count("System.img (16)") == 2
    gone = [name for name in names if not (disks / name).exists()]
    assert [names[name]["SIMPLE_NAME"] for name in gone] == ["deleted long ago"]
    assert ".ovsmeta" not in document


def test_the_older_agent_has_no_metadata_file() -> None:
    with simulate(hosts=1, version="3.2.1", layout="manager") as sim:
        assert not list(sim.repository_path.rglob(".ovsmeta"))


def test_cloudstacks_layout() -> None:
    with simulate(hosts=2, templates=0, vms=0, layout="cloudstack") as sim:
        agent, configs = client(sim), _configs(sim)
        document = agent.discover_repositories(sim.repository_id)
        assert len(re.findall(r'<Template Name="[-0-9a-f]{36}">', document)) == 2
        assert "<Repository_Alias>OVS Repository</Repository_Alias>" in document
        assert set(configs) == {"i-2-3-VM", "s-1-VM"}
        guest = configs["i-2-3-VM"]
        assert guest["uuid"] == "868a6627-c3b0-3d9b-aea4-f279cbaa253b"
        assert (sim.repository_path / "VirtualMachines" / guest["uuid"] / "vm.cfg").exists()
        assert guest["name"] == "i-2-3-VM"
        assert [disk.split(",")[2] for disk in guest["disk"]] == ["w", "w!"]
        assert " " not in configs["s-1-VM"]["extra"]
        assert configs["s-1-VM"]["disk"][1].endswith("/ISOs/systemvm.iso,xvdb:cdrom,r")
        server = agent.discover_server()
        assert "<Manager_Unique_Id>d1a749d4295041fb99854f52ea4dea97<" in server
        pool = str(uuid.UUID(sim.repository_id))
        assert f"<Pool_Unique_Id>{pool}<" in server
        assert f"/nfsmnt/{pool}" in agent.discover_mounted_file_systems("nfs")
        assert [d["name"] for host in (0, 1) for d in sim.domains(host)] == ["i-2-3-VM", "s-1-VM"]


def test_a_layout_is_for_a_new_root_only(tmp_path: Path) -> None:
    with pytest.raises(SimulatorError, match=r"layout must be one of .* not 'vmware'"):
        simulate(layout="vmware")
    with simulate(hosts=1, root=tmp_path, layout="cloudstack") as sim:
        ids = (sim.repository_id, len(sim.domains(0)))
    with simulate(hosts=1, root=tmp_path, layout="manager") as sim:
        assert (sim.repository_id, len(sim.domains(0))) == ids


def test_an_owner_of_ones_own_in_cloudstacks_layout() -> None:
    with simulate(hosts=1, layout="cloudstack", owner="", pool=False, vms=0) as sim:
        server = client(sim).discover_server()
        assert "<Manager_Unique_Id>none<" in server
        assert "<Pool_Unique_Id>none<" in server
