"""More inputs of the same kinds: what a vm.cfg may be besides a file that is understood."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from libcloud.compute.types import NodeState

from libcloud_ovm3.errors import NameTaken, PreconditionFailed
from libcloud_ovm3.simulator import Simulator
from tests.faults.support import (
    DATA,
    ID,
    OTHER_ID,
    Made,
    assert_kept,
    assert_no_certain_orphan,
    attempt,
    cfg,
    connect,
    lab,
    live,
    make_vm,
    other_vm,
    put,
    sent,
    start_by_hand,
    states,
    undashed,
)

OTHER = undashed(OTHER_ID)


def text_with(path: str, **more: Any) -> str:
    entry = f"file:{path},xvda,w"
    values = {"name": OTHER, "uuid": OTHER_ID, "memory": 256, "disk": [entry]}
    return cfg(**{**values, **more})


# ------------------------------------------------------------------ the file itself


def linked(folder: Path, path: str) -> None:
    real = folder.parent.parent / "real.cfg"
    real.write_text(text_with(path))
    (folder / "vm.cfg").symlink_to("../../real.cfg")


def dangling(folder: Path, path: str) -> None:
    (folder / "vm.cfg").symlink_to("/nowhere/vm.cfg")


def around(folder: Path, path: str) -> None:
    (folder / "vm.cfg").symlink_to("vm.cfg")


def a_directory(folder: Path, path: str) -> None:
    (folder / "vm.cfg").mkdir()
    (folder / "vm.cfg" / "vm.cfg").write_text(text_with(path))


def upper_case(folder: Path, path: str) -> None:
    (folder / "VM.CFG").write_text(text_with(path))


def nested(folder: Path, path: str) -> None:
    (folder / "inner").mkdir()
    (folder / "inner" / "vm.cfg").write_text(text_with(path))


def huge(folder: Path, path: str) -> None:
    filler = "".join(f"# {number:060d}\n" for number in range(40_000))
    (folder / "vm.cfg").write_text(filler + text_with(path))


def utf_16(folder: Path, path: str) -> None:
    (folder / "vm.cfg").write_bytes(text_with(path).encode("utf-16"))


def with_mark(folder: Path, path: str) -> None:
    (folder / "vm.cfg").write_bytes(b"\xef\xbb\xbf" + text_with(path).encode())


def carriage_returns(folder: Path, path: str) -> None:
    (folder / "vm.cfg").write_bytes(text_with(path).replace("\n", "\r").encode())


def crlf(folder: Path, path: str) -> None:
    (folder / "vm.cfg").write_bytes(text_with(path).replace("\n", "\r\n").encode())


def a_program(folder: Path, path: str) -> None:
    head, tail = path[:30], path[30:]
    (folder / "vm.cfg").write_text(
        f"memory = 256\ndisk = ['file:' + {head!r} + {tail!r} + ',xvda,w']\n"
    )


def put_aside(folder: Path, path: str) -> None:
    (folder / "vm.cfg~").write_text(text_with(path))


def being_written(folder: Path, path: str) -> None:
    (folder / ".vm.cfg.swp").write_text(text_with(path))
    (folder / "vm.cfg.new").write_text(text_with(path))


def a_last_backslash(folder: Path, path: str) -> None:
    (folder / "vm.cfg").write_text(text_with(path) + "\\")


FILES: list[Callable[[Path, str], None]] = [
    linked, dangling, around, a_directory, upper_case, nested, huge, utf_16, with_mark,
    carriage_returns, crlf, a_program, put_aside, being_written, a_last_backslash,
]  # fmt: skip


def lay(sim: Simulator, form: Callable[[Path, str], None], path: str) -> Path:
    folder = sim.repository_path / "VirtualMachines" / OTHER
    folder.mkdir()
    form(folder, path)
    return folder


@pytest.mark.parametrize("form", FILES, ids=lambda form: form.__name__)
def test_whatever_a_vm_cfg_is_it_protects(
    sim: Simulator, driver: Any, form: Callable[[Path, str], None]
) -> None:
    """The neighbours are listed, the disk that it may name is kept; it is never STOPPED unread."""
    vm = make_vm(sim)
    lay(sim, form, vm.path)
    came = attempt(driver.list_nodes)
    shown = states(came.value)
    assert shown[ID] == NodeState.STOPPED
    assert OTHER_ID in shown or any(OTHER in warning for warning in came.warnings), came
    assert_kept(sim, vm, driver)


@pytest.mark.parametrize("form", FILES, ids=lambda form: form.__name__)
def test_what_runs_of_it_is_not_started_again(
    personality: str, form: Callable[[Path, str], None]
) -> None:
    """The vm.cfg became so while its machine ran."""
    with lab(personality, True) as sim:
        other = make_vm(sim, "other", OTHER_ID)
        start_by_hand(sim, other, 1)
        (other.definition / "vm.cfg").unlink()
        form(other.definition, other.path)
        driver = connect(sim)
        sim.calls.clear()
        attempt(driver.start_node, OTHER_ID)
        assert "start_vm" not in sent(sim)
        assert live(sim) == [OTHER_ID]
        assert_no_certain_orphan(driver)


def test_a_fifo_hangs_nothing(personality: str) -> None:
    """Reading it would wait for ever; the module looks first what it is."""
    with lab(personality, True) as sim:
        vm = make_vm(sim)
        folder = sim.repository_path / "VirtualMachines" / OTHER
        folder.mkdir()
        os.mkfifo(folder / "vm.cfg")
        sim.misbehave("fault", "get_vm_config", times=None, text="exceptions.IOError:no file")
        driver = connect(sim, ex_timeouts={"read": 3.0})
        came = attempt(driver.list_nodes)
        assert states(came.value)[ID] == NodeState.STOPPED
        assert any(OTHER in warning for warning in came.warnings)
        assert_kept(sim, vm, driver)


# ------------------------------------------------------------------ what its uuid and name are


UUIDS: dict[str, Any] = {
    "braces": "{" + ID.upper() + "}",
    "urn": f"urn:uuid:{ID}",
    "upper case": ID.upper(),
    "undashed": undashed(ID),
    "blanks": f" {ID} ",
    "a list": [ID],
    "a number": int(undashed(ID), 16),
    "colons": ":".join(undashed(ID)[n : n + 2] for n in range(0, 32, 2)),
}


@pytest.mark.parametrize("given", UUIDS.values(), ids=UUIDS)
def test_a_second_definition_in_another_spelling(sim: Simulator, driver: Any, given: Any) -> None:
    """It may be the same machine's: no deletion under it."""
    vm = make_vm(sim)
    put(sim, "copy", cfg(name="copy", uuid=given, memory=256, disk=[f"file:{vm.path},xvda,w"]))
    assert_kept(sim, vm, driver)
    assert vm.has_disk


@pytest.mark.parametrize("given", UUIDS.values(), ids=UUIDS)
def test_a_live_machine_in_another_spelling(sim: Simulator, driver: Any, given: Any) -> None:
    """xend takes every spelling: what runs by it is not started once more."""
    vm = make_vm(sim)
    start_by_hand(sim, vm, 1)
    file = vm.definition / "vm.cfg"
    file.write_text(file.read_text().replace(repr(ID), repr(given)))
    sim.calls.clear()
    nodes = attempt(driver.list_nodes).value
    for node in nodes:
        assert node.state != NodeState.STOPPED, (node.id, node.extra)
        attempt(driver.start_node, node)
    assert "start_vm" not in sent(sim)
    assert live(sim) == [ID]


def test_a_name_is_taken_by_whoever_has_it(personality: str, module: bool) -> None:
    """As xend's name, where there is no other."""
    with lab(personality, module, templates=1) as sim:
        put(sim, "one", cfg(name="web", uuid=ID, memory=256))
        driver = connect(sim)
        came = attempt(driver.create_node, "web", driver.list_sizes()[0], driver.list_images()[0])
        assert isinstance(came.error, NameTaken | PreconditionFailed)
        assert sent(sim) == []


# ------------------------------------------------------------------ how a path is written


def spellings(sim: Simulator, vm: Made) -> dict[str, str]:
    repository, name = sim.repository_id, vm.file.name
    dashed = f"{repository[:8]}-{repository[8:12]}-{repository[12:16]}-{repository[16:20]}"
    mount = f"{dashed}-{repository[20:]}"
    return {
        "two slashes": f"file:/OVS//Repositories/{repository}/VirtualDisks//{name},xvda,w",
        "dots": f"file:/OVS/./Repositories/{repository}/./VirtualDisks/{name},xvda,w",
        "up and down": f"file:{vm.path.replace('VirtualDisks', 'ISOs/../VirtualDisks')},xvda,w",
        "a slash at its end": f"file:{vm.path}/,xvda,w",
        "three slashes": f"file://{vm.path},xvda,w",
        "the plug-in's mount": f"file:/nfsmnt/{mount}/{name},xvda,w",
        "another prefix": f"file:/mnt/by-hand/{name},xvda,w",
        "upper case": f"file:{vm.path.replace(repository, repository.upper())},xvda,w",
        "file: twice": f"file:file:{vm.path},xvda,w",
        "phy": f"phy:{vm.path},xvda,w",
        "tap:aio": f"tap:aio:{vm.path},xvda,w",
        "tap2:aio": f"tap2:aio:{vm.path},xvda,w",
        "tap:tapdisk:aio": f"tap:tapdisk:aio:{vm.path},xvda,w",
        "vhd": f"tap:vhd:{vm.path},xvda,w",
        "backend=": f"format=raw, vdev=xvda, access=rw, target={vm.path}",
        "blanks": f" file: {vm.path} , xvda , w ",
        "quotes": f"'file:{vm.path}',xvda,w",
        "an url": f"nfs://filer/export/ovm-repository/VirtualDisks/{name}",
        "relative": f"file:../../VirtualDisks/{name},xvda,w",
        "nothing but its name": name,
        "upper scheme": f"FILE:{vm.path},xvda,w",
        "a mode that nobody knows": f"file:{vm.path},xvda,rw+",
    }


SPELLINGS = """two slashes|dots|up and down|a slash at its end|three slashes|the plug-in's mount
another prefix|upper case|file: twice|phy|tap:aio|tap2:aio|tap:tapdisk:aio|vhd|backend=|blanks
quotes|an url|relative|nothing but its name|upper scheme|a mode that nobody knows"""


@pytest.mark.parametrize("form", SPELLINGS.replace("\n", "|").split("|"))
def test_however_a_path_is_written_it_leads_to_the_file(
    sim: Simulator, driver: Any, form: str
) -> None:
    vm = make_vm(sim)
    other_vm(sim, disk=[spellings(sim, vm)[form]])
    assert_kept(sim, vm, driver)


OWN = ["two slashes", "dots", "three slashes", "tap:aio", "blanks"]


@pytest.mark.parametrize("form", OWN)
def test_its_own_disk_however_it_is_written(sim: Simulator, driver: Any, form: str) -> None:
    """Deleted, or kept with a word; never an untrue one."""
    vm = make_vm(sim)
    file = vm.definition / "vm.cfg"
    entry = f"file:{vm.path},xvda,w"
    file.write_text(file.read_text().replace(repr(entry), repr(spellings(sim, vm)[form])))
    came = attempt(driver.destroy_node, ID)
    assert not vm.file.exists() or vm.file.name in came.said
    assert not vm.file.exists() or vm.has_disk


ODD_FILES = ["{}, copy.img", "{} [1].img", "{}'s.img", '{}"x".img', "{}%20.img", "{};rm -rf x.img"]
ODD_FILES += [
    "{}\\.img",
    "{}$HOME.img",
    "{}*.img",
    "{}?.img",
    "{}\u00e9.img",
    "-{}.img",
    "{}:1.img",
]


@pytest.mark.parametrize("pattern", ODD_FILES)
def test_odd_names_of_files_are_theirs(sim: Simulator, driver: Any, pattern: str) -> None:
    """Its own disk has such a name: it goes or is kept with a word; the others stay."""
    name = pattern.format(undashed(ID))
    neighbours = [f"{undashed(ID)}.img", f"{undashed(ID)}x.img", undashed(ID)]
    folder = sim.repository_path / "VirtualDisks"
    for neighbour in neighbours:
        (folder / neighbour).write_bytes(DATA)
    vm = make_vm(sim, file_name=name)
    came = attempt(driver.destroy_node, ID)
    assert not vm.file.exists() or name in came.said, came
    assert [file for file in neighbours if not (folder / file).exists()] == []


@pytest.mark.parametrize("pattern", ODD_FILES)
def test_odd_names_of_files_in_another_vm_cfg(sim: Simulator, driver: Any, pattern: str) -> None:
    """A comma ends the path for xend's own reading; for ours it may belong to it."""
    vm = make_vm(sim, file_name=pattern.format(undashed(ID)))
    other_vm(sim, disk=[f"file:{vm.path},xvdb,w"])
    attempt(driver.destroy_node, ID)
    assert vm.has_disk


def test_a_disk_of_another_directory_of_machines(sim: Simulator, driver: Any) -> None:
    """Its vm.cfg names what lies in another VM's directory, under a name that carries its uuid."""
    other = make_vm(sim, "other", OTHER_ID)
    file = other.definition / f"{undashed(ID)}.img"
    file.write_bytes(DATA)
    path = f"/OVS/Repositories/{sim.repository_id}/VirtualMachines/{OTHER}/{file.name}"
    make_vm(sim, disk=[f"file:{path},xvda,w"])
    attempt(driver.destroy_node, ID)
    assert file.exists(), "it lies in the other's directory"
    assert other.is_whole


@pytest.mark.parametrize("where", ["ISOs", "Templates", "Assemblies"])
def test_what_it_names_outside_of_virtual_disks(sim: Simulator, driver: Any, where: str) -> None:
    """A template, an ISO, an assembly is nobody's own, whatever its name."""
    file = sim.repository_path / where / f"{undashed(ID)}.img"
    file.write_bytes(DATA)
    path = f"/OVS/Repositories/{sim.repository_id}/{where}/{file.name}"
    make_vm(sim, disk=[f"file:{path},xvda,w"])
    attempt(driver.destroy_node, ID)
    assert file.read_bytes() == DATA
