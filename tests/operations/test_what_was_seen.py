"""An answer says what was seen: nothing is stopped, gone or not found that was not looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from libcloud.compute.types import NodeState

from libcloud_ovm3.errors import (
    AmbiguousName,
    HostNotFound,
    ImageNotFound,
    NodeNotFound,
    Ovm3Error,
    PreconditionFailed,
    SearchIncomplete,
    WaitTimeout,
)
from libcloud_ovm3.estate.vms import read_estate
from libcloud_ovm3.operations.preconditions import only_live_domain
from libcloud_ovm3.simulator import Simulator
from tests.support import calls_of, driver_for, quietly, simulate

WRITES = ("start_vm", "stop_vm", "reboot_vm", "delete_vm", "storage_plugin_destroy")
NOBODY = "12345678-0000-0000-0000-000000000000"
STALE = "exceptions.OSError:[Errno 116] Stale NFS file handle"


@pytest.fixture(params=[False, True], ids=["alone", "with the module"])
def sim(request: pytest.FixtureRequest, personality: str) -> Iterator[Simulator]:
    options: dict[str, Any] = {"host_module": request.param, "personality": personality}
    with simulate(hosts=2, vms=1, memory_mb=8192, **options) as simulator:
        yield simulator


def running(driver: Any) -> Any:
    return driver.ex_get_node_by_name("seed-1")


def damage(sim: Simulator, directory: str) -> None:
    file = sim.repository_path / "VirtualMachines" / directory / "vm.cfg"
    file.write_bytes(file.read_bytes() + b"x y z\n")


# ------------------------------------------------------------------ what may run


def test_a_node_whose_vm_cfg_is_damaged_is_not_said_to_have_stopped(sim: Simulator) -> None:
    """It runs, under a uuid that only its vm.cfg tells."""
    sim.add_vm("APP-TRN", directory="APP-TRN", running_on=1)
    damage(sim, "APP-TRN")
    driver = driver_for(sim)
    unknown = [n for n in quietly(driver.list_nodes) if n.state == NodeState.UNKNOWN]
    sim.calls.clear()
    for node in unknown:
        with pytest.raises(PreconditionFailed, match="unknown"):
            quietly(driver.stop_node, node)
    assert calls_of(sim, *WRITES) == []
    assert [domain["name"] for domain in sim.domains(1)] == ["APP-TRN"]


def test_a_stopped_node_whose_vm_cfg_is_damaged(sim: Simulator) -> None:
    directory = sim.add_vm("stopped")
    damage(sim, directory)
    with pytest.raises(PreconditionFailed, match=r"may be running: it is unknown: .*get_vm_config"):
        driver_for(sim).stop_node(directory)


@pytest.mark.parametrize("is_live", [False, True], ids=["absent", "live"])
def test_a_node_that_is_defined_twice(sim: Simulator, is_live: bool) -> None:
    directory = sim.add_vm("twice", running_on=0 if is_live else None)
    machines = sim.repository_path / "VirtualMachines"
    (machines / "copy").mkdir()
    (machines / "copy" / "vm.cfg").write_bytes((machines / directory / "vm.cfg").read_bytes())
    driver = driver_for(sim)
    sim.calls.clear()
    for action in (driver.stop_node, driver.start_node, driver.reboot_node, driver.destroy_node):
        with pytest.raises(
            PreconditionFailed, match=r"error.*VirtualMachines/copy|several definitions"
        ):
            quietly(action, directory)
    assert calls_of(sim, *WRITES) == []
    assert len(sim.domains(0)) == 1 + is_live
    if is_live:  # one place, and yet not one that is known to be this definition's
        with pytest.raises(PreconditionFailed, match="manual intervention is required"):
            only_live_domain(read_estate(driver._estate).vm(directory))


def test_letters_of_another_number(sim: Simulator) -> None:
    driver = driver_for(sim)
    records = driver.connection.call("list_vms")
    for record in records:
        record["state"] = "r------"
    sim.misbehave("answer", "list_vms", host=0, times=None, value=records)
    node = running(driver)
    assert node.state == NodeState.UNKNOWN
    sim.calls.clear()
    for action in (driver.start_node, driver.reboot_node):
        with pytest.raises(PreconditionFailed, match="unknown"):
            action(node)
    assert calls_of(sim, *WRITES) == []


def test_a_guest_that_reboots_while_it_is_stopped_is_not_gone(sim: Simulator) -> None:
    """It is off the list at one look, and there again at the next."""
    driver = driver_for(sim)
    node = running(driver)
    without = [record for record in driver.connection.call("list_vms") if record["uuid"] != node.id]
    sim.misbehave("answer", "stop_vm", value=None)  # asked, and it does not hear
    sim.misbehave("answer", "list_vms", host=0, nth=3, value=without)  # the look, the door, then
    with pytest.raises(WaitTimeout, match="it is running on ovm-1"):
        driver.stop_node(node, ex_timeout=1)
    assert driver.ex_get_node(node.id).state == NodeState.RUNNING


@pytest.mark.parametrize("behind", [7200, 0.5], ids=["set back", "younger than it may be"])
def test_a_clock_that_goes_backwards(sim: Simulator, behind: float) -> None:
    driver = driver_for(sim)
    node = running(driver)
    sim.hosts[0].clock_offset = -behind * 24
    began = driver.ex_get_node(node.id).extra["start_time"]
    sim.calls.clear()
    if behind < 1:  # a guest of the future by seconds only
        sim.misbehave(
            "answer",
            "get_last_boot_time",
            value={"last_boot_time": int(began) - 99, "local_time": int(began) - 5},
        )
    with pytest.raises(PreconditionFailed, match=r"s after the current time of ovm-1") as caught:
        driver.reboot_node(node)
    assert "-" not in str(caught.value).partition("was started ")[2].partition(" s ")[0]
    assert calls_of(sim, "reboot_vm") == []


# ------------------------------------------------------------------ ids


SPELLINGS: list[Callable[[str], str]] = [
    str,
    str.upper,
    lambda text: text.replace("-", ""),
    lambda text: text.replace("-", "").upper(),
]


@pytest.mark.parametrize("spelled", SPELLINGS, ids=["dashed", "upper", "undashed", "both"])
def test_ids_in_every_spelling(sim: Simulator, spelled: Callable[[str], str]) -> None:
    driver = driver_for(sim)
    node = running(driver)
    node_id = spelled(node.id)
    assert driver.ex_get_node(node_id).id == node.id
    assert [n.id for n, _ in driver.wait_until_running([node_id], 1, 2)] == [node.id]
    sim.wait(61)
    assert driver.reboot_node(node_id) is True
    sim.wait(30)
    assert driver.stop_node(node_id, ex_force=True) is True
    host_id = driver.list_locations()[1].id
    assert driver.start_node(node_id, spelled(host_id)) is True
    assert driver.ex_get_node(node.id).extra["host_id"] == host_id
    [image, *_] = driver.list_images(spelled(host_id))
    repository_id, _, path = image.id.partition("/")
    made = driver.create_node(
        "new", driver.list_sizes()[0], f"{spelled(repository_id)}/{path}", spelled(host_id)
    )
    assert made.extra["host_id"] == host_id
    assert driver.destroy_node(spelled(made.id)) is True


def test_a_host_by_its_address(sim: Simulator) -> None:
    driver = driver_for(sim)
    sim.add_vm("subject")
    node = driver.ex_get_node_by_name("subject")
    for host in sim.hosts:
        address = f"{host.address}:{host.port}"
        assert driver.start_node(node, address) is True
        assert driver.ex_get_node(node.id).extra["address"] == address
        assert driver.stop_node(node, ex_force=True) is True
        assert driver.list_images(address) != []


# ------------------------------------------------------------------ not found


def every_way(driver: Any, name_or_id: str) -> list[Ovm3Error]:
    """What every method says of a node that it does not find."""
    ways = [
        driver.ex_get_node,
        driver.ex_get_node_by_name,
        driver.start_node,
        driver.stop_node,
        driver.reboot_node,
        driver.destroy_node,
    ]
    errors = []
    for way in ways:
        with pytest.raises(Ovm3Error) as caught:
            quietly(way, name_or_id)
        errors.append(caught.value)
    return errors


def unreadable_repository(sim: Simulator) -> None:
    sim.misbehave("fault", "discover_repositories", times=None, text=STALE)
    sim.misbehave("fault", "libcloud_repository", times=None, text=STALE)


def silent_host(sim: Simulator) -> None:
    sim.hosts[1].kill()


def unreadable_vm_cfg(sim: Simulator) -> None:
    damage(sim, sim.add_vm("other"))


@pytest.mark.parametrize("trouble", [unreadable_repository, silent_host, unreadable_vm_cfg])
def test_not_found_only_if_all_was_read(sim: Simulator, trouble: Callable[[Any], None]) -> None:
    driver = driver_for(sim)
    assert {type(error) for error in every_way(driver, NOBODY)} == {NodeNotFound}
    trouble(sim)
    errors = every_way(driver, NOBODY)
    assert {type(error) for error in errors} == {SearchIncomplete}
    assert not any(isinstance(error, NodeNotFound) for error in errors)
    assert all("but not everything could be read" in str(error) for error in errors)


def test_waiting_for_what_is_not_there(sim: Simulator) -> None:
    driver = driver_for(sim)
    node = running(driver)
    with pytest.raises(WaitTimeout, match=f"{NOBODY} was not found"):
        driver.wait_until_running([NOBODY.upper()], 1, 2)
    undashed = NOBODY.replace("-", "")
    with pytest.raises(WaitTimeout, match=f"{NOBODY} was not found$"):
        driver.wait_until_running([node, undashed, NOBODY], 1, 2)
    directory = sim.add_vm("short-lived")
    machines = sim.repository_path / "VirtualMachines"
    listing = (calls_of(sim, "libcloud_repository") or ["discover_repositories"])[0]

    def delete(moment: str) -> None:
        if moment == "before":
            (machines / directory / "vm.cfg").unlink()
            (machines / directory).rmdir()

    sim.misbehave("hook", listing, nth=2, hook=delete)
    with pytest.raises(WaitTimeout, match="is gone"):
        driver.wait_until_running([directory], 30, 300)
    unreadable_repository(sim)
    with pytest.raises(WaitTimeout, match=f"the state of {NOBODY} is unknown: .*Stale"):
        driver.wait_until_running([NOBODY], 1, 2)


def test_a_missing_image_is_no_missing_node(sim: Simulator) -> None:
    driver = driver_for(sim)
    size, image = driver.list_sizes()[0], driver.list_images()[0]
    missing = [f"{sim.repository_id}/Templates/x.raw", "1" * 32 + "/Templates/x.raw", "x", ""]
    for image_id in missing:
        with pytest.raises(ImageNotFound, match="has an image"):
            driver.create_node("web", size, image_id)
    damage(sim, sim.add_vm("other"))  # which holds no image
    with pytest.raises(ImageNotFound):
        quietly(driver.create_node, "web", size, missing[0], ex_allow_same_name=True)
    unreadable_repository(sim)
    for image_id in (image.id, missing[1]):
        with pytest.raises(SearchIncomplete, match="was not found, but not everything"):
            quietly(driver.create_node, "web", size, image_id, ex_allow_same_name=True)
    assert calls_of(sim, "create_vm") == []


def test_images_of_a_host_that_is_not_there(sim: Simulator) -> None:
    driver = driver_for(sim)
    for host_id in ("no-such-host", NOBODY, "", "127.0.0.1:1"):
        with pytest.raises(HostNotFound, match=r"its hosts are: ovm-1.*ovm-2"):
            driver.list_images(host_id)
        with pytest.raises(HostNotFound):
            driver.create_node("web", driver.list_sizes()[0], driver.list_images()[0], host_id)
    second = driver.list_locations()[1]
    sim.hosts[1].kill()
    silent = [location for location in driver.list_locations() if location.id != second.id][1]
    for host_id in (second.id, silent.id, "no-such-host"):
        with pytest.raises(SearchIncomplete, match="is unreachable"):
            quietly(driver.list_images, host_id)


def test_a_name_that_two_have_is_still_ambiguous(sim: Simulator) -> None:
    driver = driver_for(sim)
    sim.add_vm("seed-1")
    silent_host(sim)
    with pytest.raises(AmbiguousName):
        quietly(driver.ex_get_node_by_name, "seed-1")
