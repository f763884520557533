"""A host's networks as the host module reads and changes them: docs/host-module.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from libcloud_ovm3.agent.host_bridges import HostBridges
from libcloud_ovm3.agent.hostmodule_calls import Struct
from libcloud_ovm3.agent.hostmodule_types import Reader


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


class HostNetworks(HostBridges):
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

    def watch_dhcp(self, client: str, operation: str, bridge: str, mac: str, seconds: int) -> None:
        """Watch which address DHCP gives to a card on a bridge, from now on.

        What was known of the card is forgotten. ``libcloud_dhcp_leases`` has what was seen.

        :param mac: in lower case, with colons.
        :param seconds: for how long, 10 to 3600; 0: it is forgotten, and not watched any more.
        :raises AgentFault: of kind ``...NotFound`` if there is no such bridge, ``...Conflict`` if
            too many cards are watched.
        """
        self._write("watch_dhcp", client, operation, bridge, mac, seconds)

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
