"""What other clients need: the end of a line, TLS of older days, functions that cost little."""

from __future__ import annotations

import base64
import os
import socket
import ssl
import xmlrpc.client
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from libcloud_ovm3.simulator import Simulator, SimulatorError
from tests.simulator.plainclient import client, fault_of
from tests.support import simulate

QUESTION = "hidden files and odd names in listings"
HIDDEN = {".ovsmeta", ".hidden.img"}


# -- the line -------------------------------------------------------------------------------------


def _connect(sim: Simulator, context: ssl.SSLContext | None = None) -> ssl.SSLSocket:
    """A connection whose end counts as an error unless it was announced."""
    host = sim.hosts[0]
    if context is None:
        context = ssl.create_default_context(cadata=host.certificate_pem)
        context.check_hostname = False
    plain = socket.create_connection((host.address, host.port), 10)
    return context.wrap_socket(plain, suppress_ragged_eofs=False)


def _request(sim: Simulator, function: str, version: str) -> bytes:
    body = xmlrpc.client.dumps(("x",), function).encode()
    word = base64.b64encode(f"{sim.user}:{sim.password}".encode()).decode()
    head = f"POST /RPC2 HTTP/{version}\r\nAuthorization: Basic {word}\r\n"
    head += f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _rest(line: ssl.SSLSocket) -> bytes:
    answer = b""
    while part := line.recv(1 << 16):
        answer += part
    return answer


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_the_end_of_the_line_is_announced(pool: Simulator, version: str) -> None:
    with _connect(pool) as line:
        line.sendall(_request(pool, "echo", version))
        assert b"<string>x</string>" in _rest(line)
    with _connect(pool) as line:  # with no password as well
        line.sendall(b"POST / HTTP/1.0\r\nContent-Length: 0\r\n\r\n")
        assert _rest(line).startswith(b"HTTP/1.1 403 Unauthorized access attempt from (")


def test_a_client_that_does_not_leave_stops_no_other(pool: Simulator) -> None:
    """Whose farewell the server waits for a moment: the answer has come before."""
    with _connect(pool) as line:
        line.sendall(_request(pool, "echo", "1.0"))
        _rest(line)
        assert client(pool).echo("y") == "y"


def test_a_cut_line_is_not_announced(pool: Simulator) -> None:
    pool.misbehave("truncate", "echo")
    with _connect(pool) as line:
        line.sendall(_request(pool, "echo", "1.0"))
        with pytest.raises((ssl.SSLError, OSError)):
            _rest(line)


# -- TLS of older days ----------------------------------------------------------------------------


def _old(sim: Simulator, first: ssl.TLSVersion, ciphers: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=sim.hosts[0].certificate_pem)
    context.check_hostname = False
    context.minimum_version = first
    context.set_ciphers(ciphers)
    return context


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1")
@pytest.mark.parametrize(
    ("tls", "version", "first", "ciphers"),
    [
        ("el5", "TLSv1", ssl.TLSVersion.TLSv1, "ALL:@SECLEVEL=0"),
        ("el6", "TLSv1.2", ssl.TLSVersion.TLSv1_2, "DEFAULT"),
        ("el6", "TLSv1.2", ssl.TLSVersion.TLSv1, "ALL:@SECLEVEL=0"),
    ],
)
def test_tls_as_hosts_of_that_age_speak_it(
    tls: str, version: str, first: ssl.TLSVersion, ciphers: str
) -> None:
    with simulate(hosts=1, vms=0, tls=tls) as sim:
        with _connect(sim, _old(sim, first, ciphers)) as line:
            assert line.version() == version
            name, _, _ = line.cipher() or ("", "", 0)
            assert name.startswith("AES")  # neither DHE nor ECDHE: the key exchange is RSA's
            line.sendall(_request(sim, "echo", "1.0"))
            assert b"<string>x</string>" in _rest(line)
        for lacks in ("ECDHE:DHE:@SECLEVEL=0", "DEFAULT:!kRSA:@SECLEVEL=0"):
            with pytest.raises(ssl.SSLError):
                _connect(sim, _old(sim, first, lacks))
        with pytest.raises(ssl.SSLError):
            client(sim).echo("x")  # what Python does by itself
        before = sim.hosts[0].fingerprint
        sim.hosts[0].replace_certificate()
        assert sim.hosts[0].fingerprint != before
        with _connect(sim, _old(sim, first, ciphers)) as line:
            assert line.version() == version


def test_an_unknown_age() -> None:
    with pytest.raises(SimulatorError, match=r"one of 1\.0, el5, el6"):
        simulate(tls="el7")


# -- functions ------------------------------------------------------------------------------------


def test_logs(pool: Simulator) -> None:
    agent = client(pool)
    agent.echo("remember me")
    logs = agent.get_log(["ovs-agent", "xend", "messages", "dmesg"])
    assert logs.keys() == {"ovs-agent", "xend", "messages", "dmesg"}
    assert "call start: echo('remember me',)" in logs["ovs-agent"]
    assert agent.get_log([]) == {}
    assert "not modelled by the simulator" in fault_of(agent.get_log, ["../host.json"])


def test_packages_and_statistics(pool: Simulator) -> None:
    agent = client(pool)
    assert agent.package_list("updates") == []
    assert "not modelled" in fault_of(agent.package_list, "installed")
    assert agent.package_get_repositories() == {}
    assert "<Statistic><Interval>20<" in agent.discover_server()
    assert agent.set_statistics_interval(60) is None
    assert "<Statistic><Interval>60<" in agent.discover_server()
    assert agent.set_statistic_interval(30) is None
    assert "<Statistic><Interval>30<" in agent.discover_server()
    assert "<Statistic><Interval>20<" in client(pool, 1).discover_server()
    for name in ("get_system_disk_space", "storage_plugin_listFileSystems"):
        assert fault_of(getattr(agent, name)).endswith(f"simulator: {name}")


def test_what_python_2_asks_of_a_proxy_is_a_fault(pool: Simulator) -> None:
    """``if proxy:`` calls ``__nonzero__`` there."""
    text = fault_of(getattr(client(pool), "__nonzero__"))  # noqa: B009 - no name of this class
    assert text.endswith('method "__nonzero__" is not supported')


def test_sleep(pool: Simulator) -> None:
    begun = pool.now()
    assert client(pool).sleep(3) is None
    assert pool.now() - begun >= 3


def test_roles_come_before_the_owner() -> None:
    for personality in ("plain", "awkward"):
        with simulate(hosts=1, vms=0, owner="", pool=False, personality=personality) as sim:
            agent = client(sim)
            assert agent.update_server_roles("utility,xen") is None
            server = agent.discover_server()
            assert "<Server_Roles>utility,xen<" in server
            assert "<Manager_Unique_Id>none<" in server


def _mounts(sim: Simulator, kind: str) -> dict[str, list[str]]:
    root = ElementTree.fromstring(client(sim).discover_mounted_file_systems(kind))
    return {system.get("Type", ""): [mount.get("Dir", "") for mount in system] for system in root}


def test_mounts_of_all_types(pool: Simulator) -> None:
    point = f"/OVS/Repositories/{pool.repository_id}"
    everything = _mounts(pool, "all")
    assert everything["rootfs"] == everything["ext3"] == ["/"]
    assert everything["nfs"] == [point]
    assert {"proc", "sysfs", "devpts", "tmpfs", "rpc_pipefs"} <= everything.keys()
    for kind in ("nfs", "rootfs", "proc"):
        assert _mounts(pool, kind) == {kind: everything[kind]}
    for kind in ("nfs4", "ocfs2", "none"):
        assert _mounts(pool, kind) == {}
    pool.hosts[0].unmount_repository()
    assert _mounts(pool, "nfs") == {}


def test_physical_disks() -> None:
    with simulate(hosts=2, layout="manager", templates=0) as sim:
        luns = {f"/dev/mapper/{path.name}" for path in (sim.root / "luns").iterdir()}
        assert len(luns) == 3
        for host in (0, 1):
            root = ElementTree.fromstring(client(sim, host).discover_physical_luns(""))
            assert [child.tag for child in root] == ["SCSI"]
            disks = root.findall("SCSI/Disk")
            assert {disk.findtext("Device") for disk in disks} == luns | {"/dev/sda"}
            assert all(int(disk.findtext("Size", "")) > 0 for disk in disks)


# -- listings -------------------------------------------------------------------------------------


@pytest.fixture(params=["left out", "shown"])
def odd(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    """A repository with hidden files, odd names and links."""
    with simulate(hosts=1, vms=0, answers={QUESTION: request.param}) as sim:
        disks = sim.repository_path / "VirtualDisks"
        for name in (b".ovsmeta", b".hidden.img", b"caf\xe9.img", b"a\x01b", b"new\nline", b"a b "):
            (Path(os.fsdecode(os.fsencode(disks) + b"/" + name))).write_bytes(b"x")
        (disks / "link.img").symlink_to(disks / "a b ")
        (disks / "dangling.img").symlink_to("/nowhere")
        machines = sim.repository_path / "VirtualMachines"
        (machines / ".put aside").mkdir()
        (machines / ".put aside/vm.cfg").write_text("name = 'x'\n")
        (machines / "web").mkdir()
        (machines / "web/.backup.img").write_bytes(b"x")
        (machines / "web/vm.cfg").write_text("name = 'web'\n")
        (machines / "web/disk.img").symlink_to("../../VirtualDisks/link.img")
        (machines / "same").symlink_to("web")
        yield sim


def test_hidden_files_and_odd_names(odd: Simulator) -> None:
    shown = odd.hosts[0].answer(QUESTION) == "shown"
    root = ElementTree.fromstring(client(odd).discover_repositories(odd.repository_id))
    disks = {disk.text for disk in root.iter("Disk")}
    machines = {vm.get("Name"): {file.text for file in vm} for vm in root.iter("VirtualMachine")}
    always = {"a b ", "link.img", "dangling.img"}  # links are listed like files
    odd_ones = {*HIDDEN, "caf?.img", "a?b", "new\nline"}
    assert disks == (always | odd_ones if shown else always)
    files = {"vm.cfg", "disk.img"} | ({".backup.img"} if shown else set())
    wanted = {"web": files, "same": files} | ({".put aside": {"vm.cfg"}} if shown else {})
    assert machines == wanted


# -- hosts that are not like their neighbours -----------------------------------------------------


@pytest.mark.parametrize("address", [False, True])
def test_two_hosts_of_one_server_uuid(tmp_path: Path, address: bool) -> None:
    with simulate(hosts=2, root=tmp_path) as sim:
        first, second = sim.hosts
        second.pose_as(first, registered_ip=address)
        assert second.fingerprint != first.fingerprint
    with simulate(hosts=2, root=tmp_path) as sim:
        first, second = sim.hosts
        servers = [ElementTree.fromstring(client(sim, host).discover_server()) for host in (0, 1)]
        said = [
            [each.findtext(f"Server/{tag}") for tag in ("Unique_Id", "Registered_IP")]
            for each in servers
        ]
        assert said[0] == [first.uuid, first.address]
        assert said[1] == [first.uuid, first.address if address else second.address]
        assert f"<UUID>{first.uuid}<" in client(sim, 1).discover_hardware()
        assert sim.domains(0)[0]["uuid"] != sim.domains(1)[0]["uuid"]


def test_another_password_on_one_host(pool: Simulator) -> None:
    pool.hosts[1].set_password("another")
    assert client(pool).echo("x") == "x"
    with pytest.raises(xmlrpc.client.ProtocolError) as caught:
        client(pool, 1).echo("x")
    assert caught.value.errcode == 403
    assert client(pool, 1, user=f"{pool.user}:another@").echo("x") == "x"


def test_a_list_that_faults_on_one_host(pool: Simulator) -> None:
    pool.hosts[0].inject("list faults")
    text = fault_of(client(pool).list_vms)
    assert text.endswith(
        "Command: ['xm', 'list'] failed (1): stderr: Error: Device 0 not connected"
    )
    assert client(pool, 1).list_vms()
    assert "<Server>" in client(pool).discover_server()
