"""Networks and network devices as the driver returns them: libcloud has no classes for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from libcloud.compute.base import NodeDriver


@dataclass(eq=False)
class OVM3Network:
    """A network: all bridges of one name, on the hosts of the estate.

    :ivar id: The name of the bridge.
    :ivar name: The same.
    :ivar driver: The driver that returned it.
    :ivar extra: What is known of it: docs/networks.md.
    """

    id: str
    name: str
    driver: NodeDriver = field(repr=False)
    extra: dict[str, Any] = field(default_factory=dict, repr=False)


@dataclass(eq=False)
class OVM3NetworkDevice:
    """A network device of one host.

    :ivar id: ``<host id>/<name>``.
    :ivar name: Its name on that host, such as ``bond0``.
    :ivar kind: ``nic``, ``bond`` or ``vlan``.
    :ivar driver: The driver that returned it.
    :ivar extra: What is known of it: docs/networks.md.
    """

    id: str
    name: str
    kind: str
    driver: NodeDriver = field(repr=False)
    extra: dict[str, Any] = field(default_factory=dict, repr=False)


@dataclass(eq=False)
class OVM3Nic:
    """A network card of a node.

    :ivar id: ``<node id>/<MAC address>``. Of several cards with one MAC address the bridge follows.
    :ivar mac: In lower case; None: xend makes one up at each start, and the node does not run.
    :ivar network: The name of its bridge; None: the host's script chooses one, or it is unknown.
    :ivar driver: The driver that returned it.
    :ivar extra: ``node_id``, ``type`` (``netfront``, ``ioemu``; None: both, on an HVM node),
        ``model`` (of the emulated card; None: the default), ``position`` (in the node's ``vm.cfg``,
        from 0; None: it is not there), ``is_defined`` (whether ``vm.cfg`` has it), ``is_live``
        (whether the live domain has it; None of these two: it cannot be told), ``addresses`` (a
        list of those of its IP addresses that are known; of a card that was just attached or
        changed: those that were given; None: not read).
    """

    id: str
    mac: str | None
    network: str | None
    driver: NodeDriver = field(repr=False)
    extra: dict[str, Any] = field(default_factory=dict, repr=False)
