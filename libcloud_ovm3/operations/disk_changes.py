"""Changing the list of disks of a VM: the lists, and whether a change of them is all that the agent
would change (:mod:`.device_changes` makes it).
"""

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
    refusal,
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


def require_no_more(target: Target, change: Change, device: str) -> None:
    """Check that the new list differs from what the domain has in this device at most, and that
    the network cards do not differ: the agent would change them too.

    :raises PreconditionFailed: they do; names the devices.
    """
    if target.live is None:
        return
    domain = target.live.domain
    assert target.definition.config is not None, "target_of has checked it"
    wanted = change(target.definition.config)
    if domain.disks_error:
        raise refusal(target, f"what its live domain has is not known: {domain.disks_error}")
    listed = {one.device: (one.path, one.is_cdrom) for one in domain.block_devices}
    named = {one.device: (one.path, one.is_cdrom) for one in wanted.disks}
    modes = {one.device: one.mode for one in wanted.disks}
    differ = {one for one in listed.keys() | named.keys() if listed.get(one) != named.get(one)}
    differ |= {
        one.device
        for one in domain.block_devices
        if one.mode and modes.get(one.device) not in (one.mode, None)
    }
    if differ - {device}:
        raise refusal(
            target,
            f"its vm.cfg and its live domain disagree about {', '.join(sorted(differ - {device}))} "
            f"as well, which the agent would change too; make them agree first",
        )
    macs = sorted(vif.mac for vif in wanted.vifs if vif.mac)
    is_alike = len(wanted.vifs) == len(domain.macs) and set(macs) <= set(domain.macs)
    if not is_alike:
        raise refusal(
            target,
            f"its vm.cfg and its live domain disagree about its network cards "
            f"({', '.join(macs) or 'none'}; {', '.join(domain.macs) or 'none'}), which the agent "
            f"would change too; make them agree first",
        )


def change_disks(
    target: Target, change: Change, shows: Callable[[Domain], bool], notices: list[str]
) -> Outcome:
    """:func:`.change_devices` for disks: what a domain has is unknown where they cannot be read."""

    def shown(domain: Domain) -> bool | None:
        return None if domain.disks_error else shows(domain)

    return change_devices(target, change, shown, notices)
