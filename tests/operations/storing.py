"""Operations on volumes, for their failure tables, and a pool to try them in."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

from libcloud_ovm3.estate.disk_names import origin_key
from tests.support import driver_for, quietly, simulate

NEW = "new one"
NEW_FILE = "VirtualDisks/new%20one."
MIB = 1 << 20
DATA = f"data.{'a' * 32}.img"
HALF = f"half.{'b' * 32}.of.{'c' * 32}.img"
MARK = f"{HALF}.creating"
NAMED = "named.img"  # with a recorded name, where the host module is

OPERATIONS: dict[str, Callable[[Any, str], Any]] = {
    "create": lambda driver, where: driver.create_volume(1, NEW),
    "from snapshot": lambda driver, where: driver.create_volume(
        None, NEW, snapshot=f"{where}/{snapshot_of(where)}"
    ),
    "grown": lambda driver, where: driver.create_volume(
        2, NEW, snapshot=f"{where}/{snapshot_of(where)}"
    ),
    "copy": lambda driver, where: driver.ex_copy_volume(f"{where}/VirtualDisks/{DATA}", NEW),
    "destroy": lambda driver, where: driver.destroy_volume(f"{where}/VirtualDisks/{DATA}"),
    "clear": lambda driver, where: driver.destroy_volume(f"{where}/VirtualDisks/{HALF}"),
    "forget": lambda driver, where: driver.destroy_volume(f"{where}/VirtualDisks/{NAMED}"),
    "grow": lambda driver, where: driver.ex_resize_volume(f"{where}/VirtualDisks/{DATA}", 2),
    "rename": lambda driver, where: driver.ex_rename_volume(f"{where}/VirtualDisks/{DATA}", NEW),
}
ALONE = ("create", "from snapshot", "copy", "destroy", "clear")  # what goes without the host module
SUBJECT = {  # what may go, or change
    "destroy": [DATA],
    "clear": [HALF, MARK],
    "forget": [NAMED],
    "grow": [DATA],
}


def act(driver: Any, operation: str, where: str) -> Any:
    """One of the operations.

    :param where: the repository.
    """
    return OPERATIONS[operation](driver, where)


def snapshot_of(repository_id: str) -> str:
    key = origin_key(f"{repository_id}/VirtualDisks/{DATA}")
    return f"VirtualDisks/before.{'d' * 32}.snapshot.{key}.20261129T024400Z.img"


@contextmanager
def make_sim(personality: str, host_module: bool) -> Any:
    """A simulator with a volume, a snapshot of it, and half a copy."""
    options = {"personality": personality, "host_module": host_module}
    with simulate(hosts=2, vms=1, templates=0, **options) as sim:
        disks = sim.repository_path / "VirtualDisks"
        (disks / DATA).write_bytes(b"data" * 1000)
        (sim.repository_path / snapshot_of(sim.repository_id)).write_bytes(b"old" * 1000)
        (disks / HALF).write_bytes(b"half")
        (disks / MARK).write_bytes(bytes(512))
        (disks / NAMED).write_bytes(b"named" * 1000)
        if host_module:
            quietly(
                driver_for(sim).ex_rename_volume, f"{sim.repository_id}/VirtualDisks/{NAMED}", "old"
            )
        yield sim
