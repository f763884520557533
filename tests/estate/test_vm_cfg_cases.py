"""vm.cfg files of the field (V01 … V16), and their like, between two healthy VMs of a pool.

S of the cases' README: the file lies in a repository, nodes are listed through the driver.
W: it is read, one other key is changed with configure_vm, and everything else is as it was.
"""

from __future__ import annotations

import json
import uuid
import warnings
from pathlib import Path
from typing import Any

import pytest
from libcloud.compute.types import NodeState

from libcloud_ovm3.agent import vmcfg
from libcloud_ovm3.agent.config import VMConfig, whole_number
from libcloud_ovm3.agent.functions import Agent
from libcloud_ovm3.errors import NodeNotFound, Ovm3Warning
from libcloud_ovm3.estate.hosts import read_hosts
from libcloud_ovm3.estate.vms import read_estate
from libcloud_ovm3.simulator import Simulator
from tests.support import calls_of, driver_for, fingerprints_of, quietly, simulate

CASES = Path(__file__).parents[1] / "agent" / "cases"

# where each lies: the Manager's directories are undashed uuids, other tools' are what they like
DIRECTORIES = {
    "V01": "0004fb0000060000cfe2da48f9e2120e",
    "V03": "6d015d4f722144b39a0d9ebd71ec464e",
    "V06": "c4cb389c288dc46d5fb183f18772184a",
    "V08": "hvmguest1",
    "V10": "solaris1",
    "V11": "0004fb00-0006-0000-1111-000000000011",
    "M05": "0004fb00000600000595d9e2d42334ec",
}


def put(sim: Simulator, directory: str, text: str | bytes) -> Path:
    """Lay a vm.cfg into the repository."""
    file = sim.repository_path / "VirtualMachines" / directory / "vm.cfg"
    file.parent.mkdir()
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def put_case(sim: Simulator, name: str) -> Path:
    return put(sim, DIRECTORIES[name], (CASES / f"{name}.vm.cfg").read_bytes())


def node_in(driver: Any, directory: str) -> Any:
    """The node of a directory; its neighbours are there, whatever this one is."""
    nodes = quietly(driver.list_nodes)
    states = {node.name: node.state for node in nodes}
    assert states["seed-1"] == states["seed-2"] == NodeState.RUNNING
    assert len({node.id for node in nodes}) == len(nodes)
    json.dumps([node.extra for node in nodes])  # plain data
    (found,) = [node for node in nodes if node.extra.get("directory") == directory]
    assert quietly(driver.ex_get_node, found.id).name == found.name
    return found


def agent_of(driver: Any) -> Agent:
    return read_hosts(driver._estate)[0][0].agent


# ------------------------------------------------------------------ S: between two healthy VMs


def test_v01_made_by_the_manager(driver: Any, sim: Simulator) -> None:
    put_case(sim, "V01")
    node = node_in(driver, DIRECTORIES["V01"])
    extra = node.extra
    assert (node.id, node.name) == ("0004fb00-0006-0000-cfe2-da48f9e2120e", "ESXi-01")
    assert node.state == NodeState.STOPPED
    assert (extra["memory_mb"], extra["vcpus"], extra["max_vcpus"]) == (4096, 2, 2)
    assert (extra["is_hvm"], extra["high_availability"]) == (True, False)
    assert extra["repository_id"] == sim.repository_id, "where the file lies, not its disks"
    (disk,) = extra["disks"]
    assert extra["system_disk"] == disk
    assert disk.endswith("/0004fb00001200009d2574fd9b824a84.img")
    (medium,) = extra["cdroms"]
    assert medium.startswith("/OVS/Repositories/0004fb0000030000598e525857751f9a/ISOs/")
    assert extra["vnc"] == {"listen": "127.0.0.1", "display": None, "takes_any_port": True}
    assert extra["nics"] == [{"mac": "00:21:f6:00:00:f7", "bridge": "10238073c2", "type": None}]
    assert extra["notices"] == []


def test_a_cd_is_never_deleted_with_its_node(driver: Any, sim: Simulator) -> None:
    """Not even one whose name carries the node's uuid, or that lies among the disks."""
    vm_id = uuid.uuid4()
    for folder in ("ISOs", "VirtualDisks"):
        (sim.repository_path / folder / f"{vm_id.hex}.iso").write_bytes(b"cd")
    at = f"/OVS/Repositories/{sim.repository_id}"
    drives = [f"file:{at}/{folder}/{vm_id.hex}.iso" for folder in ("ISOs", "VirtualDisks")]
    entries = [f"{drive},{device}:cdrom,r" for drive, device in zip(drives, "bc", strict=True)]
    entries = [entry.replace(",b:", ",xvdb:").replace(",c:", ",xvdc:") for entry in entries]
    sim.add_vm("with cds", uuid=str(vm_id), config={"disk": entries})
    quietly(driver.destroy_node, str(vm_id))
    assert (sim.repository_path / "ISOs" / f"{vm_id.hex}.iso").exists()


def test_v03_exadata(driver: Any, sim: Simulator) -> None:
    put_case(sim, "V03")
    node = node_in(driver, DIRECTORIES["V03"])
    extra = node.extra
    assert (node.id, node.name) == ("6d015d4f-7221-44b3-9a0d-9ebd71ec464e", "cabinet10adm01-016")
    assert extra["xend_name"] == "racdb01vm08.example.com"
    assert (extra["memory_mb"], extra["max_memory_mb"]) == (65536, 65536)
    assert (extra["vcpus"], extra["max_vcpus"], extra["is_hvm"]) == (8, 68, True)
    assert extra["repository_id"] == sim.repository_id
    outside = "/EXAVMIMAGES/GuestImages/racdb01vm08.example.com"
    assert extra["disks"][3:] == [f"{outside}/u02_extra.img", f"{outside}/21222032406_u01ext.img"]
    assert [nic["type"] for nic in extra["nics"]] == ["netfront"] * 3
    assert [nic["bridge"] for nic in extra["nics"]] == ["vmbondeth0", "vmbondeth1", "vmeth1"]
    assert extra["vnc"] is None


def test_one_id_as_a_vm_and_as_a_repository(driver: Any, sim: Simulator) -> None:
    """V03: Exadata gives a VM and "its" repository the same uuid."""
    shared_id = DIRECTORIES["V03"]
    put_case(sim, "V03")
    seen = read_estate(driver._estate)
    assert seen.vm(shared_id).name == "cabinet10adm01-016"
    assert seen.repository(shared_id) is None
    sim.add_repository("exadata", repository_id=shared_id)
    seen = read_estate(driver._estate)
    repository = seen.repository(seen.vm(shared_id).id)
    assert repository is not None
    assert repository.record.alias == "exadata"
    assert seen.vm(shared_id).name == "cabinet10adm01-016"
    with pytest.raises(NodeNotFound):
        seen.vm(sim.repository_id)


def test_v06_a_template_among_the_vms(driver: Any, sim: Simulator) -> None:
    put_case(sim, "V06")
    node = node_in(driver, DIRECTORIES["V06"])
    assert node.name == "el_template_db"
    assert node.extra["nics"] == []
    assert [Path(disk).name for disk in node.extra["disks"]] == ["System.img", "System1.img"]
    assert node.extra["memory_mb"] == 4096
    assert node.extra["vnc"] == {"listen": "127.0.0.1", "display": None, "takes_any_port": True}
    assert quietly(driver.ex_get_node_by_name, "el_template_db").id == node.id


def test_v08_without_a_uuid(driver: Any, sim: Simulator) -> None:
    put_case(sim, "V08")
    node = node_in(driver, "hvmguest1")
    again = node_in(driver, "hvmguest1")
    assert uuid.UUID(node.id)
    assert again.id == node.id
    assert node.name == "hvmguest1"
    assert (node.extra["memory_mb"], node.extra["vcpus"]) == (4096, 2)
    assert node.extra["nics"] == [{"mac": None, "bridge": "net1", "type": "netfront"}]
    assert node.extra["vnc"] == {"listen": "0.0.0.0", "display": 10, "takes_any_port": True}
    (remark,) = node.extra["notices"]
    assert "no uuid" in remark
    assert "its path" in remark


def test_v08_in_a_directory_that_is_a_uuid(driver: Any, sim: Simulator) -> None:
    directory = "0004FB00000600000808080808080808"
    put(sim, directory, (CASES / "V08.vm.cfg").read_bytes())
    node = node_in(driver, directory)
    assert node.id == "0004fb00-0006-0000-0808-080808080808"
    (remark,) = node.extra["notices"]
    assert "its directory's" in remark


@pytest.mark.parametrize("given", [None, "", "none", "0004fb00", "g" * 32, 7])
def test_what_is_no_uuid_is_none(driver: Any, sim: Simulator, given: Any) -> None:
    options = {"name": "vm7", "memory": "256", **({} if given is None else {"uuid": given})}
    put(sim, "vm 7", vmcfg.text_of(options))
    node = node_in(driver, "vm 7")
    assert node.id == node_in(driver, "vm 7").id
    assert uuid.UUID(node.id)
    assert "no uuid" in node.extra["notices"][0]


def test_a_guest_that_reboots_with_destroy_is_stopped_not_lost(driver: Any, sim: Simulator) -> None:
    """V08: on_reboot = destroy, no uuid; xend makes one up, so it is found by its name."""
    actions = {f"on_{what}": "destroy" for what in ("reboot", "crash", "poweroff")}
    options: dict[str, Any] = {"name": "hvmguest1", "uuid": None, "OVM_simple_name": None}
    sim.add_vm("hvmguest1", directory="hvmguest1", running_on=0, config={**options, **actions})
    node = node_in(driver, "hvmguest1")
    assert node.state == NodeState.RUNNING
    (domain,) = [d for d in sim.domains(0) if d["name"] == "hvmguest1"]
    assert domain["uuid"] != node.id
    sim.guest(0, domain["uuid"], "reboot")
    sim.wait(30)
    after = node_in(driver, "hvmguest1")
    assert (after.id, after.state) == (node.id, NodeState.STOPPED)


def test_v10_the_cd_stands_first(driver: Any, sim: Simulator) -> None:
    put_case(sim, "V10")
    node = node_in(driver, "solaris1")
    assert node.name == "solaris1"
    assert node.extra["system_disk"] == "/dev/vg0/solaris1"
    assert node.extra["disks"] == ["/dev/vg0/solaris1"]
    assert node.extra["cdroms"] == ["/opt/distros/osol-0811.iso"]
    assert node.extra["nics"][0]["mac"] == "00:16:3e:00:A7:88".lower()


def test_v11_no_password_anywhere(driver: Any, sim: Simulator, caplog: Any) -> None:
    put_case(sim, "V11")
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        node = driver.ex_get_node_by_name("hardy")
        nodes = driver.list_nodes()
    assert node.extra["disks"] == ["/home/hardy.img"]
    assert node.extra["nics"] == [{"mac": "00:16:3e:00:70:45", "bridge": None, "type": None}]
    definitions = read_estate(driver._estate).vm(node.id).definitions
    shown = [*nodes, *(n.extra for n in nodes), *(w.message for w in warned), caplog.text]
    assert "Pa55word" not in repr(shown) + str(definitions[0])


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ((CASES / "V14.vm.cfg").read_text(), 1),
        ("name = 'web7'\n  memory = 1024\n", 2),
        ("name = 'web7'\n\tmemory = 1024\n", 2),
        ("name = 'web7\n", 1),
        ("name = 'web7'\ndisk = [\n 'a'\n 'b',\nvif = []\n", None),
        ("name = 'web7'\nmemory = 1024 # MB\nmemory == 2048 =\n", 3),
        ("<<<<<<< mine\nname = 'web7'\n", 1),
        ("name = 'web7'\nname = \u2018web8\u2019\n", 2),
        ("name: web7\nmemory 1024\n", 2),
        ("name = 'web7'\nimport os; os.abort()\n", 2),
        ("name = 'web7'\nmemory = __import__('os').abort()\n", 2),
        ("name = 'web7'\x00\n", None),
    ],
)
def test_a_bad_record_is_named_and_costs_nobody_else_anything(
    sim: Simulator, text: str, line: int | None
) -> None:
    """V14: never half the keys, never the first of two."""
    put(sim, "web7", text)
    driver = driver_for(sim)
    with pytest.warns(Ovm3Warning) as warned:
        nodes = {node.name: node for node in driver.list_nodes()}
    (attempt,) = {str(warning.message) for warning in warned if "web7" in str(warning.message)}
    assert line is None or f"line {line}" in attempt
    assert nodes["seed-1"].state == nodes["seed-2"].state == NodeState.RUNNING
    bad = nodes["web7"]  # its directory: nothing that it says is believed
    assert bad.state == NodeState.UNKNOWN
    assert bad.extra["error"]
    assert (bad.extra["memory_mb"], bad.extra["disks"], bad.extra["notices"]) == (None, [], [])


def test_of_two_assignments_the_last_counts(driver: Any, sim: Simulator) -> None:
    straight = [line.strip() for line in (CASES / "V14.vm.cfg").read_text().splitlines()]
    put(sim, "web7", "\n".join([*straight, "memory = 512", "memory = 2048", "vif = []"]))
    node = node_in(driver, "web7")
    assert (node.name, node.extra["memory_mb"], node.extra["nics"]) == ("web7", 2048, [])
    assert node.extra["disks"] == ["/dev/vg0/web7_img", "/dev/vg0/web7_swap"]


# ------------------------------------------------------------------ V16: shared LUNs


def rac(sim: Simulator, number: int) -> str:
    """A RAC node: two virtual disks of its own and the three shared LUNs of the case."""
    lines = (CASES / "V16.rac.txt").read_text().splitlines()
    (text,) = [line for line in lines if line.startswith("disk = ")]
    vm_id = uuid.UUID(int=0x0004FB00000600004EA7D13045E40000 + number)
    disks = vmcfg.parse(text)["disk"]
    for letter in "ab":
        (sim.repository_path / "VirtualDisks" / f"{vm_id.hex}-{letter}.img").write_bytes(b"x")
        at = f"/OVS/Repositories/{sim.repository_id}/VirtualDisks/{vm_id.hex}-{letter}.img"
        disks["ab".index(letter)] = f"file:{at},xvd{letter},w"
    sim.add_vm(f"rac{number}", uuid=str(vm_id), config={"disk": disks})
    return str(vm_id)


def test_v16_luns_are_shared_and_never_touched(sim: Simulator) -> None:
    first, second = rac(sim, 1), rac(sim, 2)
    (sim.repository_path / "VirtualDisks" / "36006016011223300aa00bb11cc22dd01").write_bytes(b"x")
    driver = driver_for(sim)
    node = driver.ex_get_node(first)
    luns = [f"/dev/mapper/36006016011223300aa00bb11cc22dd0{n}" for n in (1, 2, 3)]
    assert node.extra["shared_disks"] == luns
    assert node.extra["disks"][2:] == luns
    disks = read_estate(driver._estate).vm(first).definition.disks
    assert [disk.slot for disk in disks] == [0, 1, 2, 6, 5]
    before = fingerprints_of(sim.repository_path)
    sim.calls.clear()
    with pytest.warns(Ovm3Warning) as warned:
        driver.destroy_node(node)
    told = " ".join(str(warning.message) for warning in warned)
    assert all(f"{lun} was kept" in told for lun in luns)
    deleted = [c.arguments[3]["file_path"] for c in sim.calls if c.function.endswith("_destroy")]
    assert sorted(Path(path).name for path in deleted) == [
        f"{first.replace('-', '')}-{letter}.img" for letter in "ab"
    ]
    after = fingerprints_of(sim.repository_path)
    gone = {Path(file).name for file in before.keys() - after.keys()}
    assert gone == {"vm.cfg", *(Path(path).name for path in deleted)}
    assert driver.ex_get_node(second).extra["shared_disks"] == luns


@pytest.mark.parametrize(
    "entry",
    [
        "file:{0},xvdb,w!",
        "file:/{0},xvdb,w",
        "file://{0},xvdb,w",
        "tap:aio:{0},xvdb,w",
        "phy:{0},xvdb,r",
        "file:{0},xvdb:cdrom,r",
        "file:/OVS/Repositories/../..{0},xvdb,w",
        " file:{0} , xvdb , w",
        "{0},xvdb,w",
        "file:{0},xvdb,rw",
        "file:{0}",
        "x={0}",
        "file:{0},xvdb,w,1,2,3",
    ],
)
def test_a_disk_that_another_names_in_any_form_is_kept(sim: Simulator, entry: str) -> None:
    vm_id = str(uuid.uuid4())
    at = f"/OVS/Repositories/{sim.repository_id}/VirtualDisks/{vm_id}.img"
    file = sim.repository_path / "VirtualDisks" / f"{vm_id}.img"
    file.write_bytes(b"data")
    sim.add_vm("owner", uuid=vm_id, config={"disk": [f"file:{at},xvda,w"]})
    sim.add_vm("user", config={"disk": [entry.format(at)]})
    driver = driver_for(sim)
    with pytest.warns(Ovm3Warning, match="names it"):
        driver.destroy_node(vm_id)
    assert file.exists()
    assert calls_of(sim, "storage_plugin_destroy") == []


# ------------------------------------------------------------------ odd ones, many at once

ODD: dict[str, dict[str, Any]] = {
    "numbers as texts": {"memory": "1024", "vcpus": "2"},
    "numbers that are none": {"memory": "lots", "vcpus": [2]},
    "no lists": {"disk": "file:/a,xvda,w", "vif": {}, "vfb": 7},
    "no texts in lists": {"disk": [None, 7, ["x"], {}], "vif": [1], "vfb": [[]]},
    "empty drives": {"disk": [",xvda:cdrom,r", "file:,xvdb:cdrom,r"]},
    "nested": {"ib_pkeys": [{"pf": "1", "pkey": ["0x1"]}], "cpus": "0-3,^1"},
    "names": {"OVM_simple_name": 7, "name": ["x"]},
    "blank name": {"OVM_simple_name": " \n", "name": "\t"},
    "accents": {"OVM_simple_name": "Dépôt てすと", "OVM_description": "é" * 500},
    "flags": {"OVM_high_availability": "True", "hap": 0},
    "partitions": {"disk": ["phy:/dev/vg/a,xvda1,w", "phy:/dev/vg/b,xvda2,w!"]},
    "unknown": {"new_in_9": {"a": [1, {"b": None}]}, "X": 1.5},
}


def by_hand(options: dict[str, Any]) -> str:
    """A vm.cfg as an editor leaves it: accents as they are."""
    return "".join(f"{key} = {value!r}\n" for key, value in options.items())


def test_odd_files_side_by_side(driver: Any, sim: Simulator) -> None:
    for number, options in enumerate(ODD.values()):
        put(
            sim,
            f"odd{number}",
            by_hand({"uuid": str(uuid.UUID(int=number + 1)), "memory": 256, **options}),
        )
    (sim.repository_path / "VirtualMachines" / "no cfg").mkdir()
    nodes = {node.extra.get("directory"): node for node in quietly(driver.list_nodes)}
    odd = dict(zip(ODD, (nodes[f"odd{number}"] for number in range(len(ODD))), strict=True))
    assert len(nodes) == len(ODD) + 2
    assert {node.state for node in odd.values()} == {NodeState.STOPPED}
    assert all(node.name for node in odd.values())
    assert odd["numbers as texts"].extra["memory_mb"] == 1024
    assert odd["numbers as texts"].extra["vcpus"] == 2
    assert odd["numbers that are none"].extra["memory_mb"] is None
    assert len(odd["numbers that are none"].extra["notices"]) == 2
    assert len(odd["no lists"].extra["notices"]) == 3
    assert odd["no texts in lists"].extra["disks"] == []
    assert odd["empty drives"].extra["cdroms"] == [None, None]
    assert odd["empty drives"].extra["system_disk"] is None
    assert odd["names"].name == "7"
    assert odd["accents"].name == "Dépôt てすと"
    assert odd["flags"].extra["high_availability"] is True
    assert odd["partitions"].extra["shared_disks"] == ["/dev/vg/b"]
    json.dumps([node.extra for node in odd.values()])


# ------------------------------------------------------------------ W: change another key


def changed_with_configure_vm(driver: Any, sim: Simulator, directory: str) -> tuple[Any, Any]:
    """What get_vm_config answers before and after our configure_vm changed the description."""
    agent = agent_of(driver)
    before = agent.xen.get_vm_config(sim.repository_id, directory)
    struct = VMConfig(before).changed(OVM_description="other").to_struct()
    agent.xen.configure_vm(sim.repository_id, directory, struct)
    return before, agent.xen.get_vm_config(sim.repository_id, directory)


def assert_same_but_description(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert after["OVM_description"] == "other"
    for key in before.keys() - {"OVM_description"}:
        if whole_number(before[key]) is None:
            assert after[key] == before[key], key
        else:  # the agent stores numeric texts as numbers (agent-behaviour 6.1)
            assert whole_number(after[key]) == whole_number(before[key]), key


@pytest.mark.parametrize("name", [*DIRECTORIES])
def test_another_key_changed_leaves_all_others(driver: Any, sim: Simulator, name: str) -> None:
    file = put_case(sim, name)
    original = vmcfg.parse(file.read_bytes())
    before, after = changed_with_configure_vm(driver, sim, DIRECTORIES[name])
    assert before == original, "what the agent reads is what we read"
    assert_same_but_description(before, after)
    assert vmcfg.parse(file.read_bytes()) == after
    for key in ("disk", "vif", "vfb"):
        assert after.get(key) == original.get(key), key


@pytest.mark.parametrize("name", [*ODD])
def test_another_key_changed_leaves_odd_ones(driver: Any, sim: Simulator, name: str) -> None:
    put(sim, "odd", by_hand({"name": "odd", **ODD[name]}))
    before, after = changed_with_configure_vm(driver, sim, "odd")
    assert_same_but_description(before, after)


def test_a_disk_swapped_in_a_list_leaves_the_others(driver: Any, sim: Simulator) -> None:
    put_case(sim, "V03")
    agent = agent_of(driver)
    config = VMConfig(agent.xen.get_vm_config(sim.repository_id, DIRECTORIES["V03"]))
    vifs = [config.vifs[0].changed(bridge="other"), *config.vifs[1:]]
    struct = config.changed(vif=[vif.text for vif in vifs]).to_struct()
    agent.xen.configure_vm(sim.repository_id, DIRECTORIES["V03"], struct)
    after = VMConfig(agent.xen.get_vm_config(sim.repository_id, DIRECTORIES["V03"]))
    assert after.vifs[0].text == "type=netfront,mac=00:16:3e:00:00:99,bridge=other"
    assert after.vifs[1:] == config.vifs[1:]
    assert after.disks == config.disks


# ------------------------------------------------------------------ not of a vm.cfg


def test_c10_netrc_does_not_replace_our_password(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_bytes((Path(__file__).parent / "cases" / "C10.netrc").read_bytes())
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("NETRC", raising=False)
    with simulate(hosts=1) as sim:
        assert sim.hosts[0].address == "127.0.0.2", "the host that the file is about"
        assert len(driver_for(sim).list_nodes()) == 2
        assert sim.refused == []


def test_o10_aliases_come_through(driver: Any, sim: Simulator) -> None:
    printed = vmcfg.literal((CASES / "O10.dump_db.repository.txt").read_bytes())
    aliases = [record["alias"] for record in printed.values()]
    assert aliases == ["Repo # 1 (prod)", "Dépôt NFS"]
    for repository_id, alias in zip(printed, aliases, strict=True):
        sim.add_repository(alias, repository_id=repository_id)
    seen = {r.id: r.record.alias for r in read_estate(driver._estate).repositories}
    assert [seen[repository_id] for repository_id in printed] == aliases
