"""The commands that change what a VM is, and the report of pins."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator

import pytest

from libcloud_ovm3.simulator import Simulator
from tests.cli.running import on
from tests.cli.test_vm_nics import fails
from tests.operations.test_node_settings import HVM, SIZE
from tests.support import driver_for, quietly, simulate


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with simulate(2, vms=0, templates=0) as simulator:
        simulator.add_vm("web-1", running_on=0, config=SIZE)
        simulator.add_vm("db-1", config={**SIZE, **HVM})
        yield simulator


def test_changed(sim: Simulator) -> None:
    web = quietly(driver_for(sim).ex_get_node_by_name, "web-1").id
    db = quietly(driver_for(sim).ex_get_node_by_name, "db-1").id
    done = on(sim, "vm", "resize", "web-1", "--memory", "768", "--cpu-cap", "50")
    has = "768 of 1024 MB, 2 of 4 CPUs, weight 27500, cap 50%"
    assert done.stdout == f"web-1 ({web}) has {has}\n  live: {has}\n"
    done = on(sim, "vm", "resize", "db-1", "--size", "medium", "--max-cpus", "8")
    assert done.stdout.endswith("2048 of 2048 MB, 2 of 8 CPUs, weight 27500, no cap\n")
    done = on(sim, "vm", "pin", "web-1", "1")
    assert done.stdout == f"web-1 ({web}): pinned to CPUs 1\n"
    done = on(sim, "vm", "rename", "db-1", "db-2")
    assert done.stdout == f"db-1 ({db}) is db-2 ({db}) now\n"
    assert on(sim, "vm", "set", "db-2", "--boot-order", "dc", "--description", "x").exit_code == 0
    [shown] = [one for one in json.loads(on(sim, "vm", "list", "-o", "json").stdout)
               if one["id"] == web]  # fmt: skip
    assert shown["settings"]["live"]["cpus"] == "1"
    lines = on(sim, "vm", "show", "web-1").stdout.splitlines()
    assert {"pinned to     CPUs 1", "cap           50% of a CPU"} <= {*lines}, lines


def test_refused(sim: Simulator) -> None:
    fails(sim, 2, "expected a size, --memory, --cpus, --max-memory", "vm", "resize", "web-1")
    fails(sim, 2, "--boot-order 'x'", "vm", "set", "web-1", "--boot-order", "x")
    fails(sim, 1, "there is no CPU 7", "vm", "pin", "web-1", "7")
    fails(sim, 1, "--memory 9999", "vm", "resize", "web-1", "--memory", "9999")


def test_the_report_of_pins(sim: Simulator) -> None:
    on(sim, "vm", "pin", "web-1", "1")
    found = json.loads(on(sim, "pinning", "-o", "json").stdout)
    assert [one["counted_cpus"] for one in found] == [1, 0, 0]
    rows = list(csv.DictReader(on(sim, "pinning", "-o", "csv").stdout.splitlines()))
    assert [(row["vm_name"], row["vm_live_cpus"], row["vm_is_pinned"]) for row in rows][:2] == [
        ("web-1", "1", "True"), ("", "", ""),
    ]  # fmt: skip
    table = [line.split("\t") for line in on(sim, "pinning").stdout.splitlines()]
    assert table[1][1:7] == ["1 of 2", "web-1", "running", "1", "1", "yes"]
    assert table[-1][0] == "(none)"
    assert table[-1][-1] == "its vm.cfg does not pin it"
