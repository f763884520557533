"""How often does one VM run twice? Clients in processes of their own start it at the same time.

``python -m tests.system.doubles [--what clients|reboot] [--way agents|driver|module] [--tries 20]``
prints how many tries there were, in how many of them the VM ran twice, and what the clients were
told. Each try has a VM of its own. Its random numbers are those of ``--seed``; threads and
processes are not, so a figure is one of many.

``clients``: two clients start it, each through another host. ``reboot``: its guest
reboots, and a client starts it, at moments from before the reboot until the guest is back.

``agents``: the agents' start_vm alone. ``driver``: start_node without the host module. ``module``:
with it, so through claims; each client names its host, and no second look helps. Every second VM
has a claim before, of the others the driver makes the first one. ``command``: the same by `ovm3 vm
start --on`, with its second look. ``claims``: the claims of the host
module alone, as docs/claims.md has them: each VM has one, settled on both hosts, before it starts.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import random
import shutil
import time
import uuid
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any
from unittest import mock

from click.testing import CliRunner

from libcloud_ovm3 import OVM3NodeDriver
from libcloud_ovm3.agent import option_values
from libcloud_ovm3.agent.connection import AgentConnection
from libcloud_ovm3.agent.hostmodule import HostModule
from libcloud_ovm3.agent.tls import HostTrust
from libcloud_ovm3.cli.commands import ovm3
from libcloud_ovm3.clock import Clock
from libcloud_ovm3.errors import AgentFault, Ovm3Error
from libcloud_ovm3.estate import guards
from libcloud_ovm3.simulator import Simulator
from libcloud_ovm3.simulator.errors import AgentFault as SimulatedFault
from libcloud_ovm3.simulator.xend import machines
from tests.support import pins_of

WHATS, WAYS = ("clients", "reboot"), ("agents", "driver", "module", "command", "claims")
SPEED = 10.0  # simulated seconds in a real one
LANES = 8  # tries at the same time, as most of a try is waiting
WITH_CLAIMS = ("module", "command", "claims")
BY_DRIVER = ("module", "command")
WRITES = ("libcloud_change_claimed_vm", "libcloud_claim_vm", "libcloud_settle_claim")
CALLS = 20  # of a client at a host, of which one fails
GAP_SECONDS = 51.0  # for which a guest that reboots is not listed: measured (xend.md 1.6)
AROUND_SECONDS = 3.0  # before the reboot, and after the gap
FAULTS = ("fault_after", "drop_before", "drop_after", "delayed", "latency")


@dataclass
class Count:
    """What came of some tries.

    :ivar doubles: In how many the VM ran twice.
    :ivar answers: What the clients were told, and how often.
    """

    tries: int = 0
    doubles: int = 0
    answers: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        told = ", ".join(f"{number} x {text}" for text, number in self.answers.most_common())
        return f"{self.doubles} doubles in {self.tries} tries ({told})"


def count(what: str, way: str, tries: int, faults: bool = False, seed: int = 1) -> Count:
    """Try so many times.

    :param faults: Whether one call of each try fails on its way.
    """
    found, numbers = Count(), random.Random(seed)
    each, lanes_at_once = 2 if what == "clients" else 1, min(LANES, tries)
    with _simulator(way) as sim, clients(sim, way, each * lanes_at_once) as connections:
        lanes = [connections[each * lane : each * (lane + 1)] for lane in range(lanes_at_once)]
        for first in range(0, tries, LANES):
            _try_at_once(sim, what, way, tries, lanes[: tries - first], found, numbers, faults)
    return found


def _try_at_once(
    sim: Simulator,
    what: str,
    way: str,
    tries: int,
    lanes: list[list[Connection]],
    found: Count,
    numbers: random.Random,
    faults: bool,
) -> None:
    """Some tries at the same time, each with a VM and clients of its own."""
    vms = []
    for number in range(found.tries, found.tries + len(lanes)):
        vm_uuid = str(uuid.uuid4())
        runs_on = 0 if what == "reboot" else None
        vms.append((number, vm_uuid, sim.add_vm(f"vm-{number}", vm_uuid, running_on=runs_on)))
    for lane, (number, _, directory) in zip(lanes, vms, strict=True):
        if way == "claims" or (way in BY_DRIVER and number % 2):  # else the driver makes it
            lane[0].send(("claim", directory, 0.0, ""))
            kind = lane[0].recv()
            assert kind == ("on" if what == "reboot" else "free"), kind
    for _ in lanes if faults else []:
        kind, host = numbers.choice(FAULTS), numbers.choice([0, 1])
        function = numbers.choice(["*", *(WRITES if way in WITH_CLAIMS else ["start_vm"])])
        nth = numbers.randrange(len(lanes) * (CALLS if function == "*" else 1)) + 1
        sim.misbehave(kind, function, host=host, nth=nth, seconds=0.2)
    begin = time.time() + AROUND_SECONDS / SPEED
    for lane, (number, _, directory) in zip(lanes, vms, strict=True):
        for place, client in enumerate(lane):
            whole = (GAP_SECONDS + 2 * AROUND_SECONDS) / SPEED
            moment = whole * (number + 0.5) / tries if what == "reboot" else numbers.uniform(0, 0.1)
            host = sim.hosts[place if what == "clients" else number % 2]
            client.send(("start", directory, moment, host.address))
    if what == "reboot":
        _sleep_until(begin)
        for _, vm_uuid, _ in vms:
            sim.guest(0, vm_uuid, "reboot")
    found.answers.update(client.recv() for lane in lanes for client in lane)
    sim.clear_misbehaviour()
    sim.flush_delayed()
    for _, vm_uuid, directory in vms:
        found.tries += 1
        found.doubles += _settled(sim, vm_uuid) > 1
        _remove(sim, vm_uuid, directory)


def _simulator(way: str) -> Simulator:
    return Simulator(
        2,
        vms=0,
        speed=SPEED,
        memory_mb=1 << 16,
        host_module=way in WITH_CLAIMS,
        reboot_gap=GAP_SECONDS,
        backend_seconds=0,
    )


@contextlib.contextmanager
def clients(
    sim: Simulator, way: str, number: int, speed: float = SPEED
) -> Iterator[list[Connection]]:
    """Clients that wait for what they are sent: what to do with which directory, after how many
    seconds, and where, or with which volume. They answer what they are told.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.system.doubles"])
    pairs = [context.Pipe() for _ in range(number)]
    processes = []
    for place, (_, far) in enumerate(pairs):
        host = sim.hosts[place % 2]
        how = (sim.user, sim.password, host.address, host.port, pins_of(sim))
        names = [one.uuid.lower().replace(":", "") for one in sim.hosts]
        arguments = (far, way, how, sim.repository_id, names, speed)
        processes.append(context.Process(target=_act, args=arguments, daemon=True))
    for process in processes:
        process.start()
    for near, _ in pairs:
        near.recv()  # it has looked once: what it needs is imported
    try:
        yield [near for near, _ in pairs]
    finally:
        for near, _ in pairs:
            near.send(None)
        for process in processes:
            process.join()


def _act(
    orders: Any,
    way: str,
    how: tuple[Any, ...],
    repository_id: str,
    hosts: list[str],
    speed: float,
) -> None:
    warnings.simplefilter("ignore")
    user, password, address, port, pins = how
    begin = time.time()
    clock = Clock(
        lambda: begin + (time.time() - begin) * speed, lambda seconds: time.sleep(seconds / speed)
    )
    driver = OVM3NodeDriver(
        user,
        password,
        host=address,
        port=port,
        ex_fingerprint=pins,
        ex_clock=clock,
        ex_second_look=0 if way == "module" else None,  # the claims alone have to do
    )
    guards.BEGINS = way in BY_DRIVER
    driver.list_nodes()
    modules = [
        HostModule(
            AgentConnection(user, password, host=one, port=port, trust=HostTrust(pins=(pins[one],)))
        )
        for one in sorted(pins, key=lambda one: one != address)
    ]
    orders.send("ready")
    while (order := orders.recv()) is not None:
        what, directory, moment, location = order
        time.sleep(moment)
        place = (repository_id, directory)
        try:
            if what == "claim":
                orders.send(_claimed(modules, place, hosts))
            elif what == "attach":
                orders.send(driver.attach_volume(directory, location))
            elif way == "claims":
                orders.send(_start_claimed(modules[0], place, clock))
            elif way == "command":
                orders.send(_start_by_command(how, clock, directory, location))
            elif way == "agents":
                driver.connection.call("start_vm", *place)
                orders.send("started")
            else:
                driver.start_node(directory, ex_location=location if way == "module" else None)
                orders.send("started")
        except Ovm3Error as error:
            kind = error.kind.rpartition(".")[2] if isinstance(error, AgentFault) else ""
            orders.send(kind or type(error).__name__)


def _claimed(modules: list[HostModule], place: tuple[str, str], hosts: list[str]) -> str:
    """The kind of a VM's first claim when it is settled; it may take longer on a busy machine, and
    calls may time out there."""
    operation, kind = uuid.uuid4().hex, ""
    while kind in ("", "doubt"):
        with contextlib.suppress(AgentFault):
            modules[0].claim_vm("me", operation, *place, hosts)
        for module in modules:
            with contextlib.suppress(AgentFault):
                module.settle_claim("me", uuid.uuid4().hex, *place)
        with contextlib.suppress(AgentFault):
            kind = modules[0].read_claim(*place).kind
    return kind


def _start_by_command(how: tuple[Any, ...], clock: Clock, directory: str, location: str) -> str:
    """What the command says: the words after the VM's name that matter, or its exit status."""
    _, password, address, port, pins = how
    access = [f"--host={address}:{port}", *(f"--fingerprint={one}={pins[one]}" for one in pins)]
    with mock.patch.object(option_values, "Clock", return_value=clock):
        done = CliRunner().invoke(
            ovm3,
            ["vm", "start", directory, "--on", location, *access],
            env={"OVM3_PASSWORD": password},
        )
    if done.exit_code == 0:
        return "started" if "was started on" in done.stdout else done.stdout
    return "already running" if "already running" in done.stderr else f"exit {done.exit_code}"


def _start_claimed(module: HostModule, place: tuple[str, str], clock: Clock) -> str:
    operation, read = uuid.uuid4().hex, module.read_claim(*place)
    change = (read.folder, read.version, "", "start_vm", [])
    found = module.change_claimed_vm("me", operation, *place, *change)
    while found.state == "running":
        clock.sleep(1)
        found = module.read_claim(*place, operation)
    return f"{found.kind}, {found.outcome}"


def _sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.time()))


def _of(sim: Simulator, vm_uuid: str) -> list[tuple[Any, Any]]:
    """All domains of a VM, listed or not, with their hosts."""
    found = []
    for host in sim.hosts:
        sim.domains(host.index)  # what has happened by now
        found += [(host, domain) for domain in host.domains if domain.uuid == vm_uuid]
    return found


def _settled(sim: Simulator, vm_uuid: str) -> int:
    """How many domains of a VM there are once none of them is being built, or on its way."""
    while True:
        domains = [domain for _, domain in _of(sim, vm_uuid)]
        if not [one for one in domains if one.phase not in ("running", "kept", "zombie")]:
            return sum(one.listed for one in domains)
        sim.wait(1)


def _remove(sim: Simulator, vm_uuid: str, directory: str) -> None:
    for host, domain in _of(sim, vm_uuid):
        with contextlib.suppress(SimulatedFault):
            machines.destroy(host, domain.name, vm_uuid)
    shutil.rmtree(sim.repository_path / "VirtualMachines" / directory)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.system.doubles")
    parser.add_argument("--what", choices=WHATS, default="clients")
    parser.add_argument("--way", choices=WAYS, default="module")
    parser.add_argument("--tries", type=int, default=20)
    parser.add_argument("--faults", action="store_true", help="one call of each try fails")
    parser.add_argument("--seed", type=int, default=1)
    print(count(**vars(parser.parse_args())))  # noqa: T201 - a command


if __name__ == "__main__":
    main()
