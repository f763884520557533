"""How far the disks of a node that is being created are copied: what everybody sees."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from libcloud.compute.types import NodeState

from libcloud_ovm3.agent.config import VMConfig
from libcloud_ovm3.compute.records import vm_record
from libcloud_ovm3.errors import InvalidArgument, Ovm3Warning
from libcloud_ovm3.estate.copied import percent_of
from libcloud_ovm3.estate.creating import creating
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.simulator import Simulator
from tests.cli.running import on
from tests.operations.failures import NEW_NAME, create_new
from tests.support import calls_of, driver_for, simulate

SIZE = 1 << 20
VM_ID = "0004fb0000060000" + "ab" * 8


@pytest.fixture(params=[False, True], ids=["alone", "with the module"])
def sim(request: pytest.FixtureRequest) -> Any:
    with simulate(2, vms=0, template_bytes=SIZE, host_module=request.param) as simulator:
        yield simulator


def half_made(sim: Simulator, sizes: dict[str, int]) -> None:
    """What a client that is copying, or was killed, shows of a node."""
    folder = sim.repository_path / "VirtualMachines" / VM_ID
    folder.mkdir()
    description = creating("a" * 32, sizes)
    config = {"uuid": VM_ID, "name": VM_ID, "OVM_simple_name": "x", "memory": 256, "disk": []}
    lines = {**config, "OVM_description": description}.items()
    (folder / "vm.cfg").write_text("".join(f"{key} = {value!r}\n" for key, value in lines))


def disk(sim: Simulator, name: str) -> Path:
    return sim.repository_path / "VirtualDisks" / name


def copied(driver: Any) -> list[Any]:
    nodes = [*driver.list_nodes(), driver.ex_get_node(VM_ID), driver.ex_get_node_by_name("x")]
    assert {node.state for node in nodes} == {NodeState.PENDING}
    assert [vm_record(node)["copied_percent"] for node in nodes] == [
        node.extra["copied_percent"] for node in nodes
    ]
    return [node.extra["copied_percent"] for node in nodes]


def test_everybody_sees_how_far_it_is(sim: Simulator) -> None:
    """Of two disks: not begun, half of one (most of it a hole), all of it, more than all of it."""
    driver = driver_for(sim)
    driver.destroy_node(create_new(driver, driver.list_images()[0].id))  # mounts the export
    first, second = f"{VM_ID}.img", f"{VM_ID}-2.img"
    half_made(sim, {first: SIZE, second: SIZE})
    assert copied(driver) == 3 * [0]
    with disk(sim, first).open("wb") as file:
        file.truncate(SIZE // 2)
    assert copied(driver) == 3 * [25]
    assert "pending 25%" in on(sim, "vm", "list").stdout
    assert "25% of its disks" in on(sim, "vm", "show", "x").stdout
    for size, expected in ((SIZE, 50), (2 * SIZE, 50)):
        disk(sim, first).write_bytes(bytes(size))
        assert copied(driver) == 3 * [expected]
    disk(sim, second).write_bytes(bytes(SIZE - 1))
    assert copied(driver) == 3 * [99]


def test_what_is_not_known_is_no_figure(sim: Simulator) -> None:
    """Without the module nothing has mounted the export; an older mark has no sizes."""
    half_made(sim, {f"{VM_ID}.img": SIZE})
    disk(sim, f"{VM_ID}.img").write_bytes(bytes(SIZE // 2))
    driver = driver_for(sim)
    assert copied(driver) == 3 * [50 if driver.list_nodes()[0].extra["tags"] == [] else None]
    sim.misbehave("fault", "libcloud_list_files", times=99)
    sim.misbehave("fault", "discover_mounted_file_systems", times=99)
    assert copied(driver) == 3 * [None]
    (sim.repository_path / "VirtualMachines" / VM_ID / "vm.cfg").unlink()
    (sim.repository_path / "VirtualMachines" / VM_ID).rmdir()
    half_made(sim, {f"{VM_ID}.img": 0})
    sim.calls.clear()
    assert copied(driver) == 3 * [None]
    assert not calls_of(sim, "libcloud_list_files", "discover_mounted_file_systems")


def test_progress_is_told_while_the_agent_copies(sim: Simulator) -> None:
    driver, told, called = driver_for(sim), list[tuple[int, int]](), threading.Event()

    def tell(done: int, total: int) -> None:
        told.append((done, total))
        called.set()

    def wait(moment: str) -> None:
        assert moment == "after" or called.wait(60), "nothing was told during the copy"

    sim.misbehave("hook", "copy_file", hook=wait)
    node = create_new(driver, driver.list_images()[0].id, ex_progress=tell)
    assert told[0] == (0, SIZE)
    assert told[-1] == (SIZE, SIZE)
    assert told == sorted(told)
    assert "copied_percent" not in node.extra


def test_what_the_function_raises_changes_nothing(sim: Simulator) -> None:
    driver, told = driver_for(sim), list[int]()

    def tell(done: int, total: int) -> None:
        told.append(done)
        raise KeyError("mine")

    with pytest.warns(Ovm3Warning, match=r"ex_progress failed, and was not called again: KeyErr"):
        node = create_new(driver, driver.list_images()[0].id, ex_progress=tell)
    assert (node.name, node.state, len(told)) == (NEW_NAME, NodeState.RUNNING, 1)
    with pytest.raises(InvalidArgument, match="ex_progress: expected a function"):
        create_new(driver, driver.list_images()[0].id, ex_progress=5)


@given(
    st.lists(st.tuples(st.none() | st.integers(0, 1 << 50), st.integers(0, 1 << 50)), max_size=4)
)
def test_a_percentage_is_one_or_unknown(copies: list[tuple[int | None, int]]) -> None:
    found = percent_of(copies)
    if found is not None:
        assert 0 <= found <= 100
        assert (found == 100) == all(
            reached >= size for reached, size in copies if reached is not None
        )
    else:
        assert not sum(size for _, size in copies) or any(r is None for r, _ in copies)


@given(st.dictionaries(st.from_regex(r"[0-9a-f.\-]{1,40}\.(img|raw)", fullmatch=True),
                       st.integers(0, 1 << 50), max_size=4))  # fmt: skip
def test_the_mark_says_what_was_written(disks: dict[str, int]) -> None:
    config = VMConfig({"uuid": VM_ID, "OVM_description": creating("f" * 32, disks)})
    definition = Definition("r", VM_ID, config)
    assert definition.is_creating
    assert definition.unfinished_disks == tuple(disks)
    assert definition.unfinished_copies == {name: n for name, n in disks.items() if n}
