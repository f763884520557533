"""Taking and releasing a host, its roles, pools, the pool's file system and cluster."""

from __future__ import annotations

import xmlrpc.client
from typing import Any
from xml.etree import ElementTree

import pytest

from libcloud_ovm3.simulator import Simulator
from tests.simulator.plainclient import client, fault_of, until
from tests.support import simulate

BOTH = True  # personalities
MANAGER = "d1a749d4295041fb99854f52ea4dea97"
OTHER = "0004fb00000100000af70d20dcce7d65"
POOL = "0004fb0000020000ba9aaf00ae5e2d73"
POOLFS = "0004fb00-0005-0000-e70f-bddeb802208f"
STRUCT = {
    "manager_uuid": MANAGER,
    "manager_event_url": "http://localhost:10024/event",
    "manager_statistic_url": "http://localhost:10024/stats",
    "manager_certificate": "None",
    "signed_server_certificate": "None",
}


def _server(agent: Any) -> dict[str, str | None]:
    found = ElementTree.fromstring(agent.discover_server()).find("Server")
    assert found is not None
    return {element.tag: element.text for element in found}


def _back(sim: Simulator, host: int = 0) -> Any:
    """A client, once the agent answers again."""

    def answers() -> bool:
        try:
            return bool(client(sim, host).echo("x"))
        except OSError:
            return False

    until(sim, answers)
    return client(sim, host)


def _unowned(version: str, **options: Any) -> Simulator:
    return simulate(hosts=2, vms=0, version=version, owner="", pool=False, **options)


def test_ownership_on_3_2(tmp_path: Any) -> None:
    with _unowned("3.2.1", root=tmp_path) as sim:
        agent = client(sim)
        assert _server(agent)["Membership_State"] == "Unowned"
        assert "takes exactly 3 arguments (2 given)" in fault_of(agent.take_ownership, STRUCT)
        assert agent.take_ownership(MANAGER, "") is None
        assert _server(agent)["Manager_Unique_Id"] == MANAGER
        assert _server(agent)["Membership_State"] == "Owned"
        assert agent.take_ownership(MANAGER, "") is None  # again: no harm
        assert "already owned" in fault_of(agent.take_ownership, OTHER, "")
        assert _server(client(sim, 1))["Membership_State"] == "Unowned"
    with _unowned("3.2.1", root=tmp_path) as sim:
        agent = client(sim)
        assert _server(agent)["Manager_Unique_Id"] == MANAGER
        assert "not owned by" in fault_of(agent.release_ownership, OTHER)
        assert agent.release_ownership(MANAGER) is None
        assert _server(agent)["Manager_Unique_Id"] == "none"
        assert agent.take_ownership(OTHER, "https://x:y@0.0.0.0:7002/ovm/core") is None
        assert _server(agent)["Manager_Unique_Id"] == OTHER


def test_ownership_on_3_3_restarts_the_agent() -> None:
    with _unowned("3.3.3", agent_restart_seconds=20) as sim:
        agent = client(sim)
        assert "takes exactly 2 arguments" in fault_of(agent.take_ownership, MANAGER, "")
        less = {key: value for key, value in STRUCT.items() if key != "manager_certificate"}
        assert "KeyError" in fault_of(agent.take_ownership, less)
        assert _server(agent)["Membership_State"] == "Unowned"
        boot = agent.get_last_boot_time()["last_boot_time"]
        assert agent.take_ownership(STRUCT) is None

        def away() -> bool:
            try:
                client(sim).echo("x")
            except OSError:
                return True
            return False

        until(sim, away)
        agent = _back(sim)
        assert _server(agent)["Manager_Unique_Id"] == MANAGER
        assert agent.get_last_boot_time()["last_boot_time"] == boot  # the agent, not the host
        assert agent.release_ownership(MANAGER) is None
        assert _server(agent)["Membership_State"] == "Unowned"


def test_a_host_that_dies_while_its_agent_restarts_stays_dead() -> None:
    with _unowned("3.3.3", agent_restart_seconds=4) as sim:
        client(sim).take_ownership(STRUCT)
        sim.hosts[0].kill()
        sim.wait(12)
        with pytest.raises(OSError, match="refused"):
            client(sim).echo("x")
        sim.hosts[0].revive()
        assert _server(client(sim))["Manager_Unique_Id"] == MANAGER


def test_roles(pool: Simulator) -> None:
    agent = client(pool)
    assert agent.update_server_roles("utility,xen") is None
    assert _server(agent)["Server_Roles"] == "utility,xen"
    text = fault_of(agent.update_server_roles, "xen,broken_token,utility")
    assert text.endswith("Invalid roles: set(['xen', 'broken_token', 'utility'])")
    assert _server(agent)["Server_Roles"] == "utility,xen"


def _pool_arguments(sim: Simulator, index: int) -> tuple[Any, ...]:
    host = sim.hosts[index]
    return ("P", POOL, "127.0.0.99", index, host.hostname, host.address, "xen,utility")


def _pool(agent: Any) -> tuple[str | None, str | None, list[str | None]] | None:
    found = ElementTree.fromstring(agent.discover_server_pool()).find("Server_Pool")
    if found is None:
        return None
    members = [element.text for element in found.iter("Registered_IP")]
    return found.findtext("Unique_Id"), found.findtext("Pool_Alias"), members


def test_a_pool_is_made_joined_left_and_destroyed(tmp_path: Any) -> None:
    options: dict[str, Any] = {"hosts": 2, "vms": 0, "pool": False, "root": tmp_path}
    with simulate(**options) as sim:
        first, second = client(sim), client(sim, 1)
        mine = [host.address for host in sim.hosts]
        assert _pool(first) is None
        assert "not a member" in fault_of(first.set_pool_member_ip_list, mine)
        assert first.create_server_pool(*_pool_arguments(sim, 0)) is None
        assert _pool(first) == (POOL, "P", mine[:1])
        text = fault_of(first.create_server_pool, *_pool_arguments(sim, 0))
        assert text.endswith(f"Server already a member of pool: {POOL}")
        assert "takes exactly 8 arguments" in fault_of(first.join_server_pool, "P")
        assert second.join_server_pool(*_pool_arguments(sim, 1)) is None
        assert _pool(first) == (POOL, "P", mine[:1])  # nobody told it
        for agent in (first, second):
            assert agent.set_pool_member_ip_list(mine) is None
            assert _pool(agent) == (POOL, "P", mine)
        first.set_server_pool_alias("Renamed")
        first.update_pool_virtual_ip("127.0.0.98")
        server = _server(first)
        assert server["Is_Current_Master"] == "true"
        assert server["Membership_State"] == "Pooled"
        assert server["Pool_Unique_Id"] == POOL
        assert server["Master_Virtual_Ip"] == "127.0.0.98"
        assert _server(second)["Is_Current_Master"] == "false"
        assert _server(second)["Node_Number"] == "1"
    with simulate(**options) as sim:
        first, second = client(sim), client(sim, 1)
        assert _pool(first) == (POOL, "Renamed", mine)
        assert _pool(second) == (POOL, "P", mine)
        assert "not a member" in fault_of(second.leave_server_pool, OTHER)
        assert "not the master" in fault_of(second.destroy_server_pool, POOL)
        assert second.leave_server_pool(POOL) is None
        assert _pool(second) is None
        assert _pool(first) == (POOL, "Renamed", mine)
        assert first.destroy_server_pool(POOL) is None
        assert _pool(first) is None
        assert _server(first)["Membership_State"] == "Owned"


def _at(sim: Simulator, address: str) -> Any:
    """The first host's agent, asked at another address."""
    context = client(sim)("transport").context
    port = sim.hosts[0].port
    url = f"https://{sim.user}:{sim.password}@{address}:{port}/"
    return xmlrpc.client.ServerProxy(url, context=context, allow_none=True)


def test_the_master_answers_at_the_virtual_ip(tmp_path: Any) -> None:
    options: dict[str, Any] = {"hosts": 2, "vms": 0, "pool": False, "root": tmp_path}
    with simulate(**options) as sim:
        first, second = client(sim), client(sim, 1)
        with pytest.raises(OSError, match="refused"):
            _at(sim, "127.0.0.99").echo("x")
        first.create_server_pool(*_pool_arguments(sim, 0))
        assert _at(sim, "127.0.0.99").discover_server() == first.discover_server()
        mine = sim.hosts[1].address
        assert "in use" in fault_of(second.configure_virtual_ip, "127.0.0.99", mine)
        assert "No interface" in fault_of(second.configure_virtual_ip, "127.0.0.97", "192.0.2.1")
        assert "not on loopback" in fault_of(second.configure_virtual_ip, "192.0.2.1", mine)
        assert "Invalid address" in fault_of(second.configure_virtual_ip, "x", mine)
        first.update_pool_virtual_ip("127.0.0.98")
        with pytest.raises(OSError, match="refused"):
            _at(sim, "127.0.0.99").echo("x")
        assert _at(sim, "127.0.0.98").echo("x") == "x"
        sim.hosts[0].kill()
        with pytest.raises(OSError, match="refused"):
            _at(sim, "127.0.0.98").echo("x")
        sim.hosts[0].revive()
        assert _at(sim, "127.0.0.98").echo("x") == "x"
    with simulate(**options) as sim:
        assert _at(sim, "127.0.0.98").echo("x") == "x"
        client(sim).destroy_server_pool(POOL)
        with pytest.raises(OSError, match="refused"):
            _at(sim, "127.0.0.98").echo("x")
        agent, mine = client(sim), sim.hosts[0].address
        assert agent.configure_virtual_ip("127.0.0.97", mine) is None
        assert agent.configure_virtual_ip("127.0.0.97", mine) is None
        assert _at(sim, "127.0.0.97").echo("x") == "x"
        assert agent.deconfigure_virtual_ip("127.0.0.97") is None
        assert "No interface" in fault_of(agent.deconfigure_virtual_ip, "127.0.0.97")


def test_an_unowned_host_joins_nothing() -> None:
    with _unowned("3.2.1") as sim:
        agent = client(sim)
        for name in ("create_server_pool", "join_server_pool"):
            assert "not owned" in fault_of(getattr(agent, name), *_pool_arguments(sim, 0))


def _poolfs(sim: Simulator) -> tuple[str, ...]:
    target = "nfs-store-1:/export/ovm-repository/VirtualMachines"
    return ("nfs", target, POOL[16:], POOLFS, sim.repository_id, MANAGER, POOL)


def test_the_pools_file_system(pool: Simulator) -> None:
    agent, empty = client(pool), "<Discover_Pool_Filesystem_Result />"
    assert agent.discover_pool_filesystem().endswith(empty)
    assert agent.create_pool_filesystem(*_poolfs(pool)) is None
    document = ElementTree.fromstring(agent.discover_pool_filesystem())
    assert document.findtext("Pool_Filesystem/Pool_Filesystem_Uuid") == POOLFS
    image = pool.repository_path / "VirtualMachines" / "ovspoolfs.img"
    assert image.stat().st_size > 0
    assert "already exists" in fault_of(agent.create_pool_filesystem, *_poolfs(pool))
    assert "already exists" in fault_of(client(pool, 1).create_pool_filesystem, *_poolfs(pool))
    lun = ("lun", *_poolfs(pool)[1:])
    assert "not modelled" in fault_of(client(pool, 1).create_pool_filesystem, *lun)
    away = ("nfs", "nfs-store-1:/none", *_poolfs(pool)[2:])
    assert "No such file" in fault_of(client(pool, 1).create_pool_filesystem, *away)
    back = _poolfs(pool)[:2]
    assert "No pool filesystem" in fault_of(agent.destroy_pool_filesystem, *back, "x", "y")
    assert agent.destroy_pool_filesystem(*back, POOLFS, pool.repository_id) is None
    assert agent.discover_pool_filesystem().endswith(empty)
    assert not image.exists()


def cluster_configuration(sim: Simulator) -> tuple[Any, ...]:
    """What configure_server_for_cluster takes."""
    name, host = POOL[16:], sim.hosts[0]
    o2cb = {
        "O2CB_ENABLED": "true",
        "O2CB_STACK": "o2cb",
        "O2CB_BOOTCLUSTER": name,
        "O2CB_HEARTBEAT_THRESHOLD": "61",
        "O2CB_IDLE_TIMEOUT_MS": "60000",
        "O2CB_KEEPALIVE_DELAY_MS": "2000",
        "O2CB_RECONNECT_DELAY_MS": "2000",
    }
    node = {"ip_port": 7777, "cluster": name, "ip_address": host.address, "number": 0}
    stored = {
        "node": [node | {"name": host.hostname}],
        "heartbeat": [{"cluster": name, "region": POOLFS.replace("-", "").upper()}],
        "cluster": [{"heartbeat_mode": "global", "node_count": 1, "name": name}],
    }
    return (o2cb, stored, *_poolfs(sim)[:2], POOLFS, sim.repository_id)


def test_a_cluster(pool: Simulator) -> None:
    agent = client(pool)
    assert agent.is_cluster_online() is False
    assert agent.discover_cluster().endswith("<Discover_Cluster_Result />")
    assert "not configured" in fault_of(agent.create_cluster, POOLFS)
    o2cb, stored, *rest = cluster_configuration(pool)
    text = fault_of(agent.configure_server_for_cluster, {"O2CB_STACK": "o2cb"}, stored, *rest)
    assert "KeyError" in text
    assert agent.configure_server_for_cluster(o2cb, stored, *rest) is None
    assert agent.is_cluster_online() is False
    assert agent.create_cluster(POOLFS) is None
    assert agent.is_cluster_online() is True
    assert client(pool, 1).is_cluster_online() is False
    document = ElementTree.fromstring(agent.discover_cluster())
    nodes = document.find("Cluster_Information/Stored/Nodes")
    assert nodes is not None
    assert nodes.findtext("Node/IP_Port") == "7777"
    assert agent.leave_cluster(POOLFS) is None
    assert agent.is_cluster_online() is False
    assert agent.deconfigure_server_for_cluster(POOLFS) is None
    assert agent.discover_cluster().endswith("<Discover_Cluster_Result />")
