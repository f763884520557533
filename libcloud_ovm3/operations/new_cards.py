"""Network cards that a user asks for: what is asked for, and entries of vm.cfg made of it."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from libcloud_ovm3.agent.vif import Vif
from libcloud_ovm3.errors import InvalidArgument, PreconditionFailed
from libcloud_ovm3.estate.addresses import parse_addresses
from libcloud_ovm3.estate.labels import WantedNetwork, bridge_name, wanted_network
from libcloud_ovm3.estate.networks import HostNetwork
from libcloud_ovm3.operations.guest_network import GuestAddresses, split_addresses

_PREFIX = "00:21:f6"  # Oracle's, of which a Manager takes its own (agent-behaviour 6.5)
_MAC = re.compile("(?:[0-9a-f]{2}:){5}[0-9a-f]{2}")
_MODEL = re.compile("[A-Za-z0-9_-]{1,32}")
_TYPES = ("ioemu", "netfront")
_KEYS = ("network", "mac", "address", "gateway", "dns", "model", "type")
MOST_OF_HVM = 8  # HVM_MAX_VNICS of the agent's capabilities (agent-behaviour 6.5)


@dataclass(frozen=True)
class CardSpec:
    """A network card as it is asked for.

    :ivar mac: in lower case; None: a new one.
    :ivar model: of the emulated card; None: xend's default.
    :ivar type: ``ioemu`` or ``netfront``; None: what fits the VM.
    :ivar addresses: the static addresses that the guest has on it.
    :ivar told: what a new guest is told of them.
    """

    network: WantedNetwork
    mac: str | None = None
    model: str | None = None
    type: str | None = None
    addresses: tuple[str, ...] = ()
    told: GuestAddresses = GuestAddresses()  # noqa: RUF009 - a tuple


@dataclass(frozen=True)
class CardChange:
    """What is to be another about a network card; None: as it is.

    :ivar addresses: the static addresses that the guest has on it; empty: none any more.
    """

    network: WantedNetwork | None = None
    mac: str | None = None
    model: str | None = None
    addresses: tuple[str, ...] | None = None


# ------------------------------------------------------------------ what is asked for; pure


def card_specs(networks: object, labels: Mapping[str, str]) -> list[CardSpec]:
    """The cards that a list of networks stands for, in the guest's order.

    :param networks: a network or a list of them (:func:`.wanted_network`); each may also be a
        mapping, or a text such as ``guest:160,mac=00:21:f6:00:00:01``.
    :param labels: label -> the interface that carries it.
    :raises InvalidArgument: one is no network, has an unknown key, or two have the same MAC.
    """
    is_pair = isinstance(networks, tuple) and len(networks) == 2 and not _is_network(networks[1])
    is_one = is_pair or not isinstance(networks, list | tuple)
    found = [_card_spec(one, labels) for one in ([networks] if is_one else _listed(networks))]
    macs = [one.mac for one in found if one.mac]
    twice = sorted({mac for mac in macs if macs.count(mac) > 1})
    if twice:
        raise InvalidArgument(
            f"ex_networks: two cards have the MAC address {', '.join(twice)}: xend refuses that"
        )
    return found


def _is_network(one: object) -> bool:
    """Whether the second of two is a network of its own, not the VLAN number of a label."""
    is_number = isinstance(one, int) or (isinstance(one, str) and one.isdecimal())
    return not (one is None or is_number)


def _listed(networks: object) -> Sequence[object]:
    return list(networks) if isinstance(networks, list | tuple) else []


def _card_spec(given: object, labels: Mapping[str, str]) -> CardSpec:
    if isinstance(given, str) and "," in given:
        network, *pairs = given.split(",")
        parts = [pair.partition("=") for pair in pairs]
        if not all(equals and key.strip() and value.strip() for key, equals, value in parts):
            raise InvalidArgument(
                f"network {given!r}: expected NETWORK,key=value,... with the keys "
                f"{', '.join(_KEYS[1:])}"
            )
        given = {"network": network.strip(), **{k.strip(): v.strip() for k, _, v in parts}}
    if not isinstance(given, Mapping):
        return CardSpec(wanted_network(given, labels))
    unknown = sorted(str(key) for key in given if key not in _KEYS)
    if unknown or given.get("network") is None:
        wrong = f"unknown {', '.join(unknown)}" if unknown else "no network"
        raise InvalidArgument(
            f"ex_networks: {wrong} in {dict(given)!r}: expected the keys {', '.join(_KEYS)}"
        )
    told, address = split_addresses(given)
    rest = {key: value for key, value in given.items() if key not in ("gateway", "dns")}
    return replace(card_spec(labels=labels, **{**rest, "address": address}), told=told)


def card_spec(
    network: object,
    labels: Mapping[str, str],
    mac: object = None,
    address: Any = None,
    model: object = None,
    type: object = None,
) -> CardSpec:
    """One card, checked as far as it can be without the VM.

    :raises InvalidArgument: something of it is not valid; says what was expected.
    """
    if type is not None and type not in _TYPES:
        raise InvalidArgument(f"type {type!r} of a network card: expected {' or '.join(_TYPES)}")
    if type == "netfront" and model is not None:
        raise InvalidArgument(f"a network card of type netfront has no model ({model!r})")
    return CardSpec(
        wanted_network(network, labels),
        _checked_mac(mac),
        _checked_model(model),
        None if type is None else str(type),
        () if address is None else parse_addresses(address, "address"),
    )


def card_change(
    network: object,
    labels: Mapping[str, str],
    mac: object = None,
    model: object = None,
    address: Any = None,
) -> CardChange:
    """A change of a card, checked as far as it can be without the VM; None: as it is.

    :raises InvalidArgument: something of it is not valid; says what was expected.
    """
    wanted = None if network is None else wanted_network(network, labels)
    addresses = None if address is None else parse_addresses(address, "address")
    return CardChange(wanted, _checked_mac(mac), _checked_model(model), addresses)


def _checked_model(model: object) -> str | None:
    if model is None or (isinstance(model, str) and _MODEL.fullmatch(model)):
        return model
    raise InvalidArgument(
        f"model {model!r} of a network card: expected a name such as e1000 or rtl8139"
    )


def _checked_mac(mac: object) -> str | None:
    """A MAC address in the one form that vm.cfg has.

    :raises InvalidArgument: it is none that a network card can have.
    """
    if mac is None:
        return None
    text = mac.strip().lower().replace("-", ":") if isinstance(mac, str) else ""
    if not _MAC.fullmatch(text) or int(text[:2], 16) & 1 or text == "00:00:00:00:00:00":
        raise InvalidArgument(
            f"MAC address {mac!r}: expected six pairs of hexadecimal digits, such as "
            f"00:21:f6:00:00:01, and not a multicast address"
        )
    return text


# ------------------------------------------------------------------ where it can be; pure


def bridge_among(wanted: WantedNetwork, networks: Iterable[HostNetwork]) -> str:
    """The bridge of a card of a VM that may start on any of these hosts: the same on all of them.

    :raises PreconditionFailed: it has several names, or none of them can tell.
    """
    names: dict[str, list[str]] = {}
    reasons = []
    for one in networks:
        if one.error is not None:
            reasons.append(f"{one.host.label}: {one.error}")
            continue
        try:
            names.setdefault(bridge_name(wanted, one), []).append(one.host.label)
        except PreconditionFailed as error:
            reasons.append(str(error))
    if len(names) == 1:
        return next(iter(names))
    if not wanted.label:
        return wanted.name
    if not names:
        why = "; ".join(reasons) or "no host could be read"
        raise PreconditionFailed(f"network {wanted.text}: {why}")
    listed = "; ".join(f"{name} on {', '.join(hosts)}" for name, hosts in names.items())
    raise PreconditionFailed(
        f"network {wanted.text} has several names: {listed}. A VM needs one on all "
        f"hosts where it may run; name the bridge itself"
    )


# ------------------------------------------------------------------ the entry


def entry_of(spec: CardSpec, bridge: str, mac: str, *, is_hvm: bool) -> str:
    """The card as an entry of vm.cfg, in the form that a Manager writes (agent-behaviour 6.5).

    :raises InvalidArgument: the VM cannot have such a card.
    """
    _require_possible(spec.type, spec.model, is_hvm)
    kind = "ioemu" if spec.model is not None else spec.type if is_hvm else None
    return Vif("").changed(type=kind, mac=mac, bridge=bridge, model=spec.model).text


def changed_entry(vif: Vif, bridge: str | None, mac: str, model: str | None, is_hvm: bool) -> str:
    """An entry with another bridge and MAC, and with another model if there is one.

    :raises InvalidArgument: the VM cannot have such a card.
    """
    changed = vif.changed(mac=mac, bridge=bridge)
    if model is None:
        return changed.text
    _require_possible(None, model, is_hvm)
    return changed.changed(type="ioemu", model=model).text


def _require_possible(kind: str | None, model: str | None, is_hvm: bool) -> None:
    if not is_hvm and (kind == "ioemu" or model is not None):
        raise InvalidArgument(
            f"an emulated network card ({model or kind}) needs a VM with hardware virtualization "
            f"(HVM), and this one is paravirtualized; leave type and model out"
        )


def new_mac(taken: Collection[str]) -> str:
    """A MAC address that nobody is known to have."""
    while True:
        mac = ":".join([_PREFIX, *(f"{byte:02x}" for byte in secrets.token_bytes(3))])
        if mac not in taken:
            return mac
