"""What all parts of the compute driver share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from libcloud.compute.base import NodeDriver, NodeLocation

from libcloud_ovm3 import estate
from libcloud_ovm3.agent.address import parse_flag
from libcloud_ovm3.driver_base import AgentDriver
from libcloud_ovm3.errors import Ovm3Error, warn
from libcloud_ovm3.estate.members import SILENT_SECONDS, Estate

if TYPE_CHECKING:
    from libcloud_ovm3.estate.vms import EstateSnapshot


class OVM3Base(AgentDriver, NodeDriver):
    """What the classes for libcloud's nouns share."""

    features = {"create_node": []}  # noqa: RUF012 (libcloud's own form)

    def _warn_or_raise(
        self, read: EstateSnapshot, more_errors: Sequence[str], is_strict: bool
    ) -> None:
        """What could not be read, as warnings; as an error if that is wanted (``ex_strict``)."""
        errors = [*read.errors(), *more_errors]
        if errors and is_strict:
            if read.unreachable:
                raise read.unreachable[0].reason
            raise Ovm3Error("; ".join(errors), self)
        for notice in errors + read.notices():
            warn(notice, stacklevel=3)

    def _estate_of(
        self,
        hosts_off: Sequence[NodeLocation | str] | str | None,
        *,
        ex_unguarded: bool | str = False,
    ) -> Estate:
        """The estate for one call, which believes that these hosts are off, and may start VMs
        beside their claims; each with a warning."""
        unguarded = parse_flag(ex_unguarded, "ex_unguarded")
        if unguarded:
            warn(estate.guards.UNGUARDED, stacklevel=3)
        names = estate.hosts_off.parse_names(hosts_off) if hosts_off else ()
        if names:
            warn(estate.hosts_off.warning_of(names), stacklevel=3)
        # Each reading checks that they do not answer, so the agents need not be called each time.
        seconds = SILENT_SECONDS if names else self._estate.silent_seconds
        off = replace(self._estate, hosts_off=names, silent_seconds=seconds)
        return replace(off, unguarded=unguarded)
