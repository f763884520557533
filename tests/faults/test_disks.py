"""Disk files: what may be deleted with a node is its own; everything else stays."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import pytest
from libcloud.compute.types import NodeState

from libcloud_ovm3.errors import NameTaken, OperationIncomplete, PreconditionFailed
from libcloud_ovm3.simulator import Simulator
from tests.faults.support import (
    DATA,
    ID,
    OTHER_ID,
    Made,
    assert_kept,
    assert_no_certain_orphan,
    assert_refused,
    attempt,
    cfg,
    connect,
    lab,
    make_vm,
    other_vm,
    put,
    sent,
    start_by_hand,
    states,
    undashed,
)
from tests.support import CHANGE

# ------------------------------------------------------------------ 07, m: copies and backups


def backups(vm: Made, second: Path) -> list[Path]:
    """What people lay beside a disk, and elsewhere under its name."""
    stem, here = vm.directory, vm.file.parent
    names = [stem + end for end in (".bak", ".old", ".orig", ".qcow2", ".raw", "", ".img.gz")]
    names += [f"{stem}.2026-11-27", f"{stem}.IMG", f"{stem.upper()}.img", f"{vm.id}.img"]
    names += [f"{stem}.img~", f"copy-of-{stem}.img", f"{{{vm.id}}}.img", f"{stem}.img.1"]
    return [here / name for name in names] + [second / "VirtualDisks" / vm.file.name]


def test_07_deleted_is_what_the_definition_names(sim: Simulator, driver: Any) -> None:
    """And nothing that only looks like it."""
    second = sim.add_repository("backup")
    vm = make_vm(sim)
    files = backups(vm, sim.path_of(second))
    for file in files:
        file.write_bytes(DATA)
    came = attempt(driver.destroy_node, ID)
    assert came.value is True, came
    assert not vm.file.exists()
    gone = [file.name for file in files if not file.exists()]
    assert gone == []
    assert all(file.name in came.said for file in files)
    assert second in came.said


def test_07_a_second_disk_that_it_names_goes_too(sim: Simulator, driver: Any) -> None:
    second = sim.add_repository("second")
    more = sim.path_of(second) / "VirtualDisks" / f"{undashed(ID)}-data.img"
    more.write_bytes(DATA)
    path = f"/OVS/Repositories/{second}/VirtualDisks/{more.name}"
    first = f"/OVS/Repositories/{sim.repository_id}/VirtualDisks/{undashed(ID)}.img"
    vm = make_vm(sim, disk=[f"file:{first},xvda,w", f"file:{path},xvdb,w"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert driver.destroy_node(ID) is True
    assert not vm.file.exists()
    assert not more.exists()


def test_07_the_same_name_in_another_repository_is_another_file(
    sim: Simulator, driver: Any
) -> None:
    """Its definition names the copy in the other repository only."""
    second = sim.add_repository("second")
    copy = sim.path_of(second) / "VirtualDisks" / f"{undashed(ID)}.img"
    copy.write_bytes(DATA)
    path = f"/OVS/Repositories/{second}/VirtualDisks/{copy.name}"
    vm = make_vm(sim, disk=[f"file:{path},xvda,w"])
    attempt(driver.destroy_node, ID)
    assert vm.has_disk
    assert not copy.exists()


def test_07_of_an_unfinished_node_goes_what_its_mark_names(sim: Simulator, driver: Any) -> None:
    """create_node broke off: its disk is there, its definition does not name it yet."""
    vm = make_vm(sim, OVM_description="creating " + "1" * 32, disk=[])
    files = [vm.file.with_suffix(end) for end in (".bak", ".qcow2", ".img.old")]
    second = sim.add_repository("second")
    files.append(sim.path_of(second) / "VirtualDisks" / vm.file.name)
    for file in files:
        file.write_bytes(DATA)
    assert states(attempt(driver.list_nodes).value)[ID] == NodeState.PENDING
    came = attempt(driver.destroy_node, ID)
    assert not vm.definition.exists()
    assert not vm.file.exists() or vm.file.name in came.said
    assert [file.name for file in files if not file.exists()] == []


def test_07_what_a_broken_off_creation_has_copied_goes(personality: str, module: bool) -> None:
    with lab(personality, module, templates=1) as sim:
        if module:  # the change after that which creates it
            sim.misbehave("drop_before", CHANGE, nth=2, times=None)
        else:
            sim.misbehave("drop_before", "configure_vm", times=None)
        driver = connect(sim)
        came = attempt(driver.create_node, "new", driver.list_sizes()[0], driver.list_images()[0])
        assert isinstance(came.error, OperationIncomplete)
        [disk] = (sim.repository_path / "VirtualDisks").iterdir()
        copy = disk.with_name(disk.name + ".bak")
        copy.write_bytes(DATA)
        sim.clear_misbehaviour()
        [node] = attempt(driver.list_nodes).value
        assert attempt(driver.destroy_node, node).value is True
        assert not disk.exists()
        assert copy.exists()


def test_07_what_a_finished_node_does_not_name_stays(sim: Simulator, driver: Any) -> None:
    """Its uuid in a file's name is no proof."""
    vm = make_vm(sim, disk=[])
    came = attempt(driver.destroy_node, ID)
    assert vm.has_disk
    assert vm.file.name in came.said


def test_m_of_a_node_that_create_node_made(personality: str, module: bool) -> None:
    with lab(personality, module, templates=1) as sim:
        driver = connect(sim)
        node = driver.create_node("mine", driver.list_sizes()[0], driver.list_images()[0])
        [disk] = (sim.repository_path / "VirtualDisks").iterdir()
        others = [disk.with_suffix(end) for end in (".bak", ".qcow2", ".2026-11-27", ".old")]
        for file in others:
            file.write_bytes(DATA)
        assert attempt(driver.destroy_node, node).value is True
        assert not disk.exists()
        assert [file.name for file in others if not file.exists()] == []


# ------------------------------------------------------------------ 10: a vm.cfg that says nothing


SAYS_NOTHING = {
    "empty": b"",
    "blank": b"\n \n",
    "a comment": b"# written by nobody\n",
    "cut": b"name = '" + undashed(ID).encode() + b"'\nuuid = '" + ID.encode() + b"'\n",
    "zeros": b"\x00" * 512,
    "cut in a line": b"name = 'prod'\nmemory = 512\ndisk = ['file:/OVS/Repo",
    "only a name": b"OVM_simple_name = 'prod'\n",
}


@pytest.mark.parametrize("text", SAYS_NOTHING.values(), ids=SAYS_NOTHING)
def test_10_a_vm_cfg_that_says_nothing_is_not_read(
    sim: Simulator, driver: Any, text: bytes
) -> None:
    """The repository was full while it was written: what it named is not known any more."""
    vm = make_vm(sim, vm_id=OTHER_ID)
    data = sim.repository_path / "VirtualDisks" / "prod-data.img"
    data.write_bytes(DATA)
    folder = put(sim, undashed(ID), text)
    came = attempt(driver.list_nodes)
    assert states(came.value)[ID] == NodeState.UNKNOWN, came
    assert any(folder.name in warning for warning in came.warnings)
    assert_no_certain_orphan(driver)
    assert_refused(sim, driver.start_node, ID)
    assert_refused(sim, driver.destroy_node, ID)
    assert (folder / "vm.cfg").exists()
    assert_kept(sim, vm, driver)


def test_10_memory_without_disks_is_read(sim: Simulator, driver: Any) -> None:
    """A machine that boots from the network."""
    put(sim, undashed(ID), cfg(name="diskless", uuid=ID, memory=512))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert states(driver.list_nodes())[ID] == NodeState.STOPPED
        assert driver.destroy_node(ID) is True


# ------------------------------------------------------------------ 11, d1: every text counts


def uses(path: str) -> dict[str, dict[str, Any]]:
    """How another vm.cfg may name the disk."""
    entry = f"file:{path},xvda,w!"
    return {
        "a text": {"disk": entry},
        "a list in a list": {"disk": [["file:" + path, "xvda", "w!"]]},
        "an entry in a list in a list": {"disk": [[entry]]},
        "a dict": {"disk": {"a": entry}},
        "a tuple": {"disk": (entry,)},
        "a list of dicts": {"disk": [{"uname": "file:" + path, "dev": "xvda"}]},
        "the key of a dict": {"disk": [{entry: 1}]},
        "a kernel": {"disk": [], "kernel": path},
        "a floppy": {"disk": [], "fda": path},
        "a ramdisk": {"disk": [], "ramdisk": "file:" + path},
        "words for the boot loader": {"disk": [], "bootargs": f"--image={path} --quiet"},
        "an unknown key": {"disk": [], "my_notes": f"the data lies in {path}, since May"},
        "several in a text": {"disk": f"phy:/dev/x,xvdb,w;{entry}"},
        "a CD drive": {"disk": [f"file:{path},hdc:cdrom,r"]},
        "tap2": {"disk": [f"tap2:tapdisk:aio:{path},xvda,w"]},
        "without a device": {"disk": ["file:" + path]},
        "without a scheme": {"disk": [path]},
    }


@pytest.mark.parametrize("form", uses(""))
def test_11_every_text_in_a_vm_cfg_counts(sim: Simulator, driver: Any, form: str) -> None:
    vm = make_vm(sim)
    other_vm(sim, **uses(vm.path)[form])
    assert_kept(sim, vm, driver)


def test_d1_a_template_counts_too(sim: Simulator, driver: Any) -> None:
    vm = make_vm(sim)
    text = cfg(name="template", memory=256, disk=[[f"file:{vm.path}", "xvda"]])
    put(sim, "7" * 32, text, folder="Templates")
    assert_kept(sim, vm, driver)


def test_d1_an_assembly_may_name_it(sim: Simulator, driver: Any) -> None:
    """What lies in Assemblies cannot be read by the agent at all."""
    vm = make_vm(sim)
    text = cfg(name="assembly", memory=256, disk=[f"file:{vm.path},xvda,w"])
    put(sim, "a1", text, folder="Assemblies")
    assert_kept(sim, vm, driver)


# ------------------------------------------------------------------ 12: links


@pytest.mark.parametrize("link", ["symbolic", "absolute", "hard"])
@pytest.mark.parametrize("runs", [True, False], ids=["running", "stopped"])
def test_12_a_link_leads_to_the_file(personality: str, link: str, runs: bool) -> None:
    """Another VM's disk is a link to it: the module can tell, an agent alone cannot."""
    with lab(personality, True) as sim:
        vm = make_vm(sim)
        alias = vm.file.with_name("data.img")
        if link == "hard":
            os.link(vm.file, alias)
        else:
            alias.symlink_to(vm.file.name if link == "symbolic" else vm.path)
        path = vm.path.replace(vm.file.name, alias.name)
        other = make_vm(sim, "user", OTHER_ID, disk=[f"file:{path},xvda,w!"])
        if runs and link != "absolute":
            start_by_hand(sim, other, 1)
        came = attempt(connect(sim).destroy_node, ID)
        assert vm.has_disk, came
        assert came.error is not None or vm.file.name in came.said


def test_12_a_link_in_the_vm_s_directory(sim: Simulator, driver: Any) -> None:
    """It stands in the listing, like any file."""
    vm = make_vm(sim)
    (vm.definition / "link.img").symlink_to(f"../../VirtualDisks/{vm.file.name}")
    assert_refused(sim, driver.destroy_node, ID)
    assert vm.is_whole


# ------------------------------------------------------------------ 14, d1: in the directory


def lay_inside(vm: Made, name: str) -> Path:
    file = vm.definition / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(DATA)
    return file


@pytest.mark.parametrize("name", [".backup.img", ".snapshot/disk.img"])
def test_14_the_module_looks_into_the_directory(personality: str, name: str) -> None:
    """delete_vm takes the whole directory, what is hidden too."""
    with lab(personality, True) as sim:
        vm = make_vm(sim)
        file = lay_inside(vm, name)
        assert_refused(sim, connect(sim).destroy_node, ID)
        assert file.exists()
        assert vm.is_whole


@pytest.mark.parametrize("name", ["data/precious.img", "vm.cfg.bak", "-x"])
def test_14_what_is_listed_in_the_directory_stays(sim: Simulator, driver: Any, name: str) -> None:
    vm = make_vm(sim)
    file = lay_inside(vm, name)
    assert_refused(sim, driver.destroy_node, ID)
    assert file.exists()
    assert vm.is_whole


# ------------------------------------------------------------------ 15, d2: names not listed


ODD_NAMES = {
    "newline": b"new\nline",
    "bidi": "dir\u200fx".encode(),
    "Latin-1": b"latin\xe9",
    "no text": b"\xff" * 16,
    "hidden": b".hidden",
    "control": b"bell\x07",
    "UTF-8": "caf\u00e9".encode(),
    "replacement": "caf\ufffd".encode(),
    "blanks": b" other ",
}


def other_in(sim: Simulator, name: bytes, path: str) -> None:
    """Another VM's definition in a directory of that name."""
    folder = os.path.join(os.fsencode(sim.repository_path / "VirtualMachines"), name)
    os.mkdir(folder)
    text = cfg(name="other", uuid=OTHER_ID, memory=512, disk=[f"file:{path},xvda,w!"])
    with open(os.path.join(folder, b"vm.cfg"), "w") as file:
        file.write(text)


@pytest.mark.parametrize("name", ODD_NAMES.values(), ids=ODD_NAMES)
def test_15_what_the_module_sends_is_never_dropped(personality: str, name: bytes) -> None:
    """A vm.cfg in a directory that the agent's listing lacks, or spells otherwise."""
    with lab(personality, True) as sim:
        vm = make_vm(sim)
        other_in(sim, name, vm.path)
        driver = connect(sim)
        came = attempt(driver.list_nodes)
        shown = states(came.value).get(OTHER_ID)
        assert shown is not None or came.warnings != [], "neither shown nor said"
        assert shown in (None, NodeState.UNKNOWN, NodeState.STOPPED)
        assert_kept(sim, vm, driver)


@pytest.mark.parametrize("name", ODD_NAMES.values(), ids=ODD_NAMES)
def test_15_what_an_agent_lists_it_protects(personality: str, name: bytes) -> None:
    """Without the module the listing is all there is; whatever it has of such a name counts."""
    with lab(personality, False) as sim:
        vm = make_vm(sim)
        driver = connect(sim)
        empty = driver.connection.call("discover_repositories", sim.repository_id)
        other_in(sim, name, vm.path)
        listed = driver.connection.call("discover_repositories", sim.repository_id) != empty
        came = attempt(driver.destroy_node, ID)
        assert vm.has_disk or not listed, came


# ------------------------------------------------------------------ 19, 22


def test_19_both_names_of_a_doubled_vm_are_taken(personality: str, module: bool) -> None:
    with lab(personality, module, templates=1) as sim:
        second = sim.add_repository("two")
        put(sim, "d1", cfg(name="d1", uuid=ID, OVM_simple_name="alpha", memory=256))
        put(sim, "d2", cfg(name="d2", uuid=ID, OVM_simple_name="beta", memory=256), second)
        driver = connect(sim)
        assert states(attempt(driver.list_nodes).value) == {ID: NodeState.ERROR}
        image = attempt(driver.list_images).value[0]
        for name in ("alpha", "beta"):
            came = attempt(driver.create_node, name, driver.list_sizes()[0], image)
            assert isinstance(came.error, NameTaken | PreconditionFailed), came
            assert attempt(driver.ex_get_node_by_name, name).value.id == ID
        assert sent(sim) == []


BLANKS = [" ", "  ", "\t", "\u00a0", "."]


@pytest.mark.parametrize("end", BLANKS, ids=ascii)
def test_22_blanks_at_an_end_belong_to_a_name(sim: Simulator, driver: Any, end: str) -> None:
    """Deleted, or said to be there; never "deleted" of what is there."""
    vm = make_vm(sim, file_name=f"{undashed(ID)}.img{end}")
    came = attempt(driver.destroy_node, ID)
    assert not vm.file.exists() or vm.file.name.strip() in came.said, came
    paths = [orphan["path"] for orphan in attempt(driver.ex_list_orphans).value]
    assert vm.path in paths or not vm.file.exists() or paths == []


@pytest.mark.parametrize("end", [" ", "\u00a0"], ids=ascii)
def test_22_the_same_name_without_the_blank_is_another_file(
    sim: Simulator, driver: Any, end: str
) -> None:
    vm = make_vm(sim)
    other = vm.file.with_name(vm.file.name + end)
    other.write_bytes(DATA)
    attempt(driver.destroy_node, ID)
    assert other.exists()
    assert not vm.file.exists()
