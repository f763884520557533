"""Eight clients attach eight volumes to one VM at once: it gets all of them, in vm.cfg and live.

And a second one attaches a volume at each moment at which a first one's reading is old then.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from libcloud_ovm3.errors import OperationIncomplete
from libcloud_ovm3.estate import guards
from libcloud_ovm3.simulator import Simulator
from tests.operations.attaching import Lab, add_disk, in_file, live_disks, set_live_disks
from tests.operations.test_disks_at_once import meanwhile
from tests.support import CHANGE, at_once, driver_for, simulate
from tests.system import doubles

CLIENTS = 8


@pytest.mark.parametrize(
    ("host", "begins"),
    [
        pytest.param(0, True, id="running, claims"),
        pytest.param(None, True, id="stopped, claims", marks=pytest.mark.tables),
        pytest.param(0, False, id="running", marks=pytest.mark.tables),
        pytest.param(None, False, id="stopped"),
    ],
)
def test_eight_clients(host: int | None, begins: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guards, "BEGINS", begins)
    with simulate(2, vms=0, templates=0, host_module=True) as sim:
        directory = sim.add_vm("subject", running_on=host)
        volumes = [add_disk(sim, f"disk-{number}.img") for number in range(CLIENTS)]
        drivers: list[Any] = [
            driver_for(sim, host=sim.hosts[number % 2].address) for number in range(CLIENTS)
        ]
        node = drivers[0].ex_get_node(directory)
        acts = [
            (driver, partial(driver.attach_volume, node, volume))
            for driver, volume in zip(drivers, volumes, strict=True)
        ]
        assert at_once(sim, *acts) == [True] * CLIENTS
        require_all(sim, directory, host)


@pytest.mark.long
@pytest.mark.parametrize("faults", [False, True])
def test_eight_processes(faults: bool) -> None:
    """As real clients are. With faults on the wire some may be told that they do not know."""
    with (
        Simulator(2, vms=0, templates=0, host_module=True) as sim,
        doubles.clients(sim, "module", CLIENTS, speed=1) as processes,
    ):
        directory = sim.add_vm("subject", running_on=0)
        volumes = [add_disk(sim, f"disk-{number}.img") for number in range(CLIENTS)]
        for number, kind in enumerate(doubles.FAULTS if faults else ()):
            function = CHANGE if number % 2 else "*"
            sim.misbehave(kind, function, host=number % 2, nth=number + 1, seconds=0.2)
        for process, volume in zip(processes, volumes, strict=True):
            process.send(("attach", directory, 0.0, volume))
        told = [process.recv() for process in processes]
        sim.clear_misbehaviour()
        sim.flush_delayed()
        if not faults:
            assert told == [True] * CLIENTS
        entries = in_file(sim, directory, "/disk-")
        for number, answer in enumerate(told):
            assert len([one for one in entries if f"/disk-{number}." in one]) <= 1
            assert answer is not True or f"/disk-{number}." in "".join(entries), told
        assert len({one.split(",")[1] for one in entries}) == len(entries)
        assert sorted(live_disks(sim, 0, "/disk-")) == sorted(entries)


MOMENTS = [
    ("list_vms", "before"),
    ("list_vms", "after"),
    (CHANGE, "before"),
    (CHANGE, "after"),
]


@pytest.mark.parametrize(("function", "moment"), MOMENTS)
def test_a_second_one_in_between(function: str, moment: str) -> None:
    with simulate(2, vms=0, templates=0, host_module=True) as sim:
        directory = sim.add_vm("subject", running_on=0)
        one, two = (add_disk(sim, f"disk-{name}.img") for name in ("one", "two"))
        lab = Lab(sim, driver_for(sim))
        node = lab.node("subject")
        found = meanwhile(sim, function, moment, lambda other: other.attach_volume(node, two))
        assert [lab.attach(node, one), *found] == [True, True]
        require_all(sim, directory, 0, 2)


def test_a_second_one_while_the_first_is_connected() -> None:
    with simulate(2, vms=0, templates=0, host_module=True, device_seconds=20) as sim:
        directory = sim.add_vm("subject", running_on=0)
        one, two = (add_disk(sim, f"disk-{name}.img") for name in ("one", "two"))
        first, second = driver_for(sim), driver_for(sim)
        clock: Any = sim.clock

        def later() -> bool:
            clock.sleep(10)
            return second.attach_volume(directory, two)

        acts = [(first, partial(first.attach_volume, directory, one)), (second, later)]
        assert at_once(sim, *acts) == [True, True]
        require_all(sim, directory, 0, 2)


def test_what_a_second_one_has_attached_is_not_taken_back() -> None:
    """The domain lacks the first one's, so that its entry would be taken out of vm.cfg again."""
    with simulate(2, vms=0, templates=0, host_module=True) as sim:
        directory = sim.add_vm("subject", running_on=0)
        one, two = (add_disk(sim, f"disk-{name}.img") for name in ("one", "two"))
        lab = Lab(sim, driver_for(sim))

        def attach_and_drop(other: Any) -> None:
            other.attach_volume(directory, two)
            set_live_disks(sim, 0, lambda disks: [text for text in disks if "two" in text])

        meanwhile(sim, CHANGE, "after", attach_and_drop)
        with pytest.raises(OperationIncomplete, match="another client has changed"):
            lab.attach(directory, one)
        assert len(in_file(sim, directory, "/disk-two")) == 1


def require_all(sim: Simulator, directory: str, host: int | None, number: int = CLIENTS) -> None:
    entries = sorted(in_file(sim, directory, "/disk-"))
    assert len(entries) == number
    assert len({one.split(",")[1] for one in entries}) == number
    if host is not None:
        assert sorted(live_disks(sim, host, "/disk-")) == entries
