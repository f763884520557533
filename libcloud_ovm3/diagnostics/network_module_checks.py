"""Doctor checks of what the host module sees of networks: control0, zeroconf, scripts, leftovers.

Pure: no I/O. Sources: agent-behaviour.md 13, 15.2; flows.md 2.3.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from libcloud_ovm3.agent.host_bridges import KernelBridge
from libcloud_ovm3.agent.host_networks import ControlInterface, NetworkSetup
from libcloud_ovm3.diagnostics.collect import MemberData
from libcloud_ovm3.diagnostics.finding import Finding
from libcloud_ovm3.diagnostics.inventory import name_of
from libcloud_ovm3.errors import Ovm3Error
from libcloud_ovm3.estate.control0 import ADDRESS, what_is_wrong
from libcloud_ovm3.estate.networks import HostNetwork, NetworkList
from libcloud_ovm3.estate.vm_bridges import CONTROL
from libcloud_ovm3.estate.vms import EstateSnapshot

OLD = 900  # seconds; a start does not wait that long after it has recorded its VM


def check_network_reads(members: Sequence[MemberData]) -> Iterator[Finding]:
    """Report what the host module could not read."""
    for member in members:
        reads = member.network
        for one in (reads.setup, reads.control, reads.bridges, reads.routes):
            if isinstance(one, Ovm3Error):
                yield Finding(
                    "warning",
                    "network",
                    f"{name_of(member.view)}: the host module could not read its network: {one}",
                    "what is wrong with it may be missing here",
                )


def check_control0(members: Sequence[MemberData], found: NetworkList) -> Iterator[Finding]:
    """Report what is wrong with control0, on hosts that have it."""
    others: list[tuple[str, MemberData]] = []
    for member in members:
        bridge = found.on(member.view).bridge(CONTROL)
        control = member.network.control
        interface = control if isinstance(control, ControlInterface) else None
        if bridge is None:
            continue
        wrong = "; ".join(what_is_wrong(bridge, interface))
        # An agent may not report the address of a local bridge (agent-behaviour 13, the sample).
        is_certain = interface is not None or bool(bridge.addresses)
        if wrong and bridge.guests and is_certain:
            guests = (f"VM {found.estate.vm(vm_id).label}" for vm_id in bridge.guests)
            yield Finding(
                "warning",
                CONTROL,
                f"{name_of(member.view)}: {wrong}; on it: {', '.join(guests)}",
                "the host cannot reach VMs on it",
                _mended_by([member]),
            )
        elif wrong:
            others.append((wrong if is_certain else f"{wrong}, as the agent reports it", member))
    for wrong, group in _grouped(others):
        yield Finding(
            "note",
            CONTROL,
            f"{_names(group)}: {wrong}",
            "the next start of a VM with a card on it mends that",
            _mended_by(group),
        )


def _mended_by(members: Sequence[MemberData]) -> str:
    commands = (f"`ovm3 network repair-control0 {one.view.address}`" for one in members)
    return f"to mend it: {'; '.join(commands)}"


def check_zeroconf(members: Sequence[MemberData], found: NetworkList) -> Iterator[Finding]:
    """Report hosts where zeroconf's route is, or comes back at each boot, beside control0."""
    texts = []
    for member in members:
        if found.on(member.view).bridge(CONTROL) is None:
            continue
        setup, routes = member.network.setup, member.network.routes
        devices = [
            str(route.get("device"))
            for route in (routes if isinstance(routes, tuple) else ())
            if _is_zeroconf(route) and route.get("device") != CONTROL
        ]
        if devices:
            text = f"a route to {ADDRESS.network} leads to {', '.join(devices)}"
            texts.append((text, member))
        elif isinstance(setup, NetworkSetup) and setup.zeroconf == "on":
            texts.append((f"zeroconf adds a route to {ADDRESS.network} at each boot", member))
    for text, group in _grouped(texts):
        yield Finding(
            "note",
            "zeroconf",
            f"{_names(group)}: {text}",
            f"it is in conflict with {CONTROL}: the host may not reach VMs on it",
            _patched_by(group, "zeroconf"),
        )


def _is_zeroconf(route: dict[str, object]) -> bool:
    network = ADDRESS.network
    is_whole = (route.get("destination"), route.get("prefix_length")) == (
        str(network.network_address),
        network.prefixlen,
    )
    return is_whole and not route.get("gateway")


def check_setup(members: Sequence[MemberData]) -> Iterator[Finding]:
    """Report hosts on which no VLAN bridge, or no bridge at all, can be made."""
    setups = [
        (setup, member)
        for member in members
        if isinstance(setup := member.network.setup, NetworkSetup)
    ]
    broken = [member for setup, member in setups if setup.vlan_script == "broken"]
    if broken:
        yield Finding(
            "warning",
            "VLAN script",
            f"{_names(broken)}: the script that makes VLAN bridges calls a function that does not "
            f"exist, as in releases 3.2.1 to 3.3.2",
            "no VLAN bridge can be made there, so VMs that need one cannot be started there",
            _patched_by(broken, "vlan-bridge"),
        )
    switched = [member for setup, member in setups if setup.switch == "openvswitch"]
    if switched:
        yield Finding(
            "note",
            "network",
            f"{_names(switched)}: configured for Open vSwitch",
            "networks are not made or changed there",
        )


def _patched_by(members: Sequence[MemberData], patch: str) -> str:
    commands = (f"`ovm3 host install {one.view.address}`" for one in members)
    return f"to patch it: {'; '.join(commands)} (patch {patch})"


def _grouped(texts: Sequence[tuple[str, MemberData]]) -> Iterator[tuple[str, list[MemberData]]]:
    """Return the hosts of each text."""
    for text in dict.fromkeys(text for text, _ in texts):
        yield text, [member for other, member in texts if other == text]


def _names(members: Sequence[MemberData]) -> str:
    return ", ".join(name_of(member.view) for member in members)


def check_made_bridges(members: Sequence[MemberData], found: NetworkList) -> Iterator[Finding]:
    """Report bridges over VLANs that were made for VMs, and that nobody needs any more."""
    for member in members:
        bridges = member.network.bridges
        host = found.on(member.view)
        for bridge in bridges if isinstance(bridges, tuple) else ():
            text = _leftover(bridge, host, found.estate)
            if text:
                yield Finding(
                    "note",
                    "VLAN",
                    f"{name_of(member.view)}: {text}",
                    "it does no harm",
                    "`ovm3 network release` removes what nobody needs",
                )


def _leftover(bridge: KernelBridge, host: HostNetwork, snapshot: EstateSnapshot) -> str:
    """Describe what is left; "" if the bridge is in use, or was not made by the host module."""
    if bridge.error:
        return f"bridge {bridge.bridge}: {bridge.error}"
    live = {
        vm.id for vm in snapshot.vms.values() if any(one.host.id == host.host.id for one in vm.live)
    }
    left = [one.user for one in bridge.users if one.age_seconds >= OLD and one.user not in live]
    if left:
        names = [snapshot.vms[one].label if one in snapshot.vms else one for one in left]
        return (
            f"bridge {bridge.bridge} is kept for {', '.join(f'VM {name}' for name in names)}, "
            f"which does not run there"
        )
    if bridge.made and bridge.exists and not bridge.users and not _ports_of_guests(bridge):
        return f"bridge {bridge.bridge} was made for VMs, and none of them is there any more"
    return ""


def _ports_of_guests(bridge: KernelBridge) -> list[str]:
    """Return the ports besides its VLAN device."""
    vlan = f"{bridge.made.netdev}.{bridge.made.vlan}" if bridge.made else ""
    return [port for port in bridge.ports if port != vlan]
