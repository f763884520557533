"""Behaviours of seeds, of idempotency keys and of placement, on a host or against the simulator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from libcloud.compute.base import NodeAuthPassword

from libcloud_ovm3.compute.deploying import checking
from libcloud_ovm3.operations import create_vm, same_key
from libcloud_ovm3.simulator import Simulator
from tests.guests import seed_of, seeds_in
from tests.mutants.disks import PATIENCE, pool, refused
from tests.mutants.ground import REPOSITORY, Ground, answers, binary, mode_of, open_umask
from tests.operations.failures import create_keyed
from tests.operations.seeding import create_seeded
from tests.support import calls_of, driver_for, quietly, simulate

__all__ = ["PATIENCE"]

CARD = {"network": "10e69b4de3", "mac": "00:21:f6:00:00:07", "address": "192.0.2.10/24"}


def definition_of(sim: Simulator, node: Any) -> Path:
    """The vm.cfg of a node."""
    folder = sim.repository_path / "VirtualMachines" / getattr(node, "id", node).replace("-", "")
    return folder / "vm.cfg"


# ------------------------------------------------------------------ seeds


def a_seed_is_for_root_alone(ground: Ground) -> None:
    with open_umask():
        vm_id = "0a0a0a0a-0b0b-0c0c-0d0d-0e0e0e0e0e0e"
        answers(ground.write, "write_seed", REPOSITORY, vm_id, binary("a seed"))
    [file] = (ground.repository / ".libcloud-ovm3/seeds").iterdir()
    assert (mode_of(file), mode_of(file.parent)) == (0o600, 0o700)


def a_seed_goes_with_its_node() -> None:
    with pool(host_module=True, templates=1) as (sim, driver):
        node = quietly(create_seeded, driver)
        assert seeds_in(sim)
        quietly(driver.destroy_node, node)
        assert not seeds_in(sim)


def a_seed_goes_with_a_creation_that_fails() -> None:
    with pool(host_module=True, templates=1) as (sim, driver):
        sim.misbehave("fault", "configure_vm")
        refused(create_seeded, driver)
        assert calls_of(sim, "libcloud_write_seed")
        assert not seeds_in(sim)


def a_seed_that_another_node_names_stays() -> None:
    with pool(host_module=True, templates=1) as (sim, driver):
        image = driver.list_images()[0]
        node = quietly(create_seeded, driver)
        other = quietly(driver.create_node, "other", "tiny", image, ex_start=False)
        [path] = driver.ex_get_node(node.id).extra["cdroms"]
        cfg = definition_of(sim, other)
        cfg.write_text(cfg.read_text().replace("disk = [", f"disk = ['file:{path},xvdd:cdrom,r', "))
        refused(driver.destroy_node, node)
        assert len(seeds_in(sim)) == 1


def a_password_is_told_as_a_hash() -> None:
    with pool(host_module=True, templates=1) as (sim, driver):
        auth, image = NodeAuthPassword("correct horse"), driver.list_images()[0]
        node = quietly(driver.create_node, "new", "tiny", image, auth=auth)
        told = seed_of(sim, node)["user-data"]
        assert "root:$6$" in told
        assert "correct horse" not in told


def nothing_is_told_that_nobody_asked_for() -> None:
    with pool(host_module=True, templates=1) as (sim, driver):
        quietly(driver.create_node, "new", "tiny", driver.list_images()[0])
        assert not seeds_in(sim)


def addresses_are_told_by_mac() -> None:
    with pool(host_module=True, templates=1) as (sim, driver):
        for number in (1, 2):
            options: dict[str, Any] = {"ex_networks": [CARD], "ex_network_format": number}
            image = driver.list_images()[0]
            node = quietly(driver.create_node, "new", "tiny", image, **options)
            assert CARD["mac"] in seed_of(sim, node)["network-config"]
            quietly(driver.destroy_node, node)


# ------------------------------------------------------------------ idempotency keys


def a_key_stands_for_the_same_node_in_every_version() -> None:
    assert same_key.vm_id_of("K") == "50b286a7-cb7e-5b18-9165-094dfe6eaacc"


def another_name_is_refused() -> None:
    with pool(templates=1) as (_, driver):
        quietly(create_keyed, driver)
        image = driver.list_images()[0]
        refused(driver.create_node, "other", "tiny", image, ex_idempotency_key="order 4711")


def what_another_client_makes_meanwhile_is_not_made_again() -> None:
    """It completes the node when this client has read that there is none."""
    with pool(templates=1) as (sim, driver):
        look = create_vm.require_unheld_volumes

        def overtake(*arguments: Any) -> None:
            create_vm.require_unheld_volumes = look
            quietly(create_keyed, driver_for(sim))
            look(*arguments)

        create_vm.require_unheld_volumes = overtake
        node = quietly(create_keyed, driver)
        assert len(calls_of(sim, "create_vm")) == len(calls_of(sim, "copy_file")) == 1
        assert [one.id for one in driver.list_nodes()] == [node.id]


def what_another_client_has_written_over_it_stays() -> None:
    """After its create_vm it reads the complete node of another client: it returns that."""
    with pool(templates=1) as (sim, driver):
        cfg = definition_of(sim, same_key.vm_id_of("order 4711"))
        disk = f"file:/OVS/Repositories/{sim.repository_id}/VirtualDisks/theirs.raw,xvda,w"

        def overwrite(moment: str) -> None:
            if moment == "after":
                sim.clear_misbehaviour()
                own = ("OVM_desc", "disk ")
                lines = [one for one in cfg.read_text().splitlines() if not one.startswith(own)]
                cfg.write_text("\n".join([*lines, f"disk = [{disk!r}]"]) + "\n")

        sim.misbehave("hook", "create_vm", hook=overwrite)
        node = quietly(create_keyed, driver)
        assert node.extra["disks"] == [disk.removeprefix("file:").removesuffix(",xvda,w")]
        assert disk in cfg.read_text()
        assert not calls_of(sim, "copy_file", "delete_vm", "configure_vm", "start_vm")


def a_node_that_may_be_there_is_not_made() -> None:
    with simulate(hosts=2, vms=0) as sim:
        driver = driver_for(sim)
        sim.misbehave("fault", "list_vms", host=1, times=9)
        refused(create_keyed, driver, ex_allow_same_name=True)
        assert not calls_of(sim, "create_vm")


def what_cannot_be_removed_is_refused_first() -> None:
    """What an earlier node of the key has left, in a document of a newer version."""
    with pool(host_module=True, templates=1) as (sim, driver):
        vm_id = same_key.vm_id_of("order 4711")
        content = f'{{"schema": 2, "metadata": {{"{vm_id}": {{"tags": ["t"]}}}}}}'.encode()
        path = f"/OVS/Repositories/{sim.repository_id}"
        call = driver.connection.call
        call("libcloud_write_document", "test", "a" * 32, path, "metadata", 1, content)
        refused(create_keyed, driver)
        assert not calls_of(sim, "copy_file")


# ------------------------------------------------------------------ where it runs


def an_address_that_another_node_has_is_not_logged_in_to() -> None:
    with pool(host_module=True, templates=1) as (_, driver):
        image = driver.list_images()[0]
        quietly(driver.create_node, "first", "tiny", image, ex_networks=[CARD])
        card = {key: value for key, value in CARD.items() if key != "mac"}
        create = checking(driver, "private_ips").create_node
        refused(create, "second", "tiny", image, ex_networks=[card])
        assert [one.name for one in driver.list_nodes()] == ["first"]


def a_node_goes_where_memory_is_free() -> None:
    with simulate(hosts=2, vms=0) as sim:
        driver = driver_for(sim)
        image, hosts = driver.list_images()[0], driver.list_locations()
        quietly(driver.create_node, "first", "tiny", image, location=hosts[0])
        for number in range(4):
            node = quietly(driver.create_node, f"new-{number}", "tiny", image, ex_memory_mb=1)
            assert node.extra["host"] == hosts[1].name
        sim.calls.clear()
        refused(driver.create_node, "large", "tiny", image, ex_memory_mb=1 << 20)
        assert not calls_of(sim, "create_vm")
