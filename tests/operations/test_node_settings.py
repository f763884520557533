"""ex_resize_node, ex_rename_node, ex_update_node, ex_pin_node, ex_pinning_report: in vm.cfg, in the
live domain, and what cannot be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from libcloud_ovm3.agent.config import VMConfig
from libcloud_ovm3.errors import (
    InvalidArgument,
    NameTaken,
    OperationIncomplete,
    PreconditionFailed,
)
from libcloud_ovm3.operations import change_settings, doors
from libcloud_ovm3.operations.own_name import NAME_LIMIT
from libcloud_ovm3.simulator import Simulator
from libcloud_ovm3.simulator.xend import machines
from tests.operations.attaching import Lab
from tests.operations.cards import refuse
from tests.operations.failures import WRITES, sent_of
from tests.operations.test_nics import said
from tests.support import calls_of, driver_for, quietly, simulate

HVM = {"OVM_domain_type": "xen_hvm", "builder": "hvm"}
SIZE = {"memory": 512, "maxmem": 1024, "vcpus": 2, "maxvcpus": 4}


@pytest.fixture(params=[False, True], ids=["alone", "module"])
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """Two hosts; running and stopped nodes, PV and HVM."""
    with simulate(hosts=2, vms=0, templates=0, host_module=request.param) as sim:
        for name in ("run", "run-hvm", "off", "off-hvm"):
            more = HVM if "hvm" in name else {}
            sim.add_vm(name, running_on=0 if "run" in name else None, config={**SIZE, **more})
        yield Lab(sim, driver_for(sim))


def options_of(sim: Simulator, node: Any) -> dict[str, Any]:
    """What is in its vm.cfg."""
    folder = sim.repository_path / "VirtualMachines" / node.extra["directory"]
    return dict(VMConfig.from_text((folder / "vm.cfg").read_bytes()).values)


def live_options(sim: Simulator, node: Any) -> dict[str, Any]:
    """What xend has of it really."""
    with sim.hosts[0].lock:
        machines.advance(sim.hosts[0])
        [domain] = [one for one in sim.hosts[0].domains if one.uuid == node.id and one.listed]
        return {**domain.config, "online": domain.online_vcpus}


def test_a_running_node_is_resized_within_its_maxima(lab: Lab) -> None:
    """Each setting by a call of its own; what is as it was is not sent."""
    sim, node = lab.sim, lab.node("run")
    before = options_of(sim, node)
    sim.calls.clear()
    found, words = said(
        lab.driver.ex_resize_node, node,
        ex_memory_mb="768", ex_cpus=4, ex_cpu_weight=27500, ex_cpu_cap=250,
    )  # fmt: skip
    assert words == ""
    wanted = {"memory": 768, "vcpus": 4, "cpu_weight": 27500, "cpu_cap": 250}
    assert options_of(sim, node) == {**before, **wanted}
    assert wanted.items() <= live_options(sim, node).items()
    data = {
        "memory_mb": 768, "max_memory_mb": 1024, "vcpus": 4, "max_vcpus": 4, "cpu_weight": 27500,
        "cpu_cap": 250, "cpus": "",
    }  # fmt: skip
    assert found.extra["settings"] == {"defined": data, "live": data}
    assert (found.size.ram, found.extra["memory_mb"], found.state) == (768, 768, "running")
    assert sent_of(sim) == ["configure_vm"] * 3
    assert found.extra == lab.driver.ex_get_node(node.id).extra
    begin = len(sim.calls)
    same = {"ex_memory_mb": 768, "ex_cpu_cap": 250, "ex_max_memory_mb": 1024}
    assert said(lab.driver.ex_resize_node, node, **same)[1] == ""
    assert not WRITES & set(calls_of(sim)[begin:]), "nothing is to be changed"


def test_a_guest_that_does_not_follow_is_told_apart(lab: Lab) -> None:
    sim, node = lab.sim, lab.node("run")
    sim.hosts[0].ignores_requests.add(node.id)
    found, words = said(lab.driver.ex_resize_node, node, ex_memory_mb=256, ex_cpus=1)
    assert "it is to use 256 MB less memory" in words
    assert "has 0 MB more free: its guest has not given all of it back" in words
    assert "setting its CPUs to 1 is requested, and its guest has not followed (yet)" in words
    assert "it has 2 online" in words
    defined, live = found.extra["settings"]["defined"], found.extra["settings"]["live"]
    assert (defined["memory_mb"], defined["vcpus"]) == (256, 1)
    assert (live["memory_mb"], live["vcpus"]) == (256, 2), "the target, and what is"
    words = said(lab.driver.ex_resize_node, node, ex_cpus=1)[1]
    assert "its vm.cfg says so already, and its live domain has it otherwise" in words
    assert "its guest has not followed" in words
    sim.hosts[0].ignores_requests.clear()


@pytest.mark.parametrize("name", ["off", "off-hvm"])
def test_a_stopped_node_gets_the_maxima_that_it_needs(lab: Lab, name: str) -> None:
    sim, driver, node = lab.sim, lab.driver, lab.node(name)
    sim.calls.clear()
    found, words = said(driver.ex_resize_node, node, "large")
    assert words == ""
    wanted = {"memory": 4096, "maxmem": 4096, "vcpus": 2, "maxvcpus": 4}
    assert wanted.items() <= options_of(sim, node).items()
    assert found.size.id == "large"
    assert sent_of(sim) == ["configure_vm"]
    driver.ex_resize_node(node.id, ex_memory_mb=1024, ex_max_memory_mb=2048, ex_max_cpus=8)
    assert (options_of(sim, node)["memory"], options_of(sim, node)["maxmem"]) == (1024, 2048)
    assert driver.start_node(node)
    settings = driver.ex_get_node(node.id).extra["settings"]
    assert settings["live"] == settings["defined"]
    assert (settings["live"]["max_vcpus"], settings["live"]["max_memory_mb"]) == (8, 2048)


def test_what_cannot_be_is_refused_before(lab: Lab) -> None:
    sim, resize = lab.sim, lab.driver.ex_resize_node
    run, off, hvm = (lab.node(name) for name in ("run", "off", "off-hvm"))
    after_a_stop: list[dict[str, Any]] = [
        {"ex_memory_mb": 1025}, {"ex_cpus": 5}, {"ex_max_memory_mb": 2048}, {"ex_max_cpus": 8},
    ]  # fmt: skip
    for case in after_a_stop:
        refuse(lab, PreconditionFailed, "stop", resize, run, **case)
    odd: list[tuple[Any, dict[str, Any], str]] = [
        (off, {}, "nothing to change"),
        (off, {"ex_memory_mb": 0}, "1 or more"),
        (off, {"ex_memory_mb": "1.5"}, "whole number"),
        (off, {"ex_memory_mb": "much"}, "expected a number"),
        (off, {"ex_cpu_weight": 65536}, "1 to 65535"),
        (off, {"ex_cpu_cap": -1}, "0 or more"),
        (off, {"ex_cpu_cap": 401}, "at most 400"),
        (run, {"ex_cpu_cap": 401}, "at most 400"),
        (off, {"ex_max_memory_mb": 511}, "more than its maximum, 511"),
        (off, {"ex_memory_mb": 600, "ex_max_memory_mb": 512}, "600 is more than its maximum"),
        (hvm, {"ex_cpus": 129}, "an HVM guest has at most 128"),
        (off, {"size": "giant"}, "expected a NodeSize"),
    ]
    for node, case, why in odd:
        refuse(lab, InvalidArgument, why, resize, node, **case)
    sim.add_vm("big", running_on=0, config={"memory": 4096 - 722 - 1024 - 200 - 20})
    refuse(lab, PreconditionFailed, "256 MB more than its 512 MB .* free", resize, run,
           ex_memory_mb=768)  # fmt: skip


def test_pins_of_each_cpu_have_to_fit(lab: Lab) -> None:
    sim = lab.sim
    sim.add_vm("each", config={"vcpus": 2, "maxvcpus": 4, "cpus": ["0", "1"]})
    node = lab.node("each")
    assert node.extra["settings"]["defined"]["cpus"] == "0-1"
    refuse(lab, PreconditionFailed, "pins each of 2 CPUs", lab.driver.ex_resize_node, node,
           ex_cpus=3)  # fmt: skip
    lab.driver.ex_pin_node(node, [1])
    lab.driver.ex_resize_node(node, ex_cpus=3)
    assert options_of(sim, node)["cpus"] == "1"


def test_xend_lists_its_defaults_after_its_restart(lab: Lab) -> None:
    """They are not known then; what is set after that is."""
    sim, driver, node = lab.sim, lab.driver, lab.node("run")
    quietly(driver.ex_resize_node, node, ex_cpu_weight=500, ex_cpu_cap=50)
    quietly(driver.ex_pin_node, node, "1")
    sim.restart_xend(0)
    live = driver.ex_get_node(node.id).extra["settings"]["live"]
    assert (live["cpu_weight"], live["cpu_cap"], live["cpus"]) == (None, None, None)
    words = said(driver.ex_resize_node, node, ex_cpu_cap=50)[1]
    assert "whether its live domain has it is not known" in words.lower()
    found, words = said(driver.ex_resize_node, node, ex_cpu_weight=400)
    assert "the next reboot of its guest makes them xend's defaults" in words
    live = found.extra["settings"]["live"]
    assert (live["cpu_weight"], live["cpu_cap"]) == (400, None)
    assert live_options(sim, node)["cpu_cap"] == 50


def test_what_the_whole_vm_cfg_would_change_besides_is_said(lab: Lab) -> None:
    """Somebody has given the live domain less than its vm.cfg says."""
    sim, node = lab.sim, lab.node("run")
    with sim.hosts[0].lock:
        [domain] = [one for one in sim.hosts[0].domains if one.uuid == node.id]
        domain.config["memory"] = 400
        sim.hosts[0].save()
    words = said(lab.driver.ex_update_node, node, ex_description="x")[1]
    assert "memory (MB) 400, which its vm.cfg has as 512" in words
    assert live_options(sim, node)["memory"] == 512, "as the simulated agent does"
    with sim.hosts[0].lock:
        domain.config["memory"] = 400
        sim.hosts[0].save()
    refuse(lab, PreconditionFailed, "says so already", lab.driver.ex_resize_node, node,
           ex_memory_mb=512)  # fmt: skip


def test_a_part_that_is_done_is_said(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    sim, node = lab.sim, lab.node("run")
    sim.misbehave("fault", "configure_vm", times=1, nth=2)
    with pytest.raises(OperationIncomplete, match="Done before that: setting its memory to 600"):
        quietly(lab.driver.ex_resize_node, node, ex_memory_mb=600, ex_cpus=3)
    sim.clear_misbehaviour()
    assert (options_of(sim, node)["memory"], options_of(sim, node)["vcpus"]) == (600, 2)
    assert live_options(sim, node)["vcpus"] == 2


def test_another_client_is_first_and_it_is_begun_again(lab: Lab) -> None:
    """Between the reading and the second request: neither change is lost."""
    sim, node, theirs = lab.sim, lab.node("run"), driver_for(lab.sim)
    steps: list[None] = []
    with pytest.MonkeyPatch.context() as patch:
        require = change_settings.require_no_more

        def also_theirs(*args: Any) -> None:
            require(*args)
            steps.append(None)
            if len(steps) == 2:
                quietly(theirs.ex_update_node, node, ex_description="theirs")

        patch.setattr(change_settings, "require_no_more", also_theirs)
        quietly(lab.driver.ex_resize_node, node, ex_memory_mb=600, ex_cpu_cap=70)
    now = options_of(sim, node)
    assert (now["memory"], now["cpu_cap"], now["OVM_description"]) == (600, 70, "theirs")


# ------------------------------------------------------------------ names, description, boot order


@pytest.mark.parametrize("name", ["run", "off"])
def test_renamed_and_described(lab: Lab, name: str) -> None:
    sim, driver, node = lab.sim, lab.driver, lab.node(name)
    before = options_of(sim, node)
    found = driver.ex_rename_node(node, "web 2")
    assert (found.name, driver.ex_get_node_by_name("web 2").id) == ("web 2", node.id)
    found = driver.ex_update_node(node, ex_description="of the shop")
    assert found.extra["description"] == "of the shop"
    now = {"OVM_simple_name": "web 2", "OVM_description": "of the shop"}
    assert options_of(sim, node) == {**before, **now}
    driver.ex_update_node(node.id, ex_description="")
    assert options_of(sim, node)["OVM_description"] == ""
    begin = len(sim.calls)
    driver.ex_rename_node(node, "web 2")
    driver.ex_update_node(node, ex_description="")
    assert not WRITES & set(calls_of(sim)[begin:])


def test_names_and_words_that_cannot_be(lab: Lab) -> None:
    rename, update = lab.driver.ex_rename_node, lab.driver.ex_update_node
    run, hvm = lab.node("run"), lab.node("off-hvm")
    refuse(lab, NameTaken, "already exists", rename, run, "off")
    for odd in ("", " x", "a\nb"):
        refuse(lab, InvalidArgument, "name", rename, run, odd)
    for case in ({}, {"ex_description": "a\tb"}, {"ex_boot_order": "x"}, {"ex_boot_order": "cc"}):
        refuse(lab, InvalidArgument, "expected|not allowed", update, hvm, **case)
    refuse(lab, PreconditionFailed, "PV guest", update, run, ex_boot_order="c")
    assert lab.driver.ex_rename_node(run, "off", ex_allow_same_name=True).name == "off"
    lab.sim.misbehave("fault", "list_vms", times=None, host=1)
    lab.sim.misbehave("fault", "libcloud_read_agent", times=None, host=1)
    refuse(
        lab, PreconditionFailed, "whether the name 'y' is taken|left unchanged", rename, run, "y"
    )


def test_the_boot_order_of_a_running_node_waits_for_its_start(lab: Lab) -> None:
    driver, node = lab.driver, lab.node("run-hvm")
    assert "not after a reboot" in said(driver.ex_update_node, node, ex_boot_order="dc")[1]
    assert options_of(lab.sim, node)["boot"] == "dc"
    off = lab.node("off-hvm")
    assert said(driver.ex_update_node, off, ex_boot_order="n", ex_description="x")[1] == ""
    assert options_of(lab.sim, off)["boot"] == "n"


@pytest.mark.parametrize("which", ["smaller", "larger", "stays"])
def test_two_clients_give_one_name(lab: Lab, which: str) -> None:
    """Each when the other has looked already, so that none sees the other before its own change.
    The one with the larger id gives way; where the other one never does, so does the smaller."""
    first, second = sorted((lab.node("run"), lab.node("off")), key=lambda node: str(node.id))
    mine, other = (second, first) if which == "larger" else (first, second)
    theirs = driver_for(lab.sim)
    change = doors.change_definition
    monkeypatch = pytest.MonkeyPatch()

    def also_theirs(*args: Any, **options: Any) -> Any:
        monkeypatch.undo()
        done = change(*args, **options)
        if which == "smaller":  # which gives way, seeing that this one has the name by now
            with pytest.raises(NameTaken, match="has its old name"):
                quietly(_rename_without_a_look, theirs, other)
        else:
            quietly(theirs.ex_rename_node, other, "same", ex_allow_same_name=True)
        return done

    monkeypatch.setattr("libcloud_ovm3.operations.device_changes.doors.change_definition",
                        also_theirs)  # fmt: skip
    old = mine.name
    if which == "smaller":
        assert quietly(lab.driver.ex_rename_node, mine, "same").name == "same"
    else:
        with pytest.raises(NameTaken, match=f"at the same time; .* has its old name, '{old}'"):
            quietly(lab.driver.ex_rename_node, mine, "same")
    names = [one.name for one in quietly(lab.driver.list_nodes)]
    assert names.count("same") == 1
    assert (old in names) == (which != "smaller")


def test_a_name_that_a_new_node_gets_at_the_same_time() -> None:
    """The new one is waited for, as it gives way if it sees the name; it has looked before, so the
    renamed node gets its old name again."""
    with simulate(hosts=1, vms=0, template_bytes=1 << 20) as sim:
        sim.add_vm("old")
        driver, theirs = driver_for(sim), driver_for(sim)
        node, caught = theirs.ex_get_node_by_name("old"), list[str]()

        def rename(moment: str) -> None:
            if moment == "after":
                with pytest.raises(NameTaken) as refused:
                    quietly(_rename_without_a_look, theirs, node, "new")
                caught.append(str(refused.value))

        sim.misbehave("hook", "create_vm", hook=rename)
        begun = sim.now()
        made = quietly(driver.create_node, "new", "tiny", driver.list_images()[0])
        assert "has its old name, 'old'" in caught[0]
        assert sim.now() - begun > NAME_LIMIT
        names = {one.id: one.name for one in driver.list_nodes()}
        assert names == {node.id: "old", made.id: "new"}


def _rename_without_a_look(driver: Any, node: Any, name: str = "same") -> None:
    """As one that has looked before the other client's change."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("libcloud_ovm3.operations.rename_vm.require_free_name", lambda *a, **k: None)
        driver.ex_rename_node(node, name)


# ------------------------------------------------------------------ pins


@pytest.mark.parametrize("name", ["run", "off"])
def test_pinned_and_not_any_more(lab: Lab, name: str) -> None:
    sim, driver, node = lab.sim, lab.driver, lab.node(name)
    begin = len(sim.calls)
    quietly(driver.ex_pin_node, node)
    assert not WRITES & set(calls_of(sim)[begin:]), "it is not pinned"
    found = driver.ex_pin_node(node, "0-1,^0")
    assert options_of(sim, node)["cpus"] == "1"
    settings = found.extra["settings"]
    assert settings["defined"]["cpus"] == "1"
    assert name == "off" or settings["live"]["cpus"] == "1"
    for cpus in ("2", [0, 2], 7):
        refuse(lab, PreconditionFailed, "there is no CPU", driver.ex_pin_node, node, cpus)
    for odd in ("x", b"0", [], [-1], [True], "1-", "3-1", 1.5, "^0"):
        refuse(lab, InvalidArgument, "expected numbers of CPUs", driver.ex_pin_node, node, odd)
    quietly(driver.ex_pin_node, node, "all")
    assert options_of(sim, node)["cpus"] == "0-1", "all that there are: none can be removed"


def test_who_is_pinned_where(lab: Lab) -> None:
    sim, driver = lab.sim, lab.driver
    quietly(driver.ex_pin_node, lab.node("run"), "1")
    one, two, nowhere = driver.ex_pinning_report()
    assert (one["host_id"], one["cpus"], two["vms"]) == (lab.node("run").extra["host_id"], 2, [])
    assert (one["is_whole"], one["counted_cpus"], one["pinned_cpus"]) == (True, 2, "1")
    [why] = one["reasons"]
    assert "run-hvm" in why
    assert "its vm.cfg does not pin it" in why
    assert (two["is_whole"], two["counted_cpus"], two["pinned_cpus"]) == (False, 0, "")
    assert [vm["name"] for vm in nowhere["vms"]] == ["off", "off-hvm"]
    quietly(driver.ex_pin_node, lab.node("run-hvm"), "1")
    one = driver.ex_pinning_report()[0]
    assert (one["is_whole"], one["counted_cpus"], one["pinned_cpus"]) == (False, 1, "1")
    assert [(vm["name"], vm["live_cpus"], vm["why"]) for vm in one["vms"]] == [
        ("run", "1", ""), ("run-hvm", "1", ""),
    ]  # fmt: skip
    sim.restart_xend(0)
    one = driver.ex_pinning_report()[0]
    assert (one["is_whole"], one["counted_cpus"]) == (True, 2)
    assert "is not known, as xend was restarted since its start" in one["reasons"][0]
    sim.hosts[1].shut_down()
    silent = quietly(driver.ex_pinning_report)[1]
    assert (silent["is_whole"], silent["counted_cpus"]) == (True, None)
    assert "could not be read" in silent["reasons"][0]
