"""Doctor checks of what VMs refer to: files, disks, MAC and IP addresses, VNC, xend names.

Pure: no I/O. Sources: agent-behaviour.md 4, 6; xend.md 3, 7.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from libcloud_ovm3.agent.identifiers import dashed, undashed
from libcloud_ovm3.diagnostics.finding import Finding
from libcloud_ovm3.diagnostics.inventory import name_of
from libcloud_ovm3.estate import addresses
from libcloud_ovm3.estate.addresses import Given, given_addresses
from libcloud_ovm3.estate.cards_out import is_at_work, lost_cards, lost_text, way_back
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.neighbours import (
    hosts_with,
    is_local,
    neighbour_tables,
    other_macs,
    own_addresses,
)
from libcloud_ovm3.estate.repositories import Repository
from libcloud_ovm3.estate.vms import VM, EstateSnapshot

_REPOSITORIES = "/OVS/Repositories/"
_VM_FOLDERS = ("VirtualMachines", "Templates")  # one directory per VM; the others hold files


# ------------------------------------------------------------------ files


def check_files(snapshot: EstateSnapshot) -> Iterator[Finding]:
    """Report files that a vm.cfg refers to and that are not in the repository."""
    for vm in snapshot.vms.values():
        for definition in vm.definitions:
            if definition.is_creating:
                continue
            for path in _paths(definition):
                yield from _check_file(path, definition, vm, snapshot)


def _paths(definition: Definition) -> list[str]:
    """Return files as dom0 names them: disks, media, kernel and ramdisk."""
    paths = [disk.path or "" for disk in definition.disks]
    paths += [posixpath.normpath(definition.get_text(key) or ".") for key in ("kernel", "ramdisk")]
    return [path for path in dict.fromkeys(paths) if path.startswith("/")]


def _check_file(
    path: str, definition: Definition, vm: VM, snapshot: EstateSnapshot
) -> Iterator[Finding]:
    repository = _repository_of(path, snapshot)
    if repository is None:
        if path.startswith(_REPOSITORIES):
            yield Finding(
                "error",
                "file",
                f"VM {vm.label} refers to {path}, in a repository that no reachable host reports",
                "the VM cannot be started without it",
                "find the storage that contained this repository, or correct the vm.cfg",
            )
        return
    content = repository.content
    exists = _file_exists(path, repository)
    if content is None or exists is None or exists:
        return
    is_certain = not content.not_understood
    yield Finding(
        "error" if is_certain else "warning",
        "file",
        f"VM {vm.label} ({definition.place}) refers to {path}, which is not in its repository"
        + ("" if is_certain else ", as far as the listing was understood"),
        "the file was deleted or moved; the VM works only while it is not stopped"
        if vm.live
        else "the VM cannot be started without it",
        "look for the file under another name or in another repository; correct the vm.cfg",
    )


def _repository_of(path: str, snapshot: EstateSnapshot) -> Repository | None:
    for repository in snapshot.repositories:
        if path.startswith(f"{repository.path}/"):
            return repository
    rest = path.removeprefix(_REPOSITORIES)
    return None if rest == path else snapshot.repository(undashed(rest.split("/")[0]) or "")


def _file_exists(path: str, repository: Repository) -> bool | None:
    """Return whether a repository has a file; None: its listing does not show such files."""
    is_below = path.startswith(f"{repository.path}/")
    prefix = f"{repository.path}/" if is_below else _REPOSITORIES
    steps = path.removeprefix(prefix).split("/")
    steps = steps if prefix != _REPOSITORIES else steps[1:]
    folder, content = steps[0], repository.content
    if content is None or not steps[-1] or any(step.startswith(".") for step in steps):
        return None
    if folder in _VM_FOLDERS and len(steps) == 3:
        listed = content.templates if folder == "Templates" else content.virtual_machines
        return any(one.name == steps[1] and steps[2] in one.files for one in listed)
    if len(steps) == 2 and folder in ("VirtualDisks", "ISOs"):
        return steps[1] in (content.isos if folder == "ISOs" else content.virtual_disks)
    return None


# ------------------------------------------------------------------ disks


def check_disks(snapshot: EstateSnapshot) -> Iterator[Finding]:
    """Report disks that two definitions refer to."""
    users: dict[str, dict[str, tuple[str, str]]] = {}
    for vm in snapshot.vms.values():
        for definition in vm.definitions:
            for disk in definition.disks:
                if disk.path and not disk.is_cdrom:
                    key = f"LUN {disk.wwid}" if disk.wwid else disk.path
                    users.setdefault(key, {})[definition.place] = (disk.mode, vm.name)
    for path, by_place in users.items():
        modes = {mode for mode, _ in by_place.values()}
        if len(by_place) < 2 or modes <= {"r", "r!"}:
            continue
        listed = ", ".join(f"{name!r} ({mode}, {place})"
                           for place, (mode, name) in by_place.items())  # fmt: skip
        if modes == {"w!"}:
            yield Finding(
                "note",
                "disk",
                f"{path} is shared on purpose (w!) by {listed}",
                "this is safe only with a cluster file system or a database made for it",
            )
            continue
        yield Finding(
            "error",
            "disk",
            f"{path} is used by {listed}",
            "starting both destroys its content: no host knows what another one runs, and Xen "
            "4.1.3 does not check even on the same host",
            "start only one of them; give the other a copy",
        )


# ------------------------------------------------------------------ network cards


def check_macs(snapshot: EstateSnapshot) -> Iterator[Finding]:
    """Report MAC addresses that two VMs have."""
    users: dict[str, dict[str, VM]] = {}
    for vm in snapshot.vms.values():
        for definition in vm.definitions:
            for vif in definition.vifs:
                digits = re.sub("[^0-9a-f]", "", (vif.mac or "").lower())
                if digits:
                    users.setdefault(digits, {})[vm.id] = vm
    for digits, vms in users.items():
        if len(vms) < 2:
            continue
        live = [vm for vm in vms.values() if vm.live]
        mac = ":".join(re.findall("..?", digits))
        yield Finding(
            "error" if len(live) > 1 else "warning",
            "MAC",
            f"{mac} is in {' and '.join(f'VM {vm.label}' for vm in vms.values())}"
            + ("; more than one of them is live" if len(live) > 1 else ""),
            "on one network they receive each other's traffic, and DHCP gives both one address",
            "give all but one another MAC (vif in vm.cfg) while they are stopped",
        )


# ------------------------------------------------------------------ static addresses


def check_addresses(snapshot: EstateSnapshot) -> Iterator[Finding]:
    """Report static addresses that are recorded for two cards, that are seen with another MAC
    address, or that a host has itself.
    """
    tables, own = neighbour_tables(snapshot.hosts), own_addresses(snapshot.hosts)
    by_text: dict[str, list[Given]] = {}
    for one in given_addresses(snapshot.vms.values(), snapshot.repositories):
        if not is_local(one.address):
            by_text.setdefault(one.address, []).append(one)
    for text, cards in by_text.items():
        yield from _check_recorded_twice(text, cards)
        for card in cards:
            owners = hosts_with(card.network, text, own)
            if owners:
                yield Finding(
                    "warning",
                    "address",
                    f"{text} is recorded for card {card.mac} of VM {card.vm.label}, and is an "
                    f"address of host {', '.join(owners)} itself",
                    "who connects to it may reach the host, so it is not shown",
                    "record what the card has (`ovm3 vm update-nic NAME MAC --address`)",
                )
            others = other_macs(card.mac, card.network, text, tables)
            if others:
                seen = ", ".join(_with_owners(mac, snapshot) for mac in sorted(others))
                yield Finding(
                    "warning",
                    "address",
                    f"{text} is recorded for card {card.mac} of VM {card.vm.label}, and a host has "
                    f"seen it with another MAC address: {seen}",
                    "which of them has it is not known, so it is shown for neither",
                    "set the address in one guest only, or record what the card has "
                    "(`ovm3 vm update-nic NAME MAC --address`)",
                )


def _check_recorded_twice(text: str, cards: Sequence[Given]) -> Iterator[Finding]:
    """Report an address that two cards on one network have; an unknown network may be any."""
    reported: set[frozenset[tuple[str, str]]] = set()
    for network in dict.fromkeys(one.network for one in cards):
        same = [one for one in cards if network is None or one.network in (network, None)]
        key = frozenset((one.vm.id, one.mac) for one in same)
        if len(same) > 1 and not any(key <= other for other in reported):
            reported.add(key)
            listed = " and ".join(f"card {one.mac} of VM {one.vm.label}" for one in same)
            yield Finding(
                "warning",
                "address",
                f"the static address {text} is recorded for {listed}",
                f"on {network or 'one network'} only one of them can be reached by it",
                "record another address for all but one (`ovm3 vm update-nic NAME MAC --address`), "
                "and set it in the guest",
            )


def _with_owners(mac: str, snapshot: EstateSnapshot) -> str:
    owners = [vm.label for vm in snapshot.vms.values() if mac in addresses.cards(vm)]
    return f"{mac} (VM {', VM '.join(owners)})" if owners else mac


# ------------------------------------------------------------------ cards being changed


def check_cards_out(snapshot: EstateSnapshot, now: datetime) -> Iterator[Finding]:
    """Report network cards that a change has detached and not attached again, and void records."""
    for vm in snapshot.vms.values():
        lost = lost_cards(vm)
        for one in vm.cards_out:
            is_new = is_at_work(one, now)
            if_so = "if that was interrupted, " if is_new else ""
            if one in lost:
                yield Finding(
                    "note" if is_new else "warning",
                    "card",
                    lost_text(vm, one, now),
                    f"{if_so}the node is without it, and starts without it. Its entry in vm.cfg, "
                    f"at place {one.position}, was {one.entry}",
                    if_so + way_back(vm, one),
                )
            elif not is_new and one.mac not in {other.mac for other in lost}:
                yield Finding(
                    "note",
                    "card",
                    f"VM {vm.label}: operation {one.operation} has recorded at "
                    f"{one.created:%Y-%m-%d %H:%M:%S} UTC that it changes network card {one.mac}",
                    "it was interrupted; the record counts only while vm.cfg lacks the card",
                    "the next change or detachment of this card removes it",
                )


# ------------------------------------------------------------------ VNC


def check_vnc(snapshot: EstateSnapshot) -> Iterator[Finding]:
    """Report live VNC consoles, and those open on the network without a password."""
    live = [f"{vm.label} on {ports}" for vm in snapshot.vms.values() if (ports := _live_ports(vm))]
    if live:
        text = f"{len(live)} live VNC consoles: {'; '.join(live)}"
        yield Finding("ok", "VNC", text, advice="`ovm3 vm show NAME` prints how to reach one")
    for vm in snapshot.vms.values():
        for definition in vm.definitions:
            vnc = definition.config.vnc if definition.config else None
            if vnc is None or vnc.password or not _is_open(vnc.listen or ""):
                continue
            now = f", now on {ports}" if (ports := _live_ports(vm)) else ""
            yield Finding(
                "note",
                "VNC",
                f"VM {vm.label}: its console is open on {vnc.listen} without a password{now}",
                "whoever reaches the host's network can see it, and type",
                "set vnclisten=127.0.0.1 and use the SSH tunnel that `ovm3 vm show` prints; or set "
                "a vncpasswd",
            )


def _live_ports(vm: VM) -> str:
    """Return where its console can be reached at this moment; "" if nowhere."""
    ports = [
        f"port {one.domain.vnc.port} of {name_of(one.host)}" for one in vm.live if one.domain.vnc
    ]
    return " and ".join(ports)


def _is_open(listen: str) -> bool:
    """Return whether others than dom0 itself can reach it; xend's default is 127.0.0.1."""
    return bool(listen) and not listen.startswith("127.") and listen not in ("::1", "localhost")


# ------------------------------------------------------------------ names


def check_names(snapshot: EstateSnapshot) -> Iterator[Finding]:
    """Report names that xend confuses: it looks up a name, then a domain id, then a uuid."""
    domids = {p.domain.domid: p for vm in snapshot.vms.values() for p in vm.live}
    for name, vms in _group_by_name(_xend_names(snapshot)):
        labels = " and ".join(vm.label for vm in vms)
        if name.isdigit():
            live = domids.get(int(name)) if len(name) < 10 else None
            other = live is not None and live.domain.uuid not in {vm.id for vm in vms}
            danger = f"; domain {name} on {name_of(live.host)} is another VM now" if live else ""
            yield Finding(
                "error" if other else "warning",
                "name",
                f"xend knows VM {labels} as {name!r}, a number" + (danger if other else ""),
                "where no VM of that name is live, xend takes the name for a domain id, and acts "
                "on whichever domain has that id",
                "rename it (name in vm.cfg) while it is stopped; never stop it while it is not "
                "running",
            )
        elif any(dashed(name) not in (None, vm.id) for vm in vms) and dashed(name) in snapshot.vms:
            yield Finding(
                "error",
                "name",
                f"xend knows VM {labels} as {name!r}, the uuid of another VM",
                "an operation on one of them can affect the other",
                "rename it (name in vm.cfg) while it is stopped",
            )
        if len(vms) > 1:
            yield Finding(
                "warning",
                "name",
                f"xend knows {len(vms)} VMs as {name!r}: {labels}",
                "only one of them can be live on a host, and an operation on one that is not live "
                "there affects the other",
                "rename all but one (name in vm.cfg) while they are stopped",
            )
        if name.startswith(("migrating-", "Domain-")) and not any(vm.live for vm in vms):
            yield Finding(
                "warning",
                "name",
                f"VM {labels} is named {name!r}",
                "xend gives such names to VMs that are migrating or were not removed, so its state "
                "is not known",
                "rename it (name in vm.cfg) while it is stopped",
            )


def _xend_names(snapshot: EstateSnapshot) -> Iterator[tuple[str, VM]]:
    """Return every name by which xend knows, or will know, a VM."""
    for vm in snapshot.vms.values():
        for definition in vm.definitions:
            if definition.config is not None and definition.xend_name:
                yield definition.xend_name, vm
        for live in vm.live:
            if live.domain.name:
                yield live.domain.name, vm


def _group_by_name(names: Iterable[tuple[str, VM]]) -> list[tuple[str, list[VM]]]:
    groups: dict[str, dict[str, VM]] = {}
    for name, vm in names:
        groups.setdefault(name, {})[vm.id] = vm
    return [(name, list(vms.values())) for name, vms in groups.items()]
