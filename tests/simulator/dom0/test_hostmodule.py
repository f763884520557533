"""The simulator loads the modules on a host's disk as the agent does, ours among them."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path
from typing import Any
from xmlrpc.client import Binary, Fault

import pytest

from libcloud_ovm3.simulator import Simulator, SimulatorError, __main__
from tests.simulator.plainclient import Background, Machine, client, fault_of, until, watching
from tests.support import eventually, simulate

VERSIONS = ("3.2.1", "3.3.3")
RUNTIME_ERROR = "<type 'exceptions.RuntimeError'>"


@pytest.fixture(params=VERSIONS)
def form(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    """Two hosts in one form: the first has our module, both another integration's."""
    version = request.param
    with simulate(2, version, host_module=[0], older_module=True) as simulator:
        yield simulator


def package(sim: Simulator, host: int = 0) -> Path:
    version = "2.4" if sim.describe()["version"].startswith("3.2") else "2.6"
    return sim.dom0(host) / f"usr/lib64/python{version}/site-packages"


def by_name(structs: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {struct["name"]: struct for struct in structs}


# -- what a client meets --------------------------------------------------------------------------


def test_ours_beside_an_older_one(form: Simulator) -> None:
    agent, other = client(form), client(form, 1)
    assert agent.libcloud_version()["api"] >= 1
    for host in (agent, other):
        assert host.call("hello") == "hello"
        assert host.get_module_version() == "0.1"
        assert host.ovs_check_file("/etc/ovs-release") is True
        assert host.ovs_check_file("/../../host.json") is False
        assert host.echo("put") == "put"
    assert "not supported" in fault_of(other.libcloud_version)


def test_put_in_and_taken_out(form: Simulator) -> None:
    before = {path: path.read_bytes() for path in package(form, 1).rglob("*") if path.is_file()}
    form.put_host_module(1)
    assert client(form, 1).libcloud_version() == client(form).libcloud_version()
    form.remove_host_module(1)
    assert "not supported" in fault_of(client(form, 1).libcloud_version)
    after = {path: path.read_bytes() for path in package(form, 1).rglob("*") if path.is_file()}
    assert before == after


def test_faults_are_written_as_the_agents_python_does(form: Simulator) -> None:
    agent = client(form)
    error = "libcloud_ovm3_host.errors.InvalidArgument"
    if form.describe()["version"] == "3.3.3":
        error = f"<class '{error}'>"
    assert fault_of(agent.libcloud_repository, "no", "").startswith(f"{error}:repository")
    assert fault_of(agent.libcloud_version, 1, 2).startswith(f"{error}:version: expected 0")


def test_all_domains_by_xend_are_those_of_the_agent(form: Simulator) -> None:
    form.add_vm("hvm", running_on=0, config={"builder": "hvm", "memory": 256, "vcpus": 2})
    agent = client(form)
    mine, theirs = by_name(agent.libcloud_domains()["domains"]), by_name(agent.list_vms())
    assert mine.keys() == theirs.keys()
    for name, struct in theirs.items():
        for key in ("cpu_time", "state", "start_time"):  # they move, or are floats
            struct.pop(key, None)
            mine[name].pop(key, None)
        assert mine[name] == struct


def test_a_list_that_faults_and_one_look_that_does(form: Simulator) -> None:
    form.add_vm("other", running_on=0)
    host, agent = form.hosts[0], client(form)
    everything = by_name(agent.libcloud_domains()["domains"])
    host.inject("list faults")
    assert "Device 0 not connected" in fault_of(agent.list_vms)
    assert by_name(agent.libcloud_domains()["domains"]).keys() == everything.keys()
    look = agent.libcloud_read_agent(["list_vms"])["answers"]["list_vms"]
    assert (look["missing"], len(look["answer"])) == ([], len(everything))
    assert look["fault"].partition(":")[0] in ("exceptions.RuntimeError", RUNTIME_ERROR)
    host.inject("lookup faults")
    first = min(name for name in everything if name != "Domain-0")
    found = agent.libcloud_domains()
    assert by_name(found["domains"]).keys() == everything.keys() - {first}
    assert [entry["name"] for entry in found["missing"]] == [everything[first]["uuid"]]
    host.inject("list faults", False)
    assert first in fault_of(agent.list_vm, form.repository_id, first)


def test_faults_of_the_agents_functions_inside_a_look(form: Simulator) -> None:
    form.hosts[0].inject("list faults")
    agent = client(form)
    inside = agent.libcloud_read_agent(["list_vms"])["answers"]["list_vms"]["fault"]
    assert inside == fault_of(agent.list_vms)


def test_every_function_with_its_arguments_and_defaults(form: Simulator) -> None:
    modules = {entry["class"]: entry for entry in client(form).libcloud_get_api_services()}
    assert {"Common", "Linux", "Xen", "CloudStack", "LibcloudOvm3"} <= modules.keys()
    functions = by_name(modules["Xen"]["functions"])
    names = [argument["name"] for argument in functions["migrate_vm"]["arguments"]]
    assert names == ["repo_id", "vm_id", "dest", "live", "ssl"]
    assert functions["migrate_vm"]["arguments"][3] == {"name": "live", "default": "False"}
    assert by_name(modules["Common"]["functions"])["dispatch"]["more"] is True
    assert not [entry for entry in modules.values() if "error" in entry]


def test_base64_goes_both_ways_however_deep(form: Simulator) -> None:
    agent = client(form)
    value = {"a": [Binary(b"\0\xff"), None, {"b": Binary(b"")}]}
    assert agent.call(value) == value
    assert agent.echo(Binary(b"x")).data == b"x"


def test_four_mib_are_a_short_line_in_the_log(form: Simulator) -> None:
    agent = client(form)
    path = f"/OVS/Repositories/{form.repository_id}/VirtualDisks/new.raw".encode()
    data, size = b"\1" * 4096 + bytes((4 << 20) - 8192) + b"\2" * 4096, 4 << 20
    chunk = size.to_bytes(4, "big") + b"\x80" + bytes(126) + b"\1" + data[:4096] + data[-4096:]
    log = form.root / "hosts/0/ovs-agent.log"
    agent.libcloud_create_file("test", "0" * 32, Binary(path), 1 << 29)
    before = log.stat().st_size
    agent.libcloud_write_file("test", "0" * 32, Binary(path), 1 << 20, Binary(chunk))
    assert 0 < log.stat().st_size - before < 300
    file = form.repository_path / "VirtualDisks/new.raw"
    with file.open("rb") as reader:
        reader.seek(1 << 20)
        assert reader.read(size) == data
    assert agent.libcloud_read_file(Binary(path), 1 << 20, size)["chunk"].data == chunk
    assert file.stat().st_blocks * 512 < 1 << 20


@pytest.mark.parametrize("kind", ["fault", "drop_before", "drop_after", "delayed", "latency"])
def test_misbehaviour_strikes_the_modules_functions_too(pool: Simulator, kind: str) -> None:
    pool.put_host_module(0)
    agent = client(pool)
    pool.misbehave(kind, "libcloud_version", host=0, seconds=0.01, text="exceptions.OSError:gone")
    if kind == "latency":
        agent.libcloud_version()
    else:
        with pytest.raises((Fault, OSError, HTTPException)):
            agent.libcloud_version()
    assert agent.libcloud_version()["api"] >= 1


def test_rules_for_what_a_look_asks(pool: Simulator) -> None:
    pool.put_host_module(0)
    agent = client(pool)
    pool.misbehave("drop_after", "list_vms", times=None)  # it needs a connection
    pool.misbehave("answer", "*", times=None, host=1)
    odd = [{"domid": "0"}]
    rule = pool.misbehave("answer", "list_vms", nth=2, value=odd)
    pool.misbehave("fault", "discover_server", times=None, text="exceptions.UnicodeDecodeError:'x'")
    looks = [
        agent.libcloud_read_agent(["list_vms", "discover_server"])["answers"] for _ in range(3)
    ]
    assert [look["list_vms"]["answer"] == odd for look in looks] == [False, True, False]
    assert looks[0]["discover_server"] == {"fault": "<type 'exceptions.UnicodeDecodeError'>:'x'"}
    assert rule.hits == 1


def test_a_look_does_not_wait_for_itself() -> None:
    answers = {"parallel calls": "one at a time"}
    with simulate(1, answers=answers, host_module=True) as sim:
        reads = ["discover_server", "list_vms", "discover_repository_db", "discover_network"]
        assert client(sim).libcloud_read_agent(reads)["answers"].keys() == set(reads)


def test_a_start_that_waits_for_memory_holds_up_single_looks() -> None:
    with simulate(1, memory_wait_seconds=400, host_module=True) as sim:
        greedy, agent = Machine(sim, memory="3000"), client(sim)
        with watching(sim):
            starting = Background(sim, greedy.agent.start_vm, greedy.repo, greedy.vm)
            until(sim, lambda: greedy.domains() and sim.hosts[0].domains[-1].waited)
            assert len(agent.libcloud_domains()["domains"]) == 4  # the list does not wait
            sim.hosts[0].inject("list faults")
            begun = sim.now()
            error = "<class 'libcloud_ovm3_host.errors.Timeout'>"
            assert fault_of(agent.libcloud_domains) == f"{error}:domains: more than 50 s"
            assert 50 <= sim.now() - begun < 51
            assert agent.libcloud_read_agent(["list_vms"])["answers"]["list_vms"].keys() == {
                "fault"
            }
            starting.finish()
        assert "Error" in starting.answers[0]


# -- how the modules are loaded -------------------------------------------------------------------


def test_each_host_has_its_own_modules(form: Simulator) -> None:
    module = package(form, 1) / "agent/api/cloudstack.py"
    module.write_text(module.read_text().replace("'0.1'", "'0.2'"))
    assert client(form, 1).get_module_version() == "0.1"  # until the agent starts again
    form.restart_agent(1)
    assert [client(form, index).get_module_version() for index in (0, 1)] == ["0.1", "0.2"]
    assert "agent.target.api" not in sys.modules


def test_many_first_calls_at_once(form: Simulator) -> None:
    form.put_host_module(1)
    with ThreadPoolExecutor(8) as threads:
        calls = [threads.submit(client(form, n % 2).libcloud_domains) for n in range(16)]
        assert [len(call.result()["missing"]) for call in calls] == [0] * 16


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("MODULES = [", "MODULES = [["),
        ("import common", "import common, nothing"),
        ("common.Common", "common.Uncommon"),
        ("    common.Common,", "    common.Common, object,"),
    ],
)
def test_an_agent_whose_table_fails_stays_away(pool: Simulator, old: str, new: str) -> None:
    pool.dom0(0)
    table = package(pool) / "agent/target/api.py"
    text = table.read_text()
    table.write_text(text.replace(old, new, 1))
    pool.restart_agent(0)
    with pytest.raises(ConnectionRefusedError):
        client(pool).echo("put")
    assert "not started" in (pool.root / "hosts/0/ovs-agent.log").read_text()
    table.write_text(text)
    pool.restart_agent(0)
    assert client(pool).echo("put") == "put"


def test_half_an_installation_leaves_the_agent_alive(form: Simulator) -> None:
    agent = client(form)
    shutil.rmtree(package(form) / "libcloud_ovm3_host")
    form.restart_agent(0)
    assert agent.echo("put") == "put"
    assert "ImportError" in fault_of(agent.libcloud_version)


def test_what_the_table_does_not_list_is_not_there(pool: Simulator) -> None:
    pool.dom0(0)
    table = package(pool) / "agent/target/api.py"
    table.write_text(table.read_text().replace("    xenxm.Xen,\n", ""))
    pool.restart_agent(0)
    assert "not supported" in fault_of(client(pool).list_vms)
    assert "not modelled" in fault_of(client(pool).get_support_files)
    assert client(pool).echo("put") == "put"


COUNTING = """
from tests.support import eventually, simulate
from agent.api.base import Agent


class Counting(Agent):
    made = 0

    def __init__(self):
        Counting.made += 1
        self.calls = 0

    def get_services(self, version=None):
        return {"calls_of_this_one": self.call, "made_so_far": lambda: Counting.made}

    def call(self):
        self.calls += 1
        return self.calls
"""


def test_services_are_made_anew_for_each_use(pool: Simulator) -> None:
    """What a class keeps in itself is gone at the next call, as with an agent (15.5)."""
    pool.dom0(0)
    (package(pool) / "agent/api/counting.py").write_text(COUNTING)
    table = package(pool) / "agent/target/api.py"
    text = table.read_text().replace("import common", "import common, counting", 1)
    table.write_text(text.replace("MODULES = [", "MODULES = [\n    counting.Counting,", 1))
    pool.restart_agent(0)
    agent = client(pool)
    assert [agent.calls_of_this_one() for _ in range(3)] == [1, 1, 1]
    made = [agent.made_so_far() for _ in range(3)]
    assert made[0] < made[1] < made[2]


def test_the_tree_stays_in_the_root(tmp_path: Path) -> None:
    with simulate(2, root=tmp_path, host_module=[1]):
        assert not (tmp_path / "hosts/0/disk/etc").exists()
    with simulate(2, root=tmp_path) as sim:
        assert client(sim, 1).libcloud_version()["api"] >= 1
    with pytest.raises(SimulatorError, match="host_module"):
        simulate(2, host_module=[2])


# -- what the module sees of the host -------------------------------------------------------------


def test_backends_outlive_the_domain() -> None:
    with simulate(1, vms=0, backend_seconds=50, host_module=True) as sim:
        the_backends_of(sim)


def the_backends_of(pool: Simulator) -> None:
    machine = Machine(pool)
    machine.start()
    held = {(entry["kind"], entry["path"]) for entry in machine.agent.libcloud_file_holders()}
    assert held == {("vbd", machine.disk), ("loop", machine.disk)}
    machine.stop()
    assert machine.domains() == []
    (backend,) = [each for each in machine.agent.libcloud_file_holders() if each["kind"] == "vbd"]
    assert (backend["path"], backend["state"]) == (machine.disk, 6)
    pool.wait(60)
    assert machine.agent.libcloud_file_holders() == []


def test_mounts_that_are_stale_or_gone(pool: Simulator) -> None:
    pool.put_host_module(0)
    agent, host = client(pool), pool.hosts[0]
    assert len(agent.libcloud_free_space()) == 1
    host.stale_repository()
    assert "Stale" in agent.libcloud_free_space()[0]["error"]
    assert "Stale" in fault_of(agent.libcloud_repository, pool.repository_id, "")
    host.unmount_repository()
    assert agent.libcloud_free_space() == []
    assert "NotMounted" in fault_of(agent.libcloud_repository, pool.repository_id, "")


def test_control0_after_a_reboot(pool: Simulator) -> None:
    pool.put_host_module(0)
    pool.hosts[0].reboot()
    agent = client(pool)
    assert "control0" not in {entry["device"] for entry in agent.libcloud_addresses()}
    to_control = [each for each in agent.libcloud_routes() if each["destination"] == "169.254.0.0"]
    assert [each["device"] for each in to_control] == ["10e69b4de3"]  # zeroconf's
    file = pool.dom0(0) / "etc/sysconfig/network-scripts/ifcfg-control0"
    assert file.is_file()
    for _ in range(2):
        agent.libcloud_set_control_interface("test", "0" * 32, "control0", "169.254.0.1", 16)
        to_control = [at for at in agent.libcloud_routes() if at["destination"] == "169.254.0.0"]
        assert [each["device"] for each in to_control] == ["control0"]
    assert not file.exists()
    assert "set_control_interface" in (pool.root / "hosts/0/syslog").read_text()


def test_a_job_outlives_the_agent_but_not_the_host(pool: Simulator) -> None:
    pool.put_host_module(0)
    agent = client(pool)
    mount = f"/OVS/Repositories/{pool.repository_id}"
    template = f"{mount}/Templates/oracle-linux-6.raw"
    copied = pool.repository_path / "VirtualDisks/copy.raw"
    first, second = "1" * 32, "2" * 32
    job = "test", first, "sparse_copy", template, f"{mount}/VirtualDisks/copy.raw"
    agent.libcloud_start_job(*job)
    eventually(lambda: agent.libcloud_job_status(mount, first)["state"] == "done")
    content = copied.read_bytes()
    assert content == (pool.repository_path / "Templates/oracle-linux-6.raw").read_bytes()
    with copied.open("r+b") as file:
        file.truncate(1 << 40)  # hours of work
    agent.libcloud_start_job("test", second, "md5", f"{mount}/VirtualDisks/copy.raw", "")
    eventually(lambda: agent.libcloud_job_status(mount, second)["done_bytes"] > 0)
    pool.restart_agent(0)
    agent = client(pool)
    assert agent.libcloud_job_status(mount, second)["state"] == "running"
    pool.hosts[0].reboot()
    agent = client(pool)
    done = agent.libcloud_job_status(mount, second)
    assert done["state"] == "dead"
    time.sleep(0.1)
    assert agent.libcloud_job_status(mount, second) == done


def test_logs_and_neighbours(pool: Simulator) -> None:
    pool.put_host_module(0)
    agent = client(pool)
    assert agent.libcloud_log_tail("agent", 1000).data.decode().count("log_tail") == 1
    assert [entry["address"] for entry in agent.libcloud_neighbours()] == [pool.hosts[1].address]
    pool.hosts[1].kill()
    assert agent.libcloud_neighbours()[0]["complete"] is False
    assert agent.libcloud_check_port(pool.hosts[0].address, pool.hosts[0].port, 1) == "open"


def test_the_command_line_has_it_too(tmp_path: Path) -> None:
    words = ["--hosts", "1", "--speed", "100", "--host-module", "--older-module"]
    options = __main__.arguments().parse_args([*words, "--root", str(tmp_path)])
    with __main__._simulator(options)[0] as sim:
        assert client(sim).libcloud_version()["api"] >= 1
        assert client(sim).call("both") == "both"
