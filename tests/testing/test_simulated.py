"""SimulatedEstate: the driver, what is there, what goes wrong; the plugin's fixtures."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from libcloud.compute.providers import get_driver

from libcloud_ovm3.errors import AgentFault, NodeNotFound, Ovm3Warning
from libcloud_ovm3.simulator import SimulatorError
from libcloud_ovm3.testing import SimulatedEstate

Make = Callable[..., SimulatedEstate]


def test_the_arguments_are_those_of_the_driver(ovm3_estate: SimulatedEstate) -> None:
    nodes = get_driver("ovm3")(**ovm3_estate.arguments).list_nodes()
    assert sorted(node.name for node in nodes) == ["seed-1", "seed-2"]
    assert {ovm3_estate.runs_on(node)[0] for node in nodes} == {0, 1}
    assert "list_vms" in ovm3_estate.calls or "list_vm" in ovm3_estate.calls


def test_a_driver_with_other_arguments(ovm3_estate: SimulatedEstate) -> None:
    assert ovm3_estate.driver(ex_read_only=True).ex_read_only
    with pytest.raises(NodeNotFound):
        ovm3_estate.driver(host=ovm3_estate.hosts[1].address).ex_get_node_by_name("nobody")


def test_time_passes_where_the_test_says_so(ovm3_estate: SimulatedEstate) -> None:
    before = ovm3_estate.simulator.now()
    ovm3_estate.wait(3600)
    assert ovm3_estate.simulator.now() == pytest.approx(before + 3600, abs=1)


def test_real_time_for_other_processes() -> None:
    with SimulatedEstate(hosts=1, clock=None, speed=100) as estate:
        assert "ex_clock" not in estate.arguments
        assert len(estate.driver().list_nodes()) == 2


def test_what_is_on_the_disk(ovm3_estate: SimulatedEstate) -> None:
    node_id = ovm3_estate.add_vm("database", config={"memory": 768})
    directory = node_id.replace("-", "")
    assert f"VirtualMachines/{directory}/vm.cfg" in ovm3_estate.files()
    before = ovm3_estate.files("VirtualDisks")
    assert len(before) == 3
    driver = ovm3_estate.driver()
    with pytest.warns(Ovm3Warning, match="was kept"):  # its name does not have the node's uuid
        driver.destroy_node(driver.ex_get_node(node_id))
    assert ovm3_estate.files("VirtualDisks") == before
    assert f"VirtualMachines/{directory}/vm.cfg" not in ovm3_estate.files()


def test_a_vm_that_runs(ovm3_estate: SimulatedEstate) -> None:
    node_id = ovm3_estate.add_vm("database", running_on=2)
    assert ovm3_estate.runs_on(node_id) == [2]
    driver = ovm3_estate.driver()
    node = driver.ex_get_node(node_id)
    assert node.extra["memory_mb"] > 0
    driver.stop_node(node, ex_force=True)
    assert ovm3_estate.runs_on(node) == []


def test_a_fault_is_for_one_call(ovm3_estate: SimulatedEstate) -> None:
    rule = ovm3_estate.fail("discover_server", text="exceptions.Exception:once")
    with pytest.raises(AgentFault, match="once"):
        ovm3_estate.driver().list_locations()
    assert rule.hits == 1
    assert len(ovm3_estate.driver().list_locations()) == 3


@pytest.mark.parametrize("options", [{"kind": "typo"}, {"kind": "latency"}])
def test_a_fault_that_does_not_exist(ovm3_estate: SimulatedEstate, options: dict[str, str]) -> None:
    with pytest.raises(SimulatorError, match="misbehaviour"):
        ovm3_estate.fail("start_vm", **options)


@pytest.mark.parametrize(
    ("function", "options", "expected"),
    [
        ("star_vm", {}, r"no function 'star_vm'; did you mean 'start_vm'\?"),
        ("start_vm", {"host": 3}, "no host 3: host= is 0 to 2"),
        ("start_vm", {"host": -1}, "no host -1"),
        ("start_vm", {"nth": 0}, "nth must be 1 or more, not 0"),
        ("start_vm", {"times": 0}, "times must be 1 or more, not 0"),
    ],
)
def test_a_fault_that_could_never_happen(
    ovm3_estate: SimulatedEstate, function: str, options: dict[str, int], expected: str
) -> None:
    """A test with it would pass, and nothing would have failed."""
    with pytest.raises(SimulatorError, match=expected):
        ovm3_estate.fail(function, **options)


def test_the_answer_of_a_function_that_the_simulator_lacks(ovm3_estate: SimulatedEstate) -> None:
    rule = ovm3_estate.fail("function_of_another_module", "answer", value="yes")
    assert ovm3_estate.driver().connection.call("function_of_another_module") == "yes"
    assert rule.hits == 1


@pytest.mark.parametrize("hosts", [0, 251, "2", 2.0, None])
def test_a_number_of_hosts_that_is_none(make_ovm3_estate: Make, hosts: object) -> None:
    with pytest.raises(SimulatorError, match=f"hosts must be from 1 to 250, not {hosts!r}"):
        make_ovm3_estate(hosts=hosts)


def test_what_is_not_in_the_estate(ovm3_estate: SimulatedEstate) -> None:
    with pytest.raises(SimulatorError, match=r"no folder 'VirtualDisk'.*VirtualDisks"):
        ovm3_estate.files("VirtualDisk")
    with pytest.raises(SimulatorError, match="'database' is not the id of a node"):
        ovm3_estate.runs_on("database")
    for index in (3, -1):
        with pytest.raises(SimulatorError, match=f"no host {index}: running_on= is 0 to 2"):
            ovm3_estate.add_vm("database", running_on=index)
    assert ovm3_estate.files("ISOs/") == ovm3_estate.files("ISOs")


def test_several_estates_and_their_end(make_ovm3_estate: Make) -> None:
    one, other = make_ovm3_estate(hosts=1), make_ovm3_estate(hosts=2, host_module=[1], vms=0)
    node_id = one.add_vm("database")
    with pytest.raises(NodeNotFound):
        other.driver().ex_get_node(node_id)
    assert other.driver().list_nodes() == []
    root = one.simulator.root
    assert root.exists()
    one.close()
    one.close()
    assert not root.exists()


def test_the_plugin_costs_nothing_until_it_is_used() -> None:
    program = """
import sys, pytest, contextlib, typing
before = set(sys.modules)
import libcloud_ovm3_pytest
assert set(sys.modules) - before == {"libcloud_ovm3_pytest"}, set(sys.modules) - before
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=300)


def test_the_plugin_is_installed_for_pytest(tmp_path: Path) -> None:
    """By its entry point, in a run of pytest of its own, with warnings as errors."""
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_it.py").write_text(
        "def test_it(ovm3_estate):\n    assert ovm3_estate.hosts\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", tmp_path],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert "1 passed" in done.stdout, done.stdout + done.stderr
