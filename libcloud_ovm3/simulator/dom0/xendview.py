"""xend's functions as a module in the agent calls them, and the contents of xenstore.

xend returns s-expressions as nested lists, with numbers as numbers (xend.md 6).
"""

from __future__ import annotations

import xmlrpc.client
from collections.abc import Callable
from typing import Any

from libcloud_ovm3.simulator.domain import Domain
from libcloud_ovm3.simulator.errors import AgentFault
from libcloud_ovm3.simulator.host import NO_UUID, SimulatedHost
from libcloud_ovm3.simulator.xend import life, listing, machines
from libcloud_ovm3.simulator.xend.clients import connection
from libcloud_ovm3.simulator.xend.progress import advance, xend
from libcloud_ovm3.simulator.xend.starting import device_number, disks

_UNKNOWN, _FAILED = 3, 2  # xend.md 4
_INTS = (
    "domid cpu_weight cpu_cap vcpus maxmem memory shadow_memory online_vcpus status store_mfn "
    "console_mfn"
).split()
_FLOATS = ("start_time", "cpu_time")
_STATES = {"running": (2,), "paused": (1,), "halted": (0,), "suspended": (3,), "crashed": (5,)}
_CLOSED = ("zombie",)
_NO_BACKENDS = ("building", "arriving", "unnamed", "gap", "gone")


class SimulatedXend:
    """Stands for ``ServerProxy(XendClient.uri).xend`` of a host."""

    def __init__(self, host: SimulatedHost, wait_until: Callable[[float], None]) -> None:
        self._host = host
        self._wait_until = wait_until
        self.domain = SimulatedDomain(host, wait_until)

    def domains_with_state(self, detail: Any, state: str, full: Any = 0) -> list[Any]:
        """All domains in this state, as s-expressions with ``detail``, otherwise their names.

        :raises xmlrpc.client.Fault: Code 2: one of them cannot be refreshed.
        """
        host = self._host
        with connection(host, self._wait_until), host.lock:
            advance(host)
            try:
                machines.check_list(host)
            except AgentFault:
                raise xmlrpc.client.Fault(_FAILED, machines.LIST_FAULT) from None
            structs = [listing.describe(host, domain) for domain in listing.listed(host)]
            structs.append(listing.describe_domain_0(host))
        structs.sort(key=lambda struct: str(struct["name"]))
        if state != "all":
            structs = [each for each in structs if int(each["status"]) in _STATES[state]]
        return [expression(each, full) if detail else each["name"] for each in structs]

    def domains(self, detail: Any = True, full: Any = 0) -> list[Any]:
        """Only the running domains (xend.md 1.3)."""
        return self.domains_with_state(detail, "running", full)


class SimulatedDomain:
    """xend's ``domain``, and what is called below it."""

    def __init__(self, host: SimulatedHost, wait_until: Callable[[float], None]) -> None:
        self._host = host
        self._wait_until = wait_until

    def destroy(self, domid: int) -> None:
        """Destroy a domain, by its number.

        :raises xmlrpc.client.Fault: Code 2: there is none.
        """
        try:
            machines.destroy_number(self._host, domid)
        except AgentFault as fault:
            raise xmlrpc.client.Fault(_FAILED, str(fault)) from None

    def __call__(self, name: Any, full: Any = 0) -> list[Any]:
        """One domain, by name, domid or uuid; waits for xend's lock.

        :raises xmlrpc.client.Fault: Code 3: there is no such domain; 2: it cannot be printed.
        """
        host, wanted = self._host, str(name)
        with xend(host, self._wait_until):
            if wanted in ("Domain-0", "0", NO_UUID):
                return expression(listing.describe_domain_0(host), full)
            live = listing.listed(host)
            for key in ("name", "domid", "uuid"):  # xend's order: xend.md 1.3
                for domain in live:
                    if str(getattr(domain, key)) == wanted:
                        return self._printed(domain, full)
        raise xmlrpc.client.Fault(_UNKNOWN, wanted)

    def _printed(self, domain: Domain, full: Any) -> list[Any]:
        try:
            machines.check_printable(self._host, domain)
        except AgentFault:
            raise xmlrpc.client.Fault(_FAILED, machines.LIST_FAULT) from None
        return expression(listing.describe(self._host, domain), full)


def expression(struct: dict[str, Any], full: Any) -> list[Any]:
    """The s-expression of a domain that :mod:`listing` describes."""
    found: list[Any] = ["domain"]
    for key, value in struct.items():
        if key == "device":
            sections = value.items() if full else ()
            found += [
                ["device", [kind, *map(list, section.items())]]
                for kind, entries in sections
                for section in entries
            ]
        elif key == "image":
            found.append(["image", [struct["builder"], *_image(value)]])
        elif key != "builder":
            found.append([key, _number(key, value)])
    return found


def _image(values: dict[str, Any]) -> list[Any]:
    return [["notes", *value] if key == "notes" else [key, value] for key, value in values.items()]


def _number(key: str, value: Any) -> Any:
    if key in _INTS:
        return int(value)
    if key in _FLOATS:
        return float(value)
    if key == "cpus":
        return [[int(cpu) for cpu in cpus] for cpus in value]
    return value


def stored(host: SimulatedHost) -> dict[int, str]:
    """``/local/domain/<domid>/vm`` of each domain.

    A second domain with the same uuid has the suffix ``-1`` (xend.md 3).
    """
    with host.lock:
        advance(host)
        found = {0: f"/vm/{NO_UUID}"}
        for domain in listing.listed(host):
            name = f"/vm/{domain.uuid}"
            again = sum(other.startswith(name) for other in found.values())
            found[domain.domid] = f"{name}-{again}" if again else name
    return found


def uuids(host: SimulatedHost) -> list[str]:
    """The names under ``/vm``."""
    return [name.removeprefix("/vm/") for name in stored(host).values()]


def backends(host: SimulatedHost) -> list[dict[str, Any]]:
    """The block backends: ``domid``, ``number`` and the keys of xenstore (xend.md 10.5).

    Those of a domain that is no longer listed stay for ``backend_seconds``.
    """
    found: list[dict[str, Any]] = []
    loops = 0
    with host.lock:
        advance(host)
        for domain in host.domains:
            if domain.phase in _NO_BACKENDS:
                continue
            for uname, device, mode in disks(domain.config):
                bare = device.removeprefix("ioemu:").partition(":")[0]
                kind, _, path = uname.partition(":")
                keys = {
                    "domain": domain.name,
                    "frontend-id": str(domain.domid),
                    "dev": bare,
                    "mode": mode,
                    "params": path,
                    "type": kind,
                    "state": _xenbus_state(domain),
                }
                if kind == "file":
                    keys["node"] = f"/dev/loop{loops}"
                    loops += 1
                number = device_number(bare) or 0
                found.append({"domid": domain.domid, "number": number, "keys": keys})
    return found


def _xenbus_state(domain: Domain) -> str:
    """Closed (6), connected (4), or waiting for a PV driver that the guest lacks (2)."""
    if domain.phase in _CLOSED:
        return "6"
    return "2" if life.stops_hard(domain.config) else "4"


def loop_files(host: SimulatedHost) -> list[str]:
    """The files behind /dev/loop0, loop1, ...: one per ``file:`` disk in use."""
    return [each["keys"]["params"] for each in backends(host) if each["keys"]["type"] == "file"]
