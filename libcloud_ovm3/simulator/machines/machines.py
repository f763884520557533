"""The QEMUs of a simulator: they follow what xend records of its domains, and xend them.

``xend/progress.py`` asks for guests that have ended before it runs what is due, and lets the others
follow afterwards. A thread does so all the time, as a guest acts without any call.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path

from libcloud_ovm3.simulator.domain import Domain
from libcloud_ovm3.simulator.errors import AgentFault, SimulatorError
from libcloud_ovm3.simulator.host import SimulatedHost
from libcloud_ovm3.simulator.machines import links
from libcloud_ovm3.simulator.machines.command import QEMU
from libcloud_ovm3.simulator.machines.guest import Guest
from libcloud_ovm3.simulator.xend import progress

KIND = "qemu"
_TICK_SECONDS = 0.1
_Key = tuple[int, str, int]


def check() -> None:
    """Check that this machine can run guests.

    :raises SimulatorError: It cannot, and why.
    """
    for program, package in (
        (QEMU, "qemu-system-x86"),
        ("ip", "iproute2"),
        ("setpriv", "util-linux"),
    ):
        if shutil.which(program) is None:
            raise SimulatorError(
                f'machines="qemu" needs the program {program} (Debian: {package}), which is not '
                "installed"
            )
    if os.geteuid() != 0 or not Path("/dev/net/tun").exists():
        raise SimulatorError(
            'machines="qemu" needs root and /dev/net/tun, to connect guests to bridges of this '
            "machine"
        )


class Machines:
    """The guests of all hosts of a simulator, from :meth:`start` to :meth:`stop`."""

    def __init__(self, hosts: Sequence[SimulatedHost]) -> None:
        self._hosts = hosts
        self._guests: dict[_Key, Guest] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="simulated machines", daemon=True)

    def start(self) -> None:
        """Begin.

        :raises SimulatorError: This machine cannot run guests.
        """
        check()
        for host in self._hosts:
            host.machines = self
        self._thread.start()

    def stop(self) -> None:
        """End all guests."""
        self._stopped.set()
        if self._thread.ident is not None:
            self._thread.join()
        for guest in self._guests.values():
            guest.kill()
        self._guests.clear()

    def _run(self) -> None:
        while not self._stopped.wait(_TICK_SECONDS):
            for host in self._hosts:
                with host.lock:
                    progress.advance(host)

    def refusal(self, host: SimulatedHost, domain: Domain) -> str:
        """xend's text if this machine lacks a bridge of the domain, otherwise ""."""
        known = links.known_devices()
        for device, bridge in zip(domain.vif_ids, links.bridges(host, domain), strict=True):
            if bridge not in known:
                what = f"Could not find bridge device {bridge}"
                return f"Device {device} (vif) could not be connected. {what}"
        return ""

    def neighbours(self, host: SimulatedHost) -> list[tuple[str, str, str, bool]]:
        """The entries of this machine's neighbour table for the guests of a host."""
        return links.neighbours(host)

    def ended(self, host: SimulatedHost) -> list[tuple[Domain, str]]:
        """The running domains whose guest has ended, and how. Called with the lock held."""
        found = []
        for domain in _running(host):
            guest = self._guests.get(_key(host, domain))
            if guest is not None and (reason := guest.ended()):
                if reason == "crash":
                    text = f"domain {domain.name}: device model failed: {guest.last_words()}"
                    host.log("WARNING", "xend", text, "xend.log")
                found.append((domain, reason))
        return found

    def follow(self, host: SimulatedHost) -> None:
        """Start, change and end guests as their domains say. Called with the lock held."""
        running = {_key(host, domain): domain for domain in _running(host)}
        for key in [key for key in self._guests if key[0] == host.index and key not in running]:
            self._guests.pop(key).kill()
        for key, domain in running.items():
            try:
                if key in self._guests:
                    self._guests[key].begin()
                    self._guests[key].follow(host, domain)
                elif threading.current_thread() is self._thread:  # it ends with its thread
                    self._guests[key] = Guest(host, domain)
            except (AgentFault, OSError) as error:
                self._failed(host, key, domain, error)

    def _failed(self, host: SimulatedHost, key: _Key, domain: Domain, error: Exception) -> None:
        """A machine that does not do what xend has recorded is none: it ends, as a crash."""
        text = f"domain {domain.name}: device model failed: {error}"
        host.log("WARNING", "xend", text, "xend.log")
        progress.guest_stopped(host, domain, "crash")
        if guest := self._guests.pop(key, None):
            guest.kill()


def _key(host: SimulatedHost, domain: Domain) -> _Key:
    """What a guest is found by: one of its own for each time that the domain is built."""
    return host.index, domain.seed, domain.domid


def _running(host: SimulatedHost) -> list[Domain]:
    return [domain for domain in host.domains if domain.real and domain.phase == "running"]
