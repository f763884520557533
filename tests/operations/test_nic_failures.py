"""ex_attach_nic, ex_detach_nic, ex_update_nic: every agent call, times what can happen to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest

from libcloud_ovm3.errors import OperationIncomplete, Ovm3Error
from libcloud_ovm3.operations import doors
from libcloud_ovm3.simulator import Simulator, network
from tests.operations.cards import A, B, C, bridge_of, defined, live, macs, vifs
from tests.operations.dying import killed_in
from tests.operations.failures import (
    FAILURES,
    KILLS,
    READ_FAILURES,
    WRITES,
    Step,
    change_with_failure,
    steps_of,
)
from tests.operations.once import once_a_run
from tests.operations.test_attach_failures import others, write_of
from tests.support import PERSONALITIES, calls_of, fingerprints_of, quietly, simulate
from tests.system.disk_clients import plain_driver

NAME, VLAN = "subject", 77
VERSIONS = ("3.2.1", "3.3.3")  # their agents answer with other words


class Variant(NamedTuple):
    """What is done to a node with the cards A and B, and where.

    :ivar version: that of the agent.
    :ivar action: ``attach`` a card C on a bridge over a VLAN that is to be made, ``detach`` the
        card B, or ``update`` it to the MAC C on that bridge.
    """

    action: str
    is_running: bool
    host_module: bool
    version: str

    def __str__(self) -> str:
        node = "running" if self.is_running else "stopped"
        by = "by module" if self.host_module else "by agent"
        return f"{self.action}-{node}-{by}-{self.version}"


VARIANTS = [
    Variant(action, is_running, host_module, version)
    for action in ("attach", "detach", "update")
    for is_running in (True, False)
    for host_module in (False, True)
    for version in VERSIONS
]
AFTER = {"attach": [A, B, C], "detach": [A], "update": [A, C]}


@contextmanager
def make_sim(personality: str, variant: Variant) -> Iterator[Simulator]:
    options: dict[str, Any] = {"personality": personality, "host_module": variant.host_module}
    options |= {"version": variant.version, "secure": False}  # TLS takes most of the time
    with simulate(1, vms=0, templates=0, **options) as sim:
        sim.add_vm(NAME, running_on=0 if variant.is_running else None, config=vifs(sim, A, B))
        yield sim


def act(sim: Simulator, action: str) -> Any:
    driver = plain_driver(sim)
    node = driver.ex_get_node_by_name(NAME)
    bridge = f"{bridge_of(sim)}.{VLAN}"
    sim.calls.clear()
    if action == "attach":
        return quietly(driver.ex_attach_nic, node, bridge, ex_mac=C)
    if action == "detach":
        return quietly(driver.ex_detach_nic, node, B)
    return quietly(driver.ex_update_nic, node, B, ex_network=bridge, ex_mac=C)


@once_a_run
def steps(variant: Variant) -> list[Step]:
    with make_sim("plain", variant) as sim:
        act(sim, variant.action)
        return steps_of(calls_of(sim))


STEPS = {variant: steps(variant) for variant in VARIANTS if variant.is_running}


def failures_of(variant: Variant) -> list[Any]:
    """The writes with all that can happen to them, both personalities; of a stopped VM it is one.
    Reads with one failure each: what they bring is kept apart from what they do not by what other
    operations use, too.
    """
    found = []
    for number, step in enumerate(STEPS.get(variant, [Step(None, write_of(variant.host_module))])):
        is_write = step.function in WRITES
        names = FAILURES if is_write else READ_FAILURES[number % len(READ_FAILURES) :][:1]
        by = PERSONALITIES if is_write else PERSONALITIES[number % len(PERSONALITIES) :][:1]
        found += [(step, failure, one) for failure in names for one in by]
    return found


ROWS = [
    pytest.param(variant, *row, id="-".join(map(str, (variant, *row))))
    for variant in VARIANTS
    for row in failures_of(variant)
]


def test_the_table_has_the_writes() -> None:
    for variant, found in STEPS.items():
        writes = [step.function for step in found if step.function in WRITES]
        own = writes.count(write_of(variant.host_module))
        assert own == (2 if variant.action == "update" else 1), variant
        bridge = "libcloud_take_bridge" if variant.host_module else "ovs_vlan_bridge"
        assert (bridge in writes) is (variant.action != "detach")
        records = writes.count("libcloud_write_document")
        assert records == (2 if variant.host_module and variant.action == "update" else 0), variant


@pytest.mark.parametrize(("variant", "step", "failure", "personality"), ROWS)
def test_a_call_fails(variant: Variant, step: Step, failure: str, personality: str) -> None:
    with make_sim(personality, variant) as sim:
        node = plain_driver(sim).ex_get_node_by_name(NAME)
        before = fingerprints_of(sim.repository_path)
        error, sent = change_with_failure(sim, failure, step, lambda: act(sim, variant.action))
        check(sim, node, before, error, variant)
    most = 3 if variant.action == "update" else 2
    assert len(sent) <= most, "no more than the requests, and what takes them back"


def check(
    sim: Simulator, node: Any, before: dict[str, str], error: Ovm3Error | None, variant: Variant
) -> None:
    file = f"VirtualMachines/{node.extra['directory']}/vm.cfg"
    now = fingerprints_of(sim.repository_path)
    assert others(now, file) == others(before, file), "another file was touched"
    check_lost_cards(sim, node, variant)
    in_file, in_domain = macs(defined(sim, node)), macs(live(sim, node))
    assert bool(in_domain) is variant.is_running
    alike = sorted(map(str, in_file)) == sorted(map(str, in_domain)) or not variant.is_running
    after = AFTER[variant.action]
    if error is None:
        assert in_file == after, "said to be done, and is not"
        assert alike
    elif isinstance(error, OperationIncomplete):
        assert node.id in error.left or in_file == [A, B]
        assert in_file in ([A, B], after, [A]), "a card that nobody has asked for, or A is gone"
        assert alike, "half of it"
    else:
        assert in_file == [A, B], f"{error!r} says that nothing has changed"
        assert alike
        has_bridge = f"{bridge_of(sim)}.{VLAN}" in network.bridges(sim.hosts[0])
        assert not (variant.host_module and has_bridge), "a bridge that nobody needs"
    if variant.is_running and variant.action != "detach" and in_file == after:
        assert f"{bridge_of(sim)}.{VLAN}" in network.bridges(sim.hosts[0])
    if in_file == [A, B] and not (variant.is_running and variant.action == "update"):
        assert act(sim, variant.action), "it can be repeated"
        assert macs(defined(sim, node)) == after


def check_lost_cards(sim: Simulator, node: Any, variant: Variant) -> None:
    """With the module a card that an update has detached, and not attached again, is listed; and
    nothing else is.
    """
    found = quietly(plain_driver(sim).ex_get_node, node.id).extra.get("missing_nics", [])
    is_lost = variant.action == "update" and macs(defined(sim, node)) == [A]
    expected = [B] if is_lost and variant.is_running and variant.host_module else []
    assert [one["mac"] for one in found] == expected


@pytest.mark.parametrize("personality", PERSONALITIES)
@pytest.mark.parametrize("variant", VARIANTS, ids=str)
@pytest.mark.parametrize("when", KILLS)
def test_the_client_dies(when: str, variant: Variant, personality: str) -> None:
    with make_sim(personality, variant) as sim:
        node = plain_driver(sim).ex_get_node_by_name(NAME)
        with killed_in(doors, "change_definition", when):
            act(sim, variant.action)
        left = macs(defined(sim, node))
        assert left in ([A, B], AFTER[variant.action], [A])
        assert not variant.is_running or macs(live(sim, node)) == left
        nics = [one.mac for one in quietly(plain_driver(sim).ex_list_nics, node)]
        assert nics == left, "what there is can be seen"
        check_lost_cards(sim, node, variant)
