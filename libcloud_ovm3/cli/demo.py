"""``ovm3 demo``: a tour of libcloud's public API, against a simulated pool."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable
from functools import partial
from shlex import quote
from typing import Any, TypeVar

from libcloud.compute.base import Node
from libcloud.compute.providers import get_driver

from libcloud_ovm3.cli import INTERRUPTED
from libcloud_ovm3.cli.output import heading, show, tell
from libcloud_ovm3.cli.tables import show_hosts, show_images, show_nodes, show_sizes
from libcloud_ovm3.clock import Clock
from libcloud_ovm3.operations.limits import MINIMUM_AGE
from libcloud_ovm3.simulator import Simulator

_T = TypeVar("_T")
_NAMES = ("web-1", "web-2", "app-1", "app-2", "db-1")
_REBOOT_LIMIT = 120.0  # simulated seconds


def run(speed: float, version: str) -> None:
    """Show hosts, images and sizes; create, wait, stop, reboot, destroy; count the agent calls."""
    with Simulator(hosts=3, version=version, speed=speed) as sim:
        show(
            f"A pool of {len(sim.hosts)} simulated Oracle VM Server {version} hosts, over real "
            f"HTTPS, at {speed:g} times real speed."
        )
        # The driver's own waits must be as fast as the simulated hosts.
        clock = Clock(lambda: time.monotonic() * speed, lambda seconds: time.sleep(seconds / speed))
        first = sim.hosts[0]
        driver: Any = get_driver("ovm3")(
            sim.user,
            sim.password,
            host=first.address,
            port=first.port,
            ex_fingerprint={host.address: host.fingerprint for host in sim.hosts},
            ex_clock=clock,
        )
        try:
            _steps(driver, sim, clock)
        except KeyboardInterrupt:  # what was sent concerns nobody: the hosts go
            tell("Interrupted: the simulated hosts and their VMs are removed.")
            raise SystemExit(INTERRUPTED) from None
    _show_next()


def _steps(driver: Any, sim: Simulator, clock: Clock) -> None:
    def step(title: str, action: Callable[[], _T]) -> _T:
        calls, since = len(sim.calls), time.monotonic()
        result = action()
        used = f"{len(sim.calls) - calls} agent calls, {time.monotonic() - since:.1f} s"
        heading(f"{title} ({used})")
        return result

    show_hosts(step("Hosts: list_locations", driver.list_locations))
    images = step("Images: list_images", driver.list_images)
    show_images(images)
    sizes = step("Sizes: list_sizes", driver.list_sizes)
    show_sizes(sizes)
    show_nodes(step("Running VMs: list_nodes", driver.list_nodes))

    made: list[Node] = [
        step(f"create_node {name}", partial(driver.create_node, name, sizes[0], images[0]))
        for name in _NAMES
    ]
    step("wait_until_running", partial(driver.wait_until_running, made, wait_period=1))
    show_nodes(step("list_nodes", driver.list_nodes))

    to_stop, to_reboot = made[0], made[1]
    step(f"stop_node {to_stop.name}", partial(driver.stop_node, to_stop))
    # xend destroys a guest that reboots within a minute of its start, so the driver refuses that.
    clock.sleep(MINIMUM_AGE)
    step(f"reboot_node {to_reboot.name}", partial(driver.reboot_node, to_reboot))
    step(
        "wait until it has rebooted, as a new domain",
        partial(_until_rebooted, driver, to_reboot, clock),
    )
    show_nodes(step("list_nodes", driver.list_nodes))

    for node in made:
        step(f"destroy_node {node.name}", partial(driver.destroy_node, node))
    show_nodes(step("Remaining VMs: list_nodes", driver.list_nodes))
    orphans = step("ex_list_orphans", driver.ex_list_orphans)
    heading(f"Done: {len(sim.calls)} agent calls in total, {len(orphans)} orphaned disks")


def _show_next() -> None:
    """Print what to try next, as commands for this installation."""
    python, ovm3 = (quote(os.path.relpath(path)) for path in (sys.executable, sys.argv[0]))
    if shutil.which("ovm3") == os.path.realpath(sys.argv[0]):
        python, ovm3 = "python", "ovm3"
    heading("What to try next: simulated hosts that keep running, until Ctrl-C")
    show("  (umask 077; echo secret > demo-password)")
    show(f"  {python} -m libcloud_ovm3.simulator --hosts 3 --port 8899 --root demo-hosts \\")
    show("    --password-file demo-password")
    heading("and, in a second terminal in the same directory, commands for them")
    show(f"  {ovm3} estate add demo 127.0.0.2 --password-file demo-password")
    show(f"  {ovm3} vm list --estate demo")
    show(f"  {ovm3} vm stop seed-1 --estate demo")
    show(f"  {ovm3} doctor --estate demo")
    show(f"  {ovm3} estate remove demo")


def _until_rebooted(driver: Any, node: Node, clock: Clock) -> None:
    deadline = clock.now() + _REBOOT_LIMIT
    while clock.now() < deadline:
        current = driver.ex_get_node(node.id)
        if current.extra.get("domid") not in (None, node.extra["domid"]):
            driver.wait_until_running([current], wait_period=1)
            return
        clock.sleep(1)
    raise TimeoutError(f"{node.name} did not reboot within {_REBOOT_LIMIT:g} s")
