"""Records of domains and transfers, and the faults that can be injected into xend.

A domain needs neither thread nor process: each record says when its next event is due
(``xend/progress.py``), so the simulation continues after a kill -9 and a restart.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

#: Phases in which xend does not list a domain.
UNLISTED = ("gap", "zombie", "gone")

#: Faults of one host's xend and network, switched on with ``host.inject(FAULT)``.
FAULTS = {
    "list faults": "listing domains faults, and so do single lookups, as if one domain could not "
    "be printed",
    "lookup faults": "xend's own lookup of the first guest faults: the host module cannot report "
    "that guest",
    "xm dies": "a start ends between create and unpause: the domain stays paused for ever",
    "devices hang": "hotplug scripts do not respond: a start or an attach fails after 100 s",
    "agent dies": "the process that has `xm` start, stop or change a VM is killed once `xm` runs, "
    "which goes on",
    "agent and xm die": "both are killed once xend has the request; xend goes on with it",
    "agent dies writing": "a process that writes a vm.cfg is killed when half of it is written",
    "xm is late": '`xm` reaches xend 20 s after its start; with "agent and xm die" never',
    "xend is busy": "xend's lock is held: requests wait, not listed and not in the log; the list "
    "works",
    "xend accepts nothing": "requests wait to be accepted, lists too",
    "qemu dies": "a start reports success and the guest's device model dies at once",
    "destroy fails": "a destroy reports success and leaves `Domain-Unnamed`, paused",
    "detach is late": "a detach times out after 100 s and happens 20 s later",
    "migration refused": "the target fails before the transfer: a fault; the source continues",
    "migration breaks": "the source fails during the transfer: `timed out`; an incomplete domain "
    "stays on the target for some seconds",
    "migration cut": "the connection breaks during the transfer: `timed out`; an incomplete domain "
    "stays on the target for ever",
    "migration loses": "the target fails after the source is gone: success, the VM is lost",
    "network change cuts the line": "not of xend: a change of what carries the host's own address "
    "makes the host unreachable until it is undone",
}


@dataclass
class Domain:
    """One domain. Times are simulated epoch seconds of its host's clock.

    :param phase: building, arriving (migrated in, memory not yet found), incoming (being
        received), devices, running, suspended (last part of a transfer), off, crashed, kept,
        unnamed, dying; not listed: gap, zombie (its block backends still exist), gone.
    :param until: When the phase ends by itself, None for never.
    :param request: What the guest was requested to do: "", poweroff, reboot, crash.
    :param request_due: When the guest complies, None without a request.
    :param reason: Why it is off: poweroff, reboot, crash.
    :param stale_until: Until then the list shows the state from before the last change.
    :param waited: Whether it has waited for memory already.
    :param alone: Whether its client has died: nobody is left to unpause it.
    :param lost: Why it will fail in the device wait, "" if nothing is decided.
    :param again: Whether it is the restart of a guest that rebooted: no call waits for it.
    :param ended: For a restart: the id of the domain that has ended.
    :param restored: Whether it comes from a state file: no boot, its old start_time.
    :param start_paused: Whether it stays paused when it is built.
    :param vnc_port: The port of its VNC console.
    :param held_mb: Memory that a guest which does not balloon still holds, 0 for its target.
    :param online_vcpus: vcpus that a guest which ignores requests still runs, 0 for its target.
    :param macs: MAC addresses of its NICs, in the order of ``config["vif"]``.
    :param vif_ids: xend's device ids of the NICs; never used twice.
    :param off_bridge: Device ids of NICs whose bridge was stopped under them.
    :param leaving: Devices to be removed: {"kind", "key", "at", "force"}.
    :param adopted: Whether xend was restarted since the domain's start.
    :param set_since: The options that were set since that restart.
    :param seed: A random uuid that identifies it across restarts and migrations.
    :param real: Whether a machine runs its guest (machines/), which decides by itself what it does.
    :param error: Why the start failed.
    """

    name: str
    uuid: str
    domid: int
    config: dict[str, Any]
    phase: str
    until: float | None = None
    start_time: float = 0.0
    paused: bool = False
    request: str = ""
    request_due: float | None = None
    reason: str = ""
    stale_until: float = 0.0
    waited: bool = False
    alone: bool = False
    lost: str = ""
    again: bool = False
    ended: int = 0
    restored: bool = False
    start_paused: bool = False
    vnc_port: int | None = None
    held_mb: int = 0
    online_vcpus: int = 0
    macs: list[str] = field(default_factory=list)
    vif_ids: list[int] = field(default_factory=list)
    next_vif_id: int = 0
    off_bridge: list[int] = field(default_factory=list)
    leaving: list[dict[str, Any]] = field(default_factory=list)
    adopted: bool = False
    set_since: list[str] = field(default_factory=list)
    seed: str = ""
    real: bool = False
    error: str = ""

    @property
    def listed(self) -> bool:
        """Whether xend lists it."""
        return self.phase not in UNLISTED


@dataclass
class Transfer:
    """A migration or a save in progress, kept by the source. Times are of the source's clock.

    :param seed: The domain (``Domain.seed``).
    :param name: The domain's name before it was renamed.
    :param stage: memory, pages, suspending, rest, failing, done.
    :param until: When the stage ends.
    :param to: Index of the target host, None for a save into ``path``.
    :param far_domid: The domain's id on the target.
    :param path: The state file of a save.
    :param checkpoint: Whether the domain continues after a save.
    :param waited: Whether it has waited for memory already.
    :param error: Why it failed; set once it is done.
    """

    seed: str
    name: str
    stage: str
    until: float
    to: int | None = None
    far_domid: int = 0
    path: str = ""
    checkpoint: bool = False
    waited: bool = False
    error: str = ""
