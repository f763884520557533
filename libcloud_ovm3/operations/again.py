"""Doing again what nothing was done of, as another client was first: from its first read on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from libcloud_ovm3.errors import ChangedMeanwhile, Ovm3Error, PreconditionFailed
from libcloud_ovm3.estate.definitions import read_definition
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.operations.device_changes import Target
from libcloud_ovm3.operations.presence import POLL, read_presence

AGAIN_SECONDS = 60.0  # for which it is begun again

Result = TypeVar("Result")


def until_first(estate: Estate, act: Callable[[], Result]) -> Result:
    """Act; and begin again as long as another client is first. One of those that meet always is, so
    that there is an end of it.

    :param act: reads everything anew each time.
    :raises ChangedMeanwhile: others were first for all that time.
    """
    deadline = estate.clock.now() + AGAIN_SECONDS
    while True:
        try:
            return act()
        except ChangedMeanwhile:
            if estate.clock.now() >= deadline:
                raise
        estate.clock.sleep(POLL)


def require_settled(target: Target, refused: PreconditionFailed) -> None:
    """What is wrong with a VM may be that it was read in the middle of another client's change.

    :param refused: what is wrong.
    :raises ChangedMeanwhile: it is being changed, or has changed since it was read.
    """
    try:
        is_changing = _is_under_way(target) or _has_changed(target)
    except Ovm3Error:
        return
    if is_changing:
        raise ChangedMeanwhile(f"{refused}", nodes=refused.nodes) from refused


def _is_under_way(target: Target) -> bool:
    """Whether the host module is changing it now, on its host."""
    definition, host = target.definition, target.host
    place = (definition.repository_id, definition.directory)
    if definition.guard is not None and host.module_claims is not None:
        return host.module_claims.read_claim(*place).state == "running"
    if host.module2 is None:
        return False
    change = host.module2.read_vm(*place).change
    return change is not None and change.state == "running"


def _has_changed(target: Target) -> bool:
    definition, snapshot = target.definition, target.snapshot
    now = read_definition(target.host, definition.repository_id, definition.directory)
    if now is None or now.disks != definition.disks or now.vifs != definition.vifs:
        return True
    presence = read_presence([target.host], definition, snapshot.defined_ids)
    devices = [(one.domain.block_devices, one.domain.cards) for one in presence.live]
    domain = target.live.domain if target.live else None
    return devices != ([(domain.block_devices, domain.cards)] if domain else [])
