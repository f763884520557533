"""The simulator's root directory: created, or reopened after an earlier run.

``simulator.json`` holds what all hosts share, ``hosts/<i>/`` one host's state, certificate, logs
and disk, ``exports/<server>/<path>`` what that NFS server exports.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from libcloud_ovm3.simulator import layouts, network, seeds, state
from libcloud_ovm3.simulator.clock import Clock, SimulatedTime
from libcloud_ovm3.simulator.errors import SimulatorError
from libcloud_ovm3.simulator.host import Settings, SimulatedHost
from libcloud_ovm3.simulator.server import certificates

VERSIONS = ("3.2.", "3.3.", "3.4.")
#: Fields of Settings that a caller may set, with their defaults.
TUNABLE = {
    name: field.default
    for name, field in Settings.__dataclass_fields__.items()
    if isinstance(field.default, (int, float))
}


@dataclass(frozen=True)
class Options:
    """The options of a simulator; see :class:`Simulator` for their meaning."""

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
        """Check the values.

        :raises SimulatorError: A value is not valid.
        """
        if not (isinstance(self.hosts, int) and 1 <= self.hosts <= 250):
            raise SimulatorError(f"hosts must be from 1 to 250, not {self.hosts!r}")
        if not self.version.startswith(VERSIONS):
            raise SimulatorError(f"version must be 3.2.x, 3.3.x or 3.4.x, not {self.version!r}")
        if self.repositories < 1:
            raise SimulatorError(f"repositories must be at least 1, not {self.repositories}")
        if not self.speed > 0:
            raise SimulatorError(f"speed must be above 0, not {self.speed}")
        if self.tls is not None and self.tls not in certificates.ERAS:
            known = ", ".join(certificates.ERAS)
            raise SimulatorError(f"tls must be one of {known}, not {self.tls!r}")
        if self.seed.layout not in layouts.LAYOUTS:
            known = ", ".join(layouts.LAYOUTS)
            raise SimulatorError(f"layout must be one of {known}, not {self.seed.layout!r}")
        for name, value in self.tuned.items():
            if name not in TUNABLE:
                raise SimulatorError(f"unknown argument {name!r}; known: {', '.join(TUNABLE)}")
            if not isinstance(value, (int, float)) or value < 0:
                raise SimulatorError(f"{name} must be a number >= 0, not {value!r}")


@dataclass
class Root:
    """An open root; ``values`` are the contents of simulator.json."""

    path: Path
    values: dict[str, Any]
    settings: Settings
    clock: Clock
    hosts: list[SimulatedHost]

    def save(self) -> None:
        """Write simulator.json."""
        state.save(self.path / "simulator.json", self.values)


def open_root(path: Path, options: Options) -> Root:
    """Create the root, or reopen it with all of its contents.

    :raises SimulatorError: It was created with another version or number of hosts, or is damaged.
    """
    saved = state.load(path / "simulator.json")
    if saved is not None:
        for name, given in (("version", options.version), ("hosts", options.hosts)):
            if saved[name] != given:
                raise SimulatorError(f"{path} was created with {name}={saved[name]}, not {given}")
    elif (path / "hosts").exists() or (path / "exports").exists():
        raise SimulatorError(f"{path} is an incomplete root: remove it")
    values = saved or {
        "version": options.version,
        "hosts": options.hosts,
        "repository": seeds.manager_id("03"),
        "fs_location": "nfs-store-1:/export/ovm-repository",
        "owner": seeds.manager_id("01") if options.owner is None else options.owner,
        "pool": seeds.manager_id("02") if options.pool else "",
        "port": 0,
        # Never with a dash in front, which every command would read as an option.
        "password": secrets.token_hex(8),
    }
    if saved is None:
        ids = layouts.ids_of(options.seed.layout)
        requested = {"owner": options.owner, "pool": None if options.pool else ""}
        values |= {key: text for key, text in ids.items() if requested.get(key) is None}
    if options.password is not None:
        values["password"] = options.password
    records = [state.load(path / f"hosts/{index}/host.json") for index in range(options.hosts)]
    written = max((record["written"] for record in records if record), default=0.0)
    clock = Clock(options.speed, values.get("clock"), written, options.clock)
    values["clock"] = clock.anchor()
    settings = Settings(
        version=options.version,
        root=path,
        answers=options.answers,
        repository_id=values["repository"],
        fs_location=values["fs_location"],
        owner=values["owner"] or None,
        pool_id=values["pool"] or None,
        **options.tuned,
    )
    hosts = [
        SimulatedHost(index, settings, clock, seeds.new_host(index, clock))
        for index in range(options.hosts)
    ]
    for host in hosts:
        host.peers, host.lock = hosts, hosts[0].lock
    if saved is None:
        for host in hosts:
            network.create(host, options.seed.layout)
        seeds.populate(hosts, options.seed)
        layouts.populate(hosts, options.seed.layout)
        for number in range(2, options.repositories + 1):
            seeds.add_repository(hosts[0], hosts, f"Repository {number}", None)
    for host in hosts:
        if not (host.folder / "certificate.pem").exists():
            certificates.certify(host, options.tls)
        certificates.read_certificate(host)
        with host.lock:
            host.save()
    root = Root(path, values, settings, clock, hosts)
    root.save()  # last: it marks the root as complete
    return root
