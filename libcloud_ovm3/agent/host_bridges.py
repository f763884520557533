"""A host's bridges as the host module counts who uses them: docs/host-module.md."""

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


class HostBridges(ModuleCalls):
    """The module's functions that make and remove bridges (API 3)."""

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

    def remove_bridge(
        self,
        client: str,
        operation: str,
        bridge: str,
        netdev: str,
        vlan: int,
        addresses: Sequence[str],
    ) -> bool:
        """Remove a bridge, whoever has made it, unless something uses it. It may be repeated
        safely.

        :param netdev: the network interface or bond that it is on; "" for a local bridge.
        :param vlan: the number of the VLAN of ``netdev`` that it is on, whose device goes too; 0:
            it is on ``netdev`` itself.
        :param addresses: those that it has, as ``10.0.0.1/24``; with another one it stays.
        :return: whether it was removed; False: there was none.
        :raises AgentFault: of kind ``...Conflict`` if something uses it (a VM that is counted, for
            it or for a VLAN beside it, a device on it or over it), if it is on something else or
            has another address, or if another change of the host's networks goes on: nothing was
            changed. ``...Failed`` with the fault of the agent's function: it is still there.
            ``...Timeout``: it goes on; repeat it.
        """
        function, answer = self._write(
            "remove_bridge", client, operation, bridge, netdev, vlan, list(addresses)
        )
        reader = self._reader(function)
        return reader.key(reader.struct(answer), "removed", bool)

    def keep_bridge(self, client: str, operation: str, bridge: str) -> bool:
        """Have a bridge stay that the module has made, after its last VM too. It may be repeated
        safely.

        :return: whether the module had made it; False: it would have stayed anyway.
        :raises AgentFault: of kind ``...NotFound`` if there is no such bridge, ``...Conflict`` if
            another change of the host's networks goes on, ``...Timeout``: it goes on; repeat it.
        """
        function, answer = self._write("keep_bridge", client, operation, bridge)
        reader = self._reader(function)
        return reader.key(reader.struct(answer), "kept", bool)


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
