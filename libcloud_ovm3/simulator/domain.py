"""What xend knows of a domain and of a transfer, and what can be made to go wrong in it.

Nothing here needs a thread or a process: each record says when something happens next
(``progress.py``), so a kill -9 and a later life change nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

#: Phases in which a domain is not on xend's list.
UNLISTED = ("gap", "zombie", "gone")

#: What can be made to go wrong in one host's xend: ``host.inject(FAULT)``.
FAULTS = {
    "list faults": "the whole list and single look-ups fault, as with one domain that cannot be "
    "printed",
    "lookup faults": "xend's look at the first guest alone faults too: the host module cannot tell "
    "of that one",
    "xm dies": "a start ends between create and unpause: the domain stays paused for ever",
    "devices hang": "hotplug scripts do not answer: a start or an attach fails after 100 s",
    "qemu dies": "a start answers success and the guest's device model dies at once",
    "destroy fails": "a destroy answers success and leaves `Domain-Unnamed`, paused",
    "detach is late": "a detach times out after 100 s and happens 20 s later",
    "migration refused": "the target fails before the transfer: a fault, the source goes on",
    "migration breaks": "the source fails in the middle: `timed out`, half a domain stays on the "
    "target for some seconds",
    "migration cut": "the cable is cut in the middle: `timed out`, half a domain stays on the "
    "target for ever",
    "migration loses": "the target fails once the source is gone: success, the VM is lost",
}


@dataclass
class Domain:
    """One domain of xend's. Moments are simulated epoch seconds of its host's clock.

    :param phase: building, arriving (received, memory not yet found), incoming (being received),
        devices, running, suspended (last part of a transfer), off, crashed, kept, unnamed, dying;
        not on the list: gap, zombie (its block backends are still there), gone
    :param until: when the phase ends by itself, None = never
    :param request: what the guest was asked to do: "", poweroff, reboot, crash
    :param reason: why it is off: poweroff, reboot, crash
    :param stale_until: until then the list shows letters of before the last change
    :param waited: whether it has waited for memory already
    :param lost: why it will not get beyond the device wait, "" = nothing decided
    :param again: whether it is the restart of a guest that rebooted: nobody waits for it
    :param restored: whether it comes from a state file: no boot, its old start_time
    :param start_paused: whether it stays paused when it is built
    :param held_mb: memory that a guest that does not balloon still holds, 0 = its target
    :param online_vcpus: what a guest that ignores vcpu requests still runs, 0 = what was asked
    :param macs: addresses of its NICs, in the order of ``config["vif"]``
    :param vif_ids: xend's device ids of the same; never used twice
    :param leaving: devices that are to be removed: {"kind", "key", "at", "force"}
    :param adopted: whether xend was restarted since its start
    :param error: why the start failed
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
    lost: str = ""
    again: bool = False
    restored: bool = False
    start_paused: bool = False
    vnc_port: int | None = None
    held_mb: int = 0
    online_vcpus: int = 0
    macs: list[str] = field(default_factory=list)
    vif_ids: list[int] = field(default_factory=list)
    next_vif_id: int = 0
    leaving: list[dict[str, Any]] = field(default_factory=list)
    adopted: bool = False
    seed: str = ""
    error: str = ""

    @property
    def listed(self) -> bool:
        """Whether xend's list has it."""
        return self.phase not in UNLISTED


@dataclass
class Transfer:
    """A migration or a save under way, kept by the source. Moments are of the source's clock.

    :param seed: which domain (``Domain.seed``)
    :param name: the domain's name before it was renamed
    :param to: index of the target, None = into ``path``
    :param far_domid: number of the domain on the target
    :param stage: memory, pages, suspending, rest, failing, done
    :param checkpoint: whether the domain goes on after a save
    :param half: how long half a domain stays on the target after a failure, None = for ever
    :param error: why it failed; set once it is done
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
    half: float | None = 0.0
    error: str = ""
