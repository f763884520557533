"""A program written only with xmlrpc.client manages a VM; both dialects, both personalities."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from libcloud_ovm3.simulator import Simulator
from tests.simulator.plainclient import NFS, Machine, client, fault_of, until
from tests.support import simulate


@pytest.mark.parametrize("version", ["3.2.1", "3.3.3", "3.4.6"])
@pytest.mark.parametrize("personality", ["plain", "awkward"])
def test_a_program_with_xmlrpc_client_manages_a_vm(version: str, personality: str) -> None:
    with simulate(hosts=2, version=version, personality=personality) as sim:
        agent = client(sim)
        assert agent.echo("put") == "put"
        assert agent.get_api_version() == [3]
        server = ElementTree.fromstring(agent.discover_server()).find("Server")
        assert server is not None
        assert server.findtext("OVM_Version", "").startswith(version)
        assert server.findtext("Membership_State") == "Pooled"
        machine = Machine(sim)
        config = agent.get_vm_config(machine.repo, machine.vm)
        assert config["memory"] == 256  # sent as text, kept as a number
        assert config["maxvcpus"] == 1
        agent.configure_vm(machine.repo, machine.vm, config | {"OVM_simple_name": "other"})
        assert agent.get_vm_config(machine.repo, machine.vm)["OVM_simple_name"] == "other"
        machine.start()
        (domain,) = machine.domains()
        assert domain["status"] == 2
        live = agent.list_vm(machine.repo, machine.vm)
        assert live["uuid"] == machine.uuid
        assert live["domid"] == str(domain["domid"])
        assert live["device"]["vbd"][0]["uname"] == f"file:{machine.disk}"
        assert live["device"]["vfb"][0]["location"].startswith("0.0.0.0:59")
        assert [vm["name"] for vm in agent.list_vms()].count(machine.vm) == 1
        machine.stop(force=False)
        until(sim, lambda: agent.list_vm(machine.repo, machine.vm) is None)
        agent.delete_vm(machine.repo, machine.vm)
        assert not (sim.repository_path / "VirtualMachines" / machine.vm).exists()
        assert (sim.repository_path / "VirtualDisks" / f"{machine.uuid}.raw").exists()


def test_the_fault_dialects() -> None:
    for version, form in (
        ("3.2.1", "exceptions.Exception:"),
        ("3.3.3", "<type 'exceptions.Exception'>:"),
    ):
        with simulate(hosts=1, version=version, vms=0) as sim:
            agent = client(sim)
            assert fault_of(agent.no_such) == form + 'method "no_such" is not supported'
            text = form + "not modelled by the simulator: remote_power_on"
            assert fault_of(agent.remote_power_on, "t", "h", "", "") == text
            text = form.replace(".Exception", ".TypeError")
            assert fault_of(agent.start_vm, "r") == (
                text + "start_vm() takes exactly 3 arguments (2 given)"
            )
            assert "at least 4 arguments (2 given)" in fault_of(agent.copy_file, "x")


def test_numbers_in_the_dialect(pool: Simulator) -> None:
    raw = _raw_answer(pool, "get_last_boot_time")
    assert raw.count(b"<i8>") == 2
    assert b"<nil/>" in _raw_answer(pool, "get_vm_config", pool.repository_id, "missing")


def _raw_answer(sim: Simulator, name: str, *arguments: str) -> bytes:
    import base64
    import http.client
    import ssl
    import xmlrpc.client

    host = sim.hosts[0]
    context = ssl._create_unverified_context()
    connection = http.client.HTTPSConnection(host.address, host.port, context=context)
    key = base64.b64encode(f"{sim.user}:{sim.password}".encode()).decode()
    body = xmlrpc.client.dumps(arguments, name)
    connection.request("POST", "/api/3", body, {"Authorization": f"Basic {key}"})
    answer = connection.getresponse().read()
    connection.close()
    return answer


def test_every_documented_path_and_no_other(pool: Simulator) -> None:
    import xmlrpc.client

    for path in ("/", "/RPC2", "/api/3", "/api/3/"):
        assert client(pool, path=path).echo(path) == path
    with pytest.raises(xmlrpc.client.ProtocolError, match="404"):
        client(pool, path="/other").echo("x")


def test_repository_documents_show_what_lies_there(pool: Simulator) -> None:
    agent = client(pool)
    machine = Machine(pool)
    by_hand = pool.repository_path / "VirtualMachines" / "by-hand"
    by_hand.mkdir()
    (by_hand / "vm.cfg").write_text("name = 'x'\nmemory = nonsense\n")
    (pool.repository_path / "CoriolisSnapshots").mkdir()
    root = ElementTree.fromstring(agent.discover_repositories(pool.repository_id))
    names = [vm.get("Name") for vm in root.iter("VirtualMachine")]
    assert sorted(names) == sorted([machine.vm, "by-hand"])
    assert [item.get("Name") for item in root.iter("Template")] == [
        "oracle-linux-6",
        "oracle-linux-7",
    ]
    assert [disk.text for disk in root.iter("Disk")] == [f"{machine.uuid}.raw"]
    assert "is not defined" in fault_of(agent.get_vm_config, pool.repository_id, "by-hand")
    assert agent.get_vm_config(pool.repository_id, machine.vm)["uuid"] == machine.uuid
    unknown = ElementTree.fromstring(agent.discover_repositories("no-such"))
    assert list(unknown.iter("Repository")) == []
    table = ElementTree.fromstring(agent.discover_repository_db())
    assert table.findtext(".//Fs_location", "").startswith("nfs-store-1:/export/")
    assert table.findtext(".//Status") == "Mounted"
    point = f"/OVS/Repositories/{pool.repository_id}"
    agent.unmount_repository_fs(point)
    assert ">Unmounted<" in agent.discover_repository_db()
    assert ">Mounted<" in client(pool, 1).discover_repository_db()
    assert "not mounted" in fault_of(agent.unmount_repository_fs, point)
    where = table.findtext(".//Fs_location")
    assert agent.mount_repository_fs(where, point) is None
    assert agent.mount_repository_fs(where, point) is None
    assert agent.add_repository(where, point) is None
    assert "nfs" in fault_of(agent.mount_repository_fs, "nfs-store-1:/none", "/OVS/Repositories/x")


def test_copy_keeps_holes_and_takes_its_time() -> None:
    with simulate(hosts=1, vms=0, template_bytes=512 << 20) as sim:
        agent, top = client(sim), f"/OVS/Repositories/{sim.repository_id}"
        source, target = f"{top}/Templates/oracle-linux-6.raw", f"{top}/VirtualDisks/x.raw"
        begun = sim.now()
        agent.copy_file(source, target, True)
        assert sim.now() - begun >= (512 << 20) / 200e6
        origin = sim.repository_path / "Templates" / "oracle-linux-6.raw"
        copied = sim.repository_path / "VirtualDisks" / "x.raw"
        assert copied.stat().st_size == 512 << 20
        assert copied.stat().st_blocks * 512 < 1 << 20
        for at in (0, (512 << 20) - 4096):
            with origin.open("rb") as left, copied.open("rb") as right:
                left.seek(at)
                right.seek(at)
                assert left.read(4096) == right.read(4096)
        assert "[Errno 2]" in fault_of(agent.copy_file, f"{top}/none", target, True)
        assert "[Errno 2]" in fault_of(agent.copy_file, source, f"{top}/none/x", True)
        assert ".." in fault_of(agent.copy_file, source, f"{top}/../x", True)


def test_nothing_leads_out_of_the_root(pool: Simulator) -> None:
    agent, top = client(pool), f"/OVS/Repositories/{pool.repository_id}"
    (pool.repository_path / "VirtualDisks" / "link.raw").symlink_to("/etc/passwd")
    text = fault_of(agent.copy_file, f"{top}/VirtualDisks/link.raw", f"{top}/ISOs/x", True)
    assert "out of the simulator's root" in text
    assert "[Errno 2]" in fault_of(agent.copy_file, "/etc/passwd", f"{top}/ISOs/x", True)
    assert "Invalid id" in fault_of(agent.get_vm_config, "..", "x")
    assert "Invalid id" in fault_of(agent.delete_vm, pool.repository_id, "../VirtualDisks")


def test_the_storage_plugin(pool: Simulator) -> None:
    import uuid

    agent, other = client(pool), client(pool, 1)
    repo, fs_uuid = pool.repository_id, str(uuid.UUID(pool.repository_id))
    top, point = f"/OVS/Repositories/{repo}", f"/nfsmnt/{fs_uuid}"
    export = pool.hosts[0].mounts[top].device + "/VirtualMachines"
    ss = {"uuid": repo, "name": repo, "access_host": "nfs-store-1", "storage_type": "FileSys"}
    fs = {"uuid": fs_uuid, "ss_uuid": repo, "access_path": export, "state": 1}
    path = f"{top}/VirtualDisks/new.raw"
    file = {"fr_type": "file", "fs_uuid": fs_uuid, "file_path": path}
    assert agent.storage_plugin_listMountPoints(NFS, ss) == []
    assert "not mounted" in fault_of(agent.storage_plugin_create, NFS, ss, fs, path, "File", 1)
    assert agent.storage_plugin_getFileSystemInfo(NFS, ss, fs)["size"] == ""
    answer = agent.storage_plugin_mount(NFS, ss, fs, point, "", True, [])
    assert (answer["uuid"], answer["ss_uuid"], answer["state"]) == (fs_uuid, repo, "1")
    assert int(answer["size"]) > int(answer["free_sz"]) > 0
    assert agent.storage_plugin_mount(NFS, ss, fs, point, "", True, []) is None
    assert [m["fs_uuid"] for m in agent.storage_plugin_listMountPoints(NFS, ss)] == [fs_uuid]
    assert (pool.repository_path / "VirtualMachines" / ".generic_fs_stamp").exists()
    assert int(agent.storage_plugin_getFileSystemInfo(NFS, ss, fs)["size"]) > 0
    made = agent.storage_plugin_create(NFS, ss, fs, path, "File", 10 << 20)
    assert (made["file_path"], made["file_sz"], made["ondisk_sz"]) == (path, str(10 << 20), "0")
    again = fault_of(agent.storage_plugin_create, NFS, ss, fs, path, "File", 1)
    assert again.endswith(f"OSError'>:[Errno 17] File exists: '{path}'")
    assert agent.storage_plugin_getFileInfo(NFS, ss, fs, file)["file_sz"] == str(10 << 20)
    assert "not mounted" in fault_of(other.storage_plugin_destroy, NFS, ss, fs, file)
    assert agent.storage_plugin_destroy(NFS, ss, fs, file) is None
    assert agent.storage_plugin_destroy(NFS, ss, fs, file) is None
    assert agent.storage_plugin_getFileInfo(NFS, ss, fs, file)["file_path"] == ""
    assert "KeyError'>:'state'" in fault_of(
        agent.storage_plugin_create, NFS, ss, {"uuid": fs_uuid, "ss_uuid": repo}, path, "File", 1
    )
    turned = fs | {"uuid": repo}
    assert "Invalid file system uuid" in fault_of(
        agent.storage_plugin_mount, NFS, ss, turned, f"/nfsmnt/{repo}", "", True, []
    )
    agent.storage_plugin_unmount(NFS, ss, fs, point, True)
    assert agent.storage_plugin_listMountPoints(NFS, ss) == []
    strange = fs | {"uuid": str(uuid.uuid4())}
    assert "another file system" in fault_of(
        agent.storage_plugin_mount, NFS, ss, strange, f"/nfsmnt/{strange['uuid']}", "", True, []
    )
