"""Network cards that an operation was about to detach, as it has recorded before.

A card of a running VM is changed by two requests. So before the first one, what the card was is
written into the document ``addresses`` of the repository (:mod:`.addresses`), beside the static
addresses of the VM, and removed after the second one::

    {"schema": 1, "addresses": {VM: {"changing": {OPERATION: {"mac": ..., ...}}}}}
"""

from __future__ import annotations

import datetime
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from libcloud_ovm3.agent.identifiers import undashed
from libcloud_ovm3.agent.vif import Vif
from libcloud_ovm3.estate.addresses import DOCUMENT
from libcloud_ovm3.estate.disk_names import format_time, parse_time
from libcloud_ovm3.estate.recorded import parse_recorded

if TYPE_CHECKING:
    from libcloud_ovm3.estate.repositories import Repository
    from libcloud_ovm3.estate.vms import VM

KEY = "changing"  # no MAC address: clients that do not know it leave it as it is
# So long an operation may be at work: four requests of 300 s, and what is read between them.
AT_WORK = datetime.timedelta(minutes=25)
_TEXTS = ("mac", "was", "entry", "to")


@dataclass(frozen=True)
class CardOut:
    """A card that an operation was about to detach, to attach it again changed.

    :ivar mac: its MAC address, in lower case; "": it had none.
    :ivar was: its entry in vm.cfg.
    :ivar entry: the same with its MAC address.
    :ivar to: the entry that it was to become.
    :ivar position: its place in vm.cfg, from 0.
    :ivar operation: the id of the operation.
    :ivar created: when that was, by the clock of its client.
    """

    mac: str
    was: str
    entry: str
    to: str
    position: int
    operation: str
    created: datetime.datetime

    @property
    def macs(self) -> tuple[str, ...]:
        """The MAC addresses by which vm.cfg shows it, as it was or as it was to become."""
        return tuple(mac for mac in (self.mac, Vif(self.to).mac) if mac)

    def recorded(self) -> dict[str, Any]:
        """What is recorded of it, by its operation."""
        record = {key: getattr(self, key) for key in (*_TEXTS, "position")}
        return record | {"time": format_time(self.created)}

    def as_data(self) -> dict[str, Any]:
        """What users see of it, as plain data."""
        known = {"mac": self.mac or None, "network": Vif(self.entry).bridge}
        record = {key: getattr(self, key) for key in ("entry", "to", "position", "operation")}
        return {**known, **record, "created": self.created.isoformat()}


def with_cards_out(
    vms: Mapping[str, VM], repositories: Sequence[Repository]
) -> tuple[dict[str, VM], tuple[str, ...]]:
    """The VMs with what is recorded of their cards; and notices: which of them lack one, and what
    cannot be understood.
    """
    found, notices = dict(vms), []
    for repository in repositories:
        document = repository.addresses
        if document is None or f'"{KEY}"'.encode() not in document.content:
            continue  # so it is not parsed a second time
        for vm_id, entry in parse_recorded(document, DOCUMENT, repository.id).entries.items():
            vm = found.get(vm_id)
            if KEY not in entry or vm is None or not _is_in(vm, repository):
                continue
            cards = parse_cards_out(entry)
            if cards is None:
                what = f"document {DOCUMENT!r} of repository {repository.id}"
                notices.append(
                    f"VM {vm.label}: what {what} says of changes of its network cards cannot be "
                    f"understood, so whether it lacks one is not known"
                )
            found[vm_id] = replace(vm, cards_out=cards or ())
            notices += lost_card_notices(found[vm_id])
    return found, tuple(notices)


def _is_in(vm: VM, repository: Repository) -> bool:
    return any(undashed(one.repository_id) == repository.key for one in vm.definitions)


def parse_cards_out(entry: Mapping[str, Any]) -> tuple[CardOut, ...] | None:
    """What an entry of the document says of changes; None: that cannot be understood."""
    records = entry.get(KEY, {})
    if not isinstance(records, dict):
        return None
    found = [_parsed(operation, record) for operation, record in records.items()]
    known = tuple(one for one in found if one is not None)
    return known if len(known) == len(found) else None


def _parsed(operation: str, record: object) -> CardOut | None:
    if not isinstance(record, dict) or not isinstance(record.get("time"), str):
        return None
    texts, position = [record.get(key) for key in _TEXTS], record.get("position")
    created = parse_time(record["time"])
    if created is None or not isinstance(position, int) or isinstance(position, bool):
        return None
    if not all(isinstance(text, str) for text in texts):
        return None
    mac, was, entry, to = map(str, texts)
    return CardOut(mac, was, entry, to, position, operation, created)


# ------------------------------------------------------------------ which of them a VM lacks


def lost_cards(vm: VM) -> list[CardOut]:
    """Those that its vm.cfg has neither as they were nor as they were to become, each once; of a
    vm.cfg that cannot be read nobody knows.
    """
    if not vm.cards_out or len(vm.definitions) != 1 or vm.definition.config is None:
        return []
    vifs, values = vm.definition.vifs, vm.definition.config.values.get("vif", [])
    if vm.definition.unread or not isinstance(values, list) or len(values) != len(vifs):
        return []
    texts, macs = {one.text for one in vifs}, {one.mac for one in vifs}
    lost = [one for one in vm.cards_out if one.was not in texts and not macs & {*one.macs}]
    return list({one.mac: one for one in sorted(lost, key=lambda one: one.created)}.values())


def lost_card_notices(vm: VM, but: str | None = None) -> list[str]:
    """What to tell the user of each, and how to put it back.

    :param but: not of the card that has, or was to have, this MAC address.
    """
    now = datetime.datetime.now(datetime.timezone.utc)
    lost = [one for one in lost_cards(vm) if but is None or but not in one.macs]
    return [
        f"{lost_text(vm, one, now)}{'. If that was interrupted' if is_at_work(one, now) else ''}: "
        f"{way_back(vm, one)}"
        for one in lost
    ]


def is_at_work(card: CardOut, now: datetime.datetime) -> bool:
    """Whether the operation may not have ended yet; the clocks of clients may differ."""
    return abs(now - card.created) < AT_WORK


def lost_text(vm: VM, card: CardOut, now: datetime.datetime) -> str:
    """Which card a VM lacks, and since when."""
    what = f"network card {card.mac or '(no MAC address)'} on {Vif(card.entry).bridge}"
    when = f"{card.created:%Y-%m-%d %H:%M:%S} UTC"
    if is_at_work(card, now):
        return (
            f"VM {vm.label}: operation {card.operation} is changing its {what} since {when}, and "
            f"has detached it"
        )
    return (
        f"VM {vm.label} lacks its {what}: operation {card.operation} has recorded at {when} that "
        f"it changes it to {card.to}, has detached it, and was interrupted"
    )


def way_back(vm: VM, card: CardOut) -> str:
    """What the user does about it."""
    shown = Vif(card.entry)
    options = {"ex_mac": card.mac or None, "ex_model": shown.model, "ex_type": shown.type}
    given = {name: text for name, text in options.items() if text}
    network = shown.bridge or "NETWORK"
    python = "".join(f", {name}={text!r}" for name, text in given.items())
    words = [word for name, text in given.items() for word in (f"--{name[3:]}", text)]
    command = shlex.join(["ovm3", "vm", "attach-nic", vm.id, network, *words])
    is_live = any(card.mac in one.domain.macs for one in vm.live)
    first = "its live domain still has it; stop the node, then " if is_live else ""
    return (
        f"{first}ex_attach_nic({vm.id!r}, {network!r}{python}) ({command}) puts it back; if it is "
        f"not to come back, ex_detach_nic({vm.id!r}, {card.mac!r}) "
        f"(ovm3 vm detach-nic {vm.id} {card.mac}) removes the record"
    )
