"""What programs get is plain data: ``extra`` of everything, and what errors say of nodes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from libcloud_ovm3.errors import (
    AgentFault,
    AmbiguousName,
    NameTaken,
    OperationIncomplete,
    Ovm3Error,
    PreconditionFailed,
    WaitTimeout,
)
from libcloud_ovm3.simulator import Simulator
from tests.diagnostics.troubled import troubled_pool
from tests.support import driver_for, quietly

_PLAIN = (type(None), bool, int, float, str)


def _assert_plain(value: Any) -> None:
    """Exactly these types, not subclasses such as enums, which other serializers refuse."""
    if type(value) is dict:
        for key, one in value.items():
            assert type(key) is str
            _assert_plain(one)
    elif type(value) is list:
        for one in value:
            _assert_plain(one)
    else:
        assert type(value) in _PLAIN, (type(value), value)


def _extras(driver: Any) -> list[dict[str, Any]]:
    nodes = driver.list_nodes()
    found = [*nodes, *driver.list_images(), *driver.list_locations(), *driver.list_sizes()]
    found += [*driver.ex_list_networks(), *driver.ex_list_network_devices()]
    found += [node.size for node in nodes if node.size]
    return [one.extra for one in found] + driver.ex_list_orphans()


def test_extra_is_plain_data(driver: Any, sim: Simulator) -> None:
    driver.create_node("web", driver.list_sizes()[0], driver.list_images()[0])
    sim.add_vm("db", running_on=1, config={"vif": ["mac=00:21:f6:00:00:01,bridge=b"]})
    sim.add_vm("old", config={"disk": ["file:/OVS/x.iso,hdc:cdrom,r", "file:/OVS/x.img,xvda,w!"]})
    extras = quietly(_extras, driver)
    assert len(extras) > 12
    for extra in extras:
        _assert_plain(extra)
        assert json.loads(json.dumps(extra)) == extra


def test_extra_is_plain_data_where_there_is_trouble() -> None:
    with troubled_pool() as pool:
        for extra in quietly(_extras, driver_for(pool.sim)):
            _assert_plain(extra)


# ------------------------------------------------------------------ the node of an error


def _create(driver: Any, name: str, **options: Any) -> Any:
    return driver.create_node(name, driver.list_sizes()[0], driver.list_images()[0], **options)


def _told(error: Ovm3Error) -> tuple[str | None, str | None, str | None]:
    return error.node_id, error.node_name, error.node_state


def test_a_name_that_is_taken_and_by_whom(driver: Any, sim: Simulator) -> None:
    web = _create(driver, "web")
    with pytest.raises(NameTaken) as taken:
        _create(driver, "web")
    assert _told(taken.value) == (web.id, "web", "running")
    second = _create(driver, "web", ex_allow_same_name=True)
    driver.stop_node(second, ex_force=True)
    with pytest.raises(AmbiguousName) as several:
        driver.ex_get_node_by_name("web")
    states = {node["id"]: node["state"] for node in several.value.nodes}
    assert states == {web.id: "running", second.id: "stopped"}


def test_what_cannot_be_stopped(driver: Any, sim: Simulator) -> None:
    web = _create(driver, "web")
    for host in sim.hosts:
        host.ignores_requests.add(web.id)
    # The awkward agent waits itself, and gives up with a fault.
    with pytest.raises((WaitTimeout, AgentFault)) as late:
        driver.stop_node(web, ex_timeout=5)
    assert _told(late.value) == (web.id, "web", "running")


def test_what_the_agent_refuses(driver: Any, sim: Simulator) -> None:
    web = _create(driver, "web")
    driver.stop_node(web, ex_force=True)
    sim.misbehave("fault", "start_vm", text="exceptions.Exception:no")
    with pytest.raises(AgentFault) as refused:
        driver.start_node(web)
    assert _told(refused.value) == (web.id, "web", None)


def test_what_is_refused_before_anything_is_sent(driver: Any, sim: Simulator) -> None:
    web = _create(driver, "web")
    with pytest.raises(PreconditionFailed) as young:
        driver.reboot_node(web)
    assert _told(young.value) == (web.id, "web", "running")


def test_what_is_not_completed(driver: Any, sim: Simulator) -> None:
    sim.misbehave("drop_after", "copy_file")
    with pytest.raises(OperationIncomplete) as lost:
        _create(driver, "web")
    assert lost.value.node_name == "web"
    assert lost.value.node_id in {node.id for node in driver.list_nodes()}
