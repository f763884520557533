"""The commands for network cards of VMs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from libcloud_ovm3.simulator import Simulator
from tests.cli.running import on, options
from tests.operations.cards import SECOND, A, B, C, add_second_bridge, bridge_of, vifs
from tests.support import driver_for, quietly, simulate


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with simulate(2, vms=0, template_bytes=1 << 20) as simulator:
        add_second_bridge(simulator)
        simulator.add_vm("web-1", running_on=0, config=vifs(simulator, A))
        simulator.add_vm("db-1", config=vifs(simulator, A))
        yield simulator


def nics(sim: Simulator, name: str) -> list[dict[str, Any]]:
    found = json.loads(on(sim, "vm", "list-nics", name, "-o", "json").stdout)
    assert [one["id"] for one in found] == on(
        sim, "vm", "list-nics", name, "-o", "name"
    ).stdout.split()
    return list(found)


def fails(sim: Simulator, status: int, text: str, *arguments: str) -> None:
    done = on(sim, *arguments)
    assert done.exit_code == status, done.stderr
    assert text in done.stderr
    assert "ex_" not in done.stderr, "the text of an argument of Python"


def test_attached_changed_and_detached(sim: Simulator) -> None:
    node = quietly(driver_for(sim).ex_get_node_by_name, "web-1")
    done = on(sim, "vm", "attach-nic", "web-1", SECOND, "--mac", B)
    assert done.stdout == f"network card {B} on second was attached to web-1 ({node.id})\n"
    [_, second] = nics(sim, "web-1")
    assert second["id"] == f"{node.id}/{B}"
    assert (second["network"], second["is_live"], second["is_defined"]) == (SECOND, True, True)
    rows = [line.split("\t") for line in on(sim, "vm", "list-nics", "web-1").stdout.splitlines()]
    assert rows[0] == ["MAC address", "network", "type", "model", "addresses", "in", "id"]
    assert rows[2] == [B, SECOND, "-", "-", "-", "vm.cfg, live", second["id"]]
    done = on(sim, "vm", "update-nic", "web-1", B, "--network", bridge_of(sim), "--mac", C)
    assert done.stdout == f"web-1 ({node.id}) has network card {C} on {bridge_of(sim)} now\n"
    done = on(sim, "vm", "detach-nic", "web-1", f"{node.id}/{C}")
    assert done.stdout.endswith(f"/{C} was detached from web-1 ({node.id})\n")
    assert [one["mac"] for one in nics(sim, "web-1")] == [A]


def test_refused(sim: Simulator) -> None:
    fails(sim, 2, "needs a VM with hardware", "vm", "attach-nic", "db-1", SECOND, "--model", "e100")
    fails(sim, 2, "--mac", "vm", "update-nic", "db-1", A)
    fails(sim, 2, "--no-address", "vm", "update-nic", "db-1", A)
    fails(sim, 1, "has no network card", "vm", "detach-nic", "db-1", B)
    fails(sim, 2, "expected an IPv4", "vm", "attach-nic", "db-1", SECOND, "--address", "x")
    fails(sim, 2, "unknown label 'x'", "vm", "attach-nic", "db-1", "x:5")
    why = "Give one of them another MAC address (`ovm3 vm update-nic`), or use --force"
    fails(sim, 1, why, "vm", "start", "db-1")
    done = on(sim, "vm", "start", "db-1", "--force")
    assert "was started on" in done.stdout
    assert "only one of them can be reached" in done.stderr
    on(sim, "vm", "stop", "db-1", "--force")


def test_created_with_networks(sim: Simulator) -> None:
    create = ("vm", "create", "--image", "oracle-linux-6", "--size", "tiny")
    labels = [*options(sim), "--traffic-label", "guest=bond0"]
    cards = ("--network", "guest:60", "--network", f"{SECOND},mac={B}")
    done = on(sim, *create, "web-2", *cards, access=labels)
    assert done.exit_code == 0, done.stderr
    assert [one["network"] for one in nics(sim, "web-2")] == [f"{bridge_of(sim)}.60", SECOND]
    assert nics(sim, "web-2")[1]["mac"] == B
    default = [*labels, "--default-network", "guest"]
    on(sim, *create, "web-3", "--no-start", access=default)
    assert [one["network"] for one in nics(sim, "web-3")] == [bridge_of(sim)]
    on(sim, *create, "web-4", "--no-start", "--no-network", access=default)
    assert nics(sim, "web-4") == []
    fails(sim, 2, "contradict each other", *create, "web-5", "--no-network", *cards)
    fails(sim, 2, "--network: unknown color", *create, "web-5", "--network", f"{SECOND},color=red")
