"""Behaviours of key pairs, and of what a new node is asked to have, against the simulator."""

from __future__ import annotations

from typing import Any

from libcloud_ovm3.agent.hostmodule import HostModule
from libcloud_ovm3.simulator import Simulator
from tests.mutants.disks import PATIENCE, pool, refused, vm_disk
from tests.operations.test_ssh_keys import ED25519, RSA
from tests.support import calls_of, driver_for, quietly

__all__ = ["PATIENCE"]


def keeper(sim: Simulator) -> Any:
    """A driver that keeps key pairs in the first repository."""
    return driver_for(sim, ex_keys_repository=sim.repository_id)


# ------------------------------------------------------------------ key pairs


def a_name_is_not_given_twice() -> None:
    with pool(host_module=True) as (sim, _):
        driver = keeper(sim)
        driver.import_key_pair_from_string("a", RSA)
        refused(driver.import_key_pair_from_string, "a", ED25519)
        assert driver.get_key_pair("a").public_key == RSA


def another_key_of_the_name_stays() -> None:
    with pool(host_module=True) as (sim, _):
        driver = keeper(sim)
        old = driver.import_key_pair_from_string("a", RSA)
        driver.delete_key_pair(old)
        driver.import_key_pair_from_string("a", ED25519)
        refused(driver.delete_key_pair, old)
        assert driver.get_key_pair("a").public_key == ED25519


def of_two_of_a_name_none_is_guessed() -> None:
    with pool(host_module=True) as (sim, driver):
        second = sim.add_repository("second")
        for where in (sim.repository_id, second):
            one = driver_for(sim, ex_keys_repository=where)
            one.import_key_pair_from_string("a", RSA)
        refused(driver.get_key_pair, "a")
        refused(driver.delete_key_pair, "a")


def nothing_changes_where_there_may_be_others() -> None:
    """Of the second repository nothing can be read: what it has is not known."""
    with pool(host_module=True) as (sim, driver):
        keeper(sim).import_key_pair_from_string("a", RSA)
        second = sim.add_repository("second")
        (sim.path_of(second) / ".libcloud-ovm3").write_text("no folder")
        sim.calls.clear()
        refused(driver.import_key_pair_from_string, "b", RSA)
        refused(driver.delete_key_pair, "a")
        assert not calls_of(sim, "libcloud_write_document")


def what_a_newer_version_wrote_stays() -> None:
    with pool(host_module=True) as (sim, driver):
        newer = b'{"schema": 9, "key-pairs": {}, "more": {}}'
        path = f"/OVS/Repositories/{sim.repository_id}"
        module = HostModule(driver.connection)
        module.write_document("tests", "0" * 32, path, "key-pairs", 1, newer)
        refused(keeper(sim).import_key_pair_from_string, "a", RSA)
        assert module.read_document(path, "key-pairs").content == newer


def what_another_client_writes_meanwhile_stays() -> None:
    """It writes when the first client has read the document, and has not yet written it."""
    with pool(host_module=True) as (sim, driver):

        def meanwhile(moment: str) -> None:
            if moment == "before":
                sim.clear_misbehaviour()
                keeper(sim).import_key_pair_from_string("b", ED25519)

        sim.misbehave("hook", "libcloud_write_document", hook=meanwhile)
        keeper(sim).import_key_pair_from_string("a", RSA)
        assert [one.name for one in driver.list_key_pairs()] == ["a", "b"]


# ------------------------------------------------------------------ new nodes


def what_another_has_is_not_given_to_a_new_node() -> None:
    with pool(templates=1) as (sim, driver):
        volume = vm_disk(sim, driver, "owner")
        image = next(one for one in driver.list_images() if one.extra["kind"] == "raw")
        refused(driver.create_node, "new", "tiny", image, ex_volumes=[volume])
        assert not calls_of(sim, "create_vm")


def a_description_that_marks_a_half_node_is_refused() -> None:
    with pool(templates=1) as (sim, driver):
        image = driver.list_images()[0]
        refused(driver.create_node, "new", "tiny", image, ex_description="creating " + "a" * 32)
        assert not calls_of(sim, "create_vm")


def a_disk_is_not_made_smaller_than_its_template() -> None:
    with pool(templates=1) as (_, driver):
        image = next(one for one in driver.list_images() if one.extra["kind"] == "raw")
        refused(driver.create_node, "new", "tiny", image, ex_disk_gb=0.001)
        assert not quietly(driver.list_nodes)
