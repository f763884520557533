"""Settling the claim of a VM: hosts look, a person says what they cannot tell; starts on hosts
without claims, and beside hosts that are off.
"""

from __future__ import annotations

import pytest
from libcloud.compute.types import NodeState

from libcloud_ovm3.agent.identifiers import undashed
from libcloud_ovm3.errors import AgentFault, HostNotFound, Ovm3Warning, PreconditionFailed
from libcloud_ovm3.estate.guards import DOUBT, FREE, ON
from libcloud_ovm3.operations.word_door import person
from tests.operations.settling import (
    NAME,
    OFF,
    claim_of,
    claimed,
    hosts_in,
    id_of,
    live_on,
    operator,
)
from tests.support import calls_of, driver_for, quietly, simulate

PERSON = ("libcloud_take_out_host", "libcloud_put_in_host", "libcloud_accept_vm_cfg")
STARTS = ("start_vm", "libcloud_change_claimed_vm")


@pytest.mark.parametrize("running_on", [None, 1])
def test_the_first_claim_is_settled_by_all_hosts(personality: str, running_on: int | None) -> None:
    with claimed(personality, running_on) as sim:
        claim = claim_of(sim)
        assert claim["kind"] == (FREE if running_on is None else ON)
        found = operator(sim).ex_settle_node(id_of(sim))
        assert found["claim"]["kind"] == claim["kind"]
        assert found["word"] == ""
        assert set(found["said"].values()) <= {""}
        assert calls_of(sim, *PERSON) == []


def test_a_repository_begins_with_claims_only_if_all_hosts_have_them() -> None:
    with simulate(3, vms=0, host_module=[0, 2]) as sim:
        sim.add_vm(NAME)
        with pytest.raises(PreconditionFailed, match="module with claims: "):
            operator(sim).ex_settle_node(id_of(sim))
        sim.put_host_module(1)
        sim.hosts[2].shut_down()
        with pytest.raises(PreconditionFailed, match="not all answer"):
            quietly(operator(sim).ex_settle_node, id_of(sim))
        assert claim_of(sim) is None


def test_a_dead_host_is_taken_out_by_word_of_a_person(personality: str) -> None:
    with claimed(personality, running_on=OFF) as sim:
        node_id, driver = id_of(sim), operator(sim)
        [gone] = hosts_in(claim_of(sim))
        with pytest.raises(
            PreconditionFailed, match=r"as it was: ovm-\d \S+: host \w+ stays.*domain of it"
        ):
            quietly(driver.ex_settle_node, node_id, gone)  # it answers, and sees it
        assert claim_of(sim)["kind"] == ON
        sim.hosts[OFF].shut_down()
        said = quietly(driver.ex_settle_node, node_id)
        assert (said["claim"]["kind"], hosts_in(said["claim"])) == (ON, [gone])
        label = f"{gone} (last at {sim.hosts[OFF].address})"
        assert "did not answer" in said["said"][label]
        assert said["claim"]["hosts"][0]["address"] == sim.hosts[OFF].address
        with pytest.raises(PreconditionFailed, match="ex_hosts_off"):
            quietly(driver.start_node, node_id)
        with pytest.raises(HostNotFound, match=gone):
            quietly(driver.ex_settle_node, node_id, sim.hosts[0].address)
        with pytest.warns(Ovm3Warning, match=f"because you said so, host {gone}"):
            found = driver.ex_settle_node(node_id, sim.hosts[OFF].address)
        assert found["claim"]["kind"] == FREE
        assert "no sign of life" in found["claim"]["taken"]
        assert f": {person()}, operation " in found["claim"]["taken"]
        assert calls_of(sim, *PERSON) == ["libcloud_take_out_host"] * 2


def test_a_host_with_a_sign_of_life_stays_in() -> None:
    """Its agent does not answer, and its kernel does: its port refuses."""
    with claimed(running_on=OFF) as sim:
        node_id, [gone] = id_of(sim), hosts_in(claim_of(sim))
        sim.hosts[OFF].kill()
        with pytest.raises(PreconditionFailed, match="does not count as powered off"):
            quietly(operator(sim).ex_settle_node, node_id, gone)
        assert calls_of(sim, *PERSON) == []


def test_a_host_without_the_module_must_not_list_it(personality: str) -> None:
    with claimed(personality, running_on=OFF, lacking=[OFF]) as sim:
        node_id, driver = id_of(sim), operator(sim)
        name = sim.hosts[OFF].address
        with pytest.raises(PreconditionFailed, match="running on"):
            quietly(driver.ex_settle_node, node_id, name)
        assert calls_of(sim, *PERSON) == []
        assert quietly(driver.stop_node, node_id, ex_force=True)
        assert claim_of(sim)["kind"] == ON
        with pytest.raises(PreconditionFailed, match=r"no host module .*; mend.*ex_settle_node \("):
            quietly(driver.start_node, node_id)  # nobody has looked
        assert quietly(driver.ex_settle_node, node_id, name)["claim"]["kind"] == FREE


def test_a_vm_cfg_that_was_changed_without_a_claim_is_accepted(personality: str) -> None:
    with claimed(personality) as sim:
        node_id, driver = id_of(sim), operator(sim)
        [file] = sim.repository_path.glob("VirtualMachines/*/vm.cfg")
        file.write_bytes(file.read_bytes() + b"OVM_description = 'by hand'\n")
        sim.calls.clear()
        found = quietly(driver.ex_settle_node, node_id, ex_accept=True)
        assert "MD5" in found["word"]
        assert found["claim"]["kind"] == FREE
        assert quietly(driver.start_node, node_id)


def test_a_claim_holds_also_if_the_uuid_is_gone_from_vm_cfg(personality: str) -> None:
    """Somebody has edited it: the VM runs by the old one, and no start gets past its claim."""
    with claimed(personality, running_on=OFF) as sim:
        node_id, driver = id_of(sim), operator(sim, ex_second_look=0)
        [file] = sim.repository_path.glob("VirtualMachines/*/vm.cfg")
        whole = file.read_bytes()
        lines = [one for one in whole.splitlines(keepends=True) if not one.startswith(b"uuid")]
        file.write_bytes(b"".join(lines))
        [domain] = sim.domains(OFF)
        sim.guest(OFF, domain["uuid"], "reboot")
        sim.wait(1)
        assert live_on(sim) == []
        with pytest.raises(PreconditionFailed, match="not possible on ovm-1"):
            quietly(driver.start_node, node_id, sim.hosts[0].address)
        sim.wait(70)
        assert quietly(driver.stop_node, node_id, ex_force=True)
        assert claim_of(sim)["kind"] == FREE
        with pytest.raises(AgentFault, match="its uuid cannot be told"):
            quietly(driver.start_node, node_id)
        file.write_bytes(whole)
        assert quietly(driver.start_node, node_id)
        assert claim_of(sim)["kind"] == ON
        assert len(live_on(sim)) == 1


def test_the_way_out_of_a_damaged_claim(personality: str) -> None:
    """As docs/claims.md has it; other VMs are not kept from anything meanwhile."""
    with claimed(personality, running_on=1) as sim:
        node_id, driver = id_of(sim), operator(sim)
        sim.add_vm("other")
        state = sim.repository_path / ".libcloud-ovm3"
        [folder] = (state / "claims").glob("vm-*")
        newest = max(folder.iterdir(), key=lambda one: int(one.name))
        newest.write_bytes(newest.read_bytes()[:-9])
        assert claim_of(sim)["kind"] == "unknown"
        for act in (driver.stop_node, driver.ex_settle_node):
            with pytest.raises(PreconditionFailed, match="cannot be read"):
                quietly(act, node_id)
        other = quietly(driver.ex_get_node_by_name, "other")
        assert quietly(driver.start_node, other)
        folder.rename(state / f"damaged-{folder.name}")
        found = quietly(driver.ex_settle_node, node_id)["claim"]
        assert (found["kind"], hosts_in(found)) == (ON, [undashed(sim.hosts[1].uuid)])
        assert quietly(driver.stop_node, node_id)


# ------------------------------------------------------------------ starts beside a host


def test_a_host_that_is_off_is_taken_out_by_a_start(personality: str) -> None:
    with claimed(personality, running_on=OFF) as sim:
        node_id, driver, off = id_of(sim), operator(sim), sim.hosts[OFF].address
        sim.hosts[OFF].shut_down()
        sim.calls.clear()
        assert quietly(driver.start_node, node_id, ex_hosts_off=[off])
        claim = claim_of(sim)
        assert claim["kind"] == ON
        assert f"ex_hosts_off={off}" in claim["taken"]
        assert calls_of(sim, *PERSON, *STARTS) == [
            "libcloud_take_out_host",
            "libcloud_change_claimed_vm",
        ]


def test_a_host_that_is_off_is_taken_out_by_a_deletion() -> None:
    with claimed(running_on=OFF) as sim:
        node_id, off = id_of(sim), sim.hosts[OFF].address
        sim.hosts[OFF].shut_down()
        assert quietly(operator(sim).destroy_node, node_id, ex_hosts_off=[off])
        assert not list(sim.repository_path.glob("VirtualMachines/*/vm.cfg"))


def test_a_host_without_claims_is_no_target_unless_somebody_says_so(personality: str) -> None:
    with claimed(personality, lacking=[OFF]) as sim:
        node_id, driver, name = id_of(sim), operator(sim), sim.hosts[OFF].address
        with pytest.raises(PreconditionFailed, match=f"{name}.*ex_unguarded=True"):
            driver.start_node(node_id, name)
        assert calls_of(sim, *PERSON, *STARTS) == []
        with pytest.warns(Ovm3Warning, match="nothing keeps a VM from being started twice"):
            assert driver.start_node(node_id, name, ex_unguarded=True)
        assert calls_of(sim, *PERSON, *STARTS) == ["libcloud_put_in_host", "start_vm"]
        assert live_on(sim) == [OFF]
        claim = claim_of(sim)
        assert (claim["kind"], len(claim["hosts"])) == (DOUBT, 1)
        with pytest.raises(PreconditionFailed):  # it is not free anywhere
            driver_for(sim).destroy_node(node_id, ex_power_off=False)
        quietly(driver.stop_node, node_id, ex_force=True)
        with pytest.raises(PreconditionFailed, match="in doubt"):
            quietly(driver.start_node, node_id)
        quietly(driver.ex_settle_node, node_id, name)
        assert quietly(driver.start_node, node_id)
        assert OFF not in live_on(sim)


def test_a_new_vm_on_a_host_without_claims() -> None:
    """A host with claims makes its definition."""
    with claimed(lacking=[OFF]) as sim:
        driver, name = operator(sim), sim.hosts[OFF].address
        image, size = driver.list_images()[0], driver.list_sizes()[0]
        [location] = [one for one in driver.list_locations() if name in one.extra["address"]]
        with pytest.raises(PreconditionFailed, match="ex_unguarded=True"):
            driver.create_node("new-vm", size, image, location)
        chosen = quietly(driver.create_node, "new-vm", size, image)
        assert chosen.extra["host_id"] != location.id
        node = quietly(driver.create_node, "other", size, image, location, ex_unguarded=True)
        assert node.state == NodeState.RUNNING
        assert len(sim.domains(OFF)) == 1
