"""Clients that are killed (SIGKILL) at a call, in processes of their own."""

from __future__ import annotations

import multiprocessing
import pkgutil
import threading
from collections.abc import Callable
from typing import Any

from libcloud_ovm3 import OVM3NodeDriver, operations
from libcloud_ovm3.clock import Clock
from libcloud_ovm3.simulator import SimulatedTime, Simulator
from tests.operations.failures import Step, misbehave
from tests.support import driver_for, pins_of

# What each client needs is imported once, by the process that they are forked from. A driver itself
# imports the modules of its operations only when it needs them.
_OPERATIONS = [
    one.name for one in pkgutil.iter_modules(operations.__path__, "libcloud_ovm3.operations.")
]
_PRELOAD = [
    *_OPERATIONS,
    "tests.operations.cloning",
    "tests.operations.imaging",
    "tests.operations.killed",
    "tests.operations.networking",
    "tests.operations.node_snapshotting",
    "tests.operations.seeding",
    "tests.operations.sharing",
    "tests.operations.serving",
    "tests.operations.storing",
    "tests.storage.stores",
]


def kill_client_at(
    sim: Simulator, step: Step, when: str, act: Callable[..., Any], *arguments: Any
) -> None:
    """Run an operation in a process of its own and kill that at this call, whose effect has come
    when this returns.

    :param act: the operation, which is given a driver and these arguments: a function of one of the
        modules that are preloaded (to import a failure table is to run its operations).
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOAD)
    reached = threading.Event()
    how = (sim.user, sim.password, sim.hosts[0].address, sim.hosts[0].port, pins_of(sim))
    client = context.Process(target=_act, args=(how, act, arguments))

    def hook(moment: str) -> None:
        if moment == when:
            client.kill()
            client.join()
        if moment == "after":  # the host carries out what it has received, whoever is dead
            reached.set()

    rule = misbehave(sim, "hook", step, hook=hook)
    client.start()
    client.join(timeout=300)
    assert reached.wait(timeout=300), "the client ended before it reached the step"
    assert rule.hits
    sim.clear_misbehaviour()


def wait_for_jobs(sim: Simulator) -> None:
    """A job of the host goes on when its client is dead: look until it has ended."""
    jobs = sim.repository_path / ".libcloud-ovm3" / "jobs"
    for _ in range(1000):
        sim.wait(1)
        if all((job / "outcome").exists() for job in jobs.glob("*")):
            return
        driver_for(sim).list_locations()  # which takes the job some real time
    raise AssertionError("a job does not end")


def _act(how: tuple[Any, ...], act: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    user, password, host, port, pins = how
    own = SimulatedTime()  # the simulator's moves by itself when this client waits for it
    clock = Clock(own.now, own.sleep)
    driver = OVM3NodeDriver(
        user, password, host=host, port=port, ex_fingerprint=pins, ex_clock=clock
    )
    act(driver, *arguments)
