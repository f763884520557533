"""The outlines of the agent's answers: every element and key that is known, and none besides."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from libcloud_ovm3.simulator import Simulator
from libcloud_ovm3.simulator.agent.storage import FS_KEYS, SS_KEYS
from tests.simulator.agent.test_ownership import POOLFS, _poolfs, cluster_configuration
from tests.simulator.plainclient import NFS, Machine, client
from tests.support import simulate

OUTLINES = json.loads((Path(__file__).parent / "cases" / "outlines.json").read_text())
PLUGIN = "Discover_Storage_Plugins_Result/storage_plugin_info_list/storage_plugin_info"
#: What the simulator shows beyond an outline: the text above the outline names these.
MORE = {
    "discover_storage_plugins": {
        f"{PLUGIN}/{name}" for name in ("storage_types", "sa_api_version", "se_extra_info_help")
    },
}
ARGUMENTS = {
    "discover_mounted_file_systems": lambda sim: ["nfs"],
    "discover_repositories": lambda sim: [sim.repository_id],
}
TYPES = {str: "str", int: "int", bool: "bool", list: "array", dict: "struct"}


@pytest.fixture(scope="module", params=["3.2.1", "3.3.3"])
def full(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    """Two hosts that have everything that the documents can show."""
    with simulate(hosts=2, version=request.param, vms=0, secondary_mount=True) as sim:
        agent = client(sim)
        agent.create_pool_filesystem(*_poolfs(sim))
        agent.configure_server_for_cluster(*cluster_configuration(sim))
        agent.create_cluster(POOLFS)
        agent.create_vm(sim.repository_id, "stopped", {"name": "stopped", "disk": []})
        agent.copy_file(
            f"/OVS/Repositories/{sim.repository_id}/Templates/oracle-linux-6.raw",
            f"/OVS/Repositories/{sim.repository_id}/VirtualDisks/a.raw",
            True,
        )
        yield sim


def _paths(element: ElementTree.Element, above: str = "") -> Iterator[str]:
    path = f"{above}{element.tag}"
    yield path
    for name in element.attrib:
        yield f"{path}@{name}"
    for child in element:
        yield from _paths(child, f"{path}/")


@pytest.mark.parametrize("name", OUTLINES["documents"])
def test_the_outline_of_a_document(full: Simulator, name: str) -> None:
    arguments = ARGUMENTS.get(name, lambda sim: [])(full)
    text = getattr(client(full), name)(*arguments)
    assert text.startswith("<?xml version=")
    made = set(_paths(ElementTree.fromstring(text)))
    assert made == set(OUTLINES["documents"][name]) | MORE.get(name, set())


def test_documents_of_what_is_not_there_are_an_empty_root() -> None:
    with simulate(hosts=1, vms=0, pool=False) as sim:
        agent = client(sim)
        for name, arguments in (
            ("discover_server_pool", []),
            ("discover_pool_filesystem", []),
            ("discover_cluster", []),
        ):
            root = ElementTree.fromstring(getattr(agent, name)(*arguments))
            assert root.tag.lower() == f"{name}_result"
            assert len(root) == 0


def _keys(value: Any, path: str = "") -> Iterator[str]:
    yield f"{path}:{TYPES[type(value)]}"
    parts: list[tuple[str, Any]] = []
    if isinstance(value, dict):
        parts = list(value.items())
    elif isinstance(value, list):
        parts = [("[]", item) for item in value]
    for name, item in parts:
        yield from _keys(item, f"{path}.{name}" if path else name)


def _value(sim: Simulator, name: str) -> Any:
    agent, repo = client(sim), sim.repository_id
    ss = dict.fromkeys(SS_KEYS, "") | {"uuid": repo}
    fs = dict.fromkeys(FS_KEYS, "") | {"uuid": str(uuid.UUID(repo)), "ss_uuid": repo}
    if name == "storage_plugin_create":
        path = f"/OVS/Repositories/{repo}/VirtualDisks/{uuid.uuid4()}.raw"
        return agent.storage_plugin_create(NFS, ss, fs, path, "File", 1 << 20)
    if name == "storage_plugin_mount":
        agent.storage_plugin_unmount(NFS, ss, fs, f"/nfsmnt/{fs['uuid']}", True)
        fs["access_path"] = "nfs-store-1:/export/ovm-repository/VirtualMachines"
        return agent.storage_plugin_mount(NFS, ss, fs, f"/nfsmnt/{fs['uuid']}", "", True, [])
    if name == "get_ntp":
        agent.set_ntp(["ntp-1"], True)
    return getattr(agent, name)()


@pytest.mark.parametrize(
    "name",
    [
        "get_last_boot_time",
        "get_ntp",
        "get_timezone",
        "get_api_version",
        "storage_plugin_create",
        "storage_plugin_mount",
    ],
)
def test_the_outline_of_a_value(full: Simulator, name: str) -> None:
    assert set(_keys(_value(full, name))) == set(OUTLINES["values"][name])


def test_the_outline_of_a_running_vm_and_its_definition(full: Simulator) -> None:
    machine = Machine(full, extra="", cpu_cap=0, cpu_weight=27500, on_poweroff="destroy")
    machine.start()
    listed = [vm for vm in machine.agent.list_vms() if vm["uuid"] == machine.uuid]
    wanted = {key for key in OUTLINES["values"]["list_vms"] if ".device" in key}
    made = {key for key in _keys(listed) if ".device" in key}
    assert wanted <= made
    config = machine.agent.get_vm_config(machine.repo, machine.vm)
    types = dict(key.rsplit(":", 1) for key in OUTLINES["values"]["get_vm_config"])
    made_types = dict(key.rsplit(":", 1) for key in _keys(config))
    shared = types.keys() & made_types.keys()
    assert {"memory", "vcpus", "name", "disk", "vif", "vfb"} <= shared
    assert {key: types[key] for key in shared} == {key: made_types[key] for key in shared}
