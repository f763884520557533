"""What options say of networks: traffic labels, the default network, public networks. Pure.

A traffic label names a kind of traffic; the option says which interface carries it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from libcloud_ovm3.agent.address import list_of, mapping_of
from libcloud_ovm3.errors import InvalidArgument

LABELS = ("guest", "public", "management", "storage")
# A name that Linux takes for an interface (15 characters), without what separates options of a vif.
_INTERFACE = re.compile("[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}")
VLANS = range(2, 4095)  # the agent takes 1 for untagged (agent-behaviour 13); 4095 is reserved


@dataclass(frozen=True)
class NetworkOptions:
    """Checked options of networks.

    :ivar traffic_labels: Label -> the NIC, bond, VLAN device or bridge that carries it.
    :ivar default_network: The network of the card that a new VM gets by default: a bridge, a label,
        or ``label:vlan``; None: a new VM has no card.
    :ivar public_networks: The bridges and labels whose addresses count as public.
    """

    traffic_labels: Mapping[str, str] = field(default_factory=dict)
    default_network: str | None = None
    public_networks: tuple[str, ...] = ()

    @classmethod
    def of(cls, labels: Any, default: Any, public: Any) -> NetworkOptions:
        """The options as the driver's arguments give them; None: not given.

        :raises InvalidArgument: One is not valid, or names a label that no interface carries.
        """
        carried = {} if labels is None else parse_traffic_labels(labels)
        network = None if default is None else parse_network(default, "ex_default_network")
        label, colon, _ = (network or "").partition(":")
        if colon and label not in carried:
            raise InvalidArgument(
                f"ex_default_network {network!r}: ex_traffic_labels does not say which interface "
                f"carries {label!r}"
            )
        return cls(carried, network, () if public is None else parse_public_networks(public))


def parse_traffic_labels(value: Any, name: str = "ex_traffic_labels") -> dict[str, str]:
    """A mapping from label to interface, also from a text such as ``guest=bond0,public=bond1``.

    :param name: The name of the option, for the error.
    :raises InvalidArgument: It is none, or names another label, or no interface.
    """
    labels = mapping_of(value, name)
    for label, interface in labels.items():
        if label not in LABELS:
            raise InvalidArgument(f"{name}: unknown label {label!r}: expected {', '.join(LABELS)}")
        require_interface(interface, f"{name}: {label}")
    return labels


def parse_network(value: Any, name: str) -> str:
    """A network: the name of a bridge, a label, or ``label:vlan``.

    :param name: The name of the option, for the error.
    :raises InvalidArgument: It is none of these.
    """
    label, colon, vlan = value.partition(":") if isinstance(value, str) else ("", "", "")
    if not colon:
        require_interface(value, name, "expected the name of a bridge, LABEL, or LABEL:VLAN")
        return str(value)
    if label not in LABELS:
        raise InvalidArgument(
            f"{name} {value!r}: unknown label {label!r}: expected {', '.join(LABELS)}"
        )
    return f"{label}:{parse_vlan(vlan, f'{name} {value!r}')}"


def parse_vlan(value: Any, name: str) -> int:
    """A VLAN number, from a number or a text.

    :param name: What it is, for the error.
    :raises InvalidArgument: It is none that a bridge can be made for.
    """
    text = "" if isinstance(value, bool) else str(value).strip()
    number = int(text) if re.fullmatch("[0-9]{1,4}", text, re.ASCII) else 0
    if number not in VLANS:
        untagged = " (the agent takes 1 for untagged: name no VLAN)" if number == 1 else ""
        raise InvalidArgument(
            f"{name}: expected a VLAN number from {VLANS[0]} to {VLANS[-1]}{untagged}"
        )
    return number


def parse_public_networks(value: Any, name: str = "ex_public_networks") -> tuple[str, ...]:
    """Names of bridges and labels, also from a text with commas or blanks between them.

    :param name: The name of the option, for the error.
    :raises InvalidArgument: One is neither.
    """
    networks: Sequence[Any] = (
        re.findall(r"[^,\s]+", value) if isinstance(value, str) else list_of(value, name)
    )
    if isinstance(value, Mapping):
        raise InvalidArgument(f"{name} {value!r}: expected a list, or a text with commas")
    for network in networks:
        require_interface(network, name, "expected the name of a bridge, or a label")
    return tuple(dict.fromkeys(networks))


def require_interface(value: Any, name: str, expected: str = "") -> None:
    """Check that something can be the name of an interface.

    :param name: What it is, for the error.
    :raises InvalidArgument: It cannot.
    """
    if not isinstance(value, str) or not _INTERFACE.fullmatch(value):
        expected = expected or "expected the name of a NIC, bond, VLAN device or bridge"
        raise InvalidArgument(
            f"{name} {value!r}: {expected} (at most 15 letters, digits, '.', '_' and '-')"
        )
