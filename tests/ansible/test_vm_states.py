"""What the module does in each state, by the driver, without Ansible."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.libcloud_ovm3.ovm3.plugins.module_utils.vm_states import (
    NOT_COMPARED,
    RECORDED,
    Done,
    bring_about,
    check_options,
)
from libcloud_ovm3 import OVM3NodeDriver
from libcloud_ovm3.agent.identifiers import dashed
from libcloud_ovm3.errors import (
    AmbiguousName,
    InvalidArgument,
    NodeNotFound,
    OperationIncomplete,
    Ovm3Error,
    PreconditionFailed,
    ReadOnly,
    SearchIncomplete,
)
from libcloud_ovm3.simulator import Simulator
from tests.operations.failures import WRITES
from tests.support import calls_of, driver_for, fingerprints_of, quietly, simulate

NOT_GIVEN = dict.fromkeys(
    "name id image size memory_mb vcpus disk_gb domain_type iso volumes description networks "
    "location delete_disks hosts_off network_format ssh_key key_name user_data metadata "
    "tags pin".split()
)
DEFAULTS = {
    **NOT_GIVEN,
    "resize": False,
    "start": True,
    "force": False,
    "stop_timeout": 300,
    "minimum_age": 60,
    "unguarded": False,
    "migrate": False,
    "discard_saved": False,
}
IMAGE: dict[str, Any] = {"image": "oracle-linux-6", "size": "tiny"}


@pytest.fixture
def sim() -> Iterator[Simulator]:
    """Two hosts; ``off`` is stopped, ``on`` runs."""
    with simulate(hosts=2, vms=0) as simulator:
        simulator.add_vm("off")
        simulator.add_vm("on", running_on=0)
        simulator.wait(61)
        yield simulator


def task(sim: Simulator, name: str | None, state: str, *, check: bool = False, **more: Any) -> Done:
    """Carry one task out; what it warns of is an error, unless ``warnings`` takes it."""
    warnings: list[str] | None = more.pop("warnings", None)
    options = {**DEFAULTS, "name": name, "state": state, **more}
    check_options(options)
    tell = pytest.fail if warnings is None else warnings.append
    driver = driver_for(sim, ex_read_only=check, ex_ssh_port=sim.hosts[0].port)
    return bring_about(driver, options, tell, check)


def state_of(sim: Simulator, name: str) -> str | None:
    found = [node for node in quietly(driver_for(sim).list_nodes) if node.name == name]
    assert len(found) <= 1
    return str(found[0].state) if found else None


# Name, state of the task -> the state of the VM afterwards, and the requests that were sent for it.
CREATED = ["create_vm", "copy_file", "configure_vm"]
TABLE: dict[tuple[str, str], tuple[str | None, list[str]]] = {
    ("off", "present"): ("stopped", []),
    ("off", "started"): ("running", ["start_vm"]),
    ("off", "stopped"): ("stopped", []),
    ("off", "absent"): (None, ["delete_vm"]),
    ("on", "present"): ("running", []),
    ("on", "started"): ("running", []),
    ("on", "stopped"): ("stopped", ["stop_vm"]),
    ("on", "paused"): ("paused", ["pause_vm"]),
    ("on", "absent"): (None, ["stop_vm", "delete_vm"]),
    ("new", "present"): ("running", [*CREATED, "start_vm"]),
    ("new", "started"): ("running", [*CREATED, "start_vm"]),
    ("new", "absent"): (None, []),
}


@pytest.mark.parametrize(("name", "state"), TABLE)
def test_a_state_is_brought_about_once(sim: Simulator, name: str, state: str) -> None:
    expected, sent = TABLE[name, state]
    before = fingerprints_of(sim.repository_path)
    first = len(sim.calls)
    checked = task(sim, name, state, check=True, **IMAGE, warnings=[])
    assert not {call.function for call in sim.calls[first:]} & set(WRITES)
    assert fingerprints_of(sim.repository_path) == before
    assert checked.would_change is bool(sent)

    sim.calls.clear()
    done = quietly(task, sim, name, state, **IMAGE, warnings=[])
    changes = [one for one in calls_of(sim, *WRITES) if not one.startswith("storage_plugin")]
    assert changes == sent
    assert state_of(sim, name) == expected
    assert (done.vm["state"] if done.vm else None) == expected
    assert (checked.after["state"] if checked.after else None) == expected
    assert checked.before == done.before

    sim.calls.clear()
    again = task(sim, name, state, **IMAGE, warnings=[])
    assert calls_of(sim, *WRITES) == []
    assert again.before == again.vm == again.after == done.vm


def test_reboot_is_a_change_each_time(sim: Simulator) -> None:
    assert task(sim, "on", "rebooted", check=True).would_change
    assert calls_of(sim, "reboot_vm") == []
    task(sim, "on", "rebooted")
    assert calls_of(sim, "reboot_vm") == ["reboot_vm"]


def test_a_guest_stands_still_and_goes_on() -> None:
    with simulate(hosts=2, vms=0, host_module=True) as sim:
        sim.add_vm("on", running_on=0)
        quietly(task, sim, "on", "reset")
        task(sim, "on", "paused")
        task(sim, "on", "started")
        for state, after in (
            ("suspended", "suspended"),
            ("started", "running"),
            ("reset", "running"),
        ):
            assert task(sim, "on", state, check=True).would_change
            sim.calls.clear()
            done = task(sim, "on", state)
            assert done.after is not None
            assert done.after["state"] == state_of(sim, "on") == after
        assert calls_of(sim, "stop_vm", "start_vm") == ["stop_vm", "start_vm"]
        task(sim, "on", "suspended")
        with pytest.raises(PreconditionFailed, match="is suspended"):
            task(sim, "on", "absent")
        quietly(task, sim, "on", "started", discard_saved=True, warnings=[])
        assert state_of(sim, "on") == "running"


def test_check_mode_fails_where_the_task_fails(sim: Simulator) -> None:
    new: dict[str, Any] = {"id": "0004fb00-0006-0000-0000-00000000ffff", **IMAGE}
    for check in (True, False):
        for state in ("stopped", "rebooted", "started"):
            with pytest.raises(NodeNotFound, match="no VM named 'new' was found"):
                task(sim, "new", state, check=check)
            with pytest.raises(NodeNotFound, match="no VM '0004fb00-0006-0000-0000-00000000ffff'"):
                task(sim, None, state, check=check, **new)
        with pytest.raises(
            PreconditionFailed, match="cannot be rebooted: it is stopped"
        ) as refused:
            task(sim, "off", "rebooted", check=check)
        assert not isinstance(refused.value, ReadOnly)
        with pytest.raises(PreconditionFailed, match="no host"):
            task(sim, "off", "started", check=check, location="ovm-9")
        with pytest.raises(PreconditionFailed, match=r"is running on .* and not on ovm-2; nothing"):
            task(sim, "on", "started", check=check, location="ovm-2")
        with pytest.raises(InvalidArgument, match="no image to create it from"):
            task(sim, "new", "present", check=check)
        with pytest.raises(InvalidArgument, match="neither a size"):
            task(sim, "new", "present", check=check, image="oracle-linux-6")
        with pytest.raises(InvalidArgument, match="not deleted with VM 'off'"):
            task(sim, "off", "absent", check=check, delete_disks=["/OVS/x.img"])
    assert calls_of(sim, *WRITES) == []


def test_an_estate_that_may_only_be_read_is_an_error_in_check_mode_too(sim: Simulator) -> None:
    options = {**DEFAULTS, "name": "off", "state": "started"}
    with pytest.raises(ReadOnly):
        bring_about(driver_for(sim, ex_read_only=True), options, pytest.fail, False)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"name": " "}, "name ' ': expected"),
        ({"id": "web-1"}, "id 'web-1': expected the uuid"),
        ({"name": "web-1", "start": False}, "contradicts start: false"),
        ({"name": "web-1", "memory_mb": -3}, "memory_mb -3: expected a whole number, 1 or more"),
        ({"name": "web-1", "vcpus": 0}, "vcpus 0: expected a whole number, 1 or more"),
    ],
)
def test_what_names_nothing_or_contradicts_itself_is_refused(
    options: dict[str, Any], text: str
) -> None:
    with pytest.raises(InvalidArgument, match=text):
        check_options({**DEFAULTS, "state": "started", **options})


# ------------------------------------------------------------------ never twice, never guess


def test_present_leaves_off_and_the_second_run_picks_it_up(sim: Simulator) -> None:
    """Case N49: the start fails, the VM is there; no run creates another one."""
    sim.misbehave("fault", "start_vm", text="no start")
    with pytest.raises(OperationIncomplete, match="is complete, but not started") as failed:
        task(sim, "new", "present", **IMAGE)
    sim.clear_misbehaviour()
    sim.calls.clear()
    second = task(sim, "new", "present", **IMAGE)
    assert second.vm is not None
    assert (second.vm["id"], second.vm["state"]) == (failed.value.left[0], "stopped")
    assert calls_of(sim, *WRITES) == []
    third = task(sim, "new", "started", **IMAGE)
    assert third.vm is not None
    assert (third.vm["id"], third.vm["state"]) == (second.vm["id"], "running")
    assert [one for one in calls_of(sim, *WRITES) if "plugin" not in one] == ["start_vm"]


def test_start_false_creates_it_off(sim: Simulator) -> None:
    checked = task(sim, "new", "present", start=False, check=True, **IMAGE)
    assert checked.after == {
        "name": "new",
        "image": "oracle-linux-6",
        "size": "tiny",
        "state": "stopped",
    }
    done = task(sim, "new", "present", start=False, location="ovm-2", **IMAGE)
    assert done.vm is not None
    assert done.vm["state"] == state_of(sim, "new") == "stopped"
    assert calls_of(sim, "start_vm") == []


def test_what_cannot_be_read_is_not_absent(sim: Simulator) -> None:
    sim.hosts[1].kill()
    for state in ("present", "absent", "started", "stopped"):
        for check in (True, False):
            with pytest.raises(SearchIncomplete, match="not everything could be read"):
                quietly(task, sim, "new", state, check=check, **IMAGE)
    assert calls_of(sim, *WRITES) == []


def test_a_host_that_is_off_blocks_until_the_task_says_so(sim: Simulator) -> None:
    sim.hosts[1].shut_down()
    off = [f"{sim.hosts[1].address}:{sim.hosts[1].port}"]
    for name in ("new", "off"):
        with pytest.raises(PreconditionFailed):
            quietly(task, sim, name, "started", **IMAGE)
        checked = quietly(task, sim, name, "started", check=True, hosts_off=off, **IMAGE)
        assert checked.would_change
        done = quietly(task, sim, name, "started", hosts_off=off, **IMAGE)
        assert (done.vm["state"], done.vm["hosts_off"]) == ("running", off)
    with pytest.raises(SearchIncomplete):
        quietly(task, sim, "other", "absent", hosts_off=off)


def test_a_name_that_two_vms_have_is_refused_and_an_id_is_not(sim: Simulator) -> None:
    second = dashed(sim.add_vm("on", running_on=1))
    assert second
    for state in ("present", "absent", "started", "stopped", "rebooted"):
        with pytest.raises(AmbiguousName, match=second):
            task(sim, "on", state, **IMAGE)
    assert calls_of(sim, *WRITES) == []
    task(sim, None, "stopped", id=second)
    assert len(sim.domains(0)) == 1
    assert len(sim.domains(1)) == 0


def test_one_that_runs_elsewhere_is_moved(sim: Simulator) -> None:
    there = {"location": "ovm-2", "migrate": True}
    assert task(sim, "on", "started", check=True, **there).would_change
    assert len(sim.domains(0)) == 1
    done = task(sim, "on", "started", **there)
    assert done.vm is not None
    assert done.vm["host"] == "ovm-2"
    again = task(sim, "on", "started", **there)
    assert again.before == again.vm
    assert calls_of(sim, "migrate_vm") == ["migrate_vm"]


def test_half_a_vm_is_no_vm(sim: Simulator) -> None:
    sim.misbehave("hang", "copy_file")
    with pytest.raises(OperationIncomplete):
        task(sim, "new", "present", **IMAGE)
    sim.clear_misbehaviour()
    with pytest.raises(PreconditionFailed, match="its creation was not completed"):
        task(sim, "new", "started", **IMAGE)
    with pytest.raises(PreconditionFailed, match="its creation was interrupted") as refused:
        task(sim, "new", "present", **IMAGE)
    assert (refused.value.node_name, refused.value.node_state) == ("new", "pending")
    quietly(task, sim, "new", "absent")
    assert state_of(sim, "new") is None


def test_differences_are_told_and_nothing_is_changed(sim: Simulator) -> None:
    same: tuple[dict[str, Any], ...] = (
        *({"size": "tiny"}, {"memory_mb": 512}, {"vcpus": 1}, {}),
        {"size": "large", "memory_mb": 512, "vcpus": 1},
    )
    for options in same:
        task(sim, "off", "present", **options)
    other: tuple[tuple[dict[str, Any], str], ...] = (
        ({"size": "medium", "vcpus": 8}, "has 512 MB and 1 CPUs, not 2048 MB and 8 CPUs: VMs"),
        (
            {"memory_mb": 768},
            "has 512 MB, not 768 MB: VMs that exist are changed with resize: true only",
        ),
        ({"vcpus": 8}, "has 1 CPUs, not 8 CPUs: VMs that exist are changed with resize: true only"),
    )
    for options, text in other:
        warnings: list[str] = []
        task(sim, "off", "present", **options, warnings=warnings)
        [warning] = warnings
        assert text in warning
    task(sim, "on", "present", location="ovm-1")
    warnings = []
    task(sim, "on", "present", location="ovm-2", warnings=warnings)
    assert re.search(r"is running on .* and not on ovm-2: VMs that exist are not moved", *warnings)
    assert calls_of(sim, *WRITES) == []


def test_resized_and_pinned_if_the_task_says_so(sim: Simulator) -> None:
    """Before a start; a second time nothing is sent. What a running VM cannot have is an error."""
    more: dict[str, Any] = {"size": "small", "vcpus": 2, "resize": True, "pin": "1"}
    checked = task(sim, "off", "started", check=True, **more)
    assert checked.would_change
    assert checked.after is not None
    assert checked.after["vcpus"] == 2
    assert calls_of(sim, *WRITES) == []
    done = task(sim, "off", "started", **more)
    assert calls_of(sim, *WRITES) == ["configure_vm", "configure_vm", "start_vm"]
    assert done.vm is not None
    live = done.vm["settings"]["live"]
    assert (live["memory_mb"], live["vcpus"], live["cpus"]) == (1024, 2, "1")
    sim.calls.clear()
    assert not task(sim, "off", "started", check=True, **more).would_change
    assert task(sim, "off", "present", **more).before == done.vm
    assert calls_of(sim, *WRITES) == []
    task(sim, "off", "present", pin="all")
    with pytest.raises(PreconditionFailed, match="it was started with at most 1024 MB"):
        task(sim, "off", "present", memory_mb=2048, resize=True)


def test_a_size_that_is_not_known_is_not_taken_for_the_same(sim: Simulator) -> None:
    directory = next((sim.repository_path / "VirtualMachines").iterdir())
    config = directory / "vm.cfg"
    config.write_text(re.sub(r"(?m)^vcpus.*\n", "", config.read_text()))
    [node] = [one for one in driver_for(sim).list_nodes() if one.size is None]
    warnings: list[str] = []
    task(sim, None, "present", id=node.id, vcpus=8, warnings=warnings)
    assert "memory and CPUs are not known, so they were not compared" in warnings[-1]


def test_only_the_disks_of_the_task_are_deleted(sim: Simulator) -> None:
    vm = task(sim, "new", "present", **IMAGE).vm
    assert vm is not None
    [disk] = vm["disks"]
    for only, deleted in (([], []), (None, [disk]), ([disk], [disk])):
        checked = task(sim, "new", "absent", delete_disks=only, check=True)
        assert checked.disks == {"delete": deleted, "keep": [] if deleted else [disk]}
    assert quietly(task, sim, "new", "absent", delete_disks=[]).vm is None
    assert [one["path"] for one in driver_for(sim).ex_list_orphans()] == [disk]


def test_a_change_stays_a_change_if_it_cannot_be_read_back(sim: Simulator) -> None:
    warnings: list[str] = []
    driver = driver_for(sim)
    read = driver.ex_get_node

    def fail(*_: Any, **__: Any) -> Any:
        raise Ovm3Error("it is gone; ex_hosts_off=['ovm-2'] believes it")

    driver.ex_get_node = fail  # type: ignore[method-assign]
    options = {**DEFAULTS, "name": "off", "state": "started"}
    done = bring_about(driver, options, warnings.append, False)
    assert done.vm is None
    assert warnings == [
        f"VM 'off' ({done.before['id']}) could not be read afterwards: it is gone; hosts_off: "
        f"['ovm-2'] believes it"
    ]
    assert read(done.before["id"]).state == "running"


def test_networks_of_a_vm_that_is_created(sim: Simulator) -> None:
    mac = "00:21:f6:00:00:0a"
    networks = ["control0", {"network": "control0", "mac": mac}]
    done = task(sim, "new", "present", **IMAGE, start=False, networks=networks)
    assert done.vm is not None
    assert [one["bridge"] for one in done.vm["nics"]] == ["control0", "control0"]
    assert done.vm["nics"][1]["mac"] == mac
    again = task(sim, "new", "present", **IMAGE, networks=["another"])
    assert again.vm == done.vm
    none = task(sim, "bare", "present", **IMAGE, start=False, networks=[])
    assert none.vm is not None
    assert none.vm["nics"] == []
    with pytest.raises(InvalidArgument, match="unknown net in"):
        task(sim, "wrong", "present", **IMAGE, networks=[{"net": "control0"}])
    expected = task(sim, "later", "present", check=True, **IMAGE, networks=["control0"]).after
    assert expected is not None
    assert expected["networks"] == ["control0"]


# What the module decides itself or has under another name: size, vcpus, memory_mb, state, start.
ITS_OWN = {"name", "size", "image", "location", "ex_hosts_off", "ex_start"}
ITS_OWN |= {"ex_cpus", "ex_memory_mb", "ex_unguarded"}
RENAMED = {"ssh_key": "auth", "key_name": "ex_keyname", "user_data": "ex_userdata"}
NOT_OFFERED = {"ex_allow_same_name", "networks"}
NOT_OFFERED |= {"ex_idempotency_key"}  # a task is idempotent by the name
NOT_OFFERED |= {"ex_progress"}  # a task has no output before its end


def test_every_argument_of_create_node_has_an_option() -> None:
    """But for what the driver takes while it is empty only: its docstring does not describe it."""
    documented = set(re.findall(r":param (\w+):", OVM3NodeDriver.create_node.__doc__ or ""))
    offered = {*NOT_COMPARED, *RECORDED} - {"image"}
    options = {RENAMED.get(name, f"ex_{name}") for name in offered}
    assert options | ITS_OWN | NOT_OFFERED == documented, "an option, or an entry in NOT_OFFERED"


def test_all_that_a_vm_is_created_with(sim: Simulator) -> None:
    driver = driver_for(sim)
    volume = driver.create_volume(1, "data")
    iso = "oracle-linux-6-boot.iso"
    more = {"domain_type": "hvm", "iso": iso, "volumes": ["data"], "description": "for a test"}
    checked = task(sim, "new", "present", check=True, **IMAGE, disk_gb=0.0625, **more).after
    assert checked is not None
    assert {name: checked[name] for name in more} == more
    vm = task(sim, "new", "present", **IMAGE, disk_gb=0.0625, **more, start=False).vm
    assert vm is not None
    assert (vm["is_hvm"], vm["description"]) == (True, "for a test")
    assert [one.split("/", 4)[-1] for one in vm["disks"]][1:] == [volume.id.partition("/")[2]]
    assert [one.rpartition("/")[2] for one in vm["cdroms"]] == [iso]
    again = task(sim, "new", "present", **IMAGE, disk_gb=5, description="another", start=False)
    assert again.vm == vm
    installed = task(sim, "win", "present", image=iso, size="tiny", disk_gb=1, start=False).vm
    assert installed is not None
    [node] = [one for one in driver.list_nodes() if one.name == "win"]
    assert [one.size for one in driver.ex_list_volumes(node)] == [1]
    for wrong in ({"volumes": ["no such"]}, {"iso": "no such"}, {"description": "\n"}):
        with pytest.raises(Ovm3Error, match=r"no such|^ex_description '"):
            task(sim, "wrong", "present", **IMAGE, **wrong)


def test_unknown_metadata_and_tags_are_not_taken_for_the_same(sim: Simulator) -> None:
    for check in (True, False):
        for given in ({"tags": []}, {"metadata": {}}):
            with pytest.raises(PreconditionFailed, match="has the host module"):
                task(sim, "off", "present", check=check, **given)
