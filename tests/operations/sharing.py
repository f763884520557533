"""Changes of repositories, for their failure table and for clients that are killed."""

from __future__ import annotations

import contextlib
import copy
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from libcloud_ovm3.simulator import Simulator
from libcloud_ovm3.simulator.agent import ownership, repositories
from tests.support import fingerprints_of, quietly, simulate

NEW, OLD = "filer:/export/new", "filer:/export/old"  # an empty export, and one with a repository
SECOND = "0004fb0000030000aaaaaaaaaaaaaaaa"  # on both hosts
OLD_ID = "0004fb0000030000bbbbbbbbbbbbbbbb"
OPERATIONS = ("create", "attach", "adopt", "detach", "rename", "refresh", "delete", "erase")

State = dict[str, Any]


@contextlib.contextmanager
def make_sim(
    personality: str, version: str, host_module: bool, **options: Any
) -> Iterator[Simulator]:
    """Two hosts with ``MyRepo``; ``Second``; ``Third``, which the first host has; an empty export;
    and one with the repository of a Manager that is gone.
    """
    how = {"personality": personality, "version": version, "host_module": host_module}
    with simulate(2, vms=0, templates=0, **how, **options) as sim:
        sim.add_repository("Second", SECOND)
        sim.add_repository("Third", "0004fb0000030000cccccccccccccccc", hosts=[0])
        (sim.path_of(SECOND) / "Templates" / "a.raw").write_bytes(b"template")
        export(sim, NEW).mkdir(parents=True)
        make_old(sim)
        yield sim


def export(sim: Simulator, location: str) -> Path:
    """The directory of an export."""
    return sim.hosts[0].settings.export(location)


def make_old(sim: Simulator, owner: str | None = None, location: str = OLD) -> None:
    """A repository that no host knows, with an ISO in it."""
    own = owner or ownership.owner(sim.hosts[0])
    repositories.make(export(sim, location), OLD_ID, "Old", own)
    (export(sim, location) / "ISOs" / "cd.iso").write_bytes(b"cd")


def act(driver: Any, operation: str) -> None:
    """Change one of these repositories."""
    changes: dict[str, Any] = {
        "create": lambda: driver.ex_create_repository(NEW, "New"),
        "attach": lambda: driver.ex_attach_repository("Third"),
        "adopt": lambda: driver.ex_attach_repository(OLD),
        "detach": lambda: driver.ex_detach_repository(SECOND),
        "rename": lambda: driver.ex_rename_repository(SECOND, "Other"),
        "refresh": lambda: driver.ex_refresh_repository(SECOND),
        "delete": lambda: driver.ex_delete_repository(SECOND),
        "erase": lambda: driver.ex_delete_repository(SECOND, ex_erase=True, ex_confirm=SECOND),
    }
    quietly(changes[operation])


def saved(sim: Simulator) -> list[State]:
    """What the hosts have mounted and registered, to be put back."""
    return [
        copy.deepcopy({"mounts": host.mounts, "records": host.repository_db}) for host in sim.hosts
    ]


def put_back(sim: Simulator, before: list[State]) -> None:
    for host, state in zip(sim.hosts, before, strict=True):
        with host.lock:
            host.mounts, host.repository_db = (copy.deepcopy(one) for one in state.values())
    shutil.rmtree(export(sim, NEW))
    export(sim, NEW).mkdir()
    (export(sim, OLD) / ".generic_fs_stamp").unlink(missing_ok=True)
    second = export(sim, f"nfs-store-1:/export/{SECOND}")
    shutil.rmtree(second)
    repositories.make(second, SECOND, "Second", ownership.owner(sim.hosts[0]))
    (second / "Templates" / "a.raw").write_bytes(b"template")


def shown(sim: Simulator) -> list[State]:
    """What the operations change, host by host: mounts of repositories, and records."""
    return [
        {
            "mounts": {at: one.device for at, one in host.mounts.items() if at[:5] == "/OVS/"},
            "records": copy.deepcopy(host.repository_db),
        }
        for host in sim.hosts
    ]


def unmount_second(sim: Simulator) -> None:
    """What a reboot does, for "refresh"."""
    for host in sim.hosts:
        with host.lock:
            host.mounts.pop(f"/OVS/Repositories/{SECOND}")


def contents(sim: Simulator) -> dict[str, dict[str, str]]:
    """The files of the exports."""
    found = {"MyRepo": fingerprints_of(sim.repository_path)}
    for location in (OLD, NEW, f"nfs-store-1:/export/{SECOND}"):
        found[location] = fingerprints_of(export(sim, location))
    return found
