"""``ovm3 claim``: what it lists and shows, and what other commands say of claims."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from libcloud_ovm3.agent.hostmodule import HostModule
from libcloud_ovm3.errors import PreconditionFailed
from libcloud_ovm3.simulator import Simulator
from tests.cli.running import on
from tests.support import driver_for, simulate

FAR = "f" * 32  # a host that is none of these
DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def sim() -> Iterator[Simulator]:
    """One VM, seed-1, stopped; two hosts, whose first has its repository's first claims made."""
    with simulate(hosts=2, vms=0, host_module=True) as simulator:
        simulator.add_vm("seed-1")
        yield simulator


def claim_of(sim: Simulator, directory: str, *more: str) -> None:
    """The first claim of a VM, as a client makes it."""
    module = HostModule(driver_for(sim).connection)
    uuids = [*(host.uuid.lower() for host in sim.hosts), *more]
    module.claim_vm("me", uuid.uuid4().hex, sim.repository_id, directory, uuids)


def test_claims_are_shown_wherever_a_vm_is(sim: Simulator) -> None:
    driver = driver_for(sim)
    [node] = driver.list_nodes()
    assert (node.extra["claim"] or {"kind": "none"})["kind"] == "none"
    assert "no claims: " in (text := on(sim, "claim", "list", "--no-host-module").stdout)
    assert "`ovm3 claim settle --all`" in text
    done = on(sim, "claim", "show", "seed-1", "--no-host-module")
    assert (done.exit_code, f"`ovm3 claim settle {node.id}`" in done.stderr) == (1, True)
    claim_of(sim, node.extra["directory"])
    sim.add_vm("old", uuid="0004fb00-0006-0000-aaaa-00000000bbbb")
    gone = next(one for one in driver.list_nodes() if one.name == "old").extra["directory"]
    claim_of(sim, gone)
    shutil.rmtree(sim.repository_path / "VirtualMachines" / gone)
    [node] = driver.list_nodes()
    claim = node.extra["claim"]
    left = [one["host"] for one in claim["hosts"]]
    assert (claim["kind"], claim["error"], claim["why"]) == ("doubt", None, None)
    assert left in (["ovm-1"], ["ovm-2"], ["ovm-1", "ovm-2"], ["ovm-2", "ovm-1"])
    text = f"in doubt on {', '.join(left)}"
    shown = json.loads(on(sim, "vm", "show", "seed-1", "-o", "json").stdout)
    [listed] = json.loads(on(sim, "inventory", "-o", "json").stdout)["vms"]
    assert shown["claim"] == listed["claim"] == claim
    assert text in on(sim, "vm", "show", "seed-1").stdout
    of_seed, other = sorted(
        json.loads(on(sim, "claim", "list", "-o", "json").stdout), key=lambda one: str(one["vm_id"])
    )
    assert {key: of_seed[key] for key in claim} == claim
    documented = [(DOCS / name).read_text() for name in ("claims.md", "command-output.md")]
    assert [key for key in of_seed if not any(f"`{key}`" in one for one in documented)] == []
    assert (of_seed["vm_id"], of_seed["vm_name"]) == (node.id, "seed-1")
    assert other["id"] == f"{sim.repository_id}/{gone}"
    assert (
        on(sim, "claim", "list", "--doubt", "-o", "name").stdout.splitlines().count(of_seed["id"])
        == 1
    )
    for name in ("seed-1", node.id, of_seed["id"]):
        assert text in on(sim, "claim", "show", name).stdout
    assert "not defined" in on(sim, "claim", "show", other["id"]).stdout


def test_settle_makes_first_claims_and_has_hosts_look(sim: Simulator) -> None:
    driver = driver_for(sim)
    [node] = driver.list_nodes()
    done = on(sim, "claim", "settle", "--all")
    assert (done.exit_code, done.stdout) == (0, f"seed-1 ({node.id}): free\n"), done.stderr
    assert on(sim, "claim", "settle", "--all").stdout == ""  # nothing is open any more
    assert [one["kind"] for one in json.loads(on(sim, "claim", "list", "-o", "json").stdout)] == [
        "free"
    ]
    driver.start_node(node)
    done = on(sim, "claim", "settle", "seed-1")
    assert done.stdout == f"seed-1 ({node.id}): on {driver.ex_get_node(node.id).extra['host']}\n"
    sim.remove_host_module([one.hostname for one in sim.hosts].index(done.stdout.split()[-1]))
    done = on(sim, "claim", "settle", "seed-1")  # nobody has looked: it is not known
    assert (done.exit_code, "no host module with claims: `ovm3 host install" in done.stderr) == (
        1,
        True,
    )
    assert "`; `ovm3 doctor`" in done.stderr
    for wrong in ((), ("seed-1", "--all"), ("--all", "--accept")):
        done = on(sim, "claim", "settle", *wrong)
        assert (done.exit_code, "or --all" in done.stderr) == (2, True)


def test_settle_says_why_a_claim_stays_in_doubt(sim: Simulator) -> None:
    """And what of it you can say."""
    [node] = driver_for(sim).list_nodes()
    claim_of(sim, node.extra["directory"], FAR)
    done = on(sim, "claim", "settle", "seed-1")
    assert (done.exit_code, done.stdout) == (1, "")
    assert f"in doubt on {FAR}; {FAR}: it did not answer" in done.stderr
    assert "`ovm3 doctor` says what settles it" in done.stderr
    done = on(sim, "claim", "settle", "seed-1", "--gone-from", FAR)
    assert (done.exit_code, done.stdout) == (0, f"seed-1 ({node.id}): free\n"), done.stderr
    assert FAR in on(sim, "claim", "show", "seed-1").stdout  # what was said stays in it


def test_settle_lets_go_of_disks_of_a_vm_that_another_tool_has_deleted() -> None:
    with simulate(2, vms=0, templates=0, host_module=True) as sim:
        first, second = sim.add_vm("first"), sim.add_vm("second")
        driver = driver_for(sim)
        machines = sim.path_of(sim.repository_id) / "VirtualMachines"
        for directory, by in ((first, f"{sim.repository_id}/{first}"), (second, "--all")):
            driver.start_node(directory, ex_location="ovm-1")
            text = (machines / directory / "vm.cfg").read_text()
            [volume] = [one for one in driver.list_volumes() if one.id in text]
            sim.other_program(0, "stop_vm", sim.repository_id, directory, True)
            sim.wait(10)
            sim.other_program(0, "delete_vm", sim.repository_id, directory)
            user = sim.add_vm(f"after {directory}", disk=False)
            with pytest.raises(PreconditionFailed, match=f"settle {sim.repository_id}/{directory}"):
                driver.attach_volume(driver.ex_get_node(user), volume)
            done = on(sim, "claim", "settle", by)
            assert (done.exit_code, f"/{directory}: free, its" in done.stdout) == (0, True), done
            assert driver.attach_volume(driver.ex_get_node(user), volume)
            done = on(sim, "claim", "settle", f"{sim.repository_id}/{user}")  # defined: as well
            assert (done.exit_code, ": free" in done.stdout) == (0, True), done
            driver.detach_volume(volume)
