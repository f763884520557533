"""Each open question, answered both ways."""

from __future__ import annotations

import threading
import uuid
import xmlrpc.client
from pathlib import Path
from typing import Any

import pytest

from libcloud_ovm3.simulator import QUESTIONS, SimulatedHost, Simulator, SimulatorError
from libcloud_ovm3.simulator.agent import functions
from libcloud_ovm3.simulator.agent.storage import FS_KEYS, SS_KEYS
from tests.simulator.plainclient import NFS, Background, Machine, client, fault_of, until, watching
from tests.support import simulate


def _with(question: str, answer: str, **options: Any) -> Simulator:
    return simulate(hosts=1, vms=0, answers={question: answer}, **options)


def _plugin(sim: Simulator) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """An agent with the export mounted by the plug-in, and the two structs with all keys."""
    agent, repo = client(sim), sim.repository_id
    ss = dict.fromkeys(SS_KEYS, "") | {"uuid": repo, "name": repo, "storage_type": "FileSys"}
    fs = dict.fromkeys(FS_KEYS, "") | {"uuid": str(uuid.UUID(repo)), "ss_uuid": repo}
    fs["access_path"] = "nfs-store-1:/export/ovm-repository/VirtualMachines"
    return agent, ss, fs


@pytest.mark.parametrize(
    ("question", "name", "arguments", "polite"),
    [
        ("get_vm_config of a missing VM", "get_vm_config", ["missing"], "nil"),
        ("delete_vm of a missing VM", "delete_vm", ["missing"], "nil"),
    ],
)
def test_nil_or_fault(question: str, name: str, arguments: list[str], polite: str) -> None:
    for answer in QUESTIONS[question]:
        with _with(question, answer) as sim:
            call, full = getattr(client(sim), name), [sim.repository_id, *arguments]
            if answer == polite:
                assert call(*full) is None
            else:
                assert "[Errno 2] No such file or directory" in fault_of(call, *full)


def test_configure_vm_absent_keys() -> None:
    for answer, kept in (("left alone", True), ("dropped", False)):
        with _with("configure_vm absent keys", answer) as sim:
            machine = Machine(sim)
            machine.agent.configure_vm(machine.repo, machine.vm, {"memory": 300})
            config = machine.agent.get_vm_config(machine.repo, machine.vm)
            assert config["memory"] == 300
            assert ("disk" in config) is kept


def test_stop_and_reboot_return_at_once_or_block() -> None:
    for answer in ("returns at once", "blocks"):
        with _with("stop_vm graceful", answer) as sim:
            machine = Machine(sim)
            machine.start()
            machine.stop(force=False)
            assert (machine.domains() == []) is (answer == "blocks")
            if answer == "blocks":
                machine.start()
                sim.hosts[0].ignores_requests.add(machine.uuid)
                begun = sim.now()
                text = fault_of(machine.agent.stop_vm, machine.repo, machine.vm, False)
                assert "did not stop" in text
                assert sim.now() - begun >= 300
        with _with("reboot_vm", answer, shutdown_seconds=40) as sim:
            machine = Machine(sim)
            machine.start()
            domid = machine.domains()[0]["domid"]
            sim.wait(61)
            machine.agent.reboot_vm(machine.repo, machine.vm, 3)
            back = [d["domid"] for d in machine.domains() if d["domid"] != domid]
            assert bool(back) is (answer == "blocks")


def test_unknown_method_text() -> None:
    for answer, text in (("stock", 'method "x" is not supported'), ("another", "no attribute 'x'")):
        with _with("unknown method text", answer) as sim:
            assert text in fault_of(client(sim).x)


def test_missing_files_of_the_plugin() -> None:
    for question, answers in (
        ("storage_plugin_destroy of a missing file", ("nil", "fault")),
        ("getFileInfo of a missing file", ("empty file_path", "fault")),
    ):
        for answer in answers:
            with _with(question, answer) as sim:
                agent, ss, fs = _plugin(sim)
                agent.storage_plugin_mount(NFS, ss, fs, f"/nfsmnt/{fs['uuid']}", "", True, [])
                path = f"/OVS/Repositories/{sim.repository_id}/VirtualDisks/none.raw"
                file = {"fr_type": "file", "fs_uuid": fs["uuid"], "file_path": path}
                destroys = question.startswith("storage")
                name = "storage_plugin_destroy" if destroys else "storage_plugin_getFileInfo"
                call = getattr(agent, name)
                if answer == "fault":
                    assert "[Errno 2]" in fault_of(call, NFS, ss, fs, file)
                elif destroys:
                    assert call(NFS, ss, fs, file) is None
                else:
                    assert call(NFS, ss, fs, file)["file_path"] == ""


def test_the_answer_of_a_mount() -> None:
    for question in ("mount answer ids exchanged", "mount answer sizes"):
        for answer in QUESTIONS[question]:
            with _with(question, answer) as sim:
                agent, ss, fs = _plugin(sim)
                point = f"/nfsmnt/{fs['uuid']}"
                made = agent.storage_plugin_mount(NFS, ss, fs, point, "", True, [])
                assert (made["uuid"] == fs["ss_uuid"]) is (answer == "yes")
                assert (made["size"] == "") is (answer == "empty")


def test_storage_structs_with_missing_keys() -> None:
    for answer in ("accepted", "fault"):
        with _with("storage structs with missing keys", answer) as sim:
            agent, ss, fs = _plugin(sim)
            short = {key: ss[key] for key in ("uuid", "name", "access_host")}
            arguments = (NFS, short, fs, f"/nfsmnt/{fs['uuid']}", "", True, [])
            if answer == "fault":
                assert "KeyError" in fault_of(agent.storage_plugin_mount, *arguments)
            else:
                assert agent.storage_plugin_mount(*arguments)["state"] == "1"
            assert agent.storage_plugin_listMountPoints(NFS, ss) is not None


def test_parallel_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    guard = threading.Lock()
    inside: list[int] = []
    most: list[int] = []

    def slow(host: SimulatedHost, text: str) -> str:
        with guard:
            inside.append(1)
            most.append(len(inside))
        host.clock.pause(10)
        with guard:
            inside.pop()
        return text

    monkeypatch.setitem(functions.FUNCTIONS, "echo", (slow, 1, 1))
    for answer in ("parallel", "one at a time"):
        most.clear()
        with _with("parallel calls", answer) as sim:
            with watching(sim):  # nobody's time is over before all have arrived
                calls = [Background(sim, client(sim).echo, "x") for _ in range(3)]
                for call in calls:
                    call.finish()
            assert (max(most) > 1) is (answer == "parallel")


def test_existing_things() -> None:
    for answer in ("overwrites", "fault"):
        with _with("copy_file onto an existing file", answer) as sim:
            machine = Machine(sim)
            source = f"{machine.top}/Templates/oracle-linux-7.raw"
            arguments = (source, machine.disk, True)
            if answer == "fault":
                assert "[Errno 17]" in fault_of(machine.agent.copy_file, *arguments)
            else:
                assert machine.agent.copy_file(*arguments) is None
        with _with("create_vm of an existing id", answer) as sim:
            machine = Machine(sim)
            arguments = (machine.repo, machine.vm, {"memory": 300})
            if answer == "fault":
                assert "already exists" in fault_of(machine.agent.create_vm, *arguments)
            else:
                assert machine.agent.create_vm(*arguments) is None


def test_delete_of_a_running_vm() -> None:
    for answer in ("accepts", "fault"):
        with _with("delete_vm of a running VM", answer) as sim:
            machine = Machine(sim)
            machine.start()
            if answer == "fault":
                text = fault_of(machine.agent.delete_vm, machine.repo, machine.vm)
                assert "is running" in text
            else:
                assert machine.agent.delete_vm(machine.repo, machine.vm) is None
            assert machine.domains()[0]["status"] == 2


def test_order_of_list_vms() -> None:
    for answer in ("by name", "reversed"):
        with _with("order of list_vms", answer) as sim:
            for name in ("zebra", "0ant"):
                sim.add_vm(name, directory=name, running_on=0)
            names = [vm["name"] for vm in client(sim).list_vms()]
            assert names == sorted(names, reverse=answer == "reversed")
            assert set(names) == {"0ant", "Domain-0", "zebra"}


def test_domain_types_and_unpause() -> None:
    for answer in ("accepted", "fault"):
        with _with("OVM_domain_type hvm or default", answer) as sim:
            arguments = (sim.repository_id, "x", {"OVM_domain_type": "hvm", "memory": 256})
            if answer == "fault":
                assert "Invalid domain type: hvm" in fault_of(client(sim).create_vm, *arguments)
            else:
                assert client(sim).create_vm(*arguments) is None
    for answer in ("nil", "fault"):
        with _with("unpause of a running VM", answer) as sim:
            machine = Machine(sim)
            machine.start()
            call = machine.agent.unpause_vm
            if answer == "fault":
                assert "(22, 'Invalid argument')" in fault_of(call, machine.repo, machine.vm)
            else:
                assert call(machine.repo, machine.vm) is None


def test_the_two_questions_that_both_personalities_answer_yes() -> None:
    with (
        _with("passwords on an owned host", "no") as sim,
        pytest.raises(xmlrpc.client.ProtocolError, match="403"),
    ):
        client(sim).echo("x")
    with _with("passwords on an owned host", "no", owner="", pool=False) as sim:
        document = client(sim).discover_server()
        assert "<Membership_State>Unowned<" in document
        assert "<Pool_Unique_Id>none<" in document
    with _with("definition without disks", "no") as sim:
        text = fault_of(client(sim).create_vm, sim.repository_id, "x", {"memory": 256, "disk": []})
        assert "no disk" in text


def test_vlan_bridges_of_an_unpatched_script() -> None:
    question = "VLAN bridges on 3.2.1 to 3.3.2"
    for version, answer, works in (
        ("3.2.1", "patched", True),
        ("3.2.1", "fault", False),
        ("3.3.2", "fault", False),
        ("3.3.3", "fault", True),
    ):
        with _with(question, answer, version=version) as sim:
            agent, arguments = client(sim), ("start", "xenbr0.200", "bond0", 200)
            if works:
                assert "xenbr0.200" in agent.ovs_vlan_bridge(*arguments)
            else:
                assert "setup_bridge_port" in fault_of(agent.ovs_vlan_bridge, *arguments)
            assert ('Name="xenbr0.200"' in agent.discover_network()) is works


def test_a_host_that_nobody_owns_and_one_whose_name_is_loopback() -> None:
    question = "changes on a host that nobody owns"
    for answer in QUESTIONS[question]:
        with _with(question, answer, owner="", pool=False) as sim:
            agent = client(sim)
            assert agent.get_ntp() == [[], True, True]
            if answer == "accepted":
                assert agent.disable_ntp() is None
            else:
                assert "not owned" in fault_of(agent.disable_ntp)
    for answer in ("no", "yes"):
        with _with("own name resolves to 127.0.0.1", answer, pool=False) as sim:
            agent, host = client(sim), sim.hosts[0]
            arguments = ("P", "pool", "127.0.0.9", 0, host.hostname, host.address, "xen,utility")
            if answer == "no":
                assert agent.create_server_pool(*arguments) is None
            else:
                text = fault_of(agent.create_server_pool, *arguments)
                assert "Invalid hostname resolution: ovm-1 -> 127.0.0.1" in text


def test_unknown_questions_and_answers_are_refused() -> None:
    for answers in ({"no such": "yes"}, {"reboot_vm": "perhaps"}):
        with pytest.raises(SimulatorError):
            simulate(answers=answers)
    with pytest.raises(SimulatorError):
        simulate(personality="nice")


def test_every_question_has_a_test() -> None:
    source = "".join(path.read_text() for path in Path(__file__).parent.rglob("test_*.py"))
    assert [question for question in QUESTIONS if f'"{question}"' not in source] == []


def test_awkward_lifecycle_with_one_call_at_a_time() -> None:
    with simulate(hosts=1, vms=0, personality="awkward") as sim:
        machine = Machine(sim)
        machine.start()
        machine.stop(force=False)
        until(sim, lambda: machine.domains() == [])
