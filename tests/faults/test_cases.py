"""Field cases: reports from operators, and the right result for each."""

from __future__ import annotations

import json
import re
import shutil
import warnings
from pathlib import Path
from typing import Any

import pytest
from libcloud.compute.types import NodeState

from libcloud_ovm3.errors import NameTaken, PreconditionFailed
from libcloud_ovm3.simulator import Simulator
from tests.cli.running import address, invoke, options, pins
from tests.faults.support import (
    DATA,
    ID,
    OTHER_ID,
    assert_kept,
    assert_no_certain_orphan,
    attempt,
    connect,
    lab,
    live,
    location,
    make_vm,
    put,
    sent,
    start_by_hand,
)

CASES = Path(__file__).parent / "cases"
PAYROLL = "0004fb00-0006-0000-bbbb-00000000bbbb"


def case(sim: Simulator, name: str) -> str:
    return (CASES / name).read_text().replace("@REPO@", sim.repository_id)


def doctor(sim: Simulator) -> str:
    _, said = invoke("doctor", address(sim), *pins(sim), password=sim.password)
    return said


def findings(sim: Simulator, level: str) -> list[str]:
    """The doctor's findings of that level, each with all of its lines."""
    return [part for part in re.split(r"\n(?=\w)", doctor(sim)) if part.startswith(level)]


# ------------------------------------------------------------------ N05


def n05(sim: Simulator) -> Path:
    """Two directories that hold files and no vm.cfg; one was put aside by hand."""
    put(sim, "goldengate1", case(sim, "N05.hvm.cfg"), file="hvm.cfg")
    put(sim, "goldengate1", DATA, file="System.img")
    text = case(sim, "N05b.layout.txt").partition("no vm.cfg)\n")[2].partition("no vm.cfg)\n")[2]
    lines = [line.strip() for line in text.splitlines() if line.startswith("    ")]
    put(sim, PAYROLL.replace("-", ""), "\n".join(lines), file="vm.cfg.20190312")
    disk = sim.repository_path / "VirtualDisks" / "0004fb0000120000bbbb0000bbbb0001.img"
    disk.write_bytes(DATA)
    assert disk.name in lines[-1]
    return disk


def test_n05_a_directory_without_vm_cfg_is_not_read(sim: Simulator, driver: Any) -> None:
    disk = n05(sim)
    vm = make_vm(sim)
    came = attempt(driver.list_nodes)
    for place in ("goldengate1", PAYROLL.replace("-", "")):
        assert any(place in warning for warning in came.warnings), came
    assert_no_certain_orphan(driver)
    assert_kept(sim, vm, driver)
    assert disk.exists()


def test_n05_doctor_and_inventory_name_it(sim: Simulator) -> None:
    n05(sim)
    said = doctor(sim)
    _, shown = invoke("inventory", *options(sim), password=sim.password)
    for place in ("goldengate1", PAYROLL.replace("-", "")):
        assert place in said
        assert place in shown


def test_n05_its_machine_may_run(sim: Simulator, driver: Any) -> None:
    """The one put aside runs: the disk of a running machine is no orphan, and stays one's own."""
    disk = n05(sim)
    folder = sim.repository_path / "VirtualMachines" / PAYROLL.replace("-", "")
    shutil.copy(folder / "vm.cfg.20190312", folder / "vm.cfg")
    with (folder / "vm.cfg").open("a") as file:
        file.write("\nbootloader = '/usr/bin/pygrub'\nOVM_domain_type = 'xen_pvm'\n")
    driver.connection.call("start_vm", sim.repository_id, folder.name)
    (folder / "vm.cfg").unlink()
    states = {node.id: node.state for node in attempt(driver.list_nodes).value}
    assert states.get(PAYROLL) == NodeState.RUNNING
    assert attempt(driver.ex_list_orphans).value == []
    attempt(driver.destroy_node, PAYROLL)
    assert live(sim) == [PAYROLL]
    assert disk.exists()


def test_n05_no_name_is_free_beside_it(personality: str, module: bool) -> None:
    with lab(personality, module, templates=1) as sim:
        n05(sim)
        driver = connect(sim)
        image = attempt(driver.list_images).value[0]
        came = attempt(driver.create_node, "payroll", driver.list_sizes()[0], image)
        assert isinstance(came.error, PreconditionFailed | NameTaken)
        assert sent(sim) == []


def test_an_empty_directory_names_nothing(sim: Simulator, driver: Any) -> None:
    """There is no file in it that could name a disk."""
    (sim.repository_path / "VirtualMachines" / "empty").mkdir()
    make_vm(sim)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(driver.list_nodes()) == 1
        assert driver.destroy_node(ID) is True


# ------------------------------------------------------------------ N11


N11 = {
    "N11a.vm.cfg": "0004fb00-0006-0000-aaaa-000000000001",
    "N11b.vm.cfg": "0004fb00-0006-0000-aaaa-000000000002",
}
MAC = "00:21:f6:00:29:01"


def n11(sim: Simulator) -> None:
    """A clone made by hand, with the first one's MAC."""
    bridge = own_bridge(sim)
    for file, vm_id in N11.items():
        text = re.sub("bridge=[0-9a-f]+", f"bridge={bridge}", case(sim, file))
        text += "bootloader = '/usr/bin/pygrub'\nOVM_domain_type = 'xen_pvm'\n"
        put(sim, vm_id.replace("-", ""), text)
    for name in ("d1.img", "d2.img"):
        (sim.repository_path / "VirtualDisks" / name).write_bytes(DATA)


def own_bridge(sim: Simulator) -> str:
    directory = sim.add_vm("bridged", uuid=OTHER_ID)
    folder = sim.repository_path / "VirtualMachines" / directory
    [found] = re.findall(r"bridge=(\w+)", (folder / "vm.cfg").read_text())
    shutil.rmtree(folder)
    return str(found)


def test_n11_the_doctor_names_one_mac_in_two_vms(sim: Simulator) -> None:
    n11(sim)
    named = [finding for finding in findings(sim, "warning") if MAC in finding.lower()]
    assert named, doctor(sim)
    assert "clone1" in named[0]
    assert "clone2" in named[0]


def test_n11_an_error_if_both_live(sim: Simulator) -> None:
    n11(sim)
    for host, vm_id in enumerate(N11.values()):
        connection = connect(sim, host).connection
        connection.call("start_vm", sim.repository_id, vm_id.replace("-", ""))
    assert len(live(sim)) == 2
    assert any(MAC in finding.lower() for finding in findings(sim, "error"))


def test_n11_a_start_of_the_second_is_refused(sim: Simulator, driver: Any) -> None:
    n11(sim)
    first, second = N11.values()
    assert attempt(driver.start_node, first).value is True
    came = attempt(driver.start_node, second)
    assert isinstance(came.error, PreconditionFailed)
    assert MAC in came.said.lower()
    assert len(live(sim)) == 1
    forced = attempt(driver.start_node, second, ex_force=True)
    assert forced.value is True
    assert "same MAC address" in forced.said


# ------------------------------------------------------------------ N25


def test_n25_what_a_vm_cfg_names_and_nobody_has(sim: Simulator) -> None:
    put(sim, "0004fb0000060000230000000000aa23", case(sim, "N25.vm.cfg"))
    assert any("gone.img" in finding for finding in findings(sim, "error"))
    said = findings(sim, "note") + findings(sim, "warning")
    assert any("VNC" in finding and "0.0.0.0" in finding for finding in said)


def test_n25_what_is_there_is_no_error(sim: Simulator) -> None:
    text = case(sim, "N25.vm.cfg").replace("0.0.0.0", "127.0.0.1")
    put(sim, "0004fb0000060000230000000000aa23", text)
    (sim.repository_path / "VirtualDisks" / "gone.img").write_bytes(DATA)
    said = doctor(sim)
    assert "gone.img" not in said
    assert "0.0.0.0" not in said


# ------------------------------------------------------------------ A to C that had no test


def test_c02_every_one_of_56_is_there(personality: str, module: bool) -> None:
    """Names that stand for many, on two hosts: each is a node of its own."""
    names = ["bridge-free"] * 35 + ["web"] * 18 + ["db"] * 3
    with lab(personality, module, memory_mb=65536) as sim:
        for number, name in enumerate(names):
            sim.add_vm(name, running_on=number % 3 if number % 3 < 2 else None, disk=False)
        driver = connect(sim)
        nodes = driver.list_nodes()
        assert sorted(node.name for node in nodes) == sorted(names)
        assert len({node.id for node in nodes}) == 56
        came = attempt(driver.create_node, "bridge-free", driver.list_sizes()[0], "x/Templates/y")
        assert isinstance(came.error, NameTaken), came


def test_c12_any_member_is_an_entry(personality: str, module: bool) -> None:
    """And a node whose template is gone is listed, and can be started."""
    with lab(personality, module, hosts=3, templates=1) as sim:
        first = connect(sim)
        node = first.create_node("web", first.list_sizes()[0], first.list_images()[0])
        assert attempt(first.stop_node, node, ex_force=True).value is True
        for file in (sim.repository_path / "Templates").iterdir():
            file.unlink()
        for entry in range(3):
            driver = connect(sim, entry)
            [seen] = driver.list_nodes()
            assert (seen.id, seen.image, seen.state) == (node.id, None, NodeState.STOPPED)
            assert len(driver.list_locations()) == 3
            assert attempt(driver.start_node, node.id).value is True
            assert attempt(driver.stop_node, node.id, ex_force=True).value is True


def test_c10_a_netrc_of_the_host_does_not_count(
    personality: str, module: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with lab(personality, module) as sim:
        text = f"machine {sim.hosts[0].address} login someone password else\n"
        (tmp_path / ".netrc").write_text(text)
        (tmp_path / ".netrc").chmod(0o600)
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
        assert connect(sim).list_nodes() == []
        assert sim.refused == []


O01 = ["abcd#43", "a.very.long.name.of.a.machine.example.com", "app-01.example.com", "DB_2", "7"]


def test_o01_names_come_through_whole(sim: Simulator, driver: Any) -> None:
    """# is no comment; Domain-0 is no node."""
    for number, name in enumerate(O01):
        sim.add_vm(name, running_on=number % 2, disk=False)
    nodes = driver.list_nodes()
    assert sorted(node.name for node in nodes) == sorted(O01)
    assert {node.state for node in nodes} == {NodeState.RUNNING}
    assert driver.ex_get_node_by_name("abcd#43").name == "abcd#43"
    json.dumps([node.extra for node in nodes])


def test_v16_a_lun_is_never_deleted(sim: Simulator, driver: Any) -> None:
    """Shared LUNs, and virtual disks with blanks, brackets and counters in their names."""
    odd = sim.repository_path / "VirtualDisks" / f"{ID.replace('-', '')} (1) [copy].img"
    odd.write_bytes(DATA)
    path = f"/OVS/Repositories/{sim.repository_id}/VirtualDisks/{odd.name}"
    luns = [f"phy:/dev/mapper/3600601600000000000000000000000{n},xvd{d},w!" for n, d in
            (("1", "c"), ("2", "f"), ("3", "g"))]  # fmt: skip
    vm = make_vm(sim, disk=[f"file:{path},xvda,w", *luns])
    sim.calls.clear()
    attempt(driver.destroy_node, ID)
    assert not odd.exists(), "its own, which its vm.cfg names"
    assert vm.has_disk, "not named by it"
    paths = [
        call.arguments[3]["file_path"]
        for call in sim.calls
        if call.function == "storage_plugin_destroy"
    ]
    assert not [path for path in paths if path.startswith("/dev/")]


def test_start_of_a_shared_lun_user_beside_another(sim: Simulator, driver: Any) -> None:
    """w! in both: that is what it is for."""
    shared = sim.repository_path / "VirtualDisks" / "quorum.img"
    shared.write_bytes(DATA)
    entry = f"file:/OVS/Repositories/{sim.repository_id}/VirtualDisks/quorum.img,xvdc,w!"
    one, two = make_vm(sim, "one", disk=[entry]), make_vm(sim, "two", OTHER_ID, disk=[entry])
    start_by_hand(sim, one, 0)
    assert attempt(driver.start_node, two.id, ex_location=location(sim, 1)).value is True
    assert sorted(live(sim)) == sorted([one.id, two.id])


# ------------------------------------------------------------------ N26


def boots(sim: Simulator, level: str) -> list[str]:
    return [one for one in findings(sim, level) if one.split()[1] == "boot"]


def test_n26_all_hosts_rebooted_at_once(personality: str, module: Any) -> None:
    """All members fenced themselves and rebooted: every VM is off, and the doctor says why."""
    with lab(personality, module, hosts=3, vms=2) as sim:
        assert "last boot: ovm-1 " in doctor(sim)
        assert not boots(sim, "warning"), "they booted together, but long ago"
        for host in sim.hosts:
            host.reboot()
        sim.wait(12 * 60)
        [found] = boots(sim, "warning")
        assert "ovm-1, ovm-2 and ovm-3 booted within " in found
        assert "s of each other, 12 minutes ago; no VM is live anywhere" in found
        driver = connect(sim)
        driver.start_node(driver.list_nodes()[0])
        assert not boots(sim, "warning")
        [note] = boots(sim, "note")
        assert "1 of 2 VMs are live now" in note
