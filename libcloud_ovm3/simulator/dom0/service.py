"""``sbin/service`` of the trees: a script writes a request, and the simulator performs it.

A request is a file ``<pid>.request`` in ``hosts/<i>/requests`` with ``NAME ACTION``; the response,
``<pid>.answer``, has the script's exit status and output.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from pathlib import Path

from libcloud_ovm3.simulator.errors import Stopped
from libcloud_ovm3.simulator.host import SimulatedHost
from libcloud_ovm3.simulator.xend import machines

SECONDS = 0.02


def folder(host: SimulatedHost) -> Path:
    """The directory of a host's requests."""
    return host.folder / "requests"


class Watcher:
    """Performs the requests of its hosts until the simulator stops."""

    def __init__(self) -> None:
        self._hosts: list[SimulatedHost] = []
        self._guard = threading.Lock()

    def add(self, host: SimulatedHost) -> None:
        """Perform the requests of this host too."""
        with self._guard:
            if host in self._hosts:
                return
            shutil.rmtree(folder(host), ignore_errors=True)  # of an earlier run
            folder(host).mkdir()
            self._hosts.append(host)
            if len(self._hosts) == 1:
                threading.Thread(target=self._watch, args=[host.clock.stopped], daemon=True).start()

    def _watch(self, stopped: threading.Event) -> None:
        while not stopped.wait(SECONDS):
            for host in list(self._hosts):
                # A script that has timed out removes its request; a stopping simulator all of them.
                with contextlib.suppress(FileNotFoundError):
                    for name in os.listdir(folder(host)):
                        if not name.endswith(".request"):
                            continue
                        request = folder(host) / name
                        words = request.read_text().split()
                        request.unlink()
                        arguments = (host, words, request.with_suffix(".answer"))
                        threading.Thread(target=_serve, args=arguments, daemon=True).start()


def _serve(host: SimulatedHost, words: list[str], answer: Path) -> None:
    with contextlib.suppress(Stopped, OSError):  # the simulator may be stopped meanwhile
        text = _do(host, words)
        new = answer.with_suffix(".done")
        new.write_text(f"{text}\n")
        new.replace(answer)


def _do(host: SimulatedHost, words: list[str]) -> str:
    """Perform a request: exit status and output, whether or not the agent starts."""
    match words:
        case ["ovs-agent", "restart"]:
            host.restart_agent()
            return "0 Restarting ovs-agent: [  OK  ]"
        case ["ovs-agent", "status"]:
            return "0 ovs-agent is running" if host.listens() else "3 ovs-agent is stopped"
        case ["xend", "restart"]:
            machines.restart_xend(host)
            return "0 Restarting xend daemon: [  OK  ]"
        case ["xend", "status"]:
            return "0 xend daemon is running"
    return f"1 {' '.join(words)}: not modelled by the simulator"
