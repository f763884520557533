"""Two clients start and stop nodes on VLANs at once, attach and detach their cards, and make and
remove networks, in random ways, while calls fail: no bridge that a guest uses is removed, none that
was made for nodes is left when nobody needs it, and what was asked for stays.

Each step is one action of each client, both at once, or one in the middle of the other. Guests shut
down and reboot by themselves, clients are killed. After each step every bridge is looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from libcloud_ovm3.operations import network_doors
from libcloud_ovm3.simulator import Simulator, network
from tests.support import CHANGE, PERSONALITIES, quietly, simulate
from tests.system.disk_clients import (
    Action,
    Clients,
    Done,
    Meeting,
    Target,
    Trouble,
    mortal_doors,
    plain_driver,
)

HOSTS = 3
VERSIONS = {"plain": ("3.3.3", "10e69b4de3"), "awkward": ("3.2.1", "c0a80100")}
NODES = {"one": (100,), "two": (100, 101), "three": (101,)}  # their VLANs
VLANS = (100, 101, 102)  # the last one only by cards that are attached
VERBS = (*("start",) * 6, *("stop",) * 4, *("attach",) * 3, *("detach",) * 3, "destroy", "release")
# Without the module looking and removing are two steps (docs/guarantees.md).
WITH_MODULE = (*VERBS, *("create",) * 3, *("delete",) * 4)


def actions(host_module: bool) -> st.SearchStrategy[Action]:
    """A verb, a node, a host (``disk``; the last number: none), and one of the VLANs."""
    verbs = st.sampled_from(WITH_MODULE if host_module else VERBS)
    numbers = st.integers(0, 2), st.integers(0, HOSTS), st.booleans()
    return st.builds(Action, verbs, *numbers)


FAILURES = ("fault", "fault_after", "drop_before", "drop_after", "hang", "delayed")
OF_MODULE = (
    *("libcloud_take_bridge", "libcloud_release_bridge", "start_vm", "stop_vm"),
    *("libcloud_remove_bridge", "libcloud_keep_bridge", "ovs_vlan_bridge", CHANGE),
)
OF_AGENT = ("ovs_vlan_bridge", "start_vm", "stop_vm", "configure_vm")
REMOVAL = ("libcloud_remove_bridge", "discover_network", "libcloud_bridges")
REMOVED = 103  # the VLAN of a network that is removed while a card is attached
READS = ("list_vms", "discover_network", "libcloud_bridges")
QUARTER = 901  # seconds, after which a record may be swept


@contextmanager
def estate(host_module: bool, personality: str) -> Iterator[Simulator]:
    """Three hosts and three stopped nodes."""
    options: dict[str, Any] = {"host_module": host_module, "personality": personality}
    options |= {"version": VERSIONS[personality][0], "secure": False, "memory_mb": 16384}
    # What lands late would block an agent of one call at a time, and with it all time.
    options["answers"] = {"parallel calls": "parallel"}
    with simulate(HOSTS, vms=0, templates=0, **options) as sim:
        yield sim


class VLANClients(Clients):
    """The two, with what they do to nodes and networks. Of a target ``path`` is the address of a
    host, "" for all or any; ``snapshot`` the name of a VLAN's bridge.
    """

    def _do(self, driver: Any, target: Target) -> Any:
        actions: dict[str, Callable[[], Any]] = {
            "start": lambda: driver.start_node(target.node_id, target.path or None),
            "stop": lambda: driver.stop_node(target.node_id, ex_force=True, ex_timeout=60),
            "destroy": lambda: driver.destroy_node(target.node_id),
            "release": driver.ex_release_networks,
            "attach": lambda: driver.ex_attach_nic(target.node_id, target.snapshot),
            "detach": lambda: self._detach(driver, target),
            "create": lambda: driver.ex_create_network(
                target.snapshot,
                target.snapshot.rpartition(".")[2],
                ex_parent="bond0",
                location=target.path or None,
            ),
            "delete": lambda: driver.ex_delete_network(target.snapshot, target.path or None),
        }
        return actions[target.verb]()

    def _detach(self, driver: Any, target: Target) -> bool:
        """The last card on this VLAN, if it has one."""
        cards = [
            one for one in driver.ex_list_nics(target.node_id) if one.network == target.snapshot
        ]
        return not cards or bool(driver.ex_detach_nic(target.node_id, cards[-1].id))


@dataclass
class Model:
    """What must hold of the bridges, read from the hosts themselves.

    :ivar asked: the bridges that were asked for, by host: those that may stay without a guest.
    :ivar certain: those of them that must.
    """

    sim: Simulator
    base: str
    has_module: bool
    asked: set[tuple[int, str]] = field(default_factory=set)
    certain: set[tuple[int, str]] = field(default_factory=set)

    def note(self, done: list[Done]) -> None:
        """What two actions at once have asked for, in whichever order."""
        made = [one for one in done if one.target.verb == "create"]
        gone = [one for one in done if one.target.verb == "delete"]
        deleted = {where for one in gone if one.is_done or one.is_open for where in self._of(one)}
        self.certain -= deleted
        created = {where for one in made if one.is_done or one.is_open for where in self._of(one)}
        self.certain |= {where for one in made if one.is_done for where in self._of(one)} - deleted
        self.asked -= {where for one in gone if one.is_done for where in self._of(one)} - created
        self.asked |= created

    def _of(self, done: Done) -> set[tuple[int, str]]:
        path = done.target.path
        hosts = [n for n in range(HOSTS) if path in ("", self.sim.hosts[n].address)]
        return {(host, done.target.snapshot) for host in hosts}

    def used(self, host: int) -> dict[str, set[str]]:
        """Bridge -> the uuids of the guests that are live there with a card on it."""
        found: dict[str, set[str]] = {}
        self.sim.domains(host)  # what is due by now has happened
        for domain in self.sim.hosts[host].domains:
            if domain.phase == "gone" or not domain.listed:
                continue
            for vif in domain.config.get("vif", []):
                bridge = vif.partition("bridge=")[2].partition(",")[0]
                found.setdefault(bridge, set()).add(domain.uuid)
        return found

    def vlans(self, host: int) -> set[str]:
        """The bridges over VLANs: all of them were made for nodes."""
        return {one for one in network.bridges(self.sim.hosts[host]) if "." in one}

    def recorded(self, host: int) -> dict[str, set[str]]:
        """Bridge -> the VMs that the host module keeps it for."""
        driver = plain_driver(self.sim, host=self.sim.hosts[host].address)
        module = driver._estate.fresh_module(driver._estate.given[0])
        assert module is not None
        return {one.bridge: {user.user for user in one.users} for one in module.bridges()}

    def check_used(self) -> None:
        """A guest has its bridges, and keeps them when it reboots or another one leaves."""
        for host in range(HOSTS):
            used = self.used(host)
            gone = set(used) - self.vlans(host)
            assert not gone, f"host {host}: a used bridge is gone: {gone}"
            recorded = self.recorded(host) if self.has_module else used
            for bridge, guests in used.items():
                assert guests <= recorded[bridge], f"host {host}: {bridge} is not kept for a guest"

    def check_unused(self) -> None:
        """After a sweep only what is used is left."""
        self.sim.wait(QUARTER)
        quietly(plain_driver(self.sim).ex_release_networks)
        for host in range(HOSTS):
            asked, certain = (
                {name for number, name in found if number == host}
                for found in (self.asked, self.certain)
            )
            left = self.vlans(host) - set(self.used(host)) - asked
            assert not left, f"host {host}: an unused bridge is left: {left}"
            lost = certain - self.vlans(host)
            assert not lost, f"host {host}: a bridge that was asked for is gone: {lost}"


def troubles(functions: tuple[str, ...]) -> st.SearchStrategy[Trouble | None]:
    failing = st.builds(
        Trouble,
        st.sampled_from(FAILURES),
        st.sampled_from(functions),
        st.integers(1, 2),
        st.sampled_from([None, None, 1.0, 30.0]),
    )
    killing = st.builds(Trouble, st.just("kill"), nth=st.integers(0, 5))
    return st.one_of(st.none(), failing, failing, killing)


def meetings(functions: tuple[str, ...]) -> st.SearchStrategy[Meeting | None]:
    moments = st.sampled_from(["before", "after"])
    at_writes = st.builds(Meeting, st.sampled_from(functions), st.integers(1, 2), moments)
    at_any = st.builds(Meeting, st.just("*"), st.integers(1, 40), moments)
    return st.one_of(st.none(), at_any, at_writes, at_writes)


def machine(host_module: bool) -> type[RuleBasedStateMachine]:
    """A state machine of two clients, with the host module on all hosts or on none."""
    writes = OF_MODULE if host_module else OF_AGENT
    acts = actions(host_module)

    class VLANs(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.stack = ExitStack()
            self.log: list[str] = []
            self.ids: dict[str, str] = {}

        @initialize(
            personality=st.sampled_from(PERSONALITIES),
            hosts=st.tuples(st.integers(0, HOSTS - 1), st.integers(0, HOSTS - 1)),
        )
        def set_up(self, personality: str, hosts: tuple[int, int]) -> None:
            self.sim = self.stack.enter_context(estate(host_module, personality))
            self.stack.enter_context(mortal_doors())
            self.model = Model(self.sim, VERSIONS[personality][1], host_module)
            self.clients = VLANClients(self.sim, hosts, lambda target: None)
            self.define_nodes()
            self.log.append(f"{personality}, clients at hosts {hosts}")

        def define_nodes(self) -> None:
            """Those that were destroyed are made anew."""
            there = {node.name for node in quietly(plain_driver(self.sim).list_nodes)}
            for number, (name, vlans) in enumerate(NODES.items()):
                if name not in there:
                    mac, base = f"00:21:f6:00:0{number}", self.model.base
                    vifs = [f"mac={mac}:{vlan % 100:02x},bridge={base}.{vlan}" for vlan in vlans]
                    self.ids[name] = self.sim.add_vm(name, config={"vif": vifs})

        @rule(
            first=acts,
            second=acts,
            is_same=st.booleans(),
            meeting=meetings(writes + READS),
            trouble=troubles(writes),
            wait=st.sampled_from([0, 0, 70, QUARTER]),
        )
        def step(
            self,
            first: Action,
            second: Action,
            is_same: bool,
            meeting: Meeting | None,
            trouble: Trouble | None,
            wait: int,
        ) -> None:
            self.sim.wait(wait)
            targets = [self.target(first), self.target(second)]
            if is_same:  # one node: that is where they meet
                targets[1] = self.target(
                    Action(second.verb, first.node, second.disk, first.is_shared)
                )
            self.log.append(f"{meeting} {trouble} {targets}")
            begin = len(self.sim.calls)
            done = self.clients.run(targets, meeting, trouble)
            self.log[-1] = f"{wait} s, {meeting} {trouble}: " + " | ".join(map(str, done))
            self.sim.wait(40)
            self.model.note(done)
            self.check(begin, self.model.check_used)
            self.define_nodes()

        @precondition(lambda _: host_module)
        @rule(
            node=st.integers(0, len(NODES) - 1),
            meeting=meetings(REMOVAL),
            trouble=troubles(REMOVAL),
        )
        def removal(self, node: int, meeting: Meeting | None, trouble: Trouble | None) -> None:
            """A network that nobody uses is removed, while a node gets a card on it."""
            name, bridge = list(NODES)[node], f"{self.model.base}.{REMOVED}"
            begin = len(self.sim.calls)
            for verbs in (["create"], ["delete", "attach"], ["detach"]):
                targets = [Target(verb, name, self.ids[name], "", bridge) for verb in verbs]
                how = (meeting, trouble) if len(targets) == 2 else (None, None)
                done = self.clients.run(targets, *how)
                self.log.append(f"{how}: " + " | ".join(map(str, done)))
                self.sim.wait(40)
                self.model.note(done)
                self.check(begin, self.model.check_used)

        @rule(host=st.integers(0, HOSTS - 1), action=st.sampled_from(["poweroff", "reboot"]))
        def guest(self, host: int, action: str) -> None:
            self.log.append(f"the guests of host {host} {action} by themselves")
            for record in self.sim.domains(host):
                self.sim.guest(host, record["uuid"], action)
            self.sim.wait(40)
            self.check(len(self.sim.calls), self.model.check_used)

        @rule()
        def sweep(self) -> None:
            self.log.append("sweep")
            begin = len(self.sim.calls)
            self.check(begin, self.model.check_unused if host_module else self.model.check_used)

        def check(self, begin: int, holds: Callable[[], None]) -> None:
            try:
                holds()
            except AssertionError as error:
                calls = [f"{call.function}@{call.host_index}" for call in self.sim.calls[begin:]]
                history = "\n  ".join(self.log)
                raise AssertionError(f"{error}\n  {history}\n{' '.join(calls)}") from error

        def target(self, action: Action) -> Target:
            name = list(NODES)[action.node]
            host = self.sim.hosts[action.disk].address if action.disk < HOSTS else ""
            vlan = f"{self.model.base}.{VLANS[(action.node + action.is_shared) % len(VLANS)]}"
            return Target(action.verb, name, self.ids[name], host, vlan)

        def teardown(self) -> None:
            try:
                if host_module and hasattr(self, "sim"):
                    self.check(len(self.sim.calls), self.model.check_unused)
            finally:
                self.stack.close()

    return VLANs


def run(host_module: bool, examples: int, steps: int) -> None:
    """No shrinking: threads do not repeat themselves, and a failure says what has happened."""
    options: dict[str, Any] = {
        "max_examples": examples,
        "stateful_step_count": steps,
        "deadline": None,
        "phases": [Phase.generate],
        "suppress_health_check": list(HealthCheck),
        "database": None,
    }
    run_state_machine_as_test(machine(host_module), settings=settings(**options))


@pytest.mark.tables
@pytest.mark.parametrize(("host_module", "examples"), [(True, 11), (False, 2)])
def test_two_hundred_steps(host_module: bool, examples: int) -> None:
    run(host_module, examples, 15)


@pytest.mark.soak
@pytest.mark.parametrize("part", range(10))  # so that several processes can share them
@pytest.mark.parametrize(("host_module", "examples"), [(True, 21), (False, 4)])
def test_ten_thousand_steps(host_module: bool, examples: int, part: int) -> None:
    run(host_module, examples, 40)


# ------------------------------------------------------------------ what the model sees


def start_one(sim: Simulator, model: Model) -> Done:
    vif = [f"mac=00:21:f6:00:00:01,bridge={model.base}.100"]
    node = sim.add_vm("one", config={"vif": vif})
    clients = VLANClients(sim, (0, 0), lambda target: None)
    return clients.run([Target("start", "one", node, sim.hosts[0].address)], None, None)[0]


@pytest.mark.tables
def test_what_the_model_sees() -> None:
    """A bridge that is gone, one that is kept for nobody, one that is left."""
    with estate(True, "plain") as sim:
        model = Model(sim, VERSIONS["plain"][1], True)
        assert start_one(sim, model).is_done
        model.check_used()
        model.check_unused()
        driver = plain_driver(sim)
        module = driver._estate.fresh_module(driver._estate.given[0])
        [domain] = sim.domains(0)
        module.release_bridge("test", "0" * 32, domain["uuid"], f"{model.base}.100")
        with pytest.raises(AssertionError, match="not kept for a guest"):
            model.check_used()
        sim.guest(0, domain["uuid"], "poweroff")
        sim.wait(40)
        agent = driver._estate.agent(driver._estate.given[0])
        agent.network.ovs_vlan_bridge("start", f"{model.base}.7", "bond0", 7)
        with pytest.raises(AssertionError, match="an unused bridge is left"):
            model.check_unused()
        host = sim.hosts[0]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Model, "used", lambda *_: {f"{model.base}.99": {"x"}})
            with pytest.raises(AssertionError, match="a used bridge is gone"):
                model.check_used()
        assert host.domains == []


@pytest.mark.tables
def test_a_release_that_does_not_ask_whose_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the comparison of operations is for: without it a guest loses what keeps its bridge."""
    release = network_doors.release_bridge
    monkeypatch.setattr(network_doors, "release_bridge", lambda *args: release(*args[:-1], ""))
    with estate(True, "plain") as sim:
        model = Model(sim, VERSIONS["plain"][1], True)
        done = start_one(sim, model)
        clients = VLANClients(sim, (0, 0), lambda target: None)
        stop = Target("stop", "one", done.target.node_id)
        start = Target("start", "one", done.target.node_id, sim.hosts[0].address)
        clients.run([stop, start], Meeting("libcloud_release_bridge", 1, "before"), None)
        with pytest.raises(AssertionError, match="not kept for a guest"):
            model.check_used()
