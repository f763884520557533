"""Whether a guest would be asked to shut down at all.

xend stops an HVM guest without PV drivers at once when it is to ask it (xend.md 4): its file
systems are as after a power cut. What tells is the xenbus state of its disks' backends, which the
host module reads: connected is only what PV drivers of the guest have opened.
"""

from __future__ import annotations

from libcloud_ovm3.errors import PreconditionFailed
from libcloud_ovm3.estate.holders import ask_holders
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.states import State
from libcloud_ovm3.estate.vms import VM, LiveDomain

_CONNECTED = 4  # state of xenbus
_WITH_DRIVERS = (
    "pv_driver"  # in OVM_domain_type: Oracle VM Manager's word for it (agent-behaviour 6.3)
)


def require_asked(estate: Estate, vm: VM) -> list[str]:
    """Check that a request to shut down is not a power cut. Of one that is not running, or in
    several places, others decide.

    :return: notices for the user: that it may be one.
    :raises PreconditionFailed: it would be one.
    """
    config = vm.definitions[0].config if len(vm.definitions) == 1 else None
    if vm.state is not State.RUNNING or config is None or not config.is_hvm:
        return []
    [live] = vm.live
    has_drivers = _has_drivers(estate, live)
    if has_drivers or (has_drivers is None and _WITH_DRIVERS in config.domain_type.lower()):
        return []
    what = "without PV drivers xend powers an HVM guest off at once instead of asking it"
    if has_drivers is None:
        return [
            f"VM {vm.label}: whether its guest has PV drivers was not known, and {what}: see "
            f"whether its file systems are whole"
        ]
    raise PreconditionFailed(
        f"VM {vm.label} was not stopped: its guest has connected to none of its disks by PV "
        f"drivers, and {what}. Shut it down from inside, or, if a power cut does no harm, use "
        f"ex_force=True",
        nodes=[vm.summary],
    )


def _has_drivers(estate: Estate, live: LiveDomain) -> bool | None:
    """Whether the guest has PV drivers, in one call of the host module; None: not known."""
    [answer] = ask_holders(estate, [live.host])
    own = [one for one in answer.holders if one.kind == "vbd" and one.domid == live.domain.domid]
    if any(one.state == _CONNECTED for one in own):
        return True
    is_known = (
        bool(own) and answer.error is None and all(one.state and not one.error for one in own)
    )
    return False if is_known else None
