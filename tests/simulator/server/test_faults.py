"""Every kind of misbehaviour, credentials, dead hosts, certificates, connections."""

from __future__ import annotations

import base64
import http.client
import socket
import ssl
import xmlrpc.client
from typing import Any
from xml.parsers import expat

import pytest

from libcloud_ovm3.simulator import KINDS, Simulator, SimulatorError
from tests.simulator.plainclient import Background, Machine, client, fault_of
from tests.support import eventually, simulate

CUT = (OSError, http.client.HTTPException, expat.ExpatError)


def _made(sim: Simulator, name: str) -> bool:
    return (sim.repository_path / "VirtualMachines" / name / "vm.cfg").exists()


def _create(sim: Simulator, name: str) -> Any:
    return client(sim).create_vm(sim.repository_id, name, {"memory": 256})


def test_faults_before_and_after_the_effect(pool: Simulator) -> None:
    rule = pool.misbehave("fault", "create_vm", text="exceptions.OSError:[Errno 28] full", nth=2)
    assert _create(pool, "a") is None
    assert fault_of(_create, pool, "b") == "<type 'exceptions.OSError'>:[Errno 28] full"
    assert _create(pool, "c") is None
    assert (rule.hits, rule.seen) == (1, 3)
    pool.misbehave("fault_after", "create_vm", text="too late")
    assert fault_of(_create, pool, "d").endswith(":too late")
    assert [_made(pool, name) for name in "abcd"] == [True, False, True, True]


@pytest.mark.parametrize(
    ("kind", "effect"), [("drop_before", False), ("drop_after", True), ("truncate", True)]
)
def test_connections_that_end_without_an_answer(pool: Simulator, kind: str, effect: bool) -> None:
    pool.misbehave(kind, "create_vm", times=None)
    with pytest.raises(CUT):
        _create(pool, "a")
    assert _made(pool, "a") is effect
    pool.clear_misbehaviour()
    assert _create(pool, "b") is None


def test_late_effects_land_when_told_or_after_their_time(pool: Simulator) -> None:
    pool.misbehave("delayed", "create_vm")
    with pytest.raises(CUT):
        _create(pool, "a")
    pool.wait(5)
    assert not _made(pool, "a")
    pool.flush_delayed()
    assert _made(pool, "a")
    pool.misbehave("delayed", "create_vm", seconds=0.1)
    with pytest.raises(CUT):
        _create(pool, "b")
    pool.wait(0.05)
    assert not _made(pool, "b")
    pool.wait(0.1)
    assert _made(pool, "b")


@pytest.mark.parametrize(("kind", "effect"), [("hang", True), ("hang_before", False)])
def test_hanging_calls_end_with_the_client_or_the_simulator(kind: str, effect: bool) -> None:
    with simulate(hosts=1, vms=0) as sim:
        sim.misbehave(kind, "create_vm")
        agent = client(sim)
        trying = Background(sim, _quietly, agent.create_vm, sim.repository_id)
        eventually(lambda: _made(sim, "a") is effect)
        assert trying.is_alive()
        assert _made(sim, "a") is effect
        assert client(sim).echo("others are served") == "others are served"
    trying.join()
    assert trying.answers == [""]


def _quietly(create: Any, repository: str) -> None:
    with pytest.raises(CUT):
        create(repository, "a", {"memory": 256})


def test_latency_slow_hook_and_made_up_answers(pool: Simulator) -> None:
    agent = client(pool)
    pool.misbehave("latency", "echo", seconds=0.2)
    pool.misbehave("slow", "get_api_version", seconds=0.2)
    begun = pool.now()
    assert agent.echo("x") == "x"
    assert 0.19 < pool.now() - begun < 0.21
    assert agent.get_api_version() == [3]
    assert 0.39 < pool.now() - begun < 0.41
    steps: list[tuple[str, bool]] = []
    pool.misbehave("hook", "create_vm", hook=lambda word: steps.append((word, _made(pool, "a"))))
    _create(pool, "a")
    assert steps == [("before", False), ("after", True)]
    pool.misbehave("answer", "list_vms", value=["x" * 100_000], host=0)
    assert client(pool, 1).list_vms() != ["x" * 100_000]
    assert agent.list_vms() == ["x" * 100_000]
    assert agent.list_vms() != ["x" * 100_000]


def test_bad_rules_are_refused(pool: Simulator) -> None:
    for kind, settings in (("explode", {}), ("slow", {}), ("hook", {})):
        with pytest.raises(SimulatorError):
            pool.misbehave(kind, "echo", **settings)
    assert "delayed" in KINDS


def test_wrong_and_missing_credentials(pool: Simulator) -> None:
    for user, credentials in (("oracle:wrong@", True), ("", False)):
        with pytest.raises(xmlrpc.client.ProtocolError) as caught:
            client(pool, user=user).echo("x")
        assert caught.value.errcode == 403
        assert caught.value.errmsg.startswith("Unauthorized access attempt from ('127.0.0.1', ")
        assert pool.refused[-1].authorization is credentials
    assert len(pool.calls) == 0
    client(pool, 1).echo("y")
    assert [(call.host_index, call.function, call.arguments) for call in pool.calls] == [
        (1, "echo", ("y",))
    ]
    pool.calls.clear()
    assert pool.calls == []


def test_passwords_in_urls_and_log(pool: Simulator) -> None:
    client(pool).echo("https://oracle:topsecret@10.0.0.1:8899/api/3/")
    assert pool.calls[-1].arguments == ("https://oracle:******@10.0.0.1:8899/api/3/",)
    fault_of(client(pool).get_nothing)
    log = (pool.root / "hosts/0/ovs-agent.log").read_text()
    assert "topsecret" not in log
    assert pool.password not in log
    assert "call start: echo('https://oracle:******@" in log
    assert "ERROR (service:97) catch_error: method" in log
    assert "Traceback" in log


def test_a_dead_host_and_its_return(pool: Simulator) -> None:
    machine = Machine(pool)
    machine.start()
    pool.hosts[0].kill()
    with pytest.raises(CUT):
        machine.agent.echo("x")
    with pytest.raises(ConnectionRefusedError):
        client(pool).echo("x")
    assert client(pool, 1).echo("x") == "x"
    assert machine.domains()[0]["status"] == 2
    pool.hosts[0].revive()
    assert client(pool).echo("x") == "x"


def test_another_certificate(pool: Simulator) -> None:
    host = pool.hosts[0]
    old, pem = host.fingerprint, host.certificate_pem
    assert len(old) == 64
    assert int(old, 16)
    host.replace_certificate()
    assert host.fingerprint != old
    context = ssl.create_default_context(cadata=pem)
    context.check_hostname = False
    with (
        socket.create_connection((host.address, host.port)) as plain,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        context.wrap_socket(plain)
    assert client(pool).echo("x") == "x"


def test_keep_alive_is_one_connection(pool: Simulator) -> None:
    agent = client(pool)
    before = pool.connections
    for _ in range(5):
        agent.echo("x")
    assert pool.connections == before + 1


def test_a_stale_mount(pool: Simulator) -> None:
    pool.hosts[0].stale_repository()
    text = fault_of(client(pool).discover_repositories, pool.repository_id)
    assert "Stale NFS file handle" in text
    assert client(pool, 1).discover_repositories(pool.repository_id)
    pool.hosts[0].mount_repository()
    assert client(pool).discover_repositories(pool.repository_id)


def _post(sim: Simulator, body: bytes, **headers: str) -> tuple[int, bytes]:
    host = sim.hosts[0]
    context = ssl._create_unverified_context()
    connection = http.client.HTTPSConnection(host.address, host.port, context=context)
    key = base64.b64encode(f"{sim.user}:{sim.password}".encode()).decode()
    connection.request("POST", "/", body, {"Authorization": f"Basic {key}"} | headers)
    response = connection.getresponse()
    answer = response.status, response.read()
    connection.close()
    return answer


def test_requests_that_are_no_calls(pool: Simulator) -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "b">]><methodCall><methodName>&a;</methodName></methodCall>'
    for body in (b"", b"<html/>", b"<methodCall>", b"\xff\xfe", bomb):
        status, answer = _post(pool, body)
        assert status == 200
        assert b"faultString" in answer
    status, _ = _post(pool, b"", **{"Content-Length": str(65 << 20)})
    assert status == 413
    assert client(pool).echo("still there") == "still there"
