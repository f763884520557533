"""What several test folders need: simulators whose time moves by itself, and drivers for them."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import socket
import threading
import time
import warnings
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any, Final

import pytest
from urllib3.util import connection

from libcloud_ovm3 import OVM3NodeDriver
from libcloud_ovm3.agent import deadline, liveness
from libcloud_ovm3.clock import Clock
from libcloud_ovm3.errors import Ovm3Error, Ovm3Warning
from libcloud_ovm3.simulator import SimulatedTime, Simulator
from libcloud_ovm3.simulator.server import http, ports

PERSONALITIES = ("plain", "awkward")
DIALECTS = ("3.2.1", "3.3.3")  # releases that answer in different words
EACH_DIALECT = [pytest.param(one, id="-".join(one)) for one in product(PERSONALITIES, DIALECTS)]


def simulate(hosts: int = 3, *args: Any, **options: Any) -> Simulator:
    """A simulator whose time moves only while somebody waits."""
    return Simulator(hosts, *args, **{"clock": SimulatedTime(), **options})


def clock_of(sim: Simulator) -> Clock:
    """The simulator's time, for a driver; a simulator of its own process goes by real time."""
    return Clock() if sim.clock is None else Clock(sim.clock.now, sim.clock.sleep)


def pins_of(sim: Simulator) -> dict[str, str]:
    return {host.address: host.fingerprint for host in sim.hosts}


def driver_for(sim: Simulator, **options: Any) -> OVM3NodeDriver:
    """A driver for the whole pool of a simulator, by its first host."""
    defaults: dict[str, Any] = {
        "host": sim.hosts[0].address,
        "port": sim.hosts[0].port,
        "ex_fingerprint": pins_of(sim),
        "ex_clock": options.get("ex_clock") or clock_of(sim),
    }
    arguments = {**defaults, **options}
    if arguments.get("ex_hosts") is not None and "ex_fingerprint" not in options:
        named = {str(one).partition(":")[0] for one in (arguments["host"], *options["ex_hosts"])}
        arguments["ex_fingerprint"] = {h: pin for h, pin in pins_of(sim).items() if h in named}
    return OVM3NodeDriver(sim.user, sim.password, **arguments)


def resolve_to(monkeypatch: pytest.MonkeyPatch, names: dict[str, list[str]]) -> None:
    """Let names lead to addresses, for everything in this process."""
    resolve = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *args: Any, **more: Any) -> Any:
        found = names.get(host, [host])
        return [one for ip in found for one in resolve(ip, port, *args, **more)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def quietly(action: Any, *args: Any, **kwargs: Any) -> Any:
    """Call something whose warnings are not this test's subject."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Ovm3Warning)
        return action(*args, **kwargs)


def fingerprints_of(folder: Path) -> dict[str, str]:
    """Every file below a repository with a hash of its content.

    Not the stamp: mounting an export for the storage plug-in leaves it there (flows.md 4). Nor the
    claims of VMs: each change of one is recorded there, and what is gone stays for a day.
    """
    return {
        str(path.relative_to(folder)): _fingerprint(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and path.name != ".generic_fs_stamp"
        and ".libcloud-ovm3/claims/" not in str(path)
    }


def _fingerprint(path: Path) -> str:
    """A hash of size and data, without the holes of a sparse file: disks are hardly more."""
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        end = 0
        while end < size:
            try:
                begin = os.lseek(file.fileno(), end, os.SEEK_DATA)
            except OSError as error:
                if error.errno != errno.ENXIO:  # no data after this
                    raise
                break
            end = os.lseek(file.fileno(), begin, os.SEEK_HOLE)
            digest.update(str(begin).encode())
            digest.update(os.pread(file.fileno(), end - begin, begin))
    return digest.hexdigest()


def calls_of(sim: Simulator, *functions: str) -> list[str]:
    """The names of the calls that have arrived, or of these functions only, in order.

    A change of a guarded VM counts as the agent's function, if that is named and :data:`CHANGE` is
    not.
    """
    return [
        name
        for call, by_agent in zip(sim.calls, functions_of(sim), strict=True)
        for name in [call.function if not functions or call.function in functions else by_agent]
        if not functions or name in functions
    ]


CHANGE: Final = "libcloud_change_claimed_vm"  # of a guarded VM, by one of the agent's functions


def functions_of(sim: Simulator) -> list[str]:
    """The same of all calls; of a change through the claim of a VM, the agent's function."""
    return [
        str(c.arguments[7]) if c.function == "libcloud_change_claimed_vm" else c.function
        for c in sim.calls
    ]


def at_once(sim: Simulator, *actions: tuple[Any, Callable[[], Any]]) -> list[Any]:
    """What these returned or raised, each driver's action in a thread, side by side.

    Time moves only while all of them wait, so that none is late because the machine is busy.
    """
    assert sim.clock is not None
    simulated, begin = sim.clock, threading.Barrier(len(actions))
    results: list[Any] = [None] * len(actions)

    def act(number: int) -> None:
        driver, action = actions[number]
        driver.name = f"client <{number}>"  # stands in the User-Agent of all its requests
        with simulated.client(driver.name):
            begin.wait()
            try:
                results[number] = action()
            except Ovm3Error as error:
                results[number] = error

    def act_all() -> None:
        threads = [threading.Thread(target=act, args=[number]) for number in range(len(actions))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    quietly(act_all)  # around them all: filters for warnings belong to the whole process
    return results


# ------------------------------------------------------------------ answers that never come

_hanging: dict[tuple[str, int], Any] = {}  # clients that wait for one, with the simulator's clock


def give_up_at_once(monkeypatch: Any) -> None:
    """Let the driver take an answer that the simulator never gives ("hang") as timed out at once.

    The driver's limits are as long as users have them, so that no other call ever times out because
    the machine is busy. Of the simulated time, the limit passes.
    """
    wait = http.Handler._wait_for_disconnect

    def hang(handler: http.Handler) -> None:
        where = handler.client_address[:2]
        _hanging[where] = handler.server.host.clock
        try:
            wait(handler)
        finally:
            del _hanging[where]

    def read_unless_hanging(reader: Any, buffer: Any) -> Any:
        line = reader._sock
        while (left := reader._deadline - time.monotonic()) > 0:
            line.settimeout(min(left, 0.02))
            with contextlib.suppress(TimeoutError):
                return line.recv_into(buffer)
            clock = _hanging.get(line.getsockname()[:2])
            if clock is not None and clock.simulated is not None:
                clock.sleep(reader._limit)
                break
        raise TimeoutError("timed out")

    _give_up_on_hosts_that_are_off(monkeypatch)
    monkeypatch.setattr(http.Handler, "_wait_for_disconnect", hang)
    monkeypatch.setattr(deadline._TimedReader, "readinto", read_unless_hanging)


def _give_up_on_hosts_that_are_off(monkeypatch: Any) -> None:
    """The same for connections to hosts that were shut down, which are never accepted."""
    silent: dict[tuple[int, int], tuple[str, int]] = {}
    fall_silent, end_silence = ports.Ports._fall_silent, ports.Ports._end_silence
    open_line, open_plain_line = connection.create_connection, socket.create_connection

    def fall(self: ports.Ports, host: Any) -> None:
        fall_silent(self, host)
        silent[id(self), host.index] = (host.address, host.port)

    def end(self: ports.Ports, index: int) -> None:
        silent.pop((id(self), index), None)
        end_silence(self, index)

    def open_unless_silent(address: tuple[str, int], *args: Any, **options: Any) -> Any:
        found = {one[4][:2] for one in socket.getaddrinfo(*address, type=socket.SOCK_STREAM)}
        if found <= set(silent.values()):
            raise TimeoutError("timed out")
        return open_line(address, *args, **options)

    def open_plain_unless_silent(address: tuple[str, int], *args: Any, **options: Any) -> Any:
        if address[:2] in silent.values():
            raise TimeoutError("timed out")
        return open_plain_line(address, *args, **options)

    monkeypatch.setattr(ports.Ports, "_fall_silent", fall)
    monkeypatch.setattr(ports.Ports, "_end_silence", end)
    monkeypatch.setattr(connection, "create_connection", open_unless_silent)
    monkeypatch.setattr(socket, "create_connection", open_plain_unless_silent)


def attempts_at(host: Any, monkeypatch: Any) -> list[str]:
    """Every attempt from now on to connect to a host: by a call of its agent (``call``), or to see
    whether it shows a sign of life (``check``). Those that it does not answer take 10 s each.
    """
    found: list[str] = []

    def counted(what: str, connect: Callable[..., Any], target: Callable[..., str]) -> Any:
        def attempt(*args: Any, **options: Any) -> Any:
            if target(*args) == host.address:
                found.append(what)
            return connect(*args, **options)

        return attempt

    call = counted("call", connection.create_connection, lambda place, *_: place[0])
    monkeypatch.setattr(connection, "create_connection", call)
    check = counted("check", liveness.connect, lambda ip, *_: ip)
    monkeypatch.setattr(liveness, "connect", check)
    return found


def eventually(condition: Callable[[], Any]) -> None:
    """Wait (real seconds) for what another thread or process does; that may take long."""
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)
