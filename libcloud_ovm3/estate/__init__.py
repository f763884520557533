"""Many hosts seen as one: everything that reads, one module per noun.

The modules named here are also attributes of the package and are imported when they are first used
(``estate.disks``), so that loading the driver does not wait for them.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from libcloud_ovm3.estate import (
        addresses,
        cards,
        cards_out,
        claim_data,
        copied,
        disk_names,
        disks,
        guards,
        hosts,
        hosts_off,
        images,
        key_pairs,
        network_facts,
        networks,
        objects,
        pending_imports,
        pinning,
        repositories,
        repository_space,
        seeds,
        settings,
        vm_snapshots,
        vms,
        volumes,
    )

__all__ = [
    "addresses",
    "copied",
    "cards",
    "cards_out",
    "claim_data",
    "disk_names",
    "disks",
    "guards",
    "hosts",
    "hosts_off",
    "images",
    "key_pairs",
    "network_facts",
    "networks",
    "objects",
    "pending_imports",
    "pinning",
    "repositories",
    "repository_space",
    "seeds",
    "settings",
    "vm_snapshots",
    "vms",
    "volumes",
]


def __getattr__(name: str) -> ModuleType:
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
