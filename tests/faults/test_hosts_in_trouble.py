"""Hosts in trouble: the others are not affected, and no result is untrue."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from libcloud.compute.types import NodeState

from libcloud_ovm3.errors import NodeNotFound, PreconditionFailed
from libcloud_ovm3.simulator import Simulator
from tests.cli.running import address, invoke, pins
from tests.faults.support import (
    DOMAIN_0,
    ID,
    OTHER_ID,
    assert_kept,
    assert_refused,
    attempt,
    connect,
    lab,
    let_list,
    live,
    location,
    make_vm,
    record,
    sent,
    start_by_hand,
    states,
)
from tests.support import functions_of

TEXT = "exceptions.OSError:[Errno 116] Stale NFS file handle"
PLACEHOLDER = "03:00:02:00:04:00:05:00:00:06:00:07:00:08:00:09"  # N10: a mainboard maker's


# ------------------------------------------------------------------ 16, d_hang: repositories


@pytest.mark.parametrize("host", [0, 1])
def test_16_a_stale_mount_on_one_host(sim: Simulator, host: int) -> None:
    """What it cannot read another host can."""
    for number in range(6):
        sim.add_vm(f"vm{number}")
    sim.hosts[host].stale_repository()
    nodes = attempt(connect(sim).list_nodes).value
    assert [node.state for node in nodes] == [NodeState.STOPPED] * 6
    assert {node.name for node in nodes} == {f"vm{number}" for number in range(6)}


def test_16_a_node_is_started_on_the_host_that_has_it(
    sim: Simulator, driver: Any, module: bool
) -> None:
    make_vm(sim)
    if module:
        driver.ex_settle_node(ID)
    sim.hosts[1].stale_repository()
    assert attempt(driver.start_node, ID, ex_location=location(sim, 0)).value is True
    assert live(sim) == [ID]


def test_16_a_first_claim_waits_for_a_stale_mount(personality: str) -> None:
    """No host but itself can tell that it has nothing of the node."""
    with lab(personality, True) as sim:
        make_vm(sim)
        sim.hosts[1].stale_repository()
        driver = connect(sim)
        came = attempt(driver.start_node, ID, ex_location=location(sim, 0))
        assert isinstance(came.error, PreconditionFailed), came
        assert "ovm-2" in str(came.error)
        assert "start_vm" not in functions_of(sim)
        assert live(sim) == []
        sim.hosts[1].mount_repository()
        assert attempt(driver.start_node, ID, ex_location=location(sim, 0)).value is True
        assert live(sim) == [ID]


@pytest.mark.parametrize("kind", ["hang", "fault", "truncate"])
@pytest.mark.parametrize("with_module", [[0], True], ids=["one host", "both hosts"])
def test_d_a_module_that_fails_is_replaced_by_the_agent(
    personality: str, kind: str, with_module: Any
) -> None:
    """A repository that it cannot list is asked of the agent."""
    with lab(personality, with_module) as sim:
        vm = make_vm(sim)
        sim.misbehave(kind, "libcloud_repository", times=None, text="exceptions.Exception:x")
        driver = connect(sim)
        assert states(attempt(driver.list_nodes).value) == {ID: NodeState.STOPPED}
        assert attempt(driver.ex_get_node, ID).value.id == ID
        assert attempt(driver.ex_list_orphans).value == []
        assert vm.is_whole


@pytest.mark.parametrize("kind", ["hang", "truncate"])
def test_x_a_module_that_hangs_leaves_a_healthy_agent(personality: str, kind: str) -> None:
    with lab(personality, True) as sim:
        vm = make_vm(sim)
        start_by_hand(sim, vm, 1)
        sim.misbehave(kind, "libcloud_read_agent", times=None)
        came = attempt(connect(sim).list_nodes)
        assert came.error is None, came
        assert states(came.value) == {ID: NodeState.RUNNING}


@pytest.mark.parametrize("kind", ["hang", "fault"])
def test_x_a_module_without_holders_keeps_the_disk(personality: str, kind: str) -> None:
    """Half upgraded: it looks, and cannot tell who holds what."""
    with lab(personality, True) as sim:
        vm = make_vm(sim)
        text = 'exceptions.Exception:method "libcloud_file_holders" is not supported'
        sim.misbehave(kind, "libcloud_file_holders", times=None, host=1, text=text)
        came = attempt(connect(sim).destroy_node, ID)
        assert vm.has_disk, came
        assert came.error is not None or vm.file.name in came.said


def unlisted(sim: Simulator) -> str:
    """A repository that nobody can list, and a VM in it."""
    second = sim.add_repository("second")
    make_vm(sim, repository=second)
    for host in sim.hosts:
        host.stale.add(f"/OVS/Repositories/{second}")
    return second


def test_d_not_found_only_if_all_was_read(sim: Simulator, driver: Any) -> None:
    second = unlisted(sim)
    for action in (driver.ex_get_node, driver.start_node, driver.stop_node, driver.destroy_node):
        came = attempt(action, ID)
        assert came.error is not None
        assert not isinstance(came.error, NodeNotFound), came
        assert second in came.said
    came = attempt(driver.ex_get_node_by_name, "victim")
    assert not isinstance(came.error, NodeNotFound), came
    assert second in came.said
    assert attempt(driver.list_nodes, ex_strict=True).error is not None


def test_d_not_found_where_all_was_read(sim: Simulator, driver: Any) -> None:
    assert isinstance(attempt(driver.ex_get_node, ID).error, NodeNotFound)
    assert isinstance(attempt(driver.ex_get_node_by_name, "nobody").error, NodeNotFound)


def test_d_the_name_of_what_cannot_be_listed_is_not_free(personality: str, module: bool) -> None:
    with lab(personality, module, templates=1) as sim:
        unlisted(sim)
        driver = connect(sim)
        image = attempt(driver.list_images).value[0]
        came = attempt(driver.create_node, "victim", driver.list_sizes()[0], image)
        assert isinstance(came.error, PreconditionFailed)
        assert sent(sim) == []


# ------------------------------------------------------------------ g2, N10: two hosts of one id


def of_both(sim: Simulator, **options: Any) -> Any:
    return connect(sim, ex_hosts=[location(sim, n) for n in (0, 1)], host=None, **options)


@pytest.fixture
def alone(personality: str, module: bool) -> Iterator[Simulator]:
    """Two hosts in no pool, which nobody owns."""
    answers = {"changes on a host that nobody owns": "accepted"}
    with lab(personality, module, owner="", pool=False, answers=answers) as sim:
        yield sim


@pytest.mark.parametrize("with_address", [False, True], ids=["id", "id and address"])
def test_g2_two_hosts_of_one_id_are_two(alone: Simulator, with_address: bool) -> None:
    """Cloned boards: what the second runs is shown, or unknown; it is not started elsewhere."""
    sim = alone
    first, second = make_vm(sim, "first"), make_vm(sim, "second", OTHER_ID)
    start_by_hand(sim, first, 0)
    start_by_hand(sim, second, 1)
    texts = [connect(sim, n).connection.call("discover_server") for n in (0, 1)]
    ids = [re.search("<Unique_Id>(.*?)</Unique_Id>", text).group(1) for text in texts]  # type: ignore[union-attr]
    text = texts[1].replace(ids[1], ids[0])
    if with_address:
        places = [re.search("<Registered_IP>.*?<|<Registered_IP/>", text) for text in texts]
        here, there = (place.group(0) for place in places)  # type: ignore[union-attr]
        text = text.replace(there, here)
    sim.misbehave("answer", "discover_server", host=1, value=text, times=None)
    driver = of_both(sim)
    came = attempt(driver.list_nodes)
    assert came.error is None
    assert states(came.value).get(OTHER_ID) in (NodeState.RUNNING, NodeState.UNKNOWN), came
    assert any(sim.hosts[1].address in warning for warning in came.warnings), came
    sim.calls.clear()
    for node_id in (ID, OTHER_ID):
        attempt(driver.start_node, node_id)
    attempt(driver.destroy_node, OTHER_ID)
    assert sorted(live(sim)) == sorted([ID, OTHER_ID])
    assert sent(sim) == []
    assert second.is_whole


def test_n10_in_a_pool(personality: str, module: bool) -> None:
    """The advice is an id of its own for one of them; not: switch it off."""
    with lab(personality, module, hosts=3) as sim:
        for host in sim.hosts[:2]:
            host.uuid = PLACEHOLDER
        vm = make_vm(sim)
        start_by_hand(sim, vm, 1)
        came = attempt(connect(sim).list_nodes)
        assert states(came.value)[ID] in (NodeState.RUNNING, NodeState.UNKNOWN)
        assert attempt(connect(sim).start_node, ID).value is True or live(sim) == [ID]
        assert live(sim) == [ID]
        _, said = invoke("doctor", address(sim), *pins(sim), password=sim.password)
        assert sim.hosts[1].address in said
        assert "confirm that it is powered off" not in said


def test_g2_one_host_by_two_names_is_one(sim: Simulator) -> None:
    """The same certificate, the same id: a name and an address of one host."""
    vm = make_vm(sim)
    start_by_hand(sim, vm, 0)
    here = location(sim, 0)
    driver = connect(sim, ex_hosts=[here, here, location(sim, 1)], host=None)
    assert states(attempt(driver.list_nodes).value) == {ID: NodeState.RUNNING}


# ------------------------------------------------------------------ N19, N24


FAULT = (Path(__file__).parent / "cases" / "N19.fault.txt").read_text()
N19 = "exceptions.RuntimeError:" + FAULT.partition("RuntimeError'>:")[2].splitlines()[0]


def n19(sim: Simulator) -> tuple[Any, Any]:
    """The list of the host that was named faults because of one guest."""
    first, second = make_vm(sim, "sick"), make_vm(sim, "well", OTHER_ID)
    start_by_hand(sim, first, 0)
    start_by_hand(sim, second, 1)
    sim.hosts[0].inject("list faults")
    return first, second


def test_n19_other_hosts_vms_are_listed(personality: str) -> None:
    with lab(personality, False) as sim:
        n19(sim)
        came = attempt(connect(sim).list_nodes)
        assert came.error is None, came
        assert states(came.value)[OTHER_ID] == NodeState.RUNNING
        assert states(came.value).get(ID) in (NodeState.UNKNOWN, None)
        assert any(sim.hosts[0].address in warning for warning in came.warnings)


def test_n19_the_same_with_the_literal_fault(personality: str) -> None:
    with lab(personality, False) as sim:
        first, second = make_vm(sim, "sick"), make_vm(sim, "well", OTHER_ID)
        start_by_hand(sim, first, 0)
        start_by_hand(sim, second, 1)
        sim.misbehave("fault", "list_vms", host=0, times=None, text=N19)
        came = attempt(connect(sim).list_nodes)
        assert states(came.value)[OTHER_ID] == NodeState.RUNNING
        assert_refused(sim, connect(sim).start_node, ID)
        assert_kept(sim, first)


def test_n19_the_doctor_goes_on(sim: Simulator) -> None:
    """It says that xend's list fails there, and looks at the pool and the repositories."""
    n19(sim)
    _, said = invoke("doctor", address(sim), *pins(sim), password=sim.password)
    assert "nothing could be read" not in said
    assert sim.repository_id in said
    assert "pool" in said
    assert "Device 0 not connected" in said or "list_vms" in said


def test_n24_one_member_has_another_password(personality: str, module: bool) -> None:
    """That host's trouble is its password, and is called so."""
    with lab(personality, module, hosts=3) as sim:
        vm = make_vm(sim)
        start_by_hand(sim, vm, 2)
        sim.hosts[2].records["password"] = "another"
        came = attempt(connect(sim).list_nodes)
        assert states(came.value)[ID] == NodeState.UNKNOWN
        [warning] = [w for w in came.warnings if sim.hosts[2].address in w]
        assert "password" in warning
        assert "unreachable" not in warning
        said = assert_refused(sim, connect(sim).start_node, ID)
        assert "password" in said
        assert "unreachable" not in said
        _, said = invoke("doctor", address(sim), *pins(sim), password=sim.password)
        lines = [line for line in said.splitlines() if sim.hosts[2].address in line]
        assert any("password" in line for line in lines)
        assert "confirm that it is powered off" not in said


# ------------------------------------------------------------------ h: what the module can tell


CUT = 62  # characters that an old losetup shows of a file's name


def cut_names(vm: Any) -> dict[str, str]:
    share = "/nfsmnt/0a0a0a0a-0b0b-0c0c-0d0d-0e0e0e0e0e0e/VirtualDisks/" + vm.file.name
    return {
        "the same mount": vm.path[:CUT],
        "another mount": share[:CUT],
        "before the name": share[:50],
        "deleted": vm.path + " (deleted)",
        "whole": share,
    }


@pytest.mark.parametrize(
    "form", ["the same mount", "another mount", "before the name", "deleted", "whole"]
)
def test_h_a_name_that_was_cut_is_not_known(personality: str, form: str) -> None:
    with lab(personality, True) as sim:
        vm = make_vm(sim)
        path = cut_names(vm)[form]
        held = [{"kind": "loop", "device": "/dev/loop0", "path": path}]
        if len(path) < len(vm.path):
            held[0]["error"] = "losetup cuts names"
        sim.misbehave("answer", "libcloud_file_holders", host=1, times=None, value=held)
        came = attempt(connect(sim).destroy_node, ID)
        assert vm.has_disk, came
        assert came.error is not None or vm.file.name in came.said


HOST = """
import os, sys, tempfile
folder = tempfile.mkdtemp()
os.symlink(sys.argv[1], folder + "/libcloud_ovm3_host")
sys.path.insert(0, folder)
sys.dont_write_bytecode = True
from libcloud_ovm3_host import domains, errors
from libcloud_ovm3_host.rpc import Fault
ZERO, UUID = "00000000-0000-0000-0000-000000000000", "868a6627-c3b0-3d9b-aea4-f279cbaa253b"
class Xend:
    def domains_with_state(self, *_):
        if sys.argv[2] == "without":
            return [["domain", ["domid", 7], ["name", "x"], ["uuid", UUID]]]
        raise Fault(1, "Device 0 not connected")
    def domain(self, name, full):
        if name == ZERO:
            return ["domain", ["domid", 0], ["name", "Domain-0"], ["uuid", ZERO]]
        raise Fault(3, name)
class Dom0:
    def xend(self):
        return Xend()
    def run(self, words, seconds):
        listed = {"/vm": [ZERO, UUID], "/local/domain": ["0", "7"]}
        if words[0] == "xenstore-list" and words[1] in listed:
            return 0, ("\\n".join(listed[words[1]]) + "\\n").encode(), b""
        return 1, b"", b"no such thing"
try:
    found = domains.domains(Dom0())
except errors.Failed:
    print("not known")
else:
    print("missing" if found["missing"] else "all of them")
os.unlink(folder + "/libcloud_ovm3_host")
os.rmdir(folder)
"""


@pytest.mark.parametrize("case", ["denied", "without"])
def test_h_what_xenstore_has_and_xend_denies(case: str) -> None:
    """A running domain under /vm and /local/domain; xend says that there is none. And a list that
    lacks Domain-0.
    """
    hostside = os.path.abspath("hostside")
    done = subprocess.run(
        [sys.executable, "-c", HOST, hostside, case], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() in ("not known", "missing")


def test_h_a_record_of_the_module_without_domain_0(personality: str) -> None:
    """A list is no answer without it, wherever it comes from."""
    with lab(personality, True) as sim:
        make_vm(sim)
        sim.hosts[1].inject("list faults")
        value = {"domains": [record("other", OTHER_ID)], "missing": []}
        rule = sim.misbehave("answer", "libcloud_domains", host=1, times=None, value=value)
        said = assert_refused(sim, connect(sim).start_node, ID, ex_location=location(sim, 0))
        assert f"what {sim.hosts[1].hostname} " in said
        assert rule.hits
        assert live(sim) == []


def test_g1_domain_0_and_nobody_else_is_an_answer(sim: Simulator, driver: Any) -> None:
    make_vm(sim)
    let_list(sim, None, [DOMAIN_0])
    assert states(attempt(driver.list_nodes).value) == {ID: NodeState.STOPPED}
