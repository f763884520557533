"""Every method of HostModule against the real module, the way an agent runs it."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator

import pytest

from libcloud_ovm3.agent import chunks
from libcloud_ovm3.agent.host_bridges import MadeBridge, Release
from libcloud_ovm3.agent.host_networks import (
    BondMode,
    ControlInterface,
    GuardedChange,
    NetworkSetup,
    Route,
)
from libcloud_ovm3.agent.hostmodule import AGENT_READS, API, HostModule
from libcloud_ovm3.agent.hostmodule_types import Document
from libcloud_ovm3.errors import AgentFault
from libcloud_ovm3.simulator import Simulator
from tests.agent.real_module import ME, kind, module_of, new
from tests.support import clock_of, eventually, simulate


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with simulate(hosts=1, host_module=True) as simulator:
        yield simulator


@pytest.fixture
def module(sim: Simulator) -> HostModule:
    return module_of(sim)


@pytest.fixture
def mount(sim: Simulator) -> str:
    return f"/OVS/Repositories/{sim.repository_id}"


def test_what_is_there(module: HostModule) -> None:
    assert module.version() == API
    functions = set(module.capabilities()["functions"])
    methods = {f"libcloud_{name}" for name in dir(HostModule) if not name.startswith("_")}
    assert functions == methods
    listed = {f["name"] for one in module.get_api_services() for f in one.get("functions", [])}
    assert listed > methods | {"list_vms"}


def test_inventory(module: HostModule, sim: Simulator, mount: str) -> None:
    look = module.read_agent(list(AGENT_READS))
    assert look.api == API
    assert look.answers.keys() == AGENT_READS.keys()
    files = module.repository(sim.repository_id)
    assert sim.repository_id in files.listing
    [cfg] = files.vm_cfgs[:1]
    on_disk = sim.repository_path / cfg.folder / cfg.directory / "vm.cfg"
    assert cfg.content == on_disk.read_bytes()
    assert {d["uuid"] for d in module.domains()} == {d["uuid"] for d in look.answers["list_vms"]}
    assert mount in {one["mount"] for one in module.free_space()}
    assert {one.kind for one in module.file_holders()} == {"vbd", "loop"}
    assert module.autostart_guests() == []
    disks = {one.device: one for one in module.block_devices()}
    assert disks.keys() == {"/dev/sda", "/dev/sda1", "/dev/sda2"}
    assert disks["/dev/sda"].used_by == ("/dev/sda1: swap space", "/dev/sda2: mounted at /")
    assert disks["/dev/sda"].error is None


def test_a_guest_that_the_list_leaves_out(module: HostModule, sim: Simulator) -> None:
    full = module.read_agent(["list_vms"])
    assert full.unlisted == ()
    listed = full.answers["list_vms"]
    guests = {one["uuid"] for one in listed if one["domid"] != "0"}
    assert guests
    few = [one for one in listed if one["domid"] == "0"]
    rule = sim.misbehave("answer", "list_vms", times=2, value=few)
    assert set(module.read_agent(["list_vms"]).unlisted or ()) == guests
    assert rule.hits == 2  # it is asked again: one may just have begun
    held = {one.uuid for one in module.file_holders() if one.kind == "vbd"}
    assert held == guests
    assert {one.uuid for one in module.file_holders() if one.kind == "loop"} == guests


def test_files(module: HostModule, sim: Simulator, mount: str) -> None:
    path = f"{mount}/VirtualDisks/caf\xe9.img".encode("latin-1")  # a name that is no UTF-8
    size = chunks.CHUNK_BYTES + 5000
    module.create_file(ME, new(), path, size)
    with pytest.raises(AgentFault) as caught:
        module.create_file(ME, new(), path, size)
    assert kind(caught) == "Exists"
    data = bytes(10_000) + b"data" * 3000 + bytes(9000)
    module.write_file(ME, new(), path, 4096, data)
    stretch = module.read_file(path, 0, chunks.CHUNK_BYTES)
    assert stretch.size_bytes == size
    assert stretch.data == (bytes(4096) + data).ljust(chunks.CHUNK_BYTES, b"\0")
    assert len(module.read_file(path, chunks.CHUNK_BYTES, 9999).data) == 5000
    stat = module.stat_file(path)
    assert (stat["type"], stat["size_bytes"]) == ("file", size)
    assert stat["used_bytes"] < 100_000, "it has no holes"
    names = []
    after: str | bytes = ""
    while True:
        page = module.list_files(f"{mount}/VirtualDisks", after, 1)
        names += [entry.raw for entry in page.entries]
        assert all(entry.used_bytes is not None for entry in page.entries)
        after = page.after
        if not after:
            break
    assert b"caf\xe9.img" in names
    assert names == sorted(names)
    module.truncate_file(ME, new(), path, 4096)
    module.rename_file(ME, new(), path, f"{mount}/VirtualDisks/plain.img")
    assert (sim.repository_path / "VirtualDisks" / "plain.img").read_bytes() == bytes(4096)
    module.delete_file(ME, new(), f"{mount}/VirtualDisks/plain.img")
    with pytest.raises(AgentFault) as caught:
        module.stat_file(path)
    assert kind(caught) == "NotFound"


def test_set_aside(module: HostModule, sim: Simulator, mount: str) -> None:
    disk, operation = sim.repository_path / "VirtualDisks" / "aside\r.img", new()
    disk.write_bytes(b"data")
    path = f"{mount}/VirtualDisks/aside\r.img"
    module.set_aside(ME, operation, path)
    assert not disk.exists()
    [entry] = module.repository(sim.repository_id).aside
    assert (entry.operation, entry.path) == (operation, path.encode())
    assert (entry.size_bytes, entry.error) == (4, None)
    module.put_back(ME, operation, entry.path)
    assert disk.read_bytes() == b"data"
    module.set_aside(ME, operation, path)
    module.delete_aside(ME, operation, path)
    with pytest.raises(AgentFault) as caught:
        module.delete_aside(ME, operation, path)
    assert kind(caught) == "NotFound"
    assert not disk.exists()
    assert module.repository(sim.repository_id).aside == ()


def test_identities(module: HostModule, sim: Simulator, mount: str) -> None:
    folder = sim.repository_path / "VirtualDisks"
    (folder / "one.img").write_bytes(b"data")
    (folder / "link.img").symlink_to("one.img")
    (folder / "absolute.img").symlink_to(f"{mount}/VirtualDisks/one.img")
    names = ["one.img", "link.img", "absolute.img", "none.img"]
    *found, none = module.identify([f"{mount}/VirtualDisks/{name}" for name in names])
    assert {one.real for one in found} == {f"{mount}/VirtualDisks/one.img"}
    assert all(one.is_same_file(found[0]) for one in found)
    assert none.is_missing
    unmounted = f"/OVS/Repositories/{'0f' * 16}/x"
    assert "nothing is mounted" in str(module.identify([unmounted])[0].error)


def test_jobs(module: HostModule, sim: Simulator, mount: str) -> None:
    source = sim.repository_path / "ISOs" / "source.iso"
    source.write_bytes(b"x" * 100_000)
    copy, digest, cancelled = new(), new(), new()
    target = f"{mount}/ISOs/target.iso"
    module.start_job(ME, copy, "copy", f"{mount}/ISOs/source.iso", target)
    module.start_job(ME, digest, "md5", f"{mount}/ISOs/source.iso")
    for job in (copy, digest):
        eventually(lambda job=job: module.job_status(mount, job)["state"] != "running")
    done = [module.job_status(mount, job) for job in (copy, digest)]
    md5 = hashlib.md5(source.read_bytes()).hexdigest()
    assert [(job["state"], job["result"]) for job in done] == [("done", md5)] * 2
    assert (sim.repository_path / "ISOs" / "target.iso").read_bytes() == source.read_bytes()
    assert module.cancel_job(ME, new(), mount, copy)["state"] == "done"
    with pytest.raises(AgentFault) as caught:
        module.job_status(mount, cancelled)
    assert kind(caught) == "NotFound"


def test_a_clone_where_file_systems_share_no_blocks(module: HostModule, mount: str) -> None:
    job, source = new(), f"{mount}/ISOs/oracle-linux-6-boot.iso"
    with pytest.raises(AgentFault, match="cannot share blocks") as caught:
        module.start_job(ME, job, "clone", source, f"{mount}/ISOs/clone.iso")
    assert kind(caught) == "Failed"
    with pytest.raises(AgentFault) as caught:
        module.job_status(mount, job)
    assert kind(caught) == "NotFound"


def test_a_clone() -> None:
    with simulate(hosts=1, vms=0, host_module=True, shares_blocks=True) as sharing:
        mount = f"/OVS/Repositories/{sharing.repository_id}"
        source, target = (f"{mount}/Templates/{name}.raw" for name in ("oracle-linux-6", "clone"))
        job = new()
        for _ in range(2):  # a request that was repeated
            done = module_of(sharing).start_job(ME, job, "clone", source, target)
            assert (done["state"], done["done_bytes"]) == ("done", 64 << 20)
        made = sharing.repository_path / "Templates"
        assert (made / "clone.raw").read_bytes() == (made / "oracle-linux-6.raw").read_bytes()
        assert (made / "clone.raw").stat().st_blocks * 512 < 1 << 20


def test_a_file_that_grows(module: HostModule, sim: Simulator, mount: str) -> None:
    disk = sim.repository_path / "VirtualDisks" / "grows.img"
    disk.write_bytes(b"data")
    path = f"{mount}/VirtualDisks/grows.img"
    for _ in range(2):
        module.grow_file(ME, new(), path, 4, 8192)
        assert disk.read_bytes() == b"data".ljust(8192, b"\0")
    with pytest.raises(AgentFault, match="it has 8192 bytes, not 4") as caught:
        module.grow_file(ME, new(), path, 4, 9000)
    assert kind(caught) == "Conflict"


def test_documents(module: HostModule, mount: str) -> None:
    assert module.read_document(mount, "note") == Document(0, 1, b"", "", "")
    operation = new()
    for _ in range(2):  # a request that was repeated
        assert module.write_document(ME, operation, mount, "note", 1, b"\0\xff") == 1
    assert module.read_document(mount, "note") == Document(1, 2, b"\0\xff", ME, operation)
    with pytest.raises(AgentFault) as caught:
        module.write_document(ME, new(), mount, "note", 1, b"late")
    assert kind(caught) == "Conflict"
    assert module.list_documents(mount) == (["note"], "")


def test_network_and_logs(module: HostModule, sim: Simulator) -> None:
    assert sim.hosts[0].address in {one["address"] for one in module.addresses()}
    assert all(one["device"] for one in [*module.routes(), *module.neighbours()])
    assert module.check_port(sim.hosts[0].address, sim.hosts[0].port, 5) == "open"
    with pytest.raises(AgentFault) as caught:
        module.set_control_interface(ME, new(), "no-such-bridge", "169.254.1.1", 16)
    assert kind(caught) in ("NotFound", "InvalidArgument", "NotAllowed", "Failed")
    assert "libcloud_check_port" in module.log_tail("agent", 5000)
    log = sim.dom0(0) / "var" / "log" / "xen" / "xend.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_bytes(b"first\ncaf\xe9\n")
    assert module.log_tail("xend", 5) == "caf\ufffd\n"


def test_how_networks_are_set_up(module: HostModule) -> None:
    bonds = (BondMode("bond0", 1, None),)
    assert module.network_setup() == NetworkSetup("works", "on", "linuxbridge", bonds)


def test_the_control_interface(module: HostModule) -> None:
    found = module.control_interface("control0")
    assert (found.exists, found.up, found.arp, found.file) == (True, True, False, True)
    assert found.addresses == ("169.254.0.1/16",)
    assert [route.device for route in found.routes_other] == ["10e69b4de3"]  # zeroconf's
    module.set_control_interface(ME, new(), "control0", "169.254.0.1", 16)
    mended = Route("control0", "169.254.0.0", 16, "", 0)
    assert module.control_interface("control0") == ControlInterface(
        True, True, True, ("169.254.0.1/16",), (mended,), (), False
    )
    assert not module.control_interface("eth0").exists


def test_a_bridge_on_a_vlan(module: HostModule, sim: Simulator) -> None:
    user, bridge = str(uuid.uuid4()), "guests.20"
    operation = new()
    assert module.take_bridge(ME, operation, user, bridge, "bond0", 20)
    assert module.take_bridge(ME, operation, user, bridge, "bond0", 20)
    [found] = [one for one in module.bridges() if one.bridge == bridge]
    assert (found.ports, found.made) == (("bond0.20",), MadeBridge(ME, operation, "bond0", 20))
    assert [one.user for one in found.users] == [user]
    with pytest.raises(AgentFault) as caught:
        module.take_bridge(ME, new(), user, bridge, "bond0", 21)
    assert kind(caught) == "Conflict"
    assert module.release_bridge(ME, new(), user, bridge) == Release(True, (), (), ())
    assert all(one.made is None and one.exists for one in module.bridges())
    calls = [call.function for call in sim.calls if call.function.startswith("ovs_")]
    assert calls == []  # these are calls in the agent's process


STEPS = [{"function": "ovs_change_mtu", "arguments": ["10e69b4de3", 9000]}]
UNDO = [{"function": "ovs_change_mtu", "arguments": ["10e69b4de3", 1500]}]


def test_a_change_of_networks_that_is_confirmed_or_taken_back(
    module: HostModule, sim: Simulator
) -> None:
    clock = clock_of(sim)
    for is_confirmed in (False, True):
        operation = new()
        found = module.guarded_network_change(ME, operation, STEPS, UNDO, 60)
        assert found == GuardedChange("waiting", "", "waiting for the confirmation", operation, ME)
        assert mtu_of(sim) == 9000
        with pytest.raises(AgentFault) as caught:
            module.guarded_network_change(ME, new(), STEPS, UNDO, 60)
        assert kind(caught) == "Conflict"
        sim.restart_agent(0)  # it is a process of its own
        if is_confirmed:
            assert module.confirm_network_change(ME, operation).state == "confirmed"
        clock.sleep(61)
        found = module.network_change(operation)
        assert found.state == ("confirmed" if is_confirmed else "undone")
        assert mtu_of(sim) == (9000 if is_confirmed else 1500)
    with pytest.raises(AgentFault) as caught:
        module.guarded_network_change(ME, new(), [{**STEPS[0], "function": "stop_vm"}], [{}], 60)
    assert kind(caught) == "InvalidArgument"


def test_a_host_that_loses_power_while_a_change_waits() -> None:
    with simulate(hosts=1, host_module=True) as sim:
        module, operation = module_of(sim), new()
        module.guarded_network_change(ME, operation, STEPS, UNDO, 60)
        sim.hosts[0].reboot()
        clock_of(sim).sleep(61)
        found = module.network_change(operation)
        assert (found.state, found.doing) == ("dead", "waiting for the confirmation")
        assert mtu_of(sim) == 9000
        user = str(uuid.uuid4())
        assert module.take_bridge(ME, new(), user, "guests.20", "bond0", 20)
        sim.hosts[0].reboot()
        assert module.release_bridge(ME, new(), user, "guests.20").removed


def mtu_of(sim: Simulator) -> int:
    [mtu] = [one.mtu for one in module_of(sim).bridges() if one.bridge == "10e69b4de3"]
    return mtu
