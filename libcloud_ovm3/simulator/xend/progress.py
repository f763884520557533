"""The events of all domains and transfers: those that are due run, in order, at each access."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from libcloud_ovm3.simulator.domain import Domain, Transfer
from libcloud_ovm3.simulator.errors import AgentFault, Stopped
from libcloud_ovm3.simulator.host import SimulatedHost
from libcloud_ovm3.simulator.xend import clients, life, log, transfer
from libcloud_ovm3.simulator.xend.starting import memory_refusal

Due = tuple[float, SimulatedHost, "Domain | Transfer"]


def advance(host: SimulatedHost) -> None:
    """Run every event that is due by now. Called with the lock held."""
    if log.started(host):
        host.save()
    for domain, reason in host.machines.ended(host) if host.machines else ():
        guest_stopped(host, domain, reason)
    changed: dict[int, SimulatedHost] = {}
    while (event := _next(host)) and event[0] <= host.clock.now():
        moment, where, what = event
        at = moment + where.clock_offset
        if isinstance(what, Transfer):
            transfer.step(where, what, at)
            where.transfers = [item for item in where.transfers if item.stage != "done"]
            touched = [where, where.peers[where.index if what.to is None else what.to]]
        else:
            life.step(where, what, at)
            touched = [where]
        for each in touched:
            each.domains = [domain for domain in each.domains if domain.phase != "gone"]
            changed[each.index] = each
    for each in changed.values():
        each.save()
    if host.machines:
        host.machines.follow(host)


def guest_stopped(host: SimulatedHost, domain: Domain, reason: str) -> None:
    """A real guest has ended by itself. Called with the lock held."""
    life.guest_stopped(host, domain, reason, host.now())
    host.save()


def _next(host: SimulatedHost) -> Due | None:
    """The next event on this host, or on any host while a transfer is in progress."""
    moved = any(peer.transfers for peer in host.peers)
    events: list[Due] = []
    for where in host.peers if moved else [host]:
        for domain in where.domains:
            moment = life.due(where, domain)
            if moment is not None:
                events.append((moment - where.clock_offset, where, domain))
        events += [(item.until - where.clock_offset, where, item) for item in where.transfers]
    return min(events, key=lambda event: event[0], default=None)


@contextlib.contextmanager
def xend(host: SimulatedHost, wait_until: Callable[[float], None] | None = None) -> Iterator[None]:
    """Hold xend's global lock, which everything but the list needs (xend.md 1.3).

    :param wait_until: Waits until a time of the host's clock; None for the host's own method.
    :raises Stopped: The simulator was stopped meanwhile.
    :raises AgentFault: xend was restarted meanwhile.
    """
    starts = host.xend_starts
    with clients.connection(host, wait_until):
        while True:
            with host.lock:
                now = host.now()  # first: events that are due by then have run
                advance(host)
                if starts != host.xend_starts:
                    raise AgentFault("socket.error", "(104, 'Connection reset by peer')")
                held = life.lock_held_until(host)
                if held <= now:
                    yield
                    if host.machines:
                        host.machines.follow(host)
                    return
            (wait_until or host.wait_until)(held)


def find_memory(host: SimulatedHost, needed_mb: float) -> str:
    """Wait for memory as xend does, holding its lock; xend's text if there is none (xend.md 2)."""
    with host.lock:
        advance(host)
        if not memory_refusal(host, needed_mb):
            return ""
        end = host.now() + life.memory_wait(host, needed_mb)
        host.busy_until = max(host.busy_until, end)
        host.save()
    host.wait_until(end)
    with host.lock:
        advance(host)
        return memory_refusal(host, needed_mb)


def wait(host: SimulatedHost, limit: float, done: Callable[[], bool]) -> bool:
    """Wait until ``done`` returns True; False after ``limit`` simulated seconds."""
    end = host.now() + limit
    while True:
        with host.lock:
            advance(host)
            if done():
                return True
        if host.now() >= end:
            return False
        host.wait_until(min(end, host.now() + host.clock.poll))


def wait_for(host: SimulatedHost, item: Transfer) -> None:
    """Wait until a transfer has ended, successfully or not.

    :raises Stopped: The host or the simulator went down meanwhile.
    """
    while True:
        with host.lock:
            advance(host)
            if not any(other is item for other in host.transfers):
                break
            until = item.until
        host.wait_until(until)
    if item.stage != "done":
        raise Stopped  # the host went down meanwhile
