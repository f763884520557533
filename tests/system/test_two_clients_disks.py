"""Two clients change disks at once, in random ways, while calls fail: nothing is lost.

Each step is one action of each client, both at once, or one in the middle of the other. After it
:mod:`.disk_model` reads the files and the domains. With the host module everything has to hold for
two clients, without it for one; for two without it, that no content is lost and each vm.cfg can be
read (docs/guarantees.md has what else may happen to them).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from libcloud_ovm3.operations import attach_disk
from libcloud_ovm3.simulator import vmcfg
from tests.support import CHANGE, PERSONALITIES, quietly
from tests.system.disk_clients import (
    MIB,
    NODES,
    Action,
    Clients,
    Done,
    Meeting,
    Target,
    Trouble,
    estate,
    mortal_doors,
    plain_driver,
)
from tests.system.disk_model import Model

VERBS = (
    *("attach",) * 4,
    *("detach",) * 4,
    *("snapshot",) * 3,
    *("destroy",) * 2,
    *("revert",) * 3,
    *("start",) * 2,
    *("stop",) * 2,
    *("create", "create_from", "copy", "resize", "destroy_snapshot", "resume"),
)
ACTIONS = st.builds(
    Action,
    st.sampled_from(VERBS),
    node=st.integers(0, len(NODES) - 1),
    disk=st.integers(0, 3),
    is_shared=st.booleans(),
)
FAILURES = ("fault", "fault_after", "drop_before", "drop_after", "hang", "delayed")
OF_BOTH = ("start_vm", "stop_vm", "pause_vm", "unpause_vm")
OF_MODULE = (
    CHANGE,
    "libcloud_create_file",
    "libcloud_delete_file",
    "libcloud_rename_file",
    "libcloud_start_job",
    "libcloud_grow_file",
    "libcloud_set_aside",
    "libcloud_put_back",
    "libcloud_delete_aside",
)
OF_AGENT = ("configure_vm", "copy_file", "storage_plugin_create", "storage_plugin_destroy")
# With the module it calls those of the agent, one of which may have to end before the next begins.
READS = ("list_vms", "get_vm_config", "discover_repositories")
MODULE_READS = ("libcloud_repository", "libcloud_file_holders", "libcloud_read_agent")
MOST = 6  # volumes, and snapshots


def troubles(functions: tuple[str, ...]) -> st.SearchStrategy[Trouble | None]:
    failing = st.builds(
        Trouble,
        st.sampled_from(FAILURES),
        st.sampled_from(functions),
        st.integers(1, 2),
        st.sampled_from([None, None, 1.0, 30.0]),
    )
    killing = st.builds(Trouble, st.just("kill"), nth=st.integers(0, 9))
    return st.one_of(st.none(), st.none(), failing, failing, killing)


def meetings(functions: tuple[str, ...]) -> st.SearchStrategy[Meeting | None]:
    moments = st.sampled_from(["before", "after"])
    at_writes = st.builds(Meeting, st.sampled_from(functions), st.integers(1, 2), moments)
    at_any = st.builds(Meeting, st.just("*"), st.integers(1, 60), moments)
    return st.one_of(st.none(), at_any, at_writes)


def machine(host_module: bool, clients: int) -> type[RuleBasedStateMachine]:
    """A state machine of one or two clients, with the host module on all hosts or on none."""
    writes = OF_BOTH + (OF_MODULE if host_module else OF_AGENT)
    reads = MODULE_READS if host_module else READS

    class Disks(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.stack = ExitStack()
            self.log: list[str] = []

        @initialize(
            personality=st.sampled_from(PERSONALITIES),
            hosts=st.tuples(st.integers(0, 2), st.integers(0, 2)),
        )
        def set_up(self, personality: str, hosts: tuple[int, int]) -> None:
            self.sim = self.stack.enter_context(estate(host_module, personality))
            self.stack.enter_context(mortal_doors())
            driver = plain_driver(self.sim)
            nodes = {node.name: node.id for node in quietly(driver.list_nodes)}
            self.model = Model(self.sim, nodes, host_module or clients == 1)
            self.clients = Clients(self.sim, hosts, self.model.guest_writes)
            made = [driver.create_volume(None, f"v{n}", ex_size_bytes=MIB) for n in range(4)]
            for volume in made:
                path = volume.id.partition("/")[2]
                self.model.contents[path] = ""
                self.model.write(path)
            for node, number, mode in [(0, 0, "w"), (2, 1, "w"), (0, 2, "w!"), (1, 2, "w!")]:
                quietly(driver.attach_volume, nodes[NODES[node]], made[number], ex_mode=mode)
            self.log.append(f"{personality}, clients at hosts {hosts}")

        @rule(
            first=ACTIONS,
            second=ACTIONS,
            is_same=st.sampled_from([True, True, True, False]),
            meeting=meetings(writes + reads),
            trouble=troubles(writes),
        )
        def step(
            self,
            first: Action,
            second: Action,
            is_same: bool,
            meeting: Meeting | None,
            trouble: Trouble | None,
        ) -> None:
            self.model.begin()
            if is_same:  # one disk: that is where they meet
                second = replace(second, disk=first.disk)
            targets = [self.target(one) for one in (first, second)[:clients]]
            self.log.append(f"{meeting} {trouble} {targets}")
            begin = len(self.sim.calls)
            done = self.clients.run(targets, meeting, trouble)
            self.log[-1] = f"{meeting} {trouble}: " + " | ".join(map(str, done))
            self.sim.wait(200)  # jobs go on, guests let go
            try:
                self.model.check(done)
            except AssertionError as error:
                calls = [f"{call.function}@{call.host_index}" for call in self.sim.calls[begin:]]
                history = "\n  ".join(self.log)
                raise AssertionError(f"{error}\n  {history}\n{' '.join(calls)}") from error

        def target(self, action: Action) -> Target:
            """What an action is about, by what there is now."""
            verb, node = action.verb, NODES[action.node]
            volumes, snapshots = self.model.volumes, self.model.snapshots
            if verb in ("destroy", "destroy_snapshot") and len(volumes) < 3:
                verb = "create"
            if verb in ("create", "create_from", "copy") and len(volumes) >= MOST:
                verb = "destroy"
            if verb == "snapshot" and len(snapshots) >= MOST:
                verb = "destroy_snapshot"
            volume = volumes[action.disk % len(volumes)]
            snapshot = ""
            if verb == "revert":
                reverted = [one for one in volumes if self.model.snapshots_of(one)]
                if reverted:
                    volume = reverted[action.disk % len(reverted)]
                    snapshots = self.model.snapshots_of(volume)
            if verb in ("revert", "create_from", "destroy_snapshot") and not snapshots:
                verb = "snapshot"
            elif verb in ("revert", "create_from", "destroy_snapshot"):
                snapshot = snapshots[action.node % len(snapshots)]
            has_node = verb in ("attach", "start", "stop", "resume")
            has_node |= verb == "detach" and action.is_shared
            has_disk = verb not in ("create", "create_from", "destroy_snapshot", "start", "stop")
            has_disk &= verb != "resume"
            return Target(
                verb,
                node if has_node else "",
                self.model.ids[node] if has_node else "",
                volume if has_disk else "",
                snapshot,
                action.is_shared,
                self.model.size(volume) + 65536,
            )

        def teardown(self) -> None:
            self.stack.close()

    return Disks


def run(host_module: bool, clients: int, examples: int, steps: int) -> None:
    """No shrinking: threads do not repeat themselves, and a failure says what has happened."""
    options: dict[str, Any] = {
        "max_examples": examples,
        "stateful_step_count": steps,
        "deadline": None,
        "phases": [Phase.generate],
        "suppress_health_check": list(HealthCheck),
        "database": None,
    }
    run_state_machine_as_test(machine(host_module, clients), settings=settings(**options))


WAYS = [  # with the host module? clients, and how much of all steps
    pytest.param(True, 2, 7, id="module-two clients"),
    pytest.param(False, 1, 2, id="alone-one client"),
    pytest.param(False, 2, 1, id="alone-two clients"),
]


@pytest.mark.tables
@pytest.mark.parametrize(("host_module", "clients", "share"), WAYS)
def test_two_hundred_steps(host_module: bool, clients: int, share: int) -> None:
    run(host_module, clients, share, 20)


@pytest.mark.soak
@pytest.mark.parametrize("part", range(10))  # so that several processes can share them
@pytest.mark.parametrize(("host_module", "clients", "share"), WAYS)
def test_ten_thousand_steps(host_module: bool, clients: int, share: int, part: int) -> None:
    run(host_module, clients, share * 2, 50)


# ------------------------------------------------------------------ what the model sees


def lose(model: Model, path: str) -> None:
    (model.sim.repository_path / path).unlink()


def overwrite(model: Model, path: str) -> None:
    (model.sim.repository_path / path).write_bytes(b"something else")


def leave_a_mark(model: Model, path: str) -> None:
    (model.sim.repository_path / f"{path}.creating").write_bytes(b"")


def set_aside(model: Model, path: str) -> None:
    file = model.sim.repository_path / ".libcloud-ovm3/aside" / ("a" * 32) / ("b" * 32) / path
    file.parent.mkdir(parents=True)
    (model.sim.repository_path / path).rename(file)


def change_vm_cfg(model: Model, node: str, **options: Any) -> None:
    directory = model.ids[node].replace("-", "")
    file = model.sim.repository_path / "VirtualMachines" / directory / "vm.cfg"
    vmcfg.write(file, {**vmcfg.read(file), **options})


def change_an_option(model: Model, path: str) -> None:
    change_vm_cfg(model, "three", x_note="another")


def attach_to_two(model: Model, path: str) -> None:
    entry = f"file:/OVS/Repositories/{model.sim.repository_id}/{path},xvdq,w"
    for node in ("one", "three"):
        change_vm_cfg(model, node, disk=[*model.before.lists[node], entry])


def pause(model: Model, path: str) -> None:
    host = model.sim.hosts[0]
    with host.lock:
        host.domains[0].paused = True


@pytest.mark.tables
@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lose, "has vanished"),
        (overwrite, "has another content"),
        (leave_a_mark, "is left, and nobody says so"),
        (set_aside, "has vanished"),
        (change_an_option, "an option"),
        (attach_to_two, "an entry that nobody meant"),
        (pause, "is paused: no record"),
    ],
)
def test_what_the_model_sees(damage: Callable[[Model, str], None], said: str) -> None:
    with estate(True, "plain") as sim:
        driver = plain_driver(sim)
        model = Model(sim, {node.name: node.id for node in quietly(driver.list_nodes)}, True)
        path = driver.create_volume(None, "data", ex_size_bytes=MIB).id.partition("/")[2]
        model.contents[path] = ""
        model.write(path)
        model.begin()
        model.check([])
        damage(model, path)
        with pytest.raises(AssertionError, match=said):
            model.check([])


@pytest.mark.tables
def test_two_nodes_that_got_one_volume() -> None:
    """The host's own check is enough: as if the second look of attach_volume saw nothing."""
    with estate(True, "plain") as sim, pytest.MonkeyPatch.context() as patch:
        patch.setattr(attach_disk, "rival_of", lambda *_: "")
        driver = plain_driver(sim)
        nodes = {node.name: node.id for node in quietly(driver.list_nodes)}
        model = Model(sim, nodes, True)
        clients = Clients(sim, (0, 1), model.guest_writes)
        path = driver.create_volume(None, "data", ex_size_bytes=MIB).id.partition("/")[2]
        model.contents[path] = ""
        model.write(path)
        model.begin()
        targets = [Target("attach", node, nodes[node], path) for node in ("one", "two")]
        done = clients.run(targets, Meeting(CHANGE, 1, "before"), None)
        # The first is refused by its host: the claim of the other one's node has the volume.
        assert [one.is_done for one in done] == [False, True]
        assert "is held by VM" in str(done[0].result)
        model.check(done)


@pytest.mark.tables
def test_the_model_sees_two_nodes_with_one_volume() -> None:
    """That were attached one after the other, as no driver does."""
    with estate(True, "plain") as sim:
        driver = plain_driver(sim)
        nodes = {node.name: node.id for node in quietly(driver.list_nodes)}
        model = Model(sim, nodes, True)
        path = driver.create_volume(None, "data", ex_size_bytes=MIB).id.partition("/")[2]
        model.contents[path] = ""
        model.write(path)
        model.begin()
        attach_to_two(model, path)
        targets = [Target("attach", node, nodes[node], path) for node in ("one", "three")]
        with pytest.raises(AssertionError, match="is in"):
            model.check([Done(one, True, ()) for one in targets])
