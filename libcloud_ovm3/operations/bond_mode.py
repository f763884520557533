"""Setting the mode of a bond on one host or on all that have it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from libcloud_ovm3.agent.network_options import require_interface
from libcloud_ovm3.errors import InvalidArgument, Ovm3Error, PreconditionFailed
from libcloud_ovm3.estate.bonds import BALANCE_ALB
from libcloud_ovm3.estate.host_network import BOND, VLAN, HostDevice, HostNetwork
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.networks import read_networks_to_change
from libcloud_ovm3.operations.consent import parse_consent, require_consent, what_is_cut
from libcloud_ovm3.operations.network_changes import (
    NetworkChange,
    change_all,
    chosen_hosts,
    guarded,
)
from libcloud_ovm3.operations.network_doors import bond_mode_call
from libcloud_ovm3.operations.operation import Operation

# The modes that the agent sets (agent-behaviour 13), by their names in the kernel.
MODES = {1: "active-backup", 4: "802.3ad", BALANCE_ALB: "balance-alb"}


def set_bond_mode(
    estate: Estate,
    bond: str,
    mode: int | str,
    host_ids: Sequence[str] | None,
    consent: object,
    notices: list[str],
) -> None:
    """Set the mode of a bond; where it has the mode, nothing is sent.

    :param mode: 1, 4 or 6, or its name.
    :param host_ids: of the hosts; None: all hosts of the estate that have a bond of this name.
    :param consent: what may be cut: :func:`.parse_consent`.
    :param notices: gets notices for the user, also if it fails.
    :raises InvalidArgument: the agent cannot set this mode.
    :raises PreconditionFailed: no host has the bond, its mode is not known, VLANs are on it and the
        mode is 6, or it would cut what the user has not consented to. Nothing was sent.
    :raises AgentFault: a host refused; the others have the mode that they had.
    :raises OperationIncomplete: whether it is set is unknown, or it is only on some hosts.
    """
    require_interface(bond, "bond")
    wanted = _parse_mode(mode)
    agreed = parse_consent(consent)
    networks = read_networks_to_change(estate)
    chosen = chosen_hosts(networks, host_ids)
    found = [(one, _with_mode(one, bond)) for one in chosen]
    bonds = [(one, device) for one, device in found if device and device.kind == BOND]
    lacking = [one.host.label for one in chosen if one not in [there for there, _ in bonds]]
    if not bonds or (host_ids is not None and lacking):
        raise PreconditionFailed(f"no bond {bond!r} on {', '.join(lacking) or 'any host'}")
    changes = [_plan(one, device, wanted) for one, device in bonds if device.mode != wanted]
    cut = [(one.network, what_is_cut(one.network, bond)) for one in changes]
    require_consent(cut, agreed)
    changes = [guarded(one, cuts, one.undo) for one, (_, cuts) in zip(changes, cut, strict=True)]
    after = change_all(Operation(estate), networks, changes, notices)
    if wanted == BALANCE_ALB:
        changed = {one.network.host.id for one in changes}
        notices += [
            f"bond {bond!r} on {one.host.label}: {why}, made meanwhile: remove them, or set "
            f"another mode"
            for one in after.hosts
            if one.host.id in changed and (why := _vlans_on(one, bond))
        ]


def _vlans_on(network: HostNetwork, bond: str) -> str:
    """Why a bond cannot have mode 6; "": it can."""
    vlans = [one.name for one in network.devices if one.kind == VLAN and one.parent == bond]
    on_it = f"VLANs do not work over mode 6 (balance-alb), and {', '.join(vlans)} are on it"
    return on_it if vlans else ""


def _with_mode(network: HostNetwork, bond: str) -> HostDevice | None:
    """The bond; its mode is that of the host module, where discover_network reports none."""
    try:
        return _seen(network, bond).device(bond)
    except Ovm3Error:
        return network.device(bond)


def _seen(network: HostNetwork, bond: str) -> HostNetwork:
    """The same with that mode: at most one call.

    :raises Ovm3Error: the module did not answer.
    """
    device, module = network.device(bond), network.host.module3
    if device is None or device.kind != BOND or device.mode is not None or module is None:
        return network
    modes = {one.bond: one.mode for one in module.network_setup().bonds}
    others = [one for one in network.devices if one.name != bond]
    return replace(network, devices=(*others, replace(device, mode=modes.get(bond))))


def _parse_mode(mode: int | str) -> int:
    text = "" if isinstance(mode, bool) else str(mode).strip().lower()
    for number, name in MODES.items():
        if text in (str(number), name):
            return number
    known = ", ".join(f"{number} ({name})" for number, name in MODES.items())
    raise InvalidArgument(f"bond mode {mode!r}: expected {known}")


def _plan(network: HostNetwork, bond: HostDevice, mode: int) -> NetworkChange:
    why_not = _vlans_on(network, bond.name) if mode == BALANCE_ALB else ""
    if why_not:
        raise PreconditionFailed(
            f"bond {bond.name!r} on {network.host.label} was left unchanged: {why_not}"
        )
    if bond.mode is None:
        raise PreconditionFailed(
            f"bond {bond.name!r} on {network.host.label} was left unchanged: the host does not "
            f"report its mode, so nobody could see or undo the change; set it on the host itself, "
            f"or install the host module (API 3), which knows it: `ovm3 host install`"
        )
    return NetworkChange(
        network,
        f"the mode of bond {bond.name!r}",
        bond_mode_call(bond.name, mode),
        is_done=lambda now: _mode(now, bond.name) == mode,
        is_undone=lambda now: _mode(now, bond.name) == bond.mode,
        undo=bond_mode_call(bond.name, bond.mode) if bond.mode in MODES else None,
        why_not=(lambda now: _vlans_on(now, bond.name)) if mode == BALANCE_ALB else None,
        sees=lambda now: _seen(now, bond.name),
    )


def _mode(network: HostNetwork, bond: str) -> int | None:
    device = network.device(bond)
    return device.mode if device else None
