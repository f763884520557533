"""The simulator's root directory: made new, or taken over from an earlier life.

``simulator.json`` holds what all hosts share, ``hosts/<i>/`` one host's state, certificate, logs
and own disk, ``exports/<server>/<path>`` what that NFS server exports.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from libcloud_ovm3.simulator import layouts, seeds, state
from libcloud_ovm3.simulator.agent import network
from libcloud_ovm3.simulator.clock import Clock, SimulatedTime
from libcloud_ovm3.simulator.errors import SimulatorError
from libcloud_ovm3.simulator.host import Settings, SimulatedHost
from libcloud_ovm3.simulator.server import certificates

VERSIONS = ("3.2.", "3.3.", "3.4.")
#: Fields of Settings that a caller may give, with their defaults.
TUNABLE = {
    name: field.default
    for name, field in Settings.__dataclass_fields__.items()
    if isinstance(field.default, (int, float))
}


@dataclass(frozen=True)
class Wish:
    """What the user asked for; see :class:`Simulator` for the meaning."""

    hosts: int
    version: str
    speed: float
    clock: SimulatedTime | None
    password: str | None
    answers: dict[str, str]
    pool: bool
    owner: str | None
    tls: str | None
    seed: seeds.Seed
    repositories: int
    tuned: dict[str, Any]

    def check(self) -> None:
        """:raises SimulatorError: something cannot be"""
        if not 1 <= self.hosts <= 250:
            raise SimulatorError(f"from 1 to 250 hosts, not {self.hosts}")
        if not self.version.startswith(VERSIONS):
            raise SimulatorError(f"version {self.version!r}: 3.2.x, 3.3.x or 3.4.x is known")
        if self.repositories < 1:
            raise SimulatorError(f"1 repository at least, not {self.repositories}")
        if not self.speed > 0:
            raise SimulatorError(f"speed must be above 0, not {self.speed}")
        if self.tls is not None and self.tls not in certificates.ERAS:
            known = ", ".join(certificates.ERAS)
            raise SimulatorError(f"TLS {self.tls!r}: there are {known}")
        if self.seed.layout not in layouts.LAYOUTS:
            known = ", ".join(layouts.LAYOUTS)
            raise SimulatorError(f"layout {self.seed.layout!r}: there are {known}")
        for name, value in self.tuned.items():
            if name not in TUNABLE:
                raise SimulatorError(f"unknown argument {name!r}; there are: {', '.join(TUNABLE)}")
            if not isinstance(value, (int, float)) or value < 0:
                raise SimulatorError(f"{name} must be a number from 0 up, not {value!r}")


@dataclass
class Root:
    """A root in use: ``values`` is what simulator.json holds."""

    path: Path
    values: dict[str, Any]
    settings: Settings
    clock: Clock
    hosts: list[SimulatedHost]

    def save(self) -> None:
        """Write simulator.json."""
        state.save(self.path / "simulator.json", self.values)


def take(path: Path, wish: Wish) -> Root:
    """Make the root, or take it over with everything that is in it.

    :raises SimulatorError: it was made with another version or number of hosts, or is damaged
    """
    saved = state.load(path / "simulator.json")
    if saved is not None:
        for name, given in (("version", wish.version), ("hosts", wish.hosts)):
            if saved[name] != given:
                raise SimulatorError(f"{path} was made with {name}={saved[name]}, not {given}")
    elif (path / "hosts").exists() or (path / "exports").exists():
        raise SimulatorError(f"{path} is a root that was not finished: remove it")
    values = saved or {
        "version": wish.version,
        "hosts": wish.hosts,
        "repository": seeds.manager_id("03"),
        "fs_location": "nfs-store-1:/export/ovm-repository",
        "owner": seeds.manager_id("01") if wish.owner is None else wish.owner,
        "pool": seeds.manager_id("02") if wish.pool else "",
        "port": 0,
        "password": secrets.token_urlsafe(12),
    }
    if saved is None:
        theirs = layouts.names_of(wish.seed.layout)
        asked = {"owner": wish.owner, "pool": None if wish.pool else ""}
        values |= {key: text for key, text in theirs.items() if asked.get(key) is None}
    if wish.password is not None:
        values["password"] = wish.password
    records = [state.load(path / f"hosts/{index}/host.json") for index in range(wish.hosts)]
    written = max((record["written"] for record in records if record), default=0.0)
    clock = Clock(wish.speed, values.get("clock"), written, wish.clock)
    values["clock"] = clock.anchor()
    settings = Settings(
        version=wish.version,
        root=path,
        answers=wish.answers,
        repository_id=values["repository"],
        fs_location=values["fs_location"],
        owner=values["owner"] or None,
        pool_id=values["pool"] or None,
        **wish.tuned,
    )
    hosts = [
        SimulatedHost(index, settings, clock, seeds.new_host(index, clock))
        for index in range(wish.hosts)
    ]
    for host in hosts:
        host.peers, host.lock = hosts, hosts[0].lock
    if saved is None:
        seeds.sow(hosts, wish.seed)
        layouts.sow(hosts, wish.seed.layout)
        for number in range(2, wish.repositories + 1):
            seeds.add_repository(hosts[0], hosts, f"Repository {number}", None)
    for host in hosts:
        if not (host.folder / "certificate.pem").exists():
            certify(host, wish.tls)
        read_certificate(host)
        with host.lock:
            network.state(host)  # made now: it remembers since which boot an address is there
            host.save()
    root = Root(path, values, settings, clock, hosts)
    root.save()  # last: it says that the root is complete
    return root


def certify(host: SimulatedHost, tls: str | None) -> None:
    """Make the host a new certificate."""
    certificates.make_certificate(host.folder, host.hostname, tls)


def read_certificate(host: SimulatedHost) -> None:
    """Let the host know its certificate."""
    host.fingerprint = certificates.fingerprint(host.folder)
    host.certificate_pem = (host.folder / "certificate.pem").read_text()
