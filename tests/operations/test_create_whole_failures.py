"""create_node with everything at once: each call of it that changes something, times everything
that can happen to it.

The host module makes what is asked for: two copied disks, of which one grows, a volume, an ISO, a
seed, a card on a VLAN with a static address, metadata, tags, and a key. It is complete with all of
that, or nothing of it is there, or what is left is named and goes with the node.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from libcloud_ovm3.errors import OperationIncomplete, Ovm3Error
from libcloud_ovm3.simulator import Simulator
from tests.guests import seeds_in
from tests.operations.attaching import add_disk
from tests.operations.failures import (
    FAILURES,
    NEW_NAME,
    WRITES,
    Step,
    check_sent_once,
    check_what_is_left,
    files_of,
    land,
    misbehave,
    steps_of,
)
from tests.operations.once import once_a_run
from tests.operations.templates import make_disk, make_template
from tests.support import (
    CHANGE,
    PERSONALITIES,
    calls_of,
    driver_for,
    give_up_at_once,
    quietly,
    simulate,
)


def make_sim(personality: str) -> Simulator:
    return simulate(2, vms=0, personality=personality, host_module=True)


def prepared(sim: Simulator) -> dict[str, Any]:
    """What create_node is called with."""
    disks = [f"file:{make_disk(sim, f'{name}.img')},{name},w" for name in ("xvda", "xvdb")]
    iso = f"{sim.repository_id}/ISOs/oracle-linux-6-boot.iso"
    return {
        "name": NEW_NAME,
        "size": "tiny",
        "image": make_template(sim, disk=disks),
        "ex_disk_gb": 1,
        "ex_volumes": [add_disk(sim)],
        "ex_iso": iso,
        "ex_userdata": "#!/bin/sh\n",
        "ex_networks": [{"network": "guest:160", "address": "192.0.2.10/24"}],
        "ex_metadata": {"owner": "me"},
        "ex_tags": ["blue"],
        "ex_description": "all of it",
        "ex_idempotency_key": "order 4711",
    }


def client(sim: Simulator) -> Any:
    return driver_for(sim, ex_traffic_labels={"guest": "bond0"}, ex_watch_dhcp=True)


def check_whole(node: Any) -> None:
    extra = node.extra
    assert (len(extra["disks"]), len(extra["cdroms"])) == (3, 2)
    assert (extra["metadata"], extra["tags"]) == ({"owner": "me"}, ["blue"])
    assert (node.private_ips, extra["description"]) == (["192.0.2.10"], "all of it")


def recorded(sim: Simulator) -> dict[str, Any]:
    """What is recorded of nodes beside their definitions."""
    found: dict[str, Any] = {}
    for name in ("addresses", "metadata"):
        folder = sim.repository_path / ".libcloud-ovm3/documents" / name
        newest = max(folder.glob("*"), key=lambda file: int(file.name), default=None)
        if newest is not None:
            found |= json.loads(newest.read_text().partition("\n")[2])[name]
    return found


@once_a_run
def create_steps() -> list[Step]:
    """The calls of an undisturbed creation that change something."""
    with make_sim("plain") as sim:
        given, driver = prepared(sim), client(sim)
        sim.calls.clear()
        check_whole(quietly(driver.create_node, **given))
        return [step for step in steps_of(calls_of(sim)) if step.function in WRITES]


STEPS = create_steps()


def test_the_table_has_all_steps() -> None:
    assert [step.function for step in STEPS] == [
        "storage_plugin_mount",
        CHANGE,
        "copy_file",
        "copy_file",
        "libcloud_grow_file",
        "libcloud_write_seed",
        "libcloud_write_document",
        "libcloud_write_document",
        CHANGE,
        "libcloud_take_bridge",
        "libcloud_watch_dhcp",
        CHANGE,
    ]


@pytest.mark.parametrize("personality", PERSONALITIES)
@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("step", STEPS, ids=str)
def test_create_node_with_everything(
    step: Step, failure: str, personality: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_up_at_once(monkeypatch)
    with make_sim(personality) as sim:
        given, driver = prepared(sim), client(sim)
        before = files_of(sim)
        sim.calls.clear()
        rule = misbehave(sim, failure, step)
        error = None
        try:
            check_whole(quietly(driver.create_node, **given))
        except Ovm3Error as caught:
            error = caught
        assert rule.hits, "the call that was to fail never came"
        check_sent_once(sim)
        land(sim)
        there = {node.name: node for node in quietly(driver.list_nodes)}.get(NEW_NAME)
        if error is None:
            check_whole(there)
        elif there is None and not isinstance(error, OperationIncomplete):
            assert (seeds_in(sim), recorded(sim)) == ([], {})
        check_what_is_left(sim, before, error, files_of)
        if there is not None:
            assert (seeds_in(sim), recorded(sim)) == ([], {})
