"""Operations on images, for their failure tables, and a pool to try them in."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from libcloud_ovm3.simulator import Simulator
from tests.operations.failures import NEW_NAME
from tests.operations.templates import fill, make_disk, make_template
from tests.support import simulate

NODES = {
    "off": "0004fb00-0006-0000-0000-00000000000f",
    "on": "0004fb00-0006-0000-0000-00000000000a",
}
TEMPLATE, HALF = "0004fb00000600000000000000000001", "b" * 32
RAW = "Templates/oracle-linux-6.raw"
FILES = {  # of what the operations are about, by whether the host module is there
    "delete": {
        False: [RAW],
        True: [
            f"Templates/{TEMPLATE}/vm.cfg",
            f"Templates/{TEMPLATE}/beside.img",
            "VirtualDisks/t-system.img",
            "VirtualDisks/t-data.img",
        ],
    },
    "clear": {
        False: [f"Templates/half.{HALF}.img", f"Templates/half.{HALF}.img.creating"],
        True: [f"Templates/{HALF}/vm.cfg.creating", f"Templates/{HALF}/{HALF}-disk.img"],
    },
}


def image_of(where: str, operation: str, host_module: bool) -> str:
    names = {
        ("clear", False): f"Templates/half.{HALF}.img",
        ("clear", True): f"Templates/{HALF}",
        ("delete", False): RAW,
        ("copy", False): RAW,
    }
    return f"{where}/{names.get((operation, host_module), f'Templates/{TEMPLATE}')}"


def act(driver: Any, operation: str, where: str, host_module: bool) -> Any:
    """One of the operations.

    :param where: the repository.
    """
    image = image_of(where, operation, host_module)
    if operation in ("create", "paused"):
        node = NODES["off" if operation == "create" else "on"]
        return driver.create_image(node, "new", ex_pause=operation == "paused")
    if operation == "copy":
        return driver.copy_image(where, image, "new", ex_repository=where)
    if operation == "node":
        return driver.create_node(NEW_NAME, "tiny", image, ex_start=False)
    return driver.delete_image(image)


OPERATIONS = ("create", "paused", "copy", "delete", "clear", "node")


@contextlib.contextmanager
def make_sim(personality: str, host_module: bool) -> Iterator[Simulator]:
    """Two nodes, one of them running; two templates, and what is left of two."""
    options: dict[str, Any] = {"personality": personality, "host_module": host_module}
    with simulate(hosts=2, vms=0, templates=1, template_bytes=1 << 20, **options) as sim:
        count = 2 if host_module else 1  # without it a node with two disks cannot be a template
        for name, node_id in NODES.items():
            disks = [f"file:{make_disk(sim, f'{name}{n}.img')},xvd{n},w" for n in "ab"[:count]]
            runs_on = 0 if name == "on" else None
            sim.add_vm(name, uuid=node_id, running_on=runs_on, config={"disk": disks})
        disks = [f"file:{make_disk(sim, f't-{n}.img')},xvda,w" for n in ("system", "data")]
        make_template(sim, TEMPLATE, disk=[disks[0], disks[1].replace("xvda", "xvdb")])
        templates = sim.repository_path / "Templates"
        (templates / HALF).mkdir()
        for operation in ("delete", "clear"):
            for files in FILES[operation].values():
                for file in files:
                    if not (sim.repository_path / file).exists():
                        fill(sim.repository_path / file)
        yield sim
