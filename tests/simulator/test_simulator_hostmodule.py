"""The simulator loads the modules on a host's disk as the agent does, ours among them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from libcloud_ovm3.simulator import Simulator
from tests.simulator.plainclient import client, fault_of

VERSIONS = ("3.2.1", "3.3.3")
RUNTIME_ERROR = "<type 'exceptions.RuntimeError'>"


@pytest.fixture(params=VERSIONS)
def form(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    """Two hosts in one form: the first has our module, both another integration's."""
    version = request.param
    with Simulator(2, version, speed=100, host_module=[0], older_module=True) as simulator:
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
    count = "exceptions.TypeError"
    if form.describe()["version"] == "3.3.3":
        error, count = f"<class '{error}'>", f"<type '{count}'>"
    assert fault_of(agent.libcloud_repository, "no", "").startswith(f"{error}:repository")
    assert fault_of(agent.libcloud_version, 1, 2).startswith(f"{count}:")


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
    host.let("list faults")
    assert "Device 0 not connected" in fault_of(agent.list_vms)
    assert by_name(agent.libcloud_domains()["domains"]).keys() == everything.keys()
    look = agent.libcloud_look(["list_vms"])["answers"]["list_vms"]
    assert (look["missing"], len(look["answer"])) == ([], len(everything))
    assert look["fault"].partition(":")[0] in ("exceptions.RuntimeError", RUNTIME_ERROR)
    host.let("a look faults")
    first = min(name for name in everything if name != "Domain-0")
    found = agent.libcloud_domains()
    assert by_name(found["domains"]).keys() == everything.keys() - {first}
    assert [entry["name"] for entry in found["missing"]] == [everything[first]["uuid"]]
    host.let("list faults", False)
    assert first in fault_of(agent.list_vm, form.repository_id, first)
