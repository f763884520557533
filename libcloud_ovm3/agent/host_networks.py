"""A host's networks as the host module reads and changes them: docs/host-module.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from libcloud_ovm3.agent.hostmodule_calls import ModuleCalls, Struct
from libcloud_ovm3.agent.hostmodule_types import Reader


@dataclass(frozen=True)
class BridgeUser:
    """A VM that is counted as a user of a bridge.

    :ivar user: Its uuid, dashed, lower case.
    :ivar client: Which client has counted it; "" if the record does not say.
    :ivar operation: In which operation.
    :ivar age_seconds: How old the record is by the host's own clock; of one from before the host's
        last boot the time since that boot.
    """

    user: str
    client: str
    operation: str
    age_seconds: int


@dataclass(frozen=True)
class MadeBridge:
    """Who has made a bridge, and on what.

    :ivar client: Which client.
    :ivar operation: In which operation.
    :ivar netdev: The network interface or bond below the VLAN.
    :ivar vlan: The number of the VLAN.
    """

    client: str
    operation: str
    netdev: str
    vlan: int


@dataclass(frozen=True)
class KernelBridge:
    """A bridge as the host's kernel has it, and what the module has recorded of it.

    :ivar bridge: Its name.
    :ivar exists: Whether it is there; False: there are only records.
    :ivar ports: The devices on it.
    :ivar flags: The kernel's flags (linux/if.h).
    :ivar mtu: Its MTU, bytes.
    :ivar made: None: the module has not made it.
    :ivar users: The VMs that are counted as its users.
    :ivar error: Why it or its records cannot be read; then all but the name is not known.
    """

    bridge: str
    exists: bool
    ports: tuple[str, ...] = ()
    flags: int = 0
    mtu: int = 0
    made: MadeBridge | None = None
    users: tuple[BridgeUser, ...] = ()
    error: str | None = None


@dataclass(frozen=True)
class Taking:
    """What became of a bridge when a user of it was counted.

    :ivar made: Whether this operation has made the bridge.
    :ivar is_new: Whether the VM is counted, and no other operation had counted it.
    """

    made: bool
    is_new: bool


@dataclass(frozen=True)
class Release:
    """What became of a bridge when a user of it was released.

    :ivar removed: Whether it was removed. If not, and nothing of the following keeps it, the module
        has not made it, or it is gone.
    :ivar users: VMs that are still counted.
    :ivar ports: Devices on it besides its VLAN device; all, if the module has not made it.
    :ivar addresses: Its addresses and its VLAN device's, as ``10.0.0.1/24``.
    """

    removed: bool
    users: tuple[str, ...]
    ports: tuple[str, ...]
    addresses: tuple[str, ...]


@dataclass(frozen=True)
class Route:
    """An IPv4 route of dom0.

    :ivar gateway: "" for a direct one.
    """

    device: str
    destination: str
    prefix_length: int
    gateway: str
    metric: int


@dataclass(frozen=True)
class ControlInterface:
    """What :meth:`.HostModule.set_control_interface` would mend, as it is.

    :ivar exists: Whether there is a bridge of that name.
    :ivar up: Whether it is up.
    :ivar arp: Whether it has ARP on.
    :ivar addresses: Its IPv4 addresses, as ``169.254.0.1/16``.
    :ivar routes_own: Its own direct routes.
    :ivar routes_other: Direct routes through other devices to exactly 169.254.0.0/16, or to the
        network of one of its addresses.
    :ivar file: Whether it has an ``ifcfg-`` file.
    """

    exists: bool
    up: bool
    arp: bool
    addresses: tuple[str, ...]
    routes_own: tuple[Route, ...]
    routes_other: tuple[Route, ...]
    file: bool


@dataclass(frozen=True)
class BondMode:
    """The mode of a bond, 0 to 6.

    :ivar mode: The mode now; None: not known.
    :ivar saved: The mode of the next boot, as its ``ifcfg-`` file says; None: not known.
    """

    bond: str
    mode: int | None
    saved: int | None


@dataclass(frozen=True)
class NetworkSetup:
    """How a host's networks are set up.

    :ivar vlan_script: ``works``; ``broken``: the script that makes VLAN bridges calls a function
        that its library lacks (3.2.1 to 3.3.2, agent-behaviour 13); ``unknown``.
    :ivar zeroconf: Whether its route is set at boot: ``on``, ``off``, ``unknown``.
    :ivar switch: As the agent is configured: ``linuxbridge``, ``openvswitch``, ``unknown``.
    :ivar bonds: The bonds.
    """

    vlan_script: str
    zeroconf: str
    switch: str
    bonds: tuple[BondMode, ...]


@dataclass(frozen=True)
class GuardedChange:
    """A change of networks that the host takes back by itself unless it is confirmed.

    :ivar state: ``running``; ``waiting`` (to be confirmed); ``confirmed``; ``undone``; ``failed``
        (nothing was changed); ``undo failed``; ``dead`` (its process ended before it had an
        outcome, so nobody takes it back).
    :ivar fault: Why it was undone, or failed, with the agent's faults.
    :ivar doing: What it does, or was doing when its process ended.
    :ivar operation: The operation that it belongs to.
    :ivar client: Whose it is.
    """

    state: str
    fault: str
    doing: str
    operation: str
    client: str


class HostNetworks(ModuleCalls):
    """The module's functions for networks (API 3)."""

    def guarded_network_change(
        self,
        client: str,
        operation: str,
        steps: Sequence[Struct],
        undo: Sequence[Struct],
        seconds: int,
    ) -> GuardedChange:
        """Call functions of the agent that change networks; the host takes that back by itself
        unless :meth:`confirm_network_change` comes in time, or if a step faults.

        It goes on after the response, which may be lost when the change cuts the line:
        :meth:`network_change` tells what became of it. It may be repeated safely.

        :param steps: ``{"function": ..., "arguments": [...]}`` of each step, in their order: the
            documented ``ovs_*`` functions, but for ``ovs_if_meta``.
        :param undo: as many of the same form: each takes the step at its place back; ``{}``:
            nothing does, or need do.
        :param seconds: 10 to 600, from when all steps are done.
        :raises AgentFault: of kind ``...InvalidArgument``, or ``...Conflict`` if another change of
            the host's networks goes on: nothing was changed.
        """
        function, answer = self._write(
            "guarded_network_change", client, operation, list(steps), list(undo), seconds
        )
        return _change(self._reader(function), answer)

    def confirm_network_change(self, client: str, operation: str) -> GuardedChange:
        """Keep a change that waits for it. It may be repeated safely.

        :raises AgentFault: of kind ``...Conflict`` if it does not wait: it is not done yet, or it
            is undone; ``...NotFound`` if there is none.
        """
        function, answer = self._write("confirm_network_change", client, operation)
        return _change(self._reader(function), answer)

    def network_change(self, operation: str) -> GuardedChange:
        """What became of a guarded change.

        :raises AgentFault: of kind ``...NotFound`` if there is none: it was not begun.
        """
        function, answer = self._read("network_change", operation)
        return _change(self._reader(function), answer)

    def network_setup(self) -> NetworkSetup:
        """What decides which changes of the host's networks can succeed."""
        function, answer = self._read("network_setup")
        reader = self._reader(function)
        struct = reader.struct(answer)
        bonds = [reader.struct(bond) for bond in reader.key(struct, "bonds", list)]
        return NetworkSetup(
            reader.key(struct, "vlan_script", str),
            reader.key(struct, "zeroconf", str),
            reader.key(struct, "switch", str),
            tuple(_bond(reader, bond) for bond in bonds),
        )

    def control_interface(self, bridge: str) -> ControlInterface:
        """What ``set_control_interface`` would mend of a bridge, as it is."""
        function, answer = self._read("control_interface", bridge)
        reader = self._reader(function)
        struct = reader.struct(answer)
        return ControlInterface(
            exists=reader.key(struct, "exists", bool),
            up=reader.key(struct, "up", bool),
            arp=reader.key(struct, "arp", bool),
            addresses=reader.texts(struct, "addresses"),
            routes_own=_routes(reader, struct, "routes_own"),
            routes_other=_routes(reader, struct, "routes_other"),
            file=reader.key(struct, "file", bool),
        )

    def bridges(self) -> tuple[KernelBridge, ...]:
        """Every bridge of the host, and every record of one that is gone."""
        function, answer = self._read("bridges")
        reader = self._reader(function)
        return tuple(_bridge(reader, struct) for struct in reader.structs(answer))

    def take_bridge(
        self, client: str, operation: str, user: str, bridge: str, netdev: str, vlan: int
    ) -> Taking:
        """Count a VM as a user of a bridge on a VLAN, which is made if it is missing. It may be
        repeated safely.

        :param user: the VM's uuid, dashed, lower case.
        :param netdev: the network interface or bond below the VLAN.
        :param vlan: 2 to 4094.
        :raises AgentFault: of kind ``...Conflict`` if the bridge is there on another device, or the
            VLAN device is there and not this bridge's; also if another change of the host's
            networks goes on. ``...NotFound`` if there is no such ``netdev``, ``...NotAllowed`` if
            it is a bridge or a VLAN device. ``...Failed`` with the fault of the agent's function:
            the bridge is not there. ``...Timeout``: it goes on; repeat it.
        """
        function, answer = self._write("take_bridge", client, operation, user, bridge, netdev, vlan)
        reader = self._reader(function)
        struct = reader.struct(answer)
        return Taking(reader.key(struct, "made", bool), reader.key(struct, "new", bool))

    def release_bridge(
        self, client: str, operation: str, user: str, bridge: str, taken: str = ""
    ) -> Release:
        """Count a VM no longer, and remove the bridge if the module has made it and no VM is
        counted, no device but its VLAN device is on it, and it has no address. It may be repeated
        safely.

        :param user: the VM's uuid, dashed, lower case; "" to remove the bridge only.
        :param taken: the operation that has counted it; if another one has since then, it stays
            counted. "": whichever has.
        :raises AgentFault: of kind ``...Conflict`` if another change of the host's networks goes
            on; ``...Failed`` with the fault of the agent's function: the bridge is still there.
            ``...Timeout``: it goes on; repeat it.
        """
        function, answer = self._write("release_bridge", client, operation, user, bridge, taken)
        reader = self._reader(function)
        struct = reader.struct(answer)
        return Release(
            reader.key(struct, "removed", bool),
            reader.texts(struct, "users"),
            reader.texts(struct, "ports"),
            reader.texts(struct, "addresses"),
        )


def _change(reader: Reader, answer: object) -> GuardedChange:
    struct = reader.struct(answer)
    return GuardedChange(
        state=reader.key(struct, "state", str),
        fault=reader.key(struct, "fault", str),
        doing=reader.key(struct, "doing", str),
        operation=reader.key(struct, "operation", str),
        client=reader.key(struct, "client", str),
    )


def _bond(reader: Reader, struct: Struct) -> BondMode:
    return BondMode(
        reader.key(struct, "bond", str),
        reader.optional(struct, "mode", int),
        reader.optional(struct, "saved", int),
    )


def _routes(reader: Reader, struct: Struct, key: str) -> tuple[Route, ...]:
    return tuple(_route(reader, reader.struct(one)) for one in reader.key(struct, key, list))


def _route(reader: Reader, struct: Struct) -> Route:
    return Route(
        reader.key(struct, "device", str),
        reader.key(struct, "destination", str),
        reader.key(struct, "prefix_length", int),
        reader.key(struct, "gateway", str),
        reader.key(struct, "metric", int),
    )


def _bridge(reader: Reader, struct: Struct) -> KernelBridge:
    name, exists = reader.key(struct, "bridge", str), reader.key(struct, "exists", bool)
    error = reader.optional(struct, "error", str)
    if error is not None:
        return KernelBridge(name, exists, error=error)
    made = reader.key(struct, "made", dict)
    users = [reader.struct(user) for user in reader.key(struct, "users", list)]
    return KernelBridge(
        name,
        exists,
        ports=reader.texts(struct, "ports"),
        flags=reader.key(struct, "flags", int),
        mtu=reader.key(struct, "mtu", int),
        made=_made(reader, made) if made else None,
        users=tuple(_user(reader, user) for user in users),
    )


def _made(reader: Reader, struct: Struct) -> MadeBridge:
    return MadeBridge(
        reader.key(struct, "client", str),
        reader.key(struct, "operation", str),
        reader.key(struct, "netdev", str),
        reader.key(struct, "vlan", int),
    )


def _user(reader: Reader, struct: Struct) -> BridgeUser:
    return BridgeUser(
        reader.key(struct, "user", str),
        reader.key(struct, "client", str),
        reader.key(struct, "operation", str),
        reader.key(struct, "age_seconds", int),
    )
