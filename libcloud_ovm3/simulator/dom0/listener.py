"""What the host module hears on a bridge: frames that tests put there, and guests that ask DHCP."""

from __future__ import annotations

from libcloud_ovm3.simulator import network
from libcloud_ovm3.simulator.dhcp import ACK, REQUEST, message
from libcloud_ovm3.simulator.host import SimulatedHost
from libcloud_ovm3.simulator.xend.progress import advance

ASKS_AFTER = 5.0  # seconds from the start of a domain until its guest asks


class Listener:
    """What hears the frames of a bridge, from now on: in the place of the host module's socket."""

    def __init__(self, host: SimulatedHost, bridge: str) -> None:
        self._host = host
        self._bridge = bridge
        self._since = host.now()
        self._put = len(host.frames)  # of which all before were heard, or were there before
        self._waiting: list[bytes] = []

    def read(self, seconds: float) -> bytes | None:
        """The next frame; None if none comes within that time."""
        host = self._host
        end = host.now() + seconds
        while True:
            self._hear()
            if self._waiting:
                return self._waiting.pop(0)
            if host.now() >= end:
                return None
            host.wait_until(min(end, host.now() + host.clock.poll))

    def _hear(self) -> None:
        host = self._host
        with host.lock:
            advance(host)
            new, self._put = host.frames[self._put :], len(host.frames)
            since, self._since = self._since, host.now()
            self._waiting += [frame for bridge, frame in new if bridge == self._bridge]
            self._waiting += _asked(host, self._bridge, since, self._since)

    def close(self) -> None:
        """Hear nothing any more."""


def _asked(host: SimulatedHost, bridge: str, since: float, until: float) -> list[bytes]:
    """What guests on a bridge have asked for after one moment and until another, and got."""
    leases = host.peers[0].records.get("guest_leases", {})
    frames = []
    for domain, place in network.cards_on(host, bridge):
        mac, at = domain.macs[place].lower(), domain.start_time + ASKS_AFTER
        is_booted = domain.phase == "running" and not domain.restored
        if mac in leases and is_booted and since < at <= until:
            frames += [message(REQUEST, mac), message(ACK, mac, *leases[mac])]
    return frames
