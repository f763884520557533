"""Changing the list of disks of a VM: the lists (:mod:`.device_changes` makes the change)."""

from __future__ import annotations

from collections.abc import Callable

from libcloud_ovm3.agent.config import VMConfig
from libcloud_ovm3.agent.disk import DiskEntry
from libcloud_ovm3.estate.domains import Domain
from libcloud_ovm3.operations.device_changes import (
    Change,
    Outcome,
    Target,
    change_devices,
)


def with_entry(entry: str) -> Change:
    """Adds an entry at the end of the list."""
    return lambda config: config.changed(disk=[*config.values["disk"], entry])


def without(is_meant: Callable[[DiskEntry], bool]) -> Change:
    """Removes the entries that are meant; all others stay as they are."""

    def change(config: VMConfig) -> VMConfig:
        texts = {disk.text for disk in config.disks if is_meant(disk)}
        return config.changed(disk=[one for one in config.values["disk"] if one not in texts])

    return change


def with_instead(old: str, new: str) -> Change:
    """Replaces an entry in its place."""
    return lambda config: config.changed(
        disk=[new if one == old else one for one in config.values["disk"]]
    )


def change_disks(
    target: Target, change: Change, shows: Callable[[Domain], bool], notices: list[str]
) -> Outcome:
    """:func:`.change_devices` for disks: what a domain has is unknown where they cannot be read."""

    def shown(domain: Domain) -> bool | None:
        return None if domain.disks_error else shows(domain)

    return change_devices(target, change, shown, notices)
