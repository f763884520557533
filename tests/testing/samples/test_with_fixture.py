"""A program that starts VMs by name, and tests of it with the fixtures of the plugin."""

import pytest

from libcloud_ovm3.errors import AgentFault, Ovm3Warning, PreconditionFailed


def start_by_name(driver, name):
    node = driver.ex_get_node_by_name(name)
    driver.start_node(node)
    return node.id


def test_it_runs_once(ovm3_estate):
    database = ovm3_estate.add_vm("database")
    assert start_by_name(ovm3_estate.driver(), "database") == database
    assert len(ovm3_estate.runs_on(database)) == 1
    assert ovm3_estate.calls.count("start_vm") == 1


def test_a_lost_response_does_not_start_it_twice(ovm3_estate):
    database = ovm3_estate.add_vm("database")
    ovm3_estate.fail("start_vm", "drop_after")  # it starts, and nobody says so
    with pytest.warns(Ovm3Warning, match="is running"):
        start_by_name(ovm3_estate.driver(), "database")
    assert len(ovm3_estate.runs_on(database)) == 1
    assert ovm3_estate.calls.count("start_vm") == 1


def test_what_the_agent_refuses(ovm3_estate):
    database = ovm3_estate.add_vm("database")
    ovm3_estate.fail("start_vm", text="exceptions.Exception:no device")
    with pytest.raises(AgentFault, match="no device") as refused:
        start_by_name(ovm3_estate.driver(), "database")
    assert refused.value.node_id == database
    assert ovm3_estate.runs_on(database) == []


def test_beside_a_dead_host(make_ovm3_estate):
    estate = make_ovm3_estate(hosts=2, personality="awkward", host_module=True)
    database = estate.add_vm("database")
    estate.hosts[1].kill()  # its agent: what it runs is unknown
    with pytest.raises(PreconditionFailed, match="could not be read"):
        start_by_name(estate.driver(), "database")
    assert estate.runs_on(database) == []
